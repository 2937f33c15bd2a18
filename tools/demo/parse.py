"""Understands captions of the demo world: the scene a caption asks for, places left open."""

from __future__ import annotations

import re

from scenes import COLOURS, NOUNS, NUMBERS, PLURALS, Scene, Thing

SHAPE_OF = {noun: shape for shape, nouns in NOUNS.items() for noun in nouns}
SHAPE_OF |= {PLURALS.get(noun, noun + "s"): shape for noun, shape in list(SHAPE_OF.items())}
NUMBER_OF = {word: number for number, word in NUMBERS.items()}
RELATION_WORDS = (
    ("left of", "left of"),
    ("right of", "right of"),
    ("above", "above"),
    ("over", "above"),
    ("below", "below"),
    ("under", "below"),
)
THING = re.compile(
    r"\b(?:(a|an|two|three) )?(?:small |little |large |big )?"
    f"({'|'.join(COLOURS)}) ({'|'.join(sorted(SHAPE_OF, key=len, reverse=True))})\\b"
)
SPOT = re.compile(r"(?:on|at|in) the (left|right|top|bottom|middle|centre)\b")
GROUND = re.compile(r"\bon (?:a )?(grey|sky|sand|mint|night|dark)\b")


def parse(caption: str) -> Scene:
    """The objects, relation, spot and background that a caption names ('' where it names none)."""
    text = caption.lower()
    found = list(THING.finditer(text))
    things = []
    for match in found:
        thing = Thing(SHAPE_OF[match.group(3)], match.group(2), 0.5, 0.5, 0.17)
        things += [thing] * NUMBER_OF.get(match.group(1) or "a", 1)
    relation = "and" if len(things) > 1 else ""
    if len(found) == 2:
        between = text[found[0].end() : found[1].start()]
        relation = next((r for words, r in RELATION_WORDS if words in between), "and")
    spot = SPOT.search(text)
    ground = GROUND.search(text)
    return Scene(
        tuple(things),
        {"dark": "night"}.get(g := ground.group(1) if ground else "", g),
        relation,
        "" if not spot else {"centre": "middle"}.get(spot.group(1), spot.group(1)),
    )
