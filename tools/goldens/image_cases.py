#!/usr/bin/env python3
"""Makes the picture goldens of Tests/PicturesTests/Goldens/images from Pillow, OpenCV and libpng's
own variety.

Run from the repository root, with pillow, numpy and opencv-python installed:
    python tools/goldens/image_cases.py
Pillow 13.0.0, opencv 5.0.0 and numpy 2.4.6 made the committed files. Expected pixels are raw bytes
(`*.bin`, rows from the top, channels interleaved), so that no decoder stands between them and the
test.
"""

import io
import json
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from made_with import record_script

FOLDER = Path("Tests/PicturesTests/Goldens/images")


def scene(width, height, seed):
    """A picture with smooth parts, sharp edges, saturated colours and noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    red = 127 + 120 * np.sin(x / 7.3 + seed)
    green = 255 * y / max(1, height - 1)
    blue = 255.0 * (((x // 5) + (y // 4)) % 2)
    picture = np.stack([red, green, blue], -1)
    inside = (x - width * 0.4) ** 2 + (y - height * 0.55) ** 2 < (min(width, height) * 0.3) ** 2
    picture[inside] = [250, 30, 90]
    picture += rng.normal(0, 6, picture.shape)
    return np.clip(picture, 0, 255).round().astype(np.uint8)


def interlaced_png(pixels):
    """An Adam7 PNG, which Pillow cannot write."""
    height, width, _ = pixels.shape
    rows = b""
    for x0, y0, dx, dy in [
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ]:
        part = pixels[y0::dy, x0::dx]
        if part.size:
            rows += b"".join(b"\0" + row.tobytes() for row in part)

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 1)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def rgb16_png(pixels16):
    """A 16-bit RGB PNG, which Pillow cannot write."""
    height, width, _ = pixels16.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels16)

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def encoded(image, kind, **options):
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def file_cases():
    picture = Image.fromarray(scene(37, 23, 1))
    alpha = Image.fromarray(np.linspace(0, 255, 37 * 23).reshape(23, 37).round().astype(np.uint8))
    transparent = picture.copy()
    transparent.putalpha(alpha)
    palette = picture.quantize(17)
    keyed = palette.copy()
    keyed.info["transparency"] = 3
    sixteen = scene(19, 11, 3).astype(np.uint16) * 257 + 100
    yield "rgb.png", encoded(picture, "PNG"), "RGB"
    yield "rgba.png", encoded(transparent, "PNG"), "RGBA"
    yield "grey.png", encoded(picture.convert("L"), "PNG"), "RGB"
    yield "grey-alpha.png", encoded(transparent.convert("LA"), "PNG"), "RGBA"
    yield "bilevel.png", encoded(picture.convert("1"), "PNG"), "RGB"
    yield "palette.png", encoded(palette, "PNG"), "RGB"
    yield "palette-4bit.png", encoded(picture.quantize(11), "PNG", bits=4), "RGB"
    yield "palette-transparent.png", encoded(keyed, "PNG", transparency=3), "RGBA"
    yield "interlaced.png", interlaced_png(scene(29, 21, 2)), "RGB"
    yield "sixteen-bit.png", rgb16_png(np.minimum(sixteen.astype(np.int64), 65535)), "RGB"
    yield "baseline.jpg", encoded(picture, "JPEG", quality=90), "RGB"
    yield "progressive.jpg", encoded(picture, "JPEG", quality=80, progressive=True), "RGB"
    yield "grey.jpg", encoded(picture.convert("L"), "JPEG"), "RGB"
    yield "subsampling-none.jpg", encoded(picture, "JPEG", quality=95, subsampling=0), "RGB"
    for code in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = code
        yield f"orientation-{code}.jpg", encoded(picture, "JPEG", exif=exif), "RGB"
    yield "cmyk.jpg", encoded(picture.convert("CMYK"), "JPEG"), "refused"
    yield "picture.gif", encoded(picture, "GIF"), "refused"


def write_files():
    cases = []
    for name, data, mode in file_cases():
        (FOLDER / name).write_bytes(data)
        case = {"file": name, "mode": mode}
        if mode != "refused":
            image = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert(mode)
            (FOLDER / f"{name}.bin").write_bytes(image.tobytes())
            case |= {"width": image.width, "height": image.height}
        cases.append(case)
    return cases


def write_resizes():
    filters = {
        "lanczos": Image.Resampling.LANCZOS,
        "bicubic": Image.Resampling.BICUBIC,
        "bilinear": Image.Resampling.BILINEAR,
        "nearest": Image.Resampling.NEAREST,
    }
    source = Image.fromarray(scene(61, 43, 5))
    (FOLDER / "resize-source.bin").write_bytes(source.tobytes())
    cases = []
    for name, method in filters.items():
        for width, height in [
            (24, 16),
            (128, 96),
            (61, 17),
            (7, 43),
            (90, 20),
            (50, 20),
            (50, 21),
            (1, 1),
        ]:
            for fit in ["stretch", "cover", "contain"]:
                if fit == "stretch":
                    image = source.resize((width, height), method)
                elif fit == "cover":
                    image = ImageOps.fit(source, (width, height), method)
                else:
                    image = ImageOps.pad(source, (width, height), method)
                file = f"resize-{name}-{fit}-{width}x{height}.bin"
                (FOLDER / file).write_bytes(image.tobytes())
                cases.append(
                    {"file": file, "method": name, "fit": fit, "width": width, "height": height}
                )
    return cases


def write_edges():
    cases = []
    for name, (width, height, seed), low, high in [
        ("a", (64, 48, 7), 100, 200),
        ("b", (97, 61, 8), 60, 200),
        ("c", (33, 80, 9), 200, 100),
        ("d", (3, 3, 10), 10, 20),
        ("e", (120, 90, 11), 50.5, 149.5),
    ]:
        picture = scene(width, height, seed)
        if name in "be":
            # Soft edges, so that both thresholds decide.
            picture = cv2.GaussianBlur(picture, (9, 9), 0)
            assert (cv2.Canny(picture, low, high) != cv2.Canny(picture, low + 9, high + 9)).any()
            assert (cv2.Canny(picture, low, high) != cv2.Canny(picture, low, high + 30)).any()
        (FOLDER / f"canny-{name}-source.bin").write_bytes(picture.tobytes())
        (FOLDER / f"canny-{name}.bin").write_bytes(cv2.Canny(picture, low, high).tobytes())
        cases.append({"name": name, "width": width, "height": height, "low": low, "high": high})
    return cases


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    cases = {"files": write_files(), "resizes": write_resizes(), "edges": write_edges()}
    (FOLDER / "cases.json").write_text(json.dumps(cases, indent=1) + "\n")


main()
record_script(FOLDER)
