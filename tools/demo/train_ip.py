"""Trains the IP-Adapter: image tokens beside the text tokens in every cross-attention.

The frozen UNet that reads a full caption of the same scene is the teacher: with the reference
picture and no caption, every cross-attention should give what it gives there, and so should the
whole UNet.  Such targets carry far less noise than the noise that was added.

    python tools/demo/train_ip.py --model models/demo --latents DIR --vision VISION.pt \\
        --state STATE.pt --out models/demo/ip-adapter

`--vision` is the state of train_vision.py; with `--start DIR`, a finished adapter, it is not
needed.  UNet and text encoder stay as they are; the image
encoder learns on with the adapter.
"""

from __future__ import annotations

import argparse
import json
import random
from functools import cache
from pathlib import Path

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel, CLIPVisionModelWithProjection

from diffusion import noise_schedule, spread_timesteps, weighted_loss
from latents import shard_scenes
from parse import parse
from scenes import Scene, caption
from text import load_tokenizer, token_ids
from train_vision import small
from training import Run, adapter_parser, setup
from vision import PREPROCESSOR, Projection, build_vision, normalised


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


def released_state(weights: dict[str, torch.Tensor]) -> dict:
    """A finished adapter's weights, sorted into its two parts."""
    parts = {"image_proj": {}, "ip_adapter": {}}
    for name, value in weights.items():
        part, _, rest = name.partition(".")
        parts[part][rest] = value.float()
    return parts


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


def full_caption(rng: random.Random, scene: Scene) -> str:
    """A caption that does not leave out the background."""
    while True:
        text = caption(rng, scene)
        if parse(text).background == scene.background:
            return text


class Pairs:
    """Latents with small pictures and full captions of the same scenes, shard by shard."""

    def __init__(self, folder: str, tokenizer):
        self.paths, self.tokenizer = sorted(Path(folder).glob("*.pt")), tokenizer

    @cache
    def shard(self, number: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, np.ndarray]:
        """A shard's latents, ids, chances to be drawn, and pictures at the encoder's size.

        Scenes of two objects, which are harder, are drawn four times as often as others.
        """
        data = torch.load(self.paths[number], weights_only=True)
        scenes = [s for s, _ in shard_scenes(int(self.paths[number].stem), len(data["ids"]))]
        rng = random.Random(number)
        ids = token_ids(self.tokenizer, [full_caption(rng, s) for s in scenes])
        weights = torch.tensor([4.0 if len(s.things) > 1 else 1.0 for s in scenes])
        return data["latents"], ids, weights, np.stack([small(s) for s in scenes])

    def batch(self, size: int, generator: torch.Generator, shards: int):
        """Latents, ids and pictures in [0, 1] out of one of the first `shards` shards."""
        number = int(torch.randint(min(shards, len(self.paths)), (1,), generator=generator))
        latents, ids, weights, pictures = self.shard(number)
        rows = torch.multinomial(weights, size, replacement=True, generator=generator)
        return (
            latents[rows].float(),
            ids[rows],
            torch.from_numpy(pictures[rows.numpy()]).float() / 255,
        )


def early_timesteps(count: int, generator: torch.Generator) -> torch.Tensor:
    """Timesteps with more of the noisy ones, where it is decided what goes where."""
    even = spread_timesteps(count, generator)
    return (((even + 0.5) / 1000).sqrt() * 1000).long().clamp(0, 999)


class Watch:
    """What the cross-attentions of a UNet gave in its last pass, layer by layer."""

    def __init__(self, unet: UNet2DConditionModel):
        self.outputs = []
        for name, module in unet.named_modules():
            if name.endswith("attn2"):
                module.register_forward_hook(lambda _, __, output: self.outputs.append(output))

    def take(self) -> list[torch.Tensor]:
        """The outputs since the last call."""
        found, self.outputs = self.outputs, []
        return found


def attention_loss(given: list[torch.Tensor], wanted: list[torch.Tensor]) -> torch.Tensor:
    """How far the cross-attentions are from the teacher's, as a share of their variance."""
    parts = [
        (a - b).square().mean() / (b - b.mean((0, 1))).square().mean()
        for a, b in zip(given, wanted)
    ]
    return sum(parts) / len(parts)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = adapter_parser(
        __doc__,
        ("--model", "--latents", "--state", "--out"),
        steps=3200,
        batch=24,
        rate=1e-3,
        shards=24,
        vision="",
        attention=0.05,
    )
    args = parser.parse_args()
    if not (args.vision or args.start):
        parser.error("give --vision, or --start")
    return args


def load_parts(args):
    """UNet with a fresh adapter, image encoder, and the parameters to train."""
    unet = UNet2DConditionModel.from_pretrained(args.model, subfolder="unet").float()
    vision, project = build_vision(), Projection()
    if args.start:
        folder = Path(args.start)
        given = CLIPVisionModelWithProjection.from_pretrained(folder / "image_encoder")
        vision.load_state_dict(given.float().state_dict())
        adapter = released_state(load_file(folder / "ip-adapter.safetensors"))
    else:
        vision.load_state_dict(torch.load(args.vision, weights_only=True)["vision"])
        adapter = adapter_state(unet, project)
    unet._load_ip_adapter_weights([adapter])
    unet = unet.to(memory_format=torch.channels_last).requires_grad_(False)
    parts = torch.nn.ModuleList(
        [
            unet.encoder_hid_proj,
            *(p for n, p in unet.attn_processors.items() if n.endswith("attn2.processor")),
        ]
    )
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
    teacher = UNet2DConditionModel.from_pretrained(args.model, subfolder="unet").float()
    teacher = teacher.to(memory_format=torch.channels_last).requires_grad_(False)
    (unet, vision, parts), data = load_parts(args), Pairs(args.latents, tokenizer)
    run = Run(
        args.state,
        {"parts": parts, "vision": vision},
        [*parts.parameters(), *vision.parameters()],
        args.steps,
        args.rate,
        decay=0.995,
        minutes=args.minutes,
    )
    generator = run.generator(args.seed)
    schedule, seen, told, figures = noise_schedule(), Watch(unet), Watch(teacher), []
    with torch.no_grad():
        empty = encoder(token_ids(tokenizer, [""])).last_hidden_state
    while not run.done():
        latents, ids, pictures = data.batch(args.batch, generator, args.shards)
        shown = torch.rand(args.batch, 1, generator=generator) > 0.06
        noise = torch.randn(latents.shape, generator=generator)
        times = early_timesteps(args.batch, generator)
        noisy = schedule.add_noise(latents, noise, times).contiguous(
            memory_format=torch.channels_last
        )
        with torch.no_grad():
            text = torch.where(shown[..., None], encoder(ids).last_hidden_state, empty)
            wanted = 0.8 * teacher(noisy, times, text).sample + 0.2 * noise
        embeds = vision(normalised(pictures)).image_embeds
        guess = unet(
            noisy,
            times,
            empty.expand(args.batch, -1, -1),
            added_cond_kwargs={"image_embeds": [(embeds * shown)[:, None]]},
        ).sample
        near = attention_loss(seen.take(), told.take())
        figures.append(float(near.detach()))
        run.advance(
            weighted_loss(guess, wanted, schedule.alphas_cumprod[times]) + args.attention * near
        )
        if run.step % 50 == 0:
            run.report(attention=round(sum(figures) / len(figures), 4))
            figures.clear()
        run.save_if_due()
    run.save()
    run.average.swap()
    save(args, unet, vision)


if __name__ == "__main__":
    main()
