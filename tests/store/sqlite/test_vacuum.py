"""Tests for L{xmpprest.store.sqlite.vacuum}."""

from __future__ import annotations

import sqlite3
from sqlite3 import Connection

from xmpprest.core.records import (
    CONFIRMED,
    DELIVERED,
    DeliveryAttempt,
    NewMessage,
)
from xmpprest.store.sqlite import inbox_queries, outbox_queries, vacuum
from xmpprest.store.sqlite.migrations import MIGRATIONS, migrate

from .test_database_file import FileTestCase

TO = "user@example.org"
#: A stanza that shares its page with no other.
LONG = "x" * 2500
OUTGOING, INCOMING = vacuum.TABLES


def _fill(connection: Connection, rows: int, size: int = len(LONG)) -> None:
    """Store messages and stanzas, each of so many bytes."""
    content = "x" * size
    messages = [
        NewMessage(f"id{each}", TO, content, 1.0, key=f"key{each}", sender=TO)
        for each in range(rows)
    ]
    outbox_queries.add(connection, messages)
    stanzas = [
        inbox_queries.NewIncoming(f"msg_{each}", f"{TO} bot", content, 1.0)
        for each in range(rows)
    ]
    inbox_queries.add(connection, stanzas)


def _complete(connection: Connection, numbers: range) -> None:
    """Confirm messages, and deliver stanzas."""
    outbox_queries.updateStates(connection, numbers, CONFIRMED, 2.0, None)
    attempt = DeliveryAttempt(2.0, 204, None)
    tries = [
        inbox_queries.RecordedAttempt(each, attempt, DELIVERED, 0.0) for each in numbers
    ]
    inbox_queries.recordAttempts(connection, tries)


def _content(connection: Connection) -> list[object]:
    """Return all rows, and the counts of them."""
    return [
        connection.execute(f"SELECT * FROM {table}").fetchall()
        for table in ("outgoing", "incoming", "depth", "sqlite_sequence")
    ]


def _pragma(connection: Connection, name: str) -> int:
    ((value,),) = connection.execute(f"PRAGMA {name}")
    assert isinstance(value, int)
    return value


class VacuumTestCase(FileTestCase):
    """
    A test that has an open store, which keeps few free pages.
    """

    def setUp(self) -> None:
        super().setUp()
        self.patch(vacuum, "RESERVE", 10)
        self.patch(vacuum, "SPARSE_ABOVE", 0)

    def opened(self) -> Connection:
        """Open the file."""
        connection = self.file().open()
        self.addCleanup(connection.close)
        return connection

    def compact(self, connection: Connection) -> None:
        """Move all completed records together."""
        for records in vacuum.TABLES:
            last: int | None = 0
            while last is not None:
                last = vacuum.compact(connection, records, last, 20)

    def shrink(self, connection: Connection, limit: int = 50) -> int:
        """Return all free pages, and return the number of steps."""
        steps = 1
        while vacuum.shrink(limit)(connection):
            steps += 1
        return steps


class CompactTests(VacuumTestCase):
    """
    Moving the records of completed stanzas together
    """

    def test_frees(self) -> None:
        """
        After a backlog the file gets shorter, although all records are kept, with their
        numbers and counts.
        """
        connection = self.opened()
        _fill(connection, 200)
        _complete(connection, range(1, 201))
        before, content = _pragma(connection, "page_count"), _content(connection)
        self.compact(connection)
        self.shrink(connection)
        self.assertLess(_pragma(connection, "page_count"), before / 4)
        self.assertEqual(_content(connection), content)
        self.assertEqual(
            connection.execute("PRAGMA integrity_check").fetchall(), [("ok",)]
        )

    def test_waiting(self) -> None:
        """
        Waiting messages and stanzas keep their content and their order.
        """
        connection = self.opened()
        _fill(connection, 50)
        _complete(connection, range(10, 40))
        queued = outbox_queries.queued(connection, 0, 99)
        pending = inbox_queries.pending(connection, f"{TO} bot", 0, 99)
        self.compact(connection)
        self.assertEqual(outbox_queries.queued(connection, 0, 99), queued)
        self.assertEqual(inbox_queries.pending(connection, f"{TO} bot", 0, 99), pending)
        numbers = outbox_queries.add(connection, [NewMessage("new", TO, "", 3.0)])
        self.assertEqual(numbers, [51])

    def test_steps(self) -> None:
        """
        Each step moves a limited number of records, and says where the next one begins.
        """
        connection = self.opened()
        _fill(connection, 5)
        _complete(connection, range(1, 6))
        self.assertEqual(vacuum.compact(connection, INCOMING, 0, 2), 2)
        self.assertEqual(vacuum.compact(connection, INCOMING, 2, 2), 4)
        self.assertEqual(vacuum.compact(connection, INCOMING, 4, 2), 5)
        self.assertIsNone(vacuum.compact(connection, INCOMING, 5, 2))

    def test_sparse(self) -> None:
        """
        A file is sparse once its backlog is completed, but not before, nor after its
        records were moved together.
        """
        connection = self.opened()
        _fill(connection, 200)
        self.assertFalse(vacuum.isSparse(connection))
        _complete(connection, range(1, 201))
        self.assertTrue(vacuum.isSparse(connection))
        self.compact(connection)
        self.assertFalse(vacuum.isSparse(connection))

    def test_smallMessages(self) -> None:
        """After a backlog of small messages the file gets shorter, too."""
        connection = self.opened()
        _fill(connection, 2000, 500)
        _complete(connection, range(1, 2001))
        self.assertTrue(vacuum.isSparse(connection))
        before = _pragma(connection, "page_count")
        self.compact(connection)
        self.shrink(connection)
        self.assertLess(_pragma(connection, "page_count"), before * 0.75)
        self.assertFalse(vacuum.isSparse(connection))
        self.assertLess(vacuum.recordSize(connection), vacuum.SPARSE_RECORD)

    def test_limit(self) -> None:
        """A file is not sparse whose records take that much when moved together."""
        connection = self.opened()
        _fill(connection, 200)
        _complete(connection, range(1, 201))
        size = vacuum.recordSize(connection)
        self.assertTrue(vacuum.isSparse(connection, size * 0.9))
        self.assertFalse(vacuum.isSparse(connection, size * 1.1))

    def test_small(self) -> None:
        """
        A small file is left as it is.
        """
        connection = self.opened()
        _fill(connection, 200)
        _complete(connection, range(1, 201))
        self.patch(vacuum, "SPARSE_ABOVE", 2**26)
        self.assertFalse(vacuum.isSparse(connection))

    def test_empty(self) -> None:
        """
        A new file is not sparse.
        """
        self.assertFalse(vacuum.isSparse(self.opened()))


