"""The metrics, for those who collect them: C{/metrics}."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.web.server import Request

from ...core.policy.authentication import Authenticator
from ..response import Response
from ..server.request import authorizationOf
from .resource import GetResource


class Metrics(Protocol):
    """What has been measured."""

    async def render(self) -> tuple[str, bytes]:
        """All of it: the media type, and the text."""


#: Raises L{Refusal} for a request that may not see them.
Guard = Callable[[Request], object]


def allowAnyone(request: Request) -> None:
    """Let anybody see; where only those can ask who may."""


def requirePermission(authenticator: Authenticator, right: str) -> Guard:
    """Let those see who have a token with a right to."""

    def check(request: Request) -> None:
        authenticator.authenticate(authorizationOf(request)).requirePermission(right)

    return check


class MetricsResource(GetResource):
    """
    Shows what has been measured; to be mounted at any path.
    """

    def __init__(self, metrics: Metrics, guard: Guard) -> None:
        super().__init__()
        self._metrics = metrics
        self._guard = guard

    async def respond(self, request: Request) -> Response:
        """Show it."""
        self._guard(request)
        contentType, text = await self._metrics.render()
        return Response(200, text, contentType)
