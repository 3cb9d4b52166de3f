"""
The base of the operational resources (/livez, /readyz, /metrics), and /livez itself.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request
from zope.interface import implementer

from ...core.errors import Problem, Refusal
from ..response import INTERNAL_ERROR, Response, jsonResponse
from ..server.request import IHeadResource, onDisconnect
from ..server.write import problemResponse, write

_log = Logger()


@implementer(IHeadResource)
class GetResource(Resource):
    """
    A resource that answers only C{GET} and C{HEAD}, to be mounted at any path.
    """

    isLeaf = True

    @abstractmethod
    async def respond(self, request: Request) -> Response:
        """Return the response; raises L{Refusal}."""

    def render(self, request: Request) -> int:
        """Answer C{GET} and C{HEAD}."""
        looking = Deferred.fromCoroutine(self._looked(request))
        if not looking.called:
            onDisconnect(request, looking.cancel)
        looking.addErrback(_refused, request)
        looking.addCallback(write, request)
        # The client has gone away.
        looking.addErrback(lambda reason: reason.trap(CancelledError))
        return NOT_DONE_YET

    async def _looked(self, request: Request) -> Response:
        if any(request.postpath or ()):
            text = "There is nothing below this path."
            raise Refusal(Problem(404, "cancel", "unsupported-feature", text))
        if request.method not in (b"GET", b"HEAD"):
            text = "The method is not allowed here; use GET."
            allow = (("Allow", "GET, HEAD"),)
            raise Refusal(Problem(405, "cancel", "unsupported-feature", text, allow))
        return await self.respond(request)


def _refused(reason: Failure, request: Request) -> Response | Failure:
    """Turn a L{Refusal} into a response, at the outer edge."""
    if reason.check(CancelledError):
        return reason
    if reason.check(Refusal):
        return problemResponse(cast(Refusal, reason.value).problem, request)
    _log.failure(
        "The request for {path} could not be answered.", reason, path=request.path
    )
    return problemResponse(INTERNAL_ERROR, request)


class LivenessResource(GetResource):
    """
    The liveness probe (C{/livez}). A supervisor may restart the gateway if there is no
    response; nothing else that can fail is mended by a restart.
    """

    async def respond(self, request: Request) -> Response:
        """Answer that the reactor runs."""
        return jsonResponse(200, {"live": True})
