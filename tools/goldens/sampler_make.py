#!/usr/bin/env python3
"""Goldens of the samplers, from diffusers: Tests/GoldenTests/Goldens/sampler.

cases.json           what each case is made of
cases.safetensors    "<case>.start" (noise), "<case>.steps" (the sample after every step, stacked),
                     and for
                     schedules "<case>.timesteps" and "<case>.sigmas"
The model is a formula of its input and the timestep, the same in the test.
"""

import json

import numpy as np
import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    LCMScheduler,
    PNDMScheduler,
    UniPCMultistepScheduler,
)

from common import GOLDENS, generator, normal, write

CLASSES = {
    "ddim": DDIMScheduler,
    "pndm": PNDMScheduler,
    "euler": EulerDiscreteScheduler,
    "euler_a": EulerAncestralDiscreteScheduler,
    "heun": HeunDiscreteScheduler,
    "dpmpp_2m": DPMSolverMultistepScheduler,
    "dpmpp_2m_sde": DPMSolverMultistepScheduler,
    "unipc": UniPCMultistepScheduler,
    "ddpm": DDPMScheduler,
    "lcm": LCMScheduler,
}
SIGMA_KINDS = ("euler", "heun", "dpmpp_2m", "dpmpp_2m_sde", "unipc")
SHAPE = (2, 4, 3, 5)
SD = {  # Stable Diffusion 1.5's scheduler_config.json
    "_class_name": "PNDMScheduler",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "clip_sample": False,
    "num_train_timesteps": 1000,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "trained_betas": None,
}


def model(x, t):
    return 0.7 * torch.sin(1.3 * x + 0.01 * float(t)) + 0.2 * x


def overrides(kind, schedule, spacing):
    changes = {}
    if schedule != "default":
        changes |= {
            f"use_{name}_sigmas": name == schedule for name in ("karras", "exponential", "beta")
        }
    if spacing != "default":
        changes["timestep_spacing"] = spacing
    if kind.startswith("dpmpp"):
        changes["algorithm_type"] = "sde-dpmsolver++" if kind.endswith("sde") else "dpmsolver++"
    return changes


class Fixture:
    def __init__(self):
        self.cases, self.tensors = {}, {}

    def add(
        self,
        name,
        kind,
        steps=8,
        schedule="default",
        spacing="default",
        eta=0.0,
        skip=0,
        own=False,
        **changes,
    ):
        """One run; `skip` steps of the schedule are left out, as image-to-image does."""
        config = SD | changes
        if own:  # the scheduler that the configuration names, with every value as written
            config["_class_name"] = CLASSES[kind].__name__
            scheduler = CLASSES[kind].from_config(config)
        else:
            scheduler = CLASSES[kind].from_config(config, **overrides(kind, schedule, spacing))
        scheduler.set_timesteps(steps)
        noise = normal(SHAPE, 7)
        source = generator(11)
        sample = noise * scheduler.init_noise_sigma
        timesteps = scheduler.timesteps[skip * scheduler.order :]
        if skip:
            original = normal(SHAPE, 8, 0.8)
            if hasattr(scheduler, "set_begin_index"):
                scheduler.set_begin_index(skip * scheduler.order)
            sample = scheduler.add_noise(original, noise, timesteps[:1])
            self.tensors[f"{name}.original"] = original
        results = []
        extra = {"eta": eta} if kind == "ddim" else {}
        if kind not in ("pndm", "heun", "unipc"):
            extra["generator"] = source
        for t in timesteps:
            output = model(scheduler.scale_model_input(sample, t), t)
            sample = scheduler.step(output, t, sample, **extra, return_dict=False)[0]
            results.append(sample)
        self.tensors[f"{name}.noise"] = noise
        self.tensors[f"{name}.steps"] = torch.stack(results)
        self.cases[name] = {
            "kind": "checkpoint" if own else kind,
            "steps": steps,
            "schedule": schedule,
            "spacing": spacing,
            "eta": eta,
            "skip": skip,
            "config": config,
        }


