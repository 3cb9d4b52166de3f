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

from ..core.access import NOTHING
from ..core.auth import Authenticator
from ..core.errors import Problem, Refusal, nothingKept, unavailable
from ..core.records import StoreUnavailable
from .body import Body, CompleteBody
from .channel import tooLarge
from .claims import hasKey
from .cors import CORS, Headers
from .idempotency import immediately
from .request import GatewayRequest, whenGone
from .response import (
    BROKEN,
    Response,
    header,
    problemResponse,
    rawHeader,
    write,
    writePieces,
)
from .routes import Route, Streaming
from .visits import HEADER as REQUEST_ID
from .visits import Visit, Visits

_log = Logger()


class Finder(Protocol):
    """Knows what is at which path."""

    def find(self, path: Sequence[bytes]) -> Route:
        """Who answers, by the segments of the path; raises L{Refusal} for nobody."""


class RestResource(Resource):
    """
    The gateway's HTTP side, to be mounted at any path.

    @ivar waiting: How many requests wait for their answer.
    @ivar visits: All that there have been.
    @ivar authenticator: Knows who may do what.
    @ivar cors: Knows from which pages.
    @ivar sizeLimit: How long a body may be, in bytes.
    @ivar waitingLimit: How many requests may wait. All of these may be changed; they
        hold for requests that come.
    """

    isLeaf = True

    def __init__(
        self,
        routes: Finder,
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
        self.waitingLimit = waitingLimit
        self.waiting = 0
        self.visits = Visits(isLogged)

    def render(self, request: Request) -> int:
        """Start on a request, and see to it that it ends."""
        visit = self.visits.begin(request)
        answering = Deferred.fromCoroutine(self._answer(request, visit))
        if not answering.called and not hasKey(request):
            # A client that has gone away wants nothing any more, or comes back with
            # the same key.
            whenGone(request, answering.cancel)
        return NOT_DONE_YET

    # Each coroutine and each callback takes 0.2 to 0.3 KB of a request that waits: so
    # there is one here, with all that is to be done, and no callback.
    async def _answer(self, request: Request, visit: Visit) -> None:
        """Find the answer, and write it: the outer edge of all that is done for it."""
        response: Response | None
        try:
            self._checkWaiting()
            self.waiting += 1
            try:
                response = await self._begin(request, visit)
                if response.pieces is not None and request.channel is not None:
                    common = self._common(request, visit)
                    await writePieces(response.pieces, response, request, common)
                    response = None
            finally:
                self.waiting -= 1
            if response is not None:
                self._write(response, request, visit)
        except Exception as error:
            self._failed(error, request, visit)
        self.visits.end(visit, request)

    def _checkWaiting(self) -> None:
        if self.waiting >= self.waitingLimit:
            raise unavailable(
                "resource-constraint",
                "Too many requests are waiting for their answers; try again.",
                retryAfter=5,
            )

    def _begin(self, request: Request, visit: Visit) -> Awaitable[Response]:
        """
        Let answer who is at the path.

        @return: Brings the answer, or raises as this does.
        @raise Refusal: 404, nobody; 405, nobody by this method; 401; 403.
        """
        assert request.postpath is not None
        route = self._routes.find(request.postpath)
        visit.route = route.template
        method = request.method.decode("latin-1")
        if method == "OPTIONS" and self.cors.enabled:
            return immediately(self.cors.preflight(self._methods(route)))
        handler = route.methods.get(method)
        if handler is None:
            raise Refusal(_notAllowed(self._methods(route)))
        grant = NOTHING
        if not route.isPublic:
            self.cors.check(
                header(request, b"Origin"),
                header(request, b"Sec-Fetch-Site"),
                header(request, b"Host"),
            )
            grant = self.authenticator.check(rawHeader(request, b"Authorization"))
            if route.right is not None:
                grant.require(route.right)
        if isinstance(handler, Streaming):
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
            raise Refusal(tooLarge(self.sizeLimit))
        return body

    def _methods(self, route: Route) -> str:
        options = ("OPTIONS",) if self.cors.enabled else ()
        return ", ".join([*route.methods, *options])

    def _write(self, response: Response, request: Request, visit: Visit) -> None:
        if request.channel is None:
            # The client left, and the work for it could not be cancelled.
            return
        visit.headers = response.headers
        write(response, request, self._common(request, visit))

    def _common(self, request: Request, visit: Visit) -> Headers:
        """What every answer carries."""
        allowed = self.cors.headers(header(request, b"Origin"))
        return ((REQUEST_ID, visit.id), *allowed)

    def _failed(self, error: Exception, request: Request, visit: Visit) -> None:
        """There is no answer, or it could not be written."""
        if isinstance(error, Refusal):
            problem = error.problem
        elif isinstance(error, StoreUnavailable):
            problem = nothingKept(str(error)).problem
        elif isinstance(error, CancelledError) and request.channel is None:
            return
        else:
            _log.failure(
                "Request {request} could not be answered.",
                failure=Failure(error),
                request=visit.id,
            )
            problem = BROKEN
        if request.startedWriting:
            # It cannot be taken back; that it is cut off tells that it is no answer.
            cast(ITCPTransport, request.transport).abortConnection()
        else:
            self._write(problemResponse(problem, request), request, visit)


def _bodyOf(request: Request) -> Body:
    """The body of a request, to be read; only a site of ours has not held all of it."""
    if isinstance(request, GatewayRequest) and request.arriving is not None:
        return request.arriving
    assert request.content is not None
    return CompleteBody(request.content)


def _notAllowed(methods: str) -> Problem:
    return Problem(
        405,
        "cancel",
        "unsupported-feature",
        f"The method is not allowed here; use {methods}.",
        (("Allow", methods),),
    )
