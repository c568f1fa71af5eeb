"""Sequences: lists of tensors that exist while a graph is bound, and are plain tensors afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from npusim.errors import InputError
from npusim.ir import DType
from npusim.model import Constant, Node

if TYPE_CHECKING:
    from npusim.bind.walk import Binder


def construct(binder: Binder, node: Node) -> bool:
    binder.lists[node.outputs[0]] = node.inputs
    return True


def empty(binder: Binder, node: Node) -> bool:
    binder.lists[node.outputs[0]] = ()
    return True


def split(binder: Binder, node: Node) -> bool:
    """Split along an axis; without sizes into slices of one, which lose the axis unless ``keepdims`` is set."""
    name, shape = node.inputs[0], binder.tensors[node.inputs[0]].shape
    axis = int(node.attrs.get("axis", 0))
    if not -len(shape) <= axis < len(shape):
        raise InputError(
            f"axis {axis} is outside a tensor of rank {len(shape)}", code="shape-mismatch", where=node.name
        )
    sizes = _sizes(binder, node, shape[axis])
    parts = tuple(f"{node.outputs[0]}/{index}" for index in range(len(sizes)))
    lose = len(node.inputs) < 2 and not node.attrs.get("keepdims", 1)
    made = tuple(f"{part}/kept" for part in parts) if lose else parts
    settings = _settings(binder, node, "sizes", sizes)
    binder.visit(Node(f"{node.name}/split", "Split", (name, settings), made, {"axis": axis}))
    if lose:
        axes = _settings(binder, node, "axes", (axis,))
        for before, part in zip(made, parts, strict=True):
            binder.visit(Node(f"{part}/squeeze", "Squeeze", (before, axes), (part,)))
    binder.lists[node.outputs[0]] = parts
    return True


def _sizes(binder: Binder, node: Node, length: int) -> tuple[int, ...]:
    if len(node.inputs) < 2 or not node.inputs[1]:
        return (1,) * length
    given = binder.value(node.inputs[1])
    if given is None:
        raise InputError("its sizes are computed from data", code="data-dependent-shape", where=node.place)
    if given.ndim:
        return tuple(int(size) for size in given)
    step = int(given)
    if step < 1:
        raise InputError(f"a part of {step} is no part", code="bad-node", where=node.place)
    return tuple(min(step, length - start) for start in range(0, length, step))


def at(binder: Binder, node: Node) -> bool:
    parts, index = _list(binder, node), _index(binder, node, 1)
    if not -len(parts) <= index < len(parts):
        raise InputError(f"place {index} is outside a sequence of {len(parts)}", code="bad-node", where=node.place)
    binder.visit(Node(node.name, "Identity", (parts[index],), node.outputs))
    return True


def insert(binder: Binder, node: Node) -> bool:
    parts = list(_list(binder, node))
    at = _index(binder, node, 2) if len(node.inputs) > 2 and node.inputs[2] else len(parts)
    parts.insert(at, node.inputs[1])
    binder.lists[node.outputs[0]] = tuple(parts)
    return True


def erase(binder: Binder, node: Node) -> bool:
    parts = list(_list(binder, node))
    at = _index(binder, node, 1) if len(node.inputs) > 1 and node.inputs[1] else -1
    if not -len(parts) <= at < len(parts):
        raise InputError(f"place {at} is outside a sequence of {len(parts)}", code="bad-node", where=node.place)
    del parts[at]
    binder.lists[node.outputs[0]] = tuple(parts)
    return True


def length(binder: Binder, node: Node) -> bool:
    count = np.asarray(len(_list(binder, node)), np.int64)
    binder.add_constant(Constant(node.outputs[0], (), DType.INT64, lambda: count))
    return True


def concat(binder: Binder, node: Node) -> bool:
    parts, axis = _list(binder, node), int(node.attrs.get("axis", 0))
    if node.attrs.get("new_axis", 0):
        axes = _settings(binder, node, "axes", (axis,))
        widened = tuple(f"{node.name}/{index}" for index in range(len(parts)))
        for part, wide in zip(parts, widened, strict=True):
            binder.visit(Node(wide, "Unsqueeze", (part, axes), (wide,)))
        parts = widened
    binder.visit(Node(node.name, "Concat", parts, node.outputs, {"axis": axis}))
    return True


def identity(binder: Binder, node: Node) -> bool:
    """Of a sequence: the same list under another name. Of a tensor: an operator like others."""
    if node.inputs[0] not in binder.lists:
        return False
    binder.lists[node.outputs[0]] = binder.lists[node.inputs[0]]
    return True


SEQUENCES: Mapping[str, Callable[[Binder, Node], bool]] = {
    "SequenceConstruct": construct, "SequenceEmpty": empty, "SplitToSequence": split, "SequenceAt": at,
    "SequenceInsert": insert, "SequenceErase": erase, "SequenceLength": length, "ConcatFromSequence": concat,
    "Identity": identity,
}  # fmt: skip


def _list(binder: Binder, node: Node) -> tuple[str, ...]:
    found = binder.lists.get(node.inputs[0])
    if found is None:
        raise InputError(
            f"what {node.inputs[0]!r} holds is not known before the graph runs", code="data-dependent-shape",
            where=node.place,
        )  # fmt: skip
    return found


def _index(binder: Binder, node: Node, slot: int) -> int:
    value = binder.value(node.inputs[slot])
    if value is None or value.size != 1:
        raise InputError("its place is computed from data", code="data-dependent-shape", where=node.place)
    return int(value.reshape(-1)[0])


def _settings(binder: Binder, node: Node, what: str, values: tuple[int, ...]) -> str:
    """A constant that configures one of the plain operators which take a sequence operator's place."""
    name, array = f"{node.name}/{what}", np.asarray(values, np.int64)
    binder.add_constant(Constant(name, array.shape, DType.INT64, lambda: array))
    return name
