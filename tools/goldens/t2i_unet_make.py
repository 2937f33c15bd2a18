#!/usr/bin/env python3
"""Makes the goldens of T2I-Adapters on UNets that their layouts were not released for.

diffusers hands features to whatever UNet has places for them; nothing ties a layout to a model
family. Run from anywhere: `python tools/goldens/t2i_unet_make.py [name]...`
"""

import sys

import torch
from diffusers import T2IAdapter, UNet2DConditionModel

from common import GOLDENS, half_state, normal, seed_weights, write
from made_with import record_script

COMMON = dict(cross_attention_dim=20, attention_head_dim=4, norm_num_groups=4, layers_per_block=1)
PLAIN_FIRST = dict(
    COMMON,
    block_out_channels=(8, 12, 16),
    down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
)
ATTENDING = dict(
    COMMON,
    block_out_channels=(8, 12, 16),
    down_block_types=("CrossAttnDownBlock2D",) * 3,
    up_block_types=("CrossAttnUpBlock2D",) * 3,
)
CASES = {
    # SDXL's layout on a model with one text encoder: a feature for each level, with and without the
    # middle.
    "xl_middle": (
        PLAIN_FIRST,
        dict(channels=[8, 12, 16, 16], downscale_factor=16, adapter_type="full_adapter_xl"),
    ),
    "xl_levels": (
        PLAIN_FIRST,
        dict(
            channels=[8, 12, 16], downscale_factor=16, adapter_type="full_adapter_xl", in_channels=1
        ),
    ),
    # Fewer features than levels.
    "full_two": (
        ATTENDING,
        dict(channels=[8, 12], downscale_factor=8, adapter_type="full_adapter", num_res_blocks=1),
    ),
    "light": (
        ATTENDING,
        dict(channels=[8, 12], downscale_factor=8, adapter_type="light_adapter", num_res_blocks=1),
    ),
}


def make(name):
    of_unet, of_adapter = CASES[name]
    if name == "light":
        # Its last feature repeats the width of the one before.
        of_unet = dict(of_unet, block_out_channels=(8, 12, 12))
    unet = seed_weights(UNet2DConditionModel(**of_unet), seed=950 + len(name))
    adapter = seed_weights(T2IAdapter(**of_adapter), seed=960 + len(name))
    cases = {}
    for index, (case, size) in enumerate({"square": (64, 64), "odd": (48, 80)}.items()):
        image = normal((1, adapter.config.in_channels, *size), 970 + index).sigmoid()
        sample = normal((1, 4, size[0] // 8, size[1] // 8), 980 + index)
        text = normal((1, 5, of_unet["cross_attention_dim"]), 990 + index)
        with torch.no_grad():
            features = adapter(image)
            output = unet(
                sample,
                321,
                text,
                down_intrablock_additional_residuals=[feature.clone() for feature in features],
            )
        cases |= {
            f"{case}.image": image,
            f"{case}.sample": sample,
            f"{case}.text": text,
            f"{case}.output": output.sample,
        }
    weights = half_state(unet, "unet.") | half_state(adapter, "adapter_model.")
    configs = {"unet": dict(unet.config), "adapter": dict(adapter.config)}
    for config in configs.values():
        config.pop("_use_default_values", None)
    write(f"t2i_unet_{name}", weights, cases, configs)


def make_one_level():
    """An adapter for the first level alone of the tiny model of image_tiny_model.py."""
    adapter = seed_weights(
        T2IAdapter(channels=[16], num_res_blocks=1, downscale_factor=8), seed=970
    )
    folder = GOLDENS.parents[1] / "NodesTests" / "Goldens" / "t2i-one-level"
    adapter.half().save_pretrained(folder)
    (folder / "diffusion_pytorch_model.safetensors").chmod(0o644)
    record_script(folder)


if __name__ == "__main__":
    for name in sys.argv[1:] or CASES:
        make(name)
    make_one_level()
