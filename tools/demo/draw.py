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
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from evaluate import asked
from graphs import METHODS, has_source, make_graph
from holes import mask_of, spoiled
from latents import parse_size
from render import render
from scenes import Scene
from vision import REFERENCE

ADAPTERS = ("lcm", "resadapter", "style", "control", "t2i", "ip", "inpaint")


def save(values: np.ndarray, path: Path) -> None:
    """Writes values in [0, 1] as a picture."""
    Image.fromarray((values * 255 + 0.5).astype(np.uint8)).save(path)


def write_sources(out: Path, scenes: list[Scene], args: argparse.Namespace) -> None:
    """What edges or an embedding are taken from; or pictures with a hole, and the masks."""
    width, height = parse_size(REFERENCE if args.ip else args.size)
    for i, scene in enumerate(scenes):
        shown = spoiled(i, scene) if args.inpaint else scene
        save(render(shown, width, height), out / f"source_{i:04}.png")
        if args.inpaint:
            save(mask_of(scene, width, height), out / f"mask_{i:04}.png")


def settings(args: argparse.Namespace) -> dict:
    """What the figures' head says of these pictures."""
    adapters = {name: getattr(args, name) for name in ADAPTERS}
    return {
        "by": "resgraph",
        "size": args.size,
        "method": args.method,
        "sampler": args.sampler if args.method == "plain" else "ddim",
        "steps": args.steps,
        "guidance": args.guidance,
        "adapters": [Path(path).name for path in adapters.values() if path],
    }


def run_graph(engine: str, graph: Path, out: Path, threads: int) -> float:
    """Runs a graph; how many seconds resgraph says that took."""
    command = [engine, "run", str(graph), "-o", str(out), "--json", "--threads", str(threads)]
    command += ["--progress", "none", "--metadata", "none"]
    report = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(report)["seconds"]


def draw(args: argparse.Namespace) -> dict:
    """Writes graph, pictures and captions into `args.out`; the settings and seconds of the run."""
    mode = next((name for name in ("control", "t2i", "inpaint") if getattr(args, name)), "")
    pairs, out = asked(args.count, mode, args.size), Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    captions = [text for _, text in pairs]
    if has_source(args):
        write_sources(out, [scene for scene, _ in pairs], args)
    graph = out / "graph.json"
    graph.write_text(json.dumps(make_graph(captions, args)), encoding="utf-8")
    seconds = run_graph(args.engine, graph, out, args.threads)
    lines = [
        json.dumps({"file_name": f"p{i:04}.png", "text": text}) for i, text in enumerate(captions)
    ]
    (out / "metadata.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    head = settings(args) | {"seconds": round(seconds / max(1, args.count), 3)}
    (out / "settings.json").write_text(json.dumps(head) + "\n", encoding="utf-8")
    return head


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line, or the arguments given."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", required=True, help="the resgraph program")
    parser.add_argument("--model", default="models/demo")
    parser.add_argument("--resadapter", help="folder of a ResAdapter")
    parser.add_argument("--weight", type=float, default=1.0, help="of the ResAdapter's LoRA")
    parser.add_argument("--norm-weight", type=float, default=1.0, help="of its norms")
    parser.add_argument("--method", choices=METHODS, default="plain")
    parser.add_argument("--native", type=int, default=0, help="ElasticDiffusion's native side")
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
    return parser.parse_args(given)


if __name__ == "__main__":
    draw(arguments())
