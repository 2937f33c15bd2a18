"""What the scripts of tiny whole checkpoints share: tokenizers, autoencoder, half-precision
folders, single files.

A fixture folder under Tests/NodesTests/Goldens holds
  model/                 the checkpoint as diffusers saves it, weights stored as float16
  expected.safetensors   what diffusers computes from it, in float32
  single_file.json       the plan of the same checkpoint in one file (see ldm_names.py)
  single_rows.safetensors  rows of CLIP's whole token embedding, for the tokens that prompts use: a
                           single file has no
                         vocabulary of its own; all other rows are zero
"""

import json
import shutil
import tempfile
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from common import seed_weights
from image_tiny_model import tokenizer as small_tokenizer
from ldm_names import assemble, check, plan_of
from tokenizer_make import write_vocabulary

ROOT = Path(__file__).resolve().parents[2] / "Tests" / "NodesTests" / "Goldens"
PROMPT = "a red lighthouse on a hill, (very) detailed"
SECOND = "painted in oil"
NEGATIVE = "blue light"
SECOND_NEGATIVE = "frame"


def fresh(name):
    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def generator(seed):
    return torch.Generator().manual_seed(seed)


def vocabularies():
    """The small tokenizer padded with the end token and with `!`, and its number of tokens."""
    first, count = small_tokenizer()
    return first, padded_with_exclamation(first), count


def padded_with_exclamation(tokenizer):
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        other = CLIPTokenizer.from_pretrained(folder, pad_token="!")
    assert other.pad_token_id == 0
    return other


def whole_vocabularies():
    """CLIP's own tokenizer, padded with the end token and with `!`."""
    with tempfile.TemporaryDirectory() as folder:
        write_vocabulary(Path(folder), 48894)
        first = CLIPTokenizer.from_pretrained(folder, model_max_length=77)
    assert first.pad_token_id == first.eos_token_id == 49407
    return first, padded_with_exclamation(first)


def text_encoder(count, seed, width, layers, act, projection=None):
    """A text encoder of 64 values per head, as single files are understood."""
    config = CLIPTextConfig(
        vocab_size=count,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=width // 64,
        hidden_act=act,
        bos_token_id=count - 2,
        eos_token_id=count - 1,
        pad_token_id=count - 1,
        projection_dim=projection or width,
    )
    return seed_weights(
        (CLIPTextModelWithProjection if projection else CLIPTextModel)(config), seed
    )


def autoencoder(seed, scaling, side):
    return seed_weights(
        AutoencoderKL(
            block_out_channels=(32, 32, 32, 32),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            norm_num_groups=32,
            sample_size=side,
            scaling_factor=scaling,
        ),
        seed,
    )


def halves(module):
    """The tensors of a module in half precision, with the names that checkpoints have."""
    state = {}
    for key, value in module.state_dict().items():
        is_text = "encoder.layers" in key or key.startswith(("embeddings.", "final_layer_norm."))
        name = (
            "text_model." + key
            if isinstance(module, CLIPTextModel) and is_text and not key.startswith("text_model.")
            else key
        )
        if not name.endswith("position_ids"):
            state[name] = value.half().contiguous()
    return state


def save_checkpoint(pipe, folder):
    """A checkpoint in diffusers' layout; the weights, which are rounded already, in half
    precision."""
    pipe.save_pretrained(folder)
    save_scheduler(pipe.scheduler, folder / "scheduler")
    for part in ("unet", "vae", "text_encoder", "text_encoder_2"):
        module = getattr(pipe, part, None)
        if module is not None:
            name = "model" if "text" in part else "diffusion_pytorch_model"
            save_file(
                halves(module), folder / part / f"{name}.safetensors", metadata={"format": "pt"}
            )
            config = folder / part / "config.json"
            text = json.loads(config.read_text())
            text.pop("dtype", None)
            config.write_text(json.dumps(text, indent=2, sort_keys=True) + "\n")


def save_scheduler(scheduler, folder):
    """A scheduler's configuration as released ones are: without what was not set, so that another
    one's defaults count."""
    scheduler.save_pretrained(folder)
    path = folder / "scheduler_config.json"
    unset = scheduler.config.get("_use_default_values", [])
    config = {key: value for key, value in json.loads(path.read_text()).items() if key not in unset}
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def save_numbers(tensors, path):
    for name, tensor in tensors.items():
        assert torch.isfinite(tensor).all(), name
        print(
            f"{path.parent.name}: {name} {tuple(tensor.shape)} "
            f"largest {float(tensor.abs().max()):.3f}"
        )
    save_file(
        {name: tensor.detach().float().contiguous().clone() for name, tensor in tensors.items()},
        path,
    )


def single_file(pipe, folder, texts, family):
    """Writes the plan of a single file and the rows of its token embeddings; gives the pipeline the
    whole vocabulary."""
    names = [
        name
        for name in ("unet", "vae", "text_encoder", "text_encoder_2")
        if getattr(pipe, name, None) is not None
    ]
    parts = {
        name: {key: value.float() for key, value in halves(getattr(pipe, name)).items()}
        for name in names
    }
    configs = {name: dict(getattr(pipe, name).config) for name in ("unet", "vae")}
    plan = plan_of(parts, configs, family)
    first, second = whole_vocabularies()
    tokenizers = {"text_encoder": second if family == "sd2" else first, "text_encoder_2": second}
    rows, embeddings = {}, {}
    for number, part in enumerate(name for name in names if "text" in name):
        tokenizer, encoder = tokenizers[part], getattr(pipe, part)
        ids = sorted(
            {
                token
                for text in texts
                for token in tokenizer(text, padding="max_length", truncation=True)["input_ids"]
            }
        )
        width = encoder.config.hidden_size
        values = (torch.randn(len(ids), width, generator=generator(70 + number)) * 0.15).half()
        rows |= {f"{part}.ids": torch.tensor(ids, dtype=torch.int32), f"{part}.rows": values}
        whole = torch.zeros(49408, width)
        whole[ids] = values.float()
        embeddings[part] = whole
        replace_vocabulary(encoder, whole)
        setattr(pipe, part.replace("text_encoder", "tokenizer"), tokenizer)
    encoders = {name: getattr(pipe, name) for name in names if "text" in name}
    check(assemble(plan, parts, embeddings), parts, configs, encoders, family)
    (folder / "single_file.json").write_text(
        json.dumps(plan, separators=(",", ":"), sort_keys=True) + "\n"
    )
    save_file(rows, folder / "single_rows.safetensors")


def replace_vocabulary(encoder, whole):
    """Gives an encoder another token embedding, whose end token is found as in the released
    checkpoints: the largest id."""
    embedding = encoder.get_input_embeddings()
    embedding.weight = torch.nn.Parameter(whole, requires_grad=False)
    embedding.num_embeddings = whole.shape[0]
    encoder.config.vocab_size = whole.shape[0]
    for module in encoder.modules():
        if hasattr(module, "eos_token_id"):
            module.eos_token_id = 2
