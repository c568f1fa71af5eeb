"""Where the vendor's planner gets slower when the hardware gets better: writes docs/slower-with-more.md, in minutes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import npusim
from npusim.errors import EstimateError
from npusim.ir import Graph
from npusim.options import Options
from npusim.profiles.load import load
from npusim.targets.ethos_n import plan
from npusim.validation import networks, tables
from npusim.zoo import names

PAGE = Path(__file__).parent.parent / "docs" / "slower-with-more.md"
FRAME = (640, 360)
ROUNDING = 1e-6  # relative; smaller differences are none
WAYS: dict[str, dict[str, str]] = {
    "1.25 times the SRAM": {"sram": "1280KiB"},
    "1.5 times": {"sram": "1536KiB"},
    "twice": {"sram": "2MiB"},
    "twice the DRAM bandwidth": {"dram": "32B/cycle"},
    "twice the MACs": {"macs": "4096"},
}
SAVED = "half the traffic saved"
TEXT = """# Where the vendor's planner gets slower with more

More bandwidth, more SRAM or a faster clock never makes the `best` planner slower. The `vendor` planner may become
slower: it chooses as if formats could always be had, and pays for conversions, or for a format that is charged chunk by
chunk, when it is too late. `npusim explain` shows such a change as a negative gain, and `--planner best` avoids it.

Below is every network that gets slower when the hardware (4 TOP/s, 1 MiB of SRAM, 16 bytes of DRAM a cycle) gets better
or traffic is saved, and by how much; an empty cell is a change that does not make it slower.
`python bench/slower_with_more.py` makes this page.
"""


def cycles(graph: Graph, settings: dict[str, str], equal: bool | None, saving: float = 0.0) -> float | None:
    """Cycles with the vendor's plan; None where it finds none."""
    options = Options(equal_scales=equal, activation_compression=saving)
    try:
        return plan(graph, load("ethos-n78", None, settings), options).cycles
    except EstimateError:
        return None


def slower(graph: Graph, equal: bool | None) -> dict[str, float]:
    """By how much, as a share, by way, where it gets slower."""
    base = cycles(graph, {}, equal)
    if base is None:
        return {}
    changed = {way: cycles(graph, settings, equal) for way, settings in WAYS.items()}
    changed[SAVED] = cycles(graph, {}, equal, 0.5)
    return {way: value / base - 1 for way, value in changed.items() if value and value > base * (1 + ROUNDING)}


def zoo() -> Iterator[tuple[str, dict[str, float]]]:
    for name in names():
        yield name, slower(npusim.load(name, size=FRAME), True)


def reference() -> Iterator[tuple[str, dict[str, float]]]:
    for name, entry in tables.networks().items():
        layers = entry["layers"]
        if not networks.left_out(layers):
            yield name, slower(networks.graph_of(name, layers), networks.equal_scales(layers))


def share(value: float) -> str:
    return f"+{value:.1%}" if value >= 0.0005 else "<+0.1%"


def table(found: dict[str, dict[str, float]]) -> Iterator[str]:
    ways = [*WAYS, SAVED]
    yield f"| network | {' | '.join(ways)} |"
    yield f"|---|{'---:|' * len(ways)}"
    for name, changes in found.items():
        if changes:
            yield f"| {name} | {' | '.join(share(changes[way]) if way in changes else '' for way in ways)} |"


def part(title: str, about: str, found: dict[str, dict[str, float]]) -> str:
    hit = sum(map(bool, found.values()))
    return f"\n## {title}\n\n{about} {hit} of {len(found)} get slower in some way.\n\n" + "\n".join(table(found)) + "\n"


def main() -> None:
    text = TEXT + part("Networks of the zoo", "Input of 640x360, one quantisation for all tensors.", dict(zoo()))
    about = "As the tables of `npusim accuracy` give them; most are single layers. Additions rescale where they say so."
    PAGE.write_text(text + part("The reference's networks", about, dict(reference())))


if __name__ == "__main__":
    main()
