"""
Delivers what is kept for the callback: those of a conversation in the order they came,
whatever becomes of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import inf

from twisted.internet.defer import Deferred

from ..concurrency.cancel_scope import CancelScope
from ..core.policy.health import PROBE_INTERVAL
from ..core.policy.retry import RETRY_AFTER_STATUSES, LastAttempt, expeditedRetryAt
from ..core.records import PENDING, InboxRecord
from .attempt import AttemptResult, DeliveryAttempter
from .conversation import COUNT, Conversation, MemoryBudget, QueuedStanza, QueueState
from .options import DurabilityOptions, retryWhileUnavailable
from .replies import ReplySender
from .scheduler import Scheduler
from .webhook_caller import HealthMonitor, WebhookCaller

#: Seconds until its next turn for which a conversation stays in memory.
KEPT_IN_MEMORY = 60.0


class ConversationQueue:
    """
    All conversations with stanzas to be delivered.

    @ivar waiting: How many stanzas there are.
    @ivar isComplete: Whether all that an earlier process has left is known.
    @ivar turns: Those of the conversations.
    """

    def __init__(
        self,
        keeping: DurabilityOptions,
        asker: WebhookCaller,
        answers: ReplySender,
        watch: HealthMonitor,
        waits: CancelScope,
    ) -> None:
        self._store = keeping.store
        self._now = keeping.now
        self._random = keeping.random
        self._watch = watch
        self._waits = waits
        self._attempts = DeliveryAttempter(asker, answers, watch, waits, keeping)
        self._memory = MemoryBudget()
        self._conversations: dict[str, Conversation] = {}
        self.waiting = 0
        self.isComplete = False
        self.turns = Scheduler(self, keeping.clock, keeping.now, keeping.connections)
        watch.onPauseChanged = self.turns.wake
        watch.onRecovered = self._recovered

    def begin(self) -> None:
        """Begin, but with L{turns} not yet."""
        self._memory = MemoryBudget()
        self._conversations = {}
        self.waiting = 0
        self.isComplete = False

    def countOf(self, key: str) -> int:
        """How many stanzas of a conversation have come since the start, and wait."""
        conversation = self._conversations.get(key)
        return 0 if conversation is None else conversation.waiting

    def hasConversation(self, key: str) -> bool:
        """Whether any stanza of a conversation waits, as far as we know."""
        return key in self._conversations

    def addFromStore(self, key: str) -> None:
        """An earlier process has left a conversation."""
        self.turns.schedule(self._conversation(key), 0)

    def add(self, key: str, waiting: QueuedStanza) -> None:
        """A stanza has been kept, the last of its conversation."""
        self.waiting += 1
        conversation = self._conversation(key)
        conversation.add(waiting)
        if conversation.place is QueueState.NOWHERE:
            self.turns.schedule(conversation, waiting.dueAt)

    def requeue(self, page: Sequence[InboxRecord]) -> None:
        """Stanzas are to be delivered again, and be it before others that wait."""
        self.waiting += len(page)
        for each in page:
            conversation = self._conversation(each.conversation)
            conversation.requeued(each.number)
            self.turns.schedule(conversation, 0)

    def _conversation(self, key: str) -> Conversation:
        """A conversation; as long as we do not know better, there is more of it."""
        found = self._conversations.get(key)
        if found is None:
            found = Conversation(key, self._memory, not self.isComplete)
            self._conversations[key] = found
        return found

    # --- what the turns ask ---

    @property
    def isPaused(self) -> bool:
        """Whether the callback is only tried now and then."""
        return self._watch.health.isPaused

    @property
    def isProbing(self) -> bool:
        """Whether somebody is to find out that the callback is back."""
        health = self._watch.health
        isFailing = health.failingSince is not None and bool(self._conversations)
        return health.isPaused or isFailing

    def nextToProbe(self) -> Conversation | None:
        """
        The conversation that has waited longest since it came, or was last tried: a
        minute at least. One that the callback wants later is tried only in a pause.
        """
        health, now = self._watch.health, self._now()
        if not (health.isPaused or health.isInOutage(now)):
            return None
        for each in self._conversations.values():
            last = each.last or LastAttempt(-inf, None)
            isWanted = health.isPaused or last.status not in RETRY_AFTER_STATUSES
            if (
                each.place is not QueueState.BUSY
                and isWanted
                and last.at + PROBE_INTERVAL <= now
            ):
                return each
        return None

    async def deliverNext(
        self, conversation: Conversation, isForced: bool
    ) -> float | None:
        """
        Deliver the first stanza of a conversation, if it is due.

        @param isForced: Whether to try it before.
        @return: When there is something to do again; C{None}, never.
        """
        while conversation.head is None and conversation.hasMore:
            conversation.fill(
                await retryWhileUnavailable(
                    self._waits,
                    partial(self._store.pending, conversation.key, 0, COUNT),
                )
            )
        head, now = conversation.head, self._now()
        if head is not None:
            if min(head.dueAt, conversation.expeditedTo) <= now or isForced:
                # The callback may be back, and not take just this one: others first.
                self._conversations[conversation.key] = self._conversations.pop(
                    conversation.key
                )
                asked = (
                    conversation.last.consecutiveDeferrals if conversation.last else 0
                )
                outcome = await self._attempts.attempt(head, asked)
                await retryWhileUnavailable(
                    self._waits, partial(self._record, head.number, outcome)
                )
                self._settle(conversation, head, outcome, now)
            elif conversation.last is None:
                await self._recall(conversation, head)
        return self._next(conversation)

    async def _recall(self, conversation: Conversation, head: QueuedStanza) -> None:
        """Find out about the last try; it was an earlier process's."""
        found = await retryWhileUnavailable(
            self._waits, partial(self._store.incomingByID, head.webhookID)
        )
        if found is not None and found[1]:
            last = found[1][-1]
            conversation.last = LastAttempt(last.at, last.status)

    def _record(self, number: int, outcome: AttemptResult) -> Deferred[None]:
        return self._store.recordAttempt(
            number, outcome.attempt, outcome.state, outcome.dueAt
        )

    def _settle(
        self,
        conversation: Conversation,
        head: QueuedStanza,
        outcome: AttemptResult,
        at: float,
    ) -> None:
        """What has come of a try that began then is recorded."""
        before = conversation.last or LastAttempt(0.0, None)
        hastenedAt = at if at < head.dueAt else before.expeditedAt
        status = outcome.attempt.status
        asked = before.consecutiveDeferrals + 1 if status in RETRY_AFTER_STATUSES else 0
        conversation.last = LastAttempt(at, status, hastenedAt, asked)
        conversation.expeditedTo = inf
        head.attempts += 1
        head.dueAt = outcome.dueAt
        if outcome.state != PENDING:
            conversation.last = None
            self.waiting -= 1
            conversation.settled(head.number)
            # Others may have come before it.
            if conversation.head is head:
                conversation.pop()

    def _recovered(self) -> None:
        """The callback was out, and has answered."""
        self.turns.reschedule(lambda each: self._hastened(each, each.dueAt))

    def _hastened(self, conversation: Conversation, dueAt: float) -> float:
        """When the next turn is, that would be due then, had there been no outage."""
        last, recoveredAt = conversation.last, self._watch.health.recoveredAt
        if last is None or recoveredAt is None or last.at >= recoveredAt:
            return dueAt
        soon = expeditedRetryAt(last, dueAt, self._now(), self._random())
        if soon < dueAt:
            conversation.expeditedTo = soon
        return soon

    def _next(self, conversation: Conversation) -> float | None:
        """When the next turn is due, if there is one."""
        head = conversation.head
        if head is not None:
            dueAt = min(head.dueAt, conversation.expeditedTo)
            dueAt = self._hastened(conversation, dueAt)
            isLong = dueAt - self._now() > KEPT_IN_MEMORY
            if isLong or self._memory.used >= self._memory.limit:
                conversation.evict()
            return dueAt
        if conversation.hasMore:
            return self._now()
        del self._conversations[conversation.key]
        return None
