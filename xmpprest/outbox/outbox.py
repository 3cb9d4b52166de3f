"""
The way out with a store: what is accepted is kept until the server has taken it.

A message is committed, written, and confirmed by a barrier that comes back behind it
(behaviour.md §5). Whatever is not confirmed when the stream breaks, or the gateway
ends, is written again, with the same id, before all that was accepted later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.words.xish.domish import Element

from ..core.errors import Refusal
from ..core.records import (
    BOUNCED,
    QUEUED,
    SENT,
    Accepted,
    IdempotencyRecord,
    OutboxRecord,
    QueueDepth,
    StoreUnavailable,
)
from ..core.stanza import jid
from .admission import AdmissionControl, IntakeStore
from .recorder import RETRY
from .sender import DeliveryBarrier, OutboundStream, OutboxSender, SenderStore

_log = Logger()

#: Seconds that the messages on their way have to be confirmed when the gateway stops.
STOP_TIMEOUT = 5.0
#: How many errors that came late are looked up at once; of others it is forgotten what
#: they are about, lest a flood of them keeps out what is to be kept.
LOOKUPS = 100


class OutboxStore(SenderStore, IntakeStore, Protocol):
    """What is asked of the store; see L{xmpprest.store.interface.Store}."""

    def outgoingByID(self, id: str) -> Deferred[OutboxRecord | None]:
        """The newest with an id."""

    def outgoingDepth(self) -> Deferred[QueueDepth]:
        """Of those queued."""


class Outbox(Service):
    """
    The way out with a store.

    @ivar intake: Takes messages, as many as may wait.
    """

    def __init__(
        self,
        store: OutboxStore,
        stream: OutboundStream,
        barrier: DeliveryBarrier,
        *,
        clock: IReactorTime,
        now: Callable[[], float],
        domain: str,
        limit: int,
        maxAge: float,
    ) -> None:
        """
        @param now: Tells the time, in seconds since 1970.
        @param domain: The component domain.
        """
        self._store = store
        self._stream = stream
        self._barrier = barrier
        self._clock = clock
        self._now = now
        self._domain = domain
        self._isOnline = False
        self._outcomes: dict[int, Deferred[Element | None]] = {}
        self._lookups = 0
        self._counting: IDelayedCall | None = None
        self._wire = self._newWire()
        self.intake = AdmissionControl(
            store,
            stream,
            lambda new: self._wire.add(*new),
            lambda: self._wire.oldest,
            now=now,
            limit=limit,
            maxAge=maxAge,
        )

    @property
    def waiting(self) -> int:
        """How many messages are not confirmed yet."""
        return self.intake.waiting

    def _newWire(self) -> OutboxSender:
        return OutboxSender(
            self._store,
            self._stream,
            self._barrier,
            self._settled,
            clock=self._clock,
            now=self._now,
            domain=self._domain,
        )

    @property
    def oldestAt(self) -> float | None:
        """When the first of them was accepted, as far as they are in memory."""
        oldest = self._wire.oldest
        return None if oldest is None else oldest.acceptedAt

    # --- beginning and ending ---

    def startService(self) -> None:
        """Send what there is."""
        super().startService()
        self._count()
        self._wire.open(self._isOnline)

    def stopService(self) -> Deferred[None]:
        """
        Write nothing more.

        @return: Fires once all that was written is confirmed, and that is recorded,
            or after L{STOP_TIMEOUT}: then it will be sent again.
        """
        super().stopService()
        if self._counting is not None and self._counting.active():
            self._counting.cancel()
        closing = self._wire.close()
        timeout = self._clock.callLater(STOP_TIMEOUT, closing.cancel)

        def closed(result: object) -> None:
            if timeout.active():
                timeout.cancel()
            self._wire.end()
            # If there is a next time, it begins with what is in the store.
            self._wire = self._newWire()

        return closing.addBoth(closed)

    def _count(self) -> None:
        """Find out how many wait, which an earlier process may have left."""
        self._store.outgoingDepth().addCallbacks(self._counted, self._uncounted)

    def _counted(self, depth: QueueDepth) -> None:
        self.intake.waiting = depth.count - self._wire.pendingChanges

    def _uncounted(self, reason: Failure) -> None:
        reason.trap(StoreUnavailable)
        if self.running:
            self._counting = self._clock.callLater(RETRY, self._count)

    # --- accepting ---

    def isDurable(self, stanza: Element) -> bool:
        """Whether a stanza is kept until it is confirmed: every message is."""
        return bool(stanza.name == "message")

    async def accept(
        self, stanza: Element, answered: IdempotencyRecord | None = None
    ) -> Accepted | IdempotencyRecord:
        """
        Take a message or a presence. A message is kept once this returns.

        @param stanza: Complete, as
            L{xmpprest.core.policy.submission.buildSubmission} makes it.
        @param answered: Kept with a message, or not at all.
        @return: What there was with that key already; then nothing is sent.
        @raise Refusal: 503, it was not accepted; 413, it is too long.
        """
        if self.isDurable(stanza):
            return await self.intake.accept(stanza, answered)
        self._stream.send(stanza)
        return Accepted()

    async def acceptAll(
        self, messages: Sequence[tuple[Element, IdempotencyRecord | None]]
    ) -> Sequence[Accepted | IdempotencyRecord | Refusal]:
        """
        Take many, and keep those that are messages together, or none of them.

        @param messages: As above, each with what is kept with it.
        @return: Of each what L{accept} would have returned, or raised.
        """
        return await self.intake.acceptAll(messages)

    def whenBelowHighWater(self) -> Deferred[None]:
        """Wait until there is room for more: what was accepted is on its way."""
        return self.intake.whenBelowHighWater()

    # --- telling ---

    def waitForOutcome(self, number: int, timeout: float) -> Deferred[Element | None]:
        """
        Wait until a message that was accepted just now is confirmed or bounced.

        @param timeout: Seconds.
        @return: Fires with the error that came back; or with C{None}, there is none
            yet.
        """
        outcome: Deferred[Element | None] = Deferred()
        self._outcomes[number] = outcome
        timer = self._clock.callLater(timeout, outcome.callback, None)

        def over(result: object) -> object:
            if timer.active():
                timer.cancel()
            self._outcomes.pop(number, None)
            return result

        outcome.addBoth(over)
        return outcome

    async def status(self, id: str) -> OutboxRecord | None:
        """
        What has become of a message.

        @raise StoreUnavailable: Nobody can tell at the moment.
        """
        found = await self._store.outgoingByID(id)
        written = self._wire.written(found.number) if found else None
        if found is None or written is None or found.state != QUEUED:
            return found
        return replace(found, state=SENT, changedAt=written.writtenAt)

    def _settled(
        self, numbers: Sequence[int], state: str, error: Element | None
    ) -> None:
        """Messages are no longer on their way."""
        self.intake.waiting -= len(numbers)
        self.intake.releaseWaiters()
        # What is only sent may bounce yet.
        if state != SENT:
            for number in numbers:
                self._tell(number, error)

    def _tell(self, number: int, error: Element | None) -> None:
        """Tell who waits for what becomes of a message."""
        if number in self._outcomes:
            self._outcomes[number].callback(error)

    # --- what the stream tells ---

    def streamConnected(self) -> None:
        """The stream is up."""
        self._isOnline = self.intake.isOnline = True
        self._wire.online()

    def streamLost(self) -> None:
        """The stream is gone."""
        self._isOnline = False
        self._wire.offline()
        self.intake.isOnline = False
        self.intake.releaseWaiters()

    def handleError(self, stanza: Element) -> None:
        """
        See whether an inbound stanza is an error in answer to a message.
        """
        id = stanza.getAttribute("id")
        isError = stanza.getAttribute("type") == "error"
        if stanza.name != "message" or not isError or not id:
            return
        if not self._wire.bounce(stanza, id, _isAnswer) and self._lookups < LOOKUPS:
            self._lookups += 1
            looking = Deferred.fromCoroutine(self._lookUp(stanza, id))
            looking.addErrback(
                lambda reason: _log.failure("A bounce was lost.", failure=reason)
            )

    async def _lookUp(self, error: Element, id: str) -> None:
        """An error has come that is not for a message on its way."""
        try:
            with suppress(StoreUnavailable):
                found = await self._store.outgoingByID(id)
                if found and self._mayBounce(found) and _isAnswer(error, found.to):
                    self._wire.record([found.number], BOUNCED, error)
                    self._tell(found.number, error)
        finally:
            self._lookups -= 1

    def _mayBounce(self, found: OutboxRecord) -> bool:
        """Not before it was written: the error may be for another with that id."""
        isWritten = found.number <= self._wire.last or found.state != QUEUED
        return isWritten and found.state != BOUNCED


def _isAnswer(error: Element, to: str) -> bool:
    """Whether an error may be from whom a message was for, or from their server."""
    sender, peer = (
        jid.normaliseJID(error.getAttribute("from", "")),
        jid.normaliseJID(to),
    )
    others = (peer, peer.bare, jid.JID("", peer.domain, ""))
    # One client of theirs may answer for them all.
    return sender in others or sender.bare == peer
