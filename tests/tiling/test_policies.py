"""Frames cut into tiles: covered once, counted right, and refused in a sentence."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npusim.errors import InputError
from npusim.receptive import Field, Side
from npusim.tiling.policies import POLICIES, Cut, Policy, cuts, policy, shapes


def seen(before: int, after: int, step: int = 1) -> Field:
    side = Side(before, after, step, {})
    return Field((side, side), ("y",), ("x",))


def test_the_papers_tiles() -> None:
    """1920 x 1080 / (400 x 300) = 4.8 x 3.6 = 17.28 runs of one shape."""
    found = shapes(*cuts((1920, 1080), (400, 300), policy("area"), None))
    assert found == {(400, 300): Fraction(1728, 100)}


def test_grid_by_hand() -> None:
    """4 x 3 whole tiles; a column of 1920 - 1600 = 320, a row of 1080 - 900 = 180, and their corner."""
    found = shapes(*cuts((1920, 1080), (400, 300), policy("grid"), None))
    assert found == {(400, 300): 12, (320, 300): 3, (400, 180): 4, (320, 180): 1}


def test_pad_by_hand() -> None:
    assert shapes(*cuts((1920, 1080), (400, 300), policy("pad"), None)) == {(400, 300): 20}


def test_halo_by_hand() -> None:
    """Of SESR-M5, 9 pixels: columns of 409, three of 418 and 329; rows of 309, two of 318 and 189."""
    found = shapes(*cuts((1920, 1080), (400, 300), policy("halo"), seen(9, 9)))
    columns, rows = {409: 1, 418: 3, 329: 1}, {309: 1, 318: 2, 189: 1}
    assert found == {(w, h): m * n for w, m in columns.items() for h, n in rows.items()}
    assert len(found) == 9


def test_halo_that_is_given_and_whole_steps() -> None:
    """5 pixels where tiles start at multiples of 4 are 8."""
    across, _ = cuts((64, 64), (16, 16), Policy("halo", 5), seen(2, 2, 4))
    assert (across.before, across.after) == (8, 8)
    assert across.lengths() == {16 + 8: 2, 16 + 8 + 8: 2}


def test_equal_halves_are_one_shape() -> None:
    assert shapes(*cuts((1920, 1080), (960, 540), policy("halo"), seen(9, 9))) == {(969, 549): 4}


def test_tiles_larger_than_the_frame_end_with_it() -> None:
    for name in ("area", "grid", "halo"):
        assert shapes(*cuts((64, 48), (100, 100), policy(name), seen(9, 9))) == {(64, 48): 1}
    assert shapes(*cuts((64, 48), (100, 100), policy("pad"), seen(9, 9))) == {(100, 100): 1}


@pytest.mark.parametrize("tile", [(0, 8), (8, 0), (-4, 8)])
def test_no_size(tile: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="has no pixels") as caught:
        cuts((64, 64), tile, policy("grid"), None)
    assert caught.value.code == "bad-tile"


def test_sizes_that_strides_do_not_divide() -> None:
    field = seen(3, 3, 4)
    with pytest.raises(InputError, match=r"18x16: a width of 18 .* every 4 pixels; take 16 or 20 \[bad-tile\]"):
        cuts((64, 64), (18, 16), policy("halo"), field)
    with pytest.raises(InputError, match=r"take 4 \[bad-tile\]"):
        cuts((64, 64), (16, 3), policy("grid"), field)
    # The frame's own size is right whatever it is, and so is the paper's count, which cuts nothing.
    assert shapes(*cuts((66, 64), (66, 16), policy("grid"), field)) == {(66, 16): 4}
    assert cuts((64, 64), (18, 18), policy("area"), field)[0].runs == Fraction(64, 18)


def test_a_tile_narrower_than_its_halo_reads_more_than_its_neighbours() -> None:
    """Tiles of 2 with 9 around them on a frame of 20: each reads from 9 before to 9 behind it, as far as the frame has
    it."""
    (across, _) = cuts((20, 20), (2, 2), policy("halo"), seen(9, 9))
    assert [(piece.first, piece.last) for piece in across.pieces()][:3] == [(0, 11), (0, 13), (0, 15)]
    assert across.lengths() == Counter(piece.last - piece.first for piece in across.pieces())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("area", Policy("area")),
        (" Halo ", Policy("halo")),
        ("halo:8", Policy("halo", 8)),
        ("halo:0", Policy("halo", 0)),
    ],
)
def test_policies_are_read(text: str, expected: Policy) -> None:
    assert policy(text) == expected
    assert policy(str(expected)) == expected


@pytest.mark.parametrize("text", ["", "none", "halo:", "halo:-1", "halo:x", "grid:3", "halo:99999999"])
def test_no_policy(text: str) -> None:
    with pytest.raises(InputError, match="choose from area, grid, pad, halo and halo:N") as caught:
        policy(text)
    assert caught.value.code == "bad-option"


# --- laws -------------------------------------------------------------------------------------------------------------

CUTS = st.builds(
    lambda frame, tile, name, pixels, field: (frame, tile, Policy(name, pixels if name == "halo" else None), field),
    st.tuples(st.integers(1, 90), st.integers(1, 90)), st.tuples(st.integers(1, 100), st.integers(1, 100)),
    st.sampled_from([name for name in POLICIES if name != "area"]), st.none() | st.integers(0, 20),
    st.builds(seen, st.integers(-2, 20), st.integers(-2, 20)),
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(case=CUTS)
def test_tiles_cover_each_pixel_once(case: tuple[tuple[int, int], tuple[int, int], Policy, Field]) -> None:
    frame, tile, how, field = case
    covered = 0
    across, down = cuts(frame, tile, how, field)
    for length, cut in zip(frame, (across, down), strict=True):
        pixels = [at for piece in cut.pieces() for at in range(piece.start, piece.stop)]
        assert pixels == list(range(length))
        for piece in cut.pieces():
            assert 0 <= piece.first <= piece.start < piece.stop <= piece.last
            assert cut.filled or piece.last <= length
    covered = sum((a.stop - a.start) * (b.stop - b.start) for a in across.pieces() for b in down.pieces())
    assert covered == frame[0] * frame[1]


@settings(max_examples=100, deadline=None)
@given(case=CUTS)
def test_shapes_are_those_of_the_tiles(case: tuple[tuple[int, int], tuple[int, int], Policy, Field]) -> None:
    frame, tile, how, field = case
    across, down = cuts(frame, tile, how, field)
    counted = Counter((a.last - a.first, b.last - b.first) for a in across.pieces() for b in down.pieces())
    assert shapes(across, down) == counted
    assert sum(counted.values()) == across.runs * down.runs


@settings(max_examples=100, deadline=None)
@given(frame=st.integers(1, 4000), tile=st.integers(1, 4000))
def test_area_covers_as_many_pixels_as_there_are(frame: int, tile: int) -> None:
    across, _ = cuts((frame, 1), (tile, 1), policy("area"), None)
    assert sum(length * count for length, count in across.lengths().items()) == frame


def test_a_side_of_a_million_pixels_is_counted_without_its_pieces() -> None:
    assert Cut(10**6, 1, 2, 2).lengths() == {3: 2, 4: 2, 5: 10**6 - 4}
