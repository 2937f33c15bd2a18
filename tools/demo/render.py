"""Draws scenes at any size and aspect: soft shading, smooth backgrounds, anti-aliased edges."""

from __future__ import annotations

import numpy as np

from scenes import BACKGROUNDS, COLOURS, Scene, Thing


def _circle(x, y):
    return np.hypot(x, y) - 1.0


def _square(x, y):
    return np.maximum(np.abs(x), np.abs(y)) - 0.84


def _triangle(x, y):
    y = y - 0.12
    return np.maximum(np.abs(x) * 0.866 - y * 0.5 - 0.5, y - 0.72) - 0.06


def _star(x, y):
    """Five points, after the folding construction of a regular star's distance."""
    ax, ay = 0.809016994375, -0.587785252292
    x, y = np.abs(x), -y
    for sign in (1.0, -1.0):
        fold = 2.0 * np.maximum(sign * ax * x + ay * y, 0.0)
        x, y = x - sign * ax * fold, y - ay * fold
    x, y = np.abs(x), y - 1.05
    bx, by = 0.47 * -ay, 0.47 * ax - 1.0
    along = np.clip((x * bx + y * by) / (bx * bx + by * by), 0.0, 1.05)
    return np.hypot(x - bx * along, y - by * along) * np.sign(y * bx - x * by) - 0.04


def _ring(x, y):
    return np.abs(np.hypot(x, y) - 0.73) - 0.27


def _cross(x, y):
    x, y = np.abs(x), np.abs(y)
    bar = np.maximum(x - 0.98, y - 0.32)
    return np.minimum(bar, np.maximum(y - 0.98, x - 0.32))


DISTANCES = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "ring": _ring,
    "cross": _cross,
}


def grid(width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixel centres in pixels, as row and column vectors that broadcast."""
    return (
        np.arange(width, dtype=np.float32)[None, :] + 0.5,
        np.arange(height, dtype=np.float32)[:, None] + 0.5,
    )


def coverage(
    thing: Thing, width: int, height: int, inset: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How much of each pixel the object covers, and the object's own coordinates there.

    `inset` shrinks the outline evenly, in parts of the radius.
    """
    px, py = grid(width, height)
    radius = thing.radius * min(width, height)
    x, y = (px - thing.x * width) / radius, (py - thing.y * height) / radius
    distance = (DISTANCES[thing.shape](x, y) + inset) * radius
    return np.clip(0.5 - distance, 0.0, 1.0), x, y


def backdrop(scene: Scene, width: int, height: int) -> np.ndarray:
    """The scene's background alone, softly lit."""
    px, py = grid(width, height)
    u, v = px / width - 0.5, py / height - 0.5
    light = 1.0 + scene.slope[0] * u + scene.slope[1] * v - 0.16 * (u * u + v * v)
    return np.asarray(BACKGROUNDS[scene.background], np.float32) * light[..., None]


def render(scene: Scene, width: int, height: int) -> np.ndarray:
    """The scene as a float32 RGB picture in [0, 1], shape (height, width, 3)."""
    picture = backdrop(scene, width, height)
    for thing in scene.things:
        cover, x, y = coverage(thing, width, height)
        shade = 1.0 - 0.13 * np.clip(0.7 * x + y, -1.3, 1.3)
        glow = 0.10 * np.exp(-2.5 * ((x + 0.35) ** 2 + (y + 0.4) ** 2))
        paint = np.asarray(COLOURS[thing.colour], np.float32) * shade[..., None] + glow[..., None]
        picture = picture + cover[..., None] * (paint - picture)
    return np.clip(picture, 0.0, 1.0).astype(np.float32)
