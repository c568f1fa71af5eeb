"""Cutting axes into stripes, and the tile of the fast convolution."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npusim.mapping import ceil_div, cut_sum, grid, padded, product, round_up, stripe_sizes, winograd_tile
from npusim.profile import Winograd

FAST = Winograd(output_tile_2d=2, output_tile_1d=4, sub_kernel=3, macs_per_tile=16, transform_cycles=2)


def test_stripes_double_up_to_the_whole() -> None:
    assert stripe_sizes(88, 10) == [10, 20, 40, 80, 88]
    assert stripe_sizes(16, 16) == [16]
    assert stripe_sizes(5, 8) == [5]


def test_a_ragged_last_stripe_counts_what_it_holds() -> None:
    # 88 = 8 * 10 + 8: 88 channels, not 90 (P06). In granules of 4: 8 stripes of 12, then 8 = 104.
    assert cut_sum(88, 10, 1) == 88
    assert cut_sum(88, 10, 4) == 104
    assert cut_sum(88, 88, 16) == 96


@given(st.integers(1, 500), st.integers(1, 500), st.integers(1, 16))
def test_a_cut_is_the_sum_of_its_stripes(size: int, stripe: int, granule: int) -> None:
    extents = [min(stripe, size - start) for start in range(0, size, stripe)]
    assert cut_sum(size, stripe, granule) == sum(-(-extent // granule) * granule for extent in extents)
    assert cut_sum(size, np.array([float(stripe)]), granule)[0] == cut_sum(size, stripe, granule)


@given(st.integers(0, 2**52), st.integers(1, 2**31))
def test_rounding_of_columns_is_that_of_integers(a: int, b: int) -> None:
    assert ceil_div(np.array([float(a)]), b)[0] == -(-a // b) == ceil_div(a, b)


def test_round_up_and_product() -> None:
    assert round_up(17, 8) == 24
    assert product([2, 3, 4]) == 24
    assert product([]) == 1
    assert padded((5,)) == (1, 1, 5)
    assert padded((4, 5)) == (1, 4, 5)


def test_a_grid_holds_all_combinations() -> None:
    (a,), (b, c) = grid([(1,), (2,)], [(10, 100), (20, 200)])
    assert list(zip(a, b, c, strict=True)) == [(1, 10, 100), (1, 20, 200), (2, 10, 100), (2, 20, 200)]


@pytest.mark.parametrize(
    ("kernel", "height", "width", "multiplications"),
    [
        ((1, 3, 3), 2, 2, 16),  # F(2x2, 3x3): 4 x 4 products
        ((1, 5, 5), 2, 2, 64),  # as 6 x 6: four sub-kernels
        ((1, 3, 1), 2, 4, 16),  # no overlap along the width: 4 columns of 4 products
        ((1, 1, 3), 4, 2, 16),
        ((1, 1, 7), 4, 2, 48),  # as 9: three sub-kernels
        ((3, 3, 3), 2, 2, 48),  # three taps deep
    ],
)
def test_winograd_tiles(kernel: tuple[int, int, int], height: int, width: int, multiplications: int) -> None:
    tile = winograd_tile(FAST, kernel)
    assert tile is not None
    assert (tile.height, tile.width, tile.multiplications) == (height, width, multiplications)


def test_a_pointwise_kernel_has_no_tile() -> None:
    assert winograd_tile(FAST, (1, 1, 1)) is None
