"""Tests for L{xmpprest.store.sqlite.coalesce}."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from sqlite3 import Connection

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.store.sqlite.coalesce import (
    FEW,
    MANY,
    Coalescable,
    Operation,
    insert,
    runAll,
)

from ..doubles import FaultyDisk


class TogetherTests(SynchronousTestCase):
    """
    Many at once
    """

    def setUp(self) -> None:
        self.disk = FaultyDisk()
        self.connection = self.disk.connect(":memory:", isolation_level=None)
        self.addCleanup(self.connection.close)
        self.done: list[Sequence[str]] = []

    def upper(self, connection: Connection, words: Sequence[str]) -> Sequence[str]:
        """A function that does many."""
        self.done.append(words)
        return [word.upper() for word in words]

    def lower(self, connection: Connection, words: Sequence[str]) -> Sequence[str]:
        """Another."""
        self.done.append(words)
        return [word.lower() for word in words]

    def test_runs(self) -> None:
        """
        Works that may be merged and follow one another are done together, those of each
        kind in their order, before and after any other work; each has its result.
        """
        upper, lower = self.upper, self.lower  # the same object each time
        works: list[Operation] = [
            *(Coalescable(upper, word) for word in "abc"),
            lambda connection: self.done.append("alone"),
            Coalescable(upper, "d"),
            Coalescable(lower, "E"),
            Coalescable(upper, "f"),
            Coalescable(lower, "G"),
            lambda connection: self.done.append("again"),
            Coalescable(lower, "H"),
        ]
        results = runAll(self.connection, works)
        self.assertEqual(results, ["A", "B", "C", None, "D", "e", "F", "g", None, "h"])
        expected = [["a", "b", "c"], "alone", ["d", "f"], ["E", "G"], "again", ["H"]]
        self.assertEqual(self.done, expected)

    def test_alone(self) -> None:
        """
        Such a work may be done alone, too.
        """
        self.assertEqual(Coalescable(self.upper, "a")(self.connection), "A")

    def test_insert(self) -> None:
        """
        However many rows there are, all are there, in their order, and their numbers
        are known; of different statements there are few.
        """
        self.connection.execute("CREATE TABLE t (number INTEGER PRIMARY KEY, x, y)")
        add = partial(insert, self.connection, "INSERT INTO t (x, y) VALUES %s")
        rows: list[tuple[int, int]] = []
        for count in (*range(3 * MANY + 3), 1000):
            new = [(len(rows) + each, each) for each in range(count)]
            numbers = add(new)
            rows += new
            self.assertEqual(numbers, [*range(len(rows) - count + 1, len(rows) + 1)])
        self.assertLess(len({*self.disk.statements}), FEW + 5)
        there = self.connection.execute("SELECT x, y FROM t ORDER BY number").fetchall()
        self.assertEqual(there, rows)
