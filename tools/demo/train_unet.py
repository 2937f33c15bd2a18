"""Trains the demo world's UNet on latents of one native size; the text encoder stays as it is.

    python tools/demo/train_unet.py --tokenizer DIR --text DIR --latents DIR --state STATE.pt \\
        --out DIR

`--text` is the encoder that train_text.py made (trained along, it forgets relations before the UNet
has learnt to use them); `--latents` is the folder of the native size that latents.py fills (it may
still be filling).  `--unet DIR` goes on from a given UNet instead of a fresh one.  Epsilon
prediction, Stable Diffusion 1.5's noise schedule, min-SNR weights.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from transformers import CLIPTextModel

from diffusion import drop_captions, noise_schedule, noised, weighted_loss
from latents import Shards
from text import WIDTH, load_tokenizer, token_ids
from training import Run, setup


def build_unet() -> UNet2DConditionModel:
    """Three levels, as SD has them; cross-attention at the two inner ones and in the middle."""
    return UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(48, 64, 128),
        layers_per_block=1,
        norm_num_groups=8,
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    )


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("--tokenizer", "--text", "--latents", "--state", "--out"):
        parser.add_argument(name, required=True)
    parser.add_argument("--unet", help="folder of a UNet to go on from")
    parser.add_argument("--steps", type=int, default=8500)
    parser.add_argument("--minutes", type=float, default=0.0, help="processor time; 0: by steps")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--alone", type=int, default=800, help="first steps with single objects")
    parser.add_argument("--blind", type=float, default=0.0, help="share of starts without a trace")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def write(unet: UNet2DConditionModel, run: Run, out: str) -> None:
    """Writes the averaged UNet."""
    run.average.swap()
    unet.save_pretrained(Path(out) / "unet")
    run.average.swap()


def main() -> None:
    """Trains (or goes on training); writes the averaged model at every checkpoint."""
    args = arguments()
    setup(args.threads, args.seed)
    tokenizer = load_tokenizer(args.tokenizer)
    encoder = CLIPTextModel.from_pretrained(args.text).float().eval()
    unet = UNet2DConditionModel.from_pretrained(args.unet) if args.unet else build_unet()
    unet = unet.float().to(memory_format=torch.channels_last).train()
    schedule, data = noise_schedule(), Shards(args.latents)
    run = Run(
        args.state,
        {"unet": unet},
        unet.parameters(),
        args.steps,
        args.rate,
        decay=0.998,
        weight_decay=0.01,
        warmup=200,
        minutes=args.minutes,
    )
    generator, empty = run.generator(args.seed), token_ids(tokenizer, [""])
    while not run.done():
        latents, ids = data.batch(args.batch, 0.2 if run.step < args.alone else 0.7, generator)
        ids = drop_captions(ids, empty, 0.1, generator)
        noise, times, noisy = noised(schedule, latents, generator, blind=args.blind)
        with torch.no_grad():
            text = encoder(ids).last_hidden_state
        guess = unet(noisy, times, text).sample
        run.advance(weighted_loss(guess, noise, schedule.alphas_cumprod[times]))
        if run.step % 100 == 0:
            run.report(pictures=len(data))
            data.refresh()
        if run.save_if_due():
            write(unet, run, args.out)
    run.save()
    write(unet, run, args.out)


if __name__ == "__main__":
    main()
