"""The outbox without a store: stanzas are written to the stream at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.words.xish.domish import Element

from ..core.records import (
    SENT,
    IdempotencyRecord,
    OutboxRecord,
    Outcome,
)
from ..core.stanza.serializer import toXML
from .backlog import Stored


class DirectStream(Protocol):
    """The stream to the XMPP server, for an outbox without a store."""

    def send(self, stanza: Element) -> None:
        """Write a stanza; raises L{Refusal} if it was not written."""

    def encode(self, xml: str, *, isStamped: bool = False) -> bytes:
        """Encode a stanza; raises L{Refusal} if it is too long."""

    def writeAll(self, stanzas: Sequence[tuple[str, bytes]]) -> None:
        """Write encoded stanzas, or none of them; raises L{Refusal} then."""


class DirectOutbox:
    """
    Writes stanzas to the stream, and remembers none.

    @ivar waiting: The number of unconfirmed messages, which is not known: 0.
    @ivar waitingBytes: The bytes of these: 0.
    @ivar oldestAt: When the oldest of them was accepted, which is not known.
    """

    waiting = 0
    waitingBytes = 0
    oldestAt: float | None = None

    def __init__(
        self,
        stream: DirectStream,
        whenDrained: Callable[[], Deferred[None]] = lambda: succeed(None),
    ) -> None:
        """
        @param whenDrained: Waits until the stream accepts more.
        """
        self._stream = stream
        self.send = stream.send
        self.whenBelowHighWater = whenDrained

    def isDurable(self, stanza: Element) -> bool:
        """Whether a stanza is stored until it is confirmed: none is."""
        return False

    async def accept(self, stanza: Element) -> None:
        """
        Write a stanza to the stream.

        @param stanza: Complete, as
            L{xmpprest.core.policy.submission.buildSubmission} makes it.
        @raise Refusal: 503 if it was not written; 413 if it is too long.
        """
        self.send(stanza)

    def enqueue(
        self,
        stanza: Element,
        done: Stored,
        *,
        key: str = "",
        token: str = "",
        idempotency: IdempotencyRecord | None = None,
    ) -> None:
        """
        Write a stanza to the stream at once.

        @param done: Called with 0: the stanza has no number.
        @raise Refusal: 503 if it was not written; 413 if it is too long.
        """
        self.send(stanza)
        done(0)

    def enqueueAll(
        self,
        stanzas: Sequence[Element],
        done: Callable[[Sequence[int | IdempotencyRecord | Exception]], object],
        *,
        keys: Sequence[str],
        token: str = "",
        idempotency: IdempotencyRecord | None = None,
    ) -> None:
        """
        Write stanzas to the stream at once, all of them or none.

        @param done: Called with 0 for each: the stanzas have no numbers.
        @raise Refusal: 503, they were not written; 413, one is too long.
        """
        texts = [toXML(each) for each in stanzas]
        encode = self._stream.encode
        self._stream.writeAll([(each, encode(each, isStamped=True)) for each in texts])
        done([0] * len(stanzas))

    def check(self, stanza: Element, token: str, count: int, size: int) -> None:
        """Do nothing: there is no queue that could be full."""

    def handleError(self, stanza: Element) -> None:
        """Ignore an inbound stanza: no message is remembered that it could answer."""

    async def waitForOutcome(self, number: int, timeout: float) -> Outcome:
        """Return C{SENT}: nothing more is known."""
        return Outcome(SENT)

    async def status(self, key: str) -> OutboxRecord | None:
        """Return C{None}: no message is remembered."""
        return None

    async def messagesByID(self, id: str, before: int | None) -> Sequence[OutboxRecord]:
        """Return no messages: none is remembered."""
        return []

    async def messagesByToken(self, token: str, limit: int) -> Sequence[OutboxRecord]:
        """Return no messages: none is remembered."""
        return []

    async def queuedMessages(self, after: int, limit: int) -> Sequence[OutboxRecord]:
        """Return no messages: none is queued."""
        return []

    async def drop(self, message: OutboxRecord) -> bool:
        """Return C{False}: no message is queued."""
        return False
