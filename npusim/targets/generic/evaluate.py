"""Costs of all candidates of a job under one residency: named bounds, bytes, SRAM. Arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from npusim.cost import SERIAL, LayerCost, combined
from npusim.ir import DType
from npusim.mapping import Column, ceil_div, round_up
from npusim.options import Options
from npusim.profile import HardwareProfile
from npusim.targets.generic import bounds as of
from npusim.targets.generic.bounds import Traffic
from npusim.targets.generic.candidates import (
    NestCandidates,
    VectorCandidates,
    cell_bytes,
    nest_candidates,
    vector_candidates,
)
from npusim.targets.generic.jobs import FallbackJob, Job, NestJob, Stream, VectorJob


class Machine(msgspec.Struct, frozen=True):
    """The hardware and how it is used, for the cost functions."""

    profile: HardwareProfile
    dtype: DType
    saving: float

    @property
    def rates(self) -> tuple[float, float]:
        """Bytes a cycle of reads and of writes; where they share the DRAM, both at the larger, and their times add."""
        read, write = self.profile.dram_read_bytes_per_cycle, self.profile.dram_write_bytes_per_cycle
        return (read, write) if self.profile.dram.duplex else (max(read, write),) * 2


def machine(profile: HardwareProfile, options: Options) -> Machine:
    saving = options.activation_compression if profile.compression.available else 0.0
    return Machine(profile, DType.parse(options.dtype), saving)


class Residency(msgspec.Struct, frozen=True, gc=False):
    """Which operands of a job stay in SRAM: its inputs in their order, and its results."""

    ins: tuple[bool, ...] = ()
    outs: bool = False


class Costs(msgspec.Struct, frozen=True):
    """Candidates of a job with their costs, a row each.

    Attributes:
        bounds: cycles by resource. traffic: DRAM bytes by operand.
        sram: bytes of buffers, tensors that stay not counted.
        exposed: how many operands have a single slot, so that nothing overlaps their way.
        stripes: how many stripes the work is cut into.
        stream: bytes of the weight stream, read once.
        columns: the choices that make the candidate, for people to read.
    """

    bounds: Mapping[str, Column]
    traffic: Mapping[str, Column]
    sram: Column
    exposed: Column
    stripes: Column
    stream: Column
    columns: Mapping[str, Column]

    @property
    def cycles(self) -> Column:
        """What ``LayerCost`` makes of the bounds, for every row."""
        return np.asarray(combined(self.bounds), dtype=np.float64)

    @property
    def dram_bytes(self) -> Column:
        return np.asarray(sum(self.traffic.values()), dtype=np.float64)

    def take(self, rows: Any) -> Costs:
        """The given rows alone."""
        bounds, traffic, columns = (
            {name: column[rows] for name, column in table.items()}
            for table in (self.bounds, self.traffic, self.columns)
        )
        return Costs(
            bounds, traffic, self.sram[rows], self.exposed[rows], self.stripes[rows], self.stream[rows], columns
        )

    def cost(self, row: int) -> LayerCost:
        traffic = {("dram", name): int(column[row]) for name, column in self.traffic.items()}
        return LayerCost({name: float(column[row]) for name, column in self.bounds.items()}, traffic)


class Operand(msgspec.Struct, frozen=True):
    """An operand of a job, for each candidate.

    Attributes:
        name: under which its bytes are counted: ifm, ofm or weights.
        stream: how it lies in DRAM; None of constants, which are never compressed.
        place: its position among the job's inputs; OUT for results, FIXED for what never stays in SRAM.
        slots: 1 where nothing overlaps its way.
    """

    name: str
    traffic: Traffic
    stream: Stream | None
    place: int
    slots: Column

    def stays(self, residency: Residency) -> bool:
        return residency.outs if self.place == OUT else self.place >= 0 and residency.ins[self.place]


class Analysis(msgspec.Struct, frozen=True):
    """What does not depend on residency: cycles of the engines, and the way of each operand if it has to go it."""

    engines: Mapping[str, Column]
    operands: tuple[Operand, ...]
    sram: Column
    stripes: Column
    stream: Column
    columns: Mapping[str, Column]
    repeat: int


OUT, FIXED = -1, -2


def compose(found: Analysis, residency: Residency, at: Machine) -> Costs:
    """Every candidate with its costs, ``repeat`` included, when some operands stay in SRAM."""
    zero = np.zeros_like(found.sram)
    dma = {"dma_read": zero, "dma_write": zero, "dma_read_serial": zero, "dma_write_serial": zero}
    traffic = {"ifm": zero, "ofm": zero, "weights": zero}
    sram, exposed = found.sram, zero
    for operand in found.operands:
        if operand.stays(residency):
            continue
        moved, time = _move(operand, at)
        serial, way = time * operand.traffic.exposed, "dma_write" if operand.name == "ofm" else "dma_read"
        dma[way] = dma[way] + (time - serial)
        dma[way + SERIAL] = dma[way + SERIAL] + serial
        traffic[operand.name] = traffic[operand.name] + moved
        sram, exposed = sram + operand.traffic.sram, exposed + (operand.slots < 2)
    if not at.profile.dram.duplex:
        dma = {"dma": dma.pop("dma_read") + dma.pop("dma_write"), **dma}
    bounds = {**found.engines, **dma}
    if found.repeat > 1:
        bounds, traffic = (
            {name: column * found.repeat for name, column in table.items()} for table in (bounds, traffic)
        )
    return Costs(bounds, traffic, sram, exposed, found.stripes, found.stream, found.columns)


def _move(operand: Operand, at: Machine) -> tuple[Column, Column]:
    """Bytes over the DRAM, compressed where they are, and their cycles."""
    traffic, dma, (reads, writes) = operand.traffic, at.profile.dma, at.rates
    saving = at.saving if operand.stream is not None and operand.stream.between else 0.0
    moved = np.floor(traffic.bytes * (1.0 - saving)) if saving else traffic.bytes
    transfers = np.where(traffic.bytes > 0, traffic.transfers, 0.0)
    time = moved / (writes if operand.name == "ofm" else reads)
    return moved, np.maximum(time + dma.stripe_cycles * transfers, dma.stripe_min_cycles * transfers)


def analyse(job: Job, at: Machine, cut: VectorCandidates | None = None) -> Analysis:
    """All candidates of the job; of vector work, those of ``cut`` alone where it is given."""
    if isinstance(job, NestJob):
        return _nest(job, at)
    if isinstance(job, VectorJob):
        return _vector(job, at, cut or vector_candidates(job, at.profile, at.dtype))
    if isinstance(job, FallbackJob):
        return _fallback(job, at)
    zero = np.zeros(1)
    return Analysis({}, (), zero, zero, zero, {}, 1)


def _nest(job: NestJob, at: Machine) -> Analysis:
    cut, profile, dtype = nest_candidates(job, at.profile), at.profile, at.dtype
    mac, fast = of.mac_cycles(job, cut, profile)
    ifm, weights, ofm = (rule(job, cut, profile, dtype) for rule in (of.ifm_traffic, of.weight_traffic, of.ofm_traffic))
    operands = [Operand("ifm", ifm, job.ifm, 0, cut.slots), Operand("ofm", ofm, job.ofm, OUT, cut.slots)]
    # Weights in a single stripe arrive before the first step whatever their slots.
    weight_slots = np.where(cut.weight_stripes > 1, cut.weight_slots, 2.0)
    loads = weights.transfers / cut.weight_stripes
    if job.weights is None:
        operands.append(Operand("weights", weights, None, FIXED, weight_slots))
        stream = (weights.bytes - job.constants) / loads + job.constants
    else:
        operands.append(Operand("ifm", weights, job.weights, 1, weight_slots))
        stream = np.zeros_like(mac)
    for place, other in enumerate(job.others, 1 if job.weights is None else 2):
        traffic = of.other_traffic(job, other.bytes, cut, profile, dtype)
        operands.append(Operand("ifm", traffic, other, place, cut.slots))
    engines = {"mac": mac, "vector": of.vector_cycles(job, cut, profile)}
    columns = {**_columns(cut), "winograd": fast, "ifm_loads": ifm.transfers / cut.ifm_stripes, "weight_loads": loads}
    partial = of.partial_sums(job, cut, profile)
    return Analysis(engines, tuple(operands), partial, cut.mac_stripes, stream, columns, job.repeat)


def _columns(cut: NestCandidates) -> dict[str, Column]:
    depth, height, width = cut.axes
    return {
        "depth": depth, "height": height, "width": width, "groups": cut.groups, "in_channels": cut.in_channels,
        "out_channels": cut.out_channels, "weights_first": cut.weights_first, "slots": cut.slots,
        "weight_slots": cut.weight_slots, "stripes": cut.mac_stripes,
    }  # fmt: skip


def _vector(job: VectorJob, at: Machine, cut: VectorCandidates) -> Analysis:
    unit = at.profile.vector_unit
    cycles = sum(count * unit.step_cycles.get(kind, 0.0) for kind, count in job.steps)
    vector = np.maximum(cycles + unit.stripe_cycles * cut.stripes, unit.stripe_min_cycles * cut.stripes)
    cell = cell_bytes(at.profile, at.dtype)
    listed: list[tuple[str, Stream | None, int]] = [("ifm", each, place) for place, each in enumerate(job.reads)]
    listed += [("ofm", each, OUT) for each in job.writes]
    operands = [
        Operand(name, _pieces(each.bytes, cut, cell), each, place, cut.slots) for name, each, place in listed if each
    ]
    if job.constants:
        operands.append(Operand("weights", _pieces(job.constants, cut, cell), None, FIXED, cut.slots))
    stream, columns = np.full_like(vector, job.constants), {"slots": cut.slots, "stripes": cut.stripes}
    return Analysis(
        {"vector": vector}, tuple(operands), np.zeros_like(vector), cut.stripes, stream, columns, job.repeat
    )


def _pieces(count: int, cut: VectorCandidates, cell: int) -> Traffic:
    """An operand of vector work: cut as the work is, but never below a cell of the layout."""
    pieces = np.minimum(cut.stripes, max(1, ceil_div(count, cell)))
    stripe = ceil_div(float(count), pieces)
    share = np.where((cut.slots < 2) | (pieces < 2), 1.0, stripe / max(1, count))
    sram = np.where(pieces < 2, 1, cut.slots) * round_up(stripe, cell)
    return Traffic(np.full_like(pieces, count), pieces, share, sram)


def _fallback(job: FallbackJob, at: Machine) -> Analysis:
    """Beside the NPU: at the fallback's rates, from DRAM to DRAM; no transfer waits for another."""
    one, beside = np.ones(1), at.profile.fallback
    listed = [("ifm", each.bytes) for each in job.reads] + [("ofm", each.bytes) for each in job.writes]
    listed.append(("weights", job.weights))
    operands = [
        Operand(name, Traffic(count * one, 0 * one, 0 * one, 0 * one), None, FIXED, one) for name, count in listed
    ]
    cycles = job.macs / beside.macs_per_cycle + job.elements / beside.elements_per_cycle
    engines = {"fallback": cycles * one}
    return Analysis(engines, tuple(operands), 0 * one, one, job.weights * one, {}, job.repeat)
