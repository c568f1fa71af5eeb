"""The nine graphs that ship with onnx, against a counter that knows only the protobuf and onnx's own shapes."""

from __future__ import annotations

from functools import cache
from math import prod
from pathlib import Path

import onnx
import pytest
from onnx import GraphProto, NodeProto, helper, shape_inference

import npusim
from npusim import counts
from npusim.ir import Graph

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
NAMES = sorted(path.stem for path in LIGHT.glob("*.onnx"))
# By operator: the slots that hold parameters.
SLOTS = {"Conv": (1, 2), "Gemm": (1, 2), "MatMul": (1,), "BatchNormalization": (1, 2, 3, 4), "Add": (1,), "Mul": (1,)}
Shapes = dict[str, tuple[int, ...]]


@cache
def _graph(name: str) -> Graph:
    return npusim.load(str(LIGHT / f"{name}.onnx"))


@cache
def _inferred(name: str) -> tuple[GraphProto, Shapes]:
    graph = shape_inference.infer_shapes(onnx.load(LIGHT / f"{name}.onnx"), data_prop=True).graph
    shapes = {
        value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        for value in (*graph.input, *graph.value_info, *graph.output)
    }
    return graph, shapes | {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}


def _node_macs(node: NodeProto, shapes: Shapes) -> int:
    """Conv: every output element sums over a kernel of W[1:]. Products: every output element sums over A's columns."""
    if node.op_type == "Conv":
        return prod(shapes[node.output[0]]) * prod(shapes[node.input[1]][1:])
    if node.op_type == "Gemm":
        attrs = {attr.name: helper.get_attribute_value(attr) for attr in node.attribute}
        return prod(shapes[node.output[0]]) * shapes[node.input[0]][0 if attrs.get("transA") else 1]
    if node.op_type == "MatMul":
        return prod(shapes[node.output[0]]) * shapes[node.input[0]][-1]
    return 0


def _constants(graph: GraphProto) -> dict[str, str]:
    """Constants to the tensor that holds their elements: stored, made by ConstantOfShape, or a reshaped one."""
    origin = {tensor.name: tensor.name for tensor in graph.initializer}
    for node in graph.node:  # in topological order in these files
        if node.op_type == "ConstantOfShape":
            origin[node.output[0]] = node.output[0]
        elif node.op_type in ("Reshape", "Unsqueeze") and node.input[0] in origin:
            origin[node.output[0]] = origin[node.input[0]]
    return origin


def _params(graph: GraphProto, shapes: Shapes) -> int:
    """Distinct constants in parameter slots; a constant of one element beside Add or Mul is a setting."""
    constants, found = _constants(graph), set()
    for node in graph.node:
        for slot in SLOTS.get(node.op_type, ()):
            name = node.input[slot] if slot < len(node.input) else ""
            if name in constants and not (node.op_type in ("Add", "Mul") and prod(shapes[name]) == 1):
                found.add(constants[name])
    return sum(prod(shapes[name]) for name in found)


def test_there_are_nine() -> None:
    assert len(NAMES) == 9


@pytest.mark.parametrize("name", NAMES)
def test_macs_and_params(name: str) -> None:
    graph, shapes = _inferred(name)
    assert counts.macs(_graph(name)) == sum(_node_macs(node, shapes) for node in graph.node) > 0
    assert counts.params(_graph(name)) == _params(graph, shapes) > 0


@pytest.mark.parametrize("name", NAMES)
def test_shapes_of_all_activations(name: str) -> None:
    _, shapes = _inferred(name)
    tensors = _graph(name).tensors
    shared = [key for key, tensor in tensors.items() if key in shapes and not tensor.is_constant]
    assert len(shared) >= len(_graph(name).layers)
    assert [key for key in shared if tensors[key].shape != shapes[key]] == []


def test_resnet50() -> None:
    """25,557,032 learned values of the usual count, and the 53,120 means and variances: 4,089,184,256 MACs a frame."""
    graph = _graph("light_resnet50")
    assert counts.macs(graph) == 4_089_184_256
    assert counts.params(graph) == 25_610_152


@pytest.mark.parametrize("name", NAMES)
def test_the_estimate_leaves_nothing_out(name: str) -> None:
    graph = _graph(name)
    result = npusim.estimate(graph, profile="ethos-n78")
    totals = result.totals
    assert result.unsupported == ()
    assert sum(row.macs for row in result.layers) == totals.macs == counts.macs(graph)
    assert sum(row.params for row in result.layers) == totals.params == counts.params(graph)
    assert sum(row.ops for row in result.layers) == totals.ops
    assert sum(row.cycles for row in result.layers) == pytest.approx(totals.cycles)
    assert sum(totals.dram_bytes_by_operand.values()) == totals.dram_bytes > 0
