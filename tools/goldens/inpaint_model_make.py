#!/usr/bin/env python3
"""Makes a tiny denoiser of nine channels, as inpainting models have, and what diffusers paints with
it.

Writes Tests/NodesTests/Goldens/inpaint. All other parts are those of image_tiny_model.py; run that
first. Run from the repository root: `python tools/goldens/inpaint_model_make.py`
"""

import json
import shutil
from pathlib import Path

import torch
from diffusers import (
    ControlNetModel,
    StableDiffusionControlNetInpaintPipeline,
    StableDiffusionInpaintPipeline,
    UNet2DConditionModel,
)
from PIL import Image
from safetensors.torch import save_file

from common import seed_weights
from made_with import record_script

TINY = Path("Tests/NodesTests/Goldens/tiny")
FOLDER = Path("Tests/NodesTests/Goldens/inpaint")
PROMPT = "a red lighthouse on a hill, (very) detailed"
NEGATIVE = "blue light"
OPTIONS = {"safety_checker": None, "requires_safety_checker": False}


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    config = UNet2DConditionModel.load_config(TINY / "model/unet") | {"in_channels": 9}
    unet = seed_weights(UNet2DConditionModel.from_config(config), 90)
    unet.half().save_pretrained(FOLDER / "model/unet")
    unet.float()
    shutil.copytree(TINY / "model/scheduler", FOLDER / "model/scheduler")
    index = json.loads((TINY / "model/model_index.json").read_text())
    for part in ("text_encoder", "tokenizer", "vae"):
        index[part] = [None, None]
    (FOLDER / "model/model_index.json").write_text(json.dumps(index, indent=2) + "\n")
    photo = Image.open(TINY / "photo.png").convert("RGB").resize((96, 64), Image.Resampling.LANCZOS)
    mask = Image.open(TINY / "mask.png")
    net = ControlNetModel.from_pretrained(TINY / "controlnet")
    plain = StableDiffusionInpaintPipeline.from_pretrained(TINY / "model", unet=unet, **OPTIONS)
    steered = StableDiffusionControlNetInpaintPipeline.from_pretrained(
        TINY / "model", unet=unet, controlnet=net, **OPTIONS
    )
    expected = {}
    for name, pipe, options in [
        ("painted", plain, {"strength": 1.0}),
        ("retouched", plain, {"strength": 0.6}),
        (
            "controlled",
            steered,
            {"strength": 1.0, "control_image": photo, "controlnet_conditioning_scale": 0.8},
        ),
    ]:
        pipe.set_progress_bar_config(disable=True)
        with torch.no_grad():
            expected[name] = pipe(
                PROMPT,
                image=photo,
                mask_image=mask,
                height=64,
                width=96,
                negative_prompt=NEGATIVE,
                num_inference_steps=5,
                guidance_scale=7.5,
                generator=torch.Generator().manual_seed(8),
                output_type="latent",
                **options,
            ).images.contiguous()
        print(name, float(expected[name].abs().max()))
    save_file(expected, FOLDER / "expected.safetensors")


main()
record_script(FOLDER)
