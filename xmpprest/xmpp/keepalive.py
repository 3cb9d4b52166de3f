"""Finds out that a connection is dead, though nobody has closed it."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.words.xish.domish import Element
from wokkel.subprotocols import XMPPHandler

from ..core.errors import Refusal

_log = Logger()

#: Seconds of silence after which the server is asked for a sign of life, and how
#: long it may take to give one. A dead connection is found within
#: INTERVAL + 2 * TIMEOUT, that is 55 s, of its last byte.
INTERVAL = 15.0
TIMEOUT = 20.0


class Keepalive(XMPPHandler):
    """
    Pings through a silent stream, and aborts one that stays silent.

    Whatever the server sends is a sign of life, be it an error.
    """

    _timer: IDelayedCall | None = None

    def __init__(
        self, clock: IReactorTime, ping: Callable[[float], Deferred[Element]]
    ) -> None:
        """
        @param ping: Sends an iq through the server and back; takes a timeout in
            seconds.
        """
        super().__init__()
        self._clock = clock
        self._ping = ping

    def connectionInitialized(self) -> None:
        """The stream is up."""
        self._timer = self._clock.callLater(INTERVAL, self._check)

    def connectionLost(self, reason: Failure) -> None:
        """The stream is gone."""
        super().connectionLost(reason)
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _check(self) -> None:
        if self._silence() < INTERVAL:
            self._timer = self._clock.callLater(INTERVAL, self._check)
            return
        try:
            self._ping(TIMEOUT).addBoth(self._pinged)
        except Refusal:
            # The server takes no more stanzas; the time will show if it is dead.
            self._timer = self._clock.callLater(TIMEOUT, self._pinged, None)

    def _pinged(self, result: object) -> None:
        if self.xmlstream is None:
            return
        if self._silence() >= TIMEOUT:
            _log.error(
                "The XMPP server has been silent for {silence:.0f} s, even when"
                " asked; connecting anew.",
                silence=self._silence(),
            )
            self.xmlstream.transport.abortConnection()
        else:
            self._timer = self._clock.callLater(INTERVAL, self._check)

    def _silence(self) -> float:
        return float(self._clock.seconds() - self.xmlstream.lastReceivedAt)
