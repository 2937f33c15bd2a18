#!/usr/bin/env python3
"""Makes IP-Adapters and an image encoder for the tiny Stable Diffusion, and what diffusers draws
with them.

Writes Tests/NodesTests/Goldens/ip-adapter. The tiny model is the one of image_tiny_model.py; run
that first. Run from the repository root: `python tools/goldens/ip_pipeline_make.py`
"""

import shutil
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from diffusers.image_processor import IPAdapterMaskProcessor
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from ip_make import attention_shapes, projector_shapes, tensors
from made_with import record_script

TINY = Path("Tests/NodesTests/Goldens/tiny")
FOLDER = Path("Tests/NodesTests/Goldens/ip-adapter")
PROMPT = "a red lighthouse on a hill, (very) detailed"
NEGATIVE = "blue light"
SIDE, HIDDEN, EMBED = 32, 24, 20


def image_encoder(side, hidden, embed, seed):
    torch.manual_seed(seed)
    model = CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=hidden,
            intermediate_size=48,
            num_hidden_layers=3,
            num_attention_heads=4,
            image_size=side,
            patch_size=8,
            projection_dim=embed,
            hidden_act="gelu",
        )
    )
    for weight in model.parameters():
        weight.data = (weight + 0.1 * torch.randn(weight.shape)).half().float()
    return model.eval()


def save_encoder(model, folder):
    model.half().save_pretrained(folder)
    model.float()


def adapters(unet, text):
    """One of each kind, as the released files are: flat safetensors, or a nested pickle."""
    made = {}
    for kind, clip, seed in [("base", EMBED, 720), ("plus", HIDDEN, 730), ("full", HIDDEN, 740)]:
        made[kind] = {
            "image_proj": tensors(projector_shapes(kind, clip, text), seed),
            "ip_adapter": tensors(attention_shapes(unet), seed + 1),
        }
    for kind in ("base", "full"):
        flat = {
            f"{group}.{key}": value
            for group, part in made[kind].items()
            for key, value in part.items()
        }
        save_file(flat, FOLDER / f"ip-adapter-{kind}.safetensors")
    torch.save(made["plus"], FOLDER / "ip-adapter-plus.bin")
    foreign = {
        "image_proj": tensors(projector_shapes("base", EMBED, 2 * text), 750),
        "ip_adapter": {
            key: torch.cat([value, value], 1) for key, value in made["base"]["ip_adapter"].items()
        },
    }
    flat = {
        f"{group}.{key}": value for group, part in foreign.items() for key, value in part.items()
    }
    save_file(flat, FOLDER / "ip-adapter-foreign.safetensors")


def pictures():
    y, x = np.mgrid[0:50, 0:70]
    first = np.stack([x * 3.5, y * 5, 128 + 100 * np.sin(x / 6)], -1)
    y, x = np.mgrid[0:61, 0:37]
    second = np.stack([255 - y * 4, 128 + 120 * np.cos(x * y / 40), x * 6], -1)
    made = [Image.fromarray(pixels.clip(0, 255).astype(np.uint8)) for pixels in (first, second)]
    for name, picture in zip(("wide", "tall"), made):
        picture.save(FOLDER / f"{name}.png")
    return made


def masks():
    """A left and a right part of 96x64, not touching."""
    made = []
    for name, box in [("left", (0, 8, 40, 64)), ("right", (52, 0, 96, 50))]:
        mask = Image.new("L", (96, 64), 0)
        mask.paste(255, box)
        mask.save(FOLDER / f"mask-{name}.png")
        made.append(mask)
    return made


def preprocessing(wide, tall, expected):
    """Pixels of the encoder, by its default and by configurations that change everything."""
    own = CLIPImageProcessorPil(size=SIDE, crop_size=SIDE)
    other = CLIPImageProcessorPil(
        size={"height": 20, "width": 28},
        crop_size={"height": 24, "width": 25},
        resample=2,
        image_mean=[0.5, 0.4, 0.3],
        image_std=[0.5, 0.25, 0.2],
    )
    plain = CLIPImageProcessorPil(size=40, do_center_crop=False, do_normalize=False, resample=1)
    for name, processor in [("own", own), ("other", other), ("plain", plain)]:
        processor.save_pretrained(FOLDER / f"preprocessor-{name}")
        for picture, shape in [(wide, "wide"), (tall, "tall")]:
            expected[f"pixels.{name}.{shape}"] = processor(
                picture, return_tensors="pt"
            ).pixel_values
    return own


def load(names, processor, encoder, scale):
    pipe = StableDiffusionPipeline.from_pretrained(
        TINY / "model",
        safety_checker=None,
        requires_safety_checker=False,
        image_encoder=encoder,
        feature_extractor=processor,
    )
    files = {
        "base": "ip-adapter-base.safetensors",
        "plus": "ip-adapter-plus.bin",
        "full": "ip-adapter-full.safetensors",
    }
    pipe.load_ip_adapter(
        str(FOLDER),
        subfolder=[""] * len(names),
        weight_name=[files[name] for name in names],
        image_encoder_folder=None,
        low_cpu_mem_usage=False,
    )
    pipe.set_ip_adapter_scale(scale)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def draw(pipe, images, **options):
    options = {
        "negative_prompt": NEGATIVE,
        "guidance_scale": 7.5,
        "num_inference_steps": 5,
        "height": 64,
        "width": 96,
        "generator": torch.Generator().manual_seed(3),
    } | options
    with torch.no_grad():
        return pipe(PROMPT, ip_adapter_image=images, output_type="latent", **options).images


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    base = StableDiffusionPipeline.from_pretrained(
        TINY / "model", safety_checker=None, requires_safety_checker=False
    )
    text = base.unet.config.cross_attention_dim
    adapters(base.unet, text)
    encoder = image_encoder(SIDE, HIDDEN, EMBED, 1)
    save_encoder(encoder, FOLDER / "image_encoder")
    save_encoder(image_encoder(SIDE, 28, 12, 2), FOLDER / "image_encoder-other")
    wide, tall = pictures()
    expected = {}
    processor = preprocessing(wide, tall, expected)
    left, right = IPAdapterMaskProcessor().preprocess(masks(), height=64, width=96)
    for name in ("base", "plus", "full"):
        expected[name] = draw(load([name], processor, encoder, 0.7), [wide])
    pipe = load(["base"], processor, encoder, 0.8)
    expected["unguided"] = draw(pipe, [wide], guidance_scale=1.0)
    expected["several"] = draw(pipe, [[wide, tall]])
    expected["batch"] = draw(pipe, [wide], num_images_per_prompt=2)
    pipe.set_ip_adapter_scale([[0.8, 0.8]])
    both = torch.stack([left, right], 1)
    expected["masked"] = draw(
        pipe, [[wide, tall]], cross_attention_kwargs={"ip_adapter_masks": [both]}
    )
    expected["stacked"] = draw(load(["base", "plus"], processor, encoder, [0.5, 0.6]), [wide, tall])
    save_file(
        {name: tensor.contiguous() for name, tensor in expected.items()},
        FOLDER / "expected.safetensors",
    )
    for name, tensor in expected.items():
        print(name, tuple(tensor.shape), float(tensor.abs().max()))


main()
record_script(FOLDER)
