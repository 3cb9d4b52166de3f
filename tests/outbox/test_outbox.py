"""Tests for L{xmpprest.outbox.outbox}."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import (
    ILogObserver,
    LogEvent,
    LogLevel,
    formatEvent,
    globalLogPublisher,
)
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.error import StreamError
from twisted.words.xish.domish import Element
from zope.interface import implementer

from tests.support.doubles import DOMAIN, live, stanza
from xmpprest.core.errors import Problem, Refusal, serviceUnavailable
from xmpprest.core.records import (
    BOUNCED,
    CONFIRMED,
    DROPPED,
    QUEUED,
    SENT,
    IdempotencyRecord,
    OutboxRecord,
    Outcome,
    StoreUnavailable,
)
from xmpprest.core.stanza.parser import parseDocument
from xmpprest.core.stanza.serializer import toXML
from xmpprest.outbox.backlog import MAX_MESSAGES_IN_MEMORY
from xmpprest.outbox.bounces import MAX_LOOKUPS
from xmpprest.outbox.culprit import BOUNCE_AFTER_SILENT_LOSSES, ISOLATE_AFTER
from xmpprest.outbox.outbox import STOP_TIMEOUT, Outbox
from xmpprest.outbox.recorder import RETRY_DELAY
from xmpprest.outbox.sender import (
    AWAITED_INTERVAL,
    BARRIER_INTERVAL,
    MAX_IN_FLIGHT,
)
from xmpprest.store.memory import MemoryStore

_T = TypeVar("_T")

TO = "user@example.org"


def message(number: int | str, to: str = TO, **attributes: str) -> Element:
    """A message to send."""
    made = stanza(f"<message to='{to}' from='{DOMAIN}'><body>{number}</body></message>")
    made.attributes = {**made.attributes, "id": f"m{number}", **attributes}
    return made


class HeldStream:
    """A stream, and a barrier in it; the test says what they do."""

    def __init__(self) -> None:
        self.ready = False
        self.closeReason: StreamError | None = None
        self.encoded = 0
        self.written: list[str] = []
        self.crossings: list[Deferred[bool]] = []
        self.problem: Refusal | None = None

    def encode(self, xml: str, *, isStamped: bool = False) -> bytes:
        self.encoded += 1
        if len(xml) > 1000:
            raise Refusal(Problem(413, "modify", "resource-constraint", "Too long."))
        return xml.encode()

    def writeAll(self, messages: Sequence[tuple[str, bytes]]) -> None:
        if self.problem is not None:
            raise self.problem
        for xml, data in messages:
            assert data == xml.encode()
            self.written.append(xml)

    def send(self, stanza: Element) -> None:
        xml = toXML(stanza)
        self.writeAll([(xml, xml.encode())])

    def wait(self) -> Deferred[bool]:
        crossing: Deferred[bool] = Deferred()
        self.crossings.append(crossing)
        return crossing

    def taken(self) -> list[str]:
        """The ids of what was written since."""
        found = [parseDocument(xml.encode())["id"] for xml in self.written]
        self.written.clear()
        return found


class OutboxTestCase(SynchronousTestCase):
    """A test that has an outbox, and holds the stream and the store."""

    def setUp(self) -> None:
        self.clock = Clock()
        #: Seconds by which the system clock was set forward, or back.
        self.step = 0.0
        self.store = MemoryStore(limit=100_000)
        self.store.open()
        self.outbox = self.begin()

    def begin(self, **settings: Any) -> Outbox:
        """Another process, with the same store."""
        self.stream = HeldStream()
        outbox = Outbox(
            self.store,
            self.stream,
            self.stream,
            live(**settings),
            clock=self.clock,
            now=lambda: self.clock.seconds() + self.step,
            domain=DOMAIN,
        )
        outbox.startService()
        return outbox

    def wait(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """The result of what does not really wait."""
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def accept(self, *numbers: int) -> list[int]:
        """Accept messages; returns their numbers in the store."""
        found = []
        for number in numbers:
            (accepted,) = self.acceptAll(message(number))
            assert isinstance(accepted, int)
            found.append(accepted)
        return found

    def acceptAll(
        self, *stanzas: Element, **options: Any
    ) -> list[int | IdempotencyRecord | Exception]:
        """
        Accept messages in one reactor turn; returns the result of each.

        @param options: Passed to L{Outbox.enqueue}.
        """
        results: dict[int, int | IdempotencyRecord | Exception] = {}
        for at, each in enumerate(stanzas):
            try:
                self.outbox.enqueue(each, partial(results.__setitem__, at), **options)
            except Refusal as refusal:
                results[at] = refusal
        self.clock.advance(0)
        return [results[at] for at in range(len(stanzas))]

    def refused(self, coroutine: Coroutine[Any, Any, object]) -> Problem:
        """The problem that something is refused for."""
        failed = Deferred.fromCoroutine(coroutine)
        problem: Problem = self.failureResultOf(failed, Refusal).value.problem
        return problem

    def refusedMessage(self, stanza: Element, **options: Any) -> Problem:
        """The problem that a message is refused for."""
        (result,) = self.acceptAll(stanza, **options)
        assert isinstance(result, Refusal)
        return result.problem

    def cross(self, isTaken: bool = True) -> None:
        """The barrier comes back."""
        self.stream.crossings.pop().callback(isTaken)
        self.clock.advance(BARRIER_INTERVAL)

    def connect(self) -> None:
        """The stream is up."""
        self.stream.ready = True
        self.outbox.connected()

    def disconnect(self) -> None:
        """The stream is lost; its barrier is still open."""
        self.stream.ready = False
        self.outbox.disconnected()

    def breakStream(self) -> None:
        """The stream is lost, and with it the barrier."""
        self.disconnect()
        crossings, self.stream.crossings = self.stream.crossings, []
        for crossing in crossings:
            crossing.errback(Failure(serviceUnavailable("a", "The stream is gone.", 5)))

    def state(self, id: str) -> str:
        """The state of a message."""
        return self.newest(id).state

    def newest(self, id: str) -> OutboxRecord:
        """The newest message with a stanza id."""
        found = self.wait(self.outbox.messagesByID(id, None))
        return found[0]

    def queued(self) -> list[str]:
        """The ids of those that the store has as queued."""
        found = self.successResultOf(self.store.queuedMessages(0, 1_000_000))
        return [each.id for each in found]


class WritingTests(OutboxTestCase):
    """
    Accepted messages are written and confirmed.
    """

    def test_confirmed(self) -> None:
        """A message is queued, sent, confirmed, and then its content is gone."""
        self.accept(1)
        self.assertEqual(self.state("m1"), QUEUED)
        self.connect()
        self.assertEqual(self.state("m1"), SENT)
        self.assertEqual(self.queued(), ["m1"])
        self.clock.advance(3)
        self.cross()
        self.assertEqual(self.state("m1"), CONFIRMED)
        found = self.newest("m1")
        self.assertEqual((found.stanza, found.acceptedAt, found.changedAt), ("", 0, 3))
        self.assertEqual((found.sender, found.to), (DOMAIN, TO))
        self.assertEqual(self.outbox.waiting, 0)

    def test_clockSteps(self) -> None:
        """A system clock that steps, back or forward, does not delay any message."""
        self.connect()
        for number, step in enumerate((-15.0, -3600.0, 15.0, 3600.0)):
            self.step = 0.0
            self.accept(number)
            self.step = step
            self.cross()
            self.accept(number + 100)
            self.cross()
            self.assertEqual(self.stream.taken(), [f"m{number}", f"m{number + 100}"])
        self.assertEqual((self.queued(), self.outbox.waiting), ([], 0))

    def test_oldestAt(self) -> None:
        """The acceptance time of the oldest unconfirmed message is known."""
        self.assertIsNone(self.outbox.oldestAt)
        self.clock.advance(7)
        self.accept(1)
        self.clock.advance(1)
        self.accept(2)
        self.assertEqual(self.outbox.oldestAt, 7)

    def test_originID(self) -> None:
        """A written message has an origin-id, equal to its id."""
        self.connect()
        self.accept(1)
        (xml,) = self.stream.written
        self.assertIn("<origin-id xmlns='urn:xmpp:sid:0' id='m1'/>", xml)

    def test_encodedOnce(self) -> None:
        """A message is encoded once, even if it is written twice."""
        self.connect()
        self.accept(1)
        self.breakStream()
        self.connect()
        self.assertEqual(self.stream.taken(), ["m1", "m1"])
        self.assertEqual(self.stream.encoded, 1)

    def test_presence(self) -> None:
        """A presence is written at once, and not kept."""
        self.connect()
        presence = stanza(f"<presence to='{TO}' from='{DOMAIN}' id='p'/>")
        self.assertFalse(self.outbox.isDurable(presence))
        self.wait(self.outbox.accept(presence))
        self.assertEqual(self.stream.taken(), ["p"])
        self.assertEqual(self.stream.crossings, [])
        self.stream.problem = serviceUnavailable("a", "No stream.", 5)
        self.assertEqual(self.refused(self.outbox.accept(presence)).status, 503)

    def test_oneBarrierForMany(self) -> None:
        """While a barrier is on its way, there is no other."""
        self.connect()
        self.accept(1, 2, 3)
        self.assertEqual(len(self.stream.crossings), 1)
        self.cross()
        self.assertEqual(self.queued(), ["m2", "m3"])
        self.cross()
        self.assertEqual(self.queued(), [])
        self.assertEqual(self.stream.crossings, [])

    def test_window(self) -> None:
        """So many are on their way, and no more."""
        self.connect()
        self.accept(*range(MAX_IN_FLIGHT + 10))
        self.assertEqual(len(self.stream.taken()), MAX_IN_FLIGHT)
        self.cross()
        self.assertEqual(self.stream.taken(), [f"m{MAX_IN_FLIGHT}"])
        self.cross()
        self.assertEqual(len(self.stream.taken()), 9)

    def test_unrecorded(self) -> None:
        """Messages whose confirmation cannot be stored count as unconfirmed."""
        self.connect()
        self.accept(*range(MAX_IN_FLIGHT))
        self.accept(MAX_IN_FLIGHT)
        self.stream.taken()
        self.store.close()
        self.cross()
        self.cross()
        self.assertEqual(self.stream.taken(), [])
        self.store.open()
        self.clock.advance(RETRY_DELAY)
        self.assertEqual(self.stream.taken(), [f"m{MAX_IN_FLIGHT}"])
        self.assertEqual(self.queued(), [f"m{MAX_IN_FLIGHT}"])

    def test_noBarrier(self) -> None:
        """Where nothing can be confirmed, a message is sent, and never again."""
        self.connect()
        self.accept(1)
        self.cross(False)
        self.assertEqual(self.state("m1"), SENT)
        self.assertEqual(self.queued(), [])
        self.breakStream()
        self.connect()
        self.assertEqual(self.stream.taken(), ["m1"])

    def test_pressure(self) -> None:
        """Messages that the stream does not take are written later, in order."""
        self.connect()
        self.stream.problem = serviceUnavailable("a", "Too much.", 2)
        self.accept(1, 2)
        self.stream.problem = None
        self.clock.advance(RETRY_DELAY)
        self.assertEqual(self.stream.taken(), ["m1", "m2"])

    def test_barrierBroken(self) -> None:
        """One that fails as nobody expected is logged, and sent again."""
        self.connect()
        self.accept(1)
        self.stream.crossings.pop().errback(Failure(ValueError("what?")))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.clock.advance(RETRY_DELAY)
        self.cross()
        self.assertEqual(self.state("m1"), CONFIRMED)

    def test_barrierRefused(self) -> None:
        """A barrier that could not be sent is sent later."""
        self.connect()
        self.accept(1)
        refusal = serviceUnavailable("a", "Too much.", 2)
        self.stream.crossings.pop().errback(Failure(refusal))
        self.assertEqual(self.stream.crossings, [])
        self.clock.advance(RETRY_DELAY)
        self.cross()
        self.assertEqual(self.state("m1"), CONFIRMED)


class AgainTests(OutboxTestCase):
    """
    Unconfirmed messages are written again.
    """

    def test_disconnected(self) -> None:
        """All unconfirmed messages are written again, in order, before the rest."""
        self.connect()
        self.accept(1, 2, 3)
        self.cross()
        self.breakStream()
        self.accept(4)
        self.assertEqual(self.stream.taken(), ["m1", "m2", "m3"])
        self.connect()
        self.assertEqual(self.stream.taken(), ["m2", "m3", "m4"])
        self.cross()
        self.assertEqual(self.queued(), [])

    def test_lateBarrier(self) -> None:
        """A barrier of another stream confirms nothing."""
        self.connect()
        self.accept(1)
        (old,) = self.stream.crossings
        self.stream.crossings = []
        self.disconnect()
        self.connect()
        old.callback(True)
        self.assertEqual(self.state("m1"), SENT)
        self.clock.advance(BARRIER_INTERVAL)
        self.cross()
        self.assertEqual(self.state("m1"), CONFIRMED)

    def test_restart(self) -> None:
        """Unconfirmed messages of an earlier process are written again."""
        self.connect()
        self.accept(1, 2)
        self.cross()
        self.outbox = self.begin()
        self.assertEqual(self.outbox.waiting, 1)
        self.connect()
        self.accept(3)
        self.assertEqual(self.stream.taken(), ["m2", "m3"])

    def test_delay(self) -> None:
        """
        A message that was held for longer than 30 s has a delay; others have none.
        """
        self.accept(1)
        self.clock.advance(31)
        self.accept(2)
        self.connect()
        late, soon = self.stream.written
        self.assertIn(
            f"<delay xmlns='urn:xmpp:delay' from='{DOMAIN}'"
            " stamp='1970-01-01T00:00:00.000Z'/>",
            late,
        )
        self.assertNotIn("delay", soon)

    def test_delayOnce(self) -> None:
        """A delay that the client has written is kept."""
        stamped = stanza(
            f"<message to='{TO}' from='{DOMAIN}' id='m1'><delay xmlns='urn:xmpp:delay'"
            " stamp='2002-09-10T23:08:25Z'/></message>"
        )
        self.acceptAll(stamped)
        self.clock.advance(31)
        self.connect()
        (xml,) = self.stream.written
        self.assertEqual(xml.count("<delay"), 1)

    def test_large(self) -> None:
        """More than memory holds is read from the store, in its order."""
        numbers = range(MAX_MESSAGES_IN_MEMORY + 500)
        self.accept(*numbers)
        self.connect()
        found = []
        while written := self.stream.taken():
            self.assertLessEqual(len(written), MAX_IN_FLIGHT)
            found += written
            self.cross()
        self.assertEqual(found, [f"m{number}" for number in numbers])
        self.assertEqual(self.queued(), [])

    def test_storeUnread(self) -> None:
        """Messages that cannot be read at first are read later."""
        self.accept(1)
        self.store.close()
        self.outbox = self.begin()
        self.connect()
        self.assertEqual(self.stream.taken(), [])
        self.store.open()
        self.clock.advance(RETRY_DELAY)
        self.assertEqual(self.stream.taken(), ["m1"])


class RefusingTests(OutboxTestCase):
    """
    Messages whose delivery cannot be promised are not accepted.
    """

    def test_count(self) -> None:
        """Too many wait."""
        self.outbox = self.begin(outboxLimit=2)
        self.accept(1, 2)
        problem = self.refusedMessage(message(3))
        self.assertEqual(problem.status, 503)
        self.assertEqual(
            problem.text,
            "2 messages wait for the XMPP server already, of at most 2 (outbox-limit);"
            " try again.",
        )
        self.connect()
        self.cross()
        self.accept(3)

    def test_countLater(self) -> None:
        """If that cannot be found out at first, it is later."""
        self.accept(1, 2)
        self.store.close()
        self.outbox = self.begin(outboxLimit=2)
        self.assertEqual(self.outbox.waiting, 0)
        self.store.open()
        self.clock.advance(RETRY_DELAY)
        self.assertEqual(self.outbox.waiting, 2)
        self.connect()
        self.cross()
        self.assertEqual(self.outbox.waiting, 0)

    def test_countOfEarlier(self) -> None:
        """Messages of an earlier process count towards the limit."""
        self.accept(1, 2)
        self.outbox = self.begin(outboxLimit=2)
        self.assertEqual(self.refusedMessage(message(3)).status, 503)

    def test_age(self) -> None:
        """The oldest waits for too long."""
        self.accept(1)
        self.clock.advance(3601)
        problem = self.refusedMessage(message(2))
        self.assertEqual(problem.status, 503)
        self.assertIn("too long", problem.text)
        self.connect()
        self.cross()
        self.accept(2)

    def test_store(self) -> None:
        """The store can keep nothing."""
        self.store.close()
        problem = self.refusedMessage(message(1))
        self.assertEqual(problem.status, 503)
        self.assertIn("the store is closed", problem.text)

    def test_size(self) -> None:
        """A message longer than servers take is refused."""
        problem = self.refusedMessage(message("x" * 1000))
        self.assertEqual(problem.status, 413)
        self.assertEqual(self.queued(), [])

    def test_key(self) -> None:
        """A key that was used before sends nothing."""
        earlier = IdempotencyRecord("key", b"print", b"202", 0.0)
        self.connect()
        self.acceptAll(message(1), idempotency=earlier)
        later = IdempotencyRecord("key", b"other", b"203", 1.0)
        (found,) = self.acceptAll(message(2), idempotency=later)
        self.assertEqual(found, earlier)
        self.assertEqual(self.stream.taken(), ["m1"])

    def test_keyLimit(self) -> None:
        """
        A message whose idempotency key cannot be stored, because there are too many, is
        refused with 503, alone or with others, and counts no longer.
        """
        self.store = MemoryStore(keyLimit=lambda: 0)
        self.store.open()
        self.outbox = self.begin()
        self.connect()
        key = IdempotencyRecord("key", b"print", b"202", 0.0)
        problem = self.refusedMessage(message(1), idempotency=key)
        self.assertEqual(problem.status, 503)
        results: list[object] = []
        self.outbox.enqueue(message(2), results.append, idempotency=key)
        self.outbox.enqueue(message(3), results.append)
        self.clock.advance(0)
        refused, accepted = results
        assert isinstance(refused, Refusal)
        self.assertEqual(refused.problem.status, 503)
        self.assertEqual(accepted, 1)
        self.assertEqual(self.stream.taken(), ["m3"])
        self.assertEqual(self.outbox.waiting, 1)


class BounceTests(OutboxTestCase):
    """
    An error that comes back is found out.
    """

    def error(self, sender: str = TO, id: str = "m1", type: str = "error") -> Element:
        """Return the error stanza that a server sends back."""
        return stanza(
            f"<message from='{sender}' to='{DOMAIN}' id='{id}' type='{type}'><error"
            " type='cancel'><item-not-found"
            " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
        )

    def test_beforeConfirmed(self) -> None:
        """An error that comes before the barrier bounces the message."""
        self.connect()
        self.accept(1, 2)
        self.outbox.handleError(self.error())
        self.assertEqual(self.state("m1"), BOUNCED)
        found = self.newest("m1")
        self.assertIn("item-not-found", found.error or "")
        self.cross()
        self.cross()
        self.assertEqual((self.state("m1"), self.state("m2")), (BOUNCED, CONFIRMED))
        self.assertEqual(self.outbox.waiting, 0)

    def test_afterConfirmed(self) -> None:
        """An error that comes after the barrier bounces the message."""
        self.connect()
        self.accept(1)
        self.cross()
        self.outbox.handleError(self.error())
        self.assertEqual(self.state("m1"), BOUNCED)

    def test_servers(self) -> None:
        """The recipient's server may answer for it."""
        self.connect()
        self.acceptAll(message(1, f"{TO}/phone"))
        for sender in ("example.net", f"{TO}/other", "other@example.org", ""):
            self.outbox.handleError(self.error(sender))
            self.assertEqual(self.state("m1"), SENT, sender)
        self.outbox.handleError(self.error("EXAMPLE.org"))
        self.assertEqual(self.state("m1"), BOUNCED)

    def test_client(self) -> None:
        """One client of a recipient may answer for all, but none of somebody else."""
        self.connect()
        self.accept(1)
        self.outbox.handleError(self.error("other@example.org/phone"))
        self.assertEqual(self.state("m1"), SENT)
        self.outbox.handleError(self.error(f"{TO}/phone"))
        self.assertEqual(self.state("m1"), BOUNCED)

    def test_sameID(self) -> None:
        """An error for an older message says nothing of one that was not written."""
        self.connect()
        self.accept(1)
        self.cross()
        self.disconnect()
        self.accept(1)
        self.outbox.handleError(self.error())
        self.assertEqual(self.queued(), ["m1"])
        self.stream.taken()
        self.connect()
        self.assertEqual(self.stream.taken(), ["m1"])

    def test_flood(self) -> None:
        """Only some of a flood of errors are looked up at once."""
        held: list[Deferred[Sequence[OutboxRecord]]] = []

        def look(id: str) -> Deferred[Sequence[OutboxRecord]]:
            held.append(Deferred())
            return held[-1]

        self.patch(self.store, "outgoingByID", look)
        for number in range(MAX_LOOKUPS + 10):
            self.outbox.handleError(self.error(id=str(number)))
        self.assertEqual(len(held), MAX_LOOKUPS)
        for each in held:
            each.callback([])
        self.outbox.handleError(self.error(id="another"))
        self.assertEqual(len(held), MAX_LOOKUPS + 1)

    def test_others(self) -> None:
        """Other stanzas, and errors with other ids, bounce nothing."""
        self.connect()
        self.accept(1)
        self.outbox.handleError(self.error(type="chat"))
        self.outbox.handleError(self.error(id="m2"))
        self.outbox.handleError(self.error(id=""))
        self.assertEqual(self.state("m1"), SENT)

    def test_storeUnavailable(self) -> None:
        """A bounce that cannot be stored is not recorded; nothing else happens."""
        self.connect()
        self.accept(1)
        self.cross()
        self.store.close()
        self.outbox.handleError(self.error())
        self.store.open()
        self.assertEqual(self.state("m1"), CONFIRMED)