def add_runs(fixture):
    for kind in CLASSES:
        spacings = ("default",) if kind == "lcm" else ("default", "leading", "linspace", "trailing")
        predictions = ["epsilon", "v_prediction"]
        if kind not in ("pndm", "euler_a"):
            predictions.append("sample")
        for spacing in spacings:
            for prediction in predictions:
                fixture.add(
                    f"{kind}.{spacing}.{prediction}",
                    kind,
                    spacing=spacing,
                    prediction_type=prediction,
                )
        if kind in SIGMA_KINDS:
            for schedule in ("karras", "exponential", "beta"):
                for prediction in predictions[:2]:
                    fixture.add(
                        f"{kind}.{schedule}.{prediction}",
                        kind,
                        schedule=schedule,
                        prediction_type=prediction,
                    )
            fixture.add(f"{kind}.karras.leading", kind, schedule="karras", spacing="leading")
        fixture.add(f"{kind}.image", kind, steps=8, skip=3)
        fixture.add(
            f"{kind}.image_trailing",
            kind,
            steps=7,
            skip=2,
            spacing="default" if kind == "lcm" else "trailing",
        )
        fixture.add(f"{kind}.one_step", kind, steps=1)
        fixture.add(f"{kind}.many", kind, steps=17)
        if kind not in ("pndm", "heun"):
            # An epsilon model says nothing where there is only noise; some of these would divide by
            # zero.
            fixture.add(
                f"{kind}.zero_snr",
                kind,
                spacing="default" if kind == "lcm" else "trailing",
                rescale_betas_zero_snr=True,
                prediction_type="v_prediction",
            )
        if kind in ("ddim", "ddpm", "dpmpp_2m", "unipc", "lcm"):
            fixture.add(
                f"{kind}.thresholding",
                kind,
                thresholding=True,
                sample_max_value=1.6,
                dynamic_thresholding_ratio=0.9,
            )
        if kind in ("ddim", "ddpm", "heun", "lcm"):
            fixture.add(f"{kind}.clip", kind, clip_sample=True, clip_sample_range=0.75)
        fixture.add(
            f"{kind}.linear_betas", kind, beta_schedule="linear", beta_start=0.0005, beta_end=0.015
        )
        fixture.add(
            f"{kind}.cosine_betas", kind, beta_schedule="squaredcos_cap_v2", num_train_timesteps=400
        )

    fixture.add("ddim.eta", "ddim", eta=0.7)
    fixture.add("ddim.eta_one", "ddim", eta=1.0, set_alpha_to_one=True)
    fixture.add("pndm.runge_kutta", "pndm", steps=9, skip_prk_steps=False)
    fixture.add(
        "pndm.runge_kutta_v", "pndm", steps=6, skip_prk_steps=False, prediction_type="v_prediction"
    )
    fixture.add("pndm.alpha_to_one", "pndm", set_alpha_to_one=True)
    fixture.add("euler.log_linear", "euler", interpolation_type="log_linear")
    fixture.add("euler.sigma_min", "euler", final_sigmas_type="sigma_min")
    fixture.add(
        "euler.continuous", "euler", timestep_type="continuous", prediction_type="v_prediction"
    )
    fixture.add("euler.karras_bounds", "euler", schedule="karras", sigma_min=0.1, sigma_max=9.0)
    fixture.add("ddpm.fixed_large", "ddpm", variance_type="fixed_large")
    fixture.add("ddpm.fixed_small_log", "ddpm", variance_type="fixed_small_log")
    fixture.add("ddpm.sigmoid", "ddpm", beta_schedule="sigmoid")
    fixture.add("lcm.scaling", "lcm", steps=4, original_inference_steps=20, timestep_scaling=3.0)
    for kind in ("dpmpp_2m", "dpmpp_2m_sde"):
        fixture.add(f"{kind}.heun", kind, solver_type="heun")
        fixture.add(f"{kind}.first_order", kind, solver_order=1)
        fixture.add(f"{kind}.third_order", kind, solver_order=3)
        fixture.add(f"{kind}.third_order_long", kind, solver_order=3, steps=16)
        fixture.add(
            f"{kind}.sigma_min", kind, final_sigmas_type="sigma_min", lower_order_final=False
        )
        fixture.add(
            f"{kind}.euler_at_final",
            kind,
            final_sigmas_type="sigma_min",
            steps=16,
            euler_at_final=True,
        )
        fixture.add(f"{kind}.lu", kind, use_lu_lambdas=True)
        fixture.add(
            f"{kind}.clipped", kind, beta_schedule="squaredcos_cap_v2", lambda_min_clipped=-5.1
        )
    noise_form = {"own": True, "final_sigmas_type": "sigma_min"}
    for solver in ("midpoint", "heun"):
        fixture.add(
            f"dpmsolver.{solver}",
            "dpmpp_2m",
            algorithm_type="dpmsolver",
            solver_type=solver,
            **noise_form,
        )
        fixture.add(
            f"sde_dpmsolver.{solver}",
            "dpmpp_2m_sde",
            algorithm_type="sde-dpmsolver",
            solver_type=solver,
            **noise_form,
        )
    fixture.add(
        "dpmsolver.third", "dpmpp_2m", algorithm_type="dpmsolver", solver_order=3, **noise_form
    )
    fixture.add(
        "dpmsolver.v",
        "dpmpp_2m",
        algorithm_type="dpmsolver",
        prediction_type="v_prediction",
        **noise_form,
    )
    fixture.add(
        "dpmsolver.thresholding",
        "dpmpp_2m",
        algorithm_type="dpmsolver",
        thresholding=True,
        sample_max_value=1.5,
        **noise_form,
    )
    fixture.add("unipc.bh1", "unipc", solver_type="bh1", final_sigmas_type="sigma_min")
    fixture.add("unipc.third_order", "unipc", solver_order=3, steps=10)
    fixture.add(
        "unipc.third_order_bh1",
        "unipc",
        solver_order=3,
        solver_type="bh1",
        final_sigmas_type="sigma_min",
    )
    fixture.add("unipc.noise", "unipc", predict_x0=False, final_sigmas_type="sigma_min")
    fixture.add("unipc.uncorrected", "unipc", disable_corrector=[0, 2])
    fixture.add("unipc.sigma_min", "unipc", final_sigmas_type="sigma_min", lower_order_final=False)
    for kind in ("ddim", "euler", "unipc", "lcm"):
        fixture.add(f"{kind}.own", kind, own=True)


