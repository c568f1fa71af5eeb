"""The table of layers for a page: the cells of the other reports, and what sorts and explains them."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from npusim.reports import layers
from npusim.reports.blocks import DETAIL, Column
from npusim.reports.html.palette import css_class
from npusim.reports.words import elide
from npusim.result import Estimate

LONGEST = 40  # columns of a name in the table; the details have it whole
FIRST = 200  # rows that a browser lays out at once; the script shows the others when asked

# By title: the name by which the script finds a value to sort by, and what the column says.
_COLUMNS = {
    "layer": (
        "name",
        "the layer that the pass runs, or the conversion that it is; choose one for all that is known of it",
    ),
    "op": ("op", "its operator; +N: so many more layers run in the same pass"),
    "output": ("ofm", "shape of its output, as in the graph; +N: so many more outputs"),
    "kernel": ("kernel", "kernel, /stride where it is not 1, g and the number of groups where there are several"),
    "MACs": ("macs", "multiply-accumulates that the mathematics needs"),
    "dense MACs": ("macs_dense", "the same with transposed convolutions counted at every output pixel"),
    "ops": ("ops", "element-wise, pooling, reduction and activation operations"),
    "params": ("params", "parameters, shared ones once"),
    "time": ("cycles", "cycles of the pass over the clock: its largest bound, plus what nothing overlaps"),
    "share": ("share", "share of the time of all passes"),
    "bound by": ("bound_by", "the resource that takes longest: what has to get faster for the pass to get faster"),
    "DRAM": ("dram", "bytes read from and written to DRAM"),
    "IFM": ("ifm", "input activations read from DRAM"),
    "OFM": ("ofm_bytes", "output activations written to DRAM"),
    "weights": ("weights", "weights read from DRAM, refetches included"),
    "util.": (
        "utilisation",
        "of the MAC array: cycles at its direct peak over the cycles of the pass; Winograd may pass 100 %",
    ),
    "algorithm": ("algorithm", "how the MAC array computes it"),
}


class Head(msgspec.Struct, frozen=True):
    """A column: its title and unit, the key to sort by, what it says, and whether it is a detail."""

    title: str
    unit: str
    key: str
    says: str
    right: bool
    detail: bool


class Row(msgspec.Struct, frozen=True):
    """A row: its place among the result's layers, its cells, the class of its resource and its share of the longest."""

    at: int
    cells: tuple[str, ...]
    resource: str
    load: float


class Listing(msgspec.Struct, frozen=True):
    heads: tuple[Head, ...]
    rows: tuple[Row, ...]
    totals: tuple[tuple[str, ...], ...]


def listing(result: Estimate, top: int | None) -> Listing:
    """The rows of ``layers.table``, with ``top`` as there."""
    table = layers.table(result, top)
    places = {id(row): at for at, row in enumerate(result.layers)}
    most = max((row.cycles for row in result.layers), default=0.0)
    rows = tuple(
        Row(
            places[id(row)],
            (elide(cells[0], LONGEST), *cells[1:]),
            css_class(row.bound_by if row.cycles else "none"),
            round(100 * row.cycles / most, 1) if most else 0.0,
        )
        for row, cells in zip(layers.slowest(result.layers, top), table.rows, strict=True)
    )
    return Listing(tuple(_heads(table.columns)), rows, table.totals)


def _heads(columns: tuple[Column, ...]) -> Iterator[Head]:
    for column in columns:
        key, says = _COLUMNS[column.title]
        unit = "" if column.unit == "1" else column.unit
        yield Head(column.title, unit, key, says, column.right, column.rank >= DETAIL)
