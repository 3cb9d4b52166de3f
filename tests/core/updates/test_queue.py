"""
Tests of L{xmpprest.core.updates.queue}.
"""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.updates.queue import Expected, Transient, UpdateQueue


class QueueTests(SynchronousTestCase):
    """
    Tests of L{UpdateQueue}.
    """

    def setUp(self) -> None:
        self.queue = UpdateQueue()

    def ids(self, limit: int = 100) -> list[int | str]:
        """The first updates: positions of stored stanzas, ids of transient ones."""
        first = self.queue.first(limit)
        return [each.id if isinstance(each, Transient) else each for each in first]

    def store(self, position: int) -> None:
        """Add a stored stanza and commit it at once."""
        stanza = Expected(float(position))
        self.queue.expect(stanza)
        self.queue.committed(stanza, position)

    def show(self, id: str) -> Transient:
        """Add a transient stanza."""
        stanza = Transient(id)
        self.queue.addTransient(stanza)
        return stanza

    def test_order(self) -> None:
        """
        Stored and transient stanzas stand in the order of their arrival.
        """
        self.show("a")
        self.store(11)
        self.show("b")
        self.show("c")
        self.store(12)
        self.show("d")
        self.assertEqual(self.ids(), ["a", 11, "b", "c", 12, "d"])
        self.assertEqual(self.ids(3), ["a", 11, "b"])

    def test_committing(self) -> None:
        """
        A stanza that is being committed holds up all that arrived after it.
        """
        first, second = Expected(), Expected()
        self.queue.expect(first)
        self.show("a")
        self.queue.expect(second)
        self.queue.committed(second, 12)
        self.assertEqual(self.ids(), [])
        self.assertTrue(self.queue.isEmpty)
        self.queue.committed(first, 11)
        self.assertEqual(self.ids(), [11, "a", 12])
        self.assertFalse(self.queue.isEmpty)

    def test_commitFailed(self) -> None:
        """
        A stanza that could not be committed is left out, or a transient one stands in
        its place.
        """
        first, second, third = Expected(), Expected(), Expected()
        for each in (first, second, third):
            self.queue.expect(each)
        self.show("presence")
        self.queue.commitFailed(second, Transient("instead"))
        self.queue.committed(first, 11)
        self.queue.commitFailed(third, None)
        self.assertEqual(self.ids(), [11, "instead", "presence"])

    def test_acknowledged(self) -> None:
        """
        A place in the order stands for all stored stanzas up to a position, and all
        transient ones up to a serial number.
        """
        a = self.show("a")
        self.store(11)
        self.store(13)
        b = self.show("b")
        self.store(14)
        self.assertEqual(list(self.queue.upTo(13)), [11, 13])
        self.assertEqual(list(self.queue.upTo(12)), [11])
        self.assertEqual(list(self.queue.upTo(10)), [])
        self.assertEqual(list(self.queue.transientUpTo(a.serial)), [a])
        self.assertEqual(list(self.queue.transientUpTo(b.serial)), [a, b])

    def test_remove(self) -> None:
        """
        A removed stanza is gone, whether or not it was the first.
        """
        for position in (11, 12, 13):
            self.store(position)
        shown = self.show("a")
        for position in (12, 12, 99, 11):
            self.queue.remove(position)
        self.queue.removeTransient(shown)
        self.assertEqual(self.ids(), [13])
        self.assertEqual(len(self.queue), 1)
        self.assertEqual(self.queue.oldest, 13.0)
        self.assertNotIn(11, self.queue)
        self.assertEqual(list(self.queue.upTo(13)), [13])

    def test_removeArriving(self) -> None:
        """
        A transient stanza can be removed while it waits for a commit before it.
        """
        stored = Expected()
        self.queue.expect(stored)
        shown = self.show("a")
        self.queue.removeTransient(shown)
        self.queue.committed(stored, 11)
        self.assertEqual(self.ids(), [11])

    def test_load(self) -> None:
        """
        Stanzas of earlier runs come before those that arrived since the start.
        """
        self.store(21)
        self.show("a")
        self.queue.load({12: 2.0, 4: 1.0})
        self.assertEqual(self.ids(), [4, 12, 21, "a"])
        self.assertEqual(self.queue.oldest, 1.0)
        self.assertEqual(self.queue.last, 21)

    def test_addStored(self) -> None:
        """
        A stanza that became pending again stands at its position, once.
        """
        self.store(12)
        self.store(14)
        self.queue.addStored(13, 5.0)
        self.queue.addStored(13, 5.0)
        self.queue.addStored(15, 6.0)
        self.assertEqual(self.ids(), [12, 13, 14, 15])

    def test_many(self) -> None:
        """
        The queue keeps its order over many arrivals and removals in any order.
        """
        random, expected = Random(7), list[int]()
        for position in range(11, 6000):
            self.store(position)
            expected.append(position)
            while len(expected) > 100:
                gone = expected.pop(random.randrange(3))
                self.queue.remove(gone)
        self.assertEqual(self.ids(200), expected)
        self.assertEqual(len(self.queue), 100)
        self.assertEqual(list(self.queue.upTo(9999)), expected)
