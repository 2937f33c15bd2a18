"""Readies the text encoder: learns to say, from a caption, what stands in each cell of the picture.

A caption's objects, their colours and places must be bound to one another before a UNet can draw
them.  This task teaches that on text alone, thousands of captions per second; the UNet's training
then goes on with the encoder.

    python tools/demo/train_text.py --tokenizer DIR --state STATE.pt --out DIR
"""

from __future__ import annotations

import argparse
import random

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from render import coverage
from scenes import BACKGROUNDS, COLOURS, SHAPES, Scene, sample_scene
from text import WIDTH, build_text_encoder, load_tokenizer, token_ids
from training import Run, setup

CELLS = 8
KINDS = 1 + len(SHAPES) * len(COLOURS)


class Layout(nn.Module):
    """One query per cell reads the text by cross-attention; one more asks for the background."""

    def __init__(self):
        super().__init__()
        self.queries = nn.Parameter(torch.randn(CELLS * CELLS + 1, WIDTH) * 0.5)
        self.attention = nn.MultiheadAttention(WIDTH, 4, batch_first=True)
        self.kind = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.GELU(), nn.Linear(WIDTH, KINDS))
        self.backdrop = nn.Linear(WIDTH, len(BACKGROUNDS))

    def forward(self, text: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Scores of what is in each cell, and of the background."""
        queries = self.queries.expand(len(text), -1, -1)
        found = self.attention(queries, text, text, need_weights=False)[0]
        return self.kind(found[:, :-1]), self.backdrop(found[:, -1])


def labels(scene: Scene) -> tuple[np.ndarray, int]:
    """What each cell of the picture holds (0: nothing), and which background it is."""
    cells = np.zeros((CELLS, CELLS), np.int64)
    for thing in scene.things:
        solid = type(thing)("circle", thing.colour, thing.x, thing.y, thing.radius * 0.9)
        kind = 1 + SHAPES.index(thing.shape) * len(COLOURS) + list(COLOURS).index(thing.colour)
        cells[coverage(solid, CELLS, CELLS)[0] > 0.5] = kind
    return cells.ravel(), list(BACKGROUNDS).index(scene.background)


def batch(rng: random.Random, tokenizer, size: int):
    """Token ids, cells and backgrounds of `size` random scenes."""
    pairs = [sample_scene(rng, (1, 2, 2, 3)) for _ in range(size)]
    cells, backdrops = zip(*(labels(scene) for scene, _ in pairs))
    return (
        token_ids(tokenizer, [text for _, text in pairs]),
        torch.from_numpy(np.stack(cells)),
        torch.tensor(backdrops),
    )


def main() -> None:
    """Trains (or goes on training), then writes the text encoder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--state", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    setup(args.threads, args.seed)
    tokenizer = load_tokenizer(args.tokenizer)
    encoder, layout = build_text_encoder(tokenizer), Layout()
    run = Run(
        args.state,
        {"encoder": encoder, "layout": layout},
        [*encoder.parameters(), *layout.parameters()],
        args.steps,
        2e-3,
        decay=0.99,
    )
    rng = random.Random(args.seed * 7919 + run.step)
    while not run.done():
        ids, cells, backdrops = batch(rng, tokenizer, args.batch)
        kinds, guess = layout(encoder(ids).last_hidden_state)
        filled = cells > 0
        right = (kinds.argmax(-1) == cells)[filled].float().mean().item()
        per_cell = F.cross_entropy(kinds.flatten(0, 1), cells.flatten(), reduction="none")
        loss = (per_cell * (0.3 + filled.flatten())).mean()
        run.advance(loss + 0.1 * F.cross_entropy(guess, backdrops))
        if run.step % 100 == 0:
            run.report(cells_right=round(right, 4))
            run.save()
    run.average.swap()
    encoder.save_pretrained(args.out)


if __name__ == "__main__":
    main()
