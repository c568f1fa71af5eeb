"""What the hardware cannot run: a host beside it does, at the profile's fallback rates, from DRAM to DRAM."""

from __future__ import annotations

from npusim.cost import LayerCost
from npusim.counts import LayerWork
from npusim.dataflow import packed_bytes, touched_elements
from npusim.ir import DType, Graph
from npusim.loopnest import Operand
from npusim.profile import HardwareProfile


def off_npu_cost(graph: Graph, each: LayerWork, profile: HardwareProfile, dtype: DType) -> LayerCost:
    """Cycles and traffic of a layer on the fallback, its repetitions included."""
    work, beside, repeat = each.work, profile.fallback, each.layer.repeat
    assert work is not None
    elements = sum(part.elements for part in work.vector)
    cycles = work.macs / beside.macs_per_cycle + elements / beside.elements_per_cycle
    names = dict.fromkeys(name for name in each.layer.inputs if name and not graph.tensors[name].is_constant)
    reads = sum(packed_bytes(touched_elements(each, graph.tensors[name]), dtype) for name in names)
    writes = sum(packed_bytes(out.elements, dtype) for out in each.call.outs)
    weights = packed_bytes(sum(nest.footprint(Operand.WEIGHTS) for nest in work.nests if not nest.weights_vary), dtype)
    if not work.nests:  # scales, biases, tables: what the work touches of them
        weights = sum(packed_bytes(touched_elements(each, graph.tensors[name]), dtype) for name in each.params)
    bounds = {
        "fallback": repeat * cycles, "dma_read": repeat * (reads + weights) / profile.dram_read_bytes_per_cycle,
        "dma_write": repeat * writes / profile.dram_write_bytes_per_cycle,
    }  # fmt: skip
    traffic = {
        ("dram", "ifm"): repeat * reads, ("dram", "weights"): repeat * weights, ("dram", "ofm"): repeat * writes
    }  # fmt: skip
    return LayerCost(bounds, traffic)
