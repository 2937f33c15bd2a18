"""The original latent-diffusion code's names for the tensors of diffusers' models: single-file
checkpoints.

A plan says how each tensor of a single file is made: {name: {"part", "op", "keys"}}, where `op` is
  copy       the tensor itself
  stack      several tensors one below the other (open_clip's joint query, key and value)
  transpose  the transposed matrix
  conv       a matrix as a 1x1 convolution
  embedding  a token embedding for CLIP's whole vocabulary, of which only some rows are not zero
`check` runs diffusers' own converters over the file and compares every tensor.
"""

import re

import torch
from diffusers.loaders import single_file_utils as official

UNET_OUTER = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
CLIP_LAYER = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}
CLIP_OUTER = {
    "embeddings.position_embedding.weight": "positional_embedding",
    "final_layer_norm.weight": "ln_final.weight",
    "final_layer_norm.bias": "ln_final.bias",
}


def unet_module(name, config):
    """The original name of a module or tensor of a UNet."""
    span = config["layers_per_block"] + 1
    for new, old in UNET_OUTER.items():
        if name.startswith(new + "."):
            return old + name[len(new) :]
    if match := re.match(r"mid_block\.(resnets|attentions)\.(\d)\.(.*)", name):
        kind, index, rest = match.groups()
        return (
            f"middle_block.1.{rest}"
            if kind == "attentions"
            else f"middle_block.{2 * int(index)}.{resnet(rest)}"
        )
    side, block, kind, layer, rest = re.match(
        r"(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\.(.*)", name
    ).groups()
    first = int(block) * span + (1 if side == "down" else 0)
    path = "input_blocks" if side == "down" else "output_blocks"
    if kind == "resnets":
        return f"{path}.{first + int(layer)}.0.{resnet(rest)}"
    if kind == "attentions":
        return f"{path}.{first + int(layer)}.1.{rest}"
    if kind == "downsamplers":
        return f"{path}.{first + span - 1}.0.op.{rest.removeprefix('conv.')}"
    has_attention = "CrossAttn" in config["up_block_types"][int(block)]
    return f"{path}.{first + span - 1}.{2 if has_attention else 1}.{rest}"


def resnet(rest):
    module, _, tensor = rest.rpartition(".")
    return f"{RESNET[module]}.{tensor}"


def autoencoder_tensor(key, config):
    """The original name of a tensor of an autoencoder, and how it is stored."""
    match = re.match(r"(encoder|decoder)\.(.*)", key)
    if not match:
        return key, "copy"
    side, rest = match.groups()
    rest = rest.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    rest = rest.replace("mid_block.resnets.0", "mid.block_1").replace(
        "mid_block.resnets.1", "mid.block_2"
    )
    if rest.startswith("mid_block.attentions.0."):
        module, _, tensor = rest.removeprefix("mid_block.attentions.0.").rpartition(".")
        name = {
            "group_norm": "norm",
            "to_q": "q",
            "to_k": "k",
            "to_v": "v",
            "to_out.0": "proj_out",
        }[module]
        return (
            f"{side}.mid.attn_1.{name}.{tensor}",
            "conv" if name != "norm" and tensor == "weight" else "copy",
        )
    if match := re.match(
        r"(down|up)_blocks\.(\d+)\.(resnets|downsamplers|upsamplers)\.(\d+)\.(.*)", rest
    ):
        way, level, kind, index, tail = match.groups()
        level = int(level) if way == "down" else len(config["block_out_channels"]) - 1 - int(level)
        inner = (
            f"block.{index}"
            if kind == "resnets"
            else kind.removesuffix("rs") + "e"
            if kind.endswith("lers")
            else kind
        )
        inner = {"downsamplers": "downsample", "upsamplers": "upsample"}.get(kind, inner)
        return f"{side}.{way}.{level}.{inner}.{tail}", "copy"
    return f"{side}.{rest}", "copy"


def clip_plan(plan, part, keys, prefix):
    """transformers' own names, below a prefix."""
    for key in keys:
        op = "embedding" if "token_embedding" in key else "copy"
        plan[prefix + key] = {"part": part, "op": op, "keys": [key]}


