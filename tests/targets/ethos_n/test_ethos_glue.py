"""How plans are connected through DRAM, and which copies go: docs/ethos-n78/PLANNER.md, sections 6 and 13.

The plans are made by hand: a stripe for what each part reads and one for what it writes.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from ethos_kit import hardware

from npusim.targets.ethos_n.cleanup import remove_redundant
from npusim.targets.ethos_n.columns import C, Plans
from npusim.targets.ethos_n.costs import Format
from npusim.targets.ethos_n.dram import Buffer
from npusim.targets.ethos_n.glue import Chosen, Glued, concat_format, glue
from npusim.targets.ethos_n.machine import Shape3
from npusim.targets.ethos_n.parts import Kind, Line, Part, Placed, Weights
from npusim.targets.ethos_n.passes import Rules
from npusim.targets.ethos_n.settle import PassCosts, Settled, settle

M = hardware()
MAP = (64, 64, 64)
WHOLE, ROWS, DEEPLY, BRICKS = MAP, (8, 64, 64), (64, 64, 16), (8, 8, 16)  # BRICKS fit NHWCB alone
NHWC, NHWCB, DEEP, WIDE = Format.NHWC, Format.NHWCB, Format.DEEP, Format.WIDE
INPUT = (Part(Kind.INPUT, (), MAP), ())
CONV = Part(Kind.MCE, (MAP,), MAP, "passthrough", weights=Weights(), channels=64)
OUTPUT = Part(Kind.OUTPUT, (MAP,), MAP)
OFF = Part(Kind.OFF, (MAP,), MAP, why="by hand")


def line_of(*rows: tuple[Part, Sequence[int]]) -> Line:
    """Parts with the numbers of those that they read."""
    consumers: list[list[tuple[int, int]]] = [[] for _ in rows]
    for number, (_, inputs) in enumerate(rows):
        for slot, source in enumerate(inputs):
            consumers[source].append((number, slot))
    return Line(tuple(
        Placed(number, part, tuple(inputs), tuple(consumers[number]), (), f"p{number}")
        for number, (part, inputs) in enumerate(rows)
    ))  # fmt: skip


def plan(read: Shape3, written: Shape3) -> Plans:
    plans = Plans.empty(1)
    for axis in range(3):
        for column in (C.IN, C.PLE_IN):
            plans[column + axis] = read[axis]
        for column in (C.MCE_OUT, C.PLE_OUT, C.OUT):
            plans[column + axis] = written[axis]
    for column in (C.IN_SLOTS, C.OUT_SLOTS, C.LOADS, C.WEIGHT_SLOTS, C.WEIGHT_STRIPES):
        plans[column] = 1
    plans[C.BLOCK_W] = plans[C.BLOCK_H] = 8
    return plans


def connected(line: Line, *stripes: tuple[Shape3, Shape3] | None, clean: bool = True) -> Glued:
    """Each part on its own, with the stripes that it reads and writes."""
    found = glue(line, chosen(*stripes), M)
    if clean:
        remove_redundant(found, M)
    return found


def chosen(*stripes: tuple[Shape3, Shape3] | None) -> list[Chosen]:
    return [Chosen(None if pair is None else plan(*pair), section) for section, pair in enumerate(stripes)]


def passes(line: Line, *stripes: tuple[Shape3, Shape3] | None) -> list[Settled]:
    return settle(line, chosen(*stripes), connected(line, *stripes), PassCosts(M, Rules(0.0, as_vendor=True)))


def shown(found: Sequence[Settled]) -> list[tuple[tuple[int, ...], tuple[Format | None, ...], tuple[Format, ...]]]:
    return [(each.numbers, each.reads, each.writes) for each in found]


def stored(buffer: Buffer | None) -> list[Format | None]:
    assert buffer is not None
    return [copy.target.fmt for copy in buffer.read_by]


# --- rules a to d -----------------------------------------------------------------------------------------------------


def test_13_two_plans_take_the_best_format_that_both_fit() -> None:
    line = line_of(INPUT, (CONV, [0]), (CONV, [1]), (OUTPUT, [2]))
    for read, fmt in ((WHOLE, DEEP), (DEEPLY, WIDE), (BRICKS, NHWCB)):
        found = passes(line, None, (WHOLE, WHOLE), (read, WHOLE), None)
        assert shown(found) == [((1,), (NHWC,), (fmt,)), ((2,), (fmt,), (NHWC,))]


def test_13_an_output_that_is_split_in_depth_is_converted() -> None:
    """The network's output is NHWC, which whole channels alone can be written to."""
    found = passes(line_of(INPUT, (CONV, [0]), (OUTPUT, [1])), None, (WHOLE, DEEPLY), None)
    assert shown(found) == [((1,), (NHWC,), (WIDE,)), ((), (WIDE,), (NHWC,))]
    assert [each.after for each in found] == [1, 2]