class IntervalTests(OutboxTestCase):
    """
    The time between two barriers.
    """

    def nextBarrier(self) -> float:
        """Let the barrier come back; return the seconds until the next one."""
        self.accept(2)
        self.stream.crossings.pop().callback(True)
        passed = 0.0
        while not self.stream.crossings:
            self.clock.advance(0.001)
            passed += 0.001
        return passed

    def test_underLoad(self) -> None:
        """The next barrier is for many messages."""
        self.connect()
        self.accept(1)
        self.assertAlmostEqual(self.nextBarrier(), BARRIER_INTERVAL)

    def test_awaited(self) -> None:
        """The next barrier comes sooner if a client waits for an outcome."""
        self.connect()
        (number,) = self.accept(1)
        self.outbox.waitForOutcome(number, 10)
        self.assertAlmostEqual(self.nextBarrier(), AWAITED_INTERVAL)

    def test_reconnected(self) -> None:
        """On a new stream the first barrier is sent at once."""
        self.connect()
        self.accept(1)
        self.stream.crossings.pop().callback(True)
        self.accept(2)
        self.breakStream()
        self.connect()
        self.assertEqual(len(self.stream.crossings), 1)


class OutcomeTests(OutboxTestCase):
    """
    Waiting for the outcome of a message.
    """

    def test_confirmed(self) -> None:
        """The outcome of a message that the server has taken is confirmed."""
        self.connect()
        outcome = self.outbox.waitForOutcome(self.accept(1)[0], 10)
        self.assertNoResult(outcome)
        self.cross()
        self.assertEqual(self.successResultOf(outcome), Outcome(CONFIRMED))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_bounced(self) -> None:
        """The outcome of a message that came back is bounced."""
        self.connect()
        outcome = self.outbox.waitForOutcome(self.accept(1)[0], 10)
        error = BounceTests().error()
        self.outbox.handleError(error)
        self.assertEqual(self.successResultOf(outcome), Outcome(BOUNCED, error))

    def test_onlySent(self) -> None:
        """Where nothing can be confirmed, it may still bounce."""
        self.connect()
        outcome = self.outbox.waitForOutcome(self.accept(1)[0], 10)
        self.cross(False)
        self.assertNoResult(outcome)
        error = BounceTests().error()
        self.outbox.handleError(error)
        self.assertEqual(self.successResultOf(outcome), Outcome(BOUNCED, error))

    def test_timeout(self) -> None:
        """At the end of the timeout the state is told; the outcome comes later."""
        queued = self.outbox.waitForOutcome(self.accept(1)[0], 10)
        self.clock.advance(10)
        self.assertEqual(self.successResultOf(queued), Outcome(QUEUED))
        self.connect()
        sent = self.outbox.waitForOutcome(self.accept(2)[0], 10)
        self.clock.advance(10)
        self.assertEqual(self.successResultOf(sent), Outcome(SENT))
        self.cross()
        self.assertEqual(self.state("m1"), CONFIRMED)

    def test_writtenLater(self) -> None:
        """A message that is written during the wait is sent at its end."""
        outcome = self.outbox.waitForOutcome(self.accept(1)[0], 10)
        self.connect()
        self.clock.advance(10)
        self.assertEqual(self.successResultOf(outcome), Outcome(SENT))

    def test_left(self) -> None:
        """A waiter that leaves is forgotten."""
        self.connect()
        outcome = self.outbox.waitForOutcome(self.accept(1)[0], 10)
        outcome.addErrback(lambda reason: None)
        outcome.cancel()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.cross()

    def test_status(self) -> None:
        """A message is found by its key; its state is that in memory."""
        self.connect()
        self.acceptAll(message(1), key="the-key")
        found = self.wait(self.outbox.status("the-key"))
        assert found is not None
        self.assertEqual((found.id, found.state), ("m1", SENT))
        self.assertIsNone(self.wait(self.outbox.status("m1")))

    def test_ownKey(self) -> None:
        """A message that is accepted without a key gets one, and no other has it."""
        self.accept(1, 2)
        first, second = self.newest("m1").key, self.newest("m2").key
        self.assertRegex(first, "^[-_A-Za-z0-9]{16}$")
        self.assertNotEqual(first, second)


