"""``npusim estimate MODEL``."""

from __future__ import annotations

from typing import Any

import click

from npusim.cli import outputs, values
from npusim.cli.options import check_format, estimating, output_options, quiet_option, reading, request
from npusim.reports import FORMATS, Look, render
from npusim.result import Estimate

HOLDS_NO_WARNINGS = ("csv",)


@click.command(name="estimate")
@estimating
@reading
@output_options(*FORMATS)
@quiet_option
def command(**given: Any) -> None:
    """How many MACs, bytes of DRAM traffic and milliseconds MODEL takes, layer by layer.

    MODEL is an ONNX file, or a network of the zoo, as sesr-m5-x2 (see npusim zoo list).
    """
    check_format(given["form"], FORMATS)
    top = given.pop("top")
    given["top"] = None if top is None else values.top(top)
    asked = request(given)
    with outputs.progress(f"estimating {asked.model} on {asked.profile}", given["quiet"]):
        hardware = asked.hardware()
        graph = asked.graph()
        from npusim.estimate import estimate  # noqa: PLC0415 - a wrong option or file is told before the operators load

        result = estimate(graph, hardware, **asked.options)
    show(result, **given)


def show(result: Estimate, *, form: str, output: str | None, quiet: bool, top: int | None, assumptions: bool) -> None:
    """Prints a result, or writes it to a file, as the options of a report ask."""
    look = Look(width=outputs.width(output), colour=outputs.colour(output), top=top, assumptions=assumptions)
    outputs.emit(render(result, form, look), output)
    if not quiet and (form in HOLDS_NO_WARNINGS or output is not None):
        outputs.notes(result.warnings)
