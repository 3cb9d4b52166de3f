"""
Serves a resource to clients that are not to be trusted: with limits on the time a
request takes to arrive and on its size, held while reading.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from io import BytesIO
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime, ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.http_headers import Headers
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from ..core.errors import Problem
from .body import ArrivingBody
from .response import problemResponse, write

#: Seconds that the head and the body of a request may take to arrive.
ARRIVAL_TIMEOUT = 30.0
#: Seconds that an idle connection is kept.
IDLE_TIMEOUT = 60
#: Seconds for a client to read that it was refused, while what it goes on sending
#: is thrown away: to close at once would take the answer from it (RFC 9112 §9.6).
LINGER = 5.0
#: Seconds for a client to take the rest of an answer, and to let go of a connection
#: that is closed; TLS waits for both.
CLOSE_TIMEOUT = 30.0

_ENDING = b"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_BAD_REQUEST = b"HTTP/1.1 400 Bad Request" + _ENDING
#: Seconds that answers may take to be written when the gateway stops.
DRAIN_TIMEOUT = 5.0

_REQUEST_TIMEOUT = b"HTTP/1.1 408 Request Timeout" + _ENDING


class GatewayRequest(Request):
    """
    A request whose body is kept in memory, up to the site's limit; or read while it
    comes, where the site has it so.

    @ivar arriving: The body, if it is read while it comes.
    """

    channel: GatewayChannel
    arriving: ArrivingBody | None = None

    @property
    def isArriving(self) -> bool:
        """Whether the body is read while it comes, and is not complete."""
        return self.arriving is not None and not self.arriving.isComplete

    def gotLength(self, length: int | None) -> None:
        """The head is complete."""
        self.content = BytesIO()
        if self.arriving is not None:
            head = self.channel
            super().requestReceived(head._command, head._path, head._version)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """All of it has come."""
        if self.arriving is None:
            super().requestReceived(command, path, version)
        else:
            self.arriving.end()

    def write(self, data: bytes) -> None:
        """
        Write to the client. An answer that does not wait for its request's end is the
        last on its connection: nobody knows whether that end will ever be read.
        """
        if self.isArriving and not self.startedWriting:
            self.channel.persistent = 0
            self.responseHeaders.setRawHeaders(b"Connection", [b"close"])
        super().write(data)

    def connectionLost(self, reason: Failure) -> None:
        """The client is gone."""
        super().connectionLost(reason)
        if self.arriving is not None:
            self.arriving.lost()

    def handleContentChunk(self, data: bytes) -> None:
        """A piece of the body."""
        if self.finished:
            return
        if self.arriving is not None:
            self.arriving.add(data)
            return
        assert self.content is not None
        if self.content.tell() + len(data) > self.channel.site.bodyLimit:
            self.channel.refuse(self)
        else:
            self.content.write(data)


class GatewayChannel(HTTPChannel):
    """
    An HTTP/1.1 connection that ends when a request is too slow or too large.
    """

    site: GatewaySite
    requestFactory = GatewayRequest
    requests: list[GatewayRequest]
    _timer: IDelayedCall | None = None
    _stall: IDelayedCall | None = None
    _complete = False
    _refused = False

    def refuse(self, request: GatewayRequest) -> None:
        """Answer a request that is too large, and read no more of it."""
        self._readNoMore()
        self.persistent = 0
        # It would have been told only once it was complete.
        request.clientproto = b"HTTP/1.1"
        request.responseHeaders.setRawHeaders(b"Connection", [b"close"])
        write(problemResponse(tooLarge(self.site.bodyLimit), request), request)

    def dataReceived(self, data: bytes) -> None:
        """Bytes have come; those of a request that is not complete begin to count."""
        self._complete = False
        super().dataReceived(data)
        isWaiting = self._complete or self._handlingRequest or self._arriving
        if not (isWaiting or self._timer):
            self._setTimer(ARRIVAL_TIMEOUT, self._tooSlow)

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
            self.refuse(request)
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

    def timeoutConnection(self) -> None:
        """A connection has been idle for too long, which is nothing to log."""
        self.loseConnection()

    def loseConnection(self) -> None:
        """Close, but let a client that is refused read why."""
        self.setTimeout(None)
        if self._refused:
            self._setTimer(LINGER, self._close)
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
        self.site.closed(self)

    def drain(self) -> None:
        """Close, once the request that is being answered is."""
        self.persistent = 0
        if self._arriving is not None:
            self._arriving.stop()
        elif not self._handlingRequest:
            self.loseConnection()

    @property
    def _arriving(self) -> ArrivingBody | None:
        """The body on its way, if it is read while it comes."""
        request = self.requests[0] if self.requests else None
        return request.arriving if request and request.isArriving else None

    def _stream(self, request: GatewayRequest) -> None:
        """Let a body be read while it comes; its reader sees to the time it takes."""
        self._setTimer()
        self._savedTimeOut = self.setTimeout(None)
        request.arriving = ArrivingBody(
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
            self._arriving.garble()
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


class GatewaySite(Site):
    """
    A site for the gateway.

    @ivar bodyLimit: How long a body may be, in bytes.
    @ivar streamed: The paths where a body that is posted is read while it comes, and
        may be of any length.
    """

    requestFactory = GatewayRequest

    def __init__(
        self,
        resource: IResource,
        bodyLimit: int,
        reactor: IReactorTime,
        streamed: Collection[bytes] = (),
    ) -> None:
        super().__init__(
            resource,
            timeout=IDLE_TIMEOUT,
            reactor=reactor,
            parsePOSTFormSubmission=False,
        )
        self.noisy = False
        self.bodyLimit = bodyLimit
        self.streamed = frozenset(streamed)
        self.protocol = GatewayChannel  # type: ignore[assignment]  # no HTTP/2
        self.channels: set[GatewayChannel] = set()
        self._drains: list[Deferred[None]] = []

    @classmethod
    def around(
        cls,
        resource: IResource,
        bodyLimit: int,
        reactor: IReactorTime,
        beside: Mapping[str, IResource] | None = None,
        streamed: Collection[str] = (),
    ) -> GatewaySite:
        """
        A site that has a resource at C{/rest}, and little else.

        @param beside: What that is, by its name in the path.
        @param streamed: Where bodies are read while they come, below C{/rest}.
        """
        root = rootOf({"rest": resource, **(beside or {})})
        paths = [f"/rest/{path}".encode() for path in streamed]
        return cls(root, bodyLimit, reactor, paths)

    def drain(self) -> Deferred[None]:
        """
        Close every connection, once its request is answered.

        @return: Fires when all are closed, or after L{DRAIN_TIMEOUT}.
        """
        drained: Deferred[None] = Deferred()
        timer = self.reactor.callLater(DRAIN_TIMEOUT, drained.callback, None)
        drained.addBoth(lambda _: timer.cancel() if timer.active() else None)
        self._drains.append(drained)
        for channel in list(self.channels):
            channel.drain()
        self._checkDrained()
        return drained

    def closed(self, channel: GatewayChannel) -> None:
        """A connection is closed."""
        self.channels.discard(channel)
        self._checkDrained()

    def _checkDrained(self) -> None:
        if not self.channels:
            drains, self._drains = self._drains, []
            for drained in drains:
                if not drained.called:
                    drained.callback(None)

    def acceptableProtocols(self) -> list[bytes]:
        """What TLS may agree on (RFC 7301): not HTTP/2, which has no limits here."""
        return [b"http/1.1"]

    def log(self, request: object) -> None:
        """No line per request: that is what a proxy in front is for."""


def rootOf(resources: Mapping[str, IResource]) -> Resource:
    """The root of a site that has these, by name, and nothing else."""
    root = _Nothing()
    for name, resource in resources.items():
        root.putChild(name.encode(), resource)
    return root


class _Nothing(Resource):
    """
    What is beside the gateway.
    """

    def getChild(self, path: bytes, request: Request) -> Resource:
        """There is nothing below nothing."""
        return self

    def render(self, request: Request) -> int:
        """Say so: 404."""
        text = "There is nothing at this path; the gateway is at /rest."
        problem = Problem(404, "cancel", "unsupported-feature", text)
        write(problemResponse(problem, request), request)
        return NOT_DONE_YET


def tooLarge(limit: int) -> Problem:
    """What a body gets that is longer than it may be: 413."""
    return Problem(
        413,
        "modify",
        "resource-constraint",
        f"The body is longer than the {limit} bytes that a stanza may have; shorten"
        " it.",
    )
