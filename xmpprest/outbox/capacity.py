"""Limits the messages that wait for the XMPP server."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed

from ..concurrency.waiters import Waiters
from ..core.errors import serviceUnavailable
from ..core.live import Live, LiveSettings
from .backlog import MAX_MESSAGES_IN_MEMORY

#: Unconfirmed messages at which a batch pauses. Up to this number they are in memory,
#: and need not be read from the store.
HIGH_WATER = MAX_MESSAGES_IN_MEMORY
#: Seconds after which a client should retry a message that was refused.
RETRY_AFTER = 30


class OutboxCapacity:
    """
    Counts the unconfirmed messages, and refuses those beyond the limits.

    @ivar count: The number of unconfirmed messages.
    """

    def __init__(
        self, settings: Live[LiveSettings], isOnline: Callable[[], bool]
    ) -> None:
        """@param isOnline: Tells whether messages can be sent."""
        self._settings = settings
        self.count = 0
        self._isOnline = isOnline
        self._waiters: Waiters[None] = Waiters()

    def check(self, age: float, others: int = 0) -> None:
        """
        Check whether one more message may be accepted.

        @param age: Seconds that the oldest unconfirmed message has waited.
        @param others: Messages that are about to be accepted before it.
        @raise Refusal: 503 if a limit is reached.
        """
        settings = self._settings.value
        isLate = age > settings.outboxAge
        if isLate or self.count + others >= settings.outboxLimit:
            raise serviceUnavailable(
                "resource-constraint",
                f"{self.count} messages wait for the XMPP server already"
                f"{', the oldest for too long' if isLate else ''}; try again.",
                RETRY_AFTER,
            )

    def add(self, count: int) -> None:
        """Count messages that were accepted."""
        self.count += count

    def remove(self, count: int) -> None:
        """Count messages that no longer wait."""
        self.count -= count
        self.releaseWaiters()

    def whenBelowHighWater(self) -> Deferred[None]:
        """
        Wait until fewer than L{HIGH_WATER} messages are unconfirmed.

        @return: Fires then, or when the stream is lost: nobody can tell then how long
            the wait would be.
        """
        return succeed(None) if self._hasRoom else self._waiters.wait()

    def releaseWaiters(self) -> None:
        """Fire the Deferreds of L{whenBelowHighWater} if its condition holds."""
        if self._hasRoom:
            self._waiters.release(None)

    @property
    def _hasRoom(self) -> bool:
        return self.count < HIGH_WATER or not self._isOnline()
