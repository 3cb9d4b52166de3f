"""The file of a store: locking, opening, checking, and setting aside a damaged file."""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from sqlite3 import Connection

from twisted.logger import LogLevel

from ...core.records import StoreUnusable
from .errors import describe, isCorruption
from .migrations import ForeignFile, migrate, versionOf

#: Logs from the writer thread: level, format, fields.
LogCallback = Callable[..., object]

#: Suffixes of SQLite's files. The file itself comes last, so that a crash between two
#: renames leaves a state that the next start detects.
_PARTS = ("-wal", "-shm", "-journal", "")

_SETTINGS = (
    # Lock the file from the first access until it is closed; the index of the log is
    # then in memory instead of a file.
    "PRAGMA locking_mode = EXCLUSIVE",
    # A commit appends to the log and calls fsync once,
    "PRAGMA journal_mode = WAL",
    # which NORMAL would leave to chance.
    "PRAGMA synchronous = FULL",
    # In pages, 8 MB. Rows that are added and deleted within these pages never reach the
    # file; a larger log would make the commit that runs the checkpoint slower, and take
    # more of a disk that fills up.
    "PRAGMA wal_autocheckpoint = 2000",
    # Bytes to which the log is truncated after a long transaction.
    "PRAGMA journal_size_limit = 67108864",
    # In KiB, enough for the indexes.
    "PRAGMA cache_size = -16384",
    # Overwrite deleted content with zeros.
    "PRAGMA secure_delete = ON",
    # Detect corruption when a page is read, before it spreads.
    "PRAGMA cell_size_check = ON",
    # A disk error fails a read, but kills the process if the page is mapped.
    "PRAGMA mmap_size = 0",
)


class DatabaseFile:
    """
    The file of a store, used by one gateway and one thread.

    @ivar path: The path of the file.
    """

    def __init__(
        self, path: str, tell: LogCallback, connect: Callable[..., Connection]
    ) -> None:
        """
        @param path: The path, relative to the current directory at the time of L{open}.
        @param connect: C{sqlite3.connect}, or a replacement in tests.
        """
        self.path = path
        self._tell = tell
        self._connect = connect
        self._lock: int | None = None
        self._isOurs = False

    def open(self) -> Connection:
        """
        Lock, create, check and migrate the file. A damaged store is set aside and
        replaced by a new one; a damaged file that may not be a store is left alone.

        @raise StoreUnusable: The file cannot be used; the message says what to do.
        """
        self.path = os.path.realpath(self.path)
        try:
            self._takeLock()
            connection = self._openOrReplace()
            self._signLock()
            return connection
        except Exception as error:
            self.release()
            words = advice(error, self.path)
            if words is None:
                raise
            raise StoreUnusable(f"The store {self.path} {words}.") from None

    def connect(self) -> Connection:
        """
        Open the file.

        The write-ahead log is copied into the file first. After a failed fsync the
        system may believe that pages of the log are on the disk which are not, and
        frames appended behind them would be lost.
        """
        connection = self._connect(self.path, timeout=0, isolation_level=None)
        try:
            for setting in _SETTINGS:
                connection.execute(setting).fetchall()
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except BaseException:
            connection.close()
            raise
        return connection

    def release(self) -> None:
        """Release the lock."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _takeLock(self) -> None:
        """
        Lock a file beside the store until the process ends. SQLite's own lock is
        released while the store is reopened or set aside.
        """
        mode = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._lock = os.open(f"{self.path}.lock", mode, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._lock, 20, 0).decode("ascii", "replace").strip()
            raise StoreUnusable(
                f"The store {self.path} is in use by another gateway (process"
                f" {holder or 'unknown'}): stop that, or give this one a store of its"
                " own."
            ) from None
        self._isOurs = os.fstat(self._lock).st_size > 0

    def _signLock(self) -> None:
        """
        Write our process id to the lock file, which also marks the file beside it as a
        store.
        """
        assert self._lock is not None
        os.pwrite(self._lock, b"%-10d\n" % os.getpid(), 0)

    def _openOrReplace(self) -> Connection:
        try:
            return self._openChecked()
        except Exception as error:
            if not isCorruption(error) or not self._isOurs:
                raise
            self._setAside(str(error))
        return self._openChecked()

    def _openChecked(self) -> Connection:
        self._create()
        connection = self._connect(self.path, timeout=0)
        try:
            _check(connection)
        finally:
            connection.close()
        connection = self.connect()
        try:
            migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _create(self) -> None:
        """
        Create the file, readable by its owner only, unless it exists.

        @raise sqlite3.DatabaseError: The file exists but is empty, while its log is
            not; SQLite would discard the log.
        """
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        if not os.path.getsize(self.path) and _sizeOf(f"{self.path}-wal"):
            raise _damage("the file is gone or empty, but its log is not")

    def _setAside(self, what: str) -> None:
        """Rename the file and the files that belong to it."""
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        aside = f"{self.path}.damaged-{stamp}"
        while any(os.path.lexists(aside + part) for part in _PARTS):
            aside += "+"
        for part in _PARTS:
            with suppress(FileNotFoundError):
                os.rename(self.path + part, aside + part)
        self._tell(
            LogLevel.critical,
            "The store {path} is damaged: {what}. It was renamed to {aside}, and a new"
            " one was created; the stanzas in the damaged one are neither sent nor"
            " delivered. To see what is left of them: sqlite3 {aside} .recover",
            path=self.path,
            what=what,
            aside=aside,
        )


def _check(connection: Connection) -> None:
    """
    Check a file, except for comparing its indexes with its tables.

    @raise ForeignFile: The file belongs to another program or version.
    @raise sqlite3.DatabaseError: The file is damaged.
    """
    connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
    versionOf(connection)
    ((found,),) = connection.execute("PRAGMA quick_check(1)")
    if found != "ok":
        raise _damage(" ".join(found.split()))


def _damage(what: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(what)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _sizeOf(path: str) -> int:
    try:
        return os.path.getsize(path)
    except FileNotFoundError:
        return 0


#: Advice for a file that cannot be opened; formatted with its directory.
_ADVICE: Mapping[int, str] = {
    errno.ENOENT: "cannot be made: make the directory {directory}, or name another",
    errno.ENOTDIR: "cannot be made: {directory} is no directory; name another",
    errno.EISDIR: "is a directory: name a file within it",
    errno.EACCES: "may not be written: let the gateway's user write it and its"
    " directory {directory}",
    errno.EPERM: "may not be written: let the gateway's user write it and its"
    " directory {directory}",
    errno.EROFS: "is on a disk that is read-only: make that writable, or name another"
    " file",
}


def advice(error: Exception, path: str) -> str | None:
    """
    Return advice about an error.

    @return: The end of a sentence that begins with the path; C{None} if the error
        itself says what to do, or nothing can be done.
    """
    if isinstance(error, ForeignFile):
        return f"{error}, or name another file"
    if isCorruption(error):
        return (
            "is no database, or a damaged one, and no gateway has used it here: move"
            " it away, or name another file"
        )
    if isinstance(error, OSError) and (known := _ADVICE.get(error.errno or 0)):
        return known.format(directory=os.path.dirname(path))
    words = describe(error)
    return words and f"cannot be opened: {words}; mend that, and start again"
