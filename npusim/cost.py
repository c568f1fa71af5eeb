"""How named bounds make a cost: the maximum of what overlaps, plus what cannot. Nothing else computes a latency."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from npusim.ir import Notice

SERIAL = "_serial"  # a resource whose name ends so cannot overlap with the others: its cycles are added


class LayerCost(msgspec.Struct, frozen=True):
    """What one pass costs.

    Attributes:
        bounds: cycles by resource. Names: ``mac``, ``vector``, ``dma_read``, ``dma_write``, ``fallback``; with the
            suffix ``_serial`` the share of a resource that nothing overlaps.
        traffic: bytes by (memory level, operand), such as ``("dram", "ifm")``.
    """

    bounds: Mapping[str, float]
    traffic: Mapping[tuple[str, str], int] = {}

    @property
    def serial_cycles(self) -> float:
        return float(sum(cycles for name, cycles in self.bounds.items() if name.endswith(SERIAL)))

    @property
    def overlapped_cycles(self) -> float:
        return float(max((cycles for name, cycles in self.bounds.items() if not name.endswith(SERIAL)), default=0.0))

    @property
    def cycles(self) -> float:
        return self.serial_cycles + self.overlapped_cycles

    @property
    def bound_by(self) -> str:
        """The resource that takes longest; the first of equals; ``none`` where nothing takes time."""
        return max(self.bounds, key=lambda name: self.bounds[name], default="none") if self.cycles > 0 else "none"


class Pass(msgspec.Struct, frozen=True):
    """Work that the NPU starts at once: a layer with what is fused to it, a part of a layer, or a conversion.

    Attributes:
        name: unique in the plan; the main layer's name, with a suffix where a layer takes several passes.
        layers: names of the graph layers whose MACs, parameters and ops this pass accounts for, main one first; each
            graph layer is in exactly one pass of a plan (or in its ``unsupported``).
        section: passes of one number run without returning to DRAM.
        mac_cycles_direct: cycles of the MAC array at the direct algorithm's peak for the dense count (utilisation).
        mapping: the choice made: stripe shapes, algorithm, slots; plain values, for people to read.
        off_npu: why the hardware cannot run it as such, where it cannot; empty otherwise.
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
    """How a graph runs: its passes in the order they run, and what the target wants the user to know."""

    passes: tuple[Pass, ...]
    warnings: tuple[Notice, ...] = ()

    @property
    def cycles(self) -> float:
        return float(sum(each.cost.cycles for each in self.passes))
