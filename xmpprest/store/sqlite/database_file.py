"""
The file of a store: locked, opened, checked; set aside if it is damaged.
"""

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

#: What is said goes out of the thread by this: the level, the format, its fields.
LogCallback = Callable[..., object]

#: What SQLite puts beside a file; the file itself is the last, so that a crash while
#: they are renamed leaves behind what is found out next time.
_PARTS = ("-wal", "-shm", "-journal", "")

_SETTINGS = (
    # Held from the first access until the end, so that no other program comes
    # between; and the index of the log is in memory instead of a file.
    "PRAGMA locking_mode = EXCLUSIVE",
    # A commit is one append to the log and one fsync,
    "PRAGMA journal_mode = WAL",
    # which NORMAL would leave to chance.
    "PRAGMA synchronous = FULL",
    # Pages, 8 MB: what is added and dropped again within them goes into the file once
    # only; with more, the commit that has to do it would wait longer, and the log
    # would take more of a disk that fills up.
    "PRAGMA wal_autocheckpoint = 2000",
    # Bytes that the log keeps after it was longer, in a long transaction.
    "PRAGMA journal_size_limit = 67108864",
    # KiB: the indexes want to be in memory.
    "PRAGMA cache_size = -16384",
    # Content that is dropped is not to be found in the file.
    "PRAGMA secure_delete = ON",
    # Damage is found when it is read, not when it has spread.
    "PRAGMA cell_size_check = ON",
    # An error of the disk is an answer to a read, but the end of the process for a
    # page that is mapped.
    "PRAGMA mmap_size = 0",
)


class DatabaseFile:
    """
    The file of a store, for one gateway alone. To be used by one thread.

    @ivar path: Where it is.
    """

    def __init__(
        self, path: str, tell: LogCallback, connect: Callable[..., Connection]
    ) -> None:
        """
        @param path: From the directory that is the current one when it is opened.
        @param connect: Is C{sqlite3.connect}.
        """
        self.path = path
        self._tell = tell
        self._connect = connect
        self._lock: int | None = None
        self._isOurs = False

    def open(self) -> Connection:
        """
        Lock the file, make it if it is not there, check all of it, and bring it to
        the newest version. If it is damaged, set it aside and begin a new one; but
        not if it never was a store, as far as anyone knows.

        @raise StoreUnusable: The message says what to do.
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

        What is in the log goes into the file first: after an fsync that failed, the
        system may think that pages of the log are on the disk that are not, and what
        is appended behind these would be lost with them.
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
        """Let others have the file."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _takeLock(self) -> None:
        """
        Lock a file beside it, for as long as the process lives. SQLite's own lock is
        not held while the file is reopened or set aside.
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
        """Say in it whose it is; which says, too, that the file is a store."""
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
        Make the file if it is not there, which nobody else may read.

        @raise sqlite3.DatabaseError: It was there, and has lost its content; SQLite
            would drop the log, too.
        """
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        if not os.path.getsize(self.path) and _sizeOf(f"{self.path}-wal"):
            raise _damage("the file is gone or empty, but its log is not")

    def _setAside(self, what: str) -> None:
        """Rename the file and what belongs to it."""
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        aside = f"{self.path}.damaged-{stamp}"
        while any(os.path.lexists(aside + part) for part in _PARTS):
            aside += "+"
        for part in _PARTS:
            with suppress(FileNotFoundError):
                os.rename(self.path + part, aside + part)
        self._tell(
            LogLevel.critical,
            "The store {path} is damaged: {what}. It is now {aside}, and a new one is"
            " begun; what waited in it is neither sent nor delivered. The command"
            " sqlite3 {aside} .recover shows what is left of it.",
            path=self.path,
            what=what,
            aside=aside,
        )


def _check(connection: Connection) -> None:
    """
    Read all of a file, but without comparing its indexes.

    @raise ForeignFile: It is not for us.
    @raise sqlite3.DatabaseError: It is damaged.
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


#: What to do about a file that cannot be opened; formatted with its directory.
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
    What to do about an error.

    @return: The end of a sentence that begins with the path; C{None} if it says so
        itself, or nobody can do anything.
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
