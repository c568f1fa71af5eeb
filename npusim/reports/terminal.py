"""The text report in colour, through rich; loaded for terminals alone."""

from __future__ import annotations

import io
from collections.abc import Iterable

from rich.box import Box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from npusim.reports.blocks import GAP, Block, Facts, Fitted, Heading, Lines, Table, fit
from npusim.reports.text import dropped, fact_lines, sentence_lines

# A rule below the titles and one above the totals: top, head, below it, rows, between sections, foot, bottom.
_RULES = Box("    \n    \n \u2500\u2500 \n    \n \u2500\u2500 \n    \n    \n    \n")
# Columns that rich may use: everything is fitted already, and where even that is too wide for the terminal, lines that
# the terminal wraps are better than numbers that rich has cut.
_NO_LIMIT = 100_000
# What limits a layer, by colour: the eye finds the odd one out.
_STYLES = {
    "MAC array": "green",
    "vector unit": "magenta",
    "DRAM": "yellow",
    "DRAM read": "yellow",
    "DRAM write": "yellow",
    "fallback": "red",
}


def styled(blocks: Iterable[Block], width: int) -> str:
    """The blocks as a terminal of that width shows them; names stand as they are, brackets and all."""
    stream = io.StringIO()
    console = Console(
        file=stream, width=_NO_LIMIT, force_terminal=True, color_system="standard", legacy_windows=False,
        highlight=False, markup=False, emoji=False,
    )  # fmt: skip
    for block in blocks:
        if isinstance(block, Heading):
            console.print(Text(block.text, style="bold"), soft_wrap=True)
        elif isinstance(block, Table):
            fitted = fit(block, width)
            console.print(_table(fitted))
            for line in dropped(fitted, width):
                console.print(Text(line, style="dim"), soft_wrap=True)
        else:
            for line in _lines(block, width):
                console.print(Text(line), soft_wrap=True)
        if not isinstance(block, Heading):
            console.print()
    return stream.getvalue()


def _lines(block: Lines | Facts, width: int) -> Iterable[str]:
    if isinstance(block, Facts):
        return fact_lines(block, width)
    return [line for sentence in block.texts for line in sentence_lines(sentence, width, block.points)]


def _table(table: Fitted) -> RichTable:
    made = RichTable(box=_RULES, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0), header_style="bold")
    for column, width in zip(table.columns, table.widths, strict=True):
        head = Text(column.title)
        if any(each.unit for each in table.columns):
            head.append(f"\n{column.unit}", style="not bold dim")
        made.add_column(
            head,
            justify="right" if column.right else "left",
            width=width,
            no_wrap=True,
            overflow="crop",
            vertical="top",
        )
    for at, row in enumerate(table.rows):
        made.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row), end_section=at == len(table.rows) - 1)
    for row in table.totals:
        made.add_row(*(Text(cell, style="bold") for cell in row))
    return made
