"""Models in a few words, for the tests of binding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from npusim.ir import DType, Graph
from npusim.model import Constant, FreeShape, Model, Node, Value

_TYPES = {"int64": DType.INT64, "bool": DType.BOOL, "float32": DType.FLOAT32}


def stored(name: str, values: Any, dtype: str = "int64") -> Constant:
    """A constant whose elements are known."""
    array = np.asarray(values, dtype)
    return Constant(name, array.shape, _TYPES[dtype], lambda: array)


def weights(name: str, *shape: int) -> Constant:
    """A parameter: a shape without elements."""
    return Constant(name, shape, DType.FLOAT32, None)


def node(op: str, inputs: str, outputs: str, **attrs: Any) -> Node:
    """Inputs and outputs are separated by blanks; ``-`` stands for one that is left out."""
    names = [tuple("" if name == "-" else name for name in text.split()) for text in (inputs, outputs)]
    return Node(outputs.split(maxsplit=1)[0], op, names[0], names[1], attrs)


def model(
    nodes: Sequence[Node], constants: Sequence[Constant] = (), *, outputs: str = "y", name: str = "m",
    declared: Sequence[Value] = (), **inputs: FreeShape | None,
) -> Model:  # fmt: skip
    return Model(
        name, tuple(Value(key, shape) for key, shape in inputs.items()), tuple(outputs.split()), tuple(nodes),
        {each.name: each for each in constants}, {value.name: value for value in declared},
    )  # fmt: skip


def shapes(graph: Graph) -> list[tuple[int, ...]]:
    return [graph.tensors[name].shape for name in graph.outputs]


def codes(graph: Graph) -> list[str]:
    return [notice.code for notice in graph.warnings]
