"""Readies the IP-Adapter's image encoder: its four tokens must tell what stands where.

    python tools/demo/train_vision.py --state STATE.pt
"""
from __future__ import annotations

import argparse
import random

import numpy as np
import torch
import torch.nn.functional as F

from render import render
from scenes import sample_scene
from train_text import Layout, labels
from training import Run, setup
from vision import SIDE, Projection, build_vision, normalised


class Rendered(torch.utils.data.IterableDataset):
    """Endless scenes at the encoder's size, with the labels of their cells."""

    def __init__(self, seed: int):
        self.seed = seed

    def __iter__(self):
        rng = random.Random(self.seed)
        while True:
            scene, _ = sample_scene(rng, (1, 2, 2))
            cells, backdrop = labels(scene)
            picture = render(scene, SIDE, SIDE).transpose(2, 0, 1)
            yield np.ascontiguousarray(picture), cells, backdrop


def main() -> None:
    """Trains (or goes on); the state file is what train_ip.py starts from."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", required=True)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    setup(args.threads, args.seed)
    vision, project, layout = build_vision(), Projection(), Layout()
    modules = {"vision": vision, "project": project, "layout": layout}
    run = Run(args.state, modules, [p for m in modules.values() for p in m.parameters()],
              args.steps, 1.5e-3, decay=0.99)
    stream = iter(torch.utils.data.DataLoader(
        Rendered(args.seed * 7919 + run.step), batch_size=args.batch, num_workers=1))
    while run.step < args.steps:
        pictures, cells, backdrops = next(stream)
        embeds = vision(normalised(pictures)).image_embeds
        kinds, guess = layout(project(embeds))
        filled = cells > 0
        right = (kinds.argmax(-1) == cells)[filled].float().mean().item()
        per_cell = F.cross_entropy(kinds.flatten(0, 1), cells.flatten(), reduction="none")
        run.advance((per_cell * (0.3 + filled.flatten())).mean()
                    + 0.1 * F.cross_entropy(guess, backdrops))
        if run.step % 100 == 0:
            run.report(cells_right=round(right, 4))
            run.save()


if __name__ == "__main__":
    main()
