"""What tilings cost: the paper's figures, sums over tiles, batches and calls."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from net_kit import HALF, Chain, costs_of

from npusim import counts, zoo
from npusim.bind import bind
from npusim.errors import EstimateError, InputError
from npusim.ir import Graph
from npusim.model import Model
from npusim.profiles.load import load
from npusim.receptive import Size
from npusim.tiling.answer import Asked, Study, default_sizes, study
from npusim.tiling.policies import cuts, policy
from npusim.tiling.study import Costs, Tiling, field_of, front, tiling, whole_row

FRAME = (1920, 1080)


def asked(costs: Costs, frame: Size, tiles: tuple[Size, ...], *policies: str) -> Study:
    return study(costs, frame, Asked(tiles, tuple(map(policy, policies))))


# --- the paper's second result ----------------------------------------------------------------------------------------


def test_sesr_m5_in_tiles_of_400x300() -> None:
    """13,520 multiplications a pixel: 1.6224 G a tile, as the paper's 1.62 G; 17.28 tiles are the frame's 28.04 G."""
    model = zoo.build("sesr-m5-x2-hw")
    assert counts.macs(bind(model, size=(400, 300))) == 13_520 * 400 * 300 == 1_622_400_000
    found = asked(costs_of(model), FRAME, ((400, 300),), "area", "halo")
    by_area, with_halo = found.rows
    assert by_area.calls == 17.28
    assert by_area.macs == found.whole.macs == 13_520 * 1920 * 1080
    assert by_area.recompute == 0
    assert found.whole.latency_s * 1e3 == pytest.approx(26.37, abs=0.005)  # docs/paper-figures.md
    assert by_area.latency_s * 1e3 == pytest.approx(27.70, abs=0.005)
    assert with_halo.calls == 20
    # Columns read 409 + 3 x 418 + 329 = 1992 pixels, rows 309 + 2 x 318 + 189 = 1134.
    assert with_halo.macs == 13_520 * 1992 * 1134
    assert with_halo.recompute == pytest.approx(1992 * 1134 / (1920 * 1080) - 1)


def _published() -> list[tuple[str, str, list[float]]]:
    """The rows of npusim's own numbers in docs/tiling.md: network, what is saved, and milliseconds of three columns."""
    page = (Path(__file__).parents[2] / "docs" / "tiling.md").read_text()
    rows = re.findall(r"^\| (x[24]) \| (half of the traffic|nothing) saved \|(.*)\|$", page, re.MULTILINE)
    return [(scale, saved, [float(ms) for ms in re.findall(r"([\d.]+) ms", cells)]) for scale, saved, cells in rows]


@pytest.mark.parametrize(("scale", "saved", "printed"), _published())
def test_the_page_shows_what_the_model_gives(scale: str, saved: str, printed: list[float]) -> None:
    costs = costs_of(zoo.build(f"sesr-m5-{scale}-hw"))
    costs.options["activation_compression"] = 0.5 if saved.startswith("half") else 0.0
    found = asked(costs, FRAME, ((400, 300),), "area", "halo")
    assert [round(row.latency_s * 1e3, 2) for row in (found.whole, *found.rows)] == printed


def test_the_page_has_four_rows() -> None:
    assert len(_published()) == 4


def test_the_reason_says_what_tiles_change() -> None:
    found = asked(costs_of(zoo.build("sesr-m5-x2-hw")), FRAME, ((960, 540),), "halo")
    assert found.best.row == found.whole
    assert found.best.other == found.rows[0]
    assert "more on the vector unit" in found.best.reason
    assert found.best.reason.endswith("computing limits 100 % of the whole frame's time")


# --- sums -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["espcn-x3", "fsrcnn-x2"])
@pytest.mark.parametrize("text", ["grid", "pad", "halo", "halo:3"])
def test_macs_and_time_are_the_sum_over_all_tiles(name: str, text: str) -> None:
    model = zoo.build(name)
    costs = costs_of(model, target="generic")
    frame, tile, how = (97, 61), (32, 24), policy(text)
    field = field_of(costs, frame)
    found = tiling(costs, frame, tile, how, field, whole_row(frame, costs.cost(frame), 0.0))
    across, down = cuts(frame, tile, how, field)
    sizes = [(a.last - a.first, b.last - b.first) for a in across.pieces() for b in down.pieces()]
    assert found.macs == sum(counts.macs(bind(model, size=size)) for size in sizes)
    assert found.calls == len(sizes) == 12
    assert found.latency_s == pytest.approx(sum(costs.cost(size).latency_s for size in sizes))
    assert found.dram_bytes == sum(costs.cost(size).dram_bytes for size in sizes)
    assert found.sram_bytes == max(costs.cost(size).sram_bytes for size in sizes)
    assert sum(found.seconds_by_bound.values()) == pytest.approx(found.latency_s)


