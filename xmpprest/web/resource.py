"""The resource at C{/rest}: authorises, routes and answers requests."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Sequence
from functools import partial
from typing import Any, Protocol, TypeAlias, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import ITCPTransport
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request
from zope.interface import implementer

from ..core.codec.scalars import quoteShort
from ..core.errors import Problem, Refusal, serviceUnavailable, storeUnavailable
from ..core.live import Live, LiveSettings
from ..core.policy.authentication import Authenticator
from ..core.policy.permissions import NO_ACCESS, Grant
from ..core.policy.quota import Limits, Quota
from ..core.records import StoreUnavailable
from .access_log import HEADER as REQUEST_ID
from .access_log import AccessLog, RequestContext
from .cors import CORS
from .idempotency.key import hasIdempotencyKey
from .landing import landingPage, relativeBase, wantsPage
from .response import INTERNAL_ERROR, Answer, Headers, PendingResponse, Response
from .router import Handler, Route, StreamingHandler
from .server.body import Body
from .server.request import (
    IHeadResource,
    bodyOf,
    fieldsOf,
    hasForm,
    header,
    onDisconnect,
)
from .server.write import problemResponse, write, writeChunks

_log = Logger()
#: The coroutine of a response, or of the end of one.
_Answering: TypeAlias = Coroutine[Deferred[Any], Any, Response | None]


class Router(Protocol):
    """
    The part of the router that the resource uses.
    """

    def match(self, path: Sequence[bytes]) -> Route:
        """Return the route of a path; raises L{Refusal} if there is none."""


@implementer(IHeadResource)
class RestResource(Resource):
    """
    The HTTP side of the gateway, to be mounted at any path.

    @ivar accessLog: The access log.
    @ivar authenticator: Checks credentials.
    """

    isLeaf = True

    def __init__(
        self,
        routes: Router,
        authenticator: Authenticator,
        settings: Live[LiveSettings],
        *,
        accessLog: AccessLog | None = None,
    ) -> None:
        """@param accessLog: That of another resource, to be shared."""
        super().__init__()
        self._routes = routes
        self.authenticator = authenticator
        self._settings = settings
        self._cors = CORS(settings)
        self._pending: Quota[str] = Quota()
        self.accessLog = accessLog or AccessLog(settings)

    def render(self, request: Request) -> int:
        """Run the handler of a request, and have its response written."""
        visit = self.accessLog.begin(request)
        try:
            answer = self._begin(request, visit)
        except Exception as error:
            self._end(error, request, visit)
        else:
            if isinstance(answer, Response):
                self._end(answer, request, visit)
            elif isinstance(answer, PendingResponse):
                answer.whenReleased(partial(self._end, request=request, visit=visit))
            else:
                self._finish(answer, request, visit)
        return NOT_DONE_YET

    def _begin(self, request: Request, visit: RequestContext) -> Answer:
        """
        Check a request, and run its handler.

        @raise Refusal: As in L{_admit}; 503 if too many requests wait.
        """
        settings, pending = self._settings.value, self._pending
        if pending.count >= settings.waitingLimit:
            raise _tooManyWait(
                f"{settings.waitingLimit} requests are waiting for their answers, as"
                " many as may wait (waiting-limit)"
            )
        handler, grant = self._admit(request, visit)
        holders = (grant.name,) if grant.name else ()
        if holders and pending.excess(Limits(settings.waitingLimit), holders):
            raise _tooManyWait(
                f"{grant} has as many requests waiting as are still free of"
                f" {settings.waitingLimit} (waiting-limit)"
            )
        visit.holders = holders
        pending.add(holders)
        body = bodyOf(request)
        body.holders = holders
        if isinstance(handler, StreamingHandler):
            return handler.handle(request, body, grant)
        data = body.takeBuffered(settings.stanzaSizeLimit)
        if data is None:
            return self._handleLater(handler, request, visit, body, grant)
        return handler(request, data, grant)

    async def _handleLater(
        self,
        handler: Handler,
        request: Request,
        visit: RequestContext,
        body: Body,
        grant: Grant,
    ) -> Response:
        """Wait for the body, and run the handler."""
        grants = self.authenticator.grants
        data = await body.readAll(self._settings.value.stanzaSizeLimit)
        if self.authenticator.grants is not grants:
            # The token may have been revoked while the body arrived.
            again, grant = self._admit(request, visit)
            assert not isinstance(again, StreamingHandler)
            handler = again
        answer = handler(request, data, grant)
        # Release the body, which may be long, before waiting.
        del data
        return answer if isinstance(answer, Response) else await answer

    def _finish(
        self,
        answer: Awaitable[Response | None],
        request: Request,
        visit: RequestContext,
    ) -> None:
        """Await a response, or the end of one that is written piece by piece."""
        if not isinstance(answer, Deferred):
            answer = Deferred.fromCoroutine(cast(_Answering, answer))
        answer.addBoth(self._answered, request, visit)
        if not answer.called and not hasIdempotencyKey(request):
            # The client has gone: cancel, unless it can repeat the request with the
            # same idempotency key.
            onDisconnect(request, answer.cancel)

    def _answered(
        self, result: Response | Failure | None, request: Request, visit: RequestContext
    ) -> None:
        if isinstance(result, Failure):
            self._end(cast(Exception, result.value), request, visit)
        else:
            self._end(result, request, visit)

    def _end(
        self,
        result: Response | Exception | None,
        request: Request,
        visit: RequestContext,
    ) -> None:
        """
        Write the response, or an error in its place: the outer edge of a request.

        @param result: C{None} if the response is written already.
        """
        if isinstance(result, Response) and result.chunks is not None:
            if request.channel is not None:
                common = self._common(request, visit)
                writing = writeChunks(result.chunks, result, request, common)
                self._finish(writing, request, visit)
                return
            result = None
        if visit.holders is not None:
            self._pending.remove(visit.holders)
        try:
            if isinstance(result, Exception):
                self._failed(result, request, visit)
            elif result is not None:
                self._write(result, request, visit)
        except Exception as error:
            self._failed(error, request, visit)
        self.accessLog.end(visit, request)

    @property
    def pendingRequests(self) -> int:
        """The number of requests without a response so far."""
        return self._pending.count

    def _admit(
        self, request: Request, visit: RequestContext
    ) -> tuple[Handler | StreamingHandler, Grant]:
        """
        Find the handler of a request, and check the credentials. Nothing of the body is
        read before.

        @return: The handler, and what it may do.
        @raise Refusal: 404 if there is nothing at the path; 405 if the method is not
            allowed; 401 or 403 by the credentials; 415 if the body is compressed.
        """
        assert request.postpath is not None
        fields = fieldsOf(request)
        route = self._routes.match(request.postpath)
        visit.route = route.template
        method = request.method.decode("latin-1")
        if method == "OPTIONS" and self._cors.enabled:
            return self._preflight(route), NO_ACCESS
        handler = route.methods.get("GET" if method == "HEAD" else method)
        if route.postForm is not None and method == "POST" and hasForm(fields):
            handler = route.postForm
        if handler is None and not any(request.postpath) and wantsPage(request):
            page = landingPage(relativeBase(request))
            return (lambda request, body, grant: page), NO_ACCESS
        if handler is None:
            raise Refusal(_notAllowed(self._methods(route)))
        grant = NO_ACCESS
        if route.grant is not None:
            grant = visit.grant = route.grant
        elif not route.isPublic:
            if b"origin" in fields or b"sec-fetch-site" in fields:
                self._cors.check(
                    header(request, b"origin"),
                    header(request, b"sec-fetch-site"),
                    header(request, b"host"),
                )
            grant = self.authenticator.authenticate(fields.get(b"authorization"))
            visit.grant = grant
            if route.permission is not None:
                grant.requirePermission(route.permission)
        if b"content-encoding" in fields:
            _checkEncoding(fields[b"content-encoding"].decode("latin-1"))
        return handler, grant

    def _preflight(self, route: Route) -> Handler:
        """Make the handler of C{OPTIONS}."""
        response = self._cors.preflight(self._methods(route))
        return lambda request, body, grant: response

    def _methods(self, route: Route) -> str:
        """Return the value of C{Allow}."""
        methods = [*route.methods]
        if "GET" in methods:
            methods.insert(methods.index("GET") + 1, "HEAD")
        if self._cors.enabled:
            methods.append("OPTIONS")
        return ", ".join(methods)

    def _write(
        self, response: Response, request: Request, visit: RequestContext
    ) -> None:
        if request.channel is None:
            # The client has gone, and the handler could not be cancelled.
            return
        visit.headers = response.headers
        write(response, request, self._common(request, visit))

    def _common(self, request: Request, visit: RequestContext) -> Headers:
        """Return the header fields of every response."""
        id = (REQUEST_ID, visit.id)
        if not self._settings.value.corsOrigin:
            return (id,)
        return (id, *self._cors.headers(header(request, b"origin")))

    def _failed(
        self, error: Exception, request: Request, visit: RequestContext
    ) -> None:
        """
        Answer an unexpected error, or end the connection if the response has begun.
        """
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
        visit.problem = problem
        if request.startedWriting:
            # The response has begun; closing the connection tells the client of the
            # error.
            cast(ITCPTransport, request.transport).abortConnection()
        else:
            self._write(problemResponse(problem, request), request, visit)


def _tooManyWait(reason: str) -> Refusal:
    text = f"{reason}; try again."
    return serviceUnavailable("resource-constraint", text, retryAfter=5)


def _checkEncoding(encoding: str) -> None:
    """
    Refuse a compressed body.

    @param encoding: The value of C{Content-Encoding} (RFC 9110 §8.4).
    """
    if encoding.lower() in ("identity", ""):
        return
    problem = Problem(
        415,
        "modify",
        "bad-format",
        f"The Content-Encoding {quoteShort(encoding)} is not supported; send the body "
        "as it"
        " is.",
        (("Accept-Encoding", "identity"),),
    )
    raise Refusal(problem)


def _notAllowed(methods: str) -> Problem:
    return Problem(
        405,
        "cancel",
        "unsupported-feature",
        f"The method is not allowed here; use {methods}.",
        (("Allow", methods),),
    )
