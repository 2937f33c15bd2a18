"""Draws held-out captions with resgraph, for evaluate.py and evaluate_adapters.py to judge.

    python tools/demo/draw.py --engine .build/release/resgraph --out PICTURES --count 100 --size 256x256
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
    if args.style:
        nodes["style"] = {"type": "LoRALoad", "unet": unet, "text_encoder": encoder,
                          "path": absolute(args.style)}
        unet, encoder = "$style.unet", "$style.text_encoder"
    if args.resadapter:
        nodes["fit"] = {"type": "ResAdapterLoad", "unet": unet, "path": absolute(args.resadapter)}
        unet = "$fit.unet"
    if args.lcm:
        nodes["fast"] = {"type": "LCM-LoRA", "unet": unet, "path": absolute(args.lcm)}
        unet = "$fast"
    return nodes, unet, encoder


def picture_nodes(i: int, caption: str, ports: tuple[str, str], args) -> dict:
    """The chain of nodes that draws one caption, or follows one reference picture."""
    (unet, encoder), tag, nodes = ports, f"{i:04}", {}
    denoise = {"type": "UNetDenoise", "positive": f"$text_{tag}", "negative": "$avoid",
               "latent": "$start", "sampler": args.sampler, "steps": args.steps,
               "guidance": args.guidance, "seed": i}
    if args.control or args.ip:
        nodes[f"source_{tag}"] = {"type": "ImageLoad", "path": f"source_{tag}.png"}
    if args.control:
        nodes[f"edges_{tag}"] = {"type": "Canny", "image": f"$source_{tag}.image"}
        nodes[f"guide_{tag}"] = {"type": "ControlNet", "path": absolute(args.control),
                                 "image": f"$edges_{tag}.image"}
        denoise["control"] = [f"$guide_{tag}"]
    if args.ip:
        nodes[f"like_{tag}"] = {
            "type": "IPAdapter", "unet": unet, "image": f"$source_{tag}.image",
            "path": absolute(args.ip + "/ip-adapter.safetensors"),
            "image_encoder": absolute(args.ip + "/image_encoder")}
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


def write_sources(out: Path, scenes: list[Scene], size: str) -> None:
    """The pictures that a ControlNet's edges or an IP-Adapter's embedding are taken from."""
    width, height = (int(v) for v in size.split("x"))
    for i, scene in enumerate(scenes):
        picture = (render(scene, width, height) * 255 + 0.5).astype(np.uint8)
        Image.fromarray(picture).save(out / f"source_{i:04}.png")


def settings(args) -> dict:
    """What the figures' head says of these pictures."""
    adapters = {name: getattr(args, name) for name in ("lcm", "resadapter", "style", "control", "ip")}
    named = [Path(path).name for path in adapters.values() if path]
    return {"by": "resgraph", "size": args.size, "sampler": args.sampler, "steps": args.steps,
            "guidance": args.guidance, "adapters": named}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", required=True, help="the resgraph program")
    parser.add_argument("--model", default="models/demo")
    parser.add_argument("--resadapter", help="folder of a ResAdapter")
    parser.add_argument("--lcm", help="folder of an LCM-LoRA")
    parser.add_argument("--style", help="file of a LoRA")
    parser.add_argument("--control", help="folder of a ControlNet; edges of the scene are given")
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
    if args.control or args.ip:
        write_sources(out, [scene for scene, _ in pairs], args.size if args.control else REFERENCE)
    graph = out / "graph.json"
    graph.write_text(json.dumps(make_graph(captions, args)), encoding="utf-8")
    subprocess.run([args.engine, "run", str(graph), "-o", str(out), "--progress", "none",
                    "--metadata", "none", "--threads", str(args.threads)],
                   check=True, stdout=subprocess.DEVNULL)
    lines = [json.dumps({"file_name": f"p{i:04}.png", "text": text})
             for i, text in enumerate(captions)]
    (out / "metadata.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (out / "settings.json").write_text(json.dumps(settings(args)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
