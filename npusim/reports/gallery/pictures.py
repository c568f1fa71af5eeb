"""The pictures of the gallery: what each is computed from, and what draws it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from npusim import __version__
from npusim.bind import bind
from npusim.compare.claims import check_claims
from npusim.estimate import estimate
from npusim.frontends.load import load
from npusim.frontier import FULL_HD, Frontier, frontier, turned
from npusim.profiles.load import load as load_profile
from npusim.reports import frontier as frontier_report
from npusim.reports import roofline as roofline_report
from npusim.reports import tiling as tiling_report
from npusim.reports.comparison import claim_rows
from npusim.result import Estimate
from npusim.tiling.answer import Asked, Study, default_sizes, study
from npusim.tiling.policies import policy
from npusim.tiling.study import Costs
from npusim.units import format_share
from npusim.validation import VARIANTS, AccuracyReport
from npusim.validation import accuracy as compare_with_tables
from npusim.zoo import build

Row = Mapping[str, Any]

PROFILE = "ethos-n78"
# As the paper has its networks on the NPU: half of the traffic between layers saved, one quantisation throughout.
AS_PAPER: dict[str, Any] = {"activation_compression": 0.5, "equal_scales": True}
PLANNED = (
    "sesr-m5-x2-hw", "sesr-xl-x2-hw", "sesr-m5-x4-hw", "fsrcnn-x2-hw", "espcn-x2", "tpsr-nogan-x2", "srcnn-955-x2",
    "vdsr-x2", "quicksrnet-large-x2", "abpn-x2",
)  # fmt: skip
PLANNED_ON = "1tops-4ple"  # the least SRAM that the vendor plans for, where a plan matters most


class Picture(msgspec.Struct, frozen=True):
    """A picture: the rows behind it, and what draws them to a file."""

    rows: tuple[Row, ...]
    draw: Callable[[Path], None]


# --- the pictures


def quality_against_macs(scale: int) -> Picture:
    """The paper's figure: PSNR on Set14 against MACs to 1280x720 pixels."""
    return _frontier(frontier(load_profile(PROFILE), scale=scale))


def quality_against(cost: str) -> Picture:
    """The same networks against what the Ethos-N78 makes of them, at 1080p."""
    return _frontier(turned(_on_npu(), cost))


@cache
def _on_npu() -> Frontier:
    return frontier(load_profile(PROFILE), against="latency", hardware_form=True, options=AS_PAPER)


def _frontier(found: Frontier) -> Picture:
    from npusim.reports.plots import save_frontier  # noqa: PLC0415 - data are checked without drawing

    return Picture(tuple(frontier_report.rows(found)), lambda path: save_frontier(found, path))


def theory_and_estimate() -> Picture:
    """Frames a second as MACs alone promise them, and as estimated."""
    rows: list[dict[str, Any]] = [
        {
            "network": each.network, "theoretical_fps": each.costs.theoretical_fps,
            "estimated_fps": 1 / each.costs.latency_s, "off_npu_share": each.costs.off_npu_share,
        }
        for each in _on_npu().points
        if each.costs.theoretical_fps and each.costs.latency_s
    ]  # fmt: skip
    said = [format_share(row["estimated_fps"] / row["theoretical_fps"]) for row in rows]
    return Picture(
        tuple(rows),
        lambda path: _draw_pairs(
            path, [(r["network"], r["theoretical_fps"], r["estimated_fps"]) for r in rows], said,
            title="What MACs promise and what is attained, x2 at 1080p on 4 TOP/s",
            first="theoretical: dense MACs at the array's peak", second="estimated", unit="frames a second",
            mark=(60.0, "60 frames/s"),
            footnote=_footnote(
                "at the right: the estimate's share of the theory; above 100 % where Winograd needs fewer products"
            ),
        ),
    )  # fmt: skip


def under_roofline(profile: str, networks: Sequence[str], size: tuple[int, int], options: Mapping[str, Any]) -> Picture:
    """Layers and networks under the ceilings of a profile."""
    from npusim.reports.plots import save_roofline  # noqa: PLC0415 - as above

    hardware = load_profile(profile)
    results = [estimate(load(name, size=size), hardware, **options) for name in networks]
    found = roofline_report.roofline(hardware, results)
    return Picture(tuple(roofline_report.rows(found)), lambda path: save_roofline(found, path))


def time_of_layers(network: str) -> Picture:
    """Each layer's time and what limits it."""
    from npusim.reports.plots import save_times  # noqa: PLC0415 - as above

    found = _estimated(network)
    rows = tuple(
        {"layer": row.name, "op": row.op, "cycles": row.cycles, "bound_by": row.bound_by} for row in found.layers
    )
    return Picture(rows, lambda path: save_times(found, path))


def planners() -> Picture:
    """What the vendor's planner leaves on the table: the best legal plan beside it, nothing saved by compression."""
    rows: list[dict[str, Any]] = []
    for network in PLANNED:
        graph = load(network, size=FULL_HD)
        vendor, best = (estimate(graph, PROFILE, variant=PLANNED_ON, planner=each) for each in ("vendor", "best"))
        rows.append({
            "network": network, "vendor_latency_s": vendor.latency_s, "best_latency_s": best.latency_s,
            "vendor_dram_bytes": vendor.dram_bytes, "best_dram_bytes": best.dram_bytes,
        })  # fmt: skip
    rows.sort(key=lambda row: float(row["best_latency_s"] / row["vendor_latency_s"]))
    shares = [100 * row["best_latency_s"] / row["vendor_latency_s"] for row in rows]
    said = [f"{row['vendor_latency_s'] * 1e3:,.1f} to {row['best_latency_s'] * 1e3:,.1f} ms" for row in rows]
    return Picture(
        tuple(rows),
        lambda path: _draw_pairs(
            path, [(row["network"], 100.0, share) for row, share in zip(rows, shares, strict=True)], said,
            title="The best legal plan beside the vendor's, 1080p on 1 TOP/s", first="planner vendor",
            second="planner best", unit="time [% of the vendor's]", log=False,
            footnote=f"npusim {__version__}, {PROFILE} {PLANNED_ON}, input 1920x1080, no activation compression",
        ),
    )  # fmt: skip


