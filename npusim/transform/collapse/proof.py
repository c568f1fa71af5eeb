"""That a collapsed network computes the same: both are run in float64 on random input, and held against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from npusim.bind import bind
from npusim.errors import EstimateError, InputError, NpusimError
from npusim.ir import DType, Graph, Shape
from npusim.model import Model
from npusim.ops.arrays import held
from npusim.ops.base import Array
from npusim.reference.compare import Difference, compare
from npusim.reference.executor import execute
from npusim.reference.inputs import seeded_inputs
from npusim.transform.collapse.engine import Collapsed

TOLERANCE = 1e-9  # of the largest element: what float64 sums in another order differ by, and far below any real fault
ROUNDING = 1e-12  # what sums that cancel leave of numbers up to some hundreds
FRAMES = ((17, 13), (32, 24), (64, 48), (128, 96), (224, 224))  # width and height; odd sizes show more


class Proof(msgspec.Struct, frozen=True):
    """How far the network after is from that before.

    Attributes:
        inputs: what was drawn, by name; of each chain where it was proved by itself.
        whole: the whole network was run; otherwise each chain by itself, since ``why`` stood against it.
        chains: the output of each chain, all numbers in float64.
        outputs: those of the network, the same.
        stored: those of the network, or of each chain, with the new constants rounded to the type they are stored in.
    """

    inputs: Mapping[str, Shape]
    whole: bool
    why: str
    chains: tuple[Difference, ...]
    outputs: tuple[Difference, ...]
    stored: tuple[Difference, ...]

    @property
    def holds(self) -> bool:
        measured = all(each.max_abs is not None for each in self.stored)
        return measured and all(map(_is_equal, (*self.chains, *self.outputs)))


def _is_equal(each: Difference) -> bool:
    """Up to rounding: a share of the largest element, or of the numbers whose sums cancel."""
    return each.within(TOLERANCE) or (each.max_abs is not None and each.max_abs <= ROUNDING)


def small(
    model: Model, *, size: tuple[int, int] | None = None, shapes: Mapping[str, Shape] | None = None,
    dims: Mapping[str, int] | None = None, batch: int | None = None, proof_size: tuple[int, int] | None = None,
) -> Graph:  # fmt: skip
    """The model on a small frame that it can follow: that asked for, the first of FRAMES that fits, or its own.

    Raises:
        InputError: what ``bind`` raises on the frame that is asked for, or on its own where no other fits.
    """
    if proof_size is not None:
        return bind(model, size=proof_size, shapes=shapes, dims=dims, batch=batch)
    tried = [(size, batch), (size, 1)]
    if not shapes:
        tried = [(frame, count) for frame in FRAMES for count in (batch, 1)] + tried
    for frame, count in tried:
        try:
            return bind(model, size=frame, shapes=shapes, dims=dims, batch=count)
        except InputError:
            continue
    return bind(model, size=size, shapes=shapes, dims=dims, batch=batch)


def prove(found: Collapsed, before: Graph, seed: int = 0) -> Proof:
    """Runs both networks.

    Args:
        before: the network as it was, on the frame to run it on.

    Raises:
        InputError, EstimateError: what the executor raises of a single chain.
    """
    shapes = {name: before.tensors[name].shape for name in before.inputs}
    after = bind(found.model, shapes=shapes)
    exact = {name: each.array for name, each in found.emitted.arrays.items()}
    rounded = {name: _rounded(array, after, name) for name, array in exact.items()}
    blank = found.network.seeded
    try:
        return _whole(found, before, after, blank, exact, rounded, seed)
    except NpusimError as fault:
        return _apart(found, before, after, blank, exact, rounded, seed, str(fault))


def _rounded(array: Array, graph: Graph, name: str) -> Array:
    tensor = graph.tensors.get(name)
    return array if tensor is None else np.asarray(array, held(tensor.dtype))


def _whole(
    found: Collapsed, before: Graph, after: Graph, blank: Mapping[str, Array], exact: Mapping[str, Array],
    rounded: Mapping[str, Array], seed: int,
) -> Proof:  # fmt: skip
    inputs = seeded_inputs(before, seed)
    inside = tuple(chain.goes_into for chain in found.chains)
    wanted = tuple(dict.fromkeys((*before.outputs, *inside)))
    was = _run(before, inputs, blank, wanted)
    if not all(np.isfinite(was[name]).all() for name in wanted):  # where all is NaN, all is equal
        raise EstimateError("not all that it computes is finite", code="not-finite", where=before.name)
    now = _run(after, inputs, {**blank, **exact}, wanted)
    stored = _run(after, inputs, {**blank, **rounded}, before.outputs)
    return Proof(
        {name: array.shape for name, array in inputs.items()}, True, "",
        _differences(inside, now, was), _differences(before.outputs, now, was),
        _differences(before.outputs, stored, was),
    )  # fmt: skip


def _apart(
    found: Collapsed, before: Graph, after: Graph, blank: Mapping[str, Array], exact: Mapping[str, Array],
    rounded: Mapping[str, Array], seed: int, why: str,
) -> Proof:  # fmt: skip
    """Each chain between its source and its output, on a random source."""
    drawn: dict[str, Shape] = {}
    exactly: list[Difference] = []
    stored: list[Difference] = []
    for chain in found.chains:
        wanted = (chain.goes_into,)
        old, new = (_piece(graph, chain.source, chain.goes_into) for graph in (before, after))
        inputs = {}
        for name in old.inputs:
            inputs[name] = np.random.default_rng([seed, len(drawn)]).random(before.tensors[name].shape)
            drawn[name] = inputs[name].shape
        was = _run(old, inputs, blank, wanted)
        exactly += _differences(wanted, _run(new, inputs, {**blank, **exact}, wanted), was)
        stored += _differences(wanted, _run(new, inputs, {**blank, **rounded}, wanted), was)
    return Proof(drawn, False, why, tuple(exactly), (), tuple(stored))


def _piece(graph: Graph, source: str, output: str) -> Graph:
    """The part of a graph that makes one tensor of another, and of the graph's inputs where it needs them too."""
    wanted, layers = {output}, []
    for layer in reversed(graph.layers):
        if wanted.intersection(layer.outputs):
            layers.append(layer)
            wanted |= {name for name in layer.inputs if name and name != source}
    names = {name for layer in layers for name in (*layer.inputs, *layer.outputs) if name}
    inputs = tuple(dict.fromkeys((source, *(name for name in graph.inputs if name in names))))
    return Graph(
        graph.name, {name: graph.tensors[name] for name in names}, tuple(reversed(layers)), inputs, (output,),
        {name: value for name, value in graph.constants.items() if name in names}, graph.weights, opsets=graph.opsets,
    )  # fmt: skip


def _run(
    graph: Graph, inputs: Mapping[str, Array], arrays: Mapping[str, Array], wanted: Sequence[str]
) -> dict[str, Array]:
    given = {name: array for name, array in arrays.items() if name in graph.tensors}
    return execute(graph, inputs, given, wanted=wanted, precision=DType.FLOAT64)


def _differences(names: Sequence[str], now: Mapping[str, Array], was: Mapping[str, Array]) -> tuple[Difference, ...]:
    return tuple(compare(name, now[name], was[name]) for name in names)
