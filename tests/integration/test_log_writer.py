"""Tests for L{xmpprest.service.log_writer}."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from threading import Event

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.service.log_writer import LogWriter

#: Seconds after which a test that hangs fails.
LONG = 30.0


class Pipe(StringIO):
    """
    A pipe whose reader takes nothing until the test says so.

    @ivar isWaiting: Whether a writer waits.
    @ivar isRead: Whether the reader takes what is written.
    """

    encoding = "ascii"

    def __init__(self) -> None:
        super().__init__()
        self.isWaiting = Event()
        self.isRead = Event()

    def write(self, text: str) -> int:
        """Wait for the reader."""
        self.isWaiting.set()
        if not self.isRead.wait(LONG):
            raise AssertionError("nothing reads")
        return super().write(text)


class Gone(StringIO):
    """A pipe whose reader has gone."""

    def write(self, text: str) -> int:
        """Fail, as a broken pipe does."""
        raise BrokenPipeError


class LogWriterTests(SynchronousTestCase):
    """A log whose reader does not read."""

    def setUp(self) -> None:
        self.pipe = Pipe()
        self.ends: list[Callable[[], None]] = []
        self.writer = LogWriter(
            self.pipe,
            lambda count: f"{count} lost\n",
            limit=20,
            atEnd=self.ends.append,
        )

    def read(self) -> str:
        """Let the reader read; what it gets until the writer is closed."""
        self.pipe.isRead.set()
        self.writer.close()
        return self.pipe.getvalue()

    def block(self) -> None:
        """Write a line, and let the thread wait for the reader."""
        self.writer.write("first\n")
        self.assertTrue(self.pipe.isWaiting.wait(LONG))

    def test_blocked(self) -> None:
        """Writing does not wait for the reader, and nothing that fits is lost."""
        self.block()
        self.writer.write("second\n")
        self.writer.write("third\n")
        self.assertEqual(self.pipe.getvalue(), "")
        self.assertEqual(self.read(), "first\nsecond\nthird\n")

    def test_dropped(self) -> None:
        """Lines beyond the limit are dropped; the next line is preceded by how many."""
        self.block()
        for number in range(4):
            self.writer.write(f"line {number}.\n")
        self.writer.write("x\n")
        # The first line and "line 0." fill 14 of 20 characters.
        self.assertEqual(self.read(), "first\nline 0.\n3 lost\nx\n")

    def test_encoding(self) -> None:
        """A character that the file's encoding lacks is escaped."""
        self.writer.write("\u2615\n")
        self.assertEqual(self.read(), "\\u2615\n")

    def test_gone(self) -> None:
        """A reader that has gone is no reason to fail."""
        writer = LogWriter(Gone(), str)
        writer.write("line\n")
        writer.close()
        writer.write("another\n")

    def test_end(self) -> None:
        """When the process ends, the last lines are written, also those after it."""
        self.pipe.isRead.set()
        self.writer.write("first\n")
        (end,) = self.ends
        end()
        self.assertEqual(self.pipe.getvalue(), "first\n")
        self.writer.write("last\n")
        self.assertEqual(self.pipe.getvalue(), "first\nlast\n")

    def test_unused(self) -> None:
        """A writer that wrote nothing can be closed."""
        self.writer.close()
        self.assertEqual(self.pipe.getvalue(), "")
