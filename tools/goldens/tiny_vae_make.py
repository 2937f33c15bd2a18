#!/usr/bin/env python3
"""Makes the tiny autoencoder (TAESD's architecture, narrow, random weights) of
Tests/NodesTests/Goldens/tiny-vae, and what diffusers' image-to-image pipeline encodes and decodes
with it.

Run from the repository root, with torch and diffusers 0.42.1 installed:
    python tools/goldens/tiny_vae_make.py
"""

from pathlib import Path

import torch
from diffusers import AutoencoderTiny
from diffusers.image_processor import VaeImageProcessor
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_img2img import retrieve_latents
from PIL import Image
from safetensors.torch import save_file

from made_with import record_script

FOLDER = Path("Tests/NodesTests/Goldens/tiny-vae")
PHOTO = Path("Tests/NodesTests/Goldens/tiny/photo.png")


def main():
    torch.manual_seed(0)
    vae = AutoencoderTiny(
        encoder_block_out_channels=(16,) * 4,
        decoder_block_out_channels=(16,) * 4,
        num_encoder_blocks=(1, 2, 2, 2),
        num_decoder_blocks=(2, 2, 2, 1),
    ).eval()
    with torch.no_grad():
        for parameter in vae.parameters():
            # Half the values survive a rectifier, so widths shrink what random weights pass on.
            parameter.mul_(1.6 if parameter.ndim == 4 else 1)
            parameter.copy_(parameter.half().float())
    vae.save_pretrained(FOLDER)
    processor = VaeImageProcessor(vae_scale_factor=8)
    generator = torch.Generator().manual_seed(1)
    latent = torch.randn(2, 4, 8, 12, generator=generator) * 2
    with torch.no_grad():
        # As the pipelines write it.
        decoded = vae.decode(latent / vae.config.scaling_factor, return_dict=False)[0]
        picture = processor.postprocess(decoded, output_type="pt")
        photo = processor.preprocess(Image.open(PHOTO).convert("RGB"), height=64, width=96)
        encoded = vae.config.scaling_factor * retrieve_latents(
            vae.encode(photo), generator=generator
        )
    print(
        "decoded",
        decoded.min().item(),
        decoded.max().item(),
        decoded.std().item(),
        "encoded",
        encoded.std().item(),
    )
    save_file(
        {"latent": latent, "picture": picture.contiguous(), "encoded": encoded.contiguous()},
        FOLDER / "expected.safetensors",
    )


if __name__ == "__main__":
    main()
    record_script(FOLDER)
