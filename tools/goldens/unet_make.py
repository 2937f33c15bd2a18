#!/usr/bin/env python3
"""Makes the goldens of the UNet: every block alone, then whole models in five configurations.

Run from anywhere: `python tools/goldens/unet_make.py [blocks|sd1|sd2|sdxl|lcm|rare]...`
Needs torch and diffusers; see made_with.json in each fixture folder for the versions used.
"""

import sys

import torch
from diffusers import LatentConsistencyModelPipeline, UNet2DConditionModel
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.downsampling import Downsample2D
from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from diffusers.models.unets import unet_2d_blocks as blocks
from diffusers.models.upsampling import Upsample2D

from common import SIZES, half_state, normal, seed_weights, write

TIME, TEXT = 40, 12  # widths of the time embedding and of the text in the lone blocks


class BlockFixture:
    """Collects lone blocks into one fixture: weights under `<block>.`, tensors under `<block>.`."""

    def __init__(self):
        self.weights, self.cases = {}, {}

    def add(self, name, module, inputs, outputs=None, **call):
        """Runs `module` on named inputs; lists become `<name>.<index>`."""
        seed_weights(module, seed=len(self.weights) + 17)
        self.weights.update(half_state(module, name + "."))
        self.cases.update({f"{name}.{key}": value for key, value in inputs.items()})
        with torch.no_grad():
            result = module(**call)
        result = result[0] if hasattr(result, "sample") else result
        if isinstance(result, tuple):
            result, skips = result
            for index, skip in enumerate(skips):
                self.cases[f"{name}.skip_out.{index}"] = skip
        self.cases[f"{name}.output"] = result


def make_layers(fixture):
    x, time = normal((2, 16, 9, 6), 1), normal((2, TIME), 2)
    text = normal((2, 5, TEXT), 3)
    for name, width in (("resnet_same", 16), ("resnet_shortcut", 24)):
        block = ResnetBlock2D(
            in_channels=16, out_channels=width, temb_channels=TIME, groups=8, eps=1e-5
        )
        fixture.add(name, block, {"input": x, "time": time}, input_tensor=x, temb=time)
    block = ResnetBlock2D(in_channels=16, out_channels=12, temb_channels=None, groups=4, eps=1e-6)
    fixture.add("resnet_timeless", block, {"input": x}, input_tensor=x, temb=None)
    block = ResnetBlock2D(
        in_channels=16, temb_channels=TIME, groups=8, output_scale_factor=1.5, non_linearity="gelu"
    )
    fixture.add("resnet_scaled", block, {"input": x, "time": time}, input_tensor=x, temb=time)

    for name, linear, depth in (("transformer_conv", False, 1), ("transformer_linear", True, 2)):
        block = Transformer2DModel(
            2,
            8,
            in_channels=16,
            num_layers=depth,
            cross_attention_dim=TEXT,
            norm_num_groups=8,
            use_linear_projection=linear,
        )
        inputs = {"input": x, "text": text}
        fixture.add(name, block, inputs, hidden_states=x, encoder_hidden_states=text)
    tokens = normal((2, 21, 16), 4)
    block = BasicTransformerBlock(16, 2, 8, cross_attention_dim=TEXT, only_cross_attention=True)
    inputs = {"input": tokens, "text": text}
    fixture.add("block_only_cross", block, inputs, hidden_states=tokens, encoder_hidden_states=text)

    block = Downsample2D(16, use_conv=True, padding=1)
    fixture.add("downsample", block, {"input": x}, hidden_states=x)
    block = Downsample2D(16, use_conv=True, padding=0)
    fixture.add("downsample_asymmetric", block, {"input": x}, hidden_states=x)
    block = Upsample2D(16, use_conv=True)
    fixture.add("upsample_double", block, {"input": x}, hidden_states=x)
    for name, size in (("upsample_sized", (17, 11)), ("upsample_odd", (13, 29))):
        block = Upsample2D(16, use_conv=True)
        fixture.add(name, block, {"input": x}, hidden_states=x, output_size=size)


def make_time(fixture):
    steps = torch.tensor([0.0, 1.0, 37.5, 500.0, 999.0])
    fixture.cases["time.steps"] = steps
    for name, flip, shift in (("cosine_first", True, 0), ("sine_first", False, 1)):
        fixture.cases[f"time.{name}"] = Timesteps(34, flip, shift)(steps)
    guidance = torch.tensor([0.0, 0.5, 1.0, 6.5, 7.5, 11.25])
    fixture.cases["time.guidance_weights"] = guidance
    embed = LatentConsistencyModelPipeline.get_guidance_scale_embedding
    fixture.cases["time.guidance"] = embed(None, guidance, embedding_dim=36)
    inputs, condition = normal((2, 16), 5), normal((2, 12), 6)
    block = TimestepEmbedding(16, TIME)
    fixture.add("time_embedding", block, {"input": inputs}, sample=inputs)
    block = TimestepEmbedding(16, TIME, cond_proj_dim=12)
    named = {"input": inputs, "condition": condition}
    fixture.add("time_embedding_guided", block, named, sample=inputs, condition=condition)


