"""onnxruntime, which need not be installed: the only module here that imports it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from npusim.errors import EstimateError
from npusim.frontends.onnx.write import to_proto
from npusim.ir import Graph
from npusim.model import Constant, Model, Node, Value
from npusim.ops.base import Array


def is_installed() -> bool:
    return find_spec("onnxruntime") is not None


def version() -> str:
    return str(_library().__version__)


def _library() -> Any:
    if not is_installed():
        raise EstimateError("it is not installed (pip install npusim[validate])", code="onnxruntime")
    return import_module("onnxruntime")  # heavy, an extra, and without types


def run(
    graph: Graph, inputs: Mapping[str, Array], weights: Mapping[str, Array], wanted: Sequence[str]
) -> dict[str, Array]:
    """What onnxruntime computes of the graph's layers, on the CPU and without its own rewriting.

    Args:
        weights: every constant of the graph, by the name that layers read.

    Raises:
        EstimateError: onnxruntime, where it is not installed, or cannot run the graph: then with its own words.
    """
    onnxruntime = _library()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    model = to_proto(_model(graph, weights, wanted)).SerializeToString()
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        made = session.run(list(wanted), {name: np.asarray(array) for name, array in inputs.items()})
    except Exception as fault:  # its errors have no common base but this
        raise EstimateError(f"it cannot run the graph ({fault})", code="onnxruntime", where=graph.name) from fault
    return dict(zip(wanted, (np.asarray(array) for array in made), strict=True))


def _model(graph: Graph, weights: Mapping[str, Array], wanted: Sequence[str]) -> Model:
    """The layers as nodes, with every constant that they read stored."""
    read = dict.fromkeys(name for layer in graph.layers for name in layer.inputs if name)
    held = [graph.tensors[name] for name in read if graph.tensors[name].is_constant]

    def value(name: str) -> Value:
        tensor = graph.tensors[name]
        return Value(name, tensor.shape, tensor.dtype)

    def reader(name: str) -> Any:
        return lambda: weights[name]

    return Model(
        graph.name, tuple(value(name) for name in graph.inputs), tuple(wanted),
        tuple(Node(layer.name, layer.op, layer.inputs, layer.outputs, layer.attrs) for layer in graph.layers),
        {each.name: Constant(each.name, each.shape, each.dtype, reader(each.name)) for each in held},
        {name: value(name) for name in wanted}, opsets=graph.opsets,
    )  # fmt: skip
