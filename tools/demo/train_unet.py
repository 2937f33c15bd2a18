"""Trains the demo world's UNet on latents of one native size; the text encoder stays as it is.

    python tools/demo/train_unet.py --tokenizer DIR --text DIR --latents DIR --state STATE.pt --out DIR

`--text` is the encoder that train_text.py made (trained along, it forgets relations before the UNet
has learnt to use them); `--latents` is the folder latents.py fills (it may
still be filling).  Epsilon prediction, Stable Diffusion 1.5's noise schedule, min-SNR weights.
"""
from __future__ import annotations

import argparse
from pathlib import Path

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from transformers import CLIPTextModel

from latents import Shards
from text import WIDTH, load_tokenizer, token_ids
from training import Run, setup


def build_unet() -> UNet2DConditionModel:
    """Three levels, as SD has them; cross-attention at the two inner ones and in the middle."""
    return UNet2DConditionModel(
        sample_size=16, block_out_channels=(48, 64, 128), layers_per_block=1, norm_num_groups=8,
        cross_attention_dim=WIDTH, attention_head_dim=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"))


def noise_schedule() -> DDPMScheduler:
    """Stable Diffusion 1.5's betas."""
    return DDPMScheduler(num_train_timesteps=1000, beta_schedule="scaled_linear",
                         beta_start=0.00085, beta_end=0.012, clip_sample=False, steps_offset=1)


def spread_timesteps(count: int, generator: torch.Generator) -> torch.Tensor:
    """Timesteps that cover 0...999 evenly within one batch, in random order."""
    places = (torch.randperm(count, generator=generator) + torch.rand(count, generator=generator))
    return (places / count * 1000).long().clamp(0, 999)


def noised(schedule: DDPMScheduler, latents: torch.Tensor, generator: torch.Generator,
           layout: torch.memory_format = torch.channels_last):
    """Noise, evenly spread times, and the latents with that noise at those times."""
    noise = torch.randn(latents.shape, generator=generator)
    times = spread_timesteps(len(latents), generator)
    return noise, times, schedule.add_noise(latents, noise, times).contiguous(memory_format=layout)


def weighted_loss(guess: torch.Tensor, noise: torch.Tensor, signal: torch.Tensor,
                  gamma: float = 5.0, floor: float = 0.08) -> torch.Tensor:
    """Mean squared error of epsilon under min-SNR weights; `signal` is alpha-bar per picture.

    The floor lends weight to the noisiest steps, where the caption alone decides what goes where
    and where an error of epsilon would else hardly count.
    """
    snr = signal / (1 - signal)
    error = (guess - noise).square().mean((1, 2, 3))
    return (error * snr.clamp(min=floor, max=gamma) / snr).mean()


def drop_captions(ids: torch.Tensor, empty: torch.Tensor, share: float,
                  generator: torch.Generator) -> torch.Tensor:
    """Replaces a share of the captions by the empty one, for classifier-free guidance."""
    gone = torch.rand(len(ids), generator=generator) < share
    return torch.where(gone[:, None], empty, ids)


def main() -> None:
    """Trains (or goes on training); writes the averaged models at every checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--tokenizer", "--text", "--latents", "--state", "--out"):
        parser.add_argument(name, required=True)
    parser.add_argument("--steps", type=int, default=8500)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--alone", type=int, default=800, help="first steps with single objects")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    setup(args.threads, args.seed)
    tokenizer = load_tokenizer(args.tokenizer)
    encoder = CLIPTextModel.from_pretrained(args.text).eval()
    unet = build_unet().to(memory_format=torch.channels_last)
    schedule, data = noise_schedule(), Shards(args.latents)
    run = Run(args.state, {"unet": unet}, unet.parameters(), args.steps, args.rate,
              decay=0.998, weight_decay=0.01, warmup=200)
    generator = run.generator(args.seed)
    empty = token_ids(tokenizer, [""])
    while run.step < args.steps:
        latents, ids = data.batch(args.batch, 0.2 if run.step < args.alone else 0.7, generator)
        ids = drop_captions(ids, empty, 0.1, generator)
        noise, times, noisy = noised(schedule, latents, generator)
        with torch.no_grad():
            text = encoder(ids).last_hidden_state
        guess = unet(noisy, times, text).sample
        run.advance(weighted_loss(guess, noise, schedule.alphas_cumprod[times]))
        if run.step % 100 == 0:
            run.report(pictures=len(data.data["ids"]))
            data.refresh()
        if run.step % 500 == 0 or run.step == args.steps:
            run.save()
            run.average.swap()
            unet.save_pretrained(Path(args.out) / "unet")
            run.average.swap()


if __name__ == "__main__":
    main()
