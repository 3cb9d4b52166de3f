"""The interfaces through which the routes of stanzas use the outbox and the stream."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.words.xish.domish import Element

from ...core.records import IdempotencyRecord, Outcome


class StanzaOutbox(Protocol):
    """
    The part of the outbox that sends messages and presence.
    """

    def isDurable(self, stanza: Element) -> bool:
        """Whether a stanza is stored until its outcome is known."""

    def send(self, stanza: Element) -> None:
        """Write a stanza that is not stored; raises L{Refusal} if that fails."""

    def enqueue(
        self,
        stanza: Element,
        done: Callable[[int | IdempotencyRecord | Exception], object],
        *,
        key: str = "",
        token: str = "",
        idempotency: IdempotencyRecord | None = None,
    ) -> None:
        """
        Accept a message, to be stored and sent; raises L{Refusal} if it is not.

        @param done: Called once it is stored, with its number; with the record that has
            the same idempotency key already, and nothing is stored; or with the reason
            why it could not be stored.
        @param key: The last segment of its status address.
        @param token: The name of the token that posted it; empty for credentials.
        @param idempotency: Stored together with it, or not at all.
        """

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
        Accept messages that are stored all together, or none of them; raises L{Refusal}
        if they are not.

        @param done: Called with the result of each, in their order.
        """

    def check(self, stanza: Element, token: str, count: int, size: int) -> None:
        """
        Check that a message and further ones would be accepted now; raises L{Refusal}.

        @param count: The number of further messages.
        @param size: The bytes of each of these.
        """

    def waitForOutcome(self, number: int, timeout: float) -> Awaitable[Outcome]:
        """
        Wait until a stored message is confirmed, bounces or is dropped.

        @param timeout: Seconds.
        @return: The outcome, or the state at the end of the timeout.
        """


class IQRequester(Protocol):
    """
    The part of the component that sends iqs.
    """

    def encode(self, xml: str) -> bytes:
        """Raise L{Refusal} for a stanza that is longer than servers take."""

    def request(self, stanza: Element, timeout: float) -> Deferred[list[Element]]:
        """
        Send an iq and wait for the reply, up to a timeout in seconds; raises
        L{Refusal}.

        @return: The messages from an archive, if any, and the reply as the last item.
        """


class NewID(Protocol):
    """
    Makes ids of stanzas.
    """

    def __call__(self) -> str:
        """Return a random, unguessable id."""
