"""``npusim validate``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from npusim.cli import outputs, values
from npusim.cli.options import check_format, output_options, quiet_option
from npusim.cli.printed import printed
from npusim.errors import EstimateError, InputError

if TYPE_CHECKING:
    from npusim.ir import Graph
    from npusim.pictures import Picture
    from npusim.reference.compare import Difference
    from npusim.reference.validate import Comparison, Validation
    from npusim.reports.blocks import Block

FORMATS = ("text", "json", "md")


@click.command(name="validate")
@click.argument("model")
@click.option("--against", metavar="MODEL", help="Another network, which must compute the same.")
@click.option("--size", metavar="WxH", help="The frame, width by height; keep it small, as 48x32.")
@click.option("--shape", multiple=True, metavar="NAME=1x3x224x224", help="An input's whole shape; may be repeated.")
@click.option("--dim", multiple=True, metavar="NAME=N|INPUT:AXIS=N", help="A free dimension; may be repeated.")
@click.option("--batch", metavar="N", help="The first axis of every input.")
@click.option("--weights", metavar="FILE", help="Arrays for its constants by name, an npz file.")
@click.option("--image", metavar="FILE", help="Runs on a picture: its middle, or resized where it is too small.")
@click.option("--layers", is_flag=True, help="Compares inside too, and names the first layer that differs.")
@click.option("--seed", metavar="N", default="0", show_default=True, help="Of the inputs, and of weights it lacks.")
@click.option(
    "--tolerance", metavar="SHARE", default="1e-4", show_default=True, help="Of the largest element of each output."
)
@output_options(*FORMATS)
@quiet_option
def command(
    model: str, against: str | None, size: str | None, shape: tuple[str, ...], dim: tuple[str, ...], batch: str | None,
    weights: str | None, image: str | None, layers: bool, seed: str, tolerance: str, form: str, output: str | None,
    quiet: bool,
) -> None:  # fmt: skip
    """Runs MODEL in numpy and compares: with SESR of the paper, where it is one; with --against; with onnxruntime.

    It runs on seeded inputs, or on the picture that --image names, at --size, the network's own size or the picture's.
    A network without weights gets seeded ones. Exit code 1 where an output is further off than the tolerance.
    """
    check_format(form, FORMATS)
    bound: dict[str, Any] = {
        "size": None if size is None else values.size(size), "shapes": values.shapes(shape),
        "dims": values.dims(dim), "batch": None if batch is None else values.batch(batch),
    }  # fmt: skip
    share, start = _number("--tolerance", tolerance), _number("--seed", seed)
    if start != int(start):
        raise InputError(f"{seed!r} is no seed", code="bad-option", where="--seed", fix="give a whole number from 0")
    from npusim.frontends.load import load  # noqa: PLC0415 - --help needs no operators
    from npusim.pictures import read  # noqa: PLC0415 - as above
    from npusim.reference.inputs import pictured  # noqa: PLC0415 - as above
    from npusim.reference.validate import read_weights, validate  # noqa: PLC0415 - as above

    with outputs.progress("running the network", quiet):
        picture = None if image is None else read(image)
        graph, bound = _graph(model, bound, picture)
        found = validate(
            graph, against=None if against is None else load(against, **bound), called=Path(against or "").name,
            weights=None if weights is None else read_weights(Path(weights)),
            fed=None if picture is None else pictured(graph, picture, Path(str(image)).name), seed=int(start),
            layers=layers, tolerance=share,
        )  # fmt: skip
    outputs.emit(printed(_page(found), (), _plain(found), form, output), output)
    if not found.holds:
        raise EstimateError("it does not compute what it should", code="differs", where=found.model)


def _graph(model: str, bound: dict[str, Any], picture: Picture | None) -> tuple[Graph, dict[str, Any]]:
    """The network and what binds it: the picture's size, where neither the file nor the user gives one."""
    from npusim.frontends.load import load  # noqa: PLC0415 - --help needs no operators

    try:
        return load(model, **bound), bound
    except InputError as fault:
        if fault.code != "dynamic-dim" or picture is None or bound["size"] is not None:
            raise
    bound = bound | {"size": picture.size}
    return load(model, **bound), bound


def _number(option: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 2**32:
        raise InputError(f"{text!r} is no number from 0", code="bad-option", where=option)
    return number


def _plain(found: Validation) -> dict[str, Any]:
    import msgspec  # noqa: PLC0415 - --help needs no values

    return {**msgspec.to_builtins(found), "holds": found.holds}


def _page(found: Validation) -> Iterator[Block]:
    """What it was run on, a row an output and a comparison, and the verdict."""
    from npusim.reports.blocks import Column, Facts, Heading, Lines, Table  # noqa: PLC0415 - as above
    from npusim.reports.words import clean  # noqa: PLC0415 - as above

    yield Heading(clean(found.model))
    shapes = ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in found.inputs.items())
    yield Facts((("inputs", clean(f"{shapes}, {found.inputs_from}")), ("weights", clean(found.weights))))
    yield Table(
        (
            Column("against", least=12), Column("output", least=6), Column("max difference", "absolute", right=True),
            Column("", "relative", right=True), Column("PSNR", "dB", right=True), Column(""),
        ),
        tuple(_row(each, one) for each in found.comparisons for one in each.outputs),
    )  # fmt: skip
    said = [_inside(each) for each in found.comparisons if each.layers]
    said += [f"Not compared with {clean(why)}." for why in found.skipped]
    yield Lines((*said, "It computes what it should." if found.holds else "It does not compute what it should."))


def _row(each: Comparison, one: Difference) -> tuple[str, ...]:
    from npusim.reports.words import clean  # noqa: PLC0415 - as above

    verdict = "equal" if one.max_abs == 0 else "within" if one.within(each.tolerance) else "DIFFERS"
    if one.shape != one.expected_shape:
        verdict = f"DIFFERS: {one.shape} is not {one.expected_shape}"
    numbers = ["n/a" if value is None else f"{value:.2g}" for value in (one.max_abs, one.max_rel)]
    psnr = "equal" if one.max_abs == 0 else "n/a" if one.psnr_db is None else f"{one.psnr_db:.1f}"
    return clean(each.against), clean(one.name), *numbers, psnr, verdict


def _inside(each: Comparison) -> str:
    from npusim.reports.words import clean  # noqa: PLC0415 - as above

    if each.first is None:
        return f"{clean(each.against)}: none of the {each.layers} tensors inside differs."
    far = "by what cannot be measured" if each.first.max_rel is None else f"by {each.first.max_rel:.2g} of the largest"
    return f"{clean(each.against)}: the first layer that differs is {clean(each.first_layer)}, {far}."
