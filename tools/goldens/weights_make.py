"""Makes the fixtures of Tests/WeightsTests: files of torch.save, LoRAs in every dialect with the weights that
diffusers fuses from them, and single-file checkpoints with the names that diffusers gives their tensors.

usage: python tools/goldens/weights_make.py      (torch 2.13, diffusers 0.42.1, transformers 5, peft, CPU)
"""

import argparse
import collections
import json
import pathlib
import shutil
import sys
import types

import numpy as np
import torch
from safetensors.torch import save_file

torch.set_num_threads(1)
ROOT = pathlib.Path(__file__).resolve().parents[2] / "Tests/WeightsTests/Fixtures"


def fresh(name):
    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


# ---------------------------------------------------------------------------------------------- torch.save


def torch_files():
    folder = fresh("torch")
    g = torch.Generator().manual_seed(1)
    grid = torch.randn(6, 5, generator=g)
    cube = torch.randn(3, 4, 5, generator=g)
    kinds = collections.OrderedDict(
        float32=grid, float64=grid.double(), float16=grid.half(), bfloat16=grid.bfloat16(),
        int64=torch.arange(-3, 4), int32=torch.arange(5, dtype=torch.int32), int16=torch.tensor([-7, 7], dtype=torch.int16),
        int8=torch.tensor([-128, 127], dtype=torch.int8), uint8=torch.tensor([0, 255], dtype=torch.uint8),
        bool=torch.tensor([True, False, True]), scalar=torch.tensor(2.5), empty=torch.zeros(0, 3),
        parameter=torch.nn.Parameter(grid.clone()))
    views = {
        "transposed": grid.t(), "sliced": grid[1:4, 2:4], "stepped": grid[::2, ::3], "permuted": cube.permute(2, 0, 1),
        "expanded": grid[0].expand(3, 5), "offset": grid[2], "half_transposed": grid.half().t(), "shared": grid,
        "channels_last": torch.randn(2, 3, 4, 5, generator=g).to(memory_format=torch.channels_last)}
    nested = {"image_proj": {"proj.weight": grid, "norm": {"bias": cube[0, 0]}}, "ip_adapter": collections.OrderedDict({"1": {"to_k": cube[1]}})}

    # Classes of other packages, as Lightning checkpoints carry them: they exist only while the file is made.
    lightning = types.ModuleType("pytorch_lightning.callbacks.model_checkpoint")
    ModelCheckpoint = type("ModelCheckpoint", (), {"__module__": lightning.__name__})
    lightning.ModelCheckpoint = ModelCheckpoint
    for name in ("pytorch_lightning", "pytorch_lightning.callbacks"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules[lightning.__name__] = lightning
    callback = ModelCheckpoint()
    callback.__dict__.update(best=torch.tensor(0.5), path="x.ckpt")
    checkpoint = {
        "epoch": 3, "global_step": 875000, "pytorch-lightning_version": "1.4.2",
        "callbacks": {ModelCheckpoint: {"monitor": "val", "best": np.float64(0.25)}, "object": callback},
        "hyper_parameters": argparse.Namespace(lr=1e-4), "optimizer_states": [{"state": {0: {"exp_avg": grid}}}],
        "state_dict": collections.OrderedDict({"model.weight": grid, "model.bias": cube[0, 0], "foreign": callback})}
    checkpoint["state_dict"]._metadata = collections.OrderedDict({"": {"version": 1}})
    torch.save(kinds, folder / "kinds.pt")
    torch.save(views, folder / "views.pt")
    torch.save(nested, folder / "nested.bin")
    torch.save(checkpoint, folder / "lightning.ckpt")
    torch.save({"a": grid}, folder / "legacy.pt", _use_new_zipfile_serialization=False)
    torch.save(grid, folder / "bare.pt")
    torch.jit.save(torch.jit.trace(torch.nn.Linear(1, 1), torch.zeros(1, 1)), str(folder / "script.pt"))
    norms = {f"down_blocks.0.resnets.{i}.norm{j}": {"weight": torch.randn(4, generator=g), "bias": torch.randn(4, generator=g)}
             for i in (0, 1) for j in (1, 2)}
    torch.save({k: collections.OrderedDict(v) for k, v in norms.items()}, folder / "groupnorm_nested.pt")
    torch.save({f"{k}.{n}": t for k, v in norms.items() for n, t in v.items()}, folder / "groupnorm_flat.pt")

    def plain(tensors):
        return {k: v.detach().clone().contiguous() for k, v in tensors.items()}

    save_file(plain(kinds), folder / "kinds.safetensors")
    save_file(plain(views), folder / "views.safetensors")
    save_file({f"{k}.{n}": t for k, v in norms.items() for n, t in v.items()}, folder / "groupnorm.safetensors")
    save_file(plain({"image_proj.proj.weight": grid, "image_proj.norm.bias": cube[0, 0], "ip_adapter.1.to_k": cube[1]}), folder / "nested.safetensors")


# ------------------------------------------------------------------------------------------------- LoRA

TARGETS = [
    "conv_in", "time_embedding.linear_1", "down_blocks.0.resnets.0.conv1", "down_blocks.0.resnets.0.time_emb_proj",
    "down_blocks.0.attentions.0.proj_in", "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q",
    "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k", "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_out.0",
    "down_blocks.0.attentions.0.transformer_blocks.0.ff.net.0.proj", "down_blocks.0.attentions.0.transformer_blocks.0.ff.net.2",
    "down_blocks.0.downsamplers.0.conv", "down_blocks.1.resnets.0.conv_shortcut", "mid_block.attentions.0.transformer_blocks.0.attn1.to_v",
    "mid_block.resnets.1.conv2", "up_blocks.0.upsamplers.0.conv", "up_blocks.1.resnets.1.conv2", "up_blocks.1.attentions.0.proj_out", "conv_out"]
ATTENTION = [t for t in TARGETS if ".to_" in t]
TEXT = ["text_model.encoder.layers.0.self_attn.q_proj", "text_model.encoder.layers.0.self_attn.out_proj", "text_model.encoder.layers.0.mlp.fc1"]
# The same modules in the original code's words, for one resnet per block and attention in both blocks.
ORIGINAL = {
    "conv_in": "input_blocks_0_0", "time_embedding.linear_1": "time_embed_0", "down_blocks.0.resnets.0.conv1": "input_blocks_1_0_in_layers_2",
    "down_blocks.0.resnets.0.time_emb_proj": "input_blocks_1_0_emb_layers_1", "down_blocks.0.attentions.0.proj_in": "input_blocks_1_1_proj_in",
    "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q": "input_blocks_1_1_transformer_blocks_0_attn1_to_q",
    "down_blocks.0.attentions.0.transformer_blocks.0.ff.net.0.proj": "input_blocks_1_1_transformer_blocks_0_ff_net_0_proj",
    "down_blocks.0.downsamplers.0.conv": "input_blocks_2_0_op", "down_blocks.1.resnets.0.conv_shortcut": "input_blocks_3_0_skip_connection",
    "mid_block.attentions.0.transformer_blocks.0.attn1.to_v": "middle_block_1_transformer_blocks_0_attn1_to_v", "mid_block.resnets.1.conv2": "middle_block_2_out_layers_3",
    "up_blocks.0.upsamplers.0.conv": "output_blocks_1_2_conv", "up_blocks.1.resnets.1.conv2": "output_blocks_3_0_out_layers_3", "conv_out": "out_2"}


def tiny_parts():
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(2)
    unet = UNet2DConditionModel(
        sample_size=8, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4, attention_head_dim=2, cross_attention_dim=8,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D"))
    text = CLIPTextModel(CLIPTextConfig(
        hidden_size=8, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, vocab_size=20, max_position_embeddings=8,
        bos_token_id=0, eos_token_id=2))
    return unet, text


def modules_of(unet, text):
    named = {("unet", n): m for n, m in unet.named_modules()}
    for n, m in text.named_modules():
        named["text_encoder", n if n.startswith("text_model.") else "text_model." + n] = m
    return named


def pair(module, rank, g):
    w = module.weight
    if w.ndim == 4:
        return torch.randn(rank, w.shape[1], *w.shape[2:], generator=g), torch.randn(w.shape[0], rank, 1, 1, generator=g)
    return torch.randn(rank, w.shape[1], generator=g), torch.randn(w.shape[0], rank, generator=g)


def adapters(unet, text):
    """name -> (tensors, metadata)"""
    named = modules_of(unet, text)
    files = {}
    g = torch.Generator().manual_seed(3)

    kohya = {}
    for index, target in enumerate(TARGETS):
        key = "lora_unet_" + target.replace(".", "_")
        down, up = pair(named["unet", target], 2 + index % 3, g)
        kohya |= {key + ".lora_down.weight": down, key + ".lora_up.weight": up}
        # Two alphas, the first more common; every fifth module has none and must take the common one. Attention modules
        # have the common one: diffusers 0.42 looks their own alphas up under another name and never finds them.
        if index % 5:
            kohya[key + ".alpha"] = torch.tensor(1.5 if index % 4 or "attn" in target else 4.0)
    for target in TEXT:
        key = "lora_te_" + target.replace(".", "_")
        down, up = pair(named["text_encoder", target], 3, g)
        kohya |= {key + ".lora_down.weight": down, key + ".lora_up.weight": up, key + ".alpha": torch.tensor(1.0)}
    files["kohya"] = (kohya, None)

    original = {}
    for target, name in ORIGINAL.items():
        key = "lora_unet_" + name
        down, up = pair(named["unet", target], 2, g)
        original |= {key + ".lora_down.weight": down, key + ".lora_up.weight": up, key + ".alpha": torch.tensor(1.0)}
    files["kohya_original"] = (original, None)

    peft = {}
    for index, target in enumerate(TARGETS):
        down, up = pair(named["unet", target], 1 + index % 3, g)
        peft |= {f"unet.{target}.lora_A.weight": down, f"unet.{target}.lora_B.weight": up}
    for target in TEXT:
        down, up = pair(named["text_encoder", target], 2, g)
        peft |= {f"text_encoder.{target}.lora_A.weight": down, f"text_encoder.{target}.lora_B.weight": up}
    files["peft"] = (peft, None)

    some = TARGETS[2:12]
    metadata = {"unet.r": 2, "unet.lora_alpha": 5, "unet.target_modules": some, "unet.alpha_pattern": {"downsamplers.0.conv": 3}, "unet.rank_pattern": {}}
    described = {}
    for target in some:
        down, up = pair(named["unet", target], 2, g)
        described |= {f"unet.{target}.lora_A.weight": down, f"unet.{target}.lora_B.weight": up}
    files["peft_metadata"] = (described, {"lora_adapter_metadata": json.dumps(metadata), "format": "pt"})

    new = {}
    for target in ATTENTION:
        down, up = pair(named["unet", target], 2, g)
        new |= {f"unet.{target}.lora.down.weight": down, f"unet.{target}.lora.up.weight": up}
    for target in TEXT[:2]:
        down, up = pair(named["text_encoder", target], 2, g)
        new |= {f"text_encoder.{target}.lora_linear_layer.down.weight": down, f"text_encoder.{target}.lora_linear_layer.up.weight": up}
    files["diffusers"] = (new, None)

    old = {}
    for target in ATTENTION:
        down, up = pair(named["unet", target], 2, g)
        block, _, name = target.removesuffix(".0").rpartition(".")
        old |= {f"unet.{block}.processor.{name}_lora.down.weight": down, f"unet.{block}.processor.{name}_lora.up.weight": up}
    files["diffusers_old"] = (old, None)
    return files


def fused(folder, weights):
    """The tensors that differ from the base after diffusers fused the named adapters."""
    from diffusers import DDIMScheduler, StableDiffusionPipeline, StableDiffusionXLPipeline

    unet, text = tiny_parts()
    base = {("unet", k): v.clone() for k, v in unet.state_dict().items()} | {("text", k): v.clone() for k, v in text.state_dict().items()}
    parts = dict(vae=None, text_encoder=text, tokenizer=None, unet=unet, scheduler=DDIMScheduler(), feature_extractor=None)
    if "kohya_original" in weights:
        # Only the SDXL pipeline translates the original block names.
        pipe = StableDiffusionXLPipeline(**parts, text_encoder_2=None, tokenizer_2=None, add_watermarker=False)
    else:
        pipe = StableDiffusionPipeline(**parts, safety_checker=None, requires_safety_checker=False)
    for name in weights:
        pipe.load_lora_weights(str(folder), weight_name=f"{name}.safetensors", adapter_name=name)
    pipe.set_adapters(list(weights), list(weights.values()))
    pipe.fuse_lora()
    pipe.unload_lora_weights()
    result = {}
    for kind, model in (("unet", unet), ("text", text)):
        for key, value in model.state_dict().items():
            key = key.replace(".base_layer", "")
            if "lora_" in key or torch.equal(value, base[kind, key]):
                continue
            prefix = "unet." if kind == "unet" else "text_encoder." + ("" if key.startswith("text_model.") else "text_model.")
            result[prefix + key] = value.clone().contiguous()
    return result


def lora_files():
    folder = fresh("lora")
    unet, text = tiny_parts()
    save_file({k: v.clone().contiguous() for k, v in unet.state_dict().items()}, folder / "unet.safetensors")
    save_file({k if k.startswith("text_model.") else "text_model." + k: v.clone().contiguous() for k, v in text.state_dict().items() if "position_ids" not in k},
              folder / "text_encoder.safetensors")
    files = adapters(unet, text)
    for name, (tensors, metadata) in files.items():
        save_file({k: v.contiguous() for k, v in tensors.items()}, folder / f"{name}.safetensors", metadata=metadata)
    expected = {}
    for name in files:
        expected |= {f"{name}/{k}": v for k, v in fused(folder, {name: 0.7}).items()}
    # Loading a second adapter re-initialises the first one's text encoder part here, so only the UNet's is a reference.
    stack = fused(folder, {"kohya": 0.7, "peft": -0.4})
    expected |= {f"stack/{k}": v for k, v in stack.items() if k.startswith("unet.")}
    save_file(expected, folder / "expected.safetensors")
    print({n: sum(k.startswith(n + "/") for k in expected) for n in [*files, "stack"]})


# ------------------------------------------------------------------------------------- single-file checkpoints


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
    tensors |= {f"{path}.in_layers.0.weight": t(cin), f"{path}.in_layers.0.bias": t(cin), f"{path}.in_layers.2.weight": t(c, cin, 1, 1), f"{path}.in_layers.2.bias": t(c),
                f"{path}.emb_layers.1.weight": t(c, emb), f"{path}.emb_layers.1.bias": t(c), f"{path}.out_layers.0.weight": t(c), f"{path}.out_layers.0.bias": t(c),
                f"{path}.out_layers.3.weight": t(c, c, 1, 1), f"{path}.out_layers.3.bias": t(c)}
    if cin != c:
        tensors |= {f"{path}.skip_connection.weight": t(c, cin, 1, 1), f"{path}.skip_connection.bias": t(c)}


def transformer(t, tensors, path, c, depth, cross, linear):
    tail = () if linear else (1, 1)
    tensors |= {f"{path}.norm.weight": t(c), f"{path}.norm.bias": t(c), f"{path}.proj_in.weight": t(c, c, *tail), f"{path}.proj_in.bias": t(c),
                f"{path}.proj_out.weight": t(c, c, *tail), f"{path}.proj_out.bias": t(c)}
    for d in range(depth):
        b = f"{path}.transformer_blocks.{d}"
        for n in (1, 2, 3):
            tensors |= {f"{b}.norm{n}.weight": t(c), f"{b}.norm{n}.bias": t(c)}
        for a, k in (("attn1", c), ("attn2", cross)):
            tensors |= {f"{b}.{a}.to_q.weight": t(c, c), f"{b}.{a}.to_k.weight": t(c, k), f"{b}.{a}.to_v.weight": t(c, k), f"{b}.{a}.to_out.0.weight": t(c, c), f"{b}.{a}.to_out.0.bias": t(c)}
        tensors |= {f"{b}.ff.net.0.proj.weight": t(8 * c, c), f"{b}.ff.net.0.proj.bias": t(8 * c), f"{b}.ff.net.2.weight": t(c, 4 * c), f"{b}.ff.net.2.bias": t(c)}


def original_unet(t, channels, depths, cross, linear, xl, cin=4, layers=2):
    p = "model.diffusion_model."
    w = {}
    emb = 2
    w |= {p + f"time_embed.{i}.{k}": v for i in (0, 2) for k, v in (("weight", t(emb, channels[0] if i == 0 else emb)), ("bias", t(emb)))}
    if xl:
        w |= {p + f"label_emb.0.{i}.{k}": v for i in (0, 2) for k, v in (("weight", t(emb, 6 if i == 0 else emb)), ("bias", t(emb)))}
    w |= {p + "input_blocks.0.0.weight": t(channels[0], cin, 3, 3), p + "input_blocks.0.0.bias": t(channels[0])}
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
            w |= {f"{p}input_blocks.{index}.0.op.weight": t(c, c, 3, 3), f"{p}input_blocks.{index}.0.op.bias": t(c)}
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
                w |= {f"{p}output_blocks.{index}.{sub}.conv.weight": t(c, c, 3, 3), f"{p}output_blocks.{index}.{sub}.conv.bias": t(c)}
            index += 1
    w |= {p + "out.0.weight": t(c), p + "out.0.bias": t(c), p + "out.2.weight": t(4, c, 3, 3), p + "out.2.bias": t(4)}
    return w


def original_vae(t, channels=(2, 4)):
    w = {}

    def conv(path, o, i, k=1):
        w[path + ".weight"], w[path + ".bias"] = t(o, i, k, k), t(o)

    def norm(path, c):
        w[path + ".weight"], w[path + ".bias"] = t(c), t(c)

    def block(path, o, i):
        norm(path + ".norm1", i), conv(path + ".conv1", o, i), norm(path + ".norm2", o), conv(path + ".conv2", o, o)
        if i != o:
            conv(path + ".nin_shortcut", o, i)

    def middle(path, c):
        block(path + ".block_1", c, c), block(path + ".block_2", c, c), norm(path + ".attn_1.norm", c)
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
    middle(p + "encoder.mid", c), norm(p + "encoder.norm_out", c), conv(p + "encoder.conv_out", 8, c)
    conv(p + "quant_conv", 8, 8), conv(p + "post_quant_conv", 4, 4), conv(p + "decoder.conv_in", c, 4), middle(p + "decoder.mid", c)
    for i in reversed(range(len(channels))):
        for j in range(3):
            block(f"{p}decoder.up.{i}.block.{j}", channels[i], c)
            c = channels[i]
        if i:
            conv(f"{p}decoder.up.{i}.upsample.conv", c, c)
    norm(p + "decoder.norm_out", c), conv(p + "decoder.conv_out", 3, c)
    return w


def clip(t, prefix, d=4, layers=1):
    w = {prefix + "text_model.embeddings.token_embedding.weight": t(6, d), prefix + "text_model.embeddings.position_embedding.weight": t(5, d),
         prefix + "text_model.embeddings.position_ids": torch.arange(5).float()[None], prefix + "text_model.final_layer_norm.weight": t(d), prefix + "text_model.final_layer_norm.bias": t(d)}
    for i in range(layers):
        b = f"{prefix}text_model.encoder.layers.{i}."
        for n in ("layer_norm1", "layer_norm2"):
            w |= {f"{b}{n}.weight": t(d), f"{b}{n}.bias": t(d)}
        for n in ("q_proj", "k_proj", "v_proj", "out_proj"):
            w |= {f"{b}self_attn.{n}.weight": t(d, d), f"{b}self_attn.{n}.bias": t(d)}
        w |= {f"{b}mlp.fc1.weight": t(2 * d, d), f"{b}mlp.fc1.bias": t(2 * d), f"{b}mlp.fc2.weight": t(d, 2 * d), f"{b}mlp.fc2.bias": t(d)}
    return w


def open_clip(t, prefix, layers, d=4):
    w = {prefix + "token_embedding.weight": t(6, d), prefix + "positional_embedding": t(5, d), prefix + "ln_final.weight": t(d), prefix + "ln_final.bias": t(d),
         prefix + "text_projection": t(d, d), prefix + "logit_scale": t()}
    for i in range(layers):
        b = f"{prefix}transformer.resblocks.{i}."
        for n in ("ln_1", "ln_2"):
            w |= {f"{b}{n}.weight": t(d), f"{b}{n}.bias": t(d)}
        w |= {f"{b}attn.in_proj_weight": t(3 * d, d), f"{b}attn.in_proj_bias": t(3 * d), f"{b}attn.out_proj.weight": t(d, d), f"{b}attn.out_proj.bias": t(d),
              f"{b}mlp.c_fc.weight": t(2 * d, d), f"{b}mlp.c_fc.bias": t(2 * d), f"{b}mlp.c_proj.weight": t(d, 2 * d), f"{b}mlp.c_proj.bias": t(d)}
    return w


def single_files():
    from diffusers.loaders import single_file_utils as converters

    folder = fresh("single")
    extra = {"alphas_cumprod": torch.zeros(3), "model_ema.decay": torch.zeros(()), "betas": torch.zeros(3)}

    def unet_config(depths, xl):
        return {"layers_per_block": 2, "class_embed_type": None, "addition_embed_type": "text_time" if xl else None,
                "down_block_types": ["CrossAttnDownBlock2D" if d else "DownBlock2D" for d in depths], "up_block_types": ["CrossAttnUpBlock2D" if d else "UpBlock2D" for d in reversed(depths)]}

    def convert(name, checkpoint, depths, xl, text):
        expected = {f"unet/{k}": v for k, v in converters.convert_ldm_unet_checkpoint(dict(checkpoint), unet_config(depths, xl)).items()}
        vae_config = {"down_block_types": ["x", "x"], "up_block_types": ["x", "x"], "layers_per_block": 2}
        expected |= {f"vae/{k}": v for k, v in converters.convert_ldm_vae_checkpoint(dict(checkpoint), vae_config).items()}
        for part, tensors in text.items():
            expected |= {f"{part}/{k}": v for k, v in tensors.items() if "position_ids" not in k}
        save_file(checkpoint | extra, folder / f"{name}.safetensors")
        save_file({k: v.clone().contiguous() for k, v in expected.items()}, folder / f"{name}_expected.safetensors")
        print(name, len(checkpoint), len(expected))

    t = Counter()
    sd1 = original_unet(t, (2, 4), (1, 0), 3, False, False, cin=9) | original_vae(t) | clip(t, "cond_stage_model.transformer.")
    convert("sd1", sd1, (1, 0), False, {"text_encoder": converters.convert_ldm_clip_checkpoint(dict(sd1))})

    class OpenCLIPModel:
        config = types.SimpleNamespace(hidden_size=4)

    # SD 2.x has 24 layers, of which diffusers drops the last by name; two are kept under its last names.
    t = Counter()
    sd2 = original_unet(t, (2, 4), (1, 0), 3, True, False) | original_vae(t) | open_clip(t, "cond_stage_model.model.", 24)
    for key in [k for k in sd2 if any(f"resblocks.{i}." in k for i in range(2, 22))]:
        del sd2[key]
    renumber = {"resblocks.22.": "resblocks.2.", "resblocks.23.": "resblocks.3."}
    full = converters.convert_open_clip_checkpoint(OpenCLIPModel, dict(sd2), prefix="cond_stage_model.model.")
    for old, new in renumber.items():
        sd2 = {k.replace(old, new): v for k, v in sd2.items()}
    full = {k.replace("layers.22.", "layers.2."): v for k, v in full.items()}
    convert("sd2", sd2, (1, 0), False, {"text_encoder": full})

    t = Counter()
    xl = original_unet(t, (2, 4, 6), (0, 1, 2), 3, True, True) | original_vae(t) | clip(t, "conditioner.embedders.0.transformer.") | open_clip(t, "conditioner.embedders.1.model.", 2)
    first = converters.convert_ldm_clip_checkpoint({k: v for k, v in xl.items()}, "conditioner.embedders.0.transformer.")
    second = converters.convert_open_clip_checkpoint(OpenCLIPModel, dict(xl), prefix="conditioner.embedders.1.model.")
    convert("sdxl", xl, (0, 1, 2), True, {"text_encoder": first, "text_encoder_2": second})


if __name__ == "__main__":
    chosen = sys.argv[1:] or ["torch", "lora", "single"]
    if "torch" in chosen:
        torch_files()
    if "single" in chosen:
        single_files()
    if "lora" in chosen:
        lora_files()
