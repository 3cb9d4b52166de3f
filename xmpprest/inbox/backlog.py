"""Finds the stanzas that earlier processes have left in the store for a callback."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from twisted.internet.defer import Deferred

from ..concurrency.cancel_scope import CancelScope
from ..core.records import PendingSize
from ..core.webhook.conversation_key import ConversationKeys
from .scheduler import DeliveryScheduler
from .store_access import InboxStore, retryWhileUnavailable

#: Number of conversations that one call of the store returns.
PAGE = 1000
#: Seconds until the next call while the conversations of the last one still wait.
PAGE_PAUSE = 0.25


class BacklogReader:
    """
    Counts the stanzas of earlier processes, and queues their conversations.

    @ivar firstNumber: Number of the first stanza that this process has stored; C{None}
        as long as there is none. Later stanzas are counted already.
    """

    def __init__(
        self,
        store: InboxStore,
        keys: ConversationKeys,
        scheduler: DeliveryScheduler,
        scope: CancelScope,
    ) -> None:
        """
        @param keys: Names of the callback's conversations in the store.
        @param scope: Ends waits for the store.
        """
        self._store = store
        self._keys = keys
        self._scheduler = scheduler
        self._scope = scope
        self.firstNumber: int | None = None

    async def measure(self) -> None:
        """Count the stanzas that earlier processes have left in the store."""
        after = self._keys.lowerBound
        while page := await retryWhileUnavailable(
            self._scope, partial(self._sizes, after)
        ):
            for each in page:
                if each.conversation in self._keys:
                    self._scheduler.stored.add(each.conversation, each.size, each.count)
            after = page[-1].conversation
            if after not in self._keys:
                break

    def _sizes(self, after: str) -> Deferred[Sequence[PendingSize]]:
        return self._store.pendingSizes(after, self.firstNumber, PAGE)

    async def queue(self) -> None:
        """Queue the conversations of earlier processes, a page of them at a time."""
        after = self._keys.lowerBound
        while page := await retryWhileUnavailable(
            self._scope, partial(self._store.conversations, after, PAGE)
        ):
            for key in page:
                if key in self._keys:
                    self._scheduler.addFromStore(key)
            while self._scheduler.readyCount > PAGE:
                await self._scope.sleep(PAGE_PAUSE)
            after = page[-1]
            if after not in self._keys:
                break
        self._scheduler.complete()
