"""Sequences and optional values: lists of tensors while a graph is bound, and plain tensors afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from npusim.bind.subgraph import body_of, integer, rename, walk
from npusim.errors import InputError
from npusim.model import VALUE_LIMIT, Node

if TYPE_CHECKING:
    from npusim.bind.walk import Binder


def construct(binder: Binder, node: Node) -> bool:
    binder.lists[node.outputs[0]] = tuple(_tensor(binder, node, name) for name in node.inputs)
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
            f"axis {axis} is outside a tensor of rank {len(shape)}", code="shape-mismatch", where=node.place
        )
    sizes = _sizes(binder, node, shape[axis])
    out = node.outputs[0]
    parts = tuple(f"{out}/{index}" for index in range(len(sizes)))
    lose = len(node.inputs) < 2 and not node.attrs.get("keepdims", 1)
    made = tuple(f"{part}/kept" for part in parts) if lose else parts
    if parts:
        settings = integer(binder, f"{out}/sizes", sizes)
        binder.visit(Node(node.name, "Split", (name, settings), made, {"axis": axis}))
    if lose:
        axes = integer(binder, f"{out}/axes", (axis,))
        for before, part in zip(made, parts, strict=True):
            binder.visit(Node(f"{part}/squeeze", "Squeeze", (before, axes), (part,)))
    binder.lists[out] = parts
    return True


def _sizes(binder: Binder, node: Node, length: int) -> tuple[int, ...]:
    given = binder.value(node.inputs[1]) if len(node.inputs) > 1 and node.inputs[1] else None
    if given is None and len(node.inputs) > 1 and node.inputs[1]:
        raise InputError("its sizes are computed from data", code="data-dependent-shape", where=node.place)
    if given is not None and given.ndim:
        return tuple(int(size) for size in given)
    step = 1 if given is None else int(given)
    if step < 1 or length > step * VALUE_LIMIT:
        raise InputError(f"{length} in parts of {step} are no sequence", code="bad-node", where=node.place)
    return tuple(min(step, length - start) for start in range(0, length, step))


def at(binder: Binder, node: Node) -> bool:
    """One tensor of a sequence; where data says which, any of them will do if they have one shape."""
    parts, index = _list(binder, node), _index(binder, node, 1)
    if index is None and parts and _one_shape(binder, parts):
        rename(binder, parts[0], node.outputs[0], varying=True)
        return True
    place = _place(node, index, len(parts))
    rename(binder, parts[place], node.outputs[0])
    return True


def insert(binder: Binder, node: Node) -> bool:
    """A sequence with one tensor more; where data says in which place, any will do if they have one shape."""
    parts, new = list(_list(binder, node)), _tensor(binder, node, node.inputs[1])
    index = _index(binder, node, 2) if len(node.inputs) > 2 and node.inputs[2] else len(parts)
    if index is None and _one_shape(binder, (*parts, new)):
        index = len(parts)
    parts.insert(_place(node, index, len(parts) + 1), new)
    binder.lists[node.outputs[0]] = tuple(parts)
    return True


def erase(binder: Binder, node: Node) -> bool:
    parts = list(_list(binder, node))
    index = _index(binder, node, 1) if len(node.inputs) > 1 and node.inputs[1] else -1
    if index is None and _one_shape(binder, tuple(parts)):
        index = -1
    del parts[_place(node, index, len(parts))]
    binder.lists[node.outputs[0]] = tuple(parts)
    return True


def length(binder: Binder, node: Node) -> bool:
    integer(binder, node.outputs[0], len(_list(binder, node)))
    return True


def concat(binder: Binder, node: Node) -> bool:
    parts, axis, out = _list(binder, node), int(node.attrs.get("axis", 0)), node.outputs[0]
    if not parts:
        raise InputError("joins an empty sequence", code="shape-mismatch", where=node.place)
    if node.attrs.get("new_axis", 0):
        axes = integer(binder, f"{out}/axes", (axis,))
        widened = tuple(f"{out}/wide{index}" for index in range(len(parts)))
        for part, wide in zip(parts, widened, strict=True):
            binder.visit(Node(wide, "Unsqueeze", (part, axes), (wide,)))
        parts = widened
    binder.visit(Node(node.name, "Concat", parts, node.outputs, {"axis": axis}))
    return True


def mapped(binder: Binder, node: Node) -> bool:
    """The body once for each tensor of the first sequence; its results are sequences."""
    body, scope = body_of(node, "body"), binder.scope(node.name)
    results: list[list[str]] = [[] for _ in node.outputs]
    for turn in range(len(_list(binder, node))):
        given = [binder.lists[name][turn] if name in binder.lists else name for name in node.inputs]
        made = walk(binder, body, f"{scope}/{turn}", given, held=f"{scope}/body")
        for result, name in zip(results, made, strict=True):
            result.append(name)
    binder.lists.update((name, tuple(result)) for name, result in zip(node.outputs, results, strict=True))
    return True


def identity(binder: Binder, node: Node) -> bool:
    """Of a sequence: the same list under another name. Of a tensor: an operator like others."""
    if node.inputs[0] not in binder.lists:
        return False
    binder.lists[node.outputs[0]] = binder.lists[node.inputs[0]]
    return True


def optional(binder: Binder, node: Node) -> bool:
    """An optional value is what it holds; an empty one is remembered as empty."""
    if node.inputs and node.inputs[0]:
        return identity(binder, node)
    binder.absent.add(node.outputs[0])
    binder.lists[node.outputs[0]] = ()  # what asks for its element finds nothing
    return True


def holds(binder: Binder, node: Node) -> bool:
    """Whether an optional value holds anything: known, since a graph's input always does."""
    there = bool(node.inputs and node.inputs[0]) and node.inputs[0] not in binder.absent
    integer(binder, node.outputs[0], there)
    return True


