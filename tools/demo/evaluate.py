"""How often pictures show what their captions say.

Pictures made by diffusers from a model folder:

    python tools/demo/evaluate.py draw --model models/demo --count 500 --size 128x128 --steps 25

Pictures made by anything else (a folder with `metadata.jsonl`: one {"file_name", "text"} per line;
what `settings.json` says, which draw.py writes, heads the figures):

    python tools/demo/evaluate.py folder PICTURES

The held-out captions, one a line:

    python tools/demo/evaluate.py captions --count 500
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

from judge import verdict
from latents import parse_size
from parse import parse
from reader import read
from scenes import NATIVE, Scene, sample_scene

HELD_OUT_SEED = 20_000_003
LAID_OUT = ("control", "t2i", "inpaint")
SAMPLERS = ("pndm", "ddim", "dpmpp", "euler", "lcm")


def held_out_scenes(count: int, size: str = f"{NATIVE}x{NATIVE}") -> list[tuple[Scene, str]]:
    """Scenes laid out for a size, from a seed that no training uses; half of them of two objects.

    What is asked for in words alone is the same at every size: the captions of the native scenes.
    """
    rng = random.Random(HELD_OUT_SEED)
    return [sample_scene(rng, (1, 2), *parse_size(size)) for _ in range(count)]


def asked(count: int, mode: str, size: str) -> list[tuple[Scene, str]]:
    """What is asked for at a size: scenes laid out for it where their edges or places are shown."""
    return held_out_scenes(count, size) if mode in LAID_OUT else held_out_scenes(count)


def held_out(count: int) -> list[str]:
    """The captions of the held-out scenes."""
    return [text for _, text in held_out_scenes(count)]


def make_sampler(name: str, config):
    """A diffusers scheduler by short name, from the model's own configuration."""
    import diffusers

    if name == "dpmpp":
        return diffusers.DPMSolverMultistepScheduler.from_config(
            config, algorithm_type="dpmsolver++"
        )
    kinds = {
        "pndm": "PNDMScheduler",
        "ddim": "DDIMScheduler",
        "euler": "EulerDiscreteScheduler",
        "lcm": "LCMScheduler",
    }
    return getattr(diffusers, kinds[name]).from_config(config)


def load_pipeline(args):
    """The text-to-image pipeline with the sampler and LoRAs asked for."""
    from diffusers import StableDiffusionPipeline

    pipe = StableDiffusionPipeline.from_pretrained(
        args.model, safety_checker=None, torch_dtype=torch.float32
    )
    pipe.scheduler = make_sampler(args.sampler, pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=True)
    for i, path in enumerate(args.lora):
        pipe.load_lora_weights(
            str(Path(path).parent), weight_name=Path(path).name, adapter_name=f"lora{i}"
        )
    if args.resadapter:
        fit(pipe, Path(args.resadapter), args.weight, args.norm_weight)
    return pipe


def fit(pipe, folder: Path, weight: float, norm_weight: float) -> None:
    """Puts a ResAdapter on the pipeline's UNet: `weight` scales its LoRA, the norms are blended."""
    others = pipe.get_active_adapters()
    pipe.load_lora_weights(
        str(folder), weight_name="pytorch_lora_weights.safetensors", adapter_name="resadapter"
    )
    pipe.set_adapters([*others, "resadapter"], [1.0] * len(others) + [weight])
    state = pipe.unet.state_dict()
    with torch.no_grad():
        for name, value in load_file(folder / "diffusion_pytorch_model.safetensors").items():
            state[name].lerp_(value.to(state[name].dtype), norm_weight)


def call(pipe, args, prompts, seeds, **more) -> list[np.ndarray]:
    """Float pictures of one batch."""
    width, height = parse_size(args.size)
    return list(
        pipe(
            prompts,
            width=width,
            height=height,
            num_inference_steps=args.steps,
            guidance_scale=args.guidance,
            generator=seeds,
            output_type="np",
            **more,
        ).images
    )


def draw(pipe, captions: list[str], args, **more) -> list[np.ndarray]:
    """One float picture per caption; picture i uses seed `args.seed + i`."""
    pictures = []
    for start in range(0, len(captions), args.batch):
        part = captions[start : start + args.batch]
        seeds = [torch.Generator().manual_seed(args.seed + start + i) for i in range(len(part))]
        extra = {k: v[start : start + args.batch] for k, v in more.items()}
        pictures += call(pipe, args, part, seeds, **extra)
    return pictures


