"""
An endpoint whose connections end once the instance may no longer use them.

A process that was frozen wakes up with its connections open. It must neither write what
it was about to write, nor handle what has arrived meanwhile, since another instance may
be active. So the lease is checked before each write, and before each read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
    ITCPTransport,
)
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from zope.interface import implementer


class _FencedConnection(ProtocolWrapper):
    """A connection between a protocol and its transport."""

    factory: _FencedFactory
    transport: ITCPTransport

    def _isOpen(self) -> bool:
        """Check the lease; without it, abort the connection."""
        if self.factory.isValid():
            return True
        self.transport.abortConnection()
        return False

    def dataReceived(self, data: bytes) -> None:
        """Pass on what has arrived, if the instance may still handle it."""
        if self._isOpen():
            super().dataReceived(data)

    def write(self, data: bytes) -> None:
        """Write, if the instance may still do so."""
        if self._isOpen():
            super().write(data)

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Write, if the instance may still do so."""
        self.write(b"".join(data))


class _FencedFactory(WrappingFactory):
    """
    A factory of connections.

    @ivar isValid: Returns whether they may be used.
    """

    protocol = _FencedConnection
    noisy = False

    def __init__(self, wrapped: IProtocolFactory, isValid: Callable[[], bool]) -> None:
        super().__init__(wrapped)
        self.isValid = isValid

    def abort(self) -> None:
        """Abort the connections."""
        for each in list(self.protocols):
            each.transport.abortConnection()


@implementer(IStreamClientEndpoint)
class FencedEndpoint:
    """
    An endpoint that connects only while a lease is valid.
    """

    def __init__(
        self, endpoint: IStreamClientEndpoint, isValid: Callable[[], bool]
    ) -> None:
        """@param isValid: Returns whether the lease is valid; called often."""
        self._endpoint = endpoint
        self._isValid = isValid
        self._factories: list[_FencedFactory] = []

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect."""
        if not self._isValid():
            return fail(ConnectError(string="this instance is not the active one"))
        fenced = _FencedFactory(factory, self._isValid)
        # The connections before have ended.
        self._factories = [each for each in self._factories if each.protocols]
        self._factories.append(fenced)
        connecting: Deferred[IProtocol] = self._endpoint.connect(fenced)
        return connecting.addCallback(_unwrapped)

    def abort(self) -> None:
        """Abort the connections, without writing what they still hold."""
        for each in self._factories:
            each.abort()


def _unwrapped(protocol: IProtocol) -> IProtocol:
    assert isinstance(protocol, ProtocolWrapper)
    wrapped: IProtocol = protocol.wrappedProtocol
    return wrapped
