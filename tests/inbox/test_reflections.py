"""Tests of L{xmpprest.inbox.reflections}, and of what the inbox does with them."""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from tests.support.delivery import BOT, KeepingWorld
from tests.support.doubles import stanza
from xmpprest.core.media.formats import TEXT
from xmpprest.core.policy.callback_response import CallbackResponse
from xmpprest.core.records import DELIVERED, StoreUnavailable
from xmpprest.inbox import reflections
from xmpprest.inbox.reflections import ReflectionFilter, SentMessage

ROOM = "room@muc.example"


def reflection(
    id: str = "m1", nick: str = "bot", to: str = BOT, children: str = ""
) -> Element:
    """A groupchat message of an occupant."""
    return stanza(
        f"<message type='groupchat' from='{ROOM}/{nick}' to='{to}' id='{id}'>"
        f"<body>hi</body>{children}</message>"
    )


def sent(id: str = "m1", type: str = "groupchat", sender: str = BOT) -> str:
    """The XML of a message that the gateway writes to the stream."""
    return f"<message type='{type}' to='{ROOM}' from='{sender}' id='{id}'/>"


def joining() -> str:
    """The XML of presence with which the gateway enters the room."""
    muc = "http://jabber.org/protocol/muc"
    return f"<presence from='{BOT}' to='{ROOM}/bot'><x xmlns='{muc}'/></presence>"


def joined(
    nick: str = "bot", code: int = 110, children: str = "", type: str = ""
) -> Element:
    """The presence of an occupant."""
    attribute = f" type='{type}'" if type else ""
    return stanza(
        f"<presence from='{ROOM}/{nick}' to='{BOT}'{attribute}>{children}"
        "<x xmlns='http://jabber.org/protocol/muc#user'>"
        f"<status code='{code}'/></x></presence>"
    )


def occupant(id: str) -> str:
    """The element with an occupant's id."""
    return f"<occupant-id xmlns='urn:xmpp:occupant-id:0' id='{id}'/>"


class FilterTests(SynchronousTestCase):
    """
    Tests of L{ReflectionFilter}.
    """

    def setUp(self) -> None:
        """Send a message to a room in which the bot has the nick "bot"."""
        self.filter = ReflectionFilter()
        self.filter.sent(joining())
        self.filter.received(joined())
        self.filter.sent(sent())

    def test_reflection(self) -> None:
        """
        A message with the id, to the sender, from its occupant is a reflection.
        """
        self.assertTrue(self.filter.isKnown(reflection()))

    def test_others(self) -> None:
        """
        A message with another id, to another address or of another occupant is none,
        and neither is one whose original was not sent to the room as groupchat.
        """
        self.filter.sent(sent("m2", type="chat"))
        self.filter.sent(sent("m3", sender="other@gateway.example"))
        for other in (
            reflection("m4"),
            reflection("m2"),
            reflection("m3"),
            reflection(to="other@gateway.example"),
            reflection(nick="imitator"),
            stanza(f"<message from='{ROOM}/bot' to='{BOT}' id='m1' type='chat'/>"),
            stanza(f"<presence from='{ROOM}/bot' to='{BOT}' id='m1'/>"),
        ):
            self.assertFalse(self.filter.isKnown(other), other.toXml())

    def test_occupantID(self) -> None:
        """
        An occupant's id tells it from others, whatever their nick.
        """
        self.filter.received(joined(children=occupant("o1")))
        self.assertTrue(self.filter.isKnown(reflection(children=occupant("o1"))))
        renamed = reflection(nick="old", children=occupant("o1"))
        self.assertTrue(self.filter.isKnown(renamed))
        self.assertFalse(self.filter.isKnown(reflection(children=occupant("o2"))))

    def test_rename(self) -> None:
        """
        After a change of nick the new one counts; presence of others changes nothing.
        """
        self.filter.received(joined("bot2"))
        self.filter.received(joined("ann", code=100))
        self.assertFalse(self.filter.isKnown(reflection()))
        self.assertTrue(self.filter.isKnown(reflection(nick="bot2")))

    def test_unknownOccupant(self) -> None:
        """
        If the own occupant is not known, the first message with the id tells it.
        """
        self.filter.received(joined(type="unavailable"))
        self.assertTrue(self.filter.isKnown(reflection(nick="first")))
        self.assertFalse(self.filter.isKnown(reflection(nick="second")))
        self.assertTrue(self.filter.isKnown(reflection(nick="first")))

    def test_strangers(self) -> None:
        """
        Only rooms that the gateway has asked to enter tell which occupant is its own:
        presence of strangers neither takes their place nor is remembered.
        """
        self.patch(reflections, "MAX_REMEMBERED", 2)
        for number in range(5):
            self.filter.received(
                stanza(
                    f"<presence from='mallory@example.org/{number}' to='x{number}@"
                    "gateway.example'><x xmlns='http://jabber.org/protocol/muc#user'>"
                    "<status code='110'/></x></presence>"
                )
            )
        self.assertEqual(1, len(self.filter._occupants))
        self.assertFalse(self.filter.isKnown(reflection(nick="mallory")))
        self.assertTrue(self.filter.isKnown(reflection()))

    def test_memory(self) -> None:
        """
        Only so many messages are remembered, the newest.
        """
        self.patch(reflections, "MAX_REMEMBERED", 2)
        for number in range(2, 5):
            self.filter.sent(sent(f"m{number}"))
        known = [self.filter.isKnown(reflection(f"m{n}")) for n in range(1, 5)]
        self.assertEqual([False, False, True, True], known)

    def ask(self, stanza: Element) -> bool:
        """Ask the filter, which may ask the store."""
        asking = Deferred.fromCoroutine(self.filter.isReflection(stanza))
        return self.successResultOf(asking)

    def test_store(self) -> None:
        """
        The store knows messages that an earlier process has sent; it is not asked about
        messages of other occupants.
        """
        asked: list[SentMessage] = []

        def wasSent(message: SentMessage) -> Deferred[bool]:
            asked.append(message)
            return succeed(message.id == "old")

        self.filter = ReflectionFilter(wasSent)
        self.filter.received(joined())
        self.assertTrue(self.ask(reflection("old")))
        self.assertFalse(self.ask(reflection("other")))
        self.assertFalse(self.ask(reflection("old", nick="ann")))
        self.assertEqual(
            [SentMessage("old", ROOM, BOT), SentMessage("other", ROOM, BOT)], asked
        )

    def test_unavailable(self) -> None:
        """
        While the store is unavailable, a message is delivered.
        """
        self.filter = ReflectionFilter(lambda _: fail(StoreUnavailable("full")))
        self.assertFalse(self.ask(reflection()))


