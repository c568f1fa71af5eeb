"""What the rules may ask of a network: shapes, who reads a tensor, and the elements of its constants."""

from __future__ import annotations

from collections import Counter
from functools import cached_property

import numpy as np

from npusim.bind.order import captured, needed, ordered, reads
from npusim.errors import InputError
from npusim.ir import DType, Graph, Role, Shape, Tensor
from npusim.model import Model, Node
from npusim.ops import OPS
from npusim.ops.arrays import held
from npusim.ops.base import Array
from npusim.reference.seeds import seeded_weights
from npusim.transform.collapse.affine import Numbers

MANY = 64  # elements; a smaller parameter may be stored even in a file without weights
REAL = (DType.FLOAT64, DType.FLOAT32, DType.FLOAT16)  # what a kernel may be stored in
_ABSENT = ("missing-external-data", "unsafe-external-path")


class Network:
    """A model and the graph that it is on some frame.

    Attributes:
        nodes: those that an output needs, in the order they run.
        readers: how many inputs of nodes, and outputs of the graph, a tensor is.
        sums: tensors that the network did not have: parts of a sum, and the sum, which is of the same shape and type.
    """

    def __init__(self, model: Model, graph: Graph, seed: int = 0) -> None:
        self.model = model
        self.graph = graph
        self.seed = seed
        self.nodes: tuple[Node, ...] = tuple(needed(ordered(model, around=captured(model)), model.outputs)[0])
        self.readers: Counter[str] = Counter(model.outputs)
        for node in model.nodes:
            inner = [name for name in reads(node) if name not in node.inputs]
            self.readers.update(name for name in (*node.inputs, *inner) if name)
        self.sums: dict[str, str] = {}
        self._blank: dict[str, bool] = {}

    # --- tensors ------------------------------------------------------------------------------------------------

    def tensor(self, name: str) -> Tensor | None:
        """The tensor as it is on the frame; None where there is none of that name."""
        return self.graph.tensors.get(self.sums.get(name, name)) if name else None

    def shape(self, name: str) -> Shape:
        return self.graph.tensors[self.sums.get(name, name)].shape

    def new(self, wanted: str, whole: str) -> str:
        """A name that the network does not use, for a part of a sum."""
        name = wanted
        while name in self.graph.tensors or name in self.readers or name in self.sums:
            name += "_"
        self.sums[name] = self.sums.get(whole, whole)
        return name

    def is_real(self, name: str) -> bool:
        """Whether it is a tensor of batch, channels and frame, of a type that kernels may be stored in."""
        tensor = self.tensor(name)
        return tensor is not None and tensor.dtype in REAL and len(tensor.shape) >= 2

    def is_folded(self, name: str) -> bool:
        """Whether a tensor is known on this frame before the graph runs."""
        tensor = self.tensor(name)
        return tensor is not None and tensor.role is Role.WEIGHTS

    def is_constant(self, name: str) -> bool:
        """Whether it is the same on every frame."""
        return self.is_folded(name) and name not in self._from_shapes

    # --- elements -----------------------------------------------------------------------------------------------

    def numbers(self, name: str) -> Numbers:
        """The elements of a constant; seeded ones where the network has none."""
        return Numbers(self.shape(name), lambda: self.array(name), self.is_blank(name))

    def array(self, name: str) -> Array:
        return self.seeded[name] if self.is_blank(name) else self.graph.weights[name]

    def is_blank(self, name: str) -> bool:
        """Whether the network does not have the elements of a constant."""
        if name not in self._blank:
            self._blank[name] = self._is_filled(name) or not self._is_there(name)
        return self._blank[name]

    def _is_filled(self, name: str) -> bool:
        """Whether zeros of ConstantOfShape stand for it."""
        tensor = self.graph.tensors[name]
        return self.is_weightless and tensor.dtype.is_float and self._zeros.issuperset(tensor.stored)

    def _is_there(self, name: str) -> bool:
        if name not in self.graph.weights:
            return False
        if any(each.code in _ABSENT for each in self.graph.warnings):  # some are: it takes reading to tell which
            try:
                self.graph.weights[name]
            except InputError as fault:
                if fault.code in _ABSENT:
                    return False
                raise
        return True

    @cached_property
    def is_weightless(self) -> bool:
        """Whether ConstantOfShape makes zeros of all its large parameters, as in files that are written without."""
        parameters = {name for name in self._parameters if self.graph.tensors[name].dtype.is_float}
        large = {name for name in parameters if self.graph.tensors[name].elements > MANY} or parameters
        return bool(large) and all(
            name not in self.graph.weights or self._zeros.issuperset(self.graph.tensors[name].stored) for name in large
        )

    @cached_property
    def seeded(self) -> dict[str, Array]:
        """Seeded elements for the constants that layers read and that lack theirs."""
        read = dict.fromkeys(name for layer in self.graph.layers for name in layer.inputs if name)
        blank = [name for name in read if self.is_constant(name) and self.is_blank(name)]
        drawn = seeded_weights(self.graph, self.seed) if blank else {}
        return {name: drawn[name] if name in drawn else self._ones(name) for name in blank}

    def _ones(self, name: str) -> Array:
        tensor = self.graph.tensors[name]
        return np.ones(tensor.shape, held(tensor.dtype))

    @cached_property
    def quantised(self) -> set[str]:
        """Constants that come from integers by a scale."""
        found: set[str] = set()
        for layer in self.graph.folded:
            if "QuantizeLinear" in layer.op or "DequantizeLinear" in layer.op or not found.isdisjoint(layer.inputs):
                found.update(layer.outputs)
        return found

    @cached_property
    def _from_shapes(self) -> set[str]:
        """What is worked out from the shapes of tensors, which other frames give others."""
        found: set[str] = set()
        for layer in self.graph.folded:
            of_frame = layer.op in ("Shape", "Size") and not self.is_folded(layer.inputs[0])
            if of_frame or not found.isdisjoint(layer.inputs):
                found.update(layer.outputs)
        return found

    @cached_property
    def _zeros(self) -> set[str]:
        """What ConstantOfShape fills with zeros."""
        filled = (layer for layer in self.graph.folded if layer.op == "ConstantOfShape")
        return {name for layer in filled if not np.any(layer.attrs.get("value", np.zeros(1))) for name in layer.outputs}

    @cached_property
    def _parameters(self) -> set[str]:
        return {
            name
            for layer in self.graph.layers
            for slot, name in enumerate(layer.inputs)
            if name and self.is_constant(name) and layer.op in OPS and OPS[layer.op].takes_parameter(slot)
        }
