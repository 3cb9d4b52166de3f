"""
What it takes to keep stanzas for the callback: a store, a clock, and waits that end.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

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


class CancelScope:
    """
    What may be given up at any time, unlike what is being recorded.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._waits: set[Deferred[object]] = set()
        self._isOver = False

    def open(self) -> None:
        """From now on there may be some."""
        self._isOver = False

    def cancel(self) -> None:
        """Give up those under way; no more may begin."""
        self._isOver = True
        for waiting in list(self._waits):
            waiting.cancel()

    def raiseIfCancelled(self) -> None:
        """Raise C{CancelledError} if there may be no more."""
        if self._isOver:
            raise CancelledError

    async def run(self, result: Deferred[_T]) -> _T:
        """Wait for a result; raises C{CancelledError} if that is given up."""
        waiting: Deferred[object] = result  # type: ignore[assignment]  # to cancel it
        self._waits.add(waiting)
        try:
            return await result
        finally:
            self._waits.discard(waiting)

    async def sleep(self, seconds: float) -> None:
        """Wait for some time; the same."""
        self.raiseIfCancelled()
        await self.run(deferLater(self._clock, seconds))

    async def retryWhileUnavailable(self, ask: Callable[[], Deferred[_T]]) -> _T:
        """
        Ask the store until it can do it, which it is not given up for; only the
        pauses between are.
        """
        while True:
            try:
                return await ask()
            except StoreUnavailable:
                await self.sleep(RETRY)
