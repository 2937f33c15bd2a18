#!/usr/bin/env python3
"""Goldens of MultiDiffusion, from diffusers' panorama pipeline: Tests/GoldenTests/Goldens/multi.

The models are those of the fixture `pipeline`, which must exist. The pipeline's windows are 64
latent pixels every 8; most cases give it smaller ones, which is quicker. All sizes are such that
its windows cover them. Only samplers without noise of their own are compared: with noise the
pipeline draws it per window and averages it away.
"""

import functools
import json

import torch
from diffusers import StableDiffusionPanoramaPipeline

from common import GOLDENS, generator, write
from pipeline_make import SD, Fixture
from sampler_make import CLASSES

CASES = {
    "paper": ("ddim", 64, 80, 64, 8),
    "ddim": ("ddim", 24, 40, 16, 4),
    "pndm": ("pndm", 16, 40, 16, 8),
    "euler": ("euler", 24, 24, 16, 8),
    "heun": ("heun", 16, 32, 16, 16),
    "dpmpp_2m": ("dpmpp_2m", 24, 40, 16, 4),
    "unipc": ("unipc", 32, 16, 16, 4),
    "small": ("ddim", 8, 24, 16, 4),
}


def main():
    fixture = Fixture()
    cases, tensors = {}, {}
    for name, (kind, height, width, window, stride) in CASES.items():
        pipe = fixture.pipeline(StableDiffusionPanoramaPipeline, SD, None, False, None, None)
        pipe.scheduler = CLASSES[kind].from_config(pipe.scheduler.config)
        pipe.get_views = functools.partial(pipe.get_views, window_size=window, stride=stride)
        tensors[f"{name}.latents"] = pipe(
            prompt=None,
            prompt_embeds=fixture.embeds[:1],
            negative_prompt_embeds=fixture.embeds[1:],
            height=height * 8,
            width=width * 8,
            num_inference_steps=6,
            guidance_scale=5.0,
            generator=generator(29),
            output_type="latent",
        ).images
        cases[name] = {"kind": kind, "size": [height, width], "window": window, "stride": stride}
    write("multi", {"none": torch.zeros(1)}, tensors)
    (GOLDENS / "multi" / "weights.safetensors").unlink()
    (GOLDENS / "multi" / "cases.json").write_text(
        json.dumps(cases, indent=0, sort_keys=True) + "\n"
    )


if __name__ == "__main__":
    main()
