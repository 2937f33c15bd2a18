#!/usr/bin/env python3
"""Makes the goldens of LatentResize: one latent brought to several sizes by every method of torch's
interpolate.

Run from the repository root: `python tools/goldens/latent_resize_make.py`
"""

import torch
from safetensors.torch import save_file

from common import normal

SIZES = [(12, 20), (9, 15), (5, 7), (3, 10), (6, 23), (1, 1)]
MODES = ["nearest-exact", "nearest", "bilinear", "bicubic", "area"]

source = normal((2, 4, 6, 10), 60)
tensors = {"source": source}
for mode in MODES:
    for size in SIZES:
        tensors[f"{mode}.{size[0]}x{size[1]}"] = torch.nn.functional.interpolate(
            source, size=size, mode=mode
        ).contiguous()
save_file(tensors, "Tests/NodesTests/Goldens/latent-resize.safetensors")
