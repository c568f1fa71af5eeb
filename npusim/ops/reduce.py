"""Reductions over axes, running sums, and the largest elements: one operation for each element that is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from npusim.ir import DType, Shape
from npusim.ops.arrays import as_type
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
    no_work,
    passes,
    register,
    same,
)
from npusim.ops.pool import work_reduce
from npusim.ops.reach import across, reduced


def axes_of(call: Call, given: tuple[int, ...] | None, rank: int) -> Shape:
    """Axes counted from the front; InputError (shape-mismatch) where one is out of range."""
    for axis in given or ():
        if not -rank <= axis < rank:
            raise call.error(f"axis {axis} is outside a tensor of rank {rank}")
    return tuple(axis % rank for axis in given or ())


def _axes(call: Call) -> Shape:
    """What is reduced: all axes where none are given, unless ``noop_with_empty_axes``."""
    rank = len(call.shape(0))
    given = axes_of(call, call.ints("axes", 1), rank)
    return given if given or call.attrs.get("noop_with_empty_axes", 0) else tuple(range(rank))


def _reduced(call: Call, axes: Shape) -> Shape:
    keep = call.attrs.get("keepdims", 1)
    return tuple(1 if axis in axes else size for axis, size in enumerate(call.shape(0)) if keep or axis not in axes)


def _infer(call: Call) -> list[Spec]:
    return [(_reduced(call, _axes(call)), call.dtype())]


def _work(call: Call) -> Work:
    """A reduction over nothing leaves its input as it is, unless it squares or takes logarithms first."""
    if call.op in _PLAIN and call.attrs.get("noop_with_empty_axes", 0) and not _axes(call):
        return no_work(call)
    return work_reduce(call)


def _log_sum_exp(x: Array, axis: Shape, keepdims: bool) -> Array:
    """The largest exponent is taken out first, so that nothing overflows."""
    x = x if x.dtype.kind == "f" else x.astype(np.float64)
    top = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0)
    total = np.log(np.exp(x - top).sum(axis=axis, keepdims=True)) + top
    return np.asarray(total if keepdims else np.squeeze(total, axis))


def _extreme(function: Callable[..., Any], *, low: bool) -> Callable[..., Array]:
    """The largest of no elements is the least value of the type, the smallest is the greatest (ONNX ReduceMax)."""

    def apply(x: Array, **over: Any) -> Array:
        if x.dtype.kind == "f":
            start: Any = -np.inf if low else np.inf
        elif x.dtype.kind == "b":
            start = not low
        else:
            start = np.iinfo(x.dtype).min if low else np.iinfo(x.dtype).max
        return np.asarray(function(x, initial=start, **over))

    return apply


_PLAIN: dict[str, Callable[..., Any]] = {
    "ReduceSum": np.sum,
    "ReduceMean": np.mean,
    "ReduceProd": np.prod,
    "ReduceMax": _extreme(np.max, low=True),
    "ReduceMin": _extreme(np.min, low=False),
}
_SHAPED: dict[str, Callable[..., Any]] = {
    "ReduceL1": lambda x, **over: np.abs(x).sum(**over),
    "ReduceL2": lambda x, **over: np.sqrt((x * x).sum(**over)),
    "ReduceSumSquare": lambda x, **over: (x * x).sum(**over),
    "ReduceLogSum": lambda x, **over: np.log(x.sum(**over)),
    "ReduceLogSumExp": _log_sum_exp,
}


def _reach(call: Call, number: int, box: Box) -> list[Seen | None]:  # noqa: ARG001 - as every rule
    return [reduced(call, _axes(call), box), *(None for _ in call.ins[1:])]


def _reduction(name: str, function: Callable[..., Any]) -> Op:
    def execute(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
        over = {"axis": _axes(known(call, arrays)), "keepdims": bool(call.attrs.get("keepdims", 1))}
        with np.errstate(all="ignore"):  # the mean of nothing is NaN
            return [as_type(function(array(call, arrays, 0), **over), call.dtype())]

    return Op(name, _infer, _work, settings=(1,), execute=execute, reach=_reach)


# --- position of the extreme ----------------------------------------------------------------------------------------


def _infer_arg(call: Call) -> list[Spec]:
    return [(_reduced(call, (call.axis(0),)), DType.INT64)]


def _arg(name: str, function: Callable[..., Any]) -> Op:
    def execute(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
        x, axis = array(call, arrays, 0), call.axis(0)
        if call.attrs.get("select_last_index", 0):
            found = x.shape[axis] - 1 - function(np.flip(x, axis), axis=axis)
        else:
            found = function(x, axis=axis)
        found = np.expand_dims(found, axis) if call.attrs.get("keepdims", 1) else found
        return [np.asarray(found, np.int64)]

    def reach(call: Call, number: int, box: Box) -> list[Seen | None]:  # noqa: ARG001 - as every rule
        return [reduced(call, (call.axis(0),), box)]

    return Op(name, _infer_arg, work_reduce, execute=execute, reach=reach)


# --- running totals -------------------------------------------------------------------------------------------------


def _running(name: str, function: Callable[..., Any], start: int) -> Op:
    def execute(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
        x, axis = array(call, arrays, 0), int(array(call, arrays, 1).reshape(()))
        backwards = bool(call.attrs.get("reverse", 0))
        x = np.flip(x, axis) if backwards else x
        total = function(x, axis=axis, dtype=x.dtype)
        if call.attrs.get("exclusive", 0):
            total = np.roll(total, 1, axis)
            total[(slice(None),) * (axis % x.ndim) + (slice(0, 1),)] = start
        return [np.flip(total, axis) if backwards else total]

    return Op(
        name, same, work_reduce, settings=(1,), execute=execute, reach=across(lambda call: range(len(call.shape(0))))
    )


# --- the k largest --------------------------------------------------------------------------------------------------


def _infer_topk(call: Call) -> list[Spec]:
    """k as attribute (opset 9) or input; where it is computed from data, the whole axis is the bound."""
    axis, shape = call.axis(-1), call.shape(0)
    given = (shape[axis],) if _topk_bound(call) else call.ints("k", 1)
    if not given or not 0 <= given[0] <= shape[axis]:
        raise call.error(f"k {given and given[0]} is not between 0 and the {shape[axis]} elements of axis {axis}")
    out = (*shape[:axis], given[0], *shape[axis + 1 :])
    return [(out, call.dtype()), (out, DType.INT64)]


def _topk_bound(call: Call) -> bool:
    return "k" not in call.attrs and call.unknown_input(1)


def _work_topk(call: Call) -> Work:
    return passes(call, "sort", call.tensor(0).elements)


def _execute_topk(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """Sorted whatever ``sorted`` says (it then allows any order); of equal elements the first come first."""
    x, axis = array(call, arrays, 0), call.axis(-1)
    k = int(call.attrs["k"]) if "k" in call.attrs else int(array(call, arrays, 1).reshape(-1)[0])
    if call.attrs.get("largest", 1):
        order = x.shape[axis] - 1 - np.flip(np.argsort(np.flip(x, axis), axis=axis, kind="stable"), axis)
    else:
        order = np.argsort(x, axis=axis, kind="stable")
    order = np.take(order, range(k), axis)
    return [np.take_along_axis(x, order, axis), order.astype(np.int64)]


register(
    *(_reduction(name, function) for name, function in (_PLAIN | _SHAPED).items()),
    _arg("ArgMax", np.argmax),
    _arg("ArgMin", np.argmin),
    _running("CumSum", np.cumsum, 0),
    _running("CumProd", np.cumprod, 1),
    Op(
        "TopK",
        _infer_topk,
        _work_topk,
        settings=(1,),
        execute=_execute_topk,
        bound_only=_topk_bound,
        reach=across(lambda call: (call.axis(-1),)),
    ),
)
