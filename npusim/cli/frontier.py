"""``npusim frontier``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from npusim.cli import outputs, values
from npusim.cli.options import check_format, costing, drawing_options, quiet_option, settings
from npusim.cli.printed import printed
from npusim.errors import InputError

if TYPE_CHECKING:
    from npusim.frontier import Added

FORMATS = ("text", "json", "csv", "md")
FORM = "NAME,PSNR,MODEL, as mine,33.1,mine.onnx"


@click.command(name="frontier")
@click.option("--dataset", default="Set14", show_default=True, metavar="NAME", help="Of the published figures.")
@click.option("--scale", default="2", show_default=True, metavar="2|3|4", help="How many times larger a side becomes.")
@click.option("--quality", default="psnr", show_default=True, metavar="psnr|ssim", help="What is wanted.")
@click.option(
    "--against", default="macs", show_default=True, metavar="macs|params|latency|dram|theoretical-fps",
    help="What it costs.",
)  # fmt: skip
@click.option(
    "--regime", metavar="small|medium|large",
    help="Only networks of up to 25 k, up to 100 k or of more parameters.",
)  # fmt: skip
@click.option("--add", multiple=True, metavar="NAME,PSNR,MODEL", help="A network of your own; may be repeated.")
@click.option(
    "--size", metavar="WxH",
    help="The input; by default what gives 1280x720 pixels for MACs and params, and 1920x1080 otherwise.",
)  # fmt: skip
@click.option("--retrained", is_flag=True, help="Draws other trainings of a network than its paper's as well.")
@click.option(
    "--hardware-form", is_flag=True, help="Costs the form for hardware (ReLU, no long skip) of networks that have one."
)
@costing
@drawing_options(*FORMATS)
@quiet_option
def command(**given: Any) -> None:
    """Published PSNR or SSIM against what npusim counts and estimates, and the Pareto front.

    Rows that are recalled are drawn hollow; those that are not drawn are listed with the reason.
    """
    form, output, quiet = (given.pop(key) for key in ("form", "output", "quiet"))
    check_format(form, FORMATS)
    scale, size, add, regime = (given.pop(key) for key in ("scale", "size", "add", "regime"))
    choice = {
        "dataset": given.pop("dataset"), "scale": _scale(scale), "measure": given.pop("quality").lower(),
        "against": given.pop("against").lower(), "regime": (regime or "").lower(),
        "frame": None if size is None else values.size(size), "retrained": given.pop("retrained"),
        "hardware_form": given.pop("hardware_form"),
    }  # fmt: skip
    asked = settings(given)
    plot = output is not None and outputs.is_plot(output)
    with outputs.bar("costing the networks", quiet) as progress:
        hardware = asked.hardware()  # a fault of the profile is told before the operators load
        from npusim.frontier import frontier  # noqa: PLC0415 - as above

        found = frontier(
            hardware, added=[_added(text) for text in add], options=asked.options, progress=progress, **choice
        )
    if plot:
        from npusim.reports.plots import save_frontier  # noqa: PLC0415 - matplotlib is heavy

        save_frontier(found, Path(output))
    from npusim.reports.frontier import page, plain, rows  # noqa: PLC0415 - as above

    outputs.emit(printed(page(found), rows(found), plain(found), form, output), None if plot else output)


def _scale(text: str) -> int:
    digits = text.strip().removeprefix("x")
    if digits not in ("2", "3", "4"):
        raise InputError(f"{text!r} is no scale", code="bad-option", where="--scale", fix="give 2, 3 or 4")
    return int(digits)


def _added(text: str) -> Added:
    from npusim.frontier import Added  # noqa: PLC0415 - as above

    name, _, rest = text.partition(",")
    quality, _, model = rest.partition(",")
    try:
        value = float(quality)
    except ValueError:
        value = float("nan")
    if not (name.strip() and model.strip() and 0 < value < 1000):
        raise InputError(f"{text!r} is not understood", code="bad-option", where="--add", fix=f"write {FORM}")
    return Added(name.strip(), value, model.strip())
