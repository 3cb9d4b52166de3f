"""A load balancer that sends clients to the gateway whose C{/readyz} says 200."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, TimeoutError, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from tests.support.process import LOOPBACK

from .http import Answer, Client, InDoubt, NotSent
from .load import sleep

#: Seconds between two checks of a gateway, and for its response.
INTERVAL, TIMEOUT = 0.05, 1.0

_UNAVAILABLE = b"HTTP/1.1 503 Nobody\r\nContent-Length: 0\r\n\r\n"


class Balancer:
    """
    A balancer. Connections to a gateway that is no longer ready are closed.

    @ivar port: The port of the clients.
    @ivar active: The port of the gateway that is ready; C{None} if none is.
    @ivar changes: When another one became ready, and its port.
    """

    def __init__(self, ports: Sequence[int]) -> None:
        """@param ports: Those of the gateways."""
        from twisted.internet import reactor

        self.active: int | None = None
        self.changes: list[tuple[float, int]] = []
        self._ports = ports
        self._ended = False
        self._fronts: set[_Front] = set()
        self._checking: list[Deferred[None]] = []
        self._ready: set[int] = set()
        factory = Factory.forProtocol(_Front)
        factory.balancer = self  # type: ignore[attr-defined]  # for its protocols
        factory.noisy = False
        listen: Any = reactor
        listening: IListeningPort = listen.listenTCP(0, factory, interface=LOOPBACK)
        self._listening = listening
        self.port: int = listening.getHost().port  # type: ignore[attr-defined]

    def start(self) -> None:
        """Check the gateways from now on."""
        self._checking = [
            Deferred.fromCoroutine(self._check(each)) for each in self._ports
        ]

    async def stop(self) -> None:
        """End."""
        self._ended = True
        await gatherResults(self._checking)
        for each in [*self._fronts]:
            each.end()
        self._listening.stopListening()

    async def _check(self, port: int) -> None:
        client = Client(port)
        while not self._ended:
            self._checked(port, isReady=await _isReady(client))
            await sleep(INTERVAL)
        await client.close()

    def _checked(self, port: int, *, isReady: bool) -> None:
        if isReady and port not in self._ready:
            self._ready.add(port)
            self.changes.append((time.monotonic(), port))
            self._use(port)
        elif not isReady and port in self._ready:
            self._ready.discard(port)
            if self.active == port:
                self._use(next(iter(self._ready), None))

    def _use(self, port: int | None) -> None:
        self.active = port
        for each in [*self._fronts]:
            each.end()


async def _isReady(client: Client) -> bool:
    """Ask a gateway, and give up after a while."""
    from twisted.internet import reactor

    asking: Deferred[Answer] = Deferred.fromCoroutine(
        client.request("GET", "/readyz", authorized=False)
    )
    asking.addTimeout(TIMEOUT, reactor)
    try:
        return (await asking).status == 200
    except (NotSent, InDoubt):
        return False
    except TimeoutError:
        await client.close()
        return False


class _Front(Protocol):
    """A connection of a client."""

    def connectionMade(self) -> None:
        self._balancer: Balancer = self.factory.balancer
        self._balancer._fronts.add(self)
        self._back: _Back | None = None
        self._early = b""
        self._isConnecting = False

    def dataReceived(self, data: bytes) -> None:
        if self._back is not None:
            self._back.transport.write(data)  # type: ignore[union-attr]
            return
        self._early += data
        if not self._isConnecting:
            self._isConnecting = True
            Deferred.fromCoroutine(self._connect())

    async def _connect(self) -> None:
        from twisted.internet import reactor

        port = self._balancer.active
        try:
            if port is None:
                raise ConnectError
            endpoint = TCP4ClientEndpoint(reactor, LOOPBACK, port, timeout=2)
            back = await connectProtocol(endpoint, _Back(self))
        except ConnectError:
            self._early = b""
            self.transport.write(_UNAVAILABLE)  # type: ignore[union-attr]
        else:
            self._back = back
            back.transport.write(self._early)
        self._isConnecting = False

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._balancer._fronts.discard(self)
        if self._back is not None:
            self._back.transport.abortConnection()  # type: ignore[union-attr]

    def end(self) -> None:
        """Close the connection."""
        self.transport.abortConnection()  # type: ignore[union-attr]


class _Back(Protocol):
    """A connection to a gateway."""

    def __init__(self, front: _Front) -> None:
        self._front = front

    def dataReceived(self, data: bytes) -> None:
        self._front.transport.write(data)  # type: ignore[union-attr]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._front.transport.loseConnection()  # type: ignore[union-attr]
