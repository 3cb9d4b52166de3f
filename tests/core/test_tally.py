"""Tests for L{xmpprest.core.tally}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.tally import SECONDS, Tally


class TallyTests(SynchronousTestCase):
    """
    Counting by size
    """

    def test_bounds(self) -> None:
        """A value at a bound belongs to it, one beyond the last to none."""
        tally = Tally((1, 2))
        for value in (0, 1, 1.5, 2, 3):
            tally.add(value)
        self.assertEqual(tally.counts, [2, 2, 1])
        self.assertEqual((tally.count, tally.sum), (5, 7.5))

    def test_together(self) -> None:
        """Several are put together, none being changed by it."""
        first, second = Tally((1, 2)), Tally((1, 2))
        first.add(1)
        second.add(5)
        whole = Tally.together([first, second], (1, 2))
        self.assertEqual((whole.counts, whole.sum), ([1, 0, 1], 6))
        self.assertEqual((first.counts, second.counts), ([1, 0, 0], [0, 0, 1]))
        self.assertEqual(Tally.together([], (1, 2)).count, 0)

    def test_seconds(self) -> None:
        """The bounds for times are in order, or they could not be looked up."""
        self.assertEqual(list(SECONDS), sorted({*SECONDS}))