def test_13_an_input_that_is_split_in_depth_is_converted() -> None:
    found = passes(line_of(INPUT, (CONV, [0]), (OUTPUT, [1])), None, (BRICKS, WHOLE), None)
    assert shown(found) == [((), (NHWC,), (NHWCB,)), ((1,), (NHWCB,), (NHWC,))]


def test_13_readers_share_what_is_there_already() -> None:
    """The first reader wants DEEP, which the second one can read as well; the third one cannot and gets bricks."""
    ends: list[tuple[Part, Sequence[int]]] = [(OUTPUT, [2]), (OUTPUT, [3]), (OUTPUT, [4])]
    line = line_of(INPUT, (CONV, [0]), (CONV, [1]), (CONV, [1]), (CONV, [1]), *ends)
    own = (WHOLE, WHOLE)
    glued = connected(line, None, own, own, (ROWS, WHOLE), (BRICKS, WHOLE), None, None, None)
    assert stored(glued.outs[1]) == [DEEP, NHWCB]
    assert glued.ins[2][0].made_by[0].source is glued.ins[3][0].made_by[0].source


def test_13_the_output_of_a_network_is_no_ones_source() -> None:
    """The output is served first, in NHWC; the reader behind it has a copy of its own."""
    line = line_of(INPUT, (CONV, [0]), (CONV, [1]), (OUTPUT, [2]), (OUTPUT, [1]))
    found = connected(line, None, (WHOLE, WHOLE), (WHOLE, WHOLE), None, None)
    assert stored(found.outs[1]) == [NHWC, DEEP]
    assert not found.ins[4][0].read_by


def test_13_work_beside_the_hardware_shares_rows() -> None:
    """Two of them read one NHWC buffer, and a convolution that can takes it from there as well."""
    line = line_of(INPUT, (CONV, [0]), (OFF, [1]), (OFF, [1]), (CONV, [1]), (OUTPUT, [4]))
    found = connected(line, None, (WHOLE, WHOLE), None, None, (WHOLE, WHOLE), None)
    assert stored(found.outs[1]) == [NHWC]
    assert found.ins[2][0] is found.ins[3][0]
    assert found.ins[4][0].made_by[0].source is found.ins[2][0]


def test_13_what_comes_from_dram_goes_to_an_output_by_a_copy() -> None:
    """An input is no intermediate buffer; what runs beside the hardware writes the network's output itself."""
    assert shown(passes(line_of(INPUT, (OUTPUT, [0])), None, None)) == [((), (NHWC,), (NHWC,))]
    assert passes(line_of(INPUT, (OFF, [0]), (OUTPUT, [1])), None, None, None) == []


def test_13_a_reader_that_cannot_read_rows_from_dram() -> None:
    line = line_of(INPUT, (OFF, [0]), (CONV, [1]), (OUTPUT, [2]))
    assert shown(passes(line, None, None, (BRICKS, WHOLE), None)) == [
        ((), (NHWC,), (NHWCB,)), ((2,), (NHWCB,), (NHWC,))
    ]  # fmt: skip


# --- clean-up ---------------------------------------------------------------------------------------------------------

JOINED = (64, 64, 128)
CONCAT = Part(Kind.CONCAT, (MAP, MAP), JOINED, axis=2, offsets=(0, 64))
WIDER = Part(Kind.MCE, (JOINED,), MAP, "passthrough", weights=Weights(), channels=128)


def joined(first: Shape3, *more: tuple[Part, Sequence[int]]) -> tuple[Line, list[tuple[Shape3, Shape3] | None]]:
    """Two convolutions of the input, joined in DEEP, which a third one reads."""
    line = line_of(INPUT, (CONV, [0]), (CONV, [0]), (CONCAT, [1, 2]), (WIDER, [3]), (OUTPUT, [4]), *more)
    reader = ((8, 64, 128), WHOLE)
    stripes: list[tuple[Shape3, Shape3] | None] = [None, (WHOLE, first), (WHOLE, WHOLE), None, reader, None]
    return line, stripes + [None] * len(more)


def test_13_pieces_are_written_where_they_belong() -> None:
    line, stripes = joined(WHOLE)
    found = passes(line, *stripes)
    assert shown(found) == [((1,), (NHWC,), (DEEP,)), ((2,), (NHWC,), (DEEP,)), ((4,), (DEEP,), (NHWC,))]


def test_13_a_piece_that_does_not_fit_is_converted_and_copied() -> None:
    """16 channels at once are no cells of DEEP. The chain that loses its end keeps its copy, and so does the other one,
    which ends in the same buffer."""
    line, stripes = joined(DEEPLY)
    found = shown(passes(line, *stripes))
    assert ((1,), (NHWC,), (WIDE,)) in found
    assert ((2,), (NHWC,), (DEEP,)) in found
    assert [each for each in found if not each[0]] == [((), (WIDE,), (DEEP,)), ((), (DEEP,), (DEEP,))]