def make_stages(fixture):
    """The down, mid and up blocks, whole."""
    time, text = normal((2, TIME), 2), normal((2, 5, TEXT), 3)
    common = dict(temb_channels=TIME, resnet_groups=8, resnet_eps=1e-5)
    cross = dict(num_attention_heads=2, cross_attention_dim=TEXT, transformer_layers_per_block=1)
    x = normal((2, 8, 7, 10), 7)
    down = dict(in_channels=8, out_channels=16, num_layers=2, **common)
    named, call = {"input": x, "time": time}, dict(hidden_states=x, temb=time)
    fixture.add("down", blocks.DownBlock2D(**down), named, **call)
    fixture.add("down_final", blocks.DownBlock2D(**down, add_downsample=False), named, **call)
    fixture.add(
        "cross_down",
        blocks.CrossAttnDownBlock2D(**down, **cross),
        {**named, "text": text},
        **call,
        encoder_hidden_states=text,
    )

    x = normal((2, 24, 4, 5), 8)
    named, call = {"input": x, "time": time}, dict(hidden_states=x, temb=time)
    block = blocks.UNetMidBlock2DCrossAttn(in_channels=24, **common, **cross)
    fixture.add("mid", block, {**named, "text": text}, **call, encoder_hidden_states=text)

    skips = (normal((2, 8, 4, 5), 9), normal((2, 16, 4, 5), 10), normal((2, 16, 4, 5), 11))
    up = dict(in_channels=8, out_channels=16, prev_output_channel=24, num_layers=3, **common)
    named.update({f"skip.{index}": skip for index, skip in enumerate(skips)})
    call.update(res_hidden_states_tuple=skips)
    fixture.add("up", blocks.UpBlock2D(**up), named, **call)
    fixture.add("up_sized", blocks.UpBlock2D(**up), named, **call, upsample_size=(7, 9))
    block = blocks.CrossAttnUpBlock2D(**up, **cross)
    fixture.add("cross_up", block, {**named, "text": text}, **call, encoder_hidden_states=text)


def make_blocks():
    fixture = BlockFixture()
    make_layers(fixture)
    make_time(fixture)
    make_stages(fixture)
    write("unet_blocks", fixture.weights, fixture.cases)


CONFIGS = {
    # Four levels, heads given as "attention_head_dim", 1x1 convolutions around the transformers.
    "sd1": dict(
        block_out_channels=(16, 24, 32, 32),
        cross_attention_dim=24,
        attention_head_dim=4,
        norm_num_groups=8,
        sample_size=16,
    ),
    # Linear projections, heads per level, v-prediction (which does not show in the UNet).
    "sd2": dict(
        block_out_channels=(16, 24, 40),
        cross_attention_dim=28,
        attention_head_dim=(2, 3, 5),
        norm_num_groups=8,
        use_linear_projection=True,
        upcast_attention=True,
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
    ),
    # Text and time conditioning, transformer depth per level, no attention at the top level.
    "sdxl": dict(
        block_out_channels=(8, 24, 32),
        cross_attention_dim=36,
        attention_head_dim=(1, 3, 4),
        norm_num_groups=8,
        use_linear_projection=True,
        transformer_layers_per_block=(1, 1, 2),
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=28 + 6 * 8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    ),
    # A full latent-consistency UNet: the guidance weight is an input.
    "lcm": dict(
        block_out_channels=(8, 16),
        cross_attention_dim=24,
        attention_head_dim=2,
        norm_num_groups=4,
        time_cond_proj_dim=20,
        layers_per_block=1,
        in_channels=9,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    ),
    # Options that few checkpoints use.
    "rare": dict(
        block_out_channels=(8, 16),
        cross_attention_dim=(24, 24),
        attention_head_dim=(2, 4),
        norm_num_groups=4,
        layers_per_block=(2, 1),
        only_cross_attention=(True, False),
        downsample_padding=0,
        center_input_sample=True,
        flip_sin_to_cos=False,
        freq_shift=1,
        mid_block_scale_factor=1.25,
        act_fn="gelu",
        norm_eps=1e-4,
        mid_block_type="UNetMidBlock2D",
        out_channels=6,
        conv_in_kernel=1,
        conv_out_kernel=5,
        time_embedding_dim=36,
        transformer_layers_per_block=((1, 2), 1),
        reverse_transformer_layers_per_block=(1, (1, 2, 1)),
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
    ),
}