class InboxTests(SynchronousTestCase):
    """
    Tests of an inbox that receives reflections.
    """

    def setUp(self) -> None:
        """Send a message to a room."""
        self.world = KeepingWorld()
        self.world.reflections.sent(sent())

    def test_unwanted(self) -> None:
        """
        A reflection is neither POSTed nor stored.
        """
        self.world.inbox.receive(reflection())
        self.world.inbox.receive(reflection("other", nick="ann"))
        self.assertEqual(["other"], self.world.posted())
        self.assertEqual(1, self.world.inbox.storedCount)

    def test_wanted(self) -> None:
        """
        A callback that wants reflections gets them marked; its reply is ignored.
        """
        self.world.stop()
        self.world.wantsReflections = True
        self.world.begin()
        self.world.inbox.receive(reflection())
        self.world.inbox.receive(reflection("other", nick="ann"))
        reply = CallbackResponse(200, TEXT, b"hello")
        self.world.answer(reply)
        self.world.answer(reply)
        marks = [post.isReflection for post in self.world.callback.posts]
        self.assertEqual([True, False], marks)
        self.assertEqual(1, len(self.world.replied.sent))

    def test_stored(self) -> None:
        """
        A stored message that turns out to be a reflection is settled without a POST.
        """
        self.world.reflections = ReflectionFilter(lambda m: succeed(m.id == "old"))
        self.world.stop()
        self.world.begin()
        self.world.inbox.receive(reflection("old"))
        self.assertEqual([], self.world.posted())
        self.assertEqual(1, len(self.world.incoming(DELIVERED)))
        self.assertEqual(0, self.world.inbox.storedCount)


class LoopTests(SynchronousTestCase):
    """
    Tests of replies to a bot that answers each of them.
    """

    def test_loop(self) -> None:
        """
        A loop ends after 30 replies; receipts go on.
        """
        world = KeepingWorld()
        world.settings.value = replace(world.settings.value, replyLimit=30)
        request = "<request xmlns='urn:xmpp:receipts'/>"
        for number in range(35):
            world.message(str(number), children=request)
            world.answer(CallbackResponse(200, TEXT, b"hello"))
        bodies = [each.body for each in world.replied.sent if each.body is not None]
        self.assertEqual(30, len(bodies))
        self.assertEqual(35, len(world.replied.sent))
        self.assertEqual(5, world.inbox.droppedReplies)
        world.clock.advance(10)
        world.message("later")
        world.answer(CallbackResponse(200, TEXT, b"hello"))
        self.assertEqual(36, len(world.replied.sent))
        self.assertIsNotNone(world.replied.sent[-1].body)


class ComplaintTests(SynchronousTestCase):
    """
    Tests of faults in replies.
    """

    def test_key(self) -> None:
        """
        A reply that is not sent because of its form is reported with callback and key.
        """
        world = KeepingWorld()
        world.message("one")
        body = b'{"body": "x", "ok": true}'
        world.answer(CallbackResponse(200, "application/json", body))
        (complaint,) = world.complaints
        self.assertEqual(("default", "ok"), (complaint.callback, complaint.key))
        self.assertEqual(world.callback.posts[0].id, complaint.delivery)
        self.assertEqual("message", complaint.value(0)["kind"])
        self.assertEqual([], world.replied.sent)
