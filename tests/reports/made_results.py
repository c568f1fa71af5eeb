"""Results made by hand, whose sums and shares are plain to see."""

from __future__ import annotations

from typing import Any

import msgspec

from npusim.ir import Notice
from npusim.result import (
    Estimate,
    LayerResult,
    ModelInfo,
    OffNpu,
    OptionsInfo,
    ProfileInfo,
    Totals,
    Unsupported,
)


def layer(name: str, cycles: float = 1000.0, **more: Any) -> LayerResult:
    """A 3x3 convolution of 1,000 MACs and 60 bytes of DRAM traffic."""
    values: dict[str, Any] = {
        "op": "Conv", "ifm": ((1, 3, 8, 8),), "ofm": ((1, 4, 8, 8),), "kernel": (3, 3), "stride": (1, 1), "groups": 1,
        "macs": 1000, "macs_dense": 1000, "ops": 7, "params": 36, "section": 0, "utilisation": 0.5, "bound_by": "mac",
        "bounds": {"mac": cycles}, "traffic": {"dram": {"ifm": 10, "ofm": 20, "weights": 30}},
        "mapping": {"algorithm": "direct"},
    }  # fmt: skip
    return LayerResult(name=name, cycles=cycles, **(values | more))


def result(*layers: LayerResult, **more: Any) -> Estimate:
    """The layers at 1 GHz, with sums that are theirs; ``totals`` of ``more`` change those."""
    totals = dict(more.pop("totals", {}))
    cycles = sum(row.cycles for row in layers)
    by_bound: dict[str, float] = {}
    for row in layers:
        by_bound[row.bound_by] = by_bound.get(row.bound_by, 0.0) + row.cycles
    operands = {name: sum(row.traffic["dram"][name] for row in layers) for name in ("ifm", "ofm", "weights")}
    made = Totals(
        macs=sum(row.macs for row in layers), macs_dense=sum(row.macs_dense for row in layers),
        ops=sum(row.ops for row in layers), params=sum(row.params for row in layers), weight_bytes=144,
        weight_stream_bytes=90,
        dram_bytes=sum(operands.values()), dram_read_bytes=operands["ifm"] + operands["weights"],
        dram_write_bytes=operands["ofm"], dram_bytes_by_operand=operands, cycles=cycles, latency_s=cycles / 1e9,
        fps=1e9 / cycles if cycles else None, mac_cycles=cycles, vector_cycles=0.0, utilisation=0.5 if cycles else None,
        peak_sram_bytes=512, roofline_cycles=cycles / 4, roofline_latency_s=cycles / 4e9, roofline_bound_by="mac",
        theoretical_fps=1e6 if layers else None, bound_by="mac" if cycles else "none",
        cycles_by_bound=by_bound if cycles else {},
    )  # fmt: skip
    values: dict[str, Any] = {
        "npusim": "0.1.0", "schema": 1,
        "model": ModelInfo("net", "0" * 64, {"input": (1, 3, 8, 8)}, {"output": (1, 4, 8, 8)}),
        "profile": ProfileInfo(
            "npu", "big", {}, "nobody", "generic", 1e9, 64, 16.0, 8.0, 1024, "none at all", ("nothing is real",)
        ),
        "options": OptionsInfo("mapped", "int8", 0.5, None, "vendor", False),
    }  # fmt: skip
    return Estimate(totals=msgspec.structs.replace(made, **totals), layers=layers, **(values | more))


def unknown(name: str, op: str = "acme::Foo") -> Unsupported:
    return Unsupported(name, op, f"operator {op} has no cost rule")


def off(name: str, cycles: float, op: str = "Softmax") -> OffNpu:
    return OffNpu(name, op, "the vector unit has no exponent", cycles)


def notice(code: str, message: str) -> Notice:
    return Notice(code, message)
