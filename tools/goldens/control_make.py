#!/usr/bin/env python3
"""Makes the goldens of ControlNet and T2I-Adapter: residuals and features at square and odd sizes.

Run from anywhere: `python tools/goldens/control_make.py [name]...`
"""

import sys

import torch
from diffusers import ControlNetModel, T2IAdapter

from common import half_state, normal, seed_weights, write

CONTROLNETS = {
    "sd1": dict(
        block_out_channels=(8, 16, 24),
        cross_attention_dim=20,
        attention_head_dim=4,
        norm_num_groups=4,
        layers_per_block=1,
        conditioning_embedding_out_channels=(4, 8, 12, 16),
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
    ),
    "sdxl": dict(
        block_out_channels=(8, 16),
        cross_attention_dim=20,
        attention_head_dim=(1, 2),
        norm_num_groups=4,
        use_linear_projection=True,
        transformer_layers_per_block=(1, 2),
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=16 + 6 * 8,
        conditioning_embedding_out_channels=(4, 8, 12),
        controlnet_conditioning_channel_order="bgr",
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
    ),
    "pooled": dict(
        block_out_channels=(8, 16),
        cross_attention_dim=12,
        attention_head_dim=2,
        norm_num_groups=4,
        layers_per_block=1,
        conditioning_embedding_out_channels=(4, 8),
        global_pool_conditions=True,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
    ),
}
ADAPTERS = {
    "full": dict(channels=[8, 12, 16, 16], downscale_factor=4, adapter_type="full_adapter"),
    "full_xl": dict(channels=[8, 12, 16, 16], downscale_factor=4, adapter_type="full_adapter_xl"),
    "light": dict(
        channels=[8, 12, 16],
        downscale_factor=4,
        adapter_type="light_adapter",
        num_res_blocks=3,
        in_channels=1,
    ),
}


def make_controlnet(name):
    config = CONTROLNETS[name]
    model = seed_weights(ControlNetModel(**config), seed=800 + len(name))
    scale = 2 ** (len(config["conditioning_embedding_out_channels"]) - 1)
    cases = {}
    runs = {
        "square": ((8, 8), 1, 1.0, False),
        "odd": ((9, 13), 2, 0.7, False),
        "guess": ((5, 11), 1, 0.9, True),
    }
    for index, (case, (size, batch, weight, guess)) in enumerate(runs.items()):
        inputs = {
            "sample": normal((batch, 4, *size), 810 + index),
            "timestep": torch.tensor([300.0 + index]),
            "text": normal((batch, 6, config["cross_attention_dim"]), 820 + index),
            "image": normal((batch, 3, size[0] * scale, size[1] * scale), 830 + index).sigmoid(),
            "scale": torch.tensor([weight]),
        }
        call = {}
        if model.config.addition_embed_type == "text_time":
            inputs["pooled"] = normal((batch, 16), 840 + index)
            inputs["time_ids"] = torch.tensor([[256.0, 384.0, 0.0, 8.0, 72.0, 104.0]] * batch)
            call["added_cond_kwargs"] = {
                "text_embeds": inputs["pooled"],
                "time_ids": inputs["time_ids"],
            }
        with torch.no_grad():
            down, mid = model(
                inputs["sample"],
                300 + index,
                inputs["text"],
                inputs["image"],
                conditioning_scale=weight,
                guess_mode=guess,
                return_dict=False,
                **call,
            )
        cases.update({f"{case}.{key}": value for key, value in inputs.items()})
        cases.update({f"{case}.down.{level}": value for level, value in enumerate(down)})
        cases[f"{case}.mid"] = mid
    write(f"controlnet_{name}", half_state(model), cases, model.config)


def make_adapter(name):
    model = seed_weights(T2IAdapter(**ADAPTERS[name]), seed=900 + len(name))
    cases = {}
    channels = ADAPTERS[name].get("in_channels", 3)
    for index, (case, size) in enumerate(
        {"square": (32, 32), "odd": (36, 60), "tall": (52, 20)}.items()
    ):
        image = normal((1 + index % 2, channels, *size), 910 + index).sigmoid()
        with torch.no_grad():
            features = model(image)
        cases[f"{case}.image"] = image
        cases.update({f"{case}.feature.{level}": value for level, value in enumerate(features)})
    write(f"t2i_{name}", half_state(model), cases, model.config)


if __name__ == "__main__":
    makers = {name: make_controlnet for name in CONTROLNETS} | {
        name: make_adapter for name in ADAPTERS
    }
    for name in sys.argv[1:] or makers:
        makers[name](name)
