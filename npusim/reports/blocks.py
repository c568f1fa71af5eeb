"""What a page is made of, whatever it is printed as: headings, sentences and tables."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from npusim.reports.words import columns, elide

GAP = 2  # columns of space between those of a table
ENOUGH = 32  # letters of a name that mostly tell it from others
DETAIL = 10  # columns from this rank on are details, which json and csv have as well


class Column(msgspec.Struct, frozen=True):
    """A column of a table.

    Attributes:
        unit: stands below the title; empty where the cells are no numbers.
        right: cells end at the right edge, as numbers do.
        least: how narrow it may become, by eliding cells; 0 where cells must stay whole.
        rank: where space is short, columns go from the highest rank down; 0 stays.
    """

    title: str
    unit: str = ""
    right: bool = False
    least: int = 0
    rank: int = 0


class Heading(msgspec.Struct, frozen=True):
    text: str


class Lines(msgspec.Struct, frozen=True):
    """Sentences, one after the other, each starting on a line of its own. ``points`` marks them as a list."""

    texts: tuple[str, ...]
    points: bool = False


class Table(msgspec.Struct, frozen=True):
    """Rows of cells, one a column; ``totals`` stand below a rule."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    totals: tuple[tuple[str, ...], ...] = ()


class Facts(msgspec.Struct, frozen=True):
    """Names and what they are: a table without a head."""

    rows: tuple[tuple[str, str], ...]


Block = Heading | Lines | Table | Facts


class Fitted(msgspec.Struct, frozen=True):
    """A table in so many columns of a terminal: which of its columns stand, and how wide."""

    columns: tuple[Column, ...]
    widths: tuple[int, ...]
    rows: tuple[tuple[str, ...], ...]
    totals: tuple[tuple[str, ...], ...]
    dropped: tuple[Column, ...]


def fit(table: Table, width: int) -> Fitted:
    """Drops columns by rank and elides cells until the table fits; what may not go stays, however narrow the width.

    Details go before a cell is elided, the other columns only when eliding is not enough.
    """
    natural = [
        max(map(columns, {column.title, column.unit, *(row[at] for row in (*table.rows, *table.totals))}))
        for at, column in enumerate(table.columns)
    ]
    least = [
        min(most, column.least) if column.least else most for column, most in zip(table.columns, natural, strict=True)
    ]
    # A name of 200 letters does not need them all; one of ENOUGH does.
    wanted = [max(low, min(most, ENOUGH)) if low < most else most for low, most in zip(least, natural, strict=True)]
    shown = list(range(len(table.columns)))
    for sizes, lowest in ((wanted, DETAIL), (least, 1)):
        while _sum(sizes, shown) > width:
            droppable = [at for at in shown if table.columns[at].rank >= lowest]
            if not droppable:
                break
            shown.remove(max(droppable, key=lambda at: table.columns[at].rank))
    widths = _shrunk({at: natural[at] for at in shown}, least, width)

    def cut(rows: Sequence[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
        return tuple(
            tuple(row[at] if widths[at] == natural[at] else elide(row[at], widths[at]) for at in shown) for row in rows
        )

    return Fitted(
        tuple(table.columns[at] for at in shown), tuple(widths[at] for at in shown), cut(table.rows), cut(table.totals),
        tuple(column for at, column in enumerate(table.columns) if at not in widths),
    )  # fmt: skip


def _sum(sizes: Sequence[int], shown: Sequence[int]) -> int:
    return sum(sizes[at] for at in shown) + GAP * (len(shown) - 1)


def _shrunk(widths: dict[int, int], least: Sequence[int], width: int) -> dict[int, int]:
    """The widths with what is too much taken off, always from the widest that can still give."""
    for _ in range(sum(widths.values()) + GAP * (len(widths) - 1) - width):
        shrinkable = [at for at in widths if widths[at] > least[at]]
        if shrinkable:
            widths[max(shrinkable, key=lambda each: widths[each])] -= 1
    return widths
