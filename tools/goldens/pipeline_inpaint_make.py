#!/usr/bin/env python3
"""Goldens of inpainting with an ordinary UNet: Tests/GoldenTests/Goldens/pipeline_inpaint.

The models are those of the fixture `pipeline`, which must exist. The mask is given at latent size.
"""

import json

import torch
from diffusers import StableDiffusionInpaintPipeline

from common import GOLDENS, SIZES, generator, normal, write
from pipeline_make import SD, Fixture
from sampler_make import CLASSES


def main():
    fixture = Fixture()
    cases, tensors = {}, {}
    h, w = SIZES["odd"]
    image = normal((1, 4, h, w), 81, 0.9)
    mask = torch.zeros(1, 1, h, w)
    mask[:, :, 2:7, 3:9] = 1
    pixels = mask.repeat_interleave(8, dim=2).repeat_interleave(8, dim=3)
    tensors |= {"image": image, "mask": mask}
    for kind, strength in [
        ("pndm", 1.0),
        ("ddim", 0.7),
        ("euler", 0.6),
        ("euler_a", 0.75),
        ("dpmpp_2m", 0.5),
        ("unipc", 0.8),
        ("lcm", 0.5),
    ]:
        pipe = fixture.pipeline(StableDiffusionInpaintPipeline, SD, None, False, None, None)
        pipe.scheduler = CLASSES[kind].from_config(pipe.scheduler.config)
        result = pipe(
            prompt_embeds=fixture.embeds[:1],
            negative_prompt_embeds=fixture.embeds[1:],
            image=image,
            mask_image=pixels,
            masked_image_latents=image,
            height=h * 8,
            width=w * 8,
            strength=strength,
            num_inference_steps=10,
            guidance_scale=5.0,
            generator=generator(23),
            output_type="latent",
        ).images
        name = f"{kind}.{strength}"
        tensors[f"{name}.latents"] = result
        cases[name] = {"kind": kind, "strength": strength}
    write("pipeline_inpaint", {"none": torch.zeros(1)}, tensors)
    (GOLDENS / "pipeline_inpaint" / "weights.safetensors").unlink()
    (GOLDENS / "pipeline_inpaint" / "cases.json").write_text(
        json.dumps(cases, indent=0, sort_keys=True) + "\n"
    )


if __name__ == "__main__":
    main()
