"""
Tests of L{xmpprest.inbox.inbox} with a store.
"""

from __future__ import annotations

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from tests.support.delivery import ANN, BOT, KeepingWorld
from tests.support.doubles import said, stanza
from xmpprest.core.errors import serviceUnavailable
from xmpprest.core.media.formats import TEXT, XML
from xmpprest.core.policy.callback_response import CallbackResponse
from xmpprest.core.records import DEAD, DELIVERED, PENDING
from xmpprest.core.stanza.build import elements
from xmpprest.core.stanza.serializer import toXML
from xmpprest.core.webhook.errors import DeliveryError
from xmpprest.inbox import backlog
from xmpprest.inbox.commits import LOG_INTERVAL
from xmpprest.inbox.filter import StanzaFilter
from xmpprest.inbox.options import InboxLimits
from xmpprest.inbox.subscriber import Subscription

OK = CallbackResponse(204)
OUT = DeliveryError("it is out")
RECEIPT = "<request xmlns='urn:xmpp:receipts'/>"
NO_STREAM = serviceUnavailable("x", "There is no stream.", 5)


class DurableTestCase(SynchronousTestCase):
    """
    A test of an inbox with a store.
    """

    def setUp(self) -> None:
        """Begin, with nothing in the store."""
        self.world = KeepingWorld()

    def receive(self, xml: str) -> Element:
        """A stanza comes in."""
        inbound = stanza(xml)
        self.world.inbox.receive(inbound)
        return inbound

    def stop(self) -> None:
        """End the process, in good order."""
        self.world.stop()
        self.assertEqual([], self.world.clock.getDelayedCalls())


class KeepTests(DurableTestCase):
    """
    Tests of what is kept, and when.
    """

    def test_first(self) -> None:
        """
        A message is posted once it is kept, and not before.
        """
        self.world.store.isHeld = True
        self.world.message("one")
        self.assertEqual([], self.world.posted())
        self.world.store.release()
        self.assertEqual(["one"], self.world.posted())
        self.assertEqual(["one"], self.world.incoming(PENDING))

    def test_delivered(self) -> None:
        """
        Once the callback has answered, it is delivered.
        """
        self.world.message("one")
        self.assertEqual(1, self.world.inbox.storedCount)
        self.world.answer(OK)
        self.assertEqual([], self.world.incoming(PENDING))
        self.assertEqual(1, len(self.world.incoming(DELIVERED)))
        self.assertEqual(0, self.world.inbox.storedCount)
        self.assertEqual([], self.world.clock.getDelayedCalls())

    def test_kinds(self) -> None:
        """
        Messages of all types are kept, and what is said about subscriptions.
        """
        kept = [
            *(f"message type='{t}'" for t in ("chat", "groupchat", "headline")),
            "message",
            "message type='error'",
            "message type='nonsense'",
            *(f"presence type='{t}'" for t in ("subscribe", "subscribed")),
            *(f"presence type='{t}'" for t in ("unsubscribe", "unsubscribed")),
        ]
        for number, opening in enumerate(kept):
            self.receive(f"<{opening} from='{number}@x' to='{BOT}' id='{number}'/>")
        self.assertEqual(len(kept), len(self.world.incoming(PENDING)))
        self.assertEqual(0, self.world.inbox.transientCount)

    def test_notKept(self) -> None:
        """
        All else is not, and gets what it always did.
        """
        others = [
            "presence",
            "presence type='unavailable'",
            "presence type='probe'",
            "presence type='error'",
            *(f"iq type='{type}'" for type in ("get", "set", "result", "error")),
        ]
        for number, opening in enumerate(others):
            self.receive(f"<{opening} from='{number}@x' to='{BOT}' id='{number}'/>")
        self.assertEqual([], self.world.incoming(PENDING))
        self.assertEqual(len(others), self.world.inbox.transientCount)
        for number in range(len(others)):
            self.world.answer(OUT, number)
        self.assertEqual([], self.world.clock.getDelayedCalls())
        # Presence and probes are dropped without an error (callback.rst, rule 6).
        self.assertEqual(
            [("iq", "error")] * 2,
            [(answer.name, answer["type"]) for answer in self.world.stream.sent],
        )

    def test_same(self) -> None:
        """
        The posted stanza is the one that arrived, not one read back from the store.
        """
        inbound = self.receive(f"<message from='{ANN}' to='{BOT}' id='1'/>")
        self.assertIs(inbound, self.world.callback.posts[0].stanza)

    def test_ids(self) -> None:
        """
        Each stanza has an id for the callback that nobody can guess; so has what is
        not kept.
        """
        self.world.message("one")
        self.world.message("two", "bob@example.com")
        self.receive(f"<iq type='get' from='cid@example.com' to='{BOT}' id='three'/>")
        ids = {post.id for post in self.world.callback.posts}
        self.assertEqual(3, len(ids))
        for id in ids:
            self.assertRegex(id, r"\Amsg_[A-Za-z0-9_-]{16,}\Z")

    def test_withoutCallback(self) -> None:
        """A stanza that no callback receives is not stored."""
        onlyIQs = StanzaFilter(frozenset({"iq"}), frozenset({"bare"}))
        self.world.inbox.setSubscriptions([Subscription(self.world.callback, onlyIQs)])
        self.world.message("one")
        self.assertEqual([], self.world.incoming(PENDING))
        self.assertEqual("error", self.world.stream.sent[0]["type"])


