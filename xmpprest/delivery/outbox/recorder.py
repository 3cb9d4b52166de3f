"""Records what has become of messages, however long the store cannot."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from ...core.records import Change, StoreUnavailable

_log = Logger()

#: Seconds until something that the store could not do is tried again.
RETRY = 1.0


class Recorder:
    """
    Takes changes to the store, in their order.

    @ivar pending: How many are not recorded yet.
    """

    def __init__(
        self,
        change: Callable[[Sequence[Change]], Deferred[None]],
        recorded: Callable[[], None],
        clock: IReactorTime,
    ) -> None:
        """
        @param change: The store's.
        @param recorded: Called when some were recorded.
        """
        self._change = change
        self._recorded = recorded
        self._clock = clock
        self._changes: list[Change] = []
        self._running: Deferred[None] | None = None
        self.pending = 0

    def record(self, changes: Sequence[Change]) -> None:
        """Record these, sooner or later."""
        self._changes += changes
        self.pending += len(changes)
        if self._running is None and self._changes:
            running = Deferred.fromCoroutine(self._run())
            # It may be over already.
            self._running = running if not running.called else None
            running.addErrback(self._ended)

    def stop(self) -> None:
        """Give up what is not recorded yet."""
        if self._running is not None:
            self._running.cancel()

    async def _run(self) -> None:
        while self._changes:
            changes, self._changes = self._changes, []
            await self._keep(changes)
            self.pending -= len(changes)
            self._recorded()
        self._running = None

    async def _keep(self, changes: Sequence[Change]) -> None:
        while True:
            try:
                await self._change(changes)
            except StoreUnavailable:
                await deferLater(self._clock, RETRY)
            else:
                return

    def _ended(self, reason: Failure) -> None:
        self._running = None
        if not reason.check(CancelledError):
            _log.failure("What became of messages was not recorded.", failure=reason)
