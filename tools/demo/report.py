"""Turns lines printed by evaluate.py and evaluate_adapters.py into the tables of EVALUATION.md.

python tools/demo/report.py RESULTS.jsonl models/demo/EVALUATION.md
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

HEAD = """# What the demo models draw

Share of pictures that show exactly what the caption asks for: number of objects, shapes, colours,
relation and place, as read back by `tools/demo/reader.py`, with no stray blot. Captions are held
out: their seed is used by no training script. Picture i has seed i. Where "drawn by" says resgraph,
`tools/demo/draw.py` drew them, all of a row in one run of one graph; where it says diffusers, they
were made in float32 from the same fp16 files. Made by `tools/demo/evaluate.py`,
`evaluate_adapters.py` and `report.py`.
"""
DRAW = (
    ("size", "size"),
    ("sampler", "sampler"),
    ("steps", "steps"),
    ("guidance", "guidance"),
    ("adapters", "adapters"),
    ("pictures", "pictures"),
    ("right", "right"),
    ("one object", "right_1"),
    ("two objects", "right_2"),
    ("count right", "count"),
    ("shapes and colours", "kinds"),
    ("drawn by", "by"),
)
MADE = (("size", "size"), ("sampler", "sampler"), ("steps", "steps"), ("pictures", "pictures"))
ALONG_EDGES = (("mean IoU", "iou"), ("IoU above 0.8", "iou_above_0.8"), ("caption right", "right"))
ADAPTERS = {
    "control": ("ControlNet (Canny edges and caption)", ALONG_EDGES),
    "t2i": ("T2I-Adapter (Canny edges and caption)", ALONG_EDGES),
    "inpaint": (
        "Inpainting (a hole where another object was; 4 channels are blended)",
        (
            ("UNet", "adapters"),
            ("right", "right"),
            ("one object", "right_1"),
            ("two objects", "right_2"),
            ("shapes and colours", "kinds"),
            ("mean change outside, levels", "change"),
        ),
    ),
    "ip": (
        "IP-Adapter (reference picture, empty prompt)",
        (
            ("shapes and colours repeated", "kinds"),
            ("one object", "kinds_1"),
            ("two objects", "kinds_2"),
            ("shapes", "shapes"),
            ("colours", "colours"),
            ("count", "count"),
            ("background", "background"),
        ),
    ),
    "style": (
        "Style LoRA (embers at night)",
        (("in style", "styled"), ("in style, shapes right", "right")),
    ),
}
SHARES = {
    "right",
    "right_1",
    "right_2",
    "count",
    "kinds",
    "kinds_1",
    "kinds_2",
    "shapes",
    "colours",
    "iou_above_0.8",
    "styled",
    "background",
}


def _cell(row: dict, key: str) -> str:
    value = row.get(key, "")
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return f"{100 * value:.1f} %" if key in SHARES and value != "" else str(value)


def table(rows: list[dict], columns) -> str:
    """A Markdown table with one line per row."""
    lines = ["| " + " | ".join(title for title, _ in columns) + " |", "|---" * len(columns) + "|"]
    lines += ["| " + " | ".join(_cell(row, key) for _, key in columns) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Reads the lines and writes the page."""
    lines = Path(sys.argv[1]).read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line.strip()]
    parts = [HEAD]
    drawn = [row for row in rows if "adapter" not in row]
    native = [row for row in drawn if row["size"] == "128x128"]
    other = [row for row in drawn if row["size"] != "128x128"]
    for title, chosen in (
        ("At the native size", native),
        ("At other sizes (width x height)", other),
    ):
        if chosen:
            parts.append(f"## {title}\n\n" + table(chosen, DRAW))
    for mode, (title, columns) in ADAPTERS.items():
        chosen = [row for row in rows if row.get("adapter") == mode]
        if chosen:
            columns = (*MADE, *columns, ("drawn by", "by"))
            parts.append(f"## {title}\n\n" + table(chosen, columns))
    Path(sys.argv[2]).write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
