"""The search: every size told, the front estimated, and as good as trying everything."""

from __future__ import annotations

import pytest
from net_kit import Chain, costs_of

from npusim import counts, zoo
from npusim.bind import bind
from npusim.errors import InputError
from npusim.tiling.counts import macs_at
from npusim.tiling.policies import policy
from npusim.tiling.study import Costs, Tiling, field_of, front, tiling, whole_row
from npusim.tiling.sweep import Swept, sizes_of, stepped, sweep

FRAME = (320, 180)


def swept(costs: Costs, budget: int, text: str = "halo") -> tuple[Swept, Tiling, dict[tuple[int, int], Tiling]]:
    """A search, the whole frame, and every tiling estimated."""
    field = field_of(costs, FRAME)
    whole = whole_row(FRAME, costs.cost(FRAME), costs.overhead_s)
    sizes = [size for size in sizes_of(FRAME, (40, 24)) if size != FRAME]
    found = sweep(costs, FRAME, sizes, policy(text), field, whole, budget=budget)
    return found, whole, {size: tiling(costs, FRAME, size, policy(text), field, whole) for size in sizes}


@pytest.mark.parametrize("text", ["area", "halo"])
def test_the_front_is_that_of_all_sizes(text: str) -> None:
    """With a cheap call the fastest tilings are neither the largest nor the smallest tiles."""
    found, whole, every = swept(costs_of(zoo.build("sesr-m3-x2-hw"), target="generic"), 60, text)
    best = front((whole, *every.values()))
    assert found.settled
    assert found.estimates < len({shape for row in every.values() for shape in row.shapes})
    assert [(row.recompute, row.latency_s) for row in found.front] == [(row.recompute, row.latency_s) for row in best]


def test_rows_tell_macs_exactly_and_time_nearly() -> None:
    found, _, every = swept(costs_of(zoo.build("sesr-m3-x2-hw"), target="generic"), 40)
    assert {row.tile for row in found.rows} == set(every)
    assert any(not row.estimated for row in found.rows)
    for row in found.rows:
        known = every[row.tile]
        assert (row.macs, row.calls) == (known.macs, known.calls)
        assert row.recompute == pytest.approx(known.recompute)
        if row.estimated:
            assert row == known
        else:
            assert row.latency_s == pytest.approx(known.latency_s, rel=0.15)
            assert row.dram_bytes is None


def test_a_budget_for_everything_interpolates_nothing() -> None:
    found, _, every = swept(costs_of(zoo.build("espcn-x2"), target="generic"), 10_000)
    for row in found.rows:
        assert row.latency_s == pytest.approx(every[row.tile].latency_s)
    assert found.settled
    assert found.worst_error < 1e-9


def test_a_spent_budget_is_told() -> None:
    found, _, _ = swept(costs_of(zoo.build("sesr-m3-x2-hw"), target="generic"), 1, "area")
    assert not found.settled


def test_sizes_by_hand() -> None:
    """100 pixels in 1, 2 and 3 pieces of at least 30: 100, 50 and 34; 60 in 1 and 2: 60 and 30."""
    assert sizes_of((100, 60), (30, 30)) == ((34, 30), (34, 60), (50, 30), (50, 60), (100, 30), (100, 60))


def test_there_are_two_thousand_tiles_of_a_full_hd_frame() -> None:
    assert len(sizes_of((1920, 1080))) >= 2000


def test_sizes_follow_the_networks_strides() -> None:
    field = field_of(costs_of(Chain().conv(2, 3, stride=2).model(), target="generic"), (64, 64))
    assert stepped([(33, 64), (34, 63), (64, 64)], (64, 64), field) == ((34, 64), (64, 64))
    assert stepped([(33, 64)], (64, 64), None) == ((33, 64),)


def test_nothing_to_search() -> None:
    costs = costs_of(zoo.build("espcn-x2"), target="generic")
    whole = whole_row(FRAME, costs.cost(FRAME), 0.0)
    with pytest.raises(InputError, match="no size of a tile"):
        sweep(costs, FRAME, [], policy("grid"), None, whole)


def test_macs_of_many_sizes_at_once() -> None:
    model = zoo.build("fsrcnn-x2")
    costs = costs_of(model, target="generic")
    widths, heights = [33, 40, 64], [17, 48]
    found = macs_at(costs, widths, heights)
    for at, width in enumerate(widths):
        for to, height in enumerate(heights):
            assert found[at, to] == counts.macs(bind(model, size=(width, height)))


def test_macs_that_are_no_product_are_counted_one_by_one() -> None:
    """Products of all positions with all: they grow with the square of width times height."""
    chain = Chain(2)
    chain.step("Reshape", chain.constant([1, 2, -1]))
    rows = chain.last
    chain.step("Transpose", perm=(0, 2, 1)).step("MatMul", rows)
    model = chain.model()
    found = macs_at(costs_of(model, target="generic"), [4, 8, 9], [4, 6])
    assert found.tolist() == [[2 * (w * h) ** 2 for h in (4, 6)] for w in (4, 8, 9)]
