"""The queue of messages to write: its first part in memory, all of it in the store."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from twisted.internet.defer import Deferred

from ..core.records import OutboxRecord
from .interfaces import OutboxStore

#: Messages in memory, and their characters, at which new ones stay in the store only.
#: A page that is read may exceed both.
MAX_MESSAGES_IN_MEMORY = 2048
MAX_CHARACTERS_IN_MEMORY = 16 * 2**20
#: Messages read from the store at a time.
PAGE = 128


@dataclass(slots=True, eq=False)
class QueuedMessage:
    """
    A message in memory.

    @ivar number: Its place in the order of acceptance; 0 until it is stored.
    @ivar key: The last segment of its status address.
    @ivar token: The name of the token that posted it; empty for credentials.
    @ivar size: Its bytes.
    @ivar xml: The message as it is stored.
    @ivar data: The message as it is written; C{None} if it is not encoded.
    @ivar acceptedAt: Seconds since 1970.
    @ivar writtenAt: Seconds since 1970; 0.0 while it is not written.
    """

    number: int
    id: str
    to: str
    sender: str
    key: str
    token: str
    size: int
    xml: str
    acceptedAt: float
    data: bytes | None = None
    writtenAt: float = 0.0

    @classmethod
    def of(cls, record: OutboxRecord) -> QueuedMessage:
        """Make a message from its record in the store."""
        return cls(
            record.number,
            record.id,
            record.to,
            record.sender,
            record.key,
            record.token,
            record.size,
            record.stanza,
            record.acceptedAt,
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

    def add(self, message: QueuedMessage) -> None:
        """Append the message that was stored last; it may stay in the store only."""
        isFull = (
            len(self._queue) >= MAX_MESSAGES_IN_MEMORY
            or self._characters >= MAX_CHARACTERS_IN_MEMORY
        )
        self._hasMoreStored = self._hasMoreStored or isFull
        if not self._hasMoreStored:
            self._append(message)

    def pop(self) -> QueuedMessage:
        """Remove and return the next message."""
        message = self._queue.popleft()
        self._characters -= len(message.xml)
        return message

    def putBack(self, messages: Iterable[QueuedMessage]) -> None:
        """Insert messages that were popped, in their order, before all others."""
        for message in reversed([*messages]):
            self._queue.appendleft(message)
            self._characters += len(message.xml)

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
                self._characters -= len(message.xml)
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
        self._characters += len(message.xml)
        self._lastNumber = message.number
