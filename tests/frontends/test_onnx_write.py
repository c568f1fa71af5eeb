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
from npusim.model import Model
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
