"""What an operator is to npusim: its output shapes, its work, which inputs are parameters, and what it computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

import msgspec
import numpy as np

from npusim.errors import InputError
from npusim.ir import Attr, DType, Shape, Tensor
from npusim.loopnest import LoopNest
from npusim.registry import Registry

Array = np.ndarray[Any, Any]
Spec = tuple[Shape, DType]
Execute = Callable[["Call", Sequence[Array | None]], Sequence[Array]]
# A part of a tensor: for each axis the positions from the first to one past the last, which may lie beyond the tensor;
# or "" for the whole axis; or, for the whole of it because a layer reads all, that layer.
Box = tuple[tuple[int, int] | str, ...]
# The same as a rule gives it: None for the whole axis where the operator reads all of it.
Seen = tuple[tuple[int, int] | str | None, ...]
Reach = Callable[["Call", int, Box], Sequence[Seen | None]]


# What a rule may raise where an attribute or input of the file makes no sense.
FAULTS = (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError)


class Call(msgspec.Struct, frozen=True, gc=False):
    """One application of an operator, as its rules see it.

    Attributes:
        attrs: attributes by name: element types as DType, strings as str, lists as tuples; ``opset``, where the front
            end states it, is the version of the operator set, for the few operators whose meaning it changes.
        ins: the input tensors by slot; None where an optional one is left out.
        values: the elements of the inputs that are small constants; None where they are not known.
        outs: the output tensors that the node names; empty while their shapes are being inferred.
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
                raise self.unknown(attr, slot)
            return tuple(int(v) for v in value.reshape(-1))
        return None

    def axis(self, default: int, rank: int | None = None) -> int:
        """The ``axis`` attribute, counted from the front; InputError (shape-mismatch) where it is out of range."""
        rank = len(self.shape(0)) if rank is None else rank
        axis = int(self.attrs.get("axis", default))
        if not -rank <= axis < max(rank, 1):
            raise self.error(f"axis {axis} is outside a tensor of rank {rank}")
        return axis % max(rank, 1)

    def floats(self, attr: str, slot: int | None = None) -> tuple[float, ...] | None:
        """Numbers given as an attribute or as a constant input; None and errors as of ``ints``."""
        if attr in self.attrs:
            found = self.attrs[attr]
            return (float(found),) if isinstance(found, int | float) else tuple(float(v) for v in found)
        if slot is not None and self.has(slot):
            value = self.value(slot)
            if value is None:
                raise self.unknown(attr, slot)
            return tuple(float(v) for v in value.reshape(-1))
        return None

    def unknown(self, attr: str, slot: int) -> InputError:
        """The error for a setting that is no constant."""
        return self.error(
            f"{attr} (input {slot}) is computed from data, so the shape after it is not known",
            code="data-dependent-shape",
        )

    def unknown_input(self, slot: int) -> bool:
        """Whether the input is there, and its elements are not known before the graph runs."""
        return self.has(slot) and self.value(slot) is None

    def error(self, what: str, *, code: str = "shape-mismatch") -> InputError:
        return InputError(what, code=code, where=f"{self.op} {self.name!r}")


