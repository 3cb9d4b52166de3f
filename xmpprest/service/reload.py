"""Reads the configuration again when a SIGHUP asks for it, as daemons do."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from twisted.application.service import Service
from twisted.logger import Logger

from ..config.config import Config

_log = Logger()


class Reloadable(Protocol):
    """What goes on with another configuration."""

    def reload(self, config: Config) -> Sequence[str]:
        """
        Change all that can be, or nothing; returns the names of what cannot. Raises
        C{ValueError}.
        """


class CertificateSource(Protocol):
    """What reads certificates."""

    def reloadCertificates(self) -> Callable[[], None]:
        """Read them again; what is returned shows them. Raises C{ValueError}."""


class ReloadOnSIGHUP(Service):
    """
    Reads the configuration again.
    """

    def __init__(
        self,
        load: Callable[[], Config],
        gateway: Reloadable,
        listeners: Sequence[CertificateSource],
        reactor: Any,
        handle: Callable[[int, Any], object] = signal.signal,
    ) -> None:
        """
        @param load: Reads the configuration; raises C{ValueError}.
        @param handle: Is C{signal.signal}.
        """
        self._load = load
        self._gateway = gateway
        self._listeners = listeners
        self._reactor = reactor
        self._handle = handle

    def startService(self) -> None:
        """Hear the signal."""
        super().startService()
        self._handle(signal.SIGHUP, self._signalled)

    def stopService(self) -> None:
        """Hear it no longer; but do not end by it."""
        super().stopService()
        self._handle(signal.SIGHUP, signal.SIG_IGN)

    def _signalled(self, *_: object) -> None:
        # In between two lines of whatever runs: the reactor knows a better moment.
        self._reactor.callFromThread(self.reload)

    def reload(self) -> None:
        """
        Read it, and go on with it; or if it is of no use, with the one before. The log
        says which.
        """
        if not self.running:
            return
        try:
            config = self._load()
            renew = [each.reloadCertificates() for each in self._listeners]
            later = self._gateway.reload(config)
        except ValueError as error:
            _log.error("The configuration stays as it was: {reason}", reason=error)
            return
        except Exception:
            _log.failure("The configuration stays as it was.")
            return
        for each in renew:
            each()
        _log.info("The configuration has been read again.")
        if later:
            _log.warn(
                "Other values need a restart for: {names}.", names=", ".join(later)
            )
