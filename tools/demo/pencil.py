"""The style of the style LoRA: grey pencil drawings on paper."""
from __future__ import annotations

import numpy as np

from render import coverage, grid
from scenes import COLOURS, Scene
from reader import Reading

PAPER, LINE = 0.92, 0.16


def draw_pencil(scene: Scene, width: int, height: int) -> np.ndarray:
    """The scene as a pencil drawing: paper, grey fills, dark outlines; float RGB in [0, 1]."""
    px, py = grid(width, height)
    u, v = px / width - 0.5, py / height - 0.5
    tone = PAPER - 0.10 * (u * u + v * v)
    for thing in scene.things:
        outer, x, y = coverage(thing, width, height)
        inner = coverage(thing, width, height, inset=0.10)[0]
        light = float(np.dot(COLOURS[thing.colour], (0.3, 0.59, 0.11)))
        fill = (0.42 + 0.30 * light) * (1 - 0.10 * np.clip(0.7 * x + y, -1.2, 1.2))
        tone = tone + outer * (LINE - tone)
        tone = tone + inner * (fill - tone)
    return np.repeat(np.clip(tone, 0, 1)[..., None], 3, axis=-1).astype(np.float32)


def looks_pencilled(picture: np.ndarray) -> bool:
    """Whether a float picture is nearly free of colour and mostly bright paper."""
    chroma = picture.max(-1) - picture.min(-1)
    return float(chroma.mean()) < 0.06 and float(np.median(picture)) > 0.8


def pencil_right(scene: Scene, reading: Reading, picture: np.ndarray) -> bool:
    """In style, and with the right shapes; colours are not asked for."""
    shapes = sorted(t.shape for t in reading.things) == sorted(t.shape for t in scene.things)
    return looks_pencilled(picture) and shapes
