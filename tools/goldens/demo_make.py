#!/usr/bin/env python3
"""Draws with diffusers, in float32, what Tests/NodesTests must draw from models/demo: pictures of
the demo model.

Run from the repository root, with torch, diffusers 0.42.1, transformers, peft and opencv installed:
    python tools/goldens/demo_make.py
To be run again whenever a file of models/demo changes.  Needs no training state.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from made_with import record_script

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "demo"))
from evaluate import held_out_scenes  # noqa: E402
from render import render  # noqa: E402
from train_control import canny  # noqa: E402

MODEL = Path("models/demo")
FOLDER = Path("Tests/NodesTests/Goldens/demo")
SAMPLERS = {
    "checkpoint": None,
    "ddim": "DDIMScheduler",
    "pndm": "PNDMScheduler",
    "euler": "EulerDiscreteScheduler",
    "euler_a": "EulerAncestralDiscreteScheduler",
    "unipc": "UniPCMultistepScheduler",
    "dpmpp_2m": "DPMSolverMultistepScheduler",
    "lcm": "LCMScheduler",
}


def case(name, prompt, sampler, size=(128, 128), steps=8, guidance=5.0, seed=1, adapter=""):
    return {
        "name": name,
        "prompt": prompt,
        "sampler": sampler,
        "width": size[0],
        "height": size[1],
        "steps": steps,
        "guidance": guidance,
        "seed": seed,
        "adapter": adapter,
    }


CASES = [
    # What `make run` draws: graphs/text-to-image.yaml as it is.
    case("make_run", "a red circle left of a blue square", "dpmpp_2m", seed=42, steps=25),
    case("native", "a yellow star left of a large purple square", "dpmpp_2m", seed=11, steps=12),
    case("checkpoint", "a small black ring at the bottom on sky", "checkpoint", seed=12),
    case(
        "tall",
        "there is an orange circle under a blue cross on a night background",
        "ddim",
        (96, 160),
        seed=13,
    ),
    case("wide", "two pink triangles", "pndm", (168, 88), seed=14),
    case("large", "a red circle and a white ring on sand", "euler", (192, 192), seed=15),
    case("small", "a green cross", "euler_a", (64, 64), seed=16),
    case("unipc", "a cyan square above a red star", "unipc", seed=17),
    case(
        "lcm",
        "a green triangle above a yellow circle",
        "lcm",
        steps=4,
        guidance=1.0,
        seed=18,
        adapter="lcm",
    ),
    case("edges", "a yellow circle left of a green square", "dpmpp_2m", seed=19, adapter="control"),
    case("ember", "a big blue star right of a white circle", "dpmpp_2m", seed=20, adapter="style"),
    case(
        "steered",
        "a yellow circle left of a green square",
        "dpmpp_2m",
        (144, 128),
        seed=22,
        adapter="t2i",
    ),
    case("alike", "", "dpmpp_2m", seed=21, adapter="ip"),
]


def pipeline(kind, **parts):
    pipe = kind.from_pretrained(MODEL, safety_checker=None, torch_dtype=torch.float32, **parts)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def adapted(adapter, references):
    """The pipeline with one adapter, and what its call takes besides."""
    from diffusers import (
        ControlNetModel,
        StableDiffusionAdapterPipeline,
        StableDiffusionControlNetPipeline,
        StableDiffusionPipeline,
        T2IAdapter,
    )

    if adapter == "control":
        control = ControlNetModel.from_pretrained(
            MODEL / "controlnet-canny", torch_dtype=torch.float32
        )
        return pipeline(StableDiffusionControlNetPipeline, controlnet=control), {
            "image": references["given_edges"]
        }
    if adapter == "t2i":
        t2i = T2IAdapter.from_pretrained(MODEL / "t2i-adapter-canny", torch_dtype=torch.float32)
        return pipeline(StableDiffusionAdapterPipeline, adapter=t2i), {
            "image": references["given_wide_edges"].convert("L")
        }
    pipe = pipeline(StableDiffusionPipeline)
    if adapter == "lcm":
        pipe.load_lora_weights(
            str(MODEL / "lcm-lora"), weight_name="pytorch_lora_weights.safetensors"
        )
    elif adapter == "style":
        pipe.load_lora_weights(str(MODEL / "style-ember"), weight_name="ember.safetensors")
    elif adapter == "ip":
        pipe.load_ip_adapter(
            str(MODEL / "ip-adapter"),
            subfolder="",
            weight_name="ip-adapter.safetensors",
            image_encoder_folder="image_encoder",
        )
        return pipe.to(torch.float32), {"ip_adapter_image": references["given_picture"]}
    return pipe, {}


def draw(one, references):
    import diffusers

    pipe, more = adapted(one["adapter"], references)
    if name := SAMPLERS[one["sampler"]]:
        pipe.scheduler = getattr(diffusers, name).from_config(pipe.scheduler.config)
    return pipe(
        one["prompt"],
        width=one["width"],
        height=one["height"],
        num_inference_steps=one["steps"],
        guidance_scale=one["guidance"],
        generator=torch.Generator().manual_seed(one["seed"]),
        **more,
    ).images[0]


def main():
    torch.set_num_threads(1)
    FOLDER.mkdir(parents=True, exist_ok=True)
    scenes = [scene for scene, _ in held_out_scenes(2)]
    pictures = [render(scene, 128, 128) for scene in scenes]
    references = {
        "given_edges": Image.fromarray(np.repeat(canny(pictures[0])[..., None], 3, axis=-1)),
        "given_picture": Image.fromarray((pictures[1] * 255 + 0.5).astype(np.uint8)),
    }
    references["given_wide_edges"] = references["given_edges"].resize(
        (144, 128), Image.Resampling.NEAREST
    )
    for name, picture in references.items():
        picture.save(FOLDER / f"{name}.png", optimize=True)
    wanted = [one for one in CASES if not sys.argv[1:] or one["name"] in sys.argv[1:]]
    for one in wanted:
        draw(one, references).save(FOLDER / f"{one['name']}.png", optimize=True)
        print(one["name"], flush=True)
    lines = ",\n  ".join(json.dumps(one) for one in CASES)
    (FOLDER / "cases.json").write_text(f"[\n  {lines}\n]\n")


if __name__ == "__main__":
    main()
    record_script(FOLDER)
