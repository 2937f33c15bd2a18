#!/usr/bin/env python3
"""Makes the goldens of AutoencoderKL: moments, decoding at many sizes, tiled decoding, and its
parts alone.

Run from anywhere: `python tools/goldens/vae_make.py [parts|loud|tiny|sd|plain]...`
"""

import sys

import torch
from diffusers import AutoencoderKL, AutoencoderTiny
from diffusers.models.unets.unet_2d_blocks import (
    DownEncoderBlock2D,
    UNetMidBlock2D,
    UpDecoderBlock2D,
)

from common import half_state, normal, seed_weights, write

CONFIGS = {
    # The released layout: four levels, both 1x1 convolutions, attention in the middle.
    "sd": dict(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(8, 12, 16, 16),
        norm_num_groups=4,
        layers_per_block=2,
        sample_size=32,
    ),
    # Everything optional left out, 16 latent channels, per-channel statistics.
    "plain": dict(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(8, 8, 16),
        norm_num_groups=4,
        layers_per_block=1,
        sample_size=48,
        latent_channels=6,
        scaling_factor=0.3611,
        shift_factor=0.1159,
        use_quant_conv=False,
        use_post_quant_conv=False,
        mid_block_add_attention=False,
        latents_mean=(0.1, -0.2, 0.3, 0.0, 0.5, -0.4),
        latents_std=(1.5, 0.7, 1.1, 0.9, 2.0, 0.6),
    ),
}
IMAGES = {"square": (32, 32), "wide": (24, 56), "tall": (72, 16), "odd": (41, 59)}
LATENTS = {"square": (4, 4), "odd": (5, 7), "wide": (3, 11), "tall": (9, 2)}
TILED = {"both": (11, 7), "wide": (4, 13), "tall": (10, 3), "exact": (8, 8)}


def make_parts():
    weights, cases = {}, {}
    x = normal((2, 16, 7, 5), 1)
    parts = {
        "mid": UNetMidBlock2D(16, temb_channels=None, resnet_groups=4, attention_head_dim=16),
        "encoder_level": DownEncoderBlock2D(
            16, 12, num_layers=2, resnet_groups=4, downsample_padding=0
        ),
        "decoder_level": UpDecoderBlock2D(16, 12, num_layers=3, resnet_groups=4),
    }
    for index, (name, module) in enumerate(parts.items()):
        seed_weights(module, seed=70 + index)
        weights.update(half_state(module, name + "."))
        cases[f"{name}.input"] = x
        with torch.no_grad():
            cases[f"{name}.output"] = module(x)
    write("vae_parts", weights, cases)


def make_model(name):
    model = seed_weights(AutoencoderKL(**CONFIGS[name]), seed=200 + len(name))
    latent_channels = model.config.latent_channels
    cases = {}
    with torch.no_grad():
        for index, (case, size) in enumerate(IMAGES.items()):
            image = normal((1 + index % 2, 3, *size), 300 + index).clamp(-1, 1)
            posterior = model.encode(image).latent_dist
            named = {"image": image, "mean": posterior.mean, "logvar": posterior.logvar}
            cases.update({f"encode_{case}.{key}": value for key, value in named.items()})
        for index, (case, size) in enumerate(LATENTS.items()):
            latent = normal((1 + index % 2, latent_channels, *size), 400 + index)
            named = {"latent": latent, "image": model.decode(latent).sample}
            cases.update({f"decode_{case}.{key}": value for key, value in named.items()})
        if name == "sd":
            run_tiled(model, cases)
    write(f"vae_{name}", half_state(model), cases, model.config)


def make_tiny():
    """The tiny autoencoder for previews (TAESD's layout)."""
    config = dict(
        encoder_block_out_channels=(8,) * 4,
        decoder_block_out_channels=(8,) * 4,
        num_encoder_blocks=(1, 2, 2, 1),
        num_decoder_blocks=(2, 2, 1, 1),
        scaling_factor=1.25,
    )
    model = seed_weights(AutoencoderTiny(**config), seed=280)
    cases = {}
    with torch.no_grad():
        for index, (case, size) in enumerate({"square": (4, 4), "odd": (5, 7)}.items()):
            latent = normal((1 + index, 4, *size), 281 + index) * 2
            image = normal((1 + index, 3, 8 * size[0], 8 * size[1]), 283 + index).clamp(-1, 1)
            named = {"latent": latent, "decoded": model.decode(latent).sample}
            named |= {"image": image, "encoded": model.encode(image).latents}
            cases.update({f"{case}.{key}": value for key, value in named.items()})
    write("vae_tiny", half_state(model), cases, model.config)


def run_tiled(model, cases):
    model.enable_tiling()
    for index, (case, size) in enumerate(TILED.items()):
        latent = normal((1, model.config.latent_channels, *size), 500 + index)
        named = {"latent": latent, "image": model.decode(latent).sample}
        cases.update({f"tiled_{case}.{key}": value for key, value in named.items()})
    model.disable_tiling()


def make_loud():
    """A model whose log variance runs into both of its limits."""
    config = dict(
        down_block_types=("DownEncoderBlock2D",),
        up_block_types=("UpDecoderBlock2D",),
        block_out_channels=(8,),
        norm_num_groups=4,
        layers_per_block=1,
        sample_size=16,
        latent_channels=2,
    )
    model = seed_weights(AutoencoderKL(**config), seed=290)
    model.quant_conv.weight.data.mul_(64)
    image = normal((1, 3, 12, 10), 600)
    with torch.no_grad():
        posterior = model.encode(image).latent_dist
    assert posterior.logvar.max() == 20 and posterior.logvar.min() == -30
    cases = {
        "encode.image": image,
        "encode.mean": posterior.mean,
        "encode.logvar": posterior.logvar,
    }
    write("vae_loud", half_state(model), cases, model.config)


if __name__ == "__main__":
    makers = {"parts": make_parts, "loud": make_loud, "tiny": make_tiny}
    for name in sys.argv[1:] or [*makers, *CONFIGS]:
        makers[name]() if name in makers else make_model(name)
