"""``npusim compare MODEL MODEL ...``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from npusim.cli import outputs
from npusim.cli.options import Request, check_format, comparing, output_options, quiet_option, requests
from npusim.cli.printed import printed
from npusim.errors import EstimateError, InputError

if TYPE_CHECKING:
    from npusim.compare import Place
    from npusim.result import Estimate

FORMATS = ("text", "json", "csv", "md", "html")


@click.command(name="compare")
@comparing("profile", "size")
@click.option("--baseline", metavar="NAME", help="The MODEL, profile or size to compare with; the first by default.")
@click.option("--paper-claims", is_flag=True, help="Recomputes the ratios that the paper on SESR claims, and no MODEL.")
@output_options(*FORMATS)
@quiet_option
def command(**given: Any) -> None:
    """Each MODEL on each profile at each size: one table, with how many times less each takes than a base line.

    A profile may be followed by one of its variants, as ethos-n78:8tops-2ple. A MODEL that a profile cannot run is
    listed, and the others are compared.
    """
    form, output, quiet = (given.pop(key) for key in ("form", "output", "quiet"))
    baseline, paper_claims = given.pop("baseline"), given.pop("paper_claims")
    check_format(form, FORMATS)
    if paper_claims:
        if given["model"] or baseline:
            raise InputError("--paper-claims takes no MODEL and no --baseline", code="bad-option")
        _check_fixed()
        text = _claims(form, output, quiet)
    else:
        sizes = given["size"] or ("",)
        asked = requests(given, "profile", "size")
        text = _table(
            asked, [size for _ in range(len(asked) // len(sizes)) for size in sizes], baseline, form, output, quiet
        )
    outputs.emit(text, output)


def _check_fixed() -> None:
    """InputError (bad-option) where an option asks for another setting than the one that the claims are about."""
    context = click.get_current_context()
    own = ("paper_claims", "form", "output", "quiet", "model", "baseline")
    for option in context.command.params:
        name = option.name or ""
        if name not in own and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            what = f"--paper-claims says itself on what each claim is recomputed, and takes no {option.opts[0]}"
            raise InputError(what, code="bad-option", fix="leave it out, or compare MODELs")


def _table(
    asked: Sequence[Request], sizes: Sequence[str], baseline: str | None, form: str, output: str | None, quiet: bool
) -> str:
    with outputs.bar("estimating", quiet) as progress:
        for each in asked:
            each.hardware()  # a fault of any profile is told before the operators load
        from npusim.compare import Place, compare  # noqa: PLC0415 - as above
        from npusim.reports.comparison import page, plain, rows  # noqa: PLC0415 - as above

        found: list[tuple[Place, Estimate | str]] = []
        for done, (each, size) in enumerate(zip(asked, sizes, strict=True)):
            progress(done, len(asked))
            name = f"{each.profile}:{each.variant}" if each.variant else each.profile
            found.append((Place(each.model, name, size), _estimate(each)))
        made = compare(found, baseline)
    return printed(page(made), rows(made), plain(made), form, output)


def _estimate(asked: Request) -> Estimate | str:
    """The estimate; the reason where the hardware has no plan for the network."""
    from npusim.estimate import estimate  # noqa: PLC0415 - as above

    graph = asked.graph()
    try:
        return estimate(graph, asked.hardware(), **asked.options)
    except EstimateError as fault:
        if asked.options["strict"]:
            raise
        return str(fault)


def _claims(form: str, output: str | None, quiet: bool) -> str:
    with outputs.bar("recomputing the claims", quiet) as progress:
        from npusim.compare.claims import check_claims  # noqa: PLC0415 - as above
        from npusim.reports.comparison import claim_rows, claims_page  # noqa: PLC0415 - as above

        found = check_claims(progress)
    rows = claim_rows(found)
    return printed(claims_page(found), rows, rows, form, output)
