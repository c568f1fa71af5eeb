"""What is known of a graph before it runs: its tensors, and the elements of its constants."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from npusim.errors import InputError, NpusimError
from npusim.ir import Role, Tensor
from npusim.model import VALUE_LIMIT, Array, Constant, Node
from npusim.ops import Call, Op
from npusim.ops.base import FAULTS

_FROM_SHAPES = ("Shape", "Size")  # their values need no elements


class LazyArrays(Mapping[str, Array]):
    """Name to array, made when asked and not kept."""

    def __init__(self, makers: Mapping[str, Callable[[], Array]]) -> None:
        self._makers = makers

    def __getitem__(self, name: str) -> Array:
        try:
            return self._makers[name]()
        except RecursionError as fault:
            what = "its elements are worked out in more steps than can be followed"
            raise InputError(what, code="bad-weights", where=name) from fault

    def __contains__(self, name: object) -> bool:
        return name in self._makers  # without making it

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


class Values:
    """Tensors by name, and how to have the elements of those that are constant.

    Attributes:
        tensors: every tensor so far.
        values: elements of small constants; None where they cannot be had.
        makers: how to make the elements of any constant whose elements are known.
        heavy: names of constants whose elements would have to be worked out through large ones.
    """

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self.values: dict[str, Array | None] = {}
        self.makers: dict[str, Callable[[], Array]] = {}
        self.heavy: set[str] = set()

    def add_constant(self, constant: Constant) -> None:
        name = constant.name
        self.tensors[name] = Tensor(name, constant.shape, constant.dtype, Role.WEIGHTS, stored=(name,))
        if constant.read is not None:  # a network without weights has the shapes alone
            self.makers[name] = constant.read

    def value(self, name: str, *, setting: bool = False) -> Array | None:
        """The elements of a small constant, read at most once; None for all else and where they cannot be had.

        Args:
            setting: it configures an operator, as a scale does, so that it is wanted even where it looks like weights.
        """
        if name in self.values:
            return self.values[name]
        tensor = self.tensors.get(name)
        if tensor is None or not tensor.is_constant or name not in self.makers:
            return None
        if _is_weight(tensor) and not setting:
            return None
        if name in self.heavy or tensor.elements > VALUE_LIMIT:
            return None
        try:
            made = self.makers[name]()
        except NpusimError:
            made = None
        self.values[name] = None if made is None or made.dtype.kind == "c" else made  # no setting is complex
        return self.values[name]

    def fold(self, node: Node, op: Op | None, call: Call, outs: Sequence[Tensor]) -> None:
        """Remembers how to make what a node makes of constants; nothing large is made before it is asked for."""
        execute = op.execute if op is not None else None
        makers, values, inputs = self.makers, self.values, node.inputs
        needs = () if node.op in _FROM_SHAPES else tuple(name for name in inputs if name)
        if execute is None or not all(name in makers for name in needs):
            return
        if any(name in self.heavy or self.tensors[name].elements > VALUE_LIMIT for name in needs):
            self.heavy.update(node.outputs)
        done = Call(call.name, call.op, call.attrs, call.ins, call.values, tuple(outs), call.n_outs)
        small = sum(out.elements for out in outs) <= VALUE_LIMIT
        kept: list[Sequence[Array]] = []  # what small outputs are made of serves them all

        def make(index: int) -> Array:
            if kept:
                return kept[0][index]
            arrays = [_elements(name, values, makers) if name in needs else None for name in inputs]
            try:
                with np.errstate(all="ignore"):  # an infinity is a value like others
                    made = execute(done, arrays)
                if small:
                    kept.append(made)
                return made[index]
            except FAULTS as fault:
                raise InputError(
                    f"its value cannot be computed ({fault})", code="bad-node", where=node.place
                ) from fault

        for index, name in enumerate(node.outputs):
            if name:
                makers[name] = lambda index=index: make(index)  # type: ignore[misc]


def _elements(name: str, values: Mapping[str, Array | None], makers: Mapping[str, Callable[[], Array]]) -> Array:
    found = values.get(name)
    return makers[name]() if found is None else found


def _is_weight(tensor: Tensor) -> bool:
    """Numbers of the kinds that weights have, more than a handful of them, never say a shape."""
    return (tensor.dtype.is_float or tensor.dtype.label in _NARROW) and tensor.elements > 64


_NARROW = ("int8", "uint8", "int4", "uint4", "int2", "uint2")
