"""Values of quantised and fused products: other settings than the samples, against onnxruntime or by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from oracles import agree
from sample_kit import Arg, Sample, act, computed, const, fed, scale, u8, weights, zero

from npusim.errors import InputError

Array = np.ndarray[Any, Any]


def _bits(bits: int, zeros: Arg | None = None, bias: Arg | None = None) -> tuple[str, Sample]:
    """K = 40 in blocks of 16 makes 3 blocks a column, the last one half used; N = 3."""
    attrs = {"K": 40, "N": 3, "bits": bits, "block_size": 16}
    stored = u8(3, 3, 16 * bits // 8, constant=True)
    return "com.microsoft::MatMulNBits", Sample(attrs, (act(2, 40), stored, weights(3, 3), zeros, None, bias))


_CHANCES = (u8(2, 3, 4), scale(0.05), zero(), scale(1 / 256), zero(0))
MS = "com.microsoft::"
CASES = [
    (MS + "FusedMatMul", Sample({"transBatchA": 1, "transA": 1, "alpha": 0.5}, (act(4, 2, 3), act(2, 4, 5)))),
    (MS + "FusedMatMul", Sample({"transBatchB": 1}, (act(2, 3, 4), act(4, 2, 5)))),
    (
        MS + "FusedGemm",
        Sample(
            {"activation": "LeakyRelu", "activation_alpha": 0.25, "transA": 1, "alpha": 0.5, "beta": 2.0},
            (act(6, 4), weights(6, 5), weights(5)),
        ),
    ),
    (
        MS + "MatMulIntegerToFloat",
        Sample({}, (u8(2, 4), u8(4, 3, constant=True), scale(), scale([0.25, 0.5, 1.0]), zero(), zero([1, 2, 3]))),
    ),
    (MS + "DynamicQuantizeMatMul", Sample({}, (act(3, 4), u8(4, 3, constant=True), scale([0.25, 0.5, 1.0])))),
    (
        "QLinearMatMul",
        Sample(
            {},
            (
                u8(3, 8), scale(0.02), zero(120), u8(8, 2, constant=True), scale([0.01, 0.03]), zero([100, 130]),
                scale(0.4), zero(90),
            ),
        ),
    ),
    (
        MS + "QGemm",
        Sample(
            {"transA": 1, "alpha": 1.0},
            (
                u8(8, 2), scale(0.02), zero(120), u8(8, 3, constant=True), scale([0.01, 0.02, 0.03]),
                zero([128, 120, 110]), const([5, -90, 700], "int32"), scale(0.5), zero(100),
            ),
        ),
    ),
    _bits(4),
    _bits(8),
    _bits(4, u8(3, 2, constant=True), weights(3)),
    _bits(4, weights(3, 3)),
    (MS + "QLinearSoftmax", Sample({"axis": 1, "opset": 11}, _CHANCES)),
    (MS + "QLinearSoftmax", Sample({"axis": 1, "opset": 13}, _CHANCES)),
    (MS + "QLinearLeakyRelu", Sample({"alpha": 0.3}, (u8(40), scale(0.05), zero(130), scale(0.04), zero(110)))),
    (MS + "QLinearSigmoid", Sample({}, (u8(40), scale(0.05), zero(130), scale(1 / 256), zero(0)))),
    (
        MS + "QLinearMul",
        Sample({}, (u8(40), scale(0.05), zero(130), u8(40), scale(0.02), zero(110), scale(0.11), zero(120))),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("op", "sample"), CASES)
def test_as_onnxruntime_computes_it(op: str, sample: Sample) -> None:
    agree(op, sample)


def test_a_scale_for_each_row() -> None:
    """Rows (1, 2) and (3, 4) times a column of ones are 3 and 7; by 1 and 10 over 2: 1.5 to 2, and 35; plus 5."""
    sample = Sample(
        {},
        (
            fed([[1, 2], [3, 4]], "uint8"), scale([1.0, 10.0]), zero(0), fed([[1], [1]], "uint8"), scale(1.0), zero(0),
            scale(2.0), zero(5),
        ),
    )  # fmt: skip
    assert computed("QLinearMatMul", sample)[0].tolist() == [[7], [40]]


def test_a_mean_over_all_axes() -> None:
    """0, 4, 10, 20 have the mean 8.5, less the zero point 2 is 6.5; times 0.5 over 0.25 is 13; plus 1."""
    x = fed([[0, 4], [10, 20]], "uint8")
    sample = Sample({"keepdims": 0}, (x, scale(0.5), zero(2), scale(0.25), zero(1)))
    assert computed(MS + "QLinearReduceMean", sample)[0].item() == 14


_FOUR = (fed([4], "uint8"), scale(), zero())


@pytest.mark.parametrize(
    ("op", "attrs", "ins"),
    [("QLinearWhere", {}, (fed([True], "bool"), *_FOUR, *_FOUR)), ("QLinearLeakyRelu", {"alpha": 0.5}, _FOUR)],
)
def test_ties_are_rounded_before_they_are_shifted(op: str, attrs: dict[str, Any], ins: tuple[Arg, ...]) -> None:
    """(4 - 3) * 0.5 = 0.5 steps round to 0, plus 1; shifted first, 1.5 would round to 2."""
    assert computed(MS + op, Sample(attrs, (*ins, scale(1.0), zero(1))))[0].tolist() == [1]


def test_no_zero_points_are_zeros() -> None:
    """(2 + 4) * 0.5 = 3 in units of 1."""
    sample = Sample({}, (fed([2], "uint8"), scale(), None, fed([4], "uint8"), scale(), None, scale(1.0), None))
    assert computed(MS + "QLinearAdd", sample)[0].tolist() == [3]


def test_reordered_groups_are_notcomputed() -> None:
    op, sample = _bits(4)
    ordered = Sample(sample.attrs, (*sample.ins[:4], fed([0] * 48, "int32")))
    with pytest.raises(InputError, match="g_idx") as raised:
        computed(op, ordered)
    assert raised.value.code == "no-execute"
