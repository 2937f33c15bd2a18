#!/usr/bin/env python3
"""Writes Tests/TensorRuntimeTests/Fixtures/ops.json: small ops computed by torch in double
precision.

Run with torch 2.13.0 (CPU): python tools/goldens/ops_make.py
They prove the runtime's reference implementations, with which all faster ones are compared.
Inputs are float32 numbers; results are rounded to float32 once.
"""

import json
import pathlib

import torch
from torch.nn import functional

FIXTURE = pathlib.Path(__file__).parents[2] / "Tests/TensorRuntimeTests/Fixtures/ops.json"
torch.manual_seed(20)
cases = []


def draw(*shape, scale=1.0, shift=0.0):
    return (torch.randn(*shape) * scale + shift).float()


def packed(tensor):
    return {
        "shape": list(tensor.shape),
        "values": [float(f"{value:.9g}") for value in tensor.float().flatten().tolist()],
    }


def add(op, name, result, tensors, **options):
    cases.append(
        {
            "op": op,
            "name": name,
            "options": options,
            "result": packed(result),
            "tensors": {key: packed(value) for key, value in tensors.items()},
        }
    )


def conv(
    name,
    shape,
    outputs,
    kernel,
    stride=1,
    padding=(0, 0, 0, 0),
    bias=True,
    size=None,
    residual=False,
    channels=False,
    activation="none",
):
    """padding is top, left, bottom, right."""
    x, weight = draw(*shape), draw(outputs, shape[1], *kernel, scale=0.3)
    tensors = {"x": x, "weight": weight}
    y = x.double()
    if size:
        y = functional.interpolate(y, size=size, mode="nearest")
    top, left, bottom, right = padding
    y = functional.conv2d(
        functional.pad(y, (left, right, top, bottom)), weight.double(), stride=stride
    )
    if bias:
        tensors["bias"] = draw(outputs)
        y = y + tensors["bias"].double()[None, :, None, None]
    if channels:
        tensors["channels"] = draw(shape[0], outputs)
        y = y + tensors["channels"].double()[:, :, None, None]
    if residual:
        tensors["residual"] = draw(*y.shape)
        y = y + tensors["residual"].double()
    y = {"none": lambda v: v, "silu": functional.silu, "relu": functional.relu}[activation](y)
    add(
        "conv2d",
        name,
        y,
        tensors,
        stride=stride,
        padding=list(padding),
        size=list(size or ()),
        activation=activation,
    )


conv("3x3", (2, 5, 6, 7), 4, (3, 3), padding=(1, 1, 1, 1))
conv("1x1", (1, 6, 3, 5), 7, (1, 1))
conv("stride 2", (1, 4, 7, 8), 5, (3, 3), stride=2, padding=(1, 1, 1, 1))
conv("stride 2, right and bottom padding", (1, 3, 8, 6), 4, (3, 3), stride=2, padding=(0, 0, 1, 1))
conv("no bias, tall kernel", (1, 2, 6, 4), 3, (3, 2), padding=(1, 0, 1, 1), bias=False)
conv(
    "everything fused",
    (2, 4, 4, 5),
    6,
    (3, 3),
    padding=(1, 1, 1, 1),
    residual=True,
    channels=True,
    activation="silu",
)
conv("upsampled to an odd size", (1, 3, 4, 3), 4, (3, 3), padding=(1, 1, 1, 1), size=(7, 6))
conv("patches", (1, 3, 8, 8), 5, (4, 4), stride=4, bias=False)

for name, groups, eps, shift in [
    ("two channels each", 4, 1e-5, 0.0),
    ("large mean", 2, 1e-6, 100.0),
]:
    x, weight, bias = draw(2, 8, 3, 5, shift=shift), draw(8), draw(8)
    y = functional.group_norm(x.double(), groups, weight.double(), bias.double(), eps)
    add(
        "group_norm",
        name,
        y,
        {"x": x, "weight": weight, "bias": bias},
        groups=groups,
        eps=eps,
        activation="none",
    )
    add(
        "group_norm",
        name + ", silu",
        functional.silu(y),
        {"x": x, "weight": weight, "bias": bias},
        groups=groups,
        eps=eps,
        activation="silu",
    )

x, weight, bias = draw(2, 3, 10, shift=3.0), draw(10), draw(10)
add(
    "layer_norm",
    "tokens",
    functional.layer_norm(x.double(), (10,), weight.double(), bias.double(), 1e-5),
    {"x": x, "weight": weight, "bias": bias},
    eps=1e-5,
)

for name, lq, lk, heads, size, causal in [
    ("self", 9, 9, 2, 5, False),
    ("cross", 6, 4, 3, 8, False),
    ("causal", 7, 7, 2, 4, True),
]:
    q, k, v = draw(2, lq, heads * size), draw(2, lk, heads * size), draw(2, lk, heads * size)
    by_head = [t.double().unflatten(2, (heads, size)).transpose(1, 2) for t in (q, k, v)]
    y = functional.scaled_dot_product_attention(*by_head, is_causal=causal)
    add(
        "attention",
        name,
        y.transpose(1, 2).flatten(2),
        {"query": q, "key": k, "value": v},
        heads=heads,
        causal=causal,
    )

x, weight, bias, residual = draw(2, 3, 6), draw(8, 6), draw(8), draw(2, 3, 8)
y = functional.linear(x.double(), weight.double(), bias.double())
add("linear", "plain", y, {"x": x, "weight": weight, "bias": bias}, activation="none")
add(
    "linear",
    "residual and gelu",
    functional.gelu(y + residual.double()),
    {"x": x, "weight": weight, "bias": bias, "residual": residual},
    activation="gelu",
)
value, gate = y.chunk(2, dim=-1)
add("geglu", "halves", value * functional.gelu(gate), {"x": x, "weight": weight, "bias": bias})

x = draw(4, 16, scale=4.0)
for name, function in [
    ("silu", functional.silu),
    ("gelu", functional.gelu),
    ("relu", functional.relu),
    ("quickGELU", lambda v: v * torch.sigmoid(1.702 * v)),
]:
    add("activation", name, function(x.double()), {"x": x}, activation=name)
add("softmax", "rows", torch.softmax(x.double(), -1), {"x": x})

x = draw(1, 2, 5, 7)
for height, width in [(10, 14), (9, 13), (11, 20), (3, 4), (5, 7), (16, 29)]:
    add(
        "upsample",
        f"{height}x{width}",
        functional.interpolate(x, size=(height, width), mode="nearest"),
        {"x": x},
        size=[height, width],
    )
add(
    "upsample",
    "scale factor 2",
    functional.interpolate(x, scale_factor=2.0, mode="nearest"),
    {"x": x},
    size=[10, 14],
)
add("average_pool", "2x2", functional.avg_pool2d(x.double(), 2, 2), {"x": x}, kernel=2, stride=2)

FIXTURE.write_text(json.dumps({"torch": torch.__version__, "cases": cases}, separators=(",", ":")))
