"""Reading and writing at computed places: the Gather and Scatter families, OneHot, Compress, NonZero, Unique."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from npusim.ir import DType
from npusim.ops.base import (
    Array,
    Box,
    Call,
    Op,
    Seen,
    Spec,
    Work,
    array,
    known,
    moves,
    optional,
    passes,
    register,
    same,
)

# --- reading --------------------------------------------------------------------------------------------------------


def _infer_gather(call: Call) -> list[Spec]:
    data, axis = call.shape(0), call.axis(0)
    return [((*data[:axis], *call.shape(1), *data[axis + 1 :]), call.dtype())]


def _execute_gather(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    return [np.take(array(call, arrays, 0), array(call, arrays, 1), axis=call.axis(0))]


def _reach_gather(call: Call, number: int, box: Box) -> list[Seen | None]:  # noqa: ARG001 - as every rule
    """All along the axis that is read from, which indices choose."""
    axis, wide = call.axis(0), len(call.shape(1))
    entry = next((each for each in box[axis : axis + wide] if isinstance(each, str) and each), None)
    return [(*box[:axis], entry, *box[axis + wide :]), tuple(box[axis : axis + wide])]


def _infer_gather_elements(call: Call) -> list[Spec]:
    call.axis(0)
    if len(call.shape(0)) != len(call.shape(1)):
        raise call.error(f"data {call.shape(0)} and indices {call.shape(1)} differ in rank")
    return [(call.shape(1), call.dtype())]


def _wrapped(indices: Array, size: int) -> Array:
    """Indices counted from the front."""
    return np.where(indices < 0, indices + size, indices).astype(np.int64)


def _execute_gather_elements(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    data, axis = array(call, arrays, 0), call.axis(0)
    return [data[_places(array(call, arrays, 1), axis, data.shape[axis])]]


def _places(indices: Array, axis: int, size: int) -> tuple[Array, ...]:
    """The own place of each index, but for one axis where it is the index (ONNX GatherElements, ScatterElements)."""
    places: list[Array] = list(np.indices(indices.shape, sparse=True))
    places[axis] = _wrapped(indices, size)
    return tuple(places)


def _infer_gather_nd(call: Call) -> list[Spec]:
    data, indices, batch = call.shape(0), call.shape(1), int(call.attrs.get("batch_dims", 0))
    depth = indices[-1] if indices else 0
    if not indices or batch + depth > len(data) or not 0 <= batch < len(indices) or data[:batch] != indices[:batch]:
        raise call.error(f"indices {indices} do not address data {data} with {batch} batch axes")
    return [((*indices[:-1], *data[batch + depth :]), call.dtype())]


def _execute_gather_nd(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    data, indices, batch = array(call, arrays, 0), array(call, arrays, 1), int(call.attrs.get("batch_dims", 0))
    ((shape, _),) = _infer_gather_nd(call)
    flat = data.reshape(-1, *data.shape[batch:]) if batch else data[None]
    rows = indices.reshape(flat.shape[0], -1, indices.shape[-1])
    at = tuple(_wrapped(rows[..., axis], data.shape[batch + axis]) for axis in range(indices.shape[-1]))
    return [flat[(np.arange(flat.shape[0])[:, None], *at)].reshape(shape)]


# --- writing --------------------------------------------------------------------------------------------------------

_COMBINE: dict[str, np.ufunc] = {"add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}


def _work_scatter(call: Call) -> Work:
    """The data is copied and the updates are written; a reduction is one operation an update."""
    reducing = call.attrs.get("reduction", "none") != "none"
    return passes(call, "add" if reducing else "copy", call.tensor(2).elements if reducing else 0)


def _written(call: Call, data: Array, places: tuple[Any, ...], updates: Array) -> Array:
    result, how = data.copy(), str(call.attrs.get("reduction", "none"))
    if how == "none":
        result[places] = updates
    elif how in _COMBINE:
        _COMBINE[how].at(result, places, updates)
    else:
        raise call.error(f"reduction {how!r} is not one of none, {', '.join(_COMBINE)}", code="bad-node")
    return result


def _infer_scatter_elements(call: Call) -> list[Spec]:
    call.axis(0)
    if call.shape(1) != call.shape(2) or len(call.shape(0)) != len(call.shape(1)):
        raise call.error(f"data {call.shape(0)}, indices {call.shape(1)} and updates {call.shape(2)} do not fit")
    return same(call)


def _execute_scatter_elements(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    data, axis = array(call, arrays, 0), call.axis(0)
    places = _places(array(call, arrays, 1), axis, data.shape[axis])
    return [_written(call, data, places, array(call, arrays, 2))]


def _infer_scatter_nd(call: Call) -> list[Spec]:
    data, indices, updates = (call.shape(slot) for slot in range(3))
    if not indices or indices[-1] > len(data) or updates != (*indices[:-1], *data[indices[-1] :]):
        raise call.error(f"updates {updates} do not fit indices {indices} into data {data}")
    return same(call)


def _execute_scatter_nd(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    data, indices = array(call, arrays, 0), array(call, arrays, 1)
    places = tuple(_wrapped(indices[..., axis], data.shape[axis]) for axis in range(indices.shape[-1]))
    return [_written(call, data, places, array(call, arrays, 2))]


def _infer_tensor_scatter(call: Call) -> list[Spec]:
    cache, update, axis = call.shape(0), call.shape(1), call.axis(-2)
    if len(cache) != len(update) or any(
        u > c or (u != c and i != axis) for i, (u, c) in enumerate(zip(update, cache, strict=False))
    ):
        raise call.error(f"update {update} does not fit the cache {cache} along axis {axis}")
    return same(call)


def _execute_tensor_scatter(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    cache, update, axis = array(call, arrays, 0).copy(), array(call, arrays, 1), call.axis(-2)
    at = optional(arrays, 2)
    for index in range(cache.shape[0]):
        steps = np.arange(update.shape[axis]) + (0 if at is None else int(at[index]))
        steps = steps % cache.shape[axis] if call.attrs.get("mode", "linear") == "circular" else steps
        cache[index][(*(slice(None),) * (axis - 1), steps)] = update[index]
    return [cache]


# --- one-hot --------------------------------------------------------------------------------------------------------


def _one_hot(call: Call) -> tuple[int, int]:
    """Where the new axis goes, and its size."""
    rank = len(call.shape(0)) + 1
    depth = call.ints("depth", 1)
    if not depth or depth[0] < 0:
        raise call.error(f"depth {depth} is no size")
    return call.axis(-1, rank), depth[0]


def _infer_one_hot(call: Call) -> list[Spec]:
    axis, depth = _one_hot(call)
    indices = call.shape(0)
    return [((*indices[:axis], depth, *indices[axis:]), call.dtype(2))]


def _execute_one_hot(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    axis, depth = _one_hot(known(call, arrays))
    off, on = array(call, arrays, 2)
    indices = np.expand_dims(_wrapped(array(call, arrays, 0), depth), axis)
    classes = np.arange(depth).reshape([-1 if at == axis else 1 for at in range(indices.ndim)])
    return [np.where(indices == classes, on, off)]


# --- as many as the data says ---------------------------------------------------------------------------------------


def _unknown_condition(call: Call) -> bool:
    return call.value(1) is None


def _infer_compress(call: Call) -> list[Spec]:
    """At most as many as the axis (or, without one, the tensor) and the condition have."""
    shape, kept = call.shape(0), call.value(1)
    axis = call.axis(0) if "axis" in call.attrs else None
    room = prod(shape) if axis is None else shape[axis]
    count = min(room, prod(call.shape(1))) if kept is None else int(np.count_nonzero(kept[:room]))
    return [((count,) if axis is None else (*shape[:axis], count, *shape[axis + 1 :]), call.dtype())]


def _execute_compress(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    axis = call.axis(0) if "axis" in call.attrs else None
    x, kept = array(call, arrays, 0), array(call, arrays, 1).astype(bool)
    return [np.compress(kept[: x.size if axis is None else x.shape[axis]], x, axis=axis)]


def _unknown_data(call: Call) -> bool:
    return call.value(0) is None


def _infer_non_zero(call: Call) -> list[Spec]:
    x, value = call.shape(0), call.value(0)
    return [((len(x), prod(x) if value is None else int(np.count_nonzero(value))), DType.INT64)]


def _execute_non_zero(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    x = array(call, arrays, 0)
    return [np.stack(np.nonzero(x)).astype(np.int64) if x.ndim else np.zeros((0, int(x != 0)), np.int64)]


def _infer_unique(call: Call) -> list[Spec]:
    if not _unknown_data(call):
        return [
            (each.shape, dtype)
            for each, dtype in zip(_unique(call, call.values[0]), (call.dtype(), *(DType.INT64,) * 3), strict=True)
        ]
    shape = call.shape(0)
    whole = shape if "axis" in call.attrs else (prod(shape),)
    count = shape[call.axis(0)] if "axis" in call.attrs else prod(shape)
    return [(whole, call.dtype()), *[((count,), DType.INT64)] * 3]


def _unique(call: Call, x: Any) -> list[Array]:
    """Values, the first place of each, the value of each place, and how often: sorted, or in order of appearance."""
    axis = call.axis(0) if "axis" in call.attrs else None
    values, first, inverse, counts = np.unique(x, return_index=True, return_inverse=True, return_counts=True, axis=axis)
    inverse = inverse.reshape(-1)
    if not call.attrs.get("sorted", 1):
        order = np.argsort(first)
        values, first, counts = np.take(values, order, axis or 0), first[order], counts[order]
        inverse = np.argsort(order)[inverse]
    return [values, *(each.astype(np.int64) for each in (first, inverse, counts))]


def _execute_unique(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    return _unique(call, array(call, arrays, 0))


def _work_sort(call: Call) -> Work:
    return passes(call, "sort", call.tensor(0).elements)


def _work_scan(call: Call) -> Work:
    """Each element that decides is compared once."""
    return passes(call, "reduce", call.tensor(1 if call.op == "Compress" else 0).elements)


register(
    Op(
        "Gather",
        _infer_gather,
        moves,
        params=(0,),
        scalars_are_settings=True,
        execute=_execute_gather,
        reach=_reach_gather,
    ),
    Op(
        "GatherElements",
        _infer_gather_elements,
        moves,
        params=(0,),
        scalars_are_settings=True,
        execute=_execute_gather_elements,
    ),
    Op("GatherND", _infer_gather_nd, moves, params=(0,), scalars_are_settings=True, execute=_execute_gather_nd),
    Op("Scatter", _infer_scatter_elements, _work_scatter, execute=_execute_scatter_elements),
    Op("ScatterElements", _infer_scatter_elements, _work_scatter, execute=_execute_scatter_elements),
    Op("ScatterND", _infer_scatter_nd, _work_scatter, execute=_execute_scatter_nd),
    Op("TensorScatter", _infer_tensor_scatter, moves, execute=_execute_tensor_scatter),
    Op("OneHot", _infer_one_hot, moves, settings=(1, 2), execute=_execute_one_hot),
    Op("Compress", _infer_compress, _work_scan, execute=_execute_compress, bound_only=_unknown_condition),
    Op("NonZero", _infer_non_zero, _work_scan, execute=_execute_non_zero, bound_only=_unknown_data),
    Op("Unique", _infer_unique, _work_sort, execute=_execute_unique, bound_only=_unknown_data),
)
