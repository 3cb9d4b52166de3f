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


class Poller:
    """A poller of a reactor; a poll takes as long as the test says."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def poll(self, timeout: float) -> list[int]:
        """Wait for an event, which comes in time."""
        self._clock.advance(timeout)
        return [7]

    def register(self, fd: int) -> str:
        """Wait for one more file."""
        return f"registered {fd}"


class PollingReactor(Clock):
    """A reactor in memory with a poller."""

    def __init__(self) -> None:
        super().__init__()
        self._poller = Poller(self)

    def turn(self, wait: float, busy: float) -> None:
        """Poll, and then do something."""
        assert self._poller.poll(wait) == [7]
        self.advance(busy)


class TurnTests(SynchronousTestCase):
    """The longest turn of the reactor."""

    def setUp(self) -> None:
        self.reactor = PollingReactor()
        self.poller = self.reactor._poller
        self.lag = ReactorLag(self.reactor, self.reactor.seconds)
        self.lag.startService()

    def test_longest(self) -> None:
        """Every turn counts, the time that the reactor waits for events does not."""
        for busy in (0.25, 2.5, 0.5):
            self.reactor.turn(60, busy)
        self.reactor.turn(0, 0)
        self.assertEqual(self.lag.takeLongestTurn(), 2.5)

    def test_since(self) -> None:
        """A turn is reported once."""
        self.reactor.turn(0, 2)
        self.reactor.turn(0, 1)
        self.assertEqual(self.lag.takeLongestTurn(), 2)
        self.reactor.turn(0, 0)
        self.assertEqual(self.lag.takeLongestTurn(), 1)
        self.assertEqual(self.lag.takeLongestTurn(), 0)

    def test_poller(self) -> None:
        """The poller does all else as before, and is put back in the end."""
        self.assertEqual(self.reactor._poller.register(3), "registered 3")
        self.lag.stopService()
        self.assertIs(self.reactor._poller, self.poller)
        self.assertIsNone(self.lag.takeLongestTurn())

    def test_otherReactor(self) -> None:
        """The turns of a reactor without a poller are not measured."""
        lag = ReactorLag(Clock())
        lag.startService()
        self.addCleanup(lag.stopService)
        self.assertIsNone(lag.takeLongestTurn())


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
