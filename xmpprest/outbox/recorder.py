"""Records the states of messages in the store, retrying until it succeeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from ..concurrency.cancel_scope import CancelScope
from ..core.records import StoreUnavailable
from .interfaces import OutboxStore

#: Seconds until a call that the store refused is retried.
RETRY_DELAY = 1.0


class Recorder:
    """
    Records state changes.

    Each call reaches the store at once, and the store groups them. A retried change may
    be recorded after a later one, which does no harm: a queued message takes any state,
    any other message only C{BOUNCED}, and that state is final.

    @ivar pending: The number of messages whose state is not recorded yet.
    """

    def __init__(self, store: OutboxStore, clock: IReactorTime) -> None:
        self._store = store
        self._scope = CancelScope(clock)
        self.pending = 0

    def record(
        self, numbers: Sequence[int], state: str, at: float, error: str | None = None
    ) -> Deferred[None]:
        """
        Record the state of messages.

        @param numbers: The numbers of the messages.
        @param at: When they reached the state.
        @param error: The error stanza that came back, as XML.
        @return: Fires once the change is committed; fails with L{CancelledError} after
            L{stop}.
        """
        call = partial(self._store.updateStates, numbers, state, at, error)
        return Deferred.fromCoroutine(self._record(call, len(numbers)))

    def reflect(self, number: int, stanzaID: str, at: float) -> Deferred[None]:
        """
        Record that a room has sent a message back.

        @param stanzaID: The id that the room has given to it; empty without one.
        @return: As for L{record}.
        """
        call = partial(self._store.confirmReflected, number, stanzaID, at)
        return Deferred.fromCoroutine(self._record(call, 1))

    def stop(self) -> None:
        """Retry nothing any more."""
        self._scope.cancel()

    async def _record(self, call: Callable[[], Deferred[None]], count: int) -> None:
        self.pending += count
        try:
            while True:
                try:
                    await call()
                    return
                except StoreUnavailable:
                    await self._scope.sleep(RETRY_DELAY)
        finally:
            self.pending -= count
