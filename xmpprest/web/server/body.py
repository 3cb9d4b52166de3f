"""Bodies of requests: complete ones, and those that are read while they arrive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from ...core.errors import Problem, Refusal, badRequest, serviceUnavailable
from ...core.policy.quota import Limits, Quota

#: The most bytes of a body that wait to be read before the client has to wait.
HIGH_WATER = 2**16
#: Bytes that are read at once from a file.
PIECE = 2**16
#: The most bytes of all bodies that arrive at the same time, to be read as a whole;
#: each token may hold half of what the others leave.
ARRIVING = Limits(2**31, 2**26)


class Body(Protocol):
    """
    The body of a request.

    @ivar holders: The token whose share of L{ARRIVING} it uses; empty without one.
    """

    holders: Sequence[str]

    async def read(self) -> bytes:
        """
        Wait for the next piece.

        @return: Empty at the end of the body.
        @raise Refusal: The end will not come: 408 if the client is too slow; 400 if it
            is gone or the body is malformed; 503 if the gateway stops.
        """

    def takeBuffered(self, limit: int) -> bytes | None:
        """
        Return the whole body if it has arrived; it is not held any longer afterwards.

        @param limit: The most bytes that the body may have.
        @return: C{None} if L{readAll} must wait for it.
        @raise Refusal: 413 if the body is longer.
        """

    async def readAll(self, limit: int) -> bytes:
        """
        Wait for all of the body; it is not held any longer afterwards.

        @param limit: The most bytes that the body may have.
        @raise Refusal: As in L{read}; 413 if the body is longer; 503 if too many bodies
            arrive at the same time.
        """

    def resetTimeout(self) -> None:
        """Give the client the full time again, because an item is complete."""


class BufferedBody:
    """
    A body that arrived together with its head.
    """

    __slots__ = ("_content", "holders")

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.holders: Sequence[str] = ()

    async def read(self) -> bytes:
        """Return the whole body, then nothing; see L{Body.read}."""
        content, self._content = self._content, b""
        return content

    def takeBuffered(self, limit: int) -> bytes:
        """Return the whole body; see L{Body.takeBuffered}."""
        content, self._content = self._content, b""
        if len(content) > limit:
            raise contentTooLarge(limit)
        return content

    async def readAll(self, limit: int) -> bytes:
        """Return the whole body; see L{Body.readAll}."""
        return self.takeBuffered(limit)

    def resetTimeout(self) -> None:
        """Do nothing: the body is complete."""


class FileBody:
    """
    A body that another site has written to a file.
    """

    def __init__(self, content: BinaryIO) -> None:
        self._content = content
        self.holders: Sequence[str] = ()

    async def read(self) -> bytes:
        """Return up to L{PIECE} bytes; see L{Body.read}."""
        return self._content.read(PIECE)

    def takeBuffered(self, limit: int) -> bytes:
        """Return the whole body, and close the file; see L{Body.takeBuffered}."""
        with self._content as file:
            content = file.read(limit + 1)
        if len(content) > limit:
            raise contentTooLarge(limit)
        return content

    async def readAll(self, limit: int) -> bytes:
        """Return the whole body, and close the file; see L{Body.readAll}."""
        return self.takeBuffered(limit)

    def resetTimeout(self) -> None:
        """Do nothing: the body is complete."""


class BodySource(Protocol):
    """The connection that a body arrives on."""

    def sendContinue(self) -> None:
        """Tell the client to send the body (RFC 9110 §10.1.1)."""

    def pauseBody(self) -> None:
        """Read no further from the client."""

    def resumeBody(self) -> None:
        """Read from the client again."""


class StreamingBody:
    """
    A body that is read while it arrives. The client has to wait while nobody reads; a
    reader waits for a limited time.

    @ivar isComplete: Whether the end has arrived.
    """

    def __init__(
        self,
        source: BodySource,
        clock: IReactorTime,
        arriving: Quota[str],
        *,
        length: int | None,
        timeout: float,
        left: float,
        expectsContinue: bool,
    ) -> None:
        """
        @param arriving: All bodies that arrive, to be read as a whole.
        @param length: In bytes; C{None} if it is unknown.
        @param timeout: How long a reader waits between two calls of L{resetTimeout}, in
            seconds.
        @param left: How long it waits before the first.
        @param expectsContinue: Whether the client waits to be told to send the body.
        """
        self._source = source
        self._clock = clock
        self._arriving = arriving
        self.holders: Sequence[str] = ()
        self._length = length
        self._timeout = timeout
        self._left = left
        self._expectsContinue = expectsContinue
        self._pieces: list[bytes] = []
        self._size = 0
        self._waiting: Deferred[None] | None = None
        self._fault: Refusal | None = None
        self.isComplete = False

    async def read(self) -> bytes:
        """Wait for the next piece; see L{Body.read}."""
        if not self._pieces and not self.isComplete and self._fault is None:
            await self._more()
        if self._fault is not None and not self._pieces:
            raise self._fault
        data = b"".join(self._pieces)
        self._pieces.clear()
        if self._size >= HIGH_WATER:
            self._source.resumeBody()
        self._size = 0
        return data

    def takeBuffered(self, limit: int) -> None:
        """Return C{None}: the body still arrives."""

    async def readAll(self, limit: int) -> bytes:
        """Wait for all of the body; see L{Body.readAll}."""
        if self._length is not None and self._length > limit:
            raise contentTooLarge(limit)
        # One object, since a client can send each byte in a piece of its own.
        content = bytearray()
        arriving, holders = self._arriving, self.holders
        arriving.add(holders)
        try:
            while piece := await self.read():
                if len(content) + len(piece) > limit:
                    raise contentTooLarge(limit)
                if arriving.excess(ARRIVING, holders, len(piece)):
                    raise _tooManyArrive()
                arriving.add(holders, len(piece), 0)
                content += piece
        finally:
            arriving.remove(holders, len(content))
        return bytes(content)

    def resetTimeout(self) -> None:
        """Give the client the full time again; see L{Body.resetTimeout}."""
        self._left = self._timeout

    def add(self, data: bytes) -> None:
        """Take a piece of the body from the connection."""
        self._expectsContinue = False
        self._pieces.append(data)
        self._size += len(data)
        if self._size >= HIGH_WATER:
            self._source.pauseBody()
        self._wake()

    def end(self) -> None:
        """Mark the body as complete."""
        self.isComplete = True
        self._wake()

    def connectionLost(self) -> None:
        """Fail the reader, because the client is gone."""
        self._fail(badRequest("The connection was closed before the body's end."))

    def failMalformed(self) -> None:
        """Fail the reader, because the chunks are malformed."""
        self._fail(badRequest("A chunk of the body is malformed (RFC 9112 §7.1)."))

    def stop(self) -> None:
        """Fail the reader, because the gateway stops."""
        text = "The gateway stops, and reads no further; send the rest again."
        self._fail(serviceUnavailable("system-shutdown", text, retryAfter=5))

    async def _more(self) -> None:
        """Wait for a piece, for no longer than is left."""
        if self._expectsContinue:
            self._expectsContinue = False
            self._source.sendContinue()
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
        self._fail(requestTimeout(text))

    def _fail(self, fault: Refusal) -> None:
        if not self.isComplete and self._fault is None:
            self._fault = fault
            self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)


def contentTooLarge(limit: int) -> Refusal:
    """
    Refuse a body that is too long: 413.

    @param limit: The most bytes that it may have.
    """
    text = (
        f"The body is longer than the {limit} bytes that a stanza may have; shorten it."
    )
    return Refusal(Problem(413, "modify", "resource-constraint", text))


def _tooManyArrive() -> Refusal:
    text = (
        f"Bodies of {ARRIVING.size} bytes arrive at the moment, or half of this with"
        " your token; send each body at once, and try again."
    )
    return serviceUnavailable("resource-constraint", text, retryAfter=5)


def requestTimeout(text: str) -> Refusal:
    """Refuse a request that arrives too slowly: 408."""
    return Refusal(Problem(408, "wait", "connection-timeout", text))
