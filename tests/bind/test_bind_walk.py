"""Order, dead nodes, folding and names: what a graph is made of once every size is known."""

from __future__ import annotations

import numpy as np
import pytest
from model_kit import codes, model, node, shapes, stored, weights

from npusim.bind import bind
from npusim.counts import layer_works, macs, params
from npusim.errors import InputError
from npusim.ir import DType
from npusim.model import Constant, Model, Node, Value


def test_nodes_in_any_order() -> None:
    nodes = [node("Neg", "c", "y"), node("Relu", "x", "a"), node("Add", "a b", "c"), node("Abs", "a", "b")]
    graph = bind(model(nodes, x=(2, 3)))
    assert [layer.op for layer in graph.layers] == ["Relu", "Abs", "Add", "Neg"]


@pytest.mark.parametrize(
    ("nodes", "code", "where"),
    [
        ([node("Add", "x b", "a"), node("Relu", "a", "b"), node("Neg", "b", "y")], "cycle", "Add 'a'"),
        ([node("Relu", "y", "y")], "cycle", "Relu 'y'"),
        ([node("Add", "x ghost", "y")], "undefined-value", "Add 'y'"),
        ([node("Relu", "x", "a")], "undefined-value", "y"),
        ([node("Relu", "x", "y"), node("Neg", "x", "y")], "duplicate-output", "Neg 'y'"),
        ([node("Relu", "x", "x"), node("Relu", "x", "y")], "duplicate-output", "Relu 'x'"),
        ([node("Add", "x b", "y"), node("Relu", "x", "b"), node("Neg", "x", "b")], "duplicate-output", "Neg 'b'"),
    ],
)
def test_what_is_no_graph_is_told_by_node(nodes: list[Node], code: str, where: str) -> None:
    with pytest.raises(InputError) as caught:
        bind(model(nodes, x=(2, 3)))
    assert (caught.value.code, caught.value.where) == (code, where)


def test_dead_nodes_are_left_out_and_named() -> None:
    dead = [node("MatMul", "x w", f"d{index}") for index in range(5)]
    graph = bind(model([*dead, node("Relu", "x", "y")], [weights("w", 3, 3)], x=(2, 3)))
    assert [layer.op for layer in graph.layers] == ["Relu"]
    assert (macs(graph), params(graph)) == (0, 0)
    (notice,) = graph.warnings
    assert notice.code == "dead-node"
    assert "5 node(s)" in notice.message
    assert "d0, d1, d2, ..." in notice.message


def test_names_used_twice_are_numbered() -> None:
    nodes = [Node("n", "Relu", ("x",), ("a",)), Node("n", "Relu", ("a",), ("b",)), Node("n#2", "Relu", ("b",), ("y",))]
    names = [layer.name for layer in bind(model(nodes, x=(1,))).layers]
    assert names[0] == "n"
    assert len(set(names)) == 3


def test_a_node_without_a_name_is_called_as_its_output() -> None:
    graph = bind(model([Node("", "Relu", ("x",), ("y",))], x=(1,)))
    assert [layer.name for layer in graph.layers] == ["y"]


def test_a_shape_computed_from_shapes_is_folded() -> None:
    """(2, 3, 4): the size of axis 0 and -1 give (2, 12)."""
    nodes = [
        node("Shape", "x", "s"), node("Gather", "s zero", "n", axis=0), node("Concat", "n rest", "to", axis=0),
        node("Reshape", "x to", "y"),
    ]  # fmt: skip
    graph = bind(model(nodes, [stored("zero", [0]), stored("rest", [-1])], x=(2, 3, 4)))
    assert shapes(graph) == [(2, 12)]
    assert [layer.op for layer in graph.layers] == ["Reshape"]
    assert graph.constants["to"].tolist() == [2, -1]
    assert params(graph) == 0


def test_a_shape_that_data_decides_is_an_error_at_the_node() -> None:
    nodes = [node("Cast", "x", "to", to=DType.INT64), node("Reshape", "x to", "y")]
    with pytest.raises(InputError, match=r"Reshape 'y'.*computed from data.*\[data-dependent-shape\]"):
        bind(model(nodes, x=(4,)))


def test_an_upper_bound_is_warned_of() -> None:
    graph = bind(model([node("NonZero", "x", "y")], x=(2, 3)))
    assert shapes(graph) == [(2, 6)]  # two indices for each of at most six elements
    assert codes(graph) == ["data-dependent-shape"]


