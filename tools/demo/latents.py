"""Renders scenes of one or many sizes, encodes them, and keeps latents in numbered shards.

    python tools/demo/latents.py --vae DIR --tokenizer DIR --out DIR --sizes 128x128 --shards 40

Each size has its folder under `--out`.  A shard is complete or absent, and its content depends only
on its number and its size, so a trainer may read the folder while this script fills it.
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
from scenes import NATIVE, Scene, sample_scene
from text import load_tokenizer, token_ids
from training import setup

PIXELS = 16 * NATIVE * NATIVE


def parse_size(text: str) -> tuple[int, int]:
    """Width and height out of WIDTHxHEIGHT."""
    width, height = text.split("x")
    return int(width), int(height)


@torch.no_grad()
def encode(vae: AutoencoderKL, pictures: list[np.ndarray]) -> torch.Tensor:
    """Scaled latents of float pictures in [0, 1]."""
    x = torch.from_numpy(np.stack(pictures).transpose(0, 3, 1, 2)) * 2 - 1
    x = x.contiguous(memory_format=torch.channels_last)
    return vae.encode(x).latent_dist.mode() * vae.config.scaling_factor


def shard_scenes(
    number: int, size: int, width: int = NATIVE, height: int = NATIVE
) -> list[tuple[Scene, str]]:
    """The scenes and captions of a shard; a third with one object, the others with two."""
    other = (width - NATIVE) * 7_919 + (height - NATIVE) * 104_729
    rng = random.Random(1_000_003 + number + 1_000 * other)
    return [sample_scene(rng, (1, 2, 2), width, height) for _ in range(size)]


def make_shard(
    vae: AutoencoderKL, tokenizer, number: int, size: int, width: int, height: int
) -> dict[str, torch.Tensor]:
    """The latents, token ids and object counts of a shard."""
    pairs, latents = shard_scenes(number, size, width, height), []
    batch = max(1, PIXELS // (width * height))
    for start in range(0, size, batch):
        pictures = [render(scene, width, height) for scene, _ in pairs[start : start + batch]]
        latents.append(encode(vae, pictures).half())
    captions, counts = [text for _, text in pairs], [len(scene.things) for scene, _ in pairs]
    return {
        "latents": torch.cat(latents).contiguous(),
        "counts": torch.tensor(counts),
        "ids": token_ids(tokenizer, captions).short(),
    }


class Shards:
    """All latents in a folder so far, split by number of objects; more may appear."""

    def __init__(self, folder: str | Path, layout: torch.memory_format = torch.channels_last):
        self.folder, self.layout = Path(folder), layout
        self.seen: set[Path] = set()
        self.data: dict[str, torch.Tensor] = {}
        self.single = self.double = torch.empty(0, dtype=torch.long)
        self.refresh()
        if not self.data:
            raise FileNotFoundError(f"no shards in {folder}")

    def __len__(self) -> int:
        return len(self.data["ids"])

    def refresh(self) -> None:
        """Reads shards that have appeared since the last look."""
        fresh = [p for p in sorted(self.folder.glob("*.pt")) if p not in self.seen]
        if not fresh:
            return
        parts = [self.data] if self.data else []
        parts += [torch.load(p, weights_only=True) for p in fresh]
        self.seen.update(fresh)
        self.data = {k: torch.cat([p[k] for p in parts]) for k in parts[0]}
        self.single = torch.nonzero(self.data["counts"] == 1)[:, 0]
        self.double = torch.nonzero(self.data["counts"] > 1)[:, 0]

    def batch(
        self, size: int, doubles: float, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Latents and ids, a share `doubles` of them with two objects."""
        many = round(size * doubles)
        rows = torch.cat(
            [
                pool[torch.randint(len(pool), (n,), generator=generator)]
                for pool, n in ((self.single, size - many), (self.double, many))
            ]
        )
        latents = self.data["latents"][rows].float().contiguous(memory_format=self.layout)
        return latents, self.data["ids"][rows].long()


def main() -> None:
    """Writes the shards that are missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vae", required=True)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--sizes", default=f"{NATIVE}x{NATIVE}", help="WIDTHxHEIGHT, comma between")
    parser.add_argument("--shards", type=int, default=40)
    parser.add_argument("--size", type=int, default=1024, help="scenes a shard")
    args = parser.parse_args()
    setup(1, 0)
    vae = AutoencoderKL.from_pretrained(args.vae).float().eval()
    vae = vae.to(memory_format=torch.channels_last)
    tokenizer = load_tokenizer(args.tokenizer)
    for name in args.sizes.split(","):
        folder = Path(args.out) / name
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(args.shards):
            path = folder / f"{number:04}.pt"
            if not path.exists():
                shard = make_shard(vae, tokenizer, number, args.size, *parse_size(name))
                torch.save(shard, path.with_suffix(".part"))
                os.replace(path.with_suffix(".part"), path)
                print(path, flush=True)


if __name__ == "__main__":
    main()
