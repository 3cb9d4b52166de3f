"""A list of callers that wait for the same event."""

from __future__ import annotations

from typing import Generic, TypeVar

from twisted.internet.defer import Deferred

_T = TypeVar("_T")


class Waiters(Generic[_T]):
    """
    A list of Deferreds that fire together.

    A waiter that is cancelled leaves the list. A waiter that is added while the others
    fire waits for the next time.
    """

    __slots__ = ("_waiters",)

    def __init__(self) -> None:
        self._waiters: list[Deferred[_T]] = []

    def __len__(self) -> int:
        """Return the number of waiters."""
        return len(self._waiters)

    def wait(self) -> Deferred[_T]:
        """Return a Deferred that fires at the next L{release} or L{fail}."""
        waiter: Deferred[_T] = Deferred(self._forget)
        self._waiters.append(waiter)
        return waiter

    def release(self, result: _T) -> None:
        """Fire all waiters with a result."""
        for waiter in self._take():
            if not waiter.called:
                waiter.callback(result)

    def fail(self, error: BaseException) -> None:
        """Fail all waiters with an exception."""
        for waiter in self._take():
            if not waiter.called:
                waiter.errback(error)

    def _take(self) -> list[Deferred[_T]]:
        waiters, self._waiters = self._waiters, []
        return waiters

    def _forget(self, waiter: Deferred[_T]) -> None:
        """Drop a cancelled waiter, which may be among those that fire now."""
        if waiter in self._waiters:
            self._waiters.remove(waiter)
