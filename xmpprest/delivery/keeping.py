"""What it takes to keep stanzas for the callback."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from ..core.records import Attempt, Depth, Incoming

#: How many stanzas may wait in the store.
LIMIT = 100_000


class IncomingStore(Protocol):
    """What is asked of the store; see L{xmpprest.store.interface.Store}."""

    def receive(
        self, webhookID: str, conversation: str, stanza: str, at: float
    ) -> Deferred[int]:
        """Keep a stanza."""

    def conversations(self, after: str, limit: int) -> Deferred[Sequence[str]]:
        """Those with pending stanzas, from after one."""

    def pending(
        self, conversation: str, after: int, limit: int
    ) -> Deferred[Sequence[Incoming]]:
        """Those of a conversation, from after one."""

    def attempted(
        self, number: int, attempt: Attempt, state: str, dueAt: float
    ) -> Deferred[None]:
        """Record a try."""

    def redeliver(
        self,
        webhookIDs: Sequence[str] | None,
        since: float,
        until: float,
        at: float,
        limit: int,
    ) -> Deferred[Sequence[Incoming]]:
        """Let dead stanzas be pending again."""

    def incomingDepth(self, state: str) -> Deferred[Depth]:
        """Of those in a state."""


@dataclass(frozen=True)
class Keeping:
    """
    What it takes to keep stanzas.

    @ivar now: Tells the time, in seconds since 1970.
    @ivar connections: How many stanzas the callback may be asked about at once.
    @ivar limit: How many may wait in the store.
    @ivar random: Makes numbers, at least 0 and less than 1.
    """

    store: IncomingStore
    clock: IReactorTime
    now: Callable[[], float]
    connections: int = 32
    limit: int = LIMIT
    random: Callable[[], float] = random.random
