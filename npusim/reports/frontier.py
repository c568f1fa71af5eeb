"""What ``npusim frontier`` prints: networks by cost, the front among them, and what is not drawn and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from npusim.frontier import Frontier, Listed
from npusim.frontier.costs import Costs
from npusim.frontier.quality import RECALLED
from npusim.reports.blocks import Block, Column, Heading, Lines, Table
from npusim.reports.facts import options
from npusim.reports.numbers import NOTHING, factor
from npusim.reports.words import clean, short
from npusim.units import format_share

QUALITY = {"psnr": ("PSNR", "dB"), "ssim": ("SSIM", "1")}


def title(found: Frontier) -> str:
    """``PSNR on Set14 x2 against latency on ethos-n78 4tops-4ple``."""
    where = f" on {short(found.profile)} {short(found.variant)}".rstrip() if found.profile else ""
    return f"{QUALITY[found.measure][0]} on {found.dataset} x{found.scale} against {found.axis.title}{where}"


def page(found: Frontier) -> Iterator[Block]:
    """The points in order of cost, the front, and the rows that are not drawn."""
    yield Heading(title(found))
    yield Lines(tuple(_setting(found)))
    if found.points:
        yield _points(found)
        yield Lines(tuple(_remarks(found)))
    else:
        yield Lines(("No network is left to draw.",))
    doubtful = [f"{short(each.name)} {_quality(each.quality, found)}" for each in found.points if each.recalled]
    if doubtful:
        yield Heading("Recalled, to be confirmed, and drawn hollow")
        yield Lines((f"{', '.join(doubtful)}.",))
    if found.listed:
        yield Heading(f"Not drawn: {len(found.listed)} rows")
        yield Lines(tuple(_left_out(found)), points=True)


def _setting(found: Frontier) -> Iterator[str]:
    width, height = found.frame
    yield (
        f"{f'{found.regime} networks, ' if found.regime else ''}input {width}x{height}, output "
        f"{width * found.scale}x{height * found.scale}"
    )
    yield (
        f"{QUALITY[found.measure][0]}: as published, see models/quality.csv; MACs: dense, a transposed convolution "
        "counts at its output, as in papers"
    )
    if found.options is not None:
        yield options(found.options)
    if found.overrides:
        yield "set: " + ", ".join(f"{short(key)}={short(value)}" for key, value in found.overrides.items())


def _points(found: Frontier) -> Table:
    costs = [each.costs for each in found.points]
    columns = [
        Column("", rank=0), Column("network", least=10), Column(*QUALITY[found.measure], right=True),
        Column("MACs", "G", right=True, rank=2), Column("params", "k", right=True, rank=1),
    ]  # fmt: skip
    cells = [
        [
            "*" if each.on_front else "", short(each.name), _quality(each.quality, found),
            factor(each.costs.macs_dense / 1e9), factor(each.costs.params / 1e3),
        ]
        for each in found.points
    ]  # fmt: skip
    if found.axis.estimated:
        columns += [
            Column("time", "ms", right=True), Column("DRAM", "MB", right=True),
            Column("theoretical", "frames/s", right=True, rank=3), Column("off NPU", "of the time", right=True, rank=4),
        ]  # fmt: skip
        for row, each in zip(cells, costs, strict=True):
            row += [
                factor((each.latency_s or 0.0) * 1e3), factor((each.dram_bytes or 0) / 1e6),
                NOTHING if each.theoretical_fps is None else factor(each.theoretical_fps),
                format_share(each.off_npu_share) if each.off_npu else "",
            ]  # fmt: skip
    columns += [Column("confidence", least=12, rank=5), Column("quality from", least=12, rank=12)]
    for row, point in zip(cells, found.points, strict=True):
        row += [clean(point.confidence), clean(point.source)]
    return Table(tuple(columns), tuple(map(tuple, cells)))


def _remarks(found: Frontier) -> Iterator[str]:
    yield f"* The Pareto front, the cheapest first: {', '.join(short(each.name) for each in found.front)}."
    if any(each.costs.off_npu for each in found.points):
        yield "Off NPU: layers that the hardware cannot run as such, at the rates that the profile gives for those."
    for code in sorted({code for each in found.points for code in each.costs.warnings}):
        names = ", ".join(short(each.name) for each in found.points if code in each.costs.warnings)
        yield f"The estimate warns [{code}], see npusim estimate: {names}."
    least = [short(each.name) for each in found.points if each.costs.partial]
    if least:
        yield f"The costs are at least these, since an operator is not known: {', '.join(least)}."


def _quality(value: float | None, found: Frontier) -> str:
    return NOTHING if value is None else f"{value:.2f}" if found.measure == "psnr" else f"{value:.4f}"


def _left_out(found: Frontier) -> Iterator[str]:
    """The rows by the reason why they are not drawn."""
    groups: dict[str, list[str]] = {}
    for each in found.listed:
        groups.setdefault(each.why, []).append(_left(each, found))
    for why, names in groups.items():
        yield f"{clean(why)}: {', '.join(names)}"


def _left(each: Listed, found: Frontier) -> str:
    """A row by its name, quality and the MACs that its source gives, and a mark where it is recalled."""
    macs = f", {each.macs_g} G" if each.macs_g else ""
    doubt = ", recalled" if each.confidence == RECALLED else ""
    return f"{clean(each.model)} ({_quality(each.quality, found)}{macs}{doubt})"


def rows(found: Frontier) -> list[Mapping[str, Any]]:
    """A row a published row, drawn or not, and a network of the user's; exact numbers, None for what is not known."""
    quality = "psnr_db" if found.measure == "psnr" else "ssim"
    nothing: dict[str, Any] = dict.fromkeys(
        ("name", "network", quality, *Costs.__struct_fields__, "drawn", "on_front", "recalled", "yours",
         "why_not_drawn", "published_params_k", "published_macs_g", "source", "confidence")
    )  # fmt: skip
    drawn = [
        nothing | msgspec.to_builtins(each.costs) | {
            "warnings": ";".join(each.costs.warnings),
            "name": each.name, "network": each.network, quality: each.quality, "drawn": True,
            "on_front": each.on_front, "recalled": each.recalled, "yours": each.yours, "source": each.source,
            "confidence": each.confidence,
        }
        for each in found.points
    ]  # fmt: skip
    listed = [
        nothing | {
            "name": each.model, quality: each.quality, "drawn": False, "on_front": False,
            "recalled": each.confidence == RECALLED, "yours": False, "why_not_drawn": each.why,
            "published_params_k": each.params_k or None, "published_macs_g": each.macs_g or None,
            "source": each.source, "confidence": each.confidence,
        }
        for each in found.listed
    ]  # fmt: skip
    return [*drawn, *listed]


def plain(found: Frontier) -> dict[str, Any]:
    """The same in plain values."""
    axis = found.axis
    return {
        "dataset": found.dataset, "scale": found.scale, "quality": found.measure, "against": found.against,
        "regime": found.regime or None, "size": f"{found.frame[0]}x{found.frame[1]}",
        "profile": found.profile or None, "variant": found.variant or None, "overrides": dict(found.overrides),
        "options": msgspec.to_builtins(found.options), "cost_key": axis.key,
        "front": [each.name for each in found.front], "rows": rows(found),
    }  # fmt: skip
