#!/usr/bin/env python3
"""Makes Tests/WeightsTests/Fixtures/single: single-file checkpoints, and diffusers' names.

Run from anywhere: `python tools/goldens/weights_single_make.py`
"""

import types

import numpy as np
import torch
from safetensors.torch import save_file

from common import WEIGHT_FIXTURES, fresh_folder
from made_with import record_script


class Counter:
    """Tensors that no two names share: the values count on."""

    def __init__(self):
        self.next = 0

    def __call__(self, *shape):
        n = int(np.prod(shape))
        values = torch.arange(self.next, self.next + n, dtype=torch.float32).reshape(shape)
        self.next += n
        return values


def resnet(t, tensors, path, c, cin, emb=2):
    tensors |= {
        f"{path}.in_layers.0.weight": t(cin),
        f"{path}.in_layers.0.bias": t(cin),
        f"{path}.in_layers.2.weight": t(c, cin, 1, 1),
        f"{path}.in_layers.2.bias": t(c),
        f"{path}.emb_layers.1.weight": t(c, emb),
        f"{path}.emb_layers.1.bias": t(c),
        f"{path}.out_layers.0.weight": t(c),
        f"{path}.out_layers.0.bias": t(c),
        f"{path}.out_layers.3.weight": t(c, c, 1, 1),
        f"{path}.out_layers.3.bias": t(c),
    }
    if cin != c:
        tensors |= {
            f"{path}.skip_connection.weight": t(c, cin, 1, 1),
            f"{path}.skip_connection.bias": t(c),
        }


def transformer(t, tensors, path, c, depth, cross, linear):
    tail = () if linear else (1, 1)
    tensors |= {
        f"{path}.norm.weight": t(c),
        f"{path}.norm.bias": t(c),
        f"{path}.proj_in.weight": t(c, c, *tail),
        f"{path}.proj_in.bias": t(c),
        f"{path}.proj_out.weight": t(c, c, *tail),
        f"{path}.proj_out.bias": t(c),
    }
    for d in range(depth):
        b = f"{path}.transformer_blocks.{d}"
        for n in (1, 2, 3):
            tensors |= {f"{b}.norm{n}.weight": t(c), f"{b}.norm{n}.bias": t(c)}
        for a, k in (("attn1", c), ("attn2", cross)):
            tensors |= {
                f"{b}.{a}.to_q.weight": t(c, c),
                f"{b}.{a}.to_k.weight": t(c, k),
                f"{b}.{a}.to_v.weight": t(c, k),
                f"{b}.{a}.to_out.0.weight": t(c, c),
                f"{b}.{a}.to_out.0.bias": t(c),
            }
        tensors |= {
            f"{b}.ff.net.0.proj.weight": t(8 * c, c),
            f"{b}.ff.net.0.proj.bias": t(8 * c),
            f"{b}.ff.net.2.weight": t(c, 4 * c),
            f"{b}.ff.net.2.bias": t(c),
        }


def original_unet(t, channels, depths, cross, linear, xl, cin=4, layers=2):
    p = "model.diffusion_model."
    w = {}
    emb = 2
    w |= {
        p + f"time_embed.{i}.{k}": v
        for i in (0, 2)
        for k, v in (("weight", t(emb, channels[0] if i == 0 else emb)), ("bias", t(emb)))
    }
    if xl:
        w |= {
            p + f"label_emb.0.{i}.{k}": v
            for i in (0, 2)
            for k, v in (("weight", t(emb, 6 if i == 0 else emb)), ("bias", t(emb)))
        }
    w |= {
        p + "input_blocks.0.0.weight": t(channels[0], cin, 3, 3),
        p + "input_blocks.0.0.bias": t(channels[0]),
    }
    skips, index, c = [channels[0]], 1, channels[0]
    for level, width in enumerate(channels):
        for _ in range(layers):
            resnet(t, w, f"{p}input_blocks.{index}.0", width, c, emb)
            if depths[level]:
                transformer(t, w, f"{p}input_blocks.{index}.1", width, depths[level], cross, linear)
            c = width
            skips.append(c)
            index += 1
        if level + 1 < len(channels):
            w |= {
                f"{p}input_blocks.{index}.0.op.weight": t(c, c, 3, 3),
                f"{p}input_blocks.{index}.0.op.bias": t(c),
            }
            skips.append(c)
            index += 1
    resnet(t, w, p + "middle_block.0", c, c, emb)
    transformer(t, w, p + "middle_block.1", c, max(depths), cross, linear)
    resnet(t, w, p + "middle_block.2", c, c, emb)
    index = 0
    for level in reversed(range(len(channels))):
        for layer in range(layers + 1):
            resnet(t, w, f"{p}output_blocks.{index}.0", channels[level], c + skips.pop(), emb)
            c = channels[level]
            sub = 1
            if depths[level]:
                transformer(t, w, f"{p}output_blocks.{index}.1", c, depths[level], cross, linear)
                sub = 2
            if layer == layers and level:
                w |= {
                    f"{p}output_blocks.{index}.{sub}.conv.weight": t(c, c, 3, 3),
                    f"{p}output_blocks.{index}.{sub}.conv.bias": t(c),
                }
            index += 1
    w |= {
        p + "out.0.weight": t(c),
        p + "out.0.bias": t(c),
        p + "out.2.weight": t(4, c, 3, 3),
        p + "out.2.bias": t(4),
    }
    return w


