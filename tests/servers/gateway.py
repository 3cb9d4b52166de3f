"""
A gateway of our own, between a real server and a callback that a test plays.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import Deferred, DeferredQueue, succeed
from twisted.internet.task import deferLater
from twisted.logger import ILogObserver, globalLogPublisher
from twisted.web.client import Agent, HTTPConnectionPool, readBody
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site
from zope.interface import implementer

from tests.servers.case import ServerMixin
from tests.support.jumping_reactor import JumpingReactor
from tests.support.process import LOOPBACK
from xmpprest import Config, Gateway, makeGateway
from xmpprest.web.server.channel import GatewayChannel

TOKEN = "dmVyeSBzZWNyZXQgdG9rZW4K"
XML = "application/xmpp+xml"


@dataclass(frozen=True)
class Reply:
    """
    A response of the gateway.
    """

    status: int
    headers: Headers
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    @property
    def json(self) -> Any:  # JSON
        """The body's value, if it is JSON."""
        return json.loads(self.body)

    def header(self, name: str) -> str:
        """A header field's value; empty if it is not there."""
        values = self.headers.getRawHeaders(name.encode())
        return values[0].decode() if values else ""


@dataclass(frozen=True)
class Delivery:
    """
    A request of the gateway to the callback.

    @ivar respond: Gives the response.
    """

    method: str
    path: str
    headers: Headers
    body: bytes
    respond: Callable[[int, str, bytes], None]

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    @property
    def json(self) -> Any:  # JSON
        """The body's value, if it is JSON."""
        return json.loads(self.body)


@dataclass
class Callback(Resource):
    """
    A callback: it answers by C{answer}, or by the test, one at a time.

    @ivar answer: Status, content type and body for every delivery; C{None}, and
        each waits for the test to respond.
    """

    answer: Callable[[Delivery], tuple[int, str, bytes]] | None = None
    deliveries: DeferredQueue[Delivery] = field(default_factory=DeferredQueue)
    isLeaf = True

    def __post_init__(self) -> None:
        Resource.__init__(self)

    def render(self, request: Request) -> int:
        """A delivery, or the question what is wanted."""
        if request.method == b"OPTIONS":
            request.setResponseCode(405)
            request.finish()
            return NOT_DONE_YET
        assert request.content is not None

        def respond(status: int, contentType: str = "", body: bytes = b"") -> None:
            request.setResponseCode(status)
            if contentType:
                request.setHeader(b"Content-Type", contentType.encode())
            request.write(body)
            request.finish()

        delivery = Delivery(
            request.method.decode(),
            request.uri.decode(),
            request.requestHeaders,
            request.content.read(),
            respond,
        )
        if self.answer is None:
            self.deliveries.put(delivery)
        else:
            answer = self.answer(delivery)
            self.deliveries.put(delivery)
            respond(*answer)
        return NOT_DONE_YET


@implementer(IBodyProducer)
class _Body:
    """A body, chunked or not."""

    def __init__(self, body: bytes, chunked: bool) -> None:
        from twisted.web.iweb import UNKNOWN_LENGTH

        self._body = body
        self.length = UNKNOWN_LENGTH if chunked else len(body)

    def startProducing(self, consumer: Any) -> Deferred[None]:
        """Write all of it."""
        consumer.write(self._body)
        return succeed(None)

    def stopProducing(self) -> None:
        """All is written."""

    pauseProducing = resumeProducing = stopProducing


class _Ready:
    """A connection observer that fires Deferreds when the stream is up."""

    def __init__(self) -> None:
        self.waiting: list[Deferred[None]] = []

    def disconnected(self) -> None:
        """Do nothing."""

    def connected(self) -> None:
        """Fire those that wait."""
        waiting, self.waiting = self.waiting, []
        for each in waiting:
            each.callback(None)


