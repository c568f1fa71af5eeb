"""The table of layers: what each column holds, in which unit, and what is left out where space is short."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from npusim.reports.blocks import Column, Table
from npusim.reports.facts import resource
from npusim.reports.numbers import PERCENT, Scale, counts, seconds
from npusim.reports.words import clean, short, size
from npusim.result import Estimate, LayerResult

Text = Callable[[LayerResult], str]
Value = Callable[[LayerResult], float | None]
LONGEST_CELL = 200  # columns of a name where the table itself sets no limit


class _Words(msgspec.Struct, frozen=True):
    column: Column
    text: Text


class _Numbers(msgspec.Struct, frozen=True):
    """A column of numbers; ``summed`` where its total is their sum."""

    column: Column
    value: Value
    scale: Callable[[Sequence[float]], Scale]
    summed: bool = True


def table(result: Estimate, top: int | None) -> Table:
    """A row a layer; where ``top`` leaves some out, a row for them together; and the sums."""
    shown = slowest(result.layers, top)
    names = {row.name for row in shown}
    others = [row for row in result.layers if row.name not in names]
    made = [_column(each, result, shown, others) for each in _columns(result)]
    cells = [part for _, part in made]
    body = len(shown)
    turned = tuple(zip(*cells, strict=True))
    return Table(tuple(column for column, _ in made), turned[:body], turned[body:])


def slowest(layers: Sequence[LayerResult], top: int | None) -> Sequence[LayerResult]:
    """The layers that take longest, slowest first; all of them in their own order without ``top``."""
    if top is None or top >= len(layers):
        return layers
    return sorted(layers, key=lambda row: -row.cycles)[:top]


def _columns(result: Estimate) -> list[_Words | _Numbers]:
    clock_hz, cycles = result.profile.clock_hz, sum(row.cycles for row in result.layers)
    dense = [_macs("dense MACs", lambda row: row.macs_dense, 8)] if result.macs_dense != result.macs else []
    return [
        _Words(Column("layer", least=12), lambda row: short(row.name, LONGEST_CELL)),
        _Words(Column("op", least=10, rank=4), _op),
        _Words(Column("output", "N x C x ...", rank=6), _output),
        _Words(Column("kernel", rank=7), _kernel),
        _macs("MACs", lambda row: row.macs, 2),
        *dense,
        _Numbers(Column("ops", right=True, rank=11), lambda row: row.ops, counts),
        _Numbers(Column("params", right=True, rank=12), lambda row: row.params, counts),
        _Numbers(Column("time", right=True), lambda row: row.cycles / clock_hz if clock_hz else None, seconds),
        _Numbers(Column("share", right=True), lambda row: row.cycles / cycles if cycles else None, lambda _: PERCENT),
        _Words(Column("bound by"), lambda row: short(resource(row.bound_by), 16) if row.cycles else "nothing"),
        _Numbers(Column("DRAM", right=True, rank=1), lambda row: row.dram_bytes, _bytes),
        _operand("ifm", 13),
        _operand("ofm", 14),
        _operand("weights", 15),
        _Numbers(Column("util.", right=True, rank=3), lambda row: row.utilisation, lambda _: PERCENT, summed=False),
        _Words(Column("algorithm", least=8, rank=16), lambda row: clean(str(row.mapping.get("algorithm", "")))),
    ]


def _macs(title: str, value: Value, rank: int) -> _Numbers:
    return _Numbers(Column(title, right=True, rank=rank), value, counts)


def _bytes(values: Sequence[float]) -> Scale:
    return counts(values, "B")


def _operand(name: str, rank: int) -> _Numbers:
    title = name if name == "weights" else name.upper()
    return _Numbers(Column(title, right=True, rank=rank), lambda row: row.traffic.get("dram", {}).get(name, 0), _bytes)


def _op(row: LayerResult) -> str:
    """The operator, and how many layers run fused to it."""
    return short(row.op, LONGEST_CELL) + (f" +{len(row.fused)}" if row.fused else "")


def _output(row: LayerResult) -> str:
    if not row.ofm:
        return ""
    return size(row.ofm[0]) + (f" +{len(row.ofm) - 1}" if len(row.ofm) > 1 else "")


def _kernel(row: LayerResult) -> str:
    """``3x3``, ``3x3/2`` with its stride, ``3x3 g32`` in groups."""
    if not row.kernel:
        return ""
    stride = "" if all(step == 1 for step in row.stride) else f"/{_side(row.stride)}"
    return size(row.kernel) + stride + (f" g{row.groups}" if row.groups > 1 else "")


def _side(stride: Sequence[int]) -> str:
    return str(stride[0]) if len(set(stride)) == 1 else size(stride)


def _column(
    each: _Words | _Numbers, result: Estimate, shown: Sequence[LayerResult], others: Sequence[LayerResult]
) -> tuple[Column, list[str]]:
    """The column with its unit, and its cells: those of the layers, of the others together if any, and of the total."""
    if isinstance(each, _Words):
        is_name = each.column.title == "layer"
        rest = [f"({len(others)} others)" if is_name else ""] if others else []
        return each.column, [*map(each.text, shown), *rest, "total" if is_name else ""]
    values = [each.value(row) for row in shown]
    left = _sum([each.value(row) for row in others]) if each.summed else None
    total = _sum([each.value(row) for row in result.layers]) if each.summed else result.totals.utilisation
    # The rows set the scale, so that small layers keep their digits beside the sum of the others.
    known = [value for value in values if value is not None]
    scale = each.scale(known if any(known) or left is None else [left])
    rest = [scale.show(left) if each.summed else ""] if others else []
    unit = scale.unit or "1"
    column = msgspec.structs.replace(each.column, unit=unit)
    cells = {value: scale.show(value) for value in set(values)}  # layers repeat, and so do their numbers
    return column, [*(cells[value] for value in values), *rest, scale.show(total)]


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known or not values else None
