"""Waits that end when the gateway does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from ..core.records import StoreUnavailable

_T = TypeVar("_T")

#: Seconds until the store is asked again.
RETRY = 1.0


class Waits:
    """
    What may be given up at any time, unlike what is being recorded.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._waits: set[Deferred[object]] = set()
        self._isOver = False

    def begin(self) -> None:
        """From now on there may be some."""
        self._isOver = False

    def end(self) -> None:
        """Give up those under way; no more may begin."""
        self._isOver = True
        for waiting in list(self._waits):
            waiting.cancel()

    def check(self) -> None:
        """Raise C{CancelledError} if there may be no more."""
        if self._isOver:
            raise CancelledError

    async def of(self, result: Deferred[_T]) -> _T:
        """Wait for a result; raises C{CancelledError} if that is given up."""
        waiting: Deferred[object] = result  # type: ignore[assignment]  # to cancel it
        self._waits.add(waiting)
        try:
            return await result
        finally:
            self._waits.discard(waiting)

    async def sleep(self, seconds: float) -> None:
        """Wait for some time; the same."""
        self.check()
        await self.of(deferLater(self._clock, seconds))

    async def insist(self, ask: Callable[[], Deferred[_T]]) -> _T:
        """
        Ask the store until it can do it, which it is not given up for; only the
        pauses between are.
        """
        while True:
            try:
                return await ask()
            except StoreUnavailable:
                await self.sleep(RETRY)
