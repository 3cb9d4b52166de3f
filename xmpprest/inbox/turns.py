"""Decides when each conversation has a turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from twisted.internet.interfaces import IDelayedCall

from ..concurrency import timers
from .conversation import Conversation
from .conversation_table import ConversationTable
from .options import InboxOptions
from .queued_stanza import MemoryUse
from .turn_queue import TurnQueue

#: Number of conversations that one reactor turn handles when very many change.
SLICE = 500
#: Seconds until its next turn for which a conversation stays in memory.
KEPT_IN_MEMORY = 60.0


@dataclass(slots=True)
class DeliveryState:
    """
    The kinds of stanzas that are delivered at the moment.

    @ivar isRunning: Whether any are delivered.
    @ivar isOpen: Whether stored stanzas are delivered, apart from pauses.
    @ivar deliversStored: Whether they are delivered.
    @ivar isComplete: Whether all conversations of earlier processes are known.
    """

    isRunning: bool = False
    isOpen: bool = False
    deliversStored: bool = False
    isComplete: bool = True


class ConversationTurns:
    """
    The conversations of one callback: those that are ready, and those that wait.
    """

    def __init__(
        self,
        memory: MemoryUse,
        state: DeliveryState,
        options: InboxOptions,
        *,
        onDue: Callable[[], None],
    ) -> None:
        """
        @param memory: Memory that waiting stanzas take.
        @param onDue: Called when conversations are ready whose time has come.
        """
        self._memory = memory
        self._state = state
        self._clock = options.clock
        self._now = options.steady
        self._onDue = onDue
        self.table = ConversationTable(memory)
        self.queue = TurnQueue()
        self._alarm: IDelayedCall | None = None
        self._alarmAt = 0.0

    def clear(self) -> None:
        """Forget all conversations."""
        self.table.clear()
        self.queue.clear()

    def stop(self) -> None:
        """Give no more turns."""
        self.queue.clear()
        timers.cancel(self._alarm)
        self._alarm = None

    # --- conversations ---

    def conversation(self, key: str) -> Conversation:
        """Return a conversation, a new one if it is not known."""
        found = self.table.get(key)
        if found is None:
            isComplete = self._state.isComplete
            found = Conversation(key, self._memory, not isComplete)
            # All stored stanzas of earlier processes come before what arrives now.
            found.lastNumber = 0 if isComplete else inf
            self.table.add(found)
        return found

    def isCurrent(self, conversation: Conversation) -> bool:
        """Check that the service was not restarted since a conversation was made."""
        return self.table.get(conversation.key) is conversation

    # --- turns ---

    def place(self, conversation: Conversation) -> None:
        """
        Queue a conversation for its next turn, or forget it if it is empty. The caller
        must not use the object any more.
        """
        key, now = conversation.key, self._now()
        if conversation.stored and (
            conversation.retryAt - now > KEPT_IN_MEMORY or self._memory.isFull
        ):
            conversation.evict()
        isDue = conversation.retryAt <= now
        if conversation.recent and conversation.isTransientNext(
            isDue and self._state.deliversStored
        ):
            self.queue.addReady(key, True)
        elif conversation.hasStored:
            if isDue:
                self.queue.addReady(key, False)
            else:
                self.queue.addLater(key, conversation.retryAt)
                self.setAlarm()
            self.table.park(conversation)
        else:
            self.queue.discard(key)
            if not conversation.recent:
                self.table.remove(key)

    def next(self) -> Conversation | None:
        """Return the next conversation that is ready; C{None} if there is none."""
        found: Conversation | None = None
        while (
            found is None
            and (key := self.queue.next(self._state.deliversStored)) is not None
        ):
            found = self.table.get(key)
        return found

    def preferTransient(self) -> None:
        """Give transient stanzas their turns, since stored ones have none."""
        self.queue.prefer(self._hasTransient)

    def _hasTransient(self, key: str) -> bool:
        conversation = self.table.get(key)
        return conversation is not None and conversation.hasTransient

    # --- time ---

    def setAlarm(self) -> None:
        """Set the timer for the first conversation that waits for a time."""
        at = self.queue.nextAt
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
        for key in self.queue.popDue(self._now(), SLICE):
            conversation = self.table.get(key)
            if conversation is not None:
                conversation.retryAt = min(conversation.retryAt, self._now())
                self.place(conversation)
        self.setAlarm()
        self._onDue()
