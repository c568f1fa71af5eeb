"""Matrix products: MatMul, Gemm and their integer, quantised and fused forms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import msgspec
import numpy as np

from npusim.ir import DType, Shape
from npusim.loopnest import LoopNest
from npusim.ops.activation import fused_activation
from npusim.ops.arrays import as_type
from npusim.ops.base import (
    Array,
    Box,
    Call,
    Op,
    Seen,
    Spec,
    VectorWork,
    Work,
    array,
    broadcast,
    later,
    optional,
    register,
    widens,
)
from npusim.ops.reach import everywhere, pointwise


def product_nest(
    *, groups: int, rows: int, inner: int, columns: int, bias: bool = False, weights_vary: bool = False
) -> LoopNest:
    """``groups`` products of [rows, inner] and [inner, columns] as a 1 x 1 convolution of ``rows`` positions.

    Each group has a right operand of its own, which stands for the weights.
    """
    return LoopNest(
        batch=1, groups=groups, in_channels=inner, out_channels=columns, out=(rows,), kernel=(1,), ifm=(rows,),
        bias=bias, weights_vary=weights_vary,
    )  # fmt: skip


class _Form(msgspec.Struct, frozen=True):
    """Where a form of matrix product keeps its operands, and what they are."""

    a: int = 0
    b: int = 1
    bias: int | None = None
    dtype: Callable[[Call], DType] = Call.dtype
    settings: tuple[int, ...] = ()
    gemm: bool = False


# --- shapes and nests -----------------------------------------------------------------------------------------------


def _turned(call: Call, slot: int, letter: str) -> Shape:
    """The operand's shape after the transpositions that fused forms offer."""
    shape = call.shape(slot)
    if call.attrs.get(f"transBatch{letter}"):
        shape = (*shape[1:-1], shape[0], shape[-1])
    return (*shape[:-2], shape[-1], shape[-2]) if call.attrs.get(f"trans{letter}") and len(shape) > 1 else shape


def _shapes(call: Call, form: _Form) -> tuple[Shape, Shape]:
    """Both operands, at least matrices: a vector is a row on the left and a column on the right (numpy matmul)."""
    a, b = _turned(call, form.a, "A"), _turned(call, form.b, "B")
    if not a or not b or (form.gemm and (len(a), len(b)) != (2, 2)):
        raise call.error(f"shapes {call.shape(form.a)} and {call.shape(form.b)} are no matrices")
    a, b = (1, *a) if len(a) == 1 else a, (*b, 1) if len(b) == 1 else b
    if a[-1] != b[-2]:
        raise call.error(f"inner sizes of {call.shape(form.a)} and {call.shape(form.b)} differ: {a[-1]} and {b[-2]}")
    return a, b


def _nest(call: Call, form: _Form) -> LoopNest:
    """Batch axes of both operands are groups; of one operand alone, they are more of its rows or columns."""
    a, b = _shapes(call, form)
    inner, rows, columns, groups = a[-1], a[-2], b[-1], 1
    batch = broadcast(call, a[:-2], b[:-2])
    for axis, size in enumerate(batch, -len(batch)):
        in_a = -axis + 2 <= len(a) and a[axis - 2] == size != 1
        in_b = -axis + 2 <= len(b) and b[axis - 2] == size != 1
        groups *= size if in_a and in_b else 1
        rows *= size if in_a and not in_b else 1
        columns *= size if in_b and not in_a else 1
    constant = call.tensor(form.b).is_constant
    if call.tensor(form.a).is_constant and not constant:  # the weights are on the left: transpose the whole product
        rows, columns, constant = columns, rows, True
    return product_nest(
        groups=groups, rows=rows, inner=inner, columns=columns, bias=form.bias is not None and call.has(form.bias),
        weights_vary=not constant,
    )  # fmt: skip


def _out(call: Call, form: _Form) -> Shape:
    a, b = _shapes(call, form)
    rows = a[-2:-1] if len(call.shape(form.a)) > 1 else ()
    columns = b[-1:] if len(call.shape(form.b)) > 1 else ()
    return (*broadcast(call, a[:-2], b[:-2]), *rows, *columns)


def _then(call: Call) -> tuple[VectorWork, ...]:
    return fused_activation(call, call.outs[0].elements)


_BY_RANGE = ("com.microsoft::DynamicQuantizeMatMul",)  # quantise an operand by all of its elements
_TURNED = ("transA", "transB", "transBatchA", "transBatchB")  # attributes of products of transposed operands


