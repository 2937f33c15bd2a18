#!/usr/bin/env python3
"""Goldens of ElasticDiffusion from its authors' own code: Tests/GoldenTests/Goldens/elastic.

    python tools/goldens/elastic_make.py PATH_OF_CHECKOUT [sd|sdxl|control|axes]...

PATH_OF_CHECKOUT is a checkout of MoayedHajiAli/ElasticDiffusion-official, none of which is copied
here. It is run as it is, on tiny random models instead of the released ones; what it imports and no
current library has is replaced by empty stand-ins that it never uses on a CPU, and the text
encoder's output is given instead of computed.

elastic_sd, elastic_sdxl   weights under unet., vae. and controlnet.; their configurations in
                           <name>.json;
                           cases.json (the options of every case) and cases.safetensors (prompts,
                           final latents)
elastic_axes               axes.json: for every pair of a side in latent pixels and the side it is
                           reduced to, which
                           rows the reduction takes and where it writes them back, as a digest;
                           "fails" where the official arithmetic gives no reduction of that size.
"""

import hashlib
import importlib.util
import json
import sys
import types

import numpy as np
import torch
from diffusers import AutoencoderKL, ControlNetModel, DDIMScheduler, UNet2DConditionModel
from PIL import Image

from common import GOLDENS, half_state, normal, seed_weights, write
from made_with import record_script

TEXT = 24
SCHEDULER = dict(
    beta_start=0.00085,
    beta_end=0.012,
    beta_schedule="scaled_linear",
    clip_sample=False,
    set_alpha_to_one=False,
    steps_offset=1,
)


def official(checkout, name="elastic_diffusion"):
    """The authors' module."""
    import diffusers.models.attention_processor as processors

    for missing in ("LoRAAttnProcessor2_0", "LoRAXFormersAttnProcessor"):
        if not hasattr(processors, missing):
            setattr(processors, missing, type(missing, (), {}))
    if "torchvision" not in sys.modules and importlib.util.find_spec("torchvision") is None:
        vision = types.ModuleType("torchvision")
        vision.transforms, vision.utils = (
            types.ModuleType("torchvision.transforms"),
            types.ModuleType("torchvision.utils"),
        )
        vision.transforms.ToPILImage = lambda: lambda picture: Image.new("RGB", (8, 8))
        vision.utils.make_grid = None
        sys.modules |= {
            "torchvision": vision,
            "torchvision.transforms": vision.transforms,
            "torchvision.utils": vision.utils,
        }
    spec = importlib.util.spec_from_file_location(name, f"{checkout}/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_unet(kind):
    extra = {}
    if kind == "sdxl":
        extra = dict(
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=6 * 8 + 20,
            use_linear_projection=True,
            transformer_layers_per_block=(1, 2),
        )
    unet = UNet2DConditionModel(
        sample_size=128 if kind == "sdxl" else 64,
        layers_per_block=1,
        block_out_channels=(8, 16),
        norm_num_groups=4,
        cross_attention_dim=TEXT,
        attention_head_dim=2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        **extra,
    )
    return seed_weights(unet, seed=3)


def make_vae():
    vae = AutoencoderKL(
        block_out_channels=(4, 4, 4, 8),
        norm_num_groups=2,
        latent_channels=4,
        scaling_factor=0.6,
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
    )
    return seed_weights(vae, seed=7)


def make_control(unet):
    control = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(4, 4, 4, 8))
    return seed_weights(control, seed=11)


