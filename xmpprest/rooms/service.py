"""The service that keeps bots in rooms: memberships, inbound stanzas, requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.words.xish.domish import Element

from ..concurrency import timers
from ..concurrency.waiters import Waiters
from ..core.errors import REPORT_BUG, Problem, Refusal, serviceUnavailable
from ..core.records import StoreUnavailable
from ..core.rooms import events
from ..core.rooms.membership import Membership
from ..core.rooms.requests import RoomRequest
from ..core.rooms.values import MISSED, STATES, RoomGate, RoomRecord
from ..core.stanza import jid
from ..core.stanza.build import withAttributes
from .failures import notJoined
from .interfaces import Surroundings
from .invitations import acceptedInvitation
from .queries import RoomQueries
from .registry import RoomRegistry
from .room import Room, withoutFarewell

_log = Logger()

#: Seconds that a client waits for a join.
PUT_TIMEOUT = 30.0
#: Seconds until the memberships are read again if the store is unavailable.
RETRY_DELAY = 1.0
#: Memberships of one gateway.
MAX_ROOMS = 10_000
#: Inbound stanzas that wait until the memberships are read.
MAX_EARLY = 10_000

_TIMED_OUT = Problem(
    504,
    "wait",
    "connection-timeout",
    f"The room has not answered within {PUT_TIMEOUT:g} s; the gateway keeps trying.",
)


class RoomService(Service):
    """
    Keeps bots in rooms.

    An observer of the stream, and an interceptor of inbound stanzas.

    @ivar changes: Counts joins and removals.
    """

    def __init__(
        self,
        world: Surroundings,
        name: str,
        accepted: Callable[[], Sequence[str]] = tuple,
        *,
        domain: str,
    ) -> None:
        """
        @param name: The nick of a bot without a local part.
        @param domain: The component domain.
        @param accepted: Returns the addresses whose invitations are accepted.
        """
        self._accepted = accepted
        self._registry = RoomRegistry(world)
        self.changes = self._registry.changes
        self._world = world
        self._name = name
        self._domain = domain
        #: Stanzas that have arrived before the memberships were read.
        self._early: list[Element] | None = []
        self._reading: Waiters[None] = Waiters()
        self._retry: IDelayedCall | None = None

    # --- starting and stopping ---

    def startService(self) -> None:
        """Read the memberships, and join."""
        super().startService()
        self._early = []
        self._read()

    def _read(self) -> None:
        reading = self._world.store.rooms()
        reading.addCallbacks(self._readDone, self._readFailed)
        reading.addErrback(_crashed)

    def _readDone(self, records: Sequence[RoomRecord]) -> None:
        if not self.running:
            return
        for record in records:
            if jid.parseJID(record.sender).domain == self._domain:
                self._registry.add(record, isStored=True)
            else:
                # The server would close the stream on a stanza from it.
                _log.warn(
                    "The bot {bot} is not in {room}, because the domain is {domain}:"
                    " set --domain to that of the bot, or let another bot join by PUT.",
                    bot=record.sender,
                    room=record.room,
                    domain=self._domain,
                )
        if self._world.stream.ready:
            self.connected()
        early, self._early = self._early or [], None
        self._world.queue.roomsKnown()
        self._reading.release(None)
        for stanza in early:
            left = self.intercept(stanza)
            if left is not None:
                self._world.forward(left)

    def _readFailed(self, reason: Failure) -> None:
        reason.trap(StoreUnavailable)
        if self.running:
            self._retry = self._world.clock.callLater(RETRY_DELAY, self._read)

    def stopService(self) -> Deferred[None]:
        """Leave the rooms; the memberships stay in the store."""
        super().stopService()
        timers.cancel(self._retry)
        return Deferred.fromCoroutine(self._registry.clear())

    def connected(self) -> None:
        """Join all rooms: the stream is up."""
        self._handleAll(events.StreamUp())

    def disconnected(self) -> None:
        """Note that the stream is lost."""
        self._handleAll(events.StreamDown())

    def _handleAll(self, event: events.Event) -> None:
        for room in self._registry.rooms if self.running else ():
            room.handle(event)

    # --- stanzas ---

    def intercept(self, stanza: Element) -> Element | None:
        """
        Handle an inbound stanza.

        @return: The stanza for the next handler; C{None} if it is dealt with.
        """
        if self._early is not None and self.running:
            if len(self._early) < MAX_EARLY:
                self._early.append(stanza)
                return None
            return stanza
        sender = jid.bareOf(stanza.getAttribute("from", ""))
        room = self._registry.ofOccupant(sender, stanza.getAttribute("to", ""))
        if room is not None:
            # A room that is stopped must not set a timer, or send anything.
            return room.intercept(stanza) if self.running else withoutFarewell(stanza)
        if self.running and stanza.name == "message" and (accepted := self._accepted()):
            self._consider(stanza, accepted)
        return stanza

    def _consider(self, message: Element, accepted: Sequence[str]) -> None:
        """Accept the invitation in a message, if there is one to be accepted."""
        request = acceptedInvitation(message, accepted)
        if request is not None and request.invitedBy is not None:
            accepting = self._accept(request, request.invitedBy, message["from"])
            joining = Deferred.fromCoroutine(accepting)
            joining.addErrback(notJoined, request.room)

    async def _accept(self, request: RoomRequest, inviter: str, sender: str) -> None:
        """
        Accept an invitation, unless it is a private message of an occupant: that has
        the address of the room, but is not its word.
        """
        address, _, resource = sender.partition("/")
        queries = RoomQueries(address, request.occupant, self._world)
        if resource and await queries.mayBeRoom():
            return
        registry, invited = self._registry, self._registry.invited
        isKnown = registry.ofBot(request.room, str(request.sender)) is not None
        if isKnown or not self.running:
            return
        excess = invited.excess(inviter)
        if excess is not None and registry.forgetRemoved(excess.holder):
            excess = invited.excess(inviter)
        if excess is not None:
            invited.refuse(request.room, excess)
            return
        invited.accept()
        await self.put(request)

    def isOccupantPresence(self, presence: Element) -> bool:
        """Tell presence that a room sends to the bot as one of its occupants."""
        sender = jid.bareOf(presence.getAttribute("from", ""))
        occupant = presence.getAttribute("to", "")
        return self._registry.ofOccupant(sender, occupant) is not None

    def gateOf(self, to: str, sender: str) -> RoomGate | None:
        """
        Tell whether groupchat messages of an occupant pass to a room. Before the
        memberships are read, every message may be for a room of a bot.

        @return: C{None} if it is none.
        """
        if self._early is not None and self.running:
            return RoomGate.HELD
        room = self._registry.ofOccupant(to, sender)
        return None if room is None else room.gate

    def isOpen(self, to: str, sender: str) -> bool:
        """
        Check whether groupchat messages of an occupant reach a room, now or once the
        bot is in it.
        """
        return self.gateOf(to, sender) in (RoomGate.OPEN, RoomGate.HELD)

    def readdress(self, stanza: Element) -> Element:
        """
        Return a stanza for a room or an occupant with the address of the bot's own
        occupant, if it comes from the bare address of a bot that is in the room.

        @raise Refusal: 503; the memberships are not read yet, so that it is not known
            from which address a message to a room must come.
        """
        if self._early is not None and self.running and _mayBeForRoom(stanza):
            raise serviceUnavailable(
                "resource-constraint",
                "The gateway is starting, and does not know its rooms yet; try again.",
                retryAfter=1,
            )
        room = self._registry.ofBot(jid.bareOf(stanza["to"]), stanza["from"])
        if room is None:
            return stanza
        return withAttributes(stanza, **{"from": room.record.occupant})

    # --- requests ---

    @property
    def memberships(self) -> Sequence[Membership]:
        """All memberships, in the order in which they were made."""
        return [each.membership for each in self._registry.rooms]

    def membershipsIn(self, room: str) -> Sequence[Membership]:
        """Return the memberships in one room."""
        return [each for each in self.memberships if each.record.room == room]

    @property
    def invitations(self) -> Mapping[str, int]:
        """The number of invitations that were accepted, and of those refused."""
        return self._registry.invited.counts

    @property
    def counts(self) -> dict[str, int]:
        """The number of memberships in each state."""
        counts = dict.fromkeys(STATES, 0)
        for each in self._registry.rooms:
            counts[each.membership.state] += 1
        return counts

    async def put(self, request: RoomRequest) -> Membership:
        """
        Let a bot be in a room, and wait until it is.

        @raise Refusal: It is not: 403, 404, 409, 422 or 503 by the reason of the room;
            504 if the room has not answered in time; 503 without a stream.
        @raise StoreUnavailable: The membership cannot be stored.
        """
        if self._early is not None:
            reading = self._reading.wait()
            await reading.addTimeout(PUT_TIMEOUT, self._world.clock, lambda *_: None)
        if not self._world.stream.ready or self._early is not None:
            raise serviceUnavailable(
                "remote-connection-failed",
                "There is no connection to the XMPP server; try again.",
                retryAfter=5,
            )
        room, event = self._find(request)
        answer = room.wait()
        room.handle(event)
        answer.addTimeout(PUT_TIMEOUT, self._world.clock, lambda *_: _TIMED_OUT)
        try:
            problem = await answer
        except BaseException:
            # The client has gone. It cannot know that the room refuses.
            room.handle(events.Persisted())
            raise
        if problem is _TIMED_OUT:
            room.handle(events.Persisted())
        if problem is None or problem is _TIMED_OUT:
            await self._world.store.saveRoom(room.record)
        self._registry.noteInviter(room)
        if problem is not None:
            raise Refusal(problem)
        return room.membership

    def _find(self, request: RoomRequest) -> tuple[Room, events.Event]:
        """Return the membership of a request, perhaps a new one, and the event."""
        key = (request.room, str(request.sender.bare))
        room = self._registry.ofBot(*key)
        if room is not None and room.record.occupant != request.occupant:
            room.handle(events.Deleted())
            room = None
        if room is not None:
            return room, events.Requested(request.settings)
        if len(self._registry) >= MAX_ROOMS:
            raise serviceUnavailable(
                "resource-constraint",
                f"The gateway is in {MAX_ROOMS} rooms already; leave one first.",
                retryAfter=60,
            )
        settings = request.settings
        record = RoomRecord(
            *key,
            request.occupant,
            settings.nick or request.sender.local or self._name,
            settings.password,
            settings.history or MISSED,
            bool(settings.create),
            invitedBy=request.invitedBy,
        )
        return self._registry.add(record, isStored=False), events.StreamUp()

    async def delete(self, membership: Membership) -> None:
        """
        Let a bot leave a room.

        @raise StoreUnavailable: The membership is still in the store.
        """
        record = membership.record
        room = self._registry.ofBot(record.room, record.sender)
        if room is not None:
            await self._world.store.deleteRoom(record.room, record.sender)
            room.handle(events.Deleted())


def _mayBeForRoom(stanza: Element) -> bool:
    isGroupchat = stanza.getAttribute("type") == "groupchat"
    return isGroupchat and "/" not in stanza["from"]


def _crashed(reason: Failure) -> None:
    _log.failure(
        "Reading or deleting memberships crashed. " + REPORT_BUG, failure=reason
    )
