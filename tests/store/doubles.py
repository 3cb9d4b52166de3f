"""A file that fails when the test says so, and what was said about it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from twisted.logger import LogLevel, formatEvent


def diskError(code: int, text: str = "injected") -> sqlite3.OperationalError:
    """As SQLite raises it."""
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    error.sqlite_errorname = {
        value: name
        for name, value in vars(sqlite3).items()
        if name.startswith("SQLITE_") and isinstance(value, int)
    }[code]
    return error


class FaultyDisk:
    """
    Opens files, and lets what is done with them fail.

    @ivar statements: What was executed.
    @ivar opened: How many connections there have been.
    """

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.opened = 0
        self._failing: dict[str, Exception] = {}

    def fail(self, statement: str, error: Exception) -> None:
        """Let statements that begin so fail from now on, without being executed."""
        self._failing[statement] = error

    def mend(self) -> None:
        """Let everything be as it should."""
        self._failing = {}

    @property
    def commits(self) -> int:
        """How many there have been."""
        return self.statements.count("COMMIT")

    def connect(self, *args: Any, **kwargs: Any) -> sqlite3.Connection:
        """Opens a file as C{sqlite3} does."""
        disk = self

        class Connection(sqlite3.Connection):
            """Does what the disk lets it."""

            def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
                disk.execute(sql)
                return super().execute(sql, *args)

        self.opened += 1
        return sqlite3.connect(*args, factory=Connection, **kwargs)

    def execute(self, sql: str) -> None:
        """Take down a statement, or let it fail."""
        for beginning, error in self._failing.items():
            if sql.startswith(beginning):
                raise error
        self.statements.append(sql)


class Told:
    """
    Recorded log events.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, level: LogLevel, format: str, **fields: object) -> None:
        event = {"log_format": format, **fields}
        self.lines.append(f"{level.name} {formatEvent(event)}")

    def take(self) -> Sequence[str]:
        """Return the lines since the last call."""
        lines, self.lines = self.lines, []
        return lines
