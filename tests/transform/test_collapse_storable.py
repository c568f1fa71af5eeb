"""Numbers that cannot be written down, and proofs that NaN must not make."""

from __future__ import annotations

import warnings

import msgspec
import numpy as np
import pytest
from chain_kit import Sheet, after, collapsed, difference, ops
from onnx import ModelProto

from npusim.frontends.onnx import read_onnx
from npusim.profiles.load import load
from npusim.transform.collapse.outcome import Outcome, run
from npusim.transform.collapse.search import Rules

C = 4


def _pair(first: float, second: float, dtype: str = "float32") -> ModelProto:
    """3x3 to 16 channels and 1x1 back, each of equal numbers: the kernel is 16 times their product."""
    sheet = Sheet(1, C, 6, 7, dtype=dtype)
    wide = sheet.node("Conv", "x", sheet.constant(np.full((16, C, 3, 3), first)), name="wide", pads=[1] * 4)
    return sheet.model(sheet.node("Conv", wide, sheet.constant(np.full((C, 16, 1, 1), second)), name="narrow"))


@pytest.mark.parametrize(
    ("first", "second", "dtype", "why"),
    [
        (100.0, 50.0, "float16", "its numbers reach 8e+04, which float16 does not hold"),
        (2.0**80, 2.0**80, "float32", "its numbers reach 2.3e+49, which float32 does not hold"),
        (2.0**-14, 1.1 * 2.0**-14, "float16", "its numbers are 6.6e-08 at most, of which float16 keeps too little"),
        (2.0**-80, 2.0**-80, "float32", "its numbers are 1.1e-47 at most, of which float32 keeps too little"),
    ],
)
def test_kernels_that_their_type_does_not_hold_are_not_made(first: float, second: float, dtype: str, why: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = collapsed(_pair(first, second, dtype))
    assert not found.chains
    ((node, said),) = [(each.node, each.why) for each in found.left]
    assert "narrow" in node
    assert why in said


def test_the_least_number_of_a_type_is_kept() -> None:
    """16 times 2 to the -28 is 2 to the -24, float16's least."""
    assert len(collapsed(_pair(2.0**-14, 2.0**-14, "float16")).chains) == 1


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["kernel", "bias"])
def test_what_is_not_finite_stays_and_the_rest_collapses(odd: float, where: str) -> None:
    """conv1, conv2, relu, conv3 with the odd number, conv4: the first pair is one convolution, the second is left."""
    sheet = Sheet(1, C, 6, 7)
    first = sheet.conv(sheet.conv("x", C, 16, 3), 16, C, 1)
    kernel, bias = sheet.rng.normal(size=(16, C, 3, 3)), sheet.rng.normal(size=16)
    (kernel if where == "kernel" else bias).flat[3] = odd
    wide = sheet.node(
        "Conv", sheet.node("Relu", first), sheet.constant(kernel), sheet.constant(bias), name="odd", pads=[1] * 4
    )
    found = collapsed(sheet.model(sheet.conv(wide, 16, C, 1)))
    assert ops(found) == ["Conv", "Relu", "Conv", "Conv"]
    assert [(each.node, each.why) for each in found.left] == [
        ("Conv 'odd'", "not all numbers of Conv 'odd' are finite")
    ]


@pytest.mark.parametrize(("variance", "epsilon"), [(0.0, 0.0), (-1.0, 1e-5)])
def test_a_batch_norm_without_a_root_stays(variance: float, epsilon: float) -> None:
    sheet = Sheet(1, C, 6, 7)
    conv = sheet.conv(sheet.conv("x", C, 16, 3), 16, C, 1)
    parts = [sheet.random(C), sheet.random(C), sheet.random(C), sheet.constant(np.full(C, variance))]
    found = collapsed(sheet.model(sheet.node("BatchNormalization", conv, *parts, name="norm", epsilon=epsilon)))
    assert ops(found) == ["Conv", "BatchNormalization"]
    assert ["norm" in each.node and "finite" in each.why for each in found.left] == [True]


def test_a_division_by_zero_stays() -> None:
    sheet = Sheet(1, C, 6, 7)
    conv = sheet.conv("x", C, C, 3)
    found = collapsed(sheet.model(sheet.node("Div", conv, sheet.constant(np.float32(0)), name="none")))
    assert not found.chains
    assert ["none" in each.node and "finite" in each.why for each in found.left] == [True]


def test_branches_that_are_too_large_together_are_added_as_far_as_they_fit() -> None:
    """Three of 30,000: two are 60,000, and all are more than the 65,504 of float16."""
    sheet = Sheet(1, C, 6, 7, dtype="float16")
    three = [sheet.node("Conv", "x", sheet.constant(np.full((C, C, 3, 3), 3e4)), pads=[1] * 4) for _ in range(3)]
    proto = sheet.model(sheet.add(*three))
    found = collapsed(proto)
    assert sorted(ops(found)) == ["Add", "Conv", "Conv"]
    assert "9e+04, which float16 does not hold" in found.left[-1].why


def _outcome(proto: ModelProto) -> Outcome:
    return run(read_onnx(proto), load("ethos-n78"), Rules())[1]


def test_a_network_whose_numbers_are_lost_elsewhere_is_proven_chain_by_chain() -> None:
    """Where all is NaN, all is equal: running the whole would prove nothing."""
    sheet = Sheet(1, C, 6, 7)
    lost = sheet.node("Relu", sheet.node("Add", "x", sheet.constant(np.full((1, C, 6, 7), np.nan))))
    proto = sheet.model(sheet.conv(sheet.conv(lost, C, 16, 3), 16, C, 1))
    found = _outcome(proto)
    assert found.proof is not None
    assert not found.proof.whole
    assert "not all that it computes is finite" in found.proof.why
    assert found.holds
    (chain,) = found.proof.chains
    assert chain.psnr_db is not None  # two arrays of numbers that differ by rounding


def test_a_proof_that_stored_numbers_break_does_not_hold() -> None:
    found = _outcome(_pair(1.0, 0.5))
    assert found.proof is not None
    assert found.proof.holds
    (stored,) = found.proof.stored
    lost = msgspec.structs.replace(stored, max_abs=None)
    assert not msgspec.structs.replace(found.proof, stored=(lost,)).holds


def test_float16_collapses_to_float16() -> None:
    sheet = Sheet(1, C, 6, 7, dtype="float16")
    proto = sheet.model(sheet.conv(sheet.conv("x", C, 16, 3), 16, C, 1))
    found = collapsed(proto)
    assert ops(found) == ["Conv"]
    # Sums of 36 x 16 products in float16, 11 bits: a few units of 2 to the -11.
    assert difference(proto, after(found)) < 5e-3
