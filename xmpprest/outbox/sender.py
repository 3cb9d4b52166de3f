"""
Writes queued messages to the stream, and confirms them by barriers.

Messages that are unconfirmed when the stream is lost are written again, before all
others, with the same ids.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.words.xish.domish import Element

from ..concurrency import timers
from ..concurrency.waiters import Waiters
from ..core.errors import Refusal
from ..core.records import BOUNCED, CONFIRMED, SENT, StateChange, StoreUnavailable
from ..core.stanza import jid
from ..core.stanza.annotate import withDelay
from ..core.stanza.serializer import toXML
from .backlog import Backlog, QueuedMessage
from .capacity import OutboxCapacity
from .interfaces import DeliveryBarrier, OutboundStream, OutboxStore
from .outcomes import Outcomes
from .recorder import RETRY_DELAY, Recorder

_log = Logger()

#: Messages that may be written and not yet recorded as confirmed: the most that are
#: sent twice when the gateway or the server is killed.
MAX_IN_FLIGHT = 512
#: Seconds after which a message is stamped with the time of its acceptance.
DELAY_STAMP_AFTER = 30.0
#: Seconds from the response to a barrier to the next barrier; under load, one barrier
#: and one record are for many messages.
BARRIER_INTERVAL = 0.005


class SenderState(Enum):
    """
    The states of L{OutboxSender}.

    @cvar CLOSED: Nothing is written; the service is stopped.
    @cvar OFFLINE: Messages wait for a stream.
    @cvar SENDING: Messages are written as far as the window allows.
    @cvar DRAINING: Nothing new is written; those in flight are confirmed.
    """

    CLOSED = "closed"
    OFFLINE = "offline"
    SENDING = "sending"
    DRAINING = "draining"


class OutboxSender:
    """
    Takes messages from the backlog to the server, at most L{MAX_IN_FLIGHT} at a time.

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
    ) -> None:
        """
        @param capacity: Counts the messages that are settled here.
        @param outcomes: Tells the clients that wait for them.
        @param now: Returns seconds since 1970.
        @param domain: The component domain.
        """
        self._stream = stream
        self._barrier = barrier
        self._capacity = capacity
        self._outcomes = outcomes
        self._clock = clock
        self._now = now
        self._domain = domain
        self._state = SenderState.CLOSED
        self._backlog = Backlog(store)
        self._recorder = Recorder(store, clock)
        #: Messages that are written and unconfirmed, by number, in order.
        self._inFlight: dict[int, QueuedMessage] = {}
        self._confirming: Deferred[None] | None = None
        self._retryTimer: IDelayedCall | None = None
        self._drained: Waiters[None] = Waiters()
        self.lastWritten = 0

    @property
    def oldest(self) -> QueuedMessage | None:
        """The oldest unconfirmed message in memory; C{None} if there is none."""
        return next(iter(self._inFlight.values()), self._backlog.head)

    @property
    def pendingChanges(self) -> int:
        """The number of state changes that are not stored yet."""
        return self._recorder.pending

    def inFlight(self, number: int) -> QueuedMessage | None:
        """Return a message that is written and unconfirmed, C{None} for any other."""
        return self._inFlight.get(number)

    # --- states ---

    def open(self) -> None:
        """Leave CLOSED: write as soon as the stream is up."""
        isOnline = self._stream.ready
        self._state = SenderState.SENDING if isOnline else SenderState.OFFLINE
        self._flush()

    def connected(self) -> None:
        """Leave OFFLINE for SENDING: the stream is up."""
        if self._state is SenderState.OFFLINE:
            self._state = SenderState.SENDING
            self._flush()

    def disconnected(self) -> None:
        """
        Leave SENDING for OFFLINE: the stream is lost, and how much of it the server has
        read is unknown.
        """
        if self._state is SenderState.SENDING:
            self._state = SenderState.OFFLINE
        self._backlog.putBack(self._inFlight.values())
        self._inFlight.clear()
        if self._confirming is not None:
            self._confirming.cancel()
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
        if self._confirming is not None:
            self._confirming.cancel()
        self._recorder.stop()

    # --- writing ---

    def add(self, messages: Sequence[QueuedMessage]) -> None:
        """Send the messages that were stored last."""
        for message in messages:
            self._backlog.add(message)
        self._flush()

    def _flush(self) -> None:
        """Write as much as the window allows, and have it confirmed."""
        if self._state is SenderState.SENDING:
            self._write()
        if self._state in (SenderState.SENDING, SenderState.OFFLINE):
            self._refill()
        if self._inFlight and self._confirming is None:
            self._startConfirming()
        self._checkDrained()

    def _write(self) -> None:
        try:
            while (message := self._next()) is not None:
                self._writeOne(message)
                message.writtenAt = self._now()
                self._inFlight[message.number] = self._backlog.pop()
                self.lastWritten = max(self.lastWritten, message.number)
        except Refusal:
            # The server does not keep up.
            self._retryLater()

    def _next(self) -> QueuedMessage | None:
        unrecorded = len(self._inFlight) + self._recorder.pending
        return self._backlog.head if unrecorded < MAX_IN_FLIGHT else None

    def _writeOne(self, message: QueuedMessage) -> None:
        isLate = self._now() - message.acceptedAt > DELAY_STAMP_AFTER
        if message.data is not None and not isLate:
            self._stream.writeEncoded(message.xml, message.data)
        elif isLate:
            xml = withDelay(message.xml, self._domain, message.acceptedAt)
            self._stream.write(xml)
        else:
            self._stream.write(message.xml)

    def _refill(self) -> None:
        reading = self._backlog.refill()
        if reading is not None:
            reading.addCallbacks(lambda _: self._flush(), self._readFailed)

    def _readFailed(self, reason: Failure) -> None:
        if not reason.check(StoreUnavailable):
            _log.failure("Queued messages could not be read.", failure=reason)
        self._retryLater()

    def _retryLater(self) -> None:
        if self._retryTimer is None or not self._retryTimer.active():
            self._retryTimer = self._clock.callLater(RETRY_DELAY, self._flush)

    # --- confirming ---

    def _startConfirming(self) -> None:
        confirming = Deferred.fromCoroutine(self._confirm())
        if not confirming.called:
            self._confirming = confirming
        confirming.addBoth(self._confirmed)

    async def _confirm(self) -> None:
        """Send one barrier after the other, as long as messages are unconfirmed."""
        while self._inFlight:
            last = next(reversed(self._inFlight))
            try:
                isConfirmed = await self._barrier.wait()
            except Refusal:
                await deferLater(self._clock, RETRY_DELAY)
                continue
            numbers = [number for number in self._inFlight if number <= last]
            self._settle(numbers, CONFIRMED if isConfirmed else SENT)
            self._flush()
            await deferLater(self._clock, BARRIER_INTERVAL)

    def _confirmed(self, result: object) -> None:
        """Let the next message start another barrier."""
        self._confirming = None
        if isinstance(result, Failure) and not result.check(CancelledError):
            _log.failure("A barrier failed unexpectedly.", failure=result)
            self._retryLater()
        elif self._state is not SenderState.CLOSED:
            self._flush()

    def bounce(self, error: Element, id: str) -> bool:
        """
        Settle the message in flight that an error stanza answers.

        @param id: Of the error stanza.
        @return: Whether there is one.
        """
        for message in self._inFlight.values():
            if message.id == id and isAnswerFrom(error, message.to):
                self._settle([message.number], BOUNCED, error)
                return True
        return False

    def _settle(
        self, numbers: Sequence[int], state: str, error: Element | None = None
    ) -> None:
        """Record the outcome of messages in flight, and tell the clients that wait."""
        for number in numbers:
            del self._inFlight[number]
        self._capacity.remove(len(numbers))
        # A message that is only sent may still bounce.
        if state != SENT:
            for number in numbers:
                self._outcomes.resolve(number, error)
        self.record(numbers, state, error)

    def record(
        self, numbers: Sequence[int], state: str, error: Element | None = None
    ) -> None:
        """Record the states of messages."""
        at, report = self._now(), toXML(error) if error else None
        changes = [StateChange(number, state, at, report) for number in numbers]
        if changes:
            recording = Deferred.fromCoroutine(self._recorder.record(changes))
            recording.addCallbacks(lambda _: self._flush(), _recordFailed)

    def _checkDrained(self) -> None:
        if not self._inFlight and not self._recorder.pending:
            self._drained.release(None)


def isAnswerFrom(error: Element, to: str) -> bool:
    """
    Whether an error stanza may come from the recipient of a message, or its server.

    @param to: The recipient.
    """
    sender = jid.normaliseJID(error.getAttribute("from", ""))
    peer = jid.normaliseJID(to)
    others = (peer, peer.bare, jid.JID("", peer.domain, ""))
    # One client of a bare recipient may answer for all of them.
    return sender in others or sender.bare == peer


def _recordFailed(reason: Failure) -> None:
    if not reason.check(CancelledError):
        _log.failure("States of messages could not be recorded.", failure=reason)
