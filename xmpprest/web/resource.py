"""
The resource at C{/rest}: routes a request, and answers it whatever happens.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Protocol, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import ITCPTransport
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from ..core.errors import Problem, Refusal, serviceUnavailable, storeUnavailable
from ..core.policy.authentication import Authenticator
from ..core.policy.permissions import NO_ACCESS
from ..core.records import StoreUnavailable
from .access_log import HEADER as REQUEST_ID
from .access_log import AccessLog, RequestContext
from .cors import CORS, Headers
from .idempotency.guard import ready
from .idempotency.key import hasIdempotencyKey
from .response import (
    INTERNAL_ERROR,
    Response,
    header,
    problemResponse,
    rawHeader,
    write,
    writeChunks,
)
from .router import Route, StreamingHandler
from .server.body import Body, BufferedBody
from .server.channel import contentTooLarge
from .server.request import GatewayRequest, onDisconnect

_log = Logger()


class Router(Protocol):
    """Knows what is at which path."""

    def match(self, path: Sequence[bytes]) -> Route:
        """Who answers, by the segments of the path; raises L{Refusal} for nobody."""


class RestResource(Resource):
    """
    The gateway's HTTP side, to be mounted at any path.

    @ivar pendingRequests: How many requests wait for their answer.
    @ivar accessLog: All that there have been.
    @ivar authenticator: Knows who may do what.
    @ivar cors: Knows from which pages.
    @ivar sizeLimit: How long a body may be, in bytes.
    @ivar maxPendingRequests: How many requests may wait. All of these may be changed;
        they hold for requests that come.
    """

    isLeaf = True

    def __init__(
        self,
        routes: Router,
        authenticator: Authenticator,
        cors: CORS,
        *,
        sizeLimit: int,
        waitingLimit: int,
        isLogged: bool = False,
    ) -> None:
        """@param isLogged: Whether each has a line in the log."""
        super().__init__()
        self._routes = routes
        self.authenticator = authenticator
        self.cors = cors
        self.sizeLimit = sizeLimit
        self.maxPendingRequests = waitingLimit
        self.pendingRequests = 0
        self.accessLog = AccessLog(isLogged)

    def render(self, request: Request) -> int:
        """Start on a request, and see to it that it ends."""
        visit = self.accessLog.begin(request)
        answering = Deferred.fromCoroutine(self._answer(request, visit))
        if not answering.called and not hasIdempotencyKey(request):
            # A client that has gone away wants nothing any more, or comes back with
            # the same key.
            onDisconnect(request, answering.cancel)
        return NOT_DONE_YET

    # Each coroutine and each callback takes 0.2 to 0.3 KB of a request that waits: so
    # there is one here, with all that is to be done, and no callback.
    async def _answer(self, request: Request, visit: RequestContext) -> None:
        """Find the answer, and write it: the outer edge of all that is done for it."""
        response: Response | None
        try:
            self._checkWaiting()
            self.pendingRequests += 1
            try:
                response = await self._begin(request, visit)
                if response.chunks is not None and request.channel is not None:
                    common = self._common(request, visit)
                    await writeChunks(response.chunks, response, request, common)
                    response = None
            finally:
                self.pendingRequests -= 1
            if response is not None:
                self._write(response, request, visit)
        except Exception as error:
            self._failed(error, request, visit)
        self.accessLog.end(visit, request)

    def _checkWaiting(self) -> None:
        if self.pendingRequests >= self.maxPendingRequests:
            raise serviceUnavailable(
                "resource-constraint",
                "Too many requests are waiting for their answers; try again.",
                retryAfter=5,
            )

    def _begin(self, request: Request, visit: RequestContext) -> Awaitable[Response]:
        """
        Let answer who is at the path.

        @return: Brings the answer, or raises as this does.
        @raise Refusal: 404, nobody; 405, nobody by this method; 401; 403.
        """
        assert request.postpath is not None
        route = self._routes.match(request.postpath)
        visit.route = route.template
        method = request.method.decode("latin-1")
        if method == "OPTIONS" and self.cors.enabled:
            return ready(self.cors.preflight(self._methods(route)))
        handler = route.methods.get(method)
        if handler is None:
            raise Refusal(_notAllowed(self._methods(route)))
        grant = NO_ACCESS
        if not route.isPublic:
            self.cors.check(
                header(request, b"Origin"),
                header(request, b"Sec-Fetch-Site"),
                header(request, b"Host"),
            )
            grant = self.authenticator.authenticate(
                rawHeader(request, b"Authorization")
            )
            if route.permission is not None:
                grant.requirePermission(route.permission)
        if isinstance(handler, StreamingHandler):
            return handler.handle(request, _bodyOf(request), grant)
        return handler(request, self._body(request), grant)

    def _body(self, request: Request) -> bytes:
        """
        Take the body from the request, which may wait for long.

        @raise Refusal: 413; a site of somebody else's may not have held the limit.
        """
        assert request.content is not None
        with request.content as content:
            body: bytes = content.read(self.sizeLimit + 1)
        if len(body) > self.sizeLimit:
            raise Refusal(contentTooLarge(self.sizeLimit))
        return body

    def _methods(self, route: Route) -> str:
        options = ("OPTIONS",) if self.cors.enabled else ()
        return ", ".join([*route.methods, *options])

    def _write(
        self, response: Response, request: Request, visit: RequestContext
    ) -> None:
        if request.channel is None:
            # The client left, and the work for it could not be cancelled.
            return
        visit.headers = response.headers
        write(response, request, self._common(request, visit))

    def _common(self, request: Request, visit: RequestContext) -> Headers:
        """What every answer carries."""
        allowed = self.cors.headers(header(request, b"Origin"))
        return ((REQUEST_ID, visit.id), *allowed)

    def _failed(
        self, error: Exception, request: Request, visit: RequestContext
    ) -> None:
        """There is no answer, or it could not be written."""
        if isinstance(error, Refusal):
            problem = error.problem
        elif isinstance(error, StoreUnavailable):
            problem = storeUnavailable(str(error)).problem
        elif isinstance(error, CancelledError) and request.channel is None:
            return
        else:
            _log.failure(
                "Request {request} could not be answered.",
                failure=Failure(error),
                request=visit.id,
            )
            problem = INTERNAL_ERROR
        if request.startedWriting:
            # It cannot be taken back; that it is cut off tells that it is no answer.
            cast(ITCPTransport, request.transport).abortConnection()
        else:
            self._write(problemResponse(problem, request), request, visit)


def _bodyOf(request: Request) -> Body:
    """The body of a request, to be read; only a site of ours has not held all of it."""
    if isinstance(request, GatewayRequest) and request.streamingBody is not None:
        return request.streamingBody
    assert request.content is not None
    return BufferedBody(request.content)


def _notAllowed(methods: str) -> Problem:
    return Problem(
        405,
        "cancel",
        "unsupported-feature",
        f"The method is not allowed here; use {methods}.",
        (("Allow", methods),),
    )
