"""Tests of the console at C{/rest/console/}, of the demo."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any
from urllib.request import Request, urlopen

from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select
from twisted.trial.unittest import SynchronousTestCase

from tests.browser.browser import Browser
from tests.support.programs import ROOT, Place, twist
from xmpprest.demo import DOMAIN, ECHO, PEER

WIDE = 1440
PHONE = 390

#: What must stay text, wherever it stands; and what must not come to be by it.
MARKUP = "<script>hacked()</script><img src=x onerror=hacked()><b>bold</b>&amp;\"'"
WRITTEN = MARKUP.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
ATTRIBUTE = WRITTEN.replace('"', "&quot;").replace("'", "&apos;")

#: A row of the list of stanzas that holds a text.
ROW = "[...document.querySelectorAll('#rows-body tr')].find((row) =>" + (
    " row.textContent.includes(arguments[0]))"
)

#: Whether an element, visible or not, contains a text.
SAYS = "document.querySelector(arguments[0])?.textContent.includes(arguments[1])"

#: Where in the page the focus is; -1, nowhere.
PLACE = "[...document.body.querySelectorAll('*')].indexOf(document.activeElement)"


def letter(body: str, sender: str = f"a@{PEER}") -> str:
    """A message that came for the callback."""
    return (
        f"<message to='bot@{DOMAIN}' from='{sender}' id='{ATTRIBUTE}' type='chat'>"
        f"<body>{body}</body>"
        f"<script xmlns='http://www.w3.org/1999/xhtml' onload='{ATTRIBUTE}'>"
        f"hacked()</script></message>"
    )


class ConsoleTestCase(SynchronousTestCase):
    """
    A person with a browser looks at the console.
    """

    def start(self, width: int, scheme: str = "light", letters: str = "") -> None:
        """
        Start the demo and a browser, and go to the page.

        @param letters: The XML of dead letters, a line each.
        """
        place = Place(self)
        # It ends the test where there is none, before the demo is started.
        self.browser = Browser(self, place, width)
        self.browser.prefer(scheme)
        subprocess.run(
            [sys.executable, "-m", "tests.browser.seeder", place.path / "store.db"],
            input=letters.encode(),
            cwd=ROOT,
            check=True,
        )
        program = place.start(
            twist(
                "--log-level=error",
                "xmpprest",
                "--demo",
                "--listen=tcp:0:interface=127.0.0.1",
                "--store=sqlite:store.db",
            )
        )
        said = program.expect(r"(?s) is up at (\S+).*?Bearer ([\w-]+)'.*left behind")
        self.url, self.token = said[1], said[2]
        self.browser.open(f"{self.url}/console/")

    def signIn(self) -> None:
        """Give the token."""
        self.browser.fill("#token", self.token + Keys.ENTER)
        self.browser.see("#state[data-state=up]")
        self.browser.waitFor("document.querySelector('#connection').dataset.up")
        # The gateway's examples have come.
        self.browser.waitFor("document.querySelectorAll('#send-example option')[1]")

    def post(self, body: Any) -> None:
        """Send a stanza, as somebody else would."""
        self.request("POST", "", body)

    def request(self, method: str, path: str, body: Any) -> None:
        """Send a request with JSON, as somebody else would."""
        headers = {"Authorization": f"Bearer {self.token}"}
        headers["Content-Type"] = "application/json"
        url = f"{self.url}/{path}".rstrip("/")
        request = Request(url, json.dumps(body).encode(), headers, method=method)
        with urlopen(request, timeout=60) as response:
            response.read()

    def text(self, selector: str) -> str:
        """Return the text of an element, in view or not."""
        found = self.browser.waitFor("document.querySelector(arguments[0])", selector)
        text: str = found.get_property("textContent")
        return text

    def focus(self) -> str:
        """The id of what has the focus."""
        id: str = self.browser.script("return document.activeElement.id")
        return id

    def keep(self, what: str) -> None:
        """Keep what the browser shows."""
        self.browser.screenshot(f"console-{what}")

    def assertCalm(self) -> None:
        """
        Nothing was refused by the browser, nobody but the gateway was asked, and the
        page is no wider than the window.
        """
        self.assertEqual(self.browser.complaints(), [])
        requested = self.browser.requested()
        self.assertIn(f"{self.url}/events", requested)
        self.assertEqual([u for u in requested if not u.startswith(self.url)], [])
        self.assertLessEqual(
            self.browser.script("return document.documentElement.scrollWidth"),
            self.browser.script("return window.innerWidth"),
        )

    def send(self, contentType: str, example: str | None = None) -> str:
        """Send what is written, or an example; returns the status of the answer."""
        Select(self.browser.see("#send-type")).select_by_value(contentType)
        if example is not None:
            Select(self.browser.see("#send-example")).select_by_visible_text(example)
        return self.press()

    def press(self) -> str:
        """Press the button; returns the status of the answer."""
        self.browser.script("document.querySelector('#reply-status').textContent = ''")
        self.browser.click("#send-button")
        self.browser.see("#reply-status strong")
        return self.text("#reply-status strong")


class FlowTests(ConsoleTestCase):
    """
    Actions of the console.
    """

    def doAll(self, width: int, scheme: str) -> None:
        """
        Everything, in the order in which a person comes to it.
        """
        self.start(width, scheme)
        self.wrongToken()
        self.signIn()
        self.sendMessage()
        self.seeTraffic()
        self.lookUp()
        self.otherFormats()
        self.assertCalm()

    def wrongToken(self) -> None:
        """A token that is none is refused, and may be given again."""
        self.browser.fill("#token", "wrong" + Keys.ENTER)
        self.browser.waitFor("document.querySelector('#token-problem').textContent")
        self.assertIn("not those of this gateway", self.text("#token-problem"))
        self.assertEqual(self.focus(), "token")
        kept = "return sessionStorage.length + localStorage.length"
        self.assertEqual(self.browser.script(kept), 0)
        # Chromium says, too, that it was refused.
        (complaint,) = self.browser.complaints()
        self.assertIn("401", complaint)

    def sendMessage(self) -> None:
        """A message is sent, and the answer is shown."""
        self.assertEqual(self.send("application/json", "message"), "202 Accepted")
        self.assertIn("Stanza-Id", self.text("#reply-headers"))

    def seeTraffic(self) -> None:
        """Check that the stanza and its echo are shown, as XML and as JSON."""
        self.browser.waitFor(ROW, "Echo: Hello!")
        row = self.browser.waitFor(ROW, "Hello!")
        self.browser.script("arguments[0].click()", row)
        self.assertIn("</message>", self.text("#stanza-xml"))
        stanza = json.loads(self.text("#stanza-json"))
        self.assertIn("Hello!", stanza["body"])
        self.keep(f"{self.browser.width}-traffic")

    def lookUp(self) -> None:
        """Look up the status of the stanza."""
        self.browser.click("#reply-lookup")
        self.browser.see("#outbox-result [data-state]")
        self.assertEqual(
            self.browser.see("#outbox-id").get_property("value"),
            self.text("#reply-headers dd:nth-of-type(2)"),
        )
        self.browser.fill("#outbox-id", "nobody-knows" + Keys.ENTER)
        self.browser.waitFor("document.querySelector('#outbox-problem').textContent")
        (complaint,) = self.browser.complaints()
        self.assertIn("404", complaint)

    def otherFormats(self) -> None:
        """Other forms are sent, too, and to a path; and a query is asked."""
        self.assertEqual(self.send("application/xmpp+xml", "ping"), "200 OK")
        self.assertIn("result", self.text("#reply-body"))
        form = "application/x-www-form-urlencoded"
        self.assertEqual(self.send(form), "202 Accepted")
        Select(self.browser.see("#send-type")).select_by_value("text/plain")
        self.browser.fill("#send-path", f"message/chat/{ECHO}")
        self.assertEqual(self.press(), "202 Accepted")
        Select(self.browser.see("#send-method")).select_by_visible_text("GET")
        self.browser.fill("#send-path", f"version/{PEER}")
        Select(self.browser.see("#send-accept")).select_by_value("application/json")
        self.assertEqual(self.press(), "200 OK")
        self.assertIn('"version": "', self.text("#reply-body"))

    def test_wide(self) -> None:
        """
        All is done on a wide screen.
        """
        self.doAll(WIDE, "light")

    def test_phone(self) -> None:
        """
        All is done on a phone, in the dark.
        """
        self.doAll(PHONE, "dark")


class LookingOnTests(ConsoleTestCase):
    """
    Views of the console.
    """

    def test_traffic(self) -> None:
        """
        The list can be paused and filtered; by the keyboard alone everything is
        reached, in the order in which it stands, and seen to be.
        """
        self.start(WIDE)
        self.signIn()
        self.post({"to": f"{ECHO}/one", "body": "first"})
        self.browser.waitFor(ROW, "Bot: Echo: first")
        self.pauseIt()
        self.filterIt()
        self.useKeyboard()
        self.assertCalm()

    def test_bots(self) -> None:
        """
        A bot and the requests of its contacts are shown as text, approved, and
        cancelled.
        """
        self.start(PHONE)
        bot = f"weather@{DOMAIN}"
        profile = {"name": MARKUP, "subscriptions": "ask"}
        self.request("PUT", f"bots/{bot}", profile)
        self.post(
            {"kind": "presence", "type": "subscribe", "to": bot, "from": f"a@{DOMAIN}"}
        )
        self.signIn()
        self.browser.click("#bots-refresh")
        self.browser.see("#bots-body [aria-label^=Approve]")
        # A second list may be on its way, which takes the place of the first.
        self.browser.waitFor(SAYS, "#bots-profile", MARKUP)
        self.browser.waitFor(SAYS, "#bots-body", "asks to see the bot")
        self.browser.click("#bots-body [aria-label^=Approve]")
        self.browser.waitFor(SAYS, "#bots-body", "sees the bot")
        self.keep("bots")
        self.browser.click("#bots-body [aria-label^=Cancel]")
        self.browser.waitFor("document.querySelector('#bots-contacts').hidden")
        self.browser.waitFor(SAYS, "#bots-note", "0 contacts")
        self.assertCalm()

    def pauseIt(self) -> None:
        """While it is paused, nothing moves; nothing is lost."""
        self.browser.click("#pause")
        self.assertTrue(self.text("#pause").startswith("Continue"))
        rows = "document.querySelectorAll('#rows-body tr').length"
        before = self.browser.script(f"return {rows}")
        self.post({"to": f"{ECHO}/two", "body": "second"})
        self.browser.waitFor(
            "document.querySelector('#pause').textContent.includes('(3 new)')"
        )
        self.assertEqual(self.browser.script(f"return {rows}"), before)
        self.browser.click("#pause")
        self.browser.waitFor(ROW, "Bot: Echo: second")

    def filterIt(self) -> None:
        """Only what is wanted is shown, of what was seen and of what comes."""
        self.browser.fill("#filter-jid", f"{ECHO}/two" + Keys.ENTER)
        self.browser.waitFor(f"!({ROW})", "first")
        self.post({"to": f"{ECHO}/one", "body": "third"})
        self.post({"to": f"{ECHO}/two", "body": "fourth"})
        self.browser.waitFor(ROW, "Bot: Echo: fourth")
        self.assertIsNone(self.browser.script(f"return {ROW} ?? null", "third"))
        self.browser.fill("#filter-jid", "@" + Keys.ENTER)
        self.browser.waitFor("document.querySelector('#filter-problem').textContent")
        self.browser.fill("#filter-jid", Keys.ENTER)
        self.browser.waitFor("!document.querySelector('#filter-problem').textContent")
        # Chromium tells of what was refused.
        (complaint,) = self.browser.complaints()
        self.assertIn("400", complaint)
        self.browser.click("#filter [value=message]")
        self.browser.waitFor("!document.querySelector('#rows-body tr')")

    def useKeyboard(self) -> None:
        """Without a mouse."""
        # Anew, so that the focus is nowhere; the tab has kept the token.
        self.browser.open(f"{self.url}/console/")
        self.browser.see("#state[data-state=up]")
        self.browser.waitFor("document.querySelectorAll('#send-example option')[1]")
        self.browser.press(Keys.TAB)
        reached: list[str] = []
        last = -1
        while last < (place := self.browser.script(f"return {PLACE}")):
            shown = "getComputedStyle(document.activeElement).outlineStyle"
            self.assertNotEqual(self.browser.script(f"return {shown}"), "none", reached)
            reached.append(self.focus())
            last = place
            self.browser.press(Keys.TAB)
        inOrder = ["skip", "forget", "pause", "filter-jid", "letters-state"]
        inOrder += ["send-path", "send-body", "send-button", "outbox-id"]
        self.assertEqual([each for each in reached if each in inOrder], inOrder)

        self.post({"to": f"{ECHO}/three", "body": "fifth"})
        self.browser.waitFor(ROW, "Bot: Echo: fifth")
        self.browser.script(
            "document.querySelector('#rows-body [tabindex=\"0\"]').focus()"
        )
        self.browser.press(Keys.HOME)
        self.browser.press(Keys.ARROW_DOWN)
        self.browser.press(Keys.ENTER)
        self.assertEqual(json.loads(self.text("#stanza-json"))["body"], "Echo: fifth")
        self.browser.script("document.querySelector('#send-body').focus()")
        self.browser.press(Keys.CONTROL + Keys.ENTER)
        self.browser.see("#reply-status strong")

    def test_letters(self) -> None:
        """
        Dead letters are listed; each shows its attempts and itself; they are
        redelivered, one, or all.
        """
        self.start(PHONE, letters="\n".join(letter(f"lost {n}") for n in range(3)))
        self.signIn()
        rows = "document.querySelectorAll('#letters-body [data-id]').length"
        self.browser.waitFor(f"{rows} === 3")
        self.browser.click('[data-id="msg_2"] [aria-expanded]')
        self.browser.see("#letters-body .attempts li")
        shown = self.text("#letters-body .attempts")
        self.assertIn("the connection was refused", shown)
        self.assertIn("lost 2", self.text("#letters-body .forms"))
        self.keep("letters")
        self.browser.click('[data-id="msg_2"] .buttons button:last-child')
        self.browser.waitFor(f"{rows} === 2")
        self.browser.click("#letters-all")
        self.browser.see("#letters-empty")
        self.assertEqual(self.text("#letters-empty"), "No dead letters.")
        self.browser.waitFor(ROW, "Bot: lost 0")
        Select(self.browser.see("#letters-state")).select_by_value("delivered")
        self.browser.waitFor(f"{rows} === 3")
        self.assertCalm()

    def test_markup(self) -> None:
        """Markup in a stanza is shown as text everywhere."""
        self.start(WIDE, letters=letter(WRITTEN, f"{ATTRIBUTE}@{PEER}/{ATTRIBUTE}"))
        self.browser.script("window.hacked = () => { window.isHacked = true }")
        self.signIn()
        elements = (
            "return document.querySelectorAll('script, img, b, [onerror]').length"
        )
        before = self.browser.script(elements)
        self.post(
            {
                "to": f"{ECHO}/{MARKUP}",
                "id": MARKUP,
                "type": "chat",
                "body": MARKUP,
                "subject": MARKUP,
                "thread": MARKUP,
                "lang": "en",
                "payload": {"datatype": MARKUP, "data": {MARKUP: MARKUP}},
                "xml": [letter(WRITTEN).replace("message", "script")],
            }
        )
        row = self.browser.waitFor(ROW, "Bot: Echo: <script>")
        self.browser.script("arguments[0].click()", row)
        row = self.browser.script(f"return {ROW}", f"{ECHO}/<script>")
        self.assertIn(MARKUP, self.text("#rows-body"))
        sent = "[...document.querySelectorAll('#rows-body tr')].at(-1)"
        self.browser.script(f"{sent}.click()")
        stanza = json.loads(self.text("#stanza-json"))
        for key in ("id", "body", "subject"):
            self.assertEqual(stanza[key], MARKUP, key)
        self.assertEqual(stanza["thread"]["id"], MARKUP)
        self.assertIn("<script xmlns=", self.text("#stanza-xml"))
        self.assertIn(WRITTEN, self.text("#stanza-xml"))

        self.browser.click("#letters-body [aria-expanded]")
        self.browser.see("#letters-body .attempts li")
        self.assertIn("<img src=x onerror=hacked()>", self.text(".attempts"))
        self.assertIn(json.dumps(MARKUP), self.text("#letters-body .forms"))
        self.browser.fill("#outbox-id", MARKUP + Keys.ENTER)
        self.browser.see("#outbox-result [data-state]")

        Select(self.browser.see("#send-type")).select_by_value("application/xmpp+xml")
        self.browser.fill("#send-path", "echo")
        self.browser.fill("#send-body", letter(WRITTEN, f"bot@{DOMAIN}"))
        self.assertEqual(self.press(), "200 OK")
        self.assertIn(WRITTEN, self.text("#reply-body"))

        self.assertEqual(self.browser.script(elements), before)
        self.assertIsNone(self.browser.script("return window.isHacked ?? null"))
        self.keep("markup")
        self.assertCalm()
