"""Values of convolutions: random geometries against loops over every product, and against onnxruntime."""

from __future__ import annotations

import tracemalloc
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from oracles import run
from sample_kit import Arg, Sample, act, call_of, const, fed, u8, weights, zero

from npusim.errors import InputError
from npusim.ops import OPS, frames
from npusim.ops.base import Call

_SOME = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow]
)
_AUTO = st.sampled_from(["NOTSET", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"])
Array = np.ndarray[Any, Any]


def _axes(draw: st.DrawFn, rank: int, low: int, high: int) -> tuple[int, ...]:
    return tuple(draw(st.integers(low, high)) for _ in range(rank))


def _computed(op: str, sample: Sample) -> list[Array]:
    execute = OPS[op].execute
    assert execute is not None
    call = call_of(op, sample)
    made = list(execute(call, [arg and arg.value for arg in sample.ins]))
    assert [each.shape for each in made][: sample.outs] == [out.shape for out in call.outs]
    return made


@st.composite
def _convolutions(draw: st.DrawFn, *, transposed: bool = False, dtype: str = "float64") -> Sample:
    """A convolution of one to three axes with few channels; its attributes may not fit each other."""
    rank, groups = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    each, count = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    kernel, frame = _axes(draw, rank, 1, 3), _axes(draw, rank, 1, 6)
    attrs: dict[str, Any] = {
        "group": groups,
        "strides": _axes(draw, rank, 1, 3),
        "dilations": _axes(draw, rank, 1, 2),
        "auto_pad": draw(_AUTO),
    }
    if attrs["auto_pad"] == "NOTSET":
        attrs["pads"] = _axes(draw, 2 * rank, 0, 2)
    if transposed and draw(st.booleans()):
        attrs["output_padding"] = tuple(draw(st.integers(0, stride - 1)) for stride in attrs["strides"])
    shape = (groups * each, count, *kernel) if transposed else (groups * count, each, *kernel)
    bias = weights(groups * count, dtype=dtype) if draw(st.booleans()) else None
    batch = draw(st.integers(1, 2))
    return Sample(attrs, (act(batch, groups * each, *frame, dtype=dtype), weights(*shape, dtype=dtype), bias))


def _resolved(call: Call) -> tuple[tuple[int, ...], ...]:
    """Stride, dilation and padding before, from the loop nest and from the output's size alone."""
    (nest,) = OPS[call.op].work(call).nests
    spans = [(k - 1) * d + 1 for k, d in zip(nest.kernel, nest.dilation, strict=True)]
    rank, auto = len(spans), call.attrs["auto_pad"]
    if auto in ("NOTSET", "VALID"):
        return nest.stride, nest.dilation, call.attrs.get("pads", (0,) * rank)[:rank]
    before = []
    extra = call.attrs.get("output_padding", (0,) * rank)
    for out, i, s, reach, more in zip(nest.out, nest.ifm, nest.stride, spans, extra, strict=True):
        total = (i - 1) * s + more + reach - out if nest.transposed else max((out - 1) * s + reach - i, 0)
        # of a convolution SAME_UPPER puts the odd pixel after, of a transposed one SAME_UPPER crops it after as well
        before.append(total // 2 if auto == "SAME_UPPER" else total - total // 2)
    return nest.stride, nest.dilation, tuple(before)


def _by_loops(op: str, sample: Sample) -> Array:
    """Every product on its own."""
    call = call_of(op, sample)
    x, w = (arg.value for arg in sample.ins[:2] if arg is not None)
    bias = sample.ins[2].value if sample.ins[2] is not None else np.zeros(call.outs[0].shape[1])
    stride, dilation, before = _resolved(call)
    y = np.zeros(call.outs[0].shape) + bias.reshape(-1, *(1,) * len(stride))
    groups = sample.attrs["group"]
    transposed = op == "ConvTranspose"
    each, count = x.shape[1] // groups, y.shape[1] // groups
    walked = x.shape[2:] if transposed else y.shape[2:]
    for n, g, c, k in product(range(x.shape[0]), range(groups), range(each), range(count)):
        for at, tap in product(product(*map(range, walked)), product(*map(range, w.shape[2:]))):
            far = tuple(a * s + t * d - b for a, s, t, d, b in zip(at, stride, tap, dilation, before, strict=True))
            edge = y.shape[2:] if transposed else x.shape[2:]
            if not all(0 <= f < size for f, size in zip(far, edge, strict=True)):
                continue
            source, target = (at, far) if transposed else (far, at)
            tapped = w[(g * each + c, k, *tap)] if transposed else w[(g * count + k, c, *tap)]
            y[(n, g * count + k, *target)] += x[(n, g * each + c, *source)] * tapped
    return y


def _has_gaps(sample: Sample) -> bool:
    assert sample.ins[1] is not None
    axes = zip(sample.ins[1].value.shape[2:], sample.attrs["strides"], sample.attrs["dilations"], strict=True)
    return any((kernel - 1) * dilation + 1 < stride for kernel, stride, dilation in axes)


@pytest.mark.parametrize("op", ["Conv", "ConvTranspose"])
@_SOME
@given(data=st.data())
def test_float64_as_loops_compute_it(op: str, data: st.DataObject) -> None:
    sample = data.draw(_convolutions(transposed=op == "ConvTranspose"))
    try:
        call_of(op, sample)
    except InputError:
        assume(False)
    (y,) = _computed(op, sample)
    assert y.dtype == np.float64
    np.testing.assert_allclose(y, _by_loops(op, sample), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("op", ["Conv", "ConvTranspose"])
@_SOME
@given(data=st.data())
def test_float32_as_onnxruntime_computes_it(op: str, data: st.DataObject) -> None:
    sample = data.draw(_convolutions(transposed=op == "ConvTranspose", dtype="float32"))
    # SAME makes outputs that no input reaches where a kernel is shorter than its step; onnxruntime leaves them out.
    assume(op == "Conv" or sample.attrs["auto_pad"] in ("NOTSET", "VALID") or not _has_gaps(sample))
    try:
        theirs = run(op, sample)
    except Exception:  # attributes that do not fit each other
        assume(False)
        raise
    (y,) = _computed(op, sample)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, theirs[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("op", ["Conv", "ConvTranspose"])
def test_blocks_of_rows_change_nothing(op: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = Sample(
        {"strides": (2, 1), "pads": (1, 2, 0, 1), "dilations": (2, 1), "group": 2},
        (act(2, 4, 9, 7, dtype="float64"), weights(4, 2, 3, 2, dtype="float64"), None),
    )
    whole = _computed(op, sample)[0]
    monkeypatch.setattr(frames, "BLOCK_BYTES", 1)  # one row each
    np.testing.assert_allclose(_computed(op, sample)[0], whole, rtol=1e-12)


def test_a_wide_kernel_does_not_unfold_the_frame() -> None:
    """16 channels of 5 x 5 taps as columns would be 25 times the input of 16 * 256 * 256 * 4 = 4 MiB: 100 MiB."""
    x, kernel = np.ones((1, 16, 256, 256), np.float32), np.ones((1, 16, 5, 5), np.float32)
    sample = Sample({"pads": (2, 2, 2, 2)}, (Arg(x), Arg(kernel, constant=True)))
    tracemalloc.start()
    try:
        (y,) = _computed("Conv", sample)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert y[0, 0, 100, 100] == 400  # 16 * 25
    assert y[0, 0, 0, 0] == 144  # a corner sees 3 x 3 taps
    assert peak < 40 << 20


def test_half_precision_is_summed_in_single() -> None:
    """1 + 64 * 2^-11 = 1.03125; half precision loses each step of 2^-11 after 1."""
    x = np.concatenate([[1.0], np.full(64, 2.0**-11)]).astype(np.float16).reshape(1, 65, 1)
    (y,) = _computed("Conv", Sample({}, (Arg(x), Arg(np.ones((1, 65, 1), np.float16), constant=True))))
    assert y.dtype == np.float16
    assert y.item() == 1.03125


def test_what_computes_nothing_has_its_shape() -> None:
    assert _computed("Conv", Sample({}, (act(0, 3, 5, 5), weights(2, 3, 3, 3))))[0].shape == (0, 2, 3, 3)
    assert _computed("Conv", Sample({}, (act(1, 3, 0, 5), weights(2, 3, 3, 3))))[0].shape == (1, 2, 0, 3)
    assert _computed("ConvTranspose", Sample({}, (act(1, 3, 0, 5), weights(3, 2, 3, 3))))[0].shape == (1, 2, 0, 7)


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
    for mine, theirs in zip(_computed(op, sample), run(op, sample), strict=True):
        assert mine.dtype == theirs.dtype
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)


def test_integer_weights_with_a_zero_point_a_channel() -> None:
    """(5 - 1) * (9 - 2) = 28 and (5 - 1) * (9 - 10) = -4; padding is the zero point, so that it adds nothing."""
    w = Arg(np.full((2, 1, 1), 9, np.uint8), constant=True)
    sample = Sample({"pads": (1, 0)}, (fed([[[5]]], "uint8"), w, zero(1), zero([2, 10])))
    assert _computed("ConvInteger", sample)[0].tolist() == [[[0, 28], [0, -4]]]


def test_the_state_of_a_causal_convolution_carries_on() -> None:
    """A signal in two parts, with the state passed on, is the signal at once. By hand: y0 = 3 x0, y1 = 3 x1 + 2 x0."""
    x, w = np.array([[[1.0, 2.0, 4.0, 8.0]]]), Arg(np.array([[[1.0, 2.0, 3.0]]]), constant=True)
    whole, last = _computed("CausalConvWithState", Sample({}, (Arg(x), w), outs=2))
    assert whole.tolist() == [[[3, 8, 17, 34]]]  # 3*4 + 2*2 + 1*1 = 17; 3*8 + 2*4 + 1*2 = 34
    assert last.tolist() == [[[4, 8]]]
    first, state = _computed("CausalConvWithState", Sample({}, (Arg(x[..., :2]), w), outs=2))
    second, _ = _computed("CausalConvWithState", Sample({}, (Arg(x[..., 2:]), w, None, Arg(state)), outs=2))
    assert np.concatenate([first, second], axis=2).tolist() == whole.tolist()


def test_silu_after_a_causal_convolution() -> None:
    sample = Sample({"activation": "silu"}, (fed([[[1.0]]], "float64"), Arg(np.ones((1, 1, 1)), constant=True)), outs=2)
    assert _computed("CausalConvWithState", sample)[0].item() == pytest.approx(1 / (1 + np.exp(-1)))
