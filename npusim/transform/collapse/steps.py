"""The network as the search sees it: each linear node a sum of convolutions of what it reads, with its cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod

import msgspec

from npusim.model import Node
from npusim.transform.collapse.affine import Affine, Refusal, identity
from npusim.transform.collapse.branches import KIND
from npusim.transform.collapse.network import Network
from npusim.transform.collapse.rules import terms as terms_of
from npusim.transform.collapse.scale import SCALE

# Operators that multiply and accumulate: a chain without one is no convolution, and is not made one.
PRODUCTS = ("Conv", "ConvTranspose", "Gemm", "MatMul")


Cost = tuple[int, int, int]  # MACs, nodes, and nodes that compute


class Step(msgspec.Struct, frozen=True):
    """A linear node, or the convolution that has taken the place of some.

    Attributes:
        terms: what its output is the sum of, each of another input.
        nodes: those it stands for, in the order they run.
        macs: on the frame of the network.
        count: nodes that it takes to write down.
        computing: how many of them compute; a Pad only moves.
        products: whether it multiplies and accumulates.
    """

    output: str
    kind: str
    terms: tuple[Affine, ...]
    nodes: tuple[Node, ...]
    macs: int
    count: int
    computing: int
    products: bool
    collapsed: bool = False

    @property
    def cost(self) -> Cost:
        return self.macs, self.count, self.computing

    @property
    def place(self) -> str:
        return self.terms[0].place if len(self.terms) == 1 else self.nodes[-1].place

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(term.source for term in self.terms)


def steps_of(network: Network) -> tuple[dict[str, Step], dict[str, Refusal]]:
    """The linear nodes by the name of their output, in the order they run, and why others of their kinds are not."""
    found: dict[str, Step] = {}
    refused: dict[str, Refusal] = {}
    for node in network.nodes:
        kind, made = terms_of(node, network)
        if made is None:
            continue
        if isinstance(made, Refusal):
            refused[node.outputs[0]] = made
            continue
        if kind == KIND and len(made) == 1:
            kind = SCALE  # an addition of a constant
        products = node.op in PRODUCTS
        macs = macs_of(made[0], node.outputs[0], network) if products else 0
        found[node.outputs[0]] = Step(node.outputs[0], kind, made, (node,), macs, 1, int(node.op != "Pad"), products)
    return found, refused


def macs_of(each: Affine, output: str, network: Network) -> int:
    """Multiply-accumulates of the convolution: a kernel at each output, or, transposed, at each input."""
    if each.window.op == "ConvTranspose":
        return prod(network.shape(each.source)) * each.outputs // each.groups * prod(each.taps)
    return prod(network.shape(output)) * prod(each.kernel.shape[1:])


def count_of(each: Affine) -> int:
    """Nodes that it is written as: a convolution, and a Pad where its border or its channel of ones needs one."""
    return 1 + (each.ones or bool(each.border))


def collapsed(each: Affine, output: str, through: Iterable[Step], network: Network) -> Step:
    """The step that takes the place of those."""
    nodes = tuple(node for step in through for node in step.nodes)
    macs, count = macs_of(each, output, network), count_of(each)
    named = msgspec.structs.replace(each, place=first_product(nodes).place, through=(), kinds=())
    return Step(output, "convolution", (named,), nodes, macs, count, 1, True, collapsed=True)


def rejoined(part: str, rest: Sequence[Affine], joins: Sequence[Step], network: Network) -> Step:
    """The sum of a convolution, which makes ``part``, and the other terms, in the place of the sums that were."""
    output = joins[-1].output
    shape = network.shape(output)
    place = joins[-1].place
    terms = (identity(part, shape, shape[1], place), *rest)
    nodes = tuple(node for step in joins for node in step.nodes)
    return Step(output, KIND, terms, nodes, 0, len(rest), len(rest), False, collapsed=True)


def first_product(nodes: Sequence[Node]) -> Node:
    """The node that gives the convolution in the place of all its name."""
    return next(node for node in nodes if node.op in PRODUCTS)
