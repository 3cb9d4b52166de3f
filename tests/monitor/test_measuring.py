"""Tests for L{xmpprest.monitor.lag} and L{xmpprest.monitor.traffic}."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.stanza import TYPES, make
from xmpprest.core.writer import toXML
from xmpprest.monitor.lag import INTERVAL, Lag
from xmpprest.monitor.traffic import Traffic


class LagTests(SynchronousTestCase):
    """
    How late the reactor is
    """

    def test_lag(self) -> None:
        """The timer is as late as what was done before it took."""
        clock = Clock()
        lag = Lag(clock)
        lag.startService()
        clock.advance(INTERVAL)
        self.assertEqual((lag.seconds.count, lag.seconds.sum), (1, 0))
        clock.advance(INTERVAL + 3)
        self.assertEqual((lag.seconds.count, lag.seconds.sum), (2, 3))
        lag.stopService()
        self.assertEqual(clock.getDelayedCalls(), [])


class TrafficTests(SynchronousTestCase):
    """
    How many stanzas have passed
    """

    def test_counts(self) -> None:
        """Each kind is counted in each direction, from nothing on."""
        traffic = Traffic()
        self.assertEqual({*traffic.counts().values()}, {0})
        for number, kind in enumerate(TYPES, 1):
            for _ in range(number):
                traffic.out(toXML(make(kind, {"to": "a@example.org"})))
            traffic.come(make(kind, {}))
        self.assertEqual(
            traffic.counts(),
            {
                **{("out", kind): n for n, kind in enumerate(TYPES, 1)},
                **{("in", kind): 1 for kind in TYPES},
            },
        )
