"""The text side: the CLIP text model's configuration, and captions as token ids."""

from __future__ import annotations

import torch
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

WIDTH = 96


def load_tokenizer(folder: str) -> CLIPTokenizer:
    """The tokenizer in `folder`."""
    return CLIPTokenizer.from_pretrained(folder)


def build_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """A CLIPTextModel of three layers, as wide as the UNet's cross-attention."""
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=4 * WIDTH,
        num_hidden_layers=3,
        num_attention_heads=4,
        projection_dim=WIDTH,
        max_position_embeddings=tokenizer.model_max_length,
        hidden_act="quick_gelu",
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return CLIPTextModel(config)


def token_ids(tokenizer: CLIPTokenizer, captions: list[str]) -> torch.Tensor:
    """Captions as ids, padded to the model's length."""
    return tokenizer(
        captions,
        padding="max_length",
        truncation=True,
        return_tensors="pt",
        max_length=tokenizer.model_max_length,
    ).input_ids
