"""The values everything else is computed from: DType, Tensor, Layer, Graph. Frozen, and valid once constructed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from enum import Enum
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

import msgspec

from npusim.errors import InputError

if TYPE_CHECKING:
    import networkx as nx
    import numpy as np

Shape = tuple[int, ...]
Attr = Any  # int, float, str, bytes, tuple of these, numpy array, or a Model for a subgraph
MAX_ELEMENTS = 2**63 - 1


class DType(Enum):
    """An element type; ``bits`` is its size in memory, packed (an int4 is 4 bits)."""

    FLOAT64 = ("float64", 64)
    FLOAT32 = ("float32", 32)
    FLOAT16 = ("float16", 16)
    BFLOAT16 = ("bfloat16", 16)
    FLOAT8 = ("float8", 8)
    FLOAT4 = ("float4", 4)
    INT64 = ("int64", 64)
    INT32 = ("int32", 32)
    INT16 = ("int16", 16)
    INT8 = ("int8", 8)
    INT4 = ("int4", 4)
    INT2 = ("int2", 2)
    UINT64 = ("uint64", 64)
    UINT32 = ("uint32", 32)
    UINT16 = ("uint16", 16)
    UINT8 = ("uint8", 8)
    UINT4 = ("uint4", 4)
    UINT2 = ("uint2", 2)
    BOOL = ("bool", 8)
    COMPLEX64 = ("complex64", 64)
    COMPLEX128 = ("complex128", 128)
    STRING = ("string", 64)

    def __init__(self, label: str, bits: int) -> None:
        self.label = label
        self.bits = bits

    @property
    def is_float(self) -> bool:
        return self.label.startswith(("float", "bfloat"))

    @classmethod
    def parse(cls, label: str) -> DType:
        """Returns the type of that name; InputError (bad-option) lists the names otherwise."""
        for dtype in cls:
            if dtype.label == label:
                return dtype
        known = ", ".join(d.label for d in cls)
        raise InputError(f"no element type is called {label!r}", code="bad-option", fix=f"known: {known}")


class Role(Enum):
    """What a tensor is to the graph."""

    INPUT = "input"
    ACTIVATION = "activation"
    WEIGHTS = "weights"  # known before the graph runs: parameters, shapes, axes, scales


class Tensor(msgspec.Struct, frozen=True, gc=False):
    """A named array of known shape.

    Attributes:
        shape: sizes in elements, in the order of the graph's source (ONNX: N, C, spatial axes).
        stored: for a constant, the names of the stored constants that it is made of (itself, if it is stored).
    """

    name: str
    shape: Shape
    dtype: DType = DType.FLOAT32
    role: Role = Role.ACTIVATION
    stored: tuple[str, ...] = ()

    @property
    def elements(self) -> int:
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        """Size in bytes, packed."""
        return -(-self.elements * self.dtype.bits // 8)

    @property
    def is_constant(self) -> bool:
        return self.role is Role.WEIGHTS


class Layer(msgspec.Struct, frozen=True, gc=False):
    """One application of an operator.

    Attributes:
        op: the operator's name; ``domain::name`` outside the standard domain.
        inputs: tensor names by slot; ``""`` where an optional input is left out.
        repeat: how often it runs in one inference: 1, or the trip count of the loop it stands in.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attrs: Mapping[str, Attr] = {}
    repeat: int = 1


class Notice(msgspec.Struct, frozen=True):
    """Something the user should know of a result: a code (see INTERFACE) and a sentence."""

    code: str
    message: str


