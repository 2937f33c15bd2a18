"""LoRA for training, and kohya-style files as the real ones have them.

A LoRA is registered as a parametrisation of the weight, so a step costs one small product per
layer and not a second convolution; switched off, the model is the untouched base.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils import parametrize

ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
LCM_TARGETS = (
    *ATTENTION,
    "proj_in",
    "proj_out",
    "ff.net.0.proj",
    "ff.net.2",
    "conv1",
    "conv2",
    "conv_shortcut",
    "time_emb_proj",
    "downsamplers.0.conv",
    "upsamplers.0.conv",
)
TEXT_TARGETS = ("q_proj", "k_proj", "v_proj", "out_proj")


class Delta(nn.Module):
    """Adds the scaled product of two thin matrices to a weight."""

    def __init__(self, weight: torch.Tensor, rank: int, alpha: float):
        super().__init__()
        self.scale, self.on = alpha / rank, True
        self.down = nn.Parameter(torch.empty(rank, *weight.shape[1:]))
        self.up = nn.Parameter(torch.zeros(weight.shape[0], rank, *[1] * (weight.dim() - 2)))
        nn.init.kaiming_uniform_(self.down, a=5**0.5)

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """The changed weight, or the weight itself while switched off."""
        if not self.on:
            return weight
        change = self.up.flatten(1) @ self.down.flatten(1)
        return weight + self.scale * change.view(weight.shape)


class Lora:
    """All LoRA layers of one model."""

    def __init__(self, model: nn.Module, targets, rank: int, alpha: float):
        model.requires_grad_(False)
        self.alpha, self.layers = alpha, {}
        for name, module in list(model.named_modules()):
            if name.endswith(tuple("." + t for t in targets)):
                delta = Delta(module.weight, rank, alpha)
                parametrize.register_parametrization(module, "weight", delta)
                self.layers[name] = delta
        self.module = nn.ModuleList(self.layers.values())

    @contextmanager
    def off(self):
        """The base model, for the length of a `with` block."""
        for delta in self.layers.values():
            delta.on = False
        yield
        for delta in self.layers.values():
            delta.on = True

    @torch.no_grad()
    def load(self, weights: dict[str, torch.Tensor], prefix: str) -> None:
        """Takes weights under kohya's names, of the same rank and alpha."""
        for name, delta in self.layers.items():
            key = prefix + "_" + name.replace(".", "_")
            delta.down.copy_(weights[f"{key}.lora_down.weight"])
            delta.up.copy_(weights[f"{key}.lora_up.weight"])

    def kohya(self, prefix: str) -> dict[str, torch.Tensor]:
        """The weights under kohya's names, in half precision."""
        found = {}
        for name, delta in self.layers.items():
            key = prefix + "_" + name.replace(".", "_")
            found[f"{key}.alpha"] = torch.tensor(self.alpha, dtype=torch.float16)
            found[f"{key}.lora_down.weight"] = delta.down.detach().half().contiguous()
            found[f"{key}.lora_up.weight"] = delta.up.detach().half().contiguous()
        return found


def save_kohya(path: str | Path, weights: dict[str, torch.Tensor]) -> None:
    """Writes a kohya LoRA file."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, path)
    Path(path).chmod(0o644)
