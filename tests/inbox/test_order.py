"""Tests of the order in which stanzas of all kinds reach the callback."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.support.delivery import ANN, BOT, KeepingWorld
from tests.support.doubles import stanza
from xmpprest.core.policy.callback_response import CallbackResponse
from xmpprest.core.policy.retry import RETRY_WINDOW
from xmpprest.core.records import DEAD, PENDING
from xmpprest.core.webhook.errors import DeliveryError
from xmpprest.inbox.conversation import COUNT

OK = CallbackResponse(204)
OUT = DeliveryError("it is out")
ROOM = "room@muc.example"


class OrderTestCase(SynchronousTestCase):
    """
    A test with a store and a callback that the test holds.
    """

    def setUp(self) -> None:
        """Begin with an empty store."""
        self.world = KeepingWorld()
        self.answered = 0

    def presence(self, id: str, sender: str = ANN) -> None:
        """Let presence arrive."""
        xml = f"<presence from='{sender}' to='{BOT}' id='{id}'/>"
        self.world.inbox.receive(stanza(xml))

    def groupchat(self, id: str) -> None:
        """Let a message of the room arrive."""
        self.world.inbox.receive(
            stanza(
                f"<message type='groupchat' from='{ROOM}' to='{BOT}' id='{id}'>"
                f"<subject>{id}</subject></message>"
            )
        )

    def answerAll(self) -> list[str]:
        """Accept each stanza as it is POSTed; return the ids in their order."""
        while self.answered < len(self.world.callback.posts):
            self.answered += 1
            self.world.answer(OK, self.answered - 1)
        return self.world.posted()


class RoomTests(OrderTestCase):
    """
    Tests of a room that is joined.
    """

    def test_subject(self) -> None:
        """
        The subject follows the presence of all 81 occupants.
        """
        ids = [f"p{number}" for number in range(81)]
        for id in ids:
            self.presence(id, f"{ROOM}/{id}")
        self.groupchat("subject")
        self.presence("late", f"{ROOM}/late")
        self.assertEqual([*ids, "subject", "late"], self.answerAll())


class StoreTests(OrderTestCase):
    """
    Tests of a store that is slow, or fails.
    """

    def test_slow(self) -> None:
        """
        Presence and queries wait for the commits of the messages before them, and the
        messages after them wait for these.
        """
        self.world.store.isHeld = True
        expected = []
        for number in range(20):
            self.world.message(f"m{number}")
            self.presence(f"p{number}")
            expected += [f"m{number}", f"p{number}"]
        self.assertEqual([], self.world.posted())
        self.world.store.release()
        self.assertEqual(expected, self.answerAll())

    def test_recovers(self) -> None:
        """
        If the disk fails for one message and recovers, the message is delivered before
        the next one.
        """
        people = [f"user{number}@example{number}.com" for number in range(30)]
        for number in range(4):
            self.world.store.failing = {"addIncoming"} if number == 2 else set()
            for person in people:
                self.world.message(f"{person} {number}", person)
            if number == 1:
                self.answerAll()
        self.answerAll()
        for person in people:
            numbers = [
                id.split()[1] for id in self.world.posted() if id.startswith(person)
            ]
            self.assertEqual(["0", "1", "2", "3"], numbers)

    def test_held(self) -> None:
        """A stanza that is only in the store comes before presence that followed it."""
        ids = [f"m{number}" for number in range(COUNT + 10)]
        for id in ids:
            self.world.message(id)
        self.presence("p")
        self.world.message("last")
        self.assertEqual([*ids, "p", "last"], self.answerAll())


class RetryTests(OrderTestCase):
    """
    Tests of what does not wait.
    """

    def test_retry(self) -> None:
        """
        Presence and queries wait for the attempt in flight, but not for a retry.
        """
        self.world.message("one")
        self.presence("two")
        self.assertEqual(["one"], self.world.posted())
        self.world.answer(OUT)
        self.assertEqual(["one", "two"], self.world.posted())
        self.world.answer(OK)
        self.presence("three")
        self.assertEqual(["one", "two", "three"], self.world.posted())
        self.world.answer(OK)
        self.world.clock.advance(1)
        self.assertEqual(["one", "two", "three", "one"], self.world.posted())

    def test_pause(self) -> None:
        """
        While the callback is paused, messages wait, but presence does not.
        """
        self.world.message("one")
        self.world.answer(CallbackResponse(410))
        self.world.message("two")
        self.presence("three")
        self.world.message("bob", "bob@example.com")
        self.presence("four", "bob@example.com")
        self.assertEqual(["one", "three", "four"], self.world.posted())
        self.world.answer(CallbackResponse(410), 1)
        self.world.answer(OK, 2)
        self.world.clock.advance(1)
        self.assertEqual({"one", "bob"}, {*self.world.posted()[3:]})


class ClockTests(OrderTestCase):
    """
    Tests of steps of the system clock.
    """

    def test_back(self) -> None:
        """
        After a step back of an hour a message is retried as the schedule has it, also
        after a restart.
        """
        self.world.message("one")
        self.world.answer(OUT)
        self.world.clockStep = -3600.0
        self.world.clock.advance(1)
        self.assertEqual(["one", "one"], self.world.posted())
        self.world.answer(OUT)
        self.world.stop()
        self.world.begin()
        self.world.clock.advance(5)
        self.assertEqual(["one"], self.world.posted())

    def test_forward(self) -> None:
        """
        A step forward of three weeks that is corrected neither pauses the callback nor
        makes a young message a dead letter.
        """
        self.world.message("one")
        for delay in (1, 5, 30, 120):
            self.world.answer(OUT)
            self.world.clock.advance(delay)
        self.world.clockStep = 3 * RETRY_WINDOW
        self.world.answer(OUT)
        self.world.clockStep = 0.0
        self.assertFalse(self.world.inbox.isPaused)
        self.assertEqual(["one"], self.world.incoming(PENDING))
        self.assertEqual([], self.world.incoming(DEAD))
        self.world.clock.advance(300)
        self.world.answer(OK)
        self.assertEqual([], self.world.incoming(PENDING))

    def test_backlog(self) -> None:
        """
        While the system clock is an hour ahead of what it was at the start, messages
        that wait in the store only are delivered one after the other.
        """
        self.world.clockStep = 3600.0
        ids = [str(number) for number in range(COUNT + 3)]
        for id in ids:
            self.world.message(id)
        for _ in ids:
            self.world.answer(OK)
        self.assertEqual(ids, self.world.posted())
        self.assertEqual([], self.world.incoming(PENDING))

    def test_restartWithBacklog(self) -> None:
        """
        Messages that arrived before the system clock was stepped back an hour are all
        delivered at once by the next process.
        """
        self.world.message("one")
        self.world.message("two")
        self.world.stop()
        self.world.clockStep = -3600.0
        self.world.begin()
        self.world.answer(OK)
        self.world.answer(OK)
        self.assertEqual(["one", "two"], self.world.posted())
