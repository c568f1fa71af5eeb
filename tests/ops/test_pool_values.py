"""Values of pooling: types, regions, and what goes back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from oracles import reference, run
from sample_kit import Arg, Sample, act, computed, const, fed, scale, u8, zero

Array = np.ndarray[Any, Any]


def test_integers_are_pooled_as_integers() -> None:
    """All of them negative, so that padding by zero would show: the corner sees -7 alone."""
    x = fed([[[[-7, -9], [-5, -8]]]], "int8")
    y, places = computed("MaxPool", Sample({"kernel_shape": (2, 2), "pads": (1, 1, 0, 0)}, (x,), outs=2))
    assert y.dtype == np.int8
    assert y.tolist() == [[[[-7, -7], [-5, -5]]]]
    assert places.tolist() == [[[[0, 0], [2, 2]]]]


def test_channels_may_stand_last() -> None:
    """Two channels, 0..3 and their negatives, pooled 2 x 2: 3 and 0."""
    x = fed([[[[0, 0], [1, -1]], [[2, -2], [3, -3]]]], "int8")
    (y,) = computed("com.microsoft::NhwcMaxPool", Sample({"kernel_shape": (2, 2)}, (x,)))
    assert y.tolist() == [[[[3, 0]]]]


def test_nothing_pools_to_nothing() -> None:
    assert computed("MaxPool", Sample({"kernel_shape": (3, 3)}, (act(1, 2, 0, 4),)))[0].shape == (1, 2, 0, 2)


@pytest.mark.parametrize("channels_last", [0, 1])
def test_global_average_of_quantised_channels(channels_last: int) -> None:
    """(0 + 4) / 2 = 2 less the zero point 2 is 0; (10 + 20) / 2 - 2 = 13, times 0.5, over 0.25, is 26; plus 1."""
    x = np.array([[[0, 4], [10, 20]]], np.uint8)
    given_scales = (scale(0.5), zero(2), scale(0.25), zero(1))
    frame = Arg(x.transpose(0, 2, 1) if channels_last else x)
    sample = Sample({"channels_last": channels_last}, (frame, *given_scales))
    (y,) = computed("com.microsoft::QLinearGlobalAveragePool", sample)
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
    np.testing.assert_allclose(computed("RoiAlign", sample)[0], run("RoiAlign", sample)[0], rtol=1e-4, atol=1e-5)


def test_the_largest_of_each_bin_as_onnxruntime_computes_it() -> None:
    rois = fed([[0, *_REGIONS[0]], [1, *_REGIONS[1]], [1, *_REGIONS[2]]], "float32")
    sample = Sample({"pooled_shape": (3, 2), "spatial_scale": 0.5}, (_FRAMES, rois), opset=21)
    np.testing.assert_array_equal(computed("MaxRoiPool", sample)[0], run("MaxRoiPool", sample)[0])


def test_unpooling_puts_elements_where_they_came_from() -> None:
    """Worked by ONNX's own example: places of the 4 x 4 that the geometry gives, in a corner of 5 x 5."""
    x, places = fed([[[[5, 6], [7, 8]]]], "float32"), fed([[[[5, 7], [13, 15]]]])
    attrs = {"kernel_shape": (2, 2), "strides": (2, 2)}
    (y,) = computed("MaxUnpool", Sample(attrs, (x, places, const([1, 1, 5, 5]))))
    expected = np.zeros((5, 5))
    expected[1, 1], expected[1, 3], expected[3, 1], expected[3, 3] = 5, 6, 7, 8
    assert y[0, 0].tolist() == expected.tolist()
    same = Sample(attrs, (x, places, const([1, 1, 4, 4])))
    assert computed("MaxUnpool", same)[0].tolist() == reference("MaxUnpool", same)[0].tolist()


def test_quantised_average_rounds_as_onnxruntime_does() -> None:
    sample = Sample(
        {"kernel_shape": (2, 3), "strides": (2, 1), "pads": (1, 0, 0, 2)},
        (u8(1, 2, 6, 7), scale(0.1), zero(9), scale(0.07), zero(20)),
    )
    op = "com.microsoft::QLinearAveragePool"
    assert computed(op, sample)[0].tolist() == run(op, sample)[0].tolist()
