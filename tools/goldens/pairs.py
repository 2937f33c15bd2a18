#!/usr/bin/env python3
"""Makes the goldens of every pair of adapters and ways to start, drawn by diffusers.

Writes Tests/NodesTests/Goldens/pairs: one file of latents per model family, named "<part>+<part>".
The tiny models and their adapters are those of image_tiny_model.py, ip_pipeline_make.py,
sdxl_make.py and sdxl_adapters_make.py; run these first. Run from the repository root: `python
tools/goldens/pairs.py [sd15|sdxl]...`

A family is one entry of FAMILIES: its model, its pipelines by what they start from and whether they
take ControlNets, and where its adapters lie. Another family needs such an entry, and a case in
PairTests.swift.

T2I-Adapters have a pipeline of their own in diffusers that takes nothing else; UNet2DConditionModel
does take their features beside everything else. They are handed to the UNet here, by the same
argument that pipeline uses.
"""

import itertools
import sys
from dataclasses import dataclass, field
from pathlib import Path

import torch
from diffusers import (
    ControlNetModel,
    LCMScheduler,
    StableDiffusionControlNetImg2ImgPipeline,
    StableDiffusionControlNetInpaintPipeline,
    StableDiffusionControlNetPipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLControlNetImg2ImgPipeline,
    StableDiffusionXLControlNetInpaintPipeline,
    StableDiffusionXLControlNetPipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLInpaintPipeline,
    StableDiffusionXLPipeline,
    T2IAdapter,
)
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import CLIPVisionModelWithProjection
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from made_with import record_script

GOLDENS = Path("Tests/NodesTests/Goldens")
FOLDER = GOLDENS / "pairs"
PROMPT = "a red lighthouse on a hill, (very) detailed"
NEGATIVE = "blue light"
WIDTH, HEIGHT, STEPS, SEED = 80, 48, 4, 11
PARTS = [
    "resadapter",
    "lcm-lora",
    "lora",
    "controlnet",
    "controlnets",
    "ip-adapter",
    "t2i-adapter",
    "image-to-image",
    "inpaint",
]


@dataclass
class Family:
    """Where a family's tiny model and adapters lie, and the pipelines that draw with them."""

    model: Path
    adapters: Path
    """Holds resadapter, lcm-lora, controlnet and t2i-adapter folders."""
    resadapter: str
    ip_adapter: tuple
    """Folder, file and the folder of the image encoder."""
    pipelines: dict
    """By start ("text", "image" or "inpaint") and whether there are ControlNets."""
    lora: str
    """The folder below FOLDER that the style LoRA is written to."""
    options: dict = field(default_factory=dict)
    """Arguments of the pipeline's constructor."""


FAMILIES = {
    "sd15": Family(
        model=GOLDENS / "tiny/model",
        adapters=GOLDENS / "tiny",
        resadapter="resadapter_v2_sd1.5",
        ip_adapter=(GOLDENS / "ip-adapter", "ip-adapter-base.safetensors", "image_encoder"),
        pipelines={
            ("text", False): StableDiffusionPipeline,
            ("text", True): StableDiffusionControlNetPipeline,
            ("image", False): StableDiffusionImg2ImgPipeline,
            ("image", True): StableDiffusionControlNetImg2ImgPipeline,
            ("inpaint", False): StableDiffusionInpaintPipeline,
            ("inpaint", True): StableDiffusionControlNetInpaintPipeline,
        },
        lora="lora-sd15",
        options={"safety_checker": None, "requires_safety_checker": False},
    ),
    "sdxl": Family(
        model=GOLDENS / "sdxl/model",
        adapters=GOLDENS / "sdxl-adapters",
        resadapter="resadapter_v2_sdxl",
        ip_adapter=(
            GOLDENS / "ip-adapter",
            "../sdxl-adapters/ip-adapter-base.safetensors",
            "image_encoder",
        ),
        pipelines={
            ("text", False): StableDiffusionXLPipeline,
            ("text", True): StableDiffusionXLControlNetPipeline,
            ("image", False): StableDiffusionXLImg2ImgPipeline,
            ("image", True): StableDiffusionXLControlNetImg2ImgPipeline,
            ("inpaint", False): StableDiffusionXLInpaintPipeline,
            ("inpaint", True): StableDiffusionXLControlNetInpaintPipeline,
        },
        lora="lora-sdxl",
        options={"add_watermarker": False, "torch_dtype": torch.float32},
    ),
}


def style_lora(family, pipe):
    """A LoRA in PEFT's spelling on attentions, feed-forwards and residual blocks, and on the text
    encoder."""
    draw, tensors = torch.Generator().manual_seed(21), {}

    def add(prefix, model, endings):
        for name, module in model.named_modules():
            if not name.endswith(endings):
                continue
            shape = module.weight.shape
            kernel = shape[2:]
            tensors[f"{prefix}.{name}.lora_A.weight"] = (
                torch.randn(2, shape[1], *kernel, generator=draw) * 0.15
            )
            tensors[f"{prefix}.{name}.lora_B.weight"] = (
                torch.randn(shape[0], 2, *([1] * len(kernel)), generator=draw) * 0.3
            )

    add("unet", pipe.unet, ("attn1.to_k", "attn2.to_v", "ff.net.0.proj", "resnets.0.conv1"))
    for part in ("text_encoder", "text_encoder_2"):
        if hasattr(pipe, part):
            add(part, getattr(pipe, part), ("q_proj", "fc1"))
    (FOLDER / family.lora).mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.half() for name, tensor in tensors.items()}
    save_file(tensors, FOLDER / family.lora / "pytorch_lora_weights.safetensors")


