"""
Tests for L{xmpprest.store.sqlite.database_file} and
L{xmpprest.store.sqlite.migrations}.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.records import (
    CONFIRMED,
    QUEUED,
    NewMessage,
    OutboxRecord,
    StoreUnusable,
)
from xmpprest.store.sqlite import outbox_queries
from xmpprest.store.sqlite.database_file import DatabaseFile
from xmpprest.store.sqlite.migrations import (
    APPLICATION_ID,
    MIGRATIONS,
    ForeignFile,
    migrate,
)

from ..doubles import FaultyDisk, Told, diskError


class FileTestCase(SynchronousTestCase):
    """
    A test that has a place for a file.
    """

    def setUp(self) -> None:
        self.place = Path(self.mktemp()).resolve()
        self.place.mkdir()
        self.path = self.place / "store.db"
        self.told = Told()

    def file(self, path: Path | None = None) -> DatabaseFile:
        """A file, not open; what locks it is released in the end."""
        file = DatabaseFile(str(path or self.path), self.told, sqlite3.connect)
        self.addCleanup(file.release)
        return file

    def keep(self, rows: int) -> None:
        """Open the file, keep some messages, and close it."""
        file = self.file()
        connection = file.open()
        outbox_queries.add(
            connection,
            [
                NewMessage(f"{number}", "user@example.org", "x" * 600, 1.0)
                for number in range(rows)
            ],
        )
        connection.close()
        file.release()

    def kept(self) -> int:
        """Open the file, count the messages that wait, and close it."""
        file = self.file()
        connection = file.open()
        count = len(outbox_queries.listQueued(connection, 0, 1_000_000))
        connection.close()
        file.release()
        return count

    def refusal(self, path: Path | None = None) -> str:
        """Why the file cannot be opened."""
        with self.assertRaises(StoreUnusable) as raised:
            self.file(path).open()
        message = str(raised.exception)
        self.assertTrue(message.startswith("The store "), message)
        self.assertTrue(message.endswith("."), message)
        return message


class OpenTests(FileTestCase):
    """
    Opening a file
    """

    def test_new(self) -> None:
        """
        A file that is not there is made, and is there the next time.
        """
        self.keep(3)
        self.assertEqual(self.kept(), 3)
        self.assertEqual(self.told.take(), [])

    def test_private(self) -> None:
        """Only the owner may read the file."""
        self.addCleanup(os.umask, os.umask(0))
        connection = self.file().open()
        self.addCleanup(connection.close)
        for each in self.place.iterdir():
            self.assertEqual(stat.S_IMODE(each.stat().st_mode), 0o600, each)

    def test_settings(self) -> None:
        """
        A commit is on the disk when it returns, whatever SQLite was compiled with.
        """
        connection = self.file().open()
        self.addCleanup(connection.close)
        for pragma, value in (
            ("journal_mode", "wal"),
            ("synchronous", 2),
            ("locking_mode", "normal"),
            ("secure_delete", 1),
        ):
            self.assertEqual(
                connection.execute(f"PRAGMA {pragma}").fetchone(), (value,), pragma
            )

    def test_locked(self) -> None:
        """
        A second gateway is told so, by any name of the file, and which process has
        it; it may begin once the first has ended.
        """
        file = self.file()
        connection = file.open()
        link = self.place / "link.db"
        link.symlink_to(self.path)
        for path in (self.path, link):
            message = self.refusal(path)
            self.assertIn(f"{self.path} is in use by another gateway", message)
            self.assertIn(f"(process {os.getpid()}): stop that", message)
        connection.close()
        file.release()
        self.assertEqual(self.kept(), 0)

    def test_otherProgram(self) -> None:
        """
        Another program can read the store while the gateway uses it.
        """
        self.keep(1)
        connection = self.file().open()
        self.addCleanup(connection.close)
        other = sqlite3.connect(self.path, timeout=0)
        self.addCleanup(other.close)
        self.assertEqual(len(other.execute("SELECT * FROM outgoing").fetchall()), 1)

    def test_lockLink(self) -> None:
        """
        A lock file that is a symbolic link is refused, and its target is not touched.
        """
        target = self.place / "target"
        Path(f"{self.path}.lock").symlink_to(target)
        self.assertIn("symbolic link: delete the link", self.refusal())
        self.assertFalse(target.exists())

    def test_smallDisk(self) -> None:
        """
        On a small disk the log is short, so that it cannot fill the disk.
        """
        disk = os.statvfs(self.place)
        small = os.statvfs_result([*disk[:2], 2 * 1024**2 // disk.f_frsize, *disk[3:]])
        self.patch(os, "statvfs", lambda path: small)
        connection = self.file().open()
        self.addCleanup(connection.close)
        ((pages,),) = connection.execute("PRAGMA wal_autocheckpoint")
        self.assertEqual(pages * 4096, 2 * 1024**2 // 16)

    def test_noDirectory(self) -> None:
        """
        Where there is no directory, one is told to make it.
        """
        message = self.refusal(self.place / "none" / "store.db")
        self.assertIn(f"make the directory {self.place}/none", message)

    def test_noPlace(self) -> None:
        """A path that cannot hold a file is refused."""
        self.path.mkdir()
        self.assertIn("is a directory: name a file within it", self.refusal())
        (self.place / "plain").touch()
        message = self.refusal(self.place / "plain" / "store.db")
        self.assertIn("is no directory; name another", message)

    def test_notAllowed(self) -> None:
        """
        Where the gateway's user may not write, one is told to let it.
        """
        if os.geteuid() == 0:
            # For root, who may write everywhere but there.
            self.assertIn(
                "The store /proc/store.db", self.refusal(Path("/proc/store.db"))
            )
            return
        self.place.chmod(0o500)
        self.addCleanup(self.place.chmod, 0o700)
        self.assertIn("let the gateway's user write it", self.refusal())

    def test_brokenDisk(self) -> None:
        """The error of the disk is repeated, and the lock is released."""
        disk = FaultyDisk()
        disk.fail("PRAGMA quick_check", diskError(sqlite3.SQLITE_FULL))
        with self.assertRaisesRegex(StoreUnusable, "opened: the disk is full"):
            DatabaseFile(str(self.path), self.told, disk.connect).open()
        disk.fail("PRAGMA quick_check", diskError(sqlite3.SQLITE_IOERR_READ))
        with self.assertRaisesRegex(StoreUnusable, "reports an error .*IOERR_READ"):
            DatabaseFile(str(self.path), self.told, disk.connect).open()
        self.assertEqual(self.kept(), 0)


class DamageTests(FileTestCase):
    """
    Damaged files
    """

    def setUp(self) -> None:
        super().setUp()
        self.keep(1000)

    def setAside(self) -> Path:
        """Open the file; returns where it is now, after a new one was created."""
        self.assertEqual(self.kept(), 0)
        (aside,) = self.place.glob("store.db.damaged-*Z")
        (line,) = self.told.take()
        self.assertIn(f"critical The store {self.path} is damaged: ", line)
        self.assertIn(f"It was renamed to {aside}, and a new", line)
        self.keep(2)
        self.assertEqual(self.kept(), 2)
        self.assertEqual(self.told.take(), [])
        return aside

    def test_header(self) -> None:
        """
        A file that is no database any more is set aside as it is.
        """
        with self.path.open("r+b") as file:
            file.write(b"garbage " * 16)
        damaged = self.path.read_bytes()
        self.assertEqual(self.setAside().read_bytes(), damaged)

    def test_truncated(self) -> None:
        """
        A file whose end is missing is set aside as it is.
        """
        os.truncate(self.path, self.path.stat().st_size // 2 + 100)
        damaged = self.path.read_bytes()
        self.assertEqual(self.setAside().read_bytes(), damaged)

    def test_middle(self) -> None:
        """
        A file with another page in its middle is set aside as it is.
        """
        with self.path.open("r+b") as file:
            file.seek(self.path.stat().st_size // 2 // 4096 * 4096)
            file.write(bytes(255 - each % 256 for each in range(4096)))
        damaged = self.path.read_bytes()
        self.assertEqual(self.setAside().read_bytes(), damaged)

    def test_gone(self) -> None:
        """
        A log without its file is set aside: there may be much in it.
        """
        for content in (None, b""):
            log = self.place / "store.db-wal"
            log.write_bytes(b"committed")
            self.path.unlink()
            if content is not None:
                self.path.write_bytes(content)
            aside = self.setAside()
            beside = aside.with_name(f"{aside.name}-wal")
            self.assertEqual(beside.read_bytes(), b"committed")
            self.assertEqual(aside.read_bytes(), b"")
            beside.unlink()
            aside.unlink()

    def test_twice(self) -> None:
        """A file that was set aside in the same second is not overwritten."""
        for each in range(2):
            self.path.write_bytes(b"%d garbage" % each)
            self.assertEqual(self.kept(), 0)
        asides = sorted(self.place.glob("store.db.damaged-*"))
        self.assertEqual(
            [each.read_bytes() for each in asides], [b"0 garbage", b"1 garbage"]
        )

    def test_noStore(self) -> None:
        """
        A file that never was a store is left where and as it is, however often one
        tries.
        """
        other = self.place / "passwd"
        other.write_bytes(b"root:x:0:0:root:/root:/bin/sh\n" * 40)
        before = other.read_bytes()
        for _ in range(2):
            self.assertIn("no gateway has used it here", self.refusal(other))
        self.assertEqual(other.read_bytes(), before)


class SchemaTests(FileTestCase):
    """
    Versions of the tables
    """

    def test_newer(self) -> None:
        """
        A file of a later version is refused, and left as it is.
        """
        self.keep(1)
        connection = sqlite3.connect(self.path)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
        connection.close()
        before = self.path.read_bytes()
        self.assertIn("run the xmpprest that wrote it, or name", self.refusal())
        self.assertEqual(self.path.read_bytes(), before)

    def test_foreign(self) -> None:
        """
        A database of another program is refused, and left as it is.
        """
        for statement in (
            "CREATE TABLE t (x)",
            "PRAGMA user_version = 1",
            "PRAGMA application_id = 7",
        ):
            path = self.place / f"{statement.split()[1]}.db"
            connection = sqlite3.connect(path)
            connection.execute(statement)
            connection.commit()
            connection.close()
            before = path.read_bytes()
            self.assertIn("a database of another program", self.refusal(path))
            self.assertEqual(path.read_bytes(), before)

    def test_migrate(self) -> None:
        """
        A file goes through what is new since, once, and keeps what is in it.
        """
        first = ["CREATE TABLE t (x)", "INSERT INTO t VALUES (1)"]
        second = ["ALTER TABLE t ADD COLUMN y DEFAULT 2"]
        connection = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(connection.close)
        migrate(connection, [first])
        for _ in range(2):
            migrate(connection, [first, second])
            rows = connection.execute("SELECT * FROM t").fetchall()
            self.assertEqual(rows, [(1, 2)])
            version = connection.execute("PRAGMA user_version").fetchone()
            self.assertEqual(version, (2,))
        with self.assertRaises(ForeignFile):
            migrate(connection, [first])

    def test_firstVersion(self) -> None:
        """
        A file of the first version keeps its messages, though it is not known whom
        they are from.
        """
        connection = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(connection.close)
        migrate(connection, MIGRATIONS[:1])
        connection.execute(
            "INSERT INTO outgoing (id, recipient, stanza, state, acceptedAt, changedAt)"
            " VALUES ('a', 'b@x', '<message/>', 'queued', 1.0, 1.0)"
        )
        migrate(connection)
        connection.execute("UPDATE outgoing SET key = 'k'")
        expected = OutboxRecord(
            *(1, "a", "b@x", "<message/>", QUEUED, 1.0, 1.0), key="k", size=10
        )
        self.assertEqual(outbox_queries.queued(connection, 0, 10), [expected])

    def test_countedKeys(self) -> None:
        """
        The idempotency keys of an older file count, altogether and for each token.
        """
        connection = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(connection.close)
        migrate(connection, MIGRATIONS[:3])
        connection.executemany(
            "INSERT INTO answered (key, fingerprint, at) VALUES (?, '', 1.0)",
            [("plain",), ("a\t1",), ("a\t2",), ("b\t1",)],
        )
        migrate(connection)
        rows = connection.execute("SELECT * FROM depth WHERE of LIKE 'keys%'")
        self.assertEqual({*rows}, {("keys", 4), ("keys a", 2), ("keys b", 1)})

    def test_keys(self) -> None:
        """
        In a file without status keys each queued message gets one of its own, and its
        size; a completed message gets none.
        """
        connection = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(connection.close)
        migrate(connection, MIGRATIONS[:2])
        connection.executemany(
            "INSERT INTO outgoing (id, recipient, stanza, state, acceptedAt, changedAt)"
            " VALUES (?, 'b@x', ?, ?, 1.0, 1.0)",
            [("a", "<é/>", QUEUED), ("b", "<m/>", QUEUED), ("c", "", CONFIRMED)],
        )
        migrate(connection)
        first, second = outbox_queries.queued(connection, 0, 10)
        self.assertEqual((first.size, second.size), (5, 4))
        self.assertRegex(first.key, "^[0-9a-f]{24}$")
        self.assertNotEqual(first.key, second.key)
        self.assertEqual(outbox_queries.byKey(connection, first.key), first)
        (done,) = outbox_queries.byID(connection, "c", None, 10)
        self.assertEqual((done.key, done.token, done.size), ("", "", 0))

    def test_interrupted(self) -> None:
        """
        A step that fails has not begun.
        """
        connection = sqlite3.connect(self.path, isolation_level=None)
        with self.assertRaises(sqlite3.OperationalError):
            migrate(connection, [["CREATE TABLE t (x)", "nonsense"]])
        connection.close()
        connection = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(connection.close)
        migrate(connection, [["CREATE TABLE t (x)"]])
        self.assertEqual(
            connection.execute("PRAGMA application_id").fetchone(), (APPLICATION_ID,)
        )
