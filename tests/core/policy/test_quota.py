"""Tests of L{xmpprest.core.policy.quota}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.policy.quota import Excess, Limits, Quota

ANN, BOB = "ann", "bob"
LIMITS = Limits(100, 1000)


class QuotaTests(SynchronousTestCase):
    """
    Tests of L{Quota}.
    """

    def setUp(self) -> None:
        self.quota: Quota[str] = Quota()

    def fill(self, *holders: str, size: int = 1) -> int:
        """Add stanzas until one does not fit; returns how many fit."""
        count = 0
        while self.quota.excess(LIMITS, holders, size) is None:
            self.quota.add(holders, size)
            count += 1
        return count

    def test_number(self) -> None:
        """As many stanzas fit as the limit says."""
        self.assertEqual(self.fill(), 100)
        excess = self.quota.excess(LIMITS, (), 1)
        self.assertEqual(excess, Excess(None, "messages", 100, 100))

    def test_size(self) -> None:
        """As many bytes fit as the limit says."""
        self.assertEqual(self.fill(size=100), 10)
        self.assertEqual(
            self.quota.excess(LIMITS, (), 1), Excess(None, "bytes", 1000, 1000)
        )
        self.quota.remove((), 100)
        self.assertIsNone(self.quota.excess(LIMITS, (), 100))
        self.assertIsNotNone(self.quota.excess(LIMITS, (), 101))

    def test_shares(self) -> None:
        """One holder gets half, the next half of the rest, and others still fit."""
        self.assertEqual(self.fill(ANN), 50)
        excess = self.quota.excess(LIMITS, (ANN,), 1)
        self.assertEqual(excess, Excess(ANN, "messages", 50, 100))
        self.assertEqual(self.fill(BOB), 25)
        self.assertEqual(self.fill(), 25)

    def test_sharesInBytes(self) -> None:
        """Shares count bytes, too."""
        self.assertEqual(self.fill(ANN, size=100), 5)
        self.assertEqual(
            self.quota.excess(LIMITS, (ANN,), 100), Excess(ANN, "bytes", 500, 1000)
        )

    def test_lastPlace(self) -> None:
        """A single holder can have the only place of a limit of one."""
        self.assertIsNone(self.quota.excess(Limits(1, 1000), (ANN,), 1000))

    def test_remove(self) -> None:
        """A removed entry frees its place, for its holders and for all."""
        self.fill(ANN)
        self.quota.remove((ANN,), 50, 50)
        self.assertEqual((self.quota.count, self.quota.size), (0, 0))
        self.assertEqual(self.quota.held(ANN), (0, 0))
        self.assertEqual(self.fill(ANN), 50)

    def test_everyHolder(self) -> None:
        """A stanza counts for each of its holders; the fullest decides."""
        sender = "bot@example.org"
        self.fill(ANN, sender)
        excess = self.quota.excess(LIMITS, (BOB, sender), 1)
        assert excess is not None
        self.assertEqual(excess.holder, sender)

    def test_numberAlone(self) -> None:
        """Where bytes do not count, shares are of the number alone."""
        limits, counts = Limits(10), []
        for holder in (ANN, BOB):
            while self.quota.excess(limits, (holder,)) is None:
                self.quota.add((holder,))
            counts.append(self.quota.held(holder)[0])
        self.assertEqual(counts, [5, 3])
        for _ in range(5):
            self.quota.remove((ANN,))
        self.assertIsNone(self.quota.excess(limits, (ANN,)))
