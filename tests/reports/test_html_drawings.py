"""The drawings of the page: what is placed where, in numbers worked by hand, and that no label covers another."""

from __future__ import annotations

import re
from itertools import combinations
from math import log10
from pathlib import Path
from typing import Any

import msgspec
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_results import layer, result, unknown
from markupsafe import Markup

import npusim
from npusim.reports.html import bars, palette, roofline, svg, timeline
from npusim.reports.html.diagram import diagram
from npusim.reports.html.network import network
from npusim.result import Estimate


def attributes(drawing: Markup, pattern: str) -> list[dict[str, str]]:
    """The attributes of the elements that the pattern finds."""
    return [dict(re.findall(r'([\w-]+)="([^"]*)"', tag)) for tag in re.findall(pattern, str(drawing))]


def network_of(*rows: tuple[str, tuple[str, ...], tuple[str, ...]], **more: Any) -> Estimate:
    return result(*(layer(name, reads=reads, makes=makes) for name, reads, makes in rows), **more)


# --- parts


def test_elements_hold_text_not_markup() -> None:
    made = svg.tag("text", "<b>&", svg.tag("i", "x"), class_="a", stroke_width=1.5, d='"<', x=None)
    assert made == '<text class="a" stroke-width="1.5" d="&#34;&lt;">&lt;b&gt;&amp;<i>x</i></text>'


def test_steps_are_round() -> None:
    assert svg.steps(26.37, 8) == [0, 5, 10, 15, 20, 25]
    assert svg.steps(0.8, 8) == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
    assert svg.steps(0.0) == [0.0]
    assert svg.log_steps(0.05, 2000) == [0.1, 1, 10, 100, 1000]
    assert svg.log_steps(15, 600) == [20, 50, 100, 200, 500]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 400), st.floats(0, 200), st.text("ab", min_size=1, max_size=20)), max_size=30))
def test_labels_lie_beside_each_other_and_within_the_frame(points: list[tuple[float, float, str]]) -> None:
    frame, wall = svg.Box(0, 0, 400, 200), svg.Box(100, 0, 20, 200)
    wishes = [svg.Wish(x, y, said, 4) for x, y, said in points]
    boxes = [box for _, box in svg.place(wishes, [wall], frame, 11)]
    assert all(box.within(frame) and not box.meets(wall) for box in boxes)
    assert not any(one.meets(other) for one, other in combinations(boxes, 2))


def test_a_lone_label_finds_its_place() -> None:
    frame = svg.Box(0, 0, 400, 200)
    ((wish, box),) = svg.place([svg.Wish(200, 100, "name", 5)], [], frame, 10)
    assert (wish.said, box.x) == ("name", 209)
    assert svg.place([svg.Wish(200, 100, "name" * 40, 5)], [], frame, 10) == []


def contrast(one: str, other: str) -> float:
    """Of two colours, after WCAG 2.2."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        r, g, b = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", palette.COLOURS)
def test_each_resource_stands_out_from_the_page(name: str) -> None:
    """3 to 1 for what is not text: WCAG 2.2, 1.4.11. The sheets of the style file: white, and #1a1e22."""
    light, dark = palette.COLOURS[name]
    assert contrast(light, "#ffffff") >= 3
    assert contrast(dark, "#1a1e22") >= 3
    # Letters: 1.4.3.
    assert contrast(light, palette.letters(name, dark=False)) >= 4.5
    assert contrast(dark, palette.letters(name, dark=True)) >= 4.5


def test_every_resource_has_a_colour_that_is_declared() -> None:
    assert palette.css_class("dma_read") == palette.css_class("dma") == "r-read"
    assert palette.css_class("something_else") == "r-other"
    assert palette.ordered(["zeta", "dma_read", "mac"]) == ["mac", "dma_read", "zeta"]
    for name in palette.COLOURS:
        assert f".r-{name} {{ --c: var(--{name}); --on: var(--on-{name}); }}" in palette.rules()
        assert f"--{name}: {palette.COLOURS[name][1]};" in palette.variables(dark=True)