class Runner:
    """The authors' class, without its downloads."""

    def __init__(self, checkout, kind, control=False):
        module = official(
            checkout, "elastic_diffusion_w_controlnet" if control else "elastic_diffusion"
        )
        self.module, self.kind = module, kind
        prompts = self.prompts = {
            "positive": normal((1, 7, TEXT), 21),
            "negative": normal((1, 7, TEXT), 22),
            "positive.pooled": normal((1, 20), 23),
            "negative.pooled": normal((1, 20), 24),
        }

        class Tiny(module.ElasticDiffusion):
            def get_text_embeds(self, prompt):
                name = prompt[0]
                return prompts[name], prompts[name + ".pooled"]

            def decode_latents(self, latents):
                self.final = latents
                return torch.zeros(1, 3, 8, 8)

        model = self.model = Tiny.__new__(Tiny)
        torch.nn.Module.__init__(model)
        model.device, model.sd_version = torch.device("cpu"), "XL1.0" if kind == "sdxl" else "1.5"
        model.verbose, model.torch_dtype, model.view_batch_size, model.log_freq = (
            False,
            torch.float32,
            1,
            5,
        )
        model.low_vram = False
        model.unet, model.vae = make_unet(kind), make_vae()
        model.text_encoder = [
            None,
            types.SimpleNamespace(config=types.SimpleNamespace(projection_dim=20)),
        ]
        model.scheduler = DDIMScheduler(**SCHEDULER)
        model.vae_scale_factor = 8
        model.set_view_config()
        if control:
            model.controlnet_model = "tiny"
            model.controlnet = make_control(model.unet)
            model.control_image_processor = module.VaeImageProcessor(
                vae_scale_factor=8, do_convert_rgb=True, do_normalize=False
            )

    def __call__(self, case, picture=None):
        model, options = self.model, {}
        model.view_batch_size = case.get("view_batch", 1)
        model.set_view_config(case.get("patch"))
        if picture is not None:
            options = dict(condition_image=picture, controlnet_conditioning_scale=case["control"])
        if "schedule" in case:
            name = {"linear": "LinearScheduler", "constant": "ConstScheduler"}[case["schedule"]]
            options["rrg_scherduler_cls"] = getattr(self.module, name)
        model.seed_everything(case["seed"])
        with torch.no_grad():
            model.generate_image(
                ["positive"],
                ["negative"],
                height=case["height"],
                width=case["width"],
                num_inference_steps=case["steps"],
                guidance_scale=case["guidance"],
                resampling_steps=case["resampling"],
                new_p=case["new_p"],
                rrg_stop_t=case["rrg_stop"],
                rrg_init_weight=case["rrg_scale"],
                cosine_scale=case["cosine_scale"],
                progress=lambda steps: steps,
                **options,
            )
        return model.final


def case(width, height, **changes):
    return (
        dict(
            width=width,
            height=height,
            steps=4,
            guidance=3.0,
            resampling=2,
            new_p=0.3,
            rrg_scale=2000.0,
            rrg_stop=0.2,
            cosine_scale=3.0,
            seed=5,
        )
        | changes
    )


CASES = {
    "sd": {
        "square": case(768, 768),
        "tall": case(512, 768, seed=6, new_p=0.6),
        "wide": case(1024, 512, resampling=5, seed=7),
        "small": case(448, 384, resampling=0, rrg_scale=0.0, seed=8),
        "patches": case(640, 768, patch=48, view_batch=3, seed=9),
        "linear": case(576, 512, schedule="linear", seed=11),
        "constant": case(576, 512, schedule="constant", seed=11),
    },
    "sdxl": {
        "wide": case(1280, 1024, steps=3),
        "tall": case(768, 1536, steps=3, seed=6),
        "square": case(1280, 1280, steps=3, seed=7),
    },
}


def picture(height, width):
    """A picture of squares of eight by eight pixels, of which one each is stored."""
    y, x = np.mgrid[0 : height // 8, 0 : width // 8]
    pixels = np.stack(
        [128 + 127 * np.sin(x / 3), 128 + 127 * np.cos(y / 4), (x * 37 + y * 53) % 256], -1
    )
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).resize(
        (width, height), Image.Resampling.NEAREST
    )


