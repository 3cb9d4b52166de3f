"""
HTTP client with timeouts, response size limits and no redirects.

Twisted's Agent, with the limits it does not have: on time, on the size of head and
body, on the number of connections.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from OpenSSL import SSL
from twisted.internet import error
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.web.client import (
    Agent,
    HTTPConnectionPool,
    RequestGenerationFailed,
    RequestTransmissionFailed,
    ResponseFailed,
)
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer, IPolicyForHTTPS, IResponse

from ..core.webhook.errors import DeliveryError, ResponseLimitExceeded
from .limited_transport import (
    CONNECT_TIMEOUT,
    BytesProducer,
    LimitedEndpointFactory,
    ResponseTooLarge,
    StaleConnection,
    readBody,
)
from .tls_policy import UntrustedCertificate

_T = TypeVar("_T")

#: Seconds to get the head of an answer, and to get all of it, connecting included.
HEAD_TIMEOUT = 15.0
TOTAL_TIMEOUT = 30.0
#: Seconds that an idle connection is kept; shorter than servers keep theirs.
IDLE_TIMEOUT = 4
#: Seconds after which a kept connection that is closed was no longer just stale: the
#: server may have been at work on the request.
STALE_TIME = 0.1
#: Bytes that an answer may have beyond those of its body: its head, interim answers,
#: the framing of chunks.
HEAD_LIMIT = 65536
#: The statuses that an answer may have (RFC 9110 §15).
STATUSES = range(100, 600)


@dataclass(frozen=True, slots=True)
class HTTPResponse:
    """
    An answer, all of it.

    @ivar headers: As Twisted has them.
    """

    status: int
    headers: Headers
    body: bytes

    def header(self, name: str) -> str | None:
        """The value of a header field, its lines joined (RFC 9110 §5.3)."""
        values = self.headers.getRawHeaders(name.encode())
        return b", ".join(values).decode("latin-1") if values else None


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
        @param reactor: Connects and tells the time.
        @param tlsPolicy: Says which certificates are good.
        @param connections: Limit on the idle connections that are kept for reuse.
        @param bodyLimit: How many bytes the body of an answer may have.
        """
        self._clock = reactor
        self._bodyLimit = bodyLimit
        self._headTimeout = headTimeout
        self._totalTimeout = totalTimeout
        self._pool = HTTPConnectionPool(reactor, persistent=connections > 0)
        self._pool.maxPersistentPerHost = connections
        self._pool.cachedConnectionTimeout = IDLE_TIMEOUT
        self._pool.retryAutomatically = False
        endpoints = LimitedEndpointFactory(reactor, tlsPolicy, HEAD_LIMIT + bodyLimit)
        self._agent = Agent.usingEndpointFactory(reactor, endpoints, self._pool)

    def request(
        self, method: bytes, url: bytes, headers: Headers, body: bytes = b""
    ) -> Coroutine[Deferred[Any], Any, HTTPResponse]:
        """
        Send a request; see L{requestFrom}.
        """
        return self.requestFrom(
            method, url, headers, lambda: BytesProducer(body) if body else None
        )

    async def requestFrom(
        self,
        method: bytes,
        url: bytes,
        headers: Headers,
        makeBody: Callable[[], IBodyProducer | None],
    ) -> HTTPResponse:
        """
        Send a request whose body need not be in memory.

        @param makeBody: Makes the producer of the body, for each attempt. It is stopped
            with the request, also if it has not begun, or has sent all: a server may
            answer before it has read the body.

        A server may close a connection it had kept just as we use it again; then
        the request is sent once more, on a connection of its own. (RFC 9110 §9.2.2
        has a client be sure that the first was not processed; that nobody can be,
        but within L{STALE_TIME} it is likely.)

        @return: Whatever the server answered; redirects are not followed.
        @raise DeliveryError: There was no valid response; L{ResponseLimitExceeded} if
            it was not within the limits.
        """
        deadline = _Deadline(self._clock, self._headTimeout, self._totalTimeout)
        bodies: list[IBodyProducer] = []

        def send() -> Deferred[IResponse]:
            body = makeBody()
            if body is not None:
                bodies.append(body)
            return deadline.watch(self._agent.request(method, url, headers, body))

        try:
            try:
                response = await send()
            except ResponseFailed as failed:
                isLate = deadline.elapsed > STALE_TIME
                if isLate or not isinstance(_cause(failed), StaleConnection):
                    raise
                # The others that are kept may be no better.
                self._pool.closeCachedConnections()
                response = await send()
            content = b""
            if response.length != 0:
                deadline.headArrived()
                content = await deadline.watch(readBody(response, self._bodyLimit))
            if response.code not in STATUSES:
                raise DeliveryError("its answer has no status between 100 and 599")
        except Exception as problem:
            if deadline.missed:
                raise ResponseLimitExceeded(deadline.missed) from None
            cause = _cause(problem)
            if isinstance(cause, CancelledError | error.ConnectingCancelledError):
                raise CancelledError from None
            kind = (
                ResponseLimitExceeded
                if isinstance(cause, ResponseTooLarge)
                else DeliveryError
            )
            raise kind(_inWords(cause, problem)) from None
        finally:
            deadline.stop()
            for body in bodies:
                body.stopProducing()
        return HTTPResponse(response.code, response.headers, content)

    def close(self) -> Deferred[object]:
        """
        Close the connections that are kept.

        @return: Fires once they are closed.
        """
        closed: Deferred[object] = self._pool.closeCachedConnections()
        return closed


