"""Builds graphs for the resgraph program: one chain of nodes per held-out caption."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from latents import parse_size
from scenes import NATIVE

METHODS = ("plain", "multidiffusion", "elastic")
# ElasticDiffusion's pull is for all pixels of a latent together; this much falls to each.
PULL = 60 / 512
STRIDE = 4


def absolute(path: str) -> str:
    """A path that a graph in another folder can name."""
    return str(Path(path).resolve())


def has_source(args: argparse.Namespace) -> bool:
    """Whether every picture has one that it follows."""
    return bool(args.control or args.t2i or args.ip or args.inpaint)


def model_nodes(args: argparse.Namespace) -> tuple[dict, str, str]:
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
        nodes["fit"] = {
            "type": "ResAdapterLoad",
            "unet": unet,
            "path": absolute(args.resadapter),
            "weight": args.weight,
            "norm_weight": args.norm_weight,
        }
        unet = "$fit.unet"
    if args.lcm:
        nodes["fast"] = {"type": "LCM-LoRA", "unet": unet, "path": absolute(args.lcm)}
        unet = "$fast"
    return nodes, unet, encoder


def denoiser(args: argparse.Namespace) -> dict:
    """The denoising node of the method asked for, without what it is joined to."""
    common = {"steps": args.steps, "guidance": args.guidance}
    if args.method == "plain":
        return {"type": "UNetDenoise", "sampler": args.sampler} | common
    if args.method == "multidiffusion":
        return {"type": "MultiDiffusion", "sampler": "ddim", "stride": STRIDE} | common
    width, height = parse_size(args.size)
    larger = width * height > NATIVE * NATIVE
    node = {"type": "ElasticDiffusion", "cosine_scale": 3} | common
    node |= {"resampling_steps": 3 if larger else 0}
    node |= {"rrg_scale": PULL * width * height / 64 if larger else 0.0}
    return node | ({"native": args.native} if args.native else {})


def hole_nodes(tag: str, args: argparse.Namespace) -> dict:
    """Nodes that open a hole in a source; a UNet of nine channels sees the rest of the picture."""
    config = json.loads((Path(args.inpaint) / "unet" / "config.json").read_text(encoding="utf-8"))
    seen = {"vae": "$base.vae", "image": f"$source_{tag}.image"}
    hole = {"type": "InpaintLatent", "latent": f"$encoded_{tag}", "mask": f"$mask_{tag}.mask"}
    return {
        f"mask_{tag}": {"type": "ImageLoad", "path": f"mask_{tag}.png"},
        f"encoded_{tag}": {"type": "VAEEncode"} | seen,
        f"hole_{tag}": hole | (seen if config["in_channels"] == 9 else {}),
    }


def guide_nodes(tag: str, args: argparse.Namespace) -> tuple[dict, list[str]]:
    """Nodes that take edges of the source and follow them, and the ports of the guides."""
    paths = {"ControlNet": args.control, "T2IAdapter": args.t2i}
    guides = {
        f"guide_{kind}_{tag}": {
            "type": kind,
            "path": absolute(path),
            "image": f"$edges_{tag}.image",
        }
        for kind, path in paths.items()
        if path
    }
    if not guides:
        return {}, []
    edges = {f"edges_{tag}": {"type": "Canny", "image": f"$source_{tag}.image"}}
    return edges | guides, ["$" + name for name in guides]


def image_prompt(tag: str, unet: str, args: argparse.Namespace) -> dict:
    """The node that shows the source to the model."""
    return {
        "type": "IPAdapter",
        "unet": unet,
        "image": f"$source_{tag}.image",
        "path": absolute(args.ip + "/ip-adapter.safetensors"),
        "image_encoder": absolute(args.ip + "/image_encoder"),
    }


def picture_nodes(i: int, caption: str, ports: tuple[str, str], args: argparse.Namespace) -> dict:
    """The chain of nodes that draws one caption, or follows one reference picture."""
    (unet, encoder), tag = ports, f"{i:04}"
    denoise = denoiser(args) | {
        "positive": f"$text_{tag}",
        "negative": "$avoid",
        "latent": "$start",
        "seed": i,
    }
    nodes, guides = guide_nodes(tag, args)
    if guides:
        denoise["control"] = guides
    if has_source(args):
        nodes[f"source_{tag}"] = {"type": "ImageLoad", "path": f"source_{tag}.png"}
    if args.inpaint:
        nodes |= hole_nodes(tag, args)
        denoise["latent"] = f"$hole_{tag}"
    if args.ip:
        nodes[f"like_{tag}"] = image_prompt(tag, unet, args)
        unet, caption = f"$like_{tag}.unet", ""
    nodes[f"text_{tag}"] = {"type": "TextEncode", "text_encoder": encoder, "prompt": caption}
    nodes[f"denoise_{tag}"] = denoise | {"unet": unet}
    nodes[f"picture_{tag}"] = {"type": "VAEDecode", "vae": "$base.vae", "latent": f"$denoise_{tag}"}
    return nodes


def make_graph(captions: list[str], args: argparse.Namespace) -> dict:
    """A graph with one chain of nodes per caption; JSON is YAML."""
    nodes, unet, encoder = model_nodes(args)
    width, height = parse_size(args.size)
    nodes["avoid"] = {"type": "TextEncode", "text_encoder": encoder, "prompt": ""}
    nodes["start"] = {"type": "EmptyLatent", "width": width, "height": height}
    for i, caption in enumerate(captions):
        nodes |= picture_nodes(i, caption, (unet, encoder), args)
    outputs = {f"p{i:04}": f"$picture_{i:04}.image" for i in range(len(captions))}
    return {"version": 1, "name": "evaluation", "nodes": nodes, "outputs": outputs}
