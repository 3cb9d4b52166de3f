"""Reads the stored stanzas of a conversation, and records attempts to deliver them."""

from __future__ import annotations

from functools import partial
from math import inf

from ..concurrency.cancel_scope import CancelScope
from ..core.policy.retry import RETRY_AFTER_STATUSES, LastAttempt, isPlausibleDelay
from ..core.records import PENDING, StoreUnavailable
from .capacity import Capacity
from .conversation import COUNT, Conversation
from .deliverer import AttemptResult
from .options import InboxOptions
from .outage_recovery import OutageRecovery
from .queued_stanza import MemoryUse, QueuedStanza
from .store_access import RETRY_INTERVAL, InboxStore, retryWhileUnavailable


class StoredStanzas:
    """
    The conversations' side of the store.
    """

    def __init__(
        self,
        store: InboxStore,
        recovery: OutageRecovery,
        scope: CancelScope,
        options: InboxOptions,
        *,
        memory: MemoryUse,
        capacity: Capacity,
    ) -> None:
        """
        @param recovery: Makes attempts earlier after an outage.
        @param scope: Ends waits for the store.
        @param memory: Memory that waiting stanzas take.
        @param capacity: The stored stanzas.
        """
        self._store = store
        self._recovery = recovery
        self._scope = scope
        self._now = options.steady
        self._memory = memory
        self._capacity = capacity

    async def record(
        self,
        conversation: Conversation,
        head: QueuedStanza,
        result: AttemptResult,
        at: float,
    ) -> None:
        """
        Record an attempt to deliver the first stanza of a conversation, and apply its
        result.

        @param at: When the attempt began.
        @raise CancelledError: The gateway stops, and the store is unavailable.
        """
        await retryWhileUnavailable(
            self._scope,
            partial(
                self._store.recordAttempt,
                int(head.number),
                result.attempt,
                result.state,
                result.dueAt,
            ),
        )
        # Stanzas before it may have become pending again meanwhile.
        isFirst = bool(conversation.stored) and conversation.stored[0] is head
        if result.state != PENDING:
            conversation.last = None
            self._capacity.remove(conversation.key, head.size)
            if isFirst:
                conversation.pop()
            return
        before = conversation.last or LastAttempt(0.0, None)
        isExpedited = conversation.retryAt <= at < head.dueAt
        expeditedAt = at if isExpedited else before.expeditedAt
        status = result.attempt.status
        isDeferred = status in RETRY_AFTER_STATUSES
        deferrals = before.consecutiveDeferrals + 1 if isDeferred else 0
        conversation.last = LastAttempt(at, status, expeditedAt, deferrals)
        head.attempts += 1
        head.dropTree(self._memory)
        head.dueAt = result.dueAt
        if isFirst:
            conversation.retryAt = result.dueAt
            self._recovery.hasten(conversation)

    async def fill(self, conversation: Conversation) -> None:
        """Read the first stored stanzas of a conversation into memory."""
        try:
            while not conversation.stored and conversation.hasMore:
                conversation.fill(await self._store.pending(conversation.key, 0, COUNT))
            if (
                conversation.stored
                and conversation.retryAt > self._now()
                and conversation.last is None
            ):
                await self._recall(conversation, conversation.stored[0])
        except StoreUnavailable:
            conversation.evict()
            conversation.retryAt = self._now() + RETRY_INTERVAL

    async def _recall(self, conversation: Conversation, head: QueuedStanza) -> None:
        """
        Read the last attempt of a stanza, made by an earlier process. If the system
        clock was stepped back since, the stanza is due now.
        """
        found = await self._store.incomingByID(head.webhookID)
        now = self._now()
        if found is not None and found[1]:
            last = found[1][-1]
            conversation.last = LastAttempt(last.at, last.status)
            if last.at > now:
                conversation.last = LastAttempt(-inf, last.status)
                head.dueAt = conversation.retryAt = now
        status = None if conversation.last is None else conversation.last.status
        if not isPlausibleDelay(head.dueAt - now, head.attempts, status):
            head.dueAt = conversation.retryAt = now
        self._recovery.hasten(conversation)
