"""
Delivery scheduler: conversations run concurrently, each with one stanza in flight.

Conversations that wait cost neither a timer nor a coroutine. A conversation that fails
holds up no other one. In the order of the flow: a stanza arrives (L{arrived},
L{committed}), its conversation is queued (L{ConversationTurns.place}), a worker takes
it (L{wake}, L{DeliveryWorkers}), delivers its next stanza, and queues it again.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred

from ..concurrency.cancel_scope import CancelScope
from ..core.records import InboxRecord
from .callback_monitor import CallbackMonitor
from .capacity import Capacity
from .conversation import Conversation
from .deliverer import StanzaDeliverer
from .options import InboxOptions
from .outage_recovery import OutageRecovery
from .queued_stanza import MemoryUse, QueuedStanza
from .stored_stanzas import StoredStanzas
from .turns import ConversationTurns, DeliveryState
from .workers import DeliveryWorkers


class DeliveryScheduler:
    """
    The conversations of one callback, and the workers that deliver their stanzas.

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
        @param limit: Limit on the stanzas in flight.
        """
        self._health = monitor.health
        self._memory = memory
        self.stored = stored
        self.transient = transient
        self._hasStore = options.store is not None
        self._state = DeliveryState(isComplete=not self._hasStore)
        self._turns = ConversationTurns(memory, self._state, options, onDue=self.wake)
        self._recovery = OutageRecovery(
            self._turns, monitor.health, options, probe=self._probe, wake=self.wake
        )
        self._isRecoverysTurn = False
        storedStanzas: StoredStanzas | None = None
        if options.store is not None:
            storedStanzas = StoredStanzas(
                options.store,
                self._recovery,
                scope,
                options,
                memory=memory,
                capacity=stored,
            )
        self._workers = DeliveryWorkers(
            deliverer,
            storedStanzas,
            self._turns,
            self._state,
            options,
            memory=memory,
            transient=transient,
            limit=limit,
            next=self._next,
            onEnd=self.wake,
        )
        monitor.observe(self)

    # --- start and stop ---

    def start(self) -> None:
        """Start to deliver transient stanzas, and accept stored ones."""
        self._turns.clear()
        self._memory.used = self._memory.held = self._memory.trees = 0
        self.stored.clear()
        self.transient.clear()
        self._state.isComplete = not self._hasStore
        self._state.isRunning = True

    def open(self) -> None:
        """Start to deliver stored stanzas, too."""
        self._state.isOpen = True
        self.pauseChanged()

    def complete(self) -> None:
        """Note that all conversations of earlier processes are known."""
        self._state.isComplete = True

    def setLimit(self, limit: int) -> None:
        """Change the limit on the stanzas in flight."""
        self._workers.limit = limit
        self.wake()

    def pauseChanged(self) -> None:
        """Stop or start to deliver stored stanzas."""
        self._recovery.stopProbing()
        state = self._state
        state.deliversStored = state.isOpen and not self._health.isPaused
        if not state.deliversStored:
            self._turns.preferTransient()
        self.wake()

    def close(self) -> Deferred[None]:
        """
        Deliver no more stored stanzas.

        @return: Fires once none is in flight and the store is not used.
        """
        self._state.isOpen = False
        self.pauseChanged()
        return Deferred.fromCoroutine(self._workers.whenStoreIsIdle())

    def stop(self) -> None:
        """Start no more deliveries; the senders of transient stanzas get an error."""
        state = self._state
        state.isRunning = state.isOpen = state.deliversStored = False
        self._turns.stop()
        self._recovery.stop()
        for conversation in self._turns.table.inMemory():
            self._workers.bounceTransient(conversation)

    async def whenIdle(self) -> None:
        """Wait until no stanza is in flight, and no transient stanza waits."""
        await self._workers.whenIdle()

    # --- arrivals ---

    def conversation(self, key: str) -> Conversation:
        """Return a conversation, a new one if it is not known."""
        return self._turns.conversation(key)

    def arrived(self, conversation: Conversation) -> None:
        """
        Queue a conversation after a change, unless it has a stanza in flight. The
        caller must not use the object any more.
        """
        if self._state.isRunning and not conversation.isDelivering:
            self._turns.place(conversation)
            self.wake()

    def committed(
        self, conversation: Conversation, queued: QueuedStanza, number: int
    ) -> None:
        """
        Deliver a stanza that the store has committed.

        @param number: Its number in the store.
        """
        if self._turns.isCurrent(conversation):
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
        if not self._state.isRunning:
            self._workers.bounceTransient(conversation)
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

    # --- deliveries ---

    @property
    def readyCount(self) -> int:
        """The number of conversations with stored stanzas that are due."""
        return self._turns.queue.readyCount

    def wake(self) -> None:
        """Start workers for conversations that are ready."""
        if not self._state.isRunning:
            return
        self._workers.fill()
        health = self._health
        if health.failingSince is not None or health.isPaused:
            self._recovery.watch(self._state.isOpen)
        elif self._recovery.isProbing:
            self._recovery.stopProbing()

    def _next(self) -> Conversation | None:
        """
        Return the next conversation for a worker; C{None} if there is none.
        Conversations that failed in an outage that is over take turns with those that
        are ready.
        """
        if not self._state.deliversStored:
            return self._turns.next()
        self._isRecoverysTurn = not self._isRecoverysTurn
        if self._isRecoverysTurn:
            return self._recovery.next() or self._turns.next()
        return self._turns.next() or self._recovery.next()

    def recovered(self) -> None:
        """Try conversations sooner that failed in an outage."""
        self._recovery.hastenAll()

    def _probe(self) -> None:
        """Try one conversation before it is due."""
        conversation = self._recovery.candidate() if self._workers.isFree else None
        if conversation is None:
            self.wake()
        else:
            self._workers.start(conversation, isForced=True)
