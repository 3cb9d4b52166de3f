"""Shares one run of an operation among all callers that ask for it at the same time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

from .waiters import Waiters

_T = TypeVar("_T")


class SingleFlight(Generic[_T]):
    """
    Runs an operation at most once at a time; callers share the run under way.

    A run that outlasts the timeout is not started again until it ends; its callers get
    the fallback in the meantime.
    """

    def __init__(
        self,
        run: Callable[[], Deferred[_T]],
        clock: IReactorTime,
        *,
        timeout: float,
        fallback: _T,
        maxAge: float = 0.0,
    ) -> None:
        """
        @param run: Starts the operation. Its Deferred must not fail.
        @param timeout: Seconds that a caller waits.
        @param fallback: Result for a caller whose wait timed out.
        @param maxAge: Seconds for which a result is reused without a new run.
        """
        self._run = run
        self._clock = clock
        self._timeout = timeout
        self._fallback = fallback
        self._maxAge = maxAge
        self._isRunning = False
        self._freshUntil = float("-inf")
        self._last = fallback
        self._waiters: Waiters[_T] = Waiters()

    def get(self) -> Deferred[_T]:
        """
        Return the result of the run under way, of a recent one, or of a new one.

        @return: Fires with the fallback after the timeout.
        """
        if not self._isRunning and self._clock.seconds() < self._freshUntil:
            return succeed(self._last)
        waiter = self._waiters.wait()
        waiter.addTimeout(self._timeout, self._clock, lambda *_: self._fallback)
        if not self._isRunning:
            self._isRunning = True
            self._run().addCallback(self._ended)
        return waiter

    def _ended(self, result: _T) -> None:
        self._isRunning = False
        self._last = result
        self._freshUntil = self._clock.seconds() + self._maxAge
        self._waiters.release(result)
