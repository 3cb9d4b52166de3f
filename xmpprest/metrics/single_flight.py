"""Asks somebody who may be slow, such as a disk, and does not wait for long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

_T = TypeVar("_T")

#: Seconds that whoever looks waits for an answer.
TIMEOUT = 1.0


class SharedQuery(Generic[_T]):
    """
    A question that is asked when somebody looks: one at a time, however many do.
    """

    def __init__(self, ask: Callable[[], Deferred[_T]], clock: IReactorTime) -> None:
        self._ask = ask
        self._clock = clock
        self._isRunning = False
        self._waiters: list[Deferred[_T | None]] = []

    def get(self) -> Deferred[_T | None]:
        """Find out; C{None}, there was no answer, or not in time."""
        waiter: Deferred[_T | None] = Deferred(self._waiters.remove)
        waiter.addTimeout(TIMEOUT, self._clock, lambda *_: None)
        self._waiters.append(waiter)
        if not self._isRunning:
            self._isRunning = True
            self._ask().addBoth(self._answered)
        return waiter

    def _answered(self, result: _T | Failure) -> None:
        self._isRunning = False
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.callback(None if isinstance(result, Failure) else result)