class OrderTests(DurableTestCase):
    """
    Tests of what waits for what.
    """

    def test_order(self) -> None:
        """
        A conversation is delivered in order, one after the other.
        """
        for id in ("one", "two", "three"):
            self.world.message(id)
        self.assertEqual(["one"], self.world.posted())
        self.world.answer(OK)
        self.assertEqual(["one", "two"], self.world.posted())
        self.world.answer(CallbackResponse(404))
        self.assertEqual(["one", "two", "three"], self.world.posted())

    def test_failing(self) -> None:
        """Later stanzas of a conversation wait for one that is tried again."""
        self.world.message("one", "ann@example.com/a")
        self.world.answer(OUT)
        self.world.message("two", "ann@example.com/b")
        self.assertEqual(["one"], self.world.posted())
        self.world.clock.advance(1)
        self.world.answer(OK)
        self.assertEqual(["one", "one", "two"], self.world.posted())

    def test_parallel(self) -> None:
        """
        Conversations do not wait for each other.
        """
        self.world.message("one")
        self.world.message("two", "bob@example.com")
        self.receive(f"<message from='{ANN}' to='other@x' id='three'/>")
        self.assertEqual(["one", "two", "three"], self.world.posted())

    def test_connections(self) -> None:
        """
        No more are posted at once than may be; the others get their turn.
        """
        self.world = KeepingWorld(connections=2)
        for number in range(5):
            self.world.message(str(number), f"user{number}@example.com")
        self.assertEqual(["0", "1"], self.world.posted())
        self.world.answer(OK, 1)
        self.assertEqual(["0", "1", "2"], self.world.posted())
        self.world.answer(OUT, 0)
        self.assertEqual(["0", "1", "2", "3"], self.world.posted())

    def test_roundRobin(self) -> None:
        """
        A long conversation does not keep others waiting.
        """
        self.world = KeepingWorld(connections=1)
        for id in ("one", "two", "three"):
            self.world.message(id)
        self.world.message("bob", "bob@example.com")
        for _ in range(4):
            self.world.answer(OK)
        self.assertEqual(["one", "bob", "two", "three"], self.world.posted())

    def test_long(self) -> None:
        """Stanzas that do not fit in memory are delivered in order, too."""
        ids = [str(number) for number in range(100)]
        for id in ids[:50]:
            self.world.message(id)
        for number in range(50):
            self.world.answer(OK)
            self.world.message(ids[50 + number])
        for _ in range(50):
            self.world.answer(OK)
        self.assertEqual(ids, self.world.posted())
        self.assertEqual(0, self.world.inbox.storedCount)

    def test_waiting(self) -> None:
        """
        New stanzas of a conversation that waits for its turn are not read from the
        store.
        """
        self.world.message("one")
        for delay in (1, 5, 30, 120):
            self.world.answer(OUT)
            self.world.clock.advance(delay)
        self.world.answer(OUT)
        before = self.world.store.calls.count("pending")
        for id in ("two", "three"):
            self.world.message(id)
        self.assertEqual(before, self.world.store.calls.count("pending"))

    def test_whileReading(self) -> None:
        """
        So is what comes while older ones are being read from the store.
        """
        for number in range(40):
            self.world.message(str(number))
        for _ in range(31):
            self.world.answer(OK)
        self.world.store.isHeld = True
        self.world.message("before")
        self.world.answer(OK)
        # The 32nd is being recorded; after that the others are read.
        self.world.message("after")
        self.world.store.release()
        for _ in range(10):
            self.world.answer(OK)
        self.assertEqual([*map(str, range(40)), "before", "after"], self.world.posted())
        self.assertEqual(0, self.world.inbox.storedCount)


