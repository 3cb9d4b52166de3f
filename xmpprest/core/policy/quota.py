"""Limits on stanzas and requests in number and in bytes, shared fairly."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

_Holder = TypeVar("_Holder", bound=Hashable)


class Limits(NamedTuple):
    """
    The limits of a queue.

    @ivar number: How many stanzas it may hold.
    @ivar size: How many bytes these may have together.
    """

    number: int
    size: int = 0


@dataclass(frozen=True, slots=True)
class Excess(Generic[_Holder]):
    """
    The reason to refuse a stanza.

    @ivar holder: The party whose share is used up; C{None} if the queue is full.
    @ivar unit: C{"messages"} or C{"bytes"}.
    @ivar used: The amount in use, by the holder or altogether.
    @ivar limit: The limit of the queue.
    """

    holder: _Holder | None
    unit: str
    used: int
    limit: int


class Quota(Generic[_Holder]):
    """
    The stanzas in a queue, or the requests that wait: their number and bytes,
    altogether and by holder (reliability.rst, I{Limits}).

    A holder is a party such as a token, a sender, a domain. It may not hold more than
    is still free, so no holder can fill a queue: a single one gets half of it, the next
    one half of the rest.

    @ivar count: The number of all.
    @ivar size: The bytes of all.
    """

    # Two dicts of numbers, which the garbage collector need not look at.
    __slots__ = ("_counts", "_sizes", "count", "size")

    def __init__(self) -> None:
        self.count = self.size = 0
        self._counts: dict[_Holder, int] = {}
        self._sizes: dict[_Holder, int] = {}

    def add(
        self, holders: Iterable[_Holder] = (), size: int = 0, count: int = 1
    ) -> None:
        """
        Count stanzas.

        @param holders: Their holders; empty if they count for no share.
        @param size: The bytes of all of them.
        """
        self.count += count
        self.size += size
        for holder in holders:
            number = self._counts.get(holder, 0) + count
            if number > 0:
                self._counts[holder] = number
                self._sizes[holder] = self._sizes.get(holder, 0) + size
            else:
                self._counts.pop(holder, None)
                self._sizes.pop(holder, None)

    def remove(
        self, holders: Iterable[_Holder] = (), size: int = 0, count: int = 1
    ) -> None:
        """Stop counting stanzas, with the same holders as in L{add}."""
        self.add(holders, -size, -count)

    def held(self, holder: _Holder) -> tuple[int, int]:
        """Return the number and the bytes that a holder holds."""
        return self._counts.get(holder, 0), self._sizes.get(holder, 0)

    def excess(
        self, limits: Limits, holders: Iterable[_Holder] = (), size: int = 0
    ) -> Excess[_Holder] | None:
        """
        Check whether one more stanza fits.

        @param holders: Its holders; empty if it counts for no share.
        @param size: Its bytes.
        @return: The first reason to refuse it; C{None} if it fits.
        """
        free, freeSize = limits.number - self.count, limits.size - self.size
        if free < 1:
            return Excess(None, "messages", self.count, limits.number)
        if freeSize < size:
            return Excess(None, "bytes", self.size, limits.size)
        for holder in holders:
            count, held = self.held(holder)
            if count >= free:
                return Excess(holder, "messages", count, limits.number)
            if held + size > freeSize:
                return Excess(holder, "bytes", held, limits.size)
        return None
