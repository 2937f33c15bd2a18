"""What every training script shares: resumable state, schedule, moving average, the log; and what
the scripts that train an adapter share: the command line and the finished model.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from text import load_tokenizer


def learning_rate(
    step: int, progress: float, peak: float, warmup: int = 100, floor: float = 0.02
) -> float:
    """Linear warm-up over `warmup` steps; a cosine over the whole from `peak` to `floor * peak`."""
    cosine = 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))
    return peak * min(1.0, (step + 1) / max(1, warmup)) * (floor + (1.0 - floor) * cosine)


class Average:
    """Exponential moving average of parameters, with a short memory at the start."""

    def __init__(self, parameters, decay: float):
        self.parameters = list(parameters)
        self.decay = decay
        self.shadow = [p.detach().clone() for p in self.parameters]

    @torch.no_grad()
    def update(self, step: int) -> None:
        keep = min(self.decay, (1.0 + step) / (10.0 + step))
        torch._foreach_lerp_(self.shadow, [p.detach() for p in self.parameters], 1.0 - keep)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchanges the averaged values with the live ones (call twice to undo)."""
        for mean, p in zip(self.shadow, self.parameters):
            held = p.detach().clone()
            p.copy_(mean)
            mean.copy_(held)


class Run:
    """State of one training: modules, optimiser, average, step and seconds; kept in one file.

    It is over after `total` steps, or after `minutes` of processor time where that is given: the
    learning rate then falls with the time that is used up; waiting for a busy processor is free.
    """

    def __init__(
        self,
        path: str | Path,
        modules: dict,
        parameters,
        total: int,
        peak: float,
        decay: float = 0.999,
        weight_decay: float = 0.0,
        warmup: int = 100,
        minutes: float = 0.0,
    ):
        self.path, self.modules, self.total, self.peak = Path(path), modules, total, peak
        self.warmup, self.minutes = warmup, minutes
        self.parameters = [p for p in parameters if p.requires_grad]
        self.optimiser = torch.optim.AdamW(
            self.parameters, lr=peak, betas=(0.9, 0.99), weight_decay=weight_decay, foreach=True
        )
        self.average = Average(self.parameters, decay)
        self.step, self.seconds, self.losses = 0, 0.0, []
        self.started, self.saved = time.process_time(), time.time()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            self._load()

    def progress(self) -> float:
        """How much of the training is done, from 0 to 1."""
        if self.minutes:
            return min(1.0, self.elapsed() / (60 * self.minutes))
        return min(1.0, self.step / self.total)

    def done(self) -> bool:
        """Whether the training is over."""
        return self.progress() >= 1.0

    def _load(self) -> None:
        state = torch.load(self.path, weights_only=True)
        for name, module in self.modules.items():
            module.load_state_dict(state[name])
        self.optimiser.load_state_dict(state["optimiser"])
        for mean, held in zip(self.average.shadow, state["average"]):
            mean.copy_(held)
        self.step, self.seconds = state["step"], state["seconds"]
        print(f"resumed at step {self.step}", flush=True)

    def elapsed(self) -> float:
        """Seconds of processor time so far, earlier runs included."""
        return self.seconds + time.process_time() - self.started

    def generator(self, seed: int) -> torch.Generator:
        """Random numbers that follow from the seed and the step at which this session begins."""
        return torch.Generator().manual_seed(seed * 7919 + self.step)

    def save(self) -> None:
        """Writes the whole state; a stop in between leaves the earlier file whole."""
        state = {name: module.state_dict() for name, module in self.modules.items()}
        state |= {
            "optimiser": self.optimiser.state_dict(),
            "average": self.average.shadow,
            "step": self.step,
            "seconds": self.elapsed(),
        }
        draft = self.path.with_suffix(".part")
        torch.save(state, draft)
        os.replace(draft, self.path)
        self.saved = time.time()

    def save_if_due(self, seconds: float = 90.0) -> bool:
        """Saves if the last time is that long ago; whether it did."""
        due = time.time() - self.saved > seconds
        if due:
            self.save()
        return due

    def advance(self, loss: torch.Tensor, clip: float = 1.0) -> None:
        """One optimiser step on `loss`."""
        rate = learning_rate(self.step, self.progress(), self.peak, self.warmup)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, clip)
        self.optimiser.step()
        self.step += 1
        self.average.update(self.step)
        self.losses.append(float(loss.detach()))

    def report(self, **figures) -> None:
        """One JSON line: step, seconds, mean loss since the last line, and other figures."""
        mean = sum(self.losses) / max(1, len(self.losses))
        self.losses.clear()
        line = {
            "step": self.step,
            "seconds": round(self.elapsed()),
            "loss": round(mean, 5),
        } | figures
        print(json.dumps(line), flush=True)


def setup(threads: int, seed: int) -> None:
    """Fixes the seed and the number of threads."""
    torch.set_num_threads(threads)
    torch.manual_seed(seed)


def adapter_parser(text: str, paths: tuple[str, ...], **defaults) -> argparse.ArgumentParser:
    """The options of a script that trains an adapter: required paths, then numbers with defaults.

    Every default becomes an option of its own type.  Always there: what to start from, how long to
    train where that is not in steps, threads and seed.
    """
    parser = argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in paths:
        parser.add_argument(name, required=True)
    for name, value in (defaults | {"threads": 1, "seed": 1}).items():
        parser.add_argument("--" + name, type=type(value), default=value)
    parser.add_argument("--start", default="", help="a finished adapter of this kind to go on from")
    parser.add_argument("--minutes", type=float, default=0.0, help="processor time; 0: by steps")
    return parser


@dataclass(frozen=True)
class Base:
    """A finished model that an adapter is trained on."""

    tokenizer: CLIPTokenizer
    encoder: CLIPTextModel
    unet: UNet2DConditionModel


def load_base(folder: str, layout: torch.memory_format = torch.channels_last) -> Base:
    """The model in `folder` in single precision, text encoder and UNet frozen."""
    encoder = CLIPTextModel.from_pretrained(folder + "/text_encoder").float().eval()
    unet = UNet2DConditionModel.from_pretrained(folder, subfolder="unet").float()
    return Base(
        load_tokenizer(folder + "/tokenizer"),
        encoder.requires_grad_(False),
        unet.to(memory_format=layout).requires_grad_(False),
    )