class ReplyTests(DurableTestCase):
    """
    Tests of what is sent in answer.
    """

    def test_way(self) -> None:
        """
        A reply goes where what is to be sent is kept; it is there before the stanza
        is recorded as delivered.
        """
        self.world.message("one")
        self.world.store.isHeld = True
        self.world.answer(CallbackResponse(200, TEXT, b"hello"))
        (reply,) = self.world.replied.sent
        self.assertEqual((ANN, BOT), (reply["to"], reply["from"]))
        self.assertEqual([], self.world.stream.sent)
        self.assertEqual(["one"], self.world.incoming(PENDING))
        self.world.store.release()
        self.assertEqual([], self.world.incoming(PENDING))

    def test_receipt(self) -> None:
        """
        A receipt is sent once the callback has accepted.
        """
        self.world.message("one", children=RECEIPT)
        self.assertEqual([], self.world.replied.sent)
        self.world.answer(OUT)
        self.world.clock.advance(1)
        self.assertEqual([], self.world.replied.sent)
        self.world.answer(OK)
        (receipt,) = self.world.replied.sent
        self.assertEqual("received", elements(receipt)[0].name)

    def test_again(self) -> None:
        """
        If the gateway ends before that is recorded, the callback is asked again, and
        its answers have the same ids again.
        """
        said = CallbackResponse(
            200,
            XML,
            f"<message><body>hello</body>{RECEIPT}</message>".encode(),
        )
        self.world.message("one", children=RECEIPT)
        first = self.world.callback.posts[0].id
        self.world.store.failing = {"recordAttempt"}
        self.world.answer(said)
        self.stop()
        self.world.store.failing = set()
        self.world.begin()
        self.assertEqual(first, self.world.callback.posts[0].id)
        self.world.answer(said)
        ids = [reply["id"] for reply in self.world.replied.sent]
        self.assertEqual(ids[:2], ids[2:])
        self.assertEqual({f"{first}.1", f"{first}.2"}, set(ids))

    def test_refused(self) -> None:
        """
        If a reply cannot be kept, the callback is asked again later.
        """
        self.world.message("one")
        self.world.replied.problems = [serviceUnavailable("x", "The disk is full.", 5)]
        self.world.answer(CallbackResponse(200, TEXT, b"hello"))
        _, (attempt,) = self.world.record(self.world.callback.posts[0].id)
        self.assertEqual(200, attempt.status)
        self.assertEqual(
            "The reply could not be sent: The disk is full.", attempt.error
        )
        self.world.clock.advance(1)
        self.world.answer(CallbackResponse(200, TEXT, b"hello"))
        self.assertEqual(1, len(self.world.replied.sent))
        self.assertEqual([], self.world.incoming(PENDING))

    def test_tooLong(self) -> None:
        """
        If one is too long for the server, the sender gets an error instead.
        """
        refusal = serviceUnavailable("resource-constraint", "It is too long.", 1)
        object.__setattr__(refusal.problem, "status", 413)
        self.world.message("one")
        self.world.replied.problems = [refusal]
        with capturedLogs() as logs:
            self.world.answer(CallbackResponse(200, TEXT, b"hello"))
        self.assertEqual([f"Reply to {ANN} dropped: It is too long."], said(logs))
        self.assertIn("<internal-server-error ", toXML(self.world.replied.sent[0]))
        self.assertEqual([], self.world.incoming(PENDING))

    def test_presence(self) -> None:
        """
        An answer to a subscription is written to the stream, as soon as there is one.
        """
        self.receive(f"<presence type='subscribe' from='{ANN}' to='{BOT}' id='1'/>")
        reply = CallbackResponse(200, XML, b"<presence type='subscribed'/>")
        self.world.stream.problems = [NO_STREAM]
        self.world.answer(reply)
        self.world.clock.advance(1)
        self.world.answer(reply)
        (sent,) = self.world.stream.sent
        self.assertEqual("subscribed", sent["type"])

    def test_withoutID(self) -> None:
        """
        An error to a message without an id, which has none either, is written.
        """
        self.receive(f"<message from='{ANN}' to='{BOT}'/>")
        self.world.answer(CallbackResponse(404))
        self.assertEqual([], self.world.replied.sent)
        self.assertEqual("error", self.world.stream.sent[0]["type"])

    def test_warning(self) -> None:
        """
        The log tells what is wrong with an answer.
        """
        self.world.message("one")
        with capturedLogs() as logs:
            self.world.answer(CallbackResponse(200, "text/html", b"<html/>"))
        (line,) = said(logs)
        id = self.world.callback.posts[0].id
        start = f"The callback responded to a message from {ANN} ({id}) with 200; "
        self.assertTrue(line.startswith(start), line)
        self.assertEqual([], self.world.incoming(PENDING))


