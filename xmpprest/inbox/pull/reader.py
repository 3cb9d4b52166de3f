"""A client that waits for updates."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from ...concurrency import timers
from ...core.errors import Refusal


class Reader:
    """
    One request for updates. There is at most one for each callback at a time.
    """

    __slots__ = ("_clock", "_deadline", "_isWoken", "_refusal", "_waiter")

    def __init__(self, clock: IReactorTime, wait: float) -> None:
        """@param wait: Seconds that it waits for the first update."""
        self._clock = clock
        self._deadline = clock.seconds() + wait
        self._refusal: Refusal | None = None
        self._waiter: Deferred[None] | None = None
        self._isWoken = False

    @property
    def isPatient(self) -> bool:
        """Whether it still has time to wait."""
        return self._clock.seconds() < self._deadline

    def end(self, refusal: Refusal | None = None) -> None:
        """
        Make it wait no longer.

        @param refusal: The error that it gets; C{None} for an empty response.
        """
        self._refusal = refusal
        self._deadline = self._clock.seconds()
        self.wake()

    def begin(self) -> None:
        """
        Begin to look for updates.

        @raise Refusal: It has ended with an error.
        """
        self._isWoken = False
        if self._refusal is not None:
            raise self._refusal

    def wake(self) -> None:
        """End its wait, or its next one, so that it looks for updates again."""
        self._isWoken = True
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter.callback(None)

    async def wait(self) -> None:
        """Wait for L{wake} since L{begin}, or for its deadline."""
        if self._isWoken:
            return
        self._waiter = waiter = Deferred[None]()
        left = max(0.0, self._deadline - self._clock.seconds())
        timer = self._clock.callLater(left, self.wake)
        try:
            await waiter
        finally:
            timers.cancel(timer)
            if self._waiter is waiter:
                self._waiter = None
