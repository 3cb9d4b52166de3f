"""Looks after the records of an open store: fails interrupted requests, and purges."""

from __future__ import annotations

from collections.abc import Callable

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..concurrency.timers import cancel
from ..core.errors import REPORT_BUG
from ..core.live import Live, LiveSettings
from ..core.records import StoreUnavailable
from .interface import Store

_log = Logger()

#: Seconds until a call that must not fail is repeated.
RETRY = 1.0
#: Seconds between two purges.
PURGE_INTERVAL = 60.0
DAY = 86_400.0
#: Share of C{record-limit} at which the number of idempotency keys is logged.
MANY_KEYS = 0.8
#: Days for which an idempotency key is stored.
KEY_DAYS = 7.0


class StoreUpkeep(Service):
    """
    Looks after the records of a store.
    """

    def __init__(
        self,
        store: Store,
        clock: IReactorTime,
        now: Callable[[], float],
        settings: Live[LiveSettings],
        *,
        interrupted: bytes,
    ) -> None:
        """
        @param now: Returns the current time in seconds since 1970.
        @param interrupted: The response to requests that were running when the gateway
            stopped.
        """
        self._store = store
        self._now = now
        self._interrupted = interrupted
        self._settings = settings
        self._clock = clock
        self._retry: IDelayedCall | None = None
        self._hasManyKeys = False
        self._tidying = LoopingCall(self._tidy)
        self._tidying.clock = clock

    def startService(self) -> None:
        """Fail the requests that an earlier process has left, and purge regularly."""
        super().startService()
        self._failInterrupted()
        self._tidying.start(PURGE_INTERVAL)

    def stopService(self) -> None:
        """Stop to purge."""
        super().stopService()
        cancel(self._retry)
        if self._tidying.running:
            self._tidying.stop()

    def _failInterrupted(self) -> None:
        """Fail the requests that an earlier process left; retry on a full disk."""
        failing = self._store.failInterruptedRequests(self._interrupted)
        failing.addErrback(self._failLater).addErrback(_failed)

    def _failLater(self, reason: Failure) -> None:
        reason.trap(StoreUnavailable)
        if self.running:
            self._retry = self._clock.callLater(RETRY, self._failInterrupted)

    def _tidy(self) -> Deferred[None]:
        """Purge completed records, and watch the number of idempotency keys."""
        now, settings = self._now(), self._settings.value
        forgetting = self._store.purge(
            done=now - settings.recordDays * DAY,
            dead=now - settings.deadDays * DAY,
            answered=now - KEY_DAYS * DAY,
            records=settings.recordLimit,
        )
        forgetting.addCallback(lambda _: self._store.keyCount())
        return forgetting.addCallbacks(self._warn, _failed)

    def _warn(self, keys: int) -> None:
        """Log once that most of the idempotency keys are used that may be stored."""
        limit = self._settings.value.recordLimit
        hasMany = keys > limit * MANY_KEYS
        if hasMany and not self._hasManyKeys:
            _log.warn(
                "{keys} idempotency keys are stored, of at most {limit} (record-limit)."
                " At the limit, requests with new keys are refused with 503. Raise"
                " record-limit, or find the client that uses so many keys.",
                keys=keys,
                limit=limit,
            )
        self._hasManyKeys = hasMany


def _failed(reason: Failure) -> None:
    """Ignore a failed purge; the store has logged the reason."""
    if not reason.check(StoreUnavailable):
        _log.failure(
            "Deleting old records from the store crashed; it is tried again. "
            + REPORT_BUG,
            failure=reason,
        )
