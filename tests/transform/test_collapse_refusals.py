"""What is left alone, and the reason that is given: borders that would differ, MACs, readers, data. And ways around."""

from __future__ import annotations

import numpy as np
import pytest
from chain_kit import Array, Sheet, after, collapsed, difference, ops
from onnx import ModelProto, TensorProto, helper, numpy_helper

from npusim.frontends.onnx import read_onnx
from npusim.transform.collapse.engine import Collapsed
from npusim.transform.collapse.rules import FILES, RULES, load

C = 8
FLOAT32 = 2e-6


def _stays(proto: ModelProto, reason: str, node: str = "", size: tuple[int, int] | None = None, **rules: bool) -> None:
    """Nothing is collapsed, and the node is listed with that reason."""
    found = collapsed(proto, size=size, **rules)
    assert not found.chains
    assert found.model.nodes == read_onnx(proto).nodes
    said = [each.why for each in found.left if node in each.node]
    assert any(reason in why for why in said), found.left


def _biased_first(pad: int = 1, bias: float | None = None) -> ModelProto:
    """1x1 with a bias, then 3x3 that pads."""
    sheet = Sheet(1, C, 9, 11)
    shift = sheet.random(4 * C) if bias is None else sheet.constant(np.full(4 * C, bias))
    wide = sheet.node("Conv", "x", sheet.random(4 * C, C, 1, 1), shift, name="wide")
    return sheet.model(sheet.node("Conv", wide, sheet.random(C, 4 * C, 3, 3), name="narrow", pads=[pad] * 4))


# --- borders --------------------------------------------------------------------------------------------------------


def test_1x1_with_a_bias_in_front_of_padding_is_refused_with_the_numbers() -> None:
    reason = (
        "Conv 'narrow' pads what Conv 'wide' makes by 1 with 0, where its bias goes on beyond the frame and is up to"
    )
    _stays(_biased_first(), reason, "narrow")
    _stays(_biased_first(bias=-0.375), "up to 0.375 off: the borders would differ (--pad-intermediate", "narrow")


def test_1x1_in_front_of_padding_collapses_without_a_bias_or_with_one_of_zeros_or_without_padding() -> None:
    for proto in (_biased_first(bias=0.0), _biased_first(pad=0)):
        found = collapsed(proto)
        assert ops(found) == ["Conv"]
        assert difference(proto, after(found)) < FLOAT32


def test_pad_intermediate_is_exact() -> None:
    """The frame gets a channel of ones, which zeros surround: its kernel carries the bias and ends with the frame."""
    proto = _biased_first()
    found = collapsed(proto, pad_intermediate=True)
    assert ops(found) == ["Pad", "Conv"]
    assert difference(proto, after(found)) < FLOAT32
    # 99 positions: 8 * 32 and 32 * 8 * 9 before; 9 inputs instead of 8 after.
    assert (found.chains[0].macs_before, found.chains[0].macs) == (99 * (256 + 2304), 99 * 9 * 8 * 9)


@pytest.mark.parametrize("opset", [9, 17])
def test_pad_intermediate_pads_by_a_number_where_one_does(opset: int) -> None:
    """2 x - 1 of an image, then padding by 0: 0.5 around the image, and no channel more; in both forms of Pad."""
    sheet = Sheet(1, 3, 9, 11, opset=opset)
    x = sheet.node("Sub", sheet.node("Mul", "x", sheet.constant(2.0)), sheet.constant([1.0]))
    proto = sheet.model(sheet.conv(x, 3, C, 3, strides=[2, 2], bias=True))
    _stays(proto, "is up to 1 off")
    found = collapsed(proto, pad_intermediate=True)
    assert ops(found) == ["Pad", "Conv"]
    assert found.chains[0].macs == found.chains[0].macs_before
    assert difference(proto, after(found)) < FLOAT32
    pad = found.model.nodes[0]
    sides, value = (
        [pad.attrs[k] for k in ("pads", "value")] if opset == 9 else [_elements(found, n) for n in pad.inputs[1:]]
    )
    assert list(sides) == [0, 0, 1, 1, 0, 0, 1, 1]
    assert float(value) == 0.5


