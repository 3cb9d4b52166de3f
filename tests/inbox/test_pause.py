"""
Tests of a callback that is paused.
"""

from __future__ import annotations

from twisted.logger import capturedLogs

from tests.inbox.test_stored_delivery import OK, OUT, DurableTestCase
from tests.support.delivery import ANN, BOT, KeepingWorld
from tests.support.doubles import said
from xmpprest.core.policy.callback_response import CallbackResponse
from xmpprest.core.policy.retry import MAX_RETRY_WINDOW
from xmpprest.core.records import DEAD, PENDING, DeliveryAttempt
from xmpprest.core.stanza.serializer import toXML
from xmpprest.inbox import outage_recovery

GONE = CallbackResponse(410)

PAUSED = (
    "The callback is paused: it responded with status 410, which means that it is gone."
    " Messages for it stay in the store, and it gets one request a minute. Any response"
    " other than 410 ends the pause."
)
RESUMED = "The callback is no longer paused; its stored stanzas are delivered."


class OutTests(DurableTestCase):
    """
    Tests of a callback that gives no answer at all, but not yet for days.
    """

    def postedWithin(self, seconds: int) -> list[str]:
        """Return the stanzas that are posted within some time; none is answered."""
        before = len(self.world.posted())
        for _ in range(seconds):
            self.world.clock.advance(1)
            for post in self.world.callback.posts:
                if not post.said.called:
                    post.said.errback(OUT)
        return self.world.posted()[before:]

    def test_minute(self) -> None:
        """
        A callback that is down is probed once a minute, with one conversation after the
        other, besides the stanzas that are due; after a response all are delivered at
        once.
        """
        for name in ("ann", "bob", "cid"):
            self.world.message(name, f"{name}@example.com")
        for number in range(3):
            self.world.answer(OUT, number)
        self.postedWithin(7000)
        found = [self.postedWithin(60) for _ in range(6)]
        names = [each[0] for each in found if len(each) == 1]
        self.assertEqual(6, len(names), found)
        self.assertEqual({"ann", "bob", "cid"}, set(names[:3]))
        self.assertEqual(names[:3], names[3:])
        while self.world.posted()[-1] == names[2]:
            self.world.clock.advance(1)
        self.world.answer(OK)
        self.world.answer(OK, -1)
        self.world.answer(OK, -2)
        self.assertEqual(0, self.world.inbox.storedCount)
        self.assertEqual([], self.world.clock.getDelayedCalls())

    def test_notAtOnce(self) -> None:
        """
        The callback is not probed within 15 seconds of a due stanza, and after five
        minutes not within a minute of one.
        """
        self.world.message("one")
        self.world.answer(OUT)
        # At 1 and 6 s; the timer has gone off at 15 s.
        self.assertEqual(["one"] * 2, self.postedWithin(29))
        self.assertEqual(["one"], self.postedWithin(1))
        self.assertEqual(["one"] * 17, self.postedWithin(270))
        self.assertEqual(["one"] * 9, self.postedWithin(540))

    def test_short(self) -> None:
        """
        After an outage of any length all stanzas that failed in it are POSTed at once,
        those first whose last attempt is the oldest, and no more at a time than may be
        in flight.
        """
        for seconds in (2, 40, 59, 61, 1000):
            self.world = KeepingWorld(connections=3)
            names = [f"m{number}" for number in range(8)]
            for name in names:
                self.world.message(name, f"{name}@example.com")
            for post in self.world.callback.posts:
                post.said.errback(OUT)
            self.postedWithin(seconds)
            order = [*dict.fromkeys(reversed(self.world.posted()))][::-1]
            self.world.callback.posts.clear()
            self.receive(f"<iq type='get' from='{ANN}' to='{BOT}' id='iq'/>")
            self.world.answer(OK)
            self.assertEqual(["iq", *order[:3]], self.world.posted(), seconds)
            for number in range(1, 9):
                self.world.answer(OK, number)
            self.assertEqual(["iq", *order], self.world.posted(), seconds)
            self.assertEqual(0, self.world.inbox.storedCount)
            self.assertEqual([], self.world.clock.getDelayedCalls())

    def test_downAgain(self) -> None:
        """
        If the callback fails again after one response, further stanzas wait for their
        own times.
        """
        self.world = KeepingWorld(connections=1)
        for number in range(20):
            self.world.message(f"m{number}", f"u{number}@example.com")
        for number in range(20):
            self.world.answer(OUT, number)
        self.postedWithin(40)
        self.world.callback.posts.clear()
        self.receive(f"<iq type='get' from='{ANN}' to='{BOT}' id='iq'/>")
        self.world.answer(OK)
        self.world.answer(OUT)
        self.world.answer(OUT)
        self.assertEqual(3, len(self.world.posted()))

    def test_atFault(self) -> None:
        """
        A stanza that fails again and again while others are accepted is POSTed earlier
        at most once a minute.
        """
        for name in ("one", "two"):
            self.world.message(name, f"{name}@example.com")
        for _ in range(600):
            self.postedWithin(1)
            self.world.message("other", "bob@example.com")
            self.world.answer(OK)
        for name in ("one", "two"):
            self.assertLess(self.world.posted().count(name), 4 + 600 / 60 + 4)

    def test_manyLeft(self) -> None:
        """
        Very many conversations that did not fail in the outage cost no long turn of the
        reactor: a slice of them is looked at in each.
        """
        self.patch(outage_recovery, "SLICE", 5)
        for number in range(20):
            self.world.message(f"m{number}", f"u{number}@example.com")
        while len(self.world.posted()) < 20 or not all(
            post.said.called for post in self.world.callback.posts
        ):
            for post in self.world.callback.posts:
                if not post.said.called:
                    last = post.stanza["id"] == "m19"
                    said = CallbackResponse(503, retryAfter="3600")
                    post.said.errback(OUT) if last else post.said.callback(said)
        self.world.message("more", "more@example.com")
        self.world.answer(OUT)
        self.world.callback.posts.clear()
        self.world.clock.advance(0.5)
        self.receive(f"<iq type='get' from='{ANN}' to='{BOT}' id='iq'/>")
        self.world.answer(OK)
        self.assertEqual(["iq"], self.world.posted())
        self.world.clock.pump([0] * 5)
        self.assertEqual(["iq", "m19", "more"], self.world.posted())

    def test_answersOthers(self) -> None:
        """The callback is not probed while it answers other stanzas."""
        self.world.message("one")
        self.world.answer(OUT)
        for _ in range(30):
            self.postedWithin(50)
            self.world.message("other", "bob@example.com")
            self.world.answer(OK)
        # At 0, 1, 6, 30, 50 s (others are accepted again), 5:50, 20:50 min.
        self.assertEqual(7, self.world.posted().count("one"))

    def test_asked(self) -> None:
        """Stanzas that the callback has asked to postpone are no probes."""
        self.world.message("one")
        self.world.answer(CallbackResponse(503, retryAfter="3600"))
        self.receive(f"<iq type='get' from='{ANN}' to='{BOT}' id='iq'/>")
        self.world.answer(OUT)
        self.assertEqual([], self.postedWithin(3000))


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

    def ask(self, said: CallbackResponse) -> None:
        """Have an iq come in, and be answered."""
        self.receive(f"<iq type='get' from='{ANN}' to='{BOT}' id='iq'/>")
        self.world.answer(said)

    def test_kept(self) -> None:
        """
        A stanza answered by 410 stays, and is not bounced; the attempt is recorded.
        """
        self.pause()
        self.assertTrue(self.world.inbox.isPaused)
        self.assertEqual(["ann", "bob", "cid"], self.world.incoming(PENDING))
        self.assertEqual([], self.world.stream.sent + self.world.replied.sent)
        _, attempts = self.world.record(self.world.callback.posts[2].id)
        (attempt,) = attempts
        self.assertEqual(DeliveryAttempt(attempt.at, 410, "410 Gone"), attempt)

    def test_probe(self) -> None:
        """
        A paused callback is probed once a minute, with one conversation after the
        other,
        whatever arrives.
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
        self.world.answer(CallbackResponse(500))
        self.assertFalse(self.world.inbox.isPaused)
        self.assertEqual({"ann", "bob", "cid", "dan"}, set(self.world.posted()))
        for number in range(1, 4):
            self.world.answer(OK, number)
        self.assertEqual(0, self.world.inbox.storedCount)
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
        Nothing is given up for two weeks.
        """
        self.world.message("one")
        self.world.message("other", "bob@example.com")
        self.world.answer(OK)
        self.world.answer(GONE, 0)
        self.world.clock.advance(MAX_RETRY_WINDOW - 86400)
        for _ in range(20):
            self.world.answer(OUT)
            self.world.clock.advance(60)
        self.assertEqual([], self.world.incoming(DEAD))
        self.assertEqual(["one"], self.world.incoming(PENDING))

    def test_busy(self) -> None:
        """
        A paused callback is not probed while the maximum of requests is under way.
        """
        self.world = KeepingWorld(connections=1)
        for name in ("ann", "bob"):
            self.world.message(name, f"{name}@example.com")
        self.world.store.failing = {"recordAttempt"}
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
