"""Ratios to a base line: of which network, profile or size, and what becomes of those that fail."""

from __future__ import annotations

import pytest

import npusim
from npusim.compare import Place, compare
from npusim.errors import InputError
from npusim.result import Estimate


def estimated(model: str, profile: str = "ethos-n78", size: str = "64x48") -> tuple[Place, Estimate]:
    width, height = map(int, size.split("x"))
    return Place(model, profile, size), npusim.estimate(npusim.load(model, size=(width, height)), profile)


def test_ratios_are_of_the_base_line_over_each() -> None:
    found = compare([estimated("fsrcnn-x2-hw"), estimated("sesr-m5-x2-hw")])
    assert found.baseline == "fsrcnn-x2-hw"
    base, other = found.rows
    assert (base.latency_times, base.dram_times, base.macs_times, base.params_times) == (1, 1, 1, 1)
    # Counts by hand at 64x48: 3,072 pixels x 13,520 MACs for SESR-M5 x2. FSRCNN x2, dense: 25 x 56 + 56 x 12 +
    # 4 x 9 x 12 x 12 + 12 x 56 + 81 x 56 x 4 = 26,072.
    assert other.result.totals.macs_dense == 3072 * 13520
    assert base.result.totals.macs_dense == 3072 * 26072
    assert other.macs_times == pytest.approx(26072 / 13520)
    assert other.latency_times == pytest.approx(base.result.latency_s / other.result.latency_s)
    assert other.dram_times == pytest.approx(base.result.dram_bytes / other.result.dram_bytes)
    assert other.base == base.place


@pytest.mark.parametrize(
    ("baseline", "part"), [("sesr-m5-x2-hw", "model"), ("ethos-u65", "profile"), ("32x24", "size")]
)
def test_each_row_is_compared_with_the_one_that_is_otherwise_alike(baseline: str, part: str) -> None:
    grid = [
        estimated(model, profile, size)
        for model in ("fsrcnn-x2-hw", "sesr-m5-x2-hw")
        for profile in ("ethos-n78", "ethos-u65")
        for size in ("64x48", "32x24")
    ]
    found = compare(grid, baseline)
    made = dict(grid)
    assert {row.place for row in found.rows} == set(made)
    for row in found.rows:
        at = Place(**{**{name: getattr(row.place, name) for name in ("model", "profile", "size")}, part: baseline})
        assert row.base == at
        assert row.latency_times == pytest.approx(made[at].latency_s / row.result.latency_s)
    # Those that are compared with each other stand together.
    bases = [row.base for row in found.rows]
    assert all(bases.index(base) + bases.count(base) > at for at, base in enumerate(bases))


def test_a_base_line_that_fails_leaves_no_ratio() -> None:
    found = compare([(Place("a", "p", ""), "no plan"), (Place("sesr-m3-x2", "p", ""), estimated("sesr-m3-x2")[1])])
    assert [(failed.place.model, failed.why) for failed in found.failed] == [("a", "no plan")]
    (row,) = found.rows
    assert (row.base, row.latency_times) == (None, None)


def test_one_alone_is_its_own_base_line() -> None:
    (row,) = compare([estimated("sesr-m3-x2")]).rows
    assert row.base == row.place


def test_a_base_line_that_is_not_there() -> None:
    with pytest.raises(
        InputError, match=r"--baseline: 'vdsr-x2' is not among what is compared; there are .*bad-option"
    ):
        compare([estimated("sesr-m3-x2")], "vdsr-x2")
