"""
Weeks in the life of a bot in rooms, on a simulated clock, with a service that does
whatever XEP-0045 allows. The same seed gives the same weeks.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.words.xish.domish import Element

from xmpprest.core.errors import ERROR_TYPE_BY_CONDITION, Refusal
from xmpprest.core.rooms.membership import Membership
from xmpprest.core.rooms.requests import RoomRequest
from xmpprest.core.rooms.values import JOINED, REMOVED, RoomSettings
from xmpprest.core.stanza import jid
from xmpprest.core.stanza.build import firstChild
from xmpprest.store.memory import MemoryStore

from .doubles import DOMAIN, stanza
from .room_service import HeldQueue, ScriptedRoom, ScriptedRooms, fault, makeService

BOT = jid.JID("bot", DOMAIN, "")
OCCUPANT = f"bot@{DOMAIN}/xmpprest"
#: The address of another occupant, and the nick that it has if no other is named.
OTHER, NICK = "ann@example.org/phone", "Ann"
ARCHIVED, PLAIN = "archived@rooms.example.org", "plain@rooms.example.org"
#: The time at which the weeks begin, in seconds since 1970.
START = 1_800_000_000.0
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
#: Seconds that the service takes for an answer if it is not slow.
QUICK = 0.05
#: Seconds of calm after which the bot must be where it belongs: two self-pings, and the
#: longest wait for the next attempt.
CALM = 30 * MINUTE
#: Stanzas that the bot sends in a day at most: a self-ping a minute to each of two
#: rooms that do not answer, or five nicks every five minutes to one that has them all.
MAX_TRAFFIC = 2 * 1440


@dataclass
class Expectation:
    """
    The required state of the bot in a room.

    @ivar mayBeRemoved: Whether something has happened since the last PUT that removes
        the bot for good.
    @ivar said: The numbers of the messages that it must get.
    @ivar heard: Those that it has got, in their order.
    """

    mayBeRemoved: bool = False
    said: list[int] = field(default_factory=list)
    heard: list[int] = field(default_factory=list)


class Turmoil:
    """
    A bot in two rooms, one with an archive.

    @ivar happened: How often each thing has happened.
    @ivar diary: The last things that have happened, for a person who looks for a fault.
    @ivar traffic: The number of stanzas sent in each day.
    """

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.clock = Clock()
        self.server = ScriptedRooms(self.clock, self.now)
        self.server.delay = QUICK
        self.store = MemoryStore()
        self.store.open()
        self.happened: Counter[str] = Counter()
        self.traffic: Counter[int] = Counter()
        self.diary: deque[str] = deque(maxlen=12)
        self.expected = {ARCHIVED: Expectation(), PLAIN: Expectation()}
        self._number = 0
        self._begin()
        for address in self.expected:
            self._open(address)
        self._connect()
        for address in self.expected:
            self.put(address)
        self.advance(MINUTE)

    def now(self) -> float:
        """Return seconds since 1970."""
        return START + self.clock.seconds()

    # --- the gateway ---

    def _begin(self) -> None:
        self.service = makeService(
            self.server,
            self.store,
            self._forward,
            HeldQueue(),
            self.clock,
            now=self.now,
        )
        self.server.deliver = self._deliver
        self.service.startService()

    def _connect(self) -> None:
        if not self.server.ready:
            self.server.ready = True
            self.service.connected()

    def _deliver(self, stanza: Element) -> None:
        if stanza["to"] != OCCUPANT:
            return
        left = self.service.intercept(stanza)
        if left is not None:
            self._forward(left)

    def _forward(self, stanza: Element) -> None:
        body = firstChild(stanza, "jabber:client", "body")
        if stanza.name == "message" and body is not None:
            room = jid.bareOf(stanza["from"])
            self.expected[room].heard.append(int(str(body)))

    def put(self, address: str) -> None:
        """Let a client put the bot into a room."""
        request = RoomRequest(address, BOT, RoomSettings(nick="bot"))
        answer = Deferred.fromCoroutine(self.service.put(request))
        answer.addErrback(lambda reason: reason.trap(Refusal))
        self.expected[address].mayBeRemoved = False

    def membership(self, address: str) -> Membership | None:
        """Return the membership in a room; C{None} before it is read."""
        for each in self.service.memberships:
            if each.record.room == address:
                return each
        return None

    # --- time ---

    def advance(self, seconds: float) -> None:
        """Let time pass, one timer after the other."""
        end = self.clock.seconds() + seconds
        while True:
            times = [each.getTime() for each in self.clock.getDelayedCalls()]
            if not times or min(times) > end:
                break
            self.clock.advance(max(0.0, min(times) - self.clock.seconds()))
            self._count()
        self.clock.advance(max(0.0, end - self.clock.seconds()))
        self._count()

    def _count(self) -> None:
        self.traffic[int(self.clock.seconds() // DAY)] += len(self.server.sent)
        self.server.sent.clear()

    def live(self, seconds: float) -> None:
        """Let time pass in episodes, each of which ends with a check."""
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end:
            for _ in range(self.random.randint(1, 3)):
                self.disturb(self.random.choice([*DISTURBANCES]))
                self.advance(self.random.choice([0.0, 3.0, 40.0, 1000.0, 4 * HOUR]))
                self.talk()
            self.calm()

    # --- what happens ---

    def disturb(self, name: str) -> None:
        """Let something happen in one of the rooms."""
        self.disturbRoom(name, self.random.choice([*self.expected]))

    def disturbRoom(self, name: str, address: str) -> None:
        """Let something happen in a room."""
        self.happened[name] += 1
        self.diary.append(f"{self.clock.seconds():.0f} s: {name}, {address}")
        DISTURBANCES[name](self, address)

    def talk(self) -> None:
        """Let another occupant say something in each room."""
        for address, expected in self.expected.items():
            membership = self.membership(address)
            if address not in self.server.rooms or membership is None:
                continue
            for _ in range(self.random.randint(0, 3)):
                self._number += 1
                self.server.say(address, str(self._number), NICK)
                if membership.state != REMOVED:
                    expected.said.append(self._number)

    def calm(self) -> None:
        """
        End every disturbance, and check that the bot is where it belongs.

        @raise AssertionError: It is not.
        """
        self.server.delay = QUICK
        for address in self.expected:
            if address not in self.server.rooms:
                self._open(address)
            room = self.server.rooms[address]
            room.refusal = room.assigned = room.pingFault = None
            room.isSilent, room.password = False, ""
            for nick in [each for each in room.occupants if each.startswith("bot")]:
                if room.occupants.get(nick, OCCUPANT) != OCCUPANT:
                    self.server.leave(address, nick)
        self._connect()
        self.advance(CALM)
        for address in self.expected:
            self._check(address)

    def _check(self, address: str) -> None:
        membership, expected = self.membership(address), self.expected[address]
        assert membership is not None, address
        where = f"{address} at {self.clock.seconds():.0f} s, after {[*self.diary]}"
        room = self.server.rooms[address]
        own = [nick for nick, own in room.occupants.items() if own == OCCUPANT]
        assert len({*expected.heard}) == len(expected.heard), (
            f"{where}: twice {expected.heard[-9:]}"
        )
        assert sorted(expected.heard) == expected.heard, (
            f"{where}: out of order {expected.heard[-9:]}"
        )
        if membership.state == REMOVED:
            assert expected.mayBeRemoved, f"{where}: removed, {membership.condition}"
            assert own == [], f"{where}: removed, but there as {own}"
            self.put(address)
            self.advance(MINUTE)
            return
        assert membership.state == JOINED, f"{where}: {membership.state}"
        assert own == [membership.nick], f"{where}: {own}, not {membership.nick}"
        listed = sorted(membership.occupants)
        assert listed == sorted(room.occupants), f"{where}: {listed}"
        missed = {*expected.said} - {*expected.heard}
        assert not missed, f"{where}: missed {missed}"

    def _open(self, address: str) -> None:
        """Make a room with another occupant."""
        room = ScriptedRoom(hasArchive=address == ARCHIVED)
        room.occupants[NICK] = OTHER
        self.server.rooms[address] = room

    def _bot(self, address: str) -> str | None:
        """
        Return the nick of the bot in a room; C{None} if it is not there, or if the room
        says nothing at the moment.
        """
        room = self.server.rooms.get(address)
        occupants = {} if room is None or room.isSilent else room.occupants
        return next((n for n, own in occupants.items() if own == OCCUPANT), None)

    # --- disturbances ---

    def _remove(
        self, address: str, *codes: int, isFinal: bool, isSilent: bool = False
    ) -> None:
        """Remove the bot, if it is in the room."""
        nick = self._bot(address)
        if nick is None:
            return
        if isFinal:
            self.expected[address].mayBeRemoved = True
        membership = self.membership(address)
        wasIn = membership is not None and membership.state == JOINED
        item = "<actor nick='Boss'/><reason>Too loud</reason>" if isFinal else ""
        self.server.remove(address, nick, *codes, content=item, isSilent=isSilent)
        if isFinal and wasIn and self.server.ready and membership is not None:
            assert membership.state == REMOVED, codes
            assert membership.record.actor == "Boss", codes

    def _refuse(self, address: str) -> None:
        """Let the room refuse everybody, and drop the bot."""
        room = self.server.rooms.get(address)
        if room is None:
            return
        condition = self.random.choice([*ERROR_TYPE_BY_CONDITION, "made-up"])
        type = self.random.choice(["", ERROR_TYPE_BY_CONDITION.get(condition, "auth")])
        room.refusal = fault(condition, type)
        self.expected[address].mayBeRemoved = True
        self._remove(address, isFinal=False, isSilent=self.random.random() < 0.5)

    def _changePassword(self, address: str) -> None:
        if address in self.server.rooms:
            self.server.rooms[address].password = "sesame"
            self.expected[address].mayBeRemoved = True
            self._remove(address, isFinal=False)

    def _destroy(self, address: str) -> None:
        if address in self.server.rooms:
            self.expected[address].mayBeRemoved = True
            self._lose(address)
            self.server.destroy(address, "elsewhere@rooms.example.org")

    def _vanish(self, address: str) -> None:
        """The room is gone, and what was said in it."""
        self._lose(address)
        self.server.rooms.pop(address, None)

    def _lose(self, address: str) -> None:
        """Expect no message any more that only the room has."""
        expected = self.expected[address]
        expected.said = [each for each in expected.said if each in {*expected.heard}]

    def _restart(self, address: str, *codes: int, isSilent: bool = False) -> None:
        """Restart the service: all rooms lose their occupants."""
        for each in [*self.server.rooms]:
            self._remove(each, *codes, isFinal=False, isSilent=isSilent)

    def _slow(self, address: str) -> None:
        self.server.delay = self.random.choice([0.2, 5.0, 14.0, 29.0, 45.0])

    def _silent(self, address: str) -> None:
        if address in self.server.rooms:
            self.server.rooms[address].isSilent = True
            if self.random.random() < 0.5:
                self._remove(address, isFinal=False)

    def _loseStream(self, address: str) -> None:
        if self.server.ready:
            self.service.disconnected()
            self.server.lose()
            self.advance(self.random.choice([0.0, 5.0, 600.0]))
            # The service may have noticed.
            if self.random.random() < 0.5:
                self._restart(address, isSilent=True)
        self._connect()

    def _kill(self, address: str) -> None:
        self.server.lose()
        for call in [*self.clock.getDelayedCalls()]:
            call.cancel()
        self._begin()
        self._connect()

    def _takeNick(self, address: str) -> None:
        """Another occupant takes the nick of the bot while it is dropped."""
        nick = self._bot(address)
        if nick is not None:
            self.server.rooms[address].occupants.pop(nick)
            self.server.rooms[address].occupants[nick] = "eve@example.net/x"
            self._bounce(address)

    def _bounce(self, address: str) -> None:
        """A message of the bot comes back, because it is no occupant any more."""
        self._remove(address, isFinal=False, isSilent=True)
        if self.server.ready:
            self.server.deliver(
                stanza(
                    f"<message type='error' from='{address}' to='{OCCUPANT}'>"
                    f"{fault('not-acceptable', self._type())}</message>"
                )
            )

    def _type(self) -> str:
        return self.random.choice(["", "cancel", "modify"])

    def _assign(self, address: str) -> None:
        """The room gives the bot another nick than it asks for (210)."""
        room = self.server.rooms.get(address)
        if room is not None:
            room.assigned = "Robot 7"
            self._remove(address, isFinal=False)

    def _isJoined(self, address: str) -> bool:
        """
        Tell whether room and gateway agree that the bot is there. If they do not, a
        presence of the bot alone makes it joined without a list of the others.
        """
        membership = self.membership(address)
        isIn = membership is not None and membership.state == JOINED
        return isIn and self._bot(address) is not None

    def _rename(self, address: str) -> None:
        """The service changes the nick of the bot (303)."""
        if self._isJoined(address):
            self.server.rename(address, f"bot{self.random.randint(1, 99)}", OCCUPANT)

    def _misorder(self, address: str) -> None:
        """The own presence comes first, or twice, when the bot enters again."""
        room = self.server.rooms.get(address)
        if room is not None:
            room.isMisordered = self.random.random() < 0.5
            room.isDoubled = not room.isMisordered
            room.statuses = (100, 170)
            self._remove(address, isFinal=False)

    def _repeat(self, address: str) -> None:
        """The room sends the own presence again, with codes that change nothing."""
        nick = self._bot(address)
        if nick is not None and self._isJoined(address):
            codes = self.random.choice([(110,), (110, 100), (110, 210), (110, 170)])
            self.server.showPresence(address, nick, OCCUPANT, *codes)

    def _pingFault(self, address: str) -> None:
        """The room answers self-pings with an error for a while."""
        room = self.server.rooms.get(address)
        if room is not None:
            condition = self.random.choice([*ERROR_TYPE_BY_CONDITION, "made-up"])
            room.pingFault = fault(condition, self._type())

    def _others(self, address: str) -> None:
        """Others come, go and change their nick."""
        room = self.server.rooms.get(address)
        if room is None:
            return
        nick = self.random.choice(["Bob", "Zoë", "😀"])
        if nick in room.occupants:
            self.server.leave(address, nick)
        else:
            self.server.enter(address, nick, f"{len(nick)}@example.org/x")

    def _configure(self, address: str) -> None:
        """The room tells of its configuration (XEP-0045 §10.2.1)."""
        if self._bot(address) is not None and self.server.ready:
            for code in (104, 170, 171, 172, 173, 174):
                self.server.deliver(
                    stanza(
                        f"<message type='groupchat' from='{address}' to='{OCCUPANT}'>"
                        "<x xmlns='http://jabber.org/protocol/muc#user'>"
                        f"<status code='{code}'/></x></message>"
                    )
                )


Disturbance = Callable[[Turmoil, str], None]

#: Everything that can happen, by name.
DISTURBANCES: dict[str, Disturbance] = {
    **{
        f"removed for good, {code}": lambda it, room, code=code: it._remove(  # type: ignore[misc]  # mypy cannot infer it
            room, code, isFinal=True
        )
        for code in (301, 307, 321, 322)
    },
    "destroyed": Turmoil._destroy,
    "dropped without a code": lambda it, room: it._remove(room, isFinal=False),
    "dropped in silence": lambda it, room: it._remove(
        room, isFinal=False, isSilent=True
    ),
    "technical": lambda it, room: it._remove(room, 307, 333, isFinal=False),
    "shutdown": lambda it, room: it._restart(room, 332),
    "shutdown with 307": lambda it, room: it._restart(room, 307, 332),
    "restart in silence": lambda it, room: it._restart(room, isSilent=True),
    "vanished": Turmoil._vanish,
    "refused": Turmoil._refuse,
    "password changed": Turmoil._changePassword,
    "slow": Turmoil._slow,
    "silent": Turmoil._silent,
    "stream lost": Turmoil._loseStream,
    "gateway killed": Turmoil._kill,
    "nick taken": Turmoil._takeNick,
    "bounced": Turmoil._bounce,
    "other nick assigned": Turmoil._assign,
    "renamed by the service": Turmoil._rename,
    "presence out of order": Turmoil._misorder,
    "presence repeated": Turmoil._repeat,
    "odd replies to pings": Turmoil._pingFault,
    "others come and go": Turmoil._others,
    "configuration changed": Turmoil._configure,
}
