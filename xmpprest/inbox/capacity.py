"""Tells whether there is room for more, and the log if there is none."""

from __future__ import annotations

from twisted.logger import Logger

_log = Logger()


class Capacity:
    """
    A limit to how many may wait.
    """

    def __init__(self, limit: int, complaint: str) -> None:
        """@param complaint: For the log, with a C{{limit}} in it."""
        self._limit = limit
        self._complaint = complaint
        self._isFull = False

    def hasRoomAt(self, waiting: int) -> bool:
        """
        Whether there is room for one more.

        @param waiting: How many there are.
        """
        if waiting < self._limit:
            # Not at the first place that gets free, or the log tells of each.
            self._isFull = self._isFull and waiting >= self._limit // 2
            return True
        if not self._isFull:
            self._isFull = True
            _log.error(self._complaint, limit=self._limit)
        return False
