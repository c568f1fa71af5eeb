"""Branches that are not aligned, and what stands around the frame of each; what is refused stays exact."""

from __future__ import annotations

import pytest
from chain_kit import Sheet, after, collapsed, difference, ops
from onnx import ModelProto

C = 4
FLOAT32 = 2e-6


def _comes_to(proto: ModelProto, expected: list[str], **rules: bool) -> None:
    found = collapsed(proto, **rules)
    assert ops(found) == expected
    assert difference(proto, after(found)) < FLOAT32


def _says(proto: ModelProto, reason: str, **rules: bool) -> None:
    found = collapsed(proto, **rules)
    assert any(reason in each.why for each in found.left), found.left
    assert difference(proto, after(found)) < FLOAT32


def _shifted(sheet: Sheet, value: float) -> str:
    """3x3 of x - value: exact with that number around the image."""
    return sheet.conv(sheet.node("Sub", "x", sheet.constant(value)), C, C, 3)


def _biased(sheet: Sheet) -> str:
    """1x1 with a bias in front of 3x3: exact with a channel of ones."""
    return sheet.conv(sheet.conv("x", C, 8 * C, 1, bias=True), 8 * C, C, 3)


def test_kernels_whose_padding_depends_on_the_frame_add_where_they_are_of_one_size() -> None:
    sheet = Sheet(1, C, 9, 11)
    window = {"strides": [2, 2], "auto_pad": "SAME_UPPER"}
    _comes_to(sheet.model(sheet.add(*(sheet.conv("x", C, C, 3, bias=True, **window) for _ in range(3)))), ["Conv"])


def test_dilated_and_even_kernels_are_put_on_one_grid() -> None:
    """Taps at -2, 0 and 2 and at 0 and 1: every position from -2 to 2."""
    sheet = Sheet(1, 1, 9, 11)
    parts = [
        sheet.conv("x", 1, 8 * C, 3, pad=2, dilations=[2, 2]),
        sheet.conv("x", 1, 8 * C, 2, pad=(0, 0, 1, 1)),
        sheet.conv("x", 1, 8 * C, 1),
    ]
    found = collapsed(sheet.model(sheet.add(*parts)), always=True)
    assert [each.attrs["kernel_shape"] for each in found.model.nodes] == [(5, 5)]
    assert difference(sheet.model(found.model.outputs[0]), after(found)) < FLOAT32
    sheet = Sheet(1, C, 9, 11)  # without the even one the dilation stays
    parts = [sheet.conv("x", C, C, 3, pad=2, dilations=[2, 2]), sheet.conv("x", C, C, 1), "x"]
    proto = sheet.model(sheet.add(*parts))
    _comes_to(proto, ["Conv"])
    assert collapsed(proto).model.nodes[0].attrs["dilations"] == (2, 2)


def test_one_channel_for_all_with_a_bias_and_a_channel_of_ones() -> None:
    """A branch of one output is added to each of those of the other, under the flag too."""
    sheet = Sheet(1, C, 9, 11)
    one = sheet.conv("x", C, 1, 3, bias=True)
    _comes_to(sheet.model(sheet.add(_biased(sheet), one)), ["Pad", "Conv"], pad_intermediate=True)
    sheet = Sheet(1, C, 9, 11)
    _comes_to(sheet.model(sheet.node("Sub", sheet.conv("x", C, 1, 1, bias=True), sheet.conv("x", C, C, 3))), ["Conv"])


def test_one_number_around_the_image_for_all_branches() -> None:
    sheet = Sheet(1, C, 9, 11)
    parts = [_shifted(sheet, 0.5), _shifted(sheet, 0.5), sheet.conv("x", C, C, 1, bias=True)]
    _comes_to(sheet.model(sheet.add(*parts)), ["Pad", "Conv"], pad_intermediate=True)


@pytest.mark.parametrize("kind", ["numbers", "ones"])
def test_branches_that_want_other_things_around_the_image_stay_apart(kind: str) -> None:
    sheet = Sheet(1, C, 9, 11)
    other = _shifted(sheet, 0.25) if kind == "numbers" else _biased(sheet)
    proto = sheet.model(sheet.add(_shifted(sheet, 0.5), other))
    _comes_to(proto, ["Pad", "Conv", "Pad", "Conv", "Add"], pad_intermediate=True)
    _says(proto, "what it adds does not come from one tensor", pad_intermediate=True)


def test_branches_of_other_strides_or_of_one_size_by_chance_stay() -> None:
    """2x2 and 1x1 at stride 2 make as much of 8 positions, and not of 7; a stride shows nothing in a frame of 3."""
    sheet = Sheet(1, C, 8, 8)
    parts = [sheet.conv("x", C, C, kernel, pad=0, strides=[2, 2]) for kernel in (2, 1)]
    _comes_to(sheet.model(sheet.add(*parts)), ["Conv", "Conv", "Add"])
    sheet = Sheet(1, C, 3, 3)
    parts = [sheet.conv("x", C, C, 3, pad=0, strides=[step, step]) for step in (1, 2)]
    _comes_to(sheet.model(sheet.add(*parts)), ["Conv", "Conv", "Add"])


def test_a_channel_of_ones_belongs_to_its_own_frame() -> None:
    """Two blocks in a row under the flag: the second keeps its own Pad, since the first would have to make the ones."""
    sheet = Sheet(1, C, 9, 11)
    first = sheet.conv(sheet.conv("x", C, 8 * C, 3), 8 * C, C, 1)
    proto = sheet.model(sheet.conv(sheet.conv(first, C, 8 * C, 1, bias=True), 8 * C, C, 3))
    found = collapsed(proto, pad_intermediate=True)
    assert ops(found) == ["Conv", "Pad", "Conv"]
    assert difference(proto, after(found)) < FLOAT32
    assert any("has a channel of ones of its own" in each.why for each in found.left)


def test_crops_and_products_of_other_ranks_stay() -> None:
    sheet = Sheet(1, C, 9, 11)

    sheet = Sheet(2, 5, 12)
    x = sheet.node("MatMul", sheet.node("MatMul", "x", sheet.random(12, 64)), sheet.random(64, 6))
    _comes_to(sheet.model(x), ["MatMul", "MatMul"])
    sheet = Sheet(5, 12)
    x = sheet.node("Gemm", "x", sheet.random(12, 64), sheet.random(5, 64))
    _says(sheet.model(sheet.node("MatMul", x, sheet.random(64, 6))), "adds another number to each row")
    sheet = Sheet(12, 5)
    x = sheet.node("Gemm", sheet.node("Gemm", "x", sheet.random(12, 64), transA=1), sheet.random(64, 6))
    _comes_to(sheet.model(x), ["Gemm", "Gemm"])  # the first turns its input round
