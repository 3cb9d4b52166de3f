"""A rate limiter: a token bucket."""

from __future__ import annotations

from collections.abc import Callable

#: The rounding error of the clock's floating point, in actions.
_ROUNDED = 1e-6


class RateLimiter:
    """
    Limits how often an action may be done.

    @ivar rate: The highest rate, in actions per second.
    @ivar burst: The highest number of actions at once, after a pause.
    """

    def __init__(self, rate: float, burst: int, now: Callable[[], float]) -> None:
        """@param now: The clock, in seconds; it may be set back."""
        self.rate = rate
        self.burst = burst
        self._now = now
        self._left = float(burst)
        self._at = now()

    def acquire(self) -> float:
        """
        Count one action, if the limit allows it.

        @return: 0 if it is allowed; else the seconds until it is.
        """
        now = self._now()
        passed, self._at = max(now - self._at, 0.0), now
        self._left = min(self._left + passed * self.rate, self.burst)
        if self._left < 1 - _ROUNDED:
            return (1 - self._left) / self.rate
        self._left -= 1
        return 0.0

    def charge(self, count: int) -> None:
        """
        Count actions that belong to one that was allowed: they may exceed the limit,
        and then the next one has to wait for longer.
        """
        self._left -= count
