#!/usr/bin/env python3
"""Makes tiny ControlNets as single files with the original names, and what diffusers computes with
them.

Writes Tests/NodesTests/Goldens/controlnet-file: a .pth as of the first models for SD 1.5, and a
.safetensors as of those for SD 2.x, which have no prefix. Head counts and norm groups are those of
the families: files do not tell them. Run from the repository root: `python
tools/goldens/controlnet_file_make.py`
"""

import re
import shutil
from pathlib import Path

import torch
from diffusers import ControlNetModel
from diffusers.loaders.single_file_utils import convert_controlnet_checkpoint
from safetensors.torch import save_file

from common import normal, seed_weights
from made_with import record_script

FOLDER = Path("Tests/NodesTests/Goldens/controlnet-file")
SHARED = {
    "block_out_channels": (32, 64),
    "layers_per_block": 1,
    "norm_num_groups": 32,
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
    "conditioning_embedding_out_channels": (4, 8, 12, 16),
}
CONFIGS = {
    "sd15": SHARED | {"cross_attention_dim": 24, "attention_head_dim": 8},
    "sd2": SHARED
    | {"cross_attention_dim": 40, "attention_head_dim": (1, 1), "use_linear_projection": True},
}
RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}


def original(name):
    """The name of a tensor in the original code, for one layer per block."""
    table = [
        (r"time_embedding\.linear_1\.", "time_embed.0."),
        (r"time_embedding\.linear_2\.", "time_embed.2."),
        (r"conv_in\.", "input_blocks.0.0."),
        (r"controlnet_mid_block\.", "middle_block_out.0."),
        (r"controlnet_cond_embedding\.conv_in\.", "input_hint_block.0."),
        (r"controlnet_cond_embedding\.conv_out\.", "input_hint_block.14."),
        (r"mid_block\.attentions\.0\.", "middle_block.1."),
    ]
    for pattern, new in table:
        if match := re.match(pattern, name):
            return new + name[match.end() :]
    if match := re.match(r"controlnet_cond_embedding\.blocks\.(\d+)\.", name):
        return f"input_hint_block.{2 * int(match[1]) + 2}." + name[match.end() :]
    if match := re.match(r"controlnet_down_blocks\.(\d+)\.", name):
        return f"zero_convs.{match[1]}.0." + name[match.end() :]
    if match := re.match(r"mid_block\.resnets\.(\d)\.(\w+)\.", name):
        return f"middle_block.{2 * int(match[1])}.{RESNET[match[2]]}." + name[match.end() :]
    match = re.match(r"down_blocks\.(\d+)\.(resnets|attentions|downsamplers)\.(\d+)\.", name)
    block, kind, rest = int(match[1]), match[2], name[match.end() :]
    if kind == "downsamplers":
        return f"input_blocks.{2 * block + 2}.0.op." + rest.removeprefix("conv.")
    if kind == "attentions":
        return f"input_blocks.{2 * block + 1}.1." + rest
    member, rest = rest.split(".", 1)
    return f"input_blocks.{2 * block + 1}.0.{RESNET[member]}." + rest


def make(name, config, prefix, expected):
    model = seed_weights(ControlNetModel(**config), 80 + len(name))
    state = {key: tensor.half() for key, tensor in model.state_dict().items()}
    renamed = {prefix + original(key): tensor for key, tensor in state.items()}
    back = convert_controlnet_checkpoint(renamed, config)
    assert {key: back[key].shape for key in back} == {key: state[key].shape for key in state}
    assert all(torch.equal(back[key], state[key]) for key in state)
    if prefix:
        torch.save(renamed, FOLDER / f"{name}.pth")
    else:
        save_file(renamed, FOLDER / f"{name}.safetensors")
    inputs = {
        "sample": normal((1, 4, 6, 10), 81),
        "text": normal((1, 7, config["cross_attention_dim"]), 82),
        "hint": normal((1, 3, 48, 80), 83).sigmoid(),
    }
    with torch.no_grad():
        down, middle = model(
            inputs["sample"],
            321,
            inputs["text"],
            inputs["hint"],
            conditioning_scale=0.7,
            return_dict=False,
        )
    values = inputs | {"mid": middle} | {f"down.{index}": value for index, value in enumerate(down)}
    expected |= {f"{name}.{key}": value.contiguous() for key, value in values.items()}


if __name__ == "__main__":
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    expected = {}
    make("sd15", CONFIGS["sd15"], "control_model.", expected)
    make("sd2", CONFIGS["sd2"], "", expected)
    save_file(expected, FOLDER / "expected.safetensors")
    record_script(FOLDER)