# --- the network


def test_conversions_belong_to_their_layer() -> None:
    found = result(
        layer("a", 100.0, reads=("x",), makes=("t",)),
        layer("b.convert", 900.0, op="Conversion", bound_by="dma_read"),
        layer("b", 200.0, reads=("t",), makes=("y",)),
    )
    nodes = {node.name: node for node in network(found).nodes if node.kind == "layer"}
    assert set(nodes) == {"a", "b"}
    assert (nodes["b"].passes, nodes["b"].cycles, nodes["b"].row, nodes["b"].resource) == (2, 1100.0, 1, "dma_read")


def test_a_layer_in_two_passes_is_one_box() -> None:
    """The pass that accounts for the layer has the suffix here, and the one before it the layer's name."""
    found = result(
        layer("pool", 300.0, op="Conversion"),
        layer("pool.y", 200.0, op="MaxPool", reads=("input",), makes=("output",)),
    )
    (node,) = (node for node in network(found).nodes if node.kind == "layer")
    assert (node.op, node.passes, node.cycles) == ("MaxPool", 2, 500.0)


def test_edges_follow_the_tensors() -> None:
    """input -> a -> b, a -> Foo, b and Foo -> c -> output; Foo is not costed."""
    foo = msgspec.structs.replace(unknown("foo"), reads=("t",), makes=("f",))
    found = network_of(
        ("a", ("input",), ("t",)), ("b", ("t",), ("u",)), ("c", ("u", "f"), ("output",)), unsupported=(foo,)
    )  # fmt: skip
    made = network(found)
    names = [node.name for node in made.nodes]
    edges = {(names[one], names[other]) for one, other in made.edges}
    assert edges == {("input", "a"), ("a", "b"), ("a", "foo"), ("b", "c"), ("foo", "c"), ("c", "output")}
    assert made.named
    assert all(one < other for one, other in made.edges)


def test_without_names_of_tensors_it_is_a_line() -> None:
    made = network(result(layer("a"), layer("b"), layer("c")))
    assert (made.named, made.edges) == (False, ((0, 1), (1, 2)))


def test_every_layer_of_a_real_network_has_a_box() -> None:
    model = Path(onnx.__file__).parent / "backend/test/data/light/light_inception_v1.onnx"
    found = npusim.estimate(npusim.load(model))
    net = network(found)
    drawing = diagram(found, net)
    links = attributes(drawing, "<a [^>]*>")
    layers = [node for node in net.nodes if node.kind == "layer"]
    assert [each["href"] for each in links] == [f"#layer-{node.row}" for node in layers]
    titles = re.findall("<a [^>]*><title>([^<]*)", str(drawing))
    assert all(title.startswith(f"{node.name}, {node.op}: ") for title, node in zip(titles, layers, strict=True))
    # Four branches an inception module, in lanes of their own.
    assert len({each["y"] for each in attributes(drawing, '<rect [^>]*class="box [^>]*>')}) > 3


def test_a_box_has_the_colour_of_its_limit() -> None:
    found = network_of(("a", ("input",), ("output",)))
    assert 'class="box r-mac"' in diagram(found, network(found))
    still = result(layer("a", 0.0, reads=("input",), makes=("output",)))
    assert 'class="box r-other"' in diagram(still, network(still))


# --- time


def test_the_strip_is_in_proportion() -> None:
    found = result(layer("a", 1000.0), layer("b", 0.0), layer("c", 3000.0, bound_by="vector"))
    drawing = timeline.timeline(found)
    assert drawing is not None
    a, c = attributes(drawing, '<rect [^>]*class="fill [^>]*>')
    whole = timeline.WIDTH - timeline.LEFT - timeline.RIGHT
    assert float(c["x"]) - timeline.LEFT == pytest.approx(whole / 4, abs=0.01)
    assert float(c["x"]) + float(c["width"]) == pytest.approx(timeline.WIDTH - timeline.RIGHT, abs=1.01)
    assert (a["class"], c["class"]) == ("fill r-mac", "fill r-vector")
    assert timeline.timeline(result(layer("a", 0.0))) is None


