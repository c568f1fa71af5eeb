"""Functions of two or more operands, element by element, with numpy-style broadcasting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np

from npusim.ir import DType
from npusim.ops.arrays import as_type
from npusim.ops.base import Array, Call, Op, Spec, Work, array, broadcast, passes, register
from npusim.ops.reach import pointwise

_Function = Callable[..., Any]


def _divide(call: Call, a: Array, b: Array) -> Array:
    """Integers divide toward zero (ONNX Div); a division of integers by zero gives 0 as numpy has it."""
    if not call.dtype().is_float:
        safe = np.where(b == 0, 1, b)
        quotient = np.floor_divide(a, safe)
        inexact = quotient * safe != a
        return np.where(b == 0, 0, quotient + (inexact & ((a < 0) != (safe < 0))))
    return np.asarray(np.divide(a, b))


def _modulo(call: Call, a: Array, b: Array) -> Array:
    """The sign of the divisor, or with ``fmod`` that of the dividend."""
    return np.asarray(np.fmod(a, b) if call.attrs.get("fmod") else np.mod(a, b))


def _power(call: Call, a: Array, b: Array) -> Array:
    if call.dtype().is_float:
        return np.asarray(np.power(a, b.astype(a.dtype) if b.dtype.kind != "f" else b))
    if b.dtype.kind in "iu" and not (b < 0).any():
        return np.asarray(np.power(a, b))
    return np.asarray(np.power(a.astype(np.float64), b))


def _shift(call: Call, a: Array, b: Array) -> Array:
    left = call.attrs.get("direction") == "LEFT"
    return np.asarray(np.left_shift(a, b) if left else np.right_shift(a, b))


def _plain(function: _Function) -> _Function:
    return lambda call, *operands: function(*operands)  # noqa: ARG005 - the signature of every function here


# Kind of work and function of two operands.
_BINARY: dict[str, tuple[str, _Function]] = {
    "Add": ("add", _plain(np.add)),
    "Sub": ("add", _plain(np.subtract)),
    "Mul": ("mul", _plain(np.multiply)),
    "Div": ("div", _divide),
    "Mod": ("div", _modulo),
    "Pow": ("sigmoid", _power),
    "BitShift": ("add", _shift),
    "BitwiseAnd": ("add", _plain(np.bitwise_and)),
    "BitwiseOr": ("add", _plain(np.bitwise_or)),
    "BitwiseXor": ("add", _plain(np.bitwise_xor)),
}

_COMPARE: dict[str, _Function] = {
    "And": np.logical_and,
    "Or": np.logical_or,
    "Xor": np.logical_xor,
    "Equal": np.equal,
    "Greater": np.greater,
    "Less": np.less,
    "GreaterOrEqual": np.greater_equal,
    "LessOrEqual": np.less_equal,
}


def _infer_sum(call: Call) -> list[Spec]:
    if not call.ins:
        raise call.error("has no operand", code="missing-input")
    return [(broadcast(call, *(call.shape(slot) for slot in range(len(call.ins)))), call.dtype())]


def _work_sum(call: Call) -> Work:
    """n operands take n - 1 operations an output element; their mean takes one more, the division."""
    steps = len(call.ins) - (call.op != "Mean")
    return passes(call, "add", steps * call.outs[0].elements)


def _mean(*operands: Array) -> Array:
    return np.asarray(sum(operands[1:], start=operands[0]) / operands[0].dtype.type(len(operands)))


_VARIADIC: dict[str, _Function] = {
    "Max": lambda *operands: reduce(np.maximum, operands),
    "Min": lambda *operands: reduce(np.minimum, operands),
    "Sum": lambda *operands: reduce(np.add, operands),
    "Mean": _mean,
}


def _execute(function: _Function, dtype: DType | None = None) -> Callable[[Call, Sequence[Array | None]], list[Array]]:
    def execute(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
        operands = [array(call, arrays, slot) for slot in range(len(arrays))]
        with np.errstate(all="ignore"):  # NaN and infinity are results here, as in the standard
            return [as_type(function(call, *operands), dtype or call.dtype())]

    return execute


def _check_axis(call: Call) -> None:
    """Until opset 6 the second operand could begin at an axis of the first; that is refused where it does not end with
    it as well.
    """
    ranks, axis = [len(call.shape(slot)) for slot in (0, 1)], call.attrs.get("axis")
    if call.attrs.get("broadcast") and axis is not None and int(axis) % max(ranks[0], 1) != ranks[0] - ranks[1]:
        what = f"begins its second operand at axis {axis}, as until opset 6: convert the file to opset 7 or newer"
        raise call.error(what, code="old-broadcast")


def _binary(name: str, kind: str, function: _Function, dtype: DType | None = None) -> Op:
    def infer(call: Call) -> list[Spec]:
        _check_axis(call)
        return [(broadcast(call, call.shape(0), call.shape(1)), dtype or call.dtype())]

    def work(call: Call) -> Work:
        return passes(call, kind)

    return Op(
        name, infer, work, params=(0, 1), scalars_are_settings=True, execute=_execute(function, dtype), reach=pointwise
    )


def _variadic(name: str, function: _Function) -> Op:
    return Op(
        name, _infer_sum, _work_sum, params=(0,), scalars_are_settings=True, variadic=True,
        execute=_execute(_plain(function)), reach=pointwise,
    )  # fmt: skip


def _infer_where(call: Call) -> list[Spec]:
    return [(broadcast(call, call.shape(0), call.shape(1), call.shape(2)), call.dtype(1))]


def _work_where(call: Call) -> Work:
    return passes(call, "add")


def _execute_where(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    picked = np.where(array(call, arrays, 0).astype(bool), array(call, arrays, 1), array(call, arrays, 2))
    return [as_type(picked, call.dtype(1))]


register(
    *(_binary(name, kind, function) for name, (kind, function) in _BINARY.items()),
    *(_binary(name, "add", _plain(function), DType.BOOL) for name, function in _COMPARE.items()),
    *(_variadic(name, function) for name, function in _VARIADIC.items()),
    Op(
        "Where",
        _infer_where,
        _work_where,
        params=(1, 2),
        scalars_are_settings=True,
        execute=_execute_where,
        reach=pointwise,
    ),
)
