"""Compares what the reader sees in a picture with the scene or the caption that was asked for."""

from __future__ import annotations

from operator import attrgetter

from reader import Reading, Seen
from scenes import Scene

MARGIN = 0.06


def _holds(relation: str, a: Seen, b: Seen) -> bool:
    dx, dy = b.x - a.x, b.y - a.y
    gap = {"left of": dx, "right of": -dx, "above": dy, "below": -dy}[relation]
    return gap > MARGIN and gap >= abs(dy if relation.endswith("of") else dx)


def relation_right(scene: Scene, reading: Reading) -> bool:
    """Whether the two objects stand to each other as the caption says."""
    if scene.relation in ("", "and"):
        return True
    first, second = ((t.shape, t.colour) for t in scene.things)
    seen = reading.things
    pairs = [(a, b) for a in seen for b in seen if a is not b]
    return any(
        (a.shape, a.colour) == first
        and (b.shape, b.colour) == second
        and _holds(scene.relation, a, b)
        for a, b in pairs
    )


def spot_right(scene: Scene, reading: Reading) -> bool:
    """Whether a single object stands where the caption says."""
    if not scene.spot:
        return True
    x, y = reading.things[0].x - 0.5, reading.things[0].y - 0.5
    near = {"left": -x, "right": x, "top": -y, "bottom": y}
    if scene.spot == "middle":
        return max(abs(x), abs(y)) < 0.15
    return near[scene.spot] > 0.1


def verdict(scene: Scene, reading: Reading) -> dict[str, bool]:
    """The separate judgements and, under `right`, all of them together."""
    count = len(reading.things) == len(scene.things) and reading.stains == 0
    shapes, colours, kinds = (
        count and sorted(map(part, scene.things)) == sorted(map(part, reading.things))
        for part in (attrgetter("shape"), attrgetter("colour"), attrgetter("shape", "colour"))
    )
    places = kinds and relation_right(scene, reading) and spot_right(scene, reading)
    return {"count": count, "shapes": shapes, "colours": colours, "kinds": kinds, "right": places}
