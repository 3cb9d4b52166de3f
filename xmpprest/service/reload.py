"""Reloads the configuration on SIGHUP."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from twisted.application.service import Service
from twisted.logger import Logger

from ..config.config import Config

_log = Logger()


class Reloadable(Protocol):
    """A gateway whose configuration can be replaced."""

    def reload(self, config: Config) -> Sequence[str]:
        """
        Replace the configuration, or raise C{ValueError} and change nothing.

        @return: The names of settings that need a restart.
        """


class CertificateSource(Protocol):
    """A listener that reads certificates from files."""

    def reloadCertificates(self) -> Callable[[], None]:
        """
        Read the certificates again; raises C{ValueError}.

        @return: Puts them into use.
        """


class ReloadOnSIGHUP(Service):
    """
    A service that reloads the configuration when the process gets SIGHUP.
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
        @param handle: Installs a signal handler, as C{signal.signal} does.
        """
        self._load = load
        self._gateway = gateway
        self._listeners = listeners
        self._reactor = reactor
        self._handle = handle

    def startService(self) -> None:
        """Handle the signal."""
        super().startService()
        self._handle(signal.SIGHUP, self._signalled)

    def stopService(self) -> None:
        """Ignore the signal from now on; its default would end the process."""
        super().stopService()
        self._handle(signal.SIGHUP, signal.SIG_IGN)

    def _signalled(self, *_: object) -> None:
        # A signal handler runs between any two lines; the reactor runs it in its turn.
        self._reactor.callFromThread(self.reload)

    def reload(self) -> None:
        """
        Read the configuration and use it; if it is unusable, log why and keep the old
        one.
        """
        if not self.running:
            return
        try:
            config = self._load()
            renew = [each.reloadCertificates() for each in self._listeners]
            later = self._gateway.reload(config)
        except ValueError as error:
            _log.error(
                "Reload failed, the old configuration stays in use: {reason}",
                reason=error,
            )
            return
        except Exception:
            _log.failure("Reload failed, the old configuration stays in use.")
            return
        for each in renew:
            each()
        _log.info("The configuration was reloaded.")
        if later:
            _log.warn(
                "These settings have changed, but need a restart: {names}.",
                names=", ".join(later),
            )
