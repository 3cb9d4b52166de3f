"""Tests for L{xmpprest.store.sqlite.backup} and L{xmpprest.commands.backup}."""

from __future__ import annotations

import contextlib
import io
import sqlite3
import stat
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.__main__ import main
from xmpprest.core.records import NewMessage, StoreUnusable
from xmpprest.store.sqlite import outbox_queries
from xmpprest.store.sqlite.backup import backup
from xmpprest.store.sqlite.database_file import DatabaseFile

from ..doubles import Told


class BackupTests(SynchronousTestCase):
    """
    Copying a store
    """

    def setUp(self) -> None:
        self.place = Path(self.mktemp()).resolve()
        self.place.mkdir()
        self.store, self.copy = self.place / "store.db", self.place / "copy.db"
        file = DatabaseFile(str(self.store), Told(), sqlite3.connect)
        self.connection = file.open()
        self.addCleanup(file.release)
        self.addCleanup(self.connection.close)
        self.add("a")

    def add(self, id: str) -> None:
        """Commit a message."""
        message = NewMessage(id, "user@example.org", "", 1.0)
        self.connection.execute("BEGIN")
        outbox_queries.add(self.connection, [message])
        self.connection.execute("COMMIT")

    def copied(self) -> list[str]:
        """Open the copy as a store, and return the ids of its messages."""
        file = DatabaseFile(str(self.copy), Told(), sqlite3.connect)
        connection = file.open()
        found = [each.id for each in outbox_queries.queued(connection, 0, 99)]
        connection.close()
        file.release()
        return found

    def test_running(self) -> None:
        """
        The copy of a store in use has all commits, and is a store; the gateway goes on.
        """
        size = backup(str(self.store), str(self.copy))
        self.assertEqual(self.copy.stat().st_size, size)
        self.add("b")
        self.assertEqual(self.copied(), ["a"])

    def test_again(self) -> None:
        """
        A further copy replaces the last one.
        """
        backup(str(self.store), str(self.copy))
        self.add("b")
        backup(str(self.store), str(self.copy))
        self.assertEqual(self.copied(), ["a", "b"])

    def test_private(self) -> None:
        """
        Only its owner can read the copy, and no other file is left.
        """
        before = set(self.place.iterdir())
        backup(str(self.store), str(self.copy))
        self.assertEqual(stat.S_IMODE(self.copy.stat().st_mode), 0o600)
        self.assertEqual(set(self.place.iterdir()) - before, {self.copy})

    def test_noStore(self) -> None:
        """
        A missing store, or a file that is none, is refused, and no copy is made.
        """
        (self.place / "text").write_text("Hello" * 999)
        for name in ("missing.db", "text"):
            with self.assertRaises(StoreUnusable):
                backup(str(self.place / name), str(self.copy))
        self.assertFalse(self.copy.exists())

    def test_itself(self) -> None:
        """The store cannot be its own copy, by whatever path."""
        (self.place / "link").symlink_to(self.store)
        for name in (self.store, self.place / "link"):
            with self.assertRaisesRegex(StoreUnusable, "is the store itself"):
                backup(str(self.store), str(name))
        self.assertFalse(self.store.with_name(f"{self.store.name}.part").exists())

    def test_command(self) -> None:
        """
        The command copies a store, and says in words what it cannot do.
        """
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            main(["backup", str(self.store), str(self.copy)])
        self.assertIn(f"Copied {self.store} to {self.copy} (", out.getvalue())
        self.assertEqual(self.copied(), ["a"])
        for arguments, words in (
            ([], "Expected the path of the store, and that of the copy."),
            (["missing.db", "x"], "There is no store at missing.db."),
            (
                [str(self.store), str(self.place / "none" / "x")],
                f"Cannot write {self.place}/none/x: No such file or directory.",
            ),
        ):
            with self.assertRaises(SystemExit) as raised:
                main(["backup", *arguments])
            self.assertIn(f"xmpprest: {words}", str(raised.exception))
