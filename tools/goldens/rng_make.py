#!/usr/bin/env python3
"""Writes Tests/TensorRuntimeTests/Fixtures/rng.json: draws of torch's CPU generator.

Run with torch 2.13.0 (CPU): python tools/goldens/rng_make.py
Long draws are stored as a few slices with their places, so that the file stays small.
"""

import json
import pathlib

import torch

SEEDS = [0, 1, 5, 42, 123456789, 2**32 - 1, 2**32, 2**32 + 5, 2**63 + 11]
COUNTS = [1, 3, 4, 15, 16, 17, 20, 33, 6204, 16384]
FIXTURE = pathlib.Path(__file__).parents[2] / "Tests/TensorRuntimeTests/Fixtures/rng.json"


def generator(seed):
    return torch.Generator().manual_seed(seed)


def shortened(value):
    """A float32 needs nine digits; integers stay whole."""
    return float(f"{value:.9g}") if isinstance(value, float) else value


def sampled(values):
    """The first and last 40 numbers, and every 97th in between."""
    count = len(values)
    places = sorted(
        {*range(min(40, count)), *range(max(0, count - 40), count), *range(0, count, 97)}
    )
    return {
        "count": count,
        "places": places,
        "values": [shortened(values[place]) for place in places],
    }


def sequence(seed, draws):
    """One generator asked for several things in turn."""
    source = generator(seed)
    results = []
    for kind, argument, count in draws:
        if kind == "randn":
            values = torch.randn(count, generator=source).tolist()
        elif kind == "rand":
            values = torch.rand(count, generator=source).tolist()
        else:
            values = torch.randint(0, argument, (count,), generator=source).tolist()
        results.append({"kind": kind, "high": argument, **sampled(values)})
    return {"seed": str(seed), "draws": results}


cases = [sequence(seed, [("randn", 0, count)]) for seed in SEEDS for count in COUNTS]
cases += [sequence(seed, [("rand", 0, 50)]) for seed in SEEDS]
cases += [
    sequence(seed, [("randint", high, 25)])
    for seed in (0, 7)
    for high in (1, 2, 10, 1000, 2**20 + 3, 2**28 - 1, 2**28, 2**31 + 7, 2**32 - 1)
]
# The second number of a pair waits across large draws, uniform draws and integers.
cases += [
    sequence(5, [("randn", 0, 3), ("randn", 0, 3)]),
    sequence(
        5, [("randn", 0, 3), ("randn", 0, 17), ("randn", 0, 2), ("rand", 0, 4), ("randn", 0, 15)]
    ),
    sequence(
        9,
        [
            ("randn", 0, 1),
            ("randint", 10, 5),
            ("randn", 0, 1),
            ("randn", 0, 16384),
            ("randn", 0, 33),
        ],
    ),
]
FIXTURE.write_text(json.dumps({"torch": torch.__version__, "cases": cases}, separators=(",", ":")))
