"""Listens for HTTP, at an endpoint that somebody has named."""

from __future__ import annotations

import errno
import re
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

from .site import GatewaySite, Pausable

_log = Logger()

#: Descriptions of endpoints that have certificates.
_TLS = re.compile("(haproxy:)?(tls|ssl):")


class ListenError(SystemExit, Exception):
    """
    The end, with a sentence. It is an C{Exception}, too, or twistd would not hear of it
    in the background, and wait for ever.
    """


class _Rehearsal:
    """
    A reactor that listens to nobody, but shows what would be listened with.

    @ivar factory: What would make something of each connection; with TLS, in it.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self.factory: IProtocolFactory | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def listenTCP(self, port: int, factory: IProtocolFactory, **_: object) -> None:
        """See L{IReactorTCP<twisted.internet.interfaces.IReactorTCP>}."""
        self.factory = factory

    def listenSSL(
        self, port: int, factory: IProtocolFactory, contextFactory: Any, **_: object
    ) -> None:
        """See L{IReactorSSL<twisted.internet.interfaces.IReactorSSL>}."""
        self.factory = TLSMemoryBIOFactory(contextFactory, False, factory)


class Listener(Service):
    """
    Listens for HTTP; if it cannot, the gateway does not start.
    """

    def __init__(
        self,
        description: str,
        factory: IProtocolFactory,
        reactor: Any,
        setting: str = "listen",
    ) -> None:
        """
        @param description: A Twisted server endpoint.
        @param setting: Where somebody has written it.
        @raise ValueError: It is none, or names a file that cannot be used.
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
        """Where it listens, once it does: an C{IAddress}."""
        assert self._port is not None
        return self._port.getHost()

    def reloadCertificates(self) -> Callable[[], None]:
        """
        Read the certificates again, if there are any.

        @return: Is to be called to show them to those who connect from then on. Those
            who are connected stay so.
        @raise ValueError: They cannot be used.
        """
        if not _TLS.match(self._description):
            return lambda: None
        rehearsal = _Rehearsal(self._reactor)
        problems: list[Failure] = []
        endpoint = serverEndpoint(self._description, rehearsal, self._setting)
        endpoint.listen(self._factory).addErrback(problems.append)
        if problems:
            problems[0].raiseException()
        return partial(self._renew, rehearsal.factory)

    def _renew(self, factory: Any) -> None:
        """Let the port go on with another factory around the same."""
        port: Any = self._port
        if port is None or factory is None:
            return
        factory.doStart()
        port.factory.doStop()
        port.factory = factory

    def privilegedStartService(self) -> None:
        """
        Begin to listen, while the process may still use low ports.

        @raise CannotListen: It cannot.
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
        """Begin to listen, unless that was done early."""
        super().startService()
        if self._opening is None:
            self.privilegedStartService()

    def stopService(self) -> Deferred[Any] | None:
        """Stop listening, and see those out that are being served."""
        super().stopService()
        if self._opening is not None:
            self._opening.cancel()
        port, self._port, self._opening = self._port, None, None
        if port is None:
            return None
        stopping: Deferred[object] = maybeDeferred(port.stopListening)
        if not isinstance(self._factory, GatewaySite):
            return stopping
        # Those that wait are answered when the stream is closed.
        return gatherResults([stopping, self._factory.drain()])

    def _opened(self, port: IListeningPort) -> None:
        self._port = port
        if isinstance(self._factory, GatewaySite):
            # Every port of Twisted's reactors is a file descriptor that can be paused.
            self._factory.listensOn(cast(Pausable, port))
        _log.info("Listening for HTTP on {address}.", address=_shown(port.getHost()))

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
    Where to listen.

    @param setting: Where somebody has written it.
    @raise ValueError: The description is no server endpoint, or names a file that
        cannot be used.
    """
    try:
        endpoint: IStreamServerEndpoint = serverFromString(reactor, description)
    except Exception as error:
        # The parsers of endpoints raise whatever they like.
        raise ValueError(
            f"{setting} is {description!r}: expected a Twisted server endpoint like"
            f" tcp:8080:interface=127.0.0.1 ({error})."
        ) from None
    return endpoint