def judge_all(captions: list[str], pictures) -> dict:
    """Shares of each judgement over all pictures, and of `right` by number of objects."""
    sums, by_count = defaultdict(float), defaultdict(list)
    for caption, picture in zip(captions, pictures):
        scene = parse(caption)
        reading = read(picture)
        found = verdict(scene, reading)
        for key, value in found.items():
            sums[key] += bool(value)
        by_count[len(scene.things)].append(bool(found["right"]))
    shares = {key: round(value / len(captions), 4) for key, value in sums.items()}
    shares |= {f"right_{n}": round(float(np.mean(v)), 4) for n, v in sorted(by_count.items())}
    return {"pictures": len(captions)} | shares


def save_pictures(folder: str, captions: list[str], pictures) -> None:
    """Writes PNGs and `metadata.jsonl`, the layout that the `folder` mode reads."""
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    with open(out / "metadata.jsonl", "w", encoding="utf-8") as lines:
        for i, (caption, picture) in enumerate(zip(captions, pictures)):
            name = f"{i:04}.png"
            Image.fromarray((picture * 255 + 0.5).astype(np.uint8)).save(out / name)
            lines.write(json.dumps({"file_name": name, "text": caption}) + "\n")


def run_draw(args) -> dict:
    """Draws held-out captions with diffusers and judges the pictures."""
    captions = held_out(args.count)
    started = time.time()
    pictures = draw(load_pipeline(args), captions, args)
    seconds = time.time() - started
    if args.save:
        save_pictures(args.save, captions, pictures)
    adapters = [Path(p).parent.name for p in args.lora]
    adapters += [Path(args.resadapter).name] if args.resadapter else []
    head = {
        "by": "diffusers",
        "size": args.size,
        "sampler": args.sampler,
        "steps": args.steps,
        "guidance": args.guidance,
        "adapters": adapters,
    }
    return head | judge_all(captions, pictures) | {"seconds": round(seconds, 1)}


def load_folder(folder: Path) -> tuple[dict, list[str], list[np.ndarray]]:
    """The settings, captions and pictures that lie in a folder."""
    lines = (folder / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    pictures = [np.asarray(Image.open(folder / row["file_name"]).convert("RGB")) for row in rows]
    notes = folder / "settings.json"
    head = json.loads(notes.read_text(encoding="utf-8")) if notes.exists() else {}
    return head or {"folder": folder.name}, [row["text"] for row in rows], pictures


def run_folder(args) -> dict:
    """Judges pictures that lie in a folder with their captions."""
    head, captions, pictures = load_folder(Path(args.folder))
    return head | judge_all(captions, pictures)


def main() -> None:
    """Prints one JSON line of figures (or the captions)."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    modes = parser.add_subparsers(required=True)
    drawing = modes.add_parser("draw")
    drawing.add_argument("--model", required=True)
    drawing.add_argument("--count", type=int, default=500)
    drawing.add_argument("--size", default="128x128", help="WIDTHxHEIGHT in pixels")
    drawing.add_argument("--sampler", choices=SAMPLERS, default="dpmpp")
    drawing.add_argument("--steps", type=int, default=25)
    drawing.add_argument("--guidance", type=float, default=5.0)
    drawing.add_argument("--lora", action="append", default=[], help="kohya file; may repeat")
    drawing.add_argument("--resadapter", help="folder of a ResAdapter")
    drawing.add_argument("--weight", type=float, default=1.0, help="of the ResAdapter's LoRA")
    drawing.add_argument("--norm-weight", type=float, default=1.0, help="of its norms")
    drawing.add_argument("--seed", type=int, default=0)
    drawing.add_argument("--batch", type=int, default=50)
    drawing.add_argument("--threads", type=int, default=1)
    drawing.add_argument("--save", help="also write the pictures to this folder")
    drawing.set_defaults(run=run_draw)
    folder = modes.add_parser("folder")
    folder.add_argument("folder")
    folder.set_defaults(run=run_folder)
    listing = modes.add_parser("captions")
    listing.add_argument("--count", type=int, default=500)
    listing.set_defaults(run=None)
    args = parser.parse_args()
    if args.run is None:
        print("\n".join(held_out(args.count)))
        return
    torch.set_num_threads(getattr(args, "threads", 1))
    print(json.dumps(args.run(args)), flush=True)


if __name__ == "__main__":
    main()
