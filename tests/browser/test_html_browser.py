"""The page in a headless Chromium: it sorts, filters, shows details, asks for nothing, fits, and is accessible."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from browser_kit import NAMES, Browser

Pages = Callable[[str], tuple[str, Any]]
ENTER, TAB, SPACE = "\ue007", "\ue004", " "
NAMED = ("sesr", "names", "many")


def order(layers: list[Any], key: Callable[[Any], float], *, falling: bool = False) -> list[int]:
    """Places sorted by a value; of equal ones the first stays first."""
    return sorted(range(len(layers)), key=lambda at: -key(layers[at]) if falling else key(layers[at]))


@pytest.mark.parametrize("name", NAMED)
def test_it_asks_for_nothing_and_says_nothing(browser: Browser, pages: Pages, name: str) -> None:
    address, _ = pages(name)
    browser.open(address)
    browser.click("#table tbody button")
    assert browser.requests() == [address]
    assert browser.logs("browser") == []
    assert browser.run("return window.alerted") is None
    kept = "return [document.cookie, (() => { try { return localStorage.length } catch { return 0 } })()]"
    assert browser.run(kept) == ["", 0]


def test_it_sorts_by_numbers_and_names(browser: Browser, pages: Pages) -> None:
    address, result = pages("sesr")
    layers = result["layers"]
    browser.open(address)
    assert browser.rows() == list(range(len(layers)))
    head = "#table th[data-key=cycles]"
    browser.click(f"{head} button")
    assert browser.find(head).get_attribute("aria-sort") == "descending"
    assert browser.rows() == order(layers, lambda row: row["cycles"], falling=True)
    browser.click(f"{head} button")
    assert browser.find(head).get_attribute("aria-sort") == "ascending"
    assert browser.rows() == order(layers, lambda row: row["cycles"])
    browser.click("#table th[data-key=dram] button")
    assert browser.run("return document.querySelectorAll('[aria-sort]').length") == 1
    assert browser.rows() == order(layers, lambda row: sum(row["traffic"]["dram"].values()), falling=True)
    browser.click("#table th[data-key=name] button")
    names = [layers[at]["name"] for at in browser.rows()]
    # The numbers in names count as numbers: conv2 before conv11.
    assert names.index("add13") < names.index("add15") < names.index("conv2") < names.index("conv11")


def test_every_column_sorts(browser: Browser, pages: Pages) -> None:
    address, result = pages("sesr")
    browser.open(address)
    browser.click("#wide")
    keys = browser.run("return [...document.querySelectorAll('#table thead th')].map(head => head.dataset.key)")
    assert len(keys) > 14
    for key in keys:
        browser.click(f"#table th[data-key={key}] button")
        assert sorted(browser.rows()) == list(range(len(result["layers"])))
        assert browser.find(f"#table th[data-key={key}]").get_attribute("aria-sort") in ("ascending", "descending")


def test_it_filters(browser: Browser, pages: Pages) -> None:
    address, result = pages("sesr")
    layers = result["layers"]
    browser.open(address)
    browser.type("ADD 1x4", "#find")
    wanted = [at for at, row in enumerate(layers) if row["name"] == "add15"]
    assert browser.rows() == wanted
    share = sum(layers[at]["cycles"] for at in wanted) / result["totals"]["cycles"]
    assert browser.find("#status").text == f"1 of {len(layers)} rows, {share * 100:.1f} % of the time"
    browser.run("const f = document.getElementById('find'); f.value = ''; f.dispatchEvent(new Event('input'))")
    browser.run("const s = document.getElementById('limit'); s.value = 'mac'; s.dispatchEvent(new Event('change'))")
    assert browser.rows() == [at for at, row in enumerate(layers) if row["bound_by"] == "mac"]
    browser.type("no such layer", "#find")
    assert browser.rows() == []
    assert browser.find("#status").text.startswith(f"0 of {len(layers)} rows")


def test_it_shows_details_by_mouse(browser: Browser, pages: Pages) -> None:
    address, result = pages("sesr")
    browser.open(address)
    row = result["layers"][2]
    browser.click("#layer-2 td:nth-child(4)")
    text = browser.find("#detail-2").text
    for operand, count in row["traffic"]["dram"].items():
        assert f"DRAM {operand}\n{count:,} B" in text
    assert f"MACs\n{row['macs']:,}" in text
    assert f"ifm stripe\n{row['mapping']['ifm_stripe']}" in text
    assert "MAC array\n" in text
    browser.click("#table th[data-key=cycles] button")  # the details go where their row goes
    assert browser.run("return document.getElementById('layer-2').nextElementSibling.id") == "detail-2"
    browser.click("#layer-2 td:nth-child(4)")
    assert browser.run("return document.getElementById('detail-2')") is None


def test_all_of_it_works_with_the_keyboard(browser: Browser, pages: Pages) -> None:
    address, _ = pages("sesr")
    browser.open(address)
    browser.type(TAB, "body")
    assert browser.focused() == "Skip to the layers"
    browser.type(TAB)
    assert browser.focused() == "Dark page"
    browser.run("document.querySelector('#table th[data-key=cycles] button').focus()")
    browser.type(SPACE)
    assert browser.find("#table th[data-key=cycles]").get_attribute("aria-sort") == "descending"
    browser.run("document.querySelector('#layer-1 button').focus()")
    browser.type(ENTER)
    button = browser.find("#layer-1 button")
    assert (button.get_attribute("aria-expanded"), button.get_attribute("aria-controls")) == ("true", "detail-1")
    outline = browser.run("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    browser.type(ENTER)
    assert button.get_attribute("aria-expanded") == "false"


def test_a_box_of_the_diagram_leads_to_its_row(browser: Browser, pages: Pages) -> None:
    address, result = pages("sesr")
    browser.open(address)
    browser.type("conv2", "#find")
    link = browser.find('#graph svg a[href="#layer-3"]')
    assert link.accessible_name.startswith(result["layers"][3]["name"])
    browser.run("arguments[0].focus()", link)
    browser.type(ENTER)
    assert browser.focused() == result["layers"][3]["name"]
    assert browser.find("#layer-3 button").get_attribute("aria-expanded") == "true"


def test_dark_and_light(browser: Browser, pages: Pages) -> None:
    background = "return getComputedStyle(document.body).backgroundColor"
    address, _ = pages("sesr")
    browser.open(address, dark=True)
    dark = browser.run(background)
    assert browser.find("#theme").text == "Light page"
    browser.click("#theme")
    light = browser.run(background)
    browser.open(address)
    assert browser.run(background) == light != dark
    browser.click("#theme")
    assert browser.run(background) == dark


@pytest.mark.parametrize("width", [320, 375, 768, 1440])
@pytest.mark.parametrize("name", NAMED)
def test_it_does_not_scroll_sideways(browser: Browser, pages: Pages, name: str, width: int) -> None:
    browser.open(pages(name)[0], width)
    browser.run("document.querySelectorAll('details').forEach(each => { each.open = true })")
    browser.run("[...document.querySelectorAll('#table tbody button')].slice(0, 3).forEach(each => each.click())")
    assert browser.run("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["sesr", "names"])
def test_nothing_serious_against_accessibility(browser: Browser, pages: Pages, axe: str, name: str, dark: bool) -> None:
    browser.open(pages(name)[0], dark=dark)
    browser.run("document.querySelectorAll('details').forEach(each => { each.open = true })")
    browser.run("document.querySelector('#table tbody button').click(); document.getElementById('wide').click()")
    browser.run(f"{axe}; window.axe = axe")
    found = browser.driver.execute_async_script("axe.run().then(arguments[0])")
    assert len(found["passes"]) > 20
    grave = [
        (each["id"], [node["html"] for node in each["nodes"]])
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
    ]
    assert grave == []


def test_names_are_shown_as_text(browser: Browser, pages: Pages) -> None:
    browser.open(pages("names")[0])
    for at, name in enumerate(NAMES):
        browser.click(f"#layer-{at} button")
        shown = browser.run(f"return document.querySelector('#detail-{at} dd').textContent")
        assert shown == name.replace("\u202e", "\\u202e")
        cell = browser.run(f"return document.querySelector('#layer-{at} th').textContent")
        assert len(cell) <= 40
    assert browser.run("return document.querySelectorAll('img').length") == 0
    assert browser.run("return window.alerted") is None


def test_thousands_of_layers(browser: Browser, pages: Pages) -> None:
    """All of them are sorted, the first of them shown, and all of them when asked for."""
    address, result = pages("many")
    layers = result["layers"]
    started = time.monotonic()
    browser.open(address)
    falling = order(layers, lambda row: row["cycles"], falling=True)
    browser.click("#table th[data-key=cycles] button")
    assert browser.rows() == falling[:200]
    assert time.monotonic() - started < 30  # a fault would take minutes; how fast it is stands in bench/
    assert browser.find("#status").text == "2000 rows, the first 200 shown"
    browser.type("block17", "#find")
    assert browser.rows() == [at for at in falling if "block17" in layers[at]["name"]]
    browser.run("const f = document.getElementById('find'); f.value = ''; f.dispatchEvent(new Event('input'))")
    browser.click("#all")
    assert browser.rows() == falling


def test_the_result_can_be_saved(browser: Browser, pages: Pages) -> None:
    address, result = pages("sesr")
    browser.open(address)
    browser.click("#save")
    file = browser.saved / "npusim.json"
    for _ in range(100):
        if file.exists():
            break
        time.sleep(0.05)
    assert json.loads(file.read_text()) == result


def test_paper_shows_every_row_and_no_tools(browser: Browser, pages: Pages) -> None:
    address, result = pages("many")
    browser.open(address)
    browser.run("window.dispatchEvent(new Event('beforeprint'))")
    browser.ask("Emulation.setEmulatedMedia", media="print")
    try:
        assert len(browser.rows()) == len(result["layers"])
        assert browser.run("return getComputedStyle(document.getElementById('tools')).display") == "none"
        assert browser.run("return [...document.querySelectorAll('details')].every(each => each.open)")
    finally:
        browser.ask("Emulation.setEmulatedMedia", media="")
