"""What a network costs, on the axes that quality is set against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from npusim.counts import layer_works, params
from npusim.estimate import estimate
from npusim.ir import Graph
from npusim.profile import HardwareProfile
from npusim.result import OptionsInfo


class Axis(msgspec.Struct, frozen=True):
    """A cost.

    Attributes:
        title: in words. key: of the field of Costs that holds it. unit, factor: how it is shown.
        more: whether more of it is better.
        estimated: whether it takes an estimate; counts do without.
    """

    title: str
    key: str
    unit: str
    factor: float
    more: bool = False
    estimated: bool = True


AXES: Mapping[str, Axis] = {
    "macs": Axis("MACs", "macs_dense", "G", 1e9, estimated=False),
    "params": Axis("parameters", "params", "k", 1e3, estimated=False),
    "latency": Axis("latency", "latency_s", "ms", 1e-3),
    "dram": Axis("DRAM traffic", "dram_bytes", "MB", 1e6),
    "theoretical-fps": Axis("theoretical FPS", "theoretical_fps", "frames/s", 1.0, more=True),
}


class Costs(msgspec.Struct, frozen=True):
    """One inference of a network.

    Attributes:
        latency_s, dram_bytes, theoretical_fps: None where only counts are asked for.
        off_npu: layers that the hardware cannot run as such, at the rates that the profile gives for those.
        off_npu_share: of the time, 0 to 1.
        partial: operators that npusim does not know are missing, so that the costs are the least.
        warnings: codes of what the estimate warns of.
    """

    params: int
    macs: int
    macs_dense: int
    latency_s: float | None = None
    dram_bytes: int | None = None
    theoretical_fps: float | None = None
    off_npu: int = 0
    off_npu_share: float = 0.0
    partial: bool = False
    warnings: tuple[str, ...] = ()

    def along(self, axis: Axis) -> float:
        """What to have little of: the cost, or one over what is better when there is more of it."""
        value = float(getattr(self, axis.key) or 0.0)
        return (1 / value if value else float("inf")) if axis.more else value


def costs(
    graph: Graph, axis: Axis, hardware: HardwareProfile, options: Mapping[str, Any]
) -> tuple[Costs, OptionsInfo | None]:
    """The graph's costs, those of the hardware only where the axis needs them; and how the estimate was made.

    Raises:
        EstimateError: where the hardware has no plan for it.
    """
    works = layer_works(graph)
    counted = Costs(
        params(graph, works), sum(each.macs for each in works), sum(each.macs_dense for each in works),
        partial=any(each.work is None for each in works),
    )  # fmt: skip
    if not axis.estimated:
        return counted, None
    found = estimate(graph, hardware, **options)
    made = msgspec.structs.replace(
        counted, latency_s=found.latency_s, dram_bytes=found.dram_bytes, theoretical_fps=found.totals.theoretical_fps,
        off_npu=len(found.off_npu),
        off_npu_share=sum(each.cycles for each in found.off_npu) / found.totals.cycles if found.totals.cycles else 0.0,
        warnings=tuple(sorted({each.code for each in found.warnings})),
    )  # fmt: skip
    return made, found.options
