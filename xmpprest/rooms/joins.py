"""Limits the joins that are under way at the same time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

#: Joins under way at the same time; more could overload a room service.
MAX_JOINS = 20


class JoinTurns:
    """
    Gives turns to join, in the order in which they were asked for.
    """

    def __init__(self, limit: int = MAX_JOINS) -> None:
        self._limit = limit
        self._holding: set[Hashable] = set()
        self._waiting: OrderedDict[Hashable, Callable[[], None]] = OrderedDict()

    def acquire(self, owner: Hashable, granted: Callable[[], None]) -> None:
        """
        Wait for a turn.

        @param owner: Has at most one turn.
        @param granted: Called with the turn, perhaps at once.
        """
        self._waiting[owner] = granted
        self._grant()

    def release(self, owner: Hashable) -> None:
        """Give back a turn, or stop waiting for it."""
        self._waiting.pop(owner, None)
        self._holding.discard(owner)
        self._grant()

    def _grant(self) -> None:
        while self._waiting and len(self._holding) < self._limit:
            owner, granted = self._waiting.popitem(last=False)
            self._holding.add(owner)
            granted()
