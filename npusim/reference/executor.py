"""Runs a graph through what its operators compute, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from npusim.errors import EstimateError, InputError, NpusimError
from npusim.ir import DType, Graph, Layer, Tensor
from npusim.ops import OPS, Call
from npusim.ops.arrays import held
from npusim.ops.base import FAULTS, Array

_REAL = (DType.FLOAT64, DType.FLOAT32, DType.FLOAT16, DType.BFLOAT16)


def execute(
    graph: Graph, inputs: Mapping[str, Array], weights: Mapping[str, Array] | None = None, *,
    wanted: Sequence[str] | None = None, precision: DType | None = None,
) -> dict[str, Array]:  # fmt: skip
    """What the graph computes. A tensor is let go after the last layer that reads it.

    Args:
        inputs: an array for each of the graph's inputs, of its shape; converted to its type.
        weights: arrays by name, for constants that the graph has no elements of, or that are to be others; the rest
            is read from the graph when a layer needs it, and not kept.
        wanted: names of the tensors to return; the graph's outputs where left out.
        precision: FLOAT32 or FLOAT64, in which every real tensor is held and computed in place of its own type.

    Raises:
        InputError: no-execute names every operator that npusim cannot run, or the loop that it only counts;
            missing-input, shape-mismatch or undefined-value what is wrong with the arrays; no-weights which constants
            have no elements; bad-node where an operator does not take what it is given.
        EstimateError: too-large, where memory does not suffice.
    """
    wanted = graph.outputs if wanted is None else tuple(wanted)
    given = dict(weights or {})
    _check_layers(graph)
    _check_inputs(graph, inputs)
    _check_constants(graph, given, wanted)
    _check_wanted(graph, wanted)
    last = _last_uses(graph, wanted)
    run = _Run(graph, given, precision)
    for name in graph.inputs:
        run.hold(name, inputs[name])
    for index, layer in enumerate(graph.layers):
        run.visit(layer)
        for name in last.get(index, ()):
            run.arrays.pop(name, None)
    return {name: run.array(name) for name in wanted}


def lacking(graph: Graph) -> tuple[str, ...]:
    """The operators of the graph that npusim has no values for, by name."""
    found = (layer.op for layer in graph.layers if (op := OPS.get(layer.op)) is None or op.execute is None)
    return tuple(sorted(set(found)))


class _Run:
    """The tensors that are held while a graph runs."""

    def __init__(self, graph: Graph, weights: Mapping[str, Array], precision: DType | None) -> None:
        self.graph = graph
        self.weights = weights
        self.precision = precision
        self.arrays: dict[str, Array] = {}

    def hold(self, name: str, array: Array) -> None:
        self.arrays[name] = np.asarray(array).astype(held(self.dtype(name)), copy=False)

    def dtype(self, name: str) -> DType:
        return self.real(self.graph.tensors[name].dtype)

    def real(self, dtype: DType) -> DType:
        """The type that stands for this one."""
        return self.precision if self.precision is not None and dtype in _REAL else dtype

    def array(self, name: str) -> Array:
        found = self.arrays.get(name)
        if found is None:
            stored = self.weights.get(name)
            found = self.graph.weights[name] if stored is None else stored
            found = np.asarray(found).astype(held(self.dtype(name)), copy=False)
        return found

    def visit(self, layer: Layer) -> None:
        """Runs a layer and holds what it makes."""
        op, place = OPS[layer.op], f"{layer.op} {layer.name!r}"
        arrays = [self.array(name) if name else None for name in layer.inputs]
        try:
            call = self.call(layer, arrays)
            assert op.execute is not None  # _check_layers has seen to it
            with np.errstate(all="ignore"):  # infinities and NaN are values like others
                made = op.execute(call, arrays)
        except NpusimError:
            raise
        except MemoryError as fault:
            what = f"needs more memory than there is ({fault})"
            raise EstimateError(what, code="too-large", where=place, fix="run a smaller frame") from fault
        except FAULTS as fault:
            raise InputError(f"its values cannot be computed ({fault})", code="bad-node", where=place) from fault
        for name, array in zip(layer.outputs, made, strict=False):
            if name:
                self.hold(name, array)

    def call(self, layer: Layer, arrays: Sequence[Array | None]) -> Call:
        """The layer as operator rules see it, with the shapes that its inputs have turned out to be of."""
        ins = [self.tensor(name, a) if a is not None else None for name, a in zip(layer.inputs, arrays, strict=True)]
        values = tuple(self.graph.constants.get(name) if name else None for name in layer.inputs)
        attrs = {key: self.real(value) if isinstance(value, DType) else value for key, value in layer.attrs.items()}
        outs = tuple(self.tensor(name) for name in layer.outputs if name)
        call = Call(layer.name, layer.op, attrs, tuple(ins), values, outs, len(layer.outputs))
        as_bound = all(t is None or t.shape == self.graph.tensors[t.name].shape for t in ins)
        if as_bound:
            return call
        # A shape that depends on data came out smaller than its bound: so may those that follow from it.
        specs = OPS[layer.op].infer(msgspec.structs.replace(call, values=tuple(arrays), outs=()))
        named = [
            Tensor(name, shape, dtype)
            for name, (shape, dtype) in zip(layer.outputs, specs, strict=False)
            if name
        ]  # fmt: skip
        return msgspec.structs.replace(call, outs=tuple(named))

    def tensor(self, name: str, array: Array | None = None) -> Tensor:
        tensor = self.graph.tensors[name]
        shape = tensor.shape if array is None else array.shape
        return msgspec.structs.replace(tensor, shape=shape, dtype=self.real(tensor.dtype))


def _check_layers(graph: Graph) -> None:
    unknown = lacking(graph)
    if unknown:
        what = f"npusim has no values for the operators {', '.join(unknown)}, so that the graph cannot be run"
        raise InputError(what, code="no-execute", where=graph.name)
    for layer in graph.layers:
        if layer.repeat != 1:
            what = f"stands for {layer.repeat} turns of a loop, which npusim counts and does not run"
            raise InputError(what, code="no-execute", where=f"{layer.op} {layer.name!r}")
    for notice in graph.warnings:  # the binding of an If whose condition is no constant says which branch it counts
        if notice.code == "control-flow" and notice.message.startswith("If "):
            what = f"data choose a branch, and the graph has one of them alone ({notice.message})"
            raise InputError(what, code="no-execute", where=graph.name)


def _check_inputs(graph: Graph, inputs: Mapping[str, Array]) -> None:
    missing = [name for name in graph.inputs if name not in inputs]
    if missing:
        raise InputError(f"no array is given for {', '.join(missing)}", code="missing-input", where=graph.name)
    unknown = sorted(set(inputs) - set(graph.inputs))
    if unknown:
        known = ", ".join(graph.inputs)
        raise InputError(
            f"{', '.join(unknown)} is no input of the graph", code="undefined-value", where=graph.name,
            fix=f"its inputs are {known}",
        )  # fmt: skip
    for name in graph.inputs:
        _check_shape(graph, name, inputs[name])


def _check_shape(graph: Graph, name: str, array: Any) -> None:
    shape, wanted = np.shape(array), graph.tensors[name].shape
    if shape != wanted:
        raise InputError(
            f"an array of shape {shape} is given where {wanted} is wanted", code="shape-mismatch", where=name
        )


def _check_constants(graph: Graph, given: Mapping[str, Array], wanted: Sequence[str]) -> None:
    read = dict.fromkeys(name for layer in graph.layers for name in layer.inputs if name)
    constants = [name for name in (*read, *wanted) if name in graph.tensors and graph.tensors[name].is_constant]
    for name in constants:
        if name in given:
            _check_shape(graph, name, given[name])
    absent = [name for name in dict.fromkeys(constants) if name not in given and name not in graph.weights]
    if absent:
        more = f" and {len(absent) - 3} more" if len(absent) > 3 else ""
        raise InputError(
            f"no elements are known of the constants {', '.join(absent[:3])}{more}", code="no-weights",
            where=graph.name, fix="the graph has no weights: give some, or make seeded ones",
        )  # fmt: skip


def _check_wanted(graph: Graph, wanted: Sequence[str]) -> None:
    unknown = [name for name in wanted if name not in graph.tensors]
    if unknown:
        what = f"the graph has no tensor {', '.join(map(repr, unknown))}"
        raise InputError(what, code="undefined-value", where=graph.name)


def _last_uses(graph: Graph, wanted: Sequence[str]) -> dict[int, tuple[str, ...]]:
    """For each layer, by place, the tensors that nothing reads after it."""
    last: dict[str, int] = {}
    for index, layer in enumerate(graph.layers):
        last.update((name, index) for name in (*layer.inputs, *layer.outputs) if name)
    done: dict[int, list[str]] = {}
    for name, index in last.items():
        if name not in wanted:
            done.setdefault(index, []).append(name)
    return {index: tuple(names) for index, names in done.items()}
