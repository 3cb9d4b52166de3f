"""Tests of L{xmpprest.core.policy.quota}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.policy.quota import Amount, Excess, Holder, Quota

ANN, BOB = Holder("token", "ann"), Holder("token", "bob")
LIMIT = Amount(100, 1000)


class QuotaTests(SynchronousTestCase):
    """
    Tests of L{Quota}.
    """

    def setUp(self) -> None:
        self.quota = Quota()

    def fill(self, *holders: Holder, size: int = 1) -> int:
        """Add stanzas until one does not fit; returns how many fit."""
        count = 0
        while self.quota.excess(size, holders, LIMIT) is None:
            self.quota.add(Amount(1, size), holders)
            count += 1
        return count

    def test_number(self) -> None:
        """As many stanzas fit as the limit says."""
        self.assertEqual(self.fill(), 100)
        excess = self.quota.excess(1, (), LIMIT)
        self.assertEqual(excess, Excess(None, "messages", 100, 100))

    def test_size(self) -> None:
        """As many bytes fit as the limit says."""
        self.assertEqual(self.fill(size=100), 10)
        self.assertEqual(
            self.quota.excess(1, (), LIMIT), Excess(None, "bytes", 1000, 1000)
        )
        self.quota.remove(Amount(1, 100), ())
        self.assertIsNone(self.quota.excess(100, (), LIMIT))
        self.assertIsNotNone(self.quota.excess(101, (), LIMIT))

    def test_shares(self) -> None:
        """One holder gets half, the next half of the rest, and others still fit."""
        self.assertEqual(self.fill(ANN), 50)
        excess = self.quota.excess(1, (ANN,), LIMIT)
        self.assertEqual(excess, Excess(ANN, "messages", 50, 100))
        self.assertEqual(self.fill(BOB), 25)
        self.assertEqual(self.fill(), 25)

    def test_sharesInBytes(self) -> None:
        """Shares count bytes, too."""
        self.assertEqual(self.fill(ANN, size=100), 5)
        self.assertEqual(
            self.quota.excess(100, (ANN,), LIMIT), Excess(ANN, "bytes", 500, 1000)
        )

    def test_lastPlace(self) -> None:
        """A single holder can have the only place of a limit of one."""
        self.assertIsNone(self.quota.excess(1000, (ANN,), Amount(1, 1000)))

    def test_remove(self) -> None:
        """A removed entry frees its place, for its holders and for all."""
        self.fill(ANN)
        self.quota.remove(Amount(50, 50), (ANN,))
        self.assertEqual(self.quota.total, Amount(0, 0))
        self.assertEqual(self.quota.held(ANN), Amount(0, 0))
        self.assertEqual(self.fill(ANN), 50)

    def test_everyHolder(self) -> None:
        """A stanza counts for each of its holders; the fullest decides."""
        sender = Holder("sender", "bot@example.org")
        self.fill(ANN, sender)
        excess = self.quota.excess(1, (BOB, sender), LIMIT)
        assert excess is not None
        self.assertEqual(excess.holder, sender)

    def test_words(self) -> None:
        """A holder has a name to show."""
        self.assertEqual(str(ANN), "the token 'ann'")
