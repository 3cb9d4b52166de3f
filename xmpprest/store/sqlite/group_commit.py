"""
Runs operations in one transaction, and tracks whether the disk accepts commits.

A commit that was reported as successful is never lost. A commit that was reported as
failed is rolled back, even if only its fsync failed and the log holds it already, with
one exception: if the process ends before that part of the log is overwritten, or the
disk refuses the overwrite, the commit may reappear at the next start.
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
from .coalesce import Operation, Standalone, runAll
from .database_file import DatabaseFile, DiskFull, FileGone, LogCallback
from .errors import describe, isCorruption
from .migrations import PROBE_WRITE

#: Seconds after a logged recovery in which no failure is logged: a nearly full disk
#: accepts some commits and refuses others, which would flood the log.
LOG_INTERVAL = 30.0


class GroupCommitter:
    """
    Commits batches of operations. Used by one thread.
    """

    def __init__(
        self,
        file: DatabaseFile,
        tell: LogCallback,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """@param now: Returns the time in seconds from an arbitrary start."""
        self._file = file
        self._tell = tell
        self._now = now
        self._connection: Connection | None = None
        self._trouble: str | None = None
        #: The failure that was logged last, and until when it is not logged again.
        self._told: str | None = None
        self._quietUntil = -inf
        self._damage: Exception | None = None
        self._isOpen = False

    def open(self) -> None:
        """
        Open the file.

        On a full disk this succeeds too, so that the gateway can start and serve
        requests that need no store; the file is opened before the first commit that the
        disk allows.

        @raise StoreUnusable: The file cannot be used.
        """
        try:
            self._open()
        except DiskFull as error:
            self._fail(error)

    def _open(self) -> None:
        self._connection = self._file.open()
        self._isOpen = True

    def close(self) -> None:
        """Close and release the file."""
        self._disconnect()
        self._file.release()

    def commit(self, works: Sequence[Operation]) -> list[object]:
        """
        Run operations in one transaction, without those that fail by their own fault;
        then run the standalone ones.

        @return: The result of each operation, or its L{Failure}.
        """
        together = [each for each in works if type(each) is not Standalone]
        results = self._commitTogether(together)
        if len(together) == len(works):
            return results
        others = iter(results)
        return [
            self._runAlone(each) if type(each) is Standalone else next(others)
            for each in works
        ]

    def _runAlone(self, work: Operation) -> object:
        if self._connection is None:
            return Failure(StoreUnavailable(self._trouble or "the store is not open"))
        try:
            return work(self._connection)
        except Exception as error:
            return Failure(StoreUnavailable(self._fail(error)))

    def _commitTogether(self, works: Sequence[Operation]) -> list[object]:
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
        if not self._isOpen:
            self._open()
        elif self._connection is None:
            self._connection = self._file.connect()
        connection = self._inPlace()
        before = connection.total_changes
        connection.execute("BEGIN")
        results = do(connection, works)
        connection.execute("COMMIT")
        hasChanged = connection.total_changes != before
        # Before the commit is reported: it may have gone to a deleted file.
        self._inPlace()
        if hasChanged:
            self._succeed()
        return results

    def _inPlace(self) -> Connection:
        """Return the connection, to a restored file if the file was deleted."""
        assert self._connection is not None
        if not self._file.isInPlace():
            self._connection = self._file.restore(self._connection)
        return self._connection

    def _succeed(self) -> None:
        """Record a successful commit; log a recovery if the commit before it failed."""
        if self._trouble is not None and self._trouble == self._told:
            self._tell(
                LogLevel.info, "The store {path} works again.", path=self._file.path
            )
            self._quietUntil = self._now() + LOG_INTERVAL
            self._told = None
        self._trouble = None

    def _fail(self, error: Exception) -> str:
        """
        Log a failure unless it was logged recently, and reopen the file.

        @return: The reason.
        """
        words = describe(error) or f"an unexpected error, {error!r}"
        self._trouble = words
        if words != self._told and self._now() >= self._quietUntil:
            self._told = words
            self._tell(
                LogLevel.error,
                "Cannot write to the store {path}: {reason}. Messages are refused until"
                " it works again.",
                path=self._file.path,
                reason=words,
            )
        if isinstance(error, FileGone):
            # The open connection has the only copy of what was stored.
            return words
        if isCorruption(error):
            self._damage = error
        else:
            self._overwrite()
        self._disconnect()
        return words

    def _overwrite(self) -> None:
        """
        Overwrite the frames of a failed commit at the end of the log, which the next
        start would otherwise take for committed.
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
    Run operations in their order, without those that fail by their own fault.

    @return: The result of each operation, or its L{Failure}.
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
