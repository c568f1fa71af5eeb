"""A network as its author wrote it: nodes in any order, dimensions that may be free. ``bind`` makes a Graph of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import numpy as np

from npusim.errors import InputError
from npusim.ir import Attr, DType, Graph, Notice, Shape

Array = np.ndarray[Any, Any]
FreeShape = tuple[int | str | None, ...]  # a name or None stands for a dimension that the user binds
Spec = tuple[Shape, DType]
VALUE_LIMIT = 65_536  # elements; larger constants are never needed to know a shape, so they are not evaluated


class Value(msgspec.Struct, frozen=True, gc=False):
    """A graph input, or a tensor whose type the file states. ``shape`` is None where not even the rank is known."""

    name: str
    shape: FreeShape | None
    dtype: DType = DType.FLOAT32


class Constant(msgspec.Struct, frozen=True, gc=False):
    """A stored array: its shape is known at once, its elements only through ``read``; None where there are none yet."""

    name: str
    shape: Shape
    dtype: DType
    read: Callable[[], Array] | None


class Node(msgspec.Struct, frozen=True, gc=False):
    """An operator applied: ``op`` is ``domain::name`` outside the standard domain. A subgraph is an attribute."""

    name: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attrs: Mapping[str, Attr] = {}

    @property
    def place(self) -> str:
        """The node as a message names it."""
        return f"{self.op} {self.name!r}"


class Model(msgspec.Struct, frozen=True):
    """Inputs, nodes, constants and the names of the outputs.

    Attributes:
        declared: types that the file states for tensors inside the graph; used where no rule knows a shape.
        infer: shapes of a node's outputs by the file format's own library, for operators without a rule here:
            called with the node, its input Specs (None where left out) and known values; None where it cannot tell.
        opsets: the version of each set of operators, by domain, that the nodes are written in.
    """

    name: str
    inputs: tuple[Value, ...]
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    constants: Mapping[str, Constant] = {}
    declared: Mapping[str, Value] = {}
    infer: Callable[[Node, list[Spec | None], list[Array | None]], list[Spec] | None] | None = None
    sha256: str = ""
    warnings: tuple[Notice, ...] = ()
    opsets: Mapping[str, int] = {}


def of_graph(graph: Graph) -> Model:
    """A graph as a model again, every dimension of its inputs fixed; what was worked out beforehand is nodes again.

    Raises:
        InputError: not-writable, where a layer stands for control flow: a loop, or a branch that is not counted.
    """
    for layer in graph.layers:
        if layer.repeat != 1 or layer.op.startswith("npusim::") or layer.op in ("If", "Loop", "Scan"):
            what = "stands for control flow, so that it cannot be a node again"
            raise InputError(what, code="not-writable", where=f"{layer.op} {layer.name!r}")
    layers = (*graph.folded, *graph.layers)
    made = {name for layer in layers for name in layer.outputs}
    read = dict.fromkeys((*(name for layer in layers for name in layer.inputs if name), *graph.outputs))
    held = [graph.tensors[name] for name in read if name not in made and graph.tensors[name].is_constant]
    return Model(
        graph.name,
        tuple(Value(name, graph.tensors[name].shape, graph.tensors[name].dtype) for name in graph.inputs),
        graph.outputs,
        tuple(Node(layer.name, layer.op, layer.inputs, layer.outputs, layer.attrs) for layer in layers),
        {each.name: Constant(each.name, each.shape, each.dtype, _reader(graph, each.name)) for each in held},
        {name: Value(name, graph.tensors[name].shape, graph.tensors[name].dtype) for name in graph.outputs},
        sha256=graph.sha256, warnings=graph.warnings, opsets=graph.opsets,
    )  # fmt: skip


def _reader(graph: Graph, name: str) -> Callable[[], Array] | None:
    return (lambda: graph.weights[name]) if name in graph.weights else None
