"""Distils the demo model into an LCM-LoRA: few steps, no guidance.

    python tools/demo/train_lcm.py --model models/demo --latents DIR --state STATE.pt \\
        --out models/demo/lcm-lora/pytorch_lora_weights.safetensors

Latent consistency distillation: the teacher takes one guided DDIM step between two points of a
fifty-step schedule, `--skip` points apart; the student must name the same clean latents from both.
"""

from __future__ import annotations

import argparse

import torch
from safetensors.torch import load_file

from diffusion import noise_schedule
from latents import Shards
from lora import LCM_TARGETS, Lora, save_kohya
from text import token_ids
from training import Run, adapter_parser, load_base, setup

GRID, SCALING, SIGMA = 50, 10.0, 0.5
SIGNALS = noise_schedule().alphas_cumprod
TIMES = torch.arange(1, GRID + 1) * (1000 // GRID) - 1


def roots(times: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Square roots of signal and noise; times below zero count as the first timestep."""
    signal = SIGNALS[times.clamp(min=0)][:, None, None, None]
    return signal.sqrt(), (1 - signal).sqrt()


def clean(x, noise, times) -> torch.Tensor:
    """The consistency function: boundary-scaled clean latents from predicted noise."""
    root, rest = roots(times)
    scaled = (times.clamp(min=0).float() * SCALING)[:, None, None, None]
    skip = SIGMA**2 / (scaled**2 + SIGMA**2)
    out = scaled / (scaled**2 + SIGMA**2).sqrt()
    return skip * x + out * (x - rest * noise) / root


def guided_step(unet, x, times, before, text, empty, guidance: float) -> torch.Tensor:
    """One DDIM step with classifier-free guidance from `times` to `before`."""
    noise, plain = unet(
        torch.cat([x, x]), torch.cat([times, times]), torch.cat([text, empty])
    ).sample.chunk(2)
    noise = plain + guidance * (noise - plain)
    root, rest = roots(times)
    root_before, rest_before = roots(before)
    return root_before * (x - rest * noise) / root + rest_before * noise


class Slow:
    """A slowly following copy of the LoRA's values, which names the targets."""

    def __init__(self, parameters, keep: float = 0.95):
        self.parameters, self.keep = list(parameters), keep
        self.values = [p.detach().clone() for p in self.parameters]

    @torch.no_grad()
    def exchange(self) -> None:
        """Puts the slow values in place of the live ones, and back."""
        for p, slow in zip(self.parameters, self.values):
            live = p.detach().clone()
            p.copy_(slow)
            slow.copy_(live)

    @torch.no_grad()
    def follow(self) -> None:
        """Moves a little towards the live values."""
        torch._foreach_lerp_(self.values, [p.detach() for p in self.parameters], 1 - self.keep)


def huber(a: torch.Tensor, b: torch.Tensor, c: float = 0.03) -> torch.Tensor:
    """Pseudo-Huber distance."""
    return ((a - b).square() + c * c).sqrt().mean() - c


def arguments() -> argparse.Namespace:
    """The command line."""
    return adapter_parser(
        __doc__,
        ("--model", "--latents", "--state", "--out"),
        steps=1000,
        batch=24,
        rate=1e-3,
        rank=32,
        skip=3,
        guidance=4.0,
    ).parse_args()


def main() -> None:
    """Distils (or goes on), then writes the averaged LoRA."""
    args = arguments()
    setup(args.threads, args.seed)
    base = load_base(args.model)
    encoder, unet = base.encoder, base.unet
    lora, data = Lora(unet, LCM_TARGETS, args.rank, args.rank), Shards(args.latents)
    if args.start:
        lora.load(load_file(args.start), "lora_unet")
    run = Run(
        args.state,
        {"lora": lora.module},
        lora.module.parameters(),
        args.steps,
        args.rate,
        decay=0.98,
        warmup=30,
        minutes=args.minutes,
    )
    slow = Slow(run.parameters)
    generator = run.generator(args.seed)
    with torch.no_grad():
        empty = encoder(token_ids(base.tokenizer, [""])).last_hidden_state
        empty = empty.expand(args.batch, -1, -1)
    while not run.done():
        latents, ids = data.batch(args.batch, 0.7, generator)
        index = torch.randint(0, GRID, (args.batch,), generator=generator)
        times = TIMES[index]
        before = torch.where(index >= args.skip, TIMES[(index - args.skip).clamp(min=0)], -1)
        root, rest = roots(times)
        noise = torch.randn(latents.shape, generator=generator)
        x = (root * latents + rest * noise).contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            text = encoder(ids).last_hidden_state
            with lora.off():
                earlier = guided_step(unet, x, times, before, text, empty, args.guidance)
            slow.exchange()
            goal = clean(earlier, unet(earlier, before.clamp(min=0), text).sample, before)
            slow.exchange()
            goal = torch.where((before < 0)[:, None, None, None], earlier, goal)
        run.advance(huber(clean(x, unet(x, times, text).sample, times), goal))
        slow.follow()
        if run.step % 50 == 0:
            run.report()
        run.save_if_due()
    run.save()
    run.average.swap()
    save_kohya(args.out, lora.kohya("lora_unet"))


if __name__ == "__main__":
    main()
