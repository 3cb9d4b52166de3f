"""Tests for L{xmpprest.store.sqlite.group_commit}."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from functools import partial
from sqlite3 import Connection

from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.records import (
    IdempotencyRecord,
    NewMessage,
    QueueDepth,
    StoreUnavailable,
    StoreUnusable,
)
from xmpprest.store.sqlite import idempotency_queries, outbox_queries
from xmpprest.store.sqlite.coalesce import Coalescable, Operation, Standalone
from xmpprest.store.sqlite.database_file import DatabaseFile
from xmpprest.store.sqlite.group_commit import LOG_INTERVAL, GroupCommitter
from xmpprest.store.sqlite.migrations import PROBE_WRITE

from ..doubles import FaultyDisk, Told, diskError

FULL = diskError(sqlite3.SQLITE_FULL, "database or disk is full")
FSYNC = diskError(sqlite3.SQLITE_IOERR_FSYNC, "disk I/O error")
READONLY = diskError(sqlite3.SQLITE_READONLY_DBMOVED)
CORRUPT = diskError(sqlite3.SQLITE_CORRUPT, "database disk image is malformed")


def accept(id: str) -> Operation:
    """Keep a message."""
    return Coalescable(outbox_queries.add, NewMessage(id, "user@example.org", "", 1.0))


def _depth(connection: Connection) -> QueueDepth:
    """Count the queued messages."""
    queued = outbox_queries.listQueued(connection, 0, 1000)
    return QueueDepth(len(queued), queued[0].acceptedAt if queued else None)


class CommitterTestCase(SynchronousTestCase):
    """
    A test that has a file on a disk that may fail.
    """

    def setUp(self) -> None:
        self.disk = FaultyDisk()
        self.told = Told()
        self.path = self.mktemp()
        file = DatabaseFile(self.path, self.told, self.disk.connect)
        self.now = 0.0
        self.committer = GroupCommitter(file, self.told, lambda: self.now)
        self.committer.open()
        self.addCleanup(self.committer.close)
        self.disk.statements.clear()

    def kept(self) -> list[str]:
        """The ids of what is there."""
        (found,) = self.committer.commit(
            [partial(outbox_queries.queued, after=0, limit=99)]
        )
        assert isinstance(found, list), found
        return [each.id for each in found]

    def assertUnavailable(self, result: object, reason: str) -> None:
        """Check that a result is a failure with this reason."""
        assert isinstance(result, Failure), result
        self.assertIsInstance(result.value, StoreUnavailable)
        self.assertEqual(str(result.value), reason)


class CommitTests(CommitterTestCase):
    """
    On a good disk
    """

    def test_batch(self) -> None:
        """
        All is done in one commit, in its order, and each has its result.
        """
        results = self.committer.commit([accept("a"), accept("b"), _depth])
        self.assertEqual(results[:2], [1, 2])
        self.assertEqual(self.disk.commits, 1)
        self.assertEqual(self.kept(), ["a", "b"])

    def test_fault(self) -> None:
        """
        An operation that fails by its own fault has no effect, and the others have
        theirs.
        """

        def faulty(connection: Connection) -> None:
            accept("nothing")(connection)
            raise ZeroDivisionError("oh")

        works = [accept("a"), faulty, accept("b"), accept("\ud800"), accept("c")]
        one, two, three, four, five = self.committer.commit(works)
        self.assertEqual([one, three, five], [1, 2, 3])
        for result, kind in ((two, ZeroDivisionError), (four, UnicodeEncodeError)):
            assert isinstance(result, Failure)
            self.assertIsInstance(result.value, kind)
        self.assertEqual(self.kept(), ["a", "b", "c"])
        self.assertEqual(self.committer.commit([_depth]), [QueueDepth(3, 1.0)])
        self.assertEqual(self.disk.opened, 2)
        self.assertEqual(self.told.take(), [])


class StandaloneTests(CommitterTestCase):
    """
    Operations that make their own transaction
    """

    def test_after(self) -> None:
        """
        A standalone operation runs without a transaction after the others, and each
        operation has its own result.
        """

        def run(connection: Connection) -> str:
            return f"{connection.in_transaction} {_depth(connection).count}"

        works: list[Operation] = [accept("a"), Standalone(run), accept("b"), _depth]
        results = self.committer.commit(works)
        self.assertEqual(results, [1, "False 2", 2, QueueDepth(2, 1.0)])

    def test_trouble(self) -> None:
        """
        A standalone operation fails alone if the disk is full, and the store goes on.
        """

        def run(connection: Connection) -> None:
            raise FULL

        accepted, failed = self.committer.commit([accept("a"), Standalone(run)])
        self.assertEqual(accepted, 1)
        self.assertUnavailable(failed, "the disk is full")
        self.assertEqual(self.committer.commit([accept("b")]), [2])

    def test_unavailable(self) -> None:
        """
        A standalone operation fails if the file cannot be opened.
        """
        self.disk.fail("BEGIN", FULL)
        runs: list[Connection] = []
        (failed,) = self.committer.commit([Standalone(runs.append)])
        self.assertUnavailable(failed, "the disk is full")
        self.assertEqual(runs, [])


class GoneTests(CommitterTestCase):
    """
    On a file that is deleted or replaced while it is open
    """

    def reopened(self) -> list[str]:
        """The ids that the next gateway finds."""
        self.committer.close()
        self.committer.open()
        return self.kept()

    def test_deleted(self) -> None:
        """
        A deleted file is restored before the next commit is reported, which is logged.
        """
        self.committer.commit([accept("a")])
        for suffix in ("", "-wal", "-shm"):
            os.unlink(self.path + suffix)
        self.assertEqual(self.committer.commit([accept("b")]), [2])
        (line,) = self.told.take()
        self.assertIn("was deleted while the gateway was using it, and has been", line)
        self.assertEqual(self.reopened(), ["a", "b"])

    def test_logDeleted(self) -> None:
        """
        A deleted log is copied into the file.
        """
        self.committer.commit([accept("a")])
        os.unlink(f"{self.path}-wal")
        self.committer.commit([accept("b")])
        self.assertEqual(self.reopened(), ["a", "b"])

    def test_during(self) -> None:
        """
        A commit into a file that is deleted meanwhile is in the restored file.
        """

        def delete(connection: Connection) -> None:
            os.unlink(self.path)

        self.committer.commit([accept("a"), delete])
        self.assertEqual(self.reopened(), ["a"])

    def test_replaced(self) -> None:
        """
        While another file has the name of the store, commits fail, in words; once it is
        moved away, the store is restored with all its content.
        """
        self.committer.commit([accept("a")])
        other = f"{self.path}.other"
        for path in (other, f"{self.path}-wal"):
            with open(path, "wb"):
                pass
        os.replace(other, self.path)
        for _ in range(2):
            (result,) = self.committer.commit([accept("b")])
            assert isinstance(result, Failure)
            self.assertIn("another file has taken its place", str(result.value))
        self.assertEqual(len(self.told.take()), 1)
        os.unlink(self.path)
        self.committer.commit([accept("c")])
        self.assertEqual(self.reopened(), ["a", "c"])

    def test_cannotRestore(self) -> None:
        """
        While the disk refuses to restore a deleted file, commits fail, and nothing is
        lost.
        """
        self.committer.commit([accept("a")])
        os.unlink(self.path)
        self.disk.fail("VACUUM", FULL)
        (result,) = self.committer.commit([accept("b")])
        self.assertUnavailable(
            result, "it was deleted, and cannot be restored: the disk is full"
        )
        self.disk.mend()
        self.committer.commit([accept("c")])
        self.assertEqual(self.reopened(), ["a", "c"])


class FullTests(SynchronousTestCase):
    """
    On a disk that is full from the beginning
    """

    def test_open(self) -> None:
        """
        Opening succeeds; commits fail, in words, until the disk has room.
        """
        disk, told = FaultyDisk(), Told()
        path = self.mktemp()
        committer = GroupCommitter(DatabaseFile(path, told, disk.connect), told)
        free = os.statvfs(".")
        full = os.statvfs_result([*free[:4], 0, *free[5:]])
        with contextlib.ExitStack() as stack:
            patch = self.patch(os, "statvfs", lambda path: full)
            stack.callback(patch.restore)
            disk.fail("CREATE", diskError(sqlite3.SQLITE_IOERR_SHMSIZE))
            committer.open()
            self.addCleanup(committer.close)
            (result,) = committer.commit([accept("a")])
            assert isinstance(result, Failure)
            self.assertEqual(str(result.value), "the disk is full")
        (line,) = told.take()
        self.assertIn("Cannot write to the store", line)
        disk.mend()
        self.assertEqual(committer.commit([accept("a")]), [1])


class TroubleTests(CommitterTestCase):
    """
    On a bad one
    """

    def test_reasons(self) -> None:
        """
        Wherever a batch fails, all of it fails, in words, and nothing of it has
        happened.
        """
        for statement in ("BEGIN", "INSERT", "COMMIT"):
            for error, words in (
                (FULL, "the disk is full"),
                (FSYNC, "the disk reports an error (SQLITE_IOERR_FSYNC)"),
                (READONLY, "the file or its disk is read-only"),
                (MemoryError(), "there is no memory left"),
            ):
                self.disk.fail(statement, error)
                works = [_depth, accept("a"), accept("b")]
                for result in self.committer.commit(works):
                    self.assertUnavailable(result, words)
                self.disk.mend()
                self.assertEqual(self.kept(), [])

    def test_log(self) -> None:
        """
        A failure is logged when it begins and when its reason changes, and the recovery
        once: when a commit succeeds, not when a read does.
        """
        self.disk.fail("INSERT", FULL)
        for _ in range(3):
            self.committer.commit([accept("a")])
            self.assertEqual(self.kept(), [])
        (line,) = self.told.take()
        self.assertIn(": the disk is full. Messages are refused", line)
        self.disk.fail("INSERT", FSYNC)
        self.committer.commit([accept("a")])
        (line,) = self.told.take()
        self.assertIn("error (SQLITE_IOERR_FSYNC)", line)
        self.disk.mend()
        self.committer.commit([accept("b")])
        self.committer.commit([accept("c")])
        (line,) = self.told.take()
        self.assertIn("works again", line)
        self.assertEqual(self.kept(), ["b", "c"])

    def test_flapping(self) -> None:
        """
        A disk that takes some and refuses others does not fill the log.
        """
        for _ in range(10):
            self.disk.fail("INSERT", FULL)
            self.committer.commit([accept("a")])
            self.disk.mend()
            self.committer.commit([accept("b")])
        full, well = self.told.take()
        self.assertIn("the disk is full", full)
        self.assertIn("works again", well)
        self.now += LOG_INTERVAL
        self.disk.fail("INSERT", FULL)
        self.committer.commit([accept("a")])
        (full,) = self.told.take()
        self.assertIn("the disk is full", full)

    def test_reopened(self) -> None:
        """
        The file is opened anew, its log put into it before anything is added; and
        what may have been left at the end of the log is written over before.
        """
        self.disk.fail("COMMIT", FSYNC)
        self.committer.commit([accept("a")])
        self.assertEqual(self.disk.statements[-1], PROBE_WRITE)
        self.disk.mend()
        self.disk.statements.clear()
        self.committer.commit([accept("b")])
        log = self.disk.statements.index("PRAGMA wal_checkpoint(TRUNCATE)")
        self.assertLess(log, self.disk.statements.index("BEGIN"))
        self.assertEqual(self.disk.opened, 3)

    def test_cannotReopen(self) -> None:
        """
        A file that cannot be opened again is tried again with every batch.
        """
        self.disk.fail("COMMIT", FSYNC)
        self.committer.commit([accept("a")])
        self.disk.mend()
        self.disk.fail("PRAGMA wal_checkpoint", FULL)
        for _ in range(3):
            (result,) = self.committer.commit([accept("a")])
            self.assertUnavailable(result, "the disk is full")
        self.assertEqual(len(self.told.take()), 2)
        self.disk.mend()
        self.assertEqual(self.committer.commit([accept("b")]), [1])

    def test_locked(self) -> None:
        """
        The file is not free for another gateway while it cannot be used.
        """
        self.disk.fail("COMMIT", FSYNC)
        self.committer.commit([accept("a")])
        file = DatabaseFile(self.path, self.told, sqlite3.connect)
        with self.assertRaisesRegex(StoreUnusable, "in use by another gateway"):
            file.open()

    def test_damage(self) -> None:
        """
        Damage is not written to any more until the gateway is started again.
        """
        self.disk.fail("INSERT", CORRUPT)
        words = "the file is damaged; restart the gateway, which sets it aside"
        (result,) = self.committer.commit([accept("a")])
        self.assertUnavailable(result, words)
        self.disk.mend()
        self.disk.statements.clear()
        (result,) = self.committer.commit([accept("a")])
        self.assertUnavailable(result, words)
        self.assertEqual(self.disk.statements, [])
        self.assertEqual(len(self.told.take()), 1)

    def test_unexpected(self) -> None:
        """An unexpected error is handled, too."""
        self.disk.fail("BEGIN", ZeroDivisionError("oh"))
        (result,) = self.committer.commit([accept("a")])
        self.assertUnavailable(result, "an unexpected error, ZeroDivisionError('oh')")
        self.disk.mend()
        self.assertEqual(self.committer.commit([accept("a")]), [1])

    def test_reallyFull(self) -> None:
        """
        When SQLite itself finds no room, nothing of the batch has happened; and once
        there is room, all is well.
        """

        def narrow(connection: Connection) -> None:
            connection.execute("PRAGMA max_page_count = 1")

        large = partial(
            idempotency_queries.finishRequest, key="key", answer=b"x" * 2**20
        )
        self.committer.commit([narrow])
        running = IdempotencyRecord("key", b"", b"", 1.0)
        results = self.committer.commit(
            [
                accept("a"),
                partial(idempotency_queries.beginRequest, request=running, limit=9),
                large,
            ]
        )
        for result in results:
            self.assertUnavailable(result, "the disk is full")
        self.assertEqual(self.kept(), [])
        self.assertEqual(self.committer.commit([accept("b")]), [1])
