"""Plots of tilings: what they show, that nothing overlaps, and that the same study gives the same file."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import msgspec
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from npusim import zoo
from npusim.bind import bind
from npusim.errors import InputError
from npusim.ir import Graph
from npusim.profiles.load import load
from npusim.receptive import Size
from npusim.reports.plots.style import canvas
from npusim.reports.plots.tiles import front, heat_map, lines, save_seams, save_tilings
from npusim.tiling.answer import Asked, Study, default_sizes, study
from npusim.tiling.policies import policy
from npusim.tiling.proof import Proof, Proved
from npusim.tiling.study import Costs

FRAME = (192, 108)


def made(text: str = "halo", overhead_s: float = 0.0) -> Study:
    model = zoo.build("sesr-m3-x2-hw")
    hardware = load("ethos-n78", None, {"target": "generic"})

    def frames(size: Size, batch: int | None) -> Graph:
        return bind(model, size=size, batch=batch)

    costs = Costs(frames, hardware, {"equal_scales": True}, overhead_s)
    tiles = ((48, 36), (64, 54), (96, 108))
    policies = (policy("area"), policy("halo"))
    return study(costs, FRAME, Asked(tiles, policies, default_sizes(FRAME, (32, 28)), policy(text)))


@pytest.fixture(scope="module")
def found() -> Study:
    return made()


def _labels(axes: Axes) -> set[str]:
    legend = axes.get_legend()
    assert legend is not None
    return {text.get_text() for text in legend.get_texts()}


def _none_overlap(figure: Figure, axes: Axes) -> None:
    """No two tick labels of an axis stand on each other."""
    figure.draw_without_rendering()
    for ticks in (axes.get_xticklabels(), axes.get_yticklabels()):
        boxes = [tick.get_window_extent() for tick in ticks if tick.get_text() and tick.get_visible()]
        assert len(boxes) > 1
        assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


def test_the_map_has_a_cell_a_size(found: Study) -> None:
    assert found.swept is not None
    with canvas(8, 5) as (figure, axes):
        heat_map(found, found.swept, axes)
        cells = np.asarray(axes.collections[0].get_array())
        fastest = min((found.whole, *found.swept.rows), key=lambda row: row.latency_s)
        assert cells.min() == pytest.approx(fastest.latency_s * 1e3)
        assert cells.size == len(found.swept.rows) + 1  # and the whole frame
        assert axes.get_xlabel() == "width of a tile [pixels]"
        assert axes.get_ylabel() == "height of a tile [pixels]"
        assert [tick.get_text() for tick in axes.get_xticklabels()] == ["32", "64", "128"]
        # 108 pixels in 1 to 3 rows; there is but one power of two between 36 and 108.
        assert [tick.get_text() for tick in axes.get_yticklabels()] == ["36", "54", "108"]
        assert any(label.startswith("fastest tile, ") for label in _labels(axes))
        _none_overlap(figure, axes)
        assert figure.axes[1].get_ylabel() == "latency [ms a frame]"


def test_the_front_ends_where_the_plot_does(found: Study) -> None:
    assert found.swept is not None
    with canvas(6, 5) as (figure, axes):
        front(found, found.swept, axes)
        assert axes.get_xlabel() == "MACs beyond those of the whole frame [%]"
        low, high = axes.get_ylim()
        assert low < found.whole.latency_s * 1e3 < high
        assert _labels(axes) >= {"front", "whole frame"}
        _none_overlap(figure, axes)


def test_without_recomputation_the_runs_are_shown() -> None:
    found = made("area", 50e-6)
    assert found.swept is not None
    with canvas(6, 5) as (_, axes):
        front(found, found.swept, axes)
        assert axes.get_xlabel() == "runs of the network a frame"
        assert axes.get_xscale() == "log"


def test_lines_name_policies_and_tiles(found: Study) -> None:
    with canvas(8, 5) as (figure, axes):
        lines(found, axes)
        assert _labels(axes) >= {"area, not exact", "halo", "whole frame", "depth-first, kept"}
        assert [tick.get_text() for tick in axes.get_xticklabels()] == ["48x36", "64x54", "96x108"]
        drawn = {line.get_label(): list(np.asarray(line.get_ydata(), float)) for line in axes.lines}
        assert drawn["halo"] == [row.latency_s * 1e3 for row in found.rows if row.policy == "halo"]
        _none_overlap(figure, axes)


def test_no_policy_is_left_out_however_many_there_are(found: Study) -> None:
    """More than there are colours: those have the same colours again, and another dash."""
    rows = [msgspec.structs.replace(row, policy=f"halo:{n}") for n in range(15) for row in found.rows[:3]]
    with canvas(8, 5) as (_, axes):
        lines(msgspec.structs.replace(found, rows=tuple(rows)), axes)
        drawn = [line for line in axes.lines if str(line.get_label()).startswith("halo:")]
        assert len(drawn) == 15
        looks = {(line.get_color(), line.get_marker(), line.get_linestyle()) for line in drawn}
        assert len(looks) == 15


def test_the_same_study_gives_the_same_file(found: Study, tmp_path: Path) -> None:
    asked = msgspec.structs.replace(found, swept=None)
    for each in (found, asked):
        files = [tmp_path / name for name in ("one.svg", "two.svg")]
        for file in files:
            save_tilings(each, file)
        assert files[0].read_bytes() == files[1].read_bytes()
        assert b"equal scales" in files[0].read_bytes() or b"<svg" in files[0].read_bytes()


def test_seams_have_a_panel_each(tmp_path: Path) -> None:
    """Differences of a tenth at one column, -20 dB, beside a picture that is the same."""
    error = np.zeros((12, 16))
    error[:, 8] = 0.1
    wrong = Proof((8, 12), "grid", 2, 0.1, 0.1, 10**6, 32.0, 20.0)
    same = Proof((8, 12), "halo", 2, 0.0, 0.0, 0, None, None)
    save_seams([Proved(wrong, error), Proved(same, np.zeros((12, 16)))], "m", tmp_path / "seams.svg")
    drawn = (tmp_path / "seams.svg").read_text()
    assert drawn.count("<image") >= 2
    with pytest.raises(InputError, match=r"plots are not written as \.txt"):
        save_seams([Proved(wrong, error)], "m", tmp_path / "seams.txt")