def make(checkout, kind):
    """All cases of one kind; every third latent of SDXL's is kept, which touches every row and
    column."""
    runner = Runner(checkout, kind)
    tensors = dict(runner.prompts)
    for name, options in CASES[kind].items():
        final = runner(options)
        print(kind, name, tuple(final.shape), float(final.abs().max()), flush=True)
        tensors[f"{name}.latents"] = final.flatten()[:: 3 if kind == "sdxl" else 1]
    weights = half_state(runner.model.unet, "unet.") | half_state(runner.model.vae, "vae.")
    folder, cases = f"elastic_{kind}", dict(CASES[kind])
    configs = {"unet": runner.model.unet.config, "vae": runner.model.vae.config}
    if kind == "sd":
        controlled = Runner(checkout, kind, control=True)
        options = cases["control"] = case(768, 576, control=0.6, seed=10)
        rows, columns = controlled.model.get_downsample_size(options["height"], options["width"])
        # The picture is of the reduced size, as the authors' command line makes it.
        guide = picture(rows * 8, columns * 8)
        tensors["control.latents"] = controlled(options, guide).flatten()
        tensors["control.picture"] = (
            torch.from_numpy(np.asarray(guide)[::8, ::8].copy()).permute(2, 0, 1)[None] / 255
        )
        weights |= half_state(controlled.model.controlnet, "controlnet.")
        configs["controlnet"] = controlled.model.controlnet.config
    write(folder, weights, tensors)
    for name, config in configs.items():
        values = {key: value for key, value in dict(config).items() if key != "_use_default_values"}
        (GOLDENS / folder / f"{name}.json").write_text(
            json.dumps(values, indent=2, sort_keys=True) + "\n"
        )
    (GOLDENS / folder / "cases.json").write_text(json.dumps(cases, indent=2) + "\n")


def axis(model, source, reduced):
    """Which rows a reduction takes, by the bit that chooses within a pair, and where a mask is
    written: all measured."""
    rows = torch.arange(source, dtype=torch.float32)[None, None, :, None].expand(
        1, 1, source, source
    )
    parts = []
    for choice in (0, 3):
        model.random_downasmple_pre = {}
        previous = torch.full((reduced * reduced,), choice)
        small, mask, _ = model.random_nearest_downsample(
            rows, (reduced, reduced), prev_random_indices=previous, drop_p=1.0
        )
        if tuple(small.shape[-2:]) != (reduced, reduced) or tuple(mask.shape) != (source, source):
            return None
        parts.append(small[0, 0, :, 0].long().tolist())
        parts.append(mask.any(dim=1).nonzero().flatten().tolist())
    return parts


def reduced_side(height, width, native):
    factor = max(max(height, width) / native, 1)
    return int((height // factor) // 8)


def make_axes(checkout):
    model = Runner(checkout, "sd").model
    pairs = set()
    for native, sides in ((1024, range(512, 2049, 64)), (512, range(256, 1025, 8))):
        for height in sides:
            for width in sides:
                pairs.add((height // 8, reduced_side(height, width, native)))
    table, broken = {}, 0
    for source, reduced in sorted(pairs):
        try:
            parts = axis(model, source, reduced)
        except (RuntimeError, IndexError):
            parts = None
        broken += parts is None
        text = ";".join(",".join(map(str, part)) for part in parts or [])
        table[f"{source}>{reduced}"] = (
            hashlib.sha256(text.encode()).hexdigest()[:16] if parts else "fails"
        )
    sizes = range(512, 2049, 64)
    failing = sum(
        "fails"
        in (
            table[f"{height // 8}>{reduced_side(height, width, 1024)}"],
            table[f"{width // 8}>{reduced_side(width, height, 1024)}"],
        )
        for height in sizes
        for width in sizes
    )
    folder = GOLDENS / "elastic_axes"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "axes.json").write_text(json.dumps(table, indent=0) + "\n")
    record_script(folder)
    print(
        f"{len(pairs)} pairs, {broken} of them without a reduction; "
        f"{failing} of {len(sizes) ** 2} SDXL sizes"
    )


def main():
    checkout, chosen = sys.argv[1], sys.argv[2:] or ["sd", "sdxl", "axes"]
    for kind in chosen:
        if kind == "axes":
            make_axes(checkout)
        else:
            make(checkout, kind)


main()
