"""Tests of the console while the XMPP server and the callback are down."""

from __future__ import annotations

import json
from typing import Any
from urllib.request import Request, urlopen

from selenium.webdriver.common.keys import Keys
from twisted.trial.unittest import SynchronousTestCase

from tests.browser.browser import Browser
from tests.browser.offline_gateway import TOKEN, fillStore, startGateway
from tests.support.programs import Place

PHONE = 390
BOT = "bot@gateway.localhost"

_TABLES = """\
[[callbacks]]
name = "closed"
url = "http://127.0.0.1:1/"
"""


class OutageTests(SynchronousTestCase):
    """
    A person sees what waits during an outage
    """

    def start(self, *stanzas: str) -> None:
        """Start a gateway in whose store these stanzas wait, and sign in."""
        place = Place(self)
        self.browser = Browser(self, place, PHONE)
        fillStore(place, "closed", stanzas)
        self.url = f"{startGateway(place, _TABLES)}/rest"

    def signIn(self) -> None:
        """Open the console."""
        self.browser.open(f"{self.url}/console/")
        self.browser.fill("#token", TOKEN + Keys.ENTER)

    def send(self, to: str) -> tuple[str, str]:
        """Send a message; return its stanza id and the path of its status."""
        request = Request(
            self.url, json.dumps({"to": to, "type": "chat", "body": "Hello!"}).encode()
        )
        request.add_header("Authorization", f"Bearer {TOKEN}")
        request.add_header("Content-Type", "application/json")
        with urlopen(request, timeout=60) as response:
            return response.headers["Stanza-Id"], response.headers["Location"]

    def text(self, selector: str) -> str:
        """Return the text of an element."""
        found = self.browser.waitFor("document.querySelector(arguments[0])", selector)
        text: str = found.get_property("textContent")
        return text

    def waitForRows(self, body: str, count: int) -> None:
        """Wait until a table has so many rows."""
        rows = "document.querySelectorAll(arguments[0]).length"
        self.browser.waitFor(f"{rows} === {count}", f"{body} > tr:not(.below)")

    def assertFits(self) -> None:
        """Check that the page is no wider than the screen of a phone."""
        width: Any = self.browser.script("return document.documentElement.scrollWidth")
        self.assertLessEqual(width, PHONE)

    def test_queues(self) -> None:
        """
        Without dead letters the console shows the stanzas that wait, and explains why
        some have no attempt, and what the kind meta is.
        """
        message = f"<message from='a@localhost' to='{BOT}'><body>1</body></message>"
        notice = f"<meta from='a@localhost' to='{BOT}' type='room'>{{}}</meta>"
        self.start(message, message, notice)
        self.signIn()
        self.waitForRows("#letters-body", 3)
        value = self.browser.see("#letters-state").get_property("value")
        self.assertEqual(value, "pending")
        self.assertIn("waits behind an earlier one", self.text("#letters-note"))
        self.assertIn("meta is a notice of the gateway", self.text("#letters-note"))
        self.assertFits()

    def test_outbox(self) -> None:
        """
        Queued messages are listed, looked up by their address and by their stanza id,
        and dropped.
        """
        self.start()
        _, location = self.send("a@localhost")
        id, _ = self.send("b@localhost")
        self.signIn()
        self.waitForRows("#outbox-body", 2)
        for text, recipient in ((location, "a@localhost"), (id, "b@localhost")):
            self.browser.fill("#outbox-id", text + Keys.ENTER)
            self.browser.waitFor(
                "document.querySelector('#outbox-result').textContent"
                ".includes(arguments[0])",
                recipient,
            )
            self.browser.see("#outbox-result [data-state=queued]")
        self.browser.click(
            "#outbox-body [aria-label='Drop the message to a@localhost']"
        )
        self.waitForRows("#outbox-body", 1)
        self.assertIn("b@localhost", self.text("#outbox-body"))
        self.browser.fill("#outbox-id", location + Keys.ENTER)
        self.browser.see("#outbox-result [data-state=dropped]")
        self.browser.click("#outbox-body [aria-label^=Drop]")
        self.browser.see("#outbox-empty")
        self.assertEqual(self.browser.complaints(), [])
        self.assertFits()