@pytest.mark.parametrize("elements", [2**40, 2**62])
def test_a_large_constant_is_never_made(elements: int) -> None:
    nodes = [node("ConstantOfShape", "n", "big"), node("Add", "x big", "y")]
    source = model(nodes, [stored("n", [elements])], x=(1,))
    if elements > 2**56:
        with pytest.raises(InputError, match=r"too large to count.*\[bad-node\]"):
            bind(source)
    else:
        assert shapes(bind(source)) == [(elements,)]


def test_weights_are_read_only_when_asked() -> None:
    asked = []

    def read() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        asked.append("w")
        return np.ones((8, 16), np.float32)

    w = Constant("w", (8, 16), DType.FLOAT32, read)
    nodes = [node("Transpose", "w", "t", perm=(1, 0)), node("MatMul", "x t", "y")]
    graph = bind(model(nodes, [w], x=(2, 16)))
    assert (macs(graph), params(graph)) == (2 * 16 * 8, 128)
    assert asked == []
    assert set(graph.weights) == {"w", "t"}
    assert len(graph.weights) == 2
    assert graph.weights["t"].shape == (16, 8)
    assert asked == ["w"]


def test_an_attribute_that_makes_no_sense_is_one_line() -> None:
    with pytest.raises(InputError, match=r"Transpose 'y': .*\[(bad-node|shape-mismatch)\]"):
        bind(model([node("Transpose", "x", "y", perm="abc")], x=(2, 3)))


def test_too_many_outputs() -> None:
    with pytest.raises(InputError, match=r"Relu 'y': has 2 outputs where 1 are possible \[bad-node\]"):
        bind(model([node("Relu", "x", "y z")], x=(2, 3)))


def test_an_unknown_operator_is_an_error_unless_the_file_states_its_shape() -> None:
    nodes = [Node("f", "com.acme::Foo", ("x",), ("a",)), node("Relu", "a", "y")]
    with pytest.raises(InputError, match=r"f: operator Foo of domain com.acme .*'a'.*\[unknown-op\]"):
        bind(model(nodes, x=(2, 3)))
    graph = bind(model(nodes, declared=[Value("a", (2, 7))], x=(2, 3)))
    assert shapes(graph) == [(2, 7)]
    assert [each.work is None for each in layer_works(graph)] == [True, False]


def test_a_stated_shape_follows_the_names_of_dimensions_that_are_bound() -> None:
    nodes = [Node("f", "com.acme::Foo", ("x",), ("y",))]
    told = model(nodes, declared=[Value("y", ("N", 7))], x=("N", 3))
    assert shapes(bind(told, dims={"N": 5})) == [(5, 7)]


def test_the_work_is_counted_once_a_graph() -> None:
    graph = bind(model([node("Relu", "x", "y")], x=(2, 3)))
    assert layer_works(graph) is layer_works(graph)


def test_a_model_of_nothing() -> None:
    graph = bind(Model("empty", (), (), ()))
    assert (graph.layers, graph.inputs, graph.outputs) == ((), (), ())


def test_a_value_that_cannot_be_read_is_not_known() -> None:
    """Elements that are not there leave the shape unknown, with the usual error, wherever they are asked for."""

    def absent() -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        raise InputError("is not there", code="missing-external-data", where="to")

    to = Constant("to", (2,), DType.INT64, absent)
    with pytest.raises(InputError, match=r"\[data-dependent-shape\]"):
        bind(model([node("Reshape", "x to", "y")], [to], x=(2, 3)))


def test_a_value_is_not_worked_out_through_a_large_constant() -> None:
    """The size is that of 100,000 elements added up: shapes are never worked out of so many."""
    large = Constant("large", (100_000,), DType.INT64, lambda: np.ones(100_000, np.int64))
    nodes = [node("ReduceSum", "large", "n", keepdims=1), node("Expand", "x n", "y")]
    with pytest.raises(InputError, match=r"\[data-dependent-shape\]"):
        bind(model(nodes, [large], x=(1,)))


def test_a_constant_that_cannot_be_computed_is_one_line_when_asked() -> None:
    nodes = [node("Gather", "w at", "g", axis=0), node("MatMul", "x g", "y")]
    w = Constant("w", (5, 3), DType.FLOAT32, lambda: np.ones((5, 3), np.float32))
    graph = bind(model(nodes, [w, stored("at", [0, 1, 99])], x=(2, 3)))
    assert shapes(graph) == [(2, 3)]
    with pytest.raises(InputError, match=r"Gather 'g': its value cannot be computed.*\[bad-node\]"):
        graph.weights["g"].sum()
