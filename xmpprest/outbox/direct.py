"""The way out without a store: what is accepted has been written."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred, succeed
from twisted.words.xish.domish import Element

from ..core.errors import Refusal
from ..core.records import Accepted, IdempotencyRecord, OutboxRecord


class DirectOutbox:
    """
    Writes to the stream at once, and remembers nothing.

    @ivar waiting: How many messages are not confirmed yet: nobody knows of any.
    @ivar oldestAt: When the first of them was accepted.
    """

    waiting = 0
    oldestAt: float | None = None

    def __init__(
        self,
        send: Callable[[Element], None],
        eased: Callable[[], Deferred[None]] = lambda: succeed(None),
    ) -> None:
        """
        @param send: Writes a stanza to the stream; raises L{Refusal} if it cannot.
        @param eased: Waits until the stream takes more.
        """
        self._send = send
        self.whenBelowHighWater = eased

    def isDurable(self, stanza: Element) -> bool:
        """Whether a stanza is kept until it is confirmed: none is."""
        return False

    async def accept(
        self, stanza: Element, answered: IdempotencyRecord | None = None
    ) -> Accepted:
        """
        Send a message or a presence.

        @param stanza: Complete, as
            L{xmpprest.core.policy.submission.buildSubmission} makes it.
        @param answered: Is not for here: nothing is kept that it could be kept with.
        @raise Refusal: 503, it was not sent; 413.
        """
        self._send(stanza)
        return Accepted()

    async def acceptAll(
        self, messages: Sequence[tuple[Element, IdempotencyRecord | None]]
    ) -> list[Accepted | IdempotencyRecord | Refusal]:
        """
        Send many, as far as that can be.

        @param messages: As above.
        @return: Of each what L{accept} would have returned, or raised.
        """
        return [self._accepted(stanza) for stanza, _ in messages]

    def _accepted(self, stanza: Element) -> Accepted | Refusal:
        try:
            self._send(stanza)
        except Refusal as refusal:
            return refusal
        return Accepted()

    def handleError(self, stanza: Element) -> None:
        """Nobody remembers what an error may be about."""

    async def waitForOutcome(self, number: int, timeout: float) -> Element | None:
        """Nobody knows."""
        return None

    async def status(self, id: str) -> OutboxRecord | None:
        """Nobody knows."""
        return None
