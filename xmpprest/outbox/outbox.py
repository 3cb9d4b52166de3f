"""
The durable outbox: accepted messages are stored until the server has them.

A message is committed, written, and confirmed by a barrier behind it (reliability.rst).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.words.xish.domish import Element

from ..concurrency import timers
from ..core.errors import Refusal, serviceUnavailable
from ..core.live import Live, LiveSettings
from ..core.records import (
    BOUNCED,
    DROPPED,
    QUEUED,
    SENT,
    Accepted,
    IdempotencyRecord,
    NewMessage,
    OutboxRecord,
    OutboxUsage,
    Outcome,
    StateChange,
    StoreUnavailable,
    Submission,
)
from ..core.stanza.annotate import withOriginID
from ..core.stanza.serializer import toXML
from ..ids import newID
from .backlog import QueuedMessage
from .capacity import OutboxCapacity
from .interfaces import DeliveryBarrier, OutboundStream, OutboxStore
from .outcomes import Outcomes
from .recorder import RETRY_DELAY
from .sender import OutboxSender, isAnswerFrom

_log = Logger()

_T = TypeVar("_T")

#: Seconds that the messages in flight have to be confirmed when the gateway stops.
STOP_TIMEOUT = 5.0
#: Error stanzas looked up in the store at a time. Further ones are ignored: a flood of
#: them must not keep new messages from being stored.
MAX_LOOKUPS = 100


class Outbox(Service):
    """
    Stores messages, sends them, and knows what has become of them.

    An observer of the stream: L{connected} and L{disconnected} are called when it is
    up and when it is lost.
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
    ) -> None:
        """
        @param now: Returns seconds since 1970.
        @param domain: The component domain.
        """
        self._store = store
        self._stream = stream
        self._barrier = barrier
        self._clock = clock
        self._now = now
        self._domain = domain
        self._capacity = OutboxCapacity(settings, lambda: stream.ready)
        self._outcomes = Outcomes(clock)
        self._sender = self._newSender()
        self._lookups = 0
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
        )

    @property
    def waiting(self) -> int:
        """The number of unconfirmed messages."""
        return self._capacity.total.number

    @property
    def waitingBytes(self) -> int:
        """The bytes of the unconfirmed messages."""
        return self._capacity.total.size

    @property
    def oldestAt(self) -> float | None:
        """
        When the oldest unconfirmed message was accepted, in seconds since 1970; C{None}
        if none is in memory.
        """
        oldest = self._sender.oldest
        return None if oldest is None else oldest.acceptedAt

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
        draining = self._sender.close()
        timeout = self._clock.callLater(STOP_TIMEOUT, draining.cancel)

        def drained(result: object) -> None:
            timers.cancel(timeout)
            self._sender.abort()
            # A service that is started again begins with what the store has.
            self._sender = self._newSender()

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
        if self.isDurable(stanza):
            await self.enqueue(Submission(stanza))
        else:
            self.send(stanza)

    def send(self, stanza: Element) -> None:
        """
        Write a stanza to the stream, without storing it.

        @raise Refusal: 503 if it was not written; 413 if it is too long.
        """
        self._stream.send(stanza)

    async def enqueue(self, submission: Submission) -> Accepted | IdempotencyRecord:
        """
        Store a message; it is sent also if the caller stops waiting.

        @return: The record that has the same key already; the message is not stored
            then.
        @raise Refusal: 503 if it was not accepted; 413 if it is too long.
        """
        queued = self._prepare(submission)
        storing = self._store.addOutgoing(_toStore(queued, submission))
        stored = storing.addCallbacks(
            lambda result: self._stored([queued], [result]),
            lambda reason: self._storeFailed([queued], reason),
        )
        try:
            (result,) = await _shielded(stored)
        except StoreUnavailable as error:
            raise _notStored(error) from None
        if isinstance(result, Refusal):
            raise result
        return result

    async def acceptAll(
        self, submissions: Sequence[Submission]
    ) -> Sequence[Accepted | IdempotencyRecord | Refusal]:
        """
        Accept many stanzas; store all messages among them together, or none.

        @return: For each, the result of L{enqueue} or the refusal that it would raise.
        """
        prepared = [self._prepareOrSend(each) for each in submissions]
        queued = [each for each in prepared if isinstance(each, QueuedMessage)]
        storing = self._store.addAllOutgoing(
            [
                _toStore(each, submission)
                for each, submission in zip(prepared, submissions, strict=True)
                if isinstance(each, QueuedMessage)
            ]
        )
        stored = storing.addCallbacks(
            lambda results: self._stored(queued, results),
            lambda reason: self._storeFailed(queued, reason),
        )
        try:
            accepted = await _shielded(stored)
        except StoreUnavailable as error:
            refusal = _notStored(error)
            return [
                refusal if isinstance(each, QueuedMessage) else each
                for each in prepared
            ]
        results = iter(accepted)
        return [
            next(results) if isinstance(each, QueuedMessage) else each
            for each in prepared
        ]

    def whenBelowHighWater(self) -> Deferred[None]:
        """Wait until most accepted messages are confirmed, or the stream is lost."""
        return self._capacity.whenBelowHighWater()

    def _prepare(self, submission: Submission) -> QueuedMessage:
        """Check a message, and reserve capacity for it."""
        stanza = submission.stanza
        xml = withOriginID(stanza, toXML(stanza))
        data = self._stream.encode(xml)
        now, oldest = self._now(), self._sender.oldest
        message = QueuedMessage(
            0,
            stanza["id"],
            stanza["to"],
            stanza["from"],
            submission.key or newID(),
            submission.token,
            len(data),
            xml,
            now,
            data,
        )
        self._capacity.reserve(message, now - oldest.acceptedAt if oldest else 0.0)
        return message

    def _prepareOrSend(
        self, submission: Submission
    ) -> QueuedMessage | Accepted | Refusal:
        try:
            if self.isDurable(submission.stanza):
                return self._prepare(submission)
            self.send(submission.stanza)
        except Refusal as refusal:
            return refusal
        return Accepted()

    def _stored(
        self,
        queued: Sequence[QueuedMessage],
        results: Sequence[int | IdempotencyRecord | Refusal],
    ) -> list[Accepted | IdempotencyRecord | Refusal]:
        """
        Send the messages that were stored.

        @param results: For each message its number, the record with the same
            idempotency key, or the refusal of the key.
        """
        new: list[QueuedMessage] = []
        accepted: list[Accepted | IdempotencyRecord | Refusal] = []
        for message, result in zip(queued, results, strict=True):
            if isinstance(result, int):
                message.number = result
                self._capacity.stored(message)
                new.append(message)
                accepted.append(Accepted(result))
            else:
                self._capacity.release([message])
                accepted.append(result)
        self._sender.add(new)
        return accepted

    def _storeFailed(self, queued: Sequence[QueuedMessage], reason: Failure) -> Failure:
        self._capacity.release(queued)
        return reason

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
        change = StateChange(message.number, DROPPED, self._now())
        dropping = self._store.updateStates([change])
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

    def handleError(self, stanza: Element) -> None:
        """
        Record that a message has bounced if an inbound stanza says so.
        """
        id = stanza.getAttribute("id")
        isError = stanza.getAttribute("type") == "error"
        if stanza.name != "message" or not isError or not id:
            return
        if not self._sender.bounce(stanza, id) and self._lookups < MAX_LOOKUPS:
            self._lookups += 1
            lookup = Deferred.fromCoroutine(self._lookUp(stanza, id))
            lookup.addErrback(
                lambda reason: _log.failure(
                    "A bounce could not be recorded.", failure=reason
                )
            )

    async def _lookUp(self, error: Element, id: str) -> None:
        """Record the bounce of a message that is no longer in flight."""
        try:
            with suppress(StoreUnavailable):
                for found in await self._store.outgoingByID(id):
                    if self._mayBounce(found) and isAnswerFrom(error, found.to):
                        self._sender.record([found.number], BOUNCED, error)
                        self._outcomes.resolve(found.number, Outcome(BOUNCED, error))
                        return
        finally:
            self._lookups -= 1

    def _mayBounce(self, found: OutboxRecord) -> bool:
        """Whether a message was written: else the error is about an older one."""
        isWritten = found.number <= self._sender.lastWritten or found.state != QUEUED
        return isWritten and found.state not in (BOUNCED, DROPPED)


def _toStore(message: QueuedMessage, submission: Submission) -> NewMessage:
    return NewMessage(
        message.id,
        message.to,
        message.xml,
        message.acceptedAt,
        submission.idempotency,
        message.sender,
        message.key,
        message.token,
        message.size,
    )


def _shielded(waiting: Deferred[_T]) -> Deferred[_T]:
    """Return a Deferred with the same result, whose cancellation stops nothing."""
    shielded: Deferred[_T] = Deferred()
    waiting.addCallbacks(shielded.callback, shielded.errback)
    return shielded


def _notStored(error: StoreUnavailable) -> Refusal:
    return serviceUnavailable(
        "resource-constraint",
        f"The message cannot be stored, and so it was not accepted: {error}.",
        retryAfter=5,
    )
