"""The conversations of one callback, most of them as a few numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .conversation import Conversation, parkedAttempt
from .queued_stanza import MemoryUse


class ConversationTable:
    """
    All conversations by key, those that were tried last at the end.

    A conversation without a stanza in memory is parked: the table holds its numbers in
    its place, as bytes, which the garbage collector need not look at. With one object
    for each of 78,000 conversations, a collection took 84 ms.
    """

    def __init__(self, memory: MemoryUse) -> None:
        """@param memory: Memory that all conversations share."""
        self._memory = memory
        self._entries: dict[str, Conversation | bytes] = {}

    def __len__(self) -> int:
        """Return the number of conversations."""
        return len(self._entries)

    def get(self, key: str) -> Conversation | None:
        """Return a conversation, no longer parked; C{None} if there is none."""
        found = self._entries.get(key)
        if isinstance(found, bytes):
            found = Conversation.fromParked(key, self._memory, found)
            self._entries[key] = found
        return found

    def add(self, conversation: Conversation) -> None:
        """Add a conversation, at the end."""
        self._entries[conversation.key] = conversation

    def park(self, conversation: Conversation) -> None:
        """
        Park a conversation if no stanza of it is in memory. The caller must not use
        the object any more.
        """
        if conversation.canPark:
            self._entries[conversation.key] = conversation.parked()

    def moveToEnd(self, key: str) -> None:
        """Move a conversation to the end, if there is one."""
        found = self._entries.pop(key, None)
        if found is not None:
            self._entries[key] = found

    def remove(self, key: str) -> None:
        """Forget a conversation, if there is one."""
        self._entries.pop(key, None)

    def clear(self) -> None:
        """Forget all conversations."""
        self._entries.clear()

    def keys(self) -> Sequence[str]:
        """Return the keys of all conversations, in order."""
        return [*self._entries]

    def inMemory(self) -> Sequence[Conversation]:
        """Return the conversations that are not parked."""
        return [each for each in self._entries.values() if not isinstance(each, bytes)]

    def lastAttempts(self) -> Iterator[tuple[str, tuple[float, int | None] | None]]:
        """
        Yield the keys of conversations with stored stanzas that have none in flight,
        in order, with the time and the status of the last attempt; C{None} if there was
        none.
        """
        for key, each in self._entries.items():
            if isinstance(each, bytes):
                yield key, parkedAttempt(each)
            elif each.hasStored and not each.isDelivering:
                yield key, each.last and each.last[:2]
