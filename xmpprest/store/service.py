"""Opens the store with the gateway, keeps it tidy, closes it."""

from __future__ import annotations

from collections.abc import Callable

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..core.records import StoreUnavailable, StoreUnusable
from .interface import Store

_log = Logger()

#: Seconds between two times of tidying up.
PURGE_INTERVAL = 3600.0
DAY = 86_400.0
#: For how long an idempotency key is known, in days.
KEY_DAYS = 7.0


class StoreStartupError(SystemExit, Exception):
    """
    The end, with a sentence. It is an C{Exception}, too, or twistd would not hear of it
    in the background, and wait for ever.
    """


class StoreService(Service):
    """
    Holds a store.

    @ivar recordDays: For how long the record of what was sent or delivered is kept.
    @ivar deadDays: For how long a dead letter is. Both may be changed.
    """

    def __init__(
        self,
        store: Store,
        clock: IReactorTime,
        now: Callable[[], float],
        *,
        interrupted: bytes,
        recordDays: float,
        deadDays: float,
    ) -> None:
        """
        @param now: Tells the time, in seconds since 1970.
        @param interrupted: The answer to requests that ran when the gateway ended.
        """
        self._store = store
        self._now = now
        self._interrupted = interrupted
        self.recordDays = recordDays
        self.deadDays = deadDays
        self._tidying = LoopingCall(self._tidy)
        self._tidying.clock = clock

    def startService(self) -> None:
        """
        Open the store.

        @raise CannotKeep: It is of no use, as is known before the reactor runs.
        """
        super().startService()
        problems: list[Failure] = []
        opening = self._store.open()
        opening.addErrback(_refuse if opening.called else _tell)
        opening.addErrback(problems.append)
        if problems:
            problems[0].raiseException()
        self._store.failInterruptedRequests(self._interrupted).addErrback(_failed)
        self._tidying.start(PURGE_INTERVAL)

    def stopService(self) -> Deferred[None]:
        """Close the store, once all that was asked of it is done."""
        super().stopService()
        if self._tidying.running:
            self._tidying.stop()
        return self._store.close()

    def _tidy(self) -> Deferred[None]:
        """Forget what ended long ago."""
        now = self._now()
        forgetting = self._store.purge(
            done=now - self.recordDays * DAY,
            dead=now - self.deadDays * DAY,
            answered=now - KEY_DAYS * DAY,
        )
        return forgetting.addErrback(_failed)


def _refuse(reason: Failure) -> None:
    """The store cannot be opened, and whoever starts us is told."""
    reason.trap(StoreUnusable)
    raise StoreStartupError(f"xmpprest: {reason.getErrorMessage()}") from None


def _tell(reason: Failure) -> None:
    """The same, when nobody is there any more but the log."""
    reason.trap(StoreUnusable)
    _log.critical(
        "{reason} Until the gateway is restarted, nothing is accepted.",
        reason=reason.getErrorMessage(),
    )


def _failed(reason: Failure) -> None:
    """The store itself has said what is wrong with it."""
    if not reason.check(StoreUnavailable):
        _log.failure("The store could not be tidied up.", failure=reason)
