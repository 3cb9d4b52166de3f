"""Tests for L{xmpprest.core.bots.answer_limit}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.bots.answer_limit import (
    LIMIT,
    MAX_CONTACTS,
    PERIOD,
    AnswerLimiter,
)


class AnswerLimiterTests(SynchronousTestCase):
    """
    L{AnswerLimiter}
    """

    def test_limit(self) -> None:
        """
        A contact gets so many answers in a period, and again in the next; others are
        not concerned.
        """
        limiter = AnswerLimiter()
        admitted = [limiter.admit("a@x", 1000.0) for _ in range(LIMIT + 5)]
        self.assertEqual(admitted, [True] * LIMIT + [False] * 5)
        self.assertEqual(limiter.refused, 5)
        self.assertTrue(limiter.admit("b@x", 1000.0))
        self.assertFalse(limiter.admit("a@x", 1000.0 + PERIOD - 0.1))
        self.assertTrue(limiter.admit("a@x", 1000.0 + PERIOD))

    def test_memory(self) -> None:
        """
        A flood from many addresses does not take more and more memory.
        """
        limiter = AnswerLimiter()
        for number in range(3 * MAX_CONTACTS):
            limiter.admit(f"{number}@x", 0.0)
        self.assertLessEqual(len(limiter._counts), MAX_CONTACTS)