class VectorWork(msgspec.Struct, frozen=True, gc=False):
    """Element-wise, pooling, reduction or activation work, or the moving of data.

    Attributes:
        kind: what is done to each element: one of KINDS; a profile prices kinds, never operators.
        elements: positions that the vector unit passes over: those of its largest operand or result.
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


class Work(msgspec.Struct, frozen=True, gc=False):
    """What a layer asks of the hardware.

    Attributes:
        nests: its multiply-accumulates; a recurrent layer has several, a pooling none.
        vector: its other work, in the order it happens.
        view: nothing moves and nothing is computed (reshape, identity).
        folds: what the layer before takes its work into, where it can, at no cost: ``weights`` (a constant scale and
            shift for each channel, right behind a convolution) or ``format`` (a change of number format, in the step
            that writes the result); empty otherwise.
    """

    nests: tuple[LoopNest, ...] = ()
    vector: tuple[VectorWork, ...] = ()
    view: bool = False
    folds: str = ""

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
        scalars_are_settings: in a params slot, a constant of one element, of truth values or of int64 (which holds
            shapes and indices) is no parameter (element-wise operators).
        variadic: the slots after the last of ``params`` are as that one.
        execute: what it computes: arrays by input slot (None where left out) to arrays by output.
        bound_only: whether the shape inferred for a call is only an upper bound, because it depends on data.
        reach: of the call, the number of an output and a part of that output, the part of each input (by slot, None
            where nothing of it is read) that the part is computed from; ops/reach.py has the common ones. None where
            nobody has said: tiles of a frame then have no halo that is known to suffice.
    """

    name: str
    infer: Callable[[Call], Sequence[Spec]]
    work: Callable[[Call], Work]
    params: tuple[int, ...] = ()
    settings: tuple[int, ...] = ()
    scalars_are_settings: bool = False
    variadic: bool = False
    execute: Execute | None = None
    bound_only: Callable[[Call], bool] | None = None
    reach: Reach | None = None

    def parameters(self, ins: Sequence[Tensor | None], tensors: Mapping[str, Tensor]) -> tuple[str, ...]:
        """Names of the stored constants that its constants in ``params`` slots are made of, settings left out.

        Args:
            ins: the inputs by slot.
            tensors: the graph's tensors by name, stored constants included.
        """
        names: dict[str, None] = {}
        for slot, tensor in enumerate(ins):
            if tensor is not None and tensor.is_constant and self.takes_parameter(slot):
                names.update(dict.fromkeys(name for name in tensor.stored if self._counts(tensor, tensors[name])))
        return tuple(names)

    def takes_parameter(self, slot: int) -> bool:
        """Whether a constant in that input slot may be a parameter."""
        return slot in self.params or (self.variadic and slot > self.params[-1])

    def _counts(self, tensor: Tensor, stored: Tensor) -> bool:
        if not self.scalars_are_settings:
            return True
        return min(tensor.elements, stored.elements) != 1 and stored.dtype not in _NEVER_LEARNED


def work_of(op: Op, call: Call) -> Work:
    """The operator's work; InputError (bad-node) where an attribute or input of the call makes no sense."""
    try:
        return op.work(call)
    except FAULTS as fault:
        raise call.error(f"an attribute or input does not make sense ({fault})", code="bad-node") from fault


_NEVER_LEARNED = (DType.INT64, DType.BOOL, DType.STRING)  # shapes, indices, masks and text


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


def widens(shape: Shape, to: Shape) -> bool:
    """Whether a shape broadcasts to another without changing it."""
    return len(shape) <= len(to) and all(a in (1, b) for a, b in zip(reversed(shape), reversed(to), strict=False))


def no_work(call: Call) -> Work:  # noqa: ARG001 - the signature of every work rule
    """A view: the elements stay where they are."""
    return Work(view=True)


def moves(call: Call) -> Work:
    """Data movement: every output element is written once."""
    return Work(vector=(VectorWork("copy", sum(out.elements for out in call.outs)),))


def moves_or_view(call: Call) -> Work:
    """Data movement; a view where the only output has the shape of the first input, so that nothing moves."""
    return no_work(call) if call.outs[0].shape == call.shape(0) else moves(call)


def passes(call: Call, kind: str, ops: int | None = None) -> Work:
    """One pass over the largest of the operands and results; ``ops``: 1 for each output element unless given."""
    written = [out.elements for out in call.outs]
    read = [tensor.elements for tensor in call.ins if tensor is not None]
    return Work(vector=(VectorWork(kind, max(written + read, default=0), written[0] if ops is None else ops),))


def per_output(kind: str, ops: int = 1) -> Callable[[Call], Work]:
    """The work rule of an operator that takes so many operations an output element."""

    def work(call: Call) -> Work:
        return passes(call, kind, ops * call.outs[0].elements)

    return work


def same(call: Call) -> list[Spec]:
    """The first output has the first input's shape and type."""
    return [(call.shape(0), call.dtype(0))]


def array(call: Call, arrays: Sequence[Array | None], slot: int) -> Array:
    """The array in an input slot; InputError (missing-input) where the node leaves it out."""
    found = arrays[slot] if slot < len(arrays) else None
    if found is None:
        raise call.error(f"input {slot} is missing", code="missing-input")
    return found


def known(call: Call, arrays: Sequence[Array | None]) -> Call:
    """The call with the elements of all its inputs known, so that shape rules can be used on what data has computed."""
    return msgspec.structs.replace(call, values=tuple(arrays))


def later(module: str, function: str) -> Execute:
    """A function of another module of npusim.ops, imported when it is first called: estimates never pay for it."""

    def execute(call: Call, arrays: Sequence[Array | None]) -> Sequence[Array]:
        found: Execute = getattr(import_module(f"npusim.ops.{module}"), function)
        return found(call, arrays)

    return execute


def optional(arrays: Sequence[Array | None], slot: int) -> Array | None:
    """The array in an input slot; None where the node leaves it out."""
    return arrays[slot] if slot < len(arrays) else None
