"""Serves resources to clients that are not trusted, on connections with limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.logger import Logger
from twisted.web.resource import IResource, Resource, getChildForRequest
from twisted.web.server import NOT_DONE_YET, Request, Site
from zope.interface import implementer

from ...core.errors import Problem
from ...core.live import Live, LiveSettings
from ...core.policy.quota import Quota
from ..access_log import HEADER as REQUEST_ID
from ..access_log import AccessLog
from ..landing import landingPage, wantsPage
from .channel import IDLE_TIMEOUT, GatewayChannel
from .request import GatewayRequest, IHeadResource
from .write import problemResponse, write

_log = Logger()

#: Seconds that responses may take to be written when the gateway stops.
DRAIN_TIMEOUT = 5.0
#: How many connections may be accepted beyond the limit: a port accepts several before
#: it can be paused.
SLACK = 128


class Pausable(Protocol):
    """A listening port that can stop to accept connections."""

    def pauseProducing(self) -> None:
        """Leave new connections to the operating system's queue."""

    def resumeProducing(self) -> None:
        """Accept connections again."""


class GatewaySite(Site):
    """
    A site for the gateway.

    """

    requestFactory = GatewayRequest

    def __init__(
        self,
        resource: IResource,
        settings: Live[LiveSettings],
        reactor: IReactorTime,
        *,
        visits: AccessLog | None = None,
        connectionLimit: int | None = None,
    ) -> None:
        """
        @param connectionLimit: How many connections may be open; C{None} for as many as
            the settings allow. Further ones wait until others are closed.
        @param visits: Counts the requests that no resource sees, because they cannot
            be read.
        """
        super().__init__(
            resource,
            timeout=IDLE_TIMEOUT,
            reactor=reactor,
            parsePOSTFormSubmission=False,
        )
        self.noisy = False
        self._settings = settings
        self.protocol = GatewayChannel  # type: ignore[assignment]  # no HTTP/2
        self.channels: set[GatewayChannel] = set()
        #: The bodies that arrive, to be read as a whole.
        self.arriving: Quota[str] = Quota()
        self._visits = visits or AccessLog(settings)
        self._connectionLimit = connectionLimit
        self._ports: list[Pausable] = []
        self._isFull = False
        self._drains: list[Deferred[None]] = []

    @property
    def bodyLimit(self) -> int:
        """The longest body in bytes that is read before the resource is asked."""
        return self._settings.value.stanzaSizeLimit

    @property
    def connectionLimit(self) -> int:
        """The number of connections that may be open."""
        if self._connectionLimit is not None:
            return self._connectionLimit
        return self._settings.value.connectionLimit

    # --- requests ---

    def refuse(self, request: GatewayRequest, problem: Problem) -> None:
        """Answer a request that no resource sees, and count it."""
        context = self._visits.begin(request)
        common = ((REQUEST_ID, context.id),)
        write(problemResponse(problem, request), request, common)
        self._visits.end(context, request)

    def getResourceFor(self, request: Request) -> IResource:
        """Find the resource of a request, for less than L{Site}'s own method."""
        request.site = self
        request.sitepath = []  # type: ignore[attr-defined]  # as Site does
        resource: IResource = getChildForRequest(self.resource, request)
        return resource

    def log(self, request: object) -> None:
        """Write no line for each request: the resource or a proxy does that."""

    # --- connections ---

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """
        Accept a connection.

        @return: Its channel; C{None}, which closes it, if there are too many.
        """
        if len(self.channels) >= self.connectionLimit + SLACK:
            return None
        return super().buildProtocol(addr)

    def acceptableProtocols(self) -> list[bytes]:
        """Return what TLS may agree on (RFC 7301): no HTTP/2, which has no limits."""
        return [b"http/1.1"]

    def listensOn(self, port: Pausable) -> None:
        """Pause a port whenever there are too many connections."""
        self._ports.append(port)

    def channelOpened(self, channel: GatewayChannel) -> None:
        """Add a connection."""
        self.channels.add(channel)
        if len(self.channels) >= self.connectionLimit and not self._isFull:
            self._isFull = True
            _log.warn(
                "{count} HTTP connections are open, as many as the limit of open files"
                " allows; new ones wait. Raise LimitNOFILE (systemd) or ulimit -n.",
                count=len(self.channels),
            )
            for port in self._ports:
                port.pauseProducing()

    def channelClosed(self, channel: GatewayChannel) -> None:
        """Remove a connection."""
        self.channels.discard(channel)
        # Not at the next one: the log would have a line for each.
        if self._isFull and len(self.channels) <= self.connectionLimit * 9 // 10:
            self._isFull = False
            for port in self._ports:
                port.resumeProducing()
        self._checkDrained()

    # --- the end ---

    def drain(self) -> Deferred[None]:
        """
        Close every connection, after the response to its request.

        @return: Fires when all are closed, or after L{DRAIN_TIMEOUT}.
        """
        drained: Deferred[None] = Deferred()
        timer = self.reactor.callLater(DRAIN_TIMEOUT, drained.callback, None)
        drained.addBoth(lambda _: timer.cancel() if timer.active() else None)
        self._drains.append(drained)
        self._ports.clear()
        for channel in list(self.channels):
            channel.drain()
        self._checkDrained()
        return drained

    def _checkDrained(self) -> None:
        if not self.channels:
            drains, self._drains = self._drains, []
            for drained in drains:
                if not drained.called:
                    drained.callback(None)


def makeRoot(resources: Mapping[str, IResource]) -> Resource:
    """Make the root of a site that has these resources, by name, and no others."""
    root = _Nothing()
    for name, resource in resources.items():
        root.putChild(name.encode(), resource)
    return root


@implementer(IHeadResource)
class _Nothing(Resource):
    """
    Answers every other path.
    """

    def getChild(self, path: bytes, request: Request) -> Resource:
        """
        Return this resource for C{/}, and one without its children for other paths.
        """
        return _Nothing() if path or request.postpath else self

    def render(self, request: Request) -> int:
        """Answer 404; at the root, a page with links if a browser asks."""
        isRoot = b"rest" in self.children and not any(request.prepath or ())
        if isRoot and wantsPage(request):
            write(landingPage("rest/"), request)
            return NOT_DONE_YET
        text = "There is nothing at this path; the gateway is at /rest."
        problem = Problem(404, "cancel", "unsupported-feature", text)
        write(problemResponse(problem, request), request)
        return NOT_DONE_YET
