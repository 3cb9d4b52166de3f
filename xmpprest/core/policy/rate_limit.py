"""A token bucket: how often something may be done."""

from __future__ import annotations

from collections.abc import Callable

#: What a clock's floating point may lose, of one.
_ROUNDED = 1e-6


class RateLimiter:
    """
    Lets something be done at a rate, and some of it at once.

    @ivar rate: How often, in times a second.
    @ivar burst: How often at once, after a pause.
    """

    def __init__(self, rate: float, burst: int, now: Callable[[], float]) -> None:
        """
        @param now: Tells the time, in seconds; it may be set back.
        """
        self.rate = rate
        self.burst = burst
        self._now = now
        self._left = float(burst)
        self._at = now()

    def acquire(self) -> float:
        """
        Let it be done once.

        @return: 0; or how many seconds there are until it may be, and it may not now.
        """
        now = self._now()
        passed, self._at = max(now - self._at, 0.0), now
        self._left = min(self._left + passed * self.rate, self.burst)
        if self._left < 1 - _ROUNDED:
            return (1 - self._left) / self.rate
        self._left -= 1
        return 0.0
