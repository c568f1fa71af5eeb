"""Blocks of training that become one convolution each, held against onnxruntime; the frame's border counts as well."""

from __future__ import annotations

import numpy as np
import pytest
from chain_kit import Sheet, after, collapsed, difference, ops
from onnx import ModelProto

from npusim.transform.collapse.proof import prove

C = 8
FLOAT32 = 2e-6  # of the largest element: sums of some hundred products in another order
EDGES = ([[1, 2, 1], [0, 0, 0], [-1, -2, -1]], [[1, 0, -1], [2, 0, -2], [1, 0, -1]], [[0, 1, 0], [1, -4, 1], [0, 1, 0]])


def _one_conv(
    proto: ModelProto, kernel: tuple[int, ...], groups: int = 1, shape: tuple[int, ...] | None = None
) -> None:
    """The graph is one convolution in front of a Relu, of that kernel, and computes the same."""
    size = None if shape is None else (shape[3], shape[2])
    found = collapsed(proto, size=size)
    assert ops(found) == ["Conv", "Relu"]
    assert found.model.nodes[0].attrs["kernel_shape"] == kernel
    assert found.model.nodes[0].attrs["group"] == groups
    assert difference(proto, after(found), shape) < FLOAT32


def _block(sheet: Sheet, *branches: str) -> ModelProto:
    return sheet.model(sheet.node("Relu", sheet.add(*branches)))


@pytest.mark.parametrize("stride", [1, 2])
def test_repvgg(stride: int) -> None:
    """3x3 with batch norm, 1x1 with batch norm, and, at stride 1, the tensor itself through a batch norm."""
    sheet = Sheet(1, C, 9, 11)
    branches = [sheet.batch_norm(sheet.conv("x", C, C, kernel, strides=[stride, stride]), C) for kernel in (3, 1)] + (
        [sheet.batch_norm("x", C)] if stride == 1 else []
    )
    _one_conv(_block(sheet, *branches), (3, 3))


@pytest.mark.parametrize("groups", [2, C])
def test_repvgg_in_groups(groups: int) -> None:
    sheet = Sheet(1, C, 9, 11)
    branches = [sheet.batch_norm(sheet.conv("x", C, C, kernel, groups=groups), C) for kernel in (3, 1)]
    _one_conv(_block(sheet, *branches, sheet.batch_norm("x", C)), (3, 3), groups)


def test_acnet() -> None:
    """3x3, 1x3 and 3x1, a batch norm each."""
    sheet = Sheet(2, 4, 9, 11)
    _one_conv(
        _block(sheet, *(sheet.batch_norm(sheet.conv("x", 4, C, taps), C) for taps in (3, (1, 3), (3, 1)))), (3, 3)
    )


def test_ecbsr() -> None:
    """3x3, 1x1-3x3, 1x1 and a fixed filter a channel (two Sobel, Laplace), and the tensor itself.

    What stands between two convolutions is padded with the first one's bias: a 1x1 convolution that pads makes that.
    """
    sheet = Sheet(1, C, 9, 11)
    branches = [sheet.conv("x", C, C, 3, bias=True)]
    branches.append(sheet.conv(sheet.conv("x", C, 2 * C, 1, bias=True, pad=1), 2 * C, C, 3, bias=True, pad=0))
    for edge in EDGES:
        wide = sheet.conv("x", C, C, 1, bias=True, pad=1)
        scaled = sheet.constant(np.reshape(edge, (1, 1, 3, 3)) * sheet.rng.normal(size=(C, 1, 1, 1)))
        branches.append(sheet.node("Conv", wide, scaled, sheet.random(C), group=C))
    _one_conv(_block(sheet, *branches, "x"), (3, 3))


def test_ecbsr_with_an_explicit_pad_of_the_bias() -> None:
    """Pad of zeros behind a 1x1 convolution without a bias, and the bias behind that: the border is the bias."""
    sheet = Sheet(1, C, 9, 11)
    pads = sheet.constant([0, 0, 1, 1, 0, 0, 1, 1], "int64")
    padded = sheet.node("Pad", sheet.conv("x", C, 2 * C, 1), pads)
    shifted = sheet.node("Add", padded, sheet.random(1, 2 * C, 1, 1))
    _one_conv(_block(sheet, sheet.conv(shifted, 2 * C, C, 3, pad=0), "x"), (3, 3))