class RecordingTests(DurableTestCase):
    """
    Tests of a store that fails once the callback has answered.
    """

    def test_insists(self) -> None:
        """
        The callback is not asked again; its answer is recorded as soon as it can be,
        and the conversation waits for that.
        """
        self.world.message("one")
        self.world.message("two")
        self.world.store.failing = {"recordAttempt"}
        self.world.answer(OK)
        for _ in range(10):
            self.world.clock.advance(1)
        self.assertEqual(["one"], self.world.posted())
        self.assertEqual(11, self.world.store.calls.count("recordAttempt"))
        self.world.store.failing = set()
        self.world.clock.advance(1)
        self.assertEqual(["one", "two"], self.world.posted())
        self.assertEqual(["two"], self.world.incoming(PENDING))

    def test_reading(self) -> None:
        """A stanza that cannot be read now is read later."""
        for number in range(40):
            self.world.message(str(number))
        self.world.store.failing = {"pending"}
        for _ in range(32):
            self.world.answer(OK)
        self.assertEqual(32, len(self.world.posted()))
        self.world.store.failing = set()
        self.world.clock.advance(1)
        self.assertEqual(33, len(self.world.posted()))


class UnavailableTests(DurableTestCase):
    """
    Tests of a store that cannot keep anything.
    """

    def test_deliveredAtOnce(self) -> None:
        """
        A stanza that cannot be stored is delivered all the same; without an answer it
        is
        bounced.
        """
        self.world.store.failing = {"addIncoming"}
        self.world.message("one")
        self.world.message("two")
        self.assertEqual(["one"], self.world.posted())
        self.world.answer(OUT)
        self.assertIn("<recipient-unavailable ", toXML(self.world.replied.sent[0]))
        self.world.answer(OK)
        self.assertEqual(["one", "two"], self.world.posted())
        self.assertEqual([], self.world.clock.getDelayedCalls())

    def test_log(self) -> None:
        """
        The log says so once, and again if it goes on for long.
        """
        self.world.store.failing = {"addIncoming"}
        with capturedLogs() as logs:
            for _ in range(2):
                for number in range(3):
                    self.world.message(str(number))
                self.world.clock.advance(LOG_INTERVAL)
        line = (
            "Inbound messages cannot be stored: the disk is full. Until they can, each"
            " is delivered in one attempt, or refused."
        )
        self.assertEqual([line, line], said(logs))

    def test_flaps(self) -> None:
        """
        If it fails now and then, the log says no more than that.
        """
        with capturedLogs() as logs:
            for number in range(50):
                self.world.store.failing = {"addIncoming"} if number % 2 else set()
                self.world.message(str(number), f"user{number}@example.com")
                self.world.clock.advance(10)
        self.assertEqual(1, len(logs))

    def test_answers(self) -> None:
        """
        Bounces, receipts and replies that cannot be stored are written to the stream.
        """
        full = serviceUnavailable("resource-constraint", "The disk is full.", 5)
        self.world.store.failing = {"addIncoming"}
        for said_, expected in (
            (OUT, "<recipient-unavailable "),
            (CallbackResponse(404), "<item-not-found "),
            (OK, "<received "),
            (CallbackResponse(200, TEXT, b"hello"), "<body>hello</body>"),
        ):
            self.world.replied.problems = [full]
            self.world.message("one", children=RECEIPT)
            with capturedLogs() as logs:
                self.world.answer(said_)
            (answer,) = self.world.stream.sent
            self.world.stream.sent.clear()
            self.assertEqual(ANN, answer["to"])
            self.assertIn(expected, toXML(answer))
            self.assertEqual([], [line for line in said(logs) if "dropped" in line])
        self.assertEqual([], self.world.replied.sent)

    def test_answerLost(self) -> None:
        """
        Without a stream it is lost, and the log says so once.
        """
        self.world.store.failing = {"addIncoming"}
        self.world.replied.problems = [NO_STREAM]
        self.world.stream.problems = [NO_STREAM]
        self.world.message("one")
        with capturedLogs() as logs:
            self.world.answer(CallbackResponse(404))
        self.assertEqual([f"Reply to {ANN} dropped: There is no stream."], said(logs))

    def test_overtaking(self) -> None:
        """
        A stanza that cannot be stored does not overtake stored ones: its sender gets an
        error.
        """
        self.world.message("one")
        self.world.answer(OUT)
        self.world.store.failing = {"addIncoming"}
        self.world.message("two")
        self.world.message("bob", "bob@example.com")
        self.assertEqual(["one", "bob"], self.world.posted())
        (refusal,) = self.world.stream.sent
        self.assertEqual("two", refusal["id"])
        self.assertIn("<resource-constraint ", toXML(refusal))
        self.world.clock.advance(1)
        self.world.answer(OK)
        self.world.message("three")
        self.assertEqual(["one", "bob", "one", "three"], self.world.posted())

    def test_untold(self) -> None:
        """
        A stanza whose sender cannot be told, in a room or an error itself, waits for
        its turn in memory.
        """
        opening = "<message from='room@x/ann' to='{}' type='{}' id='{}'/>"
        self.receive(opening.format(BOT, "groupchat", "one"))
        self.world.answer(OUT)
        self.world.store.failing = {"addIncoming"}
        self.receive(opening.format(BOT, "groupchat", "two"))
        self.receive(opening.format(BOT, "error", "three"))
        self.assertEqual(["one"], self.world.posted())
        self.world.clock.advance(1)
        for _ in range(3):
            self.world.answer(OK)
        self.assertEqual(["one", "one", "two", "three"], self.world.posted())
        self.assertEqual([], self.world.stream.sent)

    def test_stopped(self) -> None:
        """A stanza whose commit fails after the gateway has stopped is bounced."""
        self.world.store.isHeld = True
        self.world.message("one")
        stopping = self.world.inbox.stopService()
        assert stopping is not None
        self.assertNoResult(stopping)
        self.world.store.failing = {"addIncoming"}
        self.world.store.release()
        self.successResultOf(stopping)
        self.assertIn("<recipient-unavailable ", toXML(self.world.stream.sent[0]))


