"""The order in which conversations get a worker."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from struct import Struct

from .fair_queue import FairQueue

#: Begins an entry of the heap: the time, which is positive, and a number that keeps the
#: order of equal times. Such bytes have the order of their values.
_TIME = Struct(">dQ")


class TurnQueue:
    """
    Conversations that are ready, and conversations that wait for a time.

    Conversations whose next stanza is transient are ready in a queue of their own. The
    two queues take turns, so that a flood of presence cannot hold up messages; in each,
    senders do, so that one that writes to many addresses cannot hold up others.

    Nothing here is an object that the garbage collector has to look at: conversations
    are here by their keys, and the entries of the heap are bytes.
    """

    def __init__(self) -> None:
        #: Conversations that are ready, and whether the next stanza of each is
        #: transient.
        self._ready: dict[str, bool] = {}
        self._transient, self._stored = FairQueue(), FairQueue()
        #: Entries of the two queues that no longer count. Each conversation has at most
        #: one entry in a queue: if it is ready again, the old entry counts again.
        self._staleTransient: dict[str, None] = {}
        self._staleStored: dict[str, None] = {}
        self._isTransientsTurn = False
        #: The times that conversations wait for.
        self._dueAt: dict[str, float] = {}
        #: A heap of times, and the time of the first entry of each conversation in it.
        self._later: list[bytes] = []
        self._entryAt: dict[str, float] = {}
        self._ties = count()

    @property
    def readyCount(self) -> int:
        """The number of conversations with stored stanzas that are ready."""
        return len(self._stored)

    def clear(self) -> None:
        """Forget all conversations."""
        self._ready.clear()
        self._transient.clear()
        self._stored.clear()
        self._staleTransient.clear()
        self._staleStored.clear()
        self._dueAt.clear()
        self._later.clear()
        self._entryAt.clear()

    def addReady(self, key: str, isTransientNext: bool) -> None:
        """Add a conversation that is ready."""
        self._dueAt.pop(key, None)
        if self._ready.get(key) is not isTransientNext:
            self._withdraw(key)
            self._append(key, isTransientNext)

    def addLater(self, key: str, dueAt: float) -> None:
        """Add a conversation that waits for a time."""
        self._withdraw(key)
        self._dueAt[key] = dueAt
        self._enter(key, dueAt)

    def discard(self, key: str) -> None:
        """Remove a conversation, if it is here."""
        self._withdraw(key)
        self._dueAt.pop(key, None)

    def isWaiting(self, key: str) -> bool:
        """Check whether a conversation waits for a time."""
        return key in self._dueAt

    # --- ready ---

    def next(self, canDeliverStored: bool) -> str | None:
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
            key = (self._transient if isTransient else self._stored).popleft()
            if self._ready.get(key) is isTransient:
                del self._ready[key]
                return key
            del self._stale(isTransient)[key]
        return None

    def prefer(self, hasTransient: Callable[[str], bool]) -> None:
        """
        Move ready conversations with transient stanzas to the queue of these, since
        their stored stanzas are not delivered at the moment.
        """
        stored = [key for key in self._stored if self._ready.get(key) is False]
        self._stored.clear()
        self._staleStored.clear()
        for key in stored:
            self._append(key, hasTransient(key))

    def _append(self, key: str, isTransient: bool) -> None:
        """Queue a conversation, unless it has an entry in the queue already."""
        self._ready[key] = isTransient
        stale = self._stale(isTransient)
        if key in stale:
            del stale[key]
        else:
            (self._transient if isTransient else self._stored).append(key)

    def _withdraw(self, key: str) -> None:
        """Let the entry of a conversation that is ready, if any, no longer count."""
        isTransient = self._ready.pop(key, None)
        if isTransient is not None:
            self._stale(isTransient)[key] = None

    def _stale(self, isTransient: bool) -> dict[str, None]:
        return self._staleTransient if isTransient else self._staleStored

    # --- later ---

    @property
    def nextAt(self) -> float | None:
        """
        The time at which to look for the next conversation that is ready then; C{None}
        if none waits.
        """
        while self._later:
            at, key = _parse(self._later[0])
            if key in self._dueAt:
                return at
            self._leave()
        return None

    def popDue(self, now: float, limit: int) -> list[str]:
        """
        Remove conversations whose time has come.

        @param limit: Limit on their number.
        """
        found: list[str] = []
        while len(found) < limit and (at := self.nextAt) is not None and at <= now:
            key = self._leave()
            dueAt = self._dueAt[key]
            if dueAt <= now:
                del self._dueAt[key]
                found.append(key)
            else:
                self._enter(key, dueAt)
        return found

    def _enter(self, key: str, dueAt: float) -> None:
        """Make an entry in the heap, unless there is one that is not too late."""
        if self._entryAt.get(key, dueAt + 1) > dueAt:
            self._entryAt[key] = dueAt
            entry = _TIME.pack(dueAt, next(self._ties)) + key.encode()
            heapq.heappush(self._later, entry)

    def _leave(self) -> str:
        """Remove the first entry of the heap."""
        at, key = _parse(heapq.heappop(self._later))
        if self._entryAt.get(key) == at:
            del self._entryAt[key]
        return key


def _parse(entry: bytes) -> tuple[float, str]:
    """Return the time and the key of an entry of the heap."""
    at, _ = _TIME.unpack_from(entry)
    return at, entry[_TIME.size :].decode()