class DropTests(OutboxTestCase):
    """
    Queued messages can be dropped.
    """

    def drop(self, id: str) -> Deferred[bool]:
        """Drop a message."""
        return Deferred.fromCoroutine(self.outbox.drop(self.newest(id)))

    def test_queued(self) -> None:
        """A dropped message is never written, and no longer counts."""
        self.accept(1, 2, 3)
        self.assertTrue(self.successResultOf(self.drop("m2")))
        self.assertEqual(self.state("m2"), DROPPED)
        self.assertEqual(self.outbox.waiting, 2)
        self.connect()
        self.assertEqual(self.stream.taken(), ["m1", "m3"])

    def test_restart(self) -> None:
        """Another process does not send it either."""
        self.accept(1, 2)
        self.successResultOf(self.drop("m1"))
        self.outbox = self.begin()
        self.connect()
        self.assertEqual(self.stream.taken(), ["m2"])

    def test_beyondMemory(self) -> None:
        """A message that is in the store only can be dropped."""
        count = MAX_MESSAGES_IN_MEMORY + 10
        self.accept(*range(count))
        self.assertTrue(self.successResultOf(self.drop(f"m{count - 1}")))
        self.connect()
        found = []
        while written := self.stream.taken():
            found += written
            self.cross()
        self.assertEqual(found, [f"m{number}" for number in range(count - 1)])

    def test_written(self) -> None:
        """A message that was written cannot be dropped, neither before nor after."""
        self.connect()
        self.accept(1)
        self.assertFalse(self.successResultOf(self.drop("m1")))
        self.cross()
        self.assertFalse(self.successResultOf(self.drop("m1")))
        self.assertEqual(self.state("m1"), CONFIRMED)

    def test_streamLost(self) -> None:
        """A message that waits to be written again can be dropped."""
        self.connect()
        self.accept(1)
        self.breakStream()
        self.assertTrue(self.successResultOf(self.drop("m1")))
        self.stream.taken()
        self.connect()
        self.assertEqual(self.stream.taken(), [])

    def test_meanwhile(self) -> None:
        """While the drop is being stored, the message is not written, nor passed."""
        commit: Deferred[None] = Deferred()
        self.accept(1, 2)
        self.patch(self.store, "updateStates", lambda *change: commit)
        dropping = self.drop("m1")
        self.assertFalse(self.successResultOf(self.drop("m1")))
        self.connect()
        self.assertEqual(self.stream.taken(), [])
        commit.callback(None)
        self.assertTrue(self.successResultOf(dropping))
        self.assertEqual(self.stream.taken(), ["m2"])

    def test_storeUnavailable(self) -> None:
        """If the drop cannot be stored, the message is sent."""
        self.accept(1)
        record = self.newest("m1")
        self.store.close()
        dropping = Deferred.fromCoroutine(self.outbox.drop(record))
        self.failureResultOf(dropping, StoreUnavailable)
        self.store.open()
        self.connect()
        self.assertEqual(self.stream.taken(), ["m1"])

    def test_outcome(self) -> None:
        """A drop ends the wait for the outcome."""
        outcome = self.outbox.waitForOutcome(self.accept(1)[0], 10)
        self.drop("m1")
        self.assertEqual(self.successResultOf(outcome), Outcome(DROPPED))

    def test_clientLeaves(self) -> None:
        """A drop is finished also if the client does not wait for it."""
        commit: Deferred[None] = Deferred()
        self.accept(1)
        self.patch(self.store, "updateStates", lambda *change: commit)
        dropping = self.drop("m1")
        dropping.addErrback(lambda _: None)
        dropping.cancel()
        commit.callback(None)
        self.assertEqual(self.outbox.waiting, 0)