def test_an_explicit_pad_by_the_number_that_every_bias_is() -> None:
    sheet = Sheet(1, C, 9, 11)
    wide = sheet.node("Conv", "x", sheet.random(2 * C, C, 1, 1), sheet.constant(np.full(2 * C, 0.25)))
    padded = sheet.node("Pad", wide, sheet.constant([0, 0, 1, 1, 0, 0, 1, 1], "int64"), sheet.constant(0.25))
    _one_conv(_block(sheet, sheet.conv(padded, 2 * C, C, 3, pad=0, bias=True), "x"), (3, 3))


@pytest.mark.parametrize("groups", [1, C])
def test_mobileone(groups: int) -> None:
    """Four branches of one size, a scale branch of 1x1, and the tensor itself, each with its own batch norm."""
    sheet = Sheet(1, C, 9, 11)
    branches = [sheet.batch_norm(sheet.conv("x", C, C, 3, groups=groups), C) for _ in range(4)]
    branches.append(sheet.batch_norm(sheet.conv("x", C, C, 1, groups=groups), C))
    _one_conv(_block(sheet, *branches, sheet.batch_norm("x", C)), (3, 3), groups)


def test_mobileone_depthwise_then_pointwise() -> None:
    """Two convolutions: one depthwise, one 1x1, with the Relu between them as in the network."""
    sheet = Sheet(1, C, 9, 11)
    wide = sheet.node("Relu", sheet.add(*(sheet.batch_norm(sheet.conv("x", C, C, k, groups=C), C) for k in (3, 1))))
    narrow = [sheet.batch_norm(sheet.conv(wide, C, 2 * C, 1), 2 * C) for _ in range(2)]
    proto = _block(sheet, *narrow)
    found = collapsed(proto)
    assert ops(found) == ["Conv", "Relu", "Conv", "Relu"]
    assert difference(proto, after(found)) < FLOAT32


def test_diverse_branches() -> None:
    """3x3 and 1x1 with batch norms, 1x1 in front of a 3x3, and 1x1 in front of an average over 3x3.

    The branches with two steps are padded in front of the first, so that nothing is padded between.
    """
    sheet = Sheet(1, C, 9, 11)
    branches = [sheet.batch_norm(sheet.conv("x", C, C, kernel), C) for kernel in (3, 1)]
    inner = sheet.batch_norm(sheet.conv("x", C, C, 1, pad=1), C)
    branches.append(sheet.batch_norm(sheet.conv(inner, C, C, 3, pad=0), C))
    inner = sheet.batch_norm(sheet.conv("x", C, C, 1, pad=1), C)
    branches.append(sheet.batch_norm(sheet.node("AveragePool", inner, kernel_shape=[3, 3]), C))
    _one_conv(_block(sheet, *branches), (3, 3))


@pytest.mark.parametrize("bias", [False, True])
def test_linear_block_of_sesr(bias: bool) -> None:
    """k x k to many features, 1x1 back, and the tensor itself; biases make no trouble in this order."""
    sheet = Sheet(1, C, "H", "W")
    narrow = sheet.conv(sheet.conv("x", C, 64, 3, bias=bias), 64, C, 1, bias=bias)
    _one_conv(_block(sheet, narrow, "x"), (3, 3), shape=(1, C, 7, 6))


@pytest.mark.parametrize("factor", [0.1, -2.0])
def test_scaled_residual(factor: float) -> None:
    """x + factor * f(x), and factor * x + f(x)."""
    for inside in (True, False):
        sheet = Sheet(1, C, 9, 11)
        made = sheet.conv("x", C, C, 3, bias=True)
        scaled = sheet.node("Mul", sheet.constant(factor), made if inside else "x")
        _one_conv(_block(sheet, scaled, "x" if inside else made), (3, 3))


def test_difference_of_branches() -> None:
    sheet = Sheet(1, C, 9, 11)
    made = sheet.node("Sub", sheet.node("Neg", "x"), sheet.conv("x", C, C, 3, bias=True))
    _one_conv(sheet.model(sheet.node("Relu", made)), (3, 3))


def test_sum_of_many() -> None:
    sheet = Sheet(1, C, 9, 11)
    made = sheet.node("Sum", "x", *(sheet.conv("x", C, C, kernel, bias=True) for kernel in (1, 3, 5)))
    _one_conv(sheet.model(sheet.node("Relu", made)), (5, 5))


def test_a_channel_added_to_all() -> None:
    """One channel broadcasts: the image added to each of four outputs, as in SESR, in front of any activation."""
    sheet = Sheet(1, 1, 9, 11)
    _one_conv(_block(sheet, sheet.conv("x", 1, 4, 5, bias=True), "x"), (5, 5))


