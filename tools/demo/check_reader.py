"""Measures the scene reader on rendered scenes of every size.

    python tools/demo/check_reader.py --count 400
"""
from __future__ import annotations

import argparse
import random
import sys

import numpy as np

from judge import verdict
from reader import read
from render import render
from scenes import sample_scene

SIZES = ((64, 64), (96, 96), (128, 128), (192, 192), (256, 256), (384, 384), (128, 256), (256, 128),
         (64, 128), (384, 192))


def share_right(width: int, height: int, count: int, seed: int = 77) -> float:
    """Share of scenes (one to three objects) that the reader reads without a fault."""
    rng, right = random.Random(seed), 0
    for _ in range(count):
        scene, text = sample_scene(rng, (1, 2, 3))
        picture = (render(scene, width, height) * 255 + 0.5).astype(np.uint8)
        reading = read(picture)
        fine = verdict(scene, reading)["right"] and reading.background == scene.background
        if not fine:
            print("misread:", text, [(t.shape, t.colour, round(t.overlap, 2)) for t in reading.things],
                  reading.stains, reading.background, scene.background, file=sys.stderr)
        right += fine
    return right / count


def main() -> None:
    """Prints one line per size; fails when one is below 99 %."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=400)
    args = parser.parse_args()
    shares = {size: share_right(*size, args.count) for size in SIZES}
    for (width, height), share in shares.items():
        print(f"{width}x{height}: {share:.4f}")
    sys.exit(min(shares.values()) < 0.99)


if __name__ == "__main__":
    main()