class PoisonTests(OutboxTestCase):
    """
    A message on which the server closes the stream does not hold up the others.
    """

    def close(self, condition: str | None = "policy-violation") -> None:
        """The server closes the stream, with a stream error or without one."""
        if condition is not None:
            self.stream.closeReason = StreamError(condition, text="Too big")
        self.breakStream()
        self.stream.closeReason = None

    def serve(self, *poison: str, closes: int) -> list[str]:
        """
        Be a server that closes the stream on some messages, so many times.

        @return: The ids of the messages that were read, in order.
        """
        found: list[str] = []
        while closes:
            self.connect()
            while written := self.stream.taken():
                found += written
                if {*written} & {*poison}:
                    self.close()
                    closes -= 1
                    break
                self.cross()
        return found

    def test_culprit(self) -> None:
        """
        After two closes without a barrier in between, the messages in flight are sent
        one at a time; the one on which the stream is closed again bounces.
        """
        self.accept(1, 2, 3, 4)
        outcome = self.outbox.waitForOutcome(3, 60)
        together = ["m1", "m2", "m3", "m4"]
        found = self.serve("m3", closes=3)
        self.assertEqual(found, [*together, *together, "m1", "m2", "m3"])
        self.assertEqual(self.state("m3"), BOUNCED)
        self.assertEqual((self.state("m1"), self.state("m2")), (CONFIRMED, CONFIRMED))
        result = self.successResultOf(outcome)
        assert result.error is not None
        xml = toXML(result.error)
        self.assertIn("policy-violation", xml)
        self.assertIn("Too big", xml)
        (event,) = self.flushLoggedEvents()
        self.assertIn("closes the stream on the message m3 from", event)
        self.connect()
        self.assertEqual(self.stream.taken(), ["m4"])
        self.cross()
        self.assertEqual((self.queued(), self.outbox.waiting), ([], 0))

    def test_several(self) -> None:
        """Each of several culprits bounces, and costs one more close."""
        self.accept(*range(6))
        self.serve("m0", "m4", closes=4)
        self.assertEqual((self.state("m0"), self.state("m4")), (BOUNCED, BOUNCED))
        self.connect()
        self.assertEqual(self.stream.taken(), ["m5"])
        self.assertEqual(len(self.flushLoggedEvents()), 2)

    def test_afterwards(self) -> None:
        """Behind the suspects, as many messages are in flight as ever."""
        self.accept(1, 2)
        self.serve("m1", closes=3)
        self.accept(3, 4)
        self.connect()
        self.assertEqual(self.stream.taken(), ["m2"])
        self.cross()
        self.assertEqual(self.stream.taken(), ["m3", "m4"])
        self.flushLoggedEvents()

    def test_barrierBetween(self) -> None:
        """With a barrier between two closes, nothing is isolated."""
        self.accept(1, 2)
        self.serve("m1", closes=1)
        self.connect()
        self.assertEqual(self.stream.taken(), ["m1", "m2"])
        self.cross()
        self.accept(3, 4)
        self.stream.taken()
        self.close()
        self.connect()
        self.assertEqual(self.stream.taken(), ["m3", "m4"])

    def test_noFault(self) -> None:
        """A server that shuts down, or a conflict, suspects no message."""
        self.accept(1, 2)
        for condition in ("system-shutdown", "conflict", "reset"):
            self.connect()
            self.assertEqual(self.stream.taken(), ["m1", "m2"])
            self.close(condition)
        self.connect()
        self.assertEqual(self.stream.taken(), ["m1", "m2"])

    def test_connectionLost(self) -> None:
        """
        A message that is alone in flight when the connection is lost bounces only if
        that happens again and again.
        """
        self.accept(1, 2)
        for _ in range(ISOLATE_AFTER):
            self.connect()
            self.close(None)
        for _ in range(BOUNCE_AFTER_SILENT_LOSSES):
            self.assertEqual(self.state("m1"), QUEUED)
            self.stream.taken()
            self.connect()
            self.assertEqual(self.stream.taken(), ["m1"])
            self.close(None)
        self.assertEqual(self.state("m1"), BOUNCED)
        self.assertEqual(len(self.flushLoggedEvents()), 1)
        self.connect()
        self.assertEqual(self.stream.taken(), ["m2"])

    def flushLoggedEvents(self) -> list[str]:
        """The errors in the log since the last time."""
        events, self.events[:] = [*self.events], []
        return [formatEvent(each) for each in events]

    def setUp(self) -> None:
        super().setUp()
        self.events: list[LogEvent] = []

        @implementer(ILogObserver)
        def observe(event: LogEvent) -> None:
            if event["log_level"] is LogLevel.error:
                self.events.append(event)

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)


