"""``npusim accuracy``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from npusim.cli import outputs
from npusim.cli.options import check_format, output_options, quiet_option
from npusim.errors import EstimateError, InputError

FORMATS = ("text", "json", "csv", "md")


@click.command(name="accuracy")
@click.option("--variant", "variants", multiple=True, metavar="NAME", help="Only this variant; may be repeated.")
@click.option("--group", "groups", multiple=True, metavar="NAME", help="Only this group of networks; may be repeated.")
@click.option("--plot", metavar="FILE", help="Draws estimate against reference, as .png, .svg or .pdf.")
@output_options(*FORMATS)
@quiet_option
def command(
    variants: tuple[str, ...], groups: tuple[str, ...], plot: str | None, form: str, output: str | None, quiet: bool
) -> None:
    """How far the model is from published and reference figures, group by group.

    Exit code 1 where a bound of validation/bounds.toml is missed.
    """
    check_format(form, FORMATS)
    from npusim import validation  # noqa: PLC0415 - --help needs no tables
    from npusim.reports import accuracy as report  # noqa: PLC0415 - as above

    chosen = tuple(_variant(name, validation.VARIANTS) for name in variants) or validation.VARIANTS
    with outputs.progress("comparing with the reference tables", quiet):
        found = validation.accuracy(chosen, groups)
    if not found.groups:
        raise InputError("the tables hold no such runs", code="bad-option", fix="groups are paper, sr, micro and cls")
    if form == "json":
        text = json.dumps(report.plain(found), indent=1) + "\n"
    elif form == "csv":
        from npusim.reports.data import table  # noqa: PLC0415 - each format loads what it needs

        rows = report.rows(found)
        text = table(list(rows[0]), [list(row.values()) for row in rows])
    else:
        text = _page(found, form, output)
    outputs.emit(text, output)
    if plot is not None:
        from npusim.reports.plots import save_accuracy  # noqa: PLC0415 - matplotlib is heavy

        save_accuracy(found, Path(plot))
    if not found.holds:
        raise EstimateError("a bound of validation/bounds.toml is missed", code="accuracy")


def _page(found: object, form: str, output: str | None) -> str:
    from npusim.reports.accuracy import page  # noqa: PLC0415 - as above

    if form == "md":
        from npusim.reports.markdown import markdown  # noqa: PLC0415 - as above

        return markdown(page(found))  # type: ignore[arg-type]
    from npusim.reports.text import text  # noqa: PLC0415 - as above

    return text(page(found), outputs.width(output), outputs.colour(output))  # type: ignore[arg-type]


def _variant(name: str, known: tuple[str, ...]) -> str:
    """A variant as the tables write it, whatever its capitals and dashes."""
    spelled = name.upper().replace("-", "_")
    if spelled not in known:
        near = ", ".join(each.lower().replace("_", "-") for each in known)
        raise InputError(f"the tables hold no variant {name!r}", code="unknown-variant", fix=f"they hold {near}")
    return spelled
