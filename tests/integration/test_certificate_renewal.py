"""
Tests of L{Listener.reloadCertificates<xmpprest.web.server.listener.Listener>}: other
certificates.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from OpenSSL import crypto
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import Certificate as Trusted
from twisted.internet.ssl import optionsForClientTLS, trustRootFromCertificates
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from tests.support.server_certificates import Authority, Certificate
from xmpprest.web.server.listener import Listener


class Echo(Protocol):
    """Sends back what comes."""

    def dataReceived(self, data: bytes) -> None:
        """Send it back."""
        assert self.transport is not None
        self.transport.write(data)


@implementer(IHandshakeListener)
class Client(Protocol):
    """
    A client that has connected with TLS.
    """

    def __init__(self) -> None:
        self.serial: Deferred[int] = Deferred()
        self.heard: Deferred[bytes] = Deferred()
        self.gone: Deferred[None] = Deferred()

    def handshakeCompleted(self) -> None:
        """The server has shown a certificate."""
        transport: Any = self.transport
        shown: crypto.X509 = transport.getPeerCertificate()
        self.serial.callback(shown.get_serial_number())

    def dataReceived(self, data: bytes) -> None:
        """The server has said something."""
        self.heard.callback(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Record the end of the connection."""
        self.gone.callback(None)


class RenewalTests(TestCase):
    """
    A certificate is replaced while somebody is connected.
    """

    def setUp(self) -> None:
        """Have an authority, and a directory with a certificate of its."""
        outside = Path(self.mktemp())
        outside.mkdir()
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.authority = Authority(outside)
        self.issue()
        root = Trusted.loadPEM(self.authority.caFile.read_bytes())
        self.trust = trustRootFromCertificates([root])

    def issue(self) -> None:
        """Another certificate, in the place of the one before."""
        made: Certificate = self.authority.issue("localhost")
        for path in (made.certificateFile, made.keyFile):
            shutil.copy(path, self.directory)

    def start(self, description: str) -> Listener:
        """Listen."""
        factory = Factory.forProtocol(Echo)
        factory.noisy = False
        listener = Listener(description, factory, reactor)
        listener.startService()
        self.addCleanup(listener.stopService)
        return listener

    async def connect(self, listener: Listener) -> Client:
        """Connect a client that trusts the authority."""
        endpoint = wrapClientTLS(
            optionsForClientTLS("localhost", self.trust),
            TCP4ClientEndpoint(reactor, "127.0.0.1", listener.address.port),
        )
        client = Client()
        factory = Factory.forProtocol(lambda: client)
        factory.noisy = False
        await endpoint.connect(factory)

        def leave() -> Deferred[None]:
            assert client.transport is not None
            client.transport.loseConnection()
            return client.gone

        self.addCleanup(leave)
        return client

    async def assertRenewed(self, description: str) -> None:
        """
        Check that new clients get another certificate, and that connected ones stay.
        """
        listener = self.start(description)
        early = await self.connect(listener)
        first = await early.serial
        self.issue()
        again = await self.connect(listener)
        self.assertEqual(await again.serial, first)
        listener.reloadCertificates()()
        late = await self.connect(listener)
        self.assertNotEqual(await late.serial, first)
        for client in (early, late):
            assert client.transport is not None
            client.transport.write(b"x")
            self.assertEqual(await client.heard, b"x")

    async def test_directory(self) -> None:
        """
        A directory of PEM files, as certbot has them.
        """
        await self.assertRenewed(f"tls:{self.directory}:0:interface=127.0.0.1")

    async def test_files(self) -> None:
        """
        Two files.
        """
        await self.assertRenewed(
            f"ssl:0:interface=127.0.0.1:privateKey={self.directory}/localhost.key.pem"
            f":certKey={self.directory}/localhost.pem"
        )

    async def test_bad(self) -> None:
        """
        A file that is of no use is refused, and nothing has changed.
        """
        listener = self.start(
            f"ssl:0:interface=127.0.0.1:privateKey={self.directory}/localhost.key.pem"
            f":certKey={self.directory}/localhost.pem"
        )
        first = await (await self.connect(listener)).serial
        (self.directory / "localhost.pem").write_text("nothing")
        self.assertRaises(ValueError, listener.reloadCertificates)
        again = await self.connect(listener)
        self.assertEqual(await again.serial, first)

    def test_plain(self) -> None:
        """
        Where there is no TLS, there is nothing to do.
        """
        memory = MemoryReactorClock()
        listener = Listener("tcp:8080", Factory.forProtocol(Echo), memory)
        listener.startService()
        listener.reloadCertificates()()
        self.assertEqual(len(memory.tcpServers), 1)
