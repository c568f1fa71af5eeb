"""How much of its input a network sees around a part of its output, from the reach of its operators.

A frame is cut into tiles along its width and its height. For each of the two, the sizes of all tensors at two sizes of
the frame say which of their axes follow it and at what rate; the operators' reach, walked from the outputs to the
inputs, says what a tile has to read around itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from math import ceil, lcm

import msgspec

from npusim.counts import LayerWork, layer_works
from npusim.errors import InputError
from npusim.ir import Graph
from npusim.ops import OPS
from npusim.ops.base import FAULTS, Box, Seen

Size = tuple[int, int]  # width and height
Frames = Callable[[Size], Graph]  # the network bound to a frame

SIDES = ("width", "height")
GROWTH = 20_160  # positions that a frame is made larger by to see what follows it: divisible by 1 to 10, and by 64
PERIODS = 4  # of the network's steps, which the region that is walked back is long


class Followed(msgspec.Struct, frozen=True):
    """An axis of a tensor that follows a side of the frame: ``rate`` of its positions for each pixel."""

    axis: int
    rate: Fraction


class Side(msgspec.Struct, frozen=True):
    """What a network sees along one side of the frame, in pixels of its input.

    Attributes:
        before, after: how far beyond a tile its result depends on pixels, on either side of it. Negative where a
            network without padding does not even read all of the tile.
        step: tiles start and end at multiples of this, so that strides fall as in the whole frame.
        rates: of every tensor that follows this side, by name.
        trim: pixels at the end of the frame that no output stands for, as without padding.
    """

    before: int
    after: int
    step: int
    rates: Mapping[str, Followed]
    trim: int = 0

    @property
    def halo(self) -> tuple[int, int]:
        """The same in whole steps, none of them negative: what a tile is grown by."""
        before, after = (max(whole_steps(side, self.step), 0) for side in (self.before, self.after))
        return before, after


class Field(msgspec.Struct, frozen=True):
    """The receptive field of a tile: ``sides`` are those along the width and along the height."""

    sides: tuple[Side, Side]
    outputs: tuple[str, ...]
    inputs: tuple[str, ...]


def framed(graph: Graph) -> Size:
    """Width and height of a network's frame: those of its first input of four axes; InputError (no-frame)."""
    shape = next((graph.tensors[name].shape for name in graph.inputs if len(graph.tensors[name].shape) == 4), None)
    if shape is None:
        what = "has no input of four axes (N, C, height, width), and so no frame to cut"
        raise InputError(what, code="no-frame", where=graph.name)
    return shape[3], shape[2]


def receptive_field(frames: Frames, size: Size) -> Field:
    """What a network sees around a tile of a frame.

    Args:
        frames: binds the network to a width and a height.
        size: of a frame that it runs.

    Raises:
        InputError: global-receptive-field, where a result depends on all of the frame, with the layer that reads it;
            no-receptive-field, where nobody has said how far an operator sees; no-frame, where an output does not
            follow the frame's size; untileable.
    """
    graph = frames(size)
    rates = tuple(_following(graph, frames, size, side) for side in range(2))
    for side, name in enumerate(SIDES):
        _check_follows(graph, rates[side], name)
    inputs = tuple(name for name in graph.inputs if name in rates[0] and name in rates[1])
    steps = [lcm(1, *(each.rate.denominator for each in followed.values())) for followed in rates]
    base = _walk(graph, _outputs(graph, rates, steps, 0))
    moved = _walk(graph, _outputs(graph, rates, steps, PERIODS))
    sides = []
    for side, followed in enumerate(rates):
        found = [_seen(base[name], followed[name], SIDES[side], graph, name) for name in inputs if name in base]
        later = [_seen(moved[name], followed[name], SIDES[side], graph, name) for name in inputs if name in moved]
        length = PERIODS * steps[side]
        if [(low + length, high + length) for low, high in found] != later:
            raise _global(graph, SIDES[side], "a layer does not move with the frame")
        low, high = (min(each[0] for each in found), max(each[1] for each in found)) if found else (0, length)
        sides.append(Side(-low, high - length, steps[side], followed, _trim(graph, followed, size[side])))
    return Field((sides[0], sides[1]), graph.outputs, inputs)


def parts(graph: Graph, boxes: Mapping[str, Box], narrowed: Callable[[str, Box], Box] | None = None) -> dict[str, Box]:
    """The part of every tensor that parts of the outputs are computed from.

    Args:
        boxes: parts of outputs by name.
        narrowed: of a tensor and the part of it that is wanted, the part that is computed and not at hand already.

    Raises:
        InputError: no-receptive-field, untileable.
    """
    return _walk(graph, dict(boxes), narrowed)


# --- what follows the frame -------------------------------------------------------------------------------------------


