"""Pieces of a tensor: what they become, where they are read, and what copying them costs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ethos_kit import EQUAL, hardware, line_of, lowered, parts, planned, same
from hand import network

from npusim.bind import bind
from npusim.ir import DType, Graph
from npusim.model import Constant, Model, Node, Value
from npusim.options import Options
from npusim.targets.ethos_n.best_planner import BestPlanner
from npusim.targets.ethos_n.gains import total_cycles
from npusim.targets.ethos_n.parts import Coded, Kind
from npusim.targets.ethos_n.passes import Rules
from npusim.targets.ethos_n.planner import VendorPlanner

BEST = Options(planner="best")
W: dict[str, Any] = {"w": (64, 16, 3, 3)}


def split(sizes: list[int], shape: tuple[int, ...] = (1, 64, 32, 32), axis: int = 1) -> Graph:
    """A convolution to 64 channels, cut into pieces p0, p1, .., each of which a 1x1 convolution reads."""
    outs = tuple(f"p{index}" for index in range(len(sizes)))
    nodes = [
        Node("c", "Conv", ("x", "w"), ("c",), {"pads": (1, 1, 1, 1)}),
        Node("s", "Split", ("c", "n"), outs, {"axis": axis}),
    ]
    constants = {"w": Constant("w", (shape[1], 16, 3, 3), DType.INT8, None)}
    for index, size in enumerate(sizes):
        channels = size if axis == 1 else shape[1]
        constants[f"v{index}"] = Constant(f"v{index}", (16, channels, 1, 1), DType.INT8, None)
        nodes.append(Node(f"y{index}", "Conv", (outs[index], f"v{index}"), (f"y{index}",), {}))
    array = np.array(sizes, np.int64)
    constants["n"] = Constant("n", array.shape, DType.INT64, lambda: array)
    value = Value("x", (1, 16, *shape[2:]), DType.INT8)
    return bind(Model("split", (value,), tuple(f"y{index}" for index in range(len(sizes))), tuple(nodes), constants))


def pieces(graph: Graph) -> list[tuple[tuple[int, ...], tuple[int, ...], int, tuple[int, ...]]]:
    return [(each.ins[0], each.out, each.axis, each.offset) for each in parts(graph) if each.kind is Kind.SPLIT]


def test_a_part_a_piece() -> None:
    assert pieces(split([16, 48])) == [
        ((32, 32, 64), (32, 32, 16), 2, (0, 0, 0)), ((32, 32, 64), (32, 32, 48), 2, (0, 0, 16))
    ]  # fmt: skip
    assert pieces(split([24, 8], axis=2)) == [
        ((32, 32, 64), (24, 32, 64), 0, (0, 0, 0)), ((32, 32, 64), (8, 32, 64), 0, (24, 0, 0))
    ]  # fmt: skip
    assert [piece[2:] for piece in pieces(split([8, 24], axis=3))] == [(1, (0, 0, 0)), (1, (0, 8, 0))]


def test_channels_are_padded_to_whole_bricks_first() -> None:
    """20 and 44 of 64 channels become 32 and 48 of 80."""
    graph = split([20, 44])
    (spread,) = (each for each in parts(graph) if each.weights is not None and each.weights.coded is Coded.ONE_HOT)
    assert (spread.ins, spread.out) == (((32, 32, 64),), (32, 32, 80))
    assert [piece[0] + piece[1] for piece in pieces(graph)] == [(32, 32, 80, 32, 32, 20), (32, 32, 80, 32, 32, 44)]
    assert pieces(graph)[1][3] == (0, 0, 32)


def test_other_axes_do_not_run() -> None:
    graph = network(
        {"x": (1, 16)}, [("Split", "x", "a b", {"axis": 1, "num_outputs": 2}), ("Add", "a b", "y", {})], "y"
    )
    assert any("a split along this axis" in each.off_npu for each in planned(graph).passes)


@pytest.mark.parametrize("options", [EQUAL, BEST], ids=["vendor", "best"])
def test_readers_take_pieces_from_the_whole(options: Options) -> None:
    """32 and 32 of 64 channels are cells of either format: nothing is copied, and each reader loads its piece alone."""
    graph = split([32, 32])
    found = {each.name: each for each in planned(graph, options).passes}
    assert not any(name.endswith(".convert") for name in found)
    assert [found[name].cost.traffic[("dram", "ifm")] for name in ("y0", "y1")] == [32 * 32 * 32] * 2
    assert found["c"].cost.traffic[("dram", "ofm")] == 32 * 32 * 64
    assert sum(layer == "s" for each in found.values() for layer in each.layers) == 1


def test_rows_that_are_no_whole_bricks_are_read_as_rows() -> None:
    """A cut behind 20 rows: the second piece lies in no whole cells, and is read from NHWC."""
    found = {each.name: each for each in planned(split([20, 12], axis=2)).passes}
    assert found["y1"].mapping["ifm_from"] == ["NHWC"]
    assert found["y1"].cost.traffic[("dram", "ifm")] == 12 * 32 * 64


def test_a_piece_that_is_an_output_is_copied() -> None:
    rows: list[Any] = [("Conv", "x w", "c", same(3)), ("Split", "c", "y z", {"axis": 1, "num_outputs": 2})]
    found = planned(network({"x": (1, 16, 32, 32)}, rows, "y z", W)).passes
    copies = {each.name: each.cost.traffic[("dram", "ofm")] for each in found if each.name.endswith("convert")}
    assert copies == {"y.convert": 32 * 32 * 32, "z.convert": 32 * 32 * 32}


def test_layers_that_read_nothing_of_it() -> None:
    """A piece that nobody reads is still the layer's."""
    rows: list[Any] = [
        ("Conv", "x w", "c", same(3)), ("Split", "c", "p q", {"axis": 1, "num_outputs": 2}), ("Relu", "p", "y", {})
    ]  # fmt: skip
    graph = network({"x": (1, 16, 32, 32)}, rows, "y", W)
    assert sorted(layer for each in planned(graph).passes for layer in each.layers) == ["c", "p", "y"]
    assert len(lowered(graph).line.parts) == 6


@pytest.mark.parametrize("sizes", [[16, 48], [32, 32], [20, 44]])
@pytest.mark.parametrize("saving", [0.0, 0.5])
def test_the_best_plan_is_never_above_the_vendors(sizes: list[int], saving: float) -> None:
    rules = Rules(saving, as_vendor=False)
    line = line_of(split(sizes))
    best, vendor = BestPlanner(hardware(), rules).plan(line), VendorPlanner(hardware(), rules).plan(line)
    assert total_cycles(line, best) <= total_cycles(line, vendor) * (1 + 1e-9)


def test_the_best_plan_reads_where_the_pieces_are() -> None:
    """With 48 of 64 channels, no cells of DEEP: the best plan still copies nothing."""
    found = {each.name: each for each in planned(split([16, 48]), BEST).passes}
    assert not any(name.endswith(".convert") for name in found)
    read = {fmt for name in ("y0", "y1") for fmt in found[name].mapping["ifm_from"]}
    assert read <= {"NHWCB", "FCAF_WIDE"}
