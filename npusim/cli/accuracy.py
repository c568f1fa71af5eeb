"""``npusim accuracy``."""

from __future__ import annotations

from pathlib import Path

import click

from npusim.cli import outputs
from npusim.cli.options import check_format, output_options, quiet_option
from npusim.cli.printed import printed
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
    outputs.emit(printed(report.page(found), report.rows(found), report.plain(found), form, output), output)
    if plot is not None:
        from npusim.reports.plots import save_accuracy  # noqa: PLC0415 - matplotlib is heavy

        save_accuracy(found, Path(plot))
    if not found.holds:
        raise EstimateError("a bound of validation/bounds.toml is missed", code="accuracy")


def _variant(name: str, known: tuple[str, ...]) -> str:
    """A variant as the tables write it, whatever its capitals and dashes."""
    spelled = name.upper().replace("-", "_")
    if spelled not in known:
        from npusim.validation.tables import profile_variant  # noqa: PLC0415 - --help needs no tables

        near = ", ".join(map(profile_variant, known))
        raise InputError(f"the tables hold no variant {name!r}", code="unknown-variant", fix=f"they hold {near}")
    return spelled
