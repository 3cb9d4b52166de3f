"""Knows how much is waiting to be written to a transport that does not keep up."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IPushProducer, ITransport
from zope.interface import implementer

#: How many bytes may wait beyond what the transport buffers by itself.
LIMIT = 16 * 2**20


@implementer(IPushProducer)
class Backpressure:
    """
    A producer that only counts.

    @ivar isOverLimit: Whether more waits than may.
    """

    def __init__(self) -> None:
        self._transport: ITransport | None = None
        self._waiting = 0
        self._paused = False
        self._easing: list[Deferred[None]] = []

    @property
    def isOverLimit(self) -> bool:
        """Whether nothing more should be written for now."""
        return self._waiting > LIMIT

    def whenDrained(self) -> Deferred[None]:
        """Wait until all has been written, or nothing ever will be."""
        if not self._paused:
            return succeed(None)
        self._easing.append(Deferred())
        return self._easing[-1]

    def watch(self, transport: ITransport) -> None:
        """Count for this transport from now on."""
        self._transport = transport
        self._waiting, self._paused = 0, False
        transport.registerProducer(self, True)  # type: ignore[attr-defined]

    def release(self) -> None:
        """Stop counting; a TLS transport does not close before."""
        if self._transport is not None:
            self._transport.unregisterProducer()  # type: ignore[attr-defined]
            self._transport = None
        self.resumeProducing()

    def add(self, size: int) -> None:
        """
        Something is about to be written.

        @param size: In bytes.
        """
        if self._paused:
            self._waiting += size

    def pauseProducing(self) -> None:
        """The transport's own buffer is full."""
        self._paused = True

    def resumeProducing(self) -> None:
        """All has been written."""
        self._waiting, self._paused = 0, False
        easing, self._easing = self._easing, []
        for each in easing:
            each.callback(None)

    def stopProducing(self) -> None:
        """The connection is gone; the stream hears of it by itself."""
