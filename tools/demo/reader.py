"""Reads a picture of the demo world: which objects it shows, their colours and places.

The reader is told nothing about the picture.  It fits a smooth background to the border, takes what
differs from it, splits that into connected regions, and names each region by the colour of its
pixels and by the shape whose drawn silhouette overlaps it best.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from render import DISTANCES
from scenes import BACKGROUNDS, COLOURS

WORK = 192
MASK = 48


@dataclass(frozen=True)
class Seen:
    """One object found: centre as fractions of width and height, radius of the shorter side."""

    shape: str
    colour: str
    x: float
    y: float
    radius: float
    overlap: float


@dataclass(frozen=True)
class Reading:
    """What a picture shows; `stains` counts visible regions that are no clear object."""

    things: tuple[Seen, ...]
    background: str
    stains: int


def _terms(height: int, width: int) -> np.ndarray:
    v, u = np.mgrid[0:height, 0:width].astype(np.float32)
    u, v = (u + 0.5) / width - 0.5, (v + 0.5) / height - 0.5
    return np.stack([np.ones_like(u), u, v, u * u, v * v], -1)


def _backdrop(picture: np.ndarray) -> np.ndarray:
    """A quadratic surface per channel, fitted to the pixels that agree on being background."""
    height, width, _ = picture.shape
    edge = max(2, min(height, width) // 20)
    border = np.zeros((height, width), bool)
    border[:edge], border[-edge:], border[:, :edge], border[:, -edge:] = True, True, True, True
    middle = np.median(picture[border], axis=0)
    keep = np.abs(picture - middle).max(-1) < 0.13
    if keep.mean() < 0.05:
        keep = border
    terms = _terms(height, width)
    for limit in (0.08, 0.05):
        fit = np.linalg.lstsq(terms[keep], picture[keep], rcond=None)[0]
        surface = terms @ fit
        tight = np.abs(picture - surface).max(-1) < limit
        if tight.mean() < 0.05:
            break
        keep = tight
    return surface


def _colour(pixels: np.ndarray) -> str:
    """The palette colour nearest to most pixels, whatever their shade."""
    palette = np.asarray([_lab(np.asarray(c)) for c in COLOURS.values()])
    labs = _lab(pixels)
    scale = np.asarray([0.55, 1.0, 1.0])
    nearest = (((labs[:, None] - palette[None]) * scale) ** 2).sum(-1).argmin(1)
    return list(COLOURS)[np.bincount(nearest, minlength=len(COLOURS)).argmax()]


def _lab(colours: np.ndarray) -> np.ndarray:
    flat = np.asarray(colours, np.float32).reshape(1, -1, 3)
    return cv2.cvtColor(flat, cv2.COLOR_RGB2LAB).reshape(np.shape(colours))


@cache
def silhouettes() -> dict[str, tuple[np.ndarray, float]]:
    """Each shape cut to its bounding box at MASK x MASK, with the box's width over height."""
    n = 400
    axis = (np.arange(n) + 0.5) / n * 2.6 - 1.3
    found = {}
    for name, distance in DISTANCES.items():
        solid = (distance(axis[None, :], axis[:, None]) < 0).astype(np.float32)
        x, y, w, h = cv2.boundingRect(solid.astype(np.uint8))
        cut = cv2.resize(solid[y : y + h, x : x + w], (MASK, MASK), interpolation=cv2.INTER_AREA)
        found[name] = (cut, w / h)
    return found


def _shape(mask: np.ndarray) -> tuple[str, float]:
    """The best-overlapping shape and its intersection over union, for a region's cut-out."""
    height, width = mask.shape
    cut = cv2.resize(mask.astype(np.float32), (MASK, MASK), interpolation=cv2.INTER_AREA)
    best = ("", 0.0)
    for name, (solid, aspect) in silhouettes().items():
        overlap = np.minimum(cut, solid).sum() / np.maximum(cut, solid).sum()
        stretch = width / height / aspect
        score = overlap * min(stretch, 1 / stretch) ** 0.5
        if score > best[1]:
            best = (name, float(score))
    return best


def _enlarged(picture: np.ndarray) -> np.ndarray:
    """Small pictures are enlarged, so that thin parts stay connected and edges are fine."""
    short = min(picture.shape[:2])
    if short >= WORK:
        return picture
    scale = WORK / short
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    return np.clip(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC), 0, 1)


def _foreground(picture: np.ndarray, surface: np.ndarray) -> np.ndarray:
    """Pixels that differ from the background by more than half of the local object's contrast."""
    difference = np.abs(picture - surface).max(-1)
    reach = max(3, min(picture.shape[:2]) // 24)
    peak = cv2.dilate(difference, np.ones((reach, reach), np.uint8))
    return (difference > 0.10) & (difference > 0.5 * np.minimum(peak, 0.5))


def _prepared(picture: np.ndarray) -> np.ndarray:
    if picture.dtype == np.uint8:
        picture = picture.astype(np.float32) / 255
    return _enlarged(np.asarray(picture, np.float32)[..., :3])


def silhouette(picture: np.ndarray) -> np.ndarray:
    """Which pixels belong to objects, at the reader's working size (to compare pictures)."""
    picture = _prepared(picture)
    return _foreground(picture, _backdrop(picture))


def read(picture: np.ndarray) -> Reading:
    """Reads an RGB picture (uint8, or floats in [0, 1]) of any size from 64 pixels up."""
    picture = _prepared(picture)
    height, width, _ = picture.shape
    surface = _backdrop(picture)
    mask = _foreground(picture, surface).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    short, things, stains = min(height, width), [], 0
    for i in range(1, count):
        x, y, w, h, area = stats[i]
        if area < (0.035 * short) ** 2:
            continue
        region = labels[y : y + h, x : x + w] == i
        shape, overlap = _shape(region)
        if overlap < 0.62 or max(w, h) < 0.1 * short:
            stains += 1
            continue
        core = cv2.erode(np.pad(region, 1).astype(np.uint8), np.ones((3, 3), np.uint8))[1:-1, 1:-1]
        inside = core > 0 if core.sum() > 8 else region
        colour = _colour(picture[y : y + h, x : x + w][inside])
        things.append(
            Seen(
                shape,
                colour,
                (x + w / 2) / width,
                (y + h / 2) / height,
                max(w, h) / 2 / short,
                overlap,
            )
        )
    middle = np.median(surface.reshape(-1, 3), axis=0)
    names = list(BACKGROUNDS)
    nearest = np.abs(np.asarray([BACKGROUNDS[n] for n in names]) - middle).sum(-1).argmin()
    return Reading(tuple(things), names[nearest], stains)
