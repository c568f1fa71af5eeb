"""Sections that hand strips from part to part: their room and their cycles by hand, and where they do not apply."""

from __future__ import annotations

import pytest
from hand import BEST, HAND, PLAIN, Row, hand, network

from npusim.counts import layer_works
from npusim.ir import Graph
from npusim.profile import HardwareProfile
from npusim.targets.generic import plan
from npusim.targets.generic.candidates import Strip, strips
from npusim.targets.generic.evaluate import machine
from npusim.targets.generic.fronts import Fronts
from npusim.targets.generic.lower import lower
from npusim.targets.generic.sections import Line
from npusim.targets.generic.streaming import Streams

PAD = {"pads": (1, 1, 1, 1)}
X = {"x": (1, 4, 32, 8)}
WEIGHTS = {"a": (4, 4, 3, 3), "b": (4, 4, 3, 3)}


def chain() -> Graph:
    """Two 3x3 convolutions of 4 channels on 32x8: 1024 B a tensor, 144 B of weights each."""
    return network(X, [("Conv", "x a", "c", PAD), ("Conv", "c b", "y", PAD)], "y", WEIGHTS)


def found(graph: Graph, sram_bytes: int, profile: HardwareProfile = HAND) -> dict[tuple[int, Strip], float]:
    """Cycles of the sections of strips that start at the first part."""
    lowered = lower(graph, layer_works(graph), profile, BEST)
    line = Line(lowered, Fronts(machine(profile, BEST), "best"), sram_bytes)
    return {(length, strip): cycles for length, cycles, strip in Streams(line).sections(0)}


def test_strips_are_cut_along_one_axis() -> None:
    assert strips((1, 8, 4), HAND) == [
        Strip(1, 2, 2), Strip(1, 4, 2), Strip(2, 2, 2), Strip(1, 2, 1), Strip(1, 4, 1), Strip(2, 2, 1),
    ]  # fmt: skip


def test_two_convolutions_to_the_cycle() -> None:
    # Strips of 4 rows. SRAM: two slots of input with its halo, (2 * 4 + 2) * 32 B = 320; weights 144 + 144; the tensor
    # between: 4 rows and one on each side, 192; two slots of output 256: 1056 B.
    # The first convolution takes 9 * 256 * 16 / 64 = 576 cycles; nothing overlaps its first 6 rows (192 B, 24 cycles)
    # and its weights (18): 618. The second writes all but its last strip (128 B, 16) meanwhile: 18 + 16 + 576 = 610.
    strip = Strip(1, 4, 2)
    assert found(chain(), 1056)[2, strip] == pytest.approx(618 + 610)
    assert (2, strip) not in found(chain(), 1055)
    # One slot: 6 rows in (192), 4 out (128): 800 B; all 1024 B in and out wait: 128 + 18 + 576 and 18 + 128 + 576.
    single = Strip(1, 4, 1)
    assert found(chain(), 800)[2, single] == 722 + 722
    assert (2, single) not in found(chain(), 799)


def test_the_best_planner_hands_strips_over_where_tensors_do_not_fit() -> None:
    # DRAM of 1 B a cycle: the tensor between would cost 1024 cycles each way. 1023 B do not hold it whole.
    slow = {"read_bytes_per_cycle": 1, "write_bytes_per_cycle": 1}
    profile = hand(dram=slow, sram={"size_bytes": 1023})
    best = plan(chain(), profile, BEST)
    assert [each.section for each in best.passes] == [0, 0]
    assert [each.mapping["resident"] for each in best.passes] == [["output"], ["input 0"]]
    assert {each.mapping["resident_as"] for each in best.passes} == {"strips"}
    assert {each.mapping["stripe"]["height"] for each in best.passes} <= {2, 4, 8, 16}
    # Every pass has the room of all, since their strips take turns.
    assert len({each.sram_bytes for each in best.passes}) == 1
    assert best.passes[0].sram_bytes <= 1023
    moved = [dict(each.cost.traffic) for each in best.passes]
    assert [(each["dram", "ifm"], each["dram", "ofm"]) for each in moved] == [(1024, 0), (0, 1024)]
    # The vendor's rule knows whole tensors alone.
    vendor = plan(chain(), profile, PLAIN)
    assert [each.section for each in vendor.passes] == [0, 1]
    assert vendor.cycles > best.cycles


def test_a_long_skip_holds_the_rows_that_its_reader_is_behind() -> None:
    # r goes through four 3x3 convolutions, each a row behind the one before, and is added to what comes out: the
    # addition is 4 rows behind r's maker and needs no halo, so that r holds 4 + 4 rows of 32 B, the three tensors
    # between the convolutions 4 + 2, and the last 4: 256 + 3 * 192 + 128 = 960 B. Beside them: two slots of input 256 B
    # for the maker (an activation, without halo), four times weights 144, two slots of output 256: 2048 B in all.
    rows: list[Row] = [("Relu", "x", "r", {})]
    rows += [("Conv", f"{read} a", made, PAD) for read, made in ("rc", "cd", "de", "ef")]
    graph = network(X, [*rows, ("Add", "f r", "y", {})], "y", {"a": (4, 4, 3, 3)})
    assert (6, Strip(1, 4, 2)) in found(graph, 2048)
    assert (6, Strip(1, 4, 2)) not in found(graph, 2047)
    # It ends where all that read r are inside, not before.
    assert {length for length, _ in found(graph, 1 << 20)} == {6}


def test_other_operands_come_from_dram_in_strips() -> None:
    graph = network(
        {**X, "k": (1, 4, 32, 8)}, [("Conv", "x a", "c", PAD), ("Add", "c k", "y", {})], "y", {"a": (4, 4, 3, 3)}
    )
    # The addition: 64 steps of 2 cycles = 128, as long as 1024 B in or out take, of which one of 8 strips waits each
    # way: 16 + 16 + 128.
    assert found(graph, 1 << 20)[2, Strip(1, 4, 2)] == pytest.approx(618 + 160)


@pytest.mark.parametrize(
    "rows",
    [
        [("Conv", "x a", "c", {**PAD, "strides": (2, 2)}), ("Relu", "c", "y", {})],  # sizes change
        [
            ("LeakyRelu", "x", "c", {}),
            ("MaxPool", "c", "y", {"kernel_shape": (3, 3), **PAD}),
        ],  # a window of unknown halo
        [("LeakyRelu", "x", "c", {}), ("Softmax", "c", "y", {})],  # beside the NPU
        [("LeakyRelu", "x", "c", {}), ("Flatten", "c", "f", {}), ("MatMul", "f m", "y", {})],  # rows of a matrix
    ],
)
def test_what_does_not_run_in_strips(rows: list[Row]) -> None:
    used = {"a": (4, 4, 3, 3), "m": (1024, 8)}
    graph = network(X, rows, "y", {name: shape for name, shape in used.items() if any(name in row[1] for row in rows)})
    assert found(graph, 1 << 20) == {}
