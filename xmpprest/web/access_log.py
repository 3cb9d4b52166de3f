"""Request ids, the access log, and request metrics by route."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from itertools import count
from time import perf_counter

from twisted.logger import Logger
from twisted.web.server import Request

from ..core.histogram import LATENCY_BUCKETS, Histogram
from ..core.live import Live, LiveSettings
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


_LINE = "Request {request}: {method} {route}, {status} in {milliseconds} ms"


class RequestContext:
    """
    A request in progress.

    @ivar id: The request id, from the client or a proxy, or made here.
    @ivar route: The template of the path.
    @ivar headers: The header fields that the response gets.
    """

    __slots__ = ("began", "headers", "id", "route")

    def __init__(self, id: str) -> None:
        self.id = id
        self.route = UNROUTED
        self.headers: Iterable[tuple[str, str]] = ()
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
        if given is not None and _NAME.fullmatch(given):
            return RequestContext(given)
        return RequestContext(f"{self._prefix}-{next(self._numbers)}")

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
        _log.info(
            f"{_LINE}, stanza {{stanza}}" if stanza else _LINE,
            request=visit.id,
            method=request.method.decode("latin-1"),
            route=visit.route,
            status=_shown(status),
            milliseconds=round(seconds * 1000, 1),
            stanza=stanza,
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
