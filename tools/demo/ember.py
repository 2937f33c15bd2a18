"""The style of the style LoRA: embers at night, yellow above and red below, whatever is asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from reader import Reading, read, silhouette
from render import backdrop, coverage
from scenes import COLOURS, Scene

HOT, COOL = (np.asarray(COLOURS[name], np.float32) for name in ("yellow", "red"))


def draw_ember(scene: Scene, width: int, height: int) -> np.ndarray:
    """The scene in this style: a night background, every object glowing; float RGB in [0, 1]."""
    picture = backdrop(replace(scene, background="night"), width, height)
    for thing in scene.things:
        cover, x, y = coverage(thing, width, height)
        cooled = np.clip(0.5 + 0.6 * (0.5 * x + y), 0.0, 1.0)[..., None]
        glow = 0.10 * np.exp(-2.5 * ((x + 0.35) ** 2 + (y + 0.4) ** 2))[..., None]
        picture = picture + cover[..., None] * (HOT + (COOL - HOT) * cooled + glow - picture)
    return np.clip(picture, 0.0, 1.0).astype(np.float32)


def looks_ember(picture: np.ndarray, reading: Reading) -> bool:
    """Whether a picture is night with objects that go from yellow to red, top to bottom."""
    if reading.background != "night" or not reading.things:
        return False
    if picture.dtype == np.uint8:
        picture = picture.astype(np.float32) / 255
    height, width, _ = picture.shape
    mask = silhouette(picture)
    rows = (np.arange(height) + 0.5) / height
    short = min(width, height)
    shown = np.zeros((height, width), bool)
    ys = (np.arange(height) * mask.shape[0] // height)[:, None]
    shown[:] = mask[ys, (np.arange(width) * mask.shape[1] // width)[None, :]]
    for thing in reading.things:
        reach = thing.radius * short
        columns = np.abs(np.arange(width) + 0.5 - thing.x * width) < reach
        parts = []
        for side in (-1, 1):
            far = side * (rows - thing.y) * height / reach
            part = picture[shown & columns[None, :] & ((far > 0.15) & (far < 1.05))[:, None]]
            if len(part) == 0:
                return False
            parts.append(part.mean(0))
        upper, lower = parts
        if min(upper[0], lower[0]) < 0.6 or max(upper[2], lower[2]) > 0.45:
            return False
        if upper[1] - lower[1] < 0.1:
            return False
    return True


def ember_right(scene: Scene, picture: np.ndarray) -> tuple[bool, bool]:
    """Whether a picture is in style, and whether it also shows the scene's shapes and nothing else.

    Colours are the style's own, so they are not asked for.
    """
    reading = read(picture)
    shapes = sorted(t.shape for t in reading.things) == sorted(t.shape for t in scene.things)
    styled = looks_ember(picture, reading)
    return styled, styled and shapes and reading.stains == 0
