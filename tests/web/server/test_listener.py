"""Tests of L{xmpprest.web.server.listener}: an endpoint by its description."""

from __future__ import annotations

import errno
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocolFactory,
    IStreamServerEndpoint,
)
from twisted.internet.protocol import ServerFactory
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs
from twisted.python.failure import Failure
from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from zope.interface import implementer

from xmpprest.web.server.certificates import checkCertificates
from xmpprest.web.server.listener import Listener, serverEndpoint
from xmpprest.web.server.site import GatewaySite

from ...support.doubles import HTTPClient, live, said

HTTP = "tcp:8080:interface=127.0.0.1"


class BusyReactor(MemoryReactorClock):
    """A reactor whose ports are all taken."""

    def listenTCP(
        self,
        port: int,
        factory: IProtocolFactory,
        backlog: int = 50,
        interface: str = "",
    ) -> IListeningPort:
        """Refuse."""
        error = OSError(errno.EADDRINUSE, "Address already in use")
        raise CannotListenError(interface, port, error)


@implementer(IListeningPort)
class HeldPort:
    """A port that can be opened and closed."""

    open = True
    isPaused = False

    def pauseProducing(self) -> None:
        """Accept no more connections."""
        self.isPaused = True

    def resumeProducing(self) -> None:
        """Accept connections again."""
        self.isPaused = False

    def startListening(self) -> None:
        """Do nothing: the port is open."""

    def stopListening(self) -> Deferred[None]:
        """Close it."""
        self.open = False
        return succeed(None)

    def getHost(self) -> IPv4Address:
        """Some address."""
        return IPv4Address("TCP", "127.0.0.1", 8080)


@implementer(IStreamServerEndpoint)
class HeldServerEndpoint:
    """An endpoint that takes its time."""

    def __init__(self) -> None:
        self.cancelled = False
        self.listening: Deferred[IListeningPort] = Deferred(self._cancel)

    def _cancel(self, listening: Deferred[IListeningPort]) -> None:
        self.cancelled = True

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Promise a port."""
        return self.listening


class ListenerTests(SynchronousTestCase):
    """Starting and stopping."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.factory: Any = ServerFactory()

    def test_listens(self) -> None:
        """A started listener listens at its endpoint, and logs that."""
        listener = Listener(HTTP, self.factory, self.reactor)
        self.assertEqual(self.reactor.tcpServers, [])
        with capturedLogs() as events:
            listener.startService()
        ((port, _, _, interface),) = self.reactor.tcpServers
        self.assertEqual((port, interface), (8080, "127.0.0.1"))
        self.assertEqual(listener.address.port, 8080)
        (line,) = said(events)
        self.assertIn("8080", line)

    def test_privileged(self) -> None:
        """The port is opened while the process has its privileges, and only once."""
        listener = Listener(HTTP, self.factory, self.reactor)
        listener.privilegedStartService()
        self.assertEqual(len(self.reactor.tcpServers), 1)
        listener.startService()
        self.assertEqual(len(self.reactor.tcpServers), 1)

    def test_stop(self) -> None:
        """A listener that was stopped can be started again."""
        listener = Listener(HTTP, self.factory, self.reactor)
        for count in (1, 2):
            listener.startService()
            self.assertEqual(len(self.reactor.tcpServers), count)
            listener.stopService()
            self.assertFalse(listener.running)

    def test_neverStarted(self) -> None:
        """One that was never started can be stopped."""
        listener = Listener(HTTP, self.factory, self.reactor)
        self.assertIs(listener.stopService(), None)

    def test_busy(self) -> None:
        """If it cannot listen, the process ends with one sentence."""
        listener = Listener(HTTP, self.factory, BusyReactor())
        with self.assertRaises(SystemExit) as raised:
            listener.startService()
        self.assertEqual(
            str(raised.exception),
            f"xmpprest: cannot listen on {HTTP}:"
            " another program uses this address; stop it, or give another --listen.",
        )
        # As such twistd takes it, and says so, in the background.
        self.assertIsInstance(raised.exception, Exception)

    def test_address(self) -> None:
        """The log names the address as host and port."""
        listener = Listener(HTTP, self.factory, self.reactor)
        with capturedLogs() as logs:
            listener.startService()
        self.assertRegex(said(logs)[-1], r"^Listening for HTTP on [0-9.]+ port \d+\.$")

    def test_certificates(self) -> None:
        """
        With TLS the log speaks of HTTPS; it warns once if there is no certificate, and
        says what is expected.
        """
        directory = FilePath(self.mktemp())
        pem = directory.child("site.pem")
        description = f"tls:{directory.path}:8443:interface=127.0.0.1"
        for prepare in (lambda: None, directory.makedirs, pem.touch):
            prepare()
            with capturedLogs() as logs:
                Listener(description, self.factory, self.reactor).startService()
            listening, warning = said(logs)
            self.assertTrue(listening.startswith("Listening for HTTPS on "), listening)
            self.assertIn("Every TLS connection to ", warning)
            self.assertIn(f" in {directory.path}: expected *.pem files", warning)
        pem.setContent(b"-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----")
        checkCertificates(description)

    def held(self) -> tuple[Listener, HeldServerEndpoint]:
        """A listener on an endpoint that takes its time, started."""
        endpoint = HeldServerEndpoint()
        listener = Listener(HTTP, self.factory, self.reactor)
        # No endpoint of Twisted's own does, but those of others.
        listener._endpoint = endpoint
        listener.startService()
        return listener, endpoint

    def test_later(self) -> None:
        """An endpoint may need time to open; then its port is closed at the end."""
        listener, endpoint = self.held()
        port = HeldPort()
        endpoint.listening.callback(port)
        self.assertEqual(listener.address.port, 8080)
        stopping = listener.stopService()
        assert stopping is not None
        self.successResultOf(stopping)
        self.assertFalse(port.open)

    def test_full(self) -> None:
        """The port accepts no more connections than its site may have."""
        self.factory = GatewaySite(Resource(), live(), self.reactor, connectionLimit=1)
        _, endpoint = self.held()
        port = HeldPort()
        endpoint.listening.callback(port)
        client = HTTPClient(self.factory)
        self.assertTrue(port.isPaused)
        client.leave()
        self.assertFalse(port.isPaused)

    def test_failsLater(self) -> None:
        """If it fails when nobody asks any more, the log has it."""
        _, endpoint = self.held()
        with capturedLogs() as events:
            endpoint.listening.errback(Failure(OSError("no such device")))
        (line,) = said(events)
        self.assertIn("no such device", line)

    def test_stopWhileOpening(self) -> None:
        """A port that is not open yet never opens, without a word."""
        listener, endpoint = self.held()
        with capturedLogs() as events:
            listener.stopService()
        self.assertTrue(endpoint.cancelled)
        self.assertEqual(said(events), [])


class ServerEndpointTests(SynchronousTestCase):
    """Descriptions that are none."""

    def test_bad(self) -> None:
        """The message names the setting, what it is, and what was expected."""
        for description in (
            "",
            "tcp",
            "tcp:http",
            "nonsense:8080",
            "tcp:8080:what=1",
            "ssl:8443:privateKey=/no/such/file",
        ):
            with self.assertRaises(ValueError) as raised:
                serverEndpoint(description, MemoryReactorClock())
            message = str(raised.exception)
            self.assertIn(f"listen is {description!r}", message)
            self.assertIn("tcp:8080:interface=127.0.0.1", message)
