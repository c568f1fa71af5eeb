"""The page as a file: whole, alone, with every layer and every warning, and whatever a name holds as text."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import onnx
import pytest
from made_results import layer, notice, off, result, unknown

import npusim
from npusim.ir import Notice
from npusim.reports import Look, layers, render
from npusim.result import Estimate, ProfileInfo, read_result

VOID = {"meta", "input", "br"}
EVIL = """</script><script>alert(1)</script>"'&<img src=x onerror=alert(2)>"""


class Page(HTMLParser):
    """A page as elements and text; fails where a tag is closed that is not open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self.cells: list[list[str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append("")
        if tag == "tr":
            self.cells.append([])
        if tag in ("td", "th"):
            self.cells[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["script"]:
            self.scripts[-1] += data
            return
        if {"td", "th"} & set(self.open):
            self.cells[-1][-1] += data
        if data.strip() and "style" not in self.open:
            self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.elements if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def page(found: Estimate, look: Look | None = None) -> Page:
    return Page(render(found, "html", look))


@pytest.fixture(scope="module")
def resnet() -> Estimate:
    model = Path(onnx.__file__).parent / "backend/test/data/light/light_resnet50.onnx"
    return npusim.estimate(npusim.load(model))


def made() -> Estimate:
    rows = (
        layer("conv1", 1000.0, reads=("input",), makes=("a",), sram_bytes=100),
        layer("conv2", 3000.0, reads=("a",), makes=("output",), sram_bytes=900, bound_by="dma_read"),
    )
    return result(*rows)


def test_it_is_one_whole_document() -> None:
    text = render(made(), "html")
    found = Page(text)
    assert text.startswith("<!doctype html>")
    assert found.open == []
    for tag in ("html", "head", "body", "h1", "main", "header", "nav"):
        assert len(found.all(tag)) == 1
    ids = [attrs["id"] for _, attrs in found.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    links = {str(attrs["href"]) for attrs in found.all("a")}
    assert {link[1:] for link in links} <= set(ids)
    assert all(link.startswith("#") for link in links)
    named = {str(attrs["aria-labelledby"]) for _, attrs in found.elements if "aria-labelledby" in attrs}
    assert named <= set(ids)


def test_it_asks_for_nothing_else(resnet: Estimate) -> None:
    text = render(resnet, "html")
    for mark in ("http://", "https://", "//cdn", "url(", "@import", "<link", " src=", "<iframe", "<object", "fetch("):
        assert mark not in text
    assert all(set(attrs) <= {"id", "type", "data-resources"} for attrs in Page(text).all("script"))


def test_its_policy_allows_its_script_alone() -> None:
    found = page(made())
    data, script = found.scripts
    assert json.loads(data)["model"]["name"] == "net"
    policy = next(attrs["content"] for attrs in found.all("meta") if attrs.get("http-equiv"))
    allowed = b64encode(sha256(script.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{allowed}'"
    assert not any(name.startswith("on") for _, attrs in found.elements for name in attrs)


def test_it_carries_the_result(resnet: Estimate) -> None:
    assert read_result(page(resnet).scripts[0]) == resnet


def test_a_large_network_is_below_a_megabyte(resnet: Estimate) -> None:
    assert len(resnet.layers) > 70
    assert len(render(resnet, "html").encode()) < 1_000_000


def test_every_layer_with_the_numbers_of_the_other_reports(resnet: Estimate) -> None:
    table = layers.table(resnet, None)
    body = [cells for cells in page(resnet).cells if cells and cells[0].isdigit()]
    assert [cells[0] for cells in body] == [str(at + 1) for at in range(len(resnet.layers))]
    assert [cells[1] for cells in body] == [row.name for row in resnet.layers]
    assert [tuple(cells[1:]) for cells in body] == list(table.rows)


def test_each_column_is_explained() -> None:
    found = page(result(layer("a", macs_dense=2000)))
    heads = [attrs for attrs in found.all("th") if "data-key" in attrs]
    assert [attrs["data-key"] for attrs in heads][:3] == ["at", "name", "op"]
    assert "macs_dense" in [attrs["data-key"] for attrs in heads]
    assert all(attrs["title"] for attrs in heads)


def test_totals_in_words_and_figures() -> None:
    text = page(made()).text
    assert "4.000 us an inference, 250,000 frames/s" in text  # 1000 + 3000 cycles at 1 GHz
    assert "Limits: DRAM read for 75 % of the time and MAC array for 25 %." in text
    assert "DRAM traffic 120 B 80 B read, 40 B written" in text  # twice 10 + 30 read, 20 written
    assert "Lower bound 1.000 us roofline, bound by MAC array; the estimate is 4.00 times that" in text


def test_nothing_that_matters_is_hidden() -> None:
    found = result(
        layer("a"), off_npu=(off("soft", 250.0),), unsupported=(unknown("foo"),), totals={"lower_bound": True},
        warnings=tuple(notice("approximated-op", f"sentence {at}") for at in range(3)),
    )  # fmt: skip
    text = page(found).text
    assert "All totals are lower bounds: 1 layer has an operator that npusim does not know" in text
    assert "at least 1.000 us an inference, at most 1,000,000 frames/s" in text
    assert "1 x acme::Foo (foo) not costed: operator acme::Foo has no cost rule" in text
    assert "1 x Softmax (soft) 250.0 ns, 25 % of the time: the vector unit has no exponent" in text
    assert all(f"[approximated-op] sentence {at}" in text for at in range(3))


@pytest.mark.parametrize("name", [EVIL, "x" * 5000, "\u7573\u307f\u8fbc\u307f\u5c64" * 30, "\u202egnp.evil\x00"])
def test_names_are_text(name: str) -> None:
    rows = (layer(name, op=name, reads=(name,), makes=(f"{name}.out",), mapping={name: name}, fused=(name,)),)
    found = msgspec.structs.replace(
        result(*rows, unsupported=(unknown(f"{name}.u", name),), off_npu=(off(name, 5.0, name),)),
        warnings=(Notice("approximated-op", name),), command=f"npusim estimate {name}",
    )  # fmt: skip
    model = msgspec.structs.replace(found.model, name=name, inputs={name: (1, 3)}, outputs={f"{name}.out": (1, 4)})
    found = msgspec.structs.replace(found, model=model)
    shown = page(found, Look(against=(found,)))
    assert len(shown.all("script")) == len(shown.scripts) == 2
    assert not shown.all("img")
    assert shown.all("b") == page(result(layer("a"))).all("b")
    assert read_result(shown.scripts[0]) == found
    assert all(text.isprintable() or not text.strip("\n") for text in shown.texts)


def test_it_says_how_it_was_made() -> None:
    command = "npusim estimate 'my net.onnx' --size 64x32"
    assert command in page(msgspec.structs.replace(made(), command=command)).text
    text = page(made()).text
    assert "No command line was recorded" in text
    assert "level mapped, int8, planner vendor, activation compression 0.5" in text


def test_it_says_how_far_to_trust_it(resnet: Estimate) -> None:
    text = page(resnet).text
    assert "checked against the vendor's own estimator" in text
    # validation/bounds.toml, networks of the 4TOPS_4PLE: groups paper, sr and micro: p90 0.005, worst 0.02
    assert "nine in ten within 0.5 %, all within 2 %" in text
    assert "No silicon was measured" in text
    assert all(assumption in text for assumption in resnet.profile.assumptions)


def test_a_variant_that_was_not_compared_says_so() -> None:
    graph = npusim.load("sesr-m3-x2-hw", size=(64, 64))
    assert "was not compared with any reference" in page(npusim.estimate(graph, variant="2tops-2ple")).text
    assert "rules are coarse" in page(npusim.estimate(graph, "nvdla")).text
    assert "a lower bound that no plan can beat" in page(npusim.estimate(graph, level="roofline")).text


def test_results_beside_each_other() -> None:
    first = made()
    options = msgspec.structs.replace(first.options, planner="best")
    second = msgspec.structs.replace(result(layer("conv1", 500.0), layer("conv2", 2500.0)), options=options)
    found = page(first, Look(against=(second,)))
    assert "Against planner vendor: planner best takes 25 % less time." in found.text  # 3000 for 4000 cycles
    assert ["latency", "4.000 us", "3.000 us (-25.0 %)"] in found.cells
    assert ["conv1", "1.000", "MAC array", "0.500", "MAC array"] in found.cells
    assert "Comparison" not in page(first).text


def test_only_the_slowest() -> None:
    found = page(made(), Look(top=1))
    assert [cells[1] for cells in found.cells if cells and cells[0].isdigit()] == ["conv2"]
    assert "The 1 slowest of 2; the totals are of all of them." in found.text
    assert len(json.loads(found.scripts[0])["layers"]) == 2


@pytest.mark.parametrize(
    "found",
    [
        result(),
        result(layer("a", 0.0), layer("b", 0.0)),
        result(layer("a", 1e-6)),
        msgspec.structs.replace(result(layer("a"), layer("b")), profile=ProfileInfo("npu", "old", {})),
    ],
    ids=["no layers", "no time", "hardly any time", "a profile that only has a name"],
)
def test_odd_results_have_a_page(found: Estimate) -> None:
    shown = page(found, Look(against=(found,)))
    assert shown.open == []
    assert not re.search(r"\b(nan|inf)\b", shown.text)


def test_many_rows_are_laid_out_when_asked_for() -> None:
    found = page(result(*(layer(f"layer{at}") for at in range(250))))
    rows = [attrs for attrs in found.all("tr") if "id" in attrs]
    assert len(rows) == 250
    assert [attrs["id"] for attrs in rows if "hidden" not in attrs] == [f"layer-{at}" for at in range(200)]


def test_a_network_too_large_for_a_diagram_has_a_strip() -> None:
    text = page(result(*(layer(f"layer{at}") for at in range(450)))).text
    assert "A diagram of 450 boxes would show nothing" in text
    assert "place in the order they run" in text


def test_what_was_set_on_the_profile_is_said() -> None:
    found = made()
    profile = msgspec.structs.replace(found.profile, overrides={"clock_hz": "800MHz"})
    shown = page(msgspec.structs.replace(found, profile=profile)).text
    assert "set: clock_hz=800MHz" in shown
    assert "set clock_hz 800MHz" in shown


def test_of_many_differences_the_largest_are_listed() -> None:
    first = result(*(layer(f"layer{at}", 1000.0) for at in range(20)))
    second = result(*(layer(f"layer{at}", 1000.0 + 100 * at) for at in range(20)))
    found = page(first, Look(against=(second,)))
    listed = [cells[0] for cells in found.cells if cells and cells[0].startswith("layer")]
    assert listed[-12:] == [f"layer{at}" for at in range(19, 7, -1)]
    # 1 to 7; layer0 takes as long
    assert "7 more differ less." in found.text