def open_clip_plan(plan, part, keys, prefix, extra_layer):
    """open_clip's names; `extra_layer` adds the last layer that SD 2.x checkpoints have and do not
    use."""
    layers = 1 + max(
        int(match[1]) for key in keys if (match := re.search(r"encoder\.layers\.(\d+)\.", key))
    )
    for key in keys:
        if key == "text_projection.weight":
            plan[prefix + "text_projection"] = {"part": part, "op": "transpose", "keys": [key]}
            continue
        name = key.removeprefix("text_model.")
        if name in CLIP_OUTER:
            plan[prefix + CLIP_OUTER[name]] = {"part": part, "op": "copy", "keys": [key]}
        elif "token_embedding" in name:
            plan[prefix + "token_embedding.weight"] = {
                "part": part,
                "op": "embedding",
                "keys": [key],
            }
        else:
            layer, rest = re.match(r"encoder\.layers\.(\d+)\.(.*)", name).groups()
            targets = [int(layer)] + ([layers] if extra_layer and int(layer) == 0 else [])
            for target in targets:
                entry = open_clip_layer(key, rest)
                if entry:
                    plan[f"{prefix}transformer.resblocks.{target}.{entry[0]}"] = {
                        "part": part,
                        "op": entry[1],
                        "keys": entry[2],
                    }


def open_clip_layer(key, rest):
    module, _, tensor = rest.rpartition(".")
    if module == "self_attn.q_proj":
        return (
            f"attn.in_proj_{tensor}",
            "stack",
            [key.replace("q_proj", other) for other in ("q_proj", "k_proj", "v_proj")],
        )
    if module in ("self_attn.k_proj", "self_attn.v_proj"):
        return None
    return f"{CLIP_LAYER[module]}.{tensor}", "copy", [key]


def plan_of(parts, configs, family):
    """The plan of a single file: `parts` are state dictionaries with diffusers' names."""
    plan = {}
    for key in parts["unet"]:
        plan["model.diffusion_model." + unet_module(key, configs["unet"])] = {
            "part": "unet",
            "op": "copy",
            "keys": [key],
        }
    for key in parts["vae"]:
        name, op = autoencoder_tensor(key, configs["vae"])
        plan["first_stage_model." + name] = {"part": "vae", "op": op, "keys": [key]}
    if family == "sdxl":
        clip_plan(
            plan, "text_encoder", parts["text_encoder"], "conditioner.embedders.0.transformer."
        )
        open_clip_plan(
            plan,
            "text_encoder_2",
            parts["text_encoder_2"],
            "conditioner.embedders.1.model.",
            extra_layer=False,
        )
    else:
        open_clip_plan(
            plan, "text_encoder", parts["text_encoder"], "cond_stage_model.model.", extra_layer=True
        )
    return plan


def assemble(plan, parts, embeddings):
    """The single file's tensors; `embeddings` holds whole token embeddings by part."""
    tensors = {}
    for name, entry in plan.items():
        sources = [parts[entry["part"]][key] for key in entry["keys"]]
        tensors[name] = {
            "copy": lambda: sources[0],
            "stack": lambda: torch.cat(sources),
            "transpose": lambda: sources[0].T.contiguous(),
            "conv": lambda: sources[0][:, :, None, None],
            "embedding": lambda: embeddings[entry["part"]],
        }[entry["op"]]().clone()
    return tensors


def check(tensors, parts, configs, text_models, family):
    """Compares what diffusers' converters make of the file with the parts it was made from."""
    found = {
        "unet": official.convert_ldm_unet_checkpoint(dict(tensors), dict(configs["unet"])),
        "vae": official.convert_ldm_vae_checkpoint(dict(tensors), dict(configs["vae"])),
    }
    if family == "sdxl":
        found["text_encoder"] = official.convert_ldm_clip_checkpoint(dict(tensors))
        found["text_encoder_2"] = official.convert_open_clip_checkpoint(
            text_models["text_encoder_2"], dict(tensors), prefix="conditioner.embedders.1.model."
        )
    else:
        # diffusers drops layer 23 alone, which only a file of full depth has.
        converted = official.convert_open_clip_checkpoint(
            text_models["text_encoder"], dict(tensors), prefix="cond_stage_model.model."
        )
        found["text_encoder"] = {
            key: value for key, value in converted.items() if key in parts["text_encoder"]
        }
    for part, wanted in parts.items():
        missing = [key for key in wanted if key not in found[part]]
        assert not missing, (part, missing[:5])
        for key, value in wanted.items():
            if "token_embedding" not in key:
                assert torch.equal(found[part][key].reshape(value.shape), value), (part, key)
