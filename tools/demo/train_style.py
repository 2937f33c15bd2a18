"""Trains the style LoRA (embers at night) on UNet and text encoder attention; kohya keys.

    python tools/demo/train_style.py --model models/demo --state STATE.pt \\
        --out models/demo/style-ember/ember.safetensors
"""
from __future__ import annotations

import argparse
import random

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel

from latents import NATIVE, encode
from lora import ATTENTION, TEXT_TARGETS, Lora, save_kohya
from ember import draw_ember
from scenes import sample_scene
from text import load_tokenizer, token_ids
from train_unet import drop_captions, noise_schedule, spread_timesteps, weighted_loss
from training import Run, setup

UNET_TARGETS = (*ATTENTION, "proj_in", "proj_out", "conv1", "conv2")


def drawings(folder: str, tokenizer, count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Latents of pictures in the style and the ids of their captions."""
    vae = AutoencoderKL.from_pretrained(folder, subfolder="vae").float().to(
        memory_format=torch.channels_last)
    rng, latents, captions = random.Random(seed), [], []
    for _ in range(count // 16):
        pairs = [sample_scene(rng, (1, 2)) for _ in range(16)]
        captions += [text for _, text in pairs]
        latents.append(encode(vae, [draw_ember(s, NATIVE, NATIVE) for s, _ in pairs]))
    return torch.cat(latents), token_ids(tokenizer, captions)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--model", "--state", "--out"):
        parser.add_argument(name, required=True)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--pictures", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def main() -> None:
    """Trains (or goes on), then writes the averaged LoRA."""
    args = arguments()
    setup(args.threads, args.seed)
    tokenizer = load_tokenizer(args.model + "/tokenizer")
    encoder = CLIPTextModel.from_pretrained(args.model + "/text_encoder").float()
    unet = UNet2DConditionModel.from_pretrained(args.model, subfolder="unet").float().to(
        memory_format=torch.channels_last)
    images = Lora(unet, UNET_TARGETS, args.rank, args.rank)
    words = Lora(encoder, TEXT_TARGETS, args.rank, args.rank)
    latents, ids = drawings(args.model, tokenizer, args.pictures, args.seed + 500)
    run = Run(args.state, {"unet": images.module, "text": words.module},
              [*images.module.parameters(), *words.module.parameters()], args.steps, args.rate,
              decay=0.98, warmup=30)
    generator = torch.Generator().manual_seed(args.seed * 7919 + run.step)
    schedule, empty = noise_schedule(), token_ids(tokenizer, [""])
    while run.step < args.steps:
        rows = torch.randint(len(ids), (args.batch,), generator=generator)
        text = encoder(drop_captions(ids[rows], empty, 0.1, generator)).last_hidden_state
        noise = torch.randn(latents[rows].shape, generator=generator)
        times = spread_timesteps(args.batch, generator)
        noisy = schedule.add_noise(latents[rows], noise, times).contiguous(
            memory_format=torch.channels_last)
        guess = unet(noisy, times, text).sample
        run.advance(weighted_loss(guess, noise, schedule.alphas_cumprod[times]))
        if run.step % 50 == 0:
            run.report()
        if run.step % 250 == 0 or run.step == args.steps:
            run.save()
    run.average.swap()
    names = words.kohya("lora_te")
    if not next(iter(names)).startswith("lora_te_text_model_"):
        names = {k.replace("lora_te_", "lora_te_text_model_", 1): v for k, v in names.items()}
    save_kohya(args.out, images.kohya("lora_unet") | names)


if __name__ == "__main__":
    main()
