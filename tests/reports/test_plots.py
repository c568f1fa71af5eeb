"""Plots take and return axes, have units, hollow marks for what is recalled, and use no state of pyplot."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from made_results import layer, result

import npusim
from npusim.errors import InputError
from npusim.frontier import Added, frontier
from npusim.profiles.load import load
from npusim.reports import plots
from npusim.reports.plots.frontier import footnote
from npusim.reports.plots.labels import Box
from npusim.reports.plots.style import canvas, check_ending, save
from npusim.reports.roofline import roofline

HARDWARE = load("ethos-n78")


def hollow(collection: object) -> bool:
    """Whether the marks are white inside and coloured outside."""
    faces, edges = collection.get_facecolors(), collection.get_edgecolors()  # type: ignore[attr-defined]
    return bool(np.allclose(faces[0], 1.0) and not np.allclose(edges[0], 1.0))


def overlapping(axes: object) -> list[tuple[str, str]]:
    """Texts of the axes whose boxes overlap, pair by pair."""
    texts = [text for text in axes.texts if text.get_text()]  # type: ignore[attr-defined]
    boxes = [Box(*text.get_window_extent().extents) for text in texts]
    return [
        (texts[at].get_text(), texts[other].get_text())
        for at in range(len(boxes))
        for other in range(at + 1, len(boxes))
        if boxes[at].overlaps(boxes[other])
    ]


@pytest.mark.parametrize("dataset", ["Set14", "Set5", "Manga109"])
@pytest.mark.parametrize("scale", [2, 4])
def test_frontier(dataset: str, scale: int) -> None:
    found = frontier(HARDWARE, dataset=dataset, scale=scale, added=[Added("mine", 30.0, f"sesr-m5-x{scale}")])
    with canvas(8, 5.2, footnote(found)) as (_, axes):
        assert plots.frontier(found, axes) is axes
        assert axes.get_xlabel() == "MACs [G]"
        assert axes.get_ylabel() == f"PSNR on {dataset} x{scale} [dB]"
        marks = [each for each in axes.collections if len(each.get_offsets())]
        drawn = sum(len(each.get_offsets()) for each in marks)
        assert drawn == len(found.points)
        assert sum(len(each.get_offsets()) for each in marks if hollow(each)) == sum(p.recalled for p in found.points)
        names = {text.get_text() for text in axes.texts}
        assert names == {point.name for point in found.points}
        assert overlapping(axes) == []
    assert ("hollow" in footnote(found)) == any(point.recalled for point in found.points)


def test_a_frontier_of_nothing_is_drawn_empty() -> None:
    found = frontier(HARDWARE, dataset="Manga109", scale=3, regime="large")
    assert found.points == ()
    with canvas(4, 3) as (_, axes):
        assert plots.frontier(found, axes) is axes
        assert axes.collections == [] or not any(len(each.get_offsets()) for each in axes.collections)


@pytest.mark.parametrize("profile", ["ethos-n78", "ethos-u65", "nvdla"])
def test_roofline(profile: str) -> None:
    hardware = npusim.profile(profile)
    names = ("sesr-m5-x2-hw", "fsrcnn-x2-hw", "carn-x2")
    results = [npusim.estimate(npusim.load(name, size=(320, 180)), hardware) for name in names]
    found = roofline(hardware, results)
    with canvas(8, 5.6) as (_, axes):
        assert plots.roofline(found, axes) is axes
        assert axes.get_xscale() == axes.get_yscale() == "log"
        assert axes.get_ylabel() == "attained [GMAC/s]"
        assert "[MAC for each byte of DRAM traffic]" in axes.get_xlabel()
        spots = sum(len(each.layers) + (each.network is not None) for each in found.placed)
        assert sum(len(each.get_offsets()) for each in axes.collections) == spots
        said = " ".join(text.get_text() for text in axes.texts)
        assert all(each.name in said for each in found.ceilings)
        assert all(name in said for name in names)
        left, right = axes.get_xlim()
        low, high = axes.get_ylim()
        for each in axes.collections:
            for x, y in each.get_offsets():
                assert left < x < right
                assert low < y < high
        named = [pair for pair in overlapping(axes) if not any("GB/s" in text for text in pair)]
        assert named == []


def test_times_of_many_layers() -> None:
    made = result(*(layer(f"l{at}", 1000.0 + at) for at in range(40)), layer("free", 0.0))
    with canvas(6, 9) as (_, axes):
        assert plots.times(made, axes) is axes
        labels = [text.get_text() for text in axes.get_yticklabels()]
        # The 30 slowest in their order; the other ten and the one that takes no time together.
        assert labels == [*(f"l{at}" for at in range(10, 40)), "11 others"]
        lengths = [bar.get_width() for bar in axes.patches]
        assert sum(lengths) == pytest.approx(made.latency_s * 1e3)
        assert axes.get_xlabel() == "time [ms]"


def test_pairs() -> None:
    found = [plots.Pair("a", 10.0, 20.0, "half"), plots.Pair("b", 30.0, 5.0)]
    with canvas(6, 3) as (_, axes):
        assert plots.pairs(found, axes, first="before", second="after", unit="ms", mark=(15.0, "goal")) is axes
        assert [text.get_text() for text in axes.get_yticklabels()] == ["a", "b"]
        assert axes.get_xlabel() == "ms"
        points = [tuple(map(float, point)) for each in axes.collections[-2:] for point in each.get_offsets()]
        assert points == [(10, 0), (30, 1), (20, 0), (5, 1)]


@pytest.mark.parametrize("name", ["a.png", "a.svg", "a.pdf"])
def test_files_are_the_same_each_time(tmp_path: Path, name: str) -> None:
    made = result(layer("a"), layer("b", 2000.0, bound_by="vector"))
    plots.save_times(made, tmp_path / name)
    plots.save_times(made, tmp_path / f"again-{name}")
    assert (tmp_path / name).read_bytes() == (tmp_path / f"again-{name}").read_bytes()


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"not written as \.xyz.*\[bad-option\]"):
        check_ending(tmp_path / "a.xyz")
    with canvas(2, 2) as (figure, _), pytest.raises(InputError, match=r"\[unwritable\]"):
        save(figure, tmp_path / "none" / "a.png")


def test_pyplot_is_never_imported() -> None:
    code = (
        "import sys; from npusim.reports.plots.style import canvas, save; from npusim.reports import plots\n"
        "with canvas(2, 2) as (figure, axes): figure.draw_without_rendering()\n"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
