"""The system time without short-lived steps, to compute the age of stored stanzas."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

#: Steps of the system clock from that size on are not believed at once, in seconds.
STEP = 1.0
#: Seconds after which the new time is believed.
CONFIRM_AFTER = 3600.0


class TrustedClock:
    """
    A clock that follows the system clock, but ignores a step until it has lasted.

    So a step that is soon corrected cannot make a young message look old.
    """

    def __init__(self, clock: IReactorTime, now: Callable[[], float]) -> None:
        """
        @param clock: Measures durations.
        @param now: Returns the system time, in seconds since 1970.
        """
        self._clock = clock
        self._now = now
        self._offset = now() - clock.seconds()
        #: The offset after a step, and when it was first seen.
        self._step: tuple[float, float] | None = None

    def now(self) -> float:
        """Return the time, in seconds since 1970."""
        monotonic = self._clock.seconds()
        offset = self._now() - monotonic
        if abs(offset - self._offset) <= STEP:
            self._offset, self._step = offset, None
        elif self._step is None or abs(offset - self._step[0]) > STEP:
            self._step = (offset, monotonic)
        elif monotonic - self._step[1] >= CONFIRM_AFTER:
            self._offset, self._step = offset, None
        return monotonic + self._offset
