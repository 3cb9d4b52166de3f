"""Connects and reconnects: Twisted's L{ClientService} with a reporter."""

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
    A client service whose L{ConnectionReporter} logs each problem and chooses the delay
    before the next attempt.
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
            # The reporter counts failed handshakes as well; the service does not.
            retryPolicy=lambda attempt: trouble.nextDelay(),
            clock=clock,
        )


@implementer(IStreamClientEndpoint)
class _WatchedEndpoint:
    """An endpoint that reports why it could not connect."""

    def __init__(
        self, endpoint: IStreamClientEndpoint, failed: Callable[[Failure], None]
    ) -> None:
        self._endpoint = endpoint
        self._failed = failed

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect, and report a failure."""

        def failed(reason: Failure) -> Failure:
            self._failed(reason)
            return reason

        connecting: Deferred[IProtocol] = self._endpoint.connect(factory)
        return connecting.addErrback(failed)
