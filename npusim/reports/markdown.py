"""Markdown as GitHub shows it: the page of the text report, with every column."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from npusim.reports import REPORTS, Look
from npusim.reports.blocks import Block, Facts, Heading, Lines, Table
from npusim.reports.page import page
from npusim.result import Estimate

# What Markdown or the HTML in it would take for markup.
_MARKUP = re.compile(r"([\\`*_{}\[\]<>|~#!&$])")


def report(result: Estimate, look: Look) -> str:
    """The result in Markdown."""
    return markdown(page(result, look))


def markdown(blocks: Iterable[Block]) -> str:
    """The blocks, an empty line between them; the first heading is the page's."""
    parts: list[str] = []
    for block in blocks:
        first = not any(part.startswith("#") for part in parts)
        parts.append("\n".join(_lines(block, first)))
    return "\n\n".join(parts) + "\n"


def _lines(block: Block, first: bool) -> Iterator[str]:
    if isinstance(block, Heading):
        yield f"{'#' if first else '##'} {escape(block.text)}"
    elif isinstance(block, Lines):
        mark, end = ("- ", "") if block.points else ("", "  ")  # two spaces: the next sentence starts a line
        for sentence in block.texts[:-1]:
            yield f"{mark}{escape(sentence)}{end}"
        yield f"{mark}{escape(block.texts[-1])}"
    elif isinstance(block, Facts):
        yield from _table((" ", "one inference"), (False, False), block.rows)
    else:
        yield from _listing(block)


def _listing(block: Table) -> Iterator[str]:
    titles = [f"{column.title} [{column.unit}]" if column.unit else column.title for column in block.columns]
    totals = [tuple(f"**{escape(cell)}**" if cell else "" for cell in row) for row in block.totals]
    yield from _table(titles, [column.right for column in block.columns], block.rows)
    for row in totals:
        yield _row(row)


def _table(titles: Iterable[str], right: Iterable[bool], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    yield _row(map(escape, titles))
    yield _row("---:" if each else "---" for each in right)
    for row in rows:
        yield _row(map(escape, row))


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def escape(text: str) -> str:
    """The text so that Markdown shows it as it is."""
    return _MARKUP.sub(r"\\\1", text)


REPORTS.add("md", report)