def add_schedules(fixture):
    for kind, cls in CLASSES.items():
        variants = [("default", s) for s in ("default", "leading", "linspace", "trailing")]
        if kind in SIGMA_KINDS:
            variants += [(s, "default") for s in ("karras", "exponential", "beta")]
        if kind == "lcm":
            variants = [("default", "default")]
        if kind == "dpmpp_2m_sde":
            continue
        for schedule, spacing in variants:
            for steps in (1, 2, 4, 8, 20, 25, 30, 50):
                scheduler = cls.from_config(SD, **overrides(kind, schedule, spacing))
                scheduler.set_timesteps(steps)
                name = f"{kind}.{schedule}.{spacing}.{steps}.schedule"
                self_cases = {
                    "kind": kind,
                    "steps": steps,
                    "schedule": schedule,
                    "spacing": spacing,
                    "config": SD,
                }
                fixture.cases[name] = self_cases
                fixture.tensors[f"{name}.timesteps"] = scheduler.timesteps.float()
                if hasattr(scheduler, "sigmas"):
                    fixture.tensors[f"{name}.sigmas"] = torch.as_tensor(
                        np.asarray(scheduler.sigmas)
                    ).float()


def add_tables(fixture):
    """alpha-bar of every beta schedule, to the last bit where float32 allows it."""
    for name, changes in {
        "scaled_linear": {},
        "linear": {"beta_schedule": "linear", "beta_start": 0.0001, "beta_end": 0.02},
        "cosine": {"beta_schedule": "squaredcos_cap_v2"},
        "zero_snr": {"rescale_betas_zero_snr": True},
    }.items():
        fixture.cases[f"{name}.table"] = {"config": SD | changes}
        fixture.tensors[f"{name}.table.alphas_cumprod"] = DDIMScheduler.from_config(
            SD | changes
        ).alphas_cumprod


def main():
    fixture = Fixture()
    add_runs(fixture)
    add_schedules(fixture)
    add_tables(fixture)
    write("sampler", {"none": torch.zeros(1)}, fixture.tensors)
    (GOLDENS / "sampler" / "weights.safetensors").unlink()
    (GOLDENS / "sampler" / "cases.json").write_text(
        json.dumps(fixture.cases, indent=0, sort_keys=True) + "\n"
    )


if __name__ == "__main__":
    main()
