"""Counts the bytes that wait for a transport that does not keep up."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IPushProducer, ITransport
from zope.interface import implementer

from ..concurrency.waiters import Waiters

#: Bytes that may wait beyond what the transport buffers by itself.
LIMIT = 16 * 2**20


@implementer(IPushProducer)
class Backpressure:
    """
    A producer that produces nothing: it counts what others write.
    """

    def __init__(self) -> None:
        self._transport: ITransport | None = None
        self._waiting = 0
        self._paused = False
        self._waiters: Waiters[None] = Waiters()

    @property
    def isOverLimit(self) -> bool:
        """C{True} while more than L{LIMIT} bytes wait."""
        return self._waiting > LIMIT

    def whenDrained(self) -> Deferred[None]:
        """Return a Deferred that fires when nothing waits, or the stream is lost."""
        return self._waiters.wait() if self._paused else succeed(None)

    def watch(self, transport: ITransport) -> None:
        """Start to count the bytes for a transport."""
        self._transport = transport
        self._waiting, self._paused = 0, False
        transport.registerProducer(self, True)  # type: ignore[attr-defined]

    def release(self) -> None:
        """
        Stop watching the transport: a TLS transport does not close while it has a
        producer.
        """
        if self._transport is not None:
            self._transport.unregisterProducer()  # type: ignore[attr-defined]
            self._transport = None
        self.resumeProducing()

    def add(self, size: int) -> None:
        """
        Count bytes that are about to be written.

        @param size: Their number.
        """
        if self._paused:
            self._waiting += size

    def pauseProducing(self) -> None:
        """Start to count: the transport's own buffer is full."""
        self._paused = True

    def resumeProducing(self) -> None:
        """Reset the count: the transport has written everything."""
        self._waiting, self._paused = 0, False
        self._waiters.release(None)

    def stopProducing(self) -> None:
        """Do nothing: the stream is told of a lost connection anyway."""
