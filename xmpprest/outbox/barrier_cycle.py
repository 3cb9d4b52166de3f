"""Sends barriers behind the messages in flight: one at a time, with pauses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..concurrency import timers
from ..core.errors import REPORT_BUG, Refusal
from .interfaces import DeliveryBarrier
from .recorder import RETRY_DELAY

_log = Logger()


class BarrierCycle:
    """
    The barriers of a sender.
    """

    def __init__(
        self,
        barrier: DeliveryBarrier,
        clock: IReactorTime,
        *,
        passed: Callable[[bool, Sequence[int]], None],
        resume: Callable[[], None],
    ) -> None:
        """
        @param passed: Called when a barrier is answered: with whether the server has
            certainly processed the messages before it, and with their numbers.
        @param resume: Called at the end of a pause, and when a barrier is cancelled.
        """
        self._barrier = barrier
        self._clock = clock
        self._onPassed = passed
        self._resume = resume
        self._confirming: Deferred[bool] | None = None
        self._pauseTimer: IDelayedCall | None = None

    def start(self, numbers: Iterable[int]) -> None:
        """
        Send a barrier, unless one is under way or was answered just now.

        @param numbers: Of the messages in flight.
        """
        if self._confirming is not None or self._isPausing:
            return
        # Other messages are written while the barrier is under way.
        written = [*numbers]
        confirming = self._confirming = self._barrier.wait()
        confirming.addBoth(self._answered).addCallback(self._onPassed, written)
        confirming.addErrback(self._notPassed)

    def pause(self, delay: float) -> None:
        """Send no barrier for some seconds."""
        self._pauseTimer = self._clock.callLater(delay, self._resume)

    def cancel(self) -> None:
        """Stop waiting for the barrier that is under way, and end the pause."""
        timers.cancel(self._pauseTimer)
        if self._confirming is not None:
            self._confirming.cancel()

    @property
    def _isPausing(self) -> bool:
        return self._pauseTimer is not None and self._pauseTimer.active()

    def _answered(self, result: bool | Failure) -> bool | Failure:
        self._confirming = None
        return result

    def _notPassed(self, reason: Failure) -> None:
        """Send another barrier later, unless the stream is lost."""
        if reason.check(CancelledError):
            self._resume()
            return
        if not reason.check(Refusal):
            _log.failure(
                "Asking the server what it has processed crashed; it is asked again. "
                + REPORT_BUG,
                failure=reason,
            )
        self.pause(RETRY_DELAY)
