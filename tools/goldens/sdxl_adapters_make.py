#!/usr/bin/env python3
"""Makes adapters for the tiny SDXL of sdxl_make.py, and what diffusers draws with them:
Tests/NodesTests/Goldens/sdxl-adapters.

Run after sdxl_make.py, image_tiny_model.py and ip_pipeline_make.py, with torch 2.13, diffusers
0.42.1, transformers and peft:
    python tools/goldens/sdxl_adapters_make.py
"""

import re

import torch
from diffusers import (
    ControlNetModel,
    LCMScheduler,
    StableDiffusionXLAdapterPipeline,
    StableDiffusionXLControlNetPipeline,
    T2IAdapter,
)
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPVisionModelWithProjection
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from common import generator, seed_weights
from ip_make import attention_shapes, projector_shapes, tensors
from ldm_names import unet_module
from made_with import record_script
from sdxl_make import draw, pipeline
from tiny_families import ROOT, fresh, halves, save_numbers

UNET = re.compile(
    r".*(attn[12]\.to_[qkv]|attn2\.to_out\.0|ff\.net\.(0\.proj|2)|proj_in|conv1|conv_shortcut|time_emb_proj|samplers\.0\.conv)"
)
TEXT = re.compile(r".*(q_proj|out_proj|fc1)")


def modules(model, pattern):
    return [
        (name, module.weight) for name, module in model.named_modules() if pattern.fullmatch(name)
    ]


def factors(weight, rank, draw, strength=0.3):
    """Down and up matrices for a weight."""
    kernel = weight.shape[2:]
    down = torch.randn(rank, weight.shape[1], *kernel, generator=draw) * (
        0.9 / weight[0].numel() ** 0.5
    )
    return down.half(), (
        torch.randn(weight.shape[0], rank, *[1] * len(kernel), generator=draw) * strength
    ).half()


def kohya(name, pair, alpha):
    return {
        f"{name}.lora_down.weight": pair[0],
        f"{name}.lora_up.weight": pair[1],
        f"{name}.alpha": torch.tensor(alpha).half(),
    }


def text_name(name):
    return name if name.startswith("text_model.") else "text_model." + name


def loras(pipe, folder):
    """One style in the two spellings of SDXL trainers: kohya's with the original block names, and
    PEFT's."""
    source = generator(31)
    original, peft = {}, {}
    for name, weight in modules(pipe.unet, UNET):
        module = (
            unet_module(name + ".weight", pipe.unet.config)
            .removesuffix(".weight")
            .replace(".", "_")
        )
        original |= kohya("lora_unet_" + module, factors(weight, 2, source), 1.0)
        if "attn" in name:
            down, up = factors(weight, 3, source)
            peft |= {f"unet.{name}.lora_A.weight": down, f"unet.{name}.lora_B.weight": up}
    for number, part in enumerate(("text_encoder", "text_encoder_2"), 1):
        for name, weight in modules(getattr(pipe, part), TEXT):
            original |= kohya(
                f"lora_te{number}_" + text_name(name).replace(".", "_"),
                factors(weight, 2, source),
                1.0,
            )
            down, up = factors(weight, 3, source)
            peft |= {
                f"{part}.{text_name(name)}.lora_A.weight": down,
                f"{part}.{text_name(name)}.lora_B.weight": up,
            }
    save_file(original, folder / "lora-kohya.safetensors")
    save_file(peft, folder / "lora-peft.safetensors")


def resadapter(pipe, folder):
    """The two files of a released ResAdapter, and an LCM-LoRA on attentions and on the same
    samplers."""
    source = generator(32)
    wide, fast, norms = {}, {}, {}
    for name, weight in modules(pipe.unet, re.compile(r".*(down|up)samplers\.0\.conv")):
        wide |= kohya("lora_unet_" + name.replace(".", "_"), factors(weight, 4, source, 0.6), 2.0)
        fast |= kohya("lora_unet_" + name.replace(".", "_"), factors(weight, 4, source), 2.0)
    for name, weight in modules(pipe.unet, re.compile(r".*attn[12]\.to_[qkv]")):
        fast |= kohya("lora_unet_" + name.replace(".", "_"), factors(weight, 4, source), 2.0)
    for key, weight in pipe.unet.state_dict().items():
        if re.search(r"resnets\.\d+\.norm[12]\.(weight|bias)$", key):
            norms[key] = weight + torch.randn(weight.shape, generator=source) * 0.3
    for name, adapter in [("resadapter_v2_sdxl", wide), ("lcm-lora", fast)]:
        (folder / name).mkdir()
        save_file(adapter, folder / name / "pytorch_lora_weights.safetensors")
    save_file(norms, folder / "resadapter_v2_sdxl/diffusion_pytorch_model.safetensors")
    return norms