def test_each_shape_is_estimated_once() -> None:
    costs = costs_of(zoo.build("espcn-x2"), target="generic")
    frame = (200, 120)
    field = field_of(costs, frame)
    whole = whole_row(frame, costs.cost(frame), 0.0)
    tiling(costs, frame, (20, 20), policy("halo"), field, whole)
    assert len(costs.known) == 1 + 4  # 10 x 6 tiles: edges and insides alone, left and right being as wide


def test_calls_cost_what_is_said() -> None:
    model = zoo.build("espcn-x2")
    free, dear = (costs_of(model, target="generic", overhead_s=each) for each in (0.0, 50e-6))
    one, other = (asked(costs, (96, 64), ((32, 32),), "grid", "area") for costs in (free, dear))
    for row, slow, calls in ((one.whole, other.whole, 1), *zip(one.rows, other.rows, (6, 6), strict=True)):
        assert slow.latency_s == pytest.approx(row.latency_s + calls * 50e-6)
        assert slow.seconds_by_bound["call"] == pytest.approx(calls * 50e-6)


def test_tiles_of_one_shape_run_in_batches() -> None:
    """12 tiles of 32x32 four at a time are 3 runs; 4 columns of 16x32 at the edge one run of 4."""
    model = zoo.build("espcn-x2")
    costs = costs_of(model, target="generic", batch=4)
    found = asked(costs, (112, 128), ((32, 32),), "grid")
    (row,) = found.rows
    assert [(each.width, each.height, each.count) for each in row.shapes] == [(32, 32, 12), (16, 32, 4)]
    assert row.calls == 3 + 1
    assert found.whole.calls == 1
    assert row.macs == found.whole.macs
    assert row.latency_s == pytest.approx(3 * costs.cost((32, 32), 4).latency_s + costs.cost((16, 32), 4).latency_s)


def test_a_rest_of_a_batch_runs_alone() -> None:
    costs = costs_of(zoo.build("espcn-x2"), target="generic", batch=4)
    (row,) = asked(costs, (96, 64), ((32, 32),), "grid").rows
    assert row.calls == 2
    assert row.latency_s == pytest.approx(costs.cost((32, 32), 4).latency_s + costs.cost((32, 32), 2).latency_s)


# --- what cannot be ---------------------------------------------------------------------------------------------------


def _global() -> Model:
    chain = Chain(4).conv(4, 3)
    before = chain.last
    chain.step("GlobalAveragePool").step("Mul", before)
    return chain.model()


def test_global_networks_have_no_halo() -> None:
    costs = costs_of(_global(), target="generic")
    with pytest.raises(InputError, match="GlobalAveragePool 't1' reads all of it"):
        asked(costs, (64, 64), ((32, 32),), "halo")
    found = asked(costs, (64, 64), ((32, 32),), "grid", "area")
    assert found.halo is None
    assert [each.code for each in found.notices] == ["other-result"]
    assert found.rows[0].calls == 4


def test_a_tile_without_a_plan_is_named() -> None:
    costs = costs_of(zoo.build("espcn-x2"), target="generic")
    frames = costs.frames

    def refusing(size: Size, batch: int | None) -> Graph:
        if size == (32, 16):
            raise EstimateError("no stripes of it fit the SRAM", code="no-plan", where="conv1")
        return frames(size, batch)

    costs.frames = refusing
    with pytest.raises(EstimateError, match=r"a tile of 32x32 that reads 32x16: conv1: no stripes of it fit the SRAM"):
        asked(costs, (64, 48), ((32, 32),), "grid")


def test_a_network_whose_size_is_given_otherwise() -> None:
    model = zoo.build("espcn-x2")
    hardware = load("ethos-n78", None, {"target": "generic"})
    costs = Costs(lambda *_: bind(model, shapes={"input": (1, 1, 64, 64)}), hardware, HALF)
    with pytest.raises(InputError, match="does not follow the size of a tile; give the frame by --size"):
        costs.cost((32, 32))


def test_default_sizes() -> None:
    """64 pixels in 1, 2, 3 and 4 columns of at least 16: 64, 32, 22 and 16; the frame itself is no tile."""
    assert default_sizes((64, 20), (16, 20)) == ((16, 20), (22, 20), (32, 20))
    with pytest.raises(InputError, match="give a smaller --least"):
        default_sizes((30, 20), (32, 28))
    with pytest.raises(InputError, match="more than 100,000; give a larger --least"):
        default_sizes((300_000, 300_000), (32, 28))


# --- the front --------------------------------------------------------------------------------------------------------


def _row(recompute: float, latency_s: float) -> Tiling:
    return Tiling((1, 1), "halo", (), 1, latency_s, 1, 1, recompute, None, None, {}, exact=True)


def test_front_by_hand() -> None:
    rows = [_row(0.0, 5.0), _row(0.1, 4.0), _row(0.1, 3.0), _row(0.2, 3.0), _row(0.3, 2.0), _row(0.4, 9.0)]
    assert [(row.recompute, row.latency_s) for row in front(rows)] == [(0.0, 5.0), (0.1, 3.0), (0.3, 2.0)]
