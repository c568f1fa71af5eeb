"""``npusim roofline MODEL ...``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from npusim.cli import outputs
from npusim.cli.options import check_format, comparing, drawing_options, quiet_option, requests
from npusim.errors import InputError

if TYPE_CHECKING:
    from npusim.reports.roofline import Roofline

FORMATS = ("text", "json", "csv", "md")


@click.command(name="roofline")
@comparing()
@drawing_options(*FORMATS)
@quiet_option
def command(**given: Any) -> None:
    """Where each layer and each MODEL stands below what the MAC array and the DRAM can do at most.

    The ceilings are those of the profile: the direct algorithm, the fastest one (Winograd), DRAM, and SRAM where the
    profile gives its bandwidth.
    """
    form, output, quiet = (given.pop(key) for key in ("form", "output", "quiet"))
    check_format(form, FORMATS)
    if given["level"] != "mapped":
        what, fix = "only estimates of level mapped have times of their own for each layer", "leave it out"
        raise InputError(what, code="bad-option", where="--level", fix=fix)
    asked = requests(given)
    plot = output is not None and outputs.is_plot(output)
    with outputs.bar(f"estimating on {asked[0].profile}", quiet) as progress:
        hardware = asked[0].hardware()
        from npusim.estimate import estimate  # noqa: PLC0415 - a wrong option or file is told before the operators load
        from npusim.reports.roofline import roofline  # noqa: PLC0415 - as above

        results = []
        for done, each in enumerate(asked):
            progress(done, len(asked))
            results.append(estimate(each.graph(), hardware, **each.options))
        found = roofline(hardware, results)
    if plot:
        from npusim.reports.plots import save_roofline  # noqa: PLC0415 - matplotlib is heavy

        save_roofline(found, Path(output))
    outputs.emit(_printed(found, form, output), None if plot else output)


def _printed(found: Roofline, form: str, output: str | None) -> str:
    from npusim.reports.roofline import page, plain, rows  # noqa: PLC0415 - as above

    if form == "json":
        return json.dumps(plain(found), indent=1, ensure_ascii=False) + "\n"
    if form == "csv":
        from npusim.reports.data import table  # noqa: PLC0415 - each format loads what it needs

        made = rows(found)
        return table(list(made[0]), [list(row.values()) for row in made])
    if form == "md":
        from npusim.reports.markdown import markdown  # noqa: PLC0415 - as above

        return markdown(page(found))
    from npusim.reports.text import text  # noqa: PLC0415 - as above

    return text(page(found), outputs.width(output), outputs.colour(output))
