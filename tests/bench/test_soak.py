"""Tests for L{bench.soak}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from bench.soak import Sample, cycles, growth


class CycleTests(SynchronousTestCase):
    """
    Tests for the figures of the cycles.
    """

    def test_medians(self) -> None:
        """
        Each cycle has the medians of its samples, whatever single samples say.
        """
        samples = [
            Sample(at, (10.0 * (at // 60) + (90 if at % 60 == 20 else 1), at // 60))
            for at in range(0, 180, 10)
        ]
        self.assertEqual([(1, 0), (11, 1), (21, 2)], cycles(samples, 60))

    def test_incomplete(self) -> None:
        """
        A cycle that was broken off does not count.
        """
        samples = [Sample(at, (1.0,)) for at in range(0, 90, 10)]
        self.assertEqual([(1.0,)], cycles(samples, 60))

    def test_growth(self) -> None:
        """
        Growth is in percent of the first cycle; a figure of zero does not grow.
        """
        self.assertEqual((50.0, -25.0, 0.0), growth((2, 4, 0), (3, 3, 1)))
