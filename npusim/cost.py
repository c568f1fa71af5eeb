"""How named bounds make a cost: the maximum of what overlaps, plus what cannot. Nothing else computes a latency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from npusim.counts import LayerWork, layer_works
from npusim.dataflow import Flow, flow, packed_bytes, touched_elements
from npusim.ir import DType, Graph, Notice
from npusim.loopnest import LoopNest, Operand
from npusim.mapping import padded, winograd_tile
from npusim.options import Options
from npusim.profile import HardwareProfile

SERIAL = "_serial"  # a resource whose name ends so cannot overlap with the others: its cycles are added


def combined(bounds: Mapping[str, Any]) -> Any:
    """``LayerCost.cycles`` for arrays: bounds with an entry a candidate, combined candidate by candidate."""
    serial = sum(cycles for name, cycles in bounds.items() if name.endswith(SERIAL))
    shared = [cycles for name, cycles in bounds.items() if not name.endswith(SERIAL)]
    return serial + np.maximum.reduce([np.zeros_like(shared[0]), *shared]) if shared else serial


class LayerCost(msgspec.Struct, frozen=True, gc=False):
    """What one pass costs.

    Attributes:
        bounds: cycles by resource. Names: ``mac``, ``vector``, ``dma_read``, ``dma_write``, ``fallback``; with the
            suffix ``_serial`` the share of a resource that nothing overlaps.
        traffic: bytes by (memory level, operand), such as ``("dram", "ifm")``.
    """

    bounds: Mapping[str, float]
    traffic: Mapping[tuple[str, str], int] = {}

    @property
    def cycles(self) -> float:
        """The largest of the bounds that overlap, plus those that nothing overlaps."""
        serial = overlapped = 0.0
        for name, cycles in self.bounds.items():
            if name.endswith(SERIAL):
                serial += cycles
            elif cycles > overlapped:
                overlapped = cycles
        return serial + overlapped

    @property
    def bound_by(self) -> str:
        """The resource that takes longest; the first of equals; ``none`` where nothing takes time."""
        longest = max(self.bounds, key=self.bounds.__getitem__, default="none")
        return longest if self.bounds.get(longest, 0.0) > 0 else "none"


class Pass(msgspec.Struct, frozen=True, gc=False):
    """Work that the NPU starts at once: a layer with what is fused to it, a part of a layer, or a conversion.

    Attributes:
        name: unique in the plan; the main layer's name, with a suffix where a layer takes several passes.
        layers: names of the graph layers whose MACs, parameters and ops this pass accounts for, main one first; each
            graph layer is in exactly one pass of a plan (or in its ``unsupported``).
        section: passes of one number run without returning to DRAM.
        mapping: the choice made: stripe shapes, algorithm, slots; plain values, for people to read.
        off_npu: why the hardware cannot run it as such, where it cannot; empty otherwise.
        sram_bytes: what it holds of SRAM at most, tensors that only pass by included.
        weight_stream_bytes: its weights as the NPU reads them, headers and padding included, once.
    """

    name: str
    layers: tuple[str, ...]
    section: int
    cost: LayerCost
    mapping: Mapping[str, Any] = {}
    off_npu: str = ""
    sram_bytes: int = 0
    weight_stream_bytes: int = 0


class Plan(msgspec.Struct, frozen=True):
    """How a graph runs: its passes in the order they run, and what the target wants the user to know.

    Attributes:
        assumptions: sentences on what the target takes for granted, whatever the profile.
    """

    passes: tuple[Pass, ...]
    warnings: tuple[Notice, ...] = ()
    assumptions: tuple[str, ...] = ()

    @property
    def cycles(self) -> float:
        return float(sum(each.cost.cycles for each in self.passes))


ROOFLINE_ASSUMPTIONS = (
    "compute, reads and writes overlap over the whole network, and the slowest of them is the latency",
    "traffic is the network's inputs, outputs and weights, each once; no layer rounds, pads or reads anything again",
)


class Roofline(msgspec.Struct, frozen=True):
    """A true lower bound for one inference: everything overlaps with everything, and nothing is moved twice.

    Attributes:
        mac_cycles: multiply-accumulates at the peak of the fastest algorithm that the profile offers.
        read_cycles, write_cycles: compulsory traffic at the DRAM's rate; where reads and writes share it, they add up.
        read_bytes: the network's inputs, as far as it reads them, and its weights, each once.
        write_bytes: the network's outputs.
    """

    mac_cycles: float
    read_cycles: float
    write_cycles: float
    read_bytes: int
    write_bytes: int
    duplex: bool

    @property
    def bounds(self) -> dict[str, float]:
        if not self.duplex:
            return {"mac": self.mac_cycles, "dma": self.read_cycles + self.write_cycles}
        return {"mac": self.mac_cycles, "dma_read": self.read_cycles, "dma_write": self.write_cycles}

    @property
    def cycles(self) -> float:
        return max(self.bounds.values())

    @property
    def bound_by(self) -> str:
        return LayerCost(self.bounds).bound_by


def roofline(
    graph: Graph, profile: HardwareProfile, options: Options, works: Sequence[LayerWork] | None = None
) -> Roofline:
    """The lower bound of the whole network: the largest of its compute, its reads and its writes.

    Operators that npusim does not know are left out, which keeps it a lower bound.
    """
    return _network(_layer_floors(graph, profile, options, works), profile)


def roofline_plan(graph: Graph, profile: HardwareProfile, options: Options) -> Plan:
    """The roofline as a plan, one pass a layer, whose cycles are those of ``roofline`` exactly.

    The maximum over resources is taken once, for the network: a sum of maxima layer by layer would forbid that weights
    of one layer are read while another computes, and so would be no lower bound. Each layer takes its share of the
    resource that binds the network; what it asks of every resource stands in its ``mapping``.
    """
    works = layer_works(graph)
    floors = _layer_floors(graph, profile, options, works)
    total = _network(floors, profile)
    binding = max(total.bounds, key=lambda name: total.bounds[name])
    passes: list[Pass] = []
    for each, floor in zip((each for each in works if each.work is not None), floors, strict=True):
        alone = _network([floor], profile)
        traffic = {("dram", "ifm"): floor.ifm, ("dram", "ofm"): floor.ofm, ("dram", "weights"): floor.weights}
        mapping = {f"{name}_cycles": cycles for name, cycles in alone.bounds.items()}
        cost = LayerCost({binding: alone.bounds[binding]}, traffic)
        passes.append(
            Pass(each.layer.name, (each.layer.name,), len(passes), cost, mapping, weight_stream_bytes=floor.weights)
        )
    return Plan(tuple(passes), assumptions=ROOFLINE_ASSUMPTIONS)


class _Floor(msgspec.Struct, frozen=True, gc=False):
    """The least that a layer asks for: cycles of the MAC array, and bytes."""

    mac_cycles: float
    ifm: int
    ofm: int
    weights: int


def _network(floors: Sequence[_Floor], profile: HardwareProfile) -> Roofline:
    reads, writes = profile.dram_read_bytes_per_cycle, profile.dram_write_bytes_per_cycle
    if not profile.dram.duplex:
        reads = writes = max(reads, writes)
    # Divided layer by layer, then added in order, so that the layers' shares sum to the total to the last bit.
    return Roofline(
        mac_cycles=float(sum(floor.mac_cycles for floor in floors)),
        read_cycles=float(sum((floor.ifm + floor.weights) / reads for floor in floors)),
        write_cycles=float(sum(floor.ofm / writes for floor in floors)),
        read_bytes=sum(floor.ifm + floor.weights for floor in floors),
        write_bytes=sum(floor.ofm for floor in floors),
        duplex=profile.dram.duplex,
    )


def _layer_floors(
    graph: Graph, profile: HardwareProfile, options: Options, works: Sequence[LayerWork] | None
) -> list[_Floor]:
    works = layer_works(graph) if works is None else works
    found, counted, cycles = flow(graph, works), set[str](), dict[LoopNest, float]()
    dtype = DType.parse(options.dtype)
    saving = options.activation_compression if profile.compression.available else 0.0
    read = _read_first(graph, works, found, dtype, saving)
    bits = 0.0 if options.encode_weights else weight_bits(profile, dtype)  # what is encoded may be as short as it likes
    floors = []
    for index, each in enumerate(works):
        if each.work is None:
            continue
        new = set(each.params) - counted
        counted |= new
        for nest in each.work.nests:
            if nest not in cycles:
                cycles[nest] = least_mac_cycles(nest, profile)
        macs = float(sum(cycles[nest] for nest in each.work.nests) * each.layer.repeat)
        own = (name for name in each.layer.outputs if name in found.outputs and found.makers.get(name) == index)
        ofm = sum(saved(packed_bytes(touched_elements(each, graph.tensors[name]), dtype), saving) for name in own)
        stored = sum(graph.tensors[name].elements for name in new)
        floors.append(_Floor(macs, read.get(index, 0), ofm, _least_weight_bytes(each, stored, bits, dtype)))
    return floors


def least_mac_cycles(nest: LoopNest, profile: HardwareProfile) -> float:
    """Cycles that no mapping of the nest can beat: the fewest multiplications at the highest rate, unrounded."""
    array = profile.mac_array
    rate: float = max(array.macs_per_cycle, profile.fallback.macs_per_cycle)
    if nest.is_depthwise:
        rate = max(rate, array.depthwise_channels * array.unroll_height * array.unroll_width)
    # A transposed convolution whose output is cropped may have fewer products on its output grid than on its input.
    least: float = min(nest.macs, nest.macs_dense)
    tile = None if array.winograd is None else winograd_tile(array.winograd, padded(nest.kernel))
    if tile is not None and (nest.transposed or max(nest.stride) == 1):
        taps = padded(nest.kernel)
        fast = nest.macs_dense / (taps[0] * taps[1] * taps[2]) * tile.multiplications / (tile.height * tile.width)
        least = min(least, fast)
    return least / rate


def _read_first(graph: Graph, works: Sequence[LayerWork], found: Flow, dtype: DType, saving: float) -> dict[int, int]:
    """Bytes of network inputs by the layer that is the first to read them: as much of each as its readers touch."""
    first: dict[int, int] = {}
    for name in graph.inputs:
        readers = [reader for reader in found.readers.get(name, ()) if works[reader].work is not None]
        if readers:
            tensor = graph.tensors[name]
            touched = sum(touched_elements(works[reader], tensor) for reader in readers)
            count = saved(packed_bytes(min(tensor.elements, touched), dtype), saving)
            first[readers[0]] = first.get(readers[0], 0) + count
    return first


def saved(count: int, saving: float) -> int:
    """Bytes that are left of ``count`` once compression saves its share, rounded down."""
    return int(count * (1.0 - saving)) if saving else count


def weight_bits(profile: HardwareProfile, dtype: DType) -> float:
    """Bits of a stored weight; a profile states them for its native type, and others are in proportion."""
    native = DType.parse(profile.native_dtype).bits
    return profile.weight_stream.bits_per_weight * dtype.bits / native


def _least_weight_bytes(each: LayerWork, stored: int, bits: float, dtype: DType) -> int:
    """Bytes of the layer's constants that no earlier layer has read.

    Args:
        stored: how many elements those have. bits: of a weight in its stream.
    """
    if each.work is None or each.work.folds or not stored:
        return 0
    if not each.work.nests:
        most = max((part.elements for part in each.work.vector), default=0)
        return packed_bytes(min(stored, most), dtype)
    read = sum(nest.footprint(Operand.WEIGHTS) for nest in each.work.nests if not nest.weights_vary)
    return int(min(stored, read) * bits // 8)
