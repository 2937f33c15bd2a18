#!/usr/bin/env python3
"""Goldens of whole pipelines on a tiny random Stable Diffusion, from diffusers:
Tests/GoldenTests/Goldens/pipeline.

weights.safetensors, config.json     the UNet
text.safetensors, text_config.json   the text encoder
resadapter/, lora/, lcm/             adapters in the form they are released in
cases.json                           the options of every case
cases.safetensors                    token ids, "<case>.latents" (final, scaled), "<case>.image"
                                     (img2img start)
"""

import json

import torch
from diffusers import (
    AutoencoderKL,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel

from common import GOLDENS, SIZES, generator, half_state, normal, seed_weights, write
from sampler_make import CLASSES, SD, overrides

OUT = GOLDENS / "pipeline"
RANK = 4


def make_unet():
    unet = UNet2DConditionModel(
        sample_size=8,
        layers_per_block=1,
        block_out_channels=(16, 32, 32),
        cross_attention_dim=24,
        attention_head_dim=4,
        norm_num_groups=8,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
    )
    return seed_weights(unet, seed=3)


def lora_pair(module, rank, source):
    if isinstance(module, torch.nn.Linear):
        down, up = (rank, module.in_features), (module.out_features, rank)
    else:
        down, up = (
            (rank, module.in_channels, *module.kernel_size),
            (module.out_channels, rank, 1, 1),
        )
    fan_in = down[1] * (9 if len(down) == 4 and down[-1] == 3 else 1)
    return (
        (torch.randn(down, generator=source) / fan_in**0.5).half(),
        (torch.randn(up, generator=source) * 0.3 / rank**0.5).half(),
    )


def kohya(unet, chosen, rank, alpha, seed):
    source, state = generator(seed), {}
    for name, module in unet.named_modules():
        if not isinstance(module, (torch.nn.Linear, torch.nn.Conv2d)) or not chosen(name):
            continue
        key = "lora_unet_" + name.replace(".", "_")
        down, up = lora_pair(module, rank, source)
        state |= {
            f"{key}.lora_down.weight": down,
            f"{key}.lora_up.weight": up,
            f"{key}.alpha": torch.tensor(alpha).half(),
        }
    return state


def peft(unet, rank, seed):
    source, state = generator(seed), {}
    for name, module in unet.named_modules():
        if isinstance(module, (torch.nn.Linear, torch.nn.Conv2d)):
            down, up = lora_pair(module, rank, source)
            state |= {f"unet.{name}.lora_A.weight": down, f"unet.{name}.lora_B.weight": up}
    return state


def write_adapters(unet):
    def save(state, folder, name):
        (OUT / folder).mkdir(parents=True, exist_ok=True)
        save_file(state, OUT / folder / name)

    def is_sampler(name):
        return name.endswith(("samplers.0.conv",))

    save(kohya(unet, is_sampler, 8, 4.0, 41), "resadapter", "pytorch_lora_weights.safetensors")
    source = generator(43)
    norms = {
        name: (value + 0.2 * torch.randn(value.shape, generator=source)).half().float()
        for name, value in unet.state_dict().items()
        if ".resnets." in name and (".norm1." in name or ".norm2." in name)
    }
    save(norms, "resadapter", "diffusion_pytorch_model.safetensors")
    save(peft(unet, RANK, 47), "lora", "pytorch_lora_weights.safetensors")

    def is_distilled(name):
        return name not in ("conv_in", "conv_out") and not name.startswith("time_embedding")

    save(kohya(unet, is_distilled, RANK, 1.0, 53), "lcm", "pytorch_lora_weights.safetensors")


class Fixture:
    def __init__(self):
        text_config = CLIPTextConfig(
            vocab_size=60,
            hidden_size=24,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=12,
            eos_token_id=59,
            bos_token_id=58,
            pad_token_id=59,
        )
        self.text = seed_weights(CLIPTextModel(text_config), seed=5)
        OUT.mkdir(parents=True, exist_ok=True)
        save_file(half_state(self.text), OUT / "text.safetensors")
        (OUT / "text_config.json").write_text(
            json.dumps(text_config.to_diff_dict(), indent=2) + "\n"
        )
        unet = make_unet()
        self.unet_state, self.unet_config = half_state(unet), unet.config
        write_adapters(unet)
        self.ids = torch.tensor(
            [
                [58, 4, 8, 15, 16, 23, 42, 59, 59, 59, 59, 59],
                [58, 7, 59, 59, 59, 59, 59, 59, 59, 59, 59, 59],
            ]
        )
        with torch.no_grad():
            self.embeds = self.text(self.ids)[0]
        self.cases, self.tensors = {}, {"prompt.ids": self.ids.float()}

    def pipeline(self, cls, config, resadapter, norms, lora, lcm):
        unet = make_unet()
        vae = AutoencoderKL(
            block_out_channels=(4, 4, 4, 4),
            norm_num_groups=2,
            latent_channels=4,
            down_block_types=["DownEncoderBlock2D"] * 4,
            up_block_types=["UpDecoderBlock2D"] * 4,
        )
        own = CLASSES[{v.__name__: k for k, v in CLASSES.items()}[config["_class_name"]]]
        pipe = cls(
            vae=vae,
            text_encoder=self.text,
            tokenizer=None,
            unet=unet,
            scheduler=own.from_config(config),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
        names, weights = [], []
        for name, weight in (("resadapter", resadapter), ("lora", lora), ("lcm", lcm)):
            if weight is not None:
                pipe.load_lora_weights(
                    str(OUT / name),
                    weight_name="pytorch_lora_weights.safetensors",
                    adapter_name=name,
                )
                names.append(name)
                weights.append(weight)
        if names:
            pipe.set_adapters(names, weights)
        if norms:
            state = load_file(OUT / "resadapter" / "diffusion_pytorch_model.safetensors")
            missing = pipe.unet.load_state_dict(state, strict=False)
            assert not missing.unexpected_keys
        pipe.set_progress_bar_config(disable=True)
        return pipe

    def add(
        self,
        name,
        kind="checkpoint",
        size="square",
        steps=20,
        guidance=7.5,
        rescale=0.0,
        strength=None,
        eta=0.0,
        batch=1,
        seed=17,
        schedule="default",
        spacing="default",
        config=None,
        resadapter=None,
        norms=False,
        lora=None,
        lcm=None,
    ):
        config = SD if config is None else config
        cls = StableDiffusionPipeline if strength is None else StableDiffusionImg2ImgPipeline
        pipe = self.pipeline(cls, config, resadapter, norms, lora, lcm)
        if kind != "checkpoint":
            pipe.scheduler = CLASSES[kind].from_config(
                pipe.scheduler.config, **overrides(kind, schedule, spacing)
            )
        h, w = SIZES[size]
        arguments = {
            "prompt_embeds": self.embeds[:1],
            "negative_prompt_embeds": self.embeds[1:],
            "num_inference_steps": steps,
            "guidance_scale": guidance,
            "eta": eta,
            "num_images_per_prompt": batch,
            "generator": generator(seed),
            "output_type": "latent",
        }
        if strength is None:
            arguments |= {"height": h * 8, "width": w * 8, "guidance_rescale": rescale}
        else:
            image = normal((batch, 4, h, w), 71, 0.9)
            self.tensors[f"{name}.image"] = image
            arguments |= {"image": image, "strength": strength}
        self.tensors[f"{name}.latents"] = pipe(**arguments).images
        self.cases[name] = {
            "kind": kind,
            "size": [h, w],
            "steps": steps,
            "guidance": guidance,
            "rescale": rescale,
            "strength": strength,
            "eta": eta,
            "batch": batch,
            "seed": seed,
            "schedule": schedule,
            "spacing": spacing,
            "config": config,
            "resadapter": resadapter,
            "norms": norms,
            "lora": lora,
            "lcm": lcm,
        }


def add_plain(fixture):
    for kind in ["checkpoint", *CLASSES]:
        for size in SIZES:
            fixture.add(f"text.{kind}.{size}", kind, size)
    for schedule in ("karras", "exponential"):
        for kind in ("euler", "dpmpp_2m", "dpmpp_2m_sde"):
            fixture.add(f"schedule.{kind}.{schedule}", kind, "odd", schedule=schedule)
    for spacing in ("linspace", "trailing"):
        for kind in ("ddim", "euler_a", "unipc"):
            fixture.add(f"spacing.{kind}.{spacing}", kind, "odd", spacing=spacing)
    fixture.add("options.rescale", "ddim", "odd", rescale=0.7)
    fixture.add("options.rescale_batch", "euler", "odd", rescale=1.0, batch=2)
    fixture.add("options.unguided", "ddim", "odd", guidance=1.0)
    fixture.add("options.batch", "euler_a", "wide", batch=3)
    fixture.add("options.eta", "ddim", "tall", eta=0.6)
    fixture.add("options.seed", "dpmpp_2m", "odd", seed=2**33 + 5)
    v = SD | {
        "prediction_type": "v_prediction",
        "rescale_betas_zero_snr": True,
        "timestep_spacing": "trailing",
    }
    for kind in ("ddim", "euler", "dpmpp_2m"):
        fixture.add(f"options.v_{kind}", kind, "odd", config=v, rescale=0.7)
    for kind, strength in [
        ("checkpoint", 0.6),
        ("ddim", 0.3),
        ("ddim", 1.0),
        ("euler", 0.8),
        ("euler_a", 0.55),
        ("heun", 0.5),
        ("dpmpp_2m", 0.8),
        ("dpmpp_2m_sde", 0.4),
        ("unipc", 0.75),
        ("ddpm", 0.5),
        ("lcm", 0.5),
    ]:
        fixture.add(f"image.{kind}.{strength}", kind, "odd", steps=10, strength=strength)
    # Files that leave out what diffusers corrects, and the defaults that classes do not share.
    silent = {
        "_class_name": "DDIMScheduler",
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "beta_start": 0.00085,
    }
    wrong = silent | {"clip_sample": True, "steps_offset": 0}
    for name, config in (("silent", silent), ("wrong", wrong)):
        for kind in ("checkpoint", "ddim", "pndm", "euler"):
            # Few steps and little guidance: clipping makes longer runs amplify rounding a
            # thousandfold.
            steps = 12 if kind == "pndm" else 5
            fixture.add(
                f"config.{name}.{kind}", kind, "odd", steps=steps, guidance=2.0, config=config
            )


def add_adapters(fixture):
    for weight in (0.0, 0.5, 1.0):
        fixture.add(f"resadapter.{weight}", "ddim", "wide", resadapter=weight, norms=True)
    fixture.add("resadapter.norms_only", "ddim", "wide", norms=True)
    fixture.add("resadapter.lora_only", "ddim", "wide", resadapter=1.0)
    fixture.add("lora.all_layers", "euler", "odd", lora=0.8)
    fixture.add("lora.with_resadapter", "euler", "tall", lora=0.5, resadapter=1.0, norms=True)
    fixture.add("lcm.plain", "lcm", "odd", steps=4, guidance=1.0, lcm=1.0)
    fixture.add(
        "lcm.resadapter", "lcm", "wide", steps=4, guidance=1.0, lcm=1.0, resadapter=1.0, norms=True
    )
    fixture.add(
        "lcm.resadapter_guided",
        "lcm",
        "tall",
        steps=6,
        guidance=1.5,
        lcm=1.0,
        resadapter=0.7,
        norms=True,
    )


def main():
    fixture = Fixture()
    add_plain(fixture)
    add_adapters(fixture)
    pipe = fixture.pipeline(StableDiffusionPipeline, SD, None, False, None, None)
    for scale, width in ((8.5, 256), (1.5, 7)):
        key = f"embedding.{scale}.{width}"
        fixture.tensors[key] = pipe.get_guidance_scale_embedding(
            torch.tensor(scale - 1).repeat(2), embedding_dim=width
        )
    write("pipeline", fixture.unet_state, fixture.tensors, fixture.unet_config)
    (OUT / "cases.json").write_text(json.dumps(fixture.cases, indent=0, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
