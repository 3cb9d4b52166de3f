"""Tests of the page at C{/rest/docs}, of the demo as a newcomer starts it."""

from __future__ import annotations

import re

from selenium.webdriver.support.select import Select
from twisted.trial.unittest import SynchronousTestCase

from tests.browser.browser import Browser
from tests.support.programs import Place, twist
from xmpprest.demo import ECHO

#: Selectors of operations of openapi.json, by their C{operationId}.
POST = '[id$="-postStanza"]'
PING = '[id$="-getPing"]'

WIDE = 1400
PHONE = 390


class DocsTests(SynchronousTestCase):
    """
    A person with a browser tries the gateway.
    """

    def start(self, width: int) -> None:
        """Start the demo and a browser, and go to the page."""
        place = Place(self)
        # It ends the test where there is none, before the demo is started.
        self.browser = Browser(self, place, width)
        program = place.start(
            twist(
                "--log-level=warn",
                "xmpprest",
                "--demo",
                "--listen=tcp:0:interface=127.0.0.1",
            )
        )
        said = program.expect(r"(?s) is up at (\S+).*?Bearer ([\w-]+)'.*left behind")
        self.url, self.token = said[1], said[2]
        self.browser.open(f"{self.url}/docs")
        self.browser.see(POST)

    def authorize(self) -> None:
        """Paste the token."""
        self.browser.click(".auth-wrapper .authorize.unlocked")
        self.browser.see(".auth-container input").send_keys(self.token)
        self.keep("token")
        self.browser.click(".auth-container [type=submit]")
        self.browser.click(".auth-container .btn-done")
        self.browser.see(".auth-wrapper .authorize.locked")

    def open(self, operation: str) -> None:
        """Open what can be tried."""
        self.browser.click(f"{operation} .opblock-summary-control")
        self.browser.see(f"{operation} .execute")

    def choose(self, operation: str, contentType: str, example: str) -> None:
        """Choose one of the examples of bodies."""
        kind = f"{operation} .body-param-content-type select"
        Select(self.browser.see(kind)).select_by_value(contentType)
        examples = f"{operation} .examples-select-element"
        Select(self.browser.see(examples)).select_by_value(example)

    def execute(self, operation: str) -> tuple[int, str]:
        """Try it; returns the status and the body of the answer."""
        self.browser.click(f"{operation} .execute")
        answer = f"{operation} .live-responses-table .response"
        status = self.browser.see(f"{answer} .response-col_status").text
        body = self.browser.see(f"{answer} .highlight-code")
        self.browser.scroll(body)
        self.keep("post" if operation == POST else "ping")
        return int(status.split()[0]), body.text

    def keep(self, what: str) -> None:
        """Keep what the browser shows."""
        self.browser.screenshot(f"{self.id().rpartition('.')[2]}-{what}")

    def tryIt(self) -> None:
        """
        With the token, a ping as JSON and the route for pings are answered by the
        peer. The page asks nobody but the gateway, and no part of it is refused by
        the browser or wider than the window.
        """
        self.assertEqual(self.browser.url, f"{self.url}/docs/")
        self.assertEqual(self.browser.title, "xmpprest")
        self.keep("page")
        self.authorize()

        self.open(POST)
        self.choose(POST, "application/json", "ping")
        status, body = self.execute(POST)
        self.assertEqual(status, 200, body)
        self.assertRegex(body, r"\bresult\b")

        self.open(PING)
        to = self.browser.see(f"{PING} [data-param-name=to] input")
        to.clear()
        to.send_keys(f"{ECHO}/with a / and %")
        status, body = self.execute(PING)
        self.assertEqual(status, 200, body)
        self.assertRegex(body, re.escape(f"{ECHO}/with a / and %"))

        self.assertEqual(self.browser.complaints(), [])
        requested = self.browser.requested()
        self.assertIn(f"{self.url}/openapi.json", requested)
        self.assertEqual([u for u in requested if not u.startswith(self.url)], [])
        self.assertLessEqual(
            self.browser.script("return document.documentElement.scrollWidth"),
            self.browser.script("return window.innerWidth"),
        )

    def test_wide(self) -> None:
        """
        Everything can be tried on a screen.
        """
        self.start(WIDE)
        self.tryIt()

    def test_phone(self) -> None:
        """
        Everything can be tried on a phone.
        """
        self.start(PHONE)
        self.tryIt()

    def test_withoutToken(self) -> None:
        """
        Without the token an answer says so, and that is shown; the browser does not
        ask for a password by itself, which would be sent to the gateway by every
        other page, too.
        """
        self.start(WIDE)
        self.open(PING)
        status, body = self.execute(PING)
        self.assertEqual(status, 401)
        self.assertIn("Authorization", body)

    def test_forgotten(self) -> None:
        """
        When the page is left, nothing of the token stays in the browser.
        """
        self.start(WIDE)
        self.authorize()
        self.browser.open(f"{self.url}/docs/")
        self.browser.see(".auth-wrapper .authorize.unlocked")
        kept = "return [localStorage.length, sessionStorage.length, document.cookie]"
        self.assertEqual(self.browser.script(kept), [0, 0, ""])
