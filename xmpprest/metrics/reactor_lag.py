"""Measures how long the reactor keeps everything in the process waiting."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall

from ..concurrency import timers
from ..core.histogram import LATENCY_BUCKETS, Histogram

#: Seconds between two timers.
INTERVAL = 1.0


class ReactorLag(Service):
    """
    Measures the lateness of a timer once a second, and the duration of every turn.

    A turn is everything that the reactor does between two polls for events: timers,
    results of threads, reads and writes, and the garbage collections in between.

    @ivar seconds: By how many seconds each timer was late.
    """

    def __init__(
        self, reactor: Any, now: Callable[[], float] = time.perf_counter
    ) -> None:
        """
        @param reactor: Its turns are measured if it polls as Twisted's default reactors
            on Linux do, C{epoll} and C{poll}.
        @param now: Returns seconds.
        """
        self._reactor = reactor
        self._now = now
        self._timer: IDelayedCall | None = None
        self._poller: _TimedPoller | None = None
        self.seconds = Histogram(LATENCY_BUCKETS)

    def startService(self) -> None:
        """Begin to measure."""
        super().startService()
        self._setTimer()
        poller = getattr(self._reactor, "_poller", None)
        if poller is not None:
            self._poller = self._reactor._poller = _TimedPoller(poller, self._now)

    def stopService(self) -> None:
        """Stop measuring."""
        super().stopService()
        timers.cancel(self._timer)
        self._timer = None
        if self._poller is not None and self._reactor._poller is self._poller:
            self._reactor._poller = self._poller.poller
        self._poller = None

    def takeLongestTurn(self) -> float | None:
        """
        Return the seconds of the longest turn since the last call.

        @return: C{None} if the turns of this reactor cannot be measured.
        """
        if self._poller is None:
            return None
        longest, self._poller.longest = self._poller.longest, 0.0
        return longest

    def _setTimer(self) -> None:
        since = self._reactor.seconds()
        self._timer = self._reactor.callLater(INTERVAL, self._measure, since)

    def _measure(self, since: float) -> None:
        self.seconds.observe(self._reactor.seconds() - since - INTERVAL)
        self._setTimer()


class _TimedPoller:
    """
    A reactor's poller that measures the time from the end of a poll to the next poll.

    @ivar poller: The poller that it stands for.
    @ivar longest: The longest such time, in seconds.
    """

    def __init__(self, poller: Any, now: Callable[[], float]) -> None:
        self.poller = poller
        self.longest = 0.0
        self._now = now
        self._began = now()

    def poll(self, *args: Any) -> Any:
        """End a turn, poll for events, and begin the next turn."""
        turn = self._now() - self._began
        self.longest = max(self.longest, turn)
        try:
            return self.poller.poll(*args)
        finally:
            self._began = self._now()

    def __getattr__(self, name: str) -> Any:
        """Leave everything else to the poller."""
        return getattr(self.poller, name)
