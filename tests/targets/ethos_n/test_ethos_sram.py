"""Where buffers lie in SRAM, who owns them, and how long: docs/ethos-n78/PLANNER.md, section 11."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from ethos_kit import EQUAL, chain, hardware, line_of, same
from hand import network

from npusim.targets.ethos_n import levels
from npusim.targets.ethos_n.columns import C
from npusim.targets.ethos_n.parts import Kind
from npusim.targets.ethos_n.passes import Rules
from npusim.targets.ethos_n.planner import VendorPlanner
from npusim.targets.ethos_n.sections import Sections
from npusim.targets.ethos_n.sram import NOWHERE, code_in_bank, fits_alone, in_bank, place
from npusim.targets.ethos_n.state import State, allocate, hand_on

M = hardware()  # 1 MiB in 16 banks of 64 KiB, in granules of 256 bytes; a program of the PLE takes 4 KiB a bank
PLAIN = Rules(0.0, as_vendor=False)
LOW = partial(place, from_end=False)
HIGH = partial(place, from_end=True)


def one(*values: int) -> np.ndarray:
    """Rows of a table of one column."""
    return np.array(values, np.int64).reshape(-1, 1)


@pytest.mark.parametrize(("size", "found"), [(16 * 256, 256), (16 * 257, 512), (1, 0), (16, 256), (8192, 512)])
def test_11_a_bank_holds_its_share_in_granules(size: int, found: int) -> None:
    """A sixteenth, rounded down to bytes and up to 256."""
    assert int(in_bank(M, size)) == found
    assert code_in_bank(M) == 4096


@pytest.mark.parametrize(
    ("ranges", "size", "low", "high"),
    [
        ([], 10, 0, 90),  # of 100 free bytes: the first, or the last
        ([(0, 20), (50, 60)], 10, 20, 90),
        ([(0, 20), (25, 60), (95, 100)], 10, 60, 85),  # 5 bytes between the first two are too few
        ([(60, 100), (0, 50)], 10, 50, 50),  # the order in which ranges came does not matter
        ([(60, 100), (0, 55)], 10, NOWHERE, NOWHERE),
        ([(0, 0), (40, 100)], 40, 0, 0),  # a range that is freed takes nothing
    ],
)
def test_11_first_fit_from_either_end(ranges: list[tuple[int, int]], size: int, low: int, high: int) -> None:
    firsts, ends = one(*(first for first, _ in ranges)), one(*(end for _, end in ranges))
    for placing, expected in ((LOW, low), (HIGH, high)):
        first, end = placing(firsts, ends, np.array([size]), 100)
        assert (int(first[0]), int(end[0])) == (expected, expected if expected == NOWHERE else expected + size)


def test_11_plans_are_placed_side_by_side() -> None:
    firsts, ends = np.array([[0, 30]]), np.array([[20, 100]])
    first, _ = LOW(firsts, ends, np.array([30, 31]), 100)
    assert first.tolist() == [20, NOWHERE]


def test_9_a_plan_alone_must_fit_an_empty_bank() -> None:
    """64 KiB less 4 KiB of code: 60 KiB in each of 16 banks."""
    most = 60 * 1024 * 16
    assert fits_alone(M, [np.array([most])], with_ple=True).tolist() == [True]
    assert fits_alone(M, [np.array([most]), np.array([16])], with_ple=True).tolist() == [False]
    assert fits_alone(M, [np.array([most]), np.array([4096 * 16])], with_ple=False).tolist() == [True]


# --- owners -----------------------------------------------------------------------------------------------------------


def state() -> State:
    return State((np.array([16, 16]), np.array([16, 16])), np.array([1, 1]), np.zeros(2))


def test_11_a_program_is_loaded_once() -> None:
    here = state()
    for _ in range(2):
        assert allocate(M, here, np.array([7, 7]), [np.array([16 * 256, 16 * 512])], LOW).all()
    assert here.code_firsts.tolist() == [[0, 0]]
    assert here.firsts.tolist() == [[4096, 4096], [4352, 4608]]
    assert here.taken.tolist() == [4096 + 2 * 256, 4096 + 2 * 512]
    allocate(M, here, np.array([8, 7]), [], LOW)
    assert here.taken.tolist() == [2 * 4096 + 2 * 256, 4096 + 2 * 512]


def test_11_a_whole_output_is_all_that_is_handed_on() -> None:
    """Two states of a part with an input, weights and an output; the output of the second is whole."""
    here = state()
    sizes = [np.array([16 * 256, 16 * 256])] * 3
    allocate(M, here, None, sizes, LOW)
    hand_on(here, 0, 3, np.array([False, True]), [1], has_output=True)
    assert here.taken.tolist() == [768, 256]
    allocate(M, here, None, sizes[:2], LOW)  # the weights and the output of the next part: freed room is used again
    assert (here.firsts[-2:, 0].tolist(), here.firsts[-2:, 1].tolist()) == ([768, 1024], [0, 256])
    hand_on(here, 1, 2, np.array([False, True]), [2], has_output=True)
    assert here.taken.tolist() == [768 + 512, 256]


def test_11_a_buffer_lives_until_its_last_owner_is_gone() -> None:
    """Part 0 leaves its output to parts 1 and 2, part 1 its own to part 2."""
    here = state()
    allocate(M, here, None, [np.array([16 * 256] * 2)], LOW)
    hand_on(here, 0, 1, np.array([True, True]), [1, 2], has_output=True)
    allocate(M, here, None, [np.array([16 * 512] * 2)], LOW)
    hand_on(here, 1, 1, np.array([True, True]), [2], has_output=True)
    assert here.taken.tolist() == [768, 768]
    hand_on(here, 2, 0, np.array([True, True]), [], has_output=False)
    assert here.taken.tolist() == [0, 0]


# --- sections 10 and 12 ----------------------------------------------------------------------------------------------


def test_10_a_section_ends_where_nothing_is_left_open() -> None:
    """c and d make s; e reads c as well, so that no section ends before it."""
    rows = [
        ("Conv", "x a", "c", same(3)), ("Conv", "c b", "d", same(3)), ("Add", "d c", "s", {}),
        ("Conv", "s f", "e", same(1)), ("Add", "e c", "y", {}),
    ]  # fmt: skip
    square = (16, 16, 3, 3)
    line = line_of(network({"x": (1, 16, 16, 16)}, rows, "y", {"a": square, "b": square, "f": (16, 16, 1, 1)}), EQUAL)
    sections = Sections(M, PLAIN)
    assert sorted(sections.from_start(line, 1).by_length) == [5]  # from c
    assert sorted(sections.from_start(line, 2).by_length) == [2, 3, 4]  # from d: c comes from DRAM
    assert not sections.from_start(line, 0).by_length  # the network's input is in none


def test_10_the_costs_of_a_section_are_those_of_its_passes() -> None:
    """What a cut is judged by is what its passes take: nothing is converted
    inside, nor behind a single tensor's ends."""
    line = line_of(chain((1, 16, 24, 24), [(16, 3)] * 3))
    planner = VendorPlanner(M, PLAIN)
    end = planner.sections.from_start(line, 1).by_length[3]
    plans = [plan for plan, _ in end.chosen]
    assert [int(plan[C.IN][0]) for plan in plans][1:] == [int(plan[C.OUT][0]) for plan in plans][:-1]
    assert end.chosen[0][1] == 0
    assert all(taken > 0 for _, taken in end.chosen[1:])
    assert dict(planner.sections.over(line)(1).costs) == {
        length: found.cycles for length, found in planner.sections.from_start(line, 1).by_length.items()
    }


