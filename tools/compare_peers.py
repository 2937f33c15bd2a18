#!/usr/bin/env python3
"""Times resgraph, torch (diffusers) and OpenVINO on the same random weights, turn by turn.

usage: compare_peers.py [--bench PATH] [--resgraph PATH] [--work FOLDER] [--threads N] [--rounds N]
                        [--peers torch,openvino] [--isa avx2] CASE...
cases: unet512 unet512b1 unet768x512 unet768 vae512 vae768 clip    one call of a model that is
                                                                   loaded and warm
       lcm512    a picture in four latent-consistency steps, from the start of the process to the
                 PNG
       load      from the start of the process to the end of its first UNet call (8x8 latents, batch
                 1)
       unet256 vae256    small ones, to try things out                    (default: unet512 vae512
                         clip)

The weights are Stable Diffusion 1.5's architecture with seeded random values, written once as a
diffusers folder under --work (about 4 GB, default: the system's temporary folder); OpenVINO's own
files are made of them once (4 GB more), so that neither its conversion's time nor memory counts.
Each engine lives in a process of its own and waits while another one runs; every round runs each
engine once, in changing order; lcm512 and load start a new process for each round. Reported are
medians, the median of the ratios pair by pair, because on a shared machine only what ran next to
each other compares, and the most memory that each process had resident. Before each start of a
process its files are read and as much memory as any engine takes is written and freed again: a
virtual machine's host may take seconds per gigabyte to back memory that nobody used lately, and
whoever runs first would pay for all. Every engine's output is compared with torch's. --isa avx2
keeps every engine to what a processor without AVX-512 has. Standard output is one JSON document;
progress goes to standard error.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIZES = {
    "unet512": (512, 512, 2),
    "unet512b1": (512, 512, 1),
    "unet768x512": (768, 512, 2),
    "unet768": (768, 768, 2),
    "vae512": (512, 512, 1),
    "vae768": (768, 768, 1),
    "clip": (512, 512, 2),
    "lcm512": (512, 512, 1),
    "load": (64, 64, 1),
    "unet256": (256, 256, 2),
    "vae256": (256, 256, 1),
}
# What models are traced with for OpenVINO; their shapes stay open.
TRACED = (64, 64, 2)
# Cases whose engines are started anew in every round.
STARTED = ("lcm512", "load")
# More memory than any engine takes in them beside its mapped files, and a program that uses so
# much.
WARMED_BYTES = 5 << 30
USE_MEMORY = """import mmap
memory = mmap.mmap(-1, {0}, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
if hasattr(mmap, "MADV_HUGEPAGE"):
    memory.madvise(mmap.MADV_HUGEPAGE)
block = bytes(1 << 24)
while memory.tell() < len(memory):
    memory.write(block)
"""
# What keeps each engine and its libraries to an instruction set.
ISA_VARIABLES = {
    "avx2": {
        "RESGRAPH_ISA": "avx2",
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    }
}
PROMPT = "a lighthouse on a cliff at dusk, oil on canvas"
LCM_STEPS = 4


def log(*words):
    print(*words, file=sys.stderr, flush=True)


def make_checkpoint(folder):
    """Writes SD 1.5 with seeded random weights, scaled by torch's own initialisation."""
    if (folder / "complete").exists():
        return
    import torch
    from diffusers import AutoencoderKL, PNDMScheduler, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)
    log("making random weights in", folder)
    UNet2DConditionModel(
        sample_size=64, cross_attention_dim=768, attention_head_dim=8
    ).save_pretrained(folder / "unet")
    AutoencoderKL(
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
        sample_size=512,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
    ).save_pretrained(folder / "vae")
    CLIPTextModel(
        CLIPTextConfig(
            hidden_size=768,
            intermediate_size=3072,
            num_attention_heads=12,
            num_hidden_layers=12,
            projection_dim=768,
        )
    ).save_pretrained(folder / "text_encoder")
    PNDMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        skip_prk_steps=True,
        steps_offset=1,
    ).save_pretrained(folder / "scheduler")
    parts = {
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "scheduler": ["diffusers", "PNDMScheduler"],
    }
    (folder / "model_index.json").write_text(
        json.dumps({"_class_name": "StableDiffusionPipeline", **parts})
    )
    (folder / "complete").touch()


