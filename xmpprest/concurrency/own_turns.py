"""Turns of the reactor for work that takes long."""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime


class OwnTurns:
    """
    A queue of long pieces of work, which get a turn of the reactor each, first come,
    first served, so that other work can go on between them.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._waiting: deque[Deferred[None]] = deque()

    def next(self) -> Deferred[None]:
        """Return a L{Deferred} that fires in a later turn of the reactor."""
        turn: Deferred[None] = Deferred()
        self._waiting.append(turn)
        if len(self._waiting) == 1:
            self._clock.callLater(0, self._begin)
        return turn

    def _begin(self) -> None:
        turn = self._waiting.popleft()
        if self._waiting:
            self._clock.callLater(0, self._begin)
        # One that was cancelled has been called.
        if not turn.called:
            turn.callback(None)
