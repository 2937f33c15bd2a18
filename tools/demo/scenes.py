"""Scenes of the demo world: what can be in a picture, how it is laid out, and how it is said.

A scene is independent of the picture's size: places are fractions of width and height, radii are
fractions of the shorter side.  Everything is drawn from a `random.Random`, so a seed fixes a scene.
"""
from __future__ import annotations

import random
from dataclasses import dataclass

SHAPES = ("circle", "square", "triangle", "star", "ring", "cross")
COLOURS = {
    "red": (0.88, 0.10, 0.12), "orange": (1.00, 0.52, 0.04), "yellow": (1.00, 0.90, 0.12),
    "green": (0.10, 0.62, 0.18), "cyan": (0.08, 0.82, 0.88), "blue": (0.10, 0.24, 0.92),
    "purple": (0.50, 0.14, 0.74), "pink": (1.00, 0.42, 0.72), "white": (0.98, 0.98, 0.98),
    "black": (0.05, 0.05, 0.06),
}
BACKGROUNDS = {
    "grey": (0.54, 0.55, 0.57), "sky": (0.56, 0.68, 0.82), "sand": (0.80, 0.72, 0.58),
    "mint": (0.62, 0.76, 0.66), "night": (0.22, 0.23, 0.36),
}
CLASHES = {("black", "night")}
SIZES = {"small": (0.13, 0.145), "medium": (0.16, 0.18), "large": (0.197, 0.212)}
SPOTS = {"left": (0.27, 0.5), "right": (0.73, 0.5), "top": (0.5, 0.27), "bottom": (0.5, 0.73),
         "middle": (0.5, 0.5)}
RELATIONS = ("left of", "right of", "above", "below", "and")
NOUNS = {"circle": ("circle", "circle", "ball", "disc"), "square": ("square", "square", "box"),
         "triangle": ("triangle",), "star": ("star",), "ring": ("ring", "ring", "hoop"),
         "cross": ("cross", "cross", "plus")}
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


def _jitter(rng: random.Random, amount: float) -> float:
    return rng.uniform(-amount, amount)


def _kind(rng: random.Random, background: str) -> tuple[str, str]:
    colours = [c for c in COLOURS if (c, background) not in CLASHES]
    return rng.choice(SHAPES), rng.choice(colours)


def _size(rng: random.Random, names=("small", "medium", "medium", "large")) -> tuple[str, float]:
    name = rng.choice(names)
    return name, rng.uniform(*SIZES[name])


def _centres(rng: random.Random, relation: str) -> list[tuple[float, float]]:
    """Two centres that fulfil the relation with a clear margin."""
    near, far = 0.275 + _jitter(rng, 0.012), 0.725 + _jitter(rng, 0.012)
    a, b = 0.5 + _jitter(rng, 0.07), 0.5 + _jitter(rng, 0.07)
    return {"left of": [(near, a), (far, b)], "right of": [(far, a), (near, b)],
            "above": [(a, near), (b, far)], "below": [(a, far), (b, near)]}[relation]


def _one(rng: random.Random, background: str) -> tuple[Scene, list[str]]:
    shape, colour = _kind(rng, background)
    name, radius = _size(rng)
    spot = rng.choice(("", "", "middle", "left", "right", "top", "bottom"))
    x, y = SPOTS[spot or "middle"]
    thing = Thing(shape, colour, x + _jitter(rng, 0.03), y + _jitter(rng, 0.03), radius)
    return Scene((thing,), background, "", spot), [name]


def _two(rng: random.Random, background: str) -> tuple[Scene, list[str]]:
    relation = rng.choice(RELATIONS)
    placed = relation if relation != "and" else rng.choice(RELATIONS[:1])
    kinds = [_kind(rng, background) for _ in range(2)]
    if relation == "and" and rng.random() < 0.4:
        kinds[1] = kinds[0]
    sizes = [_size(rng) for _ in range(2)]
    if kinds[0] == kinds[1]:
        sizes[1] = sizes[0]
    things = tuple(Thing(*kinds[i], *centre, sizes[i][1])
                   for i, centre in enumerate(_centres(rng, placed)))
    return Scene(things, background, relation), [s[0] for s in sizes]


def _three(rng: random.Random, background: str) -> tuple[Scene, list[str]]:
    kinds = [_kind(rng, background) for _ in range(3)]
    if rng.random() < 0.5:
        kinds = kinds[:1] * 3
    xs = (0.2, 0.5, 0.8)
    things = tuple(Thing(*kinds[i], xs[i], 0.5 + _jitter(rng, 0.05), rng.uniform(0.105, 0.125))
                   for i in range(3))
    return Scene(things, background, "and"), ["medium"] * 3


def sample_scene(rng: random.Random, counts=(1, 2)) -> tuple[Scene, str]:
    """A random scene with one of `counts` objects, and one caption of it."""
    background = rng.choice(tuple(BACKGROUNDS))
    scene, sizes = {1: _one, 2: _two, 3: _three}[rng.choice(counts)](rng, background)
    slope = (_jitter(rng, 0.10), _jitter(rng, 0.10))
    scene = Scene(scene.things, background, scene.relation, scene.spot, slope)
    return scene, caption(rng, scene, sizes)


def _noun(rng: random.Random, thing: Thing, size: str) -> str:
    words = [thing.colour, rng.choice(NOUNS[thing.shape])]
    if size != "medium":
        words.insert(0, {"small": rng.choice(("small", "little")),
                         "large": rng.choice(("large", "big"))}[size])
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
    return {"left of": rng.choice(("left of", "to the left of")),
            "right of": rng.choice(("right of", "to the right of")),
            "above": rng.choice(("above", "over")), "below": rng.choice(("below", "under")),
            "and": "and"}[relation]


def caption(rng: random.Random, scene: Scene, sizes: list[str]) -> str:
    """One of many ways to say the scene; sizes are named unless they are medium."""
    start, end = _ends(rng, scene)
    things = scene.things
    nouns = [_noun(rng, t, s) for t, s in zip(things, sizes)]
    if len(things) == 1:
        return start + _a(nouns[0]) + _spot_words(rng, scene.spot) + end
    same = all((t.shape, t.colour) == (things[0].shape, things[0].colour) for t in things)
    if same and scene.relation == "and":
        return start + NUMBERS[len(things)] + " " + _plural(nouns[0]) + end
    if len(things) == 3:
        return f"{start}{_a(nouns[0])}, {_a(nouns[1])} and {_a(nouns[2])}{end}"
    return f"{start}{_a(nouns[0])} {_relation_words(rng, scene.relation)} {_a(nouns[1])}{end}"
