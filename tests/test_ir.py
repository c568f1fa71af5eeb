"""Tensors, types and graphs: what is accepted, what is refused and with which code, and what is derived."""

from __future__ import annotations

import networkx as nx
import pytest

from npusim.errors import InputError
from npusim.ir import DType, Graph, Layer, Role, Tensor


def _tensor(name: str, *shape: int, constant: bool = False) -> Tensor:
    return Tensor(name, shape, role=Role.WEIGHTS if constant else Role.ACTIVATION)


def _graph(*layers: Layer, tensors: tuple[Tensor, ...], outputs: tuple[str, ...] = ("y",)) -> Graph:
    named = {tensor.name: tensor for tensor in (*tensors, Tensor("x", (1, 2), role=Role.INPUT))}
    return Graph(name="g", tensors=named, layers=layers, inputs=("x",), outputs=outputs)


def _chain() -> Graph:
    """x -> Add(x, w) = a -> Mul(a, a) = y, and Relu(a) = z."""
    return _graph(
        Layer("add", "Add", ("x", "w"), ("a",)),
        Layer("mul", "Mul", ("a", "a"), ("y",)),
        Layer("relu", "Relu", ("a", ""), ("z", "")),
        tensors=(_tensor("w", 2, constant=True), _tensor("a", 1, 2), _tensor("y", 1, 2), _tensor("z", 1, 2)),
        outputs=("y", "z"),
    )


@pytest.mark.parametrize(
    ("dtype", "shape", "size"),
    [
        (DType.FLOAT32, (3, 5), 60),
        (DType.BFLOAT16, (3,), 6),
        (DType.INT8, (7,), 7),
        (DType.BOOL, (7,), 7),  # a byte each
        (DType.INT4, (7,), 4),  # 28 bits
        (DType.UINT2, (3, 3), 3),  # 18 bits
        (DType.FLOAT4, (), 1),  # 4 bits, in a byte
        (DType.COMPLEX128, (2,), 32),
        (DType.INT64, (0, 9), 0),
    ],
)
def test_bytes_are_packed(dtype: DType, shape: tuple[int, ...], size: int) -> None:
    assert Tensor("t", shape, dtype).bytes == size


def test_types_by_name() -> None:
    assert [DType.parse(dtype.label) for dtype in DType] == list(DType)
    assert {dtype.label for dtype in DType if dtype.is_float} == {
        "float64", "float32", "float16", "bfloat16", "float8", "float4",
    }  # fmt: skip
    with pytest.raises(InputError, match=r"'fp8'.*known: float64, .*\[bad-option\]"):
        DType.parse("fp8")


def test_who_makes_and_who_reads() -> None:
    graph = _chain()
    producer = graph.producer("a")
    assert producer is not None
    assert producer.name == "add"
    assert graph.producer("x") is None
    assert graph.producer("w") is None
    assert [layer.name for layer in graph.consumers("a")] == ["mul", "relu"]  # mul reads it twice, and stands once
    assert graph.consumers("y") == ()


def test_networkx_has_layers_and_the_tensors_between_them() -> None:
    dag = _chain().to_networkx()
    assert dict(dag.nodes(data="op")) == {"add": "Add", "mul": "Mul", "relu": "Relu"}
    assert sorted(dag.edges(data="tensor")) == [("add", "mul", "a"), ("add", "relu", "a")]
    assert {shape for _, _, shape in dag.edges(data="shape")} == {(1, 2)}
    assert nx.is_directed_acyclic_graph(dag)


_Y = _tensor("y", 1, 2)


@pytest.mark.parametrize(
    ("code", "where", "layers", "tensors"),
    [
        ("undefined-value", "l", (Layer("l", "Relu", ("ghost",), ("y",)),), (_Y,)),
        ("undefined-value", "l", (Layer("l", "Relu", ("x",), ("y", "unshaped")),), (_Y,)),
        ("undefined-value", "y", (), (_Y,)),
        (
            "cycle",
            "l",
            (Layer("l", "Add", ("x", "a"), ("y",)), Layer("m", "Relu", ("y",), ("a",))),
            (_Y, _tensor("a", 1, 2)),
        ),
        ("cycle", "l", (Layer("l", "Add", ("x", "y"), ("y",)),), (_Y,)),
        ("duplicate-output", "m", (Layer("l", "Relu", ("x",), ("y",)), Layer("m", "Neg", ("x",), ("y",))), (_Y,)),
        ("duplicate-output", "l", (Layer("l", "Relu", ("x",), ("x",)),), (_Y,)),
        (
            "duplicate-name",
            "l",
            (Layer("l", "Relu", ("x",), ("y",)), Layer("l", "Neg", ("x",), ("a",))),
            (_Y, _tensor("a", 1, 2)),
        ),
        ("bad-shape", "y", (), (Tensor("y", (1, -2)),)),
        ("bad-shape", "y", (), (Tensor("y", (1, 2.0)),)),  # type: ignore[arg-type]
        ("bad-shape", "y", (), (Tensor("y", (True, 2)),)),
        ("bad-shape", "y", (), (Tensor("y", (2**31, 2**31)),)),
    ],
)
def test_what_is_no_graph(code: str, where: str, layers: tuple[Layer, ...], tensors: tuple[Tensor, ...]) -> None:
    with pytest.raises(InputError) as caught:
        _graph(*layers, tensors=tensors)
    assert (caught.value.code, caught.value.where) == (code, where)


def test_a_tensor_under_another_name() -> None:
    with pytest.raises(InputError, match=r"b: tensor 'a' is filed under another name \[bad-shape\]"):
        Graph(name="g", tensors={"b": _tensor("a", 1)}, layers=(), inputs=(), outputs=())


def test_an_output_without_a_name() -> None:
    with pytest.raises(InputError, match=r"'': nothing makes this graph output \[undefined-value\]"):
        _graph(tensors=(), outputs=("",))


def test_an_input_may_be_an_output() -> None:
    assert _graph(tensors=(), outputs=("x",)).outputs == ("x",)
