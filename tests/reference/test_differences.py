"""Differences of arrays, worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from npusim.reference.compare import Difference, compare


def test_a_difference_by_hand() -> None:
    """0.5 in one of four elements, the largest of which is 4: 0.125 of it; root mean square 0.25: 20 log10(16)."""
    found = compare("y", np.array([1, 2, 3.5, -4]), np.array([1.0, 2, 3, -4]))
    assert (found.max_abs, found.max_rel) == (0.5, 0.125)
    assert found.psnr_db == pytest.approx(20 * math.log10(16))
    assert found.within(0.125)
    assert not found.within(0.124)


def test_equal_arrays_differ_by_nothing() -> None:
    found = compare("y", np.array([np.inf, np.nan, 1.0]), np.array([np.inf, np.nan, 1.0]))
    assert found == Difference("y", (3,), (3,), 0.0, 0.0, None)
    assert found.within(0)


@pytest.mark.parametrize("other", [np.array([1.0, np.nan]), np.array([np.inf, 1.0]), np.array([1.0])])
def test_what_cannot_be_measured_differs(other: np.ndarray) -> None:
    found = compare("y", np.array([1.0, 1.0]), other)
    assert found.max_abs is None
    assert not found.within(1e9)


def test_zeros_have_no_share() -> None:
    found = compare("y", np.array([0.0, 1e-9]), np.zeros(2))
    assert (found.max_abs, found.max_rel, found.psnr_db) == (1e-9, None, None)
    assert not found.within(1.0)


def test_nothing_equals_nothing() -> None:
    assert compare("y", np.zeros((0, 3)), np.zeros((0, 3))).within(0)


def test_a_difference_too_small_to_square() -> None:
    """1e-200 squared is nothing in float64: no PSNR can be told, and the difference still can."""
    found = compare("y", np.array([1e-200]), np.zeros(1) + 2e-200)
    assert found.max_rel == pytest.approx(0.5)
    assert found.psnr_db is None
