"""Tests for L{xmpprest.concurrency.single_flight}."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.concurrency.single_flight import SingleFlight

TIMEOUT = 5.0
MAX_AGE = 1.0


class SingleFlightTests(SynchronousTestCase):
    """
    An operation that callers share
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.runs: list[Deferred[int]] = []
        self.flight = self.make()

    def make(self, maxAge: float = 0.0) -> SingleFlight[int]:
        """Make a single flight of L{run}, with C{-1} as its fallback."""
        return SingleFlight(
            self.run_, self.clock, timeout=TIMEOUT, fallback=-1, maxAge=maxAge
        )

    def run_(self) -> Deferred[int]:
        """Start the operation."""
        self.runs.append(Deferred())
        return self.runs[-1]

    def test_result(self) -> None:
        """A caller gets the result of the run that it started, and leaves no timer."""
        getting = self.flight.get()
        self.runs.pop().callback(1)
        self.assertEqual(self.successResultOf(getting), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_immediate(self) -> None:
        """A result that is there at once is given at once."""
        flight = SingleFlight(
            lambda: succeed(2), self.clock, timeout=TIMEOUT, fallback=-1
        )
        self.assertEqual(self.successResultOf(flight.get()), 2)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_shared(self) -> None:
        """Callers share one run; one that cancels leaves the others waiting."""
        getting = [self.flight.get() for _ in range(3)]
        getting[1].cancel()
        self.failureResultOf(getting[1], CancelledError)
        self.assertEqual(len(self.runs), 1)
        self.runs.pop().callback(1)
        self.assertEqual(self.successResultOf(getting[0]), 1)
        self.assertEqual(self.successResultOf(getting[2]), 1)

    def test_slow(self) -> None:
        """A slow run gives its callers the fallback, and no second run starts."""
        for _ in range(3):
            getting = self.flight.get()
            self.clock.advance(TIMEOUT)
            self.assertEqual(self.successResultOf(getting), -1)
        self.assertEqual(len(self.runs), 1)
        self.runs.pop().callback(1)
        self.flight.get()
        self.assertEqual(len(self.runs), 1)

    def test_fresh(self) -> None:
        """A recent result is reused; an older one is not."""
        flight = self.make(MAX_AGE)
        flight.get()
        self.runs.pop().callback(1)
        self.assertEqual(self.successResultOf(flight.get()), 1)
        self.assertEqual(self.runs, [])
        self.clock.advance(MAX_AGE)
        flight.get()
        self.assertEqual(len(self.runs), 1)
