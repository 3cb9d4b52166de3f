"""Tests of L{xmpprest.core.policy.reply_limit}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.policy import reply_limit
from xmpprest.core.policy.reply_limit import LONG, LONG_FACTOR, SHORT, ReplyLimiter

LIMIT = 30


class ReplyLimiterTests(SynchronousTestCase):
    """
    Tests of L{ReplyLimiter}.
    """

    def setUp(self) -> None:
        """Begin without any replies."""
        self.limiter = ReplyLimiter()

    def admit(self, now: float, sender: str = "ann@x/a", recipient: str = "b") -> bool:
        """Count a reply; return whether it may be sent."""
        return self.limiter.admit(sender, recipient, LIMIT, now)[0]

    def test_short(self) -> None:
        """
        Within ten seconds a sender gets 30 replies; the first dropped one is told.
        """
        results = [
            self.limiter.admit("a", "b", LIMIT, number * 0.1)
            for number in range(LIMIT + 2)
        ]
        self.assertEqual([(True, False)] * LIMIT, results[:LIMIT])
        self.assertEqual([(False, True), (False, False)], results[LIMIT:])
        self.assertEqual(2, self.limiter.dropped)

    def test_silence(self) -> None:
        """
        A blocked sender gets replies again once it was silent for ten seconds.
        """
        for _ in range(LIMIT + 1):
            self.admit(0)
        self.assertFalse(self.admit(SHORT - 0.1))
        self.assertFalse(self.admit(2 * SHORT - 0.2))
        self.assertTrue(self.admit(3 * SHORT - 0.2))

    def test_slow(self) -> None:
        """
        A sender that stays below both limits always gets replies.
        """
        for number in range(2000):
            self.assertTrue(self.admit(number * 6.1))

    def test_long(self) -> None:
        """
        Within an hour a sender gets 600 replies; then it must be silent for an hour.
        """
        results = [self.admit(number) for number in range(LIMIT * LONG_FACTOR + 1)]
        self.assertEqual([True] * LIMIT * LONG_FACTOR + [False], results)
        last = LIMIT * LONG_FACTOR
        self.assertFalse(self.admit(last + LONG - 1))
        self.assertTrue(self.admit(last + LONG - 1 + LONG))

    def test_pairs(self) -> None:
        """
        Resources of a sender and recipients are counted apart.
        """
        for _ in range(LIMIT + 1):
            self.admit(0)
        self.assertFalse(self.admit(0))
        self.assertTrue(self.admit(0, sender="ann@x/b"))
        self.assertTrue(self.admit(0, recipient="c"))

    def test_memory(self) -> None:
        """
        The pairs that were silent for longest are forgotten.
        """
        self.patch(reply_limit, "MAX_PAIRS", 3)
        for number in range(5):
            self.admit(number, sender=str(number))
        self.assertEqual(3, len(self.limiter._pairs))
