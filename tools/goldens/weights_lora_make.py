#!/usr/bin/env python3
"""Makes Tests/WeightsTests/Fixtures/lora: LoRAs and what diffusers fuses from them.

Run from anywhere: `python tools/goldens/weights_lora_make.py`
"""

import json

import torch
from safetensors.torch import save_file

from common import WEIGHT_FIXTURES, fresh_folder
from made_with import record_script

TARGETS = [
    "conv_in",
    "time_embedding.linear_1",
    "down_blocks.0.resnets.0.conv1",
    "down_blocks.0.resnets.0.time_emb_proj",
    "down_blocks.0.attentions.0.proj_in",
    "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q",
    "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k",
    "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_out.0",
    "down_blocks.0.attentions.0.transformer_blocks.0.ff.net.0.proj",
    "down_blocks.0.attentions.0.transformer_blocks.0.ff.net.2",
    "down_blocks.0.downsamplers.0.conv",
    "down_blocks.1.resnets.0.conv_shortcut",
    "mid_block.attentions.0.transformer_blocks.0.attn1.to_v",
    "mid_block.resnets.1.conv2",
    "up_blocks.0.upsamplers.0.conv",
    "up_blocks.1.resnets.1.conv2",
    "up_blocks.1.attentions.0.proj_out",
    "conv_out",
]
ATTENTION = [t for t in TARGETS if ".to_" in t]
TEXT = [
    "text_model.encoder.layers.0.self_attn.q_proj",
    "text_model.encoder.layers.0.self_attn.out_proj",
    "text_model.encoder.layers.0.mlp.fc1",
]
# The same modules in the original code's words, for one resnet per block and attention in both
# blocks.
FIRST = "down_blocks.0.attentions.0.transformer_blocks.0"
FIRST_ORIGINAL = "input_blocks_1_1_transformer_blocks_0"
MIDDLE = "mid_block.attentions.0.transformer_blocks.0"

ORIGINAL = {
    "conv_in": "input_blocks_0_0",
    "time_embedding.linear_1": "time_embed_0",
    "down_blocks.0.resnets.0.conv1": "input_blocks_1_0_in_layers_2",
    "down_blocks.0.resnets.0.time_emb_proj": "input_blocks_1_0_emb_layers_1",
    "down_blocks.0.attentions.0.proj_in": "input_blocks_1_1_proj_in",
    f"{FIRST}.attn1.to_q": f"{FIRST_ORIGINAL}_attn1_to_q",
    f"{FIRST}.ff.net.0.proj": f"{FIRST_ORIGINAL}_ff_net_0_proj",
    "down_blocks.0.downsamplers.0.conv": "input_blocks_2_0_op",
    "down_blocks.1.resnets.0.conv_shortcut": "input_blocks_3_0_skip_connection",
    f"{MIDDLE}.attn1.to_v": "middle_block_1_transformer_blocks_0_attn1_to_v",
    "mid_block.resnets.1.conv2": "middle_block_2_out_layers_3",
    "up_blocks.0.upsamplers.0.conv": "output_blocks_1_2_conv",
    "up_blocks.1.resnets.1.conv2": "output_blocks_3_0_out_layers_3",
    "conv_out": "out_2",
}


def tiny_parts():
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(2)
    unet = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        attention_head_dim=2,
        cross_attention_dim=8,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
    )
    text = CLIPTextModel(
        CLIPTextConfig(
            hidden_size=8,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            vocab_size=20,
            max_position_embeddings=8,
            bos_token_id=0,
            eos_token_id=2,
        )
    )
    return unet, text


def modules_of(unet, text):
    named = {("unet", n): m for n, m in unet.named_modules()}
    for n, m in text.named_modules():
        named["text_encoder", n if n.startswith("text_model.") else "text_model." + n] = m
    return named


