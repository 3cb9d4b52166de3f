"""Listens for HTTP at a configured endpoint."""

from __future__ import annotations

import errno
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from twisted.application.service import Service
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import (
    CancelledError,
    Deferred,
    gatherResults,
    maybeDeferred,
)
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocolFactory,
    IStreamServerEndpoint,
)
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from .certificates import TLS, checkCertificates
from .site import GatewaySite, Pausable

_log = Logger()


class ListenError(SystemExit, Exception):
    """
    The gateway cannot listen: ends the process with a message. It is an C{Exception},
    too, because twistd in the background ignores C{SystemExit} and would hang.
    """


class _Rehearsal:
    """
    A reactor that does not listen, but shows which factory it would use.

    @ivar factory: The factory of connections; with TLS, the one that wraps it.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self.factory: IProtocolFactory | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def listenTCP(self, port: int, factory: IProtocolFactory, **_: object) -> None:
        """Note the factory of a port; see L{IReactorTCP}."""
        self.factory = factory

    def listenSSL(
        self, port: int, factory: IProtocolFactory, contextFactory: Any, **_: object
    ) -> None:
        """Note the factory of a port with TLS; see L{IReactorSSL}."""
        self.factory = TLSMemoryBIOFactory(contextFactory, False, factory)


class Listener(Service):
    """
    A port that accepts HTTP connections. The gateway does not start without it.
    """

    def __init__(
        self,
        description: str,
        factory: IProtocolFactory,
        reactor: Any,
        setting: str = "listen",
    ) -> None:
        """
        @param description: A Twisted server endpoint, like C{tcp:8080}.
        @param setting: The setting that has it, for messages.
        @raise ValueError: The description is invalid, or names an unusable file.
        """
        self._description = description
        self._setting = setting
        self._reactor = reactor
        self._endpoint = serverEndpoint(description, reactor, setting)
        self._factory = factory
        self._opening: Deferred[None] | None = None
        self._port: IListeningPort | None = None

    @property
    def address(self) -> Any:
        """Return the address of the open port, an C{IAddress}."""
        assert self._port is not None
        return self._port.getHost()

    def reloadCertificates(self) -> Callable[[], None]:
        """
        Read the certificates again, if there are any.

        @return: A function that puts the new certificates into use for new connections;
            open connections keep theirs.
        @raise ValueError: The certificates cannot be used.
        """
        if not TLS.match(self._description):
            return lambda: None
        rehearsal = _Rehearsal(self._reactor)
        problems: list[Failure] = []
        endpoint = serverEndpoint(self._description, rehearsal, self._setting)
        endpoint.listen(self._factory).addErrback(problems.append)
        if problems:
            problems[0].raiseException()
        return partial(self._renew, rehearsal.factory)

    def _renew(self, factory: Any) -> None:
        """Give the port another factory, which wraps the same site."""
        port: Any = self._port
        if port is None or factory is None:
            return
        factory.doStart()
        port.factory.doStop()
        port.factory = factory

    def privilegedStartService(self) -> None:
        """
        Open the port while the process may still use ports below 1024.

        @raise ListenError: The port cannot be opened.
        """
        super().privilegedStartService()
        problems: list[str] = []
        opening: Deferred[None] = self._endpoint.listen(self._factory).addCallbacks(
            self._opened, self._failed, errbackArgs=(problems.append,)
        )
        if problems:
            raise ListenError(f"xmpprest: {problems[0]}")
        self._opening = opening

    def startService(self) -> None:
        """Open the port, unless L{privilegedStartService} has opened it."""
        super().startService()
        if self._opening is None:
            self.privilegedStartService()

    def stopService(self) -> Deferred[Any] | None:
        """Close the port, and the connections after their responses."""
        super().stopService()
        if self._opening is not None:
            self._opening.cancel()
        port, self._port, self._opening = self._port, None, None
        if port is None:
            return None
        stopping: Deferred[object] = maybeDeferred(port.stopListening)
        if not isinstance(self._factory, GatewaySite):
            return stopping
        # Waiting requests are answered when the stream is closed.
        return gatherResults([stopping, self._factory.drain()])

    def _opened(self, port: IListeningPort) -> None:
        self._port = port
        if isinstance(self._factory, GatewaySite):
            # Every port of Twisted's reactors is a file descriptor that can be paused.
            self._factory.listensOn(cast(Pausable, port))
        address, isTLS = _shown(port.getHost()), TLS.match(self._description)
        protocol = "HTTPS" if isTLS else "HTTP"
        _log.info(
            "Listening for {protocol} on {address}.", protocol=protocol, address=address
        )
        try:
            checkCertificates(self._description)
        except ValueError as error:
            # They may be still to come: Twisted looks again at each handshake.
            _log.warn(
                "Every TLS connection to {address} will fail until there is a"
                " certificate: {problem}",
                address=address,
                problem=str(error),
            )

    def _failed(self, reason: Failure, tell: Callable[[str], object]) -> None:
        """Report a failure to listen, which a few endpoints find out only later."""
        if reason.check(CancelledError):
            return
        problem = f"cannot listen on {self._description}: {self._words(reason)}"
        tell(problem)
        if self._opening is not None:
            _log.error("The gateway does not serve HTTP: {problem}", problem=problem)

    def _words(self, reason: Failure) -> str:
        """Return why it cannot listen, and what to change."""
        error = getattr(reason.value, "socketError", None)
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            return (
                "another program uses this address; stop it, or give another"
                f" --{self._setting}."
            )
        return reason.getErrorMessage()


def _shown(address: Any) -> str:
    """Return an address as text: C{127.0.0.1 port 8080}, or the path of a socket."""
    if isinstance(address, IPv4Address | IPv6Address):
        return f"{address.host} port {address.port}"
    name = getattr(address, "name", None)
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(address)


def serverEndpoint(
    description: str, reactor: Any, setting: str = "listen"
) -> IStreamServerEndpoint:
    """
    Parse the description of a server endpoint.

    @param setting: The setting that has it, for the message.
    @raise ValueError: The description is invalid, or names an unusable file.
    """
    try:
        endpoint: IStreamServerEndpoint = serverFromString(reactor, description)
    except Exception as error:
        # The parsers of endpoints raise exceptions of many types.
        raise ValueError(
            f"{setting} is {description!r}: expected a Twisted server endpoint like"
            f" tcp:8080:interface=127.0.0.1 ({error})."
        ) from None
    return endpoint
