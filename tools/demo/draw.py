"""Draws held-out captions with resgraph, for evaluate.py's `folder` mode to judge.

    python tools/demo/draw.py --engine .build/release/resgraph --out PICTURES --count 100 --size 256x256
    python tools/demo/evaluate.py folder PICTURES

All pictures are one graph and one run, so the model is opened once.  Picture i uses seed i, as
evaluate.py's own `draw` mode does, so that both draw the same pictures.
"""
from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path

from evaluate import held_out


def make_graph(captions: list[str], args) -> dict:
    """A graph with one chain of nodes per caption; JSON is YAML."""
    model = str(Path(args.model).resolve())
    nodes = {"base": {"type": "CheckpointLoad", "path": model},
             "avoid": {"type": "TextEncode", "text_encoder": "$base.text_encoder", "prompt": ""}}
    unet = "$base.unet"
    for name, kind, path in (("fit", "ResAdapterLoad", args.resadapter), ("fast", "LCM-LoRA", args.lcm)):
        if path:
            nodes[name] = {"type": kind, "unet": unet, "path": str(Path(path).resolve())}
            unet = f"${name}.unet" if kind == "ResAdapterLoad" else f"${name}"
    width, height = (int(v) for v in args.size.split("x"))
    nodes["start"] = {"type": "EmptyLatent", "width": width, "height": height}
    for i, caption in enumerate(captions):
        nodes[f"text_{i:04}"] = {"type": "TextEncode", "text_encoder": "$base.text_encoder",
                                 "prompt": caption}
        nodes[f"denoise_{i:04}"] = {
            "type": "UNetDenoise", "unet": unet, "positive": f"$text_{i:04}", "negative": "$avoid",
            "latent": "$start", "sampler": args.sampler, "steps": args.steps,
            "guidance": args.guidance, "seed": i}
        nodes[f"picture_{i:04}"] = {"type": "VAEDecode", "vae": "$base.vae",
                                    "latent": f"$denoise_{i:04}"}
    outputs = {f"p{i:04}": f"$picture_{i:04}.image" for i in range(len(captions))}
    return {"version": 1, "name": "evaluation", "nodes": nodes, "outputs": outputs}


def main() -> None:
    """Writes the graph, runs it, and lists the pictures with their captions."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", required=True, help="the resgraph program")
    parser.add_argument("--model", default="models/demo")
    parser.add_argument("--resadapter", help="folder of a ResAdapter")
    parser.add_argument("--lcm", help="folder of an LCM-LoRA")
    parser.add_argument("--out", required=True)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--size", default="128x128", help="WIDTHxHEIGHT in pixels")
    parser.add_argument("--sampler", default="dpmpp_2m")
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--guidance", type=float, default=5.0)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    captions, out = held_out(args.count), Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    graph = out / "graph.json"
    graph.write_text(json.dumps(make_graph(captions, args)), encoding="utf-8")
    subprocess.run([args.engine, "run", str(graph), "-o", str(out), "--progress", "none",
                    "--metadata", "none", "--threads", str(args.threads)],
                   check=True, stdout=subprocess.DEVNULL)
    lines = [json.dumps({"file_name": f"p{i:04}.png", "text": text})
             for i, text in enumerate(captions)]
    (out / "metadata.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
