"""
A room service in memory that does what a test says, and everything else as XEP-0045
has it. It stands for the stream, and speaks to a L{RoomService} directly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import Clock
from twisted.words.xish.domish import Element

from xmpprest.concurrency import timers
from xmpprest.core.errors import Problem, Refusal
from xmpprest.core.rooms.requests import RoomRequest
from xmpprest.core.rooms.tables import PROVES_JOINED
from xmpprest.core.rooms.values import RoomGate, RoomSettings
from xmpprest.core.stanza import namespaces as ns
from xmpprest.core.stanza.build import elements, firstChild
from xmpprest.core.stanza.jid import JID
from xmpprest.core.stanza.serializer import escapeAttribute, escapeText, toXML
from xmpprest.rooms.interfaces import MembershipStore, RoomMessageQueue, Surroundings
from xmpprest.rooms.service import RoomService
from xmpprest.store.memory import MemoryStore

from .doubles import DOMAIN, stanza

STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"
MUC_USER = "http://jabber.org/protocol/muc#user"


def _without(result: Any, timer: IDelayedCall) -> Any:  # or a failure
    """Cancel a timer, and return a result."""
    timers.cancel(timer)
    return result


def gone(status: int) -> Refusal:
    """Make the refusal of an iq that gets no reply."""
    return Refusal(Problem(status, "wait", "connection-timeout", "no reply"))


def fault(condition: str, type: str = "cancel", *, extra: str = "") -> str:
    """An error; without a type if that is empty."""
    attribute = f" type='{type}'" if type else ""
    return f"<error{attribute}><{condition} xmlns='{STANZAS}'/>{extra}</error>"


def _provesJoined(error: str) -> bool:
    """Tell whether an error in answer to a self-ping is that of an occupant."""
    return any(f"<{each} " in error for each in PROVES_JOINED)


@dataclass
class Said:
    """
    A message that the room keeps.

    @ivar own: The id that its sender has given to it.
    @ivar more: Elements that its sender has added, as XML.
    """

    id: str
    nick: str
    body: str
    at: float
    own: str = ""
    more: str = ""


@dataclass
class ScriptedRoom:
    """
    A room.

    @ivar occupants: The address of each occupant, by nick.
    @ivar hasArchive: Whether it has an archive, and gives its messages ids.
    @ivar history: Messages that it repeats to those who enter.
    @ivar refusal: The error for those who enter; C{None} to let them in.
    @ivar assigned: The nick that it gives to those who enter (210).
    @ivar isSilent: Whether it answers nothing.
    @ivar statuses: Further status codes of those who enter.
    @ivar isMisordered: Whether it shows those who enter to themselves first, not last.
    @ivar isDoubled: Whether it shows those who enter to themselves twice.
    @ivar isStampingOnce: Whether it adds no delay to a message that has one of it.
    @ivar pingFault: The error for self-pings; C{None} for the right answer. One that
        proves that the bot is in the room (XEP-0410 §3) is not sent if it is not.
    """

    occupants: dict[str, str] = field(default_factory=dict)
    hasArchive: bool = False
    history: int = 20
    said: list[Said] = field(default_factory=list)
    subject: str = ""
    password: str = ""
    refusal: str | None = None
    assigned: str | None = None
    isSilent: bool = False
    statuses: tuple[int, ...] = ()
    isLocked: bool = False
    isMisordered: bool = False
    isDoubled: bool = False
    isStampingOnce: bool = False
    pingFault: str | None = None


class ScriptedRooms:
    """
    A service with rooms, and the stream to it.

    @ivar ready: Whether stanzas can be sent.
    @ivar rooms: The rooms by their address.
    @ivar sent: Every stanza that the gateway has sent, as XML.
    @ivar delay: Seconds until the service answers.
    @ivar deliver: Takes the stanzas of the service.
    """

    def __init__(self, clock: Clock, now: Callable[[], float]) -> None:
        self.ready = False
        self.rooms: dict[str, ScriptedRoom] = {}
        self.sent: list[str] = []
        self.delay = 0.0
        self.deliver: Callable[[Element], object] = lambda stanza: None
        self._clock = clock
        self._now = now
        self._numbers = count(1)
        self._waiting: set[Deferred[list[Element]]] = set()

    # --- the stream ---

    def send(self, stanza: Element) -> None:
        """Take a stanza from the gateway."""
        if not self.ready:
            raise gone(503)
        self.sent.append(toXML(stanza))
        if stanza.name == "presence":
            self._later(lambda: self._presence(stanza))

    def request(self, iq: Element, timeout: float) -> Deferred[list[Element]]:
        """Answer an iq of the gateway."""
        if not self.ready:
            raise gone(503)
        self.sent.append(toXML(iq))
        waiting: Deferred[list[Element]] = Deferred(self._waiting.discard)
        self._waiting.add(waiting)
        timer = self._clock.callLater(timeout, self._end, waiting, gone(504))

        def answer() -> None:
            reply = self._reply(iq)
            if reply is not None and not waiting.called:
                self._waiting.discard(waiting)
                waiting.callback([stanza(each) for each in reply])

        ending: Deferred[list[Element]] = waiting.addBoth(_without, timer)
        self._later(answer)
        return ending

    def _end(self, waiting: Deferred[list[Element]], refusal: Refusal) -> None:
        if not waiting.called:
            waiting.errback(refusal)

    def lose(self) -> None:
        """Lose the stream."""
        self.ready = False
        waiting, self._waiting = [*self._waiting], set()
        for each in waiting:
            self._end(each, gone(503))

    def _later(self, act: Callable[[], None]) -> None:
        if self.delay:
            self._clock.callLater(self.delay, self._ifReady, act)
        else:
            act()

    def _ifReady(self, act: Callable[[], None]) -> None:
        if self.ready:
            act()

    # --- what the service answers ---

    def _reply(self, iq: Element) -> list[str] | None:
        address, _, nick = iq["to"].partition("/")
        head = f"<iq id='{iq['id']}' from='{iq['to']}' to='{iq['from']}'"
        room = self.rooms.get(address)
        if room is not None and room.isSilent:
            return None
        (query,) = elements(iq)
        if query.uri == ns.DISCO_INFO:
            return [self._info(room, head)]
        if room is None:
            return [f"{head} type='error'>{fault('item-not-found')}</iq>"]
        if query.uri == ns.PING:
            isIn = room.occupants.get(nick) == iq["from"]
            error = room.pingFault
            if error is None or (not isIn and _provesJoined(error)):
                error = None if isIn else fault("not-acceptable")
            rest = "'result'/>" if error is None else f"'error'>{error}</iq>"
            return [f"{head} type={rest}"]
        if query.uri == ns.MAM:
            return self._archive(room, address, iq, query, head)
        room.isLocked = False
        return [f"{head} type='result'/>"]

    def _info(self, room: ScriptedRoom | None, head: str) -> str:
        if room is None:
            return f"{head} type='error'>{fault('item-not-found')}</iq>"
        archive = f"<feature var='{ns.MAM}'/>" if room.hasArchive else ""
        return (
            f"{head} type='result'><query xmlns='{ns.DISCO_INFO}'>"
            "<feature var='http://jabber.org/protocol/muc'/>"
            f"{archive}</query></iq>"
        )

    def _archive(
        self,
        room: ScriptedRoom,
        address: str,
        iq: Element,
        query: Element,
        head: str,
    ) -> list[str]:
        page = firstChild(query, ns.RSM, "set")
        assert page is not None
        after = firstChild(page, ns.RSM, "after")
        limit = int(str(firstChild(page, ns.RSM, "max")))
        found, ids = room.said, [each.id for each in room.said]
        if after is not None and str(after) not in ids:
            return [f"{head} type='error'>{fault('item-not-found')}</iq>"]
        if after is not None:
            found = found[ids.index(str(after)) + 1 :]
        if firstChild(page, ns.RSM, "before") is not None:
            found = found[-limit:]
        start = firstChild(query, ns.DATA, "x")
        if start is not None:
            text = [str(each) for each in start.elements() for each in each.elements()]
            since = datetime.fromisoformat(text[-1]).timestamp()
            found = [each for each in found if each.at >= since]
        results = [
            f"<message from='{address}' to='{iq['from']}'><result xmlns='{ns.MAM}'"
            f" id='{each.id}'><forwarded xmlns='{ns.FORWARD}'>"
            f"<delay xmlns='{ns.DELAY}' stamp='{self._stamp(each.at)}'/>"
            f"<message xmlns='jabber:client' type='groupchat' id='{each.own}'"
            f" from='{address}/{escapeAttribute(each.nick)}'>"
            f"<body>{escapeText(each.body)}</body>{each.more}</message></forwarded>"
            "</result>"
            "</message>"
            for each in found[:limit]
        ]
        isLast = "true" if len(found) <= limit else "false"
        fin = f"<fin xmlns='{ns.MAM}' complete='{isLast}'/>"
        return [*results, f"{head} type='result'>{fin}</iq>"]

    def _presence(self, presence: Element) -> None:
        address, _, nick = presence["to"].partition("/")
        room, jid = self.rooms.get(address), presence["from"]
        if room is not None and room.isSilent:
            return
        if presence.getAttribute("type") == "unavailable":
            if room is not None and room.occupants.get(nick) == jid:
                self.remove(address, nick)
            return
        extension = firstChild(presence, "http://jabber.org/protocol/muc", "x")
        if room is None:
            room = self.rooms[address] = ScriptedRoom(isLocked=True, statuses=(201,))
        if room.refusal is not None:
            self._refuse(address, nick, jid, room.refusal)
            return
        given = extension and firstChild(
            extension, "http://jabber.org/protocol/muc", "password"
        )
        if extension is not None and room.password and str(given) != room.password:
            self._refuse(address, nick, jid, fault("not-authorized", "auth"))
        elif room.occupants.get(nick, jid) != jid:
            self._refuse(address, nick, jid, fault("conflict"))
        elif extension is None:
            self._rename(address, nick, jid)
        else:
            self._enter(address, room.assigned or nick, jid, extension)

    def _refuse(self, room: str, nick: str, jid: str, error: str) -> None:
        self._deliver(
            f"<presence type='error' from='{room}/{escapeAttribute(nick)}' to='{jid}'>"
            f"{error}</presence>"
        )

    def _enter(self, address: str, nick: str, jid: str, extension: Element) -> None:
        room = self.rooms[address]
        for each in [n for n, own in room.occupants.items() if own == jid]:
            del room.occupants[each]
        codes = (110, *((210,) if room.assigned else ()), *room.statuses)
        room.statuses = ()
        others = [*room.occupants]
        room.occupants[nick] = jid
        if room.isMisordered:
            self.showPresence(address, nick, jid, *codes)
        for each in others:
            self.showPresence(address, each, jid)
        if not room.isMisordered:
            self.showPresence(address, nick, jid, *codes)
        if room.isDoubled:
            self.showPresence(address, nick, jid, *codes)
        request = firstChild(extension, "http://jabber.org/protocol/muc", "history")
        limit = room.history
        since = 0.0
        if request is not None:
            limit = min(limit, int(request.getAttribute("maxstanzas", limit)))
            if request.hasAttribute("since"):
                since = datetime.fromisoformat(request["since"]).timestamp()
            if request.hasAttribute("seconds"):
                since = self._now() - int(request["seconds"])
        found = [each for each in room.said if int(each.at) >= int(since)]
        for said in found[len(found) - limit if limit < len(found) else 0 :]:
            if limit:
                self._message(address, said, jid, isOld=True)
        self.setSubject(address, room.subject, jid)

    def _rename(self, address: str, nick: str, jid: str) -> None:
        room = self.rooms[address]
        for old in [n for n, own in room.occupants.items() if own == jid]:
            del room.occupants[old]
            item = f"<item affiliation='none' role='participant' nick='{nick}'/>"
            self._deliver(
                f"<presence type='unavailable' from='{address}/{old}' to='{jid}'>"
                f"<x xmlns='{MUC_USER}'>{item}<status code='303'/>"
                "<status code='110'/></x></presence>"
            )
        room.occupants[nick] = jid
        self.showPresence(address, nick, jid, 110)

    # --- what others do ---

    def enter(self, address: str, nick: str, jid: str) -> None:
        """Let another occupant enter, and show it to all."""
        room = self.rooms[address]
        room.occupants[nick] = jid
        for each in [*room.occupants.values()]:
            self.showPresence(address, nick, each)

    def leave(self, address: str, nick: str) -> None:
        """Let another occupant leave, and tell all."""
        room = self.rooms[address]
        del room.occupants[nick]
        for each in [*room.occupants.values()]:
            self._deliver(
                f"<presence type='unavailable' to='{each}'"
                f" from='{address}/{escapeAttribute(nick)}'><x xmlns='{MUC_USER}'>"
                "<item affiliation='none' role='none'/></x></presence>"
            )

    def rename(self, address: str, nick: str, jid: str) -> None:
        """Change the nick of an occupant (XEP-0045 §7.6)."""
        self._rename(address, nick, jid)

    def showPresence(self, address: str, nick: str, jid: str, *codes: int) -> None:
        """Show an occupant to another."""
        statuses = "".join(f"<status code='{code}'/>" for code in codes)
        self._deliver(
            f"<presence from='{address}/{escapeAttribute(nick)}' to='{jid}'>"
            f"<x xmlns='{MUC_USER}'><item affiliation='none' role='participant'/>"
            f"{statuses}</x></presence>"
        )

    def setSubject(self, address: str, subject: str, jid: str) -> None:
        """Tell an occupant the subject."""
        self.rooms[address].subject = subject
        self._deliver(
            f"<message type='groupchat' from='{address}' to='{jid}'>"
            f"<subject>{escapeText(subject)}</subject></message>"
        )

    def say(
        self,
        address: str,
        body: str,
        nick: str = "other",
        *,
        own: str = "",
        more: str = "",
    ) -> Said:
        """Let an occupant say something; see L{Said}."""
        room = self.rooms[address]
        id = f"m{next(self._numbers)}"
        said = Said(id, nick, body, self._now(), own or f"{id}-own", more)
        room.said.append(said)
        if self.ready:
            for jid in [*room.occupants.values()]:
                self._message(address, said, jid, isOld=False)
        return said

    def _message(self, address: str, said: Said, jid: str, *, isOld: bool) -> None:
        room = self.rooms[address]
        id = (
            f"<stanza-id xmlns='{ns.SID}' id='{said.id}' by='{address}'/>"
            if room.hasArchive
            else ""
        )
        # XEP-0359 §6: a room that gives ids removes others in its name.
        more = "" if room.hasArchive and ns.SID in said.more else said.more
        isStamped = f"{ns.DELAY}' from='{address}'" in said.more
        delay = (
            f"<delay xmlns='{ns.DELAY}' from='{address}'"
            f" stamp='{self._stamp(int(said.at))}'/>"
            if isOld and not (room.isStampingOnce and isStamped)
            else ""
        )
        self._deliver(
            f"<message type='groupchat' id='{said.own}'"
            f" from='{address}/{escapeAttribute(said.nick)}' to='{jid}'>"
            f"<body>{escapeText(said.body)}</body>{more}{id}{delay}</message>"
        )

    def remove(
        self,
        address: str,
        nick: str,
        *codes: int,
        content: str = "",
        isSilent: bool = False,
    ) -> None:
        """
        Remove an occupant.

        @param codes: The status codes.
        @param content: Of the item.
        @param isSilent: Whether nobody is told.
        """
        jid = self.rooms[address].occupants.pop(nick, None)
        if jid is None or isSilent:
            return
        statuses = "".join(f"<status code='{code}'/>" for code in (110, *codes))
        self._deliver(
            f"<presence type='unavailable' from='{address}/{nick}' to='{jid}'>"
            f"<x xmlns='{MUC_USER}'><item affiliation='none' role='none'>{content}"
            f"</item>{statuses}</x></presence>"
        )

    def destroy(self, address: str, alternate: str = "") -> None:
        """Destroy a room (XEP-0045 §10.9)."""
        room = self.rooms.pop(address)
        where = f" jid='{alternate}'" if alternate else ""
        for nick, jid in room.occupants.items():
            self._deliver(
                f"<presence type='unavailable' from='{address}/{nick}' to='{jid}'>"
                f"<x xmlns='{MUC_USER}'><item affiliation='none' role='none'/>"
                f"<destroy{where}><reason>Too old</reason></destroy></x></presence>"
            )

    def _deliver(self, xml: str) -> None:
        if self.ready:
            self.deliver(stanza(xml))

    def _stamp(self, at: float) -> str:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class HeldQueue:
    """
    A queue of messages to rooms, for a test that has none.

    @ivar gates: The gate of each room and occupant, as it was told last.
    @ivar reflections: The ids of messages that were sent back, with their stanza-ids.
    """

    gates: dict[tuple[str, str], RoomGate] = field(default_factory=dict)
    reflections: list[tuple[str, str]] = field(default_factory=list)

    def reflected(self, to: str, sender: str, id: str, stanzaID: str) -> None:
        """Record a message that was sent back."""
        self.reflections.append((id, stanzaID))

    def roomChanged(self, to: str, sender: str, gate: RoomGate) -> None:
        """Record a gate."""
        self.gates[to, sender] = gate

    def roomsKnown(self) -> None:
        """Do nothing."""


def makeService(
    server: ScriptedRooms,
    store: MembershipStore,
    forward: Callable[[Element], None],
    queue: RoomMessageQueue,
    clock: Clock,
    *,
    now: Callable[[], float],
    accepted: Sequence[str] = (),
) -> RoomService:
    """
    Make the service that is to be tested, with predictable ids and delays.

    @param accepted: Patterns of the addresses whose invitations are accepted.
    """
    numbers = count(1)
    return RoomService(
        Surroundings(
            store,
            server,
            forward,
            queue,
            clock,
            now,
            lambda: f"q{next(numbers)}",
            lambda: 0.0,
        ),
        "xmpprest",
        lambda: accepted,
        domain=DOMAIN,
    )


def joinedRooms(clock: Clock, room: str, bot: JID) -> RoomService:
    """Make a service whose bot is in a room, for tests of its routes."""
    server, store = ScriptedRooms(clock, clock.seconds), MemoryStore()
    store.open()
    server.rooms[room] = ScriptedRoom()
    service = makeService(
        server, store, lambda stanza: None, HeldQueue(), clock, now=clock.seconds
    )
    server.deliver = service.intercept
    server.ready = True
    service.startService()
    request = RoomRequest(room, bot, RoomSettings())
    Deferred.fromCoroutine(service.put(request))
    return service
