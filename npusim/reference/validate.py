"""Whether a graph computes what it should: run on seeded inputs, and held against whatever can say what is right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import msgspec
import numpy as np

from npusim.errors import EstimateError, InputError
from npusim.ir import Graph, Shape
from npusim.ops.base import Array
from npusim.reference import family, session
from npusim.reference.compare import Difference, compare
from npusim.reference.executor import execute
from npusim.reference.inputs import Fed, seeded
from npusim.reference.seeds import seeded_weights

TOLERANCE = 1e-4  # of the largest element: what float32 sums in another order may differ by


class Comparison(msgspec.Struct, frozen=True):
    """The graph's outputs beside those of one other.

    Attributes:
        against: what the other is.
        layers: how many tensors inside both have were compared; 0 where none were asked for.
        first: the first tensor inside the graph that differs, in the order of its layers; None where none does.
        first_layer: the layer that makes it.
    """

    against: str
    outputs: tuple[Difference, ...]
    tolerance: float
    layers: int = 0
    first: Difference | None = None
    first_layer: str = ""

    @property
    def holds(self) -> bool:
        return self.first is None and all(each.within(self.tolerance) for each in self.outputs)


class Validation(msgspec.Struct, frozen=True):
    """A graph, what it was run on, and what came of it.

    Attributes:
        inputs_from: where they are from.
        weights: where the weights are from.
        skipped: what could not be compared with, and why.
    """

    model: str
    inputs: Mapping[str, Shape]
    inputs_from: str
    seed: int
    weights: str
    comparisons: tuple[Comparison, ...]
    skipped: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        return all(each.holds for each in self.comparisons)


def validate(
    graph: Graph, *, against: Graph | None = None, called: str = "", weights: Mapping[str, Array] | None = None,
    fed: Fed | None = None, seed: int = 0, layers: bool = False, tolerance: float = TOLERANCE,
) -> Validation:  # fmt: skip
    """Runs the graph and compares it with SESR of the paper where it is one, with ``against``, with onnxruntime.

    Args:
        called: what to call ``against``; its name where left out.
        weights: arrays for its constants by name, and for those of ``against`` that have the same names.
        fed: what it is run on; seeded inputs where left out.
        seed: of the inputs, and of the weights that a graph does not have.
        layers: tensors inside the graph are compared too, where the other has any of the same name.
        tolerance: a share of the largest element of what is expected.

    Raises:
        InputError: as ``execute``; unknown-weights for arrays that no constant is called after.
        EstimateError: nothing-to-compare.
    """
    _check_names(graph, weights)
    fed = seeded(graph, seed) if fed is None else fed
    constant, weights_from = constants(graph, weights, seed)
    ran = _run(graph, fed.arrays, constant, layers=layers)
    found = [each for each in (_by_paper(ran, tolerance),) if each is not None]
    skipped = [] if found else ["SESR of the paper: the graph's parameters are not those of one"]
    if against is not None:
        theirs = _run_other(against, ran, constants(against, weights, seed)[0])
        found.append(ran.beside(called or against.name, [theirs[name] for name in against.outputs], theirs, tolerance))
    try:
        theirs = session.run(graph, ran.inputs, ran.constants, (*ran.made,))
        name = f"onnxruntime {session.version()}"
        found.append(ran.beside(name, [theirs[out] for out in graph.outputs], theirs, tolerance))
    except EstimateError as fault:
        skipped.append(f"onnxruntime: {fault.what}")
    if not found:
        raise EstimateError(
            f"there is nothing to compare it with ({'; '.join(skipped)})", code="nothing-to-compare",
            where=graph.name, fix="give --against MODEL",
        )  # fmt: skip
    shapes = {name: graph.tensors[name].shape for name in graph.inputs}
    return Validation(graph.name, shapes, fed.source, seed, weights_from, tuple(found), tuple(skipped))


class _Ran(NamedTuple):
    """A graph, what it was run with, and what it made.

    Attributes:
        inside: the layers whose tensors are compared, with their tensors' names; empty where none were asked for.
        made: the graph's outputs and the tensors inside, by name.
    """

    graph: Graph
    inputs: Mapping[str, Array]
    constants: Mapping[str, Array]
    inside: tuple[tuple[str, str], ...]
    made: Mapping[str, Array]

    def beside(
        self, against: str, outputs: Iterable[Array], others: Mapping[str, Array], tolerance: float
    ) -> Comparison:
        """Its outputs beside the other's, in their order, and its tensors beside those of the same name."""
        pairs = zip(self.graph.outputs, outputs, strict=True)
        differences = tuple(compare(name, self.made[name], array) for name, array in pairs)
        shared = [(layer, name) for layer, name in self.inside if name in others]
        for layer, name in shared:
            found = compare(name, self.made[name], others[name])
            if not found.within(tolerance):
                return Comparison(against, differences, tolerance, len(shared), found, layer)
        return Comparison(against, differences, tolerance, len(shared))


