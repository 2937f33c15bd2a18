"""Draws held-out captions with resgraph, for evaluate.py and evaluate_adapters.py to judge.

    python tools/demo/draw.py --engine .build/release/resgraph --out PICTURES --count 100 \\
        --size 256x256
    python tools/demo/evaluate.py folder PICTURES
    python tools/demo/draw.py --engine .build/release/resgraph --out EDGES \\
        --control models/demo/controlnet-canny
    python tools/demo/evaluate_adapters.py control --pictures EDGES

All pictures are one graph and one run, so the model is opened once.  Picture i uses seed i, as
evaluate.py's own `draw` mode does, so that both draw the same pictures.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path

import numpy as np
from PIL import Image

from evaluate import held_out_scenes
from holes import mask_of, spoiled
from render import render
from scenes import Scene
from vision import REFERENCE


def absolute(path: str) -> str:
    """A path that a graph in another folder can name."""
    return str(Path(path).resolve())


def model_nodes(args) -> tuple[dict, str, str]:
    """Nodes up to the adapted model, and the ports of its UNet and text encoder."""
    nodes = {"base": {"type": "CheckpointLoad", "path": absolute(args.model)}}
    unet, encoder = "$base.unet", "$base.text_encoder"
    if args.inpaint:
        nodes["painter"] = {"type": "CheckpointLoad", "path": absolute(args.inpaint)}
        unet = "$painter.unet"
    if args.style:
        nodes["style"] = {
            "type": "LoRALoad",
            "unet": unet,
            "text_encoder": encoder,
            "path": absolute(args.style),
        }
        unet, encoder = "$style.unet", "$style.text_encoder"
    if args.resadapter:
        nodes["fit"] = {"type": "ResAdapterLoad", "unet": unet, "path": absolute(args.resadapter)}
        unet = "$fit.unet"
    if args.lcm:
        nodes["fast"] = {"type": "LCM-LoRA", "unet": unet, "path": absolute(args.lcm)}
        unet = "$fast"
    return nodes, unet, encoder


def hole_nodes(tag: str, args) -> dict:
    """Nodes that open a hole in a source; a UNet of nine channels sees the rest of the picture."""
    config = json.loads((Path(args.inpaint) / "unet" / "config.json").read_text(encoding="utf-8"))
    seen = {"vae": "$base.vae", "image": f"$source_{tag}.image"}
    return {
        f"mask_{tag}": {"type": "ImageLoad", "path": f"mask_{tag}.png"},
        f"encoded_{tag}": {"type": "VAEEncode"} | seen,
        f"hole_{tag}": {
            "type": "InpaintLatent",
            "latent": f"$encoded_{tag}",
            "mask": f"$mask_{tag}.mask",
        }
        | (seen if config["in_channels"] == 9 else {}),
    }


def picture_nodes(i: int, caption: str, ports: tuple[str, str], args) -> dict:
    """The chain of nodes that draws one caption, or follows one reference picture."""
    (unet, encoder), tag, nodes = ports, f"{i:04}", {}
    denoise = {
        "type": "UNetDenoise",
        "positive": f"$text_{tag}",
        "negative": "$avoid",
        "latent": "$start",
        "sampler": args.sampler,
        "steps": args.steps,
        "guidance": args.guidance,
        "seed": i,
    }
    if args.control or args.t2i or args.ip or args.inpaint:
        nodes[f"source_{tag}"] = {"type": "ImageLoad", "path": f"source_{tag}.png"}
    guides = [
        (kind, path)
        for kind, path in (("ControlNet", args.control), ("T2IAdapter", args.t2i))
        if path
    ]
    if guides:
        nodes[f"edges_{tag}"] = {"type": "Canny", "image": f"$source_{tag}.image"}
        denoise["control"] = [f"$guide_{kind}_{tag}" for kind, _ in guides]
    for kind, path in guides:
        nodes[f"guide_{kind}_{tag}"] = {
            "type": kind,
            "path": absolute(path),
            "image": f"$edges_{tag}.image",
        }
    if args.inpaint:
        nodes |= hole_nodes(tag, args)
        denoise["latent"] = f"$hole_{tag}"
    if args.ip:
        nodes[f"like_{tag}"] = {
            "type": "IPAdapter",
            "unet": unet,
            "image": f"$source_{tag}.image",
            "path": absolute(args.ip + "/ip-adapter.safetensors"),
            "image_encoder": absolute(args.ip + "/image_encoder"),
        }
        unet, caption = f"$like_{tag}.unet", ""
    nodes[f"text_{tag}"] = {"type": "TextEncode", "text_encoder": encoder, "prompt": caption}
    nodes[f"denoise_{tag}"] = denoise | {"unet": unet}
    nodes[f"picture_{tag}"] = {"type": "VAEDecode", "vae": "$base.vae", "latent": f"$denoise_{tag}"}
    return nodes


def make_graph(captions: list[str], args) -> dict:
    """A graph with one chain of nodes per caption; JSON is YAML."""
    nodes, unet, encoder = model_nodes(args)
    width, height = (int(v) for v in args.size.split("x"))
    nodes["avoid"] = {"type": "TextEncode", "text_encoder": encoder, "prompt": ""}
    nodes["start"] = {"type": "EmptyLatent", "width": width, "height": height}
    for i, caption in enumerate(captions):
        nodes |= picture_nodes(i, caption, (unet, encoder), args)
    outputs = {f"p{i:04}": f"$picture_{i:04}.image" for i in range(len(captions))}
    return {"version": 1, "name": "evaluation", "nodes": nodes, "outputs": outputs}


def save(values: np.ndarray, path: Path) -> None:
    """Writes values in [0, 1] as a picture."""
    Image.fromarray((values * 255 + 0.5).astype(np.uint8)).save(path)


def write_sources(out: Path, scenes: list[Scene], args) -> None:
    """What edges or an embedding are taken from; or pictures with a hole, and the masks."""
    size = REFERENCE if args.ip else args.size
    width, height = (int(v) for v in size.split("x"))
    for i, scene in enumerate(scenes):
        shown = spoiled(i, scene) if args.inpaint else scene
        save(render(shown, width, height), out / f"source_{i:04}.png")
        if args.inpaint:
            save(mask_of(scene, width, height), out / f"mask_{i:04}.png")


def settings(args) -> dict:
    """What the figures' head says of these pictures."""
    names = ("lcm", "resadapter", "style", "control", "t2i", "ip", "inpaint")
    adapters = {name: getattr(args, name) for name in names}
    named = [Path(path).name for path in adapters.values() if path]
    return {
        "by": "resgraph",
        "size": args.size,
        "sampler": args.sampler,
        "steps": args.steps,
        "guidance": args.guidance,
        "adapters": named,
    }


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", required=True, help="the resgraph program")
    parser.add_argument("--model", default="models/demo")
    parser.add_argument("--resadapter", help="folder of a ResAdapter")
    parser.add_argument("--lcm", help="folder of an LCM-LoRA")
    parser.add_argument("--style", help="file of a LoRA")
    parser.add_argument("--control", help="folder of a ControlNet; edges of the scene are given")
    parser.add_argument("--t2i", help="folder of a T2I-Adapter; edges of the scene are given")
    parser.add_argument(
        "--inpaint",
        help="folder of a checkpoint that fills a hole in the scene: "
        "its UNet has nine channels, or four and blends",
    )
    parser.add_argument("--ip", help="folder of an IP-Adapter; the scene is given and no caption")
    parser.add_argument("--out", required=True)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--size", default="128x128", help="WIDTHxHEIGHT in pixels")
    parser.add_argument("--sampler", default="dpmpp_2m")
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--guidance", type=float, default=5.0)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def main() -> None:
    """Writes the graph, runs it, and lists the pictures with their captions."""
    args = arguments()
    pairs, out = held_out_scenes(args.count), Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    captions = [text for _, text in pairs]
    if args.control or args.t2i or args.ip or args.inpaint:
        write_sources(out, [scene for scene, _ in pairs], args)
    graph = out / "graph.json"
    graph.write_text(json.dumps(make_graph(captions, args)), encoding="utf-8")
    subprocess.run(
        [
            args.engine,
            "run",
            str(graph),
            "-o",
            str(out),
            "--progress",
            "none",
            "--metadata",
            "none",
            "--threads",
            str(args.threads),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    lines = [
        json.dumps({"file_name": f"p{i:04}.png", "text": text}) for i, text in enumerate(captions)
    ]
    (out / "metadata.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (out / "settings.json").write_text(json.dumps(settings(args)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
