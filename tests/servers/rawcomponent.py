"""
An external component (XEP-0114) that says exactly what a test wants it to.
"""

from __future__ import annotations

from hashlib import sha1
from xml.sax.saxutils import quoteattr

from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    connectProtocol,
    wrapClientTLS,
)
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from tests.servers.peer import Peer
from tests.servers.splitter import StreamSplitter


class RawComponent(Peer, Protocol):
    """
    A component that checks nothing it sends and answers nothing it receives.
    """

    def __init__(self, domain: str, secret: str) -> None:
        super().__init__()
        self.domain = domain
        self._wire = b""
        self._secret = secret
        self._syncTarget = self._syncSender = domain
        self._splitter = StreamSplitter()

    @property
    def text(self) -> str:
        """
        Everything received, as it came.
        """
        return self._wire.decode(errors="replace")

    @classmethod
    async def connect(
        cls,
        port: int,
        domain: str,
        secret: str,
        *,
        tls: IOpenSSLClientConnectionCreator | None = None,
        timeout: float = 10,
    ) -> RawComponent:
        """
        Connect and authenticate.

        @param port: the server's component port on the loopback interface.
        @raise PeerLost: the server refused; the message has what it said.
        """
        from twisted.internet import reactor

        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        self = cls(domain, secret)
        await connectProtocol(
            endpoint if tls is None else wrapClientTLS(tls, endpoint), self
        )
        try:
            await self.expect(lambda it: it.kind == "handshake", timeout=timeout)
        except BaseException:
            await self.abort()
            raise
        return self

    def send(self, xml: str) -> None:
        assert self.transport is not None
        self.transport.write(xml.encode())

    async def close(self, timeout: float = 10) -> None:
        """
        Close the stream and the connection, and wait for its end.
        """
        if not self._end.happened:
            self.send("</stream:stream>")
            assert self.transport is not None
            self.transport.loseConnection()
        await self.ended(timeout)

    async def abort(self) -> None:
        """
        Break the connection without a word, and wait for its end.
        """
        if not self._end.happened:
            assert self.transport is not None
            self.transport.abortConnection()  # type: ignore[attr-defined]
        await self.ended()

    # Protocol

    def connectionMade(self) -> None:
        self.send(
            "<stream:stream xmlns='jabber:component:accept'"
            " xmlns:stream='http://etherx.jabber.org/streams'"
            f" to={quoteattr(self.domain)}>"
        )

    def dataReceived(self, data: bytes) -> None:
        self._wire += data
        greeted = self._splitter.attributes is not None
        stanzas = self._splitter.feed(data)
        attributes = self._splitter.attributes
        if attributes is not None and not greeted:
            proof = sha1((attributes.get("id", "") + self._secret).encode())
            self.send(f"<handshake>{proof.hexdigest()}</handshake>")
        for stanza in stanzas:
            self._deliver(stanza)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._connectionEnded(
            f"{self.domain}: {reason.getErrorMessage()}; the server's last words:"
            f" {self.text[-500:]!r}"
        )