def _elements(found: Collapsed, name: str) -> Array:
    read = found.model.constants[name].read
    assert read is not None
    return read()


def test_pad_intermediate_with_a_stride_and_branches() -> None:
    sheet = Sheet(1, C, 9, 12)
    wide = sheet.conv("x", C, 4 * C, 1, bias=True, strides=[2, 1])
    proto = sheet.model(sheet.add(sheet.conv(wide, 4 * C, C, 3, bias=True), sheet.conv("x", C, C, 1, strides=[2, 1])))
    found = collapsed(proto, pad_intermediate=True)
    assert ops(found) == ["Pad", "Conv"]
    assert difference(proto, after(found)) < FLOAT32


def test_two_padded_kernels_are_refused_either_way() -> None:
    """No padding in front ends what a kernel spreads beyond the frame."""
    sheet = Sheet(1, 1, 9, 11)
    proto = sheet.model(sheet.conv(sheet.conv("x", 1, 64, 3, name="first"), 64, 1, 3, name="second"))
    for flag in (False, True):
        reason = "by 1 with 0, where the 3x3 taps of Conv 'first' would still reach into the frame"
        _stays(proto, reason, "second", pad_intermediate=flag)


def test_padding_that_takes_in_all_that_a_kernel_spreads_is_no_trouble() -> None:
    """A 3x3 that pads by 2 makes zeros beyond its own output: a further pad of those is one of the image."""
    sheet = Sheet(1, 1, 9, 11)
    proto = sheet.model(sheet.conv(sheet.conv("x", 1, 64, 3, pad=2), 64, 1, 3))
    found = collapsed(proto)
    assert found.model.nodes[0].attrs["pads"] == (3, 3, 3, 3)
    assert difference(proto, after(found)) < FLOAT32


def test_a_bias_that_a_transposed_convolution_would_spread_is_refused() -> None:
    sheet = Sheet(1, C, 5, 6)
    wide = sheet.conv("x", C, C, 1, bias=True, name="wide")
    proto = sheet.model(sheet.node("ConvTranspose", wide, sheet.random(C, 3, 3, 3), name="up", strides=[2, 2]))
    _stays(proto, "the transposed ConvTranspose 'up' sees zeros where Conv 'wide' would make up to", "up")
    sheet = Sheet(1, C, 5, 6)
    up = sheet.node("ConvTranspose", "x", sheet.random(C, 2 * C, 2, 2), name="up", strides=[2, 2])
    _stays(sheet.model(sheet.conv(up, 2 * C, 3, 3)), "moves across the frame behind the transposed", "conv")


def test_padding_that_depends_on_the_frame_is_refused() -> None:
    sheet = Sheet(1, C, 9, 11)
    first = sheet.conv("x", C, 64, 3, name="first", strides=[2, 2], auto_pad="SAME_UPPER")
    _stays(sheet.model(sheet.conv(first, 64, C, 3, pad=0)), "behind Conv 'first', whose padding depends on the frame")
    sheet = Sheet(1, C, 9, 11)
    parts = [sheet.conv("x", C, C, kernel, strides=[2, 2], auto_pad="SAME_UPPER") for kernel in (3, 1)]
    _stays(sheet.model(sheet.add(*parts)), "what it adds")
    sheet = Sheet(1, C, 9, 11)
    pool = sheet.node("AveragePool", sheet.conv("x", C, C, 1), kernel_shape=[3, 3], pads=[1] * 4, name="pool")
    _stays(sheet.model(pool), "averages over fewer taps at the border", "pool")


# --- what it would cost ---------------------------------------------------------------------------------------------


