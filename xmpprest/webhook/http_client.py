"""
HTTP/1.1 client with timeouts, response size limits, kept connections and no redirects.

A request is written in one piece, and its response parsed by L{ResponseParser}. That
takes a third of the time of Twisted's Agent, which also lacks limits on time, on the
size of head and body, and on interim responses.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias, cast

from OpenSSL import SSL
from twisted.internet import error
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IReactorTime,
    IStreamClientEndpoint,
    ITCPTransport,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import URI
from twisted.web.iweb import IPolicyForHTTPS

from ..concurrency import timers
from ..concurrency.waiters import Waiters
from ..core.webhook.errors import DeliveryError, ResponseLimitExceeded
from .http_response import (
    HTTPResponse,
    InvalidResponse,
    ResponseParser,
    ResponseTooLarge,
)
from .lookup import withOwnLookups

#: Seconds to connect.
CONNECT_TIMEOUT = 5.0
#: Seconds from one address of a host to the next (RFC 8305 §5), even if that refuses:
#: for C{localhost}, the time that each connection to a server without IPv6 costs.
ATTEMPT_DELAY = 0.05
#: Seconds until the head of a response, and all of it, must have arrived; connecting
#: included.
HEAD_TIMEOUT = 15.0
TOTAL_TIMEOUT = 30.0
#: Seconds that an idle connection is kept; shorter than servers keep theirs.
IDLE_TIMEOUT = 4
#: Seconds after which a kept connection that is closed was no longer just stale: the
#: server may have been at work on the request.
STALE_TIME = 0.1
#: Seconds for the server to agree that a connection is closed.
CLOSE_TIMEOUT = 2.0

#: Names and values of header fields.
Fields: TypeAlias = Sequence[tuple[bytes, bytes]]


class Origin(NamedTuple):
    """A server: the scheme, the host and the port of a URL."""

    scheme: bytes
    host: bytes
    port: int


@lru_cache(maxsize=1024)
def _divide(url: bytes) -> tuple[Origin, bytes, bytes]:
    """
    Return the origin of a URL, the request target (RFC 9112 §3.2.1) and the value of
    C{Host}.
    """
    uri = URI.fromBytes(url)
    host = b"[%s]" % uri.host if b":" in uri.host else uri.host
    if uri.port != {b"http": 80, b"https": 443}.get(uri.scheme):
        host = b"%s:%d" % (host, uri.port)
    return Origin(uri.scheme, uri.host, uri.port), uri.originForm, host


class BoundedClient:
    """
    Sends requests; limits the time and the size of responses.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        tlsPolicy: IPolicyForHTTPS,
        connections: int,
        bodyLimit: int,
        *,
        headTimeout: float = HEAD_TIMEOUT,
        totalTimeout: float = TOTAL_TIMEOUT,
    ) -> None:
        """
        @param reactor: Connects and measures time.
        @param tlsPolicy: Checks certificates.
        @param connections: Limit on the idle connections to one server that are kept.
        @param bodyLimit: Limit on the bytes of a response's body.
        """
        self.clock = reactor
        self.bodyLimit = bodyLimit
        self.headTimeout = headTimeout
        self.totalTimeout = totalTimeout
        self._reactor = withOwnLookups(reactor)
        self._tlsPolicy = tlsPolicy
        self._connections = connections
        self._endpoints: dict[Origin, IStreamClientEndpoint] = {}
        #: Idle connections, the one that was used last at the end.
        self._idle: dict[Origin, deque[HTTPConnection]] = {}
        self._sweep: IDelayedCall | None = None

    def request(
        self, method: bytes, url: bytes, headers: Fields, body: bytes = b""
    ) -> Deferred[HTTPResponse]:
        """
        Send a request.

        A server may close a connection that was kept just as it is used again; then
        the request is sent once more, on a new connection. (RFC 9110 §9.2.2 wants the
        client to be sure that the first was not processed. No client can be, but within
        L{STALE_TIME} it is likely.)

        @param headers: Without C{Host} and C{Content-Length}.
        @return: Fires with the server's response; redirects are not followed. Fails
            with L{DeliveryError}: there was no valid response; with
            L{ResponseLimitExceeded} if it was not within the limits. To cancel it
            closes the connection.
        """
        origin, target, host = _divide(url)
        lines = [b"%s %s HTTP/1.1\r\nHost: %s\r\n" % (method, target, host)]
        lines += [b"%s: %s\r\n" % field for field in headers]
        if body or method == b"POST":
            # A POST says so, too, if its body is empty (RFC 9110 §8.6).
            lines.append(b"Content-Length: %d\r\n" % len(body))
        head = b"".join(lines)
        if head.count(b"\n") != len(lines) + 1:
            raise ValueError("a header field or a URL has a line break")
        exchange = _Exchange(self, origin, b"%s\r\n%s" % (head, body))
        exchange.start()
        return exchange.result

    def close(self) -> Deferred[list[object]]:
        """
        Close the connections that are kept.

        @return: Fires once they are closed.
        """
        idle = [each for some in self._idle.values() for each in some]
        self._idle.clear()
        timers.cancel(self._sweep)
        self._sweep = None
        return gatherResults([each.close() for each in idle])

    # --- connections ---

    def endpoint(self, origin: Origin) -> IStreamClientEndpoint:
        """
        Return the endpoint of a server. To make one costs, with TLS, as much as a
        request.
        """
        endpoint = self._endpoints.get(origin)
        if endpoint is None:
            scheme, host, port = origin
            endpoint = HostnameEndpoint(
                self._reactor,
                host,
                port,
                timeout=CONNECT_TIMEOUT,
                attemptDelay=ATTEMPT_DELAY,
            )
            if scheme == b"https":
                creator = self._tlsPolicy.creatorForNetloc(host, port)
                endpoint = wrapClientTLS(creator, endpoint)
            self._endpoints[origin] = endpoint
        return endpoint

    def takeIdle(self, origin: Origin) -> HTTPConnection | None:
        """Return a kept connection to a server; C{None} if there is none."""
        idle = self._idle.get(origin)
        return idle.pop() if idle else None

    def keep(self, connection: HTTPConnection) -> None:
        """Keep a connection that is idle for another request."""
        connection.idleSince = self.clock.seconds()
        idle = self._idle.setdefault(connection.origin, deque())
        idle.append(connection)
        if len(idle) > self._connections:
            idle.popleft().close()
        if self._sweep is None:
            self._sweep = self.clock.callLater(IDLE_TIMEOUT, self._closeOld)

    def forget(self, connection: HTTPConnection) -> None:
        """Keep a connection no longer, which has been closed."""
        idle = self._idle.get(connection.origin)
        if idle and connection in idle:
            idle.remove(connection)
        if not any(self._idle.values()):
            timers.cancel(self._sweep)
            self._sweep = None

    def _closeOld(self) -> None:
        """Close the connections that have been idle for too long."""
        self._sweep = None
        now, oldest = self.clock.seconds(), None
        for idle in self._idle.values():
            while idle and idle[0].idleSince + IDLE_TIMEOUT <= now:
                idle.popleft().close()
            if idle and (oldest is None or idle[0].idleSince < oldest):
                oldest = idle[0].idleSince
        if oldest is not None:
            delay = oldest + IDLE_TIMEOUT - now
            self._sweep = self.clock.callLater(delay, self._closeOld)


