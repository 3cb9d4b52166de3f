"""The store as the inbox uses it; repeats calls while it is unavailable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from twisted.internet.defer import Deferred

from ..concurrency.cancel_scope import CancelScope
from ..core.records import (
    DeliveryAttempt,
    InboxRecord,
    PendingPlace,
    PendingSize,
    QueueDepth,
    StoreUnavailable,
    UpdatesOrigin,
)

_T = TypeVar("_T")

#: Seconds between two calls of a store that is unavailable.
RETRY_INTERVAL = 1.0


class InboxStore(Protocol):
    """
    The calls of L{Store<xmpprest.store.interface.Store>} that the inbox uses; their
    documentation is there.
    """

    def addIncoming(
        self, webhookID: str, conversation: str, stanza: str, at: float
    ) -> Deferred[int]: ...

    def conversations(self, after: str, limit: int) -> Deferred[Sequence[str]]: ...

    def pendingSizes(
        self, after: str, before: int | None, limit: int
    ) -> Deferred[Sequence[PendingSize]]: ...

    def pending(
        self, conversation: str, after: int, limit: int
    ) -> Deferred[Sequence[InboxRecord]]: ...

    def reassign(
        self, numbers: Sequence[int], conversation: str
    ) -> Deferred[Sequence[int]]: ...

    def updatesOrigin(self) -> Deferred[UpdatesOrigin]: ...

    def pendingPlaces(
        self, conversation: str, number: int, limit: int
    ) -> Deferred[Sequence[PendingPlace]]: ...

    def pendingStanzas(
        self, numbers: Sequence[int], size: int
    ) -> Deferred[Sequence[InboxRecord]]: ...

    def recordAttempt(
        self, number: int, attempt: DeliveryAttempt, state: str, dueAt: float
    ) -> Deferred[None]: ...

    def incomingByID(
        self, webhookID: str
    ) -> Deferred[tuple[InboxRecord, Sequence[DeliveryAttempt]] | None]: ...

    def requeueDead(
        self,
        webhookIDs: Sequence[str] | None,
        since: float,
        until: float,
        at: float,
        limit: int,
    ) -> Deferred[Sequence[InboxRecord]]: ...

    def incomingDepth(self, state: str) -> Deferred[QueueDepth]: ...


async def retryWhileUnavailable(
    scope: CancelScope, ask: Callable[[], Deferred[_T]]
) -> _T:
    """
    Call the store until it succeeds.

    @param scope: Ends the pauses between calls, but no call under way.
    @raise CancelledError: The scope was cancelled in a pause.
    """
    while True:
        try:
            return await ask()
        except StoreUnavailable:
            await scope.sleep(RETRY_INTERVAL)
