"""Draws and judges the ResAdapter's study: sizes by configurations, and adapters with and without.

    python tools/demo/study.py --engine .build/release/resgraph --out work/study
    python tools/demo/study.py --engine .build/release/resgraph --out work/study --sweeps sizes time

Every cell is one run of one graph and one line of `results.jsonl` in `--out`; cells that are there
already are not drawn again, so an interrupted study goes on.  `study.md` there holds the tables,
with 95 % confidence intervals, and `sizes.png` the same captions at every size without and with.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from PIL import Image, ImageDraw

import draw
from evaluate import asked, judge_all, load_folder
from evaluate_adapters import JUDGES
from graphs import make_graph
from latents import parse_size

SIZES = "128x128,96x96,160x128,192x128,128x192,192x192,256x256,128x256,256x128"
ADAPTER_SIZES = ("128x128", "192x128", "192x192")
SHOWN_SIZES = ("96x96", "128x128", "192x128", "192x192", "256x256")
Options = dict[str, str | float]


def wilson(share: float, count: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % confidence interval of a share out of `count`."""
    spread = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    middle = share + z * z / (2 * count)
    scale = 1 + z * z / count
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


class Study:
    """The cells drawn so far, in a folder."""

    def __init__(self, args: argparse.Namespace):
        self.args, self.out = args, Path(args.out)
        self.out.mkdir(parents=True, exist_ok=True)
        self.log = self.out / "results.jsonl"
        lines = self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []
        self.cells = {(c["sweep"], c["name"], c["size"]): c for c in map(json.loads, lines)}

    def options(self, size: str, options: Options, out: Path, **more) -> argparse.Namespace:
        """The arguments of draw.py for one cell."""
        args = self.args
        given = {"engine": args.engine, "model": args.model, "out": out, "size": size}
        given |= {"count": args.count, "steps": args.steps, "threads": args.threads}
        given |= options | more
        words = [(f"--{k.replace('_', '-')}", str(v)) for k, v in given.items()]
        return draw.arguments([word for pair in words for word in pair])

    def cell(self, sweep: str, name: str, size: str, options: Options, mode: str = "") -> None:
        """Draws and judges one cell, unless it is there."""
        if (sweep, name, size) in self.cells:
            return
        folder = self.out / "pictures" / f"{sweep}-{name}-{size}".replace(" ", "_")
        head = draw.draw(self.options(size, options, folder))
        _, captions, pictures = load_folder(folder)
        if mode:
            figures = JUDGES[mode](asked(len(captions), mode, size), pictures)
        else:
            figures = judge_all(captions, pictures)
        self.keep({"sweep": sweep, "name": name} | head | figures)

    def keep(self, cell: dict) -> None:
        """Adds a line to the results."""
        self.cells[cell["sweep"], cell["name"], cell["size"]] = cell
        with open(self.log, "a", encoding="utf-8") as lines:
            lines.write(json.dumps(cell) + "\n")
        print(json.dumps(cell), flush=True)

    def of(self, sweep: str) -> list[dict]:
        """The cells of a sweep."""
        return [cell for (name, _, _), cell in self.cells.items() if name == sweep]


def sweep_sizes(study: Study) -> None:
    """Every size without and with the adapter, and with either half of it alone."""
    fit: Options = {"resadapter": study.args.resadapter}
    configurations: dict[str, Options] = {
        "base": {},
        "ResAdapter": fit,
        "LoRA only": fit | {"norm_weight": 0.0},
        "norms only": fit | {"weight": 0.0},
    }
    for name, options in configurations.items():
        for size in study.args.sizes.split(","):
            study.cell("sizes", name, size, options)


def sweep_weights(study: Study) -> None:
    """Weights of the LoRA from 0.3 to 1."""
    for tenths in (3, 5, 7, 8, 9, 10):
        options: Options = {"resadapter": study.args.resadapter, "weight": tenths / 10}
        for size in study.args.sizes.split(","):
            study.cell("weights", f"weight {tenths / 10}", size, options)


def sweep_methods(study: Study) -> None:
    """Other ways to large pictures, alone and with the adapter."""
    fit: Options = {"resadapter": study.args.resadapter}
    larger = [s for s in study.args.sizes.split(",") if math.prod(parse_size(s)) > 128 * 128]
    for size in larger:
        study.cell("methods", "MultiDiffusion", size, {"method": "multidiffusion"})
        study.cell("methods", "ElasticDiffusion", size, {"method": "elastic"})
        wide = {"native": 192} if max(parse_size(size)) > 192 else {}
        study.cell(
            "methods", "ElasticDiffusion + ResAdapter", size, {"method": "elastic"} | fit | wide
        )


def sweep_adapters(study: Study) -> None:
    """Whether other adapters still do their work beside the ResAdapter."""
    model = study.args.model
    adapters: dict[str, tuple[str, Options]] = {
        "ControlNet": ("control", {"control": f"{model}/controlnet-canny"}),
        "IP-Adapter": ("ip", {"ip": f"{model}/ip-adapter"}),
        "style LoRA": ("style", {"style": f"{model}/style-ember/ember.safetensors"}),
        "LCM-LoRA": (
            "",
            {"lcm": f"{model}/lcm-lora", "sampler": "lcm", "steps": 4, "guidance": 1.0},
        ),
    }
    fit: Options = {"resadapter": study.args.resadapter}
    for name, (mode, options) in adapters.items():
        for size in ADAPTER_SIZES:
            study.cell("adapters", name, size, options, mode)
            study.cell("adapters", f"{name} + ResAdapter", size, options | fit, mode)


