#!/usr/bin/env python3
"""Makes the goldens of ResAdapter on the SD 1 shaped UNet of unet_make.py, in the released form of
two files.

Run from anywhere: `python tools/goldens/resadapter_make.py`
"""

import torch
from diffusers import UNet2DConditionModel
from diffusers.loaders import StableDiffusionLoraLoaderMixin
from safetensors.torch import save_file

from common import GOLDENS, generator, normal, seed_weights, write
from unet_make import CONFIGS

RANK, ALPHA = 4, 2.0


def lora_file(model, source):
    """Rank-4 updates of the sampler convolutions under the released names, alpha as a float16
    scalar."""
    state = {}
    for name, module in model.named_modules():
        if not name.endswith(("downsamplers.0.conv", "upsamplers.0.conv")):
            continue
        key = "lora_unet_" + name.replace(".", "_")
        down = torch.randn((RANK, module.in_channels, 3, 3), generator=source) * 0.15
        up = torch.randn((module.out_channels, RANK, 1, 1), generator=source) * 0.4
        state |= {key + ".lora_down.weight": down.half(), key + ".lora_up.weight": up.half()}
        state[key + ".alpha"] = torch.tensor(ALPHA).half()
    return state


def norm_file(model, source):
    state = {}
    for name, value in model.state_dict().items():
        if ".resnets." in name and (".norm1." in name or ".norm2." in name):
            state[name] = value + torch.randn(value.shape, generator=source) * 0.3
    return state


def make():
    folder = GOLDENS / "resadapter" / "adapter"
    folder.mkdir(parents=True, exist_ok=True)
    model = seed_weights(UNet2DConditionModel(**CONFIGS["sd1"]), seed=100 + len("sd1"))
    source = generator(880)
    norms = norm_file(model, source)
    save_file(lora_file(model, source), folder / "pytorch_lora_weights.safetensors")
    save_file(norms, folder / "diffusion_pytorch_model.safetensors")
    state, alphas = StableDiffusionLoraLoaderMixin.lora_state_dict(
        str(folder), unet_config=model.config
    )
    StableDiffusionLoraLoaderMixin.load_lora_into_unet(state, alphas, model, adapter_name="res")
    cases = {"sample": normal((2, 4, 9, 13), 881), "text": normal((2, 6, 24), 882)}

    def run(name, weight):
        model.set_adapters(["res"], [weight])
        with torch.no_grad():
            cases[name] = model(cases["sample"], 250, cases["text"]).sample

    run("lora_only", 1.0)
    assert not model.load_state_dict(norms, strict=False).unexpected_keys
    run("full", 1.0)
    run("half", 0.5)
    run("norms_only", 0.0)
    write("resadapter", {}, {f"odd.{name}": value for name, value in cases.items()})


if __name__ == "__main__":
    make()
