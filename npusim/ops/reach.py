"""How far an operator sees: the part of its inputs that a part of its output is computed from.

A rule keeps the entry of an axis that it passes on, gives positions for one that it moves or widens, and None for one
that it reads as a whole. Positions may lie beyond the tensor, so that a rule need not know where a frame ends; they
stand for padding, or for the tensor's edge.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from npusim.ir import Shape
from npusim.ops.base import Box, Call, Reach, Seen

Span = tuple[int, int]


def pointwise(call: Call, number: int, box: Box) -> list[Seen | None]:  # noqa: ARG001 - the signature of every rule
    """Each output element is computed from the input elements at its place, with numpy-style broadcasting."""
    made = call.outs[0].shape
    return [None if each is None else _broadcast(each.shape, made, box) for each in call.ins]


def _broadcast(shape: Shape, made: Shape, box: Box) -> Seen:
    first = len(made) - len(shape)
    return tuple(
        (0, 1) if size == 1 and made[first + axis] != 1 else box[first + axis] for axis, size in enumerate(shape)
    )


def first_pointwise(call: Call, number: int, box: Box) -> list[Seen | None]:  # noqa: ARG001 - as above
    """The same for the first input; the others are settings, which do not depend on the place."""
    return [box, *(_whole(each.shape) if each is not None else None for each in call.ins[1:])]


def everywhere(call: Call, number: int, box: Box) -> list[Seen | None]:  # noqa: ARG001 - as above
    """Each output element is computed from all elements of all inputs, or from ones that data choose."""
    return [None if each is None else (None,) * len(each.shape) for each in call.ins]


def across(axes: Callable[[Call], Sequence[int]]) -> Reach:
    """The output has the first input's shape; each element is computed from all along some axes, at its place in the
    others."""

    def reach(call: Call, number: int, box: Box) -> list[Seen | None]:
        read = {axis % max(len(box), 1) for axis in axes(call)}
        seen = tuple(None if axis in read else entry for axis, entry in enumerate(box))
        return [seen, *first_pointwise(call, number, box)[1:]]

    return reach


def reduced(call: Call, axes: Sequence[int], box: Box) -> Seen:
    """The first input of a reduction over those axes, which the output keeps as 1 or leaves out."""
    rank = len(call.shape(0))
    kept = iter(box if len(box) < rank else [entry for axis, entry in enumerate(box) if axis not in axes])
    return tuple(None if axis in axes else next(kept) for axis in range(rank))


def window(entry: Span | str, stride: int, before: int, reach: int) -> Span | str:
    """Input positions of a sliding window that spans ``reach``, with ``before`` positions of padding."""
    if isinstance(entry, str):
        return entry
    return entry[0] * stride - before, (entry[1] - 1) * stride - before + reach


def scattered(entry: Span | str, stride: int, before: int, reach: int, last: int) -> Span | str:
    """Input positions of a transposed window: position i adds to outputs i * stride - before + (0 .. reach - 1).

    Args:
        last: output positions that the last input position stands for. A piece of the input must be long enough to
            make all outputs that are asked for, though its last positions may not add to any.
    """
    if isinstance(entry, str):
        return entry
    low = -((reach - 1 - before - entry[0]) // stride)  # rounded up
    high = max((entry[1] - 1 + before) // stride + 1, -((last - entry[1]) // stride) + 1)
    return min(low, high - 1), high


def regrouped(shape: Shape, made: Shape, box: Box) -> Seen:
    """The input of a reshape: axes are matched in groups of equal size, and a cut is followed through the outermost."""
    seen: list[Span | str | None] = []
    for ins, outs in _groups(shape, made):
        entries = [box[axis] for axis in outs if made[axis] != 1] or [""]
        first, rest = entries[0], entries[1:]
        sizes = [size for size in (shape[axis] for axis in ins) if size != 1]
        if all(isinstance(entry, str) for entry in entries):
            wide: Span | str | None = next((entry for entry in entries if entry), "")
            follow: Span | str | None = wide
        elif isinstance(first, str) or not all(isinstance(entry, str) for entry in rest):
            wide = follow = None
        else:
            inner = prod([made[axis] for axis in outs if made[axis] != 1][1:])
            below = prod(sizes[1:])
            wide, follow = (first[0] * inner // below, -(-first[1] * inner // below)), ""
        large = iter((wide, *(follow for _ in sizes[1:])))
        seen += [next(large, "") if shape[axis] != 1 else "" for axis in ins]
    return tuple(seen)


def _groups(shape: Shape, made: Shape) -> list[tuple[list[int], list[int]]]:
    """Axes of the input and of the output, in runs of the same number of elements, as short as they can be."""
    found: list[tuple[list[int], list[int]]] = []
    ins: list[int] = []
    outs: list[int] = []
    left = right = 1
    i = o = 0
    while i < len(shape) or o < len(made):
        if i < len(shape) and (left <= right or o == len(made)):
            left *= shape[i]
            ins.append(i)
            i += 1
        else:
            right *= made[o]
            outs.append(o)
            o += 1
        if left == right and ins and outs:
            found.append((ins, outs))
            ins, outs, left, right = [], [], 1, 1
    if ins or outs:
        if not found:
            return [(ins, outs)]
        found[-1][0].extend(ins)
        found[-1][1].extend(outs)
    return found


def _whole(shape: Shape) -> Seen:
    return (None,) * len(shape)
