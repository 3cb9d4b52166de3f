"""One membership at work: stanzas become events, and actions are carried out."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.words.xish.domish import Element

from ..concurrency import timers
from ..concurrency.waiters import Waiters
from ..core.errors import REPORT_BUG, Problem, Refusal
from ..core.records import StoreUnavailable
from ..core.rooms import archive, events, reading, stanzas, transitions, values
from ..core.rooms.events import Action, Event
from ..core.rooms.history import (
    REMEMBERED,
    RepeatFilter,
    archiveIDOf,
    isSubject,
    keyOf,
    stanzaIDOf,
)
from ..core.rooms.membership import Membership
from ..core.rooms.phases import Phase
from ..core.rooms.values import (
    TIMEOUT,
    RoomFault,
    RoomGate,
    RoomInfo,
    RoomRecord,
    SeenMessage,
)
from ..core.rooms.views import roomEvent
from ..core.stanza import jid
from ..core.stanza import namespaces as ns
from ..core.stanza.build import firstChild, result
from .interfaces import Surroundings
from .joins import JoinTurns

_log = Logger()

#: Seconds that disco, a configuration, a self-ping and an archive have to answer.
REQUEST_TIMEOUT = 15.0
#: Live messages that wait while missed ones are read from the archive. Of more, the
#: oldest is delivered out of order.
MAX_BUFFERED = 1000
#: Seconds that a room has to repeat its history and send the subject.
HISTORY_TIMEOUT = 10.0
#: Pages that are read from an archive after one join.
MAX_PAGES = 200


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
        "_buffer",
        "_catching",
        "_changes",
        "_forget",
        "_gate",
        "_history",
        "_number",
        "_repeats",
        "_silence",
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
        #: Ends the wait for a room's history that has no end.
        self._silence: IDelayedCall | None = None
        self._waiters: Waiters[Problem | None] = Waiters()
        self._timer: IDelayedCall | None = None
        self._asking: Deferred[Event] | None = None
        self._catching: Deferred[None] | None = None
        #: Messages seen so far, while the room may repeat some of them.
        self._repeats: RepeatFilter | None = None
        #: Live messages that wait for missed ones; C{None} if they do not.
        self._buffer: list[Element] | None = None
        #: Messages that the room repeats, until it has repeated all.
        self._history: list[Element] = []
        #: The number of the next seen message.
        self._number = 0

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
        for action in transitions.handle(self.membership, event, self._world.now()):
            _PERFORM[type(action)](self, action)
        self._noteGate()

    @property
    def gate(self) -> RoomGate:
        """Whether messages to the room pass."""
        membership = self.membership
        if membership.phase in (Phase.REMOVED, Phase.LEFT):
            return RoomGate.REMOVED
        isReady = self._catching is None and not membership.isRepeating
        isOpen = membership.phase is Phase.JOINED and isReady
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
        timers.cancel(self._silence)
        asking, self._asking = self._asking, None
        catching, self._catching = self._catching, None
        for each in (asking, catching):
            if each is not None:
                each.cancel()
        self._turns.release(self)

    # --- inbound stanzas ---

    def intercept(self, stanza: Element) -> Element | None:
        """
        Handle a stanza from the room, or from one of its occupants, for the bot.

        @return: The stanza if the callback is to get it; C{None} if it is dealt with.
        """
        membership = self.membership
        if membership.phase is Phase.LEFT:
            isFarewell = stanza.name == "presence" or _isGroupchat(stanza)
            return None if isFarewell else stanza
        membership.heardAt = self._world.now()
        if stanza.name == "presence":
            return self._presence(stanza)
        if stanza.name == "iq":
            return self._iq(stanza)
        if _isGroupchat(stanza):
            self._groupchat(stanza)
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

    # --- messages of the room ---

    def _groupchat(self, message: Element) -> None:
        """
        Deliver a message of the room, in its order and once.

        Messages that arrive before the bot has entered are for its ghost of an earlier
        stream. They are dropped, because the history or the archive has them, behind
        those that were missed.
        """
        if self.membership.phase is not Phase.JOINED:
            return
        if self._buffer is None:
            self._deliver(message)
            return
        self._buffer.append(message)
        if len(self._buffer) > MAX_BUFFERED:
            self._deliver(self._buffer.pop(0))

    def _deliver(self, message: Element) -> None:
        """Deliver a message unless the room repeats it."""
        self._noteOwn(message)
        stamp = reading.stampOf(message)
        isOld = stamp is not None and not isSubject(message)
        if self.membership.isRepeating and isOld:
            self._history.append(message)
            return
        self._endHistory()
        if isSubject(message):
            self._deliverSubject(message)
        else:
            key = keyOf(message, self.record.room)
            if key is None or not self._isArchived(key):
                self._forward(message, key)
        self._endRepeats()
        self._noteGate()

    def _noteOwn(self, message: Element) -> None:
        """Tell the queue of a message that the room sends back to the bot."""
        record, nick = self.record, message["from"].partition("/")[2]
        id = message.getAttribute("id")
        if id and nick and nick in (self.membership.nick, record.nick):
            stanzaID = stanzaIDOf(message, record.room) or ""
            self._world.queue.reflected(record.room, record.occupant, id, stanzaID)

    def _isArchived(self, key: str) -> bool:
        """Tell whether a live message has come from the archive already."""
        isKnown = self._repeats is not None and archiveIDOf(key) is not None
        return isKnown and self._repeats is not None and self._repeats.takes(key, 0.0)

    def _endHistory(self) -> None:
        """Deliver what the history has behind the last message that was seen."""
        old, self._history = self._history, []
        self.membership.isRepeating = False
        if not old or self._repeats is None:
            return
        room, isWanted = self.record.room, self.record.history != values.MISSED
        keys = [keyOf(each, room) for each in old]
        stamps = [reading.stampOf(each) or 0.0 for each in old]
        first = self._repeats.countRepeated(keys, stamps)
        for message, key, stamp in [*zip(old, keys, stamps, strict=True)][first:]:
            if self.membership.isFirst and not isWanted:
                # Said before the first join: only to be recognised later.
                if key is not None:
                    self._note(key, stamp)
            elif not self.membership.hasArchive or self.membership.isFirst:
                self._forward(message, key)

    def _deliverSubject(self, message: Element) -> None:
        """Deliver a subject that has changed."""
        subject = str(firstChild(message, ns.CLIENT, "subject") or "")
        if subject == (self.record.subject or ""):
            return
        for action in self.membership.withSubject(subject):
            _PERFORM[type(action)](self, action)
        self._forward(message, keyOf(message, self.record.room))

    def _forward(self, message: Element, key: str | None) -> None:
        """
        Hand a message to the callbacks, and record it as seen. Both calls of the store
        are made in one turn of the reactor, so they are in one commit.
        """
        self._world.forward(message)
        if key is not None:
            self._note(key, self._world.now())

    def _note(self, key: str, at: float) -> None:
        """Record a message as seen."""
        if self._repeats is not None:
            self._repeats.add(key, at)
        record, number = self.record, self._number
        self._number += 1
        store = self._world.store
        seen = SeenMessage(record.room, record.sender, number, key, at)
        store.addSeen(seen).addErrback(_notStored)
        if number and number % REMEMBERED == 0:
            keeping = number - REMEMBERED
            store.trimSeen(record.room, record.sender, keeping).addErrback(_notStored)

    def _endRepeats(self) -> None:
        """Forget the seen messages once the room repeats none any more."""
        if not self.membership.isRepeating and self._catching is None:
            self._repeats = None

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
        await self._loadSeen()
        reply = await self._requestInfo()
        if isinstance(reply, RoomFault):
            return events.Checked(None, reply)
        return events.Checked(reply)

    async def _loadSeen(self) -> None:
        """Read which messages were seen, to recognise them."""
        record, store = self.record, self._world.store
        try:
            seen = await store.seenMessages(record.room, record.sender)
        except StoreUnavailable:
            seen = []
        if seen:
            self._number = max(self._number, seen[-1].number + 1)
            if not self.membership.coveredUntil:
                self.membership.coveredUntil = max(each.at for each in seen)
        self._repeats = RepeatFilter(seen)

    async def _requestInfo(self) -> RoomInfo | RoomFault:
        record = self.record
        query = stanzas.discoQuery(record.room, record.occupant, self._world.newID())
        reply = await self._request(query)
        return reply if isinstance(reply, RoomFault) else reading.readInfo(reply[-1])

    def _enter(self, action: events.Enter) -> None:
        record = self.record
        self._history = self._history if action.history is None else []
        if action.history is None:
            presence = stanzas.nickPresence(record.room, record.occupant, action.nick)
        else:
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
        record, id = self.record, self._world.newID()
        query = stanzas.instantRoomQuery(record.room, record.occupant, id)
        return events.Configured(_faultIn(await self._request(query)))

    def _ping(self, action: events.Ping) -> None:
        self._ask(self._pinged(action.nick))

    async def _pinged(self, nick: str) -> Event:
        record, id = self.record, self._world.newID()
        ping = stanzas.selfPing(record.room, record.occupant, nick, id)
        return events.Pinged(_faultIn(await self._request(ping)))

    def _ask(self, asking: Coroutine[Deferred[Any], Any, Event]) -> None:
        """Send a query, and pass its result to the membership as an event."""
        before = self._asking
        self._asking = deferred = Deferred.fromCoroutine(asking)
        if before is not None:
            before.cancel()
        deferred.addCallbacks(self._asked, _crashed, (), {}, (self.record.room,))

    def _asked(self, event: Event) -> None:
        self._asking = None
        self.handle(event)

    async def _request(self, query: Element) -> list[Element] | RoomFault:
        """Send an iq; return the reply, or the reason why there is none."""
        try:
            return await self._world.stream.request(query, REQUEST_TIMEOUT)
        except Refusal as refusal:
            return TIMEOUT if refusal.problem.status == 504 else _LOST

    def _setTimer(self, action: events.SetTimer) -> None:
        timers.cancel(self._timer)
        self._timer = None
        if action.delay is not None:
            self._timer = self._world.clock.callLater(
                action.delay, self.handle, events.Due()
            )

    def _save(self, action: events.Save) -> None:
        self._world.store.saveRoom(self.record).addErrback(_notStored)

    def _over(self, action: events.Forget) -> None:
        self.stop()
        self._forget(self)

    def _announce(self, action: events.Announce) -> None:
        if action.change == values.REMOVED:
            self._changes.removals += 1
        else:
            self._changes.joins += 1
        self._world.forward(roomEvent(self.membership, action.change))

    def _answer(self, action: events.Answer) -> None:
        self._waiters.release(action.problem)

    # --- missed messages ---

    def _catchUp(self, action: events.CatchUp) -> None:
        before = self._catching
        self._catching = None
        if before is not None:
            before.cancel()
        timers.cancel(self._silence)
        self._silence = self._world.clock.callLater(HISTORY_TIMEOUT, self._endSilence)
        if self.record.history == values.NONE:
            return
        self._buffer = []
        self._catching = catching = Deferred.fromCoroutine(self._readMissed())
        catching.addErrback(_crashed, self.record.room)
        catching.addBoth(lambda _: self._caughtUp(catching))

    def _endSilence(self) -> None:
        """Take the history as complete, although the room has sent no subject."""
        if self.membership.phase is Phase.JOINED and self.membership.isRepeating:
            self._endHistory()
            self._endRepeats()
            self._noteGate()

    def _caughtUp(self, catching: Deferred[None]) -> None:
        """Deliver the live messages that have waited."""
        if self._catching is not catching:
            return
        waiting, self._buffer = self._buffer or [], None
        if self.membership.phase is Phase.JOINED:
            for each in waiting:
                self._deliver(each)
        self._catching = None
        self._endRepeats()
        self._noteGate()

    async def _readMissed(self) -> None:
        """Deliver what the archive has since the last message that was seen."""
        membership, repeats = self.membership, self._repeats
        if membership.hasArchive is None:
            info = await self._requestInfo()
            membership.hasArchive = not isinstance(info, RoomFault) and info.hasArchive
        if not membership.hasArchive or repeats is None:
            return
        last, start = repeats.lastArchiveID, None
        if last is None and membership.isFirst:
            # A history that the client has asked for is delivered, and noted then.
            if self.record.history == values.MISSED:
                await self._noteNewest()
            return
        if last is None:
            start = self._coveredUntil
        for _ in range(MAX_PAGES):
            page = await self._readPage(last, start)
            if page is None:
                return
            for each in page.messages:
                last, start = each.id, None
                self._deliverMissed(each, repeats)
            if page.isComplete or not page.messages:
                return

    @property
    def _coveredUntil(self) -> float:
        """The time until which no message was missed."""
        return self.membership.coveredUntil or self.record.joinedAt

    async def _noteNewest(self) -> None:
        """Record the newest message before the first join, without delivering it."""
        page = await self._readPage(None, None)
        for each in page.messages if page else ():
            key = keyOf(each.message, self.record.room)
            if key is not None:
                self._note(key, each.stamp)

    async def _readPage(
        self, after: str | None, start: float | None
    ) -> archive.ArchivePage | None:
        """Read a page of the archive; C{None} if the room sends none."""
        record, id = self.record, self._world.newID()
        query = archive.archiveQuery(
            record.room, record.occupant, id, after=after, start=start
        )
        reply = await self._request(query)
        fault = _faultIn(reply)
        if fault is None and not isinstance(reply, RoomFault):
            return archive.readArchive(reply, record.room, record.occupant)
        assert fault is not None
        if fault.condition == "item-not-found" and after is not None:
            # XEP-0313 §4.3.2: the archive no longer has that message.
            return await self._readPage(None, self._coveredUntil)
        if fault is not _LOST:
            _log.warn(
                "The archive of {room} cannot be read ({condition}): messages that were"
                " missed are not delivered.",
                room=record.room,
                condition=fault.condition,
            )
        return None

    def _deliverMissed(
        self, archived: archive.ArchivedMessage, repeats: RepeatFilter
    ) -> None:
        self._noteOwn(archived.message)
        key = keyOf(archived.message, self.record.room)
        if key is None or not repeats.takes(key, archived.stamp):
            self._forward(archived.message, key)


#: The stream was lost while a request waited.
_LOST = RoomFault("recipient-unavailable", "wait", "the stream was lost")

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


def _isGroupchat(stanza: Element) -> bool:
    return bool(stanza.getAttribute("type") == "groupchat")


def _faultIn(reply: list[Element] | RoomFault) -> RoomFault | None:
    """Return the error in a reply, or in its place; C{None} for a result."""
    return reply if isinstance(reply, RoomFault) else reading.readReply(reply[-1])


def _notStored(reason: Failure) -> None:
    """Log why a membership could not be stored."""
    if reason.check(StoreUnavailable):
        _log.warn(
            "The state of a room cannot be stored: {reason}.", reason=reason.value
        )
    else:
        _log.failure("Storing a room crashed. " + REPORT_BUG, failure=reason)


def _crashed(reason: Failure, room: str) -> None:
    if not reason.check(CancelledError):
        _log.failure(
            "A request to {room} crashed. " + REPORT_BUG, failure=reason, room=room
        )
