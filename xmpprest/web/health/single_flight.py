"""Finds out by trying whether something can be done, however many ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ...core.errors import Refusal
from ...core.records import StoreUnavailable

_log = Logger()

#: Seconds for which it is known.
CACHE_SECONDS = 1.0
#: Seconds that it may take; after that it cannot be done, until it has been.
TIMEOUT = 5.0


class SingleFlight:
    """
    Tries something, once a second at most, and one at a time, even if that takes long.
    """

    def __init__(
        self,
        attempt: Callable[[], Deferred[Any]],  # whatever it fires with
        clock: IReactorTime,
    ) -> None:
        """
        @param attempt: Fails with L{StoreUnavailable} or L{Refusal}, or else it can be
            done.
        """
        self._attempt = attempt
        self._clock = clock
        self._isRunning = False
        self._knownUntil = float("-inf")
        self._fault: str | None = None
        self._waiters: list[Deferred[str | None]] = []

    def check(self) -> Deferred[str | None]:
        """Find out why it cannot be done; C{None}, it can."""
        if not self._isRunning and self._clock.seconds() < self._knownUntil:
            return succeed(self._fault)
        waiter: Deferred[str | None] = Deferred(self._waiters.remove)
        waiter.addTimeout(
            TIMEOUT, self._clock, lambda *_: f"it has not answered within {TIMEOUT:g} s"
        )
        self._waiters.append(waiter)
        if not self._isRunning:
            self._isRunning = True
            self._attempt().addCallbacks(lambda _: None, _fault).addCallback(
                self._tried
            )
        return waiter

    def _tried(self, fault: str | None) -> None:
        self._isRunning = False
        self._knownUntil = self._clock.seconds() + CACHE_SECONDS
        self._fault = fault
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.callback(fault)


def _fault(reason: Failure) -> str:
    if reason.check(Refusal):
        return cast(Refusal, reason.value).problem.text
    if not reason.check(StoreUnavailable):
        _log.failure("It could not be found out what works.", failure=reason)
        return "it failed; the log says how"
    return reason.getErrorMessage()
