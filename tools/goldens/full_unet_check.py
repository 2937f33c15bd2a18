#!/usr/bin/env python3
"""Compares a full-size UNet of Stable Diffusion 1.5 with diffusers, with and without a real
ResAdapter.

  python tools/goldens/full_unet_check.py make FOLDER [--adapter ADAPTER] [--side 96]...

writes a seeded random UNet (float16, about 1.7 GB), inputs, and what diffusers 0.42 predicts in
float32 with the bare model and with the adapter at weight 1.0. FOLDER must lie outside the
repository. Then

  RESGRAPH_FULL_UNET=FOLDER swift test -c release -Xswiftc -enable-testing --filter
  FullSizeUNetTests

compares. One prediction of 96x96 latents takes torch about half a minute on two idle cores.
"""

import argparse
import json
import os
import pathlib
import time

import torch
from diffusers import UNet2DConditionModel
from diffusers.loaders import StableDiffusionLoraLoaderMixin
from safetensors.torch import load_file, save_file

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
RELEASED = REPOSITORY.parent / "shared/data/resadapter/resadapter_v1_sd1.5"
CONFIG = dict(cross_attention_dim=768, attention_head_dim=8, sample_size=64)


def build(folder):
    torch.manual_seed(15)
    model = UNet2DConditionModel(**CONFIG).eval().requires_grad_(False)
    for parameter in model.parameters():
        parameter.data = parameter.data.half().float()
    target = folder / "unet"
    target.mkdir(parents=True, exist_ok=True)
    save_file(
        {k: v.half() for k, v in model.state_dict().items()},
        target / "diffusion_pytorch_model.safetensors",
    )
    config = {
        key: value for key, value in dict(model.config).items() if key != "_use_default_values"
    }
    (target / "config.json").write_text(json.dumps(config, indent=2))
    return model


def apply(model, adapter):
    """As the adapter's authors use it: the LoRA through diffusers' loader, the norms
    overwritten."""
    state, alphas = StableDiffusionLoraLoaderMixin.lora_state_dict(
        str(adapter), unet_config=model.config
    )
    StableDiffusionLoraLoaderMixin.load_lora_into_unet(state, alphas, model)
    norms = load_file(adapter / "diffusion_pytorch_model.safetensors")
    unexpected = model.load_state_dict(norms, strict=False).unexpected_keys
    assert not unexpected, unexpected[:3]


def predict(model, cases, label, sides):
    for side in sides:
        seconds = time.time()
        with torch.no_grad():
            output = model(cases[f"{side}.sample"], 481, cases[f"{side}.text"]).sample
        cases[f"{side}.{label}"] = output
        print(
            f"{side}x{side} {label}: {time.time() - seconds:.1f} s in torch, "
            f"largest {output.abs().max():.4f}",
            flush=True,
        )


def make(arguments):
    folder = arguments.folder.resolve()
    assert not folder.is_relative_to(REPOSITORY), "choose a folder outside the repository"
    model = build(folder)
    cases = {}
    for side in arguments.side:
        source = torch.Generator().manual_seed(side)
        cases[f"{side}.sample"] = torch.randn((1, 4, side, side), generator=source)
        cases[f"{side}.text"] = torch.randn((1, 77, 768), generator=source)
    predict(model, cases, "bare", arguments.side)
    apply(model, arguments.adapter)
    predict(model, cases, "adapted", arguments.side)
    save_file(
        {name: tensor.contiguous() for name, tensor in cases.items()}, folder / "cases.safetensors"
    )
    (folder / "adapter.txt").write_text(str(arguments.adapter.resolve()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=["make"])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--adapter", type=pathlib.Path, default=RELEASED)
    parser.add_argument("--side", type=int, nargs="+", default=[64, 96])
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    make(parser.parse_args())