def original_vae(t, channels=(2, 4)):
    w = {}

    def conv(path, o, i, k=1):
        w[path + ".weight"], w[path + ".bias"] = t(o, i, k, k), t(o)

    def norm(path, c):
        w[path + ".weight"], w[path + ".bias"] = t(c), t(c)

    def block(path, o, i):
        (
            norm(path + ".norm1", i),
            conv(path + ".conv1", o, i),
            norm(path + ".norm2", o),
            conv(path + ".conv2", o, o),
        )
        if i != o:
            conv(path + ".nin_shortcut", o, i)

    def middle(path, c):
        (
            block(path + ".block_1", c, c),
            block(path + ".block_2", c, c),
            norm(path + ".attn_1.norm", c),
        )
        for n in ("q", "k", "v", "proj_out"):
            conv(f"{path}.attn_1.{n}", c, c)

    p = "first_stage_model."
    conv(p + "encoder.conv_in", channels[0], 3)
    c = channels[0]
    for i, width in enumerate(channels):
        for j in range(2):
            block(f"{p}encoder.down.{i}.block.{j}", width, c)
            c = width
        if i + 1 < len(channels):
            conv(f"{p}encoder.down.{i}.downsample.conv", c, c)
    (
        middle(p + "encoder.mid", c),
        norm(p + "encoder.norm_out", c),
        conv(p + "encoder.conv_out", 8, c),
    )
    (
        conv(p + "quant_conv", 8, 8),
        conv(p + "post_quant_conv", 4, 4),
        conv(p + "decoder.conv_in", c, 4),
        middle(p + "decoder.mid", c),
    )
    for i in reversed(range(len(channels))):
        for j in range(3):
            block(f"{p}decoder.up.{i}.block.{j}", channels[i], c)
            c = channels[i]
        if i:
            conv(f"{p}decoder.up.{i}.upsample.conv", c, c)
    norm(p + "decoder.norm_out", c), conv(p + "decoder.conv_out", 3, c)
    return w


def clip(t, prefix, d=4, layers=1):
    w = {
        prefix + "text_model.embeddings.token_embedding.weight": t(6, d),
        prefix + "text_model.embeddings.position_embedding.weight": t(5, d),
        prefix + "text_model.embeddings.position_ids": torch.arange(5).float()[None],
        prefix + "text_model.final_layer_norm.weight": t(d),
        prefix + "text_model.final_layer_norm.bias": t(d),
    }
    for i in range(layers):
        b = f"{prefix}text_model.encoder.layers.{i}."
        for n in ("layer_norm1", "layer_norm2"):
            w |= {f"{b}{n}.weight": t(d), f"{b}{n}.bias": t(d)}
        for n in ("q_proj", "k_proj", "v_proj", "out_proj"):
            w |= {f"{b}self_attn.{n}.weight": t(d, d), f"{b}self_attn.{n}.bias": t(d)}
        w |= {
            f"{b}mlp.fc1.weight": t(2 * d, d),
            f"{b}mlp.fc1.bias": t(2 * d),
            f"{b}mlp.fc2.weight": t(d, 2 * d),
            f"{b}mlp.fc2.bias": t(d),
        }
    return w


