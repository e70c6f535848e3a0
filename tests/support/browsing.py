"""A real browser for tests of pages: Debian's headless Chromium, which can only reach this machine."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PROGRAMS = ("chromium", "chromedriver")  # Debian: apt-get install chromium chromium-driver
# axe-core (MPL-2.0), fetched by .ci/run: npm install --prefix build/axe axe-core
AXE = Path(__file__).parents[2] / "build" / "axe" / "node_modules" / "axe-core" / "axe.min.js"


def missing() -> str | None:
    """The reason why this machine has no browser, or None."""
    absent = [program for program in PROGRAMS if shutil.which(program) is None]
    return f"no {' and no '.join(absent)} (Debian: chromium, chromium-driver)" if absent else None


class Browser:
    """Pages as people see them, and what went on behind them. `driver` is selenium's."""

    def __init__(self, profile: Path) -> None:
        from selenium import webdriver

        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for argument in (
            "--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
            f"--user-data-dir={profile}", "--window-size=1280,900",
        ):  # fmt: skip
            options.add_argument(argument)
        if os.geteuid() == 0:
            options.add_argument("--no-sandbox")
        options.add_experimental_option(
            "prefs", {"download.default_directory": str(profile / "downloads"), "download.prompt_for_download": False}
        )
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
        self.downloads = profile / "downloads"
        self.driver = webdriver.Chrome(options=options, service=service)
        self.driver.set_page_load_timeout(60)
        self.renew()

    def renew(self) -> None:
        """One new tab, of which nothing is known yet; what sites have kept in the browser stays."""
        others = self.driver.window_handles
        self.driver.switch_to.new_window("tab")
        new = self.driver.current_window_handle
        for other in others:
            self.driver.switch_to.window(other)
            self.driver.close()
        self.driver.switch_to.window(new)
        self.open("about:blank")
        for log in ("browser", "performance"):
            self.driver.get_log(log)  # of tabs before
        self._urls: list[str] = []

    def open(self, url: str | Path) -> None:
        """Opens a URL, or a file by its path."""
        self.driver.get(url.as_uri() if isinstance(url, Path) else url)

    def keys(self, *keys: str) -> None:
        """Presses keys one after the other, in the focused element."""
        from selenium.webdriver import ActionChains

        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def text(self, selector: str) -> str:
        """Visible text of the first element of a CSS selector."""
        return str(self.find(selector).text)

    def find(self, selector: str) -> Any:
        """The first element of a CSS selector."""
        return self.driver.find_element("css selector", selector)

    def wait(self, condition: Any, seconds: float = 20) -> Any:
        """Until condition() is true, which is returned; elements that are not there yet are waited for.

        Raises AssertionError with what the page shows when it is still not true.
        """
        from selenium.common.exceptions import (
            NoSuchElementException,
            StaleElementReferenceException,
            TimeoutException,
        )
        from selenium.webdriver.support.ui import WebDriverWait

        ignored = (NoSuchElementException, StaleElementReferenceException)
        try:
            return WebDriverWait(self.driver, seconds, 0.05, ignored).until(lambda _: condition())
        except TimeoutException as error:
            shown = f"{self.driver.current_url} shows:\n{self.text('body')}\n{self.complaints()}"
            raise AssertionError(f"not true in {seconds:g} seconds; {shown}") from error

    def js(self, script: str, *arguments: Any) -> Any:
        """Runs a script and returns its result."""
        return self.driver.execute_script(script, *arguments)

    def scheme(self, value: str) -> None:
        """Sets the preferred colour scheme, light or dark."""
        features = [{"name": "prefers-color-scheme", "value": value}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def size(self, width: int, height: int) -> None:
        """The page's own size in CSS pixels, as on a telephone."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def phone(self, width: int = 390, height: int = 844) -> None:
        """The page as on a telephone: its size, and a finger instead of a mouse."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 3, "mobile": True}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})

    def tap(self, selector: str) -> None:
        """Touches the middle of the first element of a CSS selector."""
        from selenium.webdriver.common.actions.action_builder import ActionBuilder
        from selenium.webdriver.common.actions.pointer_input import PointerInput

        builder = ActionBuilder(self.driver, mouse=PointerInput("touch", "finger"))
        builder.pointer_action.move_to(self.find(selector)).pointer_down().pointer_up()
        builder.perform()

    def violations(self) -> list[str]:
        """What axe-core finds inaccessible in the page as it is."""
        self.js(AXE.read_text())
        found = self.driver.execute_async_script(
            "const done = arguments[0];"
            "axe.run(document, {resultTypes: ['violations']}).then(result => done(result.violations))"
        )
        return [f"{v['impact']} {v['id']}: {v['nodes'][0]['html'][:200]}" for v in found]

    def complaints(self) -> list[str]:
        """Errors and warnings on the console since the last call; a page without any has none."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]

    def requested(self) -> list[str]:
        """Every URL that pages asked for so far, data: and blob: left out."""
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self._urls.append(message["params"]["request"]["url"])
        return [url for url in self._urls if not url.startswith(("data:", "blob:"))]

    def hosts(self) -> set[str]:
        """Hosts of all that was requested; '' for files."""
        return {urlsplit(url).hostname or "" for url in self.requested()}

    def close(self) -> None:
        """Ends the browser and its driver."""
        self.driver.quit()
