"""Trains the demo world's AutoencoderKL: crops of scenes first, whole scenes at the end.

    python tools/demo/train_vae.py --state STATE.pt --out models/demo/vae
"""
from __future__ import annotations

import argparse
import random

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL

from render import render
from scenes import sample_scene
from training import Run, setup

NATIVE, CROP = 128, 64


def build_vae() -> AutoencoderKL:
    """An AutoencoderKL of about one million parameters, factor 8, four latent channels."""
    vae = AutoencoderKL(
        block_out_channels=(16, 32, 64, 64), layers_per_block=1, latent_channels=4,
        norm_num_groups=8, sample_size=NATIVE, down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4)
    with torch.no_grad():  # start with little noise on the latents
        vae.quant_conv.bias[4:] = -5.0
        vae.quant_conv.weight[4:] *= 0.1
    return vae


class Pictures(torch.utils.data.IterableDataset):
    """Endless scenes in [-1, 1]: `CROP`-sized cuts of scenes of many sizes, or whole ones."""

    def __init__(self, seed: int, crops: bool):
        self.seed, self.crops = seed, crops

    def __iter__(self):
        rng = random.Random(self.seed)
        while True:
            scene, _ = sample_scene(rng, (1, 2, 2, 3))
            size = rng.choice((96, 128, 128, 160)) if self.crops else NATIVE
            picture = render(scene, size, size)
            if self.crops:
                x, y = rng.randrange(size - CROP + 1), rng.randrange(size - CROP + 1)
                picture = picture[y:y + CROP, x:x + CROP]
            yield torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)) * 2 - 1)


def batches(seed: int, crops: bool):
    """An endless stream of batches with the same number of pixels either way."""
    data = Pictures(seed, crops)
    return iter(torch.utils.data.DataLoader(data, batch_size=8 if crops else 2, num_workers=1))


def vae_loss(vae: AutoencoderKL, x: torch.Tensor, pull: float) -> torch.Tensor:
    """Reconstruction, a trace of KL, and a fading pull of three channels to the shrunk picture."""
    posterior = vae.encode(x).latent_dist
    y = vae.decode(posterior.sample()).sample
    edges = sum((torch.diff(y, dim=d) - torch.diff(x, dim=d)).abs().mean() for d in (2, 3))
    loss = F.mse_loss(y, x) * 4 + (y - x).abs().mean() + 0.5 * edges
    loss = loss + 1e-6 * posterior.kl().mean()
    return loss + pull * F.mse_loss(posterior.mean[:, :3], 2 * F.avg_pool2d(x, 8))


@torch.no_grad()
def psnr(vae: AutoencoderKL, count: int = 32, seed: int = 999_983, size: int = NATIVE) -> float:
    """Mean PSNR in dB over unseen scenes at one size."""
    rng, total = random.Random(seed), 0.0
    for _ in range(count):
        picture = render(sample_scene(rng)[0], size, size)
        x = torch.from_numpy(picture.transpose(2, 0, 1))[None].float() * 2 - 1
        y = vae.decode(vae.encode(x).latent_dist.mode()).sample.clamp(-1, 1)
        total += -10 * torch.log10(F.mse_loss(y, x) / 4).item()
    return total / count


@torch.no_grad()
def standardise(vae: AutoencoderKL, seed: int = 5, count: int = 256) -> None:
    """Folds each latent channel's mean and spread into the 1x1 convolutions beside the latents."""
    rng, latents = random.Random(seed), []
    for _ in range(count):
        picture = render(sample_scene(rng)[0], NATIVE, NATIVE)
        x = torch.from_numpy(picture.transpose(2, 0, 1))[None].float() * 2 - 1
        latents.append(vae.encode(x).latent_dist.mode())
    z = torch.cat(latents)
    mean, spread = z.mean((0, 2, 3)), z.std((0, 2, 3))
    quant, post = vae.quant_conv, vae.post_quant_conv
    quant.weight[:4] /= spread[:, None, None, None]
    quant.bias[:4] = (quant.bias[:4] - mean) / spread
    quant.bias[4:] -= 2 * torch.log(spread)
    post.bias += (post.weight[:, :, 0, 0] @ mean)
    post.weight *= spread[None, :, None, None]
    vae.register_to_config(scaling_factor=1.0)
    print("latent mean", mean.tolist(), "spread", spread.tolist())


def main() -> None:
    """Trains (or goes on training), then writes the averaged model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--whole", type=int, default=900, help="last steps on whole scenes")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    setup(args.threads, args.seed)
    vae = build_vae().to(memory_format=torch.channels_last)
    run = Run(args.state, {"vae": vae}, vae.parameters(), args.steps, 2e-3, decay=0.998)
    stream = crops = None
    while run.step < args.steps:
        if crops != (run.step < args.steps - args.whole):
            crops = run.step < args.steps - args.whole
            stream = batches(args.seed * 7919 + run.step, crops)
        x = next(stream).contiguous(memory_format=torch.channels_last)
        run.advance(vae_loss(vae, x, 0.3 * max(0.0, 1 - 2.5 * run.step / args.steps) + 0.01))
        if run.step % 200 == 0:
            run.average.swap()
            run.report(psnr=round(psnr(vae), 2))
            run.average.swap()
            run.save()
    run.average.swap()
    standardise(vae)
    print("psnr", psnr(vae, 128), "seconds", round(run.elapsed()))
    vae.save_pretrained(args.out)


if __name__ == "__main__":
    main()
