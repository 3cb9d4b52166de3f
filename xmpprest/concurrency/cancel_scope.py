"""A scope of waits that end together, as trio and anyio name it."""

from __future__ import annotations

from typing import TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

_T = TypeVar("_T")


class CancelScope:
    """
    Cancels all waits that were started in it, at once.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._waits: set[Deferred[object]] = set()
        self._isCancelled = False

    def open(self) -> None:
        """Allow waits, also after L{cancel}."""
        self._isCancelled = False

    def cancel(self) -> None:
        """Cancel all waits under way and refuse new ones."""
        self._isCancelled = True
        for waiting in list(self._waits):
            waiting.cancel()

    def raiseIfCancelled(self) -> None:
        """
        Check that the scope is open.

        @raise CancelledError: The scope was cancelled.
        """
        if self._isCancelled:
            raise CancelledError

    async def run(self, result: Deferred[_T]) -> _T:
        """
        Wait for a result.

        @raise CancelledError: The scope was cancelled meanwhile.
        """
        waiting: Deferred[object] = result  # type: ignore[assignment]  # to cancel it
        self._waits.add(waiting)
        try:
            return await result
        finally:
            self._waits.discard(waiting)

    async def sleep(self, seconds: float) -> None:
        """
        Wait for some seconds.

        @raise CancelledError: The scope was cancelled before or meanwhile.
        """
        self.raiseIfCancelled()
        await self.run(deferLater(self._clock, seconds))
