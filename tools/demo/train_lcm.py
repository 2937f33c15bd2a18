"""Distils the demo model into an LCM-LoRA: few steps, no guidance.

    python tools/demo/train_lcm.py --model models/demo --latents DIR --state STATE.pt \\
        --out models/demo/lcm-lora/pytorch_lora_weights.safetensors

Latent consistency distillation: the teacher takes one guided DDIM step between two points of a
fifty-step schedule; the student must say the same clean latents from both points.
"""
from __future__ import annotations

import argparse

import torch
from diffusers import UNet2DConditionModel
from transformers import CLIPTextModel

from latents import Shards
from lora import LCM_TARGETS, add_lora, kohya, save_kohya
from text import load_tokenizer, token_ids
from train_unet import noise_schedule
from training import Run, setup

GRID, SCALING, SIGMA = 50, 10.0, 0.5


class Distiller:
    """Teacher, student and the schedule they share."""

    def __init__(self, folder: str, rank: int, alpha: float):
        load = lambda: UNet2DConditionModel.from_pretrained(folder, subfolder="unet").float().to(
            memory_format=torch.channels_last)
        self.teacher, self.student = load().requires_grad_(False), load()
        self.trained = add_lora(self.student, LCM_TARGETS, rank, alpha)
        self.target = [p.detach().clone() for p in self.trained]
        self.signals = noise_schedule().alphas_cumprod
        self.times = torch.arange(1, GRID + 1) * (1000 // GRID) - 1

    def _roots(self, times: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        signal = self.signals[times.clamp(min=0)]
        signal = torch.where(times < 0, self.signals[0], signal)[:, None, None, None]
        return signal.sqrt(), (1 - signal).sqrt()

    def clean(self, x, noise, times):
        """The consistency function: boundary-scaled clean latents from predicted noise."""
        root, rest = self._roots(times)
        scaled = (times.clamp(min=0).float() * SCALING)[:, None, None, None]
        skip = SIGMA ** 2 / (scaled ** 2 + SIGMA ** 2)
        out = scaled / (scaled ** 2 + SIGMA ** 2).sqrt()
        return skip * x + out * (x - rest * noise) / root

    @torch.no_grad()
    def teach(self, x, times, before, text, empty, guidance: float):
        """The teacher's guided DDIM step from `times` to `before`."""
        both = self.teacher(torch.cat([x, x]), torch.cat([times, times]),
                            torch.cat([text, empty])).sample
        noise, plain = both.chunk(2)
        noise = plain + guidance * (noise - plain)
        root, rest = self._roots(times)
        root_before, rest_before = self._roots(before)
        return root_before * (x - rest * noise) / root + rest_before * noise

    @torch.no_grad()
    def goal(self, x, times, text):
        """What the slowly following copy of the student says at the earlier point."""
        held = [p.detach().clone() for p in self.trained]
        for p, mean in zip(self.trained, self.target):
            p.copy_(mean)
        found = self.clean(x, self.student(x, times.clamp(min=0), text).sample, times)
        for p, mine in zip(self.trained, held):
            p.copy_(mine)
        return found

    @torch.no_grad()
    def follow(self, keep: float) -> None:
        """Moves the slow copy towards the student."""
        torch._foreach_lerp_(self.target, [p.detach() for p in self.trained], 1 - keep)


def huber(a: torch.Tensor, b: torch.Tensor, c: float = 0.03) -> torch.Tensor:
    """Pseudo-Huber distance."""
    return ((a - b).square() + c * c).sqrt().mean() - c


def main() -> None:
    """Distils (or goes on), then writes the averaged LoRA."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--model", "--latents", "--state", "--out"):
        parser.add_argument(name, required=True)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--rank", type=int, default=32)
    parser.add_argument("--alpha", type=float, default=32.0)
    parser.add_argument("--guidance", type=float, default=4.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    setup(args.threads, args.seed)
    tokenizer = load_tokenizer(args.model + "/tokenizer")
    encoder = CLIPTextModel.from_pretrained(args.model + "/text_encoder").float().eval()
    distiller, data = Distiller(args.model, args.rank, args.alpha), Shards(args.latents)
    run = Run(args.state, {"student": distiller.student}, distiller.trained, args.steps, args.rate,
              decay=0.98, warmup=30)
    distiller.target = [p.detach().clone() for p in distiller.trained]
    generator = torch.Generator().manual_seed(args.seed * 7919 + run.step)
    with torch.no_grad():
        empty = encoder(token_ids(tokenizer, [""])).last_hidden_state.expand(args.batch, -1, -1)
    while run.step < args.steps:
        latents, ids = data.batch(args.batch, 0.7, generator)
        with torch.no_grad():
            text = encoder(ids).last_hidden_state
        index = torch.randint(0, GRID, (args.batch,), generator=generator)
        times = distiller.times[index]
        before = torch.where(index > 0, distiller.times[(index - 1).clamp(min=0)], -1)
        root, rest = distiller._roots(times)
        noise = torch.randn(latents.shape, generator=generator)
        x = (root * latents + rest * noise).contiguous(memory_format=torch.channels_last)
        earlier = distiller.teach(x, times, before, text, empty, args.guidance)
        goal = distiller.goal(earlier, before, text)
        goal = torch.where((index == 0)[:, None, None, None], earlier, goal)
        guess = distiller.clean(x, distiller.student(x, times, text).sample, times)
        run.advance(huber(guess, goal))
        distiller.follow(0.95)
        if run.step % 50 == 0:
            run.report()
        if run.step % 200 == 0 or run.step == args.steps:
            run.save()
            run.average.swap()
            save_kohya(args.out, kohya(distiller.student, "lora_unet", args.alpha))
            run.average.swap()


if __name__ == "__main__":
    main()
