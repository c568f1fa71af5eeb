"""docs/slower-with-more.md against the model: rows of it, and networks that it leaves out."""

from __future__ import annotations

from pathlib import Path

import pytest

import npusim
from npusim.ir import Graph
from npusim.profiles.load import load
from npusim.validation import networks, tables

PAGE = (Path(npusim.__file__).parent.parent / "docs" / "slower-with-more.md").read_text()
WAYS = ("sram=1280KiB", "sram=1536KiB", "sram=2MiB", "dram=32B/cycle", "macs=4096", "")
ROWS = {
    cells[0]: cells[1:]
    for cells in ([cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if "|" in line)
}


def graph_and_scales(name: str) -> tuple[Graph, bool | None]:
    found = tables.networks().get(name)
    if found is None:
        return npusim.load(name, size=(640, 360)), True
    return networks.graph_of(name, found["layers"]), networks.equal_scales(found["layers"])


@pytest.mark.parametrize("name", ["rfdn-x4", "sesr-m5-x4", "resnet18", "conv7mp3_112x112_64_64", "sesr-m5-x2", "vgg16"])
def test_a_network_gets_slower_as_the_page_says(name: str) -> None:
    graph, equal = graph_and_scales(name)
    base = npusim.estimate(graph, equal_scales=equal).totals.latency_s
    shown = ROWS.get(name, [""] * len(WAYS))
    for way, cell in zip(WAYS, shown, strict=True):
        settings = dict([way.split("=")]) if way else {}
        hardware = load("ethos-n78", None, settings)
        saving = 0.0 if way else 0.5
        now = npusim.estimate(graph, hardware, equal_scales=equal, activation_compression=saving).totals.latency_s
        told = f"+{now / base - 1:.1%}" if now / base - 1 >= 0.0005 else "<+0.1%" if now > base * (1 + 1e-6) else ""
        assert told == cell, way
