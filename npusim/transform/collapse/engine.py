"""Collapses until nothing is left to collapse."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from npusim.counts import layer_works
from npusim.ir import Graph
from npusim.model import Model
from npusim.transform.collapse.affine import Affine
from npusim.transform.collapse.branches import KIND
from npusim.transform.collapse.emit import Emitted, emit
from npusim.transform.collapse.left import Left, left_alone
from npusim.transform.collapse.network import Network
from npusim.transform.collapse.partial import Partial
from npusim.transform.collapse.search import Rules, Search
from npusim.transform.collapse.steps import Step, collapsed, rejoined, steps_of
from npusim.transform.collapse.storable import unfit


class Chain(msgspec.Struct, frozen=True):
    """What became one convolution.

    Attributes:
        name: of the convolution.
        source, output: the tensor that it reads, and that it makes.
        goes_into: the output, or the sum that it is a part of, where the network before had no such tensor.
        nodes: names of those that it takes the place of, in the order they run.
        kinds: what kinds of nodes those are, with how many of each.
        kernel: taps of the convolution.
        macs_before, macs: on the frame of the graph.
        params_before, params: elements of the constants that they read.
    """

    name: str
    source: str
    output: str
    goes_into: str
    nodes: tuple[str, ...]
    kinds: Mapping[str, int]
    kernel: tuple[int, ...]
    macs_before: int
    macs: int
    params_before: int
    params: int


class Collapsed(msgspec.Struct, frozen=True):
    """The network after, and what was done to it.

    Attributes:
        weightless: parameters of what was collapsed have no elements; neither have those of the convolutions.
    """

    chains: tuple[Chain, ...]
    left: tuple[Left, ...]
    emitted: Emitted
    network: Network
    weightless: bool

    @property
    def model(self) -> Model:
        return self.emitted.model


def collapse(model: Model, graph: Graph, rules: Rules | None = None, *, seed: int = 0) -> Collapsed:
    """Each linear chain of the model as one convolution, where that is exact and costs no more MACs.

    Args:
        graph: the model bound to some frame, on which MACs are counted.
        seed: of the elements that stand for those which the model lacks.

    Raises:
        InputError: what reading the weights raises.
    """
    network = Network(model, graph, seed)
    first, refused = steps_of(network)
    steps, kinds, into = first, dict[str, dict[str, int]](), dict[str, str]()
    search = Search(steps, network, rules or Rules())
    while found := search.collapses():
        if never := unfit(found, steps, network):
            refused = {**refused, **never.steps}
            steps = {name: step for name, step in steps.items() if name not in never.steps}
            search = Search(steps, network, search.rules, {**search.barred, **never.ways})
            continue
        steps = _applied(steps, found, kinds, into, network)
        search = Search(steps, network, search.rules, search.barred)
    done = [step for step in steps.values() if step.collapsed]
    emitted = emit(model, network, done)
    chains = tuple(
        _chain(step, emitted.names[step.output], first, kinds[step.output], into.get(step.output, step.output), network)
        for step in done
        if step.products
    )
    weightless = any(term.is_blank for step in done for term in step.terms)
    return Collapsed(chains, tuple(left_alone(search, refused)), emitted, network, weightless)


def _applied(
    steps: Mapping[str, Step], found: Mapping[str, Affine | Partial], kinds: dict[str, dict[str, int]],
    into: dict[str, str], network: Network,
) -> dict[str, Step]:  # fmt: skip
    """The steps with those that each convolution takes the place of replaced by it.

    ``kinds`` gets what each is made of, and ``into`` the sum that each part of one goes into.
    """
    gone: set[str] = set()
    for each in found.values():
        gone.update(each.through if isinstance(each, Affine) else (*each.made.through, *each.joins))
    after: dict[str, Step] = {}
    for name, step in steps.items():
        chosen = found.get(name)
        if isinstance(chosen, Affine):
            kinds[name] = _kinds(chosen, kinds, steps)
            after[name] = collapsed(chosen, name, [steps[each] for each in chosen.through], network)
        elif isinstance(chosen, Partial):
            into |= {each: name for each, whole in into.items() if whole in chosen.joins}
            part = network.new(f"{name}.collapsed.sum", name)
            into[part] = name
            kinds[part] = _kinds(chosen.made, kinds, steps)
            kinds[name] = {KIND: len(chosen.joins)}
            after[part] = collapsed(chosen.made, part, [steps[each] for each in chosen.made.through], network)
            after[name] = rejoined(part, chosen.rest, [steps[each] for each in chosen.joins], network)
        elif name not in gone:
            after[name] = step
    return after


def _kinds(made: Affine, known: Mapping[str, Mapping[str, int]], steps: Mapping[str, Step]) -> dict[str, int]:
    """How many nodes of each kind; a convolution that was made in an earlier round counts as what it is made of."""
    counts: dict[str, int] = {}
    for name, kind in zip(made.through, made.kinds, strict=True):
        for each, count in (known[name] if steps[name].collapsed else {kind: 1}).items():
            counts[each] = counts.get(each, 0) + count
    return counts


def _chain(
    step: Step, name: str, first: Mapping[str, Step], kinds: Mapping[str, int], into: str, network: Network
) -> Chain:
    (made,) = step.terms
    outputs = {node.outputs[0] for node in step.nodes}
    works = [work for work in layer_works(network.graph) if outputs.intersection(work.layer.outputs)]
    read = {each for work in works for each in work.params}
    return Chain(
        name, made.source, step.output, into,
        tuple(node.name for node in step.nodes), kinds, made.taps,
        sum(first[each].macs for each in outputs), step.macs,
        sum(network.graph.tensors[each].elements for each in read), made.params,
    )  # fmt: skip
