"""How fast the HTML page of a large network is made, opens, sorts, filters and shows a layer. Prints one table.

Needs what the browser tests need (tests/browser/setup). Medians of several runs in a headless Chromium; a sort or a
filter counts until the frame after it is drawn.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

LAYERS = 2000
RUNS = 5
ACT = """
const [selector, done] = arguments;
const start = performance.now();
if (selector === "#find") {
  const find = document.querySelector(selector);
  find.value = find.value ? "" : "c19";
  find.dispatchEvent(new Event("input"));
} else document.querySelector(selector).click();
document.body.offsetHeight;
requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
"""


def made(folder: Path) -> Path:
    """A chain of convolutions with the page's address, and how long the page took."""
    import npusim  # noqa: PLC0415 - timed apart
    from npusim.ir import DType, Graph, Layer, Role, Tensor  # noqa: PLC0415 - as above
    from npusim.reports import render  # noqa: PLC0415 - as above

    shape, names = (1, 16, 64, 64), [f"t{at}" for at in range(LAYERS + 1)]
    tensors = {name: Tensor(name, shape, DType.FLOAT32, Role.ACTIVATION) for name in names}
    tensors["t0"] = Tensor("t0", shape, DType.FLOAT32, Role.INPUT)
    layers = []
    for at in range(LAYERS):
        side = (1, 3, 5)[at % 3]
        tensors[f"w{at}"] = Tensor(f"w{at}", (16, 16, side, side), DType.FLOAT32, Role.WEIGHTS, (f"w{at}",))
        attrs = {"pads": (side // 2,) * 4, "kernel_shape": (side, side)}
        layers.append(Layer(f"/block{at // 10}/c{at}", "Conv", (names[at], f"w{at}"), (names[at + 1],), attrs))
    result = npusim.estimate(Graph("large", tensors, tuple(layers), ("t0",), (names[-1],)))
    render(result, "html")  # so that what is loaded once is
    start = time.perf_counter()
    text = render(result, "html")
    print(f"page    {time.perf_counter() - start:.2f} s, {len(text) / 1e6:.2f} MB (wanted < 5 s)", flush=True)
    file = folder / "large.html"
    file.write_text(text, encoding="utf-8")
    return file


def browser(folder: Path) -> Any:
    from selenium import webdriver  # noqa: PLC0415 - only where a browser is
    from selenium.webdriver.chrome.service import Service  # noqa: PLC0415 - as above

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or sys.exit("chromium is not there: tests/browser/setup")
    for each in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"):
        options.add_argument(each)
    options.add_argument(f"--user-data-dir={folder / 'profile'}")
    return webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))


def median_s(once: Callable[[], float]) -> float:
    return statistics.median(once() for _ in range(RUNS))


def main() -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch)
        address = made(folder).as_uri()
        driver = browser(folder)
        try:
            driver.get("about:blank")

            def opened() -> float:
                driver.get(address)
                loaded = "return performance.getEntriesByType('navigation')[0].loadEventEnd / 1000"
                return float(driver.execute_script(loaded))

            def acted(selector: str) -> float:
                return float(driver.execute_async_script(ACT, selector)) / 1000

            print(f"open    {median_s(opened):.2f} s (wanted < 1 s)")
            sort = median_s(lambda: acted("#table th[data-key=cycles] button"))
            print(f"sort    {sort:.2f} s (wanted < 1 s)")
            print(f"filter  {median_s(lambda: acted('#find')):.2f} s")
            print(f"layer   {median_s(lambda: acted('#table tbody button')):.2f} s")
        finally:
            driver.quit()


if __name__ == "__main__":
    main()
