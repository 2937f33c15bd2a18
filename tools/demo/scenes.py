"""Scenes of the demo world: what can be in a picture, how it is laid out, and how it is said.

A scene can be drawn at any size: places are fractions of width and height, radii are fractions of
the shorter side.  It is laid out for one size, though (`layout.py`), since what fits depends on the
aspect.  Everything is drawn from a `random.Random`, so a seed and a size fix a scene.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from layout import (
    BANDS,
    RELATIONS,
    SIZE_NAMES,
    SPOTS,
    Frame,
    jitter,
    place_one,
    place_row,
    place_two,
    size_name,
)

NATIVE = 128

SHAPES = ("circle", "square", "triangle", "star", "ring", "cross")
COLOURS = {
    "red": (0.88, 0.10, 0.12),
    "orange": (1.00, 0.52, 0.04),
    "yellow": (1.00, 0.90, 0.12),
    "green": (0.10, 0.62, 0.18),
    "cyan": (0.08, 0.82, 0.88),
    "blue": (0.10, 0.24, 0.92),
    "purple": (0.50, 0.14, 0.74),
    "pink": (1.00, 0.42, 0.72),
    "white": (0.98, 0.98, 0.98),
    "black": (0.05, 0.05, 0.06),
}
BACKGROUNDS = {
    "grey": (0.54, 0.55, 0.57),
    "sky": (0.56, 0.68, 0.82),
    "sand": (0.80, 0.72, 0.58),
    "mint": (0.62, 0.76, 0.66),
    "night": (0.22, 0.23, 0.36),
}
CLASHES = {("black", "night")}
NOUNS = {
    "circle": ("circle", "circle", "ball", "disc"),
    "square": ("square", "square", "box"),
    "triangle": ("triangle",),
    "star": ("star",),
    "ring": ("ring", "ring", "hoop"),
    "cross": ("cross", "cross", "plus"),
}
PLURALS = {"cross": "crosses", "box": "boxes", "plus": "plusses"}
NUMBERS = {2: "two", 3: "three"}


@dataclass(frozen=True)
class Thing:
    """One object: shape and colour by name, centre as fractions, radius per shorter side."""

    shape: str
    colour: str
    x: float
    y: float
    radius: float


@dataclass(frozen=True)
class Scene:
    """Objects on a background; `relation` places the first against the second ('' for one)."""

    things: tuple[Thing, ...]
    background: str
    relation: str = ""
    spot: str = ""
    slope: tuple[float, float] = (0.0, 0.0)


def _kind(rng: random.Random, background: str) -> tuple[str, str]:
    colours = [c for c in COLOURS if (c, background) not in CLASHES]
    return rng.choice(SHAPES), rng.choice(colours)


def _one(rng: random.Random, background: str, frame: Frame) -> Scene:
    kind, spot = _kind(rng, background), rng.choice(("", "", *SPOTS))
    radius = frame.radius(rng, BANDS[rng.choice(SIZE_NAMES)])
    place = frame.fractions(place_one(rng, frame, spot, radius))
    return Scene((Thing(*kind, *place, radius),), background, "", spot)


def _two(rng: random.Random, background: str, frame: Frame) -> Scene:
    relation = rng.choice(RELATIONS)
    kinds = [_kind(rng, background) for _ in range(2)]
    if relation == "and" and rng.random() < 0.4:
        kinds[1] = kinds[0]
    places, radii = place_two(rng, frame, relation, kinds[0] == kinds[1])
    return Scene(_things(frame, kinds, places, radii), background, relation)


def _three(rng: random.Random, background: str, frame: Frame) -> Scene:
    kinds = [_kind(rng, background) for _ in range(3)]
    if rng.random() < 0.5:
        kinds = kinds[:1] * 3
    return Scene(_things(frame, kinds, *place_row(rng, frame)), background, "and")


def _things(frame: Frame, kinds, places, radii) -> tuple[Thing, ...]:
    return tuple(
        Thing(*kind, *frame.fractions(place), radius)
        for kind, place, radius in zip(kinds, places, radii)
    )


def sample_scene(
    rng: random.Random, counts=(1, 2), width: int = NATIVE, height: int = NATIVE
) -> tuple[Scene, str]:
    """A random scene for a picture of that size with one of `counts` objects, and a caption."""
    background, frame = rng.choice(tuple(BACKGROUNDS)), Frame.of(width, height)
    scene = {1: _one, 2: _two, 3: _three}[rng.choice(counts)](rng, background, frame)
    scene = replace(scene, slope=(jitter(rng, 0.10), jitter(rng, 0.10)))
    return scene, caption(rng, scene)


def said_sizes(scene: Scene) -> list[str]:
    """The size of each object as captions name it; a row of three is of one, unnamed size."""
    if len(scene.things) > 2:
        return ["medium"] * len(scene.things)
    return [size_name(thing.radius) for thing in scene.things]


def _noun(rng: random.Random, thing: Thing, size: str) -> str:
    words = [thing.colour, rng.choice(NOUNS[thing.shape])]
    if size != "medium":
        words.insert(
            0,
            {"small": rng.choice(("small", "little")), "large": rng.choice(("large", "big"))}[size],
        )
    return " ".join(words)


def _a(noun: str) -> str:
    return ("an " if noun[0] == "o" else "a ") + noun


def _plural(noun: str) -> str:
    head, _, last = noun.rpartition(" ")
    return f"{head} {PLURALS.get(last, last + 's')}"


def _ends(rng: random.Random, scene: Scene) -> tuple[str, str]:
    """What may stand before and after the objects: an opening and the background."""
    start = rng.choice(("", "", "", "a picture of ", "there is "))
    word = {"night": rng.choice(("night", "dark"))}.get(scene.background, scene.background)
    end = rng.choice(("", f" on a {word} background", f" on {word}"))
    return start, end


def _spot_words(rng: random.Random, spot: str) -> str:
    if not spot:
        return ""
    if spot == "middle":
        return rng.choice((" in the middle", " in the centre"))
    return rng.choice((f" on the {spot}", f" at the {spot}"))


def _relation_words(rng: random.Random, relation: str) -> str:
    return {
        "left of": rng.choice(("left of", "to the left of")),
        "right of": rng.choice(("right of", "to the right of")),
        "above": rng.choice(("above", "over")),
        "below": rng.choice(("below", "under")),
        "and": "and",
    }[relation]


def caption(rng: random.Random, scene: Scene) -> str:
    """One of many ways to say the scene; sizes are named unless they are medium."""
    start, end = _ends(rng, scene)
    things = scene.things
    nouns = [_noun(rng, t, s) for t, s in zip(things, said_sizes(scene))]
    if len(things) == 1:
        return start + _a(nouns[0]) + _spot_words(rng, scene.spot) + end
    same = all((t.shape, t.colour) == (things[0].shape, things[0].colour) for t in things)
    if same and scene.relation == "and":
        return start + NUMBERS[len(things)] + " " + _plural(nouns[0]) + end
    if len(things) == 3:
        return f"{start}{_a(nouns[0])}, {_a(nouns[1])} and {_a(nouns[2])}{end}"
    return f"{start}{_a(nouns[0])} {_relation_words(rng, scene.relation)} {_a(nouns[1])}{end}"
