#!/usr/bin/env python3
"""Times resgraph, torch (diffusers) and OpenVINO on the same random weights, turn by turn.

usage: compare_peers.py [--bench PATH] [--work FOLDER] [--threads N] [--rounds N] [--peers torch,openvino] CASE...
cases: unet512 unet512b1 unet768x512 unet768 vae512 vae768 clip unet256 vae256     (default: unet512 vae512 clip)

The weights are Stable Diffusion 1.5's architecture with seeded random values, written once as a diffusers folder under
--work (about 4 GB, default: the system's temporary folder). Each engine lives in a process of its own and waits while
another one runs; every round runs each engine once, in changing order. Reported are medians and the median of the
ratios pair by pair, because on a shared machine only what ran next to each other compares. Every engine's output is
compared with torch's. Standard output is one JSON document; progress goes to standard error.
"""
import argparse, json, os, statistics, subprocess, sys, tempfile, time
from pathlib import Path

SIZES = {"unet512": (512, 512, 2), "unet512b1": (512, 512, 1), "unet768x512": (768, 512, 2), "unet768": (768, 768, 2),
         "vae512": (512, 512, 1), "vae768": (768, 768, 1), "clip": (512, 512, 2),
         "unet256": (256, 256, 2), "vae256": (256, 256, 1)}


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
    UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8).save_pretrained(folder / "unet")
    AutoencoderKL(
        block_out_channels=(128, 256, 512, 512), layers_per_block=2, sample_size=512,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
    ).save_pretrained(folder / "vae")
    CLIPTextModel(CLIPTextConfig(
        hidden_size=768, intermediate_size=3072, num_attention_heads=12, num_hidden_layers=12, projection_dim=768,
    )).save_pretrained(folder / "text_encoder")
    PNDMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", skip_prk_steps=True,
                  steps_offset=1).save_pretrained(folder / "scheduler")
    parts = {"unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"],
             "text_encoder": ["transformers", "CLIPTextModel"], "scheduler": ["diffusers", "PNDMScheduler"]}
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline", **parts}))
    (folder / "complete").touch()


def make_inputs(path, case):
    """Inputs of a case; guidance shares one latent between both texts, as every engine is given it."""
    import torch
    from safetensors.torch import save_file
    width, height, batch = SIZES[case]
    generator = torch.Generator().manual_seed(1)
    tensors = {
        "sample": torch.randn(1, 4, height // 8, width // 8, generator=generator),
        "text": torch.randn(batch, 77, 768, generator=generator),
        "latent": torch.randn(batch, 4, height // 8, width // 8, generator=generator),
    }
    save_file(tensors, path)


# ---------------------------------------------------------------- the peers, each in a process of its own

def torch_case(folder, case, inputs):
    import torch
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from safetensors.torch import load_file
    from transformers import CLIPTextModel
    tensors, batch = load_file(inputs), SIZES[case][2]
    if case.startswith("unet"):
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
    ids = torch.tensor([[(row * 977 + i * 331) % 49408 for i in range(77)] for row in range(batch)])
    return model, (ids,), lambda: model(ids)[0]


def openvino_case(folder, case, inputs, threads):
    import numpy as np
    import openvino as ov
    import torch
    model, arguments, _ = torch_case(folder, case, inputs)
    with torch.no_grad():
        converted = ov.convert_model(model, example_input=arguments)
    shapes = [list(a.shape) for a in arguments]
    converted.reshape({port: shape for port, shape in zip(converted.inputs, shapes)})
    del model
    core = ov.Core()
    compiled = core.compile_model(converted, "CPU", {
        "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"})
    values = [np.asarray(a.numpy(), order="C") for a in arguments]  # keeps the time step a scalar
    import gc
    gc.collect()
    return lambda: compiled(values)[0]


def serve(arguments):
    """A peer's process: one run for each line read, answered with its seconds; saves the last output at the end."""
    import torch
    torch.set_num_threads(arguments.threads)
    folder, inputs = Path(arguments.folder), arguments.inputs
    if arguments.serve == "torch":
        run = torch_case(folder, arguments.case, inputs)[2]
    else:
        run = openvino_case(folder, arguments.case, inputs, arguments.threads)
    with torch.no_grad():
        output = run()
        print("ready", flush=True)
        for _ in sys.stdin:
            start = time.perf_counter()
            output = run()
            print(time.perf_counter() - start, flush=True)
    from safetensors.torch import save_file
    save_file({"output": torch.as_tensor(output).contiguous()}, arguments.output)


class Engine:
    def __init__(self, name, command, threads):
        self.name, self.times = name, []
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
        start = time.perf_counter()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=environment)
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


def compare(case, options, work, folder):
    import torch
    from safetensors.torch import load_file
    width, height, batch = SIZES[case]
    inputs = work / f"{case}-inputs.safetensors"
    make_inputs(inputs, case)
    outputs = {name: work / f"{case}-{name}.safetensors" for name in ["resgraph", *options.peers]}
    log(case)
    kind = "unet" if case.startswith("unet") else "vae" if case.startswith("vae") else "clip"
    engines = [Engine("resgraph", [
        options.bench, kind, "--checkpoint", str(folder), "--width", str(width), "--height", str(height), "--batch",
        str(batch), "--threads", str(options.threads), "--inputs", str(inputs), "--output", str(outputs["resgraph"]),
        "--interactive"], options.threads)]
    for peer in options.peers:
        engines.append(Engine(peer, [
            sys.executable, __file__, "--serve", peer, "--case", case, "--folder", str(folder), "--inputs", str(inputs),
            "--output", str(outputs[peer]), "--threads", str(options.threads)], options.threads))
    for turn in range(options.rounds):
        for engine in engines[turn % len(engines):] + engines[:turn % len(engines)]:
            engine.run()
        log("  round", turn + 1, ", ".join(f"{e.name} {e.times[-1]:.3f}" for e in engines))
    result = {"case": case, "width": width, "height": height, "batch": batch, "rounds": options.rounds, "engines": {}}
    ours = engines[0]
    for engine in engines:
        peak = engine.peak_bytes()
        engine.close()
        entry = {"median_seconds": statistics.median(engine.times), "minimum_seconds": min(engine.times),
                 "start_to_ready_seconds": engine.start_seconds, "peak_resident_bytes": peak}
        if engine is not ours:
            ratios = [a / b for a, b in zip(ours.times, engine.times)]
            entry["resgraph_ratio"] = statistics.median(ratios)
            log(f"  resgraph / {engine.name}: {entry['resgraph_ratio']:.3f}")
        result["engines"][engine.name] = entry
    if "torch" in outputs:
        expected = load_file(outputs["torch"])["output"].double()
        for name, path in outputs.items():
            if name == "torch":
                continue
            difference = load_file(path)["output"].double() - expected
            entry = result["engines"][name]
            entry["max_error_of_largest"] = (difference.abs().max() / expected.abs().max()).item()
            entry["nmse"] = (difference.square().sum() / expected.square().sum()).item()
            log(f"  {name}: max error {entry['max_error_of_largest']:.2e} of largest, NMSE {entry['nmse']:.2e}")
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE")
    parser.add_argument("--bench", default=".build/release/resgraph-bench")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "resgraph-compare")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", type=lambda text: [p for p in text.split(",") if p], default=["torch", "openvino"])
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
    results = [compare(case, options, options.work, folder)
               for case in options.cases or ["unet512", "vae512", "clip"]]
    print(json.dumps({"date": time.strftime("%Y-%m-%d"), "threads": options.threads, "results": results}, indent=2))


if __name__ == "__main__":
    main()
