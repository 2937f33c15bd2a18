"""What inpainting is measured by: a scene whose first object is another one, under a mask."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np

from scenes import CLASHES, COLOURS, SHAPES, Scene

MARGIN = 0.05
SEED = 40_000_003


def spoiled(number: int, scene: Scene) -> Scene:
    """The scene with an object of another shape and colour in the first one's place."""
    rng, first = random.Random(SEED + number), scene.things[0]
    shape = rng.choice([s for s in SHAPES if s != first.shape])
    colour = rng.choice(
        [c for c in COLOURS if c != first.colour and (c, scene.background) not in CLASHES]
    )
    return replace(scene, things=(replace(first, shape=shape, colour=colour), *scene.things[1:]))


def mask_of(scene: Scene, width: int, height: int) -> np.ndarray:
    """Where the first object is to be painted: a box around it, 1 inside."""
    first, short = scene.things[0], min(width, height)
    reach = (first.radius + MARGIN) * short
    inside_x = abs(np.arange(width) + 0.5 - first.x * width) < reach
    inside_y = abs(np.arange(height) + 0.5 - first.y * height) < reach
    return (inside_y[:, None] & inside_x[None, :]).astype(np.float32)


def kept(scene: Scene, width: int, height: int) -> np.ndarray:
    """Which pixels must stay as they are: those of latent pixels that no mask reaches, with a rim.

    The autoencoder looks at the neighbourhood, so that the rim of a hole may change.
    """
    mask = mask_of(scene, width, height) > 0
    rim = np.zeros_like(mask)
    for y in range(-16, 17, 8):
        for x in range(-16, 17, 8):
            rim |= np.roll(mask, (y, x), (0, 1))
    return ~rim
