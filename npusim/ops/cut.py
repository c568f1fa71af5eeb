"""Cutting and padding along axes: Slice, Pad, CenterCropPad, Trilu."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from npusim.ir import Shape
from npusim.ops.base import (
    Array,
    Box,
    Call,
    Op,
    Seen,
    Spec,
    array,
    known,
    moves,
    moves_or_view,
    optional,
    register,
    same,
)
from npusim.ops.reduce import axes_of

# --- Slice ----------------------------------------------------------------------------------------------------------


def _slices(call: Call) -> dict[int, slice]:
    """What is taken of each axis: attributes (opset 9) or inputs. Ends beyond the axis are clamped (ONNX Slice)."""
    shape = call.shape(0)
    starts, ends = call.ints("starts", 1) or (), call.ints("ends", 2) or ()
    axes = axes_of(call, call.ints("axes", 3), len(shape)) or tuple(range(len(starts)))
    steps = call.ints("steps", 4) or (1,) * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps) or len(axes) > len(shape) or 0 in steps:
        raise call.error(f"starts {starts}, ends {ends}, axes {axes} and steps {steps} do not fit {shape}")
    return {axis: _one(shape[axis], *at) for axis, *at in zip(axes, starts, ends, steps, strict=True)}


def _one(size: int, start: int, end: int, step: int) -> slice:
    start, end = (at + size if at < 0 else at for at in (start, end))
    if step > 0:
        return slice(min(max(start, 0), size), min(max(end, 0), size), step)
    start, end = min(max(start, 0), size - 1), min(max(end, -1), size - 1)
    return slice(start, None if end < 0 else end, step)


def _slice_bound(call: Call) -> bool:
    """Whether where to cut is computed from data; the whole input is then the bound."""
    return any(call.unknown_input(slot) for slot in (1, 2, 3, 4))


def _infer_slice(call: Call) -> list[Spec]:
    shape = list(call.shape(0))
    if not _slice_bound(call):
        for axis, taken in _slices(call).items():
            shape[axis] = len(range(*taken.indices(shape[axis])))
    return [(tuple(shape), call.dtype())]


def _execute_slice(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    x, taken = array(call, arrays, 0), _slices(known(call, arrays))
    return [x[tuple(taken.get(axis, slice(None)) for axis in range(x.ndim))]]


def _reach_slice(call: Call, number: int, box: Box) -> list[Seen | None]:  # noqa: ARG001 - as every rule
    """Positions from a start that is counted from the front; a piece must be longer by what is cut off at the end."""
    if _slice_bound(call):
        return [(None,) * len(box), *(None for _ in call.ins[1:])]
    shape, taken = call.shape(0), _slices(call)
    starts = call.ints("starts", 1) or ()
    fixed = dict(zip(taken, (start >= 0 for start in starts), strict=True))
    seen: list[tuple[int, int] | str | None] = []
    for axis, entry in enumerate(box):
        cut = taken.get(axis)
        if isinstance(entry, str) or cut is None:
            seen.append(entry)
        elif cut.step < 0 or not fixed[axis]:
            seen.append(None)
        else:
            low, high = cut.start + entry[0] * cut.step, cut.start + (entry[1] - 1) * cut.step + 1
            seen.append((low, high + max(shape[axis] - cut.stop, 0)))
    return [tuple(seen), *(None for _ in call.ins[1:])]


# --- Pad ------------------------------------------------------------------------------------------------------------


def _pads(call: Call) -> tuple[Shape, Shape]:
    """Positions added before and after each axis; negative ones are cut off. An attribute up to opset 10."""
    rank = len(call.shape(0))
    given = call.ints("pads", 1)
    if given is None:
        given = call.ints("paddings") or ()
    axes = axes_of(call, call.ints("axes", 3), rank) or tuple(range(rank))
    if len(given) != 2 * len(axes):
        raise call.error(f"pads {given} do not give a start and an end for each of {len(axes)} axes")
    before, after = [0] * rank, [0] * rank
    for axis, start, end in zip(axes, given, given[len(axes) :], strict=False):
        before[axis], after[axis] = start, end
    return tuple(before), tuple(after)


def _infer_pad(call: Call) -> list[Spec]:
    shape = call.shape(0)
    before, after = _pads(call)
    out = tuple(size + start + end for size, start, end in zip(shape, before, after, strict=True))
    if min(out, default=0) < 0:
        raise call.error(f"pads {before} and {after} cut more than there is of {shape}")
    return [(out, call.dtype())]


def _execute_pad(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    x, mode = array(call, arrays, 0), str(call.attrs.get("mode", "constant"))
    before, after = _pads(known(call, arrays))
    cut = tuple(slice(max(-b, 0), size - max(-a, 0)) for size, b, a in zip(x.shape, before, after, strict=True))
    width = [(max(b, 0), max(a, 0)) for b, a in zip(before, after, strict=True)]
    if mode == "constant":
        fill = optional(arrays, 2)
        value = call.attrs.get("value", 0) if fill is None else fill.reshape(-1)[0]
        return [np.pad(x[cut], width, constant_values=x.dtype.type(value))]
    if mode not in ("reflect", "edge", "wrap"):
        raise call.error(f"mode {mode!r} is not one of constant, reflect, edge, wrap", code="bad-node")
    return [np.pad(x[cut], width, mode=mode)]  # type: ignore[call-overload,no-any-return,unused-ignore]


def _reach_pad(call: Call, number: int, box: Box) -> list[Seen | None]:  # noqa: ARG001 - as every rule
    """The same positions, moved. Mirroring reads as far inside as it pads, which is taken for granted everywhere, so
    that a piece at an edge of the frame is long enough; a piece is also longer by what is cut off at the end."""
    before, after = _pads(call)
    mode = str(call.attrs.get("mode", "constant"))
    seen: list[tuple[int, int] | str | None] = []
    for entry, b, a in zip(box, before, after, strict=True):
        if isinstance(entry, str) or (not b and not a):
            seen.append(entry)
        elif mode == "wrap":
            seen.append(None)
        elif mode == "reflect":
            seen.append((entry[0] - b - 2 * max(a, 0), entry[1] - b + 2 * max(b, 0) + max(-a, 0)))
        else:
            seen.append((entry[0] - b, entry[1] - b + max(-a, 0)))
    return [tuple(seen), *(None for _ in call.ins[1:])]


# --- CenterCropPad, Trilu -------------------------------------------------------------------------------------------


def _infer_centre(call: Call) -> list[Spec]:
    shape, wanted = list(call.shape(0)), call.ints("shape", 1) or ()
    axes = axes_of(call, call.ints("axes"), len(shape)) or tuple(range(len(shape)))
    if len(wanted) != len(axes) or min(wanted, default=0) < 0:
        raise call.error(f"shape {wanted} does not give a size for each of {len(axes)} axes")
    for axis, size in zip(axes, wanted, strict=True):
        shape[axis] = size
    return [(tuple(shape), call.dtype())]


def _execute_centre(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """The middle of the input; of an odd rest, the smaller half lies before."""
    x = array(call, arrays, 0)
    ((out, _),) = _infer_centre(known(call, arrays))
    cut = tuple(slice(max(i - o, 0) // 2, max(i - o, 0) // 2 + min(i, o)) for i, o in zip(x.shape, out, strict=True))
    width = [(max(o - i, 0) // 2, max(o - i, 0) - max(o - i, 0) // 2) for i, o in zip(x.shape, out, strict=True)]
    return [np.pad(x[cut], width)]


def _infer_trilu(call: Call) -> list[Spec]:
    if len(call.shape(0)) < 2:
        raise call.error(f"shape {call.shape(0)} holds no matrices")
    return same(call)


def _execute_trilu(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    x, k = array(call, arrays, 0), optional(arrays, 1)
    diagonal = 0 if k is None else int(k.reshape(-1)[0])
    return [np.triu(x, diagonal) if call.attrs.get("upper", 1) else np.tril(x, diagonal)]


register(
    Op(
        "Slice",
        _infer_slice,
        moves_or_view,
        settings=(1, 2, 3, 4),
        execute=_execute_slice,
        bound_only=_slice_bound,
        reach=_reach_slice,
    ),
    Op("Pad", _infer_pad, moves_or_view, settings=(1, 2, 3), execute=_execute_pad, reach=_reach_pad),
    Op("CenterCropPad", _infer_centre, moves_or_view, settings=(1,), execute=_execute_centre),
    Op("Trilu", _infer_trilu, moves, settings=(1,), execute=_execute_trilu),
    Op("com.microsoft::Trilu", _infer_trilu, moves, settings=(1,), execute=_execute_trilu),
)
