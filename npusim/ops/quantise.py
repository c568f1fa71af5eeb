"""Quantisation: to integers, back, and the operators of com.microsoft that work on quantised tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from npusim.ir import DType
from npusim.ops.arrays import as_type, dtype_of, limits
from npusim.ops.base import (
    Array,
    Box,
    Call,
    Execute,
    Op,
    Reach,
    Seen,
    Spec,
    VectorWork,
    Work,
    array,
    broadcast,
    later,
    moves,
    optional,
    passes,
    per_output,
    register,
    same,
)
from npusim.ops.layout import joined_quantised, reach_joined
from npusim.ops.reach import everywhere, first_pointwise, pointwise, reduced
from npusim.ops.reduce import axes_of
from npusim.ops.softmax import STEPS
from npusim.ops.view import type_of

# --- to integers and back -------------------------------------------------------------------------------------------


def _infer_quantize(call: Call) -> list[Spec]:
    """The zero point has the type of the result; without one ``output_dtype`` says it, else it is uint8."""
    return [(call.shape(0), call.dtype(2) if call.has(2) else type_of(call, "output_dtype", DType.UINT8))]


def _infer_dequantize(call: Call) -> list[Spec]:
    return [(call.shape(0), type_of(call, "output_dtype", call.dtype(1)))]


def _infer_dynamic(call: Call) -> list[Spec]:
    return [(call.shape(0), DType.UINT8), ((), DType.FLOAT32), ((), DType.UINT8)]


def _work_format(call: Call) -> Work:
    """One operation an element; hardware that writes its results quantised does it on the way."""
    count = call.outs[0].elements
    return Work(vector=(VectorWork("relu", count, count),), folds="format")


def _work_dynamic(call: Call) -> Work:
    """The smallest and the largest element are found first."""
    count = call.tensor(0).elements
    return Work(vector=(VectorWork("reduce", count, 2 * count), VectorWork("relu", count, count)))


def _spread(call: Call, x: Array, of: Array) -> Array:
    """A scale or zero point made to fit the tensor: one for all, one an index of ``axis``, or one a block along it."""
    if of.size == 1 and of.ndim <= 1:
        return of.reshape(())
    axis, block = call.axis(1), int(call.attrs.get("block_size", 0))
    if block:
        return np.repeat(of, min(block, x.shape[axis]), axis)[tuple(slice(size) for size in x.shape)]
    return of.reshape([-1 if at == axis else 1 for at in range(x.ndim)])


def _execute_quantize(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    x, scale, zero = array(call, arrays, 0), array(call, arrays, 1), optional(arrays, 2)
    ((_, dtype),) = _infer_quantize(call)
    if dtype.is_float:
        raise call.error(f"npusim does not compute values of type {dtype.label}", code="unsupported-type")
    low, high = limits(dtype)
    steps = np.rint(x / _spread(call, x, scale))
    shifted = steps if zero is None else steps + _spread(call, x, zero).astype(steps.dtype)
    return [as_type(np.clip(shifted, low, high), dtype)]


def _execute_dequantize(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    x, scale, zero = array(call, arrays, 0), array(call, arrays, 1), optional(arrays, 2)
    wide = x if dtype_of(x).is_float else x.astype(np.int64)
    offset = wide if zero is None else wide - _spread(call, x, zero).astype(wide.dtype)
    scale = _spread(call, x, scale)
    return [as_type(offset.astype(scale.dtype) * scale, type_of(call, "output_dtype", call.dtype(1)))]


# --- on quantised tensors -------------------------------------------------------------------------------------------


def _infer_pair(call: Call) -> list[Spec]:
    """Operands in slots 0 and 3, each with its scale and zero point behind it."""
    return [(broadcast(call, call.shape(0), call.shape(3)), call.dtype())]


def _work_add(call: Call) -> Work:
    """Operands of one known quantisation are added as they are, others are brought to one scale first."""
    scales, zeros = (tuple(call.value(slot) for slot in slots) for slots in ((1, 4, 6), (2, 5, 7)))
    equal = all(_equal(scales[0], other) for other in scales[1:]) and all(
        _equal(zeros[0], other) for other in zeros[1:]
    )
    return passes(call, "add" if equal else "add_rescale")


def _equal(a: Array | None, b: Array | None) -> bool:
    return a is not None and b is not None and np.array_equal(a, b)


def _infer_where(call: Call) -> list[Spec]:
    return [(broadcast(call, call.shape(0), call.shape(1), call.shape(4)), call.dtype(1))]


def _infer_mean(call: Call) -> list[Spec]:
    shape, keep = call.shape(0), call.attrs.get("keepdims", 1)
    axes = axes_of(call, call.ints("axes"), len(shape)) or tuple(range(len(shape)))
    return [(tuple(1 if at in axes else size for at, size in enumerate(shape) if keep or at not in axes), call.dtype())]


def _work_mean(call: Call) -> Work:
    return passes(call, "reduce", call.tensor(0).elements)


def _reach_mean(call: Call, number: int, box: Box) -> list[Seen | None]:  # noqa: ARG001 - as every rule
    rank = len(call.shape(0))
    axes = axes_of(call, call.ints("axes"), rank) or tuple(range(rank))
    return [reduced(call, axes, box), *(None for _ in call.ins[1:])]


_X = (1, 2, 3, 4)  # scale and zero point of the input, then of the output
_PAIR = (1, 2, 4, 5, 6, 7)
_MANY = 1000  # operands of one concatenation; far more than any network joins
_JOINED = (0, 1, *(slot for operand in range(_MANY) for slot in (3 + 3 * operand, 4 + 3 * operand)))


def _microsoft(
    name: str,
    infer: Callable[[Call], Sequence[Spec]],
    work: Callable[[Call], Work],
    execute: str,
    *,
    settings: tuple[int, ...],
    params: tuple[int, ...] = (),
    reach: Reach = first_pointwise,
) -> Op:
    return Op(
        f"com.microsoft::{name}", infer, work, params=params, settings=settings, scalars_are_settings=True,
        execute=later("quantise_execute", execute), reach=reach,
    )  # fmt: skip


def _linear(name: str, infer: Callable[[Call], Sequence[Spec]], execute: Execute) -> tuple[Op, Op]:
    """The operator of the standard domain and its older twin."""
    plain = Op(name, infer, _work_format, settings=(1, 2), execute=execute, reach=first_pointwise)
    twin = Op(
        f"com.microsoft::{name}", infer, per_output("relu"), settings=(1, 2), execute=execute, reach=first_pointwise
    )
    return plain, twin


register(
    *_linear("QuantizeLinear", _infer_quantize, _execute_quantize),
    *_linear("DequantizeLinear", _infer_dequantize, _execute_dequantize),
    Op(
        "DynamicQuantizeLinear",
        _infer_dynamic,
        _work_dynamic,
        execute=later("quantise_execute", "dynamic"),
        reach=everywhere,
    ),
    _microsoft("QLinearAdd", _infer_pair, _work_add, "qlinear_add", params=(0, 3), settings=_PAIR, reach=pointwise),
    _microsoft(
        "QLinearMul", _infer_pair, per_output("mul"), "qlinear_mul", params=(0, 3), settings=_PAIR, reach=pointwise
    ),
    _microsoft(
        "QLinearWhere",
        _infer_where,
        per_output("add"),
        "qlinear_where",
        params=(1, 4),
        settings=(2, 3, 5, 6, 7, 8),
        reach=pointwise,
    ),
    _microsoft("QLinearLeakyRelu", same, per_output("leaky"), "qlinear_leaky_relu", settings=_X),
    _microsoft("QLinearSigmoid", same, per_output("sigmoid"), "qlinear_sigmoid", settings=_X),
    _microsoft("QLinearSoftmax", same, per_output("softmax", STEPS), "qlinear_softmax", settings=_X, reach=everywhere),
    _microsoft("QLinearReduceMean", _infer_mean, _work_mean, "qlinear_mean", settings=_X, reach=_reach_mean),
    _microsoft("QLinearConcat", joined_quantised, moves, "qlinear_concat", settings=_JOINED, reach=reach_joined),
)
