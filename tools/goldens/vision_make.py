#!/usr/bin/env python3
"""Makes the goldens of CLIP's image encoder with projection, which IP-Adapter looks through.

Run from anywhere: `python tools/goldens/vision_make.py`
"""

import torch
import transformers

from common import half_state, normal, seed_weights, write

CONFIGS = {
    "gelu": dict(
        hidden_size=24,
        intermediate_size=56,
        num_hidden_layers=3,
        num_attention_heads=3,
        image_size=28,
        patch_size=7,
        projection_dim=20,
        hidden_act="gelu",
    ),
    "quick": dict(
        hidden_size=16,
        intermediate_size=40,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=24,
        patch_size=8,
        projection_dim=12,
    ),
}


def make(name):
    config = transformers.CLIPVisionConfig(**CONFIGS[name])
    model = seed_weights(transformers.CLIPVisionModelWithProjection(config), seed=1000 + len(name))
    pixels = normal((2, 3, config.image_size, config.image_size), 1001)
    with torch.no_grad():
        output = model(pixels, output_hidden_states=True)
    cases = {
        "image.pixels": pixels,
        "image.embedding": output.image_embeds,
        "image.penultimate": output.hidden_states[-2],
    }
    weights = {
        key: value for key, value in half_state(model).items() if not key.endswith("position_ids")
    }
    write(f"clip_vision_{name}", weights, cases, config.to_dict())


if __name__ == "__main__":
    for name in CONFIGS:
        make(name)
