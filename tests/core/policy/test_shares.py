"""Tests for L{xmpprest.core.policy.shares}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.policy.shares import Shares

LIMIT = 10


class SharesTests(SynchronousTestCase):
    """Tokens that share a capacity of ten."""

    def setUp(self) -> None:
        self.shares = Shares()
        self.count = 0

    def acquired(self, token: str) -> int:
        """Acquire for a token as much as it gets; returns how much that is."""
        before = self.count
        while self.count < LIMIT and self.shares.acquire(token, LIMIT - self.count):
            self.count += 1
        return self.count - before

    def test_half(self) -> None:
        """A token alone gets half, and the next one half of the rest."""
        self.assertEqual(self.acquired("a"), 5)
        self.assertEqual(self.acquired("b"), 3)
        self.assertEqual(self.acquired("a"), 0)

    def test_credentials(self) -> None:
        """Credentials get everything."""
        self.assertEqual(self.acquired(""), 10)
        self.shares.release("")

    def test_one(self) -> None:
        """A token gets the only one."""
        self.assertTrue(self.shares.acquire("a", 1))
        self.assertFalse(self.shares.acquire("a", 1))

    def test_release(self) -> None:
        """A token can have again as much as it gave back."""
        self.acquired("a")
        for _ in range(5):
            self.shares.release("a")
        self.count -= 5
        self.assertEqual(self.acquired("a"), 5)
