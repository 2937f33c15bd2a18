"""What every golden script shares: seeded weights, half-precision storage, and fixture folders.

A fixture folder under Tests/GoldenTests/Goldens holds
  weights.safetensors   the model's tensors, stored as float16
  config.json           the model's configuration, as diffusers writes it (absent for lone blocks)
  cases.safetensors     float32 inputs and outputs, named "<case>.<tensor>"
  made_with.json        the script that made the folder, and the libraries that computed the outputs
The reference model computes with the *rounded* weights in float32: what a reader of the file sees.
"""

import json
import os
import pathlib
import shutil
import warnings
from collections.abc import Mapping, Sequence

os.environ.setdefault("OMP_NUM_THREADS", "1")
warnings.filterwarnings("ignore")

import torch  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from made_with import record_script  # noqa: E402

TESTS = pathlib.Path(__file__).resolve().parents[2] / "Tests"
GOLDENS = TESTS / "GoldenTests" / "Goldens"
NODE_GOLDENS = TESTS / "NodesTests" / "Goldens"
WEIGHT_FIXTURES = TESTS / "WeightsTests" / "Fixtures"
SIZES = {"square": (8, 8), "odd": (9, 13), "wide": (5, 23), "tall": (19, 7)}
"""Latent heights and widths: only the square one is a multiple of the up-sampling factor."""

torch.set_num_threads(1)


def fresh_folder(folder: pathlib.Path) -> pathlib.Path:
    """Makes an empty folder, and removes what lay there before."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def generator(seed: int) -> torch.Generator:
    """A generator of random numbers that is seeded."""
    return torch.Generator().manual_seed(seed)


def normal(shape: Sequence[int], seed: int, scale: float = 1.0) -> torch.Tensor:
    """A seeded float32 tensor; inputs are stored, so readers need not repeat this draw."""
    return torch.randn(shape, generator=generator(seed)) * scale


def seed_weights(module: torch.nn.Module, seed: int) -> torch.nn.Module:
    """Gives every parameter a value that matters: no zero biases, no unit gains, nothing left at
    its initial value.

    All values are rounded to float16, which is how they are stored.
    """
    source = generator(seed)
    for name, parameter in sorted(module.named_parameters()):
        draw = torch.randn(parameter.shape, generator=source)
        if parameter.dim() > 1:
            fan_in = parameter[0].numel()
            value = draw * (0.9 / fan_in**0.5)
        elif name.endswith("bias"):
            value = draw * 0.1
        else:
            value = 1 + draw * 0.25
        parameter.data.copy_(value.half().float())
    return module.eval().requires_grad_(False)


def half_state(module: torch.nn.Module, prefix: str = "") -> dict[str, torch.Tensor]:
    """The tensors of a model in float16, with a prefix before their names."""
    return {
        prefix + name: tensor.half().contiguous() for name, tensor in module.state_dict().items()
    }


def write(
    folder: str,
    weights: Mapping[str, torch.Tensor],
    cases: Mapping[str, torch.Tensor],
    config: Mapping[str, object] | None = None,
) -> None:
    """Writes one fixture folder."""
    target = GOLDENS / folder
    target.mkdir(parents=True, exist_ok=True)
    if weights:
        save_file(dict(sorted(weights.items())), target / "weights.safetensors")
    cases = {
        name: tensor.detach().float().contiguous().clone() for name, tensor in sorted(cases.items())
    }
    for name, tensor in cases.items():
        assert torch.isfinite(tensor).all(), name
    save_file(cases, target / "cases.safetensors")
    if config is not None:
        config = {key: value for key, value in dict(config).items() if key != "_use_default_values"}
        (target / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    record_script(target)
    size = sum(file.stat().st_size for file in target.iterdir())
    count = sum(tensor.numel() for tensor in weights.values())
    print(f"{folder}: {count} weights, {len(cases)} tensors, {size / 1e3:.0f} kB")
