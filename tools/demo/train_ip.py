"""Trains the IP-Adapter: image tokens beside the text tokens in every cross-attention.

    python tools/demo/train_ip.py --model models/demo --latents DIR --vision VISION.pt \\
        --state STATE.pt --out models/demo/ip-adapter

`--vision` is the state of train_vision.py.  UNet and text encoder stay as they are; the image
encoder learns on with the adapter.
"""
from __future__ import annotations

import argparse
import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextModel

from latents import shard_scenes
from render import render
from text import load_tokenizer, token_ids
from train_unet import drop_captions, noise_schedule, spread_timesteps, weighted_loss
from training import Run, setup
from vision import PREPROCESSOR, SIDE, Projection, build_vision, normalised


def adapter_state(unet: UNet2DConditionModel, project: Projection) -> dict:
    """A fresh adapter in the released files' layout: keys and values copied from the text's."""
    names = [n for n in unet.attn_processors if n.endswith("attn2.processor")]
    weights = {}
    for i, name in enumerate(names):
        layer = unet.get_submodule(name.removesuffix(".processor"))
        for part in ("k", "v"):
            value = getattr(layer, f"to_{part}").weight.detach().clone()
            weights[f"{2 * i + 1}.to_{part}_ip.weight"] = value
    return {"image_proj": project.state_dict(), "ip_adapter": weights}


def trained_state(unet: UNet2DConditionModel) -> dict[str, torch.Tensor]:
    """The adapter's weights under the released files' names, in half precision."""
    head = unet.encoder_hid_proj.image_projection_layers[0]
    found = {f"image_proj.proj.{k}": v for k, v in head.image_embeds.state_dict().items()}
    found |= {f"image_proj.norm.{k}": v for k, v in head.norm.state_dict().items()}
    layers = [p for n, p in unet.attn_processors.items() if n.endswith("attn2.processor")]
    for i, layer in enumerate(layers):
        found[f"ip_adapter.{2 * i + 1}.to_k_ip.weight"] = layer.to_k_ip[0].weight
        found[f"ip_adapter.{2 * i + 1}.to_v_ip.weight"] = layer.to_v_ip[0].weight
    return {k: v.detach().half().contiguous() for k, v in found.items()}


class Pairs:
    """Latents with small pictures of the same scenes, shard by shard."""

    def __init__(self, folder: str):
        self.paths = sorted(Path(folder).glob("*.pt"))

    @lru_cache(maxsize=None)
    def shard(self, number: int) -> tuple[dict, np.ndarray]:
        """A shard's latents and ids, and its pictures at the encoder's size."""
        data = torch.load(self.paths[number], weights_only=True)
        scenes = shard_scenes(int(self.paths[number].stem), len(data["ids"]))
        pictures = [(render(s, SIDE, SIDE) * 255 + 0.5).astype(np.uint8) for s, _ in scenes]
        return data, np.stack(pictures).transpose(0, 3, 1, 2)

    def batch(self, size: int, generator: torch.Generator, shards: int):
        """Latents, ids and pictures in [0, 1] out of one of the first `shards` shards."""
        number = int(torch.randint(min(shards, len(self.paths)), (1,), generator=generator))
        data, pictures = self.shard(number)
        rows = torch.randint(len(data["ids"]), (size,), generator=generator)
        return (data["latents"][rows].float(), data["ids"][rows].long(),
                torch.from_numpy(pictures[rows.numpy()]).float() / 255)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--model", "--latents", "--vision", "--state", "--out"):
        parser.add_argument(name, required=True)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--shards", type=int, default=16)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def load_parts(args):
    """UNet with a fresh adapter, image encoder, and the parameters to train."""
    unet = UNet2DConditionModel.from_pretrained(args.model, subfolder="unet").float()
    vision, project = build_vision(), Projection()
    state = torch.load(args.vision, weights_only=True)
    vision.load_state_dict(state["vision"])
    project.load_state_dict(state["project"])
    unet._load_ip_adapter_weights([adapter_state(unet, project)])
    unet = unet.to(memory_format=torch.channels_last).requires_grad_(False)
    parts = torch.nn.ModuleList([unet.encoder_hid_proj, *(
        p for n, p in unet.attn_processors.items() if n.endswith("attn2.processor"))])
    parts.requires_grad_(True)
    return unet, vision, parts


def save(args, unet, vision) -> None:
    """Writes ip-adapter.safetensors and image_encoder/, as the released adapters lie."""
    out = Path(args.out)
    vision.half().save_pretrained(out / "image_encoder")
    text = json.dumps(PREPROCESSOR, indent=2)
    (out / "image_encoder" / "preprocessor_config.json").write_text(text + "\n")
    save_file(trained_state(unet), out / "ip-adapter.safetensors")
    for path in out.rglob("*.safetensors"):
        path.chmod(0o644)


def main() -> None:
    """Trains (or goes on), then writes adapter and image encoder."""
    args = arguments()
    setup(args.threads, args.seed)
    tokenizer = load_tokenizer(args.model + "/tokenizer")
    encoder = CLIPTextModel.from_pretrained(args.model + "/text_encoder").float().eval()
    (unet, vision, parts), data = load_parts(args), Pairs(args.latents)
    run = Run(args.state, {"parts": parts, "vision": vision},
              [*parts.parameters(), *vision.parameters()], args.steps, args.rate,
              decay=0.99, warmup=50)
    generator = torch.Generator().manual_seed(args.seed * 7919 + run.step)
    schedule, empty = noise_schedule(), token_ids(tokenizer, [""])
    while run.step < args.steps:
        latents, ids, pictures = data.batch(args.batch, generator, args.shards)
        with torch.no_grad():
            text = encoder(drop_captions(ids, empty, 0.7, generator)).last_hidden_state
        embeds = vision(normalised(pictures)).image_embeds
        shown = torch.rand(len(embeds), 1, generator=generator) > 0.08
        noise = torch.randn(latents.shape, generator=generator)
        times = spread_timesteps(args.batch, generator)
        noisy = schedule.add_noise(latents, noise, times).contiguous(
            memory_format=torch.channels_last)
        guess = unet(noisy, times, text,
                     added_cond_kwargs={"image_embeds": [(embeds * shown)[:, None]]}).sample
        run.advance(weighted_loss(guess, noise, schedule.alphas_cumprod[times]))
        if run.step % 50 == 0:
            run.report()
        if run.step % 250 == 0 or run.step == args.steps:
            run.save()
    run.average.swap()
    save(args, unet, vision)


if __name__ == "__main__":
    main()