def step_seconds(study: Study, size: str, options: Options) -> float:
    """Seconds of one step, from a long and a short run of one picture."""
    seconds, steps = [], (5, 45)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        for count in steps:
            args = study.options(size, options, out, count=1, steps=count)
            captions = [text for _, text in asked(1, "", size)]
            graph = out / "graph.json"
            graph.write_text(json.dumps(make_graph(captions, args)), encoding="utf-8")
            seconds.append(draw.run_graph(args.engine, graph, out, args.threads))
    return (seconds[1] - seconds[0]) / (steps[1] - steps[0])


def sweep_time(study: Study, pairs: int = 7) -> None:
    """Seconds of a step without and with the adapter, taken in turn."""
    fit: Options = {"resadapter": study.args.resadapter}
    for size in study.args.sizes.split(","):
        if ("time", "step", size) in study.cells:
            continue
        taken = [
            (step_seconds(study, size, {}), step_seconds(study, size, fit)) for _ in range(pairs)
        ]
        base, fitted = (statistics.median(column) for column in zip(*taken, strict=True))
        ratio = statistics.median(b / a for a, b in taken)
        study.keep(
            {
                "sweep": "time",
                "name": "step",
                "size": size,
                "base": round(base, 5),
                "ResAdapter": round(fitted, 5),
                "ratio": round(ratio, 4),
            }
        )


SWEEPS = {
    "sizes": sweep_sizes,
    "weights": sweep_weights,
    "methods": sweep_methods,
    "adapters": sweep_adapters,
    "time": sweep_time,
}


def share_text(cell: dict, key: str = "right") -> str:
    """A share in percent with its confidence interval."""
    low, high = wilson(cell[key], cell["pictures"])
    return f"{100 * cell[key]:.0f} ({100 * low:.0f}–{100 * high:.0f})"


def table(cells: Iterable[dict], text: Callable[[dict], str] = share_text) -> str:
    """Names down, sizes across."""
    cells = list(cells)
    names, sizes = (list(dict.fromkeys(c[k] for c in cells)) for k in ("name", "size"))
    found = {(c["name"], c["size"]): text(c) for c in cells}
    lines = ["| | " + " | ".join(sizes) + " |", "|---" * (len(sizes) + 1) + "|"]
    for name in names:
        row = (found.get((name, size), "") for size in sizes)
        lines.append(f"| {name} | " + " | ".join(row) + " |")
    return "\n".join(lines)


def adapter_text(cell: dict) -> str:
    """What an adapter is judged by, with its confidence interval or its mean overlap."""
    if "iou" in cell:
        return f"overlap {cell['iou']:.2f}, right {share_text(cell)}"
    return share_text(cell, "kinds" if cell["name"].startswith("IP-") else "right")


def report(study: Study) -> str:
    """All tables that can be made of the cells."""
    titles = {
        "sizes": "Right pictures in percent",
        "weights": "Weight of the LoRA",
        "methods": "Other methods",
        "adapters": "Other adapters",
    }
    parts = []
    for sweep, title in titles.items():
        if cells := study.of(sweep):
            text = adapter_text if sweep == "adapters" else share_text
            parts.append(f"## {title}\n\n{table(cells, text)}\n")
            if sweep in ("sizes", "methods"):
                seconds = table(cells, lambda cell: f"{cell['seconds']:.2f}")
                parts.append(f"Seconds a picture:\n\n{seconds}\n")
    if cells := study.of("time"):
        rows = [f"| {c['size']} | {c['base']} | {c['ResAdapter']} | {c['ratio']} |" for c in cells]
        head = "| size | base | ResAdapter | ratio |\n|---|---|---|---|\n"
        parts.append("## Seconds a step\n\n" + head + "\n".join(rows) + "\n")
    return "\n".join(parts)


def show(study: Study, rows: int = 2) -> None:
    """A picture of the first captions at some sizes: above without the adapter, below with it."""
    folders = {
        (name, size): study.out / "pictures" / f"sizes-{name}-{size}"
        for name in ("base", "ResAdapter")
        for size in SHOWN_SIZES
    }
    if not all((folder / "metadata.jsonl").exists() for folder in folders.values()):
        return
    widths, heights = zip(*map(parse_size, SHOWN_SIZES), strict=True)
    gap, line, tall = 6, 16, max(heights)
    sheet = Image.new(
        "RGB", (sum(widths) + gap * len(widths), 2 * rows * (tall + line + gap)), "white"
    )
    pen = ImageDraw.Draw(sheet)
    _, captions, _ = load_folder(folders["base", SHOWN_SIZES[0]])
    for row in range(rows):
        for part, name in enumerate(("base", "ResAdapter")):
            left, top = 0, (2 * row + part) * (tall + line + gap)
            pen.text((2, top + 2), f"{name}: {captions[row]}", fill="black")
            for size, width in zip(SHOWN_SIZES, widths, strict=True):
                picture = Image.open(folders[name, size] / f"p{row:04}.png")
                sheet.paste(picture, (left, top + line))
                left += width + gap
    sheet.save(study.out / "sizes.png")


def main() -> None:
    """Draws what is missing, then writes the tables and the picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", required=True, help="the resgraph program")
    parser.add_argument("--out", required=True)
    parser.add_argument("--model", default="models/demo")
    parser.add_argument("--resadapter", default="models/demo/resadapter")
    parser.add_argument("--sizes", default=SIZES, help="WIDTHxHEIGHT, comma between")
    parser.add_argument("--sweeps", nargs="+", choices=tuple(SWEEPS), default=tuple(SWEEPS))
    parser.add_argument("--count", type=int, default=100, help="pictures a cell")
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--threads", type=int, default=2)
    study = Study(parser.parse_args())
    for sweep in study.args.sweeps:
        SWEEPS[sweep](study)
        (study.out / "study.md").write_text(report(study), encoding="utf-8")
    show(study)


if __name__ == "__main__":
    main()
