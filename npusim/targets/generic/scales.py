"""Whether additions need to bring their operands to one scale first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from npusim.counts import LayerWork
from npusim.dataflow import Flow
from npusim.ir import DType, Graph
from npusim.ops import OPS
from npusim.options import Options

_SCALE_SLOTS = (1, 2)  # of QuantizeLinear and DequantizeLinear: scale and zero point


def adds_rescale(graph: Graph, works: Sequence[LayerWork], found: Flow, index: int, options: Options) -> bool:
    """Whether a layer's additions rescale: as the user says, else as the graph's Q and DQ nodes around it say.

    Operators that carry their own scales have said it in their work already; numbers of floating point need none.
    """
    if DType.parse(options.dtype).is_float or OPS[works[index].layer.op].settings:
        return False
    if options.equal_scales is not None:
        return not options.equal_scales
    layer = works[index].layer
    makers = [found.makers.get(found.root[name]) for name in layer.inputs if name]
    readers = [reader for name in layer.outputs if name for reader in found.readers.get(found.root[name], ())]
    around = [*makers, *readers]
    if any(at is None or not works[at].layer.op.endswith(("QuantizeLinear", "DequantizeLinear")) for at in around):
        return True
    scales = [_scale(graph, works[at]) for at in around if at is not None]
    return any(other != scales[0] for other in scales[1:])


def _scale(graph: Graph, each: LayerWork) -> tuple[object, ...]:
    """Scale and zero point by value where it is known, by name where it is not."""
    found: list[object] = []
    for slot in _SCALE_SLOTS:
        name = each.layer.inputs[slot] if slot < len(each.layer.inputs) else ""
        value = graph.constants.get(name)
        found.append(name if value is None else tuple(np.ravel(value).tolist()))
    return tuple(found)
