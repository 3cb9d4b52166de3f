"""Tests for L{xmpprest.service.monotonic}."""

from __future__ import annotations

from twisted.internet.base import ReactorBase
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.task import LoopingCall
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.service.monotonic import useMonotonicTime


class SteppedReactor(ReactorBase):
    """
    Twisted's own timers, on clocks that the test sets.

    @ivar wall: The system clock, in seconds since 1970.
    @ivar uptime: The monotonic clock, in seconds.
    """

    def __init__(self) -> None:
        super().__init__()
        self.wall = 1_700_000_000.0
        self.uptime = 50.0
        self.seconds = lambda: self.wall

    def installWaker(self) -> None:
        """Have none: nothing waits in another thread."""

    def step(self, seconds: float) -> None:
        """Set the system clock."""
        self.wall += seconds
        self.runUntilCurrent()

    def passTime(self, seconds: float) -> None:
        """Let time pass on both clocks."""
        self.uptime += seconds
        self.step(seconds)


class UseMonotonicTimeTests(SynchronousTestCase):
    """Timers of a reactor that uses monotonic time."""

    def setUp(self) -> None:
        self.reactor = SteppedReactor()
        self.fired: list[str] = []
        self.reactor.callLater(10, self.fired.append, "earlier")
        useMonotonicTime(self.reactor, lambda: self.reactor.uptime)
        self.reactor.callLater(10, self.fired.append, "later")

    def test_stepBack(self) -> None:
        """Timers go off in time although the clock is set back by an hour."""
        self.reactor.step(-3600)
        self.reactor.passTime(9)
        self.assertEqual(self.fired, [])
        self.assertEqual(self.reactor.timeout(), 1)
        self.reactor.passTime(1)
        self.assertEqual(sorted(self.fired), ["earlier", "later"])

    def test_stepForward(self) -> None:
        """Timers do not go off early although the clock is set forward by an hour."""
        self.reactor.step(3600)
        self.assertEqual(self.fired, [])
        self.reactor.passTime(10)
        self.assertEqual(sorted(self.fired), ["earlier", "later"])

    def test_timeout(self) -> None:
        """The timeout of a Deferred, as an iq has one, fires after a step back."""
        waiting: Deferred[None] = Deferred()
        waiting.addTimeout(5, self.reactor)
        self.reactor.step(-15)
        self.reactor.passTime(5)
        self.failureResultOf(waiting, TimeoutError)

    def test_reset(self) -> None:
        """A timer that is reset after a step has its whole delay."""
        call = self.reactor.callLater(10, self.fired.append, "reset")
        self.reactor.step(-3600)
        self.reactor.passTime(5)
        call.reset(10)
        self.reactor.passTime(9)
        self.assertNotIn("reset", self.fired)
        self.reactor.passTime(1)
        self.assertIn("reset", self.fired)

    def test_loop(self) -> None:
        """A loop neither pauses after a step back nor catches up after one forward."""
        loop = LoopingCall(self.fired.append, "tick")
        loop.clock = self.reactor
        loop.start(1, now=False)
        for seconds in (-3600, 7200):
            self.reactor.step(seconds)
            self.reactor.passTime(1)
        self.assertEqual(self.fired.count("tick"), 2)