# --- parts of sums --------------------------------------------------------------------------------------------------


def _part(proto: ModelProto, expected: list[str]) -> None:
    found = collapsed(proto)
    assert ops(found) == expected
    assert difference(proto, after(found)) < FLOAT32
    assert prove(found, found.network.graph).holds


def test_branches_of_one_tensor_among_others_are_added_first() -> None:
    """f(x) + t + g(x) + x, where t is something else: (f + g + 1)(x) + t."""
    sheet = Sheet(1, C, 9, 11)
    other = sheet.node("Relu", "x")
    parts = [sheet.conv("x", C, C, 3, bias=True), other, sheet.batch_norm(sheet.conv("x", C, C, 1), C), "x"]
    _part(sheet.model(sheet.add(*parts)), ["Relu", "Conv", "Add"])


def test_two_groups_of_branches() -> None:
    """f(x) + g(r) + h(x) + k(r): a convolution of each."""
    sheet = Sheet(1, C, 9, 11)
    other = sheet.node("Relu", "x")
    parts = [sheet.conv(of, C, C, kernel) for kernel in (3, 1) for of in ("x", other)]
    _part(sheet.model(sheet.add(*parts)), ["Relu", "Conv", "Conv", "Add"])


def test_signs_are_kept() -> None:
    """(f(x) - t) - (g(x) - u): (f - g)(x) - t + u."""
    sheet = Sheet(1, C, 9, 11)
    t, u = sheet.node("Relu", "x"), sheet.node("Tanh", "x")
    left = sheet.node("Sub", sheet.conv("x", C, C, 3), t)
    right = sheet.node("Sub", sheet.conv("x", C, C, 1), u)
    _part(sheet.model(sheet.node("Sub", left, right)), ["Relu", "Tanh", "Conv", "Sub", "Add"])


def test_a_branch_whose_border_would_differ_stays_beside_the_others() -> None:
    sheet = Sheet(1, C, 9, 11)
    refused = sheet.conv(sheet.conv("x", C, 2 * C, 1, bias=True), 2 * C, C, 3)
    parts = [sheet.conv("x", C, C, 3, bias=True), refused, sheet.conv("x", C, C, 1), "x"]
    _part(sheet.model(sheet.add(*parts)), ["Conv", "Conv", "Conv", "Add"])


def test_branches_that_go_together_but_would_cost_more_are_taken_in_part() -> None:
    """Under the flag all three could be one with a channel of ones, for more MACs than two and the third by itself.

    Of 8 channels: 1x3 and a batch norm are 192 products a position in 1x3; the third, 8 -> 2 -> 8, is 16 + 48, and
    would make that 3x3 with 9 channels, 648.
    """
    sheet = Sheet(1, C, 9, 11)
    third = sheet.conv(sheet.conv("x", C, 2, 1, bias=True), 2, C, (3, 1))
    proto = sheet.model(sheet.add(sheet.conv("x", C, C, (1, 3)), third, sheet.batch_norm("x", C)))
    found = collapsed(proto, pad_intermediate=True)
    assert ops(found) == ["Conv", "Conv", "Conv", "Add"]
    assert sum(chain.macs for chain in found.chains) == 99 * 192
    assert difference(proto, after(found)) < FLOAT32


# --- chains ---------------------------------------------------------------------------------------------------------


def test_identity_and_dropout_are_looked_through() -> None:
    sheet = Sheet(1, C, 9, 11)
    x = sheet.node("Dropout", sheet.node("Identity", sheet.conv("x", C, 64, 3, bias=True)))
    _one_conv(_block(sheet, sheet.node("Identity", sheet.conv(x, 64, C, 1)), "x"), (3, 3))


def test_scales_and_shifts_by_constants() -> None:
    """In front of a convolution without padding, and behind it: factors, quotients and shifts, by channel or not."""
    sheet = Sheet(1, C, 9, 11)
    x = sheet.node("Div", sheet.node("Sub", "x", sheet.random(1, C, 1, 1)), sheet.constant(4.0))
    x = sheet.conv(x, C, C, 3, pad=0, bias=True)
    x = sheet.node("Sub", sheet.random(C, 1, 1), sheet.node("Mul", sheet.random(1, C, 1, 1), x))
    _one_conv(sheet.model(sheet.node("Relu", sheet.node("Add", x, sheet.constant([0.5])))), (3, 3))


