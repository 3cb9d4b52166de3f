"""
Delivery scheduler: conversations run concurrently, each with one stanza in flight.

Conversations that wait cost neither a timer nor a coroutine. A conversation that fails
holds up no other one. In the order of the flow: a stanza arrives (L{arrived},
L{committed}), its conversation is queued (L{_place}), a worker takes it (L{wake},
L{_work}), delivers its next stanza (L{_deliverNext}), and queues it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..concurrency import timers
from ..concurrency.cancel_scope import CancelScope
from ..concurrency.waiters import Waiters
from ..core.errors import REPORT_BUG
from ..core.records import InboxRecord
from .callback_monitor import CallbackMonitor
from .capacity import Capacity
from .conversation import Conversation
from .conversation_table import ConversationTable
from .deliverer import StanzaDeliverer
from .options import InboxOptions
from .outage_recovery import SLICE, OutageRecovery
from .queued_stanza import MemoryUse, QueuedStanza
from .stored_stanzas import StoredStanzas
from .turn_queue import TurnQueue

_log = Logger()

#: Seconds until the next turn of a conversation whose turn crashed.
ERROR_BACKOFF = 60.0
#: Seconds until its next turn for which a conversation stays in memory.
KEPT_IN_MEMORY = 60.0


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
        monitor: CallbackMonitor,
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
        self._health = monitor.health
        self._clock = options.clock
        self._now = options.steady
        self._memory = memory
        self.stored = stored
        self.transient = transient
        self.limit = limit
        self._conversations = ConversationTable(memory)
        self.isComplete = options.store is None
        self._queue = TurnQueue()
        self._alarm: IDelayedCall | None = None
        self._alarmAt = 0.0
        #: Workers, and those of them that may use the store.
        self._busy = self._busyWithStore = 0
        self._isRunning = False
        #: Whether stored stanzas are delivered, apart from pauses.
        self._isOpen = False
        #: Whether they are delivered at the moment.
        self._deliversStored = False
        self._idle: Waiters[None] = Waiters()
        self._recovery = OutageRecovery(
            self._conversations,
            self._queue,
            monitor.health,
            options,
            probe=self._probe,
            rescheduled=self._setAlarm,
        )
        self._storedStanzas: StoredStanzas | None = None
        if options.store is not None:
            self._storedStanzas = StoredStanzas(
                options.store,
                self._recovery,
                scope,
                options,
                memory=memory,
                capacity=stored,
            )
        monitor.observe(self)

    # --- start and stop ---

    def start(self) -> None:
        """Start to deliver transient stanzas, and accept stored ones."""
        self._conversations.clear()
        self._queue.clear()
        self._memory.used = self._memory.held = self._memory.trees = 0
        self.stored.clear()
        self.transient.clear()
        self.isComplete = self._storedStanzas is None
        self._isRunning = True

    def open(self) -> None:
        """Start to deliver stored stanzas, too."""
        self._isOpen = True
        self.pauseChanged()

    def close(self) -> Deferred[None]:
        """
        Deliver no more stored stanzas.

        @return: Fires once none is in flight and the store is not used.
        """
        self._isOpen = False
        self._recovery.stopProbing()
        self.pauseChanged()
        return Deferred.fromCoroutine(self._whenStoreIsIdle())

    def pauseChanged(self) -> None:
        """Stop or start to deliver stored stanzas."""
        self._deliversStored = self._isOpen and not self._health.isPaused
        if not self._deliversStored:
            self._queue.prefer(self._hasTransient)
        self.wake()

    def _hasTransient(self, key: str) -> bool:
        conversation = self._conversations.get(key)
        return conversation is not None and conversation.hasTransient

    async def whenIdle(self) -> None:
        """Wait until no stanza is in flight, and no transient stanza waits."""
        while self._busy or (self.transient.count and self._isRunning):
            await self._idle.wait()

    async def _whenStoreIsIdle(self) -> None:
        while self._busyWithStore:
            await self._idle.wait()

    def stop(self) -> None:
        """Start no more deliveries; the senders of transient stanzas get an error."""
        self._isRunning = self._isOpen = self._deliversStored = False
        self._queue.clear()
        self._recovery.stop()
        timers.cancel(self._alarm)
        self._alarm = None
        for conversation in self._conversations.inMemory():
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
            self._conversations.add(found)
        return found

    def _isCurrent(self, conversation: Conversation) -> bool:
        """Check that the service was not restarted since a conversation was made."""
        return self._conversations.get(conversation.key) is conversation

    def arrived(self, conversation: Conversation) -> None:
        """
        Queue a conversation after a change, unless it has a stanza in flight. The
        caller must not use the object any more.
        """
        if self._isRunning and not conversation.isDelivering:
            self._place(conversation)
            self.wake()

    def committed(
        self, conversation: Conversation, queued: QueuedStanza, number: int
    ) -> None:
        """
        Deliver a stanza that the store has committed.

        @param number: Its number in the store.
        """
        if self._isCurrent(conversation):
            conversation.committed(queued, number)
        else:
            conversation = self.conversation(conversation.key)
            conversation.requeued(number)
            self.stored.add(conversation.key, queued.size)
        self.arrived(conversation)

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
        self.arrived(conversation)

    def addFromStore(self, key: str) -> None:
        """Deliver a conversation that an earlier process left in the store."""
        self.arrived(self.conversation(key))

    def requeue(self, page: Sequence[InboxRecord]) -> None:
        """Deliver stanzas that became pending again, in the order of their numbers."""
        for each in page:
            conversation = self.conversation(each.conversation)
            conversation.requeued(each.number)
            self.arrived(conversation)

    # --- the queue ---

    @property
    def readyCount(self) -> int:
        """The number of conversations with stored stanzas that are due."""
        return self._queue.readyCount

    def _place(self, conversation: Conversation) -> None:
        """Queue a conversation for its next turn, or forget it if it is empty."""
        key, now = conversation.key, self._now()
        if conversation.stored and (
            conversation.retryAt - now > KEPT_IN_MEMORY or self._memory.isFull
        ):
            conversation.evict()
        isDue = conversation.retryAt <= now
        if conversation.recent and conversation.isTransientNext(
            isDue and self._deliversStored
        ):
            self._queue.addReady(key, True)
        elif conversation.hasStored:
            if isDue:
                self._queue.addReady(key, False)
            else:
                self._queue.addLater(key, conversation.retryAt)
                self._setAlarm()
            self._conversations.park(conversation)
        else:
            self._queue.discard(key)
            if not conversation.recent:
                self._conversations.remove(key)

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
        for key in self._queue.popDue(self._now(), SLICE):
            conversation = self._conversations.get(key)
            if conversation is not None:
                conversation.retryAt = min(conversation.retryAt, self._now())
                self._place(conversation)
        self._setAlarm()
        self.wake()

    # --- outages ---

    def recovered(self) -> None:
        """Try conversations sooner that failed in an outage."""
        self._recovery.hastenAll()

    def _probe(self) -> None:
        """Try one conversation before it is due."""
        isFree = self._busy < self.limit
        conversation = self._recovery.candidate() if isFree else None
        if conversation is None:
            self.wake()
        else:
            self._start(conversation, isForced=True)

    # --- workers ---

    def wake(self) -> None:
        """Start workers for conversations that are ready."""
        if not self._isRunning:
            return
        while self._busy < self.limit and (conversation := self._next()) is not None:
            self._start(conversation, isForced=False)
        health = self._health
        if health.failingSince is not None or health.isPaused:
            self._recovery.watch(self._isOpen)
        elif self._recovery.isProbing:
            self._recovery.stopProbing()

    def _next(self) -> Conversation | None:
        """Return the next conversation that is ready; C{None} if there is none."""
        found: Conversation | None = None
        while (
            found is None
            and (key := self._queue.next(self._deliversStored)) is not None
        ):
            found = self._conversations.get(key)
        return found

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
        Failures of a conversation end here.

        @param isForced: Whether the first conversation is tried before it is due.
        """
        conversation: Conversation | None = first
        while conversation is not None:
            conversation.isDelivering = True
            self._queue.discard(conversation.key)
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
            if self._isRunning and self._isCurrent(conversation):
                self._place(conversation)
            if self._idle:
                self._idle.release(None)
            isForced = False
            conversation = self._next() if self._isRunning else None

    async def _deliverNext(self, conversation: Conversation, isForced: bool) -> None:
        """
        Deliver the next stanza of a conversation, if any is due.

        @param isForced: Whether a stored stanza is tried before it is due.
        """
        canFill = not conversation.stored and conversation.hasMore
        if canFill and (self._deliversStored or isForced):
            assert self._storedStanzas is not None
            await self._storedStanzas.fill(conversation)
            if not self._isRunning:
                return
        now = self._now()
        isDue = (self._deliversStored and conversation.retryAt <= now) or (
            self._isOpen and isForced
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
            self._conversations.moveToEnd(conversation.key)
            deferrals = 0 if last is None else last.consecutiveDeferrals
            result = await self._deliverer.attempt(head, deferrals)
            assert self._storedStanzas is not None
            await self._storedStanzas.record(conversation, head, result, now)

    def _forgetTransient(
        self, conversation: Conversation, queued: QueuedStanza
    ) -> None:
        queued.dropTree(self._memory)
        self.transient.remove(conversation.key, queued.size)
