"""Twisted's timeout of an idle connection, for no more than a look at the clock."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall
from twisted.protocols.policies import TimeoutMixin


class LazyTimeoutMixin(TimeoutMixin):
    """
    A L{TimeoutMixin} whose timer is not set anew whenever something happens: it finds
    out when it fires, and then waits for the rest.
    """

    _firing: IDelayedCall | None = None
    _since = 0.0

    def seconds(self) -> float:
        """The time, by the clock of C{callLater}; to be overridden."""
        raise NotImplementedError

    def resetTimeout(self) -> None:
        """The connection is not idle now."""
        self._since = self.seconds()

    def setTimeout(self, period: int | None) -> int | None:
        """See L{TimeoutMixin.setTimeout}; C{None}, it may be idle for ever."""
        previous, self.timeOut = self.timeOut, period
        self._since = self.seconds()
        if period is not None and self._firing is None:
            self._firing = self._later(period)
        return previous

    def endTimeout(self) -> None:
        """There is no connection any more."""
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
