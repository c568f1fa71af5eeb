"""Normalisations without scale and bias, worked by hand."""

from __future__ import annotations

import pytest
from rows import Bad, Row, check, check_bad, ids
from sample_kit import act

ROWS = [
    # a square, 3 channels summed, factor, bias, power, division: 90 * 8
    Row("LRN", {"size": 3}, (act(2, 5, 3, 3),), (2, 5, 3, 3), ops=720),
    # a square, a sum, a division: 6 * 3
    Row("LpNormalization", {}, (act(2, 3),), (2, 3), ops=18),
    # mean, difference, square, mean of squares, division by the root: 96 * 5
    Row("MeanVarianceNormalization", {}, (act(2, 3, 4, 4),), (2, 3, 4, 4), ops=480),
]


@pytest.mark.parametrize("row", ROWS, ids=ids(ROWS))
def test_row(row: Row) -> None:
    check(row)


def test_a_bad_call_is_one_clear_error() -> None:
    check_bad(Bad("LRN", {"size": 0}, (act(2, 3, 4),), "size 0"))
