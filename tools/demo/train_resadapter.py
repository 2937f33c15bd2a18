"""Trains a ResAdapter on the demo model: LoRA on the samplers' convolutions, and the resnets' norms.

    python tools/demo/train_resadapter.py --model models/demo --state STATE.pt \\
        --out models/demo/resadapter

Each batch has one size, as the method asks; everything else of the UNet is frozen.  Writes the two
files that the released adapters consist of.
"""
from __future__ import annotations

import argparse
import random
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from torch import nn

from latents import encode
from lora import Lora, save_kohya
from render import render
from scenes import sample_scene
from text import token_ids
from train_unet import drop_captions, noise_schedule, noised, weighted_loss
from training import Run, adapter_parser, load_base, setup

TARGETS = ("downsamplers.0.conv", "upsamplers.0.conv")
# Width and height in pixels, and how often a size is drawn: far from the native 128 more often.
SIZES = {(64, 64): 4, (96, 96): 2, (128, 128): 2, (192, 192): 2, (256, 256): 2, (64, 128): 2,
         (128, 64): 2, (128, 256): 2, (256, 128): 2}
PIXELS = 16 * 128 * 128
LARGEST_BATCH = 48


def resnet_norms(unet: UNet2DConditionModel) -> dict[str, nn.Parameter]:
    """The weights and biases of norm1 and norm2 of every resnet, made trainable."""
    chosen = {}
    for name, parameter in unet.named_parameters():
        if ".resnets." in name and name.split(".")[-2] in ("norm1", "norm2"):
            chosen[name] = parameter.requires_grad_(True)
    return chosen


class Norms(nn.Module):
    """Holds the norms under flat names, so that a training state can keep them."""

    def __init__(self, parameters: dict[str, nn.Parameter]):
        super().__init__()
        self.parts = nn.ParameterList(parameters.values())


@torch.no_grad()
def make_pools(folder: str, tokenizer, count: int, seed: int) -> dict:
    """For each size, latents and caption ids of `count` scenes (fewer at large sizes)."""
    vae = AutoencoderKL.from_pretrained(folder, subfolder="vae").float().to(
        memory_format=torch.channels_last)
    pools = {}
    for place, (width, height) in enumerate(SIZES):
        rng = random.Random(seed + place)
        share = max(64, min(count, count * 128 * 128 // (width * height)))
        pairs = [sample_scene(rng, (1, 2, 2)) for _ in range(share)]
        latents = [encode(vae, [render(s, width, height) for s, _ in pairs[i:i + 8]])
                   for i in range(0, share, 8)]
        pools[width, height] = torch.cat(latents), token_ids(tokenizer, [c for _, c in pairs])
        print(f"{width}x{height}: {share} scenes", flush=True)
    return pools


def arguments() -> argparse.Namespace:
    """The command line."""
    return adapter_parser(__doc__, ("--model", "--state", "--out"), steps=700, rate=2e-3,
                          rank=16, alpha=8.0, pictures=640).parse_args()


def main() -> None:
    """Trains (or goes on), then writes the averaged adapter."""
    args = arguments()
    setup(args.threads, args.seed)
    # Not channels-last: torch's gradient of GroupNorm's weights crashes there on some sizes.
    base = load_base(args.model, torch.contiguous_format)
    lora = Lora(base.unet, TARGETS, args.rank, args.alpha)
    norms = resnet_norms(base.unet)
    kept = Norms(norms)
    cache = Path(args.state).with_suffix(".pools")
    if not cache.exists():
        torch.save(make_pools(args.model, base.tokenizer, args.pictures, args.seed + 900), cache)
    pools = torch.load(cache, weights_only=True)
    run = Run(args.state, {"lora": lora.module, "norms": kept},
              [*lora.module.parameters(), *norms.values()], args.steps, args.rate,
              decay=0.98, warmup=30)
    generator = run.generator(args.seed)
    rng = random.Random(args.seed * 104729 + run.step)
    schedule, empty = noise_schedule(), token_ids(base.tokenizer, [""])
    while run.step < args.steps:
        size = rng.choices(list(SIZES), weights=list(SIZES.values()))[0]
        batch = max(4, min(LARGEST_BATCH, PIXELS // (size[0] * size[1])))
        latents, ids = pools[size]
        rows = torch.randint(len(ids), (batch,), generator=generator)
        noise, times, noisy = noised(schedule, latents[rows], generator, torch.contiguous_format)
        with torch.no_grad():
            text = base.encoder(drop_captions(ids[rows], empty, 0.1, generator)).last_hidden_state
        guess = base.unet(noisy, times, text).sample
        run.advance(weighted_loss(guess, noise, schedule.alphas_cumprod[times]))
        if run.step % 25 == 0:
            run.report()
        if run.step % 100 == 0 or run.step == args.steps:
            run.save()
    run.average.swap()
    out = Path(args.out)
    save_kohya(out / "pytorch_lora_weights.safetensors", lora.kohya("lora_unet"))
    save_file({name: p.detach().contiguous().clone() for name, p in norms.items()},
              str(out / "diffusion_pytorch_model.safetensors"))


if __name__ == "__main__":
    main()
