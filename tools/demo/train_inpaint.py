"""Trains a UNet of nine input channels, which paints inside a mask; starts from the demo UNet.

    python tools/demo/train_inpaint.py --model models/demo --latents DIR --state STATE.pt \\
        --out models/demo/inpaint

Beside the noisy latents the UNet sees the mask and the latents of the picture without what the mask
hides, as Stable Diffusion's inpainting models do.  The weights of those five channels start at
zero, or as another such UNet has them (`--start`), so that training starts with the text-to-image
model.  Text encoder and autoencoder are the model's; what is written is a folder in diffusers'
layout with this UNet alone.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel

from diffusion import drop_captions, noise_schedule, noised, weighted_loss
from latents import NATIVE, encode, shard_scenes
from render import render
from scenes import Scene
from text import token_ids
from training import Run, adapter_parser, load_base, setup

LATENT = NATIVE // 8


def hole(rng: random.Random, scene: Scene) -> np.ndarray:
    """A mask, 1 where to paint: over an object, half of the picture, anywhere, or everywhere."""
    y, x = np.mgrid[0:NATIVE, 0:NATIVE] / NATIVE
    kind = rng.choices(("object", "anywhere", "half", "all"), (5, 2, 2, 1))[0]
    if kind == "all":
        return np.ones((NATIVE, NATIVE), np.float32)
    if kind == "half":
        along = rng.choice((x, y, 1 - x, 1 - y))
        return (along < rng.uniform(0.4, 0.6)).astype(np.float32)
    cx, cy = rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8)
    width, height = rng.uniform(0.12, 0.35), rng.uniform(0.12, 0.35)
    if kind == "object":
        thing = rng.choice(scene.things)
        cx, cy = thing.x + rng.uniform(-0.03, 0.03), thing.y + rng.uniform(-0.03, 0.03)
        width, height = (thing.radius + rng.uniform(0.02, 0.09) for _ in range(2))
    if rng.random() < 0.3:
        return (np.hypot((x - cx) / width, (y - cy) / height) < 1.2).astype(np.float32)
    return ((abs(x - cx) < width) & (abs(y - cy) < height)).astype(np.float32)


def make_holes(args, tokenizer) -> dict[str, torch.Tensor]:
    """For the scenes of the first shards: latents, latents without the hole, the hole, and ids."""
    vae = (
        AutoencoderKL.from_pretrained(args.model, subfolder="vae")
        .float()
        .to(memory_format=torch.channels_last)
    )
    kept = {name: [] for name in ("latents", "rest", "holes", "ids")}
    for path in sorted(Path(args.latents).glob("*.pt"))[: args.shards]:
        data, rng = torch.load(path, weights_only=True), random.Random(int(path.stem))
        pairs = shard_scenes(int(path.stem), len(data["ids"]))
        for start in range(0, len(pairs), 16):
            scenes = [scene for scene, _ in pairs[start : start + 16]]
            masks = np.stack([hole(rng, scene) for scene in scenes])
            # Hidden is what lies half way between black and white: 0 where pictures are -1...1.
            seen = [
                np.where(mask[..., None] > 0.5, np.float32(0.5), render(scene, NATIVE, NATIVE))
                for scene, mask in zip(scenes, masks)
            ]
            with torch.no_grad():
                kept["rest"].append(encode(vae, seen).half())
            kept["holes"].append(torch.from_numpy(masks[:, None, ::8, ::8]).bool())
        kept["latents"].append(data["latents"])
        kept["ids"].append(token_ids(tokenizer, [text for _, text in pairs]))
        print(f"{path.name}: {len(pairs)} holes", flush=True)
    return {name: torch.cat(parts) for name, parts in kept.items()}


def widened(unet: UNet2DConditionModel, start: str = "") -> UNet2DConditionModel:
    """The UNet with five more input channels, zero or taken from a checkpoint that has them."""
    first, config = unet.conv_in, dict(unet.config) | {"in_channels": 9}
    wide = UNet2DConditionModel.from_config(config)
    state = unet.state_dict()
    weight = torch.zeros(first.out_channels, 9, *first.kernel_size)
    if start:
        weight = UNet2DConditionModel.from_pretrained(
            start, subfolder="unet"
        ).conv_in.weight.float()
        weight = weight.detach().clone()
    weight[:, :4] = first.weight
    wide.load_state_dict(state | {"conv_in.weight": weight})
    return wide.to(memory_format=torch.channels_last)


def emphasis(holes: torch.Tensor) -> torch.Tensor:
    """Weights of the loss per pixel: ten times as much inside the hole, 1 on average."""
    weights = 0.1 + 0.9 * holes
    return weights / weights.mean((1, 2, 3), keepdim=True)


def save(args, unet: UNet2DConditionModel) -> None:
    """Writes the UNet in half precision, the model's scheduler, and an index that names the two."""
    out = Path(args.out)
    unet.half().save_pretrained(out / "unet")
    (out / "unet" / "diffusion_pytorch_model.safetensors").chmod(0o644)
    index = json.loads((Path(args.model) / "model_index.json").read_text(encoding="utf-8"))
    kept = {
        "_class_name": "StableDiffusionInpaintPipeline",
        "_diffusers_version": index["_diffusers_version"],
        "scheduler": index["scheduler"],
        "unet": index["unet"],
    }
    (out / "model_index.json").write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    shutil.copytree(Path(args.model) / "scheduler", out / "scheduler", dirs_exist_ok=True)


def arguments() -> argparse.Namespace:
    """The command line."""
    return adapter_parser(
        __doc__,
        ("--model", "--latents", "--state", "--out"),
        steps=450,
        batch=24,
        rate=1e-3,
        shards=2,
    ).parse_args()


def main() -> None:
    """Trains (or goes on), then writes the averaged UNet in half precision."""
    args = arguments()
    setup(args.threads, args.seed)
    base, schedule = load_base(args.model), noise_schedule()
    cache = Path(args.state).with_suffix(".holes")
    if not cache.exists():
        torch.save(make_holes(args, base.tokenizer), cache)
    data, unet = torch.load(cache, weights_only=True), widened(base.unet, args.start)
    run = Run(
        args.state,
        {"unet": unet},
        unet.parameters(),
        args.steps,
        args.rate,
        decay=0.99,
        warmup=30,
        minutes=args.minutes,
    )
    generator, empty = run.generator(args.seed), token_ids(base.tokenizer, [""])
    while not run.done():
        rows = torch.randint(len(data["ids"]), (args.batch,), generator=generator)
        latents, rest, holes = (data[name][rows].float() for name in ("latents", "rest", "holes"))
        ids = drop_captions(data["ids"][rows], empty, 0.1, generator)
        noise, times, noisy = noised(schedule, latents, generator)
        with torch.no_grad():
            text = base.encoder(ids).last_hidden_state
        seen = torch.cat([noisy, holes, rest], 1).contiguous(memory_format=torch.channels_last)
        guess, share = unet(seen, times, text).sample, emphasis(holes).sqrt()
        run.advance(weighted_loss(guess * share, noise * share, schedule.alphas_cumprod[times]))
        if run.step % 50 == 0:
            run.report()
        run.save_if_due()
    run.save()
    run.average.swap()
    save(args, unet)


if __name__ == "__main__":
    main()
