"""If, Loop and Scan: a branch is chosen; a body is walked once and counted as often as it runs, or unrolled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from npusim.bind.subgraph import Trial, alike, attempt, body_of, copied, integer, keep_parameters, rename, walk
from npusim.errors import InputError
from npusim.ir import MAX_ELEMENTS, Layer, Tensor
from npusim.model import Array, Constant, Model, Node

if TYPE_CHECKING:
    from npusim.bind.walk import Binder


def if_(binder: Binder, node: Node) -> bool:
    """The branch that runs where the condition is a constant; else the dearer one, by MACs, then by operations."""
    branches = {"then": body_of(node, "then_branch"), "else": body_of(node, "else_branch")}
    known = _flag(binder.value(node.inputs[0]))
    sides = list(branches) if known is None else ["then" if known else "else"]
    scope = binder.scope(node.name)
    tried = {side: attempt(binder, _walker(binder, branches[side], f"{scope}/{side}")) for side in sides}
    done = {side: trial for side, trial in tried.items() if trial.fault is None}
    for trial in tried.values():
        if trial.fault is not None and not done:
            raise trial.fault
    side = max(done, key=lambda each: done[each].work(binder))
    binder.layers += done[side].layers
    binder.notices += done[side].notices
    for made, name in zip(done[side].outputs, node.outputs, strict=True):
        rename(binder, made, name, varying=len(tried) > 1)
    for other in tried.keys() - {side}:
        keep_parameters(binder, tried[other], f"{scope}/{other}")
    if len(tried) > 1:
        _say_which(binder, node, side, tried)
    return True


def loop(binder: Binder, node: Node) -> bool:
    """The body times the trip count, where that is known; otherwise the loop stays a layer that npusim cannot cost."""
    body = body_of(node, "body")
    count, condition, *states = (*node.inputs, "", "")[: max(2, len(node.inputs))]
    _check_form(node, body, len(body.inputs) == len(states) + 2 and len(body.outputs) > len(states))
    most = binder.value(count) if count else None
    go = _flag(binder.value(condition)) if condition else True
    scope = binder.scope(node.name)

    def head(turn: int | None) -> list[str]:
        first = integer(binder, f"{scope}/{turn or 0}/count", turn or 0)
        number = copied(binder, first, f"{scope}/count") if turn is None else first
        return [number, integer(binder, f"{scope}/{turn or 0}/go", True)]

    plan = _Plan(node, body, scope, tuple(states), head, lambda _: [], skip=1)
    turns = None if most is None or most.size != 1 else max(0, int(most.reshape(-1)[0]))
    if go is False or turns == 0:
        return _turns(binder, plan, 0)
    if turns is None or go is None:
        return _unknown(binder, plan, "how often it runs depends on data")
    return _turns(binder, plan, turns)


def scan(binder: Binder, node: Node) -> bool:
    """The body times the length of the scanned axes (opset 9 and newer)."""
    body, count = body_of(node, "body"), int(node.attrs["num_scan_inputs"])
    states, scanned = node.inputs[: len(node.inputs) - count], node.inputs[len(node.inputs) - count :]
    scope = binder.scope(node.name)
    if len(body.inputs) != len(node.inputs):
        return _unknown(binder, _Plan(node, body, scope, (), lambda _: [], lambda _: []), "its form is that of opset 8")
    _check_form(node, body, 0 < count <= len(node.inputs) and len(body.outputs) >= len(states))
    axes = node.attrs.get("scan_input_axes") or (0,) * count
    if len(axes) != count:
        raise InputError(f"{len(axes)} axes for {count} scanned inputs", code="bad-node", where=node.place)
    shapes = [binder.tensors[name].shape for name in scanned]
    lengths = {shape[axis] for shape, axis in zip(shapes, axes, strict=True)}
    if len(lengths) > 1:
        raise InputError(
            f"its inputs are scanned over {sorted(lengths)} steps", code="shape-mismatch", where=node.place
        )

    def tail(turn: int | None) -> list[str]:
        index = integer(binder, f"{scope}/{turn or 0}/step", turn or 0)
        parts = []
        for slot, (name, axis) in enumerate(zip(scanned, axes, strict=True)):
            part = f"{scope}/slice{slot}" if turn is None else f"{scope}/{turn}/slice{slot}"
            binder.visit(Node(part, "Gather", (name, index), (part,), {"axis": axis}), varying=turn is None)
            parts.append(part)
        return parts

    stacked = tuple(node.attrs.get("scan_output_axes") or ())
    return _turns(binder, _Plan(node, body, scope, states, lambda _: [], tail, axes=stacked), lengths.pop())


CONTROL: Mapping[str, Callable[[Binder, Node], bool]] = {"If": if_, "Loop": loop, "Scan": scan}


class _Plan(msgspec.Struct):
    """What the turns of a loop have in common.

    Attributes:
        states: what is carried from turn to turn, as it is before the first.
        head, tail: names of the body's inputs before and after the states, in a turn; of None: in any turn.
        skip: the body's outputs before the states (the condition of a Loop).
        axes: along which the outputs of the turns are stacked.
    """

    node: Node
    body: Model
    scope: str
    states: tuple[str, ...]
    head: Callable[[int | None], list[str]]
    tail: Callable[[int | None], list[str]]
    skip: int = 0
    axes: tuple[int, ...] = ()

    def axis(self, slot: int) -> int:
        return self.axes[slot] if slot < len(self.axes) else 0


def _turns(binder: Binder, plan: _Plan, most: int) -> bool:
    """Counts ``most`` turns, or fewer where the condition is known to end them: as one turn repeated, or unrolled."""
    if most > MAX_ELEMENTS // 64:
        raise InputError(f"{most} turns are too many to count", code="bad-node", where=plan.node.place)
    once, trips = _once(binder, plan, most)
    steady = once is not None and not any(notice.code == "data-dependent-shape" for notice in once.notices)
    if once is None or not steady:
        if _unroll(binder, plan, most):
            return True
        if once is None:
            return _unknown(binder, plan, "its turns differ, or data decides when it ends")
    before, after = plan.states, once.outputs[plan.skip :]
    binder.notices += once.notices
    if trips:
        binder.layers += [msgspec.structs.replace(each, repeat=each.repeat * trips) for each in once.layers]
    else:
        keep_parameters(binder, once, f"{plan.scope}/body")
    for start, end, name in zip(before, after, plan.node.outputs, strict=False):
        rename(binder, end if trips else start, name, varying=trips > 0)
    for slot, (made, name) in enumerate(zip(after[len(before) :], plan.node.outputs[len(before) :], strict=False)):
        if name:
            _stack(binder, plan, slot, made, name, trips)
    said = f"{plan.node.place}: its body is counted {trips:,} time{'' if trips == 1 else 's'}"
    binder.notice("control-flow", said)
    return True


def _once(binder: Binder, plan: _Plan, most: int) -> tuple[Trial | None, int]:
    """A turn that stands for all, and how many there are; None where turns differ or data decides when they end."""
    states: list[str] = []

    def turn() -> Sequence[str]:
        states.extend(copied(binder, name, f"{plan.scope}/state{slot}") for slot, name in enumerate(plan.states))
        given = [*plan.head(None), *states, *plan.tail(None)]
        return walk(binder, plan.body, f"{plan.scope}/body", given)

    trial = attempt(binder, turn)
    if trial.fault is not None:
        return None, 0
    go = _flag(binder.value(trial.outputs[0])) if plan.skip else True
    same = all(alike(binder, a, b) for a, b in zip(states, trial.outputs[plan.skip :], strict=False))
    if go is None or (go and not same and most > 1):
        return None, 0
    read = {name for layer in trial.layers for name in layer.inputs} | set(trial.outputs)
    trial.layers = [layer for layer in trial.layers if not _idle_copy(layer, plan.scope) or layer.outputs[0] in read]
    return trial, most if go else min(most, 1)


def _idle_copy(layer: Layer, scope: str) -> bool:
    """Whether it is one of the copies that stand for what differs from turn to turn."""
    return (
        layer.op == "Identity" and layer.name in (f"{scope}/count", layer.outputs[0]) and layer.name.startswith(scope)
    )


def _unroll(binder: Binder, plan: _Plan, most: int) -> bool:
    """Walks each turn by itself; False, and nothing done, where that is too much or data decides when it ends."""
    states, stacks, turns = plan.states, [[] for _ in plan.body.outputs[plan.skip + len(plan.states) :]], 0  # type: ignore[var-annotated]

    def all_turns() -> Sequence[str]:
        nonlocal states, turns
        for turn in range(most):
            given = [*plan.head(turn), *states, *plan.tail(turn)]
            made = walk(binder, plan.body, f"{plan.scope}/{turn}", given, held=f"{plan.scope}/body")
            go = _flag(binder.value(made[0])) if plan.skip else True
            if go is None:
                raise InputError("data decides when it ends", code="data-dependent-shape", where=plan.node.place)
            states, turns = tuple(made[plan.skip : plan.skip + len(states)]), turn + 1
            for stack, name in zip(stacks, made[plan.skip + len(states) :], strict=True):
                stack.append(name)
            if not go:
                break
        return ()

    trial = attempt(binder, all_turns)
    if trial.fault is not None or not turns:
        return False
    binder.layers += trial.layers
    binder.notices += trial.notices
    for made, name in zip(states, plan.node.outputs, strict=False):
        rename(binder, made, name)
    for slot, (stack, name) in enumerate(zip(stacks, plan.node.outputs[len(states) :], strict=False)):
        if name:
            _join(binder, stack, name, plan.axis(slot))
    said = f"{plan.node.place}: its turns differ, and are counted one by one ({turns:,})"
    binder.notice("control-flow", said)
    return True


def _join(binder: Binder, parts: Sequence[str], name: str, axis: int) -> None:
    """Tensors of one shape, joined along an axis of its own."""
    axes = integer(binder, f"{name}/axis", [axis])
    wide = tuple(f"{name}/part{index}" for index in range(len(parts)))
    for part, wider in zip(parts, wide, strict=True):
        binder.visit(Node(wider, "Unsqueeze", (part, axes), (wider,)))
    binder.visit(Node(f"{name}/stack", "Concat", wide, (name,), {"axis": axis}))


def _stack(binder: Binder, plan: _Plan, slot: int, made: str, name: str, trips: int) -> None:
    """What the turns made, one slice a turn."""
    axis = plan.axis(slot)
    if trips:
        attrs = {"count": trips, "axis": axis}
        binder.visit(Node(f"{name}/stack", "npusim::Stack", (made,), (name,), attrs), varying=True)
        return
    shape, dtype = list(binder.tensors[made].shape), binder.tensors[made].dtype
    shape.insert(axis if axis >= 0 else len(shape) + 1 + axis, 0)
    binder.add_constant(Constant(name, tuple(shape), dtype, None))


def _unknown(binder: Binder, plan: _Plan, why: str) -> bool:
    """Files the loop as a layer without cost; carried tensors keep their shapes, others are as the file states them."""
    node = plan.node
    for slot, name in enumerate(node.outputs):
        if not name:
            continue
        carried = binder.tensors.get(plan.states[slot]) if slot < len(plan.states) else None
        stated = binder.stated(name)
        if carried is None and stated is None:
            raise InputError(
                f"{why}, and the file does not state the shape of {name!r}", code="data-dependent-shape",
                where=node.place, fix="store the shapes in the file (value_info), or make its trip count a constant",
            )  # fmt: skip
        binder.tensors[name] = Tensor(name, *(stated or (carried.shape, carried.dtype)))  # type: ignore[union-attr]
    binder.file(node)
    binder.notice("control-flow", f"{node.place} is not counted: {why}")
    return True


def _walker(binder: Binder, body: Model, prefix: str) -> Callable[[], Sequence[str]]:
    return lambda: walk(binder, body, prefix, ())


def _flag(value: Array | None) -> bool | None:
    return None if value is None or value.size != 1 else bool(value.reshape(-1)[0])


def _check_form(node: Node, body: Model, fits: bool) -> None:
    if not fits:
        raise InputError(
            f"its body has {len(body.inputs)} inputs and {len(body.outputs)} outputs, which do not fit its own",
            code="bad-node", where=node.place,
        )  # fmt: skip


def _say_which(binder: Binder, node: Node, side: str, tried: Mapping[str, Trial]) -> None:
    macs = tried[side].work(binder)[0]
    other = next(trial for each, trial in tried.items() if each != side)
    text = f"If {node.name!r}: its {side} branch is counted, the dearer one ({macs:,} MACs)"
    if other.fault is not None:
        text = (
            f"If {node.name!r}: its {side} branch is counted; the other does not fit these shapes ({other.fault.what})"
        )
    elif not all(alike(binder, a, b) for a, b in zip(tried[side].outputs, other.outputs, strict=True)):
        text += "; the other gives other shapes"
    binder.notice("control-flow", text)
