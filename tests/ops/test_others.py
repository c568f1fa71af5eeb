"""Detection, losses, spectra, worked by hand."""

from __future__ import annotations

import pytest
from rows import Bad, Row, check, check_bad, ids
from sample_kit import act, const, fed, ints, scale, weights

ROWS = [
    # 2 classes of 3 boxes, at most 2 of each: 4 rows; 6 sorted, and 2 compared with 6 each: 6 + 12
    Row("NonMaxSuppression", {}, (act(1, 3, 4), act(1, 2, 3), const([2])), (4, 3), ops=18, kinds=("sort", "mul")),
    # no more than there are boxes
    Row("NonMaxSuppression", {}, (act(1, 3, 4), act(1, 2, 3), const([200])), (6, 3), ops=24),
    # a limit from data: all of them; no limit: none
    Row("NonMaxSuppression", {}, (act(1, 3, 4), act(1, 2, 3), fed([2])), (6, 3), ops=24),
    Row("NonMaxSuppression", {}, (act(1, 3, 4), act(1, 2, 3)), (0, 3), ops=6),
    # 8 targets
    Row("NegativeLogLikelihoodLoss", {"reduction": "none"}, (act(2, 3, 4), ints(2, 4)), (2, 4)),
    # 2 picked, weighted, added
    Row("NegativeLogLikelihoodLoss", {}, (act(2, 3), fed([0, 2]), weights(3)), (), ops=4, params=3),
    # softmax of 6 elements, and 2 added
    Row("SoftmaxCrossEntropyLoss", {}, (act(2, 3), fed([0, 2])), [(), (2, 3)], ops=32),
    # 2 signals of 8: 16 elements * 5 * log2 8
    Row("DFT", {"axis": 1}, (act(2, 8, 1),), (2, 8, 2), ops=240),
    # a real signal has 8 / 2 + 1 frequencies of its own
    Row("DFT", {"onesided": 1}, (act(2, 8, 3, 1), None, const(1)), (2, 5, 3, 2), ops=720),
    Row("DFT", {"onesided": 1, "inverse": 1}, (act(2, 5, 2), const(8), const(1)), (2, 8, 1), ops=240),
    # n frequencies are those of 2 (n - 1) = 8 samples
    Row("DFT", {"onesided": 1, "inverse": 1, "axis": 1}, (act(2, 5, 2),), (2, 8, 1), ops=240),
    # opset 20: axis -2 unless told
    Row("DFT", {}, (act(2, 8, 2), const(6), const(1)), (2, 6, 2), ops=180),
    # (32 - 8) / 4 + 1 = 7 frames of 8: 2 * 56 * 5 * 3
    Row("STFT", {}, (act(2, 32, 1), const(4), None, const(8)), (2, 7, 5, 2), ops=1_680),
    # a window weighs each element: 112 more
    Row("STFT", {"onesided": 0}, (act(2, 32, 1), const(4), weights(8)), (2, 7, 8, 2), ops=1_792),
    Row("MelWeightMatrix", {}, (const(8), const(16), const(8192), scale(0.0), scale(4096.0)), (9, 8), ops=72),
    # 2 matrices, 2 / 3 * 27 = 18
    Row("Det", {}, (act(2, 3, 3),), (2,), ops=36),
]

BAD = [
    Bad("NonMaxSuppression", {}, (act(1, 3, 4), act(1, 2, 4)), "do not fit"),
    Bad("NegativeLogLikelihoodLoss", {}, (act(2, 3), fed([0])), "do not fit"),
    Bad("DFT", {"axis": 5}, (act(2, 8, 1),), "axis 5"),
    Bad("STFT", {}, (act(2, 6, 1), const(4), None, const(8)), "do not fit a signal"),
    Bad("STFT", {}, (act(2, 32, 1), const(4), None, const(0)), "do not fit a signal"),
    Bad("Det", {}, (act(2, 3),), "square"),
]


@pytest.mark.parametrize("row", ROWS, ids=ids(ROWS))
def test_row(row: Row) -> None:
    check(row)


@pytest.mark.parametrize("bad", BAD, ids=ids(BAD))
def test_bad_call_is_one_clear_error(bad: Bad) -> None:
    check_bad(bad)
