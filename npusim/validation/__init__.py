"""The model against published rows and reference tables: pass by pass with the reference's plan, network by network.

The reference is the vendor's public estimator (validation/ethos-n/README.md); no silicon was measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from npusim.options import Options
from npusim.profiles.load import load
from npusim.targets.ethos_n import plan
from npusim.targets.ethos_n.hardware import machine
from npusim.validation import networks, published, tables
from npusim.validation import passes as single
from npusim.validation.published import compare_published
from npusim.validation.statistics import Check, Group, Point, checks

__all__ = [
    "VARIANTS",
    "AccuracyReport",
    "Check",
    "Group",
    "Point",
    "accuracy",
    "compare_networks",
    "compare_passes",
    "compare_published",
]

PROFILE = "ethos-n78"
VARIANTS = ("4TOPS_4PLE", "8TOPS_2PLE", "4TOPS_2PLE", "1TOPS_4PLE")  # those that the vendor's estimator plans
TOTALS = {
    "cycles": "metric_cycles",
    "dram_bytes": "dram_bytes_total",
}  # quantities of networks, and the tables' columns

Progress = Callable[[int, int], None]  # runs compared, runs in all


class AccuracyReport(msgspec.Struct, frozen=True):
    """What a comparison found.

    Attributes:
        groups: the differences by table, variant, group of networks and quantity.
        checks: the bounds of validation/bounds.toml on them.
        left_out: runs that were not compared, by reason.
    """

    groups: tuple[Group, ...]
    checks: tuple[Check, ...]
    left_out: dict[str, int]

    @property
    def holds(self) -> bool:
        """Whether every bound is kept."""
        return all(check.holds for check in self.checks)


def accuracy(
    variants: Sequence[str] = VARIANTS, groups: Sequence[str] = (), *, progress: Progress | None = None
) -> AccuracyReport:
    """Compares the model with the tables.

    Args:
        variants: of the hardware, as the tables name them. groups: of networks (paper, sr, micro, cls); all by default.
        progress: called after each run of a network.
    """
    found, left_out = compare_networks(variants, groups, progress=progress)
    printed = compare_published() if published.VARIANT in variants and not groups else ()
    every = (*printed, *compare_passes(variants, groups), *found)
    return AccuracyReport(every, checks(every, tables.bounds()), left_out)


def compare_passes(variants: Sequence[str] = VARIANTS, groups: Sequence[str] = ()) -> tuple[Group, ...]:
    """The costs of single passes, given the reference's plan, of all runs that it completed."""
    good = {_run(row) for row in tables.runs() if row["status"] == "ok"}
    rows = [row for row in tables.passes() if row["variant"] in variants and _run(row) in good]
    rows = [row for row in rows if not groups or row["group"] in groups]
    found = []
    for key, some in _by(rows, lambda row: (row["variant"], row["group"], row["act_saving"])).items():
        hardware = machine(load(PROFILE, tables.profile_variant(key[0])))
        wanted, got = single.reference(some), single.estimated(hardware, float(key[2]), some)
        for quantity in single.QUANTITIES:
            points = [
                Point(f"{row['network']} pass {row['pass_index']}", float(a), float(b))
                for row, a, b in zip(some, wanted[quantity], got[quantity], strict=True)
            ]
            found.append(Group("passes", key[0], key[1], quantity, tuple(points)))
    return tuple(found)


def compare_networks(
    variants: Sequence[str] = VARIANTS, groups: Sequence[str] = (), *, progress: Progress | None = None
) -> tuple[tuple[Group, ...], dict[str, int]]:
    """Totals of networks with npusim's own plan, ``vendor`` and ``as_vendor``; and why the other runs are left out."""
    known = tables.networks()
    rows, left_out = _compared(known, variants, groups)
    points: dict[tuple[str, str, str, str], list[Point]] = {}
    for done, row in enumerate(rows, 1):
        layers = known[row["network"]]["layers"]
        zeros = None if row["weight_override"] == "none" else float(row["weight_override"])
        draw = zeros is not None or networks.draws_weights(layers)
        options = Options(
            activation_compression=float(row["act_saving"]),
            equal_scales=networks.equal_scales(layers),
            as_vendor=True,
            encode_weights=draw,
        )
        graph = networks.graph_of(row["network"], layers, draw=draw, zeros=zeros)
        found = plan(graph, load(PROFILE, tables.profile_variant(row["variant"])), options)
        traffic = sum(count for each in found.passes for count in each.cost.traffic.values())
        where = f"{row['network']} saving {row['act_saving']}" + ("" if zeros is None else f" zeros {zeros:g}")
        for quantity, value in (("cycles", found.cycles), ("dram_bytes", float(traffic))):
            key = ("drawn" if draw else "networks", row["variant"], row["group"], quantity)
            points.setdefault(key, []).append(Point(where, float(row[TOTALS[quantity]]), value))
        if progress is not None:
            progress(done, len(rows))
    return tuple(Group(*key, tuple(some)) for key, some in points.items()), left_out


def _compared(
    known: dict[str, dict[str, object]], variants: Sequence[str], groups: Sequence[str]
) -> tuple[list[tables.Row], dict[str, int]]:
    reasons = {name: networks.left_out(entry["layers"]) for name, entry in known.items()}  # type: ignore[arg-type]
    kept, left_out = [], dict[str, int]()
    for row in tables.runs():
        if row["variant"] not in variants or (groups and row["group"] not in groups):
            continue
        why = reasons[row["network"]]
        if row["status"] != "ok":
            why = f"the reference has no complete estimate ({row['status']})"
        if why:
            left_out[why] = left_out.get(why, 0) + 1
        else:
            kept.append(row)
    return kept, left_out


def _run(row: tables.Row) -> tuple[str, ...]:
    return row["network"], row["variant"], row["act_saving"], row["weight_override"]


def _by(
    rows: Iterable[tables.Row], key: Callable[[tables.Row], tuple[str, ...]]
) -> dict[tuple[str, ...], list[tables.Row]]:
    found: dict[tuple[str, ...], list[tables.Row]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return found