def make_inputs(path, case):
    """Inputs of a case; guidance shares one latent between both texts, as every engine is given
    it."""
    import torch
    from safetensors.torch import save_file

    width, height, batch = SIZES.get(case, TRACED)
    generator = torch.Generator().manual_seed(1)
    tensors = {
        "sample": torch.randn(1, 4, height // 8, width // 8, generator=generator),
        "text": torch.randn(batch, 77, 768, generator=generator),
        "latent": torch.randn(batch, 4, height // 8, width // 8, generator=generator),
    }
    save_file(tensors, path)


# ---------------------------------------------------------------- the peers, each in a process of
# its own


def torch_case(folder, case, inputs):
    import torch
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from safetensors.torch import load_file
    from transformers import CLIPTextModel

    tensors, batch = load_file(inputs), SIZES.get(case, TRACED)[2]
    if kind_of(case) == "unet":
        model = UNet2DConditionModel.from_pretrained(folder / "unet").eval()
        sample = tensors["sample"].repeat(batch, 1, 1, 1)
        arguments = (sample, torch.tensor(500), tensors["text"])
        return model, arguments, lambda: model(*arguments, return_dict=False)[0]
    if case.startswith("vae"):
        vae = AutoencoderKL.from_pretrained(folder / "vae").eval()

        class Decoder(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.vae = vae

            def forward(self, latent):
                return self.vae.decode(latent, return_dict=False)[0]

        model = Decoder()
        arguments = (tensors["latent"],)
        return model, arguments, lambda: model(*arguments)
    model = CLIPTextModel.from_pretrained(folder / "text_encoder").eval()
    ids = torch.tensor(token_ids(batch))
    return model, (ids,), lambda: model(ids)[0]


def kind_of(case):
    return (
        "unet"
        if case.startswith("unet") or case == "load"
        else "vae"
        if case.startswith("vae")
        else "clip"
    )


def convert(folder, kind, path):
    """Writes OpenVINO's form of a model; its shapes stay open."""
    import openvino as ov
    import torch

    inputs = path.parent / f"convert-{kind}.safetensors"
    make_inputs(inputs, kind + "traced")
    model, arguments, _ = torch_case(folder, kind + "traced", inputs)
    with torch.no_grad():
        converted = ov.convert_model(model, example_input=arguments)
        ov.save_model(converted, path, compress_to_fp16=False)


def openvino_model(work, kind, shapes, threads):
    """A compiled model for inputs of fixed shapes."""
    import openvino as ov

    core = ov.Core()
    model = core.read_model(work / f"openvino-{kind}.xml")
    model.reshape({port: shape for port, shape in zip(model.inputs, shapes)})
    return core.compile_model(
        model,
        "CPU",
        {
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": "f32",
            "PERFORMANCE_HINT": "LATENCY",
        },
    )


def openvino_case(work, case, inputs, threads):
    import numpy as np
    from safetensors.numpy import load_file

    tensors, batch, kind = load_file(inputs), SIZES[case][2], kind_of(case)
    if kind == "unet":
        # The time step is a scalar.
        values = [
            np.repeat(tensors["sample"], batch, axis=0),
            np.array(500, dtype=np.int64),
            tensors["text"],
        ]
    elif kind == "vae":
        values = [tensors["latent"]]
    else:
        values = [np.array(token_ids(batch), dtype=np.int64)]
    compiled = openvino_model(work, kind, [list(value.shape) for value in values], threads)
    return lambda: compiled(values)[0]


def token_ids(batch):
    """Ids that resgraph-bench uses too: any cost the same."""
    return [[(row * 977 + i * 331) % 49408 for i in range(77)] for row in range(batch)]


# ---------------------------------------------------------------- a whole picture, in a process
# that ends with it


def prompt_ids():
    """The prompt's ids by CLIP's vocabulary, which the random checkpoint does not carry and
    resgraph has built in."""
    words = [320, 13717, 525, 320, 10625, 536, 19708, 267, 2870, 525, 7483]
    return [49406, *words, *[49407] * (77 - 1 - len(words))]


def torch_picture(folder, inputs, output, threads):
    import torch

    torch.set_num_threads(threads)
    from diffusers import AutoencoderKL, LCMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from safetensors.torch import load_file
    from transformers import CLIPTextModel

    pipe = StableDiffusionPipeline(
        vae=AutoencoderKL.from_pretrained(folder / "vae"),
        tokenizer=None,
        text_encoder=CLIPTextModel.from_pretrained(folder / "text_encoder"),
        unet=UNet2DConditionModel.from_pretrained(folder / "unet"),
        scheduler=LCMScheduler.from_pretrained(folder / "scheduler"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    with torch.no_grad():
        text = pipe.text_encoder(torch.tensor([prompt_ids()]))[0]
        picture = pipe(
            prompt_embeds=text,
            latents=load_file(inputs)["latent"],
            guidance_scale=1.0,
            num_inference_steps=LCM_STEPS,
            generator=torch.Generator().manual_seed(0),
        ).images[0]
    picture.save(output)


def openvino_picture(work, inputs, output, threads):
    """The same by OpenVINO's models with the sampler written out, so that no torch has to be
    loaded."""
    import numpy as np
    from PIL import Image
    from safetensors.numpy import load_file

    text = openvino_model(work, "clip", [[1, 77]], threads)(
        [np.array([prompt_ids()], dtype=np.int64)]
    )[0]
    unet = openvino_model(work, "unet", [[1, 4, 64, 64], [], [1, 77, 768]], threads)
    decoder = openvino_model(work, "vae", [[1, 4, 64, 64]], threads)
    kept = np.cumprod(1 - np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2)
    noise = np.random.default_rng(0)
    latent = load_file(inputs)["latent"]
    # Every fiftieth of the trained steps is one of the original 20; of those every fifth from the
    # last.
    steps = [999, 759, 499, 259]
    for index, step in enumerate(steps):
        predicted = unet([latent, np.array(step, dtype=np.int64), text])[0]
        clean = (latent - (1 - kept[step]) ** 0.5 * predicted) / kept[step] ** 0.5
        scaled = step * 10.0
        skip, out = 0.25 / (scaled**2 + 0.25), scaled / (scaled**2 + 0.25) ** 0.5
        latent = (out * clean + skip * latent).astype(np.float32)
        if index + 1 < len(steps):
            after = steps[index + 1]
            fresh = noise.standard_normal(latent.shape, dtype=np.float32)
            latent = (kept[after] ** 0.5 * latent + (1 - kept[after]) ** 0.5 * fresh).astype(
                np.float32
            )
    picture = decoder([latent / np.float32(0.18215)])[0][0]
    bytes_ = (np.clip(picture / 2 + 0.5, 0, 1) * 255).round().astype(np.uint8).transpose(1, 2, 0)
    Image.fromarray(bytes_).save(output)


def picture_graph(folder, path):
    """resgraph's graph of the same picture; random draws cost the same, whatever they are."""
    path.write_text(f"""version: 1
name: lcm
nodes:
  base:    {{type: CheckpointLoad, path: "{folder}"}}
  text:    {{type: TextEncode, text_encoder: $base.text_encoder, prompt: "{PROMPT}"}}
  start:   {{type: EmptyLatent, width: 512, height: 512}}
  denoise: {{type: UNetDenoise, unet: $base.unet, positive: $text, latent: $start,
            sampler: lcm, steps: {LCM_STEPS}, guidance: 1.0, seed: 1}}
  picture: {{type: VAEDecode, vae: $base.vae, latent: $denoise}}
outputs:
  picture: $picture.image
""")


def serve(arguments):
    """A peer's process: one run for each line read, answered with its seconds; saves the last
    output at the end."""
    work, folder, case = Path(arguments.work), Path(arguments.folder), arguments.case
    if arguments.serve == "convert":
        return convert(folder, case, work / f"openvino-{case}.xml")
    if case == "lcm512":
        if arguments.serve == "torch":
            return torch_picture(folder, arguments.inputs, arguments.output, arguments.threads)
        return openvino_picture(work, arguments.inputs, arguments.output, arguments.threads)
    if arguments.serve == "torch":
        import torch

        torch.set_num_threads(arguments.threads)
        torch.set_grad_enabled(False)
        run = torch_case(folder, case, arguments.inputs)[2]
    else:
        run = openvino_case(work, case, arguments.inputs, arguments.threads)
    output = run()
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        output = run()
        print(time.perf_counter() - start, flush=True)
    from safetensors.numpy import save_file

    save_file(
        {"output": output.numpy() if arguments.serve == "torch" else output}, arguments.output
    )


def environment(options):
    return dict(
        os.environ,
        OMP_NUM_THREADS=str(options.threads),
        MKL_NUM_THREADS=str(options.threads),
        **ISA_VARIABLES.get(options.isa, {}),
    )


def warm(name, case, options, folder):
    """Brings an engine's files into the file cache, then makes sure that there is memory to run in.

    The memory is used by a process that ends, for only then is it free again."""
    kinds = ["unet", "vae", "clip"] if case == "lcm512" else [kind_of(case)]
    folders = {"unet": "unet", "vae": "vae", "clip": "text_encoder"}
    for kind in kinds:
        files = (
            [options.work / f"openvino-{kind}.bin"]
            if name == "openvino"
            else (folder / folders[kind]).glob("*.safetensors")
        )
        for file in files:
            with open(file, "rb", buffering=0) as stream:
                while stream.read(1 << 24):
                    pass
    subprocess.run([sys.executable, "-c", USE_MEMORY.format(WARMED_BYTES)], check=True)


class Engine:
    def __init__(self, name, command, options):
        self.name, self.times = name, []
        start = time.perf_counter()
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(options),
        )
        if self.read() != "ready":
            raise SystemExit(f"{name} did not start")
        self.start_seconds = time.perf_counter() - start
        log(f"  {name} ready after {self.start_seconds:.1f} s")

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended early")
        return line.strip()

    def run(self):
        self.process.stdin.write("run\n")
        self.process.stdin.flush()
        self.times.append(float(self.read()))

    def peak_bytes(self):
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
        return None

    def close(self):
        self.process.stdin.close()
        self.process.stdout.read()
        if self.process.wait() != 0:
            raise SystemExit(f"{self.name} failed")


def command_of(name, case, options, folder, inputs, output):
    width, height, batch = SIZES[case]
    if name != "resgraph":
        return [
            sys.executable,
            __file__,
            "--serve",
            name,
            "--case",
            case,
            "--folder",
            str(folder),
            "--work",
            str(options.work),
            "--inputs",
            str(inputs),
            "--output",
            str(output),
            "--threads",
            str(options.threads),
        ]
    if case == "lcm512":
        graph = options.work / "lcm512.yaml"
        picture_graph(folder, graph)
        return [
            options.resgraph,
            "run",
            str(graph),
            "--no-cache",
            "--threads",
            str(options.threads),
            "--progress",
            "none",
            "-o",
            str(output.with_suffix("")),
        ]
    return [
        options.bench,
        kind_of(case),
        "--checkpoint",
        str(folder),
        "--width",
        str(width),
        "--height",
        str(height),
        "--batch",
        str(batch),
        "--threads",
        str(options.threads),
        "--inputs",
        str(inputs),
        "--output",
        str(output),
        "--interactive",
    ]


def time_calls(names, case, options, folder, inputs, outputs):
    """Runs the engines turn by turn in processes that stay."""
    engines = [
        Engine(name, command_of(name, case, options, folder, inputs, outputs[name]), options)
        for name in names
    ]
    for turn in range(options.rounds):
        for engine in engines[turn % len(engines) :] + engines[: turn % len(engines)]:
            engine.run()
        log("  round", turn + 1, ", ".join(f"{e.name} {e.times[-1]:.3f}" for e in engines))
    entries = {}
    for engine in engines:
        entries[engine.name] = {
            "times": engine.times,
            "start_to_ready_seconds": engine.start_seconds,
            "peak_resident_bytes": engine.peak_bytes(),
        }
        engine.close()
    return entries


def time_processes(names, case, options, folder, inputs, outputs):
    """Starts each engine anew in every round, and waits for its first answer or its end."""
    entries = {name: {"times": [], "peak_resident_bytes": 0} for name in names}
    for turn in range(options.rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            command = command_of(name, case, options, folder, inputs, outputs[name])
            entry = entries[name]
            warm(name, case, options, folder)
            if case == "load":
                engine = Engine(name, command, options)
                entry["times"].append(engine.start_seconds)
                peak = engine.peak_bytes()
                engine.close()
            else:
                start = time.perf_counter()
                process = subprocess.Popen(
                    command, stdout=subprocess.DEVNULL, env=environment(options)
                )
                _, status, usage = os.wait4(process.pid, 0)
                entry["times"].append(time.perf_counter() - start)
                peak = usage.ru_maxrss << 10
                if status != 0:
                    raise SystemExit(f"{name} failed")
            entry["peak_resident_bytes"] = max(entry["peak_resident_bytes"], peak)
        log(
            "  round",
            turn + 1,
            ", ".join(f"{name} {entries[name]['times'][-1]:.2f}" for name in names),
        )
    return entries


def add_errors(result, outputs):
    """Compares every engine's output with torch's."""
    from safetensors.torch import load_file

    expected = load_file(outputs["torch"])["output"].double()
    for name, path in outputs.items():
        if name == "torch":
            continue
        difference = load_file(path)["output"].double() - expected
        entry = result["engines"][name]
        entry["max_error_of_largest"] = (difference.abs().max() / expected.abs().max()).item()
        entry["nmse"] = (difference.square().sum() / expected.square().sum()).item()
        log(
            f"  {name}: max error {entry['max_error_of_largest']:.2e} of largest, "
            f"NMSE {entry['nmse']:.2e}"
        )


def compare(case, options, folder):
    width, height, batch = SIZES[case]
    inputs = options.work / f"{case}-inputs.safetensors"
    make_inputs(inputs, case)
    names = ["resgraph", *options.peers]
    if "openvino" in names:
        for kind in ["unet", "vae", "clip"] if case == "lcm512" else [kind_of(case)]:
            prepare_openvino(kind, options, folder)
    ending = "png" if case == "lcm512" else "safetensors"
    outputs = {name: options.work / f"{case}-{name}.{ending}" for name in names}
    log(case)
    timed = time_processes if case in STARTED else time_calls
    entries = timed(names, case, options, folder, inputs, outputs)
    result = {
        "case": case,
        "width": width,
        "height": height,
        "batch": batch,
        "rounds": options.rounds,
        "engines": entries,
    }
    for name, entry in entries.items():
        entry["median_seconds"], entry["minimum_seconds"] = (
            statistics.median(entry["times"]),
            min(entry["times"]),
        )
        line = (
            f"  {name}: {entry['median_seconds']:.3f} s, "
            f"peak {entry['peak_resident_bytes'] / 1e9:.2f} GB"
        )
        if name != "resgraph":
            ratios = [a / b for a, b in zip(entries["resgraph"]["times"], entry["times"])]
            entry["resgraph_ratio"] = statistics.median(ratios)
            line += f", resgraph takes {entry['resgraph_ratio']:.3f} of it"
        log(line)
    if "torch" in outputs and case != "lcm512":
        add_errors(result, outputs)
    return result


def prepare_openvino(kind, options, folder):
    if (options.work / f"openvino-{kind}.bin").exists():
        return
    log("converting", kind, "for OpenVINO")
    subprocess.run(
        [
            sys.executable,
            __file__,
            "--serve",
            "convert",
            "--case",
            kind,
            "--folder",
            str(folder),
            "--work",
            str(options.work),
        ],
        check=True,
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="*", metavar="CASE")
    parser.add_argument("--bench", default=".build/release/resgraph-bench")
    parser.add_argument("--resgraph", default=".build/release/resgraph")
    parser.add_argument(
        "--work", type=Path, default=Path(tempfile.gettempdir()) / "resgraph-compare"
    )
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--peers",
        type=lambda text: [p for p in text.split(",") if p],
        default=["torch", "openvino"],
    )
    parser.add_argument("--isa", choices=sorted(ISA_VARIABLES))
    for hidden in ("serve", "case", "folder", "inputs", "output"):
        parser.add_argument("--" + hidden, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve(options)
    unknown = [c for c in options.cases if c not in SIZES]
    if unknown:
        parser.error(f"unknown case {unknown[0]}; known: {' '.join(SIZES)}")
    options.work.mkdir(parents=True, exist_ok=True)
    folder = options.work / "sd15-random"
    make_checkpoint(folder)
    results = [
        compare(case, options, folder) for case in options.cases or ["unet512", "vae512", "clip"]
    ]
    print(
        json.dumps(
            {
                "date": time.strftime("%Y-%m-%d"),
                "threads": options.threads,
                "isa": options.isa,
                "results": results,
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
