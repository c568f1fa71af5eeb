"""Random calls of operators that reduce, resize, move and select."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from draw_kit import Drawn, Pick, Shape
from sample_kit import INT64_MAX, Arg, Sample, const

from npusim.ops import OPS

MS = "com.microsoft::"

# --- reductions -----------------------------------------------------------------------------------------------------

_WHOLE = ("ReduceSum", "ReduceMax", "ReduceMin", "ReduceMean")


def reduction(op: str, pick: Pick, dtype: str = "float32") -> Sample:
    """Axes as attribute or as input, none at all, or none on purpose; the elements of logarithms are positive."""
    shape = pick.shape(1)
    low = 0.2 if "Log" in op else -2.0
    if op == "ReduceProd" and dtype == "float32" and pick.flag():  # 3^16 is far from overflowing
        shape = tuple(min(size, 2) for size in shape)
        x = pick.whole(*shape, low=-3, high=3, dtype=pick.of("int32", "int64"))
    elif op in _WHOLE and dtype == "float32" and pick.flag():
        x = pick.whole(*shape, dtype=pick.of("int32", "int64") if op not in ("ReduceMax", "ReduceMin") else "int64")
    else:
        x = pick.real(*shape, low=low, dtype=dtype)
    attrs: dict[str, Any] = {"keepdims": pick.size(0, 1)} if pick.flag() else {}
    axes = pick.signed(pick.some_of(len(shape), least=1), len(shape))
    form = pick.of("attribute", "input", "none", "empty")
    if form == "attribute":
        return Sample(attrs | {"axes": axes}, (x,), opset=11)
    opset = 20 if op in ("ReduceMax", "ReduceMin") else 18
    if form == "input":
        return Sample(attrs, (x, const(axes)), opset=opset)
    if form == "empty":
        attrs["noop_with_empty_axes"] = 1
    return Sample(attrs, (x,), opset=opset)


def _largest(pick: Pick) -> Sample:
    """Few whole numbers, so that several are the largest."""
    shape = pick.shape(1)
    attrs: dict[str, Any] = {"keepdims": pick.size(0, 1), "select_last_index": pick.size(0, 1)}
    if pick.flag():
        attrs["axis"] = pick.axis(len(shape))
    return Sample(attrs, (pick.whole(*shape, low=-2, high=2, dtype=pick.of("float32", "int32")),), opset=13)


def running(pick: Pick, dtype: str = "float32", *, opset: int = 22) -> Sample:
    shape = pick.shape(1)
    attrs = {name: pick.size(0, 1) for name in ("exclusive", "reverse") if pick.flag()}
    return Sample(attrs, (pick.real(*shape, dtype=dtype), const(pick.axis(len(shape)))), opset=opset)


def _top(pick: Pick) -> Sample:
    """The attribute k of old, or an input; of equal elements the first come first."""
    shape = pick.shape(1)
    axis = pick.axis(len(shape))
    count = pick.size(1, shape[axis])
    x = pick.whole(*shape, low=-3, high=3, dtype="float32")
    attrs: dict[str, Any] = {"axis": axis} if axis != -1 or pick.flag() else {}
    if pick.flag():
        return Sample(attrs | {"k": count}, (x,), outs=2, opset=7)
    return Sample(attrs | {"largest": pick.size(0, 1)}, (x, const([count])), outs=2)


REDUCE: dict[str, Drawn] = {
    **{op: partial(reduction, op) for op in OPS if op.startswith("Reduce")},
    "ArgMax": _largest,
    "ArgMin": _largest,
    "CumSum": running,
    "CumProd": partial(running, opset=26),
    "TopK": _top,
}

# --- moving ---------------------------------------------------------------------------------------------------------


def _concat(pick: Pick) -> Sample:
    shape = pick.shape(1)
    axis = pick.axis(len(shape))
    parts = [(*shape[: axis % len(shape)], pick.size(0, 3), *shape[axis % len(shape) + 1 :]) for _ in range(3)]
    return Sample({"axis": axis}, tuple(pick.real(*part) for part in parts[: pick.size(1, 3)]))


def _split(pick: Pick) -> Sample:
    """In the parts given, in equal ones, or in as many as there are outputs with a smaller last one."""
    shape, count = pick.shape(1, 3, high=6), pick.size(1, 3)
    axis, parts = pick.axis(len(shape)), pick.sizes(count, 0 if pick.flag() else 1, 3)
    form = pick.of("attribute", "input", "equal", "count")

    def resized(size: int) -> Arg:
        return pick.any(*shape[: axis % len(shape)], size, *shape[axis % len(shape) + 1 :])

    if form == "attribute":
        return Sample({"axis": axis, "split": parts}, (resized(sum(parts)),), outs=count, opset=11)
    if form == "input":
        return Sample({"axis": axis}, (resized(sum(parts)), const(parts)), outs=count, opset=13)
    if form == "equal":
        return Sample({"axis": axis}, (resized(count * parts[0]),), outs=count, opset=13)
    size = (count - 1) * pick.size(1, 2) + 1
    count = -(-size // -(-size // count))  # equal parts, rounded up, may be fewer
    return Sample({"axis": axis, "num_outputs": count}, (resized(size),), outs=count, opset=18)


def _transpose(pick: Pick) -> Sample:
    shape = pick.shape(0, 5, high=3)
    return Sample({"perm": pick.order(len(shape))} if shape and pick.flag() else {}, (pick.any(*shape),))


def _tile(pick: Pick) -> Sample:
    shape = pick.shape(1, 4, high=3)
    return Sample({}, (pick.any(*shape), const(pick.sizes(len(shape), 0, 3))))


def _expand(pick: Pick) -> Sample:
    """To a shape that may itself have ones where the input has more."""
    shape = pick.shape(0)
    return Sample({}, (pick.any(*pick.spread(shape)), const(pick.spread(shape) if pick.flag() else shape)))


def to_space(pick: Pick, dtype: str = "float32") -> Sample:
    block, (batch, channels, height, width) = pick.size(1, 3), pick.sizes(4, 1, 3)
    x = pick.real(batch, channels * block**2, height, width, dtype=dtype)
    if pick.flag():
        return Sample({"blocksize": block, "mode": pick.of("DCR", "CRD")}, (x,))
    return Sample({"blocksize": block}, (x,), opset=pick.of(7, 11, 13))


def to_depth(pick: Pick, dtype: str = "float32") -> Sample:
    block, (batch, channels, height, width) = pick.size(1, 3), pick.sizes(4, 1, 3)
    return Sample({"blocksize": block}, (pick.real(batch, channels, height * block, width * block, dtype=dtype),))


def _columns(pick: Pick) -> Sample:
    """Blocks back in an image; those that overlap are added. Along other than two axes onnxruntime puts dilated blocks
    in wrong places.
    """
    rank = pick.size(1, 3)
    image, block = pick.sizes(rank, 3, 5), pick.sizes(rank, 1, 2)
    strides, pads = pick.sizes(rank, 1, 2), pick.sizes(2 * rank, 0, 1)
    dilations = pick.sizes(2, 1, 2) if rank == 2 else (1,) * rank
    places = [
        (size + pads[at] + pads[rank + at] - (block[at] - 1) * dilations[at] - 1) // strides[at] + 1
        for at, size in enumerate(image)
    ]
    attrs = {"strides": strides, "dilations": dilations, "pads": pads} if rank != 2 or pick.flag() else {}
    if not attrs:
        places = [size - taps + 1 for size, taps in zip(image, block, strict=True)]
    x = pick.real(pick.size(1, 2), 2 * int(np.prod(block)), int(np.prod(places)))
    return Sample(attrs, (x, const(image), const(block)), opset=18)


def _reversed(pick: Pick) -> Sample:
    steps, batch = pick.sizes(2)
    lengths = pick.whole(batch, low=1, high=steps)
    more = pick.shape(0, 2)
    if pick.flag():
        return Sample({"batch_axis": 0, "time_axis": 1}, (pick.real(batch, steps, *more), lengths))
    return Sample({}, (pick.real(steps, batch, *more), lengths))


def _slice(pick: Pick) -> Sample:
    """Starts and ends far beyond the axes, steps either way. Backward, onnxruntime takes the greatest end for none."""
    shape = pick.shape(1, 4, high=6)
    axes = pick.some_of(len(shape), least=1)
    far = (-INT64_MAX, -9, -3, -1, 0, 1, 2, 5, INT64_MAX)
    starts, ends = (tuple(pick.of(*far) for _ in axes) for _ in range(2))
    steps = tuple(pick.of(-3, -2, -1, 1, 2, 3) for _ in axes)
    backward = tuple(min(end, 5) if step < 0 else end for end, step in zip(ends, steps, strict=True))
    named = pick.signed(axes, len(shape))
    x = pick.any(*shape)
    form = pick.of("attributes", "all axes", "steps", "axes")
    if form == "attributes":
        return Sample({"starts": starts, "ends": ends, "axes": axes}, (x,), opset=9)
    if form == "all axes":
        starts, ends = (tuple(pick.of(*far) for _ in shape) for _ in range(2))
        return Sample({}, (x, const(starts), const(ends)))
    if form == "steps":
        return Sample({}, (x, const(starts), const(backward), const(named), const(steps)))
    return Sample({}, (x, const(starts), const(ends), const(named)))


def _pad(pick: Pick) -> Sample:
    """Of every mode and opset; a reflection reaches no further than the axis has others, a wrap no further than it."""
    shape, mode = pick.shape(1, 4), pick.of("constant", "constant", "reflect", "edge", "wrap")
    axes = tuple(range(len(shape)))
    named = pick.some_of(len(shape), least=1) if mode == "constant" and pick.flag() else None
    axes = axes if named is None else named
    most = [shape[axis] - 1 if mode == "reflect" else shape[axis] if mode == "wrap" else 3 for axis in axes]
    pads = tuple(pick.size(0, reach) for reach in (*most, *most))
    if mode == "constant" and named is None:
        pads = tuple(-1 if pick.size(0, 5) == 0 and shape[at % len(shape)] > 2 else p for at, p in enumerate(pads))
    attrs: dict[str, Any] = {} if mode == "constant" else {"mode": mode}
    x = pick.real(*shape)
    if named is None and mode != "wrap" and pick.flag():
        return Sample(attrs | {"pads": pads} | ({"value": 1.5} if mode == "constant" else {}), (x,), opset=7)
    value = pick.maybe(lambda: const(2.5, "float32")) if mode == "constant" else None
    if named is None:
        return Sample(attrs, (x, const(pads), value), opset=19 if mode == "wrap" else pick.of(11, 13, 19))
    return Sample(attrs, (x, const(pads), value, const(pick.signed(named, len(shape)))), opset=18)


def _centred(pick: Pick) -> Sample:
    shape = pick.shape(1, 4, high=6)
    axes = pick.some_of(len(shape), least=1) if pick.flag() else None
    count = len(shape) if axes is None else len(axes)
    attrs = {} if axes is None else {"axes": pick.signed(axes, len(shape))}
    return Sample(attrs, (pick.real(*shape), const(pick.sizes(count, 1, 8))), opset=18)


def _triangle(pick: Pick) -> Sample:
    attrs = {"upper": pick.size(0, 1)} if pick.flag() else {}
    shift = [const(pick.size(-5, 5))] if pick.flag() else []
    return Sample(attrs, (pick.real(*pick.shape(2, 4)), *shift))


LAYOUT: dict[str, Drawn] = {
    "Concat": _concat,
    "Split": _split,
    "Transpose": _transpose,
    "Tile": _tile,
    "Expand": _expand,
    "DepthToSpace": to_space,
    "SpaceToDepth": to_depth,
    "Col2Im": _columns,
    "ReverseSequence": _reversed,
    "Slice": _slice,
    "Pad": _pad,
    "CenterCropPad": _centred,
    "Trilu": _triangle,
    MS + "Trilu": _triangle,
}


def inside(pick: Pick, size: int, shape: Shape) -> Arg:
    """Places on an axis of that size, counted from either end."""
    return pick.whole(*shape, low=-size, high=size - 1)