def pair(module, rank, g):
    w = module.weight
    if w.ndim == 4:
        return torch.randn(rank, w.shape[1], *w.shape[2:], generator=g), torch.randn(
            w.shape[0], rank, 1, 1, generator=g
        )
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
        # Two alphas, the first more common; every fifth module has none and must take the common
        # one. Attention modules
        # have the common one: diffusers 0.42 looks their own alphas up under another name and never
        # finds them.
        if index % 5:
            kohya[key + ".alpha"] = torch.tensor(1.5 if index % 4 or "attn" in target else 4.0)
    for target in TEXT:
        key = "lora_te_" + target.replace(".", "_")
        down, up = pair(named["text_encoder", target], 3, g)
        kohya |= {
            key + ".lora_down.weight": down,
            key + ".lora_up.weight": up,
            key + ".alpha": torch.tensor(1.0),
        }
    files["kohya"] = (kohya, None)

    original = {}
    for target, name in ORIGINAL.items():
        key = "lora_unet_" + name
        down, up = pair(named["unet", target], 2, g)
        original |= {
            key + ".lora_down.weight": down,
            key + ".lora_up.weight": up,
            key + ".alpha": torch.tensor(1.0),
        }
    files["kohya_original"] = (original, None)

    peft = {}
    for index, target in enumerate(TARGETS):
        down, up = pair(named["unet", target], 1 + index % 3, g)
        peft |= {f"unet.{target}.lora_A.weight": down, f"unet.{target}.lora_B.weight": up}
    for target in TEXT:
        down, up = pair(named["text_encoder", target], 2, g)
        peft |= {
            f"text_encoder.{target}.lora_A.weight": down,
            f"text_encoder.{target}.lora_B.weight": up,
        }
    files["peft"] = (peft, None)

    some = TARGETS[2:12]
    metadata = {
        "unet.r": 2,
        "unet.lora_alpha": 5,
        "unet.target_modules": some,
        "unet.alpha_pattern": {"downsamplers.0.conv": 3},
        "unet.rank_pattern": {},
    }
    described = {}
    for target in some:
        down, up = pair(named["unet", target], 2, g)
        described |= {f"unet.{target}.lora_A.weight": down, f"unet.{target}.lora_B.weight": up}
    files["peft_metadata"] = (
        described,
        {"lora_adapter_metadata": json.dumps(metadata), "format": "pt"},
    )

    new = {}
    for target in ATTENTION:
        down, up = pair(named["unet", target], 2, g)
        new |= {f"unet.{target}.lora.down.weight": down, f"unet.{target}.lora.up.weight": up}
    for target in TEXT[:2]:
        down, up = pair(named["text_encoder", target], 2, g)
        new |= {
            f"text_encoder.{target}.lora_linear_layer.down.weight": down,
            f"text_encoder.{target}.lora_linear_layer.up.weight": up,
        }
    files["diffusers"] = (new, None)

    old = {}
    for target in ATTENTION:
        down, up = pair(named["unet", target], 2, g)
        block, _, name = target.removesuffix(".0").rpartition(".")
        old |= {
            f"unet.{block}.processor.{name}_lora.down.weight": down,
            f"unet.{block}.processor.{name}_lora.up.weight": up,
        }
    files["diffusers_old"] = (old, None)
    return files


def fused(folder, weights):
    """The tensors that differ from the base after diffusers fused the named adapters."""
    from diffusers import DDIMScheduler, StableDiffusionPipeline, StableDiffusionXLPipeline

    unet, text = tiny_parts()
    base = {("unet", k): v.clone() for k, v in unet.state_dict().items()} | {
        ("text", k): v.clone() for k, v in text.state_dict().items()
    }
    parts = dict(
        vae=None,
        text_encoder=text,
        tokenizer=None,
        unet=unet,
        scheduler=DDIMScheduler(),
        feature_extractor=None,
    )
    if "kohya_original" in weights:
        # Only the SDXL pipeline translates the original block names.
        pipe = StableDiffusionXLPipeline(
            **parts, text_encoder_2=None, tokenizer_2=None, add_watermarker=False
        )
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
            prefix = (
                "unet."
                if kind == "unet"
                else "text_encoder." + ("" if key.startswith("text_model.") else "text_model.")
            )
            result[prefix + key] = value.clone().contiguous()
    return result


def lora_files():
    folder = fresh_folder(WEIGHT_FIXTURES / "lora")
    unet, text = tiny_parts()
    save_file(
        {k: v.clone().contiguous() for k, v in unet.state_dict().items()},
        folder / "unet.safetensors",
    )
    save_file(
        {
            k if k.startswith("text_model.") else "text_model." + k: v.clone().contiguous()
            for k, v in text.state_dict().items()
            if "position_ids" not in k
        },
        folder / "text_encoder.safetensors",
    )
    files = adapters(unet, text)
    for name, (tensors, metadata) in files.items():
        save_file(
            {k: v.contiguous() for k, v in tensors.items()},
            folder / f"{name}.safetensors",
            metadata=metadata,
        )
    expected = {}
    for name in files:
        expected |= {f"{name}/{k}": v for k, v in fused(folder, {name: 0.7}).items()}
    # Loading a second adapter re-initialises the first one's text encoder part here, so only the
    # UNet's is a reference.
    stack = fused(folder, {"kohya": 0.7, "peft": -0.4})
    expected |= {f"stack/{k}": v for k, v in stack.items() if k.startswith("unet.")}
    save_file(expected, folder / "expected.safetensors")
    print({n: sum(k.startswith(n + "/") for k in expected) for n in [*files, "stack"]})


if __name__ == "__main__":
    lora_files()
    record_script(WEIGHT_FIXTURES / "lora")
