"""Model to ONNX and back: the same layers, shapes and counts, and a file that onnx finds valid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper
from onnx_kit import array, model, node, value, weights

import npusim
from npusim.bind import bind
from npusim.counts import layer_works, params
from npusim.errors import InputError
from npusim.frontends.onnx import read_onnx, write_onnx
from npusim.frontends.onnx.write import to_proto
from npusim.ir import DType, Graph
from npusim.model import Constant, Model, Node, Value, of_graph
from npusim.zoo import build


def _summary(graph: Graph) -> object:
    works = layer_works(graph)
    rows = [(each.layer.op, each.macs, each.ops, tuple(out.shape for out in each.call.outs)) for each in works]
    return rows, params(graph), [graph.tensors[name].shape for name in graph.outputs]


@pytest.mark.parametrize("name", ["sesr-m5-x2", "fsrcnn-x2", "carn-x2", "imdn-x2", "lapsrn-x2", "abpn-x2"])
def test_a_zoo_network_comes_back(tmp_path: Path, name: str) -> None:
    path = tmp_path / "m.onnx"
    write_onnx(build(name), path)
    onnx.checker.check_model(onnx.load(path), full_check=True)
    assert _summary(npusim.load(path, size=(31, 17))) == _summary(npusim.load(name, size=(31, 17)))


def _again(proto: ModelProto) -> tuple[Model, Model]:
    """A model as read, and as read from what was written of it."""
    first = read_onnx(proto)
    return first, read_onnx(to_proto(first))


def test_stored_arrays_come_back() -> None:
    proto = model([node("Conv", "x w b", "y")], [weights("w", 2, 4, 3, 3), array("b", [1.5, -2.0], "float32")])
    first, second = _again(proto)
    for name in ("w", "b"):
        before, after = first.constants[name].read, second.constants[name].read
        assert before is not None
        assert after is not None
        np.testing.assert_array_equal(before(), after())


def test_attributes_of_every_kind_come_back() -> None:
    then = helper.make_graph([node("Relu", "x", "t")], "then", [], [value("t", 1, None)])
    other = helper.make_graph([node("Add", "x k", "o")], "else", [], [value("o", 1, None)], [weights("k", 1)])
    nodes = [
        node("ReduceSum", "x", "sum", keepdims=0), node("Cast", "sum", "c", to=TensorProto.BOOL),
        node("If", "c", "a", then_branch=then, else_branch=other),
        node("Cast", "a", "b", to=TensorProto.FLOAT16),
        node("Resize", "b - scales", "r", mode="nearest"),
        node("LeakyRelu", "r", "l", alpha=0.25),
        node("ConstantOfShape", "one", "f", value=array("v", [2], "float16")),
        node("Mul", "l f", "y"),
    ]  # fmt: skip
    first, second = _again(model(nodes, [array("scales", [1, 1, 2, 2], "float32"), array("one", [1])]))
    assert [each.op for each in first.nodes] == [each.op for each in second.nodes]
    by_op = {each.op: each for each in second.nodes}
    assert by_op["Cast"].attrs["to"] is DType.FLOAT16
    assert by_op["Resize"].inputs == ("b", "", "scales")
    assert by_op["Resize"].attrs["mode"] == "nearest"
    assert by_op["LeakyRelu"].attrs["alpha"] == 0.25
    assert by_op["ConstantOfShape"].attrs["value"].tolist() == [2.0]
    assert [each.op for each in by_op["If"].attrs["else_branch"].nodes] == ["Add"]
    assert _summary(bind(first)) == _summary(bind(second))


def test_an_empty_list_is_a_list_of_integers() -> None:
    proto = helper.make_node("Foo", ["x"], ["y"], domain="com.acme")
    proto.attribute.append(helper.make_attribute("axes", [], attr_type=onnx.AttributeProto.INTS))
    first, second = _again(model([proto], domains=["com.acme"]))
    assert first.nodes[0].attrs == second.nodes[0].attrs == {"axes": ()}


def test_other_domains_are_imported() -> None:
    then = helper.make_graph([helper.make_node("Deep", ["x"], ["t"], domain="org.b")], "t", [], [value("t", 1, None)])
    nodes = [
        helper.make_node("Foo", ["x"], ["a"], domain="com.a"),
        node("If", "c", "y", then_branch=then, else_branch=then),
    ]
    written = to_proto(read_onnx(model(nodes, [array("c", True, "bool")], domains=["com.a", "org.b"])))
    assert [entry.domain for entry in written.opset_import] == ["", "com.a", "org.b"]


def test_what_the_reader_adds_is_not_written() -> None:
    """The version by which Softmax is understood is the file's, not an attribute of the node."""
    first, _ = _again(model([node("Softmax", "x", "y", axis=1)]))
    (written,) = to_proto(first).graph.node
    assert [attr.name for attr in written.attribute] == ["axis"]


