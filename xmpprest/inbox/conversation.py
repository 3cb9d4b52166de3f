"""Conversations: the waiting stanzas of one bare sender to one recipient, in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from math import inf

from twisted.words.xish.domish import Element

from ..core.policy.retry import LastAttempt
from ..core.records import InboxRecord
from ..core.stanza.stored import parseStored

#: Limits on the stored stanzas of one conversation that are in memory, in number and in
#: bytes of XML. The first one is exempt.
COUNT = 32
SIZE = 262_144
#: Limits for all conversations together, in bytes of XML and in number. Above them,
#: only the stanzas that are due stay in memory.
TOTAL_SIZE = 16_777_216
TOTAL_COUNT = 4096
#: Limit on the waiting stanzas that are also in memory as trees, in bytes of XML. A
#: tree takes up to a hundred times the memory of its XML.
TREE_SIZE = 262_144
#: Size in bytes of XML from which a stanza is parsed again after its callback request
#: instead of being kept as a tree meanwhile.
LARGE = 8192

#: Limits on a transient stanza that may wait as a tree only, in elements and in
#: characters; and the size in bytes that it counts for.
SMALL_ELEMENTS = 24
SMALL_TEXT = 1024
SMALL_SIZE = 1024

#: Due time of a stored stanza that has not been read from the store.
UNKNOWN = -inf


def isSmall(stanza: Element) -> bool:
    """Check whether the tree of a stanza takes little memory."""
    elements, text, index = [stanza], 0, 0
    while index < len(elements):
        for child in elements[index].children:
            if isinstance(child, str):
                text += len(child)
            else:
                elements.append(child)
        if len(elements) > SMALL_ELEMENTS or text > SMALL_TEXT:
            return False
        text += sum(map(len, elements[index].attributes.values()))
        index += 1
    return True


@dataclass(slots=True)
class MemoryUse:
    """
    Memory that all conversations of a callback share.

    @ivar limit: Limit on C{used}.
    @ivar used: Size of the stored stanzas that are in memory, in bytes of XML.
    @ivar held: Number of these.
    @ivar trees: Size of the stanzas that are kept as trees, in bytes of XML.
    """

    limit: int = TOTAL_SIZE
    used: int = 0
    held: int = 0
    trees: int = 0

    @property
    def isFull(self) -> bool:
        """Whether only stanzas that are due should stay in memory."""
        return self.used >= self.limit or self.held >= TOTAL_COUNT


@dataclass(slots=True, eq=False)
class QueuedStanza:
    """
    A stanza that waits for the callback, as XML; a small transient one as a tree, as
    long as there is memory for it.

    @ivar webhookID: Its id in requests to the callback.
    @ivar xml: In UTF-8; empty if there is only the tree.
    @ivar size: Its size in bytes of XML.
    @ivar receivedAt: In seconds since 1970.
    @ivar dueAt: Time of its next attempt, in seconds since 1970.
    @ivar number: Number of a stored stanza, 0 before its commit. Of a transient stanza:
        the number of the last stored stanza before it.
    @ivar isStored: Whether it survives the process: it is stored, or about to be.
    @ivar isPatient: Whether it waits for stored stanzas before it, also while these are
        not delivered. Other transient stanzas do not.
    """

    webhookID: str
    xml: bytes
    receivedAt: float
    dueAt: float
    number: float = 0
    isStored: bool = True
    isPatient: bool = True
    attempts: int = 0
    size: int = field(init=False)
    _tree: Element | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.size = len(self.xml) or SMALL_SIZE

    @property
    def element(self) -> Element:
        """
        The stanza.

        @raise UnparsableStanza: The XML cannot be parsed.
        """
        return self._tree or parseStored(self.xml.decode())

    def keepTree(self, stanza: Element, memory: MemoryUse) -> None:
        """Keep the tree of the stanza as long as there is memory for it."""
        if self.size < LARGE and memory.trees + self.size <= TREE_SIZE:
            self._tree = stanza
            memory.trees += self.size

    def parse(self, memory: MemoryUse) -> Element:
        """
        Return the stanza for a request. The tree of a large one is not kept meanwhile.

        @raise UnparsableStanza: The XML cannot be parsed.
        """
        if self.size >= LARGE:
            self.dropTree(memory)
            return self.element
        if self._tree is None:
            self._tree = self.element
            memory.trees += self.size
        return self._tree

    def dropTree(self, memory: MemoryUse) -> None:
        """Keep no more than the XML."""
        if self._tree is not None:
            self._tree = None
            memory.trees -= self.size


class QueueState(Enum):
    """State of a conversation in the delivery scheduler."""

    #: Nothing of it can be delivered before something else happens.
    IDLE = auto()
    #: In a queue of conversations that are due.
    READY = auto()
    #: Waits for the time of its next attempt.
    WAITING = auto()
    #: A worker delivers one of its stanzas.
    DELIVERING = auto()


@dataclass(slots=True, eq=False)
class Conversation:
    """
    The waiting stanzas of one bare sender to one recipient.

    Stored stanzas are in memory as far as there is room, all others behind them are
    only in the store. Transient stanzas, such as presence, are in memory only; each
    knows the stored stanza that it follows. Stanzas that are being committed hold
    their place among the transient ones.

    @ivar hasMore: Whether the store may have stanzas that are not in memory.
    @ivar state: Where the scheduler has it.
    @ivar dueAt: Time of its next turn, if it is L{QueueState.WAITING}.
    @ivar entryAt: Time of its newest entry in the L{TurnQueue}, if there is one.
    @ivar retryAt: Time of the next attempt of its first stored stanza; L{UNKNOWN} as
        long as that is not in memory.
    @ivar lastNumber: Bound of the numbers of its stored stanzas.
    """

    key: str
    memory: MemoryUse
    hasMore: bool
    state: QueueState = QueueState.IDLE
    dueAt: float = 0.0
    entryAt: float | None = None
    retryAt: float = UNKNOWN
    lastNumber: float = 0
    #: An empty tuple costs neither memory nor time of the garbage collector.
    _stored: tuple[QueuedStanza, ...] = ()
    _size: int = 0
    #: Transient stanzas and those that are being committed, in stream order.
    _recent: list[QueuedStanza] | None = None
    #: A plain tuple of numbers, which the garbage collector need not look at.
    _last: tuple[float, int | None, float, int] | None = None

    # --- what is there ---

    @property
    def head(self) -> QueuedStanza | None:
        """The first stored stanza, if it is in memory."""
        return self._stored[0] if self._stored else None

    @property
    def last(self) -> LastAttempt | None:
        """
        Last attempt of the first stored stanza; C{None} if there was none, or if it was
        made by an earlier process and is not known yet.
        """
        return None if self._last is None else LastAttempt(*self._last)

    @last.setter
    def last(self, attempt: LastAttempt | None) -> None:
        if attempt is None:
            self._last = None
        else:
            at, status, expeditedAt, deferrals = attempt
            self._last = (at, status, expeditedAt, deferrals)

    @property
    def transient(self) -> QueuedStanza | None:
        """The first transient stanza, unless it waits for a commit."""
        if self._recent and not self._recent[0].isStored:
            return self._recent[0]
        return None

    @property
    def hasStored(self) -> bool:
        """Whether it may have stored stanzas, not counting those being committed."""
        return bool(self._stored) or self.hasMore

    @property
    def isEmpty(self) -> bool:
        """Whether no stanza waits or is being committed."""
        return not (self._stored or self.hasMore or self._recent)

    def isTransientNext(self, canDeliverStored: bool) -> bool:
        """
        Check whether a transient stanza is delivered next.

        @param canDeliverStored: Whether a stored stanza would be delivered now. If not,
            transient stanzas do not wait for it (callback.rst, I{Order}).
        """
        first = self.transient
        if first is None:
            return False
        if not canDeliverStored and not first.isPatient:
            return True
        if self._stored:
            return first.number < self._stored[0].number
        return not self.hasMore

    # --- arrivals ---

    def arrive(self, stanza: QueuedStanza) -> None:
        """Add a stanza that was received: a transient one, or one before its commit."""
        if self._recent is None:
            self._recent = []
        if not stanza.isStored and not any(each.isStored for each in self._recent):
            stanza.number = self.lastNumber
        self._recent.append(stanza)

    def committed(self, stanza: QueuedStanza, number: int) -> None:
        """Make a stanza a stored one, with its number in the store."""
        stanza.number = self.lastNumber = number
        assert self._recent is not None
        place = self._recent.index(stanza)
        del self._recent[place]
        for each in self._recent[:place]:
            each.number = min(each.number, number - 1)
        self._number(place)
        hasRoom = self._hasRoom and not self.memory.isFull
        if self.hasMore or not hasRoom:
            self.hasMore = True
            stanza.dropTree(self.memory)
        else:
            self._hold(stanza)

    def commitFailed(self, stanza: QueuedStanza, isKept: bool) -> None:
        """
        Give up the commit of a stanza.

        @param isKept: Whether it stays, in its place, as a transient stanza.
        """
        assert self._recent is not None
        place = self._recent.index(stanza)
        stanza.isStored = False
        if not isKept:
            del self._recent[place]
            stanza.dropTree(self.memory)
        self._number(place)

    def _number(self, place: int) -> None:
        """Let transient stanzas from that place on follow the last stored stanza."""
        assert self._recent is not None
        if not any(each.isStored for each in self._recent[:place]):
            for each in self._recent[place:]:
                if each.isStored:
                    break
                each.number = self.lastNumber
        if not self._recent:
            self._recent = None

    def requeued(self, number: int) -> None:
        """Note that the store has another stanza, maybe before those in memory."""
        self.evict()
        self.lastNumber = max(self.lastNumber, number)
        self.hasMore = True
        self.retryAt = UNKNOWN

    # --- reading and removing ---

    def fill(self, page: Sequence[InboxRecord]) -> None:
        """
        Add the first stored stanzas; none are in memory.

        @param page: At most L{COUNT} records.
        """
        self.hasMore = len(page) == COUNT
        for each in page:
            if not self._hasRoom:
                self.hasMore = True
                break
            self._hold(
                QueuedStanza(
                    each.webhookID,
                    each.stanza.encode(),
                    each.receivedAt,
                    each.dueAt,
                    each.number,
                    attempts=each.attempts,
                )
            )

    def pop(self) -> None:
        """Remove the first stored stanza."""
        first, *others = self._stored
        self._stored = tuple(others)
        first.dropTree(self.memory)
        self._size -= first.size
        self.memory.used -= first.size
        self.memory.held -= 1
        self.retryAt = self._stored[0].dueAt if self._stored else UNKNOWN

    def popTransient(self) -> QueuedStanza:
        """Remove the first transient stanza and return it."""
        assert self._recent is not None
        first = self._recent.pop(0)
        if not self._recent:
            self._recent = None
        return first

    def takeTransient(self) -> Sequence[QueuedStanza]:
        """Remove all transient stanzas and return them."""
        recent = self._recent or []
        self._recent = [each for each in recent if each.isStored] or None
        return [each for each in recent if not each.isStored]

    def evict(self) -> None:
        """Keep no stored stanza in memory."""
        self.hasMore = self.hasStored
        for each in self._stored:
            each.dropTree(self.memory)
        self.memory.used -= self._size
        self.memory.held -= len(self._stored)
        self._size = 0
        self._stored = ()

    @property
    def _hasRoom(self) -> bool:
        return len(self._stored) < COUNT and self._size < SIZE

    def _hold(self, stanza: QueuedStanza) -> None:
        if not self._stored and self.retryAt == UNKNOWN:
            self.retryAt = stanza.dueAt
        self._stored += (stanza,)
        self._size += stanza.size
        self.memory.used += stanza.size
        self.memory.held += 1