class ShareTests(DurableTestCase):
    """
    Tests of what is kept and what is not, side by side.
    """

    def presence(self, number: int) -> None:
        """Receive presence of some sender."""
        self.receive(f"<presence from='u{number}@x' to='{BOT}' id='p{number}'/>")

    def test_connections(self) -> None:
        """
        One limit holds for all stanzas in flight; conversations with transient and
        with stored stanzas take turns.
        """
        self.world = KeepingWorld(connections=2)
        for number in (0, 0, 0, 1, 2):
            self.presence(number)
        self.world.message("one")
        self.assertEqual(["p0", "p1"], self.world.posted())
        for number in range(5):
            self.world.answer(OK, number)
        self.assertEqual(["p0", "p1", "one", "p2", "p0", "p0"], self.world.posted())

    def test_flood(self) -> None:
        """
        A flood of presence leaves every other turn to messages.
        """
        self.world = KeepingWorld(connections=4)
        for number in range(1000):
            self.presence(number)
        for number in range(40):
            self.world.message(f"m{number}", f"user{number}@example.com")
        for number in range(100):
            self.world.answer(OK, number)
        posted = self.world.posted()
        last = max(posted.index(f"m{number}") for number in range(40))
        self.assertLess(last, 2 * 40 + 4)


class LimitTests(DurableTestCase):
    """
    Tests of the limits.
    """

    def assertRefused(self, number: int) -> None:
        """So many were told that there is no room."""
        for answer in self.world.stream.sent:
            self.assertIn("<resource-constraint ", toXML(answer))
        self.assertEqual(number, len(self.world.stream.sent))

    def test_stored(self) -> None:
        """
        Stanzas beyond the limit are refused, with one line in the log.
        """
        self.world = KeepingWorld(limit=3)
        with capturedLogs() as logs:
            for number in range(6):
                self.world.message(str(number), f"user@{number}.example")
        self.assertRefused(3)
        (line,) = said(logs)
        self.assertTrue(line.startswith("Inbox full: 3 stored stanzas with "), line)
        self.world.answer(OK)
        self.world.message("six")
        self.assertRefused(3)
        self.assertEqual(["0", "1", "six"], self.world.incoming(PENDING))

    def test_aboutToBeStored(self) -> None:
        """Stanzas whose commit is under way count."""
        self.world = KeepingWorld(limit=3)
        self.world.store.isHeld = True
        for number in range(5):
            self.world.message(str(number), f"user@{number}.example")
        self.assertRefused(2)

    def test_left(self) -> None:
        """Stanzas that an earlier process has left count."""
        self.world = KeepingWorld(limit=3)
        for number in range(3):
            self.world.message(str(number), f"user@{number}.example")
        self.stop()
        self.world.begin()
        self.assertEqual(3, self.world.inbox.storedCount)
        self.world.message("four")
        self.assertRefused(1)

    def test_leftShare(self) -> None:
        """
        Stanzas of an earlier process count for the share of their sender.
        """
        self.world = KeepingWorld(limit=4)
        for number in range(2):
            self.world.message(str(number))
        self.stop()
        self.world.begin()
        self.world.message("three")
        self.assertRefused(1)
        self.world.message("other", "bob@example.org")
        self.assertRefused(1)

    def test_committing(self) -> None:
        """
        So is what comes faster than it can be kept.
        """
        self.world = KeepingWorld(limits=InboxLimits(committingCount=3))
        self.world.store.isHeld = True
        with capturedLogs() as logs:
            for number in range(5):
                self.world.message(str(number))
        self.assertRefused(2)
        self.assertEqual(1, len(logs))
        self.world.store.release()
        self.assertEqual(["0", "1", "2"], self.world.incoming(PENDING))

    def test_share(self) -> None:
        """
        No sender, whatever recipients it chooses, can take all places.
        """
        self.world = KeepingWorld(limit=6)
        for number in range(5):
            self.receive(
                f"<message from='{ANN}' to='bot{number}@x' id='{number}' type='chat'/>"
            )
        self.assertRefused(2)
        self.world.message("bob", "bob@example.org")
        self.assertRefused(2)

    def test_bytes(self) -> None:
        """
        Stanzas are limited in bytes, too, those of one sender to its share.
        """
        self.world = KeepingWorld(size=4000)
        self.world.message("one", children="x" * 1500)
        self.world.message("two", children="x" * 1500)
        self.assertRefused(1)
        self.world.message("three", "bob@example.org", "\u00e4" * 700)
        self.assertRefused(1)
        self.world.message("four", "cid@example.net", "\u00e4" * 700)
        self.assertRefused(2)
        self.world.answer(OK, 0)
        self.world.message("five", "cid@example.net", "\u00e4" * 700)
        self.assertRefused(2)

    def test_domain(self) -> None:
        """
        One domain with many senders gets half of the limit, also if there is no other;
        the log names the domain and the setting to raise.
        """
        self.world = KeepingWorld(limit=6)
        with capturedLogs() as logs:
            for number in range(4):
                self.world.message("one", f"user{number}@example.com")
        self.assertRefused(1)
        (line,) = said(logs)
        self.assertIn("share of the domain example.com used up: it has 3 m", line)
        self.assertTrue(line.endswith(" Or raise inbox-limit."), line)

    def test_room(self) -> None:
        """
        A room is one sender: its messages beyond its share are dropped, logged once
        and counted.
        """
        self.world = KeepingWorld(limit=4)
        with capturedLogs() as logs:
            for number in range(5):
                self.receive(
                    f"<message type='groupchat' from='room@x/{number}' to='{BOT}'/>"
                )
        self.assertRefused(0)
        (line,) = said(logs)
        self.assertIn("share of the sender room@x used up: it has 2 messages", line)
        self.assertTrue(line.endswith(" Or raise inbox-limit."), line)
        self.assertEqual(3, self.world.inbox.inboxes["default"].refusedCount)


