"""Request ids, the access log, and request metrics by route."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from itertools import count
from time import perf_counter

from twisted.logger import Logger
from twisted.web.server import Request

from ..core.errors import Problem
from ..core.histogram import LATENCY_BUCKETS, Histogram
from ..core.live import Live, LiveSettings
from ..core.policy.permissions import NO_ACCESS, Grant
from .server.request import header

_log = Logger()

#: The header of the request id.
HEADER = "Request-Id"
_HEADER = HEADER.lower().encode()
#: A request id that clients may choose: safe in every log.
_NAME = re.compile(r"[A-Za-z0-9._~:/+=@-]{1,128}")

#: The route of a request that matches none.
UNROUTED = "none"
#: Stands for the status of a request whose client left before there was one.
CLIENT_DISCONNECTED = 0


_LINE = (
    "Request {request} from {client} with {credentials}: {method} {route}, {status} in"
    " {milliseconds} ms"
)

#: A quoted text in the reason of a refusal, which may be a part of the body.
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")


class RequestContext:
    """
    A request in progress.

    @ivar id: The request id, from the client or a proxy, or made here.
    @ivar route: The template of the path.
    @ivar headers: The header fields that the response gets.
    @ivar grant: The permissions of the credentials; C{None} if there are none, or if
        they were refused.
    @ivar problem: The reason of a refusal.
    @ivar client: The address of the client, for the log.
    @ivar holders: The token that the request counts for while it waits for its response
        (L{Quota<xmpprest.core.policy.quota.Quota>}), if any; C{None} if the request is
        not counted.
    """

    __slots__ = (
        "began",
        "client",
        "grant",
        "headers",
        "holders",
        "id",
        "problem",
        "route",
    )

    def __init__(self, id: str) -> None:
        self.id = id
        self.route = UNROUTED
        self.headers: Iterable[tuple[str, str]] = ()
        self.grant: Grant | None = None
        self.problem: Problem | None = None
        self.client = "an unknown address"
        self.holders: tuple[str, ...] | None = None
        self.began = perf_counter()


class AccessLog:
    """
    Counts requests, and logs them.

    @ivar latencyByRoute: Latencies in seconds, by route and status.
    """

    def __init__(self, settings: Live[LiveSettings]) -> None:
        self._settings = settings
        # Unique together, also across restarts, and cheaper than random ids.
        self._prefix = secrets.token_urlsafe(6)
        self._numbers = count(1)
        self.latencyByRoute: dict[tuple[str, int], Histogram] = {}

    def begin(self, request: Request) -> RequestContext:
        """Start the record of a request."""
        given = header(request, _HEADER)
        if given is None or not _NAME.fullmatch(given):
            given = f"{self._prefix}-{next(self._numbers)}"
        visit = RequestContext(given)
        if self._settings.value.logsRequests:
            # The connection may be gone at the end.
            visit.client = _clientOf(request)
        return visit

    def end(self, visit: RequestContext, request: Request) -> None:
        """
        Complete the record of a request that was answered or whose client has gone.
        """
        seconds = perf_counter() - visit.began
        status = request.code if request.startedWriting else CLIENT_DISCONNECTED
        tally = self.latencyByRoute.get((visit.route, status))
        if tally is None:
            tally = self.latencyByRoute[visit.route, status] = Histogram(
                LATENCY_BUCKETS
            )
        tally.observe(seconds)
        if self._settings.value.logsRequests:
            self._tell(visit, request, status, seconds)

    def _tell(
        self, visit: RequestContext, request: Request, status: int, seconds: float
    ) -> None:
        stanza = dict(visit.headers).get("Stanza-Id")
        reason = None if visit.problem is None else reasonOf(visit.problem)
        line = f"{_LINE}, stanza {{stanza}}" if stanza else _LINE
        _log.info(
            f"{line}: {{reason}}" if reason else line,
            request=visit.id,
            method=request.method.decode("latin-1"),
            route=visit.route,
            status=_shown(status),
            milliseconds=round(seconds * 1000, 1),
            stanza=stanza,
            client=visit.client,
            credentials=_credentials(visit.grant),
            reason=reason,
        )

    def counts(self) -> dict[tuple[str, ...], int]:
        """Return the number of requests by route and status."""
        return {
            (route, _shown(status)): tally.count
            for (route, status), tally in self.latencyByRoute.items()
        }

    def latencies(self) -> dict[tuple[str, ...], Histogram]:
        """Return the latencies in seconds by route."""
        routes = {route for route, _ in self.latencyByRoute}
        return {
            (route,): Histogram.merge(
                [each for (at, _), each in self.latencyByRoute.items() if at == route],
                LATENCY_BUCKETS,
            )
            for route in sorted(routes)
        }


def _shown(status: int) -> str:
    return "gone" if status == CLIENT_DISCONNECTED else str(status)


def reasonOf(problem: Problem) -> str:
    """
    Return the reason of a refusal as one line for the log. Quoted texts are left out,
    since they may come from the body.
    """
    text = " ".join(_QUOTED.sub("'…'", problem.text).split())
    return f"{problem.condition} ({text})"


def _clientOf(request: Request) -> str:
    """Return the address of the client, or of the last proxy before the gateway."""
    address = request.getClientAddress()
    return getattr(address, "host", None) or "a Unix socket"


def _credentials(grant: Grant | None) -> str:
    """Return the name of the token or the hook, or what else was given."""
    if grant is None or grant is NO_ACCESS:
        return "no valid credentials"
    return grant.label
