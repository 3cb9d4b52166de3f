"""
A connection to a client that is not to be trusted: with limits on the time a request
takes to arrive and on its size, held while reading.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from twisted.internet.interfaces import IDelayedCall, ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.http_headers import Headers

from ...core.errors import Problem
from ..response import problemResponse, write
from .body import StreamingBody
from .fast_head import RequestHead, parseSimpleHead
from .idle_timeout import LazyTimeoutMixin
from .request import GatewayRequest

if TYPE_CHECKING:
    from .site import GatewaySite

#: Seconds that the head and the body of a request may take to arrive.
ARRIVAL_TIMEOUT = 30.0
#: Seconds that an idle connection is kept.
IDLE_TIMEOUT = 60
#: Seconds for a client to read that it was refused, while what it goes on sending
#: is thrown away: to close at once would take the answer from it (RFC 9112 §9.6).
LINGER_TIMEOUT = 5.0
#: Seconds for a client to take the rest of an answer, and to let go of a connection
#: that is closed; TLS waits for both.
CLOSE_TIMEOUT = 30.0

_ENDING = b"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_BAD_REQUEST = b"HTTP/1.1 400 Bad Request" + _ENDING
_REQUEST_TIMEOUT = b"HTTP/1.1 408 Request Timeout" + _ENDING


class GatewayChannel(LazyTimeoutMixin, HTTPChannel):
    """
    An HTTP/1.1 connection that ends when a request is too slow or too large.

    A plain request that comes in one piece, or in two, its head and its body, is read
    at once; L{HTTPChannel} reads all others, line by line.
    """

    site: GatewaySite
    requestFactory = GatewayRequest
    requests: list[GatewayRequest]
    _stall: IDelayedCall | None = None
    _complete = False
    _refused = False

    def __init__(self) -> None:
        super().__init__()
        # All that a plain request sets is set from the beginning: Python lets instances
        # share the keys of their dicts only while none has many of its own, and a dict
        # of its own took 0.8 KB of each connection.
        self._timer: IDelayedCall | None = None
        #: Whether nothing has come since the last answer, but what is held.
        self._isIdle = True
        self._held = b""
        self._savedTimeOut: int | None = None
        self.line_mode = 1

    def rejectTooLarge(self, request: GatewayRequest) -> None:
        """Answer a request that is too large, and read no more of it."""
        self._readNoMore()
        self.persistent = 0
        # It would have been told only once it was complete.
        request.clientproto = b"HTTP/1.1"
        request.responseHeaders.setRawHeaders(b"Connection", [b"close"])
        write(problemResponse(contentTooLarge(self.site.bodyLimit), request), request)

    def dataReceived(self, data: bytes) -> None:
        """Bytes have come; those of a request that is not complete begin to count."""
        if self._isIdle:
            isFirst = not self._held
            data, self._held = self._held + data, b""
            if self._takePlain(data, isFirst):
                return
            self._isIdle = False
        self._complete = False
        super().dataReceived(data)
        isWaiting = self._complete or self._handlingRequest or self._arriving
        if not (isWaiting or self._timer):
            self._setTimer(ARRIVAL_TIMEOUT, self._tooSlow)

    def _takePlain(self, data: bytes, mayHold: bool) -> bool:
        """
        Take a plain request, if that is what has come, and nothing behind it.

        @param mayHold: Whether to wait for the rest of a body.
        """
        head = parseSimpleHead(data)
        if head is None or head.length > self.site.bodyLimit or not self.persistent:
            return False
        if head.method == b"POST" and head.uri in self.site.streamed:
            return False
        missing = head.size + head.length - len(data)
        if missing > 0 and mayHold:
            self._held = data
            self._setTimer(ARRIVAL_TIMEOUT, self._tooSlow)
            return True
        if missing:
            return False
        self._setTimer()
        self._begin(head, data[head.size :])
        return True

    def _begin(self, head: RequestHead, body: bytes) -> None:
        """Answer a plain request, as L{HTTPChannel.allContentReceived} does others."""
        self._isIdle = False
        self._savedTimeOut = self.setTimeout(None)
        self._handlingRequest = True
        # What comes meanwhile is kept until this is answered.
        self.setRawMode()
        request = GatewayRequest(self)
        self.requests.append(request)
        request.handleFast(head, body)

    def lineReceived(self, line: bytes) -> None:
        """A line of a head; one that goes on with the last is bad (RFC 9112 §5.2)."""
        if line[:1] in (b" ", b"\t"):
            self._respondToBadRequestAndDisconnect()
        else:
            super().lineReceived(line)

    def lineLengthExceeded(self, line: bytes) -> None:
        """A line of a head is too long."""
        self._respondToBadRequestAndDisconnect()

    def allHeadersReceived(self) -> None:
        """A head is complete; the length of the body is known, unless it is chunked."""
        request = self.requests[-1]
        if not _isClear(request.requestHeaders, self._version):
            self._respondToBadRequestAndDisconnect()
        elif self._command == b"POST" and self._path in self.site.streamed:
            self._stream(request)
            super().allHeadersReceived()
        elif self.length is not None and self.length > self.site.bodyLimit:
            # Without 100 Continue, which would ask for it (RFC 9110 §10.1.1).
            self.rejectTooLarge(request)
        else:
            super().allHeadersReceived()

    def allContentReceived(self) -> None:
        """A request is complete."""
        if not self._refused:
            self._complete = True
            self._setTimer()
            super().allContentReceived()

    def requestDone(self, request: GatewayRequest) -> None:
        """A request is answered; what still comes of it is thrown away."""
        if request.isArriving:
            self._readNoMore()
        self._isIdle = not (any(self._dataBuffer) or self._buffer)
        super().requestDone(request)

    def pauseProducing(self) -> None:
        """The client does not take its answer, for now."""
        super().pauseProducing()
        if self._stall is None:
            transport = cast(ITCPTransport, self.transport)
            self._stall = self.callLater(CLOSE_TIMEOUT, transport.abortConnection)

    def resumeProducing(self) -> None:
        """It has taken what there was."""
        self._endStall()
        super().resumeProducing()

    def seconds(self) -> float:
        """See L{LazyTimeoutMixin.seconds}."""
        return float(self.site.reactor.seconds())

    def timeoutConnection(self) -> None:
        """A connection has been idle for too long, which is nothing to log."""
        self.loseConnection()

    def loseConnection(self) -> None:
        """Close, but let a client that is refused read why."""
        self._isIdle = False
        self.setTimeout(None)
        if self._refused:
            self._setTimer(LINGER_TIMEOUT, self._close)
        else:
            self._close()

    def connectionMade(self) -> None:
        """There is a client."""
        super().connectionMade()
        self.site.channels.add(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The client is gone."""
        self._setTimer()
        self._endStall()
        super().connectionLost(reason)
        self.endTimeout()
        self.site.channelClosed(self)

    def drain(self) -> None:
        """Close, once the request that is being answered is."""
        self.persistent = 0
        if self._arriving is not None:
            self._arriving.stop()
        elif not self._handlingRequest:
            self.loseConnection()

    @property
    def _arriving(self) -> StreamingBody | None:
        """The body on its way, if it is read while it comes."""
        request = self.requests[0] if self.requests else None
        return request.streamingBody if request and request.isArriving else None

    def _stream(self, request: GatewayRequest) -> None:
        """Let a body be read while it comes; its reader sees to the time it takes."""
        self._setTimer()
        self._savedTimeOut = self.setTimeout(None)
        request.streamingBody = StreamingBody(
            ARRIVAL_TIMEOUT,
            self.site.reactor,
            self._networkProducer.pauseProducing,
            self._resumeReading,
        )

    def _resumeReading(self) -> None:
        if not self._waitingForTransport:
            self._networkProducer.resumeProducing()

    def _send100Continue(self) -> None:
        if not self._refused:
            super()._send100Continue()

    def _endStall(self) -> None:
        if self._stall is not None and self._stall.active():
            self._stall.cancel()
        self._stall = None

    def _respondToBadRequestAndDisconnect(self) -> None:
        if self._arriving is not None:
            self._readNoMore()
            self._arriving.failMalformed()
        elif not self._refused:
            self._end(_BAD_REQUEST)

    def _tooSlow(self) -> None:
        self._end(_REQUEST_TIMEOUT)

    def _end(self, answer: bytes) -> None:
        self._readNoMore()
        cast(ITCPTransport, self.transport).write(answer)
        self.loseConnection()

    def _readNoMore(self) -> None:
        self._refused = True
        # As HTTPChannel does with what comes after the last request.
        self.dataReceived = _discard  # type: ignore[method-assign]
        self.lineReceived = _discard  # type: ignore[assignment, method-assign]
        self.rawDataReceived = _discard  # type: ignore[method-assign]

    def _close(self) -> None:
        transport = cast(ITCPTransport, self.transport)
        self._setTimer(CLOSE_TIMEOUT, transport.abortConnection)
        super().loseConnection()

    def _setTimer(
        self, delay: float = 0, act: Callable[[], object] | None = None
    ) -> None:
        """
        Set the one timer there is beside that for idleness.

        @param delay: In seconds.
        @param act: What to do then; C{None} only stops the timer.
        """
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None if act is None else self.callLater(delay, act)


def _isClear(headers: Headers, version: bytes) -> bool:
    """Whether a head says to whom it is, and where its request ends."""
    hosts = headers.getRawHeaders(b"Host") or ()
    if len(hosts) > 1 or (not hosts and version == b"HTTP/1.1"):
        return False  # RFC 9112 §3.2
    codings = headers.getRawHeaders(b"Transfer-Encoding")
    # RFC 9112 §6.3; HTTPChannel takes C{identity} for none.
    return codings is None or [coding.lower() for coding in codings] == [b"chunked"]


def _discard(data: bytes) -> None:
    """Take what nobody wants."""


def contentTooLarge(limit: int) -> Problem:
    """What a body gets that is longer than it may be: 413."""
    return Problem(
        413,
        "modify",
        "resource-constraint",
        f"The body is longer than the {limit} bytes that a stanza may have; shorten"
        " it.",
    )
