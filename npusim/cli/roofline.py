"""``npusim roofline MODEL ...``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from npusim.cli import outputs
from npusim.cli.options import check_format, comparing, drawing_options, quiet_option, requests
from npusim.cli.printed import printed
from npusim.errors import InputError

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
    from npusim.reports.roofline import page, plain, rows  # noqa: PLC0415 - as above

    outputs.emit(printed(page(found), rows(found), plain(found), form, output), None if plot else output)
