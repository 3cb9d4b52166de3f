"""Tests for L{xmpprest.metrics.reactor_lag} and L{xmpprest.metrics.stanza_counter}."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.stanza.build import TYPES, make
from xmpprest.core.stanza.serializer import toXML
from xmpprest.metrics.reactor_lag import INTERVAL, ReactorLag
from xmpprest.metrics.stanza_counter import StanzaCounter


class LagTests(SynchronousTestCase):
    """
    How late the reactor is
    """

    def test_lag(self) -> None:
        """The timer is as late as what was done before it took."""
        clock = Clock()
        lag = ReactorLag(clock)
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
        traffic = StanzaCounter()
        self.assertEqual({*traffic.counts().values()}, {0})
        for number, kind in enumerate(TYPES, 1):
            for _ in range(number):
                traffic.sent(toXML(make(kind, {"to": "a@example.org"})))
            traffic.received(make(kind, {}))
        self.assertEqual(
            traffic.counts(),
            {
                **{("out", kind): n for n, kind in enumerate(TYPES, 1)},
                **{("in", kind): 1 for kind in TYPES},
            },
        )
