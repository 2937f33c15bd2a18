"""Measures the scene reader on rendered scenes of every size.

    python tools/demo/check_reader.py --count 400
    python tools/demo/check_reader.py --count 60 --vae models/demo/vae

The second sends the held-out scenes through an autoencoder and back first: what of them can be read
then is the most that any UNet can reach at that size.
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
DRAWN_SIZES = ((64, 64), (96, 96), (128, 96), (96, 128), (128, 128), (160, 128), (192, 128), (160, 160),
               (192, 192), (256, 256), (128, 256), (256, 128))


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


def share_kept(folder: str, width: int, height: int, count: int) -> float:
    """Share of held-out scenes that are still right when an autoencoder has had them."""
    import torch
    from diffusers import AutoencoderKL

    from evaluate import held_out_scenes
    from latents import encode
    vae, right = AutoencoderKL.from_pretrained(folder).float().eval(), 0
    for scene, _ in held_out_scenes(count):
        with torch.no_grad():
            latent = encode(vae, [render(scene, width, height)]) / vae.config.scaling_factor
            picture = vae.decode(latent).sample[0].permute(1, 2, 0).numpy() / 2 + 0.5
        shown = (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
        right += verdict(scene, read(shown))["right"]
    return right / count


def main() -> None:
    """Prints one line per size; fails when one is below 99 % (without an autoencoder)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--vae", help="folder of an autoencoder to send scenes through first")
    args = parser.parse_args()
    if args.vae:
        for size in DRAWN_SIZES:
            print(f"{size[0]}x{size[1]}: {share_kept(args.vae, *size, args.count):.4f}", flush=True)
        return
    shares = {size: share_right(*size, args.count) for size in SIZES}
    for (width, height), share in shares.items():
        print(f"{width}x{height}: {share:.4f}")
    sys.exit(min(shares.values()) < 0.99)


if __name__ == "__main__":
    main()
