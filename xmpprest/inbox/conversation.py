"""
Conversations that are kept for the callback: the first stanzas of each in memory, all
of them in the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from math import inf

from twisted.words.xish.domish import Element

from ..core.policy.retry import LastAttempt
from ..core.records import InboxRecord
from ..core.stanza import jid
from ..core.stanza.stored import parseStored
from ..core.webhook.conversation_key import ConversationKeys

#: How many stanzas of a conversation are in memory, and how many characters of XML;
#: one always is, when it is needed.
COUNT = 32
SIZE = 262_144
#: How many characters those of all conversations may have together, before only those
#: are in memory that are needed at the moment.
TOTAL_SIZE = 16_777_216


def keyOf(stanza: Element, keys: ConversationKeys) -> str:
    """The name of a conversation: the bare sender, and whom it writes to."""
    return keys.keyFor(jid.bareOf(stanza["from"]), stanza["to"])


@dataclass(slots=True)
class QueuedStanza:
    """
    A stanza that waits for the callback.

    @ivar stanza: As it came, or as it is kept.
    @ivar size: In characters of XML.
    """

    number: int
    webhookID: str
    stanza: Element | str
    size: int
    receivedAt: float
    dueAt: float
    attempts: int = 0

    @property
    def element(self) -> Element:
        """The stanza; raises L{UnparsableStanza}."""
        return parseStored(self.stanza) if isinstance(self.stanza, str) else self.stanza


@dataclass(slots=True)
class MemoryBudget:
    """
    What all conversations share.

    @ivar used: How many characters of XML are in it.
    """

    limit: int = TOTAL_SIZE
    used: int = 0


class QueueState(Enum):
    """Where a conversation waits for its turn."""

    NOWHERE = auto()
    READY = auto()
    LATER = auto()
    #: It has its turn.
    BUSY = auto()


@dataclass(slots=True, eq=False)
class Conversation:
    """
    A conversation with stanzas to be delivered.

    @ivar hasMore: Whether there may be others in the store, behind those in memory.
    @ivar waiting: How many there are, of those that came since the gateway's start.
    @ivar countedFrom: The number of the first of those.
    @ivar dueAt: When it has its turn, if it is L{QueueState.LATER}.
    @ivar last: The last try, if its stanza is to be tried again, and if we know it.
    @ivar expeditedTo: When that is, if sooner than it would be due.
    """

    key: str
    memory: MemoryBudget
    hasMore: bool
    waiting: int = 0
    countedFrom: float = inf
    place: QueueState = QueueState.NOWHERE
    dueAt: float = 0.0
    last: LastAttempt | None = None
    expeditedTo: float = inf
    _held: list[QueuedStanza] = field(default_factory=list)
    _size: int = 0

    @property
    def head(self) -> QueuedStanza | None:
        """The first that is in memory."""
        return self._held[0] if self._held else None

    def add(self, last: QueuedStanza) -> None:
        """Another has been kept in the store."""
        self.countedFrom = min(self.countedFrom, last.number)
        self.waiting += 1
        hasRoom = self._hasRoom and self.memory.used < self.memory.limit
        if self.hasMore or not hasRoom:
            self.hasMore = True
        else:
            self._hold(last)

    def settled(self, number: int) -> None:
        """One waits no longer."""
        if number >= self.countedFrom:
            self.waiting -= 1

    def requeued(self, number: int) -> None:
        """One that was settled waits again, and be it before those in memory."""
        if number >= self.countedFrom:
            self.waiting += 1
        self.evict()
        self.hasMore = True

    def fill(self, page: Sequence[InboxRecord]) -> None:
        """
        Take the first from the store; there are none in memory.

        @param page: Of L{COUNT} at most.
        """
        self.hasMore = len(page) == COUNT
        for each in page:
            if not self._hasRoom:
                self.hasMore = True
                break
            size = len(each.stanza)
            self._hold(
                QueuedStanza(
                    each.number,
                    each.webhookID,
                    each.stanza,
                    size,
                    each.receivedAt,
                    each.dueAt,
                    each.attempts,
                )
            )

    def pop(self) -> None:
        """The first is done with."""
        first = self._held.pop(0)
        self._size -= first.size
        self.memory.used -= first.size

    def evict(self) -> None:
        """Leave them all to the store."""
        self.hasMore = self.hasMore or bool(self._held)
        self.memory.used -= self._size
        self._size = 0
        self._held.clear()

    @property
    def _hasRoom(self) -> bool:
        return len(self._held) < COUNT and self._size < SIZE

    def _hold(self, last: QueuedStanza) -> None:
        self._held.append(last)
        self._size += last.size
        self.memory.used += last.size
