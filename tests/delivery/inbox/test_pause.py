"""
Tests of a callback that is paused.
"""

from __future__ import annotations

from twisted.logger import capturedLogs

from tests.delivery.doubles import ANN, BOT, KeepingWorld
from tests.delivery.inbox.test_durable import OK, OUT, DurableTestCase
from tests.doubles import said
from xmpprest.core.records import DEAD, PENDING, Attempt
from xmpprest.core.rules import Answer
from xmpprest.core.schedule import LIFETIME, PATIENCE
from xmpprest.core.writer import toXML

GONE = Answer(410)

PAUSED = (
    "The callback is paused: It has answered 410, which is to say that it is gone."
    " Messages are kept, and it is tried once a minute; let it answer anything but"
    " 410, and all of them are delivered."
)
RESUMED = "The callback is no longer paused; what waits is delivered."


class PauseTests(DurableTestCase):
    """
    Tests of a callback that says that it is gone.
    """

    def pause(self) -> None:
        """Have it say so to one of three conversations."""
        for name in ("ann", "bob", "cid"):
            self.world.message(name, f"{name}@example.com")
        self.world.answer(OUT, 0)
        self.world.answer(OUT, 1)
        self.world.answer(GONE, 2)

    def ask(self, said: Answer) -> None:
        """Have an iq come in, and be answered."""
        self.receive(f"<iq type='get' from='{ANN}' to='{BOT}' id='iq'/>")
        self.world.answer(said)

    def test_kept(self) -> None:
        """
        What it says so to stays, and is not bounced; the try is recorded.
        """
        self.pause()
        self.assertTrue(self.world.inbox.isPaused)
        self.assertEqual(["ann", "bob", "cid"], self.world.incoming(PENDING))
        self.assertEqual([], self.world.stream.sent + self.world.replied.sent)
        _, attempts = self.world.record(self.world.callback.posts[2].id)
        (attempt,) = attempts
        self.assertEqual(Attempt(attempt.at, 410, "410 Gone"), attempt)

    def test_probe(self) -> None:
        """
        It is tried once a minute, with one conversation after the other, whatever
        comes in.
        """
        self.pause()
        self.world.callback.posts.clear()
        self.world.message("dan", "dan@example.com")
        for minutes in range(1, 5):
            self.world.clock.advance(59)
            self.assertEqual(minutes - 1, len(self.world.posted()))
            self.world.clock.advance(1)
            self.assertEqual(minutes, len(self.world.posted()))
            self.world.answer(GONE if minutes % 2 else OUT)
        self.assertEqual(["ann", "bob", "cid", "dan"], self.world.posted())

    def test_resume(self) -> None:
        """
        Any other answer, and all is delivered.
        """
        self.pause()
        self.world.callback.posts.clear()
        self.world.message("dan", "dan@example.com")
        self.world.clock.advance(60)
        self.world.answer(Answer(500))
        self.assertFalse(self.world.inbox.isPaused)
        self.assertEqual({"ann", "bob", "cid", "dan"}, set(self.world.posted()))
        for number in range(1, 4):
            self.world.answer(OK, number)
        self.assertEqual(0, self.world.inbox.kept)
        self.assertEqual([], self.world.clock.getDelayedCalls())

    def test_byIq(self) -> None:
        """
        An iq is posted all the same. To say so to one pauses the callback as well,
        and its sender is told; any other answer resumes.
        """
        self.world.message("one")
        self.world.answer(OUT)
        self.ask(GONE)
        self.assertIn("<gone ", toXML(self.world.stream.sent[0]))
        self.assertTrue(self.world.inbox.isPaused)
        self.world.clock.advance(30)
        self.assertEqual(["one", "iq"], self.world.posted())
        self.ask(OK)
        self.assertFalse(self.world.inbox.isPaused)
        self.assertEqual(["one", "iq", "iq", "one"], self.world.posted())

    def test_nothingWaits(self) -> None:
        """
        If nothing waits, nothing is tried.
        """
        self.ask(GONE)
        self.world.clock.pump([60] * 5)
        self.assertEqual(["iq"], self.world.posted())
        self.world.message("one")
        self.world.clock.advance(60)
        self.assertEqual(["iq", "one"], self.world.posted())

    def test_log(self) -> None:
        """
        The log says once that it is paused, what to do, and once that it is over.
        """
        with capturedLogs() as logs:
            self.world.message("one")
            for _ in range(3):
                self.world.answer(GONE)
                self.world.clock.advance(60)
            self.world.answer(OK)
        self.assertEqual([PAUSED, RESUMED], said(logs))

    def test_noDeath(self) -> None:
        """
        Nothing is given up, however long that takes.
        """
        self.world.message("one")
        self.world.message("other", "bob@example.com")
        self.world.answer(OK)
        self.world.answer(GONE, 0)
        self.world.clock.advance(2 * LIFETIME)
        for _ in range(20):
            self.world.answer(OUT)
            self.world.clock.advance(60)
        self.assertEqual([], self.world.incoming(DEAD))
        self.assertEqual(["one"], self.world.incoming(PENDING))

    def test_busy(self) -> None:
        """
        It is not tried while there are as many others under way as may be.
        """
        self.world = KeepingWorld(connections=1)
        for name in ("ann", "bob"):
            self.world.message(name, f"{name}@example.com")
        self.world.store.failing = {"attempted"}
        self.world.answer(GONE)
        self.world.clock.pump([1] * 90)
        self.assertEqual(["ann"], self.world.posted())
        self.world.store.failing = set()
        self.world.clock.pump([1] * 60)
        self.assertEqual(["ann", "ann"], self.world.posted())

    def test_stop(self) -> None:
        """
        To stop ends the waiting.
        """
        self.pause()
        self.stop()
        self.world.begin()
        self.assertFalse(self.world.inbox.isPaused)

    def test_patience(self) -> None:
        """
        Five days without any answer pause it, too.
        """
        self.world.message("one")
        with capturedLogs() as logs:
            while not self.world.inbox.isPaused:
                self.world.answer(OUT)
                if not self.world.inbox.isPaused:
                    (call,) = self.world.clock.getDelayedCalls()
                    self.world.clock.advance(call.getTime() - self.world.clock.rightNow)
        _, attempts = self.world.record(self.world.callback.posts[0].id)
        age = attempts[-1].at - attempts[0].at
        self.assertTrue(PATIENCE <= age <= PATIENCE + 3600, age)
        self.assertIn("It has given no answer for 5 days.", said(logs)[-1])
        self.assertEqual(2, len(logs))
        count = len(self.world.posted())
        self.world.clock.advance(60)
        self.assertEqual(count + 1, len(self.world.posted()))
        self.world.answer(OK)
        self.assertFalse(self.world.inbox.isPaused)
