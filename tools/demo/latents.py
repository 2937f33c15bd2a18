"""Renders native-size scenes, encodes them, and keeps latents and captions in numbered shards.

    python tools/demo/latents.py --vae DIR --tokenizer DIR --out DIR --shards 30

A shard is complete or absent, and its content depends only on its number, so a trainer may read
the folder while this script fills it.
"""
from __future__ import annotations

import argparse
import os
import random
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL

from render import render
from scenes import Scene, sample_scene
from text import load_tokenizer, token_ids
from training import setup

NATIVE = 128


@torch.no_grad()
def encode(vae: AutoencoderKL, pictures: list[np.ndarray]) -> torch.Tensor:
    """Scaled latents of float pictures in [0, 1]."""
    x = torch.from_numpy(np.stack(pictures).transpose(0, 3, 1, 2)) * 2 - 1
    x = x.contiguous(memory_format=torch.channels_last)
    return vae.encode(x).latent_dist.mode() * vae.config.scaling_factor


def shard_scenes(number: int, size: int) -> list[tuple[Scene, str]]:
    """The scenes and captions of a shard; a third with one object, the others with two."""
    rng = random.Random(1_000_003 + number)
    return [sample_scene(rng, (1, 2, 2)) for _ in range(size)]


def make_shard(vae, tokenizer, number: int, size: int, batch: int = 16) -> dict:
    """The latents, token ids and object counts of a shard."""
    pairs, latents = shard_scenes(number, size), []
    for start in range(0, size, batch):
        pictures = [render(scene, NATIVE, NATIVE) for scene, _ in pairs[start:start + batch]]
        latents.append(encode(vae, pictures).half())
    captions, counts = [text for _, text in pairs], [len(scene.things) for scene, _ in pairs]
    return {"latents": torch.cat(latents).contiguous(), "counts": torch.tensor(counts),
            "ids": token_ids(tokenizer, captions).short()}


class Shards:
    """All latents in a folder so far, split by number of objects; more may appear."""

    def __init__(self, folder: str):
        self.folder, self.seen, self.parts = Path(folder), set(), []
        self.data, self.single, self.double = {}, None, None
        self.refresh()

    def refresh(self) -> None:
        """Reads shards that have appeared since the last look."""
        fresh = [p for p in sorted(self.folder.glob("*.pt")) if p not in self.seen]
        if not fresh:
            return
        self.parts += [torch.load(p, weights_only=True) for p in fresh]
        self.seen.update(fresh)
        self.data = {k: torch.cat([p[k] for p in self.parts]) for k in self.parts[0]}
        self.parts = [self.data]
        self.single = torch.nonzero(self.data["counts"] == 1)[:, 0]
        self.double = torch.nonzero(self.data["counts"] > 1)[:, 0]

    def batch(self, size: int, doubles: float, generator: torch.Generator):
        """Latents (channels last) and ids, a share `doubles` of them with two objects."""
        many = round(size * doubles)
        pick = [pool[torch.randint(len(pool), (n,), generator=generator)]
                for pool, n in ((self.single, size - many), (self.double, many))]
        rows = torch.cat(pick)
        latents = self.data["latents"][rows].float().contiguous(memory_format=torch.channels_last)
        return latents, self.data["ids"][rows].long()


def main() -> None:
    """Writes the shards that are missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vae", required=True)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--shards", type=int, default=40)
    parser.add_argument("--size", type=int, default=1024)
    args = parser.parse_args()
    setup(1, 0)
    vae = AutoencoderKL.from_pretrained(args.vae).eval().to(memory_format=torch.channels_last)
    tokenizer = load_tokenizer(args.tokenizer)
    folder = Path(args.out)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(args.shards):
        path = folder / f"{number:04}.pt"
        if not path.exists():
            torch.save(make_shard(vae, tokenizer, number, args.size), path.with_suffix(".part"))
            os.replace(path.with_suffix(".part"), path)
            print(path.name, flush=True)


if __name__ == "__main__":
    main()
