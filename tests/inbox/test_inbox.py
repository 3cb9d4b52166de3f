"""Tests of L{xmpprest.inbox.inbox} without a store."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from tests.support.delivery import HeldCallback, HeldStream
from tests.support.doubles import live, said, stanza
from xmpprest.core.errors import Problem, Refusal, serviceUnavailable
from xmpprest.core.media.formats import TEXT, XML
from xmpprest.core.policy.callback_response import CallbackResponse
from xmpprest.core.stanza.build import elements, result, withAttributes
from xmpprest.core.stanza.serializer import toXML
from xmpprest.core.webhook.errors import DeliveryError
from xmpprest.inbox.filter import StanzaFilter
from xmpprest.inbox.inbox import STOP_TIMEOUT, Inbox
from xmpprest.inbox.options import InboxLimits, InboxOptions
from xmpprest.inbox.queued_stanza import SMALL_SIZE, TREE_SIZE
from xmpprest.inbox.router import InboxRouter
from xmpprest.inbox.scheduler import DeliveryScheduler
from xmpprest.inbox.subscriber import Subscription
from xmpprest.xmpp.builtin import BuiltinResponder

KINDS = frozenset({"message", "presence", "iq"})
EVENTS = frozenset({"bare", "full", "host"})

BOT = "bot@gateway.example"
ANN = "ann@example.com/home"
OK = CallbackResponse(204)


def message(body: str = "hi", sender: str = ANN, to: str = BOT) -> Element:
    """A message that nobody has to answer."""
    return stanza(
        f"<message type='chat' from='{sender}' to='{to}' id='{body}'>"
        f"<body>{body}</body></message>"
    )


def iq(type: str = "get", sender: str = ANN, to: str = BOT, id: str = "q1") -> Element:
    """An iq that the gateway has no answer of its own to."""
    return stanza(
        f"<iq type='{type}' from='{sender}' to='{to}' id='{id}'>"
        "<query xmlns='urn:example:unknown'/></iq>"
    )


def schedulerOf(router: InboxRouter) -> DeliveryScheduler:
    """The scheduler of the only callback."""
    inbox = router.inboxes["default"]
    assert isinstance(inbox, Inbox)
    return inbox._scheduler


def ping() -> Element:
    """An iq that the gateway could answer itself."""
    return stanza(
        f"<iq type='get' from='{ANN}' to='{BOT}' id='p1'>"
        "<ping xmlns='urn:xmpp:ping'/></iq>"
    )


def condition(error: Element) -> tuple[str, str]:
    """The type and the condition of an error stanza."""
    (report,) = elements(error)
    return report["type"], elements(report)[0].name


class InboxTestCase(SynchronousTestCase):
    """
    An inbox between a stream and a callback that the test holds.
    """

    def setUp(self) -> None:
        """Have all three, with a callback that wants everything."""
        self.stream = HeldStream()
        self.callback = HeldCallback()
        self.clock = Clock()
        self.inbox = self.make()

    def make(
        self,
        kinds: frozenset[str] = KINDS,
        events: frozenset[str] = EVENTS,
        *,
        callback: bool = True,
        limit: int = 10,
        builtin: Callable[[Element], Element | None] = lambda iq: None,
    ) -> InboxRouter:
        """Make an inbox, and start it."""
        filter = StanzaFilter(kinds, events)
        inbox = InboxRouter(
            self.stream.send,
            builtin,
            [Subscription(self.callback, filter, limit)] if callback else [],
            InboxOptions(
                self.clock, live(), limits=InboxLimits(transientCount=2 * limit)
            ),
        )
        inbox.startService()
        return inbox

    def posted(self) -> list[str]:
        """The ids of what was posted."""
        return [post.stanza["id"] for post in self.callback.posts]

    def sent(self) -> Element:
        """The one stanza that was sent since the last time."""
        (only,) = self.stream.sent
        self.stream.sent.clear()
        return only

    def assertError(self, stanza: Element, type: str, name: str) -> None:
        """One error was sent, in answer to a stanza."""
        error = self.sent()
        self.assertEqual("error", error["type"])
        self.assertEqual(stanza.name, error.name)
        self.assertEqual(stanza["id"], error["id"])
        self.assertEqual(stanza["from"], error["to"])
        self.assertEqual(stanza["to"], error["from"])
        self.assertEqual((type, name), condition(error))


class SelectionTests(SynchronousTestCase):
    """
    Tests of L{StanzaFilter}.
    """

    def test_kinds(self) -> None:
        """
        Stanzas are selected by their kind.
        """
        selection = StanzaFilter(frozenset({"message", "iq"}), EVENTS)
        self.assertIn(stanza(f"<message to='{BOT}'/>"), selection)
        self.assertIn(stanza(f"<iq to='{BOT}'/>"), selection)
        self.assertNotIn(stanza(f"<presence to='{BOT}'/>"), selection)

    def test_events(self) -> None:
        """
        Stanzas are selected by the form of the address they are for.
        """
        forms = {
            "bare": ["bot@gateway.example", "@gateway.example"],
            "full": ["bot@gateway.example/r", "gateway.example/r", "a@b/c@d/e", "a/"],
            "host": ["gateway.example"],
        }
        for event in EVENTS:
            selection = StanzaFilter(KINDS, frozenset({event}))
            for form, addresses in forms.items():
                for address in addresses:
                    inbound = stanza(f"<message to='{address}'/>")
                    self.assertEqual(event == form, inbound in selection, address)

    def test_withoutAddress(self) -> None:
        """A stanza without a recipient counts as one to the host."""
        selection = StanzaFilter(KINDS, frozenset({"host"}))
        self.assertIn(stanza("<message/>"), selection)


class UnwantedTests(InboxTestCase):
    """
    Tests of stanzas that no callback wants.
    """

    def test_notSelected(self) -> None:
        """A stanza that is not selected is not posted."""
        inbox = self.make(kinds=frozenset({"iq"}))
        inbox.receive(message())
        inbox = self.make(events=frozenset({"host"}))
        inbox.receive(message())
        self.assertEqual([], self.callback.posts)

    def test_message(self) -> None:
        """
        A message is answered with an error.
        """
        inbound = message()
        self.make(callback=False).receive(inbound)
        self.assertError(inbound, "cancel", "service-unavailable")

    def test_ignored(self) -> None:
        """
        Presence, headlines, groupchat, errors and results are ignored.
        """
        inbox = self.make(callback=False)
        for opening in (
            "presence",
            "presence type='subscribe'",
            "presence type='error'",
            "message type='headline'",
            "message type='groupchat'",
            "message type='error'",
            "iq type='result'",
            "iq type='error'",
        ):
            inbox.receive(stanza(f"<{opening} from='{ANN}' to='{BOT}' id='1'/>"))
        self.assertEqual([], self.stream.sent)

    def test_builtin(self) -> None:
        """
        An iq gets the gateway's own answer, where there is one.
        """
        inbox = self.make(callback=False, builtin=result)
        inbox.receive(ping())
        self.assertEqual("result", self.sent()["type"])

    def test_noBuiltin(self) -> None:
        """
        Any other iq is answered with an error.
        """
        inbox = self.make(callback=False)
        for type in ("get", "set"):
            inbound = iq(type)
            inbox.receive(inbound)
            self.assertError(inbound, "cancel", "service-unavailable")


class DeliveryTests(InboxTestCase):
    """
    Tests of what is posted, and when.
    """

    def test_post(self) -> None:
        """
        A stanza is posted as it came.
        """
        inbound = message()
        self.inbox.receive(inbound)
        self.assertIs(inbound, self.callback.posts[0].stanza)

    def test_answers(self) -> None:
        """
        Errors and results are posted, too, and what is said to them is ignored.
        """
        for opening in ("message type='error'", "iq type='result'"):
            self.inbox.receive(stanza(f"<{opening} from='{ANN}' to='{BOT}' id='1'/>"))
        for post in self.callback.posts:
            post.said.callback(CallbackResponse(404))
        self.assertEqual(2, len(self.callback.posts))
        self.assertEqual([], self.stream.sent)

    def test_order(self) -> None:
        """
        A conversation is posted in order, one after the other.
        """
        for body in ("one", "two", "three"):
            self.inbox.receive(message(body))
        self.assertEqual(["one"], self.posted())
        self.callback.posts[0].said.callback(OK)
        self.assertEqual(["one", "two"], self.posted())
        self.callback.posts[1].said.errback(DeliveryError("it is out"))
        self.assertEqual(["one", "two", "three"], self.posted())
        self.callback.posts[2].said.callback(OK)
        self.inbox.receive(message("four"))
        self.assertEqual(["one", "two", "three", "four"], self.posted())

    def test_tries(self) -> None:
        """Each try is counted by what came of it, be that what nobody knows."""
        for number, came in enumerate((200, 302, 404, 503, 999, None)):
            self.inbox.receive(message(str(number)))
            said = self.callback.posts[number].said
            if came is None:
                said.errback(DeliveryError("it is out"))
            else:
                said.callback(CallbackResponse(came))
        latencies = self.inbox.inboxes["default"].attemptLatencies
        tries = {result: tally.count for result, tally in latencies.items()}
        self.assertEqual(
            tries, {"2xx": 1, "3xx": 1, "4xx": 1, "5xx": 1, "other": 1, "none": 1}
        )

    def test_resources(self) -> None:
        """
        All devices of a person take part in one conversation.
        """
        self.inbox.receive(message("one", "ann@example.com/home"))
        self.inbox.receive(message("two", "ann@example.com/phone"))
        self.assertEqual(["one"], self.posted())

    def test_parallel(self) -> None:
        """
        Conversations do not wait for each other: neither those of other people, nor
        those with another addressee.
        """
        self.inbox.receive(message("one"))
        self.inbox.receive(message("two", sender="bob@example.com"))
        self.inbox.receive(message("three", to="bot2@gateway.example"))
        self.assertEqual(["one", "two", "three"], self.posted())

    def test_kinds(self) -> None:
        """
        An iq waits for the stanzas of its conversation before it, of any kind.
        """
        self.inbox.receive(message("one"))
        self.inbox.receive(iq(id="two"))
        self.inbox.receive(iq(id="three", sender="ann@example.com/phone"))
        for number, id in enumerate(("one", "two", "three")):
            self.assertEqual(id, self.posted()[-1])
            self.callback.posts[number].said.callback(OK)

    def test_withoutSender(self) -> None:
        """
        A stanza without a sender is left alone, with a line in the log: its answer
        would be for nobody.
        """
        stanza = withAttributes(message("one"), **{"from": None})
        with capturedLogs() as logs:
            self.inbox.receive(stanza)
        self.assertEqual(
            ["Ignored a message without a sender or a recipient."], said(logs)
        )
        self.assertEqual([], self.posted())
        self.assertEqual([], self.stream.sent)

    def test_nothingKept(self) -> None:
        """
        A conversation that is over leaves nothing behind.
        """
        self.inbox = self.make(limit=100)
        for number in range(100):
            self.inbox.receive(message("hi", f"user{number}@example.com"))
        self.assertEqual(100, self.inbox.transientCount)
        for post in self.callback.posts:
            post.said.callback(OK)
        self.assertEqual(0, self.inbox.transientCount)
        scheduler = schedulerOf(self.inbox)
        self.assertEqual(0, len(scheduler._turns.table))
        self.assertEqual(0, scheduler._memory.trees)


class LimitTests(InboxTestCase):
    """
    Tests of the limit on how many stanzas wait.
    """

    def setUp(self) -> None:
        """Let no more than three wait."""
        super().setUp()
        self.inbox = self.make(limit=3)
        self.size = SMALL_SIZE

    def test_oneConversation(self) -> None:
        """A stanza beyond the limit is answered with an error at once."""
        for body in ("one", "two", "three"):
            self.inbox.receive(message(body))
        self.assertEqual([], self.stream.sent)
        inbound = message("four")
        self.inbox.receive(inbound)
        self.assertError(inbound, "wait", "resource-constraint")

    def test_share(self) -> None:
        """
        No sender, whatever recipients it chooses, and no domain, whatever senders it
        has, can take all places from others.
        """
        self.inbox = self.make(limit=10)
        for number in range(10):
            self.inbox.receive(message("flood", to=f"bot{number}@gateway.example"))
        self.assertEqual([], self.stream.sent)
        for sender in (ANN, "bob@example.com"):
            inbound = message("too many", sender)
            self.inbox.receive(inbound)
            self.assertError(inbound, "wait", "resource-constraint")
        self.inbox.receive(message("another", "other@example.org"))
        self.callback.posts[0].said.callback(OK)
        self.assertEqual("another", self.posted()[-1])

    def test_manyConversations(self) -> None:
        """
        The limit is for all conversations together, and counts stanzas in flight.
        """
        for number in range(3):
            self.inbox.receive(message("hi", f"user{number}@example.com"))
        inbound = message()
        self.inbox.receive(inbound)
        self.assertError(inbound, "wait", "resource-constraint")
        self.assertEqual(3, len(self.callback.posts))

    def test_room(self) -> None:
        """
        A stanza that is dealt with makes room for another.
        """
        for body in ("one", "two", "three"):
            self.inbox.receive(message(body))
        self.callback.posts[0].said.callback(OK)
        self.inbox.receive(message("four"))
        self.assertEqual([], self.stream.sent)
        self.assertEqual(3, self.inbox.transientCount)

    def test_builtin(self) -> None:
        """
        An iq that cannot be delivered gets the gateway's own answer, if there is one.
        """
        inbox = self.make(builtin=result, limit=3)
        for body in ("one", "two", "three"):
            inbox.receive(message(body))
        inbox.receive(ping())
        self.assertEqual("result", self.sent()["type"])

    def test_log(self) -> None:
        """
        One line says so, and the next only after the queue has been short again.
        """
        line = (
            "Inbox share of the sender ann@example.com used up: it has 3 messages, as"
            f" much as is still free (3 stanzas in memory with {3 * self.size} bytes in"
            " all; limits: 6 and 33554432 bytes). Its further stanzas are refused until"
            " the callback catches up; messages from rooms are lost."
        )
        with capturedLogs() as logs:
            for body in "abcdef":
                self.inbox.receive(message(body))
            self.callback.posts[0].said.callback(OK)
            for body in "gh":
                self.inbox.receive(message(body))
        self.assertEqual([line], said(logs))
        for number in range(1, 4):
            self.callback.posts[number].said.callback(OK)
        with capturedLogs() as logs:
            for body in "ijklm":
                self.inbox.receive(message(body))
        self.assertEqual([line], said(logs))

    def test_notIntoRooms(self) -> None:
        """A stanza that must not be answered is dropped."""
        for body in ("one", "two", "three"):
            self.inbox.receive(message(body))
        self.inbox.receive(
            stanza(f"<message type='groupchat' from='room@x/ann' to='{BOT}' id='1'/>")
        )
        self.assertEqual([], self.stream.sent)


class MemoryTests(InboxTestCase):
    """
    Tests of how stanzas wait in memory.
    """

    def big(self, number: int) -> Element:
        """Presence with 64 KB of elements."""
        return stanza(
            f"<presence from='user{number}@d{number}.example' to='{BOT}' id='{number}'>"
            f"<x xmlns='urn:x'>{'<a/>' * 2048}{'y' * 57_000}</x></presence>"
        )

    def trees(self) -> int:
        """The number of waiting stanzas that are in memory as trees."""
        scheduler = schedulerOf(self.inbox)
        recent = [each.recent or [] for each in scheduler._turns.table.inMemory()]
        return sum(each._tree is not None for some in recent for each in some)

    def test_large(self) -> None:
        """
        Large stanzas wait as XML, and as XML also while they are in flight. They are
        parsed and POSTed in later turns of the reactor.
        """
        self.inbox = self.make(limit=4)
        for number in range(8):
            self.inbox.receive(self.big(number))
        self.assertEqual(0, len(self.callback.posts))
        self.clock.advance(0)
        self.assertEqual(4, len(self.callback.posts))
        self.assertEqual(0, schedulerOf(self.inbox)._memory.trees)
        self.assertEqual(0, self.trees())
        for number in range(8):
            self.callback.posts[number].said.callback(OK)
            self.clock.advance(0)
        last = self.callback.posts[-1].stanza
        self.assertEqual(toXML(self.big(7)), toXML(last))
        self.assertEqual(0, self.inbox.transientCount)

    def test_many(self) -> None:
        """
        Small stanzas wait as trees as long as there is memory for these.
        """
        self.inbox = self.make(limit=1000)
        schedulerOf(self.inbox).setLimit(1)
        for number in range(1200):
            self.inbox.receive(message("hi", f"user{number}@d{number}.example"))
        scheduler = schedulerOf(self.inbox)
        self.assertLessEqual(scheduler._memory.trees, TREE_SIZE)
        for number in range(1200):
            self.callback.posts[number].said.callback(OK)
        self.assertEqual(0, scheduler._memory.trees)
        self.assertEqual(0, self.inbox.transientCount)

    def test_bytes(self) -> None:
        """Stanzas that wait in memory are limited in bytes."""
        options = InboxOptions(
            self.clock, live(), limits=InboxLimits(transientSize=200_000)
        )
        everything = StanzaFilter(KINDS, EVENTS)
        self.inbox = InboxRouter(
            self.stream.send,
            lambda iq: None,
            [Subscription(self.callback, everything, 1)],
            options,
        )
        self.inbox.startService()
        with capturedLogs():
            for number in range(5):
                self.inbox.receive(self.big(number))
        self.assertEqual(3, self.inbox.transientCount)
        self.assertEqual(2, self.inbox.inboxes["default"].refusedCount)


class AnswerTests(InboxTestCase):
    """
    Tests of what becomes of the callback's answers.
    """

    def answer(self, inbound: Element, answer: CallbackResponse | Exception) -> None:
        """Receive a stanza, and have the callback answer it."""
        self.inbox.receive(inbound)
        post = self.callback.posts[-1]
        if isinstance(answer, CallbackResponse):
            post.said.callback(answer)
        else:
            post.said.errback(answer)

    def test_reply(self) -> None:
        """
        A reply is sent to where the stanza came from.
        """
        self.answer(message(), CallbackResponse(200, TEXT, b"hello"))
        reply = self.sent()
        self.assertEqual((ANN, BOT), (reply["to"], reply["from"]))
        self.assertEqual("hello", str(elements(reply)[0]))

    def test_error(self) -> None:
        """
        An HTTP error becomes a stanza error.
        """
        inbound = message()
        self.answer(inbound, CallbackResponse(403, "text/html", b"<html/>"))
        self.assertError(inbound, "auth", "forbidden")

    def test_noAnswer(self) -> None:
        """
        Where no answer comes, the sender is told to try again.
        """
        for inbound in (message(), iq()):
            self.answer(inbound, DeliveryError("it is out"))
            self.assertError(inbound, "wait", "recipient-unavailable")

    def test_builtin(self) -> None:
        """
        An iq that the callback answers with 501, or not at all, gets the gateway's
        own answer; what the callback decides itself does not.
        """
        self.inbox = self.make(builtin=result)
        for answer in (CallbackResponse(501), DeliveryError("it is out")):
            self.answer(ping(), answer)
            self.assertEqual("result", self.sent()["type"])
        self.answer(ping(), CallbackResponse(404))
        self.assertEqual("error", self.sent()["type"])

    def test_notImplemented(self) -> None:
        """
        A 501 to an iq that the gateway cannot answer either is an error.
        """
        inbound = iq()
        self.answer(inbound, CallbackResponse(501))
        self.assertError(inbound, "cancel", "feature-not-implemented")

    def test_warning(self) -> None:
        """
        The log says what is wrong with an answer that is of no use, in one sentence.
        """
        with capturedLogs() as logs:
            self.answer(message(), CallbackResponse(200, "text/html", b"<html/>"))
        self.assertEqual([], self.stream.sent)
        (line,) = said(logs)
        self.assertEqual("warn", logs[0]["log_level"].name)
        id = self.callback.posts[0].id
        start = f"The callback responded to a message from {ANN} ({id}) with 200; "
        self.assertTrue(line.startswith(start), line)
        self.assertTrue(line.endswith("."), line)
        self.assertNotIn("..", line)
        self.assertNotIn("<html", line)

    def test_brokenReply(self) -> None:
        """
        So it does for a reply that is not well-formed.
        """
        with capturedLogs() as logs:
            self.answer(
                message(), CallbackResponse(200, XML, b"<message><body></message>")
            )
        (line,) = said(logs)
        self.assertIn("not well-formed", line)
        self.assertTrue(line.endswith(".") and not line.endswith(".."), line)

    def test_fault(self) -> None:
        """
        A fault of our own is logged once, with its traceback; the sender gets an
        error, and the conversation goes on.
        """
        for first in (iq("get"), iq("set"), message()):
            with capturedLogs() as logs:
                self.answer(first, ZeroDivisionError("a fault"))
            (event,) = logs
            self.assertIsInstance(event["log_failure"].value, ZeroDivisionError)
            self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
            self.assertError(first, "wait", "internal-server-error")
        inbound = message()
        self.answer(inbound, CallbackResponse(404))
        self.assertError(inbound, "cancel", "item-not-found")

    def test_faultWithin(self) -> None:
        """The next stanza is delivered after an unexpected error."""
        self.inbox.receive(message("one"))
        self.inbox.receive(message("two"))
        self.callback.posts[0].said.errback(ZeroDivisionError())
        self.assertEqual(["one", "two"], self.posted())
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))

    def test_faultOfBuiltin(self) -> None:
        """
        A fault in the gateway's own answers leaves no iq without one.
        """

        def broken(iq: Element) -> None:
            raise ZeroDivisionError

        self.inbox = self.make(builtin=broken)
        inbound = ping()
        self.answer(inbound, CallbackResponse(501))
        self.assertError(inbound, "wait", "internal-server-error")
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))

    def test_faultOfStream(self) -> None:
        """
        A stream that fails in unknown ways is logged, and stops only what was about
        to be sent.
        """
        self.stream.problems = [ZeroDivisionError(), ZeroDivisionError()]
        self.answer(message(), CallbackResponse(404))
        self.assertEqual(2, len(self.flushLoggedErrors(ZeroDivisionError)))
        self.assertEqual(0, self.inbox.transientCount)
        inbound = message()
        self.answer(inbound, CallbackResponse(404))
        self.assertError(inbound, "cancel", "item-not-found")

    def test_streamLost(self) -> None:
        """
        An answer that comes while there is no stream is lost, and the log says so
        in one line.
        """
        self.stream.problems = [serviceUnavailable("x", "There is no stream.", 5)]
        with capturedLogs() as logs:
            self.answer(iq(), CallbackResponse(404))
        self.assertEqual([f"Reply to {ANN} dropped: There is no stream."], said(logs))
        self.assertEqual("warn", logs[0]["log_level"].name)
        self.assertEqual([], self.stream.sent)

    def test_tooLongForStream(self) -> None:
        """
        Instead of a reply that is too long for the server the sender gets an error.
        """
        self.stream.problems = [
            Refusal(Problem(413, "modify", "resource-constraint", "It is too long."))
        ]
        inbound = iq()
        with capturedLogs() as logs:
            self.answer(
                inbound, CallbackResponse(200, XML, b"<iq><a xmlns='urn:x'/></iq>")
            )
        self.assertError(inbound, "wait", "internal-server-error")
        self.assertEqual([f"Reply to {ANN} dropped: It is too long."], said(logs))


class TroubleTests(InboxTestCase):
    """
    Tests of what the log says about a callback that is out of order.
    """

    def answers(self, *answers: CallbackResponse | Exception) -> list[str]:
        """Have the callback answer so many messages; what the log says."""
        with capturedLogs() as logs:
            for number, answer in enumerate(answers):
                self.inbox.receive(message("hi", f"user{number}@example.com"))
                post = self.callback.posts[-1]
                if isinstance(answer, CallbackResponse):
                    post.said.callback(answer)
                else:
                    post.said.errback(answer)
        return said(logs)

    def test_once(self) -> None:
        """
        One line says that the callback does not answer, and one that it does again.
        """
        out = DeliveryError("it is out")
        self.assertEqual(
            [
                "The callback does not respond: it is out.",
                "The callback responds again.",
            ],
            self.answers(OK, out, out, out, OK, OK),
        )

    def test_anew(self) -> None:
        """
        If it is but one of many that fails, again and again, there are no more lines.
        """
        out = DeliveryError("it is out")
        self.assertEqual(2, len(self.answers(out, OK, out, OK, OK, out, OK)))

    def test_reasons(self) -> None:
        """
        Each reason gets its line, but only one, however they alternate.
        """
        out, ill = DeliveryError("it is out"), DeliveryError("it is ill")
        self.assertEqual(
            [
                "The callback does not respond: it is out.",
                "The callback does not respond: it is ill.",
                "The callback responds again.",
            ],
            self.answers(out, ill, out, ill, OK),
        )

    def test_error(self) -> None:
        """
        An HTTP error is an answer.
        """
        self.assertEqual([], self.answers(CallbackResponse(500), CallbackResponse(503)))


class StopTests(InboxTestCase):
    """
    Tests of the end.
    """

    def test_stop(self) -> None:
        """
        To stop bounces waiting stanzas at once, those in flight after some seconds,
        and logs nothing.
        """
        for sender in ("ann@example.com", "bob@example.com"):
            for body in ("one", "two"):
                self.inbox.receive(message(body, sender))
            self.inbox.receive(iq(sender=sender))
        with capturedLogs() as logs:
            stopping = self.inbox.stopService()
            self.assertEqual(4, len(self.stream.sent))
            self.assertNoResult(stopping)
            self.clock.advance(STOP_TIMEOUT)
        self.successResultOf(stopping)
        self.assertEqual([], said(logs))
        self.assertEqual(2, len(self.callback.posts))
        self.assertEqual(2, len(self.callback.cancelled))
        self.assertEqual(6, len(self.stream.sent))
        self.assertEqual([], self.clock.getDelayedCalls())
        for answer in self.stream.sent:
            self.assertIn("<recipient-unavailable ", toXML(answer))
        self.assertEqual(0, self.inbox.transientCount)

    def test_inFlight(self) -> None:
        """
        To stop waits for requests in flight, whose replies are sent.
        """
        self.inbox.receive(message("one"))
        stopping = self.inbox.stopService()
        self.clock.advance(STOP_TIMEOUT - 0.1)
        self.assertNoResult(stopping)
        self.callback.posts[0].said.callback(CallbackResponse(200, TEXT, b"hello"))
        self.successResultOf(stopping)
        self.assertEqual("hello", str(elements(self.sent())[0]))
        self.assertEqual([], self.callback.cancelled)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_replying(self) -> None:
        """
        A stanza whose reply is not yet accepted is not bounced; those waiting behind it
        are.
        """
        held: Deferred[None] = Deferred()

        async def reply(stanza: Element) -> None:
            await held

        everything = StanzaFilter(KINDS, EVENTS)
        inbox = InboxRouter(
            self.stream.send,
            lambda iq: None,
            [Subscription(self.callback, everything)],
            InboxOptions(self.clock, live()),
            reply=reply,
        )
        inbox.startService()
        inbox.receive(message("one"))
        inbox.receive(message("two"))
        self.callback.posts[0].said.callback(CallbackResponse(200, TEXT, b"hello"))
        stopping = inbox.stopService()
        self.assertEqual(["two"], [answer["id"] for answer in self.stream.sent])
        self.assertEqual(["one"], self.posted())
        self.assertNoResult(stopping)
        held.callback(None)
        self.successResultOf(stopping)
        self.assertEqual(0, inbox.transientCount)

    def test_stopped(self) -> None:
        """
        Stanzas that arrive after that are bounced.
        """
        self.inbox.stopService()
        inbound = iq()
        self.inbox.receive(inbound)
        self.assertEqual([], self.callback.posts)
        self.assertError(inbound, "wait", "recipient-unavailable")

    def test_again(self) -> None:
        """
        An inbox can be started again.
        """
        self.inbox.stopService()
        self.inbox.startService()
        self.inbox.receive(message("one"))
        self.assertEqual(["one"], self.posted())


_BODIES = st.one_of(
    st.just(b""),
    st.binary(max_size=50),
    st.sampled_from(
        [
            b"<iq/>",
            b"<iq type='result' id='other' to='x@y' from='z@y'/>",
            b"<iq type='error'><error/></iq>",
            b"<iq type='error'/>",
            b"<iq type='get'><a xmlns='u'/></iq>",
            b"<iq><a xmlns='u'/><b xmlns='u'/></iq>",
            b"<message><body>hi</body></message>",
            b"<presence/>",
            b"<iq xmlns='jabber:server'/>",
            b"<a/>",
            b"<iq>\x00</iq>",
            b"<!DOCTYPE iq><iq/>",
            b"<iq>" + b"<a>" * 100,
        ]
    ),
)

_TYPES = st.sampled_from(
    [
        None,
        "",
        XML,
        f"{XML}; charset=utf-8",
        f"{XML}; charset=latin-1",
        TEXT,
        "text/html",
        "application/json",
        "application/cbor",
        "nonsense",
    ]
)

_ANSWERS = st.one_of(
    st.builds(CallbackResponse, st.integers(200, 999), _TYPES, _BODIES),
    st.builds(DeliveryError, st.text(max_size=10)),
    st.just(ZeroDivisionError()),
)


class EveryIqTests(SynchronousTestCase):
    """
    Every iq get or set is answered exactly once, whatever the callback does.
    """

    @settings(deadline=None)
    @given(
        answer=_ANSWERS,
        type=st.sampled_from(["get", "set"]),
        payload=st.sampled_from(
            [
                "",
                "<ping xmlns='urn:xmpp:ping'/>",
                "<query xmlns='jabber:iq:version'/>",
                "<query xmlns='http://jabber.org/protocol/disco#info' node='n'/>",
                "<a xmlns='urn:x'/>",
                "<a xmlns='urn:x'/><b xmlns='urn:x'/>",
            ]
        ),
        selected=st.booleans(),
    )
    def test_answeredOnce(
        self,
        answer: CallbackResponse | Exception,
        type: str,
        payload: str,
        selected: bool,
    ) -> None:
        """
        One result or error goes to the sender, from the addressee, under the id.
        """
        stream, callback = HeldStream(), HeldCallback()
        builtin = BuiltinResponder(lambda: "bot", Clock())
        selection = StanzaFilter(KINDS if selected else frozenset(), EVENTS)
        inbox = InboxRouter(
            stream.send,
            builtin.answer,
            [Subscription(callback, selection)],
            InboxOptions(Clock(), live()),
        )
        inbox.startService()
        with capturedLogs():
            inbox.receive(
                stanza(
                    f"<iq type='{type}' from='{ANN}' to='{BOT}' id='q'>{payload}</iq>"
                )
            )
            for post in callback.posts:
                if isinstance(answer, CallbackResponse):
                    post.said.callback(answer)
                else:
                    post.said.errback(answer)
        self.flushLoggedErrors(ZeroDivisionError)
        (reply,) = stream.sent
        self.assertEqual("iq", reply.name)
        self.assertIn(reply["type"], ("result", "error"))
        self.assertEqual(("q", ANN, BOT), (reply["id"], reply["to"], reply["from"]))
        if reply["type"] == "error":
            self.assertIn("error", [child.name for child in elements(reply)])
        else:
            self.assertLessEqual(len(elements(reply)), 1)
        self.assertEqual(0, inbox.transientCount)
