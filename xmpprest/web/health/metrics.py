"""C{/metrics}: the metrics for Prometheus."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.web.server import Request

from ...core.policy.authentication import Authenticator
from ..response import Response
from ..server.request import authorizationOf
from .resource import GetResource


class Metrics(Protocol):
    """
    The source of the metrics.
    """

    async def render(self) -> tuple[str, bytes]:
        """Return the media type and the text of all metrics."""


#: Raises L{Refusal} for a request that may not read the metrics.
Guard = Callable[[Request], object]


def allowAnyone(request: Request) -> None:
    """Allow every request, on a port that only operators can reach."""


def requirePermission(authenticator: Authenticator, right: str) -> Guard:
    """Return a guard that requires a token with a permission."""

    def check(request: Request) -> None:
        authenticator.authenticate(authorizationOf(request)).requirePermission(right)

    return check


class MetricsResource(GetResource):
    """
    The metrics, to be mounted at any path.
    """

    def __init__(self, metrics: Metrics, guard: Guard) -> None:
        super().__init__()
        self._metrics = metrics
        self._guard = guard

    async def respond(self, request: Request) -> Response:
        """Return the metrics."""
        self._guard(request)
        contentType, text = await self._metrics.render()
        return Response(200, text, contentType)
