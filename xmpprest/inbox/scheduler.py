"""
Delivery scheduler: conversations run concurrently, each with one stanza in flight.

Conversations that wait cost neither a timer nor a coroutine. A conversation that fails
holds up no other one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from math import inf

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..concurrency import timers
from ..concurrency.cancel_scope import CancelScope
from ..concurrency.waiters import Waiters
from ..core.errors import REPORT_BUG
from ..core.policy.health import PROBE_INTERVAL
from ..core.policy.retry import (
    RETRY_AFTER_STATUSES,
    LastAttempt,
    expeditedRetryAt,
    isPlausibleDelay,
)
from ..core.records import PENDING, InboxRecord, StoreUnavailable
from .attempt import AttemptResult, StanzaDeliverer
from .capacity import Capacity
from .conversation import (
    COUNT,
    Conversation,
    MemoryUse,
    QueuedStanza,
    QueueState,
)
from .health_monitor import HealthMonitor
from .options import InboxOptions
from .store_access import RETRY_INTERVAL, InboxStore, retryWhileUnavailable
from .turn_queue import TurnQueue

_log = Logger()

#: Seconds until the next turn of a conversation whose turn crashed.
ERROR_BACKOFF = 60.0
#: Seconds until its next turn for which a conversation stays in memory.
KEPT_IN_MEMORY = 60.0
#: Number of conversations that one reactor turn handles when very many change.
SLICE = 500


class DeliveryScheduler:
    """
    The conversations of one callback, and the workers that deliver their stanzas.

    @ivar limit: Limit on the stanzas in flight; may be changed, then call L{wake}.
    @ivar isComplete: Whether all conversations of earlier processes are known.
    @ivar stored: The stored stanzas, those being committed included.
    @ivar transient: The transient stanzas.
    """

    def __init__(
        self,
        deliverer: StanzaDeliverer,
        monitor: HealthMonitor,
        scope: CancelScope,
        options: InboxOptions,
        memory: MemoryUse,
        *,
        stored: Capacity,
        transient: Capacity,
        limit: int,
    ) -> None:
        """
        @param scope: Ends waits for the store.
        @param memory: Memory that waiting stanzas take.
        """
        self._deliverer = deliverer
        self._monitor = monitor
        self._scope = scope
        self._store: InboxStore | None = options.store
        self._clock = options.clock
        self._now = options.steady
        self._random = options.random
        self._memory = memory
        self.stored = stored
        self.transient = transient
        self.limit = limit
        self._conversations: dict[str, Conversation] = {}
        self.isComplete = options.store is None
        self._queue = TurnQueue(self._conversations)
        self._alarm: IDelayedCall | None = None
        self._alarmAt = 0.0
        self._probe: IDelayedCall | None = None
        self._hastened: Iterator[Conversation] = iter(())
        self._hastening: IDelayedCall | None = None
        #: Workers, and those of them that may use the store.
        self._busy = self._busyWithStore = 0
        self._isRunning = False
        #: Whether stored stanzas are delivered, apart from pauses.
        self._isOpen = False
        self._idle: Waiters[None] = Waiters()
        monitor.addObserver(self)

    # --- start and stop ---

    def start(self) -> None:
        """Start to deliver transient stanzas, and accept stored ones."""
        self._conversations.clear()
        self._memory.used = self._memory.held = self._memory.trees = 0
        self.stored.clear()
        self.transient.clear()
        self.isComplete = self._store is None
        self._isRunning = True

    def open(self) -> None:
        """Start to deliver stored stanzas, too."""
        self._isOpen = True
        self.wake()

    def close(self) -> Deferred[None]:
        """
        Deliver no more stored stanzas.

        @return: Fires once none is in flight and the store is not used.
        """
        self._isOpen = False
        timers.cancel(self._probe)
        self._probe = None
        self._preferTransient()
        return Deferred.fromCoroutine(self._whenStoreIsIdle())

    async def whenIdle(self) -> None:
        """Wait until no stanza is in flight, and no transient stanza waits."""
        while self._busy or (self.transient.count and self._isRunning):
            await self._idle.wait()

    async def _whenStoreIsIdle(self) -> None:
        while self._busyWithStore:
            await self._idle.wait()

    def stop(self) -> None:
        """Start no more deliveries; the senders of transient stanzas get an error."""
        self._isRunning = self._isOpen = False
        self._queue.clear()
        for timer in (self._alarm, self._probe, self._hastening):
            timers.cancel(timer)
        self._alarm = self._probe = self._hastening = None
        for conversation in list(self._conversations.values()):
            self._bounceTransient(conversation)

    def _bounceTransient(self, conversation: Conversation) -> None:
        """Bounce all transient stanzas that are not in flight."""
        for queued in conversation.takeTransient():
            self._deliverer.bounce(queued)
            self._forgetTransient(conversation, queued)

    # --- arrivals ---

    def conversation(self, key: str) -> Conversation:
        """Return a conversation, a new one if it is not known."""
        found = self._conversations.get(key)
        if found is None:
            found = Conversation(key, self._memory, not self.isComplete)
            # All stored stanzas of earlier processes come before what arrives now.
            found.lastNumber = 0 if self.isComplete else inf
            self._conversations[key] = found
        return found

    def arrived(self, conversation: Conversation) -> None:
        """Let a conversation have its turn, after a transient stanza arrived."""
        self._schedule(conversation)

    def committed(
        self, conversation: Conversation, queued: QueuedStanza, number: int
    ) -> None:
        """
        Deliver a stanza that the store has committed.

        @param number: Its number in the store.
        """
        if self._conversations.get(conversation.key) is conversation:
            conversation.committed(queued, number)
        else:
            # The service was restarted meanwhile.
            conversation = self.conversation(conversation.key)
            conversation.requeued(number)
            self.stored.add(conversation.key, queued.size)
        self._schedule(conversation)

    def commitFailed(
        self, conversation: Conversation, queued: QueuedStanza, *, isKept: bool
    ) -> None:
        """
        Go on without a stanza that the store could not commit.

        @param isKept: Whether it is delivered as a transient stanza, in its place.
        """
        conversation.commitFailed(queued, isKept)
        if not self._isRunning:
            self._bounceTransient(conversation)
        self._schedule(conversation)

    def addFromStore(self, key: str) -> None:
        """Deliver a conversation that an earlier process left in the store."""
        self._schedule(self.conversation(key))

    def requeue(self, page: Sequence[InboxRecord]) -> None:
        """Deliver stanzas that became pending again, in the order of their numbers."""
        for each in page:
            conversation = self.conversation(each.conversation)
            conversation.requeued(each.number)
            self._schedule(conversation)

    # --- the queue ---

    @property
    def readyCount(self) -> int:
        """The number of conversations with stored stanzas that are due."""
        return len(self._queue)

    @property
    def _canDeliverStored(self) -> bool:
        return self._isOpen and not self._monitor.health.isPaused

    def _schedule(self, conversation: Conversation) -> None:
        """Queue a conversation after a change, unless it has a stanza in flight."""
        if self._isRunning and conversation.state is not QueueState.DELIVERING:
            self._place(conversation)
            self.wake()

    def _place(self, conversation: Conversation) -> None:
        """Queue a conversation for its next turn, or forget it if it is empty."""
        now = self._now()
        head = conversation.head
        if head is not None and (
            conversation.retryAt - now > KEPT_IN_MEMORY or self._memory.isFull
        ):
            conversation.evict()
        isDue = conversation.retryAt <= now
        if conversation.isTransientNext(isDue and self._canDeliverStored):
            self._queue.addReady(conversation, True)
        elif conversation.hasStored and isDue:
            self._queue.addReady(conversation, False)
        elif conversation.hasStored:
            self._queue.addLater(conversation, conversation.retryAt)
            self._setAlarm()
        else:
            conversation.state = QueueState.IDLE
            if conversation.isEmpty:
                self._conversations.pop(conversation.key, None)

    def wake(self) -> None:
        """Start workers for conversations that are ready."""
        if not self._isRunning:
            return
        while (
            self._busy < self.limit
            and (conversation := self._queue.next(self._canDeliverStored)) is not None
        ):
            self._start(conversation, isForced=False)
        health = self._monitor.health
        if self._probe or health.isPaused or health.failingSince is not None:
            self._setProbe()

    def _setAlarm(self) -> None:
        """Set the timer for the first conversation that waits for a time."""
        at = self._queue.nextAt
        if self._alarm is not None and (at is None or at != self._alarmAt):
            timers.cancel(self._alarm)
            self._alarm = None
        if at is not None and self._alarm is None:
            self._alarmAt = at
            delay = max(0.0, at - self._now())
            self._alarm = self._clock.callLater(delay, self._ring)

    def _ring(self) -> None:
        """Queue conversations whose time has come, a slice of them in each turn."""
        self._alarm = None
        for conversation in self._queue.popDue(self._now(), SLICE):
            conversation.retryAt = min(conversation.retryAt, self._now())
            self._place(conversation)
        self._setAlarm()
        self.wake()

    # --- pauses, outages, recovery ---

    def pauseChanged(self) -> None:
        """Stop or start to deliver stored stanzas."""
        self._preferTransient()
        self.wake()

    def _preferTransient(self) -> None:
        if not self._canDeliverStored:
            self._queue.prefer()
            self.wake()

    def _setProbe(self) -> None:
        """Set the timer of the next probe, which notices that the callback is back."""
        health = self._monitor.health
        isFailing = health.failingSince is not None and bool(self._conversations)
        if self._isOpen and (health.isPaused or isFailing):
            if self._probe is None:
                self._probe = self._clock.callLater(PROBE_INTERVAL, self._tryOne)
        else:
            timers.cancel(self._probe)
            self._probe = None

    def _tryOne(self) -> None:
        self._probe = None
        conversation = self._nextToProbe() if self._busy < self.limit else None
        if conversation is None:
            self.wake()
        else:
            self._start(conversation, isForced=True)

    def _nextToProbe(self) -> Conversation | None:
        """
        Return the conversation that has waited longest since its arrival or its last
        attempt, at least a minute. In an outage, conversations that the callback has
        asked to wait with do not count.
        """
        health, now = self._monitor.health, self._now()
        if not (health.isPaused or health.isInOutage(now)):
            return None
        for each in self._conversations.values():
            last = each.last or LastAttempt(-inf, None)
            isWanted = health.isPaused or last.status not in RETRY_AFTER_STATUSES
            if (
                each.state is not QueueState.DELIVERING
                and each.hasStored
                and isWanted
                and last.at + PROBE_INTERVAL <= now
            ):
                return each
        return None

    def recovered(self) -> None:
        """Try conversations sooner that failed in an outage, a slice in each turn."""
        self._hastened = iter(list(self._conversations.values()))
        timers.cancel(self._hastening)
        self._hastenSome()

    def _hastenSome(self) -> None:
        self._hastening = None
        some = list(islice(self._hastened, SLICE))
        for each in some:
            if each.state is QueueState.WAITING and self._hasten(each):
                self._queue.addLater(each, each.retryAt)
        self._setAlarm()
        if len(some) == SLICE:
            self._hastening = self._clock.callLater(0, self._hastenSome)

    def _hasten(self, conversation: Conversation) -> bool:
        """
        Make the next attempt earlier if the last one failed in an outage that is over.

        @return: Whether it is earlier now.
        """
        last, recoveredAt = conversation.last, self._monitor.health.recoveredAt
        if last is None or recoveredAt is None or last.at >= recoveredAt:
            return False
        dueAt = conversation.retryAt
        soon = expeditedRetryAt(last, dueAt, self._now(), self._random())
        conversation.retryAt = soon
        return soon < dueAt

    # --- workers ---

    def _start(self, conversation: Conversation, *, isForced: bool) -> None:
        self._busy += 1
        working = Deferred.fromCoroutine(self._work(conversation, isForced))
        working.addBoth(self._worked)

    def _worked(self, result: Failure | None) -> None:
        self._busy -= 1
        if result is not None:
            _log.failure(
                "A delivery worker crashed; others go on. " + REPORT_BUG, failure=result
            )
        self.wake()
        if self._idle:
            self._idle.release(None)

    async def _work(self, first: Conversation, isForced: bool) -> None:
        """
        Deliver one stanza of one conversation after the other while any are ready.

        @param isForced: Whether the first conversation is tried before it is due.
        """
        conversation: Conversation | None = first
        while conversation is not None:
            conversation.state = QueueState.DELIVERING
            await self._turn(conversation, isForced)
            conversation.state = QueueState.IDLE
            if self._isRunning:
                self._place(conversation)
            if self._idle:
                self._idle.release(None)
            isForced = False
            conversation = (
                self._queue.next(self._canDeliverStored) if self._isRunning else None
            )

    async def _turn(self, conversation: Conversation, isForced: bool) -> None:
        """Deliver the next stanza of a conversation; failures end here."""
        usesStore = conversation.hasStored
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

    async def _deliverNext(self, conversation: Conversation, isForced: bool) -> None:
        """
        Deliver the next stanza of a conversation, if any is due.

        @param isForced: Whether a stored stanza is tried before it is due.
        """
        canFill = conversation.head is None and conversation.hasMore
        if canFill and (self._canDeliverStored or isForced):
            await self._fill(conversation)
            if not self._isRunning:
                return
        head, now = conversation.head, self._now()
        isDue = (self._canDeliverStored and conversation.retryAt <= now) or (
            self._isOpen and isForced
        )
        if conversation.isTransientNext(isDue):
            await self._deliverTransient(conversation)
        elif head is not None and isDue:
            await self._deliverStored(conversation, head, now)

    async def _deliverTransient(self, conversation: Conversation) -> None:
        queued = conversation.popTransient()
        try:
            await self._deliverer.deliverTransient(queued)
        finally:
            self._forgetTransient(conversation, queued)

    def _forgetTransient(
        self, conversation: Conversation, queued: QueuedStanza
    ) -> None:
        queued.dropTree(self._memory)
        self.transient.remove(conversation.key, queued.size)

    async def _deliverStored(
        self, conversation: Conversation, head: QueuedStanza, now: float
    ) -> None:
        # The callback may be back, and not take just this one: probe others first.
        key = conversation.key
        self._conversations[key] = self._conversations.pop(key)
        deferrals = conversation.last.consecutiveDeferrals if conversation.last else 0
        result = await self._deliverer.attempt(head, deferrals)
        assert self._store is not None
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
        self._settle(conversation, head, result, now)

    def _settle(
        self,
        conversation: Conversation,
        head: QueuedStanza,
        result: AttemptResult,
        at: float,
    ) -> None:
        """
        Apply the recorded result of an attempt.

        @param at: When the attempt began.
        """
        # Stanzas before it may have become pending again meanwhile.
        isFirst = conversation.head is head
        if result.state != PENDING:
            conversation.last = None
            self.stored.remove(conversation.key, head.size)
            if isFirst:
                conversation.pop()
            return
        before = conversation.last or LastAttempt(0.0, None)
        expeditedAt = at if at < head.dueAt else before.expeditedAt
        status = result.attempt.status
        isDeferred = status in RETRY_AFTER_STATUSES
        deferrals = before.consecutiveDeferrals + 1 if isDeferred else 0
        conversation.last = LastAttempt(at, status, expeditedAt, deferrals)
        head.attempts += 1
        head.dropTree(self._memory)
        head.dueAt = result.dueAt
        if isFirst:
            conversation.retryAt = result.dueAt
            self._hasten(conversation)

    # --- the store ---

    async def _fill(self, conversation: Conversation) -> None:
        """Read the first stored stanzas of a conversation into memory."""
        assert self._store is not None
        try:
            while conversation.head is None and conversation.hasMore:
                conversation.fill(await self._store.pending(conversation.key, 0, COUNT))
            head = conversation.head
            if (
                head is not None
                and conversation.retryAt > self._now()
                and conversation.last is None
            ):
                await self._recall(conversation, head)
        except StoreUnavailable:
            conversation.evict()
            conversation.retryAt = self._now() + RETRY_INTERVAL

    async def _recall(self, conversation: Conversation, head: QueuedStanza) -> None:
        """
        Read the last attempt of a stanza, made by an earlier process. If the system
        clock was stepped back since, the stanza is due now.
        """
        assert self._store is not None
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
        self._hasten(conversation)
