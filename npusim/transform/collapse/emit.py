"""Writes what was collapsed down as nodes and constants again; everything else of the model stays as it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np

from npusim.bind.order import reads
from npusim.ir import Attr, DType
from npusim.model import Array, Constant, Model, Node
from npusim.ops.arrays import held
from npusim.transform.collapse.affine import Affine, Numbers, numbers
from npusim.transform.collapse.network import Network
from npusim.transform.collapse.steps import Step, first_product
from npusim.transform.collapse.transposed import outputs_first

PADS_ARE_INPUTS = 11  # the opset from which Pad takes them so
BIAS_IS_FREE = 11  # the opset from which Gemm may leave it out


class Emitted(msgspec.Struct, frozen=True):
    """The model after.

    Attributes:
        names: of the convolutions, by their output.
        arrays: the numbers of the new constants, in float64, by name.
    """

    model: Model
    names: Mapping[str, str]
    arrays: Mapping[str, Numbers]


class _Writer:
    """Collects new nodes and constants under names that the model does not use."""

    def __init__(self, model: Model, network: Network) -> None:
        self.network = network
        self.opset = model.opsets.get("", PADS_ARE_INPUTS)
        self.taken = {value.name for value in model.inputs} | set(model.constants)
        self.taken.update(name for node in model.nodes for name in (*reads(node), *node.outputs))
        self.constants: dict[str, Constant] = {}
        self.arrays: dict[str, Numbers] = {}

    def name(self, wanted: str) -> str:
        """The name, numbered where the model uses it."""
        name, count = wanted, 1
        while name in self.taken:
            count += 1
            name = f"{wanted}.{count}"
        self.taken.add(name)
        return name

    def constant(self, name: str, held_as: DType, given: Numbers) -> str:
        """Files numbers as a constant of that type."""
        name = self.name(name)
        self.arrays[name] = given

        def read() -> Array:
            return np.asarray(given.array, held(held_as))

        self.constants[name] = Constant(name, given.shape, held_as, None if given.blank else read)
        return name

    def nodes(self, step: Step, name: str) -> list[Node]:
        """The convolution, behind a Pad where it needs one."""
        (made,) = step.terms
        dtype = self.network.graph.tensors[self.network.sums.get(step.output, step.output)].dtype
        stem, source, before = f"{name}.collapsed", made.source, []
        kernel = self.constant(f"{stem}.weight", dtype, _stored(made))
        inputs = [kernel]
        if made.bias is not None:
            inputs.append(self.constant(f"{stem}.bias", dtype, made.bias))
        elif not made.taps and self.opset < BIAS_IS_FREE:
            inputs.append(self.constant(f"{stem}.bias", dtype, Numbers((1,), lambda: np.zeros(1))))
        if made.ones or made.border:
            before = [self.pad(made, stem, dtype)]
            source = before[0].outputs[0]
        op = made.window.op if made.taps else "Gemm"
        return [*before, Node(name, op, (source, *inputs), (step.output,), _attrs(made))]

    def sums(self, step: Step) -> list[Node]:
        """The terms one after another, under the names of the additions that they were."""
        (total, *rest), names = step.inputs, [node.name for node in step.nodes]
        made: list[Node] = []
        for index, (name, term) in enumerate(zip(rest, step.terms[1:], strict=True)):
            last = index == len(rest) - 1
            output = step.output if last else self.name(f"{step.output}.collapsed.sum")
            op = "Add" if term.kernel.array.flat[0] > 0 else "Sub"
            label = names[-1] if last else f"{names[-1]}.collapsed.{index + 1}"
            made.append(Node(label, op, (total, name), (output,)))
            total = output
        return made

    def pad(self, made: Affine, stem: str, dtype: DType) -> Node:
        """One more channel that holds ones, or a number other than 0 around the frame."""
        frame = (0,) * len(made.taps)
        sides, value = ((0, 0, *frame, 0, 1, *frame), 1.0)
        if not made.ones:
            sides, value = ((0, 0, *made.window.before, 0, 0, *made.window.after), made.border)
        output = self.name(f"{stem}.padded")
        if self.opset < PADS_ARE_INPUTS:
            attrs = {"mode": "constant", "pads": sides, "value": value}
            return Node(f"{stem}.pad", "Pad", (made.source,), (output,), attrs)
        pads = self.name(f"{stem}.pads")
        self.constants[pads] = Constant(pads, (len(sides),), DType.INT64, lambda: np.array(sides, np.int64))
        held_value = self.constant(f"{stem}.value", dtype, Numbers((), lambda: np.array(value)))
        return Node(f"{stem}.pad", "Pad", (made.source, pads, held_value), (output,), {"mode": "constant"})


def _stored(made: Affine) -> Numbers:
    """The kernel in the order in which its operator has it."""
    if made.window.op != "ConvTranspose":
        return made.kernel
    outputs, inputs, *taps = made.kernel.shape
    shape = (inputs * made.groups, outputs // made.groups, *taps)
    return numbers(shape, lambda: outputs_first(made.kernel.array, made.groups), made.kernel)


def _attrs(made: Affine) -> dict[str, Attr]:
    window = made.window
    if not made.taps:
        return {"transB": 1}
    if window.fixed is not None:
        return {**window.fixed, "group": made.groups}
    pads = (0,) * (2 * len(made.taps)) if made.border else (*window.before, *window.after)
    return {
        "kernel_shape": made.taps, "pads": pads, "strides": window.strides, "dilations": window.dilations,
        "group": made.groups,
    }  # fmt: skip


def emit(model: Model, network: Network, steps: Sequence[Step]) -> Emitted:
    """The model with each step as nodes in the place of the last of those that it stands for."""
    writer = _Writer(model, network)
    gone = {id(node) for step in steps for node in step.nodes}
    kept = {node.name for node in model.nodes if id(node) not in gone}
    names: dict[str, str] = {}
    made: dict[str, list[Node]] = {}
    writer.taken.update(network.sums)
    for step in steps:
        if not step.products:
            made[step.output] = writer.sums(step)
            continue
        first = first_product(step.nodes).name
        name = first if first not in kept else f"{first}.collapsed"
        kept.add(name)
        names[step.output] = name
        made[step.output] = writer.nodes(step, name)
    nodes: list[Node] = []
    for node in model.nodes:
        if id(node) not in gone:
            nodes.append(node)
            continue
        for part in (each for each, whole in network.sums.items() if whole == node.outputs[0]):
            nodes += made.get(part, ())
        nodes += made.get(node.outputs[0], ())
    nodes, unread = _without_unread(nodes, model)
    constants = {name: each for name, each in model.constants.items() if name not in unread} | writer.constants
    after = msgspec.structs.replace(model, nodes=tuple(nodes), constants=constants)
    return Emitted(after, names, writer.arrays)


def _without_unread(nodes: list[Node], model: Model) -> tuple[list[Node], set[str]]:
    """The nodes without those that only served what is gone, and the names that nothing reads any more."""
    before = _read(model.nodes, model)
    while True:
        unread = before - _read(nodes, model)
        kept = [node for node in nodes if not node.outputs or not unread.issuperset(filter(None, node.outputs))]
        if len(kept) == len(nodes):
            return nodes, unread
        nodes = kept


def _read(nodes: Iterable[Node], model: Model) -> set[str]:
    return {name for node in nodes for name in reads(node)} | set(model.outputs)
