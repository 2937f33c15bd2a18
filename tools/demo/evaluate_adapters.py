"""What the adapters do with held-out scenes: edges, references, style, holes.

Judges pictures that draw.py has drawn with resgraph:

    python tools/demo/evaluate_adapters.py control --pictures PICTURES

or draws them with diffusers:

    python tools/demo/evaluate_adapters.py control --model models/demo \\
        --adapter models/demo/controlnet-canny
    python tools/demo/evaluate_adapters.py ip --model models/demo --adapter models/demo/ip-adapter
    python tools/demo/evaluate_adapters.py style --model models/demo \\
        --adapter models/demo/style-ember/ember.safetensors

One JSON line each: for `control` and `t2i` the mean overlap of the picture's silhouette with that
of the scene the edges came from; for `ip` the share that repeats the reference's shapes and colours
under an empty prompt; for `style` the share in style with the right shapes; for `inpaint` (resgraph
only) the captions' figures and how much of the rest of the picture changed.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ember import ember_right
from evaluate import SAMPLERS, asked, call, judge_all, load_folder, make_sampler, save_pictures
from holes import kept, spoiled
from judge import verdict
from latents import parse_size
from reader import read, silhouette
from render import render
from train_control import canny
from vision import REFERENCE


def judge_control(scenes, pictures) -> dict:
    """Overlap of silhouettes with the scenes', and the captions' figures."""
    overlaps = []
    for (scene, _), picture in zip(scenes, pictures):
        height, width, _ = picture.shape
        a, b = silhouette(render(scene, width, height)), silhouette(picture)
        overlaps.append((a & b).sum() / max(1, (a | b).sum()))
    figures = {
        "iou": round(float(np.mean(overlaps)), 4),
        "iou_above_0.8": round(float(np.mean(np.array(overlaps) > 0.8)), 4),
    }
    return figures | judge_all([text for _, text in scenes], pictures)


def judge_ip(scenes, pictures) -> dict:
    """Shares of pictures that repeat the reference's number, shapes, colours, both, and places."""
    found = [verdict(scene, read(p)) for (scene, _), p in zip(scenes, pictures)]
    shares = {k: round(float(np.mean([bool(f[k]) for f in found])), 4) for k in found[0]}
    alike = [read(p).background == scene.background for (scene, _), p in zip(scenes, pictures)]
    for n in (1, 2):
        right = [f["kinds"] for f, (scene, _) in zip(found, scenes) if len(scene.things) == n]
        shares[f"kinds_{n}"] = round(float(np.mean(right)), 4)
    return {"pictures": len(scenes)} | shares | {"background": round(float(np.mean(alike)), 4)}


def judge_style(scenes, pictures) -> dict:
    """Shares of pictures in style, and of those that have the right shapes too."""
    found = [ember_right(scene, p) for (scene, _), p in zip(scenes, pictures)]
    styled, right = (round(float(np.mean(v)), 4) for v in zip(*found))
    return {"pictures": len(scenes), "styled": styled, "right": right}


def judge_inpaint(scenes, pictures) -> dict:
    """The captions' figures, and the mean change in levels outside the hole and its rim."""
    changes = []
    for number, ((scene, _), picture) in enumerate(zip(scenes, pictures)):
        height, width, _ = picture.shape
        given = (render(spoiled(number, scene), width, height) * 255 + 0.5).astype(np.uint8)
        rest = kept(scene, width, height)
        changes.append(np.abs(picture[rest].astype(float) - given[rest]).mean())
    return judge_all([text for _, text in scenes], pictures) | {
        "change": round(float(np.mean(changes)), 2)
    }


JUDGES = {
    "control": judge_control,
    "t2i": judge_control,
    "ip": judge_ip,
    "style": judge_style,
    "inpaint": judge_inpaint,
}


