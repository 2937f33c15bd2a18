"""What the adapters do: ControlNet, IP-Adapter and style LoRA on held-out scenes.

    python tools/demo/evaluate_adapters.py control --model models/demo --adapter models/demo/controlnet-canny
    python tools/demo/evaluate_adapters.py ip --model models/demo --adapter models/demo/ip-adapter
    python tools/demo/evaluate_adapters.py style --model models/demo --adapter models/demo/style-pencil

One JSON line each: for `control` the mean overlap of the picture's silhouette with that of the scene
the edges came from; for `ip` the share that repeats the reference's shapes and colours under an
empty prompt; for `style` the share in style with the right shapes.
"""
from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from evaluate import SAMPLERS, held_out_scenes, judge_all, make_sampler, save_pictures
from judge import verdict
from pencil import pencil_right
from reader import read, silhouette
from render import render
from train_control import canny


def pipeline(args, kind, **parts):
    """A pipeline of class `kind` with the sampler asked for."""
    pipe = kind.from_pretrained(args.model, safety_checker=None, torch_dtype=torch.float32, **parts)
    pipe.scheduler = make_sampler(args.sampler, pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def batches(args, scenes):
    """Runs of scenes with the seeds of their pictures."""
    for start in range(0, len(scenes), args.batch):
        part = scenes[start:start + args.batch]
        yield part, [torch.Generator().manual_seed(args.seed + start + i) for i in range(len(part))]


def call(pipe, args, prompts, seeds, **more) -> list[np.ndarray]:
    """Float pictures of one batch."""
    width, height = (int(v) for v in args.size.split("x"))
    return list(pipe(prompts, width=width, height=height, num_inference_steps=args.steps,
                     guidance_scale=args.guidance, generator=seeds, output_type="np", **more).images)


def run_control(args, scenes) -> tuple[dict, list]:
    """Mean intersection over union of silhouettes, with the caption and the edges given."""
    from diffusers import ControlNetModel, StableDiffusionControlNetPipeline
    control = ControlNetModel.from_pretrained(args.adapter, torch_dtype=torch.float32)
    pipe = pipeline(args, StableDiffusionControlNetPipeline, controlnet=control)
    width, height = (int(v) for v in args.size.split("x"))
    pictures, overlaps = [], []
    for part, seeds in batches(args, scenes):
        sources = [render(scene, width, height) for scene, _ in part]
        edges = [Image.fromarray(np.repeat(canny(s)[..., None], 3, axis=-1)) for s in sources]
        drawn = call(pipe, args, [text for _, text in part], seeds, image=edges)
        for source, picture in zip(sources, drawn):
            a, b = silhouette(source), silhouette(picture)
            overlaps.append((a & b).sum() / max(1, (a | b).sum()))
        pictures += drawn
    figures = {"iou": round(float(np.mean(overlaps)), 4),
               "iou_above_0.8": round(float(np.mean(np.array(overlaps) > 0.8)), 4)}
    return figures | judge_all([text for _, text in scenes], pictures), pictures


def image_embeds(args, part) -> torch.Tensor:
    """Embeddings of the reference pictures, after as many zeros for the unguided half."""
    from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection
    vision = CLIPVisionModelWithProjection.from_pretrained(
        Path(args.adapter) / "image_encoder", torch_dtype=torch.float32)
    prepare = CLIPImageProcessor.from_pretrained(Path(args.adapter) / "image_encoder")
    references = [Image.fromarray((render(s, 128, 128) * 255 + 0.5).astype(np.uint8)) for s, _ in part]
    with torch.no_grad():
        embeds = vision(prepare(references, return_tensors="pt").pixel_values).image_embeds
    return torch.cat([torch.zeros_like(embeds), embeds])[:, None]


def run_ip(args, scenes) -> tuple[dict, list]:
    """Share of pictures that repeat the reference, under an empty prompt."""
    from diffusers import StableDiffusionPipeline
    pipe = pipeline(args, StableDiffusionPipeline)
    pipe.load_ip_adapter(args.adapter, subfolder="", weight_name="ip-adapter.safetensors",
                         image_encoder_folder="image_encoder")
    pictures, found = [], []
    for part, seeds in batches(args, scenes):
        drawn = call(pipe, args, [""] * len(part), seeds,
                     ip_adapter_image_embeds=[image_embeds(args, part)])
        found += [verdict(scene, read(p)) for (scene, _), p in zip(part, drawn)]
        pictures += drawn
    shares = {k: round(float(np.mean([bool(f[k]) for f in found])), 4) for k in found[0]}
    return {"pictures": len(scenes)} | shares, pictures


def run_style(args, scenes) -> tuple[dict, list]:
    """Share of pencil drawings with the right shapes."""
    from diffusers import StableDiffusionPipeline
    pipe = pipeline(args, StableDiffusionPipeline)
    pipe.load_lora_weights(args.adapter, weight_name="pencil.safetensors")
    pictures = []
    for part, seeds in batches(args, scenes):
        pictures += call(pipe, args, [text for _, text in part], seeds)
    right = [pencil_right(scene, read(p), p) for (scene, _), p in zip(scenes, pictures)]
    return {"pictures": len(scenes), "right": round(float(np.mean(right)), 4)}, pictures


def main() -> None:
    """Draws with one adapter and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    modes = {"control": run_control, "ip": run_ip, "style": run_style}
    parser.add_argument("mode", choices=tuple(modes))
    parser.add_argument("--model", required=True)
    parser.add_argument("--adapter", required=True)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--size", default="128x128")
    parser.add_argument("--sampler", choices=SAMPLERS, default="dpmpp")
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--guidance", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--save")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    scenes = held_out_scenes(args.count)
    figures, pictures = modes[args.mode](args, scenes)
    if args.save:
        save_pictures(args.save, [text for _, text in scenes], pictures)
    head = {"adapter": args.mode, "size": args.size, "sampler": args.sampler, "steps": args.steps,
            "guidance": args.guidance}
    print(json.dumps(head | figures), flush=True)


if __name__ == "__main__":
    main()
