"""
The other ends, in memory: an HTTP server that answers when the test says so, and a
callback without any HTTP.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IProtocol
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.web.iweb import IPolicyForHTTPS
from twisted.words.xish.domish import Element
from zope.interface import implementer

from tests.doubles import HeldTransport
from xmpprest.core.errors import Refusal
from xmpprest.core.rules import Answer


@dataclass(frozen=True)
class HTTPRequest:
    """
    What came to an HTTP server.

    @ivar fields: Names, in lower case, and values of the header, in their order.
    """

    method: str
    target: str
    fields: list[tuple[str, str]]
    body: bytes

    def __getitem__(self, name: str) -> str:
        """The only value of a header field."""
        (only,) = [value for key, value in self.fields if key == name.lower()]
        return only

    def __contains__(self, name: str) -> bool:
        return any(key == name.lower() for key, _ in self.fields)


class _Wire(HeldTransport):
    """
    A transport that tells its protocol that it is closed, as real ones do: later.
    """

    def __init__(self, reactor: MemoryReactorClock, protocol: IProtocol) -> None:
        super().__init__()
        self._reactor = reactor
        self._protocol = protocol
        self.lingers = False

    def loseConnection(self) -> None:
        """Close, unless the other side draws it out."""
        super().loseConnection()
        if not self.lingers:
            self._reactor.callLater(0, self.lose, ConnectionDone())

    def abortConnection(self) -> None:
        """Close at once."""
        super().abortConnection()
        self._reactor.callLater(0, self.lose, ConnectionAborted())

    def lose(self, reason: Exception) -> None:
        """The connection is gone."""
        if self.connected:
            self.connected = False
            self._protocol.connectionLost(Failure(reason))


class HeldConnection:
    """
    The HTTP server's end of one connection.
    """

    def __init__(self, reactor: MemoryReactorClock, protocol: IProtocol) -> None:
        self.transport = _Wire(reactor, protocol)
        self._reactor = reactor
        self._protocol = protocol
        protocol.makeConnection(self.transport)

    @property
    def isOpen(self) -> bool:
        """Whether neither side has closed it."""
        return self.transport.connected

    def requests(self) -> list[HTTPRequest]:
        """What has come since the last time, all of it complete."""
        data, found = self.transport.taken(), []
        while data:
            head, separator, data = data.partition(b"\r\n\r\n")
            assert separator, "a head that does not end"
            first, *lines = head.decode("ascii").split("\r\n")
            match = re.fullmatch(r"([A-Z]+) ([!-~]+) HTTP/1\.1", first)
            assert match is not None, first
            fields = []
            for line in lines:
                name, _, value = line.partition(": ")
                fields.append((name.lower(), value))
            size = int(dict(fields).get("content-length", 0))
            assert len(data) >= size, "a body that is cut off"
            found.append(HTTPRequest(match[1], match[2], fields, data[:size]))
            data = data[size:]
        return found

    def request(self) -> HTTPRequest:
        """The one request that has come since the last time."""
        (only,) = self.requests()
        return only

    def send(self, data: bytes) -> None:
        """Write to the client, as long as it listens."""
        if self.isOpen and not self.transport.disconnected:
            self._protocol.dataReceived(data)

    def answer(
        self, status: int = 200, body: bytes = b"", contentType: str = "text/plain"
    ) -> None:
        """Write a plain answer."""
        self.send(
            f"HTTP/1.1 {status} So\r\nContent-Length: {len(body)}\r\n"
            f"Content-Type: {contentType}\r\n\r\n".encode()
            + body
        )

    def close(self) -> None:
        """Close it in good order."""
        self.transport.lose(ConnectionDone())

    def reset(self) -> None:
        """Close it in bad order."""
        self.transport.lose(ConnectionLost())


class HeldHTTPServer:
    """
    An HTTP server; the test says what becomes of each attempt to connect to it.

    @ivar connections: All that were ever accepted, in their order.
    """

    def __init__(self, reactor: MemoryReactorClock) -> None:
        self._reactor = reactor
        self._seen = 0
        self.connections: list[HeldConnection] = []

    @property
    def attempts(self) -> int:
        """How many attempts nobody has decided yet."""
        return len(self._reactor.tcpClients) - self._seen

    def accept(self) -> HeldConnection:
        """Let the oldest attempt succeed."""
        factory = self._next()[2]
        protocol = factory.buildProtocol(None)
        connection = HeldConnection(self._reactor, protocol)
        self.connections.append(connection)
        return connection

    def refuse(self, reason: Exception) -> None:
        """Let the oldest attempt fail."""
        number = self._seen
        factory = self._next()[2]
        connector = self._reactor.connectors[number]
        factory.clientConnectionFailed(connector, Failure(reason))

    def isGivenUp(self) -> bool:
        """Whether the client has given up the oldest attempt."""
        given: bool = self._reactor.connectors[self._seen].stoppedConnecting
        return given

    def openConnections(self) -> int:
        """How many connections are open."""
        return sum(connection.isOpen for connection in self.connections)

    def _next(self) -> Any:  # MemoryReactor's own tuple
        attempt = self._reactor.tcpClients[self._seen]
        self._seen += 1
        return attempt


@implementer(IPolicyForHTTPS)
class NoTLS:
    """For tests that have no TLS in them."""

    def creatorForNetloc(
        self, hostname: bytes, port: int
    ) -> IOpenSSLClientConnectionCreator:
        """Nobody should ask."""
        raise NotImplementedError


@dataclass
class HeldPost:
    """A stanza that waits for the callback to answer."""

    stanza: Element
    said: Deferred[Answer]


@dataclass
class HeldCallback:
    """
    A callback that answers when the test says so.

    @ivar posts: All that was ever posted.
    @ivar cancelled: What was cancelled of it, in that order.
    """

    posts: list[HeldPost] = field(default_factory=list)
    cancelled: list[Element] = field(default_factory=list)

    async def post(self, stanza: Element) -> Answer:
        """Keep a stanza."""
        post = HeldPost(stanza, Deferred(lambda _: self.cancelled.append(stanza)))
        self.posts.append(post)
        return await post.said


@dataclass
class HeldStream:
    """
    A stream that keeps what is written to it.

    @ivar problem: What is raised instead, once for each, as long as there is any.
    """

    sent: list[Element] = field(default_factory=list)
    problems: list[Refusal | Exception] = field(default_factory=list)

    def send(self, stanza: Element) -> None:
        """Keep a stanza."""
        if self.problems:
            raise self.problems.pop(0)
        self.sent.append(stanza)
