"""Trains the demo world's AutoencoderKL: crops of scenes first, whole scenes at the end.

    python tools/demo/train_vae.py --state STATE.pt --out models/demo/vae

With `--vae DIR --freeze-encoder` only the decoder of a finished autoencoder is trained on: latents
stay what they were, and with them every UNet that was trained on them.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL

from render import render
from scenes import NATIVE, sample_scene
from training import Run, setup

CROP = 64
# Width and height of whole scenes, and how often: small objects are the hard ones.
SIZES = {
    (96, 96): 6,
    (128, 128): 4,
    (128, 96): 1,
    (96, 128): 1,
    (160, 128): 1,
    (128, 192): 1,
    (192, 192): 1,
    (256, 128): 1,
    (256, 256): 1,
}
PIXELS = 2 * NATIVE * NATIVE


def build_vae() -> AutoencoderKL:
    """An AutoencoderKL of about one million parameters, factor 8, four latent channels."""
    vae = AutoencoderKL(
        block_out_channels=(16, 32, 64, 64),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=NATIVE,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
    )
    with torch.no_grad():  # start with little noise on the latents
        vae.quant_conv.bias[4:] = -5.0
        vae.quant_conv.weight[4:] *= 0.1
    return vae


def picture(rng: random.Random, width: int, height: int, counts=(1, 2, 2)) -> torch.Tensor:
    """A random scene in [-1, 1], channels first."""
    shown = render(sample_scene(rng, counts, width, height)[0], width, height)
    return torch.from_numpy(np.ascontiguousarray(shown.transpose(2, 0, 1)) * 2 - 1)


def crops(rng: random.Random) -> Iterator[torch.Tensor]:
    """Endless batches of `CROP`-sized cuts of scenes of many sizes."""
    while True:
        cuts = []
        for _ in range(PIXELS // CROP**2):
            size = rng.choice((96, 128, 128, 160))
            x, y = rng.randrange(size - CROP + 1), rng.randrange(size - CROP + 1)
            cuts.append(picture(rng, size, size)[:, y : y + CROP, x : x + CROP])
        yield torch.stack(cuts)


def wholes(rng: random.Random) -> Iterator[torch.Tensor]:
    """Endless batches of whole scenes, each batch of one size, all of about as many pixels."""
    while True:
        width, height = rng.choices(list(SIZES), weights=list(SIZES.values()))[0]
        count = max(1, round(PIXELS / (width * height)))
        yield torch.stack([picture(rng, width, height) for _ in range(count)])


def vae_loss(vae: AutoencoderKL, x: torch.Tensor, pull: float) -> torch.Tensor:
    """Reconstruction, a trace of KL, and a fading pull of three channels to the shrunk picture."""
    posterior = vae.encode(x).latent_dist
    loss = likeness(vae.decode(posterior.sample()).sample, x) + 1e-6 * posterior.kl().mean()
    return loss + pull * F.mse_loss(posterior.mean[:, :3], 2 * F.avg_pool2d(x, 8))


def decoder_loss(vae: AutoencoderKL, x: torch.Tensor, noise: float) -> torch.Tensor:
    """Reconstruction from frozen latents, a little off, as a UNet's latents are."""
    with torch.no_grad():
        latents = vae.encode(x).latent_dist.mode()
        latents = latents + noise * torch.randn_like(latents)
    return likeness(vae.decode(latents).sample, x)


def likeness(y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Squared and absolute error, and the error of the edges."""
    edges = sum((torch.diff(y, dim=d) - torch.diff(x, dim=d)).abs().mean() for d in (2, 3))
    return F.mse_loss(y, x) * 4 + (y - x).abs().mean() + 0.5 * edges


@torch.no_grad()
def psnr(vae: AutoencoderKL, count: int = 32, seed: int = 999_983, size: int = NATIVE) -> float:
    """Mean PSNR in dB over unseen scenes at one size."""
    rng, total = random.Random(seed), 0.0
    for _ in range(count):
        x = picture(rng, size, size)[None]
        y = vae.decode(vae.encode(x).latent_dist.mode()).sample.clamp(-1, 1)
        total += -10 * torch.log10(F.mse_loss(y, x) / 4).item()
    return total / count


@torch.no_grad()
def standardise(vae: AutoencoderKL, seed: int = 5, count: int = 256) -> None:
    """Folds each latent channel's mean and spread into the 1x1 convolutions beside the latents."""
    rng = random.Random(seed)
    z = torch.cat(
        [vae.encode(picture(rng, NATIVE, NATIVE)[None]).latent_dist.mode() for _ in range(count)]
    )
    mean, spread = z.mean((0, 2, 3)), z.std((0, 2, 3))
    quant, post = vae.quant_conv, vae.post_quant_conv
    quant.weight[:4] /= spread[:, None, None, None]
    quant.bias[:4] = (quant.bias[:4] - mean) / spread
    quant.bias[4:] -= 2 * torch.log(spread)
    post.bias += post.weight[:, :, 0, 0] @ mean
    post.weight *= spread[None, :, None, None]
    vae.register_to_config(scaling_factor=1.0)
    print("latent mean", mean.tolist(), "spread", spread.tolist())


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--state", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--vae", help="folder of an autoencoder to start from")
    parser.add_argument("--freeze-encoder", action="store_true")
    parser.add_argument("--noise", type=float, default=0.05, help="on frozen latents")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--whole", type=int, default=1000, help="last steps with whole scenes")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--minutes", type=float, default=0.0, help="processor time; 0: by steps")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def start(args: argparse.Namespace) -> AutoencoderKL:
    """A fresh autoencoder, or the given one; what shall be frozen is."""
    vae = AutoencoderKL.from_pretrained(args.vae).float() if args.vae else build_vae()
    if args.freeze_encoder:
        vae.requires_grad_(False)
        vae.decoder.requires_grad_(True)
        vae.post_quant_conv.requires_grad_(True)
    return vae.to(memory_format=torch.channels_last)


def main() -> None:
    """Trains (or goes on training), then writes the averaged model."""
    args = arguments()
    setup(args.threads, args.seed)
    vae = start(args)
    run = Run(
        args.state,
        {"vae": vae},
        vae.parameters(),
        args.steps,
        args.rate,
        decay=0.998,
        minutes=args.minutes,
    )
    stream, cropped = None, None
    while not run.done():
        if cropped != (run.progress() < 1 - args.whole / args.steps):
            cropped = run.progress() < 1 - args.whole / args.steps
            stream = (crops if cropped else wholes)(random.Random(args.seed * 7919 + run.step))
        x = next(stream).contiguous(memory_format=torch.channels_last)
        if args.freeze_encoder:
            run.advance(decoder_loss(vae, x, args.noise))
        else:
            run.advance(vae_loss(vae, x, 0.3 * max(0.0, 1 - 2.5 * run.progress()) + 0.01))
        if run.step % 200 == 0:
            run.average.swap()
            run.report(psnr=round(psnr(vae), 2))
            run.average.swap()
        run.save_if_due()
    run.save()
    run.average.swap()
    if not args.freeze_encoder:
        standardise(vae)
    print("psnr", psnr(vae, 128), "seconds", round(run.elapsed()))
    vae.save_pretrained(args.out)


if __name__ == "__main__":
    main()