def _run(graph: Graph, inputs: Mapping[str, Array], constant: Mapping[str, Array], *, layers: bool) -> _Ran:
    """Tensors that nothing reads are not compared inside; outputs that layers read are."""
    made_by = [(layer.name, name) for layer in graph.layers for name in layer.outputs]
    read = [(layer, name) for layer, name in made_by if graph.consumers(name) or name in graph.outputs]
    inside = tuple(read) if layers else ()
    wanted = tuple(dict.fromkeys((*graph.outputs, *(name for _, name in inside))))
    return _Ran(graph, inputs, constant, inside, execute(graph, inputs, constant, wanted=wanted))


def _by_paper(ran: _Ran, tolerance: float) -> Comparison | None:
    """Against SESR from its paper; None where the graph is none."""
    sesr = family.sesr_of(ran.graph, ran.constants)
    if sesr is None:
        return None
    image = ran.inputs[ran.graph.inputs[0]]
    inside = family.inside(sesr, image) if ran.inside else {}
    return ran.beside(f"SESR of the paper ({sesr.label})", [family.run(sesr, image)], inside, tolerance)


def constants(graph: Graph, given: Mapping[str, Array] | None, seed: int) -> tuple[dict[str, Array], str]:
    """Every constant that a layer reads, and where the parameters are from.

    A parameter without elements gets seeded ones, and so does one that ConstantOfShape fills, as files without weights
    are written.
    """
    read = dict.fromkeys(name for layer in graph.layers for name in layer.inputs if name)
    own = {name: graph.weights[name] for name in read if graph.tensors[name].is_constant and name in graph.weights}
    drawn, supplied = seeded_weights(graph, seed), {k: v for k, v in (given or {}).items() if k in read}
    filled = {name for layer in graph.folded if layer.op == "ConstantOfShape" for name in layer.outputs}
    blank = {name for name in drawn if name not in own or filled.issuperset(graph.tensors[name].stored)}
    used = {name: drawn[name] for name in blank - supplied.keys()}
    parts = [f"{len(supplied)} from the file given"] if supplied else []
    parts += [f"{len(used)} seeded ({seed}), as the graph has none"] if used else []
    kept = len(own.keys() & drawn.keys() - used.keys() - supplied.keys())
    parts += [f"{kept} of the graph's own"] if kept else []
    return {**own, **used, **supplied}, "; ".join(parts) or "none"


def read_weights(path: Path) -> dict[str, Array]:
    """The arrays of an npz file; InputError (bad-weights)."""
    try:
        stored = np.load(path, allow_pickle=False)
        if isinstance(stored, np.ndarray):
            raise InputError("holds one array and no names", code="bad-weights", where=str(path))
        with stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, BadZipFile) as fault:
        what = f"cannot be read as an npz file of arrays ({fault})"
        raise InputError(what, code="bad-weights", where=str(path)) from fault


def _check_names(graph: Graph, weights: Mapping[str, Array] | None) -> None:
    read = {name for layer in graph.layers for name in layer.inputs if name and graph.tensors[name].is_constant}
    unknown = sorted(set(weights or ()) - read)
    if unknown:
        raise InputError(
            f"the graph reads no constant called {', '.join(map(repr, unknown[:3]))}", code="unknown-weights",
            where=graph.name, fix=f"it reads {', '.join(sorted(read)[:3]) or 'none'}, ...",
        )  # fmt: skip


def _run_other(other: Graph, ran: _Ran, constant: Mapping[str, Array]) -> dict[str, Array]:
    """The other graph on the same inputs, which are taken in their order: its outputs, and tensors of the same name."""
    graph = ran.graph
    shapes = [[each.tensors[name].shape for name in each.inputs] for each in (graph, other)]
    if shapes[0] != shapes[1] or len(graph.outputs) != len(other.outputs):
        what = f"inputs {shapes[1]} and {len(other.outputs)} output(s) are not as those of {graph.name}"
        raise InputError(f"{what}, {shapes[0]} and {len(graph.outputs)}", code="shape-mismatch", where=other.name)
    fed = {theirs: ran.inputs[mine] for mine, theirs in zip(graph.inputs, other.inputs, strict=True)}
    shared = [name for _, name in ran.inside if name in other.tensors and not other.tensors[name].is_constant]
    return execute(other, fed, constant, wanted=tuple(dict.fromkeys((*other.outputs, *shared))))
