#!/usr/bin/env python3
"""Makes the goldens of one training step: Tests/GoldenTests/Goldens/gradients_{sd1,sdxl}.

The models are those of unet_make.py, in double precision. Trained are ResAdapter's parameters: a
low-rank change of the samplers' convolutions, and gain and offset of the residual blocks' group
norms.

cases.safetensors holds "sample", "timesteps", "text", ("pooled", "time_ids"), "target", "loss", and
for each parameter "value.<name>" where it is not in the model's own weights, "gradient.<name>", and
"after.<name>": what five steps of AdamW on the same batch make of it.
"""

import json

import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file

from common import GOLDENS, normal, write

RANK = 4
SCALE = 0.5


class LowRank(torch.nn.Module):
    """A convolution with a trainable change of its weights."""

    def __init__(self, conv: torch.nn.Conv2d, seed: int):
        super().__init__()
        self.conv = conv
        down = normal((RANK, conv.in_channels, 3, 3), seed) / 10
        up = normal((conv.out_channels, RANK, 1, 1), seed + 1) / 10
        self.down, self.up = torch.nn.Parameter(down.double()), torch.nn.Parameter(up.double())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        narrow = torch.nn.functional.conv2d(
            x, self.down, stride=self.conv.stride, padding=self.conv.padding
        )
        return self.conv(x) + SCALE * torch.nn.functional.conv2d(narrow, self.up)


def trainable(unet: UNet2DConditionModel) -> dict[str, torch.nn.Parameter]:
    """Puts low-rank changes into the samplers, and lists all parameters of a ResAdapter."""
    unet.requires_grad_(False)
    parameters = {}
    for name, module in list(unet.named_modules()):
        if name.endswith(("downsamplers.0", "upsamplers.0")):
            module.conv = LowRank(module.conv, seed=100 + 2 * len(parameters))
            parameters[f"{name}.conv.down"], parameters[f"{name}.conv.up"] = (
                module.conv.down,
                module.conv.up,
            )
        elif ".resnets." in name and name.endswith(("norm1", "norm2")):
            for part in ("weight", "bias"):
                parameters[f"{name}.{part}"] = getattr(module, part).requires_grad_(True)
    return parameters


def make(family: str) -> None:
    folder = GOLDENS / f"unet_{family}"
    config = json.loads((folder / "config.json").read_text())
    unet = UNet2DConditionModel.from_config(config)
    unet.load_state_dict(
        {key: value.float() for key, value in load_file(folder / "weights.safetensors").items()}
    )
    unet = unet.double().eval()
    parameters = trainable(unet)
    tensors = {
        "sample": normal((2, 4, 16, 12), 1),
        "timesteps": torch.tensor([17.0, 803.0]),
        "text": normal((2, 5, config["cross_attention_dim"]), 2),
        "target": normal((2, 4, 16, 12), 3),
    }
    added = None
    if config["addition_embed_type"] == "text_time":
        width = (
            config["projection_class_embeddings_input_dim"] - 6 * config["addition_time_embed_dim"]
        )
        tensors["pooled"] = normal((2, width), 4)
        tensors["time_ids"] = torch.tensor(
            [[128.0, 96, 0, 0, 128, 96], [100.0, 110, 4, 8, 128, 96]]
        )
        added = {"text_embeds": tensors["pooled"].double(), "time_ids": tensors["time_ids"]}

    def loss_of_batch() -> torch.Tensor:
        prediction = unet(
            tensors["sample"].double(),
            tensors["timesteps"],
            encoder_hidden_states=tensors["text"].double(),
            added_cond_kwargs=added,
        ).sample
        return torch.nn.functional.mse_loss(prediction, tensors["target"].double())

    loss = loss_of_batch()
    loss.backward()
    tensors["loss"] = loss.detach().float().reshape(1)
    for name, parameter in parameters.items():
        if name.endswith((".down", ".up")):
            tensors[f"value.{name}"] = parameter.detach().float()
        tensors[f"gradient.{name}"] = parameter.grad.float()
    optimizer = torch.optim.AdamW(
        parameters.values(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.1, eps=1e-8
    )
    for _ in range(5):
        optimizer.zero_grad()
        loss_of_batch().backward()
        optimizer.step()
    for name, parameter in parameters.items():
        tensors[f"after.{name}"] = parameter.detach().float()
    write(f"gradients_{family}", weights={}, cases=tensors)


if __name__ == "__main__":
    for family in ("sd1", "sdxl"):
        make(family)
