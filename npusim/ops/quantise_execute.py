"""What operators of com.microsoft compute on quantised tensors: in float32, between the scales of input and output."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from npusim.ops.activation import sigmoid
from npusim.ops.base import Array, Call, array, optional
from npusim.ops.quantised import dynamically, real, requantised
from npusim.ops.softmax import softmax


def _operand(call: Call, arrays: Sequence[Array | None], slot: int) -> Array:
    """The numbers of a tensor whose scale and zero point stand behind it."""
    return real(array(call, arrays, slot), array(call, arrays, slot + 1), optional(arrays, slot + 2))


def _result(
    call: Call, arrays: Sequence[Array | None], y: Array, slot: int, *, shift_first: bool = False
) -> list[Array]:  # fmt: skip
    """``y`` in the scale of ``slot``, rounded and shifted by the zero point behind it, as QuantizeLinear does.

    Args:
        shift_first: rounded last, as onnxruntime does for sums and products; it moves some ties.
    """
    steps, zero = y / array(call, arrays, slot).reshape(()), optional(arrays, slot + 1)
    if shift_first and zero is not None:
        steps, zero = steps + zero.reshape(()).astype(np.float32), None
    return [requantised(steps, zero, call.outs[0].dtype)]


def dynamic(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    return list(dynamically(array(call, arrays, 0)))


def qlinear_add(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    return _result(call, arrays, _operand(call, arrays, 0) + _operand(call, arrays, 3), 6, shift_first=True)


def qlinear_mul(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    return _result(call, arrays, _operand(call, arrays, 0) * _operand(call, arrays, 3), 6, shift_first=True)


def qlinear_where(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    chosen = np.where(array(call, arrays, 0), _operand(call, arrays, 1), _operand(call, arrays, 4))
    return _result(call, arrays, chosen, 7)


def _unary(call: Call, arrays: Sequence[Array | None], function: Callable[[Array], Array]) -> list[Array]:
    return _result(call, arrays, function(_operand(call, arrays, 0)), 3)


def qlinear_leaky_relu(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    alpha = np.float32(call.attrs.get("alpha", 0.01))
    return _unary(call, arrays, lambda x: np.where(x < 0, alpha * x, x))


def qlinear_sigmoid(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    return _unary(call, arrays, sigmoid)


def qlinear_softmax(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """``opset`` is an attribute of the node here: before 13 all axes from ``axis`` on were taken together."""
    x = array(call, arrays, 0)
    axis = int(call.attrs.get("axis", -1)) % x.ndim

    def normalised(numbers: Array) -> Array:
        if int(call.attrs.get("opset", 13)) >= 13:
            return softmax(numbers, axis)
        flat = numbers.reshape(int(np.prod(x.shape[:axis])), -1)
        return softmax(flat, 1).reshape(x.shape)

    return _unary(call, arrays, normalised)


def qlinear_mean(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    shape = call.outs[0].shape
    axes = tuple(int(axis) for axis in call.ints("axes") or range(len(call.shape(0))))
    return _unary(call, arrays, lambda x: x.mean(axis=axes).reshape(shape))


def qlinear_concat(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """Scale and zero point of the result come first."""
    parts = [_operand(call, arrays, slot) for slot in range(2, len(arrays), 3)]
    return _result(call, arrays, np.concatenate(parts, axis=int(call.attrs["axis"])), 0)
