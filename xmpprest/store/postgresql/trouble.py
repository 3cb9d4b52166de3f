"""Logs when a database stops to work, and when it works again."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from twisted.logger import Logger

_log = Logger()

#: Seconds after a logged recovery in which no failure is logged: a database that fails
#: again and again would flood the log.
LOG_INTERVAL = 30.0


class Trouble:
    """
    The reason why nothing can be stored.

    @ivar reason: The reason; C{None} while the database works.
    """

    def __init__(self, place: str, now: Callable[[], float]) -> None:
        """
        @param place: The beginning of sentences about the database.
        @param now: Returns the time in seconds from an arbitrary start.
        """
        self.reason: str | None = None
        self._place = place
        self._now = now
        self._told: str | None = None
        self._quietUntil = -inf

    def begin(self, reason: str) -> None:
        """Log a reason, unless it was logged already."""
        self.reason = reason
        if reason != self._told and self._now() >= self._quietUntil:
            self._told = reason
            _log.error(
                "{place} does not work: {reason}. Messages are refused until it works"
                " again.",
                place=self._place,
                reason=reason,
            )

    def end(self) -> None:
        """Log that the database works again, if it did not."""
        if self._told is not None:
            _log.info("{place} works again.", place=self._place)
            self._quietUntil = self._now() + LOG_INTERVAL
        self._told = self.reason = None
