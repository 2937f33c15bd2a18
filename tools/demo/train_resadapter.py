"""Trains the ResAdapter on scenes of many sizes; the base model stays as it is.

    python tools/demo/latents.py --vae models/demo/vae --tokenizer models/demo/tokenizer \\
        --out LATENTS --sizes 128x128,96x96,160x128,192x192,256x256,128x256,256x128 --shards 2
    python tools/demo/train_resadapter.py --model models/demo --latents LATENTS --state STATE.pt \\
        --out models/demo/resadapter

Each batch has one size, as the method asks; everything else of the UNet is frozen.  Writes the two
files that the released adapters consist of: a LoRA on the convolutions that halve and double the
maps, and the norms of the residual blocks.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file, save_file
from torch import nn

from diffusion import drop_captions, noise_schedule, noised, weighted_loss
from latents import PIXELS, Shards, parse_size
from lora import Lora, save_kohya
from text import token_ids
from training import Run, adapter_parser, load_base, setup

SAMPLERS = ("downsamplers.0.conv", "upsamplers.0.conv")
RESIDUALS = ("conv1", "conv2", "conv_shortcut")
# What may be trained; only "res" is a ResAdapter, the others measure what it could be.
MODES = ("res", "lora", "norms", "convs", "full")
MIX = "128x128:30,96x96:10,160x128:6,192x192:14,256x256:16,128x256:12,256x128:12"
WEIGHTS, NORMS = "pytorch_lora_weights.safetensors", "diffusion_pytorch_model.safetensors"


def is_resnet_norm(name: str) -> bool:
    """Whether a parameter belongs to norm1 or norm2 of a residual block."""
    return ".resnets." in name and name.split(".")[-2] in ("norm1", "norm2")


class Adapter(nn.Module):
    """What is trained on a frozen UNet: a LoRA on some layers, and some of its own weights."""

    def __init__(self, unet: UNet2DConditionModel, mode: str, rank: int, alpha: float):
        super().__init__()
        unet.requires_grad_(False)
        targets = {"norms": (), "full": (), "convs": (*SAMPLERS, *RESIDUALS)}.get(mode, SAMPLERS)
        chosen = {"lora": lambda _: False, "convs": lambda _: False, "full": lambda _: True}
        keep = chosen.get(mode, is_resnet_norm)
        # Before the LoRA, which renames the weights that it changes.
        self.norms = {n: p.requires_grad_(True) for n, p in unet.named_parameters() if keep(n)}
        self.own = nn.ParameterList(self.norms.values())
        self.lora = Lora(unet, targets, rank, alpha)
        for parameter in self.own:  # the LoRA froze them
            parameter.requires_grad_(True)
        self.layers = self.lora.module

    @torch.no_grad()
    def load(self, folder: str | Path) -> None:
        """Goes on from the files of an adapter of the same mode, rank and alpha."""
        self.lora.load(load_file(Path(folder) / WEIGHTS), "lora_unet")
        for name, value in load_file(Path(folder) / NORMS).items():
            self.norms[name].copy_(value)

    def save(self, folder: str | Path) -> None:
        """Writes the two files of the adapter: the LoRA in half precision, the norms in single."""
        out = Path(folder)
        out.mkdir(parents=True, exist_ok=True)
        save_kohya(out / WEIGHTS, self.lora.kohya("lora_unet"))
        norms = {n: p.detach().clone().contiguous() for n, p in self.norms.items()}
        save_file(norms, str(out / NORMS))
        (out / NORMS).chmod(0o644)


def parse_mix(text: str) -> dict[str, float]:
    """How often each size is drawn, out of SIZE:SHARE,..."""
    return {size: float(share) for size, share in (part.split(":") for part in text.split(","))}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = adapter_parser(
        __doc__,
        ("--model", "--latents", "--state", "--out"),
        steps=10000,
        rate=3e-3,
        rank=64,
        alpha=0.0,
        average=0.99,
        late=0.5,
        blind=0.0,
        mix=MIX,
    )
    parser.add_argument("--mode", choices=MODES, default="res")
    return parser.parse_args()


def main() -> None:
    """Trains (or goes on); writes the averaged adapter at every checkpoint."""
    args = arguments()
    setup(args.threads, args.seed)
    # Not channels-last: torch's gradient of GroupNorm's weights crashes there on some sizes.
    layout = torch.contiguous_format
    base, schedule, mix = load_base(args.model, layout), noise_schedule(), parse_mix(args.mix)
    adapter = Adapter(base.unet, args.mode, args.rank, args.alpha or args.rank / 2)
    if args.start:
        adapter.load(args.start)
    pools = {size: Shards(Path(args.latents) / size, layout) for size in mix}
    run = Run(
        args.state,
        {"adapter": adapter},
        adapter.parameters(),
        args.steps,
        args.rate,
        decay=args.average,
        warmup=30,
        minutes=args.minutes,
    )
    generator = run.generator(args.seed)
    rng, empty = random.Random(args.seed * 104729 + run.step), token_ids(base.tokenizer, [""])
    while not run.done():
        size = rng.choices(list(mix), weights=list(mix.values()))[0]
        width, height = parse_size(size)
        latents, ids = pools[size].batch(max(4, PIXELS // (width * height)), 2 / 3, generator)
        noise, times, noisy = noised(schedule, latents, generator, layout, args.late, args.blind)
        with torch.no_grad():
            text = base.encoder(drop_captions(ids, empty, 0.1, generator)).last_hidden_state
        guess = base.unet(noisy, times, text).sample
        run.advance(weighted_loss(guess, noise, schedule.alphas_cumprod[times]))
        if run.step % 100 == 0:
            run.report()
        if run.save_if_due():
            run.average.swap()
            adapter.save(args.out)
            run.average.swap()
    run.save()
    run.average.swap()
    adapter.save(args.out)


if __name__ == "__main__":
    main()
