"""``npusim zoo list`` and ``npusim zoo export``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from npusim.cli import outputs, values
from npusim.cli.group import say
from npusim.cli.options import check_format, output_options, quiet_option
from npusim.errors import InputError
from npusim.reports.listings import LISTING_FORMATS, listing, zoo_page, zoo_rows

if TYPE_CHECKING:
    from npusim.model import Array, Model

WEIGHTS = ("none", "seeded", "trained")
SEEDED_AT = (64, 64)  # the frame at which shapes are worked out; parameters do not depend on it


@click.group(name="zoo")
def command() -> None:
    """The networks that npusim has: list, export."""


@command.command(name="list", short_help="Every network, beside its published figures.")
@output_options(*LISTING_FORMATS)
@quiet_option
def list_(form: str, output: str | None, quiet: bool) -> None:
    """Every network with its parameters and MACs, beside the published ones, and why they differ."""
    check_format(form, LISTING_FORMATS)
    with outputs.progress("counting the networks of the zoo", quiet):
        from npusim import zoo  # noqa: PLC0415 - wrong options are told before the operators load

        entries = zoo.entries()
    text = listing(form, zoo_page(entries), zoo_rows(entries), outputs.width(output), outputs.colour(output))
    outputs.emit(text, output)


@command.command(short_help="Writes a network as ONNX.")
@click.argument("name", required=False)
@click.option("--output", "-o", metavar="FILE|FOLDER", help="The file to write; with --all the folder.")
@click.option("--size", metavar="WxH", help="Fixes the frame; height and width are free otherwise.")
@click.option("--all", "every", is_flag=True, help="Writes every network into a folder.")
@click.option(
    "--weights",
    metavar="KIND",
    default="none",
    show_default=True,
    help="none: zeros made by ConstantOfShape, a few kB; seeded: random; trained: for SESR-M3 and M5 x2.",
)
@click.option("--seed", metavar="N", help="Of seeded weights; 0 by default.")
@quiet_option
def export(
    name: str | None, output: str | None, size: str | None, every: bool, weights: str, seed: str | None, quiet: bool
) -> None:
    """Writes the network NAME as ONNX that every tool reads, its weights float32."""
    if every == (name is not None):
        raise _bad("zoo export takes the NAME of a network, or --all", "see npusim zoo list")
    if output is None:
        raise _bad("there is no place to write to", "give -o FOLDER" if every else "give -o FILE")
    if not output:
        raise InputError("the file has no name", code="unwritable", fix="give -o FOLDER" if every else "give -o FILE")
    if every and weights == "trained":
        raise _bad("trained weights ship for a few networks alone", "give the NAME of one of them", "--all")
    frame = None if size is None else values.size(size)
    parameters = _parameters(weights, seed)
    if not every:
        _write(str(name), Path(output), frame, parameters)
        return
    folder = Path(output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise InputError(f"the folder cannot be made ({fault.strerror})", code="unwritable", where=output) from fault
    from npusim import zoo  # noqa: PLC0415 - as above

    with outputs.progress(f"writing {len(zoo.names())} networks", quiet):
        for each in zoo.names():
            _write(each, folder / f"{each}.onnx", frame, parameters)
    if not quiet:
        say(f"{len(zoo.names())} networks written to {output}")


def _parameters(kind: str, seed: str | None) -> Callable[[Model], Mapping[str, Array]] | None:
    """What gives a network the arrays of its parameters; None for none."""
    if kind not in WEIGHTS:
        raise _bad(f"{kind!r} are no weights that a network can have", f"give one of {', '.join(WEIGHTS)}", "--weights")
    if seed is not None and kind != "seeded":
        raise _bad("only seeded weights have a seed", "add --weights seeded", "--seed")
    if kind == "none":
        return None
    if kind == "trained":
        from npusim.reference.trained import parameters  # noqa: PLC0415 - as above

        return parameters
    start = values.seed("0" if seed is None else seed)
    from npusim.bind import bind  # noqa: PLC0415 - as above
    from npusim.reference.seeds import seeded_weights  # noqa: PLC0415 - as above

    return lambda model: seeded_weights(bind(model, size=SEEDED_AT), start)


def _write(
    name: str, path: Path, frame: tuple[int, int] | None, parameters: Callable[[Model], Mapping[str, Array]] | None
) -> None:
    """One network, with its height and width fixed where a frame is given."""
    from npusim import zoo  # noqa: PLC0415 - as above

    model = zoo.build(name)
    arrays = None if parameters is None else parameters(model)
    if frame is not None:
        inputs = tuple(
            msgspec.structs.replace(each, shape=(*(each.shape or ())[:2], frame[1], frame[0])) for each in model.inputs
        )
        model = msgspec.structs.replace(model, inputs=inputs)
    from npusim.frontends.onnx import write_onnx  # noqa: PLC0415 - onnx is heavy

    write_onnx(model, path, arrays or "stored")


def _bad(what: str, fix: str, where: str = "") -> InputError:
    return InputError(what, code="bad-option", where=where, fix=fix)
