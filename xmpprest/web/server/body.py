"""Bodies of requests that are read piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from ...core.errors import Problem, Refusal, badRequest, serviceUnavailable

#: Bytes of a body that may wait to be read before the client is made to wait.
HIGH_WATER = 2**16
#: Bytes that are read at once from a body that is complete.
PIECE = 2**16


class Body(Protocol):
    """
    A body that is read while it may still be on its way.
    """

    async def read(self) -> bytes:
        """
        Wait for what comes next.

        @return: Empty at the end.
        @raise Refusal: There will be no end: 408, it takes too long; 400, the client
            is gone; 503, the gateway stops.
        """

    def resetTimeout(self) -> None:
        """Something is complete that was waited for, and the next may take its time."""


class BufferedBody:
    """
    A body that somebody else's site has held until it was complete.
    """

    def __init__(self, content: BinaryIO) -> None:
        self._content = content

    async def read(self) -> bytes:
        """See L{Body.read}."""
        return self._content.read(PIECE)

    def resetTimeout(self) -> None:
        """It is complete already."""


class StreamingBody:
    """
    A body on its way: the client waits while it is not read, and is not waited for
    without end while it is.

    @ivar isComplete: Whether all of it has come.
    """

    def __init__(
        self,
        timeout: float,
        clock: IReactorTime,
        pause: Callable[[], None],
        resume: Callable[[], None],
    ) -> None:
        """
        @param timeout: For how long to wait, in seconds, from one progress to the next.
        @param pause: Lets the client wait.
        @param resume: The opposite.
        """
        self._timeout = timeout
        self._clock = clock
        self._pause = pause
        self._resume = resume
        self._pieces: list[bytes] = []
        self._size = 0
        self._left = timeout
        self._waiting: Deferred[None] | None = None
        self._fault: Refusal | None = None
        self.isComplete = False

    async def read(self) -> bytes:
        """See L{Body.read}."""
        if not self._pieces and not self.isComplete and self._fault is None:
            await self._more()
        if self._fault is not None:
            raise self._fault
        data = b"".join(self._pieces)
        self._pieces.clear()
        if self._size >= HIGH_WATER:
            self._resume()
        self._size = 0
        return data

    def resetTimeout(self) -> None:
        """See L{Body.resetTimeout}."""
        self._left = self._timeout

    def add(self, data: bytes) -> None:
        """A piece has come."""
        self._pieces.append(data)
        self._size += len(data)
        if self._size >= HIGH_WATER:
            self._pause()
        self._wake()

    def end(self) -> None:
        """All of it has come."""
        self.isComplete = True
        self._wake()

    def connectionLost(self) -> None:
        """The client is gone."""
        self._fail(badRequest("The connection was closed before the body's end."))

    def failMalformed(self) -> None:
        """What comes is no body, by the way that it is encoded for transfer."""
        self._fail(badRequest("A chunk of the body is malformed (RFC 9112 §7.1)."))

    def stop(self) -> None:
        """The gateway stops."""
        text = "The gateway stops, and reads no further; send the rest again."
        self._fail(serviceUnavailable("system-shutdown", text, retryAfter=5))

    async def _more(self) -> None:
        """Wait, for no longer than is left."""
        since = self._clock.seconds()
        waiting = self._waiting = Deferred()
        timer = self._clock.callLater(self._left, self._tooSlow)
        try:
            await waiting
        finally:
            self._waiting = None
            self._left -= self._clock.seconds() - since
            if timer.active():
                timer.cancel()

    def _tooSlow(self) -> None:
        self._left = 0
        text = (
            f"Nothing was complete for {self._timeout:g} s; send each stanza at once,"
            " and an empty line where there is none for long."
        )
        self._fail(Refusal(Problem(408, "wait", "connection-timeout", text)))

    def _fail(self, fault: Refusal) -> None:
        if not self.isComplete and self._fault is None:
            self._fault = fault
            self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)
