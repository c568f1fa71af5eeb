"""Random calls of operators that take elements from places, or put them there."""

from __future__ import annotations

from typing import Any

import numpy as np
from draw_kit import Drawn, Pick, Shape
from draws_data import inside
from sample_kit import Arg, Sample, const


def _gather(pick: Pick) -> Sample:
    shape = pick.shape(1)
    axis = pick.axis(len(shape))
    at = inside(pick, shape[axis], pick.shape(0, 2))
    return Sample({"axis": axis}, (pick.any(*shape), Arg(at.value.astype(pick.of("int64", "int32")))))


def _smaller(pick: Pick, shape: Shape, axis: int) -> Shape:
    """A shape within this one, and of any size along the axis."""
    return tuple(pick.size(1, 4 if at == axis % len(shape) else size) for at, size in enumerate(shape))


def _gather_elements(pick: Pick) -> Sample:
    shape = pick.shape(1)
    axis = pick.axis(len(shape))
    return Sample({"axis": axis}, (pick.any(*shape), inside(pick, shape[axis], _smaller(pick, shape, axis))))


def _places(pick: Pick, lead: Shape, sizes: Shape) -> Arg:
    """Index tuples into axes of these sizes."""
    columns = [inside(pick, size, lead).value for size in sizes]
    return Arg(np.stack(columns, axis=-1).astype(np.int64))


def _gather_nd(pick: Pick) -> Sample:
    shape = pick.shape(1)
    batch = pick.size(0, len(shape) - 1)
    depth = pick.size(1, len(shape) - batch)
    lead = (*shape[:batch], *pick.shape(0, 2, high=3))
    attrs = {"batch_dims": batch} if batch else {}
    return Sample(attrs, (pick.any(*shape), _places(pick, lead, shape[batch : batch + depth])))


def _once(pick: Pick, shape: Shape, axis: int) -> Arg:
    """Places of which none is named twice along the axis, as the last one to come would be left to chance."""
    size = shape[axis]
    within = tuple(pick.size(1, each) for each in shape)
    order = np.argsort(pick.rng().random((*within[:axis], size, *within[axis + 1 :])), axis=axis)
    at = np.take(order, range(within[axis]), axis=axis)
    return Arg(np.where(pick.rng().random(at.shape) < 0.3, at - size, at).astype(np.int64))


def _scatter_elements(pick: Pick, *, old: bool = False) -> Sample:
    """With a reduction places may come twice."""
    shape = pick.shape(1)
    axis = pick.size(0, len(shape) - 1)
    how = "none" if old else pick.of("none", "add", "mul", "max", "min")
    at = _once(pick, shape, axis)
    if how != "none":
        at = inside(pick, shape[axis], at.value.shape)
    attrs: dict[str, Any] = {"axis": axis if old or pick.flag() else axis - len(shape)}
    if how != "none":
        attrs["reduction"] = how
    return Sample(attrs, (pick.real(*shape), at, pick.real(*at.value.shape)), opset=9 if old else 18)


def _scatter_nd(pick: Pick) -> Sample:
    shape = pick.shape(1)
    depth, how = pick.size(1, len(shape)), pick.of("none", "add", "mul", "max", "min")
    sizes = shape[:depth]
    count = pick.size(1, int(np.prod(sizes)))
    flat = pick.rng().permutation(int(np.prod(sizes)))[:count]
    if how != "none":
        flat = pick.rng().integers(0, int(np.prod(sizes)), count)
    at = np.stack(np.unravel_index(flat, sizes), axis=-1).astype(np.int64)
    attrs = {"reduction": how} if how != "none" else {}
    return Sample(attrs, (pick.real(*shape), Arg(at), pick.real(count, *shape[depth:])), opset=18)


def _tensor_scatter(pick: Pick) -> Sample:
    """Rows put at a place of each batch element; circular ones go on at the front."""
    shape = (pick.size(), *pick.shape(1, 2), pick.size())
    axis = pick.size(1, len(shape) - 1)
    rows, mode = pick.size(1, shape[axis]), pick.of("linear", "circular")
    update = (*shape[:axis], rows, *shape[axis + 1 :])
    most = shape[axis] - (rows if mode == "linear" else 1)
    at = pick.maybe(lambda: pick.whole(shape[0], low=0, high=most))
    attrs = {"mode": mode, "axis": axis if pick.flag() else axis - len(shape)}
    return Sample(attrs, (pick.real(*shape), pick.real(*update), *([at] if at else [])), opset=24)


def _one_hot(pick: Pick) -> Sample:
    """Places beyond the depth have no 1; depth is stored."""
    at, depth = pick.shape(1, 3), pick.size(1, 4)
    axis = pick.size(-len(at) - 1, len(at))
    attrs = {"axis": axis} if axis != -1 or pick.flag() else {}
    places = pick.whole(*at, low=-depth - 1, high=depth)
    return Sample(attrs, (places, const(pick.of(depth, [depth])), const([2.0, 5.0], "float32")))


def _compress(pick: Pick) -> Sample:
    """A condition may be shorter than what it chooses from."""
    shape = pick.shape(1)
    if pick.flag():
        axis = pick.axis(len(shape))
        return Sample({"axis": axis}, (pick.any(*shape), pick.truth(pick.size(1, shape[axis]))))
    return Sample({}, (pick.any(*shape), pick.truth(pick.size(1, int(np.prod(shape))))))


def _non_zero(pick: Pick) -> Sample:
    return Sample({}, (pick.whole(*pick.shape(1), low=0, high=1, dtype=pick.of("float32", "int64", "bool")),))


def _unique(pick: Pick) -> Sample:
    shape = pick.shape(1, 3)
    attrs: dict[str, Any] = {"sorted": pick.size(0, 1)} | ({"axis": pick.axis(len(shape))} if pick.flag() else {})
    x = pick.whole(*shape, low=0, high=2, dtype=pick.of("float32", "int64"))
    return Sample(attrs, (x,), outs=pick.size(1, 4))


INDEX: dict[str, Drawn] = {
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "GatherND": _gather_nd,
    "Scatter": lambda pick: _scatter_elements(pick, old=True),
    "ScatterElements": _scatter_elements,
    "ScatterND": _scatter_nd,
    "TensorScatter": _tensor_scatter,
    "OneHot": _one_hot,
    "Compress": _compress,
    "NonZero": _non_zero,
    "Unique": _unique,
}
