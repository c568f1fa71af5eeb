"""``npusim report RESULT.json``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from npusim.cli import values
from npusim.cli.estimate import show
from npusim.cli.options import check_format, output_options, quiet_option, reading
from npusim.errors import InputError
from npusim.reports import FORMATS
from npusim.result import read_result


@click.command(name="report")
@click.argument("result")
@reading
@output_options(*FORMATS)
@quiet_option
def command(result: str, **given: Any) -> None:
    """Prints RESULT, which npusim estimate --format json wrote, in another format."""
    check_format(given["form"], FORMATS)
    top = given.pop("top")
    try:
        text = Path(result).read_bytes()
    except (OSError, ValueError) as fault:
        why = getattr(fault, "strerror", None) or str(fault)
        raise InputError(f"the result cannot be read ({why})", code="bad-result", where=result) from fault
    show(read_result(text, where=result), top=None if top is None else values.top(top), **given)
