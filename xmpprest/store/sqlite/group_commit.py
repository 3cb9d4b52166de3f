"""
Does what was asked in one transaction, and knows whether that is possible.

A commit that failed has not happened, even if its last step, the fsync, is what
failed and all of it is in the log. Unless the process ends before that is overwritten,
or the disk refuses this, too: then it may have happened after all, once the gateway
is started again. What is never so is that something has not happened that did not
fail.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import inf
from sqlite3 import Connection

from twisted.logger import LogLevel
from twisted.python.failure import Failure

from ...core.records import StoreUnavailable
from .coalesce import Operation, runAll
from .database_file import DatabaseFile, LogCallback
from .errors import describe, isCorruption
from .migrations import PROBE_WRITE

#: Seconds after it was said that the store works again in which no trouble is told: a
#: disk that is nearly full takes some and refuses others, and would fill the log.
LOG_INTERVAL = 30.0


class GroupCommitter:
    """
    Does batches of work. To be used by one thread.
    """

    def __init__(
        self,
        file: DatabaseFile,
        tell: LogCallback,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """@param now: Tells the time, in seconds since whenever."""
        self._file = file
        self._tell = tell
        self._now = now
        self._connection: Connection | None = None
        self._trouble: str | None = None
        #: What was told last, and until when it is not told again.
        self._told: str | None = None
        self._quietUntil = -inf
        self._damage: Exception | None = None

    def open(self) -> None:
        """
        Begin.

        @raise StoreUnusable: The file is of no use.
        """
        self._connection = self._file.open()

    def close(self) -> None:
        """End, and let others have the file."""
        self._disconnect()
        self._file.release()

    def commit(self, works: Sequence[Operation]) -> list[object]:
        """
        Do all in one transaction, but what fails by its own fault.

        @return: The result of each, or its L{Failure}.
        """
        try:
            try:
                return self._transaction(runAll, works)
            except Exception as error:
                if describe(error) is not None or self._connection is None:
                    raise
                self._connection.rollback()
                return self._transaction(_doEach, works)
        except Exception as error:
            unavailable = StoreUnavailable(self._fail(error))
            return [Failure(unavailable) for _ in works]

    def _transaction(
        self,
        do: Callable[[Connection, Sequence[Operation]], list[object]],
        works: Sequence[Operation],
    ) -> list[object]:
        if self._damage is not None:
            raise self._damage  # and would spread
        if self._connection is None:
            self._connection = self._file.connect()
        connection = self._connection
        before = connection.total_changes
        connection.execute("BEGIN")
        results = do(connection, works)
        connection.execute("COMMIT")
        if connection.total_changes != before:
            self._succeed()
        return results

    def _succeed(self) -> None:
        """Something was kept."""
        if self._trouble is not None and self._trouble == self._told:
            self._tell(
                LogLevel.info, "The store {path} works again.", path=self._file.path
            )
            self._quietUntil = self._now() + LOG_INTERVAL
            self._told = None
        self._trouble = None

    def _fail(self, error: Exception) -> str:
        """
        Nothing can be kept: say so, if it is new, and begin anew with the file.

        @return: Why.
        """
        words = describe(error) or f"an unexpected error, {error!r}"
        self._trouble = words
        if words != self._told and self._now() >= self._quietUntil:
            self._told = words
            self._tell(
                LogLevel.error,
                "The store {path} can keep nothing: {reason}. Whatever would have to be"
                " kept is refused until it can.",
                path=self._file.path,
                reason=words,
            )
        if isCorruption(error):
            self._damage = error
        else:
            self._overwrite()
        self._disconnect()
        return words

    def _overwrite(self) -> None:
        """
        Write over what a failed commit may have left at the end of the log; who opens
        the file next would take it for a good one.
        """
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.rollback()
                self._connection.execute(PROBE_WRITE)

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None


def _doEach(connection: Connection, works: Sequence[Operation]) -> list[object]:
    """
    Do works in their order, but what fails by its own fault.

    @return: The result of each, or its L{Failure}.
    """
    results: list[object] = []
    for work in works:
        connection.execute("SAVEPOINT work")
        try:
            results.append(work(connection))
        except Exception as error:
            if describe(error) is not None:
                raise
            results.append(Failure())
            connection.execute("ROLLBACK TO work")
        connection.execute("RELEASE work")
    return results
