"""
Writes queued messages to the stream, and confirms them by barriers.

Messages that are unconfirmed when the stream is lost are written again, before all
others, with the same ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import Enum

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.words.xish.domish import Element

from ..concurrency import timers
from ..concurrency.waiters import Waiters
from ..core.errors import REPORT_BUG, Refusal
from ..core.records import (
    BOUNCED,
    CONFIRMED,
    SENT,
    StoreUnavailable,
)
from ..core.stanza.annotate import withDelay
from .backlog import Backlog, QueuedMessage
from .barrier_cycle import BarrierCycle
from .bounce_origin import isAnswerFrom
from .capacity import OutboxCapacity
from .culprit import CulpritSearch, bounceOf
from .interfaces import DeliveryBarrier, OutboundStream, OutboxStore
from .outcomes import Outcomes
from .recorder import RETRY_DELAY, Recorder
from .room_messages import (
    RoomGates,
    RoomMessages,
    isGroupchat,
    notInRoom,
)
from .room_traffic import RoomTraffic
from .settlements import Settlements

_log = Logger()

#: Messages that may be written and not yet recorded as confirmed: the most that are
#: sent twice when the gateway or the server is killed.
MAX_IN_FLIGHT = 512
#: Seconds after which a message is stamped with the time of its acceptance.
DELAY_STAMP_AFTER = 30.0
#: Seconds from the response to a barrier to the next barrier, so that under load one
#: barrier and one record are for many messages; and the seconds if a client waits for
#: the outcome of a message.
BARRIER_INTERVAL = 0.02
AWAITED_INTERVAL = 0.005


class SenderState(Enum):
    """
    The states of L{OutboxSender}.

    @cvar CLOSED: Nothing is written; the service is stopped.
    @cvar OFFLINE: Messages wait for a stream.
    @cvar SENDING: Messages are written as far as the window allows.
    @cvar ISOLATING: Messages are written one at a time, each behind the barrier of the
        one before, to find out on which of them the server closes the stream.
    @cvar DRAINING: Nothing new is written; those in flight are confirmed.
    """

    CLOSED = "closed"
    OFFLINE = "offline"
    SENDING = "sending"
    ISOLATING = "isolating"
    DRAINING = "draining"


class OutboxSender:
    """
    Takes messages from the backlog to the server, at most L{MAX_IN_FLIGHT} at a time.

    @ivar settlements: Records what has become of messages.
    @ivar rooms: Takes what rooms say about messages.
    @ivar lastWritten: The highest number of a message that was ever written.
    """

    def __init__(
        self,
        store: OutboxStore,
        stream: OutboundStream,
        barrier: DeliveryBarrier,
        capacity: OutboxCapacity,
        outcomes: Outcomes,
        *,
        clock: IReactorTime,
        now: Callable[[], float],
        domain: str,
        gates: RoomGates | None = None,
    ) -> None:
        """
        @param capacity: Counts the messages that are settled here.
        @param outcomes: Tells the clients that wait for them.
        @param now: Returns seconds since 1970.
        @param domain: The component domain.
        @param gates: The rooms of bots; C{None} if there are none.
        """
        self._rooms = RoomMessages(gates)
        self._stream = stream
        self._barriers = BarrierCycle(
            barrier, clock, passed=self._passed, resume=self._flush
        )
        self._outcomes = outcomes
        self._clock = clock
        self._now = now
        self._domain = domain
        self._state = SenderState.CLOSED
        self._backlog = Backlog(store)
        self._recorder = Recorder(store, clock)
        self.settlements = Settlements(
            capacity,
            outcomes,
            self._recorder,
            self._rooms,
            now=now,
            recorded=self._flush,
        )
        self.rooms = RoomTraffic(self._rooms, self, self.settlements, clock, now)
        #: Messages that are written and unconfirmed, by number, in order.
        self._inFlight: dict[int, QueuedMessage] = {}
        self._retryTimer: IDelayedCall | None = None
        self._drained: Waiters[None] = Waiters()
        #: Messages that an operator is about to drop; they are not written.
        self._held: set[int] = set()
        self._culprits = CulpritSearch()
        self.lastWritten = 0

    @property
    def oldest(self) -> QueuedMessage | None:
        """The oldest unconfirmed message in memory; C{None} if there is none."""
        return next(iter(self._inFlight.values()), self._backlog.head)

    def inFlight(self, number: int) -> QueuedMessage | None:
        """Return a message that is written and unconfirmed, C{None} for any other."""
        return self._inFlight.get(number) or self._rooms.inFlight(number)

    # --- states ---

    def open(self) -> None:
        """Leave CLOSED: write as soon as the stream is up."""
        self._state = SenderState.OFFLINE
        if self._stream.ready:
            self._state = SenderState.SENDING
        self._flush()

    def connected(self) -> None:
        """Leave OFFLINE for SENDING or ISOLATING: the stream is up."""
        if self._state is SenderState.OFFLINE:
            isIsolating = self._culprits.lastSuspect > 0
            self._state = SenderState.ISOLATING if isIsolating else SenderState.SENDING
            self._flush()

    def disconnected(self) -> None:
        """
        Enter OFFLINE: the stream is lost, and how much of it the server has read is
        unknown.
        """
        isIsolating = self._state is SenderState.ISOLATING
        if self._isWriting:
            self._state = SenderState.OFFLINE
        inFlight, fault = [*self._inFlight.values()], self._stream.closeReason
        culprit = self._culprits.lost(inFlight, fault, isIsolating=isIsolating)
        if culprit is not None:
            self._settle([culprit.number], BOUNCED, bounceOf(culprit, fault))
        again = {each.number: each for each in self._rooms.takeUnreflected()}
        again.update(self._inFlight)
        self._rooms.forget(again.values())
        self._backlog.putBack(again[number] for number in sorted(again))
        self._inFlight.clear()
        self._barriers.cancel()
        self._checkDrained()

    def close(self) -> Deferred[None]:
        """
        Enter DRAINING: write nothing more.

        @return: Fires once everything that was written is confirmed and recorded, or
            the stream is lost.
        """
        self._state = SenderState.DRAINING
        drained = self._drained.wait()
        self._checkDrained()
        return drained

    def abort(self) -> None:
        """Enter CLOSED: leave unconfirmed messages to the store."""
        self._state = SenderState.CLOSED
        timers.cancel(self._retryTimer)
        self.rooms.stop()
        self._barriers.cancel()
        self._recorder.stop()

    @property
    def _isWriting(self) -> bool:
        state = self._state
        return state is SenderState.SENDING or state is SenderState.ISOLATING

    # --- writing ---

    def add(self, messages: Sequence[QueuedMessage]) -> None:
        """Send the messages that were stored last."""
        self._backlog.add(messages)
        self._flush()

    def _flush(self) -> None:
        """Write as much as the window allows, and have it confirmed."""
        if self._isWriting:
            self._write()
        if self._isWriting or self._state is SenderState.OFFLINE:
            self._refill()
        self._confirm()
        self._checkDrained()

    def _write(self) -> None:
        while taken := self._backlog.take(self._room(), self._held):
            now = self._now()
            messages, unwanted = self._sorted(taken)
            for each in unwanted:
                self.settlements.conclude([each], BOUNCED, notInRoom(each))
            if not messages:
                continue
            try:
                self._stream.writeAll([self._wireForm(each, now) for each in messages])
            except Refusal:
                # The server does not keep up.
                self._rooms.forget(messages)
                self._backlog.putBack(messages)
                self._retryLater()
                return
            for message in messages:
                message.writtenAt = now
                self._inFlight[message.number] = message
                self._outcomes.written(message.number)
            self.lastWritten = max(self.lastWritten, messages[-1].number)

    def _room(self) -> int:
        """Return how many messages may be written now."""
        window = MAX_IN_FLIGHT
        if self._state is SenderState.ISOLATING:
            head = self._backlog.head
            if head is None or head.number <= self._culprits.lastSuspect:
                window = 1
            elif self._inFlight:
                return 0
            else:
                # The last suspect has passed, or is the only message in flight.
                self._state, self._culprits.lastSuspect = SenderState.SENDING, 0
        return window - len(self._inFlight) - self._recorder.pending

    def _wireForm(self, message: QueuedMessage, now: float) -> tuple[str, bytes]:
        """Return a message as it is written now, as text and encoded."""
        xml, data = message.stanza, message.data
        if now - message.at > DELAY_STAMP_AFTER:
            xml, data = withDelay(xml, self._domain, message.at), None
        return xml, data or self._stream.encode(xml, isStamped=True)

    def _refill(self) -> None:
        reading = self._backlog.refill()
        if reading is not None:
            reading.addCallbacks(lambda _: self._flush(), self._readFailed)

    def _readFailed(self, reason: Failure) -> None:
        if not reason.check(StoreUnavailable):
            _log.failure(
                "Reading queued messages crashed; it is tried again. " + REPORT_BUG,
                failure=reason,
            )
        self._retryLater()

    def _retryLater(self) -> None:
        if self._retryTimer is None or not self._retryTimer.active():
            self._retryTimer = self._clock.callLater(RETRY_DELAY, self._flush)

    # --- confirming ---

    def _confirm(self) -> None:
        """Send a barrier behind the messages in flight."""
        if self._inFlight and self._state is not SenderState.CLOSED:
            self._barriers.start(self._inFlight)

    def _passed(self, isConfirmed: bool, written: Sequence[int]) -> None:
        """
        Confirm messages: the server has processed them.

        @param isConfirmed: Whether that is certain.
        @param written: The numbers of the messages that were in flight.
        """
        self._culprits.confirmed()
        awaited = bool(self._outcomes)
        self._barriers.pause(AWAITED_INTERVAL if awaited else BARRIER_INTERVAL)
        numbers = [number for number in written if number in self._inFlight]
        if isConfirmed:
            numbers = self._withoutUnreflected(numbers)
        self._settle(numbers, CONFIRMED if isConfirmed else SENT)
        self._flush()

    def bounce(self, report: Element, id: str) -> bool:
        """
        Settle the message in flight that an error stanza answers.

        @param id: Of the error stanza.
        @return: Whether there is one.
        """
        for message in (*self._inFlight.values(), *self._rooms.unreflected):
            if message.id != id:
                continue
            isToRoom = self._isToRoom(message)
            if isAnswerFrom(report, message.to, isToRoom=isToRoom):
                self._inFlight.pop(message.number, None)
                self.settlements.conclude([message], BOUNCED, report)
                return True
        return False

    # --- dropping ---

    def hold(self, number: int) -> bool:
        """
        Do not write a queued message until L{release} or L{discard}.

        @return: C{False} if it is being written, or another drop is under way.
        """
        isQueued = self._backlog.contains(number) or self._rooms.holds(number)
        if number in self._held or not isQueued:
            return False
        self._held.add(number)
        return True

    def release(self, number: int) -> None:
        """Write a message again that was held."""
        self._held.discard(number)
        self._flush()

    def discard(self, number: int) -> None:
        """Forget a message that was held; it is dropped."""
        self._backlog.discard(number)
        self._rooms.discard(number)
        self._held.discard(number)
        self._flush()

    def _settle(
        self, numbers: Sequence[int], state: str, report: Element | None = None
    ) -> None:
        """Record the outcome of messages in flight, and tell the clients that wait."""
        messages = [self._inFlight.pop(number) for number in numbers]
        self.settlements.conclude(messages, state, report)

    # --- rooms ---

    def _isToRoom(self, message: QueuedMessage) -> bool:
        return isGroupchat(message) or self._rooms.isRoom(message.to, message.sender)

    def _sorted(
        self, messages: list[QueuedMessage]
    ) -> tuple[list[QueuedMessage], Sequence[QueuedMessage]]:
        """Return the messages to write, and those that bounce; others are held."""
        return self._rooms.sort(messages) if self._rooms.isUsed else (messages, ())

    def _withoutUnreflected(self, numbers: list[int]) -> list[int]:
        """Return the messages in flight that the barrier confirms."""
        if not self._rooms.hasWritten:
            return numbers
        now, confirmed = self._now(), []
        for number in numbers:
            if self._rooms.awaitsReflection(self._inFlight[number], now):
                # Its place in the window is free.
                del self._inFlight[number]
            else:
                confirmed.append(number)
        self.rooms.expireLater()
        return confirmed

    def sendAgain(self, messages: Iterable[QueuedMessage]) -> None:
        """Write messages before all others, in their order."""
        self._backlog.putBack(messages)
        self._flush()

    def confirm(self, message: QueuedMessage, stanzaID: str) -> None:
        """
        Confirm a message that a room has sent back.

        @param stanzaID: The id that the room has given to it; empty without one.
        """
        self._inFlight.pop(message.number, None)
        self.settlements.reflected(message, stanzaID)

    def _checkDrained(self) -> None:
        if not self._inFlight and not self._recorder.pending:
            self._drained.release(None)
