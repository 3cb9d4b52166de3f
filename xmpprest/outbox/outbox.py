"""
The durable outbox: accepted messages are stored until the server has them.

A message is committed, written, and confirmed by a barrier behind it (reliability.rst).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure
from twisted.words.xish.domish import Element

from ..concurrency import timers
from ..core.live import Live, LiveSettings
from ..core.records import (
    DROPPED,
    QUEUED,
    SENT,
    IdempotencyRecord,
    OutboxRecord,
    OutboxUsage,
    Outcome,
    StoreUnavailable,
)
from ..core.rooms.values import RoomGate
from .backlog import QueuedMessage
from .bounces import BounceFinder
from .capacity import OutboxCapacity
from .intake import Intake
from .interfaces import DeliveryBarrier, OutboundStream, OutboxStore
from .outcomes import Outcomes
from .recorder import RETRY_DELAY
from .room_messages import RoomGates
from .sender import OutboxSender

_T = TypeVar("_T")

#: Seconds that the messages in flight have to be confirmed when the gateway stops.
STOP_TIMEOUT = 5.0


class Outbox(Service):
    """
    Stores messages, sends them, and knows what has become of them.

    An observer of the stream: L{connected} and L{disconnected} are called when it is
    up and when it is lost.

    @ivar enqueue: L{Intake.enqueue}.
    @ivar enqueueAll: L{Intake.enqueueAll}.
    @ivar check: L{Intake.check}.
    """

    def __init__(
        self,
        store: OutboxStore,
        stream: OutboundStream,
        barrier: DeliveryBarrier,
        settings: Live[LiveSettings],
        *,
        clock: IReactorTime,
        now: Callable[[], float],
        domain: str,
        gates: RoomGates | None = None,
    ) -> None:
        """
        @param now: Returns seconds since 1970.
        @param domain: The component domain.
        @param gates: The rooms of bots; C{None} if there are none.
        """
        self._gates = gates
        self._store = store
        self._stream = stream
        self._barrier = barrier
        self._clock = clock
        self._now = now
        self._domain = domain
        self._capacity = OutboxCapacity(settings, lambda: stream.ready)
        self._outcomes = Outcomes(clock)
        self._sender = self._newSender()
        self._intake = Intake(
            store, stream, self._capacity, self._sender, clock=clock, now=now
        )
        # Without a hop: each message passes here.
        self.enqueue = self._intake.enqueue
        self.enqueueAll = self._intake.enqueueAll
        self.check = self._intake.check
        self._bounces = BounceFinder(store, self._outcomes)
        self._countTimer: IDelayedCall | None = None

    def _newSender(self) -> OutboxSender:
        return OutboxSender(
            self._store,
            self._stream,
            self._barrier,
            self._capacity,
            self._outcomes,
            clock=self._clock,
            now=self._now,
            domain=self._domain,
            gates=self._gates,
        )

    @property
    def waiting(self) -> int:
        """The number of unconfirmed messages."""
        return self._capacity.count

    @property
    def waitingBytes(self) -> int:
        """The bytes of the unconfirmed messages."""
        return self._capacity.size

    @property
    def oldestAt(self) -> float | None:
        """
        When the oldest unconfirmed message was accepted, in seconds since 1970; C{None}
        if none is in memory.
        """
        oldest = self._sender.oldest
        return None if oldest is None else oldest.at

    # --- starting and stopping ---

    def startService(self) -> None:
        """Send the messages that an earlier process has left, and new ones."""
        super().startService()
        self._count()

    def stopService(self) -> Deferred[None]:
        """
        Stop writing.

        @return: Fires once everything that was written is confirmed and recorded, or
            after L{STOP_TIMEOUT}; unconfirmed messages are sent again at the next
            start.
        """
        super().stopService()
        timers.cancel(self._countTimer)
        # Or the store would be closed at the end of the turn.
        self._intake.flush()
        draining = self._sender.close()
        timeout = self._clock.callLater(STOP_TIMEOUT, draining.cancel)

        def drained(result: object) -> None:
            timers.cancel(timeout)
            self._sender.abort()
            # A service that is started again begins with what the store has.
            self._sender = self._intake.sender = self._newSender()

        return draining.addBoth(drained)

    def _count(self) -> None:
        """Count the messages that an earlier process has left, and send them."""
        self._store.outgoingUsage().addCallbacks(self._counted, self._countFailed)

    def _counted(self, usage: Sequence[OutboxUsage]) -> None:
        if self.running:
            self._capacity.reset(usage)
            self._sender.open()

    def _countFailed(self, reason: Failure) -> None:
        reason.trap(StoreUnavailable)
        if self.running:
            self._countTimer = self._clock.callLater(RETRY_DELAY, self._count)

    # --- accepting ---

    def isDurable(self, stanza: Element) -> bool:
        """Whether a stanza is stored until it is confirmed: every message is."""
        return bool(stanza.name == "message")

    async def accept(self, stanza: Element) -> None:
        """
        Store a message, or write a presence or iq to the stream.

        @param stanza: Complete, as
            L{xmpprest.core.policy.submission.buildSubmission} makes it.
        @raise Refusal: 503 if it was not accepted; 413 if it is too long.
        """
        if not self.isDurable(stanza):
            self.send(stanza)
            return
        storing: Deferred[int | IdempotencyRecord | Exception] = Deferred()
        self.enqueue(stanza, storing.callback)
        result = await storing
        if isinstance(result, Exception):
            raise result

    def send(self, stanza: Element) -> None:
        """
        Write a stanza to the stream, without storing it.

        @raise Refusal: 503 if it was not written; 413 if it is too long.
        """
        self._stream.send(stanza)

    def whenBelowHighWater(self) -> Deferred[None]:
        """Wait until most accepted messages are confirmed, or the stream is lost."""
        return self._capacity.whenBelowHighWater()

    # --- outcomes ---

    def waitForOutcome(self, number: int, timeout: float) -> Deferred[Outcome]:
        """
        Wait until a message that was just accepted is confirmed, bounces or is dropped.

        @param timeout: Seconds.
        @return: Fires with the outcome, or the state at the end of the timeout.
        """
        outcome = self._outcomes.wait(number, timeout)
        if self._sender.inFlight(number) is not None:
            self._outcomes.written(number)
        return outcome

    async def status(self, key: str) -> OutboxRecord | None:
        """
        Return the message with a status key; C{None} if there is none.

        @raise StoreUnavailable: The store cannot be read at the moment.
        """
        found = await self._store.outgoingByKey(key)
        return None if found is None else self._current(found)

    async def messagesByID(self, id: str, before: int | None) -> Sequence[OutboxRecord]:
        """
        Return a page of messages with a stanza id, the newest first.

        @param before: The number after the first one; C{None} for the newest.
        @raise StoreUnavailable: The store cannot be read at the moment.
        """
        return [*map(self._current, await self._store.outgoingByID(id, before))]

    async def messagesByToken(self, token: str, limit: int) -> Sequence[OutboxRecord]:
        """
        Return the messages of a hook, the newest first.

        @param token: The name of the hook's grant.
        @raise StoreUnavailable: The store cannot be read at the moment.
        """
        found = await self._store.outgoingByToken(token, limit)
        return [*map(self._current, found)]

    async def queuedMessages(self, after: int, limit: int) -> Sequence[OutboxRecord]:
        """
        Return a page of queued messages, the oldest first; those in flight are C{SENT}.

        @param after: The number before the first one.
        @raise StoreUnavailable: The store cannot be read at the moment.
        """
        return [*map(self._current, await self._store.listQueued(after, limit))]

    def _current(self, found: OutboxRecord) -> OutboxRecord:
        """Return a record with its state in memory: the store does not know C{SENT}."""
        written = self._sender.inFlight(found.number)
        if written is None or found.state != QUEUED:
            return found
        return replace(found, state=SENT, changedAt=written.writtenAt)

    async def drop(self, message: OutboxRecord) -> bool:
        """
        Drop a queued message; a drop that has begun is finished also if the caller
        stops waiting.

        @return: Whether it was dropped; C{False} if it is no longer queued, or is on
            its way to the server.
        @raise StoreUnavailable: The drop cannot be stored; the message is still queued.
        """
        if message.state != QUEUED or not self._sender.hold(message.number):
            return False
        dropping = self._store.updateStates([message.number], DROPPED, self._now())
        dropping.addCallbacks(
            self._dropped, self._dropFailed, (message,), {}, (message,)
        )
        await _shielded(dropping)
        return True

    def _dropped(self, result: object, message: OutboxRecord) -> None:
        self._sender.discard(message.number)
        self._capacity.release([QueuedMessage.of(message)])
        self._outcomes.resolve(message.number, Outcome(DROPPED))

    def _dropFailed(self, reason: Failure, message: OutboxRecord) -> Failure:
        self._sender.release(message.number)
        return reason

    # --- events of the stream ---

    def connected(self) -> None:
        """Begin to write: the stream is up."""
        self._sender.connected()

    def disconnected(self) -> None:
        """Stop writing: the stream is lost."""
        self._sender.disconnected()
        self._capacity.releaseWaiters()

    # --- events of rooms ---

    def reflected(self, to: str, sender: str, id: str, stanzaID: str) -> None:
        """
        Confirm a message that a room has sent back.

        @param stanzaID: The id that the room has given to it; empty without one.
        """
        self._sender.rooms.reflected(to, sender, id, stanzaID)

    def roomChanged(self, to: str, sender: str, gate: RoomGate) -> None:
        """Send, hold or bounce the messages of an occupant to a room."""
        self._sender.rooms.changed(to, sender, gate)

    def roomsKnown(self) -> None:
        """Send messages that were held while the rooms of bots were not known."""
        self._sender.rooms.known()

    def handleError(self, stanza: Element) -> None:
        """
        Record that a message has bounced if an inbound stanza says so.
        """
        self._bounces.handle(stanza, self._sender)


def _shielded(waiting: Deferred[_T]) -> Deferred[_T]:
    """Return a Deferred with the same result, whose cancellation stops nothing."""
    shielded: Deferred[_T] = Deferred()
    waiting.addCallbacks(shielded.callback, shielded.errback)
    return shielded
