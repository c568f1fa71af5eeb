"""Which tensors share a quantisation: as the user says, or as the graph's QuantizeLinear and DequantizeLinear nodes
say."""

from __future__ import annotations

import numpy as np

from npusim.counts import LayerWork
from npusim.ir import Graph
from npusim.options import Options

Scale = tuple[object, ...]


class Scales:
    """Scale and zero point by tensor, where the graph gives them."""

    def __init__(self, graph: Graph, options: Options) -> None:
        self.graph = graph
        self.options = options
        self._found: dict[str, Scale] = {}
        for layer in graph.layers:
            kind = layer.op.rpartition("::")[2]
            if kind in ("QuantizeLinear", "DequantizeLinear"):
                scale = self._scale(layer.inputs[1:3])
                for name in (layer.inputs[0], layer.outputs[0]):
                    self._found.setdefault(name, scale)

    def adds_rescale(self, each: LayerWork) -> bool:
        """Whether an addition brings its operands to one scale first (section 1, rule 11)."""
        if each.work is not None and any(part.kind == "add_rescale" for part in each.work.vector):
            return True  # an operator that carries its own scales has said so
        if self.options.equal_scales is not None:
            return not self.options.equal_scales
        known = [self._found.get(name) for name in (*each.layer.inputs, *each.layer.outputs[:1])]
        return None in known or any(scale != known[0] for scale in known)

    def concat_rescales(self, tensor: str, output: str) -> bool:
        """Whether an operand of a concatenation is brought to the output's scale first (section 1, rule 15)."""
        if self.options.equal_scales is not None:
            return not self.options.equal_scales
        return self.differ(tensor, output)

    def differ(self, a: str, b: str) -> bool:
        """Whether the graph gives both tensors a quantisation, and not the same."""
        first, second = self._found.get(a), self._found.get(b)
        return first is not None and second is not None and first != second

    def _scale(self, names: tuple[str, ...]) -> Scale:
        """By value where it is known, by name where it is not."""
        found: list[object] = []
        for name in names:
            value = self.graph.constants.get(name)
            found.append(name if value is None else tuple(np.ravel(value).tolist()))
        return tuple(found)
