#!/usr/bin/env python3
"""Writes a full-size Stable Diffusion checkpoint with random float16 weights, to measure memory and
time without a download.

usage: python tools/make_random_checkpoint.py {sd15,sdxl} FOLDER      (torch, diffusers and
                                                                      transformers, for the shapes)

The shapes are those of the released models. Matrices are scaled by their inputs, norms are the
identity, so that activations keep their size through the whole network and nothing overflows.
Vocabulary and merges are the engine's own. Tensors are written one after the other and cut from one
pool of random numbers: seven gigabytes take about as long as the disk needs.
"""

import argparse
import json
import struct
import sys
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

sys.path.insert(0, str(Path(__file__).resolve().parent / "goldens"))
from tokenizer_make import write_vocabulary  # noqa: E402

POOL = 1 << 22
BETAS = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "steps_offset": 1,
    "set_alpha_to_one": False,
    "clip_sample": False,
    "skip_prk_steps": True,
    "prediction_type": "epsilon",
}
AUTOENCODER = {
    "block_out_channels": [128, 256, 512, 512],
    "layers_per_block": 2,
    "latent_channels": 4,
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
}
CLIP_L = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "hidden_act": "quick_gelu",
    "projection_dim": 768,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "pad_token_id": 1,
    "vocab_size": 49408,
}
BIG_G = CLIP_L | {
    "hidden_size": 1280,
    "intermediate_size": 5120,
    "num_hidden_layers": 32,
    "num_attention_heads": 20,
    "hidden_act": "gelu",
    "projection_dim": 1280,
}
ATTENDING, PLAIN = "CrossAttnDownBlock2D", "DownBlock2D"
RISING, PLAIN_UP = "CrossAttnUpBlock2D", "UpBlock2D"
FAMILIES = {
    "sd15": {
        "unet": (
            UNet2DConditionModel,
            {
                "sample_size": 64,
                "block_out_channels": [320, 640, 1280, 1280],
                "attention_head_dim": 8,
                "cross_attention_dim": 768,
                "down_block_types": [ATTENDING] * 3 + [PLAIN],
                "up_block_types": [PLAIN_UP] + [RISING] * 3,
            },
        ),
        "vae": (AutoencoderKL, AUTOENCODER | {"sample_size": 512, "scaling_factor": 0.18215}),
        "text_encoder": (CLIPTextModel, CLIP_L),
        "scheduler": BETAS | {"_class_name": "PNDMScheduler"},
    },
    "sdxl": {
        "unet": (
            UNet2DConditionModel,
            {
                "sample_size": 128,
                "block_out_channels": [320, 640, 1280],
                "attention_head_dim": [5, 10, 20],
                "cross_attention_dim": 2048,
                "down_block_types": [PLAIN] + [ATTENDING] * 2,
                "up_block_types": [RISING] * 2 + [PLAIN_UP],
                "transformer_layers_per_block": [1, 2, 10],
                "use_linear_projection": True,
                "addition_embed_type": "text_time",
                "addition_time_embed_dim": 256,
                "projection_class_embeddings_input_dim": 2816,
            },
        ),
        "vae": (
            AutoencoderKL,
            AUTOENCODER | {"sample_size": 1024, "scaling_factor": 0.13025, "force_upcast": True},
        ),
        "text_encoder": (CLIPTextModel, CLIP_L),
        "text_encoder_2": (CLIPTextModelWithProjection, BIG_G),
        "scheduler": BETAS
        | {
            "_class_name": "EulerDiscreteScheduler",
            "interpolation_type": "linear",
            "timestep_spacing": "leading",
            "use_karras_sigmas": False,
            "sample_max_value": 1.0,
        },
    },
}


def shapes_of(kind, config):
    """The names and shapes of a model's tensors, without their memory, and its complete
    configuration."""
    with torch.device("meta"):
        model = (
            kind(CLIPTextConfig(**config))
            if kind.__module__.startswith("transformers")
            else kind.from_config(config)
        )
    described = model.config.to_dict() if hasattr(model.config, "to_dict") else dict(model.config)
    described = {key: value for key, value in described.items() if key != "_use_default_values"} | {
        "_class_name": kind.__name__
    }
    return {
        name: list(tensor.shape)
        for name, tensor in model.state_dict().items()
        if "position_ids" not in name
    }, described


def values_of(name, shape, pool, offset):
    """A tensor's values: a cut of the pool, scaled by its inputs."""
    if len(shape) < 2:
        return np.full(shape, 0.0 if name.endswith("bias") else 1.0, np.float16)
    count = int(np.prod(shape))
    scale = np.float16(0.02 if "embedding" in name else 0.9 / np.sqrt(count / shape[0]))
    start = offset % POOL
    return np.resize(np.roll(pool, -start)[: min(count, POOL)], count) * scale


def write_tensors(path, shapes):
    """A safetensors file, tensor by tensor."""
    header, end = {}, 0
    for name, shape in shapes.items():
        size = 2 * int(np.prod(shape))
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    pool = np.random.default_rng(0).standard_normal(POOL, np.float32).astype(np.float16)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for index, (name, shape) in enumerate(shapes.items()):
            file.write(
                np.ascontiguousarray(
                    values_of(name, shape, pool, index * 104_729), np.float16
                ).tobytes()
            )
    print(f"{path}: {end / 1e9:.2f} GB, {len(shapes)} tensors", flush=True)


def write_tokenizer(folder, pad):
    write_vocabulary(folder, 48894)
    ends = {
        "bos_token": "<|startoftext|>",
        "eos_token": "<|endoftext|>",
        "unk_token": "<|endoftext|>",
        "pad_token": pad,
    }
    (folder / "tokenizer_config.json").write_text(
        json.dumps(ends | {"model_max_length": 77, "tokenizer_class": "CLIPTokenizer"})
    )
    (folder / "special_tokens_map.json").write_text(json.dumps(ends))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("family", choices=FAMILIES)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    index = {
        "_class_name": "StableDiffusionXLPipeline"
        if arguments.family == "sdxl"
        else "StableDiffusionPipeline"
    }
    for part, description in FAMILIES[arguments.family].items():
        folder = arguments.folder / part
        folder.mkdir(parents=True, exist_ok=True)
        if part == "scheduler":
            index[part] = ["diffusers", description["_class_name"]]
            (folder / "scheduler_config.json").write_text(json.dumps(description, indent=2))
            continue
        kind, config = description
        library = kind.__module__.split(".")[0]
        index[part] = [library, kind.__name__]
        shapes, complete = shapes_of(kind, config)
        (folder / "config.json").write_text(json.dumps(complete, indent=2, default=str))
        write_tensors(
            folder
            / (
                "model.safetensors"
                if library == "transformers"
                else "diffusion_pytorch_model.safetensors"
            ),
            shapes,
        )
        if part.startswith("text_encoder"):
            tokenizer = part.replace("text_encoder", "tokenizer")
            index[tokenizer] = ["transformers", "CLIPTokenizer"]
            write_tokenizer(
                arguments.folder / tokenizer, "!" if part.endswith("_2") else "<|endoftext|>"
            )
    (arguments.folder / "model_index.json").write_text(json.dumps(index, indent=2))


if __name__ == "__main__":
    main()
