"""Tests for L{tests.support.survival.checker}: what it has to find, it finds."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ..support.survival.checker import Findings, check, contradictions
from ..support.survival.ledger import Label, Ledger

A1, A2, A3 = (Label("a", number) for number in (1, 2, 3))
B1 = Label("b", 1)


def seen(*sights: tuple[Label, str], promised: tuple[Label, ...] = ()) -> Findings:
    """The findings on what was seen after some promises."""
    ledger = Ledger()
    for label in promised:
        ledger.promise(label, f"id-{label}")
    for label, id in sights:
        ledger.see(label, id)
    return check(ledger)


class LabelTests(SynchronousTestCase):
    """
    Tests for L{Label}.
    """

    def test_text(self) -> None:
        """
        A label is read from its text, whatever is in the conversation's name.
        """
        for label in (A1, Label("a.b", 17), Label("x-1", 0)):
            self.assertEqual(Label.parse(str(label)), label)
        for text in ("", "a", "a.", "a.b"):
            self.assertRaises(ValueError, Label.parse, text)


class LedgerTests(SynchronousTestCase):
    """
    Tests for L{Ledger}.
    """

    def test_missing(self) -> None:
        """
        A promised message is missing until it is seen; it may be seen before the
        promise.
        """
        ledger = Ledger()
        ledger.promise(A1, "1")
        ledger.see(A2, "2")
        ledger.promise(A2, "2")
        self.assertEqual(ledger.missing, [A1])
        ledger.see(A1, "1")
        self.assertEqual(ledger.missing, [])

    def test_returned(self) -> None:
        """A returned message is not missing."""
        ledger = Ledger()
        ledger.promise(A1, "1")
        ledger.promise(A2, "2")
        ledger.returned.add("1")
        self.assertEqual(ledger.missing, [A2])
        self.assertEqual(check(ledger).lost, [A2])
        self.assertEqual(check(ledger).returned, 1)


class CheckTests(SynchronousTestCase):
    """
    Tests for L{check}.
    """

    def test_good(self) -> None:
        """
        Nothing is wrong where everything came; more may come than was promised, since
        a promise may be broken off with the connection.
        """
        findings = seen(
            (A1, "id-a.1"), (B1, "x"), (A2, "y"), (A3, "id-a.3"), promised=(A1, A3)
        )
        self.assertEqual(findings.wrong, "")
        self.assertEqual((findings.promised, findings.arrived), (2, 4))
        self.assertEqual(findings.doubled, 0)

    def test_nothing(self) -> None:
        """
        Nothing is wrong with nothing.
        """
        self.assertEqual(seen(), Findings())

    def test_lost(self) -> None:
        """
        A promised message that never came is lost; one that was not promised is not.
        """
        findings = seen((A1, "id-a.1"), (A3, "x"), promised=(A1, A2, B1))
        self.assertEqual(findings.lost, [A2, B1])
        self.assertEqual(findings.wrong, "2 lost (a.2, b.1)")

    def test_doubled(self) -> None:
        """
        A message that comes again with the same id is a duplicate, and no inversion.
        """
        findings = seen((A1, "1"), (A2, "2"), (A1, "1"), (A2, "2"), (A1, "1"))
        self.assertEqual((findings.arrived, findings.doubled), (2, 3))
        self.assertEqual(findings.wrong, "")

    def test_renamed(self) -> None:
        """A message that comes again with another id is no recognisable duplicate."""
        findings = seen((A1, "1"), (A2, "2"), (A1, "other"))
        self.assertEqual(findings.renamed, [A1])
        self.assertIn("1 with several ids (a.1)", findings.wrong)

    def test_misnamed(self) -> None:
        """A message that comes with another id than was promised is found, too."""
        findings = seen((A1, "other"), (A2, "id-a.2"), promised=(A1, A2))
        self.assertEqual(findings.renamed, [A1])

    def test_unnamed(self) -> None:
        """
        A promise may name no id.
        """
        ledger = Ledger()
        ledger.promise(A1)
        ledger.see(A1, "any")
        self.assertEqual(check(ledger).wrong, "")

    def test_inverted(self) -> None:
        """
        A message that first comes after a later one of its conversation is out of
        order.
        """
        findings = seen((A1, "1"), (A3, "3"), (B1, "b"), (A2, "2"))
        self.assertEqual(findings.inverted, [A2])
        self.assertIn("1 out of order (a.2)", findings.wrong)

    def test_gap(self) -> None:
        """
        A message may be missing from the order.
        """
        self.assertEqual(seen((A1, "1"), (A3, "3")).inverted, [])

    def test_window(self) -> None:
        """
        After each kill so many may come twice as the window holds, and no more.
        """
        ledger = Ledger()
        labels = [Label("a", number) for number in range(4)]
        for label in labels:
            ledger.see(label, "x")
        for epoch, doubles in ((1, 3), (2, 3), (3, 4)):
            ledger.epoch = epoch
            for label in labels[:doubles]:
                ledger.see(label, "x")
        findings = check(ledger, 3)
        self.assertEqual((findings.doubled, findings.mostDoubled), (10, 4))
        self.assertEqual(findings.excessive, {3: 4})
        self.assertIn("more doubles than the window allows", findings.wrong)
        self.assertEqual(check(ledger, 4).wrong, "")

    def test_windowBefore(self) -> None:
        """Messages that the kill before has left on the way may come after the next."""
        ledger = Ledger()
        labels = [Label("a", number) for number in range(4)]
        for epoch, seen in ((0, 4), (1, 2), (2, 4)):
            ledger.epoch = epoch
            for label in labels[:seen]:
                ledger.see(label, "x")
        self.assertEqual(check(ledger, 3).wrong, "")
        self.assertEqual(check(ledger, 2).excessive, {2: 4})


class ContradictionsTests(SynchronousTestCase):
    """
    Tests for L{contradictions}.
    """

    def test_contradictions(self) -> None:
        """
        All answers to one request are the same.
        """
        answers = {A1: [(202, "1"), (202, "1")], A2: [(202, "2"), (202, "3")], A3: []}
        self.assertEqual(contradictions(answers), [A2])