class RestartTests(DurableTestCase):
    """
    Tests of the end, and of what comes after it.
    """

    def test_underWay(self) -> None:
        """
        A stanza whose POST was under way when the gateway ended is posted again, with
        the same
        id, and its sender has got nothing.
        """
        self.world.message("one")
        self.world.message("two")
        first = self.world.callback.posts[0].id
        old = self.world.callback
        self.stop()
        self.assertEqual(1, len(old.cancelled))
        self.assertEqual([], self.world.stream.sent + self.world.replied.sent)
        self.assertEqual(0, self.world.record(first)[0].attempts)
        self.world.begin()
        self.assertEqual(first, self.world.callback.posts[0].id)
        self.world.answer(OK)
        self.assertEqual(["one", "two"], self.world.posted())

    def test_afterStop(self) -> None:
        """
        Stanzas that arrive while the stream is being closed are stored, for the next
        process.
        """
        self.stop()
        self.world.message("one")
        self.assertEqual(["one"], self.world.incoming(PENDING))
        self.assertEqual([], self.world.posted())
        self.world.begin()
        self.assertEqual(["one"], self.world.posted())

    def test_waitsForCommits(self) -> None:
        """
        A stanza whose commit is under way when the gateway ends is stored, and
        delivered later.
        """
        self.world.store.isHeld = True
        self.world.message("one")
        stopping = self.world.inbox.stopService()
        assert stopping is not None
        self.assertNoResult(stopping)
        self.world.store.release()
        self.successResultOf(stopping)
        self.assertEqual([], self.world.posted())
        self.world.begin()
        self.assertEqual(["one"], self.world.posted())

    def test_waitsForRecords(self) -> None:
        """Outcomes of answered stanzas are recorded before the gateway ends."""
        self.world.message("one")
        self.world.message("two")
        self.world.store.isHeld = True
        self.world.answer(OK)
        stopping = self.world.inbox.stopService()
        assert stopping is not None
        self.assertNoResult(stopping)
        self.world.store.release()
        self.successResultOf(stopping)
        self.assertEqual(["two"], self.world.incoming(PENDING))
        self.assertEqual(["one"], self.world.posted())

    def test_schedule(self) -> None:
        """
        The schedule goes on where it was.
        """
        self.world.message("one")
        for delay in (1, 5, 30):
            self.world.answer(OUT)
            self.world.clock.advance(delay)
        self.world.answer(OUT)
        self.stop()
        self.world.clock.advance(60)
        self.world.begin()
        self.assertEqual([], self.world.posted())
        self.world.clock.advance(59)
        self.assertEqual([], self.world.posted())
        self.world.clock.advance(1)
        self.assertEqual(["one"], self.world.posted())
        self.world.answer(OUT)
        self.receive(f"<presence from='{ANN}' to='{BOT}' id='other'/>")
        self.world.answer(OK)
        self.world.callback.posts.pop()
        self.world.clock.advance(299)
        self.assertEqual(["one"], self.world.posted())
        self.world.clock.advance(1)
        self.assertEqual(["one", "one"], self.world.posted())

    def test_notOvertaken(self) -> None:
        """
        A stanza that arrives while stored ones are still being found does not overtake
        them.
        """
        self.world.message("one")
        self.world.message("bob1", "bob@example.com")
        self.stop()
        self.world.store.isHeld = True
        self.world.begin()
        self.world.message("two")
        self.world.message("bob2", "bob@example.com")
        self.world.message("cid", "cid@example.com")
        self.assertEqual([], self.world.posted())
        self.world.store.release()
        self.assertEqual({"one", "bob1", "cid"}, set(self.world.posted()))
        for number in range(5):
            self.world.answer(OK, number)
        posted = self.world.posted()
        self.assertLess(posted.index("one"), posted.index("two"))
        self.assertLess(posted.index("bob1"), posted.index("bob2"))
        self.assertEqual(5, len(posted))
        self.assertEqual(0, self.world.inbox.storedCount)

    def test_unfound(self) -> None:
        """
        A new stanza does not overtake stored ones even if the store fails at first.
        """
        self.world.message("one")
        self.stop()
        self.world.store.failing = {"pendingSizes", "conversations"}
        self.world.begin()
        self.world.message("two")
        self.assertEqual([], self.world.posted())
        self.world.store.failing = {"pendingSizes"}
        self.world.clock.advance(1)
        self.world.store.failing = {"conversations"}
        self.world.clock.advance(1)
        self.world.store.failing = set()
        self.world.clock.advance(1)
        self.world.answer(OK)
        self.world.answer(OK)
        self.assertEqual(["one", "two"], self.world.posted())
        self.assertEqual(0, self.world.inbox.storedCount)
        self.assertEqual([], self.world.clock.getDelayedCalls())

    def test_pages(self) -> None:
        """
        Many conversations are found page by page, no faster than they are dealt with.
        """
        self.patch(backlog, "PAGE", 3)
        for number in range(20):
            self.world.message(f"{number:02}", f"user{number:02}@example.com")
        self.stop()
        self.world._connections = 1
        self.world.begin()
        self.assertEqual(2, self.world.store.calls[-4:].count("conversations"))
        while len(self.world.posted()) < 20:
            self.world.answer(OK)
            self.world.clock.advance(1)
        self.world.answer(OK)
        self.assertEqual([f"{n:02}" for n in range(20)], self.world.posted())
        self.world.clock.advance(1)
        self.assertEqual(0, self.world.inbox.storedCount)
        self.assertEqual([], self.world.clock.getDelayedCalls())

    def test_stopWhileFinding(self) -> None:
        """
        To stop ends that, too.
        """
        self.world.message("one")
        self.stop()
        self.world.store.failing = {"conversations"}
        with capturedLogs() as logs:
            self.world.begin()
            self.stop()
        self.assertEqual([], logs)

    def test_waitsForFinding(self) -> None:
        """
        To stop waits for what is being found.
        """
        self.stop()
        self.world.store.isHeld = True
        self.world.begin()
        stopping = self.world.inbox.stopService()
        assert stopping is not None
        self.assertNoResult(stopping)
        self.world.store.release()
        self.successResultOf(stopping)

    def test_stopWhileReading(self) -> None:
        """A stanza that is read after the gateway was stopped is not posted."""
        self.world.message("one")
        self.stop()
        self.world.begin()
        self.stop()
        self.world.store.failing = {"pending"}
        self.world.begin()
        self.world.store.isHeld = True
        self.world.clock.advance(1)
        stopping = self.world.inbox.stopService()
        self.world.store.failing = set()
        self.world.store.release()
        assert stopping is not None
        self.successResultOf(stopping)
        self.assertEqual([], self.world.posted())

    def test_volatile(self) -> None:
        """Stanzas that are not stored are bounced."""
        self.receive(f"<iq type='get' from='{ANN}' to='{BOT}' id='1'/>")
        self.stop()
        self.assertIn("<recipient-unavailable ", toXML(self.world.stream.sent[0]))

    def test_same(self) -> None:
        """One inbox can be started again."""
        self.world.message("one")
        self.stop()
        self.world.inbox.startService()
        self.assertEqual(["one", "one"], self.world.posted())
        self.world.answer(OK)
        self.assertEqual(0, self.world.inbox.storedCount)

    def test_sameReady(self) -> None:
        """Conversations that were ready when it stopped have one turn each."""
        self.world = KeepingWorld(connections=1)
        for id in ("one", "two"):
            self.world.message(id, f"{id}@example.com")
        self.stop()
        self.world.inbox.startService()
        self.world.answer(OUT)
        self.world.answer(OUT)
        self.assertEqual(["one", "one", "two"], self.world.posted())
        self.world.clock.advance(0.5)
        self.assertEqual(["one", "one", "two"], self.world.posted())
        self.world.clock.advance(0.5)
        self.world.answer(OK)
        self.world.answer(OK)
        self.assertEqual(0, self.world.inbox.storedCount)
        self.assertEqual([], self.world.incoming(DEAD))
