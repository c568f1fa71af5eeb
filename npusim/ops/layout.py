"""Moving data without changing it: joining, splitting, transposing, repeating, rearranging channels and positions."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import msgspec
import numpy as np

from npusim.ir import Shape
from npusim.ops.base import (
    Array,
    Box,
    Call,
    Op,
    Seen,
    Spec,
    Work,
    array,
    broadcast,
    known,
    later,
    moves,
    moves_or_view,
    no_work,
    passes,
    register,
    same,
)
from npusim.ops.reach import pointwise

# --- joining and splitting ------------------------------------------------------------------------------------------


def _joined(call: Call, slots: Sequence[int], axis: int) -> Shape:
    """The shape of those inputs one after the other along an axis."""
    first = call.shape(slots[0])
    for slot in slots[1:]:
        other = call.shape(slot)
        if len(other) != len(first) or other[:axis] != first[:axis] or other[axis + 1 :] != first[axis + 1 :]:
            raise call.error(f"shapes {first} and {other} cannot be joined along axis {axis}")
    return (*first[:axis], sum(call.shape(slot)[axis] for slot in slots), *first[axis + 1 :])


def _infer_concat(call: Call) -> list[Spec]:
    if not call.ins:
        raise call.error("has no operand", code="missing-input")
    return [(_joined(call, range(len(call.ins)), call.axis(1)), call.dtype())]


def _work_concat(call: Call) -> Work:
    return no_work(call) if len(call.ins) == 1 else moves(call)


def _execute_concat(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    return [np.concatenate([array(call, arrays, slot) for slot in range(len(arrays))], axis=call.axis(1))]


def joined_quantised(call: Call) -> list[Spec]:
    """QLinearConcat: scale and zero point of the output, then for each operand the tensor, its scale and zero point."""
    slots = range(2, len(call.ins), 3)
    return [(_joined(call, slots, call.axis(1, len(call.shape(2)))), call.dtype(2))]


def reach_joined(call: Call, number: int, box: Box) -> list[Seen | None]:  # noqa: ARG001 - as every rule
    """At its place in each operand, where the axis that they stand along is whole: no rule follows a cut through it."""
    axis = call.axis(1, len(box))
    return [
        None if each is None or len(each.shape) != len(box) else _but(box, axis, _uncut(box[axis])) for each in call.ins
    ]


def _uncut(entry: tuple[int, int] | str) -> str | None:
    return entry if isinstance(entry, str) else None


def _but(box: Box, axis: int, entry: tuple[int, int] | str | None) -> Seen:
    return (*box[:axis], entry, *box[axis + 1 :])


def _parts(call: Call) -> tuple[int, Shape]:
    """The axis that is split, and the size of each part: as given, or equal with the last one smaller."""
    axis, size = call.axis(0), call.shape(0)
    parts = call.ints("split", 1)
    if parts is None:
        count = int(call.attrs.get("num_outputs", call.n_outs))
        step = -(-size[axis] // count) if count > 0 else 0
        if (
            not 0 < count <= max(size[axis], call.n_outs)
            or ("num_outputs" not in call.attrs and size[axis] % count)
            or step * (count - 1) > size[axis]
        ):
            raise call.error(f"axis {axis} of {size} does not split into {count} parts")
        parts = (*(step,) * (count - 1), size[axis] - step * (count - 1))
    if sum(parts) != size[axis] or min(parts, default=0) < 0:
        raise call.error(f"parts {parts} are not the {size[axis]} positions of axis {axis}")
    return axis, parts


def _infer_split(call: Call) -> list[Spec]:
    axis, parts = _parts(call)
    shape = call.shape(0)
    return [((*shape[:axis], part, *shape[axis + 1 :]), call.dtype()) for part in parts]


def _execute_split(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    axis, parts = _parts(known(call, arrays))
    return np.split(array(call, arrays, 0), np.cumsum(parts[:-1]), axis=axis)


def _reach_split(call: Call, number: int, box: Box) -> list[Seen | None]:  # noqa: ARG001 - as every rule
    axis = call.axis(0)
    return [_but(box, axis, _uncut(box[axis])), *(None for _ in call.ins[1:])]


# --- transposing and repeating --------------------------------------------------------------------------------------


def _order(call: Call) -> Shape:
    rank = len(call.shape(0))
    order = call.ints("perm")
    if order is None:
        return tuple(reversed(range(rank)))
    if sorted(order) != list(range(rank)):
        raise call.error(f"perm {order} is no order of {rank} axes")
    return order


def _infer_transpose(call: Call) -> list[Spec]:
    return [(tuple(call.shape(0)[axis] for axis in _order(call)), call.dtype())]


def _work_transpose(call: Call) -> Work:
    """Nothing moves where the axes of more than one position keep their order."""
    real = [axis for axis in _order(call) if call.shape(0)[axis] > 1]
    return no_work(call) if real == sorted(real) else moves(call)


def _execute_transpose(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    return [array(call, arrays, 0).transpose(_order(call))]


def _reach_transpose(call: Call, number: int, box: Box) -> list[Seen | None]:  # noqa: ARG001 - as every rule
    order = _order(call)
    return [tuple(box[order.index(axis)] for axis in range(len(order)))]


def _infer_tile(call: Call) -> list[Spec]:
    shape, repeats = call.shape(0), call.ints("repeats", 1) or ()
    if len(repeats) != len(shape):
        raise call.error(f"repeats {repeats} are not one for each axis of {shape}")
    return [(tuple(size * times for size, times in zip(shape, repeats, strict=True)), call.dtype())]


def _execute_tile(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    return [np.tile(array(call, arrays, 0), [int(times) for times in array(call, arrays, 1)])]


def _reach_tile(call: Call, number: int, box: Box) -> list[Seen | None]:  # noqa: ARG001 - as every rule
    sizes = zip(box, call.shape(0), call.outs[0].shape, strict=True)
    return [tuple(entry if size == made else _uncut(entry) for entry, size, made in sizes), None]


def _reach_expand(call: Call, number: int, box: Box) -> list[Seen | None]:
    return [pointwise(msgspec.structs.replace(call, ins=call.ins[:1]), number, box)[0], None]


def _infer_expand(call: Call) -> list[Spec]:
    return [(broadcast(call, call.shape(0), call.ints("shape", 1) or ()), call.dtype())]


def _execute_expand(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    x = array(call, arrays, 0)
    return [np.broadcast_to(x, broadcast(call, x.shape, tuple(int(size) for size in array(call, arrays, 1))))]


# --- channels and positions -----------------------------------------------------------------------------------------


def _block(call: Call) -> tuple[int, Shape]:
    block, shape = int(call.attrs["blocksize"]), call.shape(0)
    if len(shape) != 4 or block < 1:
        raise call.error(f"shape {shape} in blocks of {block} is no [N, C, H, W] in blocks of 1 or more")
    return block, shape


def _infer_depth_to_space(call: Call) -> list[Spec]:
    b, (n, c, h, w) = _block(call)
    if c % (b * b):
        raise call.error(f"{c} channels do not make blocks of {b} x {b}")
    return [((n, c // (b * b), h * b, w * b), call.dtype())]


def _execute_depth_to_space(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """A channel index is (block row, block column, output channel) in DCR, (output channel, row, column) in CRD."""
    b, (n, c, h, w) = _block(call)
    x, c = array(call, arrays, 0), c // (b * b)
    if call.attrs.get("mode", "DCR") == "DCR":
        x = x.reshape(n, b, b, c, h, w).transpose(0, 3, 4, 1, 5, 2)
    else:
        x = x.reshape(n, c, b, b, h, w).transpose(0, 1, 4, 2, 5, 3)
    return [x.reshape(n, c, h * b, w * b)]


def _infer_space_to_depth(call: Call) -> list[Spec]:
    b, (n, c, h, w) = _block(call)
    if h % b or w % b:
        raise call.error(f"{h} x {w} positions do not make blocks of {b} x {b}")
    return [((n, c * b * b, h // b, w // b), call.dtype())]


def _execute_space_to_depth(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    b, (n, c, h, w) = _block(call)
    x = array(call, arrays, 0).reshape(n, c, h // b, b, w // b, b)
    order = (0, 1, 3, 5, 2, 4) if call.attrs.get("mode", "DCR") == "CRD" else (0, 3, 5, 1, 2, 4)
    return [x.transpose(order).reshape(n, c * b * b, h // b, w // b)]


def _reach_depth_to_space(call: Call, number: int, box: Box) -> list[Seen | None]:  # noqa: ARG001 - as every rule
    b, _ = _block(call)
    frame = (entry if isinstance(entry, str) else (entry[0] // b, -(-entry[1] // b)) for entry in box[2:])
    return [(box[0], _uncut(box[1]), *frame)]


def _reach_space_to_depth(call: Call, number: int, box: Box) -> list[Seen | None]:  # noqa: ARG001 - as every rule
    b, _ = _block(call)
    frame = (entry if isinstance(entry, str) else (entry[0] * b, entry[1] * b) for entry in box[2:])
    return [(box[0], _uncut(box[1]), *frame)]


def _work_block(call: Call) -> Work:
    return no_work(call) if call.attrs["blocksize"] == 1 else moves(call)


def _infer_col2im(call: Call) -> list[Spec]:
    """[N, C, image...] from columns [N, C * block, places]."""
    x, image, block = call.shape(0), call.ints("image_shape", 1) or (), call.ints("block_shape", 2) or ()
    if len(x) != 3 or len(image) != len(block) or not image or x[1] % max(prod(block), 1):
        raise call.error(f"columns {x} do not make images {image} of blocks {block}")
    return [((x[0], x[1] // prod(block), *image), call.dtype())]


def _work_col2im(call: Call) -> Work:
    """Each element of a column is added to the image."""
    return passes(call, "add", call.tensor(0).elements)


# --- order along an axis --------------------------------------------------------------------------------------------


def _execute_reverse_sequence(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """In each batch element, the first ``sequence_lens`` positions of the time axis in reverse."""
    x, lengths = array(call, arrays, 0), array(call, arrays, 1)
    batch, time = int(call.attrs.get("batch_axis", 1)), int(call.attrs.get("time_axis", 0))
    y = np.moveaxis(x, (batch, time), (0, 1)).copy()
    for index, length in enumerate(lengths):
        y[index, : int(length)] = y[index, : int(length)][::-1].copy()
    return [np.moveaxis(y, (0, 1), (batch, time))]


register(
    Op(
        "Concat",
        _infer_concat,
        _work_concat,
        params=(0,),
        scalars_are_settings=True,
        variadic=True,
        execute=_execute_concat,
        reach=reach_joined,
    ),
    Op("Split", _infer_split, moves, settings=(1,), execute=_execute_split, reach=_reach_split),
    Op("Transpose", _infer_transpose, _work_transpose, execute=_execute_transpose, reach=_reach_transpose),
    Op("Tile", _infer_tile, moves_or_view, settings=(1,), execute=_execute_tile, reach=_reach_tile),
    Op("Expand", _infer_expand, moves_or_view, settings=(1,), execute=_execute_expand, reach=_reach_expand),
    Op(
        "DepthToSpace",
        _infer_depth_to_space,
        _work_block,
        execute=_execute_depth_to_space,
        reach=_reach_depth_to_space,
    ),
    Op(
        "SpaceToDepth",
        _infer_space_to_depth,
        _work_block,
        execute=_execute_space_to_depth,
        reach=_reach_space_to_depth,
    ),
    Op("Col2Im", _infer_col2im, _work_col2im, settings=(1, 2), execute=later("layout_execute", "col2im")),
    Op("ReverseSequence", same, moves, settings=(1,), execute=_execute_reverse_sequence),
)
