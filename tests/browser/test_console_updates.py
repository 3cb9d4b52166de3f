"""Tests of the updates in the console, of a gateway that has stored some."""

from __future__ import annotations

from urllib.request import Request, urlopen

from selenium.webdriver.common.keys import Keys
from twisted.trial.unittest import SynchronousTestCase

from tests.browser.browser import Browser
from tests.browser.offline_gateway import TOKEN, fillStore, startGateway
from tests.support.programs import Place

PHONE = 390
BOT = "laptop@gateway.localhost"

_TABLES = f"""\
[[callbacks]]
name = "laptop"
url = "pull:"
to = ["{BOT}"]

[[callbacks]]
name = "phone"
url = "pull:"
"""

_ROW = "document.querySelector('#updates-body [data-callback=%s]').innerText"


class UpdatesTests(SynchronousTestCase):
    """
    A person sees the updates that wait, and the clients
    """

    def setUp(self) -> None:
        place = Place(self)
        self.browser = Browser(self, place, PHONE)
        message = f"<message from='a@localhost' to='{BOT}'><body>1</body></message>"
        fillStore(place, "laptop", [message])
        self.url = f"{startGateway(place, _TABLES)}/rest"
        self.browser.open(f"{self.url}/console/")
        self.browser.fill("#token", TOKEN + Keys.ENTER)
        self.browser.see("#updates-body tr")

    def fetch(self, callback: str) -> None:
        """Fetch the updates of a callback, as a client would."""
        request = Request(f"{self.url}/updates?callback={callback}")
        request.add_header("Authorization", f"Bearer {TOKEN}")
        with urlopen(request, timeout=60) as response:
            self.assertEqual(response.status, 200)

    def waitFor(self, callback: str, *words: str) -> None:
        """Wait until the row of a callback has these words."""
        for word in words:
            self.browser.waitFor(f"{_ROW % callback}.includes(arguments[0])", word)

    def test_updates(self) -> None:
        """
        Each callback has the number of updates that wait, for how long, and when its
        client was there; the page fits the screen of a phone.
        """
        self.waitFor("laptop", "1", "for 1 hour", "away", "not there since")
        self.waitFor("phone", "0", "away")
        self.fetch("phone")
        self.browser.click("#updates-refresh")
        self.waitFor("phone", "last there at", "ago")
        self.assertEqual(self.browser.complaints(), [])
        self.assertLessEqual(
            self.browser.script("return document.documentElement.scrollWidth"),
            self.browser.script("return window.innerWidth"),
        )