def save_model(model, folder):
    model.save_pretrained(folder)
    save_file(
        halves(model), folder / "diffusion_pytorch_model.safetensors", metadata={"format": "pt"}
    )


def controls(pipe, folder, picture):
    """A ControlNet alone, guessing and twice, and a T2I-Adapter."""
    net = seed_weights(
        ControlNetModel.from_unet(pipe.unet, conditioning_embedding_out_channels=(8, 8, 16, 16)), 33
    )
    save_model(net, folder / "controlnet")
    parts = {
        name: part
        for name, part in pipe.components.items()
        if name not in ("image_encoder", "feature_extractor")
    }
    single = StableDiffusionXLControlNetPipeline(**parts, controlnet=net, add_watermarker=False)
    double = StableDiffusionXLControlNetPipeline(
        **parts, controlnet=[net, net], add_watermarker=False
    )
    adapter = seed_weights(
        T2IAdapter(
            channels=[32, 64, 64, 64],
            num_res_blocks=1,
            downscale_factor=16,
            adapter_type="full_adapter_xl",
        ),
        34,
    )
    save_model(adapter, folder / "t2i-adapter")
    steered = StableDiffusionXLAdapterPipeline(**parts, adapter=adapter)
    for one in (single, double, steered):
        one.set_progress_bar_config(disable=True)
    return {
        "control": draw(
            single, image=picture, controlnet_conditioning_scale=0.8, control_guidance_end=0.6
        ),
        "guess": draw(single, image=picture, guess_mode=True),
        "two_controls": draw(
            double,
            image=[picture, picture.rotate(180)],
            controlnet_conditioning_scale=[0.5, 0.7],
            control_guidance_start=[0.0, 0.4],
        ),
        "adapter": draw(steered, image=picture, adapter_conditioning_scale=0.9),
    }


def image_prompt(folder):
    """An IP-Adapter for the tiny image encoder of ip_pipeline_make.py."""
    others = ROOT / "ip-adapter"
    encoder = CLIPVisionModelWithProjection.from_pretrained(others / "image_encoder").float().eval()
    pipe = pipeline()
    pipe.register_modules(
        image_encoder=encoder,
        feature_extractor=CLIPImageProcessorPil.from_pretrained(others / "preprocessor-own"),
    )
    width = pipe.unet.config.cross_attention_dim
    parts = {
        "image_proj": tensors(projector_shapes("base", encoder.config.projection_dim, width), 760),
        "ip_adapter": tensors(attention_shapes(pipe.unet), 761),
    }
    flat = {f"{group}.{key}": value for group, part in parts.items() for key, value in part.items()}
    save_file(flat, folder / "ip-adapter-base.safetensors")
    pipe.load_ip_adapter(
        str(folder),
        subfolder="",
        weight_name="ip-adapter-base.safetensors",
        image_encoder_folder=None,
        low_cpu_mem_usage=False,
    )
    pipe.set_ip_adapter_scale(0.7)
    pipe.set_progress_bar_config(disable=True)
    return {"ip": draw(pipe, ip_adapter_image=[Image.open(others / "wide.png").convert("RGB")])}


def with_loras(folder, names, weights, norms=None):
    """A fresh pipeline with LoRAs on it; diffusers does not take a text encoder's LoRA off
    again."""
    pipe = pipeline()
    pipe.set_progress_bar_config(disable=True)
    for name in names:
        pipe.load_lora_weights(folder / name, adapter_name=name.split(".")[0])
    pipe.set_adapters([name.split(".")[0] for name in names], weights)
    if norms:
        pipe.unet.load_state_dict(norms, strict=False)
    return pipe


def main():
    folder = fresh("sdxl-adapters")
    pipe = pipeline()
    pipe.set_progress_bar_config(disable=True)
    loras(pipe, folder)
    norms = resadapter(pipe, folder)
    picture = Image.open(ROOT / "tiny" / "photo.png").resize((96, 64), Image.Resampling.LANCZOS)
    expected = controls(pipe, folder, picture) | image_prompt(folder)
    expected["lora_kohya"] = draw(with_loras(folder, ["lora-kohya.safetensors"], [0.8]))
    expected["lora_peft"] = draw(with_loras(folder, ["lora-peft.safetensors"], [0.8]))
    expected["resadapter"] = draw(with_loras(folder, ["resadapter_v2_sdxl"], [0.7], norms))
    fast = with_loras(folder, ["resadapter_v2_sdxl", "lcm-lora"], [0.7, 1.0], norms)
    fast.scheduler = LCMScheduler.from_config(fast.scheduler.config)
    expected["lcm"] = draw(fast, guidance_scale=1.0, num_inference_steps=4)
    save_numbers(expected, folder / "expected.safetensors")


if __name__ == "__main__":
    main()
    record_script(ROOT / "sdxl-adapters")
