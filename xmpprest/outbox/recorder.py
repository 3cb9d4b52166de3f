"""Records what has become of messages, however long the store cannot."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..core.records import StateChange, StoreUnavailable

_log = Logger()

#: Seconds until something that the store could not do is tried again.
RETRY = 1.0


class Recorder:
    """
    Takes changes to the store, all at once: it takes its time with some, to do them
    together. What could not be recorded may come after what came later, which makes no
    difference: nothing but a bounce changes what is not queued, and a bounce is final.

    @ivar pending: How many are not recorded yet.
    """

    def __init__(
        self,
        change: Callable[[Sequence[StateChange]], Deferred[None]],
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
        self._failed: list[StateChange] = []
        self._retrying: IDelayedCall | None = None
        self._isStopped = False
        self.pending = 0

    def record(self, changes: Sequence[StateChange]) -> None:
        """Record these, sooner or later."""
        self.pending += len(changes)
        if changes:
            self._keep(changes)

    def stop(self) -> None:
        """Give up what is not recorded yet."""
        self._isStopped = True
        if self._retrying is not None:
            self._retrying.cancel()
            self._retrying = None

    def _keep(self, changes: Sequence[StateChange]) -> None:
        keeping = self._change(changes)
        keeping.addCallbacks(self._kept, self._notKept, (changes,), {}, (changes,))
        keeping.addErrback(
            lambda reason: _log.failure(
                "What became of messages was not recorded.", failure=reason
            )
        )

    def _kept(self, result: None, changes: Sequence[StateChange]) -> None:
        self.pending -= len(changes)
        if not self._isStopped:
            self._recorded()

    def _notKept(self, reason: Failure, changes: Sequence[StateChange]) -> None:
        reason.trap(StoreUnavailable)
        self._failed += changes
        if self._retrying is None and not self._isStopped:
            self._retrying = self._clock.callLater(RETRY, self._retry)

    def _retry(self) -> None:
        self._retrying = None
        failed, self._failed = self._failed, []
        self._keep(failed)
