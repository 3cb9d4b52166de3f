"""The workers that deliver stanzas, as many at a time as the callback takes."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..concurrency.waiters import Waiters
from ..core.errors import REPORT_BUG
from .capacity import Capacity
from .conversation import Conversation
from .deliverer import StanzaDeliverer
from .options import InboxOptions
from .queued_stanza import MemoryUse, QueuedStanza
from .stored_stanzas import StoredStanzas
from .turns import ConversationTurns, DeliveryState

_log = Logger()

#: Seconds until the next turn of a conversation whose turn crashed.
ERROR_BACKOFF = 60.0


class DeliveryWorkers:
    """
    Workers, each a coroutine that delivers one stanza of one conversation after the
    other.

    @ivar limit: Limit on the stanzas in flight.
    """

    def __init__(
        self,
        deliverer: StanzaDeliverer,
        stored: StoredStanzas | None,
        turns: ConversationTurns,
        state: DeliveryState,
        options: InboxOptions,
        *,
        memory: MemoryUse,
        transient: Capacity,
        limit: int,
        next: Callable[[], Conversation | None],
        onEnd: Callable[[], None],
    ) -> None:
        """
        @param stored: Stored stanzas; C{None} without a store.
        @param memory: Memory that waiting stanzas take.
        @param transient: The transient stanzas.
        @param next: Returns the next conversation to deliver.
        @param onEnd: Called when a worker has ended.
        """
        self._deliverer = deliverer
        self._stored = stored
        self._turns = turns
        self._state = state
        self._now = options.steady
        self._memory = memory
        self._transient = transient
        self.limit = limit
        self._next = next
        self._onEnd = onEnd
        #: Workers, and those of them that may use the store.
        self._busy = self._busyWithStore = 0
        self._idle: Waiters[None] = Waiters()

    @property
    def isFree(self) -> bool:
        """Whether another worker may start."""
        return self._busy < self.limit

    def fill(self) -> None:
        """Start workers for conversations that are ready."""
        while self.isFree and (conversation := self._next()) is not None:
            self.start(conversation, isForced=False)

    async def whenIdle(self) -> None:
        """Wait until no stanza is in flight, and no transient stanza waits."""
        while self._busy or (self._transient.count and self._state.isRunning):
            await self._idle.wait()

    async def whenStoreIsIdle(self) -> None:
        """Wait until no worker uses the store."""
        while self._busyWithStore:
            await self._idle.wait()

    def start(self, conversation: Conversation, *, isForced: bool) -> None:
        """
        Start a worker.

        @param conversation: Its first conversation.
        @param isForced: Whether that is tried before it is due.
        """
        self._busy += 1
        working = Deferred.fromCoroutine(self._work(conversation, isForced))
        working.addBoth(self._worked)

    def _worked(self, result: Failure | None) -> None:
        self._busy -= 1
        if result is not None:
            _log.failure(
                "A delivery worker crashed; others go on. " + REPORT_BUG, failure=result
            )
        self._onEnd()
        if self._idle:
            self._idle.release(None)

    async def _work(self, first: Conversation, isForced: bool) -> None:
        """
        Deliver one stanza of one conversation after the other while any are ready.
        Failures of a conversation end here.
        """
        conversation: Conversation | None = first
        while conversation is not None:
            conversation.isDelivering = True
            self._turns.queue.discard(conversation.key)
            usesStore = bool(conversation.stored) or conversation.hasMore
            self._busyWithStore += usesStore
            try:
                await self._deliverNext(conversation, isForced)
            except CancelledError:
                conversation.retryAt = self._now() + ERROR_BACKOFF
            except Exception:
                _log.failure(
                    "Delivering a conversation crashed; it is tried again later. "
                    + REPORT_BUG
                )
                conversation.evict()
                conversation.retryAt = self._now() + ERROR_BACKOFF
            finally:
                self._busyWithStore -= usesStore
            conversation.isDelivering = False
            if self._state.isRunning and self._turns.isCurrent(conversation):
                self._turns.place(conversation)
            if self._idle:
                self._idle.release(None)
            isForced = False
            conversation = self._next() if self._state.isRunning else None

    async def _deliverNext(self, conversation: Conversation, isForced: bool) -> None:
        """
        Deliver the next stanza of a conversation, if any is due.

        @param isForced: Whether a stored stanza is tried before it is due.
        """
        state = self._state
        canFill = not conversation.stored and conversation.hasMore
        if canFill and (state.deliversStored or isForced):
            assert self._stored is not None
            await self._stored.fill(conversation)
            if not state.isRunning:
                return
        now = self._now()
        isDue = (state.deliversStored and conversation.retryAt <= now) or (
            state.isOpen and isForced
        )
        if conversation.recent and conversation.isTransientNext(isDue):
            queued = conversation.popTransient()
            try:
                await self._deliverer.deliverTransient(queued)
            finally:
                self._forgetTransient(conversation, queued)
        elif conversation.stored and isDue:
            head, last = conversation.stored[0], conversation.last
            # The callback may be back, and not take just this one: probe others first.
            self._turns.table.moveToEnd(conversation.key)
            deferrals = 0 if last is None else last.consecutiveDeferrals
            result = await self._deliverer.attempt(head, deferrals)
            assert self._stored is not None
            await self._stored.record(conversation, head, result, now)

    # --- transient stanzas ---

    def bounceTransient(self, conversation: Conversation) -> None:
        """Bounce all transient stanzas of a conversation that are not in flight."""
        for queued in conversation.takeTransient():
            self._deliverer.bounce(queued)
            self._forgetTransient(conversation, queued)

    def _forgetTransient(
        self, conversation: Conversation, queued: QueuedStanza
    ) -> None:
        queued.dropTree(self._memory)
        self._transient.remove(conversation.key, queued.size)
