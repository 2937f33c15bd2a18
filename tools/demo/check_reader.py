"""Measures the scene reader on rendered scenes of many sizes, and what an autoencoder leaves.

    python tools/demo/check_reader.py --count 400
    python tools/demo/check_reader.py --count 200 --vae models/demo/vae

The second sends the scenes through an autoencoder and back first: what of them can be read then is
the most that any UNet can reach at that size.  Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable

import numpy as np
import torch
from diffusers import AutoencoderKL

from judge import verdict
from latents import encode, parse_size
from reader import read
from render import render
from scenes import sample_scene

SIZES = (
    "96x96",
    "128x96",
    "128x128",
    "160x128",
    "192x128",
    "96x192",
    "128x256",
    "256x128",
    "192x192",
    "256x256",
    "384x384",
)
SEED, ENOUGH = 30_000_001, 0.99
Change = Callable[[np.ndarray], np.ndarray]


def share_right(size: str, count: int, change: Change | None = None) -> float:
    """Share of scenes of one and two objects that are read without a fault, after a change."""
    rng, right, (width, height) = random.Random(SEED), 0, parse_size(size)
    for _ in range(count):
        scene, text = sample_scene(rng, (1, 2), width, height)
        picture = render(scene, width, height)
        shown = change(picture) if change else picture
        reading = read((np.clip(shown, 0, 1) * 255 + 0.5).astype(np.uint8))
        fine = verdict(scene, reading)["right"] and reading.background == scene.background
        if not (fine or change):
            print("misread:", text, reading, file=sys.stderr)
        right += fine
    return right / count


def through(folder: str) -> Change:
    """What an autoencoder makes of a picture."""
    vae = AutoencoderKL.from_pretrained(folder).float().eval()

    @torch.no_grad()
    def change(picture: np.ndarray) -> np.ndarray:
        latent = encode(vae, [picture]) / vae.config.scaling_factor
        return vae.decode(latent).sample[0].permute(1, 2, 0).numpy() / 2 + 0.5

    return change


def main() -> None:
    """Prints one line per size; fails when one is below 99 % (without an autoencoder)."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--sizes", default=",".join(SIZES))
    parser.add_argument("--vae", help="folder of an autoencoder to send scenes through first")
    args = parser.parse_args()
    torch.set_num_threads(1)
    change = through(args.vae) if args.vae else None
    print("| size (width x height) | right |\n|---|---|")
    shares = []
    for size in args.sizes.split(","):
        shares.append(share_right(size, args.count, change))
        print(f"| {size} | {100 * shares[-1]:.1f} % |", flush=True)
    sys.exit(change is None and min(shares) < ENOUGH)


if __name__ == "__main__":
    main()