def open_clip(t, prefix, layers, d=4):
    w = {
        prefix + "token_embedding.weight": t(6, d),
        prefix + "positional_embedding": t(5, d),
        prefix + "ln_final.weight": t(d),
        prefix + "ln_final.bias": t(d),
        prefix + "text_projection": t(d, d),
        prefix + "logit_scale": t(),
    }
    for i in range(layers):
        b = f"{prefix}transformer.resblocks.{i}."
        for n in ("ln_1", "ln_2"):
            w |= {f"{b}{n}.weight": t(d), f"{b}{n}.bias": t(d)}
        w |= {
            f"{b}attn.in_proj_weight": t(3 * d, d),
            f"{b}attn.in_proj_bias": t(3 * d),
            f"{b}attn.out_proj.weight": t(d, d),
            f"{b}attn.out_proj.bias": t(d),
            f"{b}mlp.c_fc.weight": t(2 * d, d),
            f"{b}mlp.c_fc.bias": t(2 * d),
            f"{b}mlp.c_proj.weight": t(d, 2 * d),
            f"{b}mlp.c_proj.bias": t(d),
        }
    return w


def single_files():
    from diffusers.loaders import single_file_utils as converters

    folder = fresh_folder(WEIGHT_FIXTURES / "single")
    extra = {
        "alphas_cumprod": torch.zeros(3),
        "model_ema.decay": torch.zeros(()),
        "betas": torch.zeros(3),
    }

    def unet_config(depths, xl):
        return {
            "layers_per_block": 2,
            "class_embed_type": None,
            "addition_embed_type": "text_time" if xl else None,
            "down_block_types": ["CrossAttnDownBlock2D" if d else "DownBlock2D" for d in depths],
            "up_block_types": [
                "CrossAttnUpBlock2D" if d else "UpBlock2D" for d in reversed(depths)
            ],
        }

    def convert(name, checkpoint, depths, xl, text):
        expected = {
            f"unet/{k}": v
            for k, v in converters.convert_ldm_unet_checkpoint(
                dict(checkpoint), unet_config(depths, xl)
            ).items()
        }
        vae_config = {
            "down_block_types": ["x", "x"],
            "up_block_types": ["x", "x"],
            "layers_per_block": 2,
        }
        expected |= {
            f"vae/{k}": v
            for k, v in converters.convert_ldm_vae_checkpoint(dict(checkpoint), vae_config).items()
        }
        for part, tensors in text.items():
            expected |= {f"{part}/{k}": v for k, v in tensors.items() if "position_ids" not in k}
        save_file(checkpoint | extra, folder / f"{name}.safetensors")
        save_file(
            {k: v.clone().contiguous() for k, v in expected.items()},
            folder / f"{name}_expected.safetensors",
        )
        print(name, len(checkpoint), len(expected))

    t = Counter()
    sd1 = (
        original_unet(t, (2, 4), (1, 0), 3, False, False, cin=9)
        | original_vae(t)
        | clip(t, "cond_stage_model.transformer.")
    )
    convert(
        "sd1",
        sd1,
        (1, 0),
        False,
        {"text_encoder": converters.convert_ldm_clip_checkpoint(dict(sd1))},
    )

    class OpenCLIPModel:
        config = types.SimpleNamespace(hidden_size=4)

    # SD 2.x has 24 layers, of which diffusers drops the last by name; two are kept under its last
    # names.
    t = Counter()
    sd2 = (
        original_unet(t, (2, 4), (1, 0), 3, True, False)
        | original_vae(t)
        | open_clip(t, "cond_stage_model.model.", 24)
    )
    for key in [k for k in sd2 if any(f"resblocks.{i}." in k for i in range(2, 22))]:
        del sd2[key]
    renumber = {"resblocks.22.": "resblocks.2.", "resblocks.23.": "resblocks.3."}
    full = converters.convert_open_clip_checkpoint(
        OpenCLIPModel, dict(sd2), prefix="cond_stage_model.model."
    )
    for old, new in renumber.items():
        sd2 = {k.replace(old, new): v for k, v in sd2.items()}
    full = {k.replace("layers.22.", "layers.2."): v for k, v in full.items()}
    convert("sd2", sd2, (1, 0), False, {"text_encoder": full})

    t = Counter()
    xl = (
        original_unet(t, (2, 4, 6), (0, 1, 2), 3, True, True)
        | original_vae(t)
        | clip(t, "conditioner.embedders.0.transformer.")
        | open_clip(t, "conditioner.embedders.1.model.", 2)
    )
    first = converters.convert_ldm_clip_checkpoint(
        {k: v for k, v in xl.items()}, "conditioner.embedders.0.transformer."
    )
    second = converters.convert_open_clip_checkpoint(
        OpenCLIPModel, dict(xl), prefix="conditioner.embedders.1.model."
    )
    convert("sdxl", xl, (0, 1, 2), True, {"text_encoder": first, "text_encoder_2": second})


if __name__ == "__main__":
    single_files()
    record_script(WEIGHT_FIXTURES / "single")
