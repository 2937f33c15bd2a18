#!/usr/bin/env python3
"""Measures what UNetDenoise's approximations cost on the demo model: the second table of
docs/approximations.md.

usage: measure_approximations.py [--resgraph PATH] [--model FOLDER]

Draws six prompts exactly, with another seed, and with each setting; prints the error of the
latents, relative to their root mean square (mean over the prompts, largest in brackets), and the
mean absolute difference of the pictures' 8-bit values. Needs numpy, safetensors and Pillow.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import load_file

PROMPTS = [
    "a red circle left of a blue square",
    "a blue star above a yellow square",
    "a green triangle on a white background",
    "two yellow circles",
    "a purple square below an orange star",
    "a large blue circle and a small red triangle",
]
SETTINGS = [
    "guidance_end: 0.6",
    "guidance_start: 0.2",
    "guidance_start: 0.2, guidance_end: 0.8",
    "reuse: 2",
    "reuse: 3",
    "reuse: 5",
    "token_merge: 0.25",
    "token_merge: 0.5",
    "token_merge: 0.75",
]
GRAPH = """version: 1
name: approximation
params:
  prompt: {{type: string, required: true}}
  seed: {{type: seed, required: true}}
nodes:
  base: {{type: CheckpointLoad, path: "{model}"}}
  text: {{type: TextEncode, text_encoder: $base.text_encoder, prompt: $params.prompt}}
  start: {{type: EmptyLatent, width: 128, height: 128}}
  denoise: {{type: UNetDenoise, unet: $base.unet, positive: $text, latent: $start,
            sampler: ddim, steps: 25, guidance: 5, seed: $params.seed{more}}}
  picture: {{type: VAEDecode, vae: $base.vae, latent: $denoise}}
outputs:
  latent: $denoise
  picture: $picture.image
"""


def draw(options, folder, setting, prompt, seed):
    """The latents and the picture of a prompt."""
    graph = folder / "graph.yaml"
    graph.write_text(
        GRAPH.format(model=options.model.resolve(), more=", " + setting if setting else "")
    )
    subprocess.run(
        [
            options.resgraph,
            "run",
            str(graph),
            "--set",
            f"prompt={prompt}",
            "--set",
            f"seed={seed}",
            "--no-cache",
            "--progress",
            "none",
            "--metadata",
            "none",
            "-o",
            str(folder),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return (
        load_file(folder / "latent.safetensors")["latent"].astype(np.float64),
        np.asarray(Image.open(folder / "picture.png")).astype(np.float64),
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--resgraph", default=".build/release/resgraph")
    parser.add_argument("--model", type=Path, default=Path(__file__).parent.parent / "models/demo")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        exact = [draw(options, folder, "", prompt, seed) for seed, prompt in enumerate(PROMPTS)]
        print("| | latents | pictures |\n|---|---|---|")
        for setting in [*SETTINGS, ""]:
            errors, levels = [], []
            for seed, prompt in enumerate(PROMPTS):
                latent, picture = draw(
                    options, folder, setting, prompt, seed if setting else seed + 100
                )
                errors.append(
                    np.sqrt(((latent - exact[seed][0]) ** 2).mean() / (exact[seed][0] ** 2).mean())
                )
                levels.append(abs(picture - exact[seed][1]).mean())
            name = f"`{setting}`" if setting else "for comparison: another seed"
            print(
                f"| {name} | {np.mean(errors):.2f} ({max(errors):.2f}) | {np.mean(levels):.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
