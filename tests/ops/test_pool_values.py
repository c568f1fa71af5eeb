"""Values of pooling: random geometries against loops and onnxruntime, regions, and what goes back."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from oracles import reference, run
from sample_kit import Arg, Sample, act, call_of, const, fed, scale, u8, zero

from npusim.errors import InputError
from npusim.ops import OPS

_SOME = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow]
)
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
def _pools(draw: st.DrawFn, dtype: str) -> Sample:
    """A pooling of one to three axes whose padding is smaller than its kernel, as ONNX wants it."""
    rank = draw(st.integers(1, 3))
    kernel = _axes(draw, rank, 1, 3)
    attrs: dict[str, Any] = {
        "kernel_shape": kernel,
        "strides": _axes(draw, rank, 1, 3),
        "dilations": _axes(draw, rank, 1, 2),
        "ceil_mode": draw(st.integers(0, 1)),
    }
    auto = draw(st.sampled_from(["NOTSET", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"]))
    if auto == "NOTSET":
        attrs["pads"] = tuple(draw(st.integers(0, k - 1)) for k in (*kernel, *kernel))
    else:
        # Where a kernel is shorter than its step onnxruntime pads SAME by less than nothing; ONNX pads by nothing.
        attrs["strides"] = tuple(min(k, s) for k, s in zip(kernel, attrs["strides"], strict=True))
        attrs["auto_pad"] = auto
        attrs["dilations"] = (1,) * rank  # onnxruntime sizes SAME pads by the kernel before dilation
    return Sample(attrs, (act(draw(st.integers(1, 2)), 2, *_axes(draw, rank, 2, 7), dtype=dtype),))


def _by_loops(op: str, sample: Sample) -> Array:
    """Each window on its own; the padding is what the output's size makes of SAME, or as given."""
    call, attrs = call_of(op, sample), sample.attrs
    assert sample.ins[0] is not None
    x, y = sample.ins[0].value, np.zeros(call.outs[0].shape)
    rank, auto = x.ndim - 2, attrs.get("auto_pad", "NOTSET")
    before, after = list(attrs.get("pads", (0,) * 2 * rank)[:rank]), list(attrs.get("pads", (0,) * 2 * rank)[rank:])
    if auto.startswith("SAME"):
        for axis, (size, kernel, stride) in enumerate(
            zip(x.shape[2:], attrs["kernel_shape"], attrs["strides"], strict=True)
        ):
            total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            before[axis] = total // 2 if auto == "SAME_UPPER" else -(-total // 2)
            after[axis] = total - before[axis]
    for at in product(*map(range, y.shape)):
        seen, padded = [], 0
        for tap in product(*map(range, attrs["kernel_shape"])):
            steps = zip(at[2:], attrs["strides"], tap, attrs["dilations"], before, strict=True)
            place = [a * s + t * d - b for a, s, t, d, b in steps]
            if all(0 <= p < size for p, size in zip(place, x.shape[2:], strict=True)):
                seen.append(x[(*at[:2], *place)])
            elif all(p < size + a for p, size, a in zip(place, x.shape[2:], after, strict=True)):
                padded += 1
        if op == "MaxPool":
            y[at] = max(seen)
        elif op == "LpPool":
            y[at] = np.sqrt(np.sum(np.square(seen)))
        else:
            y[at] = np.sum(seen) / (len(seen) + (padded if attrs.get("count_include_pad") else 0))
    return y  # fmt: skip


@pytest.mark.parametrize("op", ["MaxPool", "AveragePool", "LpPool"])
@_SOME
@given(data=st.data())
def test_float64_as_loops_compute_it(op: str, data: st.DataObject) -> None:
    sample = data.draw(_pools("float64"))
    if op == "AveragePool":
        sample.attrs["count_include_pad"] = data.draw(st.integers(0, 1))
    try:
        call_of(op, sample)
        expected = _by_loops(op, sample)
    except (InputError, ValueError):  # a kernel larger than the frame; a largest of nothing but padding
        assume(False)
        raise
    np.testing.assert_allclose(_computed(op, sample)[0], expected, rtol=1e-10, atol=1e-12)


def _theirs(op: str, sample: Sample) -> list[Array]:
    """What onnxruntime computes, where both take the call."""
    try:
        call_of(op, sample)
        return run(op, sample)
    except Exception:
        assume(False)
        raise


@_SOME
@given(data=st.data())
def test_max_pool_and_its_places_as_onnxruntime_computes_them(data: st.DataObject) -> None:
    """Equal elements are wanted, so that the first of them must be chosen."""
    drawn = data.draw(_pools("float32"))
    drawn.attrs["storage_order"] = data.draw(st.integers(0, 1))
    assert drawn.ins[0] is not None
    sample = Sample(drawn.attrs, (Arg(np.round(drawn.ins[0].value)),), outs=2)
    theirs = _theirs("MaxPool", sample)
    y, places = _computed("MaxPool", sample)
    assert y.tolist() == theirs[0].tolist()
    assert places.tolist() == theirs[1].tolist()


