"""Depth-first execution: all layers of a network on a few rows of the frame, then on the next, without DRAM between.

This is what a compiler could do that keeps the whole network in one section and moves down the frame; no planner here
does. What is taken for granted:

- all weights stay in SRAM, as the NPU reads them, and so do the rows of each tensor between passes that a later row
  still needs (halo kept), or the tensors that are alive while a stripe runs from first to last layer (recomputed);
- input and output are double buffered, and move while the passes run, which run one after the other;
- a pass takes the MAC array and the vector unit as long as in the mapped plan of the frame, in proportion to what it
  computes, and each stripe of each pass costs what the profile says of a stripe on top;
- passes of the mapped plan that only convert or spread out what lies in DRAM fall away;
- where even one row of the frame's width does not fit, the frame is cut into columns, whose halo is recomputed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import ceil

import msgspec

from npusim.counts import layer_works
from npusim.dataflow import packed_bytes
from npusim.ir import DType, Graph, Notice
from npusim.ops.base import Box
from npusim.profile import HardwareProfile
from npusim.receptive import PERIODS, Field, Size, parts, whole_steps
from npusim.result import Estimate, LayerResult
from npusim.tiling.study import Shape, Tiling

KEPT, RECOMPUTED = "depth-first, kept", "depth-first, recomputed"
MOST_COLUMNS = 64


class _Tensor(msgspec.Struct, frozen=True):
    """A tensor between passes.

    Attributes:
        rows, columns: positions in the whole frame. row_rate, column_rate: positions for each pixel of the input.
        row_halo, column_halo: positions of it that a stripe needs beyond those that it stands for.
        channel_bytes: of one position, as SRAM stores it.
        end: whether it is one of the network's inputs or outputs.
    """

    rows: int
    columns: int
    row_rate: float
    column_rate: float
    row_halo: int
    column_halo: int
    channel_bytes: float
    end: bool

    def high(self, rows: int) -> int:
        return min(ceil(rows * self.row_rate) + self.row_halo, self.rows)

    def wide(self, columns: int) -> int:
        return min(ceil(columns * self.column_rate) + self.column_halo, self.columns)

    def bytes(self, columns: int, rows: int) -> int:
        """SRAM for a stripe of so many pixels of the input; the next one is on its way into or out of an end."""
        more = min(ceil(rows * self.row_rate), self.rows) if self.end else 0
        return ceil((self.high(rows) + more) * self.wide(columns) * self.channel_bytes)


def depth_first(
    graph: Graph, result: Estimate, hardware: HardwareProfile, field: Field
) -> tuple[tuple[Tiling, ...], tuple[Notice, ...]]:
    """The frame run depth first, halo kept and halo recomputed: the fastest stripes that fit, and why there are none.

    Args:
        result: the mapped estimate of the whole frame, of which the passes' MAC and vector cycles are taken.
    """
    if result.options.level != "mapped":
        return (), ()
    beside = next((row.name for row in result.layers if row.off_npu or "fallback" in row.bounds), None)
    if beside is not None:
        return (), (Notice("depth-first", f"not run depth first: {beside} does not run on the NPU"),)
    found, notices = [], []
    for policy in (KEPT, RECOMPUTED):
        row = _Plan(graph, result, hardware, field, policy).best()
        if row is None:
            said = f"{policy}: no stripe of the whole network fits the SRAM beside its weights"
            notices.append(Notice("depth-first", said))
        else:
            found.append(row)
    return tuple(found), tuple(notices)


class _Plan:
    """One way to run a network depth first, at any size of a stripe."""

    def __init__(
        self, graph: Graph, result: Estimate, hardware: HardwareProfile, field: Field, policy: str
    ) -> None:  # fmt: skip
        self.result, self.hardware, self.field, self.policy = result, hardware, field, policy
        self.kept = policy == KEPT
        shape = graph.tensors[field.inputs[0]].shape
        self.frame = tuple(shape[side.rates[field.inputs[0]].axis] for side in field.sides)
        boxes = self._boxes(graph)
        passes = _passes(graph, result.layers)
        self.rows = [row for row, _ in passes]
        self.made = [_last(graph, layers) for _, layers in passes]
        self.tensors = dict(self._tensors(graph, boxes, passes))
        self.alive = _alive(graph, passes, self.tensors)
        self.ends = [sum(_bytes(graph, name, result) for name in names) for names in (graph.inputs, graph.outputs)]

    def _boxes(self, graph: Graph) -> dict[str, Box]:
        """The part of each tensor that PERIODS steps of the frame need."""
        wanted: dict[str, Box] = {}
        for name in graph.outputs:
            entries: list[tuple[int, int] | str] = [""] * len(graph.tensors[name].shape)
            for side in self.field.sides:
                entries[side.rates[name].axis] = (0, int(PERIODS * side.step * side.rates[name].rate))
            wanted[name] = tuple(entries)
        return parts(graph, wanted, self._new if self.kept else None)

    def _new(self, name: str, box: Box) -> Box:
        """The rows of a tensor that are computed, where those above are kept from the stripe before."""
        side = self.field.sides[1]
        if name not in side.rates:
            return box
        axis, rate = side.rates[name].axis, side.rates[name].rate
        entry = box[axis]
        if isinstance(entry, str):
            return box
        fresh = (entry[1] - int(PERIODS * side.step * rate), entry[1])
        return (*box[:axis], fresh, *box[axis + 1 :])

    def _tensors(
        self, graph: Graph, boxes: Mapping[str, Box], passes: Sequence[tuple[LayerResult, list[str]]]
    ) -> Iterator[tuple[str, _Tensor]]:  # fmt: skip
        across, down = self.field.sides
        inside = {name for _, layers in passes for name in _inside(graph, layers)}
        views = {name for each in layer_works(graph) if each.work and each.work.view for name in each.layer.outputs}
        dtype, multiple = DType.parse(self.result.options.dtype), self.hardware.layout.sram_channels
        for name, box in boxes.items():
            if name in inside or name in views or name not in across.rates or name not in down.rates:
                continue
            shape = graph.tensors[name].shape
            sizes, halos, rates = [], [], []
            for side in (across, down):
                axis, rate = side.rates[name].axis, side.rates[name].rate
                entry = box[axis]
                assert not isinstance(entry, str)  # the field is known, so no layer reads all of a side
                sizes.append(shape[axis])
                rates.append(float(rate))
                halos.append(max(entry[1] - entry[0] - int(PERIODS * side.step * rate), 0))
            channels = graph.tensors[name].elements // max(sizes[0] * sizes[1], 1)
            end = name in graph.inputs or name in graph.outputs
            stored = channels if end else -(-channels // multiple) * multiple
            yield (
                name,
                _Tensor(sizes[1], sizes[0], rates[1], rates[0], halos[1], halos[0], stored * dtype.bits / 8, end),
            )

    # --- the fastest stripe -----------------------------------------------------------------------------------------

    def best(self) -> Tiling | None:
        """Over columns and rows that fit: of each number of columns the most rows, and halves of them."""
        found: list[Tiling] = []
        for columns in range(1, MOST_COLUMNS + 1):
            wide = self._whole_steps(-(-self.frame[0] // columns), 0)
            rows = self._most_rows(wide)
            while rows:
                found.append(self._tiling((wide, rows)))
                rows = rows // 2 // self.field.sides[1].step * self.field.sides[1].step
        return min(found, key=lambda row: (row.latency_s, row.tile), default=None)

    def _whole_steps(self, size: int, side: int) -> int:
        return min(whole_steps(size, self.field.sides[side].step), self.frame[side])

    def _most_rows(self, wide: int) -> int:
        """The most rows of a stripe that fit, 0 where one step does not."""
        step = self.field.sides[1].step
        low, high = 0, -(-self.frame[1] // step)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self._sram(wide, middle * step) <= self._room() else (low, middle - 1)
        return low * step

    def _room(self) -> int:
        return self.hardware.sram.size_bytes - self.hardware.sram.reserved_bytes

    def _sram(self, wide: int, rows: int) -> int:
        weights = self.result.totals.weight_stream_bytes
        sizes = {name: each.bytes(wide, rows) for name, each in self.tensors.items()}
        if self.kept:
            return weights + sum(sizes.values())
        return weights + max((sum(sizes[name] for name in names) for names in self.alive), default=0)

    def _tiling(self, tile: Size) -> Tiling:
        wide, rows = tile
        columns, stripes = -(-self.frame[0] // wide), -(-self.frame[1] // rows)
        bounds = dict.fromkeys(("mac", "vector"), 0.0)
        macs = dense = 0.0
        for row, name in zip(self.rows, self.made, strict=True):
            grown = self._grown(name, columns, stripes)
            macs, dense = macs + row.macs * grown, dense + row.macs_dense * grown
            limit, cycles = self._pass(row, grown, columns * stripes)
            bounds[limit] += cycles
        bounds = {"compute": sum(bounds.values()), **self._dma(columns, stripes)}
        limit = max(bounds, key=lambda name: bounds[name])
        latency_s, whole = bounds[limit] / self.hardware.clock_hz, self.result.totals.macs
        moved = self._moved(columns, stripes)
        return Tiling(
            (wide, rows), self.policy, (Shape(wide, rows, columns * stripes),), 1, latency_s, round(macs), round(dense),
            macs / whole - 1 if whole else 0.0, sum(moved), self._sram(wide, rows), {limit: latency_s},
            exact=True,
        )  # fmt: skip

    def _grown(self, name: str | None, columns: int, stripes: int) -> float:
        """What of a tensor is computed, over the whole of it: each seam adds its halo."""
        if name is None or name not in self.tensors:
            return 1.0
        each = self.tensors[name]
        across = 1 + (columns - 1) * each.column_halo / each.columns
        return across if self.kept else across * (1 + (stripes - 1) * each.row_halo / each.rows)

    def _pass(self, row: LayerResult, grown: float, runs: int) -> tuple[str, float]:
        """The slower of MAC array and vector unit, and the cycles of a pass over all stripes."""
        array, unit = self.hardware.mac_array, self.hardware.vector_unit
        found = {}
        for name, part in (("mac", array), ("vector", unit)):
            cycles = row.bounds.get(name, 0.0) * grown / runs
            found[name] = max(cycles + part.stripe_cycles, part.stripe_min_cycles) if cycles else 0.0
        limit = max(found, key=lambda name: found[name])
        return limit, found[limit] * runs

    def _moved(self, columns: int, stripes: int) -> tuple[int, int]:
        """Bytes read and written: the input, again where its halo is not kept, and the weights; the output."""
        again = [self._grown(name, columns, stripes) for name in self.field.inputs]
        read = self.ends[0] * (sum(again) / len(again)) + self.result.totals.weight_stream_bytes
        return round(read), self.ends[1]

    def _dma(self, columns: int, stripes: int) -> dict[str, float]:
        read, written = self._moved(columns, stripes)
        reads, writes = self.hardware.dram_read_bytes_per_cycle, self.hardware.dram_write_bytes_per_cycle
        if not self.hardware.dram.duplex:
            return {"dma": (read + written) / max(reads, writes)}
        return {"dma_read": read / reads, "dma_write": written / writes}


# --- passes and what lies between them --------------------------------------------------------------------------------


def _passes(graph: Graph, rows: Sequence[LayerResult]) -> list[tuple[LayerResult, list[str]]]:
    """The passes that compute a layer, with its name and those of the layers fused to it, in the order of the graph."""
    order = {layer.name: at for at, layer in enumerate(graph.layers)}
    found = []
    for row in rows:
        layers = sorted((name for name in (row.name, *row.fused) if name in order), key=lambda name: order[name])
        if layers:
            found.append((row, layers))
    return sorted(found, key=lambda each: order[each[1][0]])


def _last(graph: Graph, layers: Sequence[str]) -> str | None:
    names = [each for each in graph.layers if each.name == layers[-1]]
    return next((out for out in names[0].outputs if out), None)


def _inside(graph: Graph, layers: Sequence[str]) -> Iterator[str]:
    """Tensors that a pass makes and only it reads."""
    for layer in graph.layers:
        if layer.name in layers:
            for name in layer.outputs:
                readers = graph.consumers(name)
                if name and name not in graph.outputs and readers and all(each.name in layers for each in readers):
                    yield name


def _alive(
    graph: Graph, passes: Sequence[tuple[LayerResult, list[str]]], tensors: Mapping[str, _Tensor]
) -> list[list[str]]:  # fmt: skip
    """For each pass, the tensors that are read or written by it, or made before and read after."""
    number = {name: at for at, (_, layers) in enumerate(passes) for name in layers}
    found: list[list[str]] = [[] for _ in passes]
    for name in tensors:
        maker = graph.producer(name)
        first = number.get(maker.name, 0) if maker is not None else 0
        last = max((number[each.name] for each in graph.consumers(name) if each.name in number), default=first)
        for at in range(first, max(first, last) + 1):
            found[at].append(name)
    return found


def _bytes(graph: Graph, name: str, result: Estimate) -> int:
    return packed_bytes(graph.tensors[name].elements, DType.parse(result.options.dtype))