def search_of_tiles() -> Picture:
    """Every tile size of a 1080p frame with the halo that keeps it exact, nothing saved by compression."""
    least = (48, 40)  # smaller tiles are mostly halo
    found = tiled(Asked((), (), default_sizes(FULL_HD, least)))
    rows = [
        {
            key: row[key]
            for key in ("kind", "tile_width", "tile_height", "policy", "latency_s", "recompute", "estimated")
        }
        for row in tiling_report.rows(found)
    ]
    return Picture(tuple(rows), lambda path: _draw_tiles(found, path))


def policies_of_tiles() -> Picture:
    """The paper's tile among others, counted by area as the paper does, and with what tiles really take."""
    tiles = ((240, 135), (320, 180), (400, 300), (480, 270), (640, 360), (960, 540))
    found = tiled(Asked(tiles, tuple(policy(name) for name in ("area", "grid", "halo"))))
    return Picture(tuple(tiling_report.rows(found)), lambda path: _draw_tiles(found, path))


def tiled(asked: Asked) -> Study:
    """Those tilings of a 1080p frame of SESR-M5 on the Ethos-N78."""
    model = build("sesr-m5-x2-hw")
    options = {"equal_scales": True}
    costs = Costs(lambda size, batch: bind(model, size=size, batch=batch), load_profile(PROFILE), options)
    return study(costs, FULL_HD, asked)


def _draw_tiles(found: Study, path: Path) -> None:
    from npusim.reports.plots.tiles import save_tilings  # noqa: PLC0415 - as above

    save_tilings(found, path)


def claims() -> Picture:
    """The ratios that the paper claims, beside npusim's."""
    checked = check_claims()
    found = [each for each in checked if each.value is not None and each.claim.stated is not None]
    pairs = [(each.claim.claim, each.claim.stated, each.value) for each in found]
    return Picture(
        tuple(claim_rows(checked)),
        lambda path: _draw_pairs(
            path, pairs, [each.verdict for each in found], title="The paper's ratios, recomputed", first="stated",
            second="npusim", unit="ratio", width=10.5,
            footnote=_footnote("formulas: npusim compare --paper-claims"),
        ),
    )  # fmt: skip


def accuracy(variants: Sequence[str] = VARIANTS, groups: Sequence[str] = ()) -> Picture:
    """Every compared network's estimate against the vendor's estimator."""
    from npusim.reports.plots import save_accuracy  # noqa: PLC0415 - as above

    found: AccuracyReport = compare_with_tables(variants, groups)
    rows = tuple(
        {
            "variant": group.variant, "group": group.group, "run": point.where, "reference_cycles": point.reference,
            "estimated_cycles": point.estimate,
        }
        for group in found.groups
        if group.of == "networks" and group.quantity == "cycles"
        for point in group.points
    )  # fmt: skip
    return Picture(rows, lambda path: save_accuracy(found, path))


PICTURES: Mapping[str, Callable[[], Picture]] = {
    "psnr-macs-x2": lambda: quality_against_macs(2),
    "psnr-macs-x4": lambda: quality_against_macs(4),
    "psnr-theoretical-fps": lambda: quality_against("theoretical-fps"),
    "psnr-latency": lambda: quality_against("latency"),
    "psnr-dram": lambda: quality_against("dram"),
    "fps-theory-estimate": theory_and_estimate,
    "roofline-ethos-n78": lambda: under_roofline(PROFILE, ("sesr-m5-x2-hw", "fsrcnn-x2-hw"), FULL_HD, AS_PAPER),
    "roofline-ethos-u65": lambda: under_roofline(
        "ethos-u65", ("sesr-m5-x2-hw", "sesr-m11-x2-hw", "fsrcnn-x2-hw"), (640, 360), {}
    ),
    "times-sesr-m5": lambda: time_of_layers("sesr-m5-x2-hw"),
    "times-fsrcnn": lambda: time_of_layers("fsrcnn-x2-hw"),
    "tiles-search": search_of_tiles,
    "tiles-policies": policies_of_tiles,
    "planners": planners,
    "claims": claims,
    "accuracy": accuracy,
}


@cache
def _estimated(network: str) -> Estimate:
    return estimate(load(network, size=FULL_HD), PROFILE, **AS_PAPER)


def _footnote(said: str) -> str:
    return f"npusim {__version__}, ethos-n78 4tops-4ple, half of the traffic between layers saved, equal scales\n{said}"


def _draw_pairs(
    path: Path,
    values: Sequence[tuple[str, Any, Any]],
    said: Sequence[str],
    *,
    title: str,
    footnote: str,
    width: float = 8.0,
    **more: Any,
) -> None:
    from npusim.reports.plots.pairs import Pair, pairs  # noqa: PLC0415 - as above
    from npusim.reports.plots.style import canvas, save  # noqa: PLC0415 - as above

    found = [Pair(*each, text) for each, text in zip(values, said, strict=True)]
    with canvas(width, 1.9 + 0.3 * len(found), footnote) as (figure, axes):
        pairs(found, axes, **more)
        axes.set_title(title, loc="left", pad=26)
        save(figure, path)
