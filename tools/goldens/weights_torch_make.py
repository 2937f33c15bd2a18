#!/usr/bin/env python3
"""Makes the files of torch.save that Tests/WeightsTests/Fixtures/torch holds.

Run from anywhere: `python tools/goldens/weights_torch_make.py`
"""

import argparse
import collections
import sys
import types

import numpy as np
import torch
from safetensors.torch import save_file

from common import WEIGHT_FIXTURES, fresh_folder
from made_with import record_script


def torch_files():
    folder = fresh_folder(WEIGHT_FIXTURES / "torch")
    g = torch.Generator().manual_seed(1)
    grid = torch.randn(6, 5, generator=g)
    cube = torch.randn(3, 4, 5, generator=g)
    kinds = collections.OrderedDict(
        float32=grid,
        float64=grid.double(),
        float16=grid.half(),
        bfloat16=grid.bfloat16(),
        int64=torch.arange(-3, 4),
        int32=torch.arange(5, dtype=torch.int32),
        int16=torch.tensor([-7, 7], dtype=torch.int16),
        int8=torch.tensor([-128, 127], dtype=torch.int8),
        uint8=torch.tensor([0, 255], dtype=torch.uint8),
        bool=torch.tensor([True, False, True]),
        scalar=torch.tensor(2.5),
        empty=torch.zeros(0, 3),
        parameter=torch.nn.Parameter(grid.clone()),
    )
    views = {
        "transposed": grid.t(),
        "sliced": grid[1:4, 2:4],
        "stepped": grid[::2, ::3],
        "permuted": cube.permute(2, 0, 1),
        "expanded": grid[0].expand(3, 5),
        "offset": grid[2],
        "half_transposed": grid.half().t(),
        "shared": grid,
        "channels_last": torch.randn(2, 3, 4, 5, generator=g).to(memory_format=torch.channels_last),
    }
    nested = {
        "image_proj": {"proj.weight": grid, "norm": {"bias": cube[0, 0]}},
        "ip_adapter": collections.OrderedDict({"1": {"to_k": cube[1]}}),
    }

    # Classes of other packages, as Lightning checkpoints carry them: they exist only while the file
    # is made.
    lightning = types.ModuleType("pytorch_lightning.callbacks.model_checkpoint")
    model_checkpoint = type("ModelCheckpoint", (), {"__module__": lightning.__name__})
    lightning.ModelCheckpoint = model_checkpoint
    for name in ("pytorch_lightning", "pytorch_lightning.callbacks"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules[lightning.__name__] = lightning
    callback = model_checkpoint()
    callback.__dict__.update(best=torch.tensor(0.5), path="x.ckpt")
    checkpoint = {
        "epoch": 3,
        "global_step": 875000,
        "pytorch-lightning_version": "1.4.2",
        "callbacks": {
            model_checkpoint: {"monitor": "val", "best": np.float64(0.25)},
            "object": callback,
        },
        "hyper_parameters": argparse.Namespace(lr=1e-4),
        "optimizer_states": [{"state": {0: {"exp_avg": grid}}}],
        "state_dict": collections.OrderedDict(
            {"model.weight": grid, "model.bias": cube[0, 0], "foreign": callback}
        ),
    }
    checkpoint["state_dict"]._metadata = collections.OrderedDict({"": {"version": 1}})
    torch.save(kinds, folder / "kinds.pt")
    torch.save(views, folder / "views.pt")
    torch.save(nested, folder / "nested.bin")
    torch.save(checkpoint, folder / "lightning.ckpt")
    torch.save({"a": grid}, folder / "legacy.pt", _use_new_zipfile_serialization=False)
    torch.save(grid, folder / "bare.pt")
    torch.jit.save(
        torch.jit.trace(torch.nn.Linear(1, 1), torch.zeros(1, 1)), str(folder / "script.pt")
    )
    norms = {
        f"down_blocks.0.resnets.{i}.norm{j}": {
            "weight": torch.randn(4, generator=g),
            "bias": torch.randn(4, generator=g),
        }
        for i in (0, 1)
        for j in (1, 2)
    }
    torch.save(
        {k: collections.OrderedDict(v) for k, v in norms.items()}, folder / "groupnorm_nested.pt"
    )
    torch.save(
        {f"{k}.{n}": t for k, v in norms.items() for n, t in v.items()},
        folder / "groupnorm_flat.pt",
    )

    def plain(tensors):
        return {k: v.detach().clone().contiguous() for k, v in tensors.items()}

    save_file(plain(kinds), folder / "kinds.safetensors")
    save_file(plain(views), folder / "views.safetensors")
    save_file(
        {f"{k}.{n}": t for k, v in norms.items() for n, t in v.items()},
        folder / "groupnorm.safetensors",
    )
    save_file(
        plain(
            {
                "image_proj.proj.weight": grid,
                "image_proj.norm.bias": cube[0, 0],
                "ip_adapter.1.to_k": cube[1],
            }
        ),
        folder / "nested.safetensors",
    )


if __name__ == "__main__":
    torch_files()
    record_script(WEIGHT_FIXTURES / "torch")
