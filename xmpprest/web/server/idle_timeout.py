"""Twisted's timeout of an idle connection, without a new timer for each request."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall
from twisted.protocols.policies import TimeoutMixin


class LazyTimeoutMixin(TimeoutMixin):
    """
    A L{TimeoutMixin} that stores the time of the last activity, instead of setting its
    timer anew each time. When the timer fires, it is set for the time that is left.
    """

    _firing: IDelayedCall | None = None
    _since = 0.0

    def seconds(self) -> float:
        """Return the time of the clock of C{callLater}; to be overridden."""
        raise NotImplementedError

    def resetTimeout(self) -> None:
        """Note activity."""
        self._since = self.seconds()

    def setTimeout(self, period: int | None) -> int | None:
        """
        Set the timeout.

        @param period: In seconds; C{None} for no timeout.
        @return: The previous one.
        """
        previous, self.timeOut = self.timeOut, period
        if period is not None:
            self._since = self.seconds()
            if self._firing is None:
                self._firing = self._later(period)
        return previous

    def endTimeout(self) -> None:
        """Cancel the timer, because the connection is gone."""
        self.timeOut = None
        if self._firing is not None and self._firing.active():
            self._firing.cancel()
        self._firing = None

    def _later(self, delay: float) -> IDelayedCall:
        call: Callable[[float, Callable[[], None]], IDelayedCall] = self.callLater
        return call(delay, self._fire)

    def _fire(self) -> None:
        self._firing = None
        if self.timeOut is None:
            return
        left = self._since + self.timeOut - self.seconds()
        if left > 0:
            self._firing = self._later(left)
        else:
            self.timeoutConnection()