def pictures():
    """The picture, and the mask of the part that is painted anew."""
    photo = (
        Image.open(GOLDENS / "tiny/photo.png")
        .convert("RGB")
        .resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    )
    mask = Image.new("L", (WIDTH, HEIGHT), 0)
    mask.paste(255, (24, 10, 66, 40))
    mask.save(FOLDER / "mask.png")
    photo.rotate(180).save(FOLDER / "turned.png")
    return photo, mask


def start_of(parts):
    return "inpaint" if "inpaint" in parts else "image" if "image-to-image" in parts else "text"


def build(family, parts):
    """The pipeline with the adapters among the parts."""
    control_count = ("controlnet" in parts) + 2 * ("controlnets" in parts)
    kind = family.pipelines[start_of(parts), control_count > 0]
    options = dict(family.options)
    if control_count:
        net = ControlNetModel.from_pretrained(family.adapters / "controlnet")
        options["controlnet"] = net if control_count == 1 else [net] * control_count
    folder, file, encoder = family.ip_adapter
    if "ip-adapter" in parts:
        options["image_encoder"] = CLIPVisionModelWithProjection.from_pretrained(
            folder / encoder
        ).float()
        options["feature_extractor"] = CLIPImageProcessorPil.from_pretrained(
            folder / "preprocessor-own"
        )
    pipe = kind.from_pretrained(family.model, **options)
    pipe.set_progress_bar_config(disable=True)
    loras = {}
    for part, path, weight in [
        ("resadapter", family.adapters / family.resadapter, 0.7),
        ("lcm-lora", family.adapters / "lcm-lora", 0.9),
        ("lora", FOLDER / family.lora, 0.8),
    ]:
        if part in parts:
            pipe.load_lora_weights(path, adapter_name=part)
            loras[part] = weight
    if loras:
        pipe.set_adapters(list(loras), list(loras.values()))
    if "resadapter" in parts:
        norms = load_file(
            family.adapters / family.resadapter / "diffusion_pytorch_model.safetensors"
        )
        pipe.unet.load_state_dict(norms, strict=False)
    if "lcm-lora" in parts:
        pipe.scheduler = LCMScheduler.from_config(pipe.scheduler.config)
    if "ip-adapter" in parts:
        pipe.load_ip_adapter(
            str(folder),
            subfolder="",
            weight_name=file,
            image_encoder_folder=None,
            low_cpu_mem_usage=False,
        )
        pipe.set_ip_adapter_scale(0.8)
    return pipe


def hand_features(family, pipe, photo, is_guided):
    """Gives a T2I-Adapter's features to every call of the UNet."""
    adapter = T2IAdapter.from_pretrained(family.adapters / "t2i-adapter").eval()
    features = adapter(pixels(photo))
    features = [torch.cat([feature * 0.9] * (2 if is_guided else 1)) for feature in features]
    forward = pipe.unet.forward

    def with_features(*arguments, **options):
        # The UNet changes them.
        copies = [feature.clone() for feature in features]
        return forward(*arguments, down_intrablock_additional_residuals=copies, **options)

    pipe.unet.forward = with_features


def pixels(picture):
    values = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8)
    return values.reshape(1, picture.height, picture.width, 3).permute(0, 3, 1, 2).float() / 255


def control_arguments(parts, photo, start):
    """Pictures, weights and windows of the ControlNets among the parts."""
    hints, scales, starts, ends = [], [], [], []
    if "controlnet" in parts:
        hints, scales, starts, ends = [photo], [0.8], [0.0], [0.6]
    if "controlnets" in parts:
        hints, scales = hints + [photo, photo.rotate(180)], scales + [0.5, 0.7]
        starts, ends = starts + [0.0, 0.4], ends + [1.0, 1.0]
    if not hints:
        return {}
    if len(hints) == 1:
        hints, scales, starts, ends = hints[0], scales[0], starts[0], ends[0]
    return {
        "image" if start == "text" else "control_image": hints,
        "controlnet_conditioning_scale": scales,
        "control_guidance_start": starts,
        "control_guidance_end": ends,
    }


@torch.no_grad()
def draw(family, parts, photo, mask):
    pipe, start = build(family, parts), start_of(parts)
    guidance = 1.5 if "lcm-lora" in parts else 7.5
    options = {
        "negative_prompt": NEGATIVE,
        "num_inference_steps": STEPS,
        "guidance_scale": guidance,
        "output_type": "latent",
        "generator": torch.Generator().manual_seed(SEED),
    }
    if start == "text" or start == "inpaint":
        options |= {"width": WIDTH, "height": HEIGHT}
    if start != "text":
        options |= {"image": photo, "strength": 0.6 if "image-to-image" in parts else 1.0}
    if start == "inpaint":
        options["mask_image"] = mask
    options |= control_arguments(parts, photo, start)
    if "ip-adapter" in parts:
        options["ip_adapter_image"] = Image.open(family.ip_adapter[0] / "tall.png").convert("RGB")
    if "t2i-adapter" in parts:
        hand_features(family, pipe, photo, is_guided=True)
    return pipe(PROMPT, **options).images


def make(name):
    family = FAMILIES[name]
    FOLDER.mkdir(parents=True, exist_ok=True)
    style_lora(
        family, family.pipelines["text", False].from_pretrained(family.model, **family.options)
    )
    photo, mask = pictures()
    expected = {}
    for pair in itertools.combinations(PARTS, 2):
        latents = draw(family, set(pair), photo, mask)
        assert torch.isfinite(latents).all(), pair
        expected["+".join(pair)] = latents.contiguous()
        print(name, *pair, tuple(latents.shape), float(latents.abs().max()), flush=True)
    save_file(expected, FOLDER / f"{name}.safetensors")


if __name__ == "__main__":
    for name in sys.argv[1:] or FAMILIES:
        make(name)
    record_script(FOLDER)
