"""What a graph holds and asks for, whatever the hardware: MACs, operations, parameters."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from npusim.ir import Graph, Layer
from npusim.ops import OPS, Call, Work
from npusim.ops.base import work_of


class LayerWork(msgspec.Struct, frozen=True, gc=False):
    """A layer with what it asks of the hardware, its ``repeat`` not yet multiplied in.

    Attributes:
        call: the layer as operator rules see it.
        work: None where npusim does not know the operator.
        params: names of the stored constants that are its parameters.
    """

    layer: Layer
    call: Call
    work: Work | None
    params: tuple[str, ...]

    @property
    def macs(self) -> int:
        return self.work.macs * self.layer.repeat if self.work else 0

    @property
    def macs_dense(self) -> int:
        return self.work.macs_dense * self.layer.repeat if self.work else 0

    @property
    def ops(self) -> int:
        return self.work.ops * self.layer.repeat if self.work else 0


def layer_works(graph: Graph) -> tuple[LayerWork, ...]:
    """Each layer of the graph with its work, in order; worked out once a graph, which is frozen."""
    kept: dict[str, tuple[LayerWork, ...]] = graph.__dict__  # beside the values that Graph itself derives
    if "layer_works" not in kept:
        kept["layer_works"] = tuple(_layer_work(graph, layer) for layer in graph.layers)
    return kept["layer_works"]


def _layer_work(graph: Graph, layer: Layer) -> LayerWork:
    tensors, constants = graph.tensors, graph.constants
    ins = tuple(tensors[name] if name else None for name in layer.inputs)
    call = Call(
        layer.name,
        layer.op,
        layer.attrs,
        ins,
        tuple(constants.get(name) if name else None for name in layer.inputs),
        tuple(tensors[name] for name in layer.outputs if name),
        len(layer.outputs),
    )
    op = OPS.get(layer.op)
    if op is None:
        return LayerWork(layer, call, None, ())
    return LayerWork(layer, call, work_of(op, call), op.parameters(ins, tensors))


def params(graph: Graph, works: Iterable[LayerWork] | None = None) -> int:
    """Elements of the distinct stored constants used as weight, bias, scale, mean, variance or embedding."""
    return sum(graph.tensors[name].elements for name in _stored(graph, works))


def weight_bytes(graph: Graph, works: Iterable[LayerWork] | None = None) -> int:
    """The same constants in bytes, as stored in the file."""
    return sum(graph.tensors[name].bytes for name in _stored(graph, works))


def macs(graph: Graph) -> int:
    """Multiply-accumulates that the mathematics needs, one inference."""
    return sum(each.macs for each in layer_works(graph))


def _stored(graph: Graph, works: Iterable[LayerWork] | None) -> dict[str, None]:
    works = layer_works(graph) if works is None else works
    return dict.fromkeys(name for each in works for name in each.params)