def test_memory_is_drawn_where_it_is_known() -> None:
    """At half of 1,024 B the line is at half of the height."""
    drawing = timeline.timeline(result(layer("a", sram_bytes=512)))
    assert drawing is not None
    (area,) = attributes(drawing, '<path [^>]*class="area"[^>]*>')
    bottom, held = (float(y) for y in re.findall(r"(?:M\S+ |V)([\d.]+)", area["d"])[:2])
    assert bottom - held == pytest.approx(timeline.SRAM / 2)
    assert 'class="area"' not in str(timeline.timeline(result(layer("a"))))


def test_thousands_of_passes_are_drawn_in_few_pieces() -> None:
    drawing = timeline.overview(result(*(layer(f"l{at}") for at in range(5000))))
    assert len(attributes(drawing, '<rect [^>]*class="fill [^>]*>')) < 2 * timeline.WIDTH


def test_bars_name_the_slowest_in_their_order() -> None:
    found = bars.slowest(result(*(layer(f"l{at}", float(100 + at % 40)) for at in range(40))))
    assert [bar.name for bar in found] == [*(f"l{at}" for at in range(10, 40)), "10 others together"]
    assert (found[29].per_cent, found[30].per_cent) == (100, 0)
    # 100 to 109 cycles, of 100 to 139
    assert found[30].share == f"{1045 / 4780 * 100:.1f} %"


# --- the roofline


def test_a_mark_stands_at_its_intensity_and_rate() -> None:
    """1,000 MACs for 60 B in 1,000 cycles of 1 ns: 16.7 MAC/B and 1 GMAC/s; the array does 64 GMAC/s."""
    found = roofline.roofline(result(layer("a"), layer("b", 4000.0, macs=60000, macs_dense=60000)))
    assert found is not None
    marks = {each["cx"]: each for each in attributes(found.drawing, "<circle [^>]*>")}
    b, a = marks.values()  # the longer first
    dx = (float(b["cx"]) - float(a["cx"])) / roofline.AREA.width
    dy = (float(a["cy"]) - float(b["cy"])) / roofline.AREA.height
    # The axes go from half of the ridge (64 / 24 MAC/B), the least, to the outermost mark, and ROOM beyond.
    room = 2 * log10(roofline.ROOM)
    assert dx == pytest.approx(log10(60) / (log10(1000 / (32 / 24)) + room), abs=1e-3)
    assert dy == pytest.approx(log10(15) / (log10(64) + room), abs=1e-3)
    assert "MAC array, direct: 64 GMAC/s" in found.drawing
    assert "DRAM 16 GB/s read + 8 GB/s write" in found.drawing


def test_what_the_roofline_cannot_show_is_said() -> None:
    rows = (
        layer("a"),
        layer("add", macs=0, macs_dense=0),
        layer("inside", traffic={"dram": {"ifm": 0, "ofm": 0, "weights": 0}}),
    )
    found = roofline.roofline(result(*rows))
    assert found is not None
    assert found.notes == (
        "Without MACs, and so not here: 1 pass with 33 % of the time.",
        "Without DRAM traffic, and so infinitely far to the right: 1 pass.",
    )
    assert roofline.roofline(result(rows[1])) is None


def test_a_shared_bus_has_one_rate() -> None:
    found = result(layer("a"))
    shared = msgspec.structs.replace(found.profile, dram_duplex=False, fast_macs_per_cycle=144.0)
    drawn = roofline.roofline(msgspec.structs.replace(found, profile=shared))
    assert drawn is not None
    assert "DRAM 16 GB/s<" in drawn.drawing
    assert "MAC array, Winograd: 144 GMAC/s" in drawn.drawing