#: The errors in which Twisted's client wraps others.
_WRAPPERS = (ResponseFailed, RequestGenerationFailed, RequestTransmissionFailed)


def _cause(problem: BaseException) -> BaseException:
    """Return the cause of an error of Twisted's client, which wraps it in lists."""
    while isinstance(problem, _WRAPPERS) and problem.reasons:
        problem = problem.reasons[0].value
    return problem


_CLOSED = "it closed the connection before its answer was complete"

#: What went wrong, in words to an operator.
_FAULTS: Mapping[type[BaseException], str] = {
    ResponseTooLarge: "its answer is too long",
    StaleConnection: _CLOSED,
    error.ConnectionDone: _CLOSED,
    error.ConnectionLost: _CLOSED,
    error.TimeoutError: f"it could not be connected to within {CONNECT_TIMEOUT:g} s",
}


def _inWords(cause: BaseException, problem: Exception) -> str:
    """
    Why there is no answer, to an operator; not in words of the server's.

    @param cause: What went wrong.
    @param problem: The error of Twisted's client that it came in.
    """
    if type(cause) in _FAULTS:
        return _FAULTS[type(cause)]
    if isinstance(cause, SSL.Error):
        return f"TLS failed: {cause.args[0][-1][-1]}" if cause.args else "TLS failed"
    if isinstance(problem, RequestGenerationFailed):
        return f"the body of the request could not be read ({type(cause).__name__})"
    if isinstance(problem, ResponseFailed) and not isinstance(
        cause, UntrustedCertificate
    ):
        # From the parser, and it may quote what it could not parse.
        return f"its answer is not HTTP ({type(cause).__name__})"
    return str(cause).removesuffix(".") or type(cause).__name__


class _Deadline:
    """
    Cancels an operation that takes too long.

    @ivar missed: Why it was cancelled; empty if it was not.
    """

    def __init__(self, clock: IReactorTime, head: float, total: float) -> None:
        """
        @param head: Seconds until the head of the response must have arrived.
        @param total: Seconds until the whole response must have arrived.
        """
        self._clock = clock
        self._startedAt = clock.seconds()
        self._head, self._total = head, total
        self._hasHead = False
        self._timer = clock.callLater(head, self._miss)
        self.missed = ""

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._clock.seconds() - self._startedAt

    def headArrived(self) -> None:
        """Extend the deadline to the end of the response."""
        self._hasHead = True
        end = self._startedAt + self._total
        self._timer.reset(max(0, end - self._clock.seconds()))

    def stop(self) -> None:
        """Stop the deadline."""
        if self._timer.active():
            self._timer.cancel()

    def watch(self, deferred: Deferred[_T]) -> Deferred[_T]:
        """Cancel an operation if it misses the deadline."""
        self._cancel = deferred.cancel
        return deferred

    def _miss(self) -> None:
        if self._hasHead:
            self.missed = f"it did not finish its answer within {self._total:g} s"
        else:
            self.missed = f"it sent no answer within {self._head:g} s"
        self._cancel()
