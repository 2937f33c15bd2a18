#!/usr/bin/env python3
"""Makes the goldens of IP-Adapter: each projector, and UNets that look at images beside the text.

The UNets are those of unet_make.py, with the same weights; run that first.
Run from anywhere: `python tools/goldens/ip_make.py [base|plus|full|base_sdxl]...`
"""

import sys

import torch
from diffusers import UNet2DConditionModel

from common import generator, normal, seed_weights, write
from unet_make import CONFIGS

SIZE = (9, 13)
PLUS_WIDTH = 64  # one head: the width of a head is fixed


def tensors(shapes, seed):
    """Seeded float16 values: matrices scaled by their inputs, gains near one, small offsets."""
    source, state = generator(seed), {}
    for name, shape in shapes.items():
        draw = torch.randn(shape, generator=source)
        gain = name.endswith("weight") and len(shape) == 1
        value = 1 + 0.2 * draw if gain else draw * (shape[-1] ** -0.5 if len(shape) > 1 else 0.1)
        state[name] = value.half()
    return state


def projector_shapes(kind, clip, text):
    if kind == "base":
        return {
            "proj.weight": (4 * text, clip),
            "proj.bias": (4 * text,),
            "norm.weight": (text,),
            "norm.bias": (text,),
        }
    if kind == "full":
        shapes = {
            "proj.0.weight": (clip, clip),
            "proj.0.bias": (clip,),
            "proj.2.weight": (text, clip),
        }
        return shapes | {"proj.2.bias": (text,), "proj.3.weight": (text,), "proj.3.bias": (text,)}
    width = PLUS_WIDTH
    shapes = {"latents": (1, 5, width), "proj_in.weight": (width, clip), "proj_in.bias": (width,)}
    shapes |= {"proj_out.weight": (text, width), "proj_out.bias": (text,)}
    shapes |= {"norm_out.weight": (text,), "norm_out.bias": (text,)}
    for layer in range(4):
        attention, forward = f"layers.{layer}.0.", f"layers.{layer}.1."
        for norm in ("norm1", "norm2"):
            shapes |= {attention + norm + ".weight": (width,), attention + norm + ".bias": (width,)}
        shapes |= {
            attention + "to_q.weight": (width, width),
            attention + "to_kv.weight": (2 * width, width),
        }
        shapes |= {attention + "to_out.weight": (width, width)}
        shapes |= {forward + "0.weight": (width,), forward + "0.bias": (width,)}
        shapes |= {
            forward + "1.weight": (4 * width, width),
            forward + "3.weight": (width, 4 * width),
        }
    return shapes


def attention_shapes(model):
    shapes = {}
    names = [name for name in model.attn_processors if name.endswith("attn2.processor")]
    for index, name in enumerate(names):
        layer = model.get_submodule(name.removesuffix(".processor"))
        for key in ("to_k_ip", "to_v_ip"):
            shapes[f"{2 * index + 1}.{key}.weight"] = (layer.inner_dim, layer.cross_attention_dim)
    return shapes


def build(kind, name, seed):
    """The UNet of the goldens with an adapter, and the adapter as released: two nested
    dictionaries."""
    model = seed_weights(UNet2DConditionModel(**CONFIGS[name]), seed=100 + len(name))
    clip = 20
    adapter = {
        "image_proj": tensors(
            projector_shapes(kind, clip, CONFIGS[name]["cross_attention_dim"]), seed
        ),
        "ip_adapter": tensors(attention_shapes(model), seed + 1),
    }
    rounded = {
        group: {key: value.float() for key, value in part.items()}
        for group, part in adapter.items()
    }
    model._load_ip_adapter_weights([rounded], low_cpu_mem_usage=False)
    return model.eval().requires_grad_(False), adapter, clip


def scale(model, value):
    for processor in model.attn_processors.values():
        if hasattr(processor, "scale"):
            processor.scale = [value]


def encoded(kind, clip, images, seed):
    """Encoder outputs of a negative and a positive sample: [2, images, (tokens,) clip]."""
    shape = (2, images, clip) if kind == "base" else (2, images, 7, clip)
    return normal(shape, seed)


def run(model, name, embeddings, masks=None):
    config = CONFIGS[name]
    inputs = {
        "sample": normal((2, 4, *SIZE), 700),
        "text": normal((2, 6, config["cross_attention_dim"]), 701),
    }
    added = {"image_embeds": [embeddings]}
    if config.get("addition_embed_type"):
        inputs["pooled"] = normal((2, 28), 702)
        inputs["time_ids"] = torch.tensor([[72.0, 104.0, 0.0, 0.0, 72.0, 104.0]] * 2)
        added |= {"text_embeds": inputs["pooled"], "time_ids": inputs["time_ids"]}
    kwargs = {"ip_adapter_masks": [masks]} if masks is not None else None
    with torch.no_grad():
        tokens = model.encoder_hid_proj([embeddings])[0]
        output = model(
            inputs["sample"],
            321,
            inputs["text"],
            added_cond_kwargs=added,
            cross_attention_kwargs=kwargs,
        ).sample
    return {**inputs, "encoded": embeddings, "tokens": tokens, "output": output}


def make(kind, name, folder, seed):
    model, adapter, clip = build(kind, name, seed)
    cases = {}

    def add(case, values):
        cases.update({f"{case}.{key}": value for key, value in values.items()})

    scale(model, 0.7)
    add("one", run(model, name, encoded(kind, clip, 1, 710)))
    if kind == "base":
        add("two", run(model, name, encoded(kind, clip, 2, 711)))
    if folder == "ip_base":
        scale(model, [0.8, 0.5])
        masks = (normal((1, 2, 18, 26), 712) > 0).float()
        masks[:, 0, :, 13:], masks[:, 1, :, :13] = 0, 0
        masks[:, 0, 2:16, 1:12] = 1
        add("masked", run(model, name, encoded(kind, clip, 2, 713), masks) | {"masks": masks})
        narrow = torch.ones((1, 2, 10, 24))
        narrow[:, 0, :5], narrow[:, 1, 5:] = 0, 0
        add("misfit", run(model, name, encoded(kind, clip, 2, 714), narrow) | {"masks": narrow})
    flat = {
        f"{group}.{key}": value for group, part in adapter.items() for key, value in part.items()
    }
    write(folder, flat, cases)


MAKERS = {
    "base": ("base", "sd1", "ip_base", 720),
    "plus": ("plus", "sd1", "ip_plus", 730),
    "full": ("full", "sd1", "ip_full", 740),
    "base_sdxl": ("base", "sdxl", "ip_base_sdxl", 750),
}

if __name__ == "__main__":
    for name in sys.argv[1:] or MAKERS:
        make(*MAKERS[name])
