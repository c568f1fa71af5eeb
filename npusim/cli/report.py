"""``npusim report RESULT.json``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from npusim.cli import values
from npusim.cli.estimate import check_against, show
from npusim.cli.options import check_format, output_options, quiet_option, reading
from npusim.errors import InputError
from npusim.reports import FORMATS
from npusim.result import Estimate, read_result


@click.command(name="report")
@click.argument("result")
@reading
@click.option("--against", multiple=True, metavar="FILE", help="Another result beside it (html); may be repeated.")
@output_options(*FORMATS)
@quiet_option
def command(result: str, against: tuple[str, ...], **given: Any) -> None:
    """Prints RESULT, which npusim estimate --format json wrote, in another format."""
    check_format(given["form"], FORMATS)
    check_against(given["form"], "--against" if against else "")
    top = given.pop("top")
    given["top"] = None if top is None else values.top(top)
    show(_read(result), against=tuple(map(_read, against)), **given)


def _read(name: str) -> Estimate:
    try:
        text = Path(name).read_bytes()
    except (OSError, ValueError) as fault:
        why = getattr(fault, "strerror", None) or str(fault)
        raise InputError(f"the result cannot be read ({why})", code="bad-result", where=name) from fault
    return read_result(text, where=name)