def test_free_dimensions_keep_their_names() -> None:
    _, second = _again(model([node("Relu", "x", "y")], x=("N", 4, None, 8)))
    assert second.inputs[0].shape == ("N", 4, None, 8)


def test_the_same_model_is_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_onnx(build("sesr-m5-x2"), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\[unwritable\]"):
        write_onnx(build("sesr-m5-x2"), tmp_path / "absent" / "m.onnx")


def test_weights_may_be_left_out_and_settings_are_kept() -> None:
    """288 bytes of 72 weights become a ConstantOfShape; a constant of at most 64 elements may be a setting."""
    nodes = [node("Conv", "x w", "a"), node("Reshape", "a to", "y")]
    first = read_onnx(model(nodes, [weights("w", 2, 4, 3, 3), array("to", [1, -1])]))
    written = to_proto(first, "none").graph
    assert [each.op_type for each in written.node] == ["ConstantOfShape", "Conv", "Reshape"]
    assert sorted(each.name for each in written.initializer) == ["shape_2x4x3x3", "to"]
    assert _summary(bind(read_onnx(to_proto(first, "none")))) == _summary(bind(first))


def test_weights_may_be_given() -> None:
    first = read_onnx(model([node("Conv", "x w", "y")], [weights("w", 2, 4, 3, 3)]))
    given = np.full((2, 4, 3, 3), 3.0, np.float32)
    (held,) = to_proto(first, {"w": given}).graph.initializer
    np.testing.assert_array_equal(onnx.numpy_helper.to_array(held), given)
    with pytest.raises(InputError, match=r"w: an array of shape \(1, 2\).*\[bad-shape\]"):
        to_proto(first, {"w": np.ones((1, 2))})


@pytest.mark.parametrize("opset", [9, 13, 17, 21])
def test_a_file_is_written_with_the_opset_it_was_read_with(opset: int) -> None:
    written = to_proto(read_onnx(model([node("Relu", "x", "y")], opset=opset)))
    assert [(entry.domain, entry.version) for entry in written.opset_import] == [("", opset)]


def test_what_cannot_be_written() -> None:
    old = read_onnx(model([node("Conv", "x w", "y")], [weights("w", 2, 4, 3, 3)], opset=7))
    assert to_proto(old).opset_import[0].version == 7
    with pytest.raises(InputError, match=r"opset 7 has no operator that makes weights.*\[not-writable\]"):
        to_proto(old, "none")
    kind = Model("m", (), ("w",), (), {"w": Constant("w", (2,), DType.INT4, None)})
    with pytest.raises(InputError, match=r"w: a constant of type int4.*\[unsupported-type\]"):
        to_proto(kind)
    eight = read_onnx(model([node("Cast", "x", "y", to=TensorProto.FLOAT8E5M2)]))
    with pytest.raises(InputError, match=r"to: .*8-bit floats.*\[unsupported-type\]"):
        to_proto(eight)
    inner = Model("m", (Value("x", (1,)),), ("y",), (Node("n", "npusim::Stack", ("x",), ("y",)),))
    with pytest.raises(InputError, match=r"\[not-writable\]"):
        to_proto(inner)


def test_a_graph_is_a_model_again() -> None:
    """What was folded is nodes again; the frame is fixed."""
    nodes = [
        node("Shape", "x", "s"), node("Gather", "s zero", "n", axis=0), node("Concat", "n rest", "to", axis=0),
        node("Transpose", "w0", "w", perm=[1, 0]), node("Reshape", "x to", "f"), node("MatMul", "f w", "y"),
    ]  # fmt: skip
    stored = [array("zero", [0]), array("rest", [-1]), weights("w0", 5, 256)]
    graph = npusim.load(model(nodes, stored, x=("N", 4, 8, 8)), batch=2)
    again = of_graph(graph)
    assert again.inputs[0].shape == (2, 4, 8, 8)
    assert _summary(bind(again)) == _summary(graph) == _summary(npusim.load(to_proto(again)))
    # 2 x 256 by 256 x 5
    assert sum(each.macs for each in layer_works(graph)) == 2 * 256 * 5
    onnx.checker.check_model(to_proto(again), full_check=True)


def test_a_graph_with_control_flow_is_none() -> None:
    body = helper.make_graph(
        [node("Identity", "go", "still"), node("Relu", "s", "t")], "body",
        [value("i", TensorProto.INT64, []), value("go", TensorProto.BOOL, []), value("s", 1, None)],
        [value("still", TensorProto.BOOL, []), value("t", 1, None)],
    )  # fmt: skip
    graph = npusim.load(model([node("Loop", "n - x", "y", body=body)], [array("n", 3)]))
    with pytest.raises(InputError, match=r"stands for control flow.*\[not-writable\]"):
        of_graph(graph)
