"""What a notebook shows of a result: a piece of a page that takes the notebook's own colours and letters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from npusim.reports import facts, layers
from npusim.reports.blocks import DETAIL, Table
from npusim.reports.html.content import alarms, headline
from npusim.reports.html.svg import tag
from npusim.reports.words import elide
from npusim.result import Estimate

MOST = 10  # layers that are shown, the slowest
LONGEST = 40  # columns of a name


def fragment(result: Estimate) -> str:
    """Totals, limits, what must be known, and the slowest layers; no style sheet, script or id."""
    said = (f"{headline(result)}. {facts.limits(result)}", *alarms(result))
    notes = (*facts.not_costed(result), *facts.off_npu(result), *facts.warnings(result))
    parts = [
        tag("p", tag("b", facts.title(result)), *(Markup("<br>") + each for each in said)),
        _table(layers.table(result, MOST)) if result.layers else Markup(),
        tag("ul", *(tag("li", each) for each in notes)) if notes else Markup(),
        tag("p", *_end(result)),
    ]
    return str(tag("div", *parts))


def _table(table: Table) -> Markup:
    shown = [at for at, column in enumerate(table.columns) if column.rank < DETAIL]
    columns = [table.columns[at] for at in shown]
    heads = [tag("th", column.title, *_unit(column.unit), scope="col", style=_side(column.right)) for column in columns]

    def row(cells: Sequence[str]) -> Markup:
        made = (
            tag("td", elide(cells[at], LONGEST), style=_side(column.right))
            for at, column in zip(shown, columns, strict=True)
        )
        return tag("tr", *made)

    foot = tag("tfoot", *(row(cells) for cells in table.totals))
    return tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *map(row, table.rows)), foot)


def _side(right: bool) -> str:
    return f"text-align:{'right' if right else 'left'}"


def _unit(unit: str) -> Iterator[str]:
    if unit and unit != "1":
        yield f" [{unit}]"


def _end(result: Estimate) -> Iterator[str]:
    if len(result.layers) > MOST:
        yield f"The {MOST} slowest of {len(result.layers)} layers; the totals are of all of them. "
    yield f"npusim {result.npusim}"
