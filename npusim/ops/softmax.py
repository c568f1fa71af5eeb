"""Softmax, LogSoftmax and Hardmax."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import numpy as np

from npusim.ops.arrays import as_type
from npusim.ops.base import Array, Call, Op, Spec, array, per_output, register, same
from npusim.ops.reach import across

AXIS_SINCE = 13  # before this opset, all axes from ``axis`` (1 by default) on were taken together
STEPS = 5  # operations an element: maximum, subtraction, exponential, sum, division (ONNX function body)


def softmax(x: Array, axis: int) -> Array:
    """Exponentials over their sum along an axis."""
    if not x.size:
        return x
    shifted = np.exp(x - x.max(axis=axis, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=axis, keepdims=True))


def _log_softmax(x: Array, axis: int) -> Array:
    if not x.size:
        return x
    shifted = x - x.max(axis=axis, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True)))


def _hardmax(x: Array, axis: int) -> Array:
    hot = np.zeros_like(x)
    if x.size:
        np.put_along_axis(hot, np.expand_dims(x.argmax(axis=axis), axis), 1, axis)
    return hot


def _axis(call: Call) -> tuple[int, bool]:
    """The axis, and whether it starts a flattened part (old opsets)."""
    old = call.attrs.get("opset", AXIS_SINCE) < AXIS_SINCE
    return call.axis(1 if old else -1), old


def _infer(call: Call) -> list[Spec]:
    _axis(call)
    return same(call)


def _execute(function: Callable[[Array, int], Array]) -> Callable[[Call, Sequence[Array | None]], list[Array]]:
    def execute(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
        x, (axis, old) = array(call, arrays, 0), _axis(call)
        if not old:
            return [as_type(function(x, axis), call.dtype())]
        flat = x.reshape(prod(x.shape[:axis]), prod(x.shape[axis:]))
        return [as_type(function(flat, 1).reshape(x.shape), call.dtype())]

    return execute


def _axes(call: Call) -> Sequence[int]:
    axis, old = _axis(call)
    return range(axis, len(call.shape(0))) if old else (axis,)


_REACH = across(_axes)

register(
    Op("Softmax", _infer, per_output("softmax", STEPS), execute=_execute(softmax), reach=_REACH),
    Op("LogSoftmax", _infer, per_output("softmax", STEPS), execute=_execute(_log_softmax), reach=_REACH),
    Op("Hardmax", _infer, per_output("reduce"), execute=_execute(_hardmax), reach=_REACH),
)
