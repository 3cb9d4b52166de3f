"""Records the states of messages in the store, retrying until it succeeds."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.interfaces import IReactorTime

from ..concurrency.cancel_scope import CancelScope
from ..core.records import StateChange, StoreUnavailable
from .interfaces import OutboxStore

#: Seconds until a call that the store refused is retried.
RETRY_DELAY = 1.0


class Recorder:
    """
    Records state changes.

    Each call reaches the store at once, and the store groups them. A retried change may
    be recorded after a later one, which does no harm: a queued message takes any state,
    any other message only C{BOUNCED}, and that state is final.

    @ivar pending: The number of changes that are not recorded yet.
    """

    def __init__(self, store: OutboxStore, clock: IReactorTime) -> None:
        self._store = store
        self._scope = CancelScope(clock)
        self.pending = 0

    async def record(self, changes: Sequence[StateChange]) -> None:
        """
        Record changes; returns once they are committed.

        @raise CancelledError: L{stop} was called.
        """
        self.pending += len(changes)
        try:
            while not await self._tryToRecord(changes):
                await self._scope.sleep(RETRY_DELAY)
        finally:
            self.pending -= len(changes)

    def stop(self) -> None:
        """Retry nothing any more."""
        self._scope.cancel()

    async def _tryToRecord(self, changes: Sequence[StateChange]) -> bool:
        try:
            await self._store.updateStates(changes)
        except StoreUnavailable:
            return False
        return True
