"""Conversations: the waiting stanzas of one bare sender to one recipient, in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from struct import Struct

from ..core.policy.retry import LastAttempt
from ..core.records import InboxRecord
from .queued_stanza import MemoryUse, QueuedStanza

#: Limits on the stored stanzas of one conversation that are in memory, in number and in
#: bytes of XML. The first one is exempt.
COUNT = 32
SIZE = 262_144

#: Due time of a stored stanza that has not been read from the store.
UNKNOWN = -inf


#: A parked conversation: C{retryAt}, C{lastNumber}, and its last attempt; the status
#: of that is L{_NO_RESPONSE}, or L{_NO_ATTEMPT} if there was none.
_PARKED = Struct("=dddhdi")
_NO_RESPONSE, _NO_ATTEMPT = 0, -1


@dataclass(slots=True, eq=False)
class Conversation:
    """
    The waiting stanzas of one bare sender to one recipient.

    Stored stanzas are in memory as far as there is room, all others behind them are
    only in the store. Transient stanzas, such as presence, are in memory only; each
    knows the stored stanza that it follows. Stanzas that are being committed hold
    their place among the transient ones.

    Other modules read C{stored}, C{recent} and C{hasMore}; only methods change them.

    @ivar hasMore: Whether the store may have stanzas that are not in memory.
    @ivar isDelivering: Whether a worker delivers one of its stanzas.
    @ivar retryAt: Time of the next attempt of its first stored stanza; L{UNKNOWN} as
        long as that is not in memory.
    @ivar lastNumber: Bound of the numbers of its stored stanzas.
    @ivar last: Last attempt of its first stored stanza; C{None} if there was none, or
        if it was made by an earlier process and is not known yet.
    @ivar stored: Stored stanzas in memory, the oldest first.
    @ivar recent: Transient stanzas and those that are being committed, in stream order;
        C{None} if there is none.
    """

    key: str
    memory: MemoryUse
    hasMore: bool
    isDelivering: bool = False
    retryAt: float = UNKNOWN
    lastNumber: float = 0
    #: An empty tuple costs neither memory nor time of the garbage collector.
    stored: tuple[QueuedStanza, ...] = ()
    recent: list[QueuedStanza] | None = None
    last: LastAttempt | None = None
    _size: int = 0

    # --- parked ---

    @property
    def canPark(self) -> bool:
        """Whether it waits with stored stanzas none of which is in memory."""
        return self.hasMore and not (self.stored or self.recent or self.isDelivering)

    def parked(self) -> bytes:
        """Return the values from which L{fromParked} makes it again."""
        last = self.last
        if last is None:
            attempt = (0.0, _NO_ATTEMPT, 0.0, 0)
        else:
            attempt = (last.at, last.status or _NO_RESPONSE, *last[2:])
        return _PARKED.pack(self.retryAt, self.lastNumber, *attempt)

    @classmethod
    def fromParked(cls, key: str, memory: MemoryUse, parked: bytes) -> Conversation:
        """Make a conversation that was parked."""
        retryAt, lastNumber, at, status, expeditedAt, deferrals = _PARKED.unpack(parked)
        made = cls(key, memory, True, False, retryAt, lastNumber)
        if status != _NO_ATTEMPT:
            made.last = LastAttempt(at, status or None, expeditedAt, deferrals)
        return made

    # --- what is there ---

    @property
    def hasStored(self) -> bool:
        """Whether it may have stored stanzas, not counting those being committed."""
        return bool(self.stored) or self.hasMore

    @property
    def hasTransient(self) -> bool:
        """Whether a transient stanza is first of those that are not stored yet."""
        return self.recent is not None and not self.recent[0].isStored

    @property
    def isEmpty(self) -> bool:
        """Whether no stanza waits or is being committed."""
        return not (self.stored or self.hasMore or self.recent)

    def isTransientNext(self, canDeliverStored: bool) -> bool:
        """
        Check whether a transient stanza is delivered next.

        @param canDeliverStored: Whether a stored stanza would be delivered now. If not,
            transient stanzas do not wait for it (callback.rst, I{Order}).
        """
        if not self.recent or self.recent[0].isStored:
            return False
        first = self.recent[0]
        if not canDeliverStored and not first.isPatient:
            return True
        if self.stored:
            return first.number < self.stored[0].number
        return not self.hasMore

    # --- arrivals ---

    def arrive(self, stanza: QueuedStanza) -> None:
        """Add a stanza that was received: a transient one, or one before its commit."""
        if self.recent is None:
            self.recent = []
        if not stanza.isStored and not any(each.isStored for each in self.recent):
            stanza.number = self.lastNumber
        self.recent.append(stanza)

    def committed(self, stanza: QueuedStanza, number: int) -> None:
        """Make a stanza a stored one, with its number in the store."""
        stanza.number = self.lastNumber = number
        assert self.recent is not None
        if len(self.recent) == 1:
            self.recent = None
        else:
            place = self.recent.index(stanza)
            del self.recent[place]
            for each in self.recent[:place]:
                each.number = min(each.number, number - 1)
            self._number(place)
        if self.hasMore or not self._hasRoom or self.memory.isFull:
            self.hasMore = True
            stanza.dropTree(self.memory)
        else:
            self._hold(stanza)

    def commitFailed(self, stanza: QueuedStanza, isKept: bool) -> None:
        """
        Give up the commit of a stanza.

        @param isKept: Whether it stays, in its place, as a transient stanza.
        """
        assert self.recent is not None
        place = self.recent.index(stanza)
        stanza.isStored = False
        if not isKept:
            del self.recent[place]
            stanza.dropTree(self.memory)
        self._number(place)

    def _number(self, place: int) -> None:
        """Let transient stanzas from that place on follow the last stored stanza."""
        assert self.recent is not None
        if not any(each.isStored for each in self.recent[:place]):
            for each in self.recent[place:]:
                if each.isStored:
                    break
                each.number = self.lastNumber
        if not self.recent:
            self.recent = None

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

        Stanzas without an attempt are due at once, whatever the store says: the system
        clock may have been ahead when they arrived. A stanza with attempts is added
        only as the first one, because its time has to be checked (see C{_recall} of the
        scheduler).

        @param page: At most L{COUNT} records.
        """
        self.hasMore = len(page) == COUNT
        for each in page:
            if not self._hasRoom or (self.stored and each.attempts):
                self.hasMore = True
                break
            xml = each.stanza.encode()
            self._hold(
                QueuedStanza(
                    each.webhookID,
                    xml,
                    len(xml),
                    each.receivedAt,
                    each.dueAt if each.attempts else 0.0,
                    each.number,
                    attempts=each.attempts,
                )
            )

    def pop(self) -> None:
        """Remove the first stored stanza."""
        first = self.stored[0]
        self.stored = self.stored[1:]
        first.dropTree(self.memory)
        self._size -= first.size
        self.memory.used -= first.size
        self.memory.held -= 1
        self.retryAt = self.stored[0].dueAt if self.stored else UNKNOWN

    def popTransient(self) -> QueuedStanza:
        """Remove the first transient stanza and return it."""
        assert self.recent is not None
        first = self.recent.pop(0)
        if not self.recent:
            self.recent = None
        return first

    def takeTransient(self) -> Sequence[QueuedStanza]:
        """Remove all transient stanzas and return them."""
        recent = self.recent or []
        self.recent = [each for each in recent if each.isStored] or None
        return [each for each in recent if not each.isStored]

    def evict(self) -> None:
        """Keep no stored stanza in memory."""
        self.hasMore = self.hasStored
        for each in self.stored:
            each.dropTree(self.memory)
        self.memory.used -= self._size
        self.memory.held -= len(self.stored)
        self._size = 0
        self.stored = ()

    @property
    def _hasRoom(self) -> bool:
        return len(self.stored) < COUNT and self._size < SIZE

    def _hold(self, stanza: QueuedStanza) -> None:
        if not self.stored and self.retryAt == UNKNOWN:
            self.retryAt = stanza.dueAt
        self.stored += (stanza,)
        self._size += stanza.size
        self.memory.used += stanza.size
        self.memory.held += 1


def parkedAttempt(parked: bytes) -> tuple[float, int | None] | None:
    """
    Return the time and the status of the last attempt of a parked conversation; C{None}
    if there was none.
    """
    _, _, at, status, _, _ = _PARKED.unpack(parked)
    return None if status == _NO_ATTEMPT else (at, status or None)
