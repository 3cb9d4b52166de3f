"""A service whose parts stop one after the other."""

from __future__ import annotations

from twisted.application.service import MultiService, Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger

from ..core.errors import REPORT_BUG

_log = Logger()


class SequentialMultiService(MultiService):
    """
    A L{MultiService} that stops its services in reverse order, each after the next one
    has stopped; Twisted's own stops all at once.
    """

    def stopService(self) -> Deferred[None]:
        """Stop the services, the last one first."""
        Service.stopService(self)
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        for service in reversed([*self]):
            try:
                await maybeDeferred(service.stopService)
            except Exception:
                # The others must stop all the same.
                _log.failure(
                    "{service} failed to stop; the others are stopped. " + REPORT_BUG,
                    service=service,
                )
