"""Plain aligned text, for terminals and pipes alike; a terminal in colour shows the same through rich."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from npusim.reports import REPORTS, Look
from npusim.reports.blocks import DETAIL, GAP, Block, Facts, Fitted, Heading, Lines, fit
from npusim.reports.page import page
from npusim.reports.words import columns, pad, wrap
from npusim.result import Estimate

LONGEST_LINE = 120  # sentences that are longer are hard to read, however wide the terminal


def report(result: Estimate, look: Look) -> str:
    """The result as text in ``look.width`` columns."""
    return text(page(result, look), look.width, look.colour)


def text(blocks: Iterable[Block], width: int, colour: bool = False) -> str:
    """The blocks in so many columns, an empty line between them."""
    if colour:
        from npusim.reports.terminal import styled  # noqa: PLC0415 - rich costs time, and pipes do without it

        return styled(blocks, width)
    return "\n".join(line.rstrip() for line in _spaced(blocks, width)) + "\n"


def _spaced(blocks: Iterable[Block], width: int) -> Iterator[str]:
    before: Block | None = None
    for block in blocks:
        if before is not None and not isinstance(before, Heading):
            yield ""
        yield from lines(block, width)
        before = block


def lines(block: Block, width: int) -> Iterator[str]:
    """The lines of one block."""
    if isinstance(block, Heading):
        yield block.text
    elif isinstance(block, Lines):
        for sentence in block.texts:
            yield from sentence_lines(sentence, width, block.points)
    elif isinstance(block, Facts):
        yield from fact_lines(block, width)
    else:
        fitted = fit(block, width)
        yield from _table_lines(fitted)
        yield from dropped(fitted, width)


def sentence_lines(sentence: str, width: int, points: bool) -> list[str]:
    """A sentence in lines; as a point, with a dash before it."""
    return wrap(f"- {sentence}" if points else sentence, min(width, LONGEST_LINE), indent=2 if points else 0)


def fact_lines(block: Facts, width: int) -> Iterator[str]:
    """Names in one column, what they are in the next."""
    side = max((columns(name) for name, _ in block.rows), default=0) + GAP
    for name, value in block.rows:
        wrapped = wrap(value, min(width, LONGEST_LINE), indent=side, first=side)
        yield pad(name, side) + wrapped[0].lstrip(" ")
        yield from wrapped[1:]


def dropped(table: Fitted, width: int) -> Iterator[str]:
    """What a narrow terminal does not show."""
    names = [column.title for column in table.dropped if column.rank < DETAIL]
    if names:
        yield from wrap(f"(not shown in {width} columns: {', '.join(names)})", width)


def _table_lines(table: Fitted) -> Iterator[str]:
    titles = tuple(column.title for column in table.columns)
    units = tuple(column.unit for column in table.columns)
    yield _row(table, titles)
    if any(units):
        yield _row(table, units)
    rule = "  ".join("-" * width for width in table.widths)
    yield rule
    for row in table.rows:
        yield _row(table, row)
    if table.totals:
        yield rule
        for row in table.totals:
            yield _row(table, row)


def _row(table: Fitted, cells: Iterable[str]) -> str:
    return (" " * GAP).join(
        pad(cell, width, column.right) for cell, width, column in zip(cells, table.widths, table.columns, strict=True)
    )


REPORTS.add("text", report)