def element(binder: Binder, node: Node) -> bool:
    if node.inputs[0] in binder.absent:
        raise InputError("asks an empty optional value for its element", code="bad-node", where=node.place)
    return identity(binder, node)


SEQUENCES: Mapping[str, Callable[[Binder, Node], bool]] = {
    "SequenceConstruct": construct, "SequenceEmpty": empty, "SplitToSequence": split, "SequenceAt": at,
    "SequenceInsert": insert, "SequenceErase": erase, "SequenceLength": length, "ConcatFromSequence": concat,
    "SequenceMap": mapped, "Identity": identity, "Optional": optional, "OptionalHasElement": holds,
    "OptionalGetElement": element,
}  # fmt: skip


def _list(binder: Binder, node: Node) -> tuple[str, ...]:
    found = binder.lists.get(node.inputs[0])
    if found is None:
        raise InputError(
            f"what {node.inputs[0]!r} holds is not known before the graph runs", code="data-dependent-shape",
            where=node.place,
        )  # fmt: skip
    return found


def _tensor(binder: Binder, node: Node, name: str) -> str:
    if name not in binder.tensors:
        raise InputError(f"{name!r} is no tensor that a sequence can hold", code="bad-node", where=node.place)
    return name


def _index(binder: Binder, node: Node, slot: int) -> int | None:
    """The place that an input gives; None where data gives it."""
    value = binder.value(node.inputs[slot])
    return None if value is None or value.size != 1 else int(value.reshape(-1)[0])


def _place(node: Node, index: int | None, count: int) -> int:
    if index is None:
        raise InputError("its place is computed from data", code="data-dependent-shape", where=node.place)
    if not -count <= index < count:
        raise InputError(f"place {index} is outside a sequence of {count}", code="bad-node", where=node.place)
    return index % count


def _one_shape(binder: Binder, parts: tuple[str, ...]) -> bool:
    return len({binder.tensors[part].shape for part in parts}) == 1
