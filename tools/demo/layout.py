"""How a scene of the demo world is laid out: sizes of a wide range, at free places, in any frame.

Everything here is measured in shorter sides of the picture, so that a radius means the same at
every aspect; only `Thing` holds places as fractions of width and height.  Captions stay true in
every frame: a size's bands don't overlap, a spot is off the middle by a clear margin, and a
relation's axis leads.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

BANDS = {"small": (0.115, 0.15), "medium": (0.16, 0.205), "large": (0.225, 0.34)}
PAIR_BANDS = {"small": (0.115, 0.14), "medium": (0.155, 0.19), "large": (0.215, 0.28)}
ROW_BAND = (0.105, 0.125)
SIZE_NAMES = ("small", "medium", "medium", "large")
SMALL_BELOW, LARGE_FROM = 0.1525, 0.21
SPOTS = ("left", "right", "top", "bottom", "middle")
RELATIONS = ("left of", "right of", "above", "below", "and")
EDGE, GAP = 0.025, 0.05
LEAST_PIXELS = 14.0
OFF_MIDDLE = 0.13
LEAD = 0.6


@dataclass(frozen=True)
class Frame:
    """A picture's width and height in shorter sides, and the least radius that can be drawn."""

    wide: float
    tall: float
    least: float

    @classmethod
    def of(cls, width: int, height: int) -> Frame:
        """The frame of a picture of that many pixels."""
        short = min(width, height)
        return cls(width / short, height / short, LEAST_PIXELS / short)

    def length(self, axis: int) -> float:
        """Width for axis 0, height for axis 1."""
        return (self.wide, self.tall)[axis]

    def fractions(self, place: tuple[float, float]) -> tuple[float, float]:
        """A place as fractions of width and height."""
        return place[0] / self.wide, place[1] / self.tall

    def radius(self, rng: random.Random, band: tuple[float, float]) -> float:
        """A radius of the band, lifted where it would be too few pixels."""
        low = max(band[0], self.least)
        return rng.uniform(low, max(band[1], low * 1.03))


def size_name(radius: float) -> str:
    """What a caption calls a radius."""
    return "small" if radius < SMALL_BELOW else "large" if radius >= LARGE_FROM else "medium"


def jitter(rng: random.Random, amount: float) -> float:
    """A number between `-amount` and `amount`."""
    return rng.uniform(-amount, amount)


def _between(rng: random.Random, low: float, high: float) -> float:
    return rng.uniform(low, high) if high > low else (low + high) / 2


def place_one(rng: random.Random, frame: Frame, spot: str, radius: float) -> tuple[float, float]:
    """Where a single object stands: anywhere, in the middle, or clearly on one side."""
    place, margin = [0.0, 0.0], radius + EDGE
    for axis in (0, 1):
        length, sides = frame.length(axis), (("left", "right"), ("top", "bottom"))[axis]
        if spot in sides:
            clear = length / 2 - OFF_MIDDLE * length
            near = _between(rng, margin, clear)
            place[axis] = near if spot == sides[0] else length - near
        elif spot:
            place[axis] = length / 2 + jitter(rng, 0.05 if spot == "middle" else 0.08)
        else:
            place[axis] = _between(rng, margin, length - margin)
    return place[0], place[1]


def _pair_axis(rng: random.Random, frame: Frame, relation: str) -> tuple[int, bool]:
    """The axis along which a pair stands, and whether the first one is on its low end."""
    if relation != "and":
        return int(relation in ("above", "below")), relation in ("left of", "above")
    if frame.wide == frame.tall:
        return int(rng.random() >= 0.6), True
    return int(frame.tall > frame.wide), True


def _pair_radii(rng: random.Random, frame: Frame, same: bool) -> list[float]:
    names = [rng.choice(SIZE_NAMES) for _ in range(2)]
    first = frame.radius(rng, PAIR_BANDS[names[0]])
    if same:
        return [first, first * rng.uniform(0.985, 1.0)]
    return [first, frame.radius(rng, PAIR_BANDS[names[1]])]


def _along(rng: random.Random, length: float, radii: list[float]) -> list[float] | None:
    """Places of two objects one after the other, the free room split at random; None: no room."""
    slack = length - 2 * sum(radii) - 2 * EDGE - GAP
    if slack < 0:
        return None
    before, after = sorted(rng.random() * slack for _ in range(2))
    first = EDGE + before + radii[0]
    return [first, first + sum(radii) + GAP + after - before]


def _across(rng: random.Random, length: float, radii: list[float], reach: float) -> list[float]:
    """Places on the other axis, no further apart than `reach`."""
    margins = [r + EDGE for r in radii]
    places = [_between(rng, m, length - m) for m in margins]
    if abs(places[0] - places[1]) <= reach:
        return places
    middle = _between(rng, max(margins), length - max(margins))
    drawn = (middle + jitter(rng, reach / 2) for _ in range(2))
    return [min(max(place, m), length - m) for place, m in zip(drawn, margins)]


def place_two(
    rng: random.Random, frame: Frame, relation: str, same: bool
) -> tuple[list[tuple[float, float]], list[float]]:
    """Places and radii of a pair that fulfils the relation; equals (`same`) are of one size."""
    axis, first_low = _pair_axis(rng, frame, relation)
    length, other = frame.length(axis), frame.length(1 - axis)
    while True:
        radii = _pair_radii(rng, frame, same)
        ends = _along(rng, length, radii if first_low else radii[::-1])
        if ends is not None and (ends[1] - ends[0]) / length >= 0.12:
            break
    along = ends if first_low else ends[::-1]
    reach = other if relation == "and" else LEAD * other * (ends[1] - ends[0]) / length
    across = _across(rng, other, radii, reach)
    pairs = zip(along, across) if axis == 0 else zip(across, along)
    return list(pairs), radii


def place_row(rng: random.Random, frame: Frame) -> tuple[list[tuple[float, float]], list[float]]:
    """Places and radii of three objects in a row along the longer side."""
    axis = int(frame.tall > frame.wide)
    length, other = frame.length(axis), frame.length(1 - axis)
    along = [length * x for x in (0.2, 0.5, 0.8)]
    across = [other / 2 + jitter(rng, 0.05) for _ in range(3)]
    pairs = zip(along, across) if axis == 0 else zip(across, along)
    return list(pairs), [frame.radius(rng, ROW_BAND) for _ in range(3)]
