"""The order in which conversations get a worker."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Mapping
from itertools import count

from .conversation import Conversation, QueueState


class TurnQueue:
    """
    Conversations that are ready, and conversations that wait for a time.

    Conversations whose next stanza is transient are ready in a queue of their own. The
    two queues take turns, so that a flood of presence cannot hold up messages.
    """

    def __init__(self, conversations: Mapping[str, Conversation]) -> None:
        """
        @param conversations: All conversations by their names.
        """
        self._conversations = conversations
        self._transient: deque[Conversation] = deque()
        self._stored: deque[Conversation] = deque()
        self._isTransientsTurn = False
        #: Names, not conversations: so the garbage collector need not look at them.
        self._later: list[tuple[float, int, str]] = []
        self._ties = count()

    def __len__(self) -> int:
        """Return how many conversations with stored stanzas are ready."""
        return len(self._stored)

    def clear(self) -> None:
        """Forget all conversations."""
        self._transient.clear()
        self._stored.clear()
        self._later.clear()

    def addReady(self, conversation: Conversation, isTransientNext: bool) -> None:
        """Add a conversation that is ready."""
        conversation.state = QueueState.READY
        (self._transient if isTransientNext else self._stored).append(conversation)

    def addLater(self, conversation: Conversation, dueAt: float) -> None:
        """Add a conversation that waits for a time."""
        conversation.state, conversation.dueAt = QueueState.WAITING, dueAt
        if conversation.entryAt != dueAt:
            conversation.entryAt = dueAt
            entry = (dueAt, next(self._ties), conversation.key)
            heapq.heappush(self._later, entry)

    def next(self, canDeliverStored: bool) -> Conversation | None:
        """
        Remove the next conversation that is ready.

        @param canDeliverStored: Whether those with stored stanzas have turns, too.
        @return: C{None} if there is none.
        """
        while self._transient or (canDeliverStored and self._stored):
            isTransient = bool(self._transient) and (
                self._isTransientsTurn or not (canDeliverStored and self._stored)
            )
            self._isTransientsTurn = not isTransient
            queue = self._transient if isTransient else self._stored
            conversation = queue.popleft()
            # It may have had its turn since, out of turn.
            if conversation.state is QueueState.READY:
                return conversation
        return None

    def prefer(self) -> None:
        """
        Move ready conversations with transient stanzas to the queue of these, since
        their stored stanzas are not delivered at the moment.
        """
        stored: deque[Conversation] = deque()
        for each in self._stored:
            (self._transient if each.hasTransient else stored).append(each)
        self._stored = stored

    @property
    def nextAt(self) -> float | None:
        """The time at which the next conversation is ready; C{None} if none waits."""
        while self._later and not self._isValid(self._later[0]):
            self._pop()
        return self._later[0][0] if self._later else None

    def popDue(self, now: float, limit: int) -> list[Conversation]:
        """
        Remove conversations whose time has come.

        @param limit: Limit on their number.
        """
        found: list[Conversation] = []
        while len(found) < limit and (at := self.nextAt) is not None and at <= now:
            conversation = self._pop()
            assert conversation is not None  # the entry is valid
            conversation.state = QueueState.IDLE
            found.append(conversation)
        return found

    def _pop(self) -> Conversation | None:
        dueAt, _, key = heapq.heappop(self._later)
        conversation = self._conversations.get(key)
        if conversation is not None and conversation.entryAt == dueAt:
            conversation.entryAt = None
        return conversation

    def _isValid(self, entry: tuple[float, int, str]) -> bool:
        """Check whether a conversation still waits for the time of its entry."""
        dueAt, _, key = entry
        conversation = self._conversations.get(key)
        return (
            conversation is not None
            and conversation.state is QueueState.WAITING
            and conversation.dueAt == dueAt
        )
