"""Pooling, worked by hand."""

from __future__ import annotations

import pytest
from rows import Bad, Row, check, check_bad, ids
from sample_kit import act, const, fed, ints, scale, u8, zero

ROWS = [
    # 2 taps 2 apart span 3: 7 - 3 + 1 = 5; 4 taps on 50 elements
    Row(
        "MaxPool",
        {"kernel_shape": (2, 2), "dilations": (2, 2)},
        (act(1, 2, 7, 7),),
        [(1, 2, 5, 5), (1, 2, 5, 5)],
        ops=200,
        kinds=("max_pool",),
    ),
    # 17 + 1 padded: (18 - 2) / 2 + 1 = 9 with and without ceil; 4 taps on 243
    Row(
        "AveragePool",
        {"kernel_shape": (2, 2), "strides": (2, 2), "pads": (0, 0, 1, 1), "ceil_mode": 1},
        (act(1, 3, 17, 17),),
        (1, 3, 9, 9),
        ops=972,
        kinds=("avg_pool",),
    ),
    # ceil((5 - 2) / 2) + 1 = 3: the last window hangs over the end
    Row("MaxPool", {"kernel_shape": (2,), "strides": (2,), "ceil_mode": 1}, (act(1, 1, 5),), (1, 1, 3), ops=6),
    # ceil((4 + 2 - 2) / 3) + 1 = 3, but the third would start at 6, behind data and first padding: dropped
    Row(
        "MaxPool",
        {"kernel_shape": (2,), "strides": (3,), "pads": (1, 1), "ceil_mode": 1},
        (act(1, 1, 4),),
        (1, 1, 2),
        ops=4,
    ),
    # SAME: ceil(9 / 2)
    Row(
        "MaxPool", {"kernel_shape": (3,), "strides": (2,), "auto_pad": "SAME_UPPER"}, (act(2, 3, 9),), (2, 3, 5), ops=90
    ),
    Row("LpPool", {"kernel_shape": (2, 2)}, (act(1, 3, 6, 6),), (1, 3, 5, 5), ops=300),
    # the channels stand last
    Row("com.microsoft::NhwcMaxPool", {"kernel_shape": (2, 2)}, (u8(1, 6, 7, 2),), (1, 5, 6, 2), ops=240),
    Row(
        "com.microsoft::QLinearAveragePool",
        {"kernel_shape": (2, 2), "channels_last": 1},
        (u8(1, 6, 6, 3), scale(), zero(), scale(), zero()),
        (1, 5, 5, 3),
        ops=300,
    ),
    # each of 120 elements once
    Row("GlobalAveragePool", {}, (act(2, 3, 4, 5),), (2, 3, 1, 1), ops=120, kinds=("reduce",)),
    Row(
        "com.microsoft::QLinearGlobalAveragePool",
        {"channels_last": 1},
        (u8(2, 4, 5, 3), scale(), zero(), scale(), zero()),
        (2, 1, 1, 3),
        ops=120,
    ),
    # a region may be the whole frame: 2 regions * 3 channels * 64
    Row("MaxRoiPool", {"pooled_shape": (2, 3)}, (act(2, 3, 8, 8), act(2, 5)), (2, 3, 2, 3), ops=384),
    # 2 x 2 points of 4 neighbours for each of 36 elements
    Row(
        "RoiAlign",
        {"output_height": 2, "output_width": 3, "sampling_ratio": 2},
        (act(2, 3, 8, 8), act(2, 4), fed([0, 1])),
        (2, 3, 2, 3),
        ops=576,
    ),
    # as many points as the bin has positions, at most 8 x 8 in the single bin: 3 elements * 64 * 4
    Row("RoiAlign", {}, (act(2, 3, 8, 8), act(1, 4), fed([0])), (1, 3, 1, 1), ops=768),
    # (2 - 1) * 2 + 2 = 4, as before the pooling
    Row(
        "MaxUnpool",
        {"kernel_shape": (2, 2), "strides": (2, 2)},
        (act(1, 1, 2, 2), ints(1, 1, 2, 2)),
        (1, 1, 4, 4),
        kinds=("copy",),
    ),
    Row(
        "MaxUnpool",
        {"kernel_shape": (2, 2), "strides": (2, 2)},
        (act(1, 1, 2, 2), ints(1, 1, 2, 2), const([1, 1, 5, 5])),
        (1, 1, 5, 5),
    ),
    Row("MaxPool", {"kernel_shape": (2, 2)}, (act(0, 3, 4, 4),), (0, 3, 3, 3)),
    Row("GlobalMaxPool", {}, (act(0, 3, 4, 4),), (0, 3, 1, 1)),
]

BAD = [
    Bad("MaxPool", {}, (act(1, 2, 7, 7),), "kernel_shape None"),
    Bad("MaxPool", {"kernel_shape": (2,)}, (act(1, 2, 7, 7),), "2 sizes"),
    Bad("MaxPool", {"kernel_shape": (9, 9)}, (act(1, 2, 7, 7),), "does not fit 7"),
    Bad("GlobalAveragePool", {}, (act(2, 3),), "no spatial axes"),
    Bad("RoiAlign", {}, (act(2, 3, 8), act(1, 4), fed([0])), "ranks 4 and 2"),
    Bad("RoiAlign", {"output_height": 0}, (act(2, 3, 8, 8), act(1, 4), fed([0])), "height and width"),
    Bad("MaxUnpool", {"kernel_shape": (2, 2)}, (act(1, 1, 2, 2), ints(1, 1, 2, 2), const([5, 5])), "output_shape"),
    Bad(
        "MaxUnpool",
        {"kernel_shape": (2, 2)},
        (act(1, 1, 2, 2), ints(1, 1, 2, 2), fed([1, 1, 5, 5])),
        "computed from data",
        "data-dependent-shape",
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=ids(ROWS))
def test_row(row: Row) -> None:
    check(row)


@pytest.mark.parametrize("bad", BAD, ids=ids(BAD))
def test_bad_call_is_one_clear_error(bad: Bad) -> None:
    check_bad(bad)
