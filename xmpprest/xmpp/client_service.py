"""Connects, again and again: Twisted's L{ClientService}, but its owner has the say."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from twisted.application.internet import ClientService
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.logger import ILogObserver, Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from .connection_reporter import ConnectionReporter


class ReportingClientService(ClientService):
    """
    A client service that leaves it to a L{ConnectionReporter} to say what is wrong, and
    when to try again.
    """

    _log = Logger(observer=cast(ILogObserver, lambda event: None))

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        factory: IProtocolFactory,
        trouble: ConnectionReporter,
        clock: IReactorTime,
    ) -> None:
        super().__init__(
            _WatchedEndpoint(endpoint, trouble.connectFailed),
            factory,
            # The service counts failures to connect; a handshake that fails is one,
            # too.
            retryPolicy=lambda attempt: trouble.nextDelay(),
            clock=clock,
        )


@implementer(IStreamClientEndpoint)
class _WatchedEndpoint:
    """An endpoint that tells why it could not connect; the service does not."""

    def __init__(
        self, endpoint: IStreamClientEndpoint, failed: Callable[[Failure], None]
    ) -> None:
        self._endpoint = endpoint
        self._failed = failed

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect, or tell why not."""

        def failed(reason: Failure) -> Failure:
            self._failed(reason)
            return reason

        connecting: Deferred[IProtocol] = self._endpoint.connect(factory)
        return connecting.addErrback(failed)