class _Exchange:
    """
    A request and its response: connects, sends, waits, and tries again once if a kept
    connection was stale.

    @ivar result: Fires with the response.
    """

    __slots__ = (
        "_client",
        "_connecting",
        "_connection",
        "_data",
        "_missed",
        "_origin",
        "_startedAt",
        "_timer",
        "result",
    )

    def __init__(self, client: BoundedClient, origin: Origin, data: bytes) -> None:
        """@param data: The request."""
        self._client = client
        self._origin = origin
        self._data = data
        self._startedAt = client.clock.seconds()
        self._connecting: Deferred[HTTPConnection] | None = None
        self._connection: HTTPConnection | None = None
        #: What did not arrive in time, if the timer goes off.
        self._missed = f"it sent no answer within {client.headTimeout:g} s"
        self._timer = client.clock.callLater(client.headTimeout, self._miss)
        self.result: Deferred[HTTPResponse] = Deferred(lambda _: self._abort())

    def start(self) -> None:
        """Send the request over a kept connection, or connect."""
        connection = self._client.takeIdle(self._origin)
        if connection is None:
            self._connect()
        else:
            self._send(connection)

    def _connect(self) -> None:
        factory = _ConnectionFactory(self._client, self._origin)
        endpoint = self._client.endpoint(self._origin)
        connecting = cast(Deferred[HTTPConnection], endpoint.connect(factory))
        self._connecting = connecting
        connecting.addCallbacks(self._connected, self._notConnected)

    def _connected(self, connection: HTTPConnection) -> None:
        if self._connecting is None:
            # Too late.
            connection.abandon()
        else:
            self._connecting = None
            self._send(connection)

    def _notConnected(self, reason: Failure) -> None:
        if self._connecting is not None:
            self._connecting = None
            self._fail(_valueOf(reason))

    def _send(self, connection: HTTPConnection) -> None:
        self._connection = connection
        connection.send(self._data, self)

    # --- the connection tells ---

    def headArrived(self) -> None:
        """Extend the deadline to the end of the response."""
        client = self._client
        self._missed = f"it did not finish its answer within {client.totalTimeout:g} s"
        end = self._startedAt + client.totalTimeout
        self._timer.reset(max(0, end - client.clock.seconds()))

    def responded(self, response: HTTPResponse) -> None:
        """Fire with the response."""
        self._timer.cancel()
        self._connection = None
        self.result.callback(response)

    def failed(self, reason: BaseException, *, isStale: bool = False) -> None:
        """
        Fail, unless the request can be sent once more.

        @param isStale: Whether a kept connection was closed without a response.
        """
        self._connection = None
        isRecent = self._client.clock.seconds() - self._startedAt <= STALE_TIME
        if isStale and isRecent:
            # Other kept connections may be no better.
            self._client.close()
            self._connect()
        else:
            self._fail(reason)

    # --- the end ---

    def _fail(self, reason: BaseException) -> None:
        timers.cancel(self._timer)
        if isinstance(reason, ResponseTooLarge):
            self.result.errback(ResponseLimitExceeded(_inWords(reason)))
        else:
            self.result.errback(DeliveryError(_inWords(reason)))

    def _miss(self) -> None:
        self._abort()
        self.result.errback(ResponseLimitExceeded(self._missed))

    def _abort(self) -> None:
        """Give up the connection, or the attempt to connect."""
        timers.cancel(self._timer)
        connection, connecting = self._connection, self._connecting
        self._connection = self._connecting = None
        if connection is not None:
            connection.abandon()
        elif connecting is not None:
            connecting.cancel()


