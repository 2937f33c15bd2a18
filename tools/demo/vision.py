"""The IP-Adapter's image encoder, its preprocessing, and the image projection."""

from __future__ import annotations

import torch
from torch import nn
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from text import WIDTH

SIDE, TOKENS, EMBED = 64, 4, 256
REFERENCE = "128x128"
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
PREPROCESSOR = {
    "image_processor_type": "CLIPImageProcessor",
    "feature_extractor_type": "CLIPFeatureExtractor",
    "do_resize": True,
    "size": {"shortest_edge": SIDE},
    "resample": 3,
    "do_center_crop": True,
    "crop_size": {"height": SIDE, "width": SIDE},
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": list(MEAN),
    "image_std": list(STD),
    "do_convert_rgb": True,
}


def build_vision() -> CLIPVisionModelWithProjection:
    """A CLIP vision tower of four layers on 64 patches."""
    return CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=128,
            intermediate_size=512,
            num_hidden_layers=4,
            num_attention_heads=4,
            image_size=SIDE,
            patch_size=8,
            projection_dim=EMBED,
            hidden_act="gelu",
        )
    )


def normalised(pictures: torch.Tensor) -> torch.Tensor:
    """Pictures in [0, 1] as the tower takes them."""
    mean, std = (torch.tensor(v)[:, None, None] for v in (MEAN, STD))
    return (pictures - mean) / std


class Projection(nn.Module):
    """ImageProjModel: one embedding becomes a few tokens as wide as text tokens."""

    def __init__(self):
        super().__init__()
        self.proj, self.norm = nn.Linear(EMBED, TOKENS * WIDTH), nn.LayerNorm(WIDTH)

    def forward(self, embeds: torch.Tensor) -> torch.Tensor:
        """Tokens (batch, TOKENS, WIDTH)."""
        return self.norm(self.proj(embeds).view(len(embeds), TOKENS, WIDTH))
