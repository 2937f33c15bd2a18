"""Noise for training: Stable Diffusion 1.5's schedule, times, noised latents, and the loss."""

from __future__ import annotations

import torch
from diffusers import DDPMScheduler

TIMES = 1000
LATE_FROM, BLIND_FROM = 700, 900


def noise_schedule() -> DDPMScheduler:
    """Stable Diffusion 1.5's betas."""
    return DDPMScheduler(
        num_train_timesteps=TIMES,
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        clip_sample=False,
        steps_offset=1,
    )


def spread_timesteps(count: int, generator: torch.Generator) -> torch.Tensor:
    """Timesteps that cover 0...999 evenly within one batch, in random order."""
    places = torch.randperm(count, generator=generator) + torch.rand(count, generator=generator)
    return (places / count * TIMES).long().clamp(0, TIMES - 1)


def delayed(times: torch.Tensor, share: float, generator: torch.Generator) -> torch.Tensor:
    """The times with a share of them moved to the last, noisiest ones, which decide the layout."""
    late = LATE_FROM + times * (TIMES - LATE_FROM) // TIMES
    return torch.where(torch.rand(len(times), generator=generator) < share, late, times)


def noised(
    schedule: DDPMScheduler,
    latents: torch.Tensor,
    generator: torch.Generator,
    layout: torch.memory_format = torch.channels_last,
    late: float = 0.0,
    blind: float = 0.0,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What the UNet is to predict, evenly spread times, and the noisy latents at those times.

    A share `late` of the times is moved to the noisiest ones.  A share `blind` of the pictures at
    the noisiest times is noise alone: the schedule leaves a trace of the picture at its last step,
    but sampling starts from noise without one.  What is to be predicted there is the noise that
    would leave the picture's own latents.
    """
    noise = torch.randn(latents.shape, generator=generator)
    times = spread_timesteps(len(latents), generator)
    if late:
        times = delayed(times, late, generator)
    noisy = schedule.add_noise(latents, noise, times)
    if blind:
        hidden = (torch.rand(len(times), generator=generator) < blind) & (times >= BLIND_FROM)
        hidden = hidden[:, None, None, None]
        signal = schedule.alphas_cumprod[times][:, None, None, None]
        rest = (noise - signal.sqrt() * latents) / (1 - signal).sqrt()
        noisy, noise = torch.where(hidden, noise, noisy), torch.where(hidden, rest, noise)
    return noise, times, noisy.contiguous(memory_format=layout)


def weighted_loss(
    guess: torch.Tensor,
    noise: torch.Tensor,
    signal: torch.Tensor,
    gamma: float = 5.0,
    floor: float = 0.08,
) -> torch.Tensor:
    """Mean squared error of epsilon under min-SNR weights; `signal` is alpha-bar per picture.

    The floor lends weight to the noisiest steps, where the caption alone decides what goes where
    and where an error of epsilon would else hardly count.
    """
    snr = signal / (1 - signal)
    error = (guess - noise).square().mean((1, 2, 3))
    return (error * snr.clamp(min=floor, max=gamma) / snr).mean()


def drop_captions(
    ids: torch.Tensor, empty: torch.Tensor, share: float, generator: torch.Generator
) -> torch.Tensor:
    """Replaces a share of the captions by the empty one, for classifier-free guidance."""
    gone = torch.rand(len(ids), generator=generator) < share
    return torch.where(gone[:, None], empty, ids)
