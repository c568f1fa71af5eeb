"""A graph as a model again: the same layers and counts, and what was worked out beforehand as nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from npusim.bind import bind
from npusim.counts import layer_works, params, weight_bytes
from npusim.errors import InputError
from npusim.ir import DType, Graph
from npusim.model import Constant, Model, Node, Value, of_graph
from npusim.zoo import build


def _summary(graph: Graph) -> object:
    works = layer_works(graph)
    rows = [(each.layer.name, each.layer.op, each.layer.inputs, each.macs, each.ops, each.params) for each in works]
    sizes = {name: tensor.shape for name, tensor in graph.tensors.items()}
    return rows, params(graph), weight_bytes(graph), sizes, graph.inputs, graph.outputs


def _stored(name: str, values: Any) -> Constant:
    array = np.asarray(values)
    return Constant(name, array.shape, DType.parse(array.dtype.name), lambda: array)


@pytest.mark.parametrize("name", ["sesr-m5-x2", "fsrcnn-x3", "lapsrn-x4"])
def test_a_network_of_the_zoo(name: str) -> None:
    graph = bind(build(name), size=(40, 30))
    assert _summary(bind(of_graph(graph))) == _summary(graph)


def test_what_was_folded_is_nodes_again() -> None:
    """Weights stored as int8 stay so: 2 x 4 x 3 x 3 = 72 bytes, and not four times as many."""
    nodes = (
        Node("shape", "Shape", ("x",), ("s",)),
        Node("batch", "Gather", ("s", "zero"), ("n",), {"axis": 0}),
        Node("join", "Concat", ("n", "rest"), ("to",), {"axis": 0}),
        Node("scale", "DequantizeLinear", ("w8", "step"), ("w",)),
        Node("conv", "Conv", ("x", "w"), ("c",)),
        Node("flat", "Reshape", ("c", "to"), ("y",)),
    )
    constants = (
        _stored("zero", np.array([0])),
        _stored("rest", np.array([-1])),
        _stored("w8", np.ones((2, 4, 3, 3), np.int8)),
        _stored("step", np.float32(0.5)),
    )
    model = Model("m", (Value("x", ("N", 4, 8, 8)),), ("y",), nodes, {each.name: each for each in constants})
    graph = bind(model, dims={"N": 3})
    assert [layer.op for layer in graph.layers] == ["Conv", "Reshape"]
    assert [layer.op for layer in graph.folded] == ["Shape", "Gather", "Concat", "DequantizeLinear"]
    assert (params(graph), weight_bytes(graph)) == (72, 72)
    again = of_graph(graph)
    assert again.inputs == (Value("x", (3, 4, 8, 8)),)
    assert again.constants.keys() == {"zero", "rest", "w8", "step"}
    assert _summary(bind(again)) == _summary(graph)
    w8 = again.constants["w8"].read
    assert w8 is not None
    assert w8().sum() == 72


def test_a_folded_node_that_nothing_needs_is_left_out() -> None:
    nodes = (
        Node("neg", "Neg", ("a",), ("b",)),
        Node("abs", "Abs", ("b",), ("c",)),
        Node("shape", "Shape", ("c",), ("s",)),
        Node("fill", "ConstantOfShape", ("s",), ("f",)),
        Node("add", "Add", ("x", "f"), ("y",)),
    )
    graph = bind(Model("m", (Value("x", (2,)),), ("y",), nodes, {"a": _stored("a", np.ones(2, np.float32))}))
    assert [layer.name for layer in graph.folded] == ["neg", "abs", "shape", "fill"]
    shorter = (*nodes, Node("relu", "Relu", ("x",), ("z",)))
    short = bind(Model("m", (Value("x", (2,)),), ("z",), shorter, {"a": _stored("a", np.ones(2, np.float32))}))
    assert short.folded == ()


def test_a_constant_output_is_kept() -> None:
    model = Model("m", (), ("y",), (Node("neg", "Neg", ("a",), ("y",)),), {"a": _stored("a", np.array([3]))})
    graph = bind(model)
    assert graph.layers == ()
    assert graph.weights["y"].tolist() == [-3]
    assert bind(of_graph(graph)).weights["y"].tolist() == [-3]


def _branch(op: str) -> Model:
    return Model(op, (), (op,), (Node(op, op, ("x", "w"), (op,)),))


W = Constant("w", (2, 2), DType.FLOAT32, None)


def _loop() -> Model:
    inputs = (Value("i", ()), Value("go", ()), Value("h", None))
    inner = Model("body", inputs, ("go", "h2"), (Node("m", "MatMul", ("h", "w"), ("h2",)),))
    node = Node("loop", "Loop", ("n", "", "x"), ("y",), {"body": inner})
    return Model("m", (Value("x", (2, 2)),), ("y",), (node,), {"n": _stored("n", np.array(3)), "w": W})


def _if() -> Model:
    node = Node("if", "If", ("c",), ("y",), {"then_branch": _branch("MatMul"), "else_branch": _branch("Add")})
    inputs = (Value("x", (2, 2)), Value("c", (), DType.BOOL))
    return Model("m", inputs, ("y",), (node,), {"w": W})


@pytest.mark.parametrize("made", [_loop, _if])
def test_control_flow_that_was_counted_is_no_node(made: Callable[[], Model]) -> None:
    with pytest.raises(InputError, match=r"\[not-writable\]$"):
        of_graph(bind(made()))
