"""Pooling: over windows, over the whole frame, over regions, and back. A pooled element takes one operation a tap."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from npusim.ir import DType, Shape
from npusim.loopnest import span
from npusim.ops.base import Box, Call, Op, Seen, Spec, VectorWork, Work, later, moves, passes, register
from npusim.ops.conv import seen_through, windows
from npusim.ops.reach import everywhere


def channels_last(call: Call) -> bool:
    """Whether the channels stand behind the positions."""
    return call.op == "com.microsoft::NhwcMaxPool" or bool(call.attrs.get("channels_last", 0))


def _frame(call: Call) -> tuple[Shape, Shape]:
    """Batch and channels, and the spatial axes."""
    shape = call.shape(0)
    if len(shape) < 3:
        raise call.error(f"shape {shape} has no spatial axes")
    return ((shape[0], shape[-1]), shape[1:-1]) if channels_last(call) else (shape[:2], shape[2:])


def kernel_of(call: Call, rank: int) -> Shape:
    """Taps of the window an axis."""
    kernel = call.ints("kernel_shape")
    if kernel is None or len(kernel) != rank or any(size < 1 for size in kernel):
        raise call.error(f"kernel_shape {kernel} does not give {rank} sizes >= 1")
    return kernel


def _join(call: Call, ends: Shape, frame: Shape) -> Shape:
    return (ends[0], *frame, ends[1]) if channels_last(call) else (*ends, *frame)


# --- windows --------------------------------------------------------------------------------------------------------


def _infer_window(call: Call) -> list[Spec]:
    ends, frame = _frame(call)
    out, *_ = windows(call, frame, kernel_of(call, len(frame)), ceil=bool(call.attrs.get("ceil_mode", 0)))
    return [(_join(call, ends, out), call.dtype())]


def _infer_max(call: Call) -> list[Spec]:
    out = _infer_window(call)
    return [*out, (out[0][0], DType.INT64)]


def _windowed(kind: str) -> Callable[[Call], Work]:
    """The first output (of two with MaxPool's indices) takes one operation a tap and element, padding included."""

    def work(call: Call) -> Work:
        taps = prod(kernel_of(call, len(call.shape(0)) - 2))
        return passes(call, kind, taps * call.outs[0].elements)

    return work


def _reach_window(call: Call, number: int, box: Box) -> list[Seen | None]:
    """The windows, channel by channel; the indices that MaxPool gives beside are those of the whole frame."""
    if number:
        return everywhere(call, number, box)
    _, frame = _frame(call)
    first = 1 if channels_last(call) else 2
    entries = box[first : first + len(frame)]
    seen = seen_through(call, frame, kernel_of(call, len(frame)), entries, ceil=bool(call.attrs.get("ceil_mode", 0)))
    return [(*box[:first], *seen, *box[first + len(frame) :]), *(None for _ in call.ins[1:])]


# --- the whole frame ------------------------------------------------------------------------------------------------


def _infer_global(call: Call) -> list[Spec]:
    ends, frame = _frame(call)
    return [(_join(call, ends, (1,) * len(frame)), call.dtype())]


def work_reduce(call: Call) -> Work:
    """One operation for each element that is read."""
    return passes(call, "reduce", call.tensor(0).elements)


# --- regions --------------------------------------------------------------------------------------------------------


def _infer_roi(call: Call) -> list[Spec]:
    """[regions, channels, height, width]."""
    x, rois = call.shape(0), call.shape(1)
    if len(x) != 4 or len(rois) != 2:
        raise call.error(f"input {x} and regions {rois} are not of ranks 4 and 2")
    size = call.ints("pooled_shape") or (
        int(call.attrs.get("output_height", 1)),
        int(call.attrs.get("output_width", 1)),
    )
    if len(size) != 2 or min(size) < 1:
        raise call.error(f"a region of {size} is no height and width >= 1")
    return [((rois[0], x[1], *size), call.dtype())]


def _work_max_roi(call: Call) -> Work:
    """Regions depend on data; each is counted as the whole frame, the largest that it can be."""
    taps = call.shape(1)[0] * prod(call.shape(0)[1:])
    return Work(vector=(VectorWork("max_pool", max(taps, call.outs[0].elements), taps),))


def _work_roi_align(call: Call) -> Work:
    """Four taps a sampling point. ``sampling_ratio`` 0 fits the points to the region, here taken as the whole frame."""
    ratio, out = int(call.attrs.get("sampling_ratio", 0)), call.outs[0]
    points = ratio**2 or prod(-(-size // bins) for size, bins in zip(call.shape(0)[2:], out.shape[2:], strict=True))
    return passes(call, "avg_pool", 4 * points * out.elements)


# --- and back -------------------------------------------------------------------------------------------------------


def _infer_unpool(call: Call) -> list[Spec]:
    """The shape that ``output_shape`` (input 2) gives, else that of the input before a pooling of this geometry."""
    if call.has(2):
        given = call.ints("output_shape", 2) or ()
        if len(given) != len(call.shape(0)):
            raise call.error(f"output_shape {given} is not of rank {len(call.shape(0))}")
        return [(given, call.dtype())]
    return [(shape_after_unpool(call), call.dtype())]


def shape_after_unpool(call: Call) -> Shape:
    """The shape before a pooling of this geometry."""
    ends, frame = _frame(call)
    rank = len(frame)
    kernel, strides = kernel_of(call, rank), call.ints("strides") or (1,) * rank
    pads = call.ints("pads") or (0,) * (2 * rank)
    out = tuple(
        (i - 1) * s + span(k, 1) - before - after
        for i, s, k, before, after in zip(frame, strides, kernel, pads[:rank], pads[rank:], strict=True)
    )
    return _join(call, ends, out)


_QUANTISED = (1, 2, 3, 4)
_VALUES = "pool_execute"  # the module that computes them

register(
    Op("MaxPool", _infer_max, _windowed("max_pool"), execute=later(_VALUES, "max_pool"), reach=_reach_window),
    *(
        Op(name, _infer_window, _windowed(kind), execute=later(_VALUES, execute), reach=_reach_window)
        for name, kind, execute in (
            ("AveragePool", "avg_pool", "average_pool"),
            ("LpPool", "avg_pool", "lp_pool"),
            ("com.microsoft::NhwcMaxPool", "max_pool", "max_pool"),
        )
    ),
    Op(
        "com.microsoft::QLinearAveragePool",
        _infer_window,
        _windowed("avg_pool"),
        settings=_QUANTISED,
        execute=later(_VALUES, "qlinear_average_pool"),
        reach=_reach_window,
    ),
    *(
        Op(name, _infer_global, work_reduce, execute=later(_VALUES, execute), reach=everywhere)
        for name, execute in (
            ("GlobalMaxPool", "global_max_pool"),
            ("GlobalAveragePool", "global_average_pool"),
            ("GlobalLpPool", "global_lp_pool"),
        )
    ),
    Op(
        "com.microsoft::QLinearGlobalAveragePool",
        _infer_global,
        work_reduce,
        settings=_QUANTISED,
        execute=later(_VALUES, "qlinear_global_average_pool"),
        reach=everywhere,
    ),
    Op("MaxRoiPool", _infer_roi, _work_max_roi, execute=later("roi_execute", "max_roi_pool"), reach=everywhere),
    Op("RoiAlign", _infer_roi, _work_roi_align, execute=later("roi_execute", "roi_align"), reach=everywhere),
    Op("MaxUnpool", _infer_unpool, moves, settings=(2,), execute=later(_VALUES, "max_unpool"), reach=everywhere),
)
