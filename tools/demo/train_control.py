"""Trains a ControlNet on Canny edges; UNet and text encoder stay as they are.

    python tools/demo/train_control.py --model models/demo --latents DIR --state STATE.pt \\
        --out models/demo/controlnet-canny
"""

from __future__ import annotations

import argparse
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import torch
from diffusers import ControlNetModel, UNet2DConditionModel

from diffusion import drop_captions, noise_schedule, noised, weighted_loss
from latents import NATIVE, shard_scenes
from render import render
from text import token_ids
from training import Run, adapter_parser, load_base, setup


def canny(picture: np.ndarray) -> np.ndarray:
    """Canny edges of a float picture in [0, 1], as a uint8 map of 0 and 255."""
    grey = cv2.cvtColor((picture * 255 + 0.5).astype(np.uint8), cv2.COLOR_RGB2GRAY)
    return cv2.Canny(cv2.GaussianBlur(grey, (3, 3), 0), 30, 80)


class Edges:
    """Latents with the edges of the same scenes, shard by shard, edges kept as bits."""

    def __init__(self, folder: str):
        self.paths = sorted(Path(folder).glob("*.pt"))

    @cache
    def shard(self, number: int) -> tuple[dict, np.ndarray]:
        """A shard's latents and ids, and its edges packed eight to a byte."""
        data = torch.load(self.paths[number], weights_only=True)
        scenes = shard_scenes(int(self.paths[number].stem), len(data["ids"]))
        maps = [canny(render(scene, NATIVE, NATIVE)) > 0 for scene, _ in scenes]
        return data, np.packbits(np.stack(maps), axis=-1)

    def batch(self, size: int, generator: torch.Generator, shards: int):
        """Latents, ids and three-channel edge maps out of one of the first `shards` shards."""
        number = int(torch.randint(min(shards, len(self.paths)), (1,), generator=generator))
        data, packed = self.shard(number)
        rows = torch.randint(len(data["ids"]), (size,), generator=generator)
        edges = torch.from_numpy(np.unpackbits(packed[rows.numpy()], axis=-1)).float()
        return (
            data["latents"][rows].float(),
            data["ids"][rows].long(),
            edges[:, None].expand(-1, 3, -1, -1),
        )


def build_control(unet: UNet2DConditionModel) -> ControlNetModel:
    """A copy of the UNet's way down with a narrow stem for 128x128 maps.

    The stem starts neither at zero nor at PyTorch's small values, through which thin edges fade
    over its eight layers; behind the zero convolutions it need not, and the edges then count from
    the first step on.
    """
    control = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(8, 16, 32, 64))
    for layer in control.controlnet_cond_embedding.modules():
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight)
            layer.weight.data *= 1.4  # SiLU halves what is small
    return control.to(memory_format=torch.channels_last)


def arguments() -> argparse.Namespace:
    """The command line."""
    return adapter_parser(
        __doc__,
        ("--model", "--latents", "--state", "--out"),
        steps=1500,
        batch=24,
        rate=1e-3,
        shards=12,
    ).parse_args()


def main() -> None:
    """Trains (or goes on), then writes the averaged ControlNet in half precision."""
    args = arguments()
    setup(args.threads, args.seed)
    base, schedule, data = load_base(args.model), noise_schedule(), Edges(args.latents)
    control = build_control(base.unet)
    if args.start:
        control.load_state_dict(ControlNetModel.from_pretrained(args.start).state_dict())
    run = Run(
        args.state,
        {"control": control},
        control.parameters(),
        args.steps,
        args.rate,
        decay=0.99,
        warmup=50,
        minutes=args.minutes,
    )
    generator = run.generator(args.seed)
    empty = token_ids(base.tokenizer, [""])
    while not run.done():
        latents, ids, edges = data.batch(args.batch, generator, args.shards)
        ids = drop_captions(ids, empty, 0.3, generator)
        noise, times, noisy = noised(schedule, latents, generator)
        with torch.no_grad():
            text = base.encoder(ids).last_hidden_state
        down, middle = control(noisy, times, text, controlnet_cond=edges, return_dict=False)
        guess = base.unet(
            noisy,
            times,
            text,
            down_block_additional_residuals=down,
            mid_block_additional_residual=middle,
        ).sample
        run.advance(weighted_loss(guess, noise, schedule.alphas_cumprod[times]))
        if run.step % 50 == 0:
            run.report()
        run.save_if_due()
    run.save()
    run.average.swap()
    control.half().save_pretrained(args.out)
    (Path(args.out) / "diffusion_pytorch_model.safetensors").chmod(0o644)


if __name__ == "__main__":
    main()
