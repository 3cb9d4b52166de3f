"""The queue of messages to write: its first part in memory, all of it in the store."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from twisted.internet.defer import Deferred

from ..core.records import IdempotencyRecord, NewMessage, OutboxRecord
from .interfaces import OutboxStore

#: Messages in memory, and their characters, at which new ones stay in the store only.
#: A page that is read may exceed both.
MAX_MESSAGES_IN_MEMORY = 2048
MAX_CHARACTERS_IN_MEMORY = 16 * 2**20
#: Messages read from the store at a time.
PAGE = 128


#: Bytes, of several messages, that are taken at a time.
PORTION = 2**18


#: Called once a message is stored, with its number; with the record that has the same
#: idempotency key already; or with the reason why it is not stored.
Stored: TypeAlias = Callable[[int | IdempotencyRecord | Exception], object]


@dataclass(slots=True, eq=False)
class QueuedMessage(NewMessage):
    """
    A message in memory.

    @ivar data: The message as it is written; C{None} if it is not encoded.
    @ivar done: Called once it is stored, or is not.
    @ivar number: Its place in the order of acceptance; 0 until it is stored.
    @ivar writtenAt: Seconds since 1970; 0.0 while it is not written.
    """

    data: bytes | None = None
    done: Stored | None = None
    number: int = 0
    writtenAt: float = 0.0

    @classmethod
    def of(cls, record: OutboxRecord) -> QueuedMessage:
        """Make a message from its record in the store."""
        return cls(
            record.id,
            record.to,
            record.stanza,
            record.acceptedAt,
            None,
            record.sender,
            record.key,
            record.token,
            record.size,
            number=record.number,
        )


class Backlog:
    """
    A FIFO queue of the messages to write, in the order of their numbers.
    """

    def __init__(self, store: OutboxStore) -> None:
        """@param store: Has all queued messages, also those of an earlier process."""
        self._store = store
        self._queue: deque[QueuedMessage] = deque()
        self._characters = 0
        self._lastNumber = 0
        #: Whether the store has queued messages behind those in memory.
        self._hasMoreStored = True
        self._isReading = False

    @property
    def head(self) -> QueuedMessage | None:
        """The next message; C{None} if there is none in memory."""
        return self._queue[0] if self._queue else None

    def add(self, messages: Sequence[QueuedMessage]) -> None:
        """Append the messages that were stored last, as far as memory has room."""
        for message in messages:
            isFull = (
                len(self._queue) >= MAX_MESSAGES_IN_MEMORY
                or self._characters >= MAX_CHARACTERS_IN_MEMORY
            )
            if isFull or self._hasMoreStored:
                self._hasMoreStored = True
                return
            self._append(message)

    def take(self, limit: int, held: Container[int]) -> list[QueuedMessage]:
        """
        Remove and return the next messages, about L{PORTION} bytes of them.

        @param limit: How many there may be.
        @param held: Numbers of messages that stay, with all behind them.
        """
        taken: list[QueuedMessage] = []
        queue, size = self._queue, 0
        while queue and len(taken) < limit and size < PORTION:
            if queue[0].number in held:
                break
            message = queue.popleft()
            size += len(message.stanza)
            taken.append(message)
        self._characters -= size
        return taken

    def putBack(self, messages: Iterable[QueuedMessage]) -> None:
        """Insert messages that were popped, in their order, before all others."""
        for message in reversed([*messages]):
            self._queue.appendleft(message)
            self._characters += len(message.stanza)

    def contains(self, number: int) -> bool:
        """Whether a queued message is still to come, in memory or in the store."""
        if any(message.number == number for message in self._queue):
            return True
        return self._hasMoreStored and number > self._lastNumber

    def discard(self, number: int) -> None:
        """Remove a message, unless it is in the store only."""
        for message in self._queue:
            if message.number == number:
                self._queue.remove(message)
                self._characters -= len(message.stanza)
                return

    def refill(self) -> Deferred[None] | None:
        """
        Read the next page from the store if memory has room.

        @return: Fires once the page is in memory, and fails if the store does; C{None}
            if nothing is to be read.
        """
        hasRoom = (
            len(self._queue) < MAX_MESSAGES_IN_MEMORY // 2
            and self._characters < MAX_CHARACTERS_IN_MEMORY // 2
        )
        if not self._hasMoreStored or not hasRoom or self._isReading:
            return None
        self._isReading = True
        return Deferred.fromCoroutine(self._readPage())

    async def _readPage(self) -> None:
        try:
            page = await self._store.queuedMessages(self._lastNumber, PAGE)
        finally:
            self._isReading = False
        for each in page:
            self._append(QueuedMessage.of(each))
        # Messages that are stored from now on are behind this page.
        self._hasMoreStored = len(page) == PAGE

    def _append(self, message: QueuedMessage) -> None:
        self._queue.append(message)
        self._characters += len(message.stanza)
        self._lastNumber = message.number
