"""Tests of L{xmpprest.rooms.service}, against a room service in memory."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from xmpprest.core.codec.meta import metaToJSON
from xmpprest.core.errors import Refusal
from xmpprest.core.rooms.membership import Membership
from xmpprest.core.rooms.requests import RoomRequest
from xmpprest.core.rooms.values import (
    RoomGate,
    RoomRecord,
    RoomSettings,
    SeenMessage,
)
from xmpprest.core.stanza import jid
from xmpprest.core.stanza.build import META, firstChild
from xmpprest.core.stanza.serializer import toXML
from xmpprest.rooms.registry import SLICE
from xmpprest.store.memory import MemoryStore

from ..support.doubles import DOMAIN, stanza
from ..support.room_service import (
    HeldQueue,
    ScriptedRoom,
    ScriptedRooms,
    fault,
    makeService,
)

ROOM = "room@rooms.example.org"
BOT = jid.JID("bot", DOMAIN, "")
OCCUPANT = f"bot@{DOMAIN}/xmpprest"
#: The time at which a test begins, in seconds since 1970.
START = 1_800_000_000.0


class RoomTestCase(SynchronousTestCase):
    """
    A test with a room, and a gateway whose stream is up.

    @cvar accepted: Patterns of the addresses whose invitations are accepted.
    @ivar forwarded: The stanzas for the callbacks.
    """

    hasArchive = False
    accepted: tuple[str, ...] = ()

    def setUp(self) -> None:
        self.clock = Clock()
        self.server = ScriptedRooms(self.clock, self.now)
        self.room = ScriptedRoom(hasArchive=self.hasArchive)
        self.server.rooms[ROOM] = self.room
        self.store = MemoryStore()
        self.store.open()
        self.forwarded: list[Element] = []
        self.queue = HeldQueue()
        self.begin()
        self.connect()

    def now(self) -> float:
        """Seconds since 1970."""
        return START + self.clock.seconds()

    def begin(self) -> None:
        """Start a gateway with the store."""
        self.service = makeService(
            self.server,
            self.store,
            self.forwarded.append,
            self.queue,
            self.clock,
            now=self.now,
            accepted=self.accepted,
        )
        self.server.deliver = self._deliver
        self.service.startService()

    def _deliver(self, stanza: Element) -> None:
        left = self.service.intercept(stanza)
        if left is not None:
            self.forwarded.append(left)

    def connect(self) -> None:
        """Let the stream be up."""
        self.server.ready = True
        self.service.connected()

    def lose(self) -> None:
        """Lose the stream."""
        self.service.disconnected()
        self.server.lose()

    def kill(self) -> None:
        """Let the gateway die, and another one begin with the store."""
        self.server.lose()
        for call in [*self.clock.getDelayedCalls()]:
            call.cancel()
        self.begin()

    def put(self, **settings: Any) -> Deferred[Membership]:
        """Let the bot be in the room."""
        request = RoomRequest(ROOM, BOT, RoomSettings(**settings))
        return Deferred.fromCoroutine(self.service.put(request))

    def join(self, **settings: Any) -> Membership:
        """Let the bot be in the room, and check that it is."""
        return self.successResultOf(self.put(**settings))

    def refusal(self, **settings: Any) -> int:
        """Return the status with which the bot is not let in."""
        reason = self.failureResultOf(self.put(**settings), Refusal)
        return int(reason.value.problem.status)

    @property
    def membership(self) -> Membership:
        """The only membership."""
        (membership,) = self.service.memberships
        return membership

    def take(self) -> list[str]:
        """Return the bodies, subjects and events for the callbacks so far."""
        taken, self.forwarded[:] = [*self.forwarded], []
        return [_show(each) for each in taken if each.name != "presence"]

    def entered(self) -> int:
        """Return how often the bot has asked to enter."""
        return sum("/muc'><history" in each for each in self.server.sent)


def _show(stanza: Element) -> str:
    if stanza.name == META:
        return str(metaToJSON(stanza)["event"])
    for name in ("body", "subject"):
        found = firstChild(stanza, "jabber:client", name)
        if found is not None:
            return str(found)
    return str(stanza.name)


class JoinTests(RoomTestCase):
    """
    Requests to be in a room.
    """

    def test_joined(self) -> None:
        """A bot enters by its bare address, and its local part is the nick."""
        membership = self.join()
        self.assertEqual(self.room.occupants, {"bot": OCCUPANT})
        self.assertEqual((membership.state, membership.nick), ("joined", "bot"))
        self.assertEqual(self.take(), ["joined"])

    def test_refusals(self) -> None:
        """Each error of the room leads to its status, and nothing is stored."""
        for error, status in (
            (fault("not-authorized", "auth"), 403),
            (fault("forbidden", "auth"), 403),
            (fault("registration-required", "auth"), 403),
            (fault("conflict"), 409),
            (fault("conflict", ""), 409),
            (fault("service-unavailable", "wait"), 503),
            (fault("resource-constraint", "wait"), 503),
            (fault("item-not-found"), 404),
            (fault("not-allowed"), 403),
            (fault("not-acceptable"), 409),
            (fault("jid-malformed", "modify"), 422),
            (fault("policy-violation", "modify"), 422),
            (fault("internal-server-error", "wait"), 503),
            ("", 403),
        ):
            self.room.refusal = error
            self.assertEqual(self.refusal(), status, error)
            self.assertEqual([*self.service.memberships], [])
        self.assertEqual(self.successResultOf(self.store.rooms()), [])
        self.assertEqual(self.take(), [])

    def test_missing(self) -> None:
        """A missing room is not created, unless the client says so."""
        del self.server.rooms[ROOM]
        self.assertEqual(self.refusal(), 404)
        self.assertEqual(self.entered(), 0)
        membership = self.join(create=True)
        self.assertEqual(membership.state, "joined")
        self.assertFalse(self.server.rooms[ROOM].isLocked)

    def test_createdByMistake(self) -> None:
        """A room that was created although disco knew it is left again."""
        self.room.statuses = (201,)
        self.assertEqual(self.refusal(), 404)
        self.assertEqual(self.room.occupants, {})

    def test_timeout(self) -> None:
        """A room that does not answer gives 504, and the gateway keeps trying."""
        self.room.isSilent = True
        putting = self.put()
        self.clock.pump([1.0] * 31)
        reason = self.failureResultOf(putting, Refusal)
        self.assertEqual(reason.value.problem.status, 504)
        self.assertEqual(len(self.successResultOf(self.store.rooms())), 1)
        self.room.isSilent = False
        self.clock.pump([1.0] * 60)
        self.assertEqual(self.membership.state, "joined")

    def test_slow(self) -> None:
        """A room that answers after the attempt was given up has the bot in it."""
        self.server.delay = 14.0
        self.put().addErrback(lambda _: None)
        self.clock.pump([1.0] * 200)
        self.assertEqual(self.membership.state, "joined")

    def test_offline(self) -> None:
        """Without a stream a request is refused by 503, and nothing is stored."""
        self.lose()
        self.assertEqual(self.refusal(), 503)
        self.assertEqual([*self.service.memberships], [])

    def test_otherDomain(self) -> None:
        """
        A stored bot of another domain, from before the setting was changed, joins
        nothing: the server would close the stream.
        """
        self.kill()
        foreign = RoomRecord(ROOM, "bot@old.example", "bot@old.example/x", "bot")
        self.successResultOf(self.store.saveRoom(foreign))
        with capturedLogs() as logged:
            self.begin()
            self.connect()
        levels = [each["log_level"] for each in logged]
        self.assertEqual(levels, [LogLevel.warn])
        self.assertEqual(self.server.sent, [])
        self.assertEqual([*self.service.memberships], [])

    def test_otherNick(self) -> None:
        """A room may give the bot another nick than it asked for."""
        self.room.assigned = "guest7"
        self.assertEqual(self.join().nick, "guest7")

    def test_newNick(self) -> None:
        """A second request changes the nick; a refused one changes nothing."""
        self.join()
        self.room.occupants["taken"] = "other@example.org/x"
        self.assertEqual(self.join(nick="Robot").nick, "Robot")
        self.assertEqual(self.room.occupants["Robot"], OCCUPANT)
        self.assertEqual(self.refusal(nick="taken"), 409)
        self.assertEqual(self.membership.nick, "Robot")
        self.assertEqual(self.membership.record.nick, "Robot")
        (record,) = self.successResultOf(self.store.rooms())
        self.assertEqual(record.nick, "Robot")

    def test_left(self) -> None:
        """A deleted membership is over: the bot leaves, and nothing stays stored."""
        membership = self.join()
        self.successResultOf(Deferred.fromCoroutine(self.service.delete(membership)))
        self.assertEqual(self.room.occupants, {})
        self.assertEqual(self.successResultOf(self.store.rooms()), [])
        self.clock.advance(30)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopped(self) -> None:
        """
        A gateway that stops leaves many rooms in several turns of the reactor.
        """
        for number in range(SLICE + 1):
            address = f"room{number}@rooms.example.org"
            self.server.rooms[address] = ScriptedRoom()
            request = RoomRequest(address, BOT, RoomSettings())
            self.successResultOf(Deferred.fromCoroutine(self.service.put(request)))
        rooms = [*self.server.rooms.values()]
        stopping = self.service.stopService()
        self.assertNoResult(stopping)
        self.assertEqual(sum(bool(each.occupants) for each in rooms), 1)
        self.clock.advance(0)
        self.successResultOf(stopping)
        self.assertFalse(any(each.occupants for each in rooms))

    def test_stanzasWhileStopping(self) -> None:
        """
        While a gateway leaves its rooms, their answers and a new stream start nothing;
        callbacks still get private messages, and rooms no invitation.
        """
        self.accepted = ("boss@example.org",)
        self.begin()
        self.connect()
        self.join()
        for number in range(SLICE):
            address = f"room{number}@rooms.example.org"
            self.server.rooms[address] = ScriptedRoom()
            request = RoomRequest(address, BOT, RoomSettings())
            self.successResultOf(Deferred.fromCoroutine(self.service.put(request)))
        self.server.delay = 0.5
        stopping = self.service.stopService()
        self.assertNoResult(stopping)
        self.forwarded.clear()
        sent = len(self.server.sent)
        self.server.remove(ROOM, "bot")
        for kind, body in (("groupchat", "to all"), ("chat", "to the bot")):
            self.server.deliver(
                stanza(
                    f"<message from='{ROOM}/ann' to='{OCCUPANT}' type='{kind}'>"
                    f"<body>{body}</body></message>"
                )
            )
        invitation = "<x xmlns='jabber:x:conference' jid='new@rooms.example.org'/>"
        self.server.deliver(
            stanza(
                f"<message from='boss@example.org/x' to='{BOT}'>{invitation}</message>"
            )
        )
        self.service.disconnected()
        self.service.connected()
        self.assertEqual(self.take(), ["to the bot", "message"])
        self.assertEqual(len(self.server.sent), sent)
        self.clock.advance(0)
        self.successResultOf(stopping)
        # The last room is left.
        self.assertEqual(len(self.server.sent), sent + 1)
        self.clock.pump([0.5, 60.0, 600.0])
        self.assertEqual(len(self.server.sent), sent + 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_twenty(self) -> None:
        """At most twenty joins are under way at the same time."""
        self.server.delay = 0.5
        for number in range(50):
            address = f"r{number}@rooms.example.org"
            self.server.rooms[address] = ScriptedRoom()
            request = RoomRequest(address, BOT, RoomSettings())
            Deferred.fromCoroutine(self.service.put(request))
        self.assertEqual(sum("disco#info" in each for each in self.server.sent), 20)
        self.clock.pump([0.5] * 10)
        self.assertEqual(self.service.counts["joined"], 50)


class StayTests(RoomTestCase):
    """
    Staying in a room.
    """

    def setUp(self) -> None:
        super().setUp()
        self.join()
        self.take()

    def test_removals(self) -> None:
        """Each way to be removed has its word; after some of them the bot returns."""
        for codes, state, word in (
            ((307,), "removed", "kicked"),
            ((301,), "removed", "banned"),
            ((321,), "removed", "members-only"),
            ((322,), "removed", "members-only"),
            ((332,), "waiting", "shutdown"),
            ((307, 333), "waiting", "technical"),
            ((), "waiting", "dropped"),
        ):
            content = "<actor nick='Boss'/><reason>Because</reason>"
            self.server.remove(ROOM, "bot", *codes, content=content)
            membership = self.membership
            self.assertEqual((membership.state, membership.condition), (state, word))
            self.assertEqual(membership.reason, "Because")
            self.assertEqual(self.service.counts[state], 1)
            if state == "removed":
                self.assertEqual(membership.record.actor, "Boss")
                self.assertEqual(self.take(), ["removed"])
                self.clock.pump([60.0] * 20)
                self.assertEqual(membership.state, "removed")
                self.join()
                self.assertEqual(self.take(), ["joined"])
            else:
                self.clock.advance(301)
                self.assertEqual(self.take(), ["returned"])
            self.assertEqual(self.room.occupants, {"bot": OCCUPANT})
            self.clock.advance(70)
        changes = self.service.changes
        self.assertEqual((changes.joins, changes.removals), (8, 4))

    def test_destroyed(self) -> None:
        """A destroyed room is left for good; its alternate is shown."""
        self.server.destroy(ROOM, "new@rooms.example.org")
        membership = self.membership
        self.assertEqual(membership.condition, "destroyed")
        self.assertEqual(membership.reason, "Too old (new@rooms.example.org)")

    def test_removedStaysRemoved(self) -> None:
        """A removal outlives the process, and a new stream."""
        self.server.remove(ROOM, "bot", 301)
        self.kill()
        self.connect()
        self.assertEqual(self.membership.state, "removed")
        self.assertEqual(self.membership.condition, "banned")
        self.assertEqual(self.room.occupants, {})

    def test_crossed(self) -> None:
        """
        A bot that was kicked while its join was on the way, and is in the room all the
        same, is shown as joined.
        """
        self.server.remove(ROOM, "bot", 307)
        self.assertEqual(self.membership.state, "removed")
        self.room.occupants["bot"] = OCCUPANT
        self.server.showPresence(ROOM, "bot", OCCUPANT, 110)
        self.assertEqual(self.membership.state, "joined")
        self.assertEqual(self.take()[-2:], ["removed", "joined"])

    def test_dropped(self) -> None:
        """A bot that was removed without a word finds out by its self-ping."""
        self.server.remove(ROOM, "bot", isSilent=True)
        self.clock.pump([1.0] * 605)
        self.assertEqual(self.room.occupants, {"bot": OCCUPANT})
        self.assertEqual(self.take(), ["returned"])

    def test_busy(self) -> None:
        """A room with traffic is not pinged."""
        for _ in range(30):
            self.server.say(ROOM, "chatter")
            self.clock.advance(100)
        self.assertFalse(any("urn:xmpp:ping" in each for each in self.server.sent))

    def test_bounced(self) -> None:
        """A message that bounces with not-acceptable makes the bot enter again."""
        self.server.remove(ROOM, "bot", isSilent=True)
        error = fault("not-acceptable")
        addresses = f"from='{ROOM}' to='{OCCUPANT}'"
        self._deliver(stanza(f"<message type='error' {addresses}>{error}</message>"))
        self.clock.advance(2)
        self.assertEqual(self.room.occupants, {"bot": OCCUPANT})

    def test_forgedBounce(self) -> None:
        """An error message from an occupant does not make the bot enter again."""
        error = fault("not-acceptable")
        addresses = f"from='{ROOM}/mallory' to='{OCCUPANT}'"
        self._deliver(stanza(f"<message type='error' {addresses}>{error}</message>"))
        self.assertEqual(self.membership.state, "joined")
        self.clock.advance(2)
        self.assertEqual(self.entered(), 1)
        # The callback gets it, as any error for a private message.
        self.assertEqual(self.take(), ["message"])

    def refuse(self, sender: str) -> None:
        """Let an error presence arrive."""
        error = fault("conflict")
        addresses = f"from='{sender}' to='{OCCUPANT}'"
        self._deliver(stanza(f"<presence type='error' {addresses}>{error}</presence>"))

    def test_forgedRefusal(self) -> None:
        """
        A change of the nick is refused by the room, by its own address or by the one
        that the bot asks for, and by no other occupant.
        """
        self.room.isSilent = True
        for sender in (ROOM, f"{ROOM}/Robot", f"{ROOM}/bot"):
            changing = self.put(nick="Robot")
            self.refuse(f"{ROOM}/mallory")
            self.assertNoResult(changing)
            self.refuse(sender)
            reason = self.failureResultOf(changing, Refusal)
            self.assertEqual(reason.value.problem.status, 409)
            self.assertEqual(self.membership.nick, "bot")
        self.assertFalse(any(each.name == "presence" for each in self.forwarded))

    def test_forgedOnEntry(self) -> None:
        """A join is refused by the room only; other occupants cannot refuse it."""
        self.lose()
        self.server.delay = 5.0
        self.connect()
        self.clock.advance(5)
        entered = self.entered()
        self.assertEqual((self.membership.state, entered), ("joining", 2))
        self.refuse(f"{ROOM}/mallory")
        self.assertEqual((self.membership.nick, self.entered()), ("bot", entered))
        self.refuse(ROOM)
        self.assertEqual((self.membership.nick, self.entered()), ("bot_", entered + 1))
        self.refuse(f"{ROOM}/bot")
        self.assertEqual((self.membership.nick, self.entered()), ("bot_", entered + 1))
        self.refuse(f"{ROOM}/bot_")
        self.assertEqual((self.membership.nick, self.entered()), ("bot__", entered + 2))

    def test_ownPing(self) -> None:
        """A self-ping that the room relays back is answered, and not forwarded."""
        ping = (
            f"<iq type='get' id='p' from='{ROOM}/bot' to='{OCCUPANT}'>"
            "<ping xmlns='urn:xmpp:ping'/></iq>"
        )
        self._deliver(stanza(ping))
        self.assertEqual(self.forwarded, [])
        self.assertIn("type='result'", self.server.sent[-1])

    def test_nickTaken(self) -> None:
        """
        A nick that is taken on a rejoin gets an underscore, and is taken back when it
        is free.
        """
        self.lose()
        self.room.occupants = {"bot": "thief@example.org/x"}
        self.connect()
        self.assertEqual(self.membership.nick, "bot_")
        self._deliver(
            stanza(
                f"<presence type='unavailable' from='{ROOM}/bot' to='{OCCUPANT}'>"
                "<x xmlns='http://jabber.org/protocol/muc#user'>"
                "<item affiliation='none' role='none'/></x></presence>"
            )
        )
        self.assertIn(f"to='{ROOM}/bot'", self.server.sent[-1])
        del self.room.occupants["bot"]
        self.server.send(stanza(self.server.sent[-1]))
        self.assertEqual(self.membership.nick, "bot")
        self.assertEqual(self.membership.record.nick, "bot")

    def test_vanished(self) -> None:
        """A room that has vanished is not created; it is looked for again and again."""
        del self.server.rooms[ROOM]
        self.lose()
        self.connect()
        self.assertEqual(self.membership.state, "waiting")
        self.assertEqual(self.membership.condition, "no-room")
        before = len(self.server.sent)
        self.clock.pump([1.0] * 86_400)
        self.assertLess(len(self.server.sent) - before, 310)
        self.assertNotIn(ROOM, self.server.rooms)
        self.server.rooms[ROOM] = ScriptedRoom()
        self.clock.advance(300)
        self.assertEqual(self.membership.state, "joined")

    def test_occupants(self) -> None:
        """Occupants come, change and go; none is left when the bot is out."""
        self.server.showPresence(ROOM, "Ann", OCCUPANT)
        self.assertEqual({*self.membership.occupants}, {"bot", "Ann"})
        self.room.occupants["Ann"] = OCCUPANT
        self.server.remove(ROOM, "bot", 307)
        self.assertEqual(self.membership.occupants, {})


class MissedTests(RoomTestCase):
    """
    Messages that were missed, in a room without an archive.
    """

    def setUp(self) -> None:
        super().setUp()
        self.server.say(ROOM, "before")
        self.join()
        self.assertEqual(self.take(), ["joined"])

    def away(self, *bodies: str) -> None:
        """Let things be said while the stream is lost."""
        self.lose()
        for each in bodies:
            self.clock.advance(1)
            self.server.say(ROOM, each)
        self.clock.advance(1)

    def test_once(self) -> None:
        """Missed messages are delivered once and in order, live ones behind them."""
        self.server.say(ROOM, "one")
        for round in range(3):
            self.away(f"two{round}", f"three{round}")
            self.connect()
            self.server.say(ROOM, f"four{round}")
            expected = [f"two{round}", f"three{round}", f"four{round}"]
            self.assertEqual(self.take()[-4:], ["returned", *expected])

    def test_killed(self) -> None:
        """After the death of the gateway the same holds."""
        self.server.say(ROOM, "one")
        self.take()
        for round in range(3):
            self.kill()
            self.server.say(ROOM, f"two{round}")
            self.clock.advance(5)
            self.connect()
            self.assertEqual(self.take(), ["returned", f"two{round}"])

    def test_ghost(self) -> None:
        """A message for the ghost of an earlier stream is delivered once, in order."""
        self.away("one")
        self.server.ready = True
        self.server.say(ROOM, "two")
        self.assertEqual(self.take(), [])
        self.service.connected()
        self.assertEqual(self.take(), ["returned", "one", "two"])

    def test_same(self) -> None:
        """An equal text that is said again is another message."""
        self.server.say(ROOM, "yes")
        self.away("yes", "yes")
        self.connect()
        self.assertEqual(self.take(), ["yes", "returned", "yes", "yes"])

    def test_subject(self) -> None:
        """A subject is delivered when it changes, not at each join."""
        self.server.setSubject(ROOM, "Plans", OCCUPANT)
        self.away()
        self.connect()
        self.assertEqual(self.take(), ["Plans", "returned"])
        self.lose()
        self.room.subject = "New plans"
        self.connect()
        self.assertEqual(self.take(), ["returned", "New plans"])

    def test_said(self) -> None:
        """
        An occupant that says the same again, with the same id, hides nothing that was
        missed before it.
        """
        self.server.say(ROOM, "SAME", own="same")
        self.clock.advance(68)
        self.server.say(ROOM, "live")
        self.take()
        self.kill()
        for each in ("one", "two"):
            self.server.say(ROOM, each)
        self.server.say(ROOM, "SAME", own="same")
        self.clock.advance(5)
        self.connect()
        self.assertEqual(self.take(), ["returned", "one", "two", "SAME"])

    def test_forgedID(self) -> None:
        """
        An occupant that gives ids in the name of the room hides nothing.
        """
        forged = f"<stanza-id xmlns='urn:xmpp:sid:0' by='{ROOM}' id='F1'/>"
        self.server.say(ROOM, "before", more=forged)
        self.take()
        self.kill()
        self.server.say(ROOM, "missed")
        self.server.say(ROOM, "after", more=forged)
        self.clock.advance(5)
        self.connect()
        self.assertNotIn("F1", "".join(toXML(each) for each in self.forwarded))
        self.assertEqual(self.take(), ["returned", "missed", "after"])


class ArchiveTests(MissedTests):
    """
    Messages that were missed, in a room with an archive.
    """

    hasArchive = True

    def test_many(self) -> None:
        """More messages than a page are read from the archive."""
        self.server.say(ROOM, "one")
        bodies = [f"missed {number}" for number in range(130)]
        self.away(*bodies)
        self.connect()
        self.assertEqual(self.take(), ["one", "returned", *bodies])

    def test_forgotten(self) -> None:
        """An archive that has lost the last message is read by time."""
        self.server.say(ROOM, "one")
        self.take()
        self.away("two")
        del self.room.said[:2]
        self.connect()
        self.assertEqual(self.take(), ["returned", "two"])

    def test_slow(self) -> None:
        """Live messages wait for the missed ones."""
        self.server.say(ROOM, "one")
        self.take()
        self.away("two")
        self.server.delay = 1.0
        self.connect()
        self.clock.pump([1.0] * 2)
        self.assertEqual(self.take(), ["returned"])
        self.server.say(ROOM, "three")
        self.clock.pump([1.0] * 2)
        self.assertEqual(self.take(), ["two", "three"])

    def test_late(self) -> None:
        """An archive that is slow to answer is asked again, with more time."""
        self.server.say(ROOM, "one")
        self.take()
        self.away("two")
        self.server.delay = 1.0
        self.connect()
        self.clock.advance(1)
        self.server.delay = 29.0
        self.clock.advance(1)
        self.assertEqual(self.take(), ["returned"])
        self.clock.pump([15.0, 28.0])
        self.assertEqual(self.take(), [])
        self.clock.advance(1)
        self.assertEqual(self.take(), ["two"])


class HistoryTests(RoomTestCase):
    """
    The setting C{history}.
    """

    def setUp(self) -> None:
        super().setUp()
        for number in range(5):
            self.server.say(ROOM, f"old {number}")

    def test_none(self) -> None:
        """With C{none}, nothing that was said before a join is delivered."""
        self.join(history="none")
        self.lose()
        self.server.say(ROOM, "missed")
        self.connect()
        self.assertEqual(self.take(), ["joined", "returned"])

    def test_request(self) -> None:
        """A request is for the first join; then the missed messages are delivered."""
        self.join(history="maxstanzas=2")
        self.lose()
        self.server.say(ROOM, "missed")
        self.connect()
        expected = ["joined", "old 3", "old 4", "returned", "missed"]
        self.assertEqual(self.take(), expected)


class ArchiveHistoryTests(HistoryTests):
    """
    The setting C{history} in a room with an archive.
    """

    hasArchive = True


class FirstJoinTests(RoomTestCase):
    """
    The first join of a room with an archive.
    """

    hasArchive = True

    def test_saidMeanwhile(self) -> None:
        """
        A message that is said while the archive is asked for the newest one is
        delivered; the next one is that of the next query.
        """
        self.server.say(ROOM, "before")
        self.server.delay = 1.0
        joining = self.put()
        self.clock.pump([1.0] * 2)
        self.successResultOf(joining)
        self.server.say(ROOM, "meanwhile")
        self.clock.pump([1.0] * 2)
        self.assertEqual(self.take(), ["joined", "meanwhile"])
        self.kill()
        self.server.say(ROOM, "missed")
        self.connect()
        self.clock.pump([1.0] * 5)
        self.assertEqual(self.take(), ["returned", "missed"])


class ForgedDelayTests(RoomTestCase):
    """
    A stamp that an occupant has forged, and the room has left alone.
    """

    def test_future(self) -> None:
        """
        A message of the future, said before the first join, hides nothing that is
        missed after a restart. With a stamp in the name of the room it is delivered,
        and what follows it again.
        """
        for sender, again in (("eve@example.net", []), (ROOM, ["hi", "live"])):
            self.setUp()
            self.server.say(
                ROOM,
                "hi",
                more=f"<delay xmlns='urn:xmpp:delay' from='{sender}'"
                " stamp='2099-01-01T00:00:00Z'/>",
            )
            self.room.isStampingOnce = True
            self.join()
            self.server.say(ROOM, "live")
            self.take()
            self.kill()
            self.clock.advance(70)
            self.server.say(ROOM, "missed")
            self.connect()
            self.assertEqual(self.take(), ["returned", *again, "missed"])

    def test_stored(self) -> None:
        """
        A time of the future that an earlier version has stored counts no longer.
        """
        self.join()
        seen = SeenMessage(ROOM, str(BOT), 0, "f:x", self.now() + 1e9)
        self.successResultOf(self.store.addSeen(seen))
        self.kill()
        self.clock.advance(70)
        self.server.say(ROOM, "missed")
        self.connect()
        self.assertEqual(self.take(), ["joined", "returned", "missed"])


class QueueTests(RoomTestCase):
    """
    The gates and reflections that the queue of messages is told of.
    """

    hasArchive = True
    key = (ROOM, OCCUPANT)

    def test_gate(self) -> None:
        """The gate is open once the bot is in the room and has read the archive."""
        self.join()
        self.assertEqual(self.queue.gates, {self.key: RoomGate.OPEN})
        self.lose()
        self.assertEqual(self.queue.gates, {self.key: RoomGate.HELD})
        self.server.delay = 1.0
        self.connect()
        self.clock.pump([1.0] * 2)
        self.assertEqual(self.membership.state, "joined")
        self.assertEqual(self.queue.gates, {self.key: RoomGate.HELD})
        self.clock.pump([1.0] * 2)
        self.assertEqual(self.queue.gates, {self.key: RoomGate.OPEN})
        self.server.remove(ROOM, "bot", 301)
        self.assertEqual(self.queue.gates, {self.key: RoomGate.REMOVED})

    def test_left(self) -> None:
        """The gate of a room that was left is that of a removal, and then none."""
        self.assertIsNone(self.service.gateOf(*self.key))
        membership = self.join()
        self.successResultOf(Deferred.fromCoroutine(self.service.delete(membership)))
        self.assertEqual(self.queue.gates, {self.key: RoomGate.REMOVED})

    def test_reading(self) -> None:
        """Before the memberships are read, every message may be for a room."""
        self.store.isOpen = False
        self.begin()
        self.assertIs(self.service.gateOf(*self.key), RoomGate.HELD)
        self.store.isOpen = True
        self.clock.advance(1)
        self.assertIsNone(self.service.gateOf(*self.key))

    def test_starting(self) -> None:
        """
        Before the memberships are read, a message to a room from a bare address is
        refused for the moment: the room would not accept it from there. Others pass.
        """
        self.join()
        bare = f"from='bot@{DOMAIN}' to='{ROOM}'"
        chat = stanza(f"<message type='chat' {bare}><body>Hi</body></message>")
        said = stanza(f"<message type='groupchat' {bare}><body>Hi</body></message>")
        held: Deferred[Any] = Deferred()
        reading = self.store.rooms
        self.store.rooms = lambda: held  # type: ignore[method-assign]  # held by the test
        self.kill()
        refusal = self.assertRaises(Refusal, self.service.readdress, said)
        self.assertEqual(refusal.problem.status, 503)
        self.assertIs(self.service.readdress(chat), chat)
        held.callback(self.successResultOf(reading()))
        self.assertEqual(self.service.readdress(said)["from"], OCCUPANT)

    def test_noSubject(self) -> None:
        """A room that sends no subject is open after some seconds."""
        self.join()
        self.lose()
        self.server.setSubject = lambda *_: None  # type: ignore[method-assign]
        self.connect()
        self.assertEqual(self.queue.gates, {self.key: RoomGate.HELD})
        self.clock.advance(10)
        self.assertEqual(self.queue.gates, {self.key: RoomGate.OPEN})

    def test_reflections(self) -> None:
        """A message of the bot's own occupant is told, live and from the archive."""
        self.join()
        live = self.server.say(ROOM, "mine", nick="bot")
        self.server.say(ROOM, "another's")
        self.lose()
        missed = self.server.say(ROOM, "mine, too", nick="bot")
        self.connect()
        expected = [(f"{each.id}-own", each.id) for each in (live, missed)]
        self.assertEqual(self.queue.reflections, expected)


class PlainQueueTests(RoomTestCase):
    """
    Reflections in a room that assigns no ids.
    """

    def test_forgedID(self) -> None:
        """A client's own id in the name of the room is not that of the message."""
        for history in ("missed", "none"):
            self.setUp()
            self.join(history=history, create=True)
            said = self.server.say(
                ROOM,
                "mine",
                nick="bot",
                more=f"<stanza-id xmlns='urn:xmpp:sid:0' by='{ROOM}' id='F1'/>",
            )
            self.assertEqual(self.queue.reflections, [(said.own, "")])


class AssignedIDTests(RoomTestCase):
    """
    Ids of a room that a join creates.
    """

    hasArchive = True

    def test_created(self) -> None:
        """The ids of a new room count, also if nothing missed is wanted."""
        self.server.rooms[ROOM].isLocked = True
        self.server.rooms[ROOM].statuses = (201,)
        self.join(history="none", create=True)
        said = self.server.say(ROOM, "mine", nick="bot")
        self.assertEqual(self.queue.reflections, [(said.own, said.id)])
