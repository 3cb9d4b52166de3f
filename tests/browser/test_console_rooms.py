"""Tests of the rooms in the console, of a gateway whose bot was removed from some."""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing
from urllib.request import Request, urlopen

from selenium.webdriver.common.keys import Keys
from twisted.trial.unittest import SynchronousTestCase

from tests.browser.browser import Browser
from tests.support.programs import Place, twist
from xmpprest.core.rooms.values import RoomRecord
from xmpprest.store.sqlite import room_queries
from xmpprest.store.sqlite.migrations import migrate

PHONE = 390
TOKEN = "dmVyeSBzZWNyZXQgdG9rZW4K"
SECRET = "hush"
MARKUP = "<img src=x onerror=hacked()>"
DOMAIN = "gateway.localhost"
BOT = f"bot@{DOMAIN}"
OCCUPANT = f"{BOT}/phone"
ROOM, MISSING = "team@rooms.localhost", "gone@rooms.localhost"

_CONFIG = f"""\
domain = "{DOMAIN}"
secret-file = "secret"
credentials-file = "credentials"
server = "tcp:127.0.0.1:%s"
listen = ["tcp:0:interface=127.0.0.1"]
store = "sqlite:store.db"
"""


def removed(room: str, condition: str) -> RoomRecord:
    """Make a membership whose bot was removed."""
    return RoomRecord(
        room,
        BOT,
        OCCUPANT,
        "bot",
        isRemoved=True,
        since=1_700_000_000.0,
        condition=condition,
        reason=MARKUP,
        actor="Juliet",
        joinedAt=1_600_000_000.0,
    )


class RoomsTests(SynchronousTestCase):
    """
    A person sees the rooms, lets a bot join again, and lets it leave
    """

    def setUp(self) -> None:
        place = Place(self)
        self.browser = Browser(self, place, PHONE)
        with closing(
            sqlite3.connect(place.path / "store.db", isolation_level=None)
        ) as connection:
            migrate(connection)
            for record in (removed(MISSING, "destroyed"), removed(ROOM, "kicked")):
                room_queries.save(connection, record)
        server = place.start(
            [sys.executable, "-m", "tests.browser.room_server", ROOM, SECRET]
        )
        port = server.expect(r"The port is (\d+)")[1]
        place.write("secret", SECRET)
        place.write("credentials", f"Bearer {TOKEN}")
        config = place.write("xmpprest.toml", _CONFIG % port)
        program = place.start(twist("xmpprest", f"--config={config}"))
        said = program.expect(r"Listening for HTTP on .*?\bport\D+(\d+)")
        self.url = f"http://127.0.0.1:{said[1]}/rest"
        self.browser.open(f"{self.url}/console/")
        self.browser.fill("#token", TOKEN + Keys.ENTER)
        self.browser.see("#state[data-state=up]")

    def text(self, selector: str) -> str:
        """Return the text of an element."""
        found = self.browser.waitFor("document.querySelector(arguments[0])", selector)
        text: str = found.get_property("textContent")
        return text

    def press(self, action: str, room: str) -> None:
        """Press the button of a room."""
        self.browser.click(f"#rooms-body [aria-label='{action} {room} with {BOT}']")

    def test_rooms(self) -> None:
        """
        A removed bot is shown with the words of the room as text; it joins again from
        the address from which it was in the room, and leaves; the reason why it cannot
        join is shown.
        """
        self.browser.see("#rooms-body tr")
        row = self.text("#rooms-body tr:last-child")
        for expected in (ROOM, f"{BOT}, as bot", "removed", f"kicked, {MARKUP}, by J"):
            self.assertIn(expected, row)

        self.press("Join again", MISSING)
        body = "document.querySelector(arguments[0]).textContent"
        self.browser.waitFor(f"{body}.includes('no such room')", "#rooms-problem")

        self.press("Join again", ROOM)
        self.browser.waitFor(f"{body}.includes('joined')", "#rooms-body")
        self.assertEqual(self.text("#rooms-problem"), "")
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with urlopen(Request(f"{self.url}/rooms/{ROOM}", headers=headers)) as response:
            self.assertEqual(json.load(response)["occupant"], OCCUPANT)
        self.browser.screenshot("console-rooms")
        again = f"#rooms-body [aria-label^='Join again {ROOM}']"
        self.assertEqual(
            self.browser.script(
                "return document.querySelectorAll(arguments[0]).length", again
            ),
            0,
        )

        for room in (ROOM, MISSING):
            self.press("Leave", room)
            self.browser.waitFor(f"!{body}.includes('{room}')", "#rooms-body")
        self.assertEqual(self.text("#rooms-empty"), "No rooms.")
        self.browser.see("#rooms-empty")
        self.assertLessEqual(
            self.browser.script("return document.documentElement.scrollWidth"),
            self.browser.script("return window.innerWidth"),
        )
