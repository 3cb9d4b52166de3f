"""Tests for L{xmpprest.core.histogram}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.histogram import LATENCY_BUCKETS, Histogram


class TallyTests(SynchronousTestCase):
    """
    Counting by size
    """

    def test_bounds(self) -> None:
        """A value at a bound belongs to it, one beyond the last to none."""
        tally = Histogram((1, 2))
        for value in (0, 1, 1.5, 2, 3):
            tally.observe(value)
        self.assertEqual(tally.counts, [2, 2, 1])
        self.assertEqual((tally.count, tally.sum), (5, 7.5))

    def test_together(self) -> None:
        """Several are put together, none being changed by it."""
        first, second = Histogram((1, 2)), Histogram((1, 2))
        first.observe(1)
        second.observe(5)
        whole = Histogram.merge([first, second], (1, 2))
        self.assertEqual((whole.counts, whole.sum), ([1, 0, 1], 6))
        self.assertEqual((first.counts, second.counts), ([1, 0, 0], [0, 0, 1]))
        self.assertEqual(Histogram.merge([], (1, 2)).count, 0)

    def test_seconds(self) -> None:
        """The bounds for times are in order, or they could not be looked up."""
        self.assertEqual(list(LATENCY_BUCKETS), sorted({*LATENCY_BUCKETS}))