def test_a_narrow_middle_is_refused_for_its_macs() -> None:
    """8 -> 2 by 1x1 and 2 -> 8 by 3x3 are 16 + 144 products a position; one 3x3 of 8 -> 8 is 576."""
    sheet = Sheet(1, C, 9, 11)
    proto = sheet.model(sheet.conv(sheet.conv("x", C, 2, 1), 2, C, 3, bias=True, name="wide"))
    macs = "one convolution would take 57,024 MACs where these take 15,840 (--always does it)"
    _stays(proto, macs, "wide")
    found = collapsed(proto, always=True)
    assert ops(found) == ["Conv"]
    assert difference(proto, after(found)) < FLOAT32


def test_depthwise_separable_convolutions_stay() -> None:
    sheet = Sheet(1, C, 9, 11)
    proto = sheet.model(sheet.conv(sheet.conv("x", C, C, 3, groups=C), C, 2 * C, 1))
    _stays(proto, "(--always does it)")


def test_element_wise_steps_alone_are_made_no_convolution() -> None:
    sheet = Sheet(1, C, 9, 11)
    x = sheet.node("Add", sheet.node("Mul", sheet.batch_norm("x", C), sheet.constant(2.0)), sheet.constant(1.0))
    for flag in (False, True):
        found = collapsed(sheet.model(sheet.add(x, "x")), always=flag)
        assert not found.chains
        assert not found.left


# --- who reads it ---------------------------------------------------------------------------------------------------


def test_what_others_read_stays() -> None:
    sheet = Sheet(1, C, 9, 11)
    wide = sheet.conv("x", C, 64, 3, name="wide")
    narrow = sheet.conv(wide, 64, C, 1, name="narrow")
    _stays(sheet.model(narrow, sheet.node("Relu", wide)), "what Conv 'wide' makes is read 2 times", "narrow")
    _stays(sheet.model(narrow, wide), "Conv 'wide' makes an output of the graph", "narrow")


def test_what_a_subgraph_reads_stays() -> None:
    """Both branches of an If read the tensor from outside."""
    sheet = Sheet(1, C, 9, 11)
    wide = sheet.conv("x", C, 64, 3, name="wide")
    sheet.conv(wide, 64, C, 1, name="narrow")
    bodies = []
    for op in ("Relu", "Neg"):
        out = helper.make_tensor_value_info(op, TensorProto.FLOAT, None)
        bodies.append(helper.make_graph([helper.make_node(op, ["wide"], [op])], op, [], [out]))
    flag = sheet.constant(True, "bool")
    sheet.nodes.append(helper.make_node("If", [flag], ["chosen"], then_branch=bodies[0], else_branch=bodies[1]))
    _stays(sheet.model("narrow", "chosen"), "what Conv 'wide' makes is read 2 times", "narrow")


def test_operands_from_different_tensors() -> None:
    sheet = Sheet(1, C, 9, 11)
    parts = [sheet.conv(sheet.node(op, "x"), C, C, 3) for op in ("Relu", "Tanh")]
    total = sheet.node("Add", *parts, name="total")
    _stays(sheet.model(total), "what it adds does not come from one tensor (conv1, conv3)", "total")
    last = sheet.conv(total, C, C, 1, name="last")
    _stays(sheet.model(last), "Add 'total' adds what does not come from one tensor", "last")


# --- what is not constant, or not linear ----------------------------------------------------------------------------


def test_computed_or_quantised_weights_stay() -> None:
    sheet = Sheet(1, C, 9, 11)
    made = sheet.node("Reshape", sheet.node("GlobalAveragePool", "x"), sheet.constant([1, C, 1, 1], "int64"))
    _stays(sheet.model(sheet.node("Conv", "x", made, name="dynamic")), "are computed from data", "dynamic")
    sheet = Sheet(1, C, 9, 11)
    stored = sheet.constant(np.ones((64, C, 3, 3)), "int8"), sheet.constant(0.1), sheet.constant(0, "int8")
    wide = sheet.node("Conv", "x", sheet.node("DequantizeLinear", *stored), name="wide", pads=[1] * 4)
    proto = sheet.model(sheet.conv(wide, 64, C, 1))
    _stays(proto, "the weights of Conv 'wide' are quantised: collapse before quantising", "wide")


