#!/usr/bin/env python3
"""Makes the tiny Stable Diffusion of Tests/NodesTests/Goldens/tiny, its adapters, and what
diffusers draws with it.

Run from the repository root, with torch, diffusers 0.42.1 and transformers installed:
    python tools/goldens/image_tiny_model.py
The weights are random; they prove that the engine computes what diffusers computes, nothing else.
"""

import json
import re
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    LCMScheduler,
    PNDMScheduler,
    StableDiffusionAdapterPipeline,
    StableDiffusionControlNetPipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
    T2IAdapter,
    UNet2DConditionModel,
)
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from made_with import record_script

FOLDER = Path("Tests/NodesTests/Goldens/tiny")
PROMPT = "a red lighthouse on a hill, (very) detailed"
NEGATIVE = "blue light"


def byte_alphabet():
    """GPT-2's printable stand-ins for bytes."""
    plain = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return [chr(byte) for byte in plain] + [chr(256 + index) for index in range(len(others))]


def tokenizer():
    letters = byte_alphabet()
    vocabulary = letters + [letter + "</w>" for letter in letters]
    merges = [
        ("r", "e"),
        ("re", "d</w>"),
        ("l", "i"),
        ("li", "g"),
        ("lig", "h"),
        ("h", "o"),
        ("ho", "u"),
        ("s", "e</w>"),
    ]
    vocabulary += [a + b for a, b in merges] + ["<|startoftext|>", "<|endoftext|>"]
    folder = Path(tempfile.mkdtemp())
    (folder / "vocab.json").write_text(
        json.dumps({token: index for index, token in enumerate(vocabulary)})
    )
    (folder / "merges.txt").write_text(
        "#version: 0.2\n" + "\n".join(" ".join(pair) for pair in merges) + "\n"
    )
    return CLIPTokenizer(
        str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77
    ), len(vocabulary)


