"""A headless Chromium, and the pages that are opened in it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import pytest
from browser_kit import NAMES, Browser
from made_results import layer, notice, off, result, unknown

import npusim
from npusim.reports import Look, render
from npusim.result import Estimate

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"


def _missing(what: str) -> NoReturn:
    """Locally the tests are skipped by name; in CI what they need must be there."""
    said = f"{what} is not there; tests/browser/setup installs it"
    if os.environ.get("CI"):
        pytest.fail(said)
    pytest.skip(said)


@pytest.fixture(scope="session")
def axe() -> str:
    """The script of the accessibility check."""
    if not AXE.is_file():
        _missing("axe-core")
    return AXE.read_text()


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    try:
        from selenium import webdriver  # noqa: PLC0415 - only where the tests run
        from selenium.webdriver.chrome.service import Service  # noqa: PLC0415
    except ImportError:
        _missing("selenium")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        _missing("chromium with its driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    profile = tmp_path_factory.mktemp("chromium")
    for each in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
        f"--user-data-dir={profile}",
    ):  # fmt: skip
        options.add_argument(each)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    made = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield Browser(made, tmp_path_factory.mktemp("saved"))
    finally:
        made.quit()


def _named() -> Estimate:
    """Names that are markup, or long, or of other scripts, wherever a result has names."""
    rows = tuple(
        layer(name, 1000.0 + at, op=name, reads=(name,), makes=(f"{name}.out",), mapping={name: name}, fused=(name,))
        for at, name in enumerate(NAMES)
    )
    made = result(*rows, unsupported=tuple(unknown(f"{name}.u", name) for name in NAMES), off_npu=(off(NAMES[0], 5.0),))
    return msgspec.structs.replace(
        made,
        model=msgspec.structs.replace(made.model, name=NAMES[0]),
        totals=msgspec.structs.replace(made.totals, lower_bound=True),
        warnings=tuple(notice("approximated-op", name) for name in NAMES),
        command=f"npusim estimate {NAMES[1]}",
    )


def _sesr() -> Estimate:
    graph = npusim.load("sesr-m5-x2", size=(1920, 1080))
    return npusim.estimate(graph, activation_compression=0.5)


def _many() -> Estimate:
    """2,000 layers, each of its own time: no two alike, not in the order of their names."""
    return result(
        *(
            layer(
                f"/block{at // 10}/conv{at}", float(1000 + at * 7919 % 2003), bound_by=("mac", "dma_read")[at % 2],
                reads=(f"t{at}",), makes=(f"t{at + 1}",), sram_bytes=at,
            )
            for at in range(2000)
        )
    )  # fmt: skip


MADE: dict[str, Callable[[], Estimate]] = {"sesr": _sesr, "names": _named, "many": _many}


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[str, Any]]:
    """By name the address of a page, and the result that it shows in plain values; each is made once."""
    folder = tmp_path_factory.mktemp("pages")
    made: dict[str, tuple[str, Any]] = {}

    def page(name: str) -> tuple[str, Any]:
        if name not in made:
            found = MADE[name]()
            file = folder / f"{name}.html"
            file.write_text(render(found, "html", Look(against=(found,))), encoding="utf-8")
            made[name] = (file.as_uri(), json.loads(found.to_json()))
        return made[name]

    return page
