"""Walking the nodes of a subgraph under names of their own, for good or on trial."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from npusim.bind.order import captured, needed, ordered
from npusim.errors import InputError
from npusim.ir import DType, Layer, Notice
from npusim.model import Constant, Model, Node
from npusim.ops import OPS, Call
from npusim.ops.base import work_of

if TYPE_CHECKING:
    from npusim.bind.walk import Binder

# Faults that may lie in the values a subgraph is tried with, and not in the file.
OF_VALUES = ("bad-node", "data-dependent-shape", "missing-input", "shape-mismatch", "too-long")


class Trial(msgspec.Struct):
    """What a walk added, taken out again: whoever tried it files it, or lets it go."""

    outputs: Sequence[str]
    layers: list[Layer]
    notices: list[Notice]
    fault: InputError | None = None

    def work(self, binder: Binder) -> tuple[int, int]:
        """MACs and operations of its layers."""
        macs = ops = 0
        for layer in self.layers:
            op = OPS.get(layer.op)
            if op is not None:
                work = work_of(op, _call(binder, layer))
                macs, ops = macs + work.macs * layer.repeat, ops + work.ops * layer.repeat
        return macs, ops


def attempt(binder: Binder, walked: Callable[[], Sequence[str]]) -> Trial:
    """Does a walk and takes out what it filed; a fault that may lie in the values at hand is part of the answer."""
    layers, notices = len(binder.layers), len(binder.notices)
    outputs: Sequence[str] = ()
    fault = None
    try:
        outputs = walked()
    except InputError as found:
        if found.code not in OF_VALUES:
            raise
        fault = found
    trial = Trial(outputs, binder.layers[layers:], binder.notices[notices:], fault)
    del binder.layers[layers:], binder.notices[notices:]
    return trial


def walk(binder: Binder, body: Model, prefix: str, given: Sequence[str], held: str = "") -> list[str]:
    """Visits a subgraph and returns the names of its outputs.

    Args:
        prefix: what stands before the names of all that it makes.
        given: what its inputs are outside, in order.
        held: the prefix of its constants, where several walks share them.
    """
    binder.spend(len(body.nodes) + 1)
    held = held or prefix
    names = {name: f"{prefix}/{name}" for node in body.nodes for name in node.outputs if name}
    names |= {name: f"{held}/{name}" for name in body.constants}
    names |= dict(zip((value.name for value in body.inputs), given, strict=True))
    for constant in body.constants.values():
        if names[constant.name] not in binder.tensors:
            binder.add_constant(Constant(names[constant.name], constant.shape, constant.dtype, constant.read))
    binder.declared.update((names[name], value) for name, value in body.declared.items() if name in names)
    order, _ = needed(ordered(body, around=captured(body)), body.outputs)
    for node in order:
        binder.visit(_renamed(node, names, prefix))
    return [names.get(name, name) for name in body.outputs]


def body_of(node: Node, attr: str) -> Model:
    """The subgraph in an attribute; InputError (bad-node) where there is none."""
    found = node.attrs.get(attr)
    if not isinstance(found, Model):
        raise InputError(f"has no subgraph {attr!r}", code="bad-node", where=node.place)
    return found


def rename(binder: Binder, made: str, name: str, *, varying: bool = False) -> None:
    """Gives what a subgraph made the name that it has outside."""
    if name and made in binder.lists:
        binder.lists[name] = binder.lists[made]
    elif name:
        binder.visit(Node(f"{name}/result", "Identity", (made,), (name,)), varying=varying)


def copied(binder: Binder, name: str, copy: str) -> str:
    """A tensor that is known now but not in every turn: a constant gets a copy that is none."""
    if name in binder.lists or not binder.tensors[name].is_constant:
        return name
    binder.visit(Node(copy, "Identity", (name,), (copy,)), varying=True)
    return copy


def integer(binder: Binder, name: str, value: int | bool | Sequence[int]) -> str:
    """Files a small constant and returns its name."""
    array = np.asarray(value, bool if isinstance(value, bool) else np.int64)
    dtype = DType.BOOL if isinstance(value, bool) else DType.INT64
    binder.add_constant(Constant(name, array.shape, dtype, lambda: array))
    return name


def alike(binder: Binder, a: str, b: str) -> bool:
    """Whether two names stand for tensors, or lists of tensors, of the same shapes."""
    if (a in binder.lists) != (b in binder.lists):
        return False
    parts = (binder.lists.get(a, (a,)), binder.lists.get(b, (b,)))
    shapes = [[binder.tensors[name].shape for name in names] for names in parts]
    return shapes[0] == shapes[1]


def keep_parameters(binder: Binder, trial: Trial, name: str) -> None:
    """A layer that does nothing but hold the parameters of a branch that is not counted: the network stores them."""
    held: dict[str, None] = {}
    for layer in trial.layers:
        if layer.op in OPS:
            held.update(dict.fromkeys(OPS[layer.op].parameters(_call(binder, layer).ins, binder.tensors)))
    if held:
        binder.append(Node(f"{name} (not counted)", "npusim::Idle", tuple(held), ()))


def nodes_in(model: Model) -> int:
    """How many nodes a model has, those of its subgraphs included."""
    inner = (value for node in model.nodes for value in node.attrs.values() if isinstance(value, Model))
    return len(model.nodes) + sum(nodes_in(each) for each in inner)


def _call(binder: Binder, layer: Layer) -> Call:
    ins = tuple(binder.tensors[name] if name else None for name in layer.inputs)
    values = tuple(binder.value(name) if name else None for name in layer.inputs)
    outs = tuple(binder.tensors[name] for name in layer.outputs if name)
    return Call(layer.name, layer.op, layer.attrs, ins, values, outs, len(layer.outputs))


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
