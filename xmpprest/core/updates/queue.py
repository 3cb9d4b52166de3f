"""
The order of the updates of one callback: stored stanzas by their position in the store,
and transient ones, such as presence, between them.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

#: Number of removed positions from which the arrays are shortened.
_SLACK = 1024


@dataclass(slots=True, eq=False)
class Expected:
    """
    A stored stanza before its commit. It holds its place in the order.

    @ivar position: Its position in the store; 0 before the commit.
    @ivar since: The time from which its age counts, in seconds since 1970.
    """

    since: float = 0.0
    position: int = 0


@dataclass(slots=True, eq=False)
class Transient:
    """
    The place of a transient stanza in the order.

    @ivar id: The id of its update.
    @ivar serial: Its number among the transient stanzas of this run; 0 before it is in
        the queue.
    @ivar place: The position of the last stored stanza before it.
    """

    id: str
    serial: int = field(default=0, init=False)
    place: int = field(default=0, init=False)


class UpdateQueue:
    """
    The updates of one callback, in order. A stored stanza takes 16 bytes.

    @ivar last: Highest position so far.
    @ivar serial: Highest serial number so far.
    """

    def __init__(self) -> None:
        self.last = self.serial = 0
        self._positions = array("q")
        self._times = array("d")
        #: Index of the first position that counts.
        self._start = 0
        #: Positions behind it that were removed.
        self._gone: set[int] = set()
        self._transient: dict[int, Transient] = {}
        #: Arrivals in order, from the first one that is not committed yet.
        self._arriving: deque[Expected | Transient] = deque()

    def __len__(self) -> int:
        """Return the number of stored stanzas."""
        return len(self._positions) - self._start - len(self._gone)

    def __contains__(self, position: int) -> bool:
        index = bisect_left(self._positions, position, self._start)
        isThere = index < len(self._positions) and self._positions[index] == position
        return isThere and position not in self._gone

    @property
    def isEmpty(self) -> bool:
        """Whether there is no update to return."""
        return not (len(self) or self._transient)

    @property
    def firstStored(self) -> int | None:
        """The position of the first stored stanza; C{None} if there is none."""
        index = next(self._indexes(), None)
        return None if index is None else self._positions[index]

    @property
    def oldest(self) -> float | None:
        """The time from which the first stored stanza's age counts; C{None} if none."""
        index = next(self._indexes(), None)
        return None if index is None else self._times[index]

    # --- arrivals ---

    def load(self, stored: Mapping[int, float]) -> None:
        """
        Add stored stanzas of earlier runs.

        @param stored: For the position of each stanza, the time from which its age
            counts.
        """
        times = {self._positions[each]: self._times[each] for each in self._indexes()}
        times.update(stored)
        ordered = sorted(times)
        self._positions = array("q", ordered)
        self._times = array("d", map(times.__getitem__, ordered))
        self._start = 0
        self._gone.clear()
        if ordered:
            self.last = max(self.last, ordered[-1])

    def clear(self) -> None:
        """Forget all updates."""
        self.__init__()  # type: ignore[misc]  # there is no subclass

    def expect(self, stanza: Expected) -> None:
        """Add a stored stanza before its commit."""
        self._arriving.append(stanza)

    def committed(self, stanza: Expected, position: int) -> None:
        """Note the position of a stanza that was committed."""
        stanza.position = position
        if stanza in self._arriving:
            self._flush()
        else:
            # The queue was cleared meanwhile.
            self.addStored(position, stanza.since)

    def commitFailed(self, stanza: Expected, instead: Transient | None) -> None:
        """Remove a stanza that could not be committed, or replace it in its place."""
        if stanza in self._arriving:
            index = self._arriving.index(stanza)
            del self._arriving[index]
            if instead is not None:
                self._arriving.insert(index, instead)
        elif instead is not None:
            self._arriving.append(instead)
        self._flush()

    def addTransient(self, stanza: Transient) -> None:
        """Add a transient stanza."""
        self._arriving.append(stanza)
        self._flush()

    def addStored(self, position: int, since: float) -> None:
        """Add a stored stanza, usually behind all others."""
        if position > self.last:
            self.last = position
            self._positions.append(position)
            self._times.append(since)
        elif position not in self:
            self.load({position: since})

    def _flush(self) -> None:
        """Add the first arrivals, as far as they are committed."""
        arriving = self._arriving
        while arriving:
            first = arriving[0]
            if isinstance(first, Transient):
                self.serial += 1
                first.serial, first.place = self.serial, self.last
                self._transient[first.serial] = first
            elif first.position:
                self.addStored(first.position, first.since)
            else:
                return
            arriving.popleft()

    # --- reading ---

    def first(self, limit: int) -> Sequence[int | Transient]:
        """Return the first updates: positions of stored stanzas, and transient ones."""
        return list(islice(self._inOrder(), limit))

    def _inOrder(self) -> Iterator[int | Transient]:
        transient = iter(self._transient.values())
        next_ = next(transient, None)
        for index in self._indexes():
            position = self._positions[index]
            while next_ is not None and next_.place < position:
                yield next_
                next_ = next(transient, None)
            yield position
        if next_ is not None:
            yield next_
            yield from transient

    def upTo(self, position: int) -> Sequence[int]:
        """Return the stored stanzas up to a position."""
        end = bisect_right(self._positions, position, self._start)
        some = self._positions[self._start : end]
        return [each for each in some if each not in self._gone]

    def transientUpTo(self, serial: int) -> Sequence[Transient]:
        """Return the transient stanzas up to a serial number."""
        found: list[Transient] = []
        for number, stanza in self._transient.items():
            if number > serial:
                break
            found.append(stanza)
        return found

    # --- removing ---

    def remove(self, position: int) -> None:
        """Remove a stored stanza, if it is there."""
        if position not in self:
            return
        self._gone.add(position)
        positions, start = self._positions, self._start
        while start < len(positions) and positions[start] in self._gone:
            self._gone.discard(positions[start])
            start += 1
        self._start = start
        if start >= _SLACK and start * 2 >= len(positions):
            del positions[:start], self._times[:start]
            self._start = 0

    def removeTransient(self, stanza: Transient) -> None:
        """Remove a transient stanza, if it is there."""
        if stanza.serial:
            self._transient.pop(stanza.serial, None)
        elif stanza in self._arriving:
            self._arriving.remove(stanza)

    def _indexes(self) -> Iterator[int]:
        """Yield the positions in the queue at which stored stanzas are, in order."""
        return (
            index
            for index in range(self._start, len(self._positions))
            if self._positions[index] not in self._gone
        )
