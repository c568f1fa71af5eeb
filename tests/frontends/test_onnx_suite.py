"""ONNX's own tests of its operators, graphs with inputs and results: the shapes found are those of the results."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, numpy_helper
from onnx.backend.test.case.node import collect_testcases

import npusim
from npusim.errors import NpusimError

# An empty optional sequence by the data, a full one by the branch that is counted: data alone can tell.
UNDECIDED = {"test_if_opt"}
SHARE = 0.95  # of the cases; the rest take a size from an input that stays one, or hold tensors in number unknown


def _tensor(array: Any) -> TensorProto | None:
    if isinstance(array, TensorProto):
        return array
    if isinstance(array, np.ndarray | np.generic | int | float):
        return numpy_helper.from_array(np.asarray(array))
    return None  # a sequence, or an optional value that holds nothing


def _with_settings(model: ModelProto, arrays: list[Any]) -> ModelProto:
    """The first input stays one, of the shape that the data has; the others are stored, as settings and weights are."""
    made = ModelProto()
    made.CopyFrom(model)
    for slot, (value, array) in enumerate(zip(model.graph.input, arrays, strict=False)):
        tensor = _tensor(array)
        if tensor is None or not value.type.HasField("tensor_type"):
            continue
        if slot:
            stored = made.graph.initializer.add()
            stored.CopyFrom(tensor)
            stored.name = value.name
        else:
            shape = made.graph.input[0].type.tensor_type.shape
            del shape.dim[:]
            shape.SetInParent()
            for size in tensor.dims:
                shape.dim.add().dim_value = size
    return made


def _shapes(results: list[Any]) -> list[tuple[int, ...] | None]:
    flat = [part for result in results for part in (result if isinstance(result, list) else [result])]
    tensors = [_tensor(part) for part in flat]
    return [None if tensor is None else tuple(tensor.dims) for tensor in tensors]


def _cases() -> Iterator[tuple[str, ModelProto, list[tuple[int, ...] | None]]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library, where its examples divide by zero
        cases = collect_testcases(None)
    for case in cases:
        if case.model is not None and case.data_sets:
            inputs, results = case.data_sets[0]
            yield case.name, _with_settings(case.model, list(inputs)), _shapes(list(results))


def test_shapes_are_those_of_the_results() -> None:
    wrong, right, count = [], 0, 0
    for name, model, shapes in _cases():
        count += 1
        try:
            graph = npusim.load(model)
        except NpusimError:
            continue
        found: list[tuple[int, ...] | None] = [graph.tensors[output].shape for output in graph.outputs]
        bounded = any(notice.code == "data-dependent-shape" for notice in graph.warnings)
        if found == shapes or bounded or name in UNDECIDED:
            right += 1
        else:
            wrong.append((name, found, shapes))
    assert wrong == []
    assert right > SHARE * count > 1_000
