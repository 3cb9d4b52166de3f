"""Messages that are to be written: the first of them in memory, all in the store."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred

from ..core.records import OutboxRecord

#: How many messages are held in memory, and of how many characters; a little more, if
#: they come by the page.
COUNT = 2048
SIZE = 16 * 2**20
#: How many are read from the store at once.
PAGE = 128


@dataclass(slots=True, eq=False)
class QueuedMessage:
    """
    A message in memory.

    @ivar xml: As it is written.
    @ivar writtenAt: When it was; 0.0, it was not.
    """

    number: int
    id: str
    to: str
    xml: str
    acceptedAt: float
    writtenAt: float = 0.0


class Backlog:
    """
    What is to be written, in the order of numbers.
    """

    def __init__(
        self,
        load: Callable[[int, int], Deferred[Sequence[OutboxRecord]]],
        loaded: Callable[[], None],
        failed: Callable[[], None],
    ) -> None:
        """
        @param load: Reads messages from behind a number, so many.
        @param loaded: Called when there is something in memory again.
        @param failed: Called when it could not be read.
        """
        self._load = load
        self._loaded = loaded
        self._failed = failed
        self._ready: deque[QueuedMessage] = deque()
        self._size = 0
        self._last = 0
        # The store may hold what an earlier process has left.
        self._isBehind = True
        self._loading = False

    @property
    def head(self) -> QueuedMessage | None:
        """The next; C{None}, there is nothing in memory."""
        return self._ready[0] if self._ready else None

    def add(self, message: QueuedMessage) -> None:
        """The newest message has been kept; it may stay in the store for now."""
        full = len(self._ready) >= COUNT or self._size >= SIZE
        self._isBehind = self._isBehind or full
        if not self._isBehind:
            self._append(message)

    def pop(self) -> QueuedMessage:
        """Take the next."""
        message = self._ready.popleft()
        self._size -= len(message.xml)
        return message

    def putBack(self, messages: Iterable[QueuedMessage]) -> None:
        """Those that were taken last, in their order, come first again."""
        for message in reversed([*messages]):
            self._ready.appendleft(message)
            self._size += len(message.xml)

    def refill(self) -> None:
        """Read on in the store, if there is reason and room to."""
        isLow = len(self._ready) < COUNT // 2 and self._size < SIZE // 2
        if self._isBehind and isLow and not self._loading:
            self._loading = True
            self._load(self._last, PAGE).addCallbacks(self._read, self._unread)

    def _read(self, messages: Sequence[OutboxRecord]) -> None:
        self._loading = False
        for each in messages:
            self._append(
                QueuedMessage(
                    each.number, each.id, each.to, each.stanza, each.acceptedAt
                )
            )
        # What is kept from now on comes after what was read.
        self._isBehind = len(messages) == PAGE
        self._loaded()

    def _unread(self, reason: object) -> None:
        self._loading = False
        self._failed()

    def _append(self, message: QueuedMessage) -> None:
        self._ready.append(message)
        self._size += len(message.xml)
        self._last = message.number
