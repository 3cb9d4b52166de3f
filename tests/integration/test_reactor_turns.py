"""Tests for L{xmpprest.metrics.reactor_lag} on the reactor of this process."""

from __future__ import annotations

import time

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from xmpprest.metrics.reactor_lag import ReactorLag


class RealReactorTests(TestCase):
    """The turns of the default reactor of Linux."""

    async def test_blocked(self) -> None:
        """A function that blocks the reactor is a turn of at least that length."""
        lag = ReactorLag(reactor)
        lag.startService()
        self.addCleanup(lag.stopService)
        await deferLater(reactor, 0, time.sleep, 0.2)
        await deferLater(reactor, 0)
        longest = lag.takeLongestTurn()
        assert longest is not None
        self.assertGreaterEqual(longest, 0.2)