def test_scale_in_front_of_padding() -> None:
    """A factor leaves the zeros of the padding zeros; in groups too."""
    sheet = Sheet(1, C, 9, 11)
    x = sheet.conv(sheet.node("Mul", "x", sheet.random(C, 1, 1)), C, C, 3, groups=2, bias=True)
    _one_conv(sheet.model(sheet.node("Relu", x)), (3, 3), 2)


@pytest.mark.parametrize(
    "second", [{"strides": [2, 1]}, {"dilations": [2, 3]}, {"strides": [2, 2], "dilations": [2, 2]}]
)
@pytest.mark.parametrize("first", [{}, {"strides": [2, 1]}, {"dilations": [2, 2]}])
def test_two_kernels_without_padding_between(first: dict[str, list[int]], second: dict[str, list[int]]) -> None:
    """The first pads and has a bias; strides multiply, taps lie where both say. Few channels, or it would cost more."""
    sheet = Sheet(1, 1, 25, 27)
    x = sheet.conv("x", 1, 16, 3, pad=2, bias=True, **first)
    proto = sheet.model(sheet.node("Relu", sheet.conv(x, 16, 1, (3, 2), pad=0, bias=True, **second)))
    found = collapsed(proto)
    assert ops(found) == ["Conv", "Relu"]
    assert difference(proto, after(found)) < FLOAT32


def test_three_stacked_kernels_are_wider() -> None:
    """k1 + k2 + k3 - 2: 3, 5 and 3 make 9."""
    sheet = Sheet(1, 1, 25, 27)
    x = sheet.conv(sheet.conv(sheet.conv("x", 1, 32, 3, pad=0), 32, 32, 5, pad=0), 32, 1, 3, pad=0)
    _one_conv(sheet.model(sheet.node("Relu", x)), (9, 9))


def test_groups_come_out_as_their_common_divisor() -> None:
    """12 channels in 4 groups, then in 6: two groups are closed under both."""
    sheet = Sheet(1, 12, 9, 11)
    x = sheet.conv(sheet.conv("x", 12, 12, 3, groups=4), 12, 12, 1, groups=6)
    proto = sheet.model(sheet.node("Relu", x))
    found = collapsed(proto, always=True)
    assert found.model.nodes[0].attrs["group"] == 2
    assert difference(proto, after(found)) < FLOAT32


def test_unequal_padding_and_auto_pad() -> None:
    sheet = Sheet(1, C, 9, 11)
    x = sheet.conv("x", C, 64, 4, auto_pad="SAME_LOWER")
    proto = _block(sheet, sheet.conv(x, 64, C, 1, bias=True), sheet.conv("x", C, C, 1, auto_pad="VALID"))
    _one_conv(proto, (4, 4))
    assert collapsed(proto).model.nodes[0].attrs["pads"] == (2, 2, 1, 1)  # 3 in all, the odd one in front


def test_auto_pad_with_a_stride_is_kept() -> None:
    """How much it pads depends on the frame: the node keeps its attributes, whatever is folded into it."""
    sheet = Sheet(1, 4, "H", "W")
    x = sheet.conv("x", 4, 64, 3, bias=True, strides=[2, 2], auto_pad="SAME_UPPER")
    proto = sheet.model(sheet.node("Relu", sheet.batch_norm(sheet.conv(x, 64, C, 1), C)))
    found = collapsed(proto, size=(8, 6))
    assert ops(found) == ["Conv", "Relu"]
    assert found.model.nodes[0].attrs["auto_pad"] == "SAME_UPPER"
    for frame in ((6, 8), (7, 9)):
        assert difference(proto, after(found), (1, 4, *frame)) < FLOAT32


def test_one_and_three_axes() -> None:
    for frame in ((13,), (5, 6, 7)):
        sheet = Sheet(1, C, *frame)
        taps = (3,) * len(frame)
        wide = sheet.conv("x", C, 64, taps, bias=True)
        proto = _block(sheet, sheet.conv(wide, 64, C, (1,) * len(frame), bias=True), "x")
        found = collapsed(proto)
        assert ops(found) == ["Conv", "Relu"]
        assert difference(proto, after(found)) < FLOAT32


