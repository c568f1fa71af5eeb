"""Values of convolutions: blocks, memory, types, and forms that random calls do not have."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from oracles import agree
from sample_kit import Arg, Sample, act, computed, const, fed, u8, weights, zero

from npusim.ops import frames

Array = np.ndarray[Any, Any]


@pytest.mark.parametrize("op", ["Conv", "ConvTranspose"])
def test_blocks_of_rows_change_nothing(op: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = Sample(
        {"strides": (2, 1), "pads": (1, 2, 0, 1), "dilations": (2, 1), "group": 2},
        (act(2, 4, 9, 7, dtype="float64"), weights(4, 2, 3, 2, dtype="float64"), None),
    )
    whole = computed(op, sample)[0]
    monkeypatch.setattr(frames, "BLOCK_BYTES", 1)  # one row each
    np.testing.assert_allclose(computed(op, sample)[0], whole, rtol=1e-12)


def test_a_wide_kernel_does_not_unfold_the_frame() -> None:
    """16 channels of 5 x 5 taps as columns would be 25 times the input of 16 * 256 * 256 * 4 = 4 MiB: 100 MiB."""
    x, kernel = np.ones((1, 16, 256, 256), np.float32), np.ones((1, 16, 5, 5), np.float32)
    sample = Sample({"pads": (2, 2, 2, 2)}, (Arg(x), Arg(kernel, constant=True)))
    tracemalloc.start()
    try:
        (y,) = computed("Conv", sample)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert y[0, 0, 100, 100] == 400  # 16 * 25
    assert y[0, 0, 0, 0] == 144  # a corner sees 3 x 3 taps
    assert peak < 40 << 20


def test_half_precision_is_summed_in_single() -> None:
    """1 + 64 * 2^-11 = 1.03125; half precision loses each step of 2^-11 after 1."""
    x = np.concatenate([[1.0], np.full(64, 2.0**-11)]).astype(np.float16).reshape(1, 65, 1)
    (y,) = computed("Conv", Sample({}, (Arg(x), Arg(np.ones((1, 65, 1), np.float16), constant=True))))
    assert y.dtype == np.float16
    assert y.item() == 1.03125


def test_what_computes_nothing_has_its_shape() -> None:
    assert computed("Conv", Sample({}, (act(0, 3, 5, 5), weights(2, 3, 3, 3))))[0].shape == (0, 2, 3, 3)
    assert computed("Conv", Sample({}, (act(1, 3, 0, 5), weights(2, 3, 3, 3))))[0].shape == (1, 2, 0, 3)
    assert computed("ConvTranspose", Sample({}, (act(1, 3, 0, 5), weights(3, 2, 3, 3))))[0].shape == (1, 2, 0, 7)


def _fused(activation: str, *given: float) -> tuple[str, Sample]:
    attrs = {"activation": activation} | ({"activation_params": given} if given else {})
    return "com.microsoft::FusedConv", Sample(attrs, (act(1, 3, 5, 5), weights(2, 3, 3, 3)))


_QUANTISED = (
    u8(1, 2, 5, 5), const(0.02, "float32"), zero(120), u8(3, 2, 3, 3, constant=True),
    const([0.01, 0.02, 0.03], "float32"), zero([128, 127, 120]), const(1.5, "float32"), zero(100),
)  # fmt: skip
_DEFORMED = (act(2, 4, 6, 5), weights(2, 4, 3, 3), act(2, 36, 3, 5), weights(2), act(2, 18, 3, 5))
OTHERS = [
    ("ConvInteger", Sample({"pads": (1, 1, 1, 1)}, (u8(1, 2, 4, 4), u8(2, 2, 3, 3, constant=True), zero(7)))),
    ("ConvInteger", Sample({"group": 2}, (u8(1, 2, 4, 4), u8(2, 1, 3, 3, constant=True), zero(7), zero([3])))),
    ("QLinearConv", Sample({"pads": (1, 0, 1, 0)}, _QUANTISED)),
    _fused("LeakyRelu", 0.25),
    _fused("HardSigmoid", 0.1, 0.4),
    _fused("Clip", -1.0, 2.0),
    _fused("Tanh"),
    ("DeformConv", Sample({"offset_group": 2, "pads": (1, 1, 1, 1), "strides": (2, 1)}, _DEFORMED, opset=19)),
]


@pytest.mark.parametrize(("op", "sample"), OTHERS)
def test_other_forms_as_onnxruntime_computes_them(op: str, sample: Sample) -> None:
    agree(op, sample)


def test_integer_weights_with_a_zero_point_a_channel() -> None:
    """(5 - 1) * (9 - 2) = 28 and (5 - 1) * (9 - 10) = -4; padding is the zero point, so that it adds nothing."""
    w = Arg(np.full((2, 1, 1), 9, np.uint8), constant=True)
    sample = Sample({"pads": (1, 0)}, (fed([[[5]]], "uint8"), w, zero(1), zero([2, 10])))
    assert computed("ConvInteger", sample)[0].tolist() == [[[0, 28], [0, -4]]]


def test_the_state_of_a_causal_convolution_carries_on() -> None:
    """A signal in two parts, with the state passed on, is the signal at once. By hand: y0 = 3 x0, y1 = 3 x1 + 2 x0."""
    x, w = np.array([[[1.0, 2.0, 4.0, 8.0]]]), Arg(np.array([[[1.0, 2.0, 3.0]]]), constant=True)
    whole, last = computed("CausalConvWithState", Sample({}, (Arg(x), w), outs=2))
    assert whole.tolist() == [[[3, 8, 17, 34]]]  # 3*4 + 2*2 + 1*1 = 17; 3*8 + 2*4 + 1*2 = 34
    assert last.tolist() == [[[4, 8]]]
    first, state = computed("CausalConvWithState", Sample({}, (Arg(x[..., :2]), w), outs=2))
    second, _ = computed("CausalConvWithState", Sample({}, (Arg(x[..., 2:]), w, None, Arg(state)), outs=2))
    assert np.concatenate([first, second], axis=2).tolist() == whole.tolist()


def test_silu_after_a_causal_convolution() -> None:
    sample = Sample({"activation": "silu"}, (fed([[[1.0]]], "float64"), Arg(np.ones((1, 1, 1)), constant=True)), outs=2)
    assert computed("CausalConvWithState", sample)[0].item() == pytest.approx(1 / (1 + np.exp(-1)))