class ShrinkTests(VacuumTestCase):
    """
    Returning free pages to the disk
    """

    def freed(self) -> Connection:
        """Open a file with many free pages."""
        connection = self.opened()
        _fill(connection, 200)
        connection.execute("DELETE FROM outgoing")
        return connection

    def test_steps(self) -> None:
        """
        Each step returns a limited number of pages, until only the reserve is left; the
        file is shorter after the next copy of the log.
        """
        connection = self.freed()
        pages, free = (
            _pragma(connection, each) for each in ("page_count", "freelist_count")
        )
        self.assertTrue(vacuum.shrink(50)(connection))
        self.assertEqual(_pragma(connection, "page_count"), pages - 50)
        self.shrink(connection)
        used = pages - free
        left = _pragma(connection, "freelist_count")
        self.assertEqual(left, max(10, int(used * vacuum.SHARE)))
        connection.execute("PRAGMA wal_checkpoint").fetchall()
        self.assertEqual(self.path.stat().st_size, (used + left) * 4096)

    def test_reserve(self) -> None:
        """
        A file without many free pages stays as long as it is.
        """
        connection = self.opened()
        _fill(connection, 5)
        connection.execute("DELETE FROM outgoing")
        before = _pragma(connection, "page_count")
        self.assertFalse(vacuum.shrink(50)(connection))
        self.assertEqual(_pragma(connection, "page_count"), before)


class EnableTests(VacuumTestCase):
    """
    Files that an earlier version has created
    """

    def setUp(self) -> None:
        super().setUp()
        connection = sqlite3.connect(self.path, isolation_level=None)
        migrate(connection, MIGRATIONS[:3])
        connection.execute(
            "INSERT INTO outgoing (id, recipient, stanza, state, acceptedAt, changedAt)"
            " VALUES ('a', 'b@x', '<message/>', 'queued', 1.0, 1.0)"
        )
        self.assertEqual(_pragma(connection, "auto_vacuum"), 0)
        connection.close()

    def test_rewritten(self) -> None:
        """
        Such a file is rewritten at the start, keeps its content, and can get shorter.
        """
        self.assertEqual(self.kept(), 1)
        connection = self.opened()
        self.assertEqual(_pragma(connection, "auto_vacuum"), 2)
        _fill(connection, 200)
        connection.execute("DELETE FROM incoming")
        self.assertGreater(self.shrink(connection), 1)

    def test_large(self) -> None:
        """
        A large file stays as it is, and is used without getting shorter.
        """
        self.patch(vacuum, "REWRITE_BELOW", 4096)
        connection = self.opened()
        self.assertEqual(_pragma(connection, "auto_vacuum"), 0)
        _fill(connection, 200)
        connection.execute("DELETE FROM incoming")
        before = _pragma(connection, "page_count")
        self.assertEqual(self.shrink(connection), 1)
        self.assertEqual(_pragma(connection, "page_count"), before)

    def test_noRoom(self) -> None:
        """
        A file stays as it is if the disk has no room for a second one.
        """
        self.patch(vacuum, "ROOM", 2**60)
        self.assertEqual(_pragma(self.opened(), "auto_vacuum"), 0)