@_SOME
@given(data=st.data())
def test_average_pool_as_onnxruntime_computes_it(data: st.DataObject) -> None:
    sample = data.draw(_pools("float32"))
    sample.attrs["count_include_pad"] = data.draw(st.integers(0, 1))
    theirs = _theirs("AveragePool", sample)
    np.testing.assert_allclose(_computed("AveragePool", sample)[0], theirs[0], rtol=1e-4, atol=1e-5)


def test_integers_are_pooled_as_integers() -> None:
    """All of them negative, so that padding by zero would show: the corner sees -7 alone."""
    x = fed([[[[-7, -9], [-5, -8]]]], "int8")
    y, places = _computed("MaxPool", Sample({"kernel_shape": (2, 2), "pads": (1, 1, 0, 0)}, (x,), outs=2))
    assert y.dtype == np.int8
    assert y.tolist() == [[[[-7, -7], [-5, -5]]]]
    assert places.tolist() == [[[[0, 0], [2, 2]]]]


def test_channels_may_stand_last() -> None:
    """Two channels, 0..3 and their negatives, pooled 2 x 2: 3 and 0."""
    x = fed([[[[0, 0], [1, -1]], [[2, -2], [3, -3]]]], "int8")
    (y,) = _computed("com.microsoft::NhwcMaxPool", Sample({"kernel_shape": (2, 2)}, (x,)))
    assert y.tolist() == [[[[3, 0]]]]


def test_nothing_pools_to_nothing() -> None:
    assert _computed("MaxPool", Sample({"kernel_shape": (3, 3)}, (act(1, 2, 0, 4),)))[0].shape == (1, 2, 0, 2)


@pytest.mark.parametrize("channels_last", [0, 1])
def test_global_average_of_quantised_channels(channels_last: int) -> None:
    """(0 + 4) / 2 = 2 less the zero point 2 is 0; (10 + 20) / 2 - 2 = 13, times 0.5, over 0.25, is 26; plus 1."""
    x = np.array([[[0, 4], [10, 20]]], np.uint8)
    given_scales = (scale(0.5), zero(2), scale(0.25), zero(1))
    frame = Arg(x.transpose(0, 2, 1) if channels_last else x)
    sample = Sample({"channels_last": channels_last}, (frame, *given_scales))
    (y,) = _computed("com.microsoft::QLinearGlobalAveragePool", sample)
    assert y.reshape(-1).tolist() == [1, 27]


_FRAMES = act(2, 3, 8, 9)
_REGIONS = ([-1.5, 0.25, 6.5, 7.75], [2.0, 2.0, 2.0, 2.0], [5.0, 6.0, 14.0, 12.0])


@pytest.mark.parametrize("mode", ["avg", "max"])
@pytest.mark.parametrize("frame", ["half_pixel", "output_half_pixel"])
@pytest.mark.parametrize("ratio", [0, 2])
def test_regions_align_as_onnxruntime_computes_them(mode: str, frame: str, ratio: int) -> None:
    attrs = {
        "mode": mode, "coordinate_transformation_mode": frame, "sampling_ratio": ratio, "output_height": 2,
        "output_width": 3, "spatial_scale": 0.75,
    }  # fmt: skip
    sample = Sample(attrs, (_FRAMES, fed(_REGIONS, "float32"), fed([0, 1, 1])), opset=16)
    np.testing.assert_allclose(_computed("RoiAlign", sample)[0], run("RoiAlign", sample)[0], rtol=1e-4, atol=1e-5)


def test_the_largest_of_each_bin_as_onnxruntime_computes_it() -> None:
    rois = fed([[0, *_REGIONS[0]], [1, *_REGIONS[1]], [1, *_REGIONS[2]]], "float32")
    sample = Sample({"pooled_shape": (3, 2), "spatial_scale": 0.5}, (_FRAMES, rois), opset=21)
    np.testing.assert_array_equal(_computed("MaxRoiPool", sample)[0], run("MaxRoiPool", sample)[0])


def test_unpooling_puts_elements_where_they_came_from() -> None:
    """Worked by ONNX's own example: places of the 4 x 4 that the geometry gives, in a corner of 5 x 5."""
    x, places = fed([[[[5, 6], [7, 8]]]], "float32"), fed([[[[5, 7], [13, 15]]]])
    attrs = {"kernel_shape": (2, 2), "strides": (2, 2)}
    (y,) = _computed("MaxUnpool", Sample(attrs, (x, places, const([1, 1, 5, 5]))))
    expected = np.zeros((5, 5))
    expected[1, 1], expected[1, 3], expected[3, 1], expected[3, 3] = 5, 6, 7, 8
    assert y[0, 0].tolist() == expected.tolist()
    same = Sample(attrs, (x, places, const([1, 1, 4, 4])))
    assert _computed("MaxUnpool", same)[0].tolist() == reference("MaxUnpool", same)[0].tolist()


def test_quantised_average_rounds_as_onnxruntime_does() -> None:
    sample = Sample(
        {"kernel_shape": (2, 3), "strides": (2, 1), "pads": (1, 0, 0, 2)},
        (u8(1, 2, 6, 7), scale(0.1), zero(9), scale(0.07), zero(20)),
    )
    op = "com.microsoft::QLinearAveragePool"
    assert _computed(op, sample)[0].tolist() == run(op, sample)[0].tolist()