class Graph(msgspec.Struct, frozen=True, dict=True):
    """A network with every shape known, its layers in topological order.

    Attributes:
        tensors: every tensor by name.
        inputs, outputs: names of the graph's own inputs (constants excluded) and outputs.
        constants: values of the small constants that shapes and attributes depend on.
        folded: what makes constants out of others, in order: worked out before the graph runs, and no layers of it.
        weights: name to array, read only when asked; an estimate never asks.
        sha256: of the file it came from, or of the zoo's definition.
        warnings: what was noticed while it was read.
        opsets: the version of each set of operators, by domain, that the layers are written in.

    Raises:
        InputError: undefined-value, duplicate-output, cycle or bad-shape, when the parts do not make a graph.
    """

    name: str
    tensors: Mapping[str, Tensor]
    layers: tuple[Layer, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    constants: Mapping[str, np.ndarray[Any, Any]] = {}
    weights: Mapping[str, np.ndarray[Any, Any]] = {}
    sha256: str = ""
    warnings: tuple[Notice, ...] = ()
    opsets: Mapping[str, int] = {}
    folded: tuple[Layer, ...] = ()

    def __post_init__(self) -> None:
        _check_tensors(self.tensors)
        _check_order(self)
        twice = [name for name, count in Counter(layer.name for layer in self.layers).items() if count > 1]
        if twice:
            raise InputError("two layers have this name", code="duplicate-name", where=twice[0])

    @cached_property
    def _producers(self) -> dict[str, Layer]:
        return {output: layer for layer in self.layers for output in layer.outputs if output}

    @cached_property
    def _consumers(self) -> dict[str, tuple[Layer, ...]]:
        found: dict[str, dict[str, Layer]] = {}
        for layer in self.layers:
            for name in layer.inputs:
                if name:
                    found.setdefault(name, {})[layer.name] = layer
        return {name: tuple(layers.values()) for name, layers in found.items()}

    def producer(self, tensor: str) -> Layer | None:
        """The layer that makes the tensor; None for an input or a constant."""
        return self._producers.get(tensor)

    def consumers(self, tensor: str) -> tuple[Layer, ...]:
        """The layers that read the tensor, in topological order, each once."""
        return self._consumers.get(tensor, ())

    def to_networkx(self) -> nx.MultiDiGraph[str]:
        """The layers as nodes (attribute ``op``) and the tensors between them as edges (``tensor``, ``shape``)."""
        import networkx as nx  # noqa: PLC0415 - heavy, and only for those who ask

        dag: nx.MultiDiGraph[str] = nx.MultiDiGraph(name=self.name)
        for layer in self.layers:
            dag.add_node(layer.name, op=layer.op)
        for name, consumers in self._consumers.items():
            source = self._producers.get(name)
            if source is not None:
                for consumer in consumers:
                    dag.add_edge(source.name, consumer.name, tensor=name, shape=self.tensors[name].shape)
        return dag


def _check_tensors(tensors: Mapping[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        if name != tensor.name:
            raise InputError(f"tensor {tensor.name!r} is filed under another name", code="bad-shape", where=name)
        if any(type(size) is not int or size < 0 for size in tensor.shape):
            raise InputError(f"shape {tensor.shape} is not made of sizes >= 0", code="bad-shape", where=name)
        if tensor.elements > MAX_ELEMENTS // 64:
            raise InputError(f"shape {tensor.shape} is too large to count", code="bad-shape", where=name)


def _check_order(graph: Graph) -> None:
    made = {name for name, tensor in graph.tensors.items() if tensor.is_constant} | set(graph.inputs)
    for layer in graph.layers:
        for name in layer.inputs:
            if name and name not in made:
                late = any(name in other.outputs for other in graph.layers)
                what, code = (
                    (f"reads {name!r} before it is made", "cycle")
                    if late
                    else (f"reads {name!r}, which nothing makes", "undefined-value")
                )
                raise InputError(what, code=code, where=layer.name)
        for name in layer.outputs:
            if not name:
                continue
            if name in made:
                raise InputError(f"makes {name!r}, which is made already", code="duplicate-output", where=layer.name)
            if name not in graph.tensors:
                raise InputError(f"makes {name!r}, whose shape is not known", code="undefined-value", where=layer.name)
            made.add(name)
    for name in (*graph.inputs, *graph.outputs):
        if name not in made or name not in graph.tensors:
            raise InputError("nothing makes this graph output", code="undefined-value", where=name or "''")