def _following(graph: Graph, frames: Frames, size: Size, side: int) -> dict[str, Followed]:
    """The tensors with an axis that follows a side of the frame; those with several are none."""
    larger = (size[0] + GROWTH, size[1]) if side == 0 else (size[0], size[1] + GROWTH)
    try:
        other = frames(larger)
    except InputError as fault:
        raise InputError(
            f"cannot be cut into tiles, since it does not run at other sizes ({fault.what})", code="no-frame",
            where=graph.name,
        ) from fault  # fmt: skip
    found = {}
    for name, tensor in graph.tensors.items():
        grown = other.tensors.get(name)
        if tensor.is_constant or grown is None or len(grown.shape) != len(tensor.shape):
            continue
        changed = [at for at, (a, b) in enumerate(zip(tensor.shape, grown.shape, strict=True)) if a != b]
        if len(changed) == 1:
            axis = changed[0]
            found[name] = Followed(axis, Fraction(grown.shape[axis] - tensor.shape[axis], GROWTH))
    return found


def _check_follows(graph: Graph, followed: Mapping[str, Followed], side: str) -> None:
    if not any(name in followed for name in graph.inputs):
        raise InputError(f"has no input that follows the frame's {side}", code="no-frame", where=graph.name)
    for layer in graph.layers:
        if any(name in followed for name in layer.inputs) and not any(name in followed for name in layer.outputs):
            where = f"{layer.op} {layer.name!r}"
            break
    else:
        where = graph.name
    missing = [name for name in graph.outputs if name not in followed]
    if missing:
        raise InputError(
            f"sees the whole {side} of the frame: what it makes is of the same size whatever the frame is, so that the"
            f" output {missing[0]!r} cannot be put together from tiles",
            code="global-receptive-field", where=where, fix="run the frame whole",
        )  # fmt: skip


def _outputs(
    graph: Graph, rates: tuple[Mapping[str, Followed], ...], steps: list[int], shift: int
) -> dict[str, Box]:  # fmt: skip
    """The part of each output that stands for PERIODS steps of the frame, from a step on."""
    boxes: dict[str, Box] = {}
    for name in graph.outputs:
        entries: list[tuple[int, int] | str] = [""] * len(graph.tensors[name].shape)
        for followed, step in zip(rates, steps, strict=True):
            unit = step * followed[name].rate
            entries[followed[name].axis] = (int(shift * unit), int((shift + PERIODS) * unit))
        boxes[name] = tuple(entries)
    return boxes


def _seen(box: Box, followed: Followed, side: str, graph: Graph, name: str) -> tuple[int, int]:
    entry = box[followed.axis]
    if isinstance(entry, str):
        raise _global(graph, side, f"{entry or f'a layer behind {name!r}'} reads all of it")
    return entry


def _global(graph: Graph, side: str, why: str) -> InputError:
    what = f"sees the whole {side} of the frame: {why}, so that no halo of a tile suffices"
    return InputError(
        what, code="global-receptive-field", where=graph.name,
        fix="run the frame whole, or take a policy without halo, which changes the result",
    )  # fmt: skip


def _trim(graph: Graph, followed: Mapping[str, Followed], length: int) -> int:
    made = (graph.tensors[name].shape[followed[name].axis] / followed[name].rate for name in graph.outputs)
    return max(length - max(ceil(each) for each in made), 0)


def whole_steps(pixels: int, step: int) -> int:
    """The pixels rounded up to a multiple of the step."""
    return -(-pixels // step) * step


# --- from the outputs to the inputs -----------------------------------------------------------------------------------


def _walk(
    graph: Graph, boxes: dict[str, Box], narrowed: Callable[[str, Box], Box] | None = None
) -> dict[str, Box]:  # fmt: skip
    for each in reversed(layer_works(graph)):
        for number, name in enumerate(each.layer.outputs):
            if name in boxes:
                box = boxes[name] if narrowed is None else narrowed(name, boxes[name])
                for read, part in _read(each, number, box):
                    boxes[read] = _hull(boxes[read], part) if read in boxes else part
    return boxes


def _read(each: LayerWork, number: int, box: Box) -> Iterator[tuple[str, Box]]:
    """The part of each input that is no constant, by its name; an axis that is read whole names the layer."""
    layer, op = each.layer, OPS.get(each.layer.op)
    place = f"{layer.op} {layer.name!r}"
    if op is None or op.reach is None or layer.repeat != 1:
        raise InputError(
            f"npusim does not know how far {layer.op} sees, and so not what a tile must read around itself",
            code="no-receptive-field", where=place, fix="take a policy without halo, which may change the result",
        )  # fmt: skip
    try:
        seen = op.reach(each.call, number, box)
    except FAULTS as fault:
        raise each.call.error(f"an attribute or input does not make sense ({fault})", code="bad-node") from fault
    for name, tensor, part in zip(layer.inputs, each.call.ins, seen, strict=True):
        if name and tensor is not None and part is not None and not tensor.is_constant:
            yield name, _named(part, place)


def _named(part: Seen, place: str) -> Box:
    return tuple(place if entry is None else entry for entry in part)


def _hull(one: Box, other: Box) -> Box:
    """The least part that holds both."""
    return tuple(_either(a, b) for a, b in zip(one, other, strict=True))


def _either(a: tuple[int, int] | str, b: tuple[int, int] | str) -> tuple[int, int] | str:
    if isinstance(a, str):
        return a if a or not isinstance(b, str) else b
    return b if isinstance(b, str) else (min(a[0], b[0]), max(a[1], b[1]))
