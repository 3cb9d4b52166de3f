"""Measures how long nothing arrives."""

from __future__ import annotations

import time
from collections.abc import Callable


class Silence:
    """
    The longest time without an arrival.

    @ivar longest: In seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.longest = 0.0
        self._now = now
        self._last = now()

    def begin(self) -> None:
        """Measure from now on."""
        self._last = self._now()

    def end(self) -> None:
        """Count an arrival."""
        now = self._now()
        self.longest = max(self.longest, now - self._last)
        self._last = now
