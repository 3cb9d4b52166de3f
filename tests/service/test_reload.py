"""Tests for L{xmpprest.service.reload}."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from typing import Any

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from tests.gateway.test_gateway import configuration
from tests.support.doubles import said
from xmpprest.config.config import Config, ConfigurationError
from xmpprest.service.reload import ReloadOnSIGHUP


class HeldReactor:
    """A reactor that does what other threads want when the test says so."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], object]] = []

    def callFromThread(self, call: Callable[[], object]) -> None:
        """Keep it."""
        self.calls.append(call)


class ReloadingTests(SynchronousTestCase):
    """
    Tests of L{ReloadOnSIGHUP}.
    """

    def setUp(self) -> None:
        """Have one that runs; the test is everything around it."""
        self.reactor = HeldReactor()
        self.handlers: dict[int, Any] = {}
        self.config: Config | Exception = configuration(iqTimeout=7)
        self.done: list[object] = []
        self.later: list[str] = []
        self.bad: list[ValueError] = []
        self.reloading = ReloadOnSIGHUP(
            self.load, self, [self], self.reactor, self.handlers.__setitem__
        )
        self.reloading.startService()

    def load(self) -> Config:
        """Read the configuration."""
        if isinstance(self.config, Exception):
            raise self.config
        return self.config

    def reload(self, config: Config) -> Sequence[str]:
        """Be a gateway."""
        if self.bad:
            raise self.bad.pop()
        self.done.append(config)
        return self.later

    def reloadCertificates(self) -> Callable[[], None]:
        """Be a listener."""
        return lambda: self.done.append("renewed")

    def hup(self) -> list[str]:
        """Be somebody who sends the signal; returns what is in the log."""
        with capturedLogs() as logs:
            self.handlers[signal.SIGHUP](signal.SIGHUP, None)
            self.assertEqual(said(logs), [])
            self.reactor.calls.pop()()
        return said(logs)

    def test_reload(self) -> None:
        """
        The signal has the configuration read, in the reactor's own time, and the
        gateway and the listeners go on with it.
        """
        self.assertEqual(self.hup(), ["The configuration was reloaded."])
        self.assertEqual(self.done, [self.config, "renewed"])

    def test_later(self) -> None:
        """Settings that need a restart are named."""
        self.later = ["listen", "store"]
        _, warning = self.hup()
        self.assertEqual(
            warning, "These settings have changed, but need a restart: listen, store."
        )

    def test_bad(self) -> None:
        """A bad configuration changes nothing, and one line says why."""
        self.bad = [ValueError("There is no file.")]
        (line,) = self.hup()
        self.assertEqual(
            line,
            "Reload failed, the old configuration stays in use: There is no file.",
        )
        self.config = ConfigurationError("A key is unknown.")
        (line,) = self.hup()
        self.assertEqual(
            line,
            "Reload failed, the old configuration stays in use: A key is unknown.",
        )
        self.assertEqual(self.done, [])

    def test_broken(self) -> None:
        """An unexpected error changes nothing."""
        self.config = ZeroDivisionError()
        (line,) = self.hup()
        self.assertTrue(
            line.startswith("Reload failed, the old configuration stays in use.")
        )
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_stopped(self) -> None:
        """
        When the gateway stops, the signal has no effect, be it one that has come
        already; nor does it end the process.
        """
        self.handlers[signal.SIGHUP](signal.SIGHUP, None)
        self.reloading.stopService()
        self.reactor.calls.pop()()
        self.assertEqual(self.done, [])
        self.assertEqual(self.handlers[signal.SIGHUP], signal.SIG_IGN)
