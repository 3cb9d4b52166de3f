"""Tests for L{xmpprest.inbox.router}: several callbacks side by side."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from tests.support.delivery import (
    ANN,
    BEGINNING,
    BOT,
    EVERYTHING,
    HeldCallback,
    HeldStore,
    HeldStream,
)
from tests.support.doubles import live, said, stanza
from xmpprest.core.policy.callback_response import CallbackResponse
from xmpprest.core.policy.retry import MIN_ATTEMPTS, RETRY_WINDOW
from xmpprest.core.records import DEAD, PENDING
from xmpprest.core.webhook.conversation_key import DEFAULT
from xmpprest.core.webhook.errors import DeliveryError
from xmpprest.inbox.filter import StanzaFilter
from xmpprest.inbox.inbox import STOP_TIMEOUT
from xmpprest.inbox.options import InboxOptions
from xmpprest.inbox.router import InboxRouter
from xmpprest.inbox.subscriber import Subscription

OK = CallbackResponse(200)
OUT = DeliveryError("it is out")
ORDERS = "orders@gateway.example"


def only(*to: str) -> StanzaFilter:
    """A selection of what is for some addresses."""
    return StanzaFilter(EVERYTHING.kinds, EVERYTHING.events, frozenset(to))


class InboxesTestCase(SynchronousTestCase):
    """
    A test that has callbacks by their names.
    """

    def setUp(self) -> None:
        """Have a store, and no callback."""
        self.clock = Clock()
        self.clock.rightNow = BEGINNING
        self.store = HeldStore()
        self.stream = HeldStream()
        self.callbacks: dict[str, HeldCallback] = {}

    def way(self, name: str, selection: StanzaFilter = EVERYTHING) -> Subscription:
        """The way to a callback, which is a new one."""
        self.callbacks[name] = HeldCallback()
        return Subscription(self.callbacks[name], selection, name=name)

    def begin(self, *subscribers: Subscription, isStored: bool = True) -> None:
        """A new process."""
        self.inboxes = InboxRouter(
            self.stream.send,
            lambda iq: None,
            subscribers,
            InboxOptions(
                self.clock,
                live(),
                self.store if isStored else None,
                self.clock.seconds,
                lambda: 0.5,
            ),
        )
        self.inboxes.startService()

    def end(self) -> None:
        """The end of a process."""
        stopping = self.inboxes.stopService()
        self.clock.advance(STOP_TIMEOUT)
        self.successResultOf(stopping)

    def message(self, id: str, to: str = BOT, sender: str = ANN) -> None:
        """A message comes in."""
        self.inboxes.receive(
            stanza(f"<message from='{sender}' to='{to}' id='{id}' type='chat'/>")
        )

    def posted(self, name: str) -> list[str]:
        """The ids of what was posted to a callback."""
        return [post.stanza["id"] for post in self.callbacks[name].posts]

    def answer(
        self, name: str, said: CallbackResponse | Exception, number: int = -1
    ) -> None:
        """A callback answers one of its posts."""
        waiting = self.callbacks[name].posts[number].said
        if isinstance(said, CallbackResponse):
            waiting.callback(said)
        else:
            waiting.errback(said)

    def pending(self) -> int:
        """How many stanzas there are in the store that wait."""
        waiting = self.store.store.listIncoming(PENDING, None, 1000)
        return len(self.successResultOf(waiting))


class ChoiceTests(InboxesTestCase):
    """
    Tests of who gets a stanza.
    """

    def test_first(self) -> None:
        """
        The first callback that wants a stanza gets it, and no other.
        """
        self.begin(self.way("orders", only(ORDERS)), self.way("rest"))
        self.message("one", ORDERS)
        self.message("two")
        self.assertEqual(["one"], self.posted("orders"))
        self.assertEqual(["two"], self.posted("rest"))

    def test_none(self) -> None:
        """
        A stanza that no callback receives is refused, as if there were no callback.
        """
        self.begin(self.way("orders", only(ORDERS)))
        self.message("one")
        self.assertEqual([], self.posted("orders"))
        self.assertEqual("error", self.stream.sent[0]["type"])
        self.assertEqual(0, self.pending())

    def test_kinds(self) -> None:
        """Stanzas that are not stored go to the same callback."""
        iqs = StanzaFilter(frozenset({"iq"}), EVERYTHING.events)
        self.begin(self.way("queries", iqs), self.way("rest"))
        self.inboxes.receive(
            stanza(f"<iq type='get' from='{ANN}' to='{BOT}' id='one'/>")
        )
        self.message("two")
        self.assertEqual(["one"], self.posted("queries"))
        self.assertEqual(["two"], self.posted("rest"))
        self.assertEqual(1, self.inboxes.transientCount)
        self.assertEqual(1, self.inboxes.storedCount)


class ApartTests(InboxesTestCase):
    """
    Tests of what one callback has to do with another: nothing.
    """

    def setUp(self) -> None:
        """Have two, one for orders and one for all else."""
        super().setUp()
        self.begin(self.way("orders", only(ORDERS)), self.way("rest"))

    def test_dead(self) -> None:
        """
        A callback that is out does not delay another, be it at the same conversation
        partner's.
        """
        for number in range(100):
            self.message(f"{number}", ORDERS, f"user{number}@example.com")
        while any(not post.said.called for post in self.callbacks["orders"].posts):
            for post in list(self.callbacks["orders"].posts):
                if not post.said.called:
                    post.said.errback(OUT)
        self.message("a", ORDERS)
        self.message("b")
        self.assertEqual(["b"], self.posted("rest"))
        self.answer("rest", OK)
        self.assertEqual(101, self.pending())

    def test_paused(self) -> None:
        """
        One that is paused is so alone; the log says which.
        """
        self.message("a", ORDERS)
        with capturedLogs() as logs:
            self.answer("orders", CallbackResponse(410))
        self.assertIn("The callback orders is paused", " ".join(said(logs)))
        self.assertTrue(self.inboxes.isPaused)
        self.message("b", ORDERS, "bob@example.com")
        self.message("c")
        self.assertEqual(["a"], self.posted("orders"))
        self.assertEqual(["c"], self.posted("rest"))

    def test_restart(self) -> None:
        """
        Each finds after a restart what waits for it.
        """
        self.message("a", ORDERS)
        self.message("b")
        self.end()
        self.begin(self.way("orders", only(ORDERS)), self.way("rest"))
        self.assertEqual(["a"], self.posted("orders"))
        self.assertEqual(["b"], self.posted("rest"))
        self.assertEqual(2, self.inboxes.storedCount)

    def test_manyConversations(self) -> None:
        """
        None of many conversations is overlooked, wherever its name stands among those
        of
        others.
        """
        self.end()
        names = ("a", "a-b", "aa", DEFAULT, "z")
        self.begin(*(self.way(name, only(f"{name}@x")) for name in names))
        for name in names:
            for number in range(50):
                self.message(f"{number}", f"{name}@x", f"user{number}@example.com")
        self.end()
        self.begin(*(self.way(name, only(f"{name}@x")) for name in names))
        for name in names:
            while self.callbacks[name].posts[-1].said.called is False:
                for post in list(self.callbacks[name].posts):
                    if not post.said.called:
                        post.said.callback(OK)
            self.assertEqual(50, len(self.posted(name)), name)
        self.assertEqual(0, self.pending())

    def test_redeliver(self) -> None:
        """A redelivered stanza goes to its own callback."""
        for name, to in (("orders", ORDERS), ("rest", BOT)):
            self.message("one", to)
            for _ in range(MIN_ATTEMPTS - 1):
                self.answer(name, OUT)
                self.clock.advance(60)
            self.clock.advance(RETRY_WINDOW)
            # It is well, so that it is not paused.
            self.message("other", to, "bob@example.com")
            self.answer(name, OK)
            self.answer(name, OUT, -2)
        self.assertEqual(0, self.pending())
        again = Deferred.fromCoroutine(self.inboxes.redeliver(None, 0, 1e12))
        self.assertEqual(2, len(self.successResultOf(again)))
        for name in ("orders", "rest"):
            self.answer(name, OK)
            self.assertEqual(["one", "other", "one"], self.posted(name)[-3:])
        self.assertEqual(0, self.inboxes.storedCount)


class AdoptionTests(InboxesTestCase):
    """
    Tests of what waits for a callback that is no longer there.
    """

    def test_restart(self) -> None:
        """
        After a restart it goes to the first that wants it, in its order, and before
        what comes then; the log says so.
        """
        self.begin(self.way("old"))
        for id in ("one", "two"):
            self.message(id)
        self.end()
        self.store.isHeld = True
        with capturedLogs() as logs:
            self.begin(self.way("orders", only(ORDERS)), self.way("new"))
            self.message("three")
            self.store.release()
        self.assertIn("The callback old was removed: 2 of", " ".join(said(logs)))
        for _ in range(3):
            self.answer("new", OK)
        self.assertEqual(["one", "two", "three"], self.posted("new"))
        self.assertEqual(0, self.pending())
        self.assertEqual(0, self.inboxes.storedCount)

    def test_earlierVersion(self) -> None:
        """
        Stanzas stored by a version that knew only one callback are the default's; if no
        callback has that name, the first one's that receives them.
        """
        key = f"ann@example.com\x01{BOT}"
        xml = f"<message xmlns='jabber:client' from='{ANN}' to='{BOT}' id='%s'/>"
        self.store.addIncoming("msg_1", key, xml % "one", 1.0)
        self.begin(self.way(DEFAULT))
        self.assertEqual(["one"], self.posted(DEFAULT))
        self.end()
        self.begin(self.way("orders", only(ORDERS)), self.way("new"))
        self.assertEqual(["one"], self.posted("new"))

    def test_unwanted(self) -> None:
        """
        A stanza that no other callback receives stays, as the log says, and a callback
        that
        receives it later gets it.
        """
        self.begin(self.way("old"))
        self.message("one")
        self.end()
        with capturedLogs() as logs:
            self.begin(self.way("orders", only(ORDERS)))
        self.assertIn("no other callback receives 1 of", " ".join(said(logs)))
        self.assertEqual([], self.posted("orders"))
        self.assertEqual(1, self.pending())
        self.inboxes.setSubscriptions([self.way("new")])
        self.assertEqual(["one"], self.posted("new"))

    def test_unreadable(self) -> None:
        """A malformed stanza goes to the first callback, and its record says so."""
        self.store.addIncoming("msg_1", "\x01old\x01a\x01b", "<message", 1.0)
        self.begin(self.way("new"))
        found = self.successResultOf(self.store.store.incomingByID("msg_1"))
        assert found is not None
        self.assertEqual(DEAD, found[0].state)
        self.assertIn("cannot be parsed", str(found[1][0].error))

    def test_storeOut(self) -> None:
        """
        If the store cannot tell at first, it is asked again.
        """
        self.begin(self.way("old"))
        self.message("one")
        self.end()
        for name in ("conversations", "pending", "reassign"):
            self.store.failing = {name}
            self.begin(self.way("new"))
            self.assertEqual([], self.posted("new"))
            self.end()
        self.begin(self.way("new"))
        self.store.failing = set()
        self.clock.advance(1)
        self.assertEqual(["one"], self.posted("new"))
        self.end()
        self.assertEqual([], self.clock.getDelayedCalls())


class ChangeTests(InboxesTestCase):
    """
    Tests of other callbacks while it runs.
    """

    def test_changed(self) -> None:
        """
        A request under way stays where it is; new stanzas and retries go to the new
        URL.
        """
        self.begin(self.way("a"))
        before = self.callbacks["a"]
        self.message("one")
        self.message("two")
        self.inboxes.setSubscriptions([self.way("a")])
        self.assertEqual([], before.cancelled)
        before.posts[0].said.errback(OUT)
        self.clock.advance(2)
        self.assertEqual(["one"], self.posted("a"))
        self.answer("a", OK)
        self.assertEqual(["one", "two"], self.posted("a"))
        self.assertEqual(1, len(before.posts))

    def test_connections(self) -> None:
        """
        More may be asked about at once, or fewer, from then on.
        """
        self.begin(Subscription(HeldCallback(), EVERYTHING, 1, "a"))
        for number in range(5):
            self.message(f"{number}", sender=f"user{number}@example.com")
        way = self.way("a")
        changed = Subscription(way.subscriber, EVERYTHING, 3, "a")
        self.inboxes.setSubscriptions([changed])
        self.assertEqual(2, len(self.posted("a")))

    def test_connectionsStay(self) -> None:
        """
        Where as many may be asked about as before, those that are under way count.
        """
        self.begin(Subscription(HeldCallback(), EVERYTHING, 1, "a"))
        for number in range(3):
            query = (
                f"<iq type='get' id='{number}' from='u{number}@example.com' to='{BOT}'>"
                "<query xmlns='urn:example:unknown'/></iq>"
            )
            self.inboxes.receive(stanza(query))
        way = self.way("a")
        changed = Subscription(way.subscriber, EVERYTHING, 1, "a")
        self.inboxes.setSubscriptions([changed])
        self.inboxes.receive(stanza(query.replace("u2", "u3")))
        self.assertEqual([], self.posted("a"))

    def test_added(self) -> None:
        """
        One that is new gets what it wants from then on, in its place.
        """
        self.begin(self.way("rest"))
        self.message("one", ORDERS)
        rest = Subscription(self.callbacks["rest"], EVERYTHING, name="rest")
        self.inboxes.setSubscriptions([self.way("orders", only(ORDERS)), rest])
        self.message("two", ORDERS)
        self.assertEqual(["one"], self.posted("rest"))
        self.assertEqual(["two"], self.posted("orders"))

    def test_removed(self) -> None:
        """
        Requests of a removed callback end there; its waiting stanzas go to the first
        callback
        that receives them.
        """
        self.begin(self.way("old"))
        for id in ("one", "two"):
            self.message(id)
        self.inboxes.setSubscriptions([self.way("new")])
        self.assertEqual([], self.posted("new"))
        self.assertEqual(2, self.inboxes.storedCount)
        self.answer("old", OK)
        self.assertEqual(["one"], self.posted("old"))
        self.assertEqual(["two"], self.posted("new"))
        self.answer("new", OK)
        self.assertEqual(0, self.pending())
        self.assertEqual(0, self.inboxes.storedCount)

    def test_removedCounted(self) -> None:
        """
        While what is not kept has not come to its end there, what is kept counts for
        the other alone.
        """
        self.begin(self.way("old"))
        iq = f"<iq type='get' id='q' from='bob@example.com/r' to='{BOT}'><a/></iq>"
        self.inboxes.receive(stanza(iq))
        self.message("one")
        self.message("two")
        self.inboxes.setSubscriptions([self.way("new")])
        self.answer("old", OK)
        self.assertEqual(["two"], self.posted("new"))
        self.assertEqual(1, self.inboxes.transientCount)
        self.assertEqual(1, self.inboxes.storedCount)

    def test_removedFailing(self) -> None:
        """
        If what was under way there gets no answer, it is for the other, too.
        """
        self.begin(self.way("old"))
        self.message("one")
        self.inboxes.setSubscriptions([self.way("new")])
        self.answer("old", OUT)
        self.clock.advance(2)
        self.assertEqual(["one"], self.posted("new"))

    def test_removedVolatile(self) -> None:
        """
        Stanzas that are not stored end at the removed callback, and then nothing is
        left of
        it.
        """
        self.begin(self.way("old"), isStored=False)
        for id in ("one", "two"):
            self.message(id)
        self.inboxes.setSubscriptions([])
        self.answer("old", OK)
        self.answer("old", OK)
        self.assertEqual(["one", "two"], self.posted("old"))
        self.assertEqual({}, self.inboxes._leaving)
        self.assertEqual([], self.stream.sent)
        self.message("three")
        self.assertEqual("error", self.stream.sent[0]["type"])

    def test_back(self) -> None:
        """
        One that is back before what was under way is at its end begins after that.
        """
        self.begin(self.way("a"))
        self.message("one")
        self.message("two")
        old = self.callbacks["a"]
        self.inboxes.setSubscriptions([self.way("b", only(ORDERS))])
        self.inboxes.setSubscriptions([self.way("a")])
        self.message("three")
        self.assertEqual([], self.posted("a"))
        old.posts[0].said.callback(OK)
        for _ in range(2):
            self.answer("a", OK)
        self.assertEqual(["two", "three"], self.posted("a"))
        self.assertEqual(1, len(old.posts))
        self.assertEqual(0, self.pending())

    def test_stop(self) -> None:
        """
        If the gateway ends meanwhile, all that was under way is given up.
        """
        self.begin(self.way("a"))
        self.message("one")
        old = self.callbacks["a"]
        self.inboxes.setSubscriptions([self.way("b", only(ORDERS))])
        self.inboxes.setSubscriptions([self.way("a")])
        self.end()
        self.assertEqual(1, len(old.cancelled))
        self.assertEqual(1, self.pending())
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_beforeStart(self) -> None:
        """
        Callbacks may be changed before anything has begun.
        """
        inboxes = InboxRouter(
            self.stream.send,
            lambda iq: None,
            [self.way("a")],
            InboxOptions(self.clock, live()),
        )
        inboxes.setSubscriptions([self.way("b")])
        self.inboxes = inboxes
        inboxes.startService()
        self.message("one")
        self.assertEqual(["one"], self.posted("b"))
        self.answer("b", OK)
        self.end()
