"""The interfaces through which the outbox uses the store and the stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.words.xish.domish import Element

from ..core.errors import Refusal
from ..core.records import (
    IdempotencyRecord,
    NewMessage,
    OutboxRecord,
    OutboxUsage,
)


class OutboxStore(Protocol):
    """
    The store, as far as the outbox uses it; documented in
    L{Store<xmpprest.store.interface.Store>}.
    """

    def addAllOutgoing(
        self, messages: Sequence[NewMessage]
    ) -> Deferred[Sequence[int | IdempotencyRecord | Refusal]]: ...

    def queuedMessages(
        self, after: int, limit: int
    ) -> Deferred[Sequence[OutboxRecord]]: ...

    def updateStates(
        self, numbers: Sequence[int], state: str, at: float, error: str | None = None
    ) -> Deferred[None]: ...

    def confirmReflected(
        self, number: int, stanzaID: str, at: float
    ) -> Deferred[None]: ...

    def outgoingByKey(self, key: str) -> Deferred[OutboxRecord | None]: ...

    def outgoingByID(
        self, id: str, before: int | None = None, limit: int = 100
    ) -> Deferred[Sequence[OutboxRecord]]: ...

    def outgoingByToken(
        self, token: str, limit: int
    ) -> Deferred[Sequence[OutboxRecord]]: ...

    def listQueued(
        self, after: int, limit: int
    ) -> Deferred[Sequence[OutboxRecord]]: ...

    def outgoingUsage(self) -> Deferred[Sequence[OutboxUsage]]: ...


class StreamFault(Protocol):
    """
    A stream error (RFC 6120 §4.9).

    @ivar condition: Its defined condition.
    @ivar text: The server's description; C{None} if it gave none.
    """

    condition: str
    text: str | None


class OutboundStream(Protocol):
    """The stream to the XMPP server."""

    @property
    def ready(self) -> bool:
        """Whether stanzas can be sent."""

    @property
    def closeReason(self) -> StreamFault | None:
        """
        The stream error by which the server closed the last stream; C{None} if it sent
        none.
        """

    def encode(self, xml: str, *, isStamped: bool = False) -> bytes:
        """
        Encode a message.

        @param isStamped: Whether it has its delay stamp (XEP-0203), or needs none; else
            room is left for one.
        @raise Refusal: 413 if it is too long.
        """

    def writeAll(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """
        Write messages, or none of them.

        @param messages: The text of each, and its bytes as L{encode} returns them.
        @raise Refusal: 503 if the stream is lost or does not accept more for now.
        """

    def send(self, stanza: Element) -> None:
        """
        Write any stanza.

        @raise Refusal: 503 if the stream is lost or does not accept more for now; 413
            if the stanza is too long.
        """


class DeliveryBarrier(Protocol):
    """A request whose response proves that the server has read everything before it."""

    def wait(self) -> Deferred[bool]:
        """
        Wait until the server has read everything written so far.

        @return: Fires with C{False} if the server offers no way to find out; fails with
            L{Refusal}: 503 if the stream is lost, 504 if the server is slow.
        """
