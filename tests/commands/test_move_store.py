"""Tests for L{xmpprest.commands.move_store} without a database."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.__main__ import main as command


class PasswordTests(SynchronousTestCase):
    """
    The file with the password of the database.
    """

    def refused(self, path: str) -> str:
        """Return the error of a command with a file."""
        location = f"sqlite:{self.mktemp()}"
        error = self.assertRaises(
            SystemExit,
            command,
            ["move-store", "--password-file", path, location, "postgresql://h/d"],
        )
        return str(error.code)

    def test_oneLine(self) -> None:
        """
        The file has one line, as C{store-password-file} of a gateway has it.
        """
        for text, lines in (("", 0), ("\n", 0), ("secret\nsecret\n", 2)):
            path = Path(self.mktemp())
            path.write_text(text)
            words = self.refused(str(path))
            self.assertIn(f"has {lines} lines: expected one line", words)
            self.assertNotIn("secret", words)

    def test_unreadable(self) -> None:
        """
        The error says why a file cannot be read. It does not repeat a password that
        was written in the place of a path.
        """
        words = self.refused("secret")
        self.assertIn("Expected the path of a file, not its content", words)
        self.assertNotIn("secret", words)
        path = Path(self.mktemp())
        path.write_bytes(b"\xff")
        self.assertIn("it is not UTF-8", self.refused(str(path)))
