"""If, Loop and Scan: a branch is chosen, a body is walked once and counted as often as it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from npusim.bind.order import ordered
from npusim.ir import DType, Layer, Role, Tensor
from npusim.model import Constant, Model, Node
from npusim.ops import OPS, Call
from npusim.ops.base import work_of

if TYPE_CHECKING:
    from npusim.bind.walk import Binder


def if_(binder: Binder, node: Node) -> bool:
    """The branch that runs where the condition is a constant; else the dearer one, by MACs, then by operations."""
    branches = {True: node.attrs["then_branch"], False: node.attrs["else_branch"]}
    known = binder.value(node.inputs[0])
    wanted = list(branches) if known is None or known.size != 1 else [bool(known.reshape(-1)[0])]
    tried: list[tuple[tuple[int, int], bool, Binder]] = []
    for which in wanted:
        trial = binder.branch()
        inner = _walk(trial, branches[which], f"{node.name}/{'then' if which else 'else'}", {})
        for made, name in zip(inner, node.outputs, strict=True):
            _same(trial, made, name)
        tried.append((_work(trial), which, trial))
    work, which, dearest = max(tried, key=lambda each: each[0])
    binder.take(dearest)
    for _, other, trial in tried:
        if trial is not dearest:
            _keep_parameters(binder, trial, f"{node.name}/{'then' if other else 'else'}")
    if len(tried) > 1:
        binder.notice(
            "control-flow",
            f"If {node.name!r}: its {'then' if which else 'else'} branch is counted, the dearer one ({work[0]:,} MACs)",
        )
    return True


def loop(binder: Binder, node: Node) -> bool:
    """The body times the trip count, where that is known; otherwise the loop stays a layer that npusim cannot cost."""
    body: Model = node.attrs["body"]
    trips = _trip_count(binder, node, body)
    states = node.inputs[2:]
    if trips is None:
        return _unknown_loop(binder, node, states, "its trip count depends on data")
    prefix = f"{node.name}/body"
    binder.tensors[f"{prefix}/trip"] = Tensor(f"{prefix}/trip", (), DType.INT64, Role.WEIGHTS)
    binder.tensors[f"{prefix}/go"] = Tensor(f"{prefix}/go", (), DType.BOOL, Role.WEIGHTS)
    given = dict(zip((value.name for value in body.inputs), (f"{prefix}/trip", f"{prefix}/go", *states), strict=True))
    _repeat(binder, node, body, given, trips, skip=1, states=len(states), axes=())
    return True


def scan(binder: Binder, node: Node) -> bool:
    """The body times the length of the scanned axis (opset 9 and newer)."""
    body: Model = node.attrs["body"]
    count = int(node.attrs["num_scan_inputs"])
    states, scanned = node.inputs[: len(node.inputs) - count], node.inputs[len(node.inputs) - count :]
    axes = node.attrs.get("scan_input_axes") or (0,) * count
    shapes = [binder.tensors[name].shape for name in scanned]
    if len(body.inputs) != len(node.inputs) or any(not shape for shape in shapes):
        return _unknown_loop(binder, node, states, "its form is that of opset 8")
    trips = shapes[0][axes[0] % len(shapes[0])]
    prefix, given = f"{node.name}/body", dict(zip((value.name for value in body.inputs), states, strict=False))
    before, binder.repeat = binder.repeat, binder.repeat * trips
    index = f"{prefix}/step"
    binder.tensors[index] = Tensor(index, (), DType.INT64, Role.WEIGHTS)
    for value, name, axis in zip(body.inputs[len(states) :], scanned, axes, strict=True):
        given[value.name] = f"{prefix}/{value.name}/slice"
        binder.visit(Node(given[value.name], "Gather", (name, index), (given[value.name],), {"axis": axis}))
    binder.repeat = before
    _repeat(binder, node, body, given, trips, skip=0, states=len(states), axes=node.attrs.get("scan_output_axes") or ())
    return True


CONTROL: Mapping[str, Callable[[Binder, Node], bool]] = {"If": if_, "Loop": loop, "Scan": scan}


def _repeat(
    binder: Binder, node: Node, body: Model, given: dict[str, str], trips: int, *, skip: int, states: int,
    axes: tuple[int, ...],
) -> None:  # fmt: skip
    """Walks the body once, counted ``trips`` times; its later outputs are stacked, one slice a trip."""
    before, binder.repeat = binder.repeat, binder.repeat * trips
    inner = _walk(binder, body, f"{node.name}/body", given)[skip:]
    binder.repeat = before
    for made, name in zip(inner[:states], node.outputs, strict=False):
        _same(binder, made, name)
    for slot, (made, name) in enumerate(zip(inner[states:], node.outputs[states:], strict=True)):
        if name:
            axis = axes[slot] if slot < len(axes) else 0
            binder.visit(
                Node(f"{node.name}/stack{slot}", "npusim::Stack", (made,), (name,), {"count": trips, "axis": axis})
            )
    binder.notice("control-flow", f"{node.op} {node.name!r}: its body is counted {trips} time(s)")


def _trip_count(binder: Binder, node: Node, body: Model) -> int | None:
    """How often a Loop runs, where its count is a constant and its condition never ends it early."""
    most = binder.value(node.inputs[0]) if node.inputs[0] else None
    if most is None or most.size != 1:
        return None
    start = binder.value(node.inputs[1]) if len(node.inputs) > 1 and node.inputs[1] else None
    if len(node.inputs) > 1 and node.inputs[1] and (start is None or not start.reshape(-1)[0]):
        return None if start is None else 0
    return max(0, int(most.reshape(-1)[0])) if _never_ends(binder, body) else None


def _never_ends(binder: Binder, body: Model) -> bool:
    """Whether the condition that the body hands on is the one it was given, or a constant true."""
    name = body.outputs[0]
    makers = {output: node for node in body.nodes for output in node.outputs}
    while name in makers and makers[name].op == "Identity":
        name = makers[name].inputs[0]
    if name == body.inputs[1].name:
        return True
    constant = body.constants.get(name)
    value = constant.read() if constant and constant.read else binder.value(name) if name in binder.tensors else None
    return value is not None and value.size == 1 and bool(value.reshape(-1)[0])


def _unknown_loop(binder: Binder, node: Node, states: tuple[str, ...], why: str) -> bool:
    """Files the loop as a layer without cost; carried tensors keep their shapes, others are as the file states them."""
    for slot, name in enumerate(node.outputs):
        if name:
            known = binder.tensors[states[slot]] if slot < len(states) else None
            spec = (known.shape, known.dtype) if known is not None else binder.declared(node, name)
            binder.tensors[name] = Tensor(name, *spec)
    outer = dict.fromkeys(name for name in node.inputs if name)
    binder.append(msgspec.structs.replace(node, inputs=tuple(outer), attrs={}))
    binder.notice("control-flow", f"{node.op} {node.name!r} is not counted: {why}")
    return True


def _keep_parameters(binder: Binder, trial: Binder, name: str) -> None:
    """A layer that does nothing but hold the parameters of a branch that is not counted: the network stores them."""
    held = [found for layer in trial.layers if layer.op in OPS for found in _parameters(trial, layer)]
    names = tuple(dict.fromkeys(held))
    binder.tensors.update((found, trial.tensors[found]) for found in names)
    if names:
        binder.append(Node(f"{name} (not counted)", "npusim::Idle", names, ()))


def _parameters(binder: Binder, layer: Layer) -> tuple[str, ...]:
    ins = [binder.tensors[name] if name else None for name in layer.inputs]
    return OPS[layer.op].parameters(ins, binder.tensors)


def _same(binder: Binder, made: str, name: str) -> None:
    """Gives what a subgraph made the name that it has outside."""
    if name and made in binder.lists:
        binder.lists[name] = binder.lists[made]
    elif name:
        binder.visit(Node(f"{name}/result", "Identity", (made,), (name,)))


def _walk(binder: Binder, body: Model, prefix: str, given: Mapping[str, str]) -> list[str]:
    """Visits a subgraph under names of its own; returns its outputs. ``given``: what its inputs are outside."""
    own = {name: f"{prefix}/{name}" for node in body.nodes for name in node.outputs if name}
    own |= {name: f"{prefix}/{name}" for name in body.constants}
    names = {**own, **given}
    for constant in body.constants.values():
        binder.add_constant(Constant(names[constant.name], constant.shape, constant.dtype, constant.read))
    for node in ordered(body, around=binder.tensors):
        binder.visit(_renamed(node, names, prefix))
    return [names.get(name, name) for name in body.outputs]


def _renamed(node: Node, names: Mapping[str, str], prefix: str) -> Node:
    attrs = {key: _captures(value, names) if isinstance(value, Model) else value for key, value in node.attrs.items()}
    return Node(
        f"{prefix}/{node.name}", node.op, tuple(names.get(name, name) for name in node.inputs),
        tuple(names.get(name, name) for name in node.outputs), attrs,
    )  # fmt: skip


def _captures(body: Model, names: Mapping[str, str]) -> Model:
    """A nested subgraph that reads what it captures under the new names."""
    own = {value.name for value in body.inputs} | set(body.constants)
    own.update(name for node in body.nodes for name in node.outputs)
    outer = {name: new for name, new in names.items() if name not in own}
    nodes = tuple(
        msgspec.structs.replace(
            node, inputs=tuple(outer.get(name, name) for name in node.inputs),
            attrs={k: _captures(v, outer) if isinstance(v, Model) else v for k, v in node.attrs.items()},
        )
        for node in body.nodes
    )  # fmt: skip
    return msgspec.structs.replace(body, nodes=nodes, outputs=tuple(outer.get(name, name) for name in body.outputs))


def _work(binder: Binder) -> tuple[int, int]:
    """MACs and operations of what a branch added."""
    macs = ops = 0
    for layer in binder.layers:
        op = OPS.get(layer.op)
        if op is not None:
            ins = tuple(binder.tensors[name] if name else None for name in layer.inputs)
            values = tuple(binder.value(name) if name else None for name in layer.inputs)
            outs = tuple(binder.tensors[name] for name in layer.outputs if name)
            work = work_of(op, Call(layer.name, layer.op, layer.attrs, ins, values, outs, len(layer.outputs)))
            macs, ops = macs + work.macs * layer.repeat, ops + work.ops * layer.repeat
    return macs, ops
