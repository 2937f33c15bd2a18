#!/usr/bin/env python3
"""Makes one LoRA for the tiny Stable Diffusion in every spelling of keys, and what diffusers draws
with it.

Writes Tests/NodesTests/Goldens/lora. The tiny model is the one of image_tiny_model.py, and the
second LoRA that of pairs.py; run these first. Run from the repository root: `python
tools/goldens/lora_pipeline_make.py`
"""

import shutil
from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import save_file

from made_with import record_script

GOLDENS = Path("Tests/NodesTests/Goldens")
FOLDER = GOLDENS / "lora"
PROMPT = "a red lighthouse on a hill, (very) detailed"
NEGATIVE = "blue light"
ALPHA, RANK = 3.0, 4


def load():
    pipe = StableDiffusionPipeline.from_pretrained(
        GOLDENS / "tiny/model", safety_checker=None, requires_safety_checker=False
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def modules(pipe):
    """The adapted modules: (prefix, path, down, up). The up matrices carry alpha / rank for
    spellings without alpha."""
    draw = torch.Generator().manual_seed(31)
    for prefix, model, endings in [
        ("unet", pipe.unet, ("to_q", "to_k", "to_v", "to_out.0")),
        ("text_encoder", pipe.text_encoder, ("q_proj", "out_proj")),
    ]:
        for name, module in model.named_modules():
            if name.endswith(endings) and "attn" in name:
                rows, columns = module.weight.shape
                down = torch.randn(RANK, columns, generator=draw) * 0.2
                yield (
                    prefix,
                    name,
                    down.half(),
                    (torch.randn(rows, RANK, generator=draw) * 0.4).half(),
                )


def original(name):
    """The UNet's path in the original code; the tiny model has one layer per block."""
    parts = name.split(".")
    rest = "_".join(parts[4 if parts[0] != "mid_block" else 3 :])
    if parts[0] == "mid_block":
        return f"middle_block_1_{rest}"
    block, layer = int(parts[1]), int(parts[3])
    if parts[0] == "down_blocks":
        return f"input_blocks_{1 + block * 2 + layer}_1_{rest}"
    return f"output_blocks_{block * 2 + layer}_1_{rest}"


def spellings(pipe):
    files = {name: {} for name in ("kohya", "kohya-original", "peft", "diffusers", "diffusers-old")}
    alpha, scale = torch.tensor(ALPHA).half(), ALPHA / RANK
    for prefix, name, down, up in modules(pipe):
        # A text encoder saved by recent transformers has lost its outer member.
        if prefix == "text_encoder" and not name.startswith("text_model."):
            name = "text_model." + name
        scaled = (up.float() * scale).half()
        flat = name.replace(".", "_")
        kohya = "lora_te" if prefix == "text_encoder" else "lora_unet"
        old = original(name) if prefix == "unet" else flat
        for file, path in [("kohya", flat), ("kohya-original", old)]:
            files[file] |= {
                f"{kohya}_{path}.lora_down.weight": down,
                f"{kohya}_{path}.lora_up.weight": up,
                f"{kohya}_{path}.alpha": alpha,
            }
        files["peft"] |= {
            f"{prefix}.{name}.lora_A.weight": down,
            f"{prefix}.{name}.lora_B.weight": scaled,
        }
        if prefix == "unet":
            files["diffusers"] |= {
                f"unet.{name}.lora.down.weight": down,
                f"unet.{name}.lora.up.weight": scaled,
            }
            place, part = name.removesuffix(".0").rsplit(".", 1)
            files["diffusers-old"] |= {
                f"unet.{place}.processor.{part}_lora.down.weight": down,
                f"unet.{place}.processor.{part}_lora.up.weight": scaled,
            }
        else:
            files["diffusers"] |= {
                f"text_encoder.{name}.lora_linear_layer.down.weight": down,
                f"text_encoder.{name}.lora_linear_layer.up.weight": scaled,
            }
            place, part = name.rsplit(".", 1)
            part = {"q_proj": "to_q", "out_proj": "to_out"}[part]
            files["diffusers-old"] |= {
                f"text_encoder.{place}.{part}_lora.down.weight": down,
                f"text_encoder.{place}.{part}_lora.up.weight": scaled,
            }
    for name, tensors in files.items():
        save_file(
            {key: tensor.clone() for key, tensor in tensors.items()}, FOLDER / f"{name}.safetensors"
        )


@torch.no_grad()
def draw(pipe):
    return pipe(
        PROMPT,
        negative_prompt=NEGATIVE,
        height=64,
        width=96,
        num_inference_steps=5,
        guidance_scale=7.5,
        generator=torch.Generator().manual_seed(3),
        output_type="latent",
    ).images.contiguous()


def with_lora(file, weight):
    pipe = load()
    pipe.load_lora_weights(FOLDER / file, adapter_name="a")
    pipe.set_adapters(["a"], [weight])
    return draw(pipe)


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    spellings(load())
    expected = {"one": with_lora("peft.safetensors", 0.7)}
    # The original block names are for SDXL files only in diffusers; all others must agree.
    for file in ("kohya", "diffusers", "diffusers-old"):
        other = with_lora(f"{file}.safetensors", 0.7)
        assert torch.allclose(other, expected["one"], atol=5e-3), (
            file,
            (other - expected["one"]).abs().max(),
        )
    pipe = load()
    pipe.load_lora_weights(FOLDER / "peft.safetensors", adapter_name="a")
    pipe.load_lora_weights(GOLDENS / "pairs/lora-sd15", adapter_name="b")
    pipe.set_adapters(["a", "b"], [0.6, 0.5])
    expected["two"] = draw(pipe)
    pipe = load()
    pipe.load_lora_weights(FOLDER / "peft.safetensors", adapter_name="a")
    pipe.set_adapters(
        ["a"],
        adapter_weights=[
            {"unet": {"down": 0.3, "mid": 0.0, "up": {"block_1": [0.5, 0.8]}}, "text_encoder": 0.6}
        ],
    )
    expected["blocks"] = draw(pipe)
    save_file(expected, FOLDER / "expected.safetensors")
    for name, tensor in expected.items():
        print(name, float(tensor.abs().max()), float((tensor - expected["one"]).abs().max()))


main()
record_script(FOLDER)
