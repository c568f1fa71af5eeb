"""The pictures that SESR is trained and measured on: each ships inside a package, with a licence that lets it be used.

No picture stands in two of the three sets, not even a part of one.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np

from npusim import pictures
from npusim.pictures import Plane

SKIMAGE, SKLEARN = ("skimage", "data"), ("sklearn", "datasets", "images")

TRAINING = {
    "astronaut.png": SKIMAGE,
    "brick.png": SKIMAGE,
    "grass.png": SKIMAGE,
    "gravel.png": SKIMAGE,
    "horse.png": SKIMAGE,
    "hubble_deep_field.jpg": SKIMAGE,
    "ihc.png": SKIMAGE,
    "text.png": SKIMAGE,
    "china.jpg": SKLEARN,
}
VALIDATION = {"coins.png": SKIMAGE, "flower.jpg": SKLEARN}
HELD_OUT = {"camera.png": SKIMAGE, "chelsea.png": SKIMAGE, "coffee.png": SKIMAGE, "rocket.jpg": SKIMAGE}

SIZES = (1.0, 0.8, 0.6)  # of a picture, as training sees it: smaller ones are sharper, and lose what JPEG left


class Pair(NamedTuple):
    """Luma from 0 to 1: ``small`` is [h, w] and in steps of 1/255, as a file would hold it, ``large`` [2h, 2w]."""

    small: Plane
    large: Plane


def luma(name: str, folder: tuple[str, ...]) -> Plane:
    """The brightness of a picture inside an installed package, which is found and not imported."""
    spec = find_spec(folder[0])
    if spec is None or spec.origin is None:
        raise SystemExit(f"{folder[0]} is not installed: pip install npusim[train]")
    return pictures.luma(pictures.read(Path(spec.origin).parent.joinpath(*folder[1:], name)).planes)


def pair(large: Plane, scale: int = 2) -> Pair:
    """A picture, cut to whole multiples of the scale, and what the network is to make it from."""
    height, width = (side // scale for side in large.shape)
    large = np.ascontiguousarray(large[: height * scale, : width * scale])
    small = pictures.resized(large, height, width)
    return Pair(np.round(np.clip(small, 0, 1) * 255).astype(np.float32) / np.float32(255), large)


def training_pairs() -> list[Pair]:
    """Every training picture in each of SIZES."""
    found = []
    for name, folder in TRAINING.items():
        whole = luma(name, folder)
        for share in SIZES:
            height, width = (round(side * share) for side in whole.shape)
            found.append(pair(np.clip(pictures.resized(whole, height, width), 0, 1)))
    return found


def pairs(named: dict[str, tuple[str, ...]]) -> dict[str, Pair]:
    return {name: pair(luma(name, folder)) for name, folder in named.items()}


def psnr(found: Plane, expected: Plane, border: int = 2) -> float:
    """dB, of luma limited to 0..1, without the outer pixels: as many as the scale, as is usual."""
    away = (np.clip(found, 0, 1) - expected)[border:-border, border:-border].astype(np.float64)
    return float(-10 * np.log10((away**2).mean()))


def bicubic(small: Plane, scale: int = 2) -> Plane:
    return pictures.resized(small, small.shape[0] * scale, small.shape[1] * scale)
