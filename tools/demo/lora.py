"""LoRA for training with PEFT, and kohya-style files as the real ones have them."""
from __future__ import annotations

from pathlib import Path

import torch
from peft import LoraConfig, inject_adapter_in_model
from safetensors.torch import save_file

ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
LCM_TARGETS = (*ATTENTION, "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2", "conv1", "conv2",
               "conv_shortcut", "time_emb_proj", "downsamplers.0.conv", "upsamplers.0.conv")
TEXT_TARGETS = ("q_proj", "k_proj", "v_proj", "out_proj")


def add_lora(model: torch.nn.Module, targets, rank: int, alpha: float) -> list[torch.nn.Parameter]:
    """Freezes the model, injects LoRA layers in place, and returns what is left to train."""
    model.requires_grad_(False)
    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=list(targets))
    inject_adapter_in_model(config, model)
    return [p for p in model.parameters() if p.requires_grad]


def kohya(model: torch.nn.Module, prefix: str, alpha: float) -> dict[str, torch.Tensor]:
    """The LoRA weights of `model` under kohya's names, in half precision."""
    found = {}
    for name, value in model.state_dict().items():
        if ".lora_A." not in name and ".lora_B." not in name:
            continue
        module, _, rest = name.partition(".lora_")
        key = prefix + "_" + module.replace(".", "_")
        found[f"{key}.lora_{'down' if rest[0] == 'A' else 'up'}.weight"] = value.half().contiguous()
        found[f"{key}.alpha"] = torch.tensor(alpha, dtype=torch.float16)
    return found


def save_kohya(path: str | Path, weights: dict[str, torch.Tensor]) -> None:
    """Writes a kohya LoRA file."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, path)
