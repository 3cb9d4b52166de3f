"""
Tests of L{xmpprest.core.updates.page}.
"""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.codec.table import STANZAS
from xmpprest.core.updates.cursor import Cursor
from xmpprest.core.updates.page import MAX_SIZE, PageBuilder, encodeStanza, encodeUpdate

MESSAGE = STANZAS.decode(
    {
        "kind": "message",
        "type": "chat",
        "from": "user@example.org/phone",
        "to": "gateway.example.org",
        "body": "Hello",
    }
)

BEFORE = Cursor(0, 0, 0)


class EncodeTests(SynchronousTestCase):
    """
    Tests of L{encodeUpdate}.
    """

    def test_message(self) -> None:
        """
        The update of a message has its id, its cursor, its attempts and the stanza.
        """
        update = json.loads(
            encodeUpdate("msg_1", "AAAB", encodeStanza(MESSAGE), attempts=2)
        )
        self.assertEqual(
            update,
            {
                "id": "msg_1",
                "cursor": "AAAB",
                "attempts": 2,
                "stanza": STANZAS.encode(MESSAGE),
            },
        )

    def test_expires(self) -> None:
        """
        An update that can expire says when.
        """
        update = json.loads(
            encodeUpdate("msg_1", "AAAB", b"{}", attempts=1, expires=1767268800.0)
        )
        self.assertEqual(update["expires"], "2026-01-01T12:00:00.000Z")

    def test_reflection(self) -> None:
        """
        A message that a room has sent back is marked.
        """
        stanza = json.loads(encodeStanza(MESSAGE, isReflection=True))
        self.assertIs(stanza["reflection"], True)


class PageTests(SynchronousTestCase):
    """
    Tests of L{PageBuilder}.
    """

    def test_body(self) -> None:
        """
        The body holds the updates in order, and the cursor behind them.
        """
        page = PageBuilder(BEFORE)
        for number in range(3):
            self.assertTrue(page.add(b'{"id":%d}' % number, Cursor(number, 0, 0)))
        self.assertEqual(len(page), 3)
        self.assertEqual(page.cursor, Cursor(2, 0, 0))
        self.assertEqual(
            json.loads(page.body("AAAB")),
            {"updates": [{"id": 0}, {"id": 1}, {"id": 2}], "cursor": "AAAB"},
        )

    def test_empty(self) -> None:
        """
        A page without updates is complete, too.
        """
        self.assertEqual(
            json.loads(PageBuilder(BEFORE).body("A")), {"updates": [], "cursor": "A"}
        )

    def test_limit(self) -> None:
        """
        A response has at most 1 MiB, its cursor included.
        """
        page = PageBuilder(BEFORE)
        while page.add(b'"%s"' % (b"x" * 1000), BEFORE):
            pass
        self.assertGreater(len(page), 1000)
        self.assertLessEqual(len(page.body("c" * 40)), MAX_SIZE)

    def test_oneLarge(self) -> None:
        """
        A response may be longer for a single update.
        """
        page = PageBuilder(BEFORE)
        self.assertTrue(page.add(b'"%s"' % (b"x" * 2 * MAX_SIZE), BEFORE))
        self.assertFalse(page.add(b"1", Cursor(1, 0, 0)))
        self.assertEqual(len(page), 1)
        self.assertEqual(page.cursor, BEFORE)
