"""
What it takes to keep stanzas for the callback: a store, a clock, and waits that end.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from ..concurrency.cancel_scope import CancelScope
from ..core.records import DeliveryAttempt, InboxRecord, QueueDepth, StoreUnavailable

_T = TypeVar("_T")

#: What has to be done before what is kept is delivered.
Precondition: TypeAlias = Callable[[], Coroutine[Deferred[Any], Any, None]]

#: How many stanzas may wait in the store.
LIMIT = 100_000
#: Seconds until the store is asked again.
RETRY = 1.0


class InboxStore(Protocol):
    """What is asked of the store; see L{xmpprest.store.interface.Store}."""

    def addIncoming(
        self, webhookID: str, conversation: str, stanza: str, at: float
    ) -> Deferred[int]:
        """Keep a stanza."""

    def conversations(self, after: str, limit: int) -> Deferred[Sequence[str]]:
        """Those with pending stanzas, from after one."""

    def pending(
        self, conversation: str, after: int, limit: int
    ) -> Deferred[Sequence[InboxRecord]]:
        """Those of a conversation, from after one."""

    def countPending(self, first: str, last: str | None) -> Deferred[int]:
        """How many there are of conversations from after one to before another."""

    def reassign(self, numbers: Sequence[int], conversation: str) -> Deferred[None]:
        """Let pending stanzas be of another conversation."""

    def recordAttempt(
        self, number: int, attempt: DeliveryAttempt, state: str, dueAt: float
    ) -> Deferred[None]:
        """Record a try."""

    def incomingByID(
        self, webhookID: str
    ) -> Deferred[tuple[InboxRecord, Sequence[DeliveryAttempt]] | None]:
        """One, with all its tries."""

    def requeueDead(
        self,
        webhookIDs: Sequence[str] | None,
        since: float,
        until: float,
        at: float,
        limit: int,
    ) -> Deferred[Sequence[InboxRecord]]:
        """Let dead stanzas be pending again."""

    def incomingDepth(self, state: str) -> Deferred[QueueDepth]:
        """Of those in a state."""


@dataclass(frozen=True)
class DurabilityOptions:
    """
    What it takes to keep stanzas.

    @ivar now: Tells the time, in seconds since 1970.
    @ivar connections: How many stanzas the callback may be asked about at once.
    @ivar limit: How many may wait in the store.
    @ivar random: Makes numbers, at least 0 and less than 1.
    """

    store: InboxStore
    clock: IReactorTime
    now: Callable[[], float]
    connections: int = 32
    limit: int = LIMIT
    random: Callable[[], float] = random.random


async def retryWhileUnavailable(
    scope: CancelScope, call: Callable[[], Deferred[_T]]
) -> _T:
    """
    Call the store until it is available.

    The call itself is never cancelled, the pauses between calls are.

    @raise CancelledError: The scope was cancelled during a pause.
    """
    while True:
        try:
            return await call()
        except StoreUnavailable:
            await scope.sleep(RETRY)
