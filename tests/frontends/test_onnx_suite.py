"""ONNX's own tests of its operators, graphs with inputs and results: shapes and values are those of the results."""

from __future__ import annotations

import warnings
from collections import Counter
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from onnx import ModelProto, TensorProto, numpy_helper
from onnx.backend.test.case.node import collect_testcases

import npusim
from npusim.errors import NpusimError
from npusim.ir import DType
from npusim.reference import execute

# An empty optional sequence by the data, a full one by the branch that is counted: data alone can tell.
UNDECIDED = {"test_if_opt"}
# Why other values are right. The lengths by which ONNX's examples divide are not rounded to whole positions, as its
# text (length_resized) and onnxruntime have them; an input that is left out cannot be fed.
OTHERWISE = {
    "test_resize_downsample_scales_linear_align_corners",
    "test_resize_downsample_scales_cubic_align_corners",
    "test_optional_has_element_empty_optional_input",
}
HALVES = {DType.FLOAT16: 2e-3, DType.BFLOAT16: 1.6e-2}  # two steps of the type
RUN = 0.88  # of the cases
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


class Case(NamedTuple):
    """A graph with settings and weights stored, what its first input is fed, and what it must make."""

    name: str
    model: ModelProto
    fed: TensorProto | None
    results: tuple[TensorProto | None, ...]


@cache
def _cases() -> tuple[Case, ...]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library, where its examples divide by zero
        cases = collect_testcases(None)
    found = []
    for case in cases:
        if case.model is not None and case.data_sets:
            inputs, results = case.data_sets[0]
            flat = [part for result in results for part in (result if isinstance(result, list) else [result])]
            fed = _tensor(inputs[0]) if len(inputs) else None
            stored = _with_settings(case.model, list(inputs))
            found.append(Case(case.name, stored, fed, tuple(map(_tensor, flat))))
    return tuple(found)


def test_shapes_are_those_of_the_results() -> None:
    wrong, right = [], 0
    for case in _cases():
        try:
            graph = npusim.load(case.model)
        except NpusimError:
            continue
        shapes = [None if result is None else tuple(result.dims) for result in case.results]
        found: list[tuple[int, ...] | None] = [graph.tensors[output].shape for output in graph.outputs]
        bounded = any(notice.code == "data-dependent-shape" for notice in graph.warnings)
        if found == shapes or bounded or case.name in UNDECIDED:
            right += 1
        else:
            wrong.append((case.name, found, shapes))
    assert wrong == []
    assert right > SHARE * len(_cases()) > 1_000


def _refused(case: Case) -> str:
    """The code of the error that the case ends with; empty where its values are those of the results."""
    try:
        graph = npusim.load(case.model)
        made = execute(graph, {name: numpy_helper.to_array(case.fed) for name in graph.inputs})  # type: ignore[arg-type]
    except NpusimError as fault:
        return fault.code
    for name, result in zip(graph.outputs, case.results, strict=False):
        if result is not None and result.data_type != TensorProto.STRING:
            expected, dtype = numpy_helper.to_array(result), graph.tensors[name].dtype
            if not dtype.is_float:
                assert made[name].tolist() == expected.tolist(), case.name
                continue
            mine, theirs = (each.astype(np.float64) for each in (made[name], expected))
            far, near = HALVES.get(dtype, 1e-3), 1e-5
            if dtype in HALVES:  # ONNX's results are of sums in that type
                near = far * np.abs(theirs[np.isfinite(theirs)]).max(initial=0)
            np.testing.assert_allclose(mine, theirs, rtol=far, atol=near, err_msg=case.name)
    return ""


def test_values_are_those_of_the_results() -> None:
    """What cannot run are classical machine learning, training, random numbers, types of 8 bits and fewer with a
    fraction, and sizes that are computed from the one input.
    """
    cases = [case for case in _cases() if case.name not in OTHERWISE]
    codes = Counter(_refused(case) for case in cases)
    assert set(codes) == {"", "no-execute", "unsupported-type", "data-dependent-shape", "unknown-op"}
    assert codes[""] > RUN * len(cases)