def pipeline(args, kind, **parts):
    """A pipeline of class `kind` with the sampler asked for."""
    pipe = kind.from_pretrained(args.model, safety_checker=None, torch_dtype=torch.float32, **parts)
    pipe.scheduler = make_sampler(args.sampler, pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def batches(args, scenes):
    """Runs of scenes with the seeds of their pictures."""
    for start in range(0, len(scenes), args.batch):
        part = scenes[start : start + args.batch]
        yield part, [torch.Generator().manual_seed(args.seed + start + i) for i in range(len(part))]


def draw_along_edges(args, scenes, pipe, mode: str) -> list[np.ndarray]:
    """Pictures with the caption and the scene's edges given, as pictures of that mode."""
    width, height = parse_size(args.size)
    pictures = []
    for part, seeds in batches(args, scenes):
        edges = [
            Image.fromarray(canny(render(scene, width, height))).convert(mode) for scene, _ in part
        ]
        pictures += call(pipe, args, [text for _, text in part], seeds, image=edges)
    return pictures


def draw_control(args, scenes) -> list[np.ndarray]:
    """Pictures along edges by a ControlNet."""
    from diffusers import ControlNetModel, StableDiffusionControlNetPipeline

    control = ControlNetModel.from_pretrained(args.adapter, torch_dtype=torch.float32)
    pipe = pipeline(args, StableDiffusionControlNetPipeline, controlnet=control)
    return draw_along_edges(args, scenes, pipe, "RGB")


def draw_t2i(args, scenes) -> list[np.ndarray]:
    """Pictures along edges by a T2I-Adapter; one at a time, as the pipeline takes no list."""
    from diffusers import StableDiffusionAdapterPipeline, T2IAdapter

    args.batch = 1
    adapter = T2IAdapter.from_pretrained(args.adapter, torch_dtype=torch.float32)
    pipe = pipeline(args, StableDiffusionAdapterPipeline, adapter=adapter)
    return draw_along_edges(args, scenes, pipe, "L")


def reference(scene) -> Image.Image:
    """The picture that the IP-Adapter is shown."""
    width, height = (int(v) for v in REFERENCE.split("x"))
    return Image.fromarray((render(scene, width, height) * 255 + 0.5).astype(np.uint8))


def draw_ip(args, scenes) -> list[np.ndarray]:
    """Pictures with the scene as reference, under an empty prompt.

    One at a time: of a batch, the pipeline would show every reference to every prompt.
    """
    from diffusers import StableDiffusionPipeline

    args.batch = 1
    pipe = pipeline(args, StableDiffusionPipeline)
    pipe.load_ip_adapter(
        args.adapter,
        subfolder="",
        weight_name="ip-adapter.safetensors",
        image_encoder_folder="image_encoder",
    )
    pipe, pictures = pipe.to(torch.float32), []
    for part, seeds in batches(args, scenes):
        pictures += call(pipe, args, "", seeds, ip_adapter_image=reference(part[0][0]))
    return pictures


def draw_style(args, scenes) -> list[np.ndarray]:
    """Pictures of the captions with the style's LoRA."""
    from diffusers import StableDiffusionPipeline

    pipe, path = pipeline(args, StableDiffusionPipeline), Path(args.adapter)
    pipe.load_lora_weights(str(path.parent), weight_name=path.name)
    pictures = []
    for part, seeds in batches(args, scenes):
        pictures += call(pipe, args, [text for _, text in part], seeds)
    return pictures


DRAWERS = {"control": draw_control, "t2i": draw_t2i, "ip": draw_ip, "style": draw_style}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("mode", choices=tuple(JUDGES))
    parser.add_argument("--pictures", help="folder that draw.py wrote")
    parser.add_argument("--model")
    parser.add_argument("--adapter")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--size", default="128x128")
    parser.add_argument("--sampler", choices=SAMPLERS, default="dpmpp")
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--guidance", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--save", help="also write the pictures to this folder")
    args = parser.parse_args()
    if not args.pictures and not (args.model and args.adapter and args.mode in DRAWERS):
        parser.error("give --pictures, or --model and --adapter (not for inpaint)")
    return args


def main() -> None:
    """Draws with one adapter unless pictures are given, and prints the figures."""
    args = arguments()
    torch.set_num_threads(args.threads)
    if args.pictures:
        head, captions, pictures = load_folder(Path(args.pictures))
        scenes = asked(len(captions), args.mode, head["size"])
    else:
        head = {
            "by": "diffusers",
            "size": args.size,
            "sampler": args.sampler,
            "steps": args.steps,
            "guidance": args.guidance,
        }
        scenes = asked(args.count, args.mode, args.size)
        pictures = DRAWERS[args.mode](args, scenes)
    if args.save:
        save_pictures(args.save, [text for _, text in scenes], pictures)
    print(
        json.dumps({"adapter": args.mode} | head | JUDGES[args.mode](scenes, pictures)), flush=True
    )


if __name__ == "__main__":
    main()