class StoppingTests(OutboxTestCase):
    """
    The outbox stops in good order.
    """

    def stop(self) -> Deferred[None]:
        """Stop it."""
        stopping = self.outbox.stopService()
        assert stopping is not None
        return stopping

    def test_waits(self) -> None:
        """A stopping outbox waits for messages on their way, and writes no others."""
        self.connect()
        self.accept(1, 2)
        stopping = self.stop()
        self.accept(3)
        self.assertEqual(self.stream.taken(), ["m1", "m2"])
        self.cross()
        self.assertNoResult(stopping)
        self.cross()
        self.successResultOf(stopping)
        self.assertEqual(self.queued(), ["m3"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_notForEver(self) -> None:
        """A server that does not answer is not waited for long."""
        self.connect()
        self.accept(1)
        stopping = self.stop()
        self.clock.advance(STOP_TIMEOUT)
        self.successResultOf(stopping)

    def test_offline(self) -> None:
        """Without a stream there is nothing to wait for."""
        self.accept(1)
        self.successResultOf(self.stop())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_disconnected(self) -> None:
        """Nor when it is lost meanwhile."""
        self.connect()
        self.accept(1)
        stopping = self.stop()
        self.breakStream()
        self.successResultOf(stopping)

    def test_again(self) -> None:
        """A stopped outbox can be started again, and sends the stored messages."""
        self.connect()
        self.accept(1, 2)
        self.stop()
        self.clock.advance(STOP_TIMEOUT)
        self.breakStream()
        self.stream.taken()
        self.outbox.startService()
        self.assertEqual(self.outbox.waiting, 2)
        self.accept(3)
        self.connect()
        self.assertEqual(self.stream.taken(), ["m1", "m2", "m3"])
        self.cross()
        self.assertEqual((self.queued(), self.outbox.waiting), ([], 0))

    def test_storeUnavailable(self) -> None:
        """
        Confirmations that cannot be stored are given up in the end; these messages are
        written
        again.
        """
        self.connect()
        self.accept(1)
        self.store.close()
        self.cross()
        stopping = self.stop()
        self.clock.advance(STOP_TIMEOUT)
        self.successResultOf(stopping)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.store.open()
        self.assertEqual(self.queued(), ["m1"])