def test_13_a_piece_that_others_read_is_copied() -> None:
    line, stripes = joined(WHOLE, (OUTPUT, [1]))
    found = shown(passes(line, *stripes))
    assert [each for each in found if not each[0]] == [((), (DEEP,), (DEEP,))]
    assert found[0] == ((1,), (NHWC,), (NHWC, DEEP)) or found[0] == ((1,), (NHWC,), (DEEP, NHWC))


@pytest.mark.parametrize(
    ("axis", "offsets", "reshaped", "found"),
    [
        (2, (0, 64), False, DEEP),
        (2, (0, 16), False, WIDE),
        (1, (0, 24), False, DEEP),  # cells of DEEP are 8 wide
        (0, (0, 8), False, DEEP),
        (0, (0, 4), False, NHWC),
        (0, (0, 8), True, NHWC),
        (2, (0, 64), True, DEEP),
    ],
)
def test_6_formats_of_a_concatenation(axis: int, offsets: tuple[int, ...], reshaped: bool, found: Format) -> None:
    part = Part(Kind.CONCAT, (MAP, MAP), MAP, axis=axis, offsets=offsets)
    assert concat_format(part, M, all_reshaped=reshaped) == found


FLAT = (1, 1, 64 * 64 * 64)
RESHAPE = Part(Kind.RESHAPE, (MAP,), FLAT)
BACK = Part(Kind.RESHAPE, (FLAT,), MAP)


def test_13_a_reshape_is_written_by_the_pass_before_it() -> None:
    """SRAM -> NHWC -> SRAM -> NHWC of another shape becomes one store of rows."""
    line = line_of(INPUT, (CONV, [0]), (RESHAPE, [1]), (OFF_FLAT, [2]), (OUTPUT_FLAT, [3]))
    assert shown(passes(line, None, (WHOLE, WHOLE), None, None, None)) == [((1,), (NHWC,), (NHWC,))]


OFF_FLAT = Part(Kind.OFF, (FLAT,), FLAT, why="by hand")
OUTPUT_FLAT = Part(Kind.OUTPUT, (FLAT,), FLAT)


def test_13_a_reshape_of_what_comes_from_dram_is_read_as_it_is() -> None:
    """Upwards: NHWC -> SRAM -> NHWC of another shape -> SRAM becomes one load."""
    line = line_of((Part(Kind.INPUT, (), FLAT), ()), (BACK, [0]), (CONV, [1]), (OUTPUT, [2]))
    assert shown(passes(line, None, None, (WHOLE, WHOLE), None)) == [((2,), (NHWC,), (NHWC,))]


def test_13_a_reshape_that_a_plan_cannot_read_keeps_its_copy() -> None:
    """16 channels at once cannot be taken from rows: the copy of the reshape stays, and one to bricks."""
    line = line_of((Part(Kind.INPUT, (), FLAT), ()), (BACK, [0]), (CONV, [1]), (OUTPUT, [2]))
    found = shown(passes(line, None, None, (BRICKS, WHOLE), None))
    assert found[-1] == ((2,), (NHWCB,), (NHWC,))
    assert all(not numbers for numbers, _, _ in found[:-1])
    assert found[0][1] == (NHWC,)
    assert found[-2][2] == (NHWCB,)


# --- the final estimate ----------------------------------------------------------------------------------------------


def test_13_a_conversion_overlaps_nothing() -> None:
    """256 KiB in rows, whole, and 256 KiB in bricks: 16384 cycles and 100 of a stripe each."""
    (found, _) = passes(line_of(INPUT, (CONV, [0]), (OUTPUT, [1])), None, (BRICKS, WHOLE), None)
    assert found.bounds["dma_read_serial"] == found.bounds["dma_write_serial"] == 16384 + 100
    assert found.bounds["dma_read"] == found.bounds["dma_write"] == 0
    assert (found.ifm_bytes, found.weight_bytes, found.ofm_bytes) == (1 << 18, 0, 1 << 18)


@pytest.mark.parametrize(("as_vendor", "times"), [(True, 1), (False, 2)])
def test_13_the_vendor_counts_the_last_store_alone(as_vendor: bool, times: int) -> None:
    line = line_of(INPUT, (CONV, [0]), (CONV, [1]), (OUTPUT, [2]), (OUTPUT, [1]))
    stripes = (None, (WHOLE, WHOLE), (WHOLE, WHOLE), None, None)
    found = settle(line, chosen(*stripes), connected(line, *stripes), PassCosts(M, Rules(0.0, as_vendor)))
    assert found[0].ofm_bytes == times << 18
