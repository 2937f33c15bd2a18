"""Trains the style LoRA (embers at night) on UNet and text encoder attention; kohya keys.

    python tools/demo/train_style.py --model models/demo --state STATE.pt \\
        --out models/demo/style-ember/ember.safetensors
"""

from __future__ import annotations

import argparse
import random

import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file

from diffusion import drop_captions, noise_schedule, noised, weighted_loss
from ember import draw_ember
from latents import NATIVE, encode
from lora import ATTENTION, TEXT_TARGETS, Lora, save_kohya
from scenes import sample_scene
from text import token_ids
from training import Run, adapter_parser, load_base, setup

TEXT_PREFIX = "lora_te_text_model_"
UNET_TARGETS = (*ATTENTION, "proj_in", "proj_out", "conv1", "conv2")


def drawings(folder: str, tokenizer, count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Latents of pictures in the style and the ids of their captions."""
    vae = (
        AutoencoderKL.from_pretrained(folder, subfolder="vae")
        .float()
        .to(memory_format=torch.channels_last)
    )
    rng, latents, captions = random.Random(seed), [], []
    for _ in range(count // 16):
        pairs = [sample_scene(rng, (1, 2)) for _ in range(16)]
        captions += [text for _, text in pairs]
        latents.append(encode(vae, [draw_ember(s, NATIVE, NATIVE) for s, _ in pairs]))
    return torch.cat(latents), token_ids(tokenizer, captions)


def arguments() -> argparse.Namespace:
    """The command line."""
    return adapter_parser(
        __doc__,
        ("--model", "--state", "--out"),
        steps=500,
        batch=24,
        rate=1e-3,
        rank=8,
        pictures=1024,
    ).parse_args()


def main() -> None:
    """Trains (or goes on), then writes the averaged LoRA."""
    args = arguments()
    setup(args.threads, args.seed)
    base = load_base(args.model)
    images = Lora(base.unet, UNET_TARGETS, args.rank, args.rank)
    words = Lora(base.encoder, TEXT_TARGETS, args.rank, args.rank)
    latents, ids = drawings(args.model, base.tokenizer, args.pictures, args.seed + 500)
    if args.start:
        given = load_file(args.start)
        images.load(given, "lora_unet")
        words.load({k.replace(TEXT_PREFIX, "lora_te_"): v for k, v in given.items()}, "lora_te")
    run = Run(
        args.state,
        {"unet": images.module, "text": words.module},
        [*images.module.parameters(), *words.module.parameters()],
        args.steps,
        args.rate,
        decay=0.98,
        warmup=30,
        minutes=args.minutes,
    )
    generator = run.generator(args.seed)
    schedule, empty = noise_schedule(), token_ids(base.tokenizer, [""])
    while not run.done():
        rows = torch.randint(len(ids), (args.batch,), generator=generator)
        text = base.encoder(drop_captions(ids[rows], empty, 0.1, generator)).last_hidden_state
        noise, times, noisy = noised(schedule, latents[rows], generator)
        guess = base.unet(noisy, times, text).sample
        run.advance(weighted_loss(guess, noise, schedule.alphas_cumprod[times]))
        if run.step % 50 == 0:
            run.report()
        run.save_if_due()
    run.save()
    run.average.swap()
    names = words.kohya("lora_te")
    if not next(iter(names)).startswith(TEXT_PREFIX):
        names = {k.replace("lora_te_", TEXT_PREFIX, 1): v for k, v in names.items()}
    save_kohya(args.out, images.kohya("lora_unet") | names)


if __name__ == "__main__":
    main()
