"""Puts trained parts together as a diffusers folder of fp16 weights.

python tools/demo/publish.py --vae DIR --tokenizer DIR --text DIR --unet DIR --out models/demo
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderKL, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel

from text import load_tokenizer


def scheduler() -> PNDMScheduler:
    """Stable Diffusion 1.5's scheduler configuration."""
    return PNDMScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        skip_prk_steps=True,
        set_alpha_to_one=False,
        steps_offset=1,
    )


def restore_prefix(folder: Path, prefix: str) -> None:
    """Gives the encoder's keys the prefix that Stable Diffusion's own files have.

    Recent transformers leave it out when they save, and accept both when they load.
    """
    path = folder / "model.safetensors"
    weights = load_file(path)
    named = {k if k.startswith(prefix) else prefix + k: v for k, v in weights.items()}
    save_file(named, path, metadata={"format": "pt"})


def forget_origin(folder: Path) -> None:
    """Drops the path of the checkpoint from every configuration."""
    for path in folder.glob("*/config.json"):
        config = json.loads(path.read_text(encoding="utf-8"))
        config.pop("_name_or_path", None)
        path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def main() -> None:
    """Writes model_index.json and one folder per part."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--vae", "--tokenizer", "--text", "--unet", "--out"):
        parser.add_argument(name, required=True)
    args = parser.parse_args()
    pipe = StableDiffusionPipeline(
        vae=AutoencoderKL.from_pretrained(args.vae),
        scheduler=scheduler(),
        tokenizer=load_tokenizer(args.tokenizer),
        text_encoder=CLIPTextModel.from_pretrained(args.text),
        unet=UNet2DConditionModel.from_pretrained(args.unet),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.to(torch.float16).save_pretrained(args.out, safe_serialization=True)
    out = Path(args.out)
    restore_prefix(out / "text_encoder", "text_model.")
    forget_origin(out)
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(Path(args.tokenizer) / name, out / "tokenizer" / name)
    for path in out.rglob("*.safetensors"):
        path.chmod(0o644)


if __name__ == "__main__":
    main()