def test_12_parts_that_repeat_count_as_often() -> None:
    """Two frames: each pass, and each section, twice."""
    one_frame, two = (line_of(chain((frames, 16, 24, 24), [(16, 3)] * 2)) for frames in (1, 2))
    assert [each.repeat for each in two.parts if each.part.kind is not Kind.INPUT] == [2, 2, 2]
    planner = VendorPlanner(M, PLAIN)
    once, twice = (dict(planner.sections.over(line)(1).costs) for line in (one_frame, two))
    assert twice == {length: 2 * cycles for length, cycles in once.items()}


def test_10_sections_are_searched_up_to_a_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chain of five, of which three may be together."""
    monkeypatch.setattr(levels, "LONGEST", 3)
    monkeypatch.setattr("npusim.targets.ethos_n.sections.LONGEST", 3)
    line = line_of(chain((1, 16, 16, 16), [(16, 1)] * 5))
    found = VendorPlanner(M, PLAIN)
    assert sorted(found.sections.over(line)(1).by_length) == [2, 3]
    assert found.sections.over(line)(1).cut_short
    assert not found.sections.over(line)(3).cut_short  # the line ends there
    assert [each.code for each in found.plan(line).notices] == ["search-cap"]


def test_10_equal_stretches_are_searched_once() -> None:
    """Of 40 equal parts, all starts with an equal view of those behind them
    share one result, by even and odd number."""
    line = line_of(chain((1, 16, 16, 16), [(16, 1)] * (levels.LONGEST + 10)))
    from_start = VendorPlanner(M, PLAIN).sections.over(line)
    assert from_start(2) is from_start(4)
    assert from_start(2) is not from_start(3)
    assert from_start(2) is not from_start(1)  # the first reads the network's input
