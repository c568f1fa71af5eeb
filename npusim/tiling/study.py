"""What tilings of a frame cost: each shape of tile is estimated once, and summed as often as it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import msgspec

from npusim.errors import InputError, NpusimError
from npusim.estimate import estimate
from npusim.ir import Graph, Notice
from npusim.profile import HardwareProfile
from npusim.receptive import Field, Size, receptive_field
from npusim.result import Estimate
from npusim.tiling.policies import WITHOUT_HALO, Policy, cuts, shapes, suffices

WHOLE = "whole"


class Cost(msgspec.Struct, frozen=True, gc=False):
    """One run of a network, as far as it can be summed."""

    latency_s: float
    macs: int
    macs_dense: int
    dram_bytes: int
    sram_bytes: int
    seconds_by_bound: Mapping[str, float]


class Shape(msgspec.Struct, frozen=True):
    """Tiles that read ``width`` by ``height`` pixels, and how many of them a frame takes."""

    width: int
    height: int
    count: float


class Tiling(msgspec.Struct, frozen=True):
    """A frame in tiles.

    Attributes:
        tile: width and height that a tile covers, in pixels of the network's input; the frame's for the whole.
        policy: of the overlap; ``whole`` for the frame in one run.
        calls: runs of the network a frame, a fraction where they are counted by area.
        recompute: MACs beyond those of the whole frame, as a share of them.
        sram_bytes: the most that any run holds.
        seconds_by_bound: the time by what limits it, overhead of calls included as ``call``.
        exact: whether tiles read all that the network sees, so that the result is that of the whole frame.
        estimated: whether every shape was estimated; otherwise the latency is interpolated, and what cannot be is None.
    """

    tile: Size
    policy: str
    shapes: tuple[Shape, ...]
    calls: float
    latency_s: float
    macs: int
    macs_dense: int
    recompute: float
    dram_bytes: int | None
    sram_bytes: int | None
    seconds_by_bound: Mapping[str, float]
    exact: bool
    estimated: bool = True

    @property
    def fps(self) -> float | None:
        return 1 / self.latency_s if self.latency_s else None


class Costs:
    """Estimates of one network on one profile, by the size that it runs at; each made once.

    Args:
        frames: binds the network to a width, a height and a batch, which is None for the network's own.
        options: of ``estimate``.
        overhead_s: that a run takes beyond its estimate.
        batch: tiles of one shape that run at once; None for one after the other.
    """

    def __init__(
        self, frames: Callable[[Size, int | None], Graph], hardware: HardwareProfile, options: Mapping[str, Any],
        overhead_s: float = 0.0, batch: int | None = None,
    ) -> None:  # fmt: skip
        self.frames = frames
        self.hardware = hardware
        self.options = dict(options)
        self.overhead_s = overhead_s
        self.batch = batch
        self.known: dict[tuple[Size, int | None], Cost] = {}

    def graph(self, size: Size) -> Graph:
        """The network at that size, a frame at a time; InputError."""
        graph = self.frames(size, None if self.batch is None else 1)
        _check_size(graph, size)
        return graph

    def whole(self, size: Size) -> Estimate:
        """The estimate itself of a run at that size."""
        return estimate(self.graph(size), self.hardware, **self.options)

    def cost(self, size: Size, batch: int | None = None) -> Cost:
        key = size, batch
        if key not in self.known:
            graph = self.frames(size, batch)
            _check_size(graph, size)
            self.known[key] = cost_of(estimate(graph, self.hardware, **self.options))
        return self.known[key]

    def runs(self, count: Fraction) -> list[tuple[Fraction, int | None]]:
        """How often a shape of which there are so many runs, and with which batch."""
        if self.batch is None or self.batch == 1:
            return [(count, self.batch)]
        if count.denominator != 1:
            return [(count / self.batch, self.batch)]
        full, rest = divmod(int(count), self.batch)
        return [(Fraction(n), batch) for n, batch in ((full, self.batch), (min(rest, 1), rest)) if n]


def cost_of(result: Estimate) -> Cost:
    totals = result.totals
    clock_hz = result.profile.clock_hz
    seconds = {name: cycles / clock_hz for name, cycles in totals.cycles_by_bound.items()}
    return Cost(
        totals.latency_s, totals.macs, totals.macs_dense, totals.dram_bytes, totals.peak_sram_bytes, seconds
    )  # fmt: skip


def _check_size(graph: Graph, size: Size) -> None:
    """InputError (bad-option) where something else than the size decides how large the frame is."""
    frame = next((graph.tensors[name].shape for name in graph.inputs if len(graph.tensors[name].shape) == 4), None)
    if frame is not None and frame[2:] != (size[1], size[0]):
        raise InputError(
            f"its input {frame} does not follow the size of a tile", code="bad-option", where=graph.name,
            fix="give the frame by --size, and only other inputs by --shape or --dim",
        )  # fmt: skip


def field_of(costs: Costs, frame: Size) -> Field:
    """The network's receptive field; InputError, as ``receptive_field``."""
    return receptive_field(costs.graph, frame)