class ModelFixture:
    """Runs one configuration over the sizes and conditions of the cases."""

    def __init__(self, name):
        self.name = name
        self.config = CONFIGS[name]
        self.model = seed_weights(UNet2DConditionModel(**self.config), seed=100 + len(name))
        self.cases = {}

    def run(self, case, size, batch, timestep, seed, **extra):
        channels = self.model.config.in_channels
        width = self.config["cross_attention_dim"]
        width = width if isinstance(width, int) else width[0]
        sample = normal((batch, channels, *size), seed)
        text = normal((batch, 7, width), seed + 1)
        inputs = {"sample": sample, "timestep": torch.tensor([float(timestep)]), "text": text}
        call = {}
        if self.model.config.addition_embed_type == "text_time":
            pooled = normal((batch, 28), seed + 2)
            ids = torch.tensor([[512.0, 768.0, 0.0, 32.0, 8.0 * size[0], 8.0 * size[1]]] * batch)
            inputs.update(pooled=pooled, time_ids=ids)
            call["added_cond_kwargs"] = {"text_embeds": pooled, "time_ids": ids}
        if self.model.config.time_cond_proj_dim is not None:
            inputs["guidance"] = normal((batch, self.model.config.time_cond_proj_dim), seed + 3)
            call["timestep_cond"] = inputs["guidance"]
        inputs.update(extra.pop("inputs", {}))
        call.update(extra)
        with torch.no_grad():
            output = self.model(sample, timestep, text, **call).sample
        self.cases.update(
            {f"{case}.{key}": value for key, value in {**inputs, "output": output}.items()}
        )

    def skip_shapes(self, size):
        """The shape of every skip connection, conv_in first, and of the mid block's output."""
        channels = self.model.config.block_out_channels
        shapes, (height, width) = [(channels[0], *size)], size
        for level, block in enumerate(self.model.down_blocks):
            shapes += [(channels[level], height, width)] * len(block.resnets)
            if block.downsamplers is not None:
                height, width = (height + 1) // 2, (width + 1) // 2
                shapes.append((channels[level], height, width))
        return shapes, (channels[-1], height, width)

    def run_control(self, case, size, batch, seed):
        skips, mid = self.skip_shapes(size)
        down = [
            normal((batch, *shape), seed + 40 + index, 0.5) for index, shape in enumerate(skips)
        ]
        middle = normal((batch, *mid), seed + 30, 0.5)
        inputs = {f"control.{index}": tensor for index, tensor in enumerate(down)} | {
            "control.mid": middle
        }
        self.run(
            case,
            size,
            batch,
            301,
            seed,
            inputs=inputs,
            down_block_additional_residuals=tuple(down),
            mid_block_additional_residual=middle,
        )

    def run_features(self, case, size, batch, seed, count):
        """Adapter features: one per level; the last goes to the mid block where there are more than
        levels."""
        levels, mid = self.feature_shapes(size)
        shapes = (levels + [mid])[:count]
        features = [
            normal((batch, *shape), seed + 60 + index, 0.5) for index, shape in enumerate(shapes)
        ]
        inputs = {f"feature.{index}": tensor for index, tensor in enumerate(features)}
        residuals = [feature.clone() for feature in features]
        self.run(
            case,
            size,
            batch,
            777,
            seed,
            inputs=inputs,
            down_intrablock_additional_residuals=residuals,
        )

    def feature_shapes(self, size):
        channels = self.model.config.block_out_channels
        shapes, (height, width) = [], size
        for level, block in enumerate(self.model.down_blocks):
            halved = (
                ((height + 1) // 2, (width + 1) // 2)
                if block.downsamplers is not None
                else (height, width)
            )
            # A block without attention adds the feature behind its downsampler.
            attends = getattr(block, "has_cross_attention", False)
            shapes.append((channels[level], *((height, width) if attends else halved)))
            height, width = halved
        return shapes, (channels[-1], height, width)

    def finish(self):
        write(f"unet_{self.name}", half_state(self.model), self.cases, self.model.config)


def make_model(name):
    fixture = ModelFixture(name)
    sizes = (
        SIZES
        if name in ("sd1", "sd2", "sdxl")
        else {"odd": SIZES["odd"], "square": SIZES["square"]}
    )
    for index, (case, size) in enumerate(sizes.items()):
        fixture.run(
            case,
            size,
            batch=1 + index % 2,
            timestep=(981, 1, 437, 20)[index],
            seed=1000 + 10 * index,
        )
    if name == "sd1":
        fixture.run_control("control", SIZES["odd"], 2, 2000)
        fixture.run_features("features", SIZES["wide"], 1, 2100, count=4)
    if name == "sdxl":
        fixture.run_features("features", SIZES["tall"], 1, 2200, count=4)
    fixture.finish()


if __name__ == "__main__":
    for name in sys.argv[1:] or ["blocks", *CONFIGS]:
        make_blocks() if name == "blocks" else make_model(name)
