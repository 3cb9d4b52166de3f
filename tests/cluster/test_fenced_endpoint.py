"""Tests for L{xmpprest.cluster.fenced_endpoint}."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectError, ConnectionDone
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from xmpprest.cluster.fenced_endpoint import FencedEndpoint


class Transport(StringTransport):
    """A transport that notes that it was aborted."""

    isAborted = False

    def abortConnection(self) -> None:
        """Note it."""
        self.isAborted = True


class Client(Protocol):
    """A protocol that keeps what arrives."""

    def __init__(self) -> None:
        self.received = b""

    def dataReceived(self, data: bytes) -> None:
        """Keep it."""
        self.received += data


@implementer(IStreamClientEndpoint)
class Endpoint:
    """An endpoint that connects at once."""

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect to a transport in memory."""
        self.transport = Transport()
        made = factory.buildProtocol(self.transport.getPeer())
        assert made is not None
        self.outer: IProtocol = made
        made.makeConnection(self.transport)
        return succeed(made)


class FencedEndpointTests(SynchronousTestCase):
    """
    Connections of an instance that may lose its lease.
    """

    def setUp(self) -> None:
        self.isValid = True
        self.inner = Endpoint()
        self.endpoint = FencedEndpoint(self.inner, lambda: self.isValid)

    def connect(self) -> Client:
        """Connect."""
        factory = Factory.forProtocol(Client)
        client = self.successResultOf(self.endpoint.connect(factory))
        assert isinstance(client, Client)
        return client

    def test_passes(self) -> None:
        """With the lease, everything passes in both directions."""
        client = self.connect()
        client.transport.write(b"<a/>")  # type: ignore[union-attr]
        client.transport.writeSequence([b"<b/>", b"<c/>"])  # type: ignore[union-attr]
        self.inner.outer.dataReceived(b"<d/>")
        self.assertEqual(self.inner.transport.value(), b"<a/><b/><c/>")
        self.assertEqual(client.received, b"<d/>")
        self.assertFalse(self.inner.transport.isAborted)

    def test_write(self) -> None:
        """Without it, nothing is written, and the connection is aborted."""
        client = self.connect()
        self.isValid = False
        client.transport.write(b"<a/>")  # type: ignore[union-attr]
        self.assertEqual(self.inner.transport.value(), b"")
        self.assertTrue(self.inner.transport.isAborted)

    def test_read(self) -> None:
        """Without it, nothing that arrives is handled."""
        client = self.connect()
        self.isValid = False
        self.inner.outer.dataReceived(b"<a/>")
        self.assertEqual(client.received, b"")
        self.assertTrue(self.inner.transport.isAborted)

    def test_connect(self) -> None:
        """Without it, no connection is made."""
        self.isValid = False
        factory = Factory.forProtocol(Client)
        self.failureResultOf(self.endpoint.connect(factory), ConnectError)

    def test_abort(self) -> None:
        """All connections can be aborted; those that have ended are forgotten."""
        self.connect()
        first = self.inner.transport
        self.inner.outer.connectionLost(Failure(ConnectionDone()))
        self.connect()
        self.endpoint.abort()
        self.assertFalse(first.isAborted)
        self.assertTrue(self.inner.transport.isAborted)
