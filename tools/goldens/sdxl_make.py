#!/usr/bin/env python3
"""Makes the tiny SDXL of Tests/NodesTests/Goldens/sdxl, its adapters, and what diffusers draws with
it.

Run with torch 2.13, diffusers 0.42.1, transformers and peft:
    python tools/goldens/sdxl_make.py
The weights are random; they prove that the engine computes what diffusers computes, nothing else.
"""

import diffusers
import torch
from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel

from common import seed_weights
from made_with import record_script
from tiny_families import (
    NEGATIVE,
    PROMPT,
    ROOT,
    SECOND,
    SECOND_NEGATIVE,
    autoencoder,
    fresh,
    generator,
    save_checkpoint,
    save_numbers,
    single_file,
    text_encoder,
    vocabularies,
)

SIZE = {"height": 64, "width": 96}
ODD = {"height": 88, "width": 72}


def unet():
    return seed_weights(
        UNet2DConditionModel(
            sample_size=16,
            layers_per_block=1,
            block_out_channels=(32, 64, 64),
            norm_num_groups=32,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            transformer_layers_per_block=(1, 1, 2),
            attention_head_dim=(1, 1, 1),
            cross_attention_dim=192,
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=256,
            projection_class_embeddings_input_dim=6 * 256 + 96,
        ),
        1,
    )


def pipeline():
    first, second, count = vocabularies()
    scheduler = EulerDiscreteScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        interpolation_type="linear",
        timestep_spacing="leading",
        steps_offset=1,
        use_karras_sigmas=False,
    )
    # The released configuration has members of other schedulers, which count when one of them is
    # made from it.
    scheduler.register_to_config(
        clip_sample=False, sample_max_value=1.0, set_alpha_to_one=False, skip_prk_steps=True
    )
    return StableDiffusionXLPipeline(
        vae=autoencoder(2, 0.13025, 128),
        text_encoder=text_encoder(count, 3, 64, 3, "quick_gelu"),
        text_encoder_2=text_encoder(count, 4, 128, 2, "gelu", projection=96),
        tokenizer=first,
        tokenizer_2=second,
        unet=unet(),
        scheduler=scheduler,
        add_watermarker=False,
    )


def draw(pipe, **options):
    """Latents from both prompts and both negative prompts, 5 steps, guidance 5."""
    defaults = {
        "prompt": PROMPT,
        "prompt_2": SECOND,
        "negative_prompt": NEGATIVE,
        "negative_prompt_2": SECOND_NEGATIVE,
        "guidance_scale": 5.0,
        "num_inference_steps": 5,
        "generator": generator(3),
        "output_type": "latent",
    }
    return pipe(**(defaults | SIZE | options)).images


def text_cases(pipe):
    nothing = {"negative_prompt": None, "negative_prompt_2": None}
    cases = {
        "text": draw(pipe),
        "zeros": draw(pipe, **ODD, **nothing),
        "empty": draw(pipe, **ODD, negative_prompt="", negative_prompt_2=None),
        "one_prompt": draw(pipe, prompt_2=None),
        "clip_skip": draw(pipe, clip_skip=1),
        "batch": draw(pipe, num_images_per_prompt=2, height=64, width=64),
        "unguided": draw(pipe, guidance_scale=1.0),
        "rescaled": draw(pipe, guidance_rescale=0.6),
    }
    pipe.register_to_config(force_zeros_for_empty_prompt=False)
    cases["encoded_nothing"] = draw(pipe, **ODD, **nothing)
    pipe.register_to_config(force_zeros_for_empty_prompt=True)
    picture = draw(pipe, output_type="np")
    cases["picture"] = torch.from_numpy(picture).permute(0, 3, 1, 2)
    return cases


SAMPLERS = {
    "ddim": ("DDIMScheduler", {}),
    "euler_a": ("EulerAncestralDiscreteScheduler", {}),
    "heun": ("HeunDiscreteScheduler", {}),
    "dpmpp_2m": ("DPMSolverMultistepScheduler", {"use_karras_sigmas": True}),
    "unipc": ("UniPCMultistepScheduler", {}),
    "pndm": ("PNDMScheduler", {}),
    "lcm": ("LCMScheduler", {}),
}


def sampler_cases(pipe):
    own, cases = pipe.scheduler, {}
    for name, (kind, options) in SAMPLERS.items():
        pipe.scheduler = getattr(diffusers, kind).from_config(own.config, **options)
        cases[f"sampler.{name}"] = draw(pipe, **ODD)
    pipe.scheduler = own
    return cases


def main():
    folder = fresh("sdxl")
    pipe = pipeline()
    pipe.set_progress_bar_config(disable=True)
    save_checkpoint(pipe, folder / "model")
    expected = text_cases(pipe) | sampler_cases(pipe)
    single_file(pipe, folder, [PROMPT, SECOND, NEGATIVE, SECOND_NEGATIVE, ""], "sdxl")
    expected["single"] = draw(pipe)
    expected["single_odd"] = draw(
        pipe, **ODD, negative_prompt="", negative_prompt_2=None, clip_skip=1
    )
    save_numbers(expected, folder / "expected.safetensors")


if __name__ == "__main__":
    main()
    record_script(ROOT / "sdxl")
