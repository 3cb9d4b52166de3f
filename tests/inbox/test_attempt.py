"""
Tests of L{xmpprest.inbox.attempt}: when a stanza is tried again, and
given up.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs

from tests.inbox.test_stored_delivery import OK, OUT, DurableTestCase
from tests.support.delivery import ANN, BEGINNING, BOT, KeepingWorld
from tests.support.doubles import said
from xmpprest.core.errors import REPORT_BUG
from xmpprest.core.media.formats import TEXT, XML
from xmpprest.core.policy.callback_response import CallbackResponse
from xmpprest.core.policy.retry import MAX_RETRY_WINDOW, MIN_ATTEMPTS, RETRY_WINDOW
from xmpprest.core.records import DEAD, DELIVERED, PENDING, DeliveryAttempt
from xmpprest.core.stanza.build import elements
from xmpprest.core.webhook.errors import DeliveryError

HOUR = 3600.0


class AttemptTestCase(DurableTestCase):
    """
    A test of what becomes of one message.
    """

    def setUp(self) -> None:
        """Have a message posted."""
        super().setUp()
        self.world.message("one")
        self.webhookID = self.world.callback.posts[0].id

    def wait(self) -> float:
        """Advance to the next post; how long that took, in seconds."""
        before, start = len(self.world.posted()), self.world.clock.seconds()
        while len(self.world.posted()) == before:
            call = self.world.clock.getDelayedCalls()[0]
            self.world.clock.advance(call.getTime() - self.world.clock.seconds())
        return self.world.clock.seconds() - start

    def attempts(self) -> Sequence[DeliveryAttempt]:
        """Return the recorded attempts."""
        return self.world.record(self.webhookID)[1]

    def others(self) -> None:
        """Let the callback take something else."""
        self.world.message("other", "bob@example.com")
        self.world.answer(OK)


class ScheduleTests(AttemptTestCase):
    """
    Tests of the schedule.
    """

    def test_delays(self) -> None:
        """
        A message without an answer is tried again, later and later, while others are
        answered.
        """
        waited = []
        for _ in range(10):
            self.world.answer(OUT)
            self.others()
            waited.append(self.wait())
        self.assertEqual([1, 5, 30, 120, 300, 900, 1800] + [HOUR] * 3, waited)

    def test_sameID(self) -> None:
        """
        The callback can tell that it is the same one.
        """
        for _ in range(12):
            self.world.answer(OUT)
            self.wait()
        self.assertEqual(
            {self.webhookID}, {post.id for post in self.world.callback.posts}
        )

    def test_jitter(self) -> None:
        """
        Not all are tried again at the same time.
        """
        waited = []
        for random in (0.0, 0.25, 0.75):
            self.world.random = random
            self.world.answer(OUT)
            self.others()
            waited.append(round(self.wait(), 3))
        self.assertEqual([0.8, 4.5, 33], waited)

    def test_statuses(self) -> None:
        """
        An answer counts at once, whatever it says.
        """
        for status in (200, 302, 400, 404, 429, 500, 502, 503, 504):
            world = self.world = KeepingWorld()
            world.message("one")
            world.answer(CallbackResponse(status))
            self.assertEqual([], world.incoming(PENDING), status)
            self.assertEqual(status != 200, bool(world.replied.sent), status)

    def test_record(self) -> None:
        """
        Each try is recorded, with its time, what was said, and why that was no
        success.
        """
        begun = BEGINNING
        self.world.answer(DeliveryError("it sent no answer within 15 s"))
        self.wait()
        self.world.answer(CallbackResponse(503, retryAfter="60"))
        self.wait()
        self.world.answer(CallbackResponse(404, XML, b"<html/>"))
        self.assertEqual(
            [
                DeliveryAttempt(
                    begun, None, "No response: it sent no answer within 15 s."
                ),
                DeliveryAttempt(begun + 1, 503, "503 Service Unavailable"),
                DeliveryAttempt(begun + 1 + 66, 404, "404 Not Found"),
            ],
            list(self.attempts()),
        )
        self.assertEqual(DELIVERED, self.world.record(self.webhookID)[0].state)

    def test_success(self) -> None:
        """
        Nothing is wrong with a success.
        """
        self.world.answer(OK)
        self.assertEqual([DeliveryAttempt(BEGINNING, 204, None)], list(self.attempts()))


class RetryAfterTests(AttemptTestCase):
    """
    Tests of a callback that asks to come again.
    """

    def test_retried(self) -> None:
        """
        A 429 or 503 that says when is no answer to the sender; it is tried then.
        """
        self.world.random = 0.0
        for status, header, expected in (
            (429, "7", 7),
            (503, "100", 100),
            (503, "0", 1),
            (429, "999999", HOUR),
            (503, "Sun, 09 Sep 2001 05:46:40 GMT", HOUR),
        ):
            self.world.answer(CallbackResponse(status, retryAfter=header))
            self.assertEqual(expected, self.wait(), header)
        self.world.answer(OK)
        self.assertEqual([], self.world.replied.sent)
        self.assertEqual(6, len(self.attempts()))

    def test_impatient(self) -> None:
        """
        One that asks for the shortest time, again and again, is tried later and later;
        anything else in between, and it has its will again.
        """
        self.world.random = 0.0

        def waits(number: int) -> list[float]:
            waited = []
            for _ in range(number):
                self.world.answer(CallbackResponse(503, retryAfter="0"))
                waited.append(self.wait())
            return waited

        self.assertEqual([1, 1, 1, 1, 1, 900, 1800, HOUR, HOUR], waits(9))
        self.world.answer(OUT)
        self.wait()
        self.assertEqual([1, 1], waits(2))

    def test_body(self) -> None:
        """
        So it is whatever else that says.
        """
        self.world.answer(CallbackResponse(503, TEXT, b"busy", retryAfter="7"))
        self.assertEqual([], self.world.replied.sent)
        self.assertEqual(["one"], self.world.incoming(PENDING))

    def test_garbage(self) -> None:
        """A malformed C{Retry-After} is ignored: the sender gets the error."""
        self.world.answer(CallbackResponse(503, retryAfter="soon"))
        self.assertEqual("error", self.world.replied.sent[0]["type"])
        self.assertEqual([], self.world.incoming(PENDING))

    def test_otherStatus(self) -> None:
        """
        With any other status it means nothing.
        """
        self.world.answer(CallbackResponse(500, retryAfter="7"))
        self.assertEqual([], self.world.incoming(PENDING))

    def test_notKept(self) -> None:
        """
        To what is not kept it means nothing, either.
        """
        self.receive(f"<iq type='get' from='bob@example.com' to='{BOT}' id='1'/>")
        self.world.answer(CallbackResponse(503, retryAfter="7"))
        self.assertEqual("error", self.world.stream.sent[0]["type"])


class DeadTests(AttemptTestCase):
    """
    Tests of what is given up.
    """

    def refuse(self, seconds: float, said: CallbackResponse | Exception = OUT) -> None:
        """Give no answer for some time, but take others."""
        end = self.world.clock.seconds() + seconds
        while self.world.clock.seconds() < end:
            self.world.answer(said)
            self.others()
            if "one" not in self.world.incoming(PENDING):
                break
            self.wait()

    def test_week(self) -> None:
        """
        After seven days it is given up; the log says so, and the sender is told
        nothing.
        """
        with capturedLogs() as logs:
            self.refuse(RETRY_WINDOW)
            self.assertEqual(["one"], self.world.incoming(PENDING))
            self.world.answer(OUT)
        self.assertEqual([], self.world.incoming(PENDING))
        self.assertEqual(["one"], self.world.incoming(DEAD))
        (line,) = [line for line in said(logs) if self.webhookID in line]
        tries = len(self.attempts())
        self.assertEqual(
            f"Dead letter: a message from {ANN} ({self.webhookID}) was not delivered in"
            f" {tries} attempts; it can be redelivered. Last failure: No response: it"
            " is out.",
            line,
        )
        self.assertEqual([], self.world.replied.sent)
        self.assertEqual([], self.world.stream.sent)
        self.assertEqual(0, self.world.inbox.storedCount)
        self.assertEqual(RETRY_WINDOW // HOUR + 8, tries)

    def test_next(self) -> None:
        """
        Then it is the turn of the next.
        """
        self.refuse(RETRY_WINDOW)
        self.world.message("two")
        self.world.answer(OUT)
        self.assertEqual("two", self.world.posted()[-1])

    def test_retryAfter(self) -> None:
        """
        So is one that the callback always wants later.
        """
        self.refuse(RETRY_WINDOW, CallbackResponse(503, retryAfter="3600"))
        self.world.answer(CallbackResponse(503, retryAfter="3600"))
        self.assertEqual(["one"], self.world.incoming(DEAD))

    def test_leastTries(self) -> None:
        """
        One that has waited behind it is tried a few times, however old it is.
        """
        self.world.message("two")
        self.refuse(RETRY_WINDOW)
        self.world.answer(OUT)
        for _ in range(MIN_ATTEMPTS - 1):
            self.assertEqual("two", self.world.posted()[-1])
            self.world.answer(OUT)
            self.assertEqual(["two"], self.world.incoming(PENDING))
            self.wait()
        self.world.answer(OUT)
        self.assertEqual(["one", "two"], self.world.incoming(DEAD))

    def test_outage(self) -> None:
        """
        A callback that takes nothing at all costs no message for two weeks, not even
        if the gateway starts again.
        """
        for _ in range(30):
            self.world.answer(OUT)
            self.wait()
        self.stop()
        self.world.clock.advance(MAX_RETRY_WINDOW - 86400)
        self.world.begin()
        for _ in range(2 * MIN_ATTEMPTS):
            self.world.answer(OUT)
            self.wait()
        self.world.answer(OK)
        self.assertEqual([], self.world.incoming(DEAD))
        self.assertEqual(DELIVERED, self.world.record(self.webhookID)[0].state)


class FaultTests(AttemptTestCase):
    """
    Tests of what cannot be delivered at all.
    """

    def test_fault(self) -> None:
        """
        After a fault of our own it is given up, with a line in the log, and the
        conversation goes on.
        """
        self.world.message("two")
        with capturedLogs() as logs:
            self.world.answer(ZeroDivisionError("secret"))
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
        error = "The gateway failed (ZeroDivisionError); see its log."
        self.assertEqual(
            [
                f"The delivery of {self.webhookID} crashed. {REPORT_BUG}",
                f"Dead letter: {self.webhookID} cannot be delivered: {error}",
            ],
            said(logs),
        )
        self.assertEqual(["one"], self.world.incoming(DEAD))
        self.assertEqual(["one", "two"], self.world.posted())
        self.assertEqual(
            [DeliveryAttempt(BEGINNING, None, error)], list(self.attempts())
        )

    def test_faultOfWayOut(self) -> None:
        """
        An unexpected error while a reply is sent is handled like one in the callback.
        """
        self.world.replied.problems = [ZeroDivisionError()]
        self.world.answer(CallbackResponse(200, TEXT, b"hello"))
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
        self.assertEqual(["one"], self.world.incoming(DEAD))

    def test_unreadable(self) -> None:
        """
        A stored stanza that cannot be read is given up; one that is still in memory is
        delivered.
        """
        odd = "<message from='{}' to='{}' id='odd'><x xmlns='u'/></message>"
        stanza = self.receive(odd.format("bob@example.com", BOT))
        elements(stanza)[0].localPrefixes = {"a": ""}
        self.stop()
        self.world = KeepingWorld()
        self.world.inbox.receive(stanza)
        self.assertEqual(["odd"], self.world.posted())
        id = self.world.callback.posts[0].id
        self.stop()
        with capturedLogs() as logs:
            self.world.begin()
        self.assertEqual([], self.world.posted())
        self.assertEqual(DEAD, self.world.record(id)[0].state)
        (line,) = said(logs)
        start = (
            f"Dead letter: {id} cannot be delivered: The stored XML cannot be parsed"
        )
        self.assertTrue(line.startswith(start), line)

    def test_brokenStore(self) -> None:
        """
        A store that fails in unknown ways is logged, and left alone for a while.
        """
        broken = [ZeroDivisionError()]

        attempted = self.world.store.recordAttempt

        def fail(
            number: int, attempt: DeliveryAttempt, state: str, dueAt: float
        ) -> Deferred[None]:
            if broken:
                raise broken.pop()
            return attempted(number, attempt, state, dueAt)

        self.patch(self.world.store, "recordAttempt", fail)
        self.world.answer(OK)
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
        self.assertEqual(60, self.wait())
        self.world.answer(OK)
        self.assertEqual([], self.world.incoming(PENDING))

    def test_cancelled(self) -> None:
        """
        A post that somebody else gives up is tried again after a while.
        """
        self.world.callback.posts[0].said.cancel()
        self.assertEqual(60, self.wait())
        self.assertEqual([], list(self.attempts()))
