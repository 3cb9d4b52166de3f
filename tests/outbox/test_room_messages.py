"""Tests of L{xmpprest.outbox.room_messages}, by an outbox with rooms."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.words.xish.domish import Element

from tests.support.doubles import DOMAIN, live, stanza
from xmpprest.core.errors import Refusal
from xmpprest.core.records import BOUNCED, CONFIRMED, QUEUED, SENT, OutboxRecord
from xmpprest.core.rooms.values import RoomGate
from xmpprest.outbox.outbox import Outbox
from xmpprest.outbox.room_messages import MAX_HELD, REFLECTION_TIMEOUT

from .test_outbox import HeldStream, OutboxTestCase, message

ROOM = "room@rooms.example.org"
BOT = f"bot@{DOMAIN}/xmpprest"


def said(number: int) -> Element:
    """A groupchat message to the room."""
    return stanza(
        f"<message type='groupchat' to='{ROOM}' from='{BOT}' id='r{number}'>"
        f"<body>{number}</body></message>"
    )


class RoomMessageTests(OutboxTestCase):
    """
    Messages to the room of a bot.
    """

    def setUp(self) -> None:
        self.gate: RoomGate | None = RoomGate.OPEN
        super().setUp()
        self.stream.ready = True
        self.outbox.connected()

    def begin(self, **settings: Any) -> Outbox:
        self.stream = HeldStream()
        outbox = Outbox(
            self.store,
            self.stream,
            self.stream,
            live(**settings),
            clock=self.clock,
            now=self.clock.seconds,
            domain=DOMAIN,
            gates=self,
        )
        outbox.startService()
        return outbox

    def gateOf(self, to: str, sender: str) -> RoomGate | None:
        """Tell whether messages pass."""
        return self.gate if (to, sender) == (ROOM, BOT) else None

    def turn(self, gate: RoomGate) -> None:
        """Change the gate."""
        self.gate = gate
        self.outbox.roomChanged(ROOM, BOT, gate)

    def send(self, *stanzas: Element) -> None:
        """Accept messages, and let them be stored."""
        for each in stanzas:
            self.outbox.enqueue(each, lambda result: None)
        self.clock.advance(0)

    def passBarrier(self) -> None:
        """Let the barrier come back."""
        self.stream.crossings.pop().callback(True)
        self.clock.advance(1)

    def record(self, number: int) -> OutboxRecord:
        """Return the status of a message to the room."""
        (found,) = self.wait(self.outbox.messagesByID(f"r{number}", None))
        return found

    def test_reflected(self) -> None:
        """A message is confirmed when the room sends it back, with the room's id."""
        self.send(said(1))
        self.assertEqual(self.stream.taken(), ["r1"])
        self.passBarrier()
        self.assertEqual(self.record(1).state, SENT)
        self.outbox.reflected(ROOM, BOT, "r1", "archive-7")
        found = self.record(1)
        self.assertEqual((found.state, found.stanzaID), (CONFIRMED, "archive-7"))
        self.assertEqual(self.outbox.waiting, 0)

    def test_early(self) -> None:
        """A reflection before the barrier confirms, too; a room may give no id."""
        self.send(said(1))
        self.outbox.reflected(ROOM, BOT, "r1", "")
        found = self.record(1)
        self.assertEqual((found.state, found.stanzaID), (CONFIRMED, ""))
        self.passBarrier()
        self.assertEqual(self.record(1).state, CONFIRMED)

    def test_strange(self) -> None:
        """A reflection of an unknown message changes nothing."""
        self.send(said(1))
        self.outbox.reflected(ROOM, BOT, "r2", "x")
        self.outbox.reflected(ROOM, f"other@{DOMAIN}", "r1", "x")
        self.assertEqual(self.record(1).state, SENT)

    def test_unreflected(self) -> None:
        """A message that never comes back stays sent, and the wait for it ends."""
        numbers: list[int] = []
        self.outbox.enqueue(said(1), numbers.append)  # type: ignore[arg-type]
        self.clock.advance(0)
        outcome = self.outbox.waitForOutcome(numbers[0], 300)
        self.passBarrier()
        self.assertNoResult(outcome)
        self.clock.advance(REFLECTION_TIMEOUT)
        self.assertEqual(self.successResultOf(outcome).state, SENT)
        self.assertEqual(self.record(1).state, SENT)
        self.outbox.disconnected()
        self.stream.taken()
        self.outbox.connected()
        self.assertEqual(self.stream.taken(), [])

    def test_window(self) -> None:
        """A message that waits for its reflection leaves the window, and the rest."""
        self.send(said(1), message(2))
        self.passBarrier()
        found = self.wait(self.outbox.messagesByID("m2", None))
        self.assertEqual([each.state for each in found], [CONFIRMED])
        self.assertEqual(self.record(1).state, SENT)

    def test_held(self) -> None:
        """Messages wait for their room, in order, and hold up no others."""
        self.turn(RoomGate.HELD)
        self.send(said(1), message(2), said(3))
        self.assertEqual(self.stream.taken(), ["m2"])
        self.assertEqual(self.record(3).state, QUEUED)
        self.passBarrier()
        self.assertIsNone(self.outbox.oldestAt)
        self.turn(RoomGate.OPEN)
        self.send(said(4))
        self.assertEqual(self.stream.taken(), ["r1", "r3", "r4"])

    def test_others(self) -> None:
        """Other messages to the room, such as invitations, are not held."""
        self.turn(RoomGate.HELD)
        self.send(message(1, ROOM, **{"from": BOT}))
        self.assertEqual(self.stream.taken(), ["m1"])

    def test_full(self) -> None:
        """A room holds a limited number of messages; further ones are refused."""
        self.turn(RoomGate.HELD)
        self.send(*map(said, range(MAX_HELD)))
        reason = self.assertRaises(
            Refusal, self.outbox.enqueue, said(MAX_HELD), lambda result: None
        )
        self.assertEqual(reason.problem.status, 503)
        self.turn(RoomGate.OPEN)

    def test_removed(self) -> None:
        """Messages to a room that the bot was removed from bounce."""
        self.turn(RoomGate.HELD)
        self.send(said(1))
        self.turn(RoomGate.REMOVED)
        self.send(said(2))
        for number in (1, 2):
            found = self.record(number)
            self.assertEqual(found.state, BOUNCED)
            self.assertIn("not-acceptable", found.error or "")
        self.assertEqual(self.outbox.waiting, 0)

    def test_again(self) -> None:
        """
        A message that was written but not sent back is written again after a rejoin,
        unless the room proves to have it.
        """
        self.send(said(1), said(2))
        self.passBarrier()
        self.stream.taken()
        self.turn(RoomGate.HELD)
        self.outbox.reflected(ROOM, BOT, "r1", "x")
        self.turn(RoomGate.OPEN)
        self.assertEqual(self.stream.taken(), ["r2"])
        self.assertEqual(self.record(1).stanzaID, "x")

    def test_lost(self) -> None:
        """
        A reflection counts after the loss of the stream, and in another process: that
        message is not written again.
        """
        self.send(said(1), said(2), said(3))
        self.passBarrier()
        self.gate = RoomGate.HELD
        self.outbox.disconnected()
        self.stream.taken()
        self.outbox.connected()
        self.outbox.reflected(ROOM, BOT, "r1", "x")
        self.assertEqual(self.stream.taken(), [])
        self.outbox = self.begin()
        self.stream.ready = True
        self.outbox.connected()
        self.outbox.reflected(ROOM, BOT, "r2", "y")
        self.turn(RoomGate.OPEN)
        self.assertEqual(self.stream.taken(), ["r3"])

    def test_bounced(self) -> None:
        """An error answers a message that waits for its reflection."""
        self.send(said(1))
        self.passBarrier()
        error = stanza(f"<message type='error' from='{ROOM}' id='r1' to='{BOT}'/>")
        self.outbox.handleError(error)
        self.assertEqual(self.record(1).state, BOUNCED)

    def refuse(self, sender: str, content: str = "") -> None:
        """Let an error for the first message arrive."""
        addresses = f"from='{sender}' to='{BOT}'"
        self.outbox.handleError(
            stanza(f"<message type='error' id='r1' {addresses}>{content}</message>")
        )

    def test_forged(self) -> None:
        """An error from an occupant is no answer to a message, the room's own is."""
        self.send(said(1))
        self.refuse(f"{ROOM}/mallory")
        self.assertEqual(self.record(1).state, SENT)
        self.passBarrier()
        self.refuse(f"{ROOM}/mallory")
        self.assertEqual(self.record(1).state, SENT)
        self.refuse(ROOM)
        self.assertEqual(self.record(1).state, BOUNCED)

    def test_forgedLater(self) -> None:
        """An error from an occupant changes no message that the room has sent back."""
        self.send(said(1))
        self.passBarrier()
        self.outbox.reflected(ROOM, BOT, "r1", "archive-7")
        for gate in (RoomGate.OPEN, None):
            self.gate = gate
            self.refuse(f"{ROOM}/mallory")
            self.assertEqual(self.record(1).state, CONFIRMED)
        self.refuse(ROOM)
        self.assertEqual(self.record(1).state, BOUNCED)

    def test_forgedExpired(self) -> None:
        """An error from an occupant changes no message that has not come back."""
        self.send(said(1))
        self.passBarrier()
        self.clock.advance(REFLECTION_TIMEOUT)
        self.refuse(f"{ROOM}/mallory")
        self.assertEqual(self.record(1).state, SENT)
        self.refuse(ROOM)
        self.assertEqual(self.record(1).state, BOUNCED)

    def test_forgedElsewhere(self) -> None:
        """
        In a room that the gateway does not keep, the type tells while the message is in
        flight; then the mark of rooms does.
        """
        self.gate = None
        self.send(said(1))
        self.refuse(f"{ROOM}/mallory")
        self.assertEqual(self.record(1).state, SENT)
        self.passBarrier()
        mark = "<x xmlns='http://jabber.org/protocol/muc#user'/>"
        self.refuse(f"{ROOM}/mallory", mark)
        self.assertEqual(self.record(1).state, CONFIRMED)
        self.refuse(ROOM)
        self.assertEqual(self.record(1).state, BOUNCED)

    def test_dropped(self) -> None:
        """A held message can be dropped."""
        self.turn(RoomGate.HELD)
        self.send(said(1))
        dropping = Deferred.fromCoroutine(self.outbox.drop(self.record(1)))
        self.assertTrue(self.successResultOf(dropping))
        self.turn(RoomGate.OPEN)
        self.assertEqual(self.stream.taken(), [])

    def test_unknown(self) -> None:
        """Messages that were held before the rooms were known are sent."""
        self.turn(RoomGate.HELD)
        self.send(said(1))
        self.gate = None
        self.outbox.roomsKnown()
        self.assertEqual(self.stream.taken(), ["r1"])
        self.passBarrier()
        self.assertEqual(self.record(1).state, CONFIRMED)
        self.assertIsNone(self.record(1).stanzaID)