def pipeline():
    torch.manual_seed(0)
    tokens, count = tokenizer()
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=count,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=3,
            num_attention_heads=4,
            bos_token_id=count - 2,
            eos_token_id=count - 1,
            pad_token_id=count - 1,
            projection_dim=32,
        )
    )
    unet = UNet2DConditionModel(
        sample_size=8,
        layers_per_block=1,
        block_out_channels=(16, 32),
        norm_num_groups=8,
        attention_head_dim=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=32,
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 16, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        norm_num_groups=8,
        sample_size=64,
    )
    scheduler = PNDMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        skip_prk_steps=True,
        steps_offset=1,
    )
    return StableDiffusionPipeline(
        vae=vae,
        text_encoder=text,
        tokenizer=tokens,
        unet=unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def kohya(name, down, up, alpha):
    name = "lora_unet_" + name.replace(".", "_")
    return {
        f"{name}.alpha": torch.tensor(alpha).half(),
        f"{name}.lora_down.weight": down.half(),
        f"{name}.lora_up.weight": up.half(),
    }


def adapters(unet):
    """A ResAdapter as released, one for SDXL's shapes, and an LCM-LoRA."""
    draw = torch.Generator().manual_seed(1)
    resadapter, norms, fast = {}, {}, {}
    for key, weight in unet.state_dict().items():
        if match := re.match(r"(.*(?:down|up)samplers\.0\.conv)\.weight$", key):
            resadapter |= kohya(
                match[1],
                torch.randn(4, weight.shape[1], 3, 3, generator=draw) * 0.1,
                torch.randn(weight.shape[0], 4, 1, 1, generator=draw) * 0.3,
                2.0,
            )
        elif re.search(r"resnets\.\d+\.norm[12]\.(weight|bias)$", key):
            norms[key] = weight + torch.randn(weight.shape, generator=draw) * 0.3
        elif match := re.match(r"(.*attn[12]\.to_[qkv])\.weight$", key):
            fast |= kohya(
                match[1],
                torch.randn(4, weight.shape[1], generator=draw) * 0.2,
                torch.randn(weight.shape[0], 4, generator=draw) * 0.3,
                2.0,
            )
    foreign = kohya(
        "down_blocks.0.downsamplers.0.conv", torch.randn(4, 24, 3, 3), torch.randn(24, 4, 1, 1), 2.0
    )
    for name, tensors in [
        ("resadapter_v2_sd1.5", resadapter),
        ("resadapter_v2_sdxl", foreign),
        ("lcm-lora", fast),
    ]:
        (FOLDER / name).mkdir()
        save_file(tensors, FOLDER / name / "pytorch_lora_weights.safetensors")
    save_file(norms, FOLDER / "resadapter_v2_sd1.5/diffusion_pytorch_model.safetensors")
    return norms


def seed(number):
    return torch.Generator().manual_seed(number)


def latents(pipe, **options):
    options = {
        "negative_prompt": NEGATIVE,
        "guidance_scale": 7.5,
        "num_inference_steps": 5,
    } | options
    return pipe(PROMPT, output_type="latent", **options).images


def photo():
    y, x = np.mgrid[0:50, 0:70]
    pixels = np.stack([x * 3.5, y * 5, 128 + 100 * np.sin(x / 6)], -1).clip(0, 255).astype(np.uint8)
    return Image.fromarray(pixels)


def randomised(model, number):
    """Gives every weight of a model, also those that start at zero, a share of noise."""
    draw = torch.Generator().manual_seed(number)
    for weight in model.parameters():
        weight.data += torch.randn(weight.shape, generator=draw) * 0.05
    return model.eval()


def controlled(pipe, picture, expected):
    """Pictures steered by a ControlNet, two of them, and a T2I-Adapter."""
    net = randomised(
        ControlNetModel.from_unet(pipe.unet, conditioning_embedding_out_channels=(8, 8, 16, 16)), 11
    )
    net.save_pretrained(FOLDER / "controlnet")
    sizes = {"height": 64, "width": 96}
    single = StableDiffusionControlNetPipeline(
        **pipe.components, controlnet=net, requires_safety_checker=False
    )
    expected["control"] = latents(
        single,
        image=picture,
        generator=seed(3),
        controlnet_conditioning_scale=0.8,
        control_guidance_end=0.6,
        **sizes,
    )
    expected["guess"] = latents(single, image=picture, generator=seed(3), guess_mode=True, **sizes)
    double = StableDiffusionControlNetPipeline(
        **pipe.components, controlnet=[net, net], requires_safety_checker=False
    )
    expected["two_controls"] = latents(
        double,
        image=[picture, picture.rotate(180)],
        generator=seed(3),
        controlnet_conditioning_scale=[0.5, 0.7],
        control_guidance_start=[0.0, 0.4],
        **sizes,
    )
    torch.manual_seed(12)
    adapter = T2IAdapter(
        channels=[16, 32], num_res_blocks=1, downscale_factor=8, adapter_type="full_adapter"
    ).eval()
    adapter.save_pretrained(FOLDER / "t2i-adapter")
    parts = {name: part for name, part in pipe.components.items() if name != "image_encoder"}
    steered = StableDiffusionAdapterPipeline(
        **parts, adapter=adapter, requires_safety_checker=False
    )
    expected["adapter"] = latents(
        steered, image=picture, generator=seed(3), adapter_conditioning_scale=0.9, **sizes
    )


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    pipe = pipeline()
    pipe.save_pretrained(FOLDER / "model")
    norms = adapters(pipe.unet)
    photo().save(FOLDER / "photo.png")
    expected = {}
    expected["text"] = latents(pipe, height=64, width=96, generator=seed(3))
    expected["odd"] = latents(pipe, height=88, width=72, generator=seed(4), negative_prompt=None)
    expected["batch"] = latents(
        pipe, height=64, width=64, generator=seed(5), num_images_per_prompt=2
    )
    picture = pipe(
        PROMPT,
        negative_prompt=NEGATIVE,
        height=64,
        width=96,
        num_inference_steps=5,
        generator=seed(3),
        output_type="np",
    ).images
    expected["picture"] = torch.from_numpy(picture).permute(0, 3, 1, 2).contiguous()
    image_pipe = StableDiffusionImg2ImgPipeline(**pipe.components, requires_safety_checker=False)
    resized = photo().resize((96, 64), Image.Resampling.LANCZOS)
    expected["from_image"] = image_pipe(
        PROMPT,
        image=resized,
        negative_prompt=NEGATIVE,
        strength=0.6,
        guidance_scale=7.5,
        num_inference_steps=5,
        generator=seed(6),
        output_type="latent",
    ).images
    mask = Image.new("L", (96, 64), 0)
    mask.paste(255, (30, 12, 77, 51))
    mask.save(FOLDER / "mask.png")
    painter = StableDiffusionInpaintPipeline(**pipe.components, requires_safety_checker=False)
    for name, strength in [("painted", 1.0), ("retouched", 0.6)]:
        expected[name] = latents(
            painter,
            image=resized,
            mask_image=mask,
            height=64,
            width=96,
            strength=strength,
            generator=seed(8),
        )
    controlled(pipe, resized, expected)
    pipe.load_lora_weights(FOLDER / "resadapter_v2_sd1.5", adapter_name="wide")
    pipe.set_adapters(["wide"], [0.7])
    pipe.unet.load_state_dict(norms, strict=False)
    expected["resadapter"] = latents(pipe, height=64, width=96, generator=seed(3))
    pipe.load_lora_weights(FOLDER / "lcm-lora", adapter_name="fast")
    pipe.set_adapters(["wide", "fast"], [0.7, 1.0])
    pipe.scheduler = LCMScheduler.from_config(pipe.scheduler.config)
    expected["lcm"] = latents(
        pipe, height=64, width=96, generator=seed(3), guidance_scale=1.0, num_inference_steps=4
    )
    save_file(
        {name: tensor.contiguous() for name, tensor in expected.items()},
        FOLDER / "expected.safetensors",
    )
    for name, tensor in expected.items():
        print(name, tuple(tensor.shape), float(tensor.abs().max()))


if __name__ == "__main__":
    main()
    record_script(FOLDER)
