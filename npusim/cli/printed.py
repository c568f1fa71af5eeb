"""What a command found out, in the format that is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from npusim.cli import outputs

if TYPE_CHECKING:
    from npusim.reports.blocks import Block


def printed(
    page: Iterable[Block], rows: Sequence[Mapping[str, Any]], plain: object, form: str, output: str | None
) -> str:  # fmt: skip
    """The page as text, md or html, the rows as csv, the plain values as json: each loads only what it needs.

    Args:
        output: the file that the text is for; None for the terminal, whose width and colours it then has.
    """
    if form == "json":
        return json.dumps(plain, indent=1, ensure_ascii=False) + "\n"
    if form == "csv":
        from npusim.reports.data import table  # noqa: PLC0415 - as said above

        return table(list(rows[0]) if rows else [], [list(row.values()) for row in rows])
    if form == "html":
        from npusim.reports.html import sheet  # noqa: PLC0415 - as said above

        return sheet(list(page), outputs.command_line())
    if form == "md":
        from npusim.reports.markdown import markdown  # noqa: PLC0415 - as said above

        return markdown(page)
    from npusim.reports.text import text  # noqa: PLC0415 - as said above

    return text(page, outputs.width(output), outputs.colour(output))
