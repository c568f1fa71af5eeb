"""Weights in written files: as they are stored, left out, or given; and what ONNX asks of the file around them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx_kit import array, model, node, value, weights

import npusim
from npusim.bind import bind
from npusim.counts import macs, params
from npusim.errors import InputError
from npusim.frontends.onnx import read_onnx, write_onnx
from npusim.frontends.onnx.write import to_proto
from npusim.ir import DType
from npusim.model import Constant, Model, Node, Value, of_graph

# 2 x 4 x 3 x 3 = 72 weights are many; two biases are few.
CONV = model([node("Conv", "x w b", "y")], [weights("w", 2, 4, 3, 3), array("b", [1.5, -2.0], "float32")])


def _weightless(dtype: DType, opset: int = 17) -> Model:
    nodes = (Node("same", "Identity", ("w",), ("y",)),)
    return Model("m", (Value("x", (1,)),), ("y",), nodes, {"w": Constant("w", (3,), dtype, None)}, opsets={"": opset})


def test_weights_left_out(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    write_onnx(read_onnx(CONV), path, weights="none")
    written = onnx.load(path)
    onnx.checker.check_model(written, full_check=True)
    assert [each.op_type for each in written.graph.node] == ["ConstantOfShape", "Conv"]
    assert {each.name for each in written.graph.initializer} == {"shape_2x4x3x3", "b"}
    graph, own = npusim.load(path), npusim.load(CONV)
    assert (macs(graph), params(graph)) == (macs(own), params(own))
    assert graph.weights["w"].tolist() == np.zeros((2, 4, 3, 3)).tolist()


def test_weights_given(tmp_path: Path) -> None:
    path, given = tmp_path / "m.onnx", np.full((2, 4, 3, 3), 0.25, np.float32)
    write_onnx(read_onnx(CONV), path, weights={"w": given})
    graph = npusim.load(path)
    assert graph.weights["w"].tolist() == given.tolist()
    assert graph.weights["b"].tolist() == [1.5, -2.0]


def test_an_array_of_another_shape_is_refused() -> None:
    with pytest.raises(InputError, match=r"^w: an array of shape \(3,\).*\[bad-shape\]$"):
        to_proto(read_onnx(CONV), {"w": np.zeros(3, np.float32)})


@pytest.mark.parametrize("dtype", [DType.FLOAT16, DType.FLOAT32, DType.FLOAT64, DType.INT8, DType.UINT8, DType.BOOL])
def test_types_that_need_no_elements(dtype: DType) -> None:
    written = to_proto(_weightless(dtype))
    fill = written.graph.node[0]
    assert fill.op_type == "ConstantOfShape"
    assert read_onnx(written).nodes[0].attrs["value"].dtype.name == dtype.label


@pytest.mark.parametrize("dtype", [DType.STRING, DType.FLOAT8, DType.BFLOAT16, DType.INT4])
def test_types_that_need_elements(dtype: DType) -> None:
    with pytest.raises(InputError, match=r"^w: .*\[unsupported-type\]$"):
        to_proto(_weightless(dtype))


def test_an_old_opset_cannot_leave_weights_out() -> None:
    with pytest.raises(InputError, match=r"opset 7 .*\[not-writable\]$"):
        to_proto(_weightless(DType.FLOAT32, 7))


def test_which_8_bit_float_is_meant_is_not_guessed() -> None:
    made = model([node("Cast", "x", "y", to=TensorProto.FLOAT8E5M2)], opset=19)
    with pytest.raises(InputError, match=r"^to: .*\[unsupported-type\]$"):
        to_proto(read_onnx(made))


@pytest.mark.parametrize(("opset", "ir_version"), [(7, 4), (13, 7), (17, 8), (21, 10)])
def test_a_file_keeps_its_opset(opset: int, ir_version: int) -> None:
    """The oldest IR that holds the opset, and none before 4, in which weights had to be inputs."""
    written = to_proto(read_onnx(model([node("Conv", "x w", "y")], [weights("w", 2, 4, 3, 3)], opset=opset)))
    assert [(entry.domain, entry.version) for entry in written.opset_import] == [("", opset)]
    assert written.ir_version == ir_version
    onnx.checker.check_model(written, full_check=True)


def test_an_output_of_nodes_that_do_not_fit_stays_open() -> None:
    """Shape inference of onnx refuses a CastLike without its second input; writing does not depend on it."""
    (output,) = to_proto(read_onnx(model([node("CastLike", "x", "y")]))).graph.output
    assert not output.type.tensor_type.HasField("shape")


def test_nodes_are_written_in_order() -> None:
    made = to_proto(read_onnx(model([node("Neg", "a", "y"), node("Relu", "x", "a")])))
    assert [each.op_type for each in made.graph.node] == ["Relu", "Neg"]
    onnx.checker.check_model(made, full_check=True)


def test_an_output_that_states_no_shape_is_inferred() -> None:
    """A convolution of x: 1 x 4 x 8 x 8 without padding, 3 x 3."""
    proto = model([node("Conv", "x w", "y")], [weights("w", 2, 4, 3, 3)], x=(1, 4, 8, 8))
    del proto.graph.output[:]
    proto.graph.output.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, None))
    (output,) = to_proto(read_onnx(proto)).graph.output
    assert [dim.dim_value for dim in output.type.tensor_type.shape.dim] == [1, 2, 6, 6]


def test_a_graph_is_written_with_what_was_folded() -> None:
    nodes = [node("Transpose", "t", "w", perm=[1, 0]), node("MatMul", "x w", "y")]
    graph = npusim.load(model(nodes, [weights("t", 5, 8)]))
    written = to_proto(of_graph(graph))
    onnx.checker.check_model(written, full_check=True)
    assert [each.op_type for each in written.graph.node] == ["Transpose", "MatMul"]
    again = bind(read_onnx(written))
    assert (macs(again), params(again)) == (macs(graph), params(graph))


def test_a_loop_that_was_counted_is_not_written() -> None:
    stacked = Node("s", "npusim::Stack", ("x",), ("y",), {"count": 3})
    with pytest.raises(InputError, match=r"^m: .*\[not-writable\]$"):
        to_proto(Model("m", (Value("x", (2,)),), ("y",), (stacked,)))


def test_subgraphs_are_written_in_the_same_way() -> None:
    inner = helper.make_graph([node("Conv", "x k", "t")], "then", [], [value("t", 1, None)], [weights("k", 2, 4, 3, 3)])
    nodes = [
        node("ReduceSum", "x", "s", keepdims=0),
        node("Cast", "s", "c", to=TensorProto.BOOL),
        node("If", "c", "y", then_branch=inner, else_branch=inner),
    ]
    written = to_proto(read_onnx(model(nodes)), "none")
    branch = next(attr.g for each in written.graph.node for attr in each.attribute if attr.name == "then_branch")
    assert [each.op_type for each in branch.node] == ["ConstantOfShape", "Conv"]
