"""Tests for L{xmpprest.inbox.callback_monitor}."""

from __future__ import annotations

from time import perf_counter

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.webhook.errors import DeliveryError
from xmpprest.inbox.callback_monitor import NO_ANSWER, AttemptStart, CallbackMonitor

from ..support.doubles import said

ANN = "ann@example.com"


class LogTests(SynchronousTestCase):
    """
    Tests of the log line of each attempt, if the monitor is told to write one.
    """

    def setUp(self) -> None:
        """Make a monitor that logs each attempt."""
        self.monitor = CallbackMonitor(lambda: 0.0, "orders", isLogged=True)
        self.attempt = AttemptStart("message", ANN, "msg_1", perf_counter(), 0.0)

    def test_responded(self) -> None:
        """The line has id, sender, callback, status and time."""
        with capturedLogs() as logs:
            self.monitor.responded(self.attempt, 204)
        (line,) = said(logs)
        self.assertRegex(
            line,
            f"^Delivery msg_1: a message from {ANN} to callback orders,"
            " 204 in [0-9.]+ ms$",
        )
        self.assertEqual(1, self.monitor.attemptLatencies["2xx"].count)

    def test_failed(self) -> None:
        """The line says why there was no response."""
        with capturedLogs() as logs:
            self.monitor.failed(self.attempt, DeliveryError("it is out"))
        line, _ = said(logs)
        self.assertIn("callback orders, no response, it is out in ", line)
        self.assertEqual(1, self.monitor.attemptLatencies[NO_ANSWER].count)

    def test_back(self) -> None:
        """Only the first of several failures, or responses, has a line of its own."""
        self.monitor.isLogged = False
        with capturedLogs() as logs:
            for _ in range(2):
                self.monitor.failed(self.attempt, DeliveryError("it is out"))
            for _ in range(2):
                self.monitor.responded(self.attempt, 500)
        self.assertEqual(
            [
                "The callback orders does not respond: it is out.",
                "The callback orders responds again.",
            ],
            said(logs),
        )
