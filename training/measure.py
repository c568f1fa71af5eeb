"""Measures the weights that ship on the pictures held out: python training/measure.py [--figure FILE.png]

Prints the table of models/weights/README.md. Everything is computed by npusim in numpy, from the files as they ship.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from dataset import HELD_OUT, VALIDATION, Pair, bicubic, pairs, psnr
from skimage.metrics import structural_similarity

from npusim.pictures import Picture, Plane, write_png
from npusim.reference import trained
from npusim.upscale import upscale_luma

BORDER = 2  # pixels of the large picture that are left out on every side: as many as the scale
# What --figure shows: a picture, and the first row, first column and side of a piece of it, at full resolution.
PIECES = (("chelsea.png", 90, 140, 96), ("camera.png", 60, 210, 96), ("coffee.png", 196, 352, 96))
ENLARGED = 2  # pixels of the figure for each of the picture


def ssim(found: Plane, expected: Plane) -> float:
    """As Wang et al. 2004 have it: Gaussian windows of 11 x 11."""
    inside = slice(BORDER, -BORDER)
    return float(
        structural_similarity(
            np.clip(found, 0, 1)[inside, inside], expected[inside, inside], data_range=1, gaussian_weights=True,
            sigma=1.5, use_sample_covariance=False,
        )
    )  # fmt: skip


def rows(named: dict[str, Pair]) -> list[list[str]]:
    """A row a picture, and their mean: PSNR and SSIM of bicubic, and of each network with the gain over it."""
    measured = []
    for each in named.values():
        made = [bicubic(each.small), *(upscale_luma(each.small, name) for name in trained.names())]
        measured.append([(psnr(one, each.large, BORDER), ssim(one, each.large)) for one in made])
    sizes = [f"{each.large.shape[1]}x{each.large.shape[0]}" for each in named.values()]
    table = np.array(measured)
    labelled = zip((*named, "mean"), (*sizes, ""), (*table, table.mean(axis=0)), strict=True)
    return [[name, size, *cells(values)] for name, size, values in labelled]


def cells(values: Plane) -> list[str]:
    (plain, alike), *others = values
    return [
        f"{plain:.2f} / {alike:.4f}",
        *(f"{db:.2f} / {same:.4f} ({db - plain:+.2f})" for db, same in others),
    ]


def figure(path: Path, named: dict[str, Pair]) -> None:
    """A row a piece: small, bicubic, each network, as it is."""
    lines = []
    for name, top, left, side in PIECES:
        each, part = named[name], (slice(top, top + side), slice(left, left + side))
        coarse = np.kron(each.small, np.ones((2, 2), np.float32))
        made = [coarse, bicubic(each.small), *(upscale_luma(each.small, one) for one in trained.names()), each.large]
        shown = [np.pad(np.kron(one[part], np.ones((ENLARGED,) * 2)), 2, constant_values=1) for one in made]
        lines.append(np.concatenate(shown, axis=1))
    write_png(path, Picture((np.concatenate(lines).astype(np.float32),)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--figure", type=Path, metavar="FILE.png", help="also shows pieces of the pictures")
    given = parser.parse_args()
    header = ["picture", "size", "bicubic", *trained.names()]
    for title, chosen in (("held out", HELD_OUT), ("validation", VALIDATION)):
        print(f"\n{title}\n\n| {' | '.join(header)} |\n|{' --- |' * len(header)}")
        for row in rows(pairs(chosen)):
            print(f"| {' | '.join(row)} |")
    if given.figure is not None:
        figure(given.figure, pairs(HELD_OUT))


if __name__ == "__main__":
    main()
