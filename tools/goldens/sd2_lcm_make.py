#!/usr/bin/env python3
"""Makes the tiny SD 2.x and the tiny latent-consistency UNet of Tests/NodesTests/Goldens/{sd2,lcm},
and what diffusers draws.

Run with torch 2.13, diffusers 0.42.1 and transformers, after image_tiny_model.py:
    python tools/goldens/sd2_lcm_make.py
The latent-consistency model is a UNet and a scheduler alone; everything else is that of
Tests/NodesTests/Goldens/tiny.
"""

import json
import shutil

import diffusers
import torch
from diffusers import (
    DDIMScheduler,
    LatentConsistencyModelPipeline,
    LCMScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from safetensors.torch import save_file

from common import seed_weights
from made_with import record_script
from tiny_families import (
    NEGATIVE,
    PROMPT,
    ROOT,
    autoencoder,
    fresh,
    generator,
    halves,
    save_checkpoint,
    save_numbers,
    save_scheduler,
    single_file,
    text_encoder,
    vocabularies,
)

SIZE = {"height": 64, "width": 96}
ODD = {"height": 88, "width": 72}
BARE = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}


def draw(pipe, **options):
    defaults = {
        "prompt": PROMPT,
        "negative_prompt": NEGATIVE,
        "guidance_scale": 5.0,
        "num_inference_steps": 5,
        "generator": generator(3),
        "output_type": "latent",
    }
    return pipe(**(defaults | SIZE | options)).images


def sd2():
    folder = fresh("sd2")
    _, padded, count = vocabularies()
    unet = seed_weights(
        UNet2DConditionModel(
            sample_size=96,
            layers_per_block=1,
            block_out_channels=(64, 64),
            norm_num_groups=32,
            attention_head_dim=(1, 1),
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            cross_attention_dim=64,
            use_linear_projection=True,
        ),
        11,
    )
    scheduler = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type="v_prediction",
    )
    scheduler.register_to_config(skip_prk_steps=True)
    pipe = StableDiffusionPipeline(
        vae=autoencoder(12, 0.18215, 768),
        text_encoder=text_encoder(count, 13, 64, 2, "gelu"),
        tokenizer=padded,
        unet=unet,
        scheduler=scheduler,
        **BARE,
    )
    pipe.set_progress_bar_config(disable=True)
    save_checkpoint(pipe, folder / "model")
    # diffusers 0.42 looks for the final norm where transformers had it before version 5.6.
    object.__setattr__(pipe.text_encoder, "text_model", pipe.text_encoder)
    expected = {
        "text": draw(pipe),
        "odd": draw(pipe, **ODD, negative_prompt=None),
        "clip_skip": draw(pipe, clip_skip=1),
        "picture": torch.from_numpy(draw(pipe, output_type="np")).permute(0, 3, 1, 2),
    }
    for name, kind in {
        "euler": "EulerDiscreteScheduler",
        "dpmpp_2m": "DPMSolverMultistepScheduler",
        "lcm": "LCMScheduler",
    }.items():
        pipe.scheduler = getattr(diffusers, kind).from_config(scheduler.config)
        expected[f"sampler.{name}"] = draw(pipe, **ODD)
    pipe.scheduler = scheduler
    single_file(pipe, folder, [PROMPT, NEGATIVE, ""], "sd2")
    expected["single"] = draw(pipe)
    expected["single_odd"] = draw(pipe, **ODD, negative_prompt=None)
    save_numbers(expected, folder / "expected.safetensors")


def lcm():
    folder = fresh("lcm")
    base = StableDiffusionPipeline.from_pretrained(ROOT / "tiny" / "model", safety_checker=None)
    unet = seed_weights(
        UNet2DConditionModel(
            sample_size=8,
            layers_per_block=1,
            block_out_channels=(16, 32),
            norm_num_groups=8,
            attention_head_dim=4,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            cross_attention_dim=32,
            time_cond_proj_dim=64,
        ),
        21,
    )
    scheduler = LCMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=True,
        steps_offset=1,
    )
    parts = {
        "vae": base.vae,
        "text_encoder": base.text_encoder,
        "tokenizer": base.tokenizer,
        "unet": unet,
    }
    pipe = LatentConsistencyModelPipeline(**parts, scheduler=scheduler, **BARE)
    pipe.set_progress_bar_config(disable=True)
    unet.save_pretrained(folder / "unet")
    save_scheduler(scheduler, folder / "scheduler")
    save_file(
        halves(unet),
        folder / "unet" / "diffusion_pytorch_model.safetensors",
        metadata={"format": "pt"},
    )
    shutil.copy(ROOT / "tiny" / "model" / "model_index.json", folder)
    index = json.loads((folder / "model_index.json").read_text())
    index |= {
        "_class_name": "LatentConsistencyModelPipeline",
        "scheduler": ["diffusers", "LCMScheduler"],
    }
    (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")

    def latents(pipe=pipe, **options):
        defaults = {
            "prompt": PROMPT,
            "num_inference_steps": 4,
            "generator": generator(3),
            "output_type": "latent",
        }
        return pipe(**(defaults | SIZE | options)).images

    # The general pipeline tells the UNet the guidance in the same way.
    general = StableDiffusionPipeline(
        **parts, scheduler=DDIMScheduler.from_config(scheduler.config), **BARE
    )
    general.set_progress_bar_config(disable=True)
    save_numbers(
        {
            "text": latents(guidance_scale=8.5),
            "odd": latents(**ODD, guidance_scale=1.0, num_inference_steps=8),
            "batch": latents(guidance_scale=8.5, num_images_per_prompt=2, height=64, width=64),
            "ddim": latents(general, guidance_scale=8.5, num_inference_steps=5),
        },
        folder / "expected.safetensors",
    )


if __name__ == "__main__":
    sd2()
    lcm()
    for name in ("sd2", "lcm"):
        record_script(ROOT / name)
