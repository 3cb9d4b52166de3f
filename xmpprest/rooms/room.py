"""One membership at work: stanzas become events, and actions are carried out."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.words.xish.domish import Element

from ..concurrency import timers
from ..concurrency.waiters import Waiters
from ..core.errors import Problem, Refusal
from ..core.rooms import events, reading, stanzas, transitions, values
from ..core.rooms.events import Action, Event
from ..core.rooms.membership import Membership
from ..core.rooms.phases import Phase
from ..core.rooms.values import RoomFault, RoomGate, RoomRecord
from ..core.rooms.views import roomEvent
from ..core.stanza import jid
from ..core.stanza.build import result
from .deliveries import RoomDeliveries
from .failures import crashed, notStored
from .interfaces import Surroundings
from .joins import JoinTurns
from .queries import RoomQueries


@dataclass(slots=True)
class RoomChanges:
    """
    Counts changes of all memberships.

    @ivar joins: How often a bot has entered a room.
    @ivar removals: How often a room has removed a bot for good.
    """

    joins: int = 0
    removals: int = 0


class Room:
    """
    A membership and everything that acts for it.

    @ivar membership: Decides what is done.
    """

    __slots__ = (
        "_asking",
        "_changes",
        "_deliveries",
        "_forget",
        "_gate",
        "_queries",
        "_timer",
        "_turns",
        "_waiters",
        "_world",
        "membership",
    )

    def __init__(
        self,
        membership: Membership,
        world: Surroundings,
        turns: JoinTurns,
        changes: RoomChanges,
        *,
        forget: Callable[[Room], None],
    ) -> None:
        """@param forget: Called when the membership is over."""
        self.membership = membership
        self._world = world
        self._turns = turns
        self._changes = changes
        self._forget = forget
        #: The gate that was told last.
        self._gate = RoomGate.HELD
        self._waiters: Waiters[Problem | None] = Waiters()
        self._timer: IDelayedCall | None = None
        self._asking: Deferred[Event] | None = None
        self._queries = RoomQueries(
            membership.record.room, membership.record.occupant, world
        )
        self._deliveries = RoomDeliveries(
            membership,
            world,
            self._queries,
            perform=self._perform,
            settled=self._noteGate,
        )

    @property
    def record(self) -> RoomRecord:
        """The record of the membership."""
        return self.membership.record

    def wait(self) -> Deferred[Problem | None]:
        """
        Wait for the answer to a client's request.

        @return: Fires with C{None} if the bot is in the room, else with the error.
        """
        return self._waiters.wait()

    def handle(self, event: Event) -> None:
        """Let the membership handle an event, and carry out its actions."""
        self._perform(transitions.handle(self.membership, event, self._world.now()))
        self._noteGate()

    def _perform(self, actions: Sequence[Action]) -> None:
        for action in actions:
            _PERFORM[type(action)](self, action)

    @property
    def gate(self) -> RoomGate:
        """Whether messages to the room pass."""
        membership = self.membership
        if membership.phase in (Phase.REMOVED, Phase.LEFT):
            return RoomGate.REMOVED
        isOpen = membership.phase is Phase.JOINED and self._deliveries.isSettled
        return RoomGate.OPEN if isOpen else RoomGate.HELD

    def _noteGate(self) -> None:
        """Tell the queue of messages if they pass now, or no longer."""
        gate = self.gate
        if gate is not self._gate:
            self._gate = gate
            record = self.record
            self._world.queue.roomChanged(record.room, record.occupant, gate)

    def leave(self) -> None:
        """Leave the room for now: the gateway stops."""
        if self.membership.phase is Phase.JOINED:
            self._depart(events.Depart(self.membership.nick))

    def stop(self) -> None:
        """Cancel everything under way; the membership stays as it is."""
        timers.cancel(self._timer)
        asking, self._asking = self._asking, None
        if asking is not None:
            asking.cancel()
        self._deliveries.stop()
        self._turns.release(self)

    # --- inbound stanzas ---

    def intercept(self, stanza: Element) -> Element | None:
        """
        Handle a stanza from the room, or from one of its occupants, for the bot.

        @return: The stanza if the callback is to get it; C{None} if it is dealt with.
        """
        membership = self.membership
        if membership.phase is Phase.LEFT:
            return withoutFarewell(stanza)
        membership.heardAt = self._world.now()
        if stanza.name == "presence":
            return self._presence(stanza)
        if stanza.name == "iq":
            return self._iq(stanza)
        if _isGroupchat(stanza):
            self._deliveries.receive(stanza)
            return None
        # An error from an occupant is about a private message, or forged.
        isFromRoom = "/" not in stanza.getAttribute("from", "")
        if stanza.getAttribute("type") == "error" and isFromRoom:
            self.handle(events.Bounced(reading.faultOf(stanza)))
        return stanza

    def _presence(self, stanza: Element) -> Element | None:
        event = reading.readPresence(stanza)
        if event is None:
            return stanza
        # An error answers a presence of the gateway itself, unless it is forged.
        isError = isinstance(event, events.Refused)
        if not isError or self._mayRefuse(stanza.getAttribute("from", "")):
            self.handle(event)
        if not isError:
            self._world.forward(stanza)
        return None

    def _mayRefuse(self, sender: str) -> bool:
        """
        Whether an error presence may be from the room (XEP-0045 §7.2): it has the
        room's address, or one that the bot has asked for.
        """
        room = self.record.room
        asked = (f"{room}/{nick}" for nick in self.membership.askedNicks)
        return sender == room or jid.normaliseJID(sender) in map(
            jid.normaliseJID, asked
        )

    def _iq(self, stanza: Element) -> Element | None:
        if not reading.isSelfPing(stanza, self.membership.nick):
            return stanza
        with suppress(Refusal):
            self._world.stream.send(result(stanza))
        return None

    # --- actions ---

    def _acquire(self, action: events.Acquire) -> None:
        self._turns.acquire(self, lambda: self.handle(events.Granted()))

    def _release(self, action: events.Release) -> None:
        asking, self._asking = self._asking, None
        if asking is not None:
            asking.cancel()
        self._turns.release(self)

    def _check(self, action: events.Check) -> None:
        self._ask(self._checked())

    async def _checked(self) -> Event:
        await self._deliveries.load()
        reply = await self._queries.info()
        if isinstance(reply, RoomFault):
            return events.Checked(None, reply)
        return events.Checked(reply)

    def _enter(self, action: events.Enter) -> None:
        record = self.record
        if action.history is None:
            presence = stanzas.nickPresence(record.room, record.occupant, action.nick)
        else:
            self._deliveries.begin()
            presence = stanzas.joinPresence(
                record.room,
                record.occupant,
                action.nick,
                action.history,
                record.password,
            )
        self._send(presence)

    def _depart(self, action: events.Depart) -> None:
        record = self.record
        self._send(stanzas.leavePresence(record.room, record.occupant, action.nick))

    def _send(self, presence: Element) -> None:
        # A presence that cannot be written is repeated when the join has timed out.
        with suppress(Refusal):
            self._world.stream.send(presence)

    def _configure(self, action: events.Configure) -> None:
        self._ask(self._configured())

    async def _configured(self) -> Event:
        return events.Configured(await self._queries.unlock())

    def _ping(self, action: events.Ping) -> None:
        self._ask(self._pinged(action.nick))

    async def _pinged(self, nick: str) -> Event:
        return events.Pinged(await self._queries.ping(nick))

    def _ask(self, asking: Coroutine[Deferred[Any], Any, Event]) -> None:
        """Send a query, and pass its result to the membership as an event."""
        before = self._asking
        self._asking = deferred = Deferred.fromCoroutine(asking)
        if before is not None:
            before.cancel()
        deferred.addCallbacks(self._asked, crashed, (), {}, (self.record.room,))

    def _asked(self, event: Event) -> None:
        self._asking = None
        self.handle(event)

    def _setTimer(self, action: events.SetTimer) -> None:
        timers.cancel(self._timer)
        self._timer = None
        if action.delay is not None:
            self._timer = self._world.clock.callLater(
                action.delay, self.handle, events.Due()
            )

    def _save(self, action: events.Save) -> None:
        self._world.store.saveRoom(self.record).addErrback(notStored)

    def _over(self, action: events.Forget) -> None:
        self.stop()
        self._forget(self)

    def _announce(self, action: events.Announce) -> None:
        if action.change == values.REMOVED:
            self._changes.removals += 1
        else:
            self._changes.joins += 1
        self._world.forward(roomEvent(self.membership, action.change))

    def _catchUp(self, action: events.CatchUp) -> None:
        self._deliveries.catchUp()

    def _answer(self, action: events.Answer) -> None:
        self._waiters.release(action.problem)


_PERFORM: Mapping[type[Action], Callable[[Room, Any], None]] = {
    events.Acquire: Room._acquire,
    events.Release: Room._release,
    events.Check: Room._check,
    events.Enter: Room._enter,
    events.Configure: Room._configure,
    events.Ping: Room._ping,
    events.Depart: Room._depart,
    events.SetTimer: Room._setTimer,
    events.Save: Room._save,
    events.Forget: Room._over,
    events.Announce: Room._announce,
    events.CatchUp: Room._catchUp,
    events.Answer: Room._answer,
}


def withoutFarewell(stanza: Element) -> Element | None:
    """
    Return a stanza from a room that the bot has left, or an occupant of it.

    @return: C{None} for presence and groupchat messages: the callback is not to get
        them.
    """
    return None if stanza.name == "presence" or _isGroupchat(stanza) else stanza


def _isGroupchat(stanza: Element) -> bool:
    return bool(stanza.getAttribute("type") == "groupchat")
