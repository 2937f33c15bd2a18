"""Trains a T2I-Adapter on Canny edges; UNet and text encoder stay as they are.

    python tools/demo/train_t2i.py --model models/demo --latents DIR --state STATE.pt \\
        --out models/demo/t2i-adapter-canny

The adapter sees the edges once, whatever the noise, and adds a feature to every level of the UNet.
Its layout is SDXL's: this UNet, like SDXL's, halves the picture in a first level without attention.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from diffusers import T2IAdapter, UNet2DConditionModel

from diffusion import drop_captions, noise_schedule, noised, weighted_loss
from text import token_ids
from train_control import Edges
from training import Run, adapter_parser, load_base, setup


def build_adapter(unet: UNet2DConditionModel) -> T2IAdapter:
    """One feature for every level and one for the middle, from maps of one channel."""
    channels = list(unet.config.block_out_channels)
    return T2IAdapter(
        in_channels=1,
        channels=[*channels, channels[-1]],
        num_res_blocks=2,
        downscale_factor=16,
        adapter_type="full_adapter_xl",
    )


def arguments() -> argparse.Namespace:
    """The command line."""
    return adapter_parser(
        __doc__,
        ("--model", "--latents", "--state", "--out"),
        steps=300,
        batch=24,
        rate=1e-3,
        shards=12,
    ).parse_args()


def main() -> None:
    """Trains (or goes on), then writes the averaged adapter in half precision."""
    args = arguments()
    setup(args.threads, args.seed)
    base, schedule, data = load_base(args.model), noise_schedule(), Edges(args.latents)
    adapter = build_adapter(base.unet).to(memory_format=torch.channels_last)
    if args.start:
        adapter.load_state_dict(T2IAdapter.from_pretrained(args.start).state_dict())
    run = Run(
        args.state,
        {"adapter": adapter},
        adapter.parameters(),
        args.steps,
        args.rate,
        decay=0.99,
        warmup=50,
        minutes=args.minutes,
    )
    generator, empty = run.generator(args.seed), token_ids(base.tokenizer, [""])
    while not run.done():
        latents, ids, edges = data.batch(args.batch, generator, args.shards)
        ids = drop_captions(ids, empty, 0.3, generator)
        noise, times, noisy = noised(schedule, latents, generator)
        with torch.no_grad():
            text = base.encoder(ids).last_hidden_state
        features = adapter(edges[:, :1].contiguous(memory_format=torch.channels_last))
        guess = base.unet(
            noisy, times, text, down_intrablock_additional_residuals=list(features)
        ).sample
        run.advance(weighted_loss(guess, noise, schedule.alphas_cumprod[times]))
        if run.step % 50 == 0:
            run.report()
        run.save_if_due()
    run.save()
    run.average.swap()
    adapter.half().save_pretrained(args.out)
    (Path(args.out) / "diffusion_pytorch_model.safetensors").chmod(0o644)


if __name__ == "__main__":
    main()
