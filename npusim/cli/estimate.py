"""``npusim estimate MODEL``."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from npusim.cli import outputs, values
from npusim.cli.options import check_format, estimating, output_options, quiet_option, reading, request
from npusim.errors import InputError
from npusim.reports import FORMATS, Look, render
from npusim.result import Estimate

HOLDS_NO_WARNINGS = ("csv",)


@click.command(name="estimate")
@estimating
@reading
@click.option("--compare-planner", is_flag=True, help="Sets the other planner's result beside it (html).")
@output_options(*FORMATS)
@quiet_option
def command(**given: Any) -> None:
    """How many MACs, bytes of DRAM traffic and milliseconds MODEL takes, layer by layer.

    MODEL is an ONNX file, or a network of the zoo, as sesr-m5-x2 (see npusim zoo list).
    """
    check_format(given["form"], FORMATS)
    top = given.pop("top")
    given["top"] = None if top is None else values.top(top)
    compare = given.pop("compare_planner")
    check_against(given["form"], "--compare-planner" if compare else "")
    asked = request(given)
    with outputs.progress(f"estimating {asked.model} on {asked.profile}", given["quiet"]):
        hardware = asked.hardware()
        graph = asked.graph()
        from npusim.estimate import estimate  # noqa: PLC0415 - a wrong option or file is told before the operators load

        result = estimate(graph, hardware, **asked.options)
        against: tuple[Estimate, ...] = ()
        if compare:
            planner = "vendor" if result.options.planner == "best" else "best"
            against = (estimate(graph, hardware, **asked.options | {"planner": planner}),)
    show(msgspec.structs.replace(result, command=outputs.command_line()), against=against, **given)


def check_against(form: str, option: str) -> None:
    """InputError (bad-option) where ``option`` asks for results beside each other in a format that has no place."""
    if option and form != "html":
        raise InputError(
            "only a page sets results beside each other", code="bad-option", where=option, fix="add --format html"
        )


def show(
    result: Estimate, *, form: str, output: str | None, quiet: bool, top: int | None, assumptions: bool,
    against: tuple[Estimate, ...] = (),
) -> None:  # fmt: skip
    """Prints a result, or writes it to a file, as the options of a report ask."""
    look = Look(outputs.width(output), outputs.colour(output), top, assumptions, against)
    outputs.emit(render(result, form, look), output)
    if not quiet and (form in HOLDS_NO_WARNINGS or output is not None):
        outputs.notes(result.warnings)
