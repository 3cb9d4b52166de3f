"""Detects a dead connection that neither side has closed."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.words.xish.domish import Element

from ..concurrency import timers
from ..core.errors import Refusal
from .stream import ComponentStream

_log = Logger()

#: Seconds of silence after which the server is pinged, and seconds that it has for
#: the answer. A dead connection is aborted at most INTERVAL + 2 * TIMEOUT, that is
#: 55 s, after its last byte.
INTERVAL = 15.0
TIMEOUT = 20.0


class Keepalive:
    """
    Pings through a silent stream, and aborts one that stays silent.

    Everything that the server sends is a sign of life, errors included.
    """

    def __init__(
        self, clock: IReactorTime, ping: Callable[[float], Deferred[Element]]
    ) -> None:
        """
        @param ping: Sends an iq through the server and back; takes a timeout in
            seconds.
        """
        self._clock = clock
        self._ping = ping
        self._stream: ComponentStream | None = None
        self._timer: IDelayedCall | None = None

    def start(self, stream: ComponentStream) -> None:
        """Watch a stream that has been established."""
        self._stream = stream
        self._timer = self._clock.callLater(INTERVAL, self._check, stream)

    def stop(self) -> None:
        """Stop watching: the connection is lost."""
        self._stream = None
        timers.cancel(self._timer)
        self._timer = None

    def _check(self, stream: ComponentStream) -> None:
        if self._silence(stream) < INTERVAL:
            self._timer = self._clock.callLater(INTERVAL, self._check, stream)
            return
        try:
            self._ping(TIMEOUT).addBoth(self._pinged, stream)
        except Refusal:
            # The server takes no more stanzas; the time will show if it is dead.
            self._timer = self._clock.callLater(TIMEOUT, self._pinged, None, stream)

    def _pinged(self, result: object, stream: ComponentStream) -> None:
        if stream is not self._stream:
            return
        silence = self._silence(stream)
        if silence >= TIMEOUT:
            _log.error(
                "The XMPP server has sent nothing for {silence:.0f} s and does not"
                " answer a ping; reconnecting.",
                silence=silence,
            )
            stream.transport.abortConnection()
        else:
            self._timer = self._clock.callLater(INTERVAL, self._check, stream)

    def _silence(self, stream: ComponentStream) -> float:
        """How many seconds ago the server sent something."""
        return float(self._clock.seconds() - stream.lastReceivedAt)
