"""ONNX to Graph: every way in which a file may say the same thing."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, TypeProto, helper
from onnx_kit import FLOAT, INT64, array, model, node, value, weights

import npusim
from npusim.counts import macs, params, weight_bytes
from npusim.errors import InputError
from npusim.frontends.onnx import read_onnx
from npusim.ir import DType, Graph

CONV = node("Conv", "x w", "y", kernel_shape=[3, 3])
CONV_MACS = 6 * 6 * 2 * 4 * 9  # 6 x 6 outputs of 2 channels, each of 4 x 3 x 3 products


def _shape(graph: Graph) -> tuple[int, ...]:
    return graph.tensors[graph.outputs[0]].shape


@pytest.mark.parametrize("opset", range(7, onnx.defs.onnx_opset_version() + 1))
def test_every_opset_since_7(opset: int) -> None:
    graph = npusim.load(model([CONV], [weights("w", 2, 4, 3, 3)], opset=opset))
    assert (macs(graph), params(graph), _shape(graph)) == (CONV_MACS, 72, (1, 2, 6, 6))


@pytest.mark.parametrize("opset", [12, 13])
def test_what_an_axis_of_softmax_means_depends_on_the_opset(opset: int) -> None:
    """The reader states the version where the meaning changed, and nowhere else."""
    made = read_onnx(model([node("Softmax", "x", "a"), node("Relu", "a", "y")], opset=opset))
    assert [each.attrs for each in made.nodes] == [{"opset": opset}, {}]


def test_bytes_message_and_file_are_one_model(tmp_path: object) -> None:
    proto = model([CONV], [weights("w", 2, 4, 3, 3)])
    path = f"{tmp_path}/m.onnx"
    onnx.save(proto, path)
    graphs = [npusim.load(proto), npusim.load(proto.SerializeToString()), npusim.load(path)]
    assert [macs(graph) for graph in graphs] == [CONV_MACS] * 3
    assert [graph.name for graph in graphs] == ["g"] * 3
    assert graphs[1].sha256 == graphs[2].sha256 != ""


def test_a_graph_without_a_name_is_called_as_its_file(tmp_path: object) -> None:
    proto = model([CONV], [weights("w", 2, 4, 3, 3)])
    proto.graph.name = ""
    onnx.save(proto, f"{tmp_path}/nameless.onnx")
    assert npusim.load(f"{tmp_path}/nameless.onnx").name == "nameless.onnx"


def test_constants_may_be_nodes() -> None:
    made = node("Constant", "", "w", value=weights("ignored", 2, 4, 3, 3))
    graph = npusim.load(model([made, CONV]))
    assert (macs(graph), params(graph), [layer.op for layer in graph.layers]) == (CONV_MACS, 72, ["Conv"])


@pytest.mark.parametrize(
    "attrs",
    [{"value_ints": [1, 256]}, {"value": array("v", [1, 256])}, {"sparse_value": helper.make_sparse_tensor(
        array("v", [1, 256]), array("i", [0, 1]), [2])}],
)  # fmt: skip
def test_every_form_of_constant_can_be_a_shape(attrs: dict[str, object]) -> None:
    graph = npusim.load(model([node("Constant", "", "to", **attrs), node("Reshape", "x to", "y")]))
    assert _shape(graph) == (1, 256)


def test_a_constant_of_one_number() -> None:
    graph = npusim.load(model([node("Constant", "", "c", value_float=2.0), node("Mul", "x c", "y")]))
    assert (_shape(graph), params(graph)) == ((1, 4, 8, 8), 0)


def test_weights_among_the_inputs_are_no_inputs() -> None:
    """As files before IR version 4 have them."""
    proto = model([CONV], [weights("w", 2, 4, 3, 3)], ir_version=3)
    proto.graph.input.append(value("w", FLOAT, [2, 4, 3, 3]))
    graph = npusim.load(proto)
    assert (graph.inputs, params(graph)) == (("x",), 72)


@pytest.mark.parametrize("ir_version", [3, 4, 8, 10])
def test_ir_versions(ir_version: int) -> None:
    assert macs(npusim.load(model([CONV], [weights("w", 2, 4, 3, 3)], ir_version=ir_version))) == CONV_MACS


@pytest.mark.parametrize(
    ("where", "at"), [("flat", [5, 71]), ("by axis", [[0, 1, 2, 2], [1, 3, 2, 2]])], ids=["flat", "by axis"]
)
def test_sparse_weights_are_dense_parameters(where: str, at: object) -> None:
    """ONNX: places are numbers in the flat array, or one row of coordinates a value."""
    sparse = helper.make_sparse_tensor(array("w", [2.0, 3.0], "float32"), array("i", at), [2, 4, 3, 3])
    graph = npusim.load(model([CONV], sparse=[sparse]))
    assert (macs(graph), params(graph)) == (CONV_MACS, 72)
    held = graph.weights["w"]
    assert held.shape == (2, 4, 3, 3)
    assert held.sum() == 5.0
    assert held[1, 3, 2, 2] == 3.0


def test_sparse_places_outside_the_shape() -> None:
    sparse = helper.make_sparse_tensor(array("w", [2.0], "float32"), array("i", [5]), [2, 4, 3, 3])
    sparse.indices.CopyFrom(array("i", [99]))
    graph = npusim.load(model([CONV], sparse=[sparse]))
    with pytest.raises(InputError, match=r"w: its places do not fit its shape.*\[bad-weights\]"):
        graph.weights["w"].sum()


def test_a_left_out_input_is_no_tensor() -> None:
    graph = npusim.load(model([node("Clip", "x - high", "y")], [array("high", 6.0, "float32")]))
    assert graph.layers[0].inputs == ("x", "", "high")


def test_domains_of_onnx_have_two_names() -> None:
    proto = model([CONV], [weights("w", 2, 4, 3, 3)])
    proto.opset_import[0].domain = "ai.onnx"
    proto.graph.node[0].domain = "ai.onnx"
    assert npusim.load(proto).layers[0].op == "Conv"


@pytest.mark.parametrize(
    ("number", "dtype", "size"),
    [
        (TensorProto.FLOAT16, DType.FLOAT16, 144),
        (TensorProto.BFLOAT16, DType.BFLOAT16, 144),
        (TensorProto.FLOAT8E4M3FN, DType.FLOAT8, 72),
        (TensorProto.FLOAT8E5M2, DType.FLOAT8, 72),
        (TensorProto.INT8, DType.INT8, 72),
        (TensorProto.UINT4, DType.UINT4, 36),
        (TensorProto.INT4, DType.INT4, 36),
    ],
)
def test_weights_of_every_width_count_their_bytes(number: int, dtype: DType, size: int) -> None:
    stored = TensorProto(name="w", data_type=number, dims=[2, 4, 3, 3], raw_data=bytes(size))
    graph = npusim.load(model([CONV], [stored]))
    assert (graph.tensors["w"].dtype, weight_bytes(graph)) == (dtype, size)
    assert graph.weights["w"].shape == (2, 4, 3, 3)


def test_types_in_attributes() -> None:
    nodes = [node("Cast", "x", "a", to=TensorProto.INT8), node("Cast", "a", "y", to=FLOAT)]
    graph = npusim.load(model(nodes))
    assert graph.tensors["a"].dtype is DType.INT8
    assert graph.layers[0].attrs["to"] is DType.INT8


def test_attributes_of_every_kind() -> None:
    attrs = {
        "i": 3, "f": 0.5, "s": "text", "ints": [1, 2], "floats": [0.5, 1.5], "strings": ["a", "b"],
        "t": array("t", [7]), "nothing": helper.make_graph([], "sub", [], []),
    }  # fmt: skip
    made = helper.make_node("Foo", ["x"], ["y"], domain="com.acme", **attrs)
    found = read_onnx(model([made], domains=["com.acme"])).nodes[0]
    assert found.op == "com.acme::Foo"
    plain = {key: each for key, each in found.attrs.items() if key not in ("t", "nothing")}
    assert plain == {"i": 3, "f": 0.5, "s": "text", "ints": (1, 2), "floats": (0.5, 1.5), "strings": ("a", "b")}
    assert found.attrs["t"].tolist() == [7]
    assert found.attrs["nothing"].nodes == ()


def _call(name: str, outputs: str = "y", inputs: str = "x w") -> onnx.NodeProto:
    return node(name, inputs, outputs, domain="local")


def _function(name: str, nodes: list[onnx.NodeProto]) -> onnx.FunctionProto:
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
    return helper.make_function("local", name, ["x", "w"], ["y"], nodes, opsets)


def test_functions_stand_where_they_are_called() -> None:
    """A function that calls a function, called twice: two convolutions over the same weights."""
    inner = _function("Inner", [node("Conv", "x w", "y", pads=[1, 1, 1, 1])])
    outer = _function("Outer", [node("Relu", "x", "r"), _call("Inner", inputs="r w")])
    calls = [_call("Outer", "a"), _call("Outer", inputs="a w")]
    graph = npusim.load(model(calls, [weights("w", 4, 4, 3, 3)], domains=["local"], functions=[inner, outer]))
    assert [layer.op for layer in graph.layers] == ["Relu", "Conv", "Relu", "Conv"]
    assert macs(graph) == 2 * (8 * 8 * 4 * 4 * 9)
    assert params(graph) == 144


def test_a_function_that_calls_itself_is_one_error() -> None:
    endless = _function("Endless", [_call("Endless")])
    with pytest.raises(InputError):
        npusim.load(model([_call("Endless")], [weights("w", 4)], domains=["local"], functions=[endless]))


def test_subgraphs_are_read_with_what_they_capture() -> None:
    """The dearer branch is a product of x (4, 8) with captured weights (8, 3): 96 MACs."""
    then = helper.make_graph([node("MatMul", "x w", "t")], "then", [], [value("t", FLOAT, None)])
    other = helper.make_graph([node("MatMul", "x v", "o")], "else", [], [value("o", FLOAT, None)], [weights("v", 8, 2)])
    nodes = [
        node("ReduceSum", "x", "sum", keepdims=0), node("Cast", "sum", "c", to=TensorProto.BOOL),
        node("If", "c", "y", then_branch=then, else_branch=other),
    ]  # fmt: skip
    graph = npusim.load(model(nodes, [weights("w", 8, 3)], x=(4, 8)))
    assert (macs(graph), params(graph), _shape(graph)) == (96, 24 + 16, (4, 3))


def _input_of(kind: TypeProto) -> ModelProto:
    proto = model([CONV], [weights("w", 2, 4, 3, 3)])
    proto.graph.input[0].type.CopyFrom(kind)
    return proto


TENSOR = helper.make_tensor_type_proto(FLOAT, [1, 4, 8, 8])
SEQUENCE = helper.make_sequence_type_proto(TENSOR)


def test_an_optional_input_is_the_tensor_in_it() -> None:
    (x,) = read_onnx(_input_of(helper.make_optional_type_proto(TENSOR))).inputs
    assert (x.shape, x.dtype) == ((1, 4, 8, 8), DType.FLOAT32)


@pytest.mark.parametrize(
    "kind", [SEQUENCE, helper.make_optional_type_proto(SEQUENCE), helper.make_map_type_proto(7, TENSOR)]
)
def test_an_input_of_so_many_tensors_is_refused(kind: TypeProto) -> None:
    """Nobody can tell how many they are before the graph runs."""
    with pytest.raises(InputError, match=r"^x: .*number is not known.*\[unsupported-type\]$"):
        read_onnx(_input_of(kind))


def test_free_dimensions_keep_their_names() -> None:
    (x,) = read_onnx(model([node("Relu", "x", "y")], x=("N", 4, None, -1))).inputs
    assert x.shape == ("N", 4, None, None)


def test_an_input_of_unknown_rank_or_type() -> None:
    proto = model([node("Relu", "x", "y")])
    proto.graph.input[0].type.tensor_type.ClearField("shape")
    assert read_onnx(proto).inputs[0].shape is None
    proto.graph.input[0].ClearField("type")
    assert read_onnx(proto).inputs[0].shape is None


def test_quantised_weights_are_stored_bytes_and_scales_are_settings() -> None:
    """x -> Q -> DQ -> Conv with weights that are int8 and dequantised: 72 bytes, one scale and one zero point."""
    nodes = [
        node("QuantizeLinear", "x scale zero", "q"), node("DequantizeLinear", "q scale zero", "d"),
        node("DequantizeLinear", "w8 wscale zero", "w"), node("Conv", "d w", "y"),
    ]  # fmt: skip
    stored = [
        array("scale", 0.25, "float32"), array("wscale", 0.5, "float32"), array("zero", 0, "int8"),
        weights("w8", 2, 4, 3, 3, dtype="int8"),
    ]  # fmt: skip
    graph = npusim.load(model(nodes, stored))
    assert (macs(graph), params(graph), weight_bytes(graph)) == (CONV_MACS, 72, 72)
    assert graph.constants["scale"].tolist() == 0.25
    np.testing.assert_array_equal(graph.weights["w"], np.full((2, 4, 3, 3), 0.5, np.float32))


def test_a_standard_operator_without_a_rule_keeps_its_shape_and_is_listed() -> None:
    """onnx itself infers the shape of a text operator; npusim has no work for it, and says so."""
    proto = model([node("StringNormalizer", "x", "a"), node("Shape", "x", "y")], x=(3,), outputs="a y")
    proto.graph.input[0].type.tensor_type.elem_type = TensorProto.STRING
    proto.graph.output[0].type.tensor_type.elem_type = TensorProto.STRING
    proto.graph.output[1].type.tensor_type.elem_type = INT64
    graph = _with_stated_shape(proto)
    result = npusim.estimate(graph, level="roofline")
    assert [(each.op, "ai.onnx" in each.why) for each in result.unsupported] == [("StringNormalizer", True)]
    assert result.totals.lower_bound


def _with_stated_shape(proto: ModelProto) -> Graph:
    proto.graph.output[0].type.tensor_type.shape.dim.add().dim_value = 3
    return npusim.load(proto)
