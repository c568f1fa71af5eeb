"""The published rows: what the paper on SESR prints for a 4 TOP/s Ethos-N78, beside the model."""

from __future__ import annotations

from npusim.bind import bind
from npusim.options import Options
from npusim.profiles.load import load
from npusim.targets.ethos_n import plan
from npusim.validation import tables
from npusim.validation.statistics import Group, Point
from npusim.zoo import build

PROFILE, VARIANT = "ethos-n78", "4TOPS_4PLE"
# As the paper says: half of the intermediate traffic saved; its networks are quantised alike throughout.
OPTIONS = Options(activation_compression=0.5, equal_scales=True)


def compare_published() -> tuple[Group, ...]:
    """Latency and DRAM traffic of each row, a group a row and quantity: no two rows are averaged."""
    hardware = load(PROFILE, tables.profile_variant(VARIANT))
    found = []
    for row in tables.published():
        graph = bind(build(row["network"]), size=(int(row["width"]), int(row["height"])))
        made = plan(graph, hardware, OPTIONS)
        name = f"{row['network']} {row['width']}x{row['height']}"
        moved = sum(count for each in made.passes for count in each.cost.traffic.values())
        for quantity, stated, value in (
            ("latency_ms", row["runtime_ms"], made.cycles / hardware.clock_hz * 1e3),
            ("dram_mb", row["dram_mb"], moved / 1e6),
        ):
            if stated:
                found.append(Group("published", VARIANT, name, quantity, (Point(name, float(stated), value),)))
    return tuple(found)
