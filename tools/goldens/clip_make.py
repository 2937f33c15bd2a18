#!/usr/bin/env python3
"""Goldens of the CLIP text encoder, from transformers: Tests/GoldenTests/Goldens/clip_<name>."""

import json

import torch
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from common import GOLDENS, generator, half_state, seed_weights, write

SHARED = {
    "vocab_size": 99,
    "intermediate_size": 80,
    "max_position_embeddings": 21,
    "bos_token_id": 97,
}


def ids(batch, length, end, pad):
    """Start, words, end, padding; the largest id is not the end token in one row, as with added
    tokens."""
    rows = torch.randint(0, 90, (batch, length), generator=generator(5))
    for row in range(batch):
        position = length - 1 - 4 * row
        rows[row, 0] = 97
        rows[row, position] = end
        rows[row, position + 1 :] = pad
    rows[-1, 2] = 98
    return rows


def make(name, model, config, end, pad, prefix=""):
    seed_weights(model, seed=31)
    cases = {}
    for case, length in (("whole", 21), ("short", 9)):
        tokens = ids(2, length, end, pad)
        with torch.no_grad():
            output = model(tokens, output_hidden_states=True)
            final = getattr(model, "text_model", model).final_layer_norm
            cases[f"{case}.ids"] = tokens.float()
            for skip in range(3):
                # Stable Diffusion normalises the chosen state, SDXL takes the one before without.
                state = (
                    output.last_hidden_state
                    if skip == 0
                    else final(output.hidden_states[-(skip + 1)])
                )
                cases[f"{case}.skip{skip}"] = state
                cases[f"{case}.penultimate{skip}"] = output.hidden_states[-(skip + 2)]
            cases[f"{case}.pooled"] = (
                output.text_embeds if hasattr(output, "text_embeds") else output.pooler_output
            )
    write(f"clip_{name}", half_state(model, prefix), cases)
    (GOLDENS / f"clip_{name}" / "config.json").write_text(
        json.dumps(config.to_diff_dict(), indent=2) + "\n"
    )


def main():
    quick = CLIPTextConfig(
        hidden_size=48,
        num_hidden_layers=4,
        num_attention_heads=4,
        eos_token_id=96,
        pad_token_id=96,
        **SHARED,
    )
    make(
        "quick", CLIPTextModel(quick), quick, 96, 96
    )  # keys without prefix, as transformers 5 writes them

    old = CLIPTextConfig(
        hidden_size=48,
        num_hidden_layers=3,
        num_attention_heads=3,
        hidden_act="gelu",
        layer_norm_eps=1e-4,
        eos_token_id=2,
        **SHARED,
    )
    make("old", CLIPTextModel(old), old, 96, 0, prefix="text_model.")

    projected = CLIPTextConfig(
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        hidden_act="gelu",
        projection_dim=24,
        eos_token_id=96,
        **SHARED,
    )
    make("projected", CLIPTextModelWithProjection(projected), projected, 96, 0)


if __name__ == "__main__":
    main()