def test_transposed_convolution_takes_in_what_is_done_at_each_position() -> None:
    """In front without a bias, since the zeros it puts between positions have none; behind, with or without."""
    sheet = Sheet(1, C, 5, 6)
    x = sheet.conv("x", C, 2 * C, 1)
    x = sheet.node("ConvTranspose", x, sheet.random(2 * C, 3, 4, 4), sheet.random(6), group=2, strides=[2, 2])
    x = sheet.batch_norm(sheet.node("Mul", x, sheet.random(6, 1, 1)), 6)
    proto = sheet.model(sheet.node("Relu", x))
    found = collapsed(proto)
    assert ops(found) == ["ConvTranspose", "Relu"]
    assert found.model.nodes[0].attrs["group"] == 1  # the 1x1 convolution connects the two groups
    assert difference(proto, after(found)) < FLOAT32
    # At each of 30 inputs: 8 * 16 and 16 * 3 * 16 taps before, 8 * 6 * 16 taps after.
    assert (found.chains[0].macs_before, found.chains[0].macs) == (30 * (128 + 768), 30 * 768)


def test_products_behind_a_flattening() -> None:
    """Gemm, MatMul, a shift and a batch norm of tensors without a frame: one Gemm."""
    for opset in (9, 17):
        sheet = Sheet(5, 12, opset=opset)
        x = sheet.node("Gemm", "x", sheet.random(12, 64), sheet.random(64), alpha=0.5, beta=2.0)
        x = sheet.node("MatMul", sheet.batch_norm(x, 64), sheet.random(64, 6))
        found = collapsed(proto := sheet.model(sheet.node("Relu", x)))
        assert ops(found) == ["Gemm", "Relu"]
        assert difference(proto, after(found)) < FLOAT32
    sheet = Sheet(5, 12, opset=9)  # no bias at all, which Gemm needed before opset 11
    x = sheet.node("MatMul", sheet.node("MatMul", "x", sheet.random(12, 64)), sheet.random(64, 6))
    found = collapsed(proto := sheet.model(sheet.node("Relu", x)))
    assert len(found.model.nodes[0].inputs) == 3
    assert difference(proto, after(found)) < FLOAT32


def test_what_collapses_once_collapses_further() -> None:
    """h = f(x) is read twice, by g and by the residual; when those are one convolution, it is read once."""
    sheet = Sheet(1, C, 9, 11)
    inner = sheet.conv("x", C, C, 3, bias=True)
    outer = sheet.add(sheet.conv(inner, C, C, 1, bias=True), inner)
    _one_conv(sheet.model(sheet.node("Relu", outer)), (3, 3))


def test_half_precision_keeps_its_type() -> None:
    """float16 has 11 significant bits: the proof runs in float64 on numbers that are not rounded."""
    sheet = Sheet(1, C, 9, 11, dtype="float16")
    proto = _block(sheet, sheet.conv(sheet.conv("x", C, 64, 3), 64, C, 1), "x")
    found = collapsed(proto)
    made = found.model.constants[found.model.nodes[0].inputs[1]]
    assert made.dtype.label == "float16"
    assert made.read is not None
    assert made.read().dtype == np.float16
    proof = prove(found, found.network.graph)
    assert proof.holds
    assert proof.stored[0].max_rel is not None
    assert 1e-6 < proof.stored[0].max_rel < 2e-3


def test_worked_by_hand() -> None:
    """Three numbers: x = [1, 2, 3], kernels [1, 2, 3] and [0, 1, -1], 1x1 [2, -1], biases [1, 1] and 0.5, x added.

    h1 = [8, 14, 8] + 1, h2 = [-1, -1, 3] + 1; 2 h1 - h2 = [17, 29, 13] + 1; + 0.5 + x = [19.5, 32.5, 17.5].
    Collapsed: 2 [1, 2, 3] - [0, 1, -1] + [0, 1, 0] = [2, 4, 7], bias 2 - 1 + 0.5 = 1.5.
    """
    sheet = Sheet(1, 1, 3)
    wide = sheet.constant([[[1, 2, 3]], [[0, 1, -1]]]), sheet.constant([1, 1])
    narrow = sheet.constant([[[2], [-1]]]), sheet.constant([0.5])
    x = sheet.node("Conv", sheet.node("Conv", "x", *wide, pads=[1, 1]), *narrow)
    found = collapsed(sheet.model(sheet.add(x, "x")))
    kernel, bias = (found.emitted.arrays[name].array for name in found.model.nodes[0].inputs[1:])
    assert kernel.tolist() == [[[2, 4, 7]]]
    assert bias.tolist() == [1.5]
    padded = np.array([0, 1, 2, 3, 0])
    assert (np.correlate(padded, kernel[0, 0]) + bias).tolist() == [19.5, 32.5, 17.5]
