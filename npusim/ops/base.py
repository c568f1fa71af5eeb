"""What an operator is to npusim: its output shapes, its work, which inputs are parameters, and what it computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import msgspec
import numpy as np

from npusim.errors import InputError
from npusim.ir import Attr, DType, Shape, Tensor
from npusim.loopnest import LoopNest
from npusim.registry import Registry

Array = np.ndarray[Any, Any]
Spec = tuple[Shape, DType]


class Call(msgspec.Struct, frozen=True):
    """One application of an operator, as its rules see it.

    Attributes:
        ins: the input tensors by slot; None where an optional one is left out.
        values: the elements of the inputs that are small constants; None where they are not known.
        outs: the output tensors; empty while their shapes are being inferred.
        n_outs: how many outputs the node names.
    """

    name: str
    op: str
    attrs: Mapping[str, Attr]
    ins: tuple[Tensor | None, ...]
    values: tuple[Array | None, ...]
    outs: tuple[Tensor, ...] = ()
    n_outs: int = 1

    def has(self, slot: int) -> bool:
        return slot < len(self.ins) and self.ins[slot] is not None

    def tensor(self, slot: int) -> Tensor:
        """The input in that slot; InputError (missing-input) where the node leaves it out."""
        found = self.ins[slot] if slot < len(self.ins) else None
        if found is None:
            raise self.error(f"input {slot} is missing", code="missing-input")
        return found

    def shape(self, slot: int) -> Shape:
        return self.tensor(slot).shape

    def dtype(self, slot: int = 0) -> DType:
        return self.tensor(slot).dtype

    def value(self, slot: int) -> Array | None:
        return self.values[slot] if slot < len(self.values) else None

    def ints(self, attr: str, slot: int | None = None) -> tuple[int, ...] | None:
        """Integers given as an attribute (old opsets) or as a constant input (new ones); None where neither is there.

        Raises:
            InputError: data-dependent-shape, where the input exists but is not a constant.
        """
        if attr in self.attrs:
            found = self.attrs[attr]
            return (int(found),) if isinstance(found, int) else tuple(int(v) for v in found)
        if slot is not None and self.has(slot):
            value = self.value(slot)
            if value is None:
                raise self.error(
                    f"{attr} (input {slot}) is computed from data, so the shape after it is not known",
                    code="data-dependent-shape",
                )
            return tuple(int(v) for v in value.reshape(-1))
        return None

    def axis(self, default: int, rank: int | None = None) -> int:
        """The ``axis`` attribute, counted from the front; InputError (shape-mismatch) where it is out of range."""
        rank = len(self.shape(0)) if rank is None else rank
        axis = int(self.attrs.get("axis", default))
        if not -rank <= axis < max(rank, 1):
            raise self.error(f"axis {axis} is outside a tensor of rank {rank}")
        return axis % max(rank, 1)

    def error(self, what: str, *, code: str = "shape-mismatch") -> InputError:
        return InputError(what, code=code, where=f"{self.op} {self.name!r}")


class VectorWork(msgspec.Struct, frozen=True):
    """Element-wise, pooling, reduction or activation work, or the moving of data.

    Attributes:
        kind: what is done to each element: one of KINDS; a profile prices kinds, never operators.
        elements: how many the vector unit passes over: the larger of what is read and what is written, each operand once.
        ops: how many operations that is, as the result counts them (0 for moving).
    """

    kind: str
    elements: int
    ops: int = 0


# The kinds of vector work. A profile may price any of them; what it does not price costs as its ``default``.
KINDS = (
    "copy",  # moved, not changed: concat, slice, pad, transpose, depth-to-space, gather
    "relu",  # clamps and other single-step functions: relu, clip, sign, abs, cast, quantise
    "leaky",  # two-slope functions: leaky relu, prelu, hard-swish pieces
    "sigmoid",  # table or polynomial functions: sigmoid, tanh, exp, erf, gelu, silu
    "add",  # two operands, no multiplication
    "add_rescale",  # the same where the operands' quantisations differ
    "mul",
    "div",
    "max_pool",
    "avg_pool",
    "reduce",  # mean, sum, max over axes
    "softmax",
    "norm",  # layer, instance, group, batch and RMS normalisation
    "resize",
    "sort",
)


class Work(msgspec.Struct, frozen=True):
    """What a layer asks of the hardware.

    Attributes:
        nests: its multiply-accumulates; a recurrent layer has several, a pooling none.
        vector: its other work, in the order it happens.
        view: nothing moves and nothing is computed (reshape, identity).
    """

    nests: tuple[LoopNest, ...] = ()
    vector: tuple[VectorWork, ...] = ()
    view: bool = False

    @property
    def macs(self) -> int:
        return sum(nest.macs for nest in self.nests)

    @property
    def macs_dense(self) -> int:
        return sum(nest.macs_dense for nest in self.nests)

    @property
    def ops(self) -> int:
        return sum(part.ops for part in self.vector)


class Op(msgspec.Struct, frozen=True):
    """An operator's rules.

    Attributes:
        infer: shapes and types of the outputs.
        work: what it asks of the hardware; called once the outputs are known.
        params: input slots whose constants are parameters (weight, bias, scale, mean, variance, embedding).
        settings: input slots that configure it (shape, axes, quantisation scale and zero point), never data.
        scalars_are_settings: a constant of one element in a params slot is no parameter (element-wise operators).
        execute: what it computes: arrays by input slot (None where left out) to arrays by output.
    """

    name: str
    infer: Callable[[Call], Sequence[Spec]]
    work: Callable[[Call], Work]
    params: tuple[int, ...] = ()
    settings: tuple[int, ...] = ()
    scalars_are_settings: bool = False
    execute: Callable[[Call, Sequence[Array | None]], Sequence[Array]] | None = None


OPS: Registry[Op] = Registry("operator")


def register(*ops: Op) -> None:
    for op in ops:
        OPS.add(op.name, op)


def broadcast(call: Call, *shapes: Shape) -> Shape:
    """The shape that numpy-style broadcasting gives; InputError (shape-mismatch) where there is none."""
    rank = max((len(shape) for shape in shapes), default=0)
    result: list[int] = []
    for axis in range(rank):
        sizes = {shape[axis - rank + len(shape)] for shape in shapes if axis - rank + len(shape) >= 0}
        if len(sizes - {1}) > 1:
            raise call.error(f"shapes {' and '.join(map(str, shapes))} cannot be broadcast")
        result.append((sizes - {1} or {1}).pop())
    return tuple(result)


def elements(shape: Shape) -> int:
    return prod(shape)


def no_work(call: Call) -> Work:  # noqa: ARG001 - the signature of every work rule
    """A view: the elements stay where they are."""
    return Work(view=True)


def moves(call: Call) -> Work:
    """Data movement: every output element is written once."""
    return Work(vector=(VectorWork("copy", sum(out.elements for out in call.outs)),))


def same(call: Call) -> list[Spec]:
    """The first output has the first input's shape and type."""
    return [(call.shape(0), call.dtype(0))]
