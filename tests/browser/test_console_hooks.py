"""Tests of the hooks in the console, of a gateway that has some."""

from __future__ import annotations

from hashlib import sha256
from urllib.request import Request, urlopen

from selenium.webdriver.common.keys import Keys
from twisted.trial.unittest import SynchronousTestCase

from tests.browser.browser import Browser
from tests.browser.offline_gateway import TOKEN, startGateway
from tests.support.programs import Place

PHONE = 390
MARKUP = "<img src=x onerror=hacked()>"

_TABLES = f"""\
[[hooks]]
name = "alerts"
secret-sha256 = "{sha256(b"SECRET").hexdigest()}"
to = "ops@localhost"
"""


class HooksTests(SynchronousTestCase):
    """
    A person sees the hooks and tries a payload
    """

    def setUp(self) -> None:
        place = Place(self)
        self.browser = Browser(self, place, PHONE)
        self.url = startGateway(place, _TABLES)

    def post(self, text: str) -> None:
        """Post to the hook, as another program would."""
        request = Request(f"{self.url}/hooks/alerts/SECRET", text.encode())
        request.add_header("Content-Type", "text/plain")
        with urlopen(request, timeout=60) as response:
            self.assertEqual(response.status, 202)

    def text(self, selector: str) -> str:
        """Return the text of an element."""
        found = self.browser.waitFor("document.querySelector(arguments[0])", selector)
        text: str = found.get_property("textContent")
        return text

    def test_hooks(self) -> None:
        """
        The list has each hook with its last messages; a payload becomes its message,
        whose markup stays text; nothing is sent by that.
        """
        self.post("first")
        self.browser.open(f"{self.url}/rest/console/")
        self.browser.fill("#token", TOKEN + Keys.ENTER)
        self.browser.see("#hooks-body tr")
        row = self.text("#hooks-body tr")
        self.assertIn("alerts: 1 accepted, 0 refused", row)
        self.assertIn("queued", row)
        self.post("second")
        self.browser.click("#hooks-refresh")
        self.browser.waitFor("document.querySelectorAll('#hooks-body tr')[1]")

        payload = f'{{"text": "*{MARKUP}*", "attachments": [{{"text": "b"}}]}}'
        self.browser.fill("#hooks-payload", payload)
        self.browser.click("#hooks-form [type=submit]")
        self.browser.see("#hooks-result pre")
        self.assertEqual(self.text("#hooks-result pre"), f"*{MARKUP}*\nb")
        self.assertIn("slack", self.text("#hooks-result dl"))
        self.browser.fill("#hooks-header", "X-GitHub-Event: ping")
        self.browser.fill("#hooks-payload", '{"zen": "calm"}')
        self.browser.click("#hooks-form [type=submit]")
        self.browser.waitFor(
            "document.querySelector('#hooks-result dl').textContent.includes('github')"
        )
        self.assertEqual(self.browser.complaints(), [])
        self.assertLessEqual(
            self.browser.script("return document.documentElement.scrollWidth"),
            self.browser.script("return window.innerWidth"),
        )
        self.browser.click("#hooks-body button")
        self.browser.see("#outbox-result [data-state=queued]")
