"""Tests for L{bench.load.open_loop}."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from bench.load.open_loop import OpenLoopSchedule, Queue
from bench.reporting.statistics import percentile


class Standstill:
    """
    A gateway with one connection, which takes a millisecond for an answer, and stands
    still for a while in the middle.

    @ivar naive: How long each took from when it was sent, as a closed loop measures.
    """

    def __init__(self, rate: int, count: int, still: float) -> None:
        self.clock = Clock()
        self.pacing = OpenLoopSchedule(rate, count, self.clock.seconds)
        self.naive: list[float] = []
        self._still, self._half = still, count // 2
        self._queue = Queue(lambda number, status: self.pacing.answered(number))

    def run(self) -> None:
        """Ask until all are answered."""
        self._queue.free(self._send)
        while not self.pacing.done:
            for number in self.pacing.take():
                self._queue.send(number)
            self.clock.advance(0.0005)

    def _send(self, number: int) -> None:
        taken = 0.001 + (self._still if number == self._half else 0)
        self.clock.callLater(taken, self._answered, number, self.clock.seconds())

    def _answered(self, number: int, sent: float) -> None:
        self.naive.append(self.clock.seconds() - sent)
        self._queue.answered(number, 200)
        self._queue.free(self._send)


class PacingTests(SynchronousTestCase):
    """
    Tests for L{OpenLoopSchedule}.
    """

    def test_due(self) -> None:
        """
        Each request is taken once, when it is due, however late one looks.
        """
        clock = Clock()
        clock.advance(100)
        pacing = OpenLoopSchedule(10, 5, clock.seconds)
        self.assertEqual([*pacing.take()], [0])
        self.assertEqual([*pacing.take()], [])
        self.assertAlmostEqual(pacing.due or 0, 100.1)
        clock.advance(0.25)
        self.assertEqual([*pacing.take()], [1, 2])
        clock.advance(60)
        self.assertEqual([*pacing.take()], [3, 4])
        self.assertEqual([*pacing.take()], [])
        self.assertIsNone(pacing.due)

    def test_steady(self) -> None:
        """An immediate answer has no waiting time."""
        world = Standstill(100, 200, 0)
        world.run()
        self.assertEqual(len(world.pacing.times), 200)
        self.assertLess(max(world.pacing.times), 0.003)

    def test_omission(self) -> None:
        """
        While the gateway stands still, those wait that could not even be sent.
        """
        world = Standstill(100, 1000, 2.0)
        world.run()
        self.assertLess(self.at(world.naive, 0.99), 0.003)
        corrected = world.pacing.times
        # 200 were due in these two seconds, a fifth of all, the first for the longest.
        self.assertGreater(self.at(corrected, 0.99), 1.7)
        self.assertGreater(self.at(corrected, 0.9), 0.9)
        self.assertLess(self.at(corrected, 0.7), 0.003)

    def at(self, times: Sequence[float], share: float) -> float:
        """A percentile."""
        return percentile(sorted(times), share)


class QueueTests(SynchronousTestCase):
    """
    Tests for L{Queue}.
    """

    def test_order(self) -> None:
        """
        Requests wait for a connection in their order; a free one takes the next.
        """
        sent: list[tuple[str, int]] = []
        queue = Queue(lambda number, status: None)
        for number in range(3):
            queue.send(number)

        def take(connection: str, number: int) -> None:
            sent.append((connection, number))

        for name in "abcd":
            queue.free(partial(take, name))
        self.assertEqual(sent, [("a", 0), ("b", 1), ("c", 2)])
        queue.send(3)
        self.assertEqual(sent[-1], ("d", 3))