def known_field(costs: Costs, frame: Size, how: Policy) -> tuple[Field | None, Notice | None]:
    """The field, and where there is none but the policy does without, a notice that says why.

    Raises:
        InputError: as ``receptive_field``, where the policy needs a halo.
    """
    try:
        return field_of(costs, frame), None
    except InputError as fault:
        if how.name not in WITHOUT_HALO:
            raise
        known = fault.code != "no-receptive-field"
        how_much = "change the result beyond their seams" if known else "may change the result beyond their seams"
        return None, Notice("other-result", f"tiles {how_much}: {fault.where}: {fault.what}")


def whole_row(size: Size, cost: Cost, overhead_s: float) -> Tiling:
    seconds = {**cost.seconds_by_bound, **({"call": overhead_s} if overhead_s else {})}
    return Tiling(
        size, WHOLE, (Shape(*size, 1),), 1, cost.latency_s + overhead_s, cost.macs, cost.macs_dense, 0.0,
        cost.dram_bytes, cost.sram_bytes, seconds, exact=True,
    )  # fmt: skip


def tiling(costs: Costs, frame: Size, tile: Size, how: Policy, field: Field | None, whole: Tiling) -> Tiling:
    """The frame in tiles of that size.

    Raises:
        InputError: bad-tile; whatever is wrong with the network at a tile's size.
        EstimateError: no-plan, where a tile has none.
    """
    found = dict(sorted(shapes(*cuts(frame, tile, how, field)).items(), key=lambda each: (-each[1], each[0])))
    calls, latency_s, macs, dense, dram = Fraction(0), 0.0, Fraction(0), Fraction(0), Fraction(0)
    sram, seconds = 0, dict[str, float]()
    for size, count in found.items():
        for times, batch in costs.runs(count):
            try:
                cost = costs.cost(size, batch)
            except NpusimError as fault:
                raise _at(fault, size, tile) from fault
            calls += times
            latency_s += float(times) * (cost.latency_s + costs.overhead_s)
            macs, dense, dram = (
                macs + times * cost.macs,
                dense + times * cost.macs_dense,
                dram + times * cost.dram_bytes,
            )
            sram = max(sram, cost.sram_bytes)
            for name, value in cost.seconds_by_bound.items():
                seconds[name] = seconds.get(name, 0.0) + float(times) * value
    if costs.overhead_s:
        seconds["call"] = float(calls) * costs.overhead_s
    counted = tuple(Shape(*size, _plain(count)) for size, count in found.items())
    return Tiling(
        tile, str(how), counted, _plain(calls), latency_s, round(macs), round(dense),
        share(macs, whole.macs, found, frame), round(dram), sram, seconds,
        exact=suffices(how, field) or found == {frame: 1},
    )  # fmt: skip


def share(macs: Fraction, whole: int, found: Mapping[Size, Fraction], frame: Size) -> float:
    """What tiles compute beyond the whole frame: of MACs, and of pixels read where a network has none."""
    if whole:
        return float(macs / whole - 1)
    return float(sum(w * h * count for (w, h), count in found.items()) / (frame[0] * frame[1]) - 1)


def front(rows: Sequence[Tiling]) -> tuple[Tiling, ...]:
    """The rows that no other beats in latency without more recomputation; by recomputation, the least first."""
    kept: list[Tiling] = []
    for row in sorted(rows, key=lambda each: (max(each.recompute, 0.0), each.latency_s, each.calls)):
        if not kept or row.latency_s < kept[-1].latency_s:
            kept.append(row)
    return tuple(kept)


def _plain(value: Fraction) -> float:
    return int(value) if value.denominator == 1 else float(value)


def _at(fault: NpusimError, size: Size, tile: Size) -> NpusimError:
    """The same fault, which says of which tile."""
    where = f"a tile of {tile[0]}x{tile[1]} that reads {size[0]}x{size[1]}"
    return type(fault)(fault.what, code=fault.code, where=f"{where}: {fault.where}".rstrip(": "), fix=fault.fix)
