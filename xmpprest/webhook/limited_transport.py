"""Connections and bodies that are cut when too much comes over them."""

from __future__ import annotations

import re
from typing import cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import (
    IConsumer,
    IDelayedCall,
    IProtocol,
    IProtocolFactory,
    IPushProducer,
    IReactorTime,
    IStreamClientEndpoint,
    ITCPTransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.web.client import URI, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.iweb import (
    IAgentEndpointFactory,
    IBodyProducer,
    IPolicyForHTTPS,
    IResponse,
)
from zope.interface import implementer

from .lookup import withOwnLookups

#: Seconds to connect.
CONNECT_TIMEOUT = 5.0
#: Seconds from one address of a host to the next (RFC 8305 §5), even if that refuses:
#: for C{localhost}, the time that each connection to a server without IPv6 costs.
ATTEMPT_DELAY = 0.05
#: Seconds for the other side to agree that a connection is closed.
CLOSE_TIMEOUT = 2.0
#: How many interim answers (RFC 9110 §15.2) may come before the answer; Twisted logs
#: each of them.
INTERIM_LIMIT = 100
_INTERIM = re.compile(rb"^HTTP/1\.\d 1\d\d", re.MULTILINE)


@implementer(IBodyProducer)
class BytesProducer:
    """
    A request's body that is there already; Twisted's own for files is bound to the
    global reactor.
    """

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.length = len(body)

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """Write all of it."""
        consumer.write(self._body)
        return succeed(None)

    def pauseProducing(self) -> None:
        """All is written."""

    def resumeProducing(self) -> None:
        """All is written."""

    def stopProducing(self) -> None:
        """All is written."""


class ResponseTooLarge(Exception):
    """An answer is longer than it may be."""


class StaleConnection(Exception):
    """A connection that had been kept was closed before any of an answer came."""


def readBody(response: IResponse, limit: int) -> Deferred[bytes]:
    """
    Read a body.

    @param limit: In bytes.
    @return: Fails with L{ResponseTooLarge} if it is longer. To cancel it cuts the
        connection.
    """
    collector = _Collector(limit)
    response.deliverBody(collector)
    return collector.done


class _Collector(Protocol):
    """Collects a body up to a limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._chunks: list[bytes] = []
        self._size = 0
        self.done: Deferred[bytes] = Deferred(lambda _: self._cut())

    def dataReceived(self, data: bytes) -> None:
        """A chunk."""
        self._size += len(data)
        if self._size <= self._limit:
            self._chunks.append(data)
        elif not self.done.called:
            self.done.errback(Failure(ResponseTooLarge()))
            self._cut()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The end, in one way or another."""
        if self.done.called:
            return
        # A body that ends with its connection is one, in HTTP/1.0.
        if reason.check(ResponseDone, PotentialDataLoss):
            self.done.callback(b"".join(self._chunks))
        else:
            self.done.errback(reason)

    def _cut(self) -> None:
        # All that Twisted's client lets through to its transport; see _Meter.
        cast(IPushProducer, self.transport).stopProducing()


@implementer(IAgentEndpointFactory)
class LimitedEndpointFactory:
    """
    Where requests go: connections that are cut when too much comes.
    """

    def __init__(
        self, reactor: IReactorTime, tlsPolicy: IPolicyForHTTPS, limit: int
    ) -> None:
        self._reactor = withOwnLookups(reactor)
        self._tlsPolicy = tlsPolicy
        self._limit = limit
        self._endpoints: dict[tuple[bytes, bytes, int], _MeteredEndpoint] = {}

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        """
        Return the endpoint for the URI of a request. The agent calls this for each
        request.
        """
        key = (uri.scheme, uri.host, uri.port)
        endpoint = self._endpoints.get(key)
        if endpoint is None:
            # To make one anew costs, with TLS, as much as the request.
            endpoint = self._endpoints[key] = self._make(*key)
        return endpoint

    def _make(self, scheme: bytes, host: bytes, port: int) -> _MeteredEndpoint:
        endpoint: IStreamClientEndpoint = HostnameEndpoint(
            self._reactor,
            host,
            port,
            timeout=CONNECT_TIMEOUT,
            attemptDelay=ATTEMPT_DELAY,
        )
        if scheme == b"https":
            creator = self._tlsPolicy.creatorForNetloc(host, port)
            endpoint = wrapClientTLS(creator, endpoint)
        return _MeteredEndpoint(endpoint, self._limit, self._reactor)


@implementer(IStreamClientEndpoint)
class _MeteredEndpoint:
    """
    An endpoint whose connections count the bytes that they receive, and end when a
    response
    is too long.
    """

    def __init__(
        self, endpoint: IStreamClientEndpoint, limit: int, clock: IReactorTime
    ) -> None:
        self._endpoint = endpoint
        self._limit = limit
        self._clock = clock

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect."""
        # Or the log tells of every connection.
        factory.noisy = False  # type: ignore[attr-defined]
        metered: WrappingFactory[_Meter] = WrappingFactory(factory)
        metered.noisy = False
        metered.protocol = lambda f, p: _Meter(f, p, self._limit, self._clock)
        connecting: Deferred[ProtocolWrapper]
        connecting = self._endpoint.connect(metered)  # type: ignore[assignment]  # not generic
        unwrapped: Deferred[IProtocol] = connecting.addCallback(_unwrap)
        return unwrapped


def _unwrap(wrapper: ProtocolWrapper) -> IProtocol:
    wrapped: IProtocol = wrapper.wrappedProtocol
    return wrapped


class _Meter(ProtocolWrapper):
    """
    Counts what comes in answer to each request, whatever it is: interim answers
    without end, headers without end. It also knows how to get rid of a connection.
    """

    def __init__(
        self,
        factory: WrappingFactory[_Meter],
        wrapped: IProtocol,
        limit: int,
        clock: IReactorTime,
    ) -> None:
        super().__init__(factory, wrapped)
        self._limit = limit
        self._clock = clock
        self._received = 0
        self._interim = 0
        self._kept = False
        self._goodbye: IDelayedCall | None = None

    def write(self, data: bytes) -> None:
        """A part of a request goes out."""
        self._begin()
        super().write(data)

    def writeSequence(self, data: list[bytes]) -> None:
        """Write several pieces."""
        self._begin()
        super().writeSequence(data)

    def _begin(self) -> None:
        """Count received bytes anew, for the next response."""
        self._kept = self._kept or self._received > 0
        self._received = self._interim = 0

    def dataReceived(self, data: bytes) -> None:
        """Let it pass, or cut the connection."""
        self._received += len(data)
        self._interim += len(_INTERIM.findall(data))
        if self._isTooLong():
            self.stopProducing()
        else:
            self.wrappedProtocol.dataReceived(data)

    def _isTooLong(self) -> bool:
        return self._received > self._limit or self._interim > INTERIM_LIMIT

    def stopProducing(self) -> None:
        """Abort the connection; the rest of the response is not wanted."""
        cast(ITCPTransport, self.transport).abortConnection()

    def loseConnection(self) -> None:
        """Close the connection; abort it if the server delays the end of TLS."""
        super().loseConnection()
        if self.connected and self._goodbye is None:
            self._goodbye = self._clock.callLater(CLOSE_TIMEOUT, self.stopProducing)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone; only we know what that means."""
        self.connected = False
        if self._goodbye is not None and self._goodbye.active():
            self._goodbye.cancel()
        if self._isTooLong():
            reason = Failure(ResponseTooLarge())
        elif self._kept and self._received == 0:
            reason = Failure(StaleConnection())
        super().connectionLost(reason)