def _op(name: str, form: _Form, execute: Any = None) -> Op:
    def infer(call: Call) -> list[Spec]:
        out = _out(call, form)
        if form.bias is not None and call.has(form.bias) and not widens(call.shape(form.bias), out):
            raise call.error(f"bias {call.shape(form.bias)} cannot be broadcast to {out}")
        return [(out, form.dtype(call))]

    def work(call: Call) -> Work:
        return Work(nests=(_nest(call, form),), vector=_then(call))

    def reach(call: Call, number: int, box: Box) -> list[Seen | None]:
        """Rows of the one, columns of the other, all products; of a bias the same place. Other forms: everything."""
        apart = any(call.attrs.get(name) for name in _TURNED) or call.op in _BY_RANGE
        if form.gemm or apart or min(len(call.shape(form.a)), len(call.shape(form.b))) < 2:
            return everywhere(call, number, box)
        seen: list[Seen | None] = list(pointwise(call, number, box))
        for slot, own in ((form.a, -2), (form.b, -1)):
            rank, shared = len(call.shape(slot)), seen[slot]
            assert shared is not None
            ends = (box[-2], None) if own == -2 else (None, box[-1])
            seen[slot] = (*shared[: rank - 2], *ends)
        return seen

    params = (form.a, form.b) if form.bias is None else (form.a, form.b, form.bias)
    return Op(name, infer, work, params=params, settings=form.settings, execute=execute, reach=reach)


# --- weights of a few bits ------------------------------------------------------------------------------------------


def _bits_shape(call: Call) -> tuple[int, int]:
    inner, columns = int(call.attrs["K"]), int(call.attrs["N"])
    if not call.shape(0) or call.shape(0)[-1] != inner:
        raise call.error(f"the last axis of {call.shape(0)} is not K = {inner}")
    return inner, columns


def _infer_bits(call: Call) -> list[Spec]:
    return [((*call.shape(0)[:-1], _bits_shape(call)[1]), call.dtype())]


def _work_bits(call: Call) -> Work:
    inner, columns = _bits_shape(call)
    rows, vary = prod(call.shape(0)[:-1]), not call.tensor(1).is_constant
    nest = product_nest(groups=1, rows=rows, inner=inner, columns=columns, bias=call.has(5), weights_vary=vary)
    return Work(nests=(nest,))


# --- values ---------------------------------------------------------------------------------------------------------


def _execute_matmul(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    return [as_type(np.matmul(array(call, arrays, 0), array(call, arrays, 1)), call.dtype())]


def _execute_gemm(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    a, b, c = array(call, arrays, 0), array(call, arrays, 1), optional(arrays, 2)
    a, b = a.T if call.attrs.get("transA") else a, b.T if call.attrs.get("transB") else b
    alpha, beta = (call.attrs.get(name, 1.0) for name in ("alpha", "beta"))
    product = np.matmul(a, b) if alpha == 1 else alpha * np.matmul(a, b)
    return [as_type(product if c is None else product + (c if beta == 1 else beta * c), call.dtype())]


def _centred(x: Array, zero_point: Array | None, axis: int) -> Array:
    """The integers less their zero point, which may be one a row (axis -2) or a column (axis -1)."""
    if zero_point is None:
        return x.astype(np.int32)
    if zero_point.ndim == 1 and zero_point.size > 1:
        zero_point = np.expand_dims(zero_point, -1) if axis == -2 else zero_point
    return np.asarray(x.astype(np.int32) - zero_point.astype(np.int32))


def _execute_integer(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    a = _centred(array(call, arrays, 0), optional(arrays, 2), -2)
    b = _centred(array(call, arrays, 1), optional(arrays, 3), -1)
    return [np.matmul(a, b)]


_VALUES = "matmul_execute"  # the module that computes the other forms

register(
    _op("MatMul", _Form(), _execute_matmul),
    _op("com.microsoft::FusedMatMul", _Form(), later(_VALUES, "fused_matmul")),
    _op("com.microsoft::TransposeMatMul", _Form(), later(_VALUES, "fused_matmul")),
    _op("Gemm", _Form(bias=2, gemm=True), _execute_gemm),
    _op("com.microsoft::FusedGemm", _Form(bias=2, gemm=True), later(_VALUES, "fused_gemm")),
    _op("MatMulInteger", _Form(dtype=lambda _: DType.INT32, settings=(2, 3)), _execute_integer),
    _op(
        "com.microsoft::MatMulIntegerToFloat",
        _Form(bias=6, dtype=lambda call: call.dtype(2), settings=(2, 3, 4, 5)),
        later(_VALUES, "integer_to_float"),
    ),
    _op(
        "com.microsoft::DynamicQuantizeMatMul",
        _Form(bias=4, settings=(2, 3)),
        later(_VALUES, "dynamic_matmul"),
    ),
    _op(
        "QLinearMatMul",
        _Form(b=3, dtype=lambda call: call.dtype(7), settings=(1, 2, 4, 5, 6, 7)),
        later(_VALUES, "qlinear_matmul"),
    ),
    _op(
        "com.microsoft::QGemm",
        _Form(
            b=3,
            bias=6,
            gemm=True,
            settings=(1, 2, 4, 5, 7, 8),
            dtype=lambda call: call.dtype(8) if call.has(8) else DType.FLOAT32,
        ),
        later(_VALUES, "qgemm"),
    ),
    Op(
        "com.microsoft::MatMulNBits",
        _infer_bits,
        _work_bits,
        params=(1, 5),
        settings=(2, 3, 4),
        execute=later(_VALUES, "few_bits"),
    ),
)