@implementer(ILogObserver)
class Said:
    """
    The log of the gateway about its connection, as long as it is observed.

    @ivar lines: Lines without their beginnings, which are always the same.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, event: dict[str, Any]) -> None:
        """Something is logged."""
        if "what" in event:
            self.lines.append(event["what"])


class GatewayMixin(ServerMixin):
    """
    A gateway and its callback, for the time of the test.

    @ivar gateway: Connected, unless a test made it otherwise.
    @ivar callback: What stanzas are posted to.
    @ivar url: Of C{/rest}.
    @ivar said: What it has to say about its connection.
    @ivar time: The reactor of the gateway, if not the running one.
    """

    gateway: Gateway
    callback: Callback
    url: str
    time: JumpingReactor | None = None
    _pool: HTTPConnectionPool

    async def startGateway(self, **settings: Any) -> None:
        """
        Start, and wait until the gateway is connected.

        @param settings: Of L{Config}, over those that join it to the server.
        """
        self.makeGateway(**settings)
        await self.connected()

    def makeGateway(self, **settings: Any) -> None:
        """Start, and do not wait."""
        from twisted.internet import reactor

        self.callback = Callback()
        site = Site(self.callback)
        site.log = lambda request: None  # type: ignore[method-assign]
        callbackPort = self._listen(site)
        defaults: dict[str, Any] = {
            "domain": self.server.componentDomain,
            "secret": self.server.componentSecret,
            "credentials": (TOKEN,),
            "server": f"tcp:{LOOPBACK}:{self.server.componentPort}",
            "callbackURL": f"http://{LOOPBACK}:{callbackPort}/stanzas",
            "store": f"sqlite:{self.mktemp()}",
        }
        self.gateway = makeGateway(
            Config(**{**defaults, **settings}), self.time or reactor
        )
        self.said = Said()
        globalLogPublisher.addObserver(self.said)
        self.addCleanup(globalLogPublisher.removeObserver, self.said)
        self._ready = _Ready()
        self.gateway.component.addObserver(self._ready)
        self.url = f"http://{LOOPBACK}:{self._listen(self.gateway.site)}/rest"
        self._pool = HTTPConnectionPool(reactor)
        self._pool.maxPersistentPerHost = 256
        self._agent = Agent(reactor, pool=self._pool)
        self.addCleanup(self._closed)
        self.addCleanup(self._pool.closeCachedConnections)
        self.gateway.service.startService()
        self.addCleanup(self.gateway.service.stopService)

    async def stopGateway(self) -> None:
        """
        Stop, and close the connections to it, so that a test may start another one.
        """
        await self.gateway.service.stopService()
        await self._pool.closeCachedConnections()

    async def becomes(self, accepted: Reply, state: str) -> None:
        """Wait until a message that was accepted has come into a state."""
        from twisted.internet import reactor

        path = accepted.header("Location").removeprefix("/rest")
        while (found := (await self.get(path)).json["state"]) != state:
            self.assertIn(found, ("queued", "sent", "confirmed"))
            await deferLater(reactor, 0.05)

    async def saidTrouble(self) -> list[str]:
        """Wait until the gateway has said what is wrong with its connection."""
        from twisted.internet import reactor

        while not self.said.lines:
            await deferLater(reactor, 0.01)
        return self.said.lines

    async def connected(self, timeout: float = 30) -> None:
        """Wait until the gateway's stream is up."""
        from twisted.internet import reactor

        if not self.gateway.component.ready:
            waiting: Deferred[None] = Deferred()
            self._ready.waiting.append(waiting)
            await waiting.addTimeout(timeout, reactor)

    async def _closed(self) -> None:
        """Wait for connections that linger, because a request was refused."""
        from twisted.internet import reactor

        until = reactor.seconds() + 10
        while reactor.seconds() < until and any(
            isinstance(getattr(reader, "protocol", None), GatewayChannel)
            for reader in reactor.getReaders()
        ):
            await deferLater(reactor, 0.01)

    def post(
        self,
        body: str | bytes,
        contentType: str = XML,
        *,
        path: str = "",
        chunked: bool = False,
        **headers: str,
    ) -> Deferred[Reply]:
        """
        Post to C{/rest}, with the right token.

        @param path: What is behind C{/rest}.
        @param headers: Others, their names with C{_} for C{-}.
        """
        data = body.encode() if isinstance(body, str) else body
        headers = {"Content_Type": contentType, **headers}
        return self._request("POST", path, headers, _Body(data, chunked))

    def get(self, path: str, **headers: str) -> Deferred[Reply]:
        """
        Get what is at a path, with the right token.

        @param path: What is behind C{/rest}, the query with it.
        @param headers: Others, their names with C{_} for C{-}.
        """
        return self._request("GET", path, headers, None)

    def putJSON(self, path: str, value: object = None) -> Deferred[Reply]:
        """Put a value as JSON, with the right token."""
        data = b"" if value is None else json.dumps(value).encode()
        headers = {"Content_Type": "application/json"}
        return self._request("PUT", path, headers, _Body(data, chunked=False))

    def deleteAt(self, path: str) -> Deferred[Reply]:
        """Delete what is at a path, with the right token."""
        return self._request("DELETE", path, {}, None)

    def _request(
        self, method: str, path: str, headers: dict[str, str], body: _Body | None
    ) -> Deferred[Reply]:
        fields = {"Authorization": f"Bearer {TOKEN}"}
        fields.update({name.replace("_", "-"): v for name, v in headers.items()})
        lines = Headers({name: [value] for name, value in fields.items()})
        uri = self.url + path
        return Deferred.fromCoroutine(
            self._exchanged(method.encode(), uri.encode(), lines, body)
        )

    async def _exchanged(
        self, method: bytes, uri: bytes, headers: Headers, body: _Body | None
    ) -> Reply:
        response = await self._agent.request(method, uri, headers, body)
        return Reply(response.code, response.headers, await readBody(response))

    async def delivered(self, timeout: float = 10) -> Delivery:
        """The next stanza that comes to the callback."""
        from twisted.internet import reactor

        got: Deferred[Delivery] = self.callback.deliveries.get()
        return await got.addTimeout(timeout, reactor)

    async def ping(self, to: str = "") -> Reply:
        """Ping the server, or another, through the gateway."""
        target = to or self.server.host
        return await self.post(
            f"<iq type='get' to='{target}'><ping xmlns='urn:xmpp:ping'/></iq>"
        )

    def _listen(self, factory: Any) -> int:
        from twisted.internet import reactor

        port = reactor.listenTCP(0, factory, interface=LOOPBACK)
        self.addCleanup(port.stopListening)
        host: Any = port.getHost()
        return int(host.port)
