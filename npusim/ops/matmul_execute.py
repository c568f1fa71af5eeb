"""What the fused and quantised forms of matrix products compute."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from npusim.ops.arrays import as_type
from npusim.ops.base import Array, Call, array, optional
from npusim.ops.functions import fused
from npusim.ops.quantised import dynamically, requantised, shifted


def _turned(call: Call, x: Array, letter: str) -> Array:
    """The transpositions that fused forms offer: of the batch axis with the rows, then of the last two axes."""
    x = np.moveaxis(x, 0, -2) if call.attrs.get(f"transBatch{letter}") else x
    return x.swapaxes(-1, -2) if call.attrs.get(f"trans{letter}") and x.ndim > 1 else x


def fused_matmul(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    a, b = _turned(call, array(call, arrays, 0), "A"), _turned(call, array(call, arrays, 1), "B")
    return [as_type(float(call.attrs.get("alpha", 1.0)) * np.matmul(a, b), call.dtype())]


def fused_gemm(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    a, b, c = (
        _turned(call, array(call, arrays, 0), "A"),
        _turned(call, array(call, arrays, 1), "B"),
        optional(arrays, 2),
    )
    y = float(call.attrs.get("alpha", 1.0)) * np.matmul(a, b)
    if c is not None:
        y = y + float(call.attrs.get("beta", 1.0)) * c
    names = ("activation_alpha", "activation_beta", "activation_gamma")
    given = [float(call.attrs[name]) for name in names if name in call.attrs]
    return [as_type(fused(call, y, given), call.dtype())]


# --- quantised ------------------------------------------------------------------------------------------------------


def _product(a: Array, a_zero: Array | None, b: Array, b_zero: Array | None) -> Array:
    """The exact product of integers less their zero points (one for all, a row of A, or a column of B), as float64."""
    left, right = shifted(a, a_zero, axis=-2), shifted(b, b_zero, axis=-1)
    return np.asarray(np.matmul(left.astype(np.float64), right.astype(np.float64)))


def _scaled(y: Array, scale: Array) -> Array:
    """Times one scale, or one a column, in single precision as onnxruntime does."""
    return np.asarray(y.astype(np.float32) * (scale.reshape(()) if scale.size == 1 else scale))


def integer_to_float(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    a, b, a_scale, b_scale = (array(call, arrays, slot) for slot in range(4))
    y = _scaled(_product(a, optional(arrays, 4), b, optional(arrays, 5)), a_scale.reshape(()) * b_scale)
    bias = optional(arrays, 6)
    return [as_type(y if bias is None else y + bias, call.dtype(2))]


def dynamic_matmul(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """The left operand is quantised to uint8 over its own range first (ONNX DynamicQuantizeLinear)."""
    a, b, scale, bias = array(call, arrays, 0), array(call, arrays, 1), array(call, arrays, 2), optional(arrays, 4)
    quantised, a_scale, a_zero = dynamically(a)
    y = _scaled(_product(quantised, a_zero, b, optional(arrays, 3)), a_scale * scale)
    return [as_type(y if bias is None else y + bias, call.dtype())]


def qlinear_matmul(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    a, a_scale, b, b_scale, y_scale = (array(call, arrays, slot) for slot in (0, 1, 3, 4, 6))
    y = _product(a, optional(arrays, 2), b, optional(arrays, 5))
    if a_scale.size > 1:  # a row of A
        y, a_scale = y * a_scale.reshape(-1, 1), np.ones((), np.float32)
    scale = a_scale.reshape(()) * b_scale / y_scale.reshape(())
    return [requantised(_scaled(y, scale), optional(arrays, 7), call.dtype(7))]


def qgemm(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """The bias is of the scale of the product; the result is float32 where no scale of the output is given."""
    a, a_scale, b, b_scale = (array(call, arrays, slot) for slot in (0, 1, 3, 4))
    a, b = _turned(call, a, "A"), _turned(call, b, "B")
    y, bias, out = _product(a, optional(arrays, 2), b, optional(arrays, 5)), optional(arrays, 6), optional(arrays, 7)
    scale = float(call.attrs.get("alpha", 1.0)) * a_scale.reshape(()) * b_scale
    y = y if bias is None else y + bias
    if out is None:
        return [as_type(_scaled(y, scale), call.outs[0].dtype)]
    return [requantised(_scaled(y, scale / out.reshape(())), optional(arrays, 8), call.outs[0].dtype)]


# --- weights of a few bits ------------------------------------------------------------------------------------------


def few_bits(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """Columns of B in blocks along K, each with a scale and a zero point; the first number is in the lowest bits."""
    x, stored, scales, zeros = (*(array(call, arrays, slot) for slot in range(3)), optional(arrays, 3))
    inner, columns, bits, block = (int(call.attrs[name]) for name in ("K", "N", "bits", "block_size"))
    count = -(-inner // block)
    numbers = _unpacked(stored.reshape(columns, -1), bits)[:, : count * block].reshape(columns, count, block)
    if zeros is None:
        middle = np.full((columns, count), 2.0 ** (bits - 1))
    elif zeros.dtype == np.uint8:
        middle = _unpacked(zeros.reshape(columns, -1), bits)[:, :count]
    else:
        middle = zeros.reshape(columns, count)
    real = (numbers - middle[..., None]) * scales.reshape(columns, count, 1)
    y, bias = np.matmul(x, real.reshape(columns, -1)[:, :inner].T.astype(x.dtype)), optional(arrays, 5)
    if optional(arrays, 4) is not None:
        raise call.error("npusim does not compute products with reordered groups (g_idx)", code="no-execute")
    return [as_type(y if bias is None else y + bias, call.dtype())]


def _unpacked(stored: Array, bits: int) -> Array:
    """[rows, bytes] to [rows, numbers], as float64."""
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    numbers = (stored[:, :, None] >> shifts) & np.uint8(2**bits - 1)
    return numbers.reshape(len(stored), -1).astype(np.float64)
