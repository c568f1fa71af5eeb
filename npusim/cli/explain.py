"""``npusim explain MODEL``."""

from __future__ import annotations

import json
from typing import Any

import click

from npusim.cli import outputs
from npusim.cli.options import check_format, estimating, output_options, quiet_option, request

FORMATS = ("text", "json", "md", "html")


@click.command(name="explain")
@estimating
@click.option("--layer", metavar="NAME", help="Explain this layer alone, with every bound and choice.")
@click.option("--assumptions", is_flag=True, help="Lists what the profile takes for granted.")
@output_options(*FORMATS)
@quiet_option
def command(**given: Any) -> None:
    """Why MODEL takes as long as it does, and what would make it faster, by how much.

    Each change is tried by running the estimate again with it.
    """
    form, output, quiet, layer, assumptions = (
        given.pop(key) for key in ("form", "output", "quiet", "layer", "assumptions")
    )
    check_format(form, FORMATS)
    asked = request(given)
    with outputs.progress(f"explaining {asked.model} on {asked.profile}", quiet):
        asked.hardware()  # a fault of the profile is told before the operators load
        graph = asked.graph()
        from npusim.explain import explain  # noqa: PLC0415 - as above
        from npusim.reports.explanation import body, page, plain  # noqa: PLC0415 - as above

        found = explain(
            graph, asked.profile, variant=asked.variant, overrides=asked.overrides, layer=layer, **asked.options
        )
    if form == "json":
        outputs.emit(json.dumps(plain(found), indent=1, ensure_ascii=False) + "\n", output)
        return
    if form == "html":
        sections = {"Why it takes that long": list(body(found, whole=layer is not None))}
        outputs.emit(outputs.whole_page(found.result, sections), output)
        return
    blocks = page(found, whole=layer is not None, assumptions=assumptions)
    if form == "md":
        from npusim.reports.markdown import markdown  # noqa: PLC0415 - each format loads what it needs

        outputs.emit(markdown(blocks), output)
        return
    from npusim.reports.text import text  # noqa: PLC0415 - as above

    outputs.emit(text(blocks, outputs.width(output), outputs.colour(output)), output)
