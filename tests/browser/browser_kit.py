"""What the browser tests ask of a browser, on top of the driver."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

# Of layers, operators and tensors: markup, too long, of another script, and one that turns lines around.
NAMES = (
    """</script><script>window.alerted = 1</script>"'&<img src=x onerror="window.alerted = 2">""",
    "x" * 5000,
    "\u7573\u307f\u8fbc\u307f\u5c64" * 20,
    "conv\u202egnp.evil",
)


class Browser:
    """A driver with the few calls that the tests make; ``saved`` is where downloads go."""

    def __init__(self, driver: Any, saved: Path) -> None:
        self.driver = driver
        self.saved = saved
        self.ask("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(saved))

    def ask(self, command: str, **values: Any) -> Any:
        return self.driver.execute_cdp_cmd(command, values)

    def open(self, address: str, width: int = 1440, *, dark: bool = False) -> None:
        """The page in a window of that width, without what was logged before."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
        scheme = "dark" if dark else "light"
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.logs("browser")
        self.logs("performance")
        self.driver.get(address)

    def logs(self, kind: str) -> list[dict[str, Any]]:
        """What was logged since the last time."""
        found: list[dict[str, Any]] = self.driver.get_log(kind)
        return found

    def requests(self) -> list[str]:
        """Addresses that were asked for since the last time."""
        messages = [json.loads(each["message"])["message"] for each in self.logs("performance")]
        return [each["params"]["request"]["url"] for each in messages if each["method"] == "Network.requestWillBeSent"]

    def run(self, script: str, *values: Any) -> Any:
        return self.driver.execute_script(script, *values)

    def find(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def click(self, selector: str) -> None:
        element = self.find(selector)
        self.run("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
        element.click()

    def type(self, text: str, selector: str | None = None) -> None:
        """Keys to the element, or to the one that has the focus."""
        element = self.driver.switch_to.active_element if selector is None else self.find(selector)
        element.send_keys(text)

    def rows(self) -> list[int]:
        """The layers of the rows that are shown, by their places in the result, from the top."""
        found: list[int] = self.run(
            "return [...document.querySelectorAll('#table tbody tr[id^=layer]:not([hidden])')]"
            ".map(row => Number(row.id.slice(6)))"
        )
        return found

    def focused(self) -> str:
        return str(self.run("return document.activeElement.textContent"))