class HTTPConnection(Protocol):
    """
    A connection to a server, with at most one request at a time.

    @ivar origin: The server.
    @ivar idleSince: Time since which it has no request, by the clock.
    """

    idleSince = 0.0
    _exchange: _Exchange | None = None
    _parser: ResponseParser
    _isKept = False
    _closing: IDelayedCall | None = None

    def __init__(self, client: BoundedClient, origin: Origin) -> None:
        self.origin = origin
        self._client = client
        self._closed: Waiters[object] = Waiters()

    def send(self, data: bytes, exchange: _Exchange) -> None:
        """Send a request; its exchange is told of the response."""
        self._exchange = exchange
        self._parser = ResponseParser(self._client.bodyLimit)
        assert self.transport is not None
        self.transport.write(data)

    def dataReceived(self, data: bytes) -> None:
        """Parse a part of a response."""
        exchange = self._exchange
        if exchange is None:
            # A response that no request has asked for.
            self._abort()
            return
        parser = self._parser
        hadHead = parser.hasHead
        try:
            response = parser.feed(data)
        except (InvalidResponse, ResponseTooLarge) as reason:
            self.abandon()
            exchange.failed(reason)
            return
        if response is None:
            if parser.hasHead and not hadHead:
                exchange.headArrived()
            return
        self._exchange = None
        if parser.keepsAlive:
            self._isKept = True
            self._client.keep(self)
        else:
            self.close()
        exchange.responded(response)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """End the response, or fail the request."""
        timers.cancel(self._closing)
        self._client.forget(self)
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            # However it was closed: a server that has not read all of the request
            # resets the connection behind its response.
            response = self._parser.end()
            if response is not None:
                exchange.responded(response)
            else:
                isStale = self._isKept and not self._parser.hasBegun
                exchange.failed(_valueOf(reason), isStale=isStale)
        self._closed.release(None)

    def close(self) -> Deferred[object]:
        """
        Close the connection; abort it if the server delays the end of TLS.

        @return: Fires once it is closed.
        """
        closing = self._closed.wait()
        assert self.transport is not None
        self.transport.loseConnection()
        if self._closing is None:
            self._closing = self._client.clock.callLater(CLOSE_TIMEOUT, self._abort)
        return closing

    def abandon(self) -> None:
        """Abort the connection; the response is not wanted any more."""
        self._exchange = None
        self._abort()

    def _abort(self) -> None:
        cast(ITCPTransport, self.transport).abortConnection()


class _ConnectionFactory(Factory):
    """Makes one connection."""

    # The log would have a line for each connection.
    noisy = False

    def __init__(self, client: BoundedClient, origin: Origin) -> None:
        self._client = client
        self._origin = origin

    def buildProtocol(self, addr: IAddress | None) -> HTTPConnection:
        """Make a connection."""
        return HTTPConnection(self._client, self._origin)


_CLOSED = "it closed the connection before its answer was complete"

#: Failures, in words to an operator.
_FAULTS: Mapping[type[BaseException], str] = {
    ResponseTooLarge: "its answer is too long",
    InvalidResponse: "its answer is not HTTP",
    error.ConnectionDone: _CLOSED,
    error.ConnectionLost: _CLOSED,
    error.ConnectionAborted: _CLOSED,
    error.TimeoutError: f"it could not be connected to within {CONNECT_TIMEOUT:g} s",
}


def _valueOf(reason: Failure) -> BaseException:
    assert reason.value is not None  # there is none only while a failure is made
    return reason.value


def _inWords(reason: BaseException) -> str:
    """Return why there is no response, to an operator; not in words of the server's."""
    if type(reason) in _FAULTS:
        return _FAULTS[type(reason)]
    if isinstance(reason, SSL.Error):
        return f"TLS failed: {reason.args[0][-1][-1]}" if reason.args else "TLS failed"
    return str(reason).removesuffix(".") or type(reason).__name__
