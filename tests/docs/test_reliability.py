"""Tests of the pages about delivery: commands are pasted, numbers are checked."""

from __future__ import annotations

import json
import re

from twisted.trial.unittest import SynchronousTestCase

from tests.docs.document import Document
from tests.docs.paste import PasteTestCase
from tests.docs.world import ROOT
from xmpprest.config.config import SETTINGS
from xmpprest.core import records
from xmpprest.core.policy.retry import BACKOFF_SCHEDULE
from xmpprest.outbox.sender import MAX_IN_FLIGHT
from xmpprest.web.idempotency.key import MAX_KEY

PAGE = Document(ROOT / "docs/explanation/reliability.rst")
STATUS = Document(ROOT / "docs/how-to/delivery-status.rst")
KEYS = Document(ROOT / "docs/how-to/idempotency-keys.rst")
LETTERS = Document(ROOT / "docs/how-to/dead-letters.rst")
(READY,) = PAGE.of("sh")
(STATE, LIST, DROP, WAIT) = STATUS.of("sh")
(KEY,) = KEYS.of("sh")
(DEAD, REDELIVER) = LETTERS.of("sh")
TEXT = "".join(page.text for page in (PAGE, STATUS, KEYS))


class TextTests(SynchronousTestCase):
    """
    Tests of what can be seen without running it.
    """

    def test_numbers(self) -> None:
        """
        The numbers are those of the code.
        """
        defaults = {each.name: each.field.default for each in SETTINGS}
        for words, number in {
            r"\* (\d+) messages to the server": MAX_IN_FLIGHT,
            r"(\d+) stanzas to the callback \(": defaults["callback-connections"],
            r"to\s+([\d,]+) of them \(``--outbox-limit``\)": defaults["outbox-limit"],
            r"letter is kept for (\d+) days \(``--dead-days``\)": defaults["dead-days"],
            r"up to (\d+) characters": MAX_KEY,
        }.items():
            (found,) = re.findall(words, TEXT)
            self.assertEqual(float(found.replace(",", "")), number, words)
        self.assertIn("for up to a day (``--outbox-age``)", TEXT)
        self.assertEqual(defaults["outbox-age"], 86400)
        self.assertIn("is kept for seven days\n  (``--record-days``)", TEXT)
        self.assertEqual(defaults["record-days"], 7)

    def test_schedule(self) -> None:
        """
        The times of the retries are those of the code.
        """
        self.assertIn(
            "after 1, 5 and 30 seconds, 2, 5, 15 and 30 minutes, then every hour",
            " ".join(PAGE.text.split()),
        )
        minutes = [60 * number for number in (2, 5, 15, 30)]
        self.assertEqual(list(BACKOFF_SCHEDULE), [0, 1, 5, 30, *minutes])

    def test_states(self) -> None:
        """
        The states are those that there are.
        """
        states = [row[0].text for row in STATUS.table("Ask for the state")]
        expected = [
            records.QUEUED,
            records.SENT,
            records.CONFIRMED,
            records.BOUNCED,
            records.DROPPED,
        ]
        self.assertEqual(states, expected)


class CommandTests(PasteTestCase):
    """
    Tests of the commands.
    """

    async def test_wait(self) -> None:
        """
        The POST waits for what becomes of the message.
        """
        await self.prepare()
        await self.start()
        said = await self.run_(f"{WAIT} -s")
        self.assertIn("HTTP/1.1 202 ", said)
        self.assertIn("Preference-Applied: wait=10", said)

    async def test_key(self) -> None:
        """A repeated request gets the first response, and is sent once."""
        await self.prepare()
        await self.start()
        answers = set()
        for _ in range(3):
            said = await self.run_(f"{KEY} -s")
            self.assertIn("HTTP/1.1 202 ", said)
            answers |= set(re.findall(r"Stanza-Id: \S+", said))
        self.assertEqual(len(answers), 1)
        self.assertEqual(str((await self.received()).body), "It is on its way.")
        # Nobody takes the echo; and there is no other message before this one.
        self.assertEqual((await self.received())["type"], "error")
        await self.run_(f"{WAIT} -s")
        self.assertEqual(str((await self.received()).body), "Hello!")

    async def test_inbox(self) -> None:
        """The list of dead letters is empty, and nothing is redelivered."""
        await self.prepare()
        await self.start("--callback-url", "http://127.0.0.1:9/")
        none: dict[str, object] = {"stanzas": [], "next": None}
        self.assertEqual(json.loads(await self.run_(f"{DEAD} -s")), none)
        status, body = await self.paste(REDELIVER)
        self.assertEqual((status, json.loads(body)["redelivered"]), (202, 0))

    async def test_ready(self) -> None:
        """
        The gateway says that it is ready.
        """
        await self.prepare()
        await self.start()
        self.assertIn('"means": "loopback"', await self.run_(f"{READY} -s"))
