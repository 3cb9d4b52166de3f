"""Receivers: a component that is always there, and users who come when it is over."""

from __future__ import annotations

import base64
from collections.abc import Callable

from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from tests.servers.peer import Peer, PeerLost
from tests.servers.rawcomponent import RawComponent
from tests.servers.splitter import Received, StreamSplitter
from tests.support.process import LOOPBACK, ServerProcess

from .load import PAUSE, sleep

Hear = Callable[[Received], None]

_SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
_BIND = "urn:ietf:params:xml:ns:xmpp-bind"
_SESSION = "urn:ietf:params:xml:ns:xmpp-session"


class Correspondent:
    """
    The component at the other end, which connects again whenever it has lost the
    server.
    """

    def __init__(self, server: ServerProcess, hear: Hear, domain: str = "") -> None:
        """
        @param hear: Is told of each stanza.
        @param domain: The component's domain; by default C{peerDomain} of the server.
        """
        self._server = server
        self._hear = hear
        self._domain = domain or server.peerDomain
        self._stream: _Stream | None = None
        self._ended = False

    def write(self, xml: str) -> bool:
        """Send a stanza, if there is a connection; returns whether there is."""
        if self._stream is not None:
            self._stream.send(xml)
        return self._stream is not None

    def end(self) -> None:
        """Close the connection, and make no other."""
        self._ended = True
        if self._stream is not None:
            self._stream.transport.abortConnection()  # type: ignore[union-attr]

    async def run(self) -> None:
        """Be there, until it is ended."""
        while not self._ended:
            try:
                stream = await _Stream.connect(
                    self._server.componentPort,
                    self._domain,
                    self._server.componentSecret,
                )
            except (ConnectError, PeerLost, AssertionError):
                await sleep(PAUSE)
                continue
            assert isinstance(stream, _Stream)
            self._stream = stream
            stream.listen(self._hear)
            await stream.over()
            self._stream = None


class _Stream(RawComponent):
    """
    A component's stream that keeps no message, of so many.
    """

    _heard: Hear | None = None

    def listen(self, hear: Hear) -> None:
        """From now on, tell of messages."""
        self._heard = hear
        early, self._backlog = self._backlog, []
        for each in early:
            hear(each)

    async def over(self) -> None:
        """Wait for the end."""
        while not self._end.happened:
            try:
                await self.ended(3600)
            except TimeoutError:
                continue

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        self._wire = self._wire[-1000:]

    def _deliver(self, stanza: Received) -> None:
        if self._heard is None:
            super()._deliver(stanza)
        else:
            self._heard(stanza)


class Mailbox(Peer, Protocol):
    """
    A user who comes to fetch what the server has kept.
    """

    def __init__(self, user: str, password: str, host: str, hear: Hear) -> None:
        super().__init__()
        self._credentials = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        self._syncTarget = self._host = host
        self._hear = hear
        self._splitter = StreamSplitter()

    @classmethod
    async def login(
        cls, server: ServerProcess, user: str, password: str, hear: Hear
    ) -> Mailbox:
        """
        Come to a server, and be available.

        @param hear: Is told of each message.
        """
        from twisted.internet import reactor

        endpoint = TCP4ClientEndpoint(reactor, LOOPBACK, server.clientPort)
        self = cls(user, password, server.host, hear)
        await connectProtocol(endpoint, self)
        try:
            await self._login()
        except BaseException:
            await self.close()
            raise
        return self

    async def _login(self) -> None:
        await self._begin()
        auth = f"<auth xmlns='{_SASL}' mechanism='PLAIN'>{self._credentials}</auth>"
        self.send(auth)
        await self.expect("<success")
        await self._begin()
        self.send(f"<iq type='set' id='bind'><bind xmlns='{_BIND}'/></iq>")
        await self.expect("bind", _BIND)
        self.send(f"<iq type='set' id='session'><session xmlns='{_SESSION}'/></iq>")
        await self.expect("'session'")
        self.send("<presence/>")

    async def _begin(self) -> None:
        self._splitter = StreamSplitter()
        self.send(
            "<stream:stream xmlns='jabber:client' version='1.0'"
            f" xmlns:stream='http://etherx.jabber.org/streams' to='{self._host}'>"
        )
        await self.expect(lambda it: it.kind == "features")

    def send(self, xml: str) -> None:
        assert self.transport is not None
        self.transport.write(xml.encode())

    async def close(self) -> None:
        """Go."""
        if not self._end.happened:
            self.send("</stream:stream>")
            assert self.transport is not None
            self.transport.loseConnection()
        await self.ended()

    def dataReceived(self, data: bytes) -> None:
        for stanza in self._splitter.feed(data):
            if stanza.kind == "message":
                self._hear(stanza)
            else:
                self._deliver(stanza)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._connectionEnded(reason.getErrorMessage())
