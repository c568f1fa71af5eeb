"""``npusim upscale``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from npusim.cli import outputs, values
from npusim.cli.group import say
from npusim.cli.options import quiet_option
from npusim.errors import InputError

SUFFIX = ".png"


@click.command(name="upscale")
@click.argument("picture")
@click.option("--output", "-o", metavar="FILE.png", help="The picture to write.")
@click.option("--model", metavar="NAME", default="sesr-m5-x2", show_default=True, help="Or sesr-m3-x2: faster.")
@click.option("--tile", metavar="WxH", help="Runs the frame in tiles of that size; the result is the same.")
@quiet_option
def command(picture: str, output: str | None, model: str, tile: str | None, quiet: bool) -> None:
    """Doubles the width and height of PICTURE in numpy: luma by a network with trained weights, the rest bicubic.

    PICTURE is a PNG, JPEG, TIFF, WebP, BMP, GIF or PPM: grey, in colour, with a palette or with opacity, 8 bits a
    channel, or grey with 16.
    """
    into = _output(picture, output)
    size = None if tile is None else values.size(tile, "--tile")
    if "numpy" not in sys.modules:  # which looks at it once; tiles make better use of the processor's cores
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    from npusim.pictures import read, write_png  # noqa: PLC0415 - --help needs no numpy
    from npusim.upscale import TILE, upscale  # noqa: PLC0415 - as above

    given = read(picture)
    with outputs.bar("upscaling", quiet) as progress:
        made = upscale(given, model, tile=size or TILE, workers=_cores(), progress=progress)
    write_png(into, made)
    if not quiet:
        before, after = ("x".join(map(str, each.size)) for each in (given, made))
        say(f"{picture} of {before} is {into} of {after}: luma by {model}, the rest bicubic")


def _cores() -> int:
    """That this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _output(picture: str, output: str | None) -> Path:
    """Where to write; wrong places are told before any work is done."""
    if not output:
        raise InputError("there is no place to write to", code="bad-option", fix=f"give -o FILE{SUFFIX}")
    into = Path(output)
    if into.suffix.lower() != SUFFIX:
        what = "only PNG is written"
        raise InputError(what, code="bad-option", where=output, fix=f"give -o FILE{SUFFIX}")
    if _is_same(Path(picture), into):
        what = "the picture would be written over itself"
        raise InputError(what, code="bad-option", where=output, fix="choose another -o")
    if not into.parent.is_dir():
        raise InputError("the folder is not there", code="unwritable", where=output, fix="choose another -o")
    return into


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except (OSError, ValueError):  # one of them is not there, and reading or writing will say so
        return False
