"""The service of the store: opens it, and closes it."""

from __future__ import annotations

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..core.records import StoreUnusable
from .interface import Store

_log = Logger()


class StoreStartupError(SystemExit, Exception):
    """
    Exits with a message. It is also an C{Exception}, because a daemonized twistd
    ignores C{SystemExit} and would hang.
    """


class StoreService(Service):
    """
    Holds a store.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def startService(self) -> None:
        """
        Open the store.

        @raise StoreStartupError: The store is unusable, and the reactor does not run
            yet.
        """
        super().startService()
        problems: list[Failure] = []
        opening = self._store.open()
        opening.addErrback(_refuse if opening.called else _tell)
        opening.addErrback(problems.append)
        if problems:
            problems[0].raiseException()

    def stopService(self) -> Deferred[None]:
        """Close the store after the calls made so far."""
        super().stopService()
        return self._store.close()


def _refuse(reason: Failure) -> None:
    """Exit because the store cannot be opened."""
    reason.trap(StoreUnusable)
    raise StoreStartupError(f"xmpprest: {reason.getErrorMessage()}") from None


def _tell(reason: Failure) -> None:
    """Log that the store could not be opened after the reactor had started."""
    reason.trap(StoreUnusable)
    _log.critical(
        "{reason} Messages are refused until the gateway is restarted.",
        reason=reason.getErrorMessage(),
    )
