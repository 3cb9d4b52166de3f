"""Measures how late the reactor is."""

from __future__ import annotations

from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ..core.histogram import LATENCY_BUCKETS, Histogram

#: Seconds between two looks.
INTERVAL = 1.0


class ReactorLag(Service):
    """
    A timer, and how late it is: all else in the process has waited as long.

    @ivar seconds: By how much it was late, each time.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._timer: IDelayedCall | None = None
        self.seconds = Histogram(LATENCY_BUCKETS)

    def startService(self) -> None:
        """Look, once a second."""
        super().startService()
        self._set()

    def stopService(self) -> None:
        """Look no more."""
        super().stopService()
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _set(self) -> None:
        self._timer = self._clock.callLater(INTERVAL, self._look, self._clock.seconds())

    def _look(self, since: float) -> None:
        self.seconds.observe(self._clock.seconds() - since - INTERVAL)
        self._set()
