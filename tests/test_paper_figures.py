"""The figures that docs/paper-figures.md prints are those of today's model, and lie where they are said to lie."""

from __future__ import annotations

from pathlib import Path

import pytest

import npusim
from npusim import validation
from npusim.result import Estimate

PAGE = Path(__file__).parents[1] / "docs" / "paper-figures.md"
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.read_text()
    .split("checked by tests/test_paper_figures.py -->")[1]
    .split("\n\n")[0]
    .splitlines()[3:]
]


def estimate(name: str, frame: str, target: str, **overrides: object) -> Estimate:
    width, height = map(int, frame.split("x"))
    profile = npusim.profile("ethos-n78", target=target, **overrides)  # type: ignore[arg-type]
    graph = npusim.load(name, size=(width, height))
    return npusim.estimate(graph, profile, activation_compression=0.5, equal_scales=True)


def test_all_rows_are_read() -> None:
    assert len(ROWS) == 5


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]} {row[1]}")
def test_row(row: list[str]) -> None:
    name, frame, published, own_ms, generic_ms, floor_ms, _, own_mb, generic_mb = row
    own, generic = estimate(name, frame, "ethos_n"), estimate(name, frame, "generic")
    assert [f"{found.latency_s * 1e3:.2f}" for found in (own, generic)] == [own_ms, generic_ms]
    assert [f"{found.dram_bytes / 1e6:.2f}" for found in (own, generic)] == [own_mb, generic_mb]
    assert f"{own.totals.roofline_latency_s * 1e3:.2f}" == floor_ms
    # Between the roofline and twice the published, through either target.
    for found in (own, generic):
        assert found.totals.roofline_latency_s * 1e3 <= found.latency_s * 1e3 <= 2 * float(published)


def test_published_columns_are_those_of_the_table() -> None:
    table = {
        f"{row['network']} {row['width']}x{row['height']}": (float(row["runtime_ms"]), row["dram_mb"])
        for row in validation.tables.published()
    }
    assert {f"{row[0]} {row[1]}": (float(row[2]), row[6]) for row in ROWS} == table


def test_dense_macs_to_the_printed_digit() -> None:
    for name, frame, digits in (
        ("fsrcnn-x2-hw", "1920x1080", "54"),
        ("sesr-m5-x2-hw", "1920x1080", "28"),
        ("sesr-m5-x4-hw", "1920x1080", "38"),
        ("sesr-m5-x2-hw", "400x300", "1.62"),
    ):
        decimals = len(digits.partition(".")[2])
        assert f"{estimate(name, frame, 'generic').macs_dense / 1e9:.{decimals}f}" == digits


def test_theoretical_fps_of_fsrcnn() -> None:
    found = estimate("fsrcnn-x2-hw", "1920x1080", "generic")
    assert f"{found.totals.theoretical_fps:.1f}" == "37.9"
    assert f"{2e12 / found.macs_dense:.1f}" == "37.0"  # with the paper's rounded peak of 2 TMAC/s


def test_fsrcnn_upsampled_inside_the_engine_is_within_15_percent_of_the_published_time() -> None:
    found = estimate(
        "fsrcnn-x2-hw", "1920x1080", "ethos_n", mac_array__upsample_max_kernel=9, mac_array__winograd__upsampled=True
    )
    assert f"{found.latency_s * 1e3:.2f} | {found.dram_bytes / 1e6:.2f}" in PAGE.read_text()
    assert found.latency_s * 1e3 == pytest.approx(167.38, rel=0.15)