def test_types_that_no_kernel_is_written_in_stay() -> None:
    sheet = Sheet(1, C, 9, 11)
    proto = sheet.model(sheet.conv(sheet.node("Conv", "x", sheet.random(64, C, 1, 1), name="wide"), 64, C, 3))
    for stored in proto.graph.initializer:
        values = numpy_helper.to_array(stored)
        stored.CopyFrom(helper.make_tensor(stored.name, TensorProto.BFLOAT16, values.shape, values.ravel()))
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.elem_type = TensorProto.BFLOAT16
    _stays(proto, "Conv 'wide' computes in bfloat16, in which no kernel is written", "wide")


def test_sizes_that_follow_the_frame_are_no_constants() -> None:
    """A Pad by the height modulo 3: known on each frame, and not the same on all."""
    sheet = Sheet(1, C, "H", "W")
    wide = sheet.conv("x", C, 64, 3, name="wide")
    height = sheet.node("Mod", sheet.node("Shape", "x", start=2, end=3), sheet.constant([3], "int64"))
    pads = sheet.node("Concat", *[sheet.constant([0] * 6, "int64"), height, sheet.constant([0], "int64")], axis=0)
    padded = sheet.node("Pad", wide, pads, name="padded")
    proto = sheet.model(sheet.conv(padded, 64, C, 1, name="narrow"))
    _stays(proto, "the sizes of Pad 'padded' depend on the frame", "padded", size=(8, 8))


def test_steps_that_are_not_linear_stay() -> None:
    def after_conv(op: str, *more: str, sheet: Sheet, **attrs: object) -> ModelProto:
        return sheet.model(sheet.node(op, sheet.conv("x", C, C, 3, bias=True), *more, name="then", **attrs))

    sheet = Sheet(1, C, 9, 11)
    _stays(after_conv("Mul", sheet.random(9, 11), sheet=sheet), "takes another number at each position", "then")
    sheet = Sheet(1, C, 9, 11)
    mean = sheet.node("GlobalAveragePool", "x")
    _stays(after_conv("Add", mean, sheet=sheet), "adds 1x8x1x1 to each part of 1x8x9x11", "then")
    sheet = Sheet(1, C, 9, 11)
    pads = sheet.constant([0, 0, 1, 1, 0, 0, 1, 1], "int64")
    _stays(after_conv("Pad", pads, sheet=sheet, mode="reflect"), "pads with what lies inside (mode reflect)", "then")
    sheet = Sheet(1, C, 9, 11)
    pads = sheet.constant([0, 1, 0, 0, 0, 0, 0, 0], "int64")
    _stays(after_conv("Pad", pads, sheet=sheet), "pads channels or crops", "then")
    sheet = Sheet(1, C, 9, 11)
    flag = sheet.constant(True, "bool")
    _stays(after_conv("Dropout", sheet.constant(0.5), flag, sheet=sheet), "drops at random", "then")
    sheet = Sheet(1, C, 9, 11)
    parts = [sheet.random(C) for _ in range(3)]
    normal = after_conv("BatchNormalization", *parts, sheet.constant(np.ones(C)), sheet=sheet, training_mode=1)
    _stays(normal, "takes its statistics from the data", "then")
    sheet = Sheet(1, C, 9, 11)
    x = sheet.conv("x", C, C, 3)
    assert not collapsed(sheet.model(sheet.node("Mul", x, x))).chains  # a square


def test_the_table_of_rules_names_every_file() -> None:
    """A rule that no file of FILES files is never asked."""
    load()
    assert {entry.apply.__module__.rpartition(".")[2] for entry in RULES.values()} == set(FILES)
