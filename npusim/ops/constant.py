"""Tensors from nothing, or from the shape of another: constants, ranges, shapes, random numbers, windows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from npusim.ir import DType
from npusim.ops.arrays import as_type, dtype_of
from npusim.ops.base import Array, Call, Op, Spec, array, known, moves, no_work, per_output, register
from npusim.ops.view import type_of

# --- Constant -------------------------------------------------------------------------------------------------------

# Attributes that hold a value as Python has it, and the type that ONNX gives it.
_PLAIN = {
    "value_float": DType.FLOAT32, "value_floats": DType.FLOAT32, "value_int": DType.INT64, "value_ints": DType.INT64,
    "value_string": DType.STRING, "value_strings": DType.STRING,
}  # fmt: skip


def _value(call: Call) -> tuple[Array, DType]:
    for attr, dtype in _PLAIN.items():
        if attr in call.attrs:
            kind: Any = object if dtype is DType.STRING else dtype.label
            return np.array(call.attrs[attr], kind), dtype
    found = call.attrs.get("value")
    if found is None:
        raise call.error(
            "has none of the attributes value, value_int(s), value_float(s), value_string(s)", code="bad-node"
        )
    return np.asarray(found), dtype_of(np.asarray(found))


def _infer_constant(call: Call) -> list[Spec]:
    value, dtype = _value(call)
    return [(value.shape, dtype)]


def _execute_constant(call: Call, arrays: Sequence[Array | None]) -> list[Array]:  # noqa: ARG001 - it has no inputs
    return [_value(call)[0]]


def _fill(call: Call) -> tuple[Array, DType]:
    """The one element that ConstantOfShape repeats: a float 0 unless the node gives another."""
    value = np.asarray(call.attrs.get("value", np.zeros(1, np.float32))).reshape(-1)
    if value.size != 1:
        raise call.error(f"value has {value.size} elements, not one", code="bad-node")
    return value, dtype_of(value)


def _infer_constant_of_shape(call: Call) -> list[Spec]:
    return [(call.ints("shape", 0) or (), _fill(call)[1])]


def _execute_constant_of_shape(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    return [np.full(tuple(int(size) for size in array(call, arrays, 0)), _fill(call)[0][0])]


# --- shapes as values -----------------------------------------------------------------------------------------------


def _shape_value(call: Call) -> Array:
    """All sizes, or those from ``start`` up to ``end``, which are clamped (ONNX Shape, opset 15)."""
    shape = call.shape(0)
    start, end = int(call.attrs.get("start", 0)), call.attrs.get("end")
    return np.array(shape[slice(start, None if end is None else int(end))], np.int64)


def _infer_shape(call: Call) -> list[Spec]:
    return [(_shape_value(call).shape, DType.INT64)]


def _execute_shape(call: Call, arrays: Sequence[Array | None]) -> list[Array]:  # noqa: ARG001 - the shape is enough
    return [_shape_value(call)]


def _infer_size(call: Call) -> list[Spec]:
    call.tensor(0)
    return [((), DType.INT64)]


def _execute_size(call: Call, arrays: Sequence[Array | None]) -> list[Array]:  # noqa: ARG001 - the shape is enough
    return [np.array(call.tensor(0).elements, np.int64)]


# --- ranges and identity matrices -----------------------------------------------------------------------------------


def _infer_range(call: Call) -> list[Spec]:
    (start,), (limit,), (delta,) = (
        call.floats(name, slot) or (0.0,) for slot, name in enumerate(("start", "limit", "delta"))
    )
    if delta == 0:
        raise call.error("delta is 0")
    return [((max(math.ceil((limit - start) / delta), 0),), call.dtype())]


def _execute_range(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    start, _, delta = (array(call, arrays, slot).reshape(()) for slot in range(3))
    (((count,), dtype),) = _infer_range(known(call, arrays))
    return [as_type(start + np.arange(count) * delta, dtype)]


def _infer_eye(call: Call) -> list[Spec]:
    if len(call.shape(0)) != 2:
        raise call.error(f"shape {call.shape(0)} is no matrix")
    return [(call.shape(0), type_of(call, "dtype", call.dtype()))]


def _execute_eye(call: Call, arrays: Sequence[Array | None]) -> list[Array]:  # noqa: ARG001 - the shape is enough
    (((rows, columns), dtype),) = _infer_eye(call)
    return [as_type(np.eye(rows, columns, k=int(call.attrs.get("k", 0))), dtype)]


# --- random numbers -------------------------------------------------------------------------------------------------


def _infer_random(call: Call) -> list[Spec]:
    return [(call.ints("shape") or (), type_of(call, "dtype", DType.FLOAT32))]


def _infer_random_like(call: Call) -> list[Spec]:
    return [(call.shape(0), type_of(call, "dtype", call.dtype()))]


def _infer_multinomial(call: Call) -> list[Spec]:
    return [((call.shape(0)[0], int(call.attrs.get("sample_size", 1))), type_of(call, "dtype", DType.INT32))]


# --- windows --------------------------------------------------------------------------------------------------------

# a0 - a1 cos(x) + a2 cos(2 x), as ONNX gives the coefficients.
_WINDOWS = {
    "HannWindow": (0.5, 0.5, 0.0),
    "HammingWindow": (25 / 46, 21 / 46, 0.0),
    "BlackmanWindow": (0.42, 0.5, 0.08),
}


def _infer_window(call: Call) -> list[Spec]:
    return [((call.ints("size", 0) or (0,))[:1], type_of(call, "output_datatype", DType.FLOAT32))]


def _execute_window(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    (((size,), dtype),) = _infer_window(known(call, arrays))
    a0, a1, a2 = _WINDOWS[call.op]
    turn = np.arange(size) * (2 * math.pi / max(size if call.attrs.get("periodic", 1) else size - 1, 1))
    return [as_type(a0 - a1 * np.cos(turn) + a2 * np.cos(2 * turn), dtype)]


_CONSTANT: tuple[tuple[str, Callable[[Call], list[Spec]], Callable[..., list[Array]], tuple[int, ...]], ...] = (
    ("Constant", _infer_constant, _execute_constant, ()),
    ("ConstantOfShape", _infer_constant_of_shape, _execute_constant_of_shape, (0,)),
    ("Range", _infer_range, _execute_range, (0, 1, 2)),
    ("EyeLike", _infer_eye, _execute_eye, (0,)),
)

register(
    *(Op(name, infer, moves, settings=settings, execute=execute) for name, infer, execute, settings in _CONSTANT),
    *(Op(name, _infer_window, per_output("sigmoid"), settings=(0,), execute=_execute_window) for name in _WINDOWS),
    Op("Shape", _infer_shape, no_work, settings=(0,), execute=_execute_shape),
    Op("Size", _infer_size, no_work, settings=(0,), execute=_execute_size),
    *(Op(name, _infer_random, per_output("sigmoid")) for name in ("RandomNormal", "RandomUniform")),
    *(Op(name, _infer_random_like, per_output("sigmoid")) for name in ("RandomNormalLike", "RandomUniformLike")),
    Op("Bernoulli", _infer_random_like, per_output("sigmoid")),
    Op("Multinomial", _infer_multinomial, per_output("sort")),
)
