"""
Serves a resource to clients that are not to be trusted, over L{channels
<xmpprest.web.server.channel.GatewayChannel>} with limits.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from ...core.errors import Problem
from ..response import problemResponse, write
from .channel import IDLE_TIMEOUT, GatewayChannel
from .request import GatewayRequest

#: Seconds that answers may take to be written when the gateway stops.
DRAIN_TIMEOUT = 5.0


class GatewaySite(Site):
    """
    A site for the gateway.

    @ivar bodyLimit: How long a body may be, in bytes.
    @ivar streamed: The paths where a body that is posted is read while it comes, and
        may be of any length.
    """

    requestFactory = GatewayRequest

    def __init__(
        self,
        resource: IResource,
        bodyLimit: int,
        reactor: IReactorTime,
        streamed: Collection[bytes] = (),
    ) -> None:
        super().__init__(
            resource,
            timeout=IDLE_TIMEOUT,
            reactor=reactor,
            parsePOSTFormSubmission=False,
        )
        self.noisy = False
        self.bodyLimit = bodyLimit
        self.streamed = frozenset(streamed)
        self.protocol = GatewayChannel  # type: ignore[assignment]  # no HTTP/2
        self.channels: set[GatewayChannel] = set()
        self._drains: list[Deferred[None]] = []

    @classmethod
    def forGateway(
        cls,
        resource: IResource,
        bodyLimit: int,
        reactor: IReactorTime,
        beside: Mapping[str, IResource] | None = None,
        streamed: Collection[str] = (),
    ) -> GatewaySite:
        """
        A site that has a resource at C{/rest}, and little else.

        @param beside: What that is, by its name in the path.
        @param streamed: Where bodies are read while they come, below C{/rest}.
        """
        root = makeRoot({"rest": resource, **(beside or {})})
        paths = [f"/rest/{path}".encode() for path in streamed]
        return cls(root, bodyLimit, reactor, paths)

    def drain(self) -> Deferred[None]:
        """
        Close every connection, once its request is answered.

        @return: Fires when all are closed, or after L{DRAIN_TIMEOUT}.
        """
        drained: Deferred[None] = Deferred()
        timer = self.reactor.callLater(DRAIN_TIMEOUT, drained.callback, None)
        drained.addBoth(lambda _: timer.cancel() if timer.active() else None)
        self._drains.append(drained)
        for channel in list(self.channels):
            channel.drain()
        self._checkDrained()
        return drained

    def channelClosed(self, channel: GatewayChannel) -> None:
        """A connection is closed."""
        self.channels.discard(channel)
        self._checkDrained()

    def _checkDrained(self) -> None:
        if not self.channels:
            drains, self._drains = self._drains, []
            for drained in drains:
                if not drained.called:
                    drained.callback(None)

    def acceptableProtocols(self) -> list[bytes]:
        """What TLS may agree on (RFC 7301): not HTTP/2, which has no limits here."""
        return [b"http/1.1"]

    def log(self, request: object) -> None:
        """No line per request: that is what a proxy in front is for."""


def makeRoot(resources: Mapping[str, IResource]) -> Resource:
    """The root of a site that has these, by name, and nothing else."""
    root = _Nothing()
    for name, resource in resources.items():
        root.putChild(name.encode(), resource)
    return root


class _Nothing(Resource):
    """
    What is beside the gateway.
    """

    def getChild(self, path: bytes, request: Request) -> Resource:
        """There is nothing below nothing."""
        return self

    def render(self, request: Request) -> int:
        """Say so: 404."""
        text = "There is nothing at this path; the gateway is at /rest."
        problem = Problem(404, "cancel", "unsupported-feature", text)
        write(problemResponse(problem, request), request)
        return NOT_DONE_YET
