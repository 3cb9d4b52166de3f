"""A headless Chromium of a test's own."""

from __future__ import annotations

import json
import os
import shutil
import unittest
from functools import cache
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support import expected_conditions as expected
from selenium.webdriver.support.wait import WebDriverWait

from tests.support.programs import TIMEOUT, Place, require

#: It has no screen, no sandbox where root starts it, and nobody to talk to.
_ARGUMENTS = """
    --headless --no-sandbox --disable-gpu --disable-quic --no-first-run
    --disable-background-networking --disable-component-update --disable-sync
    """


class Browser:
    """
    A browser that has just been installed, as far as it knows.

    @ivar width: Of what it shows, in CSS pixels.
    """

    def __init__(self, case: unittest.TestCase, place: Place, width: int) -> None:
        """
        @param place: Keeps what it writes.
        @param width: Of what it shows, in CSS pixels; less than 500 is a phone.
        @raise SkipTest: As L{require}.
        """
        require("chromium")
        require("chromedriver")
        home = {"HOME": str(place.path), "TMPDIR": str(place.path)}
        # With a path selenium looks for no driver, and downloads none.
        service = webdriver.ChromeService(
            shutil.which("chromedriver"), env={**os.environ, **home}
        )
        self._driver = webdriver.Chrome(_options(place.path / "profile"), service)
        case.addCleanup(self._driver.quit)
        self._wait = WebDriverWait(self._driver, TIMEOUT)
        self.resize(width)

    def open(self, url: str) -> None:
        """Go to a page."""
        self._driver.get(url)

    @property
    def url(self) -> str:
        """Where it is."""
        return self._driver.current_url

    @property
    def title(self) -> str:
        """Return the title of the tab."""
        return self._driver.title

    def see(self, selector: str) -> WebElement:
        """
        Wait for an element to be visible.

        @param selector: Of CSS.
        @raise TimeoutException: It is not.
        """
        visible = expected.visibility_of_element_located((By.CSS_SELECTOR, selector))
        try:
            return self._wait.until(visible, f"no {selector}")
        except TimeoutException:
            self.screenshot("failed")
            raise

    def click(self, selector: str) -> None:
        """Wait for an element, and click it, wherever it is on the page."""
        element = self.see(selector)
        self.scroll(element)
        element.click()

    def fill(self, selector: str, text: str) -> None:
        """Write into a field, over what stands there."""
        element = self.see(selector)
        element.clear()
        element.send_keys(text)

    def press(self, *keys: str) -> None:
        """Press keys, wherever the focus is; such as Control stay down to the end."""
        self._driver.switch_to.active_element.send_keys(*keys)

    def waitFor(self, condition: str, *arguments: object) -> Any:
        """
        Wait until an expression of JavaScript is true; returns its value.

        @raise TimeoutException: It is not.
        """
        source = f"return {condition}"
        try:
            return self._wait.until(lambda _: self.script(source, *arguments), source)
        except TimeoutException:
            self.screenshot("failed")
            raise

    def resize(self, width: int) -> None:
        """
        Show pages on another screen.

        @param width: In CSS pixels; less than 500 is a phone.
        """
        self.width = width
        phone = width < 500
        metrics = {
            "width": width,
            "height": 844 if phone else 1000,
            "deviceScaleFactor": 1,
            "mobile": phone,
        }
        self.tell("Emulation.setDeviceMetricsOverride", **metrics)

    def prefer(self, scheme: str) -> None:
        """Like pages C{"light"} or C{"dark"}, and nothing that moves."""
        features = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.tell("Emulation.setEmulatedMedia", features=features)

    def tell(self, command: str, **parameters: object) -> Any:
        """Use the DevTools protocol (https://chromedevtools.github.io/devtools-protocol)."""
        return self._driver.execute_cdp_cmd(command, parameters)

    def scroll(self, element: WebElement) -> None:
        """Put an element into the middle of the window."""
        self.script("arguments[0].scrollIntoView({block: 'center'})", element)

    def script(self, source: str, *arguments: object) -> Any:
        """Run JavaScript, as from the console; returns what it returns."""
        return self._driver.execute_script(source, *arguments)

    def screenshot(self, name: str) -> None:
        """Keep what it shows, under a name without an ending."""
        self._driver.save_screenshot(str(_screenshots() / f"{name}.png"))

    def complaints(self) -> list[str]:
        """
        Return the new lines of the console about pages: refusals, errors, warnings.
        """
        lines = [entry["message"] for entry in self._driver.get_log("browser")]
        # Chromium's own first page warns of a slow network where there is none.
        return [line for line in lines if not line.startswith("chrome:")]

    def requested(self) -> list[str]:
        """The URLs that pages have asked for since the last time."""
        entries = self._driver.get_log("performance")
        messages = [json.loads(entry["message"])["message"] for entry in entries]
        urls = [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]
        # Those of the empty tab, and those that ask nobody.
        return [url for url in urls if not url.startswith(("chrome:", "data:"))]


@cache
def _screenshots() -> Path:
    """Where screenshots are kept after the test: in trial's temporary directory."""
    path = Path("screenshots").absolute()
    path.mkdir(exist_ok=True)
    print(f"\nScreenshots are kept in {path}.")
    return path


def _options(profile: Path) -> webdriver.ChromeOptions:
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in (*_ARGUMENTS.split(), f"--user-data-dir={profile}"):
        options.add_argument(argument)
    options.set_capability(
        "goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"}
    )
    return options
