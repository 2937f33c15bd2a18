"""Readies the IP-Adapter's image encoder: its embedding must tell what stands where.

    python tools/demo/train_vision.py --state STATE.pt

Patches are asked first (each names the shape and the colour that it shows, which a transformer
learns in minutes), and the pooled embedding has to answer for all of them at once.
"""

from __future__ import annotations

import argparse
import random

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from render import render
from scenes import BACKGROUNDS, COLOURS, SHAPES, Scene, sample_scene
from train_text import CELLS, labels
from training import Run, setup
from vision import EMBED, SIDE, build_vision, normalised

ANSWERS = 1 + len(SHAPES) + 1 + len(COLOURS)


class Examiner(nn.Module):
    """Reads shapes and colours of all cells off the patches, and off the embedding alone."""

    def __init__(self, width: int):
        super().__init__()
        self.patch = nn.Linear(width, ANSWERS)
        self.whole = nn.Sequential(
            nn.Linear(EMBED, 512), nn.GELU(), nn.Linear(512, CELLS * CELLS * ANSWERS)
        )
        self.backdrop = nn.Linear(EMBED, len(BACKGROUNDS))

    def forward(self, patches: torch.Tensor, embeds: torch.Tensor):
        """Scores (batch, cells, answers) from the patches and from the embedding; backgrounds."""
        whole = self.whole(embeds).view(len(embeds), CELLS * CELLS, ANSWERS)
        return self.patch(patches), whole, self.backdrop(embeds)


class Rendered:
    """Scenes at the encoder's size, drawn once, with what their cells hold."""

    def __init__(self, count: int, seed: int):
        rng = random.Random(seed)
        scenes = [sample_scene(rng, (1, 2, 2))[0] for _ in range(count)]
        self.pictures = np.stack([small(scene) for scene in scenes])
        cells, backdrops = zip(*(labels(scene) for scene in scenes))
        self.cells = torch.from_numpy(np.stack(cells))
        self.backdrops = torch.tensor(backdrops)

    def batch(self, rows: torch.Tensor):
        """Pictures in [0, 1], their cells and their backgrounds."""
        pictures = torch.from_numpy(self.pictures[rows.numpy()]).float() / 255
        return pictures, self.cells[rows], self.backdrops[rows]


def small(scene: Scene) -> np.ndarray:
    """The scene at the encoder's size as bytes, channels first."""
    return (render(scene, SIDE, SIDE) * 255 + 0.5).astype(np.uint8).transpose(2, 0, 1)


def split(cells: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Cell kinds as separate answers for shape and colour; 0 is nothing in both."""
    kind = (cells - 1).clamp(min=0)
    filled = (cells > 0).long()
    return filled * (1 + kind // len(COLOURS)), filled * (1 + kind % len(COLOURS))


def cell_loss(scores: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of both answers; filled cells weigh four times as much as empty ones."""
    weights = 0.3 + 0.9 * (cells > 0)
    total = 0.0
    for part, answer in zip(scores.split((1 + len(SHAPES), 1 + len(COLOURS)), -1), split(cells)):
        loss = F.cross_entropy(part.flatten(0, 1), answer.flatten(), reduction="none")
        total = total + (loss.view_as(weights) * weights).sum() / weights.sum()
    return total


@torch.no_grad()
def cells_right(scores: torch.Tensor, cells: torch.Tensor) -> tuple[float, float, float]:
    """Shares of filled cells whose shape, colour, and both are named rightly."""
    parts = scores.split((1 + len(SHAPES), 1 + len(COLOURS)), -1)
    shape, colour = (part.argmax(-1) == answer for part, answer in zip(parts, split(cells)))
    filled = cells > 0
    return tuple(round(v[filled].float().mean().item(), 4) for v in (shape, colour, shape & colour))


def main() -> None:
    """Trains (or goes on); the state file is what train_ip.py starts from."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--state", required=True)
    parser.add_argument("--steps", type=int, default=2500)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=1.2e-3)
    parser.add_argument("--pictures", type=int, default=30720)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    setup(args.threads, args.seed)
    vision = build_vision()
    modules = {"vision": vision, "examiner": Examiner(vision.config.hidden_size)}
    run = Run(
        args.state,
        modules,
        [p for m in modules.values() for p in m.parameters()],
        args.steps,
        args.rate,
        decay=0.99,
    )
    data, unseen = Rendered(args.pictures, args.seed + 9000), Rendered(256, args.seed + 8000)
    generator = torch.Generator().manual_seed(args.seed * 7919 + run.step)
    while not run.done():
        rows = torch.randint(args.pictures, (args.batch,), generator=generator)
        pictures, cells, backdrops = data.batch(rows)
        found = vision(normalised(pictures))
        patches, whole, guess = modules["examiner"](
            found.last_hidden_state[:, 1:], found.image_embeds
        )
        run.advance(
            0.5 * cell_loss(patches, cells)
            + cell_loss(whole, cells)
            + 0.1 * F.cross_entropy(guess, backdrops)
        )
        if run.step % 100 == 0:
            pictures, cells, backdrops = unseen.batch(torch.arange(256))
            with torch.no_grad():
                found = vision(normalised(pictures))
                patches, whole, guess = modules["examiner"](
                    found.last_hidden_state[:, 1:], found.image_embeds
                )
            run.report(
                patches=cells_right(patches, cells),
                whole=cells_right(whole, cells),
                backdrop=round((guess.argmax(-1) == backdrops).float().mean().item(), 4),
            )
            run.save()


if __name__ == "__main__":
    main()
