"""
A callback on a real socket, as bad as a test wants it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import ITransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from twisted.web.http_headers import Headers

from xmpprest.core.webhook.errors import DeliveryError
from xmpprest.webhook.http_client import BoundedClient, HTTPResponse

if TYPE_CHECKING:
    from tests.support.server_certificates import Certificate

#: Answers one request.
Behaviour = Callable[[ITransport, bytes], None]


def friendly(transport: ITransport, request: bytes) -> None:
    """Answer as one should."""
    transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


class _BareServer(Protocol):
    """
    Reads requests, and leaves the rest to the test.
    """

    factory: BareFactory

    def __init__(self, behave: Behaviour) -> None:
        self._behave = behave
        self._data = b""

    def connectionMade(self) -> None:
        """One more."""
        self.factory.connections += 1
        self.factory.open += 1
        self.factory.most = max(self.factory.most, self.factory.open)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """One less."""
        self.factory.open -= 1

    def dataReceived(self, data: bytes) -> None:
        """A part of a request, or more than one."""
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = self._data[:end].lower()
            _, found, length = head.partition(b"content-length: ")
            size = end + 4 + (int(length.split(b"\r\n")[0]) if found else 0)
            if len(self._data) < size:
                return
            request, self._data = self._data[:size], self._data[size:]
            assert self.transport is not None
            self._behave(self.transport, request)


class BareFactory(Factory):
    """
    Counts connections.

    @ivar connections: How many there ever were.
    @ivar open: How many there are.
    @ivar most: How many those were at most.
    """

    noisy = False

    def __init__(self, behave: Behaviour) -> None:
        self.behave = behave
        self.connections = self.open = self.most = 0

    def buildProtocol(self, addr: object) -> Protocol:
        """Serve one."""
        server = _BareServer(self.behave)
        server.factory = self
        return server


class LoopbackTestCase(TestCase):
    """
    A test with a server on a real socket.

    @ivar factory: Of the server that was started last.
    """

    timeout = 180
    factory: BareFactory

    async def listen(
        self,
        behave: Behaviour = friendly,
        certificate: Certificate | None = None,
        interface: str = "127.0.0.1",
    ) -> int:
        """Start a server; its port."""
        address = interface.replace(":", "\\:")
        description = f"tcp:0:interface={address}"
        if certificate is not None:
            description = (
                f"ssl:0:interface={address}:privateKey={certificate.keyFile}"
                f":certKey={certificate.certificateFile}"
            )
        self.factory = BareFactory(behave)
        return await self.serve(self.factory, description)

    async def serve(
        self, factory: Factory, description: str = "tcp:0:interface=127.0.0.1"
    ) -> int:
        """Start any server; its port."""
        from twisted.internet import reactor

        port = await serverFromString(reactor, description).listen(factory)
        self.addCleanup(port.stopListening)
        number: int = port.getHost().port
        return number

    async def ask(
        self, client: BoundedClient, url: str, body: bytes = b"hello"
    ) -> HTTPResponse:
        """Send a request."""
        return await client.request(b"POST", url.encode(), Headers(), body)

    async def reason(self, client: BoundedClient, url: str) -> str:
        """Why a request gets no answer."""
        try:
            answer = await self.ask(client, url)
        except DeliveryError as reason:
            return str(reason)
        raise AssertionError(f"It was answered with {answer}.")
