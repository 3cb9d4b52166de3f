"""Limits on queued stanzas in number and in bytes, shared fairly (reliability.rst)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Holder(NamedTuple):
    """
    A party whose stanzas occupy a part of a queue.

    @ivar kind: C{"sender"}, C{"domain"} or C{"token"}.
    """

    kind: str
    name: str

    def __str__(self) -> str:
        return f"the {self.kind} {self.name!r}"


class Amount(NamedTuple):
    """A number of stanzas, and their bytes together."""

    number: int
    size: int


@dataclass(frozen=True, slots=True)
class Excess:
    """
    The reason to refuse a stanza.

    @ivar holder: The party whose share is used up; C{None} if the queue is full.
    @ivar unit: C{"messages"} or C{"bytes"}.
    @ivar used: The amount in use, by the holder or altogether.
    @ivar limit: The limit of the queue.
    """

    holder: Holder | None
    unit: str
    used: int
    limit: int


class Quota:
    """
    The amount of stanzas in a queue, altogether and by holder.

    A holder may not hold more than is still free, so no holder can fill a queue: a
    single one gets half of it, the next one half of the rest.

    @ivar total: The amount in use.
    """

    def __init__(self) -> None:
        self.total = Amount(0, 0)
        self._held: dict[Holder, Amount] = {}

    def add(self, amount: Amount, holders: Sequence[Holder]) -> None:
        """
        Count stanzas that are queued.

        @param holders: Their holders; empty if they count for no share.
        """
        self.total = _sum(self.total, amount)
        for holder in holders:
            self._held[holder] = _sum(self.held(holder), amount)

    def remove(self, amount: Amount, holders: Sequence[Holder]) -> None:
        """
        Count stanzas that are no longer queued.

        @param holders: The same as for L{add}.
        """
        amount = Amount(-amount.number, -amount.size)
        self.total = _sum(self.total, amount)
        for holder in holders:
            held = _sum(self.held(holder), amount)
            if held.number > 0:
                self._held[holder] = held
            else:
                self._held.pop(holder, None)

    def held(self, holder: Holder) -> Amount:
        """Return the amount that a holder holds."""
        return self._held.get(holder, Amount(0, 0))

    def excess(
        self, size: int, holders: Sequence[Holder], limit: Amount
    ) -> Excess | None:
        """
        Check whether one more stanza fits.

        @param size: The bytes of the stanza.
        @param limit: The limit of the queue.
        @return: The first reason to refuse it; C{None} if it fits.
        """
        more = Amount(1, size)
        for unit, used, new, most in zip(_UNITS, self.total, more, limit, strict=True):
            if used + new > most:
                return Excess(None, unit, used, most)
        for holder in holders:
            held = self.held(holder)
            for unit, mine, used, new, most in zip(
                _UNITS, held, self.total, more, limit, strict=True
            ):
                if mine + new > most - used:
                    return Excess(holder, unit, mine, most)
        return None


_UNITS = ("messages", "bytes")


def _sum(one: Amount, other: Amount) -> Amount:
    return Amount(one.number + other.number, one.size + other.size)
