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
from . import vacuum
from .errors import describe, isCorruption
from .migrations import ForeignFile, migrate, versionOf

#: Logs from the writer thread: level, format, fields.
LogCallback = Callable[..., object]

#: Suffixes of SQLite's files. The file itself comes last, so that a crash between two
#: renames leaves a state that the next start detects.
_PARTS = ("-wal", "-shm", "-journal", "")

_SETTINGS = (
    # Lets the file shrink step by step. It has to be set before the first table.
    "PRAGMA auto_vacuum = INCREMENTAL",
    # A commit appends to the log and calls fsync once,
    "PRAGMA journal_mode = WAL",
    # which NORMAL would leave to chance.
    "PRAGMA synchronous = FULL",
    # Bytes to which the log is truncated after a long transaction.
    "PRAGMA journal_size_limit = 67108864",
    # In KiB, enough for the indexes.
    "PRAGMA cache_size = -16384",
    # A directory for temporary files is not needed.
    "PRAGMA temp_store = MEMORY",
    # Overwrite deleted content with zeros.
    "PRAGMA secure_delete = ON",
    # Detect corruption when a page is read, before it spreads.
    "PRAGMA cell_size_check = ON",
    # A disk error fails a read, but kills the process if the page is mapped.
    "PRAGMA mmap_size = 0",
)


#: Maximum length of the log in pages of 4 KiB, after which a commit copies it into the
#: file. Rows that are added and deleted within the log never reach the file; a longer
#: log would make the commit that copies it slower.
LOG_PAGES = 2000
#: Maximum share of the disk for the log. A log that fills the disk cannot be copied
#: into the file, and then nothing could be written or deleted any more.
LOG_SHARE = 1 / 16
#: Room that the file leaves free for the log, in lengths of the log.
RESERVED_LOGS = 3
#: A disk with less free bytes than this is full for SQLite, which extends the index of
#: the log by 32 KiB at a time.
FULL_BELOW = 65536
_REPLACED = (
    "another file has taken its place; stop the gateway, which still has the content"
    " of the old file, only after you have moved the new file away"
)
#: Seconds to wait for other programs that use the file, such as a backup.
BUSY_TIMEOUT = 2.0


class FileGone(OSError):
    """
    The store was deleted or replaced, and only the open connection has its content.
    """


class DiskFull(OSError):
    """
    The disk has no room to open the store.
    """


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
        #: Device and inode of the open files, by path.
        self._identities: dict[str, tuple[int, int]] = {}

    def open(self) -> Connection:
        """
        Lock, create, check and migrate the file. A damaged store is set aside and
        replaced by a new one; a damaged file that may not be a store is left alone.

        @raise StoreUnusable: The file cannot be used; the message says what to do.
        @raise DiskFull: The disk has no room; it may be tried again.
        """
        self.path = os.path.realpath(self.path)
        try:
            self._takeLock()
            connection = self._openOrReplace()
            self._signLock()
            return connection
        except Exception as error:
            self.release()
            if self._isFull(error):
                raise DiskFull(errno.ENOSPC, "the disk is full") from None
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
        connection = self._connect(
            self.path, timeout=BUSY_TIMEOUT, isolation_level=None
        )
        try:
            for setting in _SETTINGS:
                connection.execute(setting).fetchall()
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            self._limit(connection)
            self._identities = {
                path: (found.st_dev, found.st_ino)
                for path in (self.path, f"{self.path}-wal")
                if (found := os.stat(path))
            }
        except BaseException:
            connection.close()
            raise
        return connection

    def _isFull(self, error: Exception) -> bool:
        """Return whether an error means that the disk is full."""
        if isinstance(error, OSError):
            return error.errno in (errno.ENOSPC, errno.EDQUOT)
        if isCorruption(error) or describe(error) is None:
            return False
        # SQLite reports some failures to extend a file as other errors.
        disk = os.statvfs(os.path.dirname(self.path))
        return disk.f_bavail * disk.f_frsize < FULL_BELOW

    def _limit(self, connection: Connection) -> None:
        """
        Limit the log, and the growth of the file, by the size of the disk. New rows
        then fail while the log still has room to complete and delete rows.
        """
        ((size,),) = connection.execute("PRAGMA page_size")
        ((count,),) = connection.execute("PRAGMA page_count")
        disk = os.statvfs(os.path.dirname(self.path))
        share = int(disk.f_blocks * disk.f_frsize * LOG_SHARE) // size
        log = max(16, min(LOG_PAGES, share))
        free = disk.f_bavail * disk.f_frsize // size
        most = max(1, count + max(0, free - RESERVED_LOGS * log))
        connection.execute(f"PRAGMA wal_autocheckpoint = {log}").fetchall()
        connection.execute(f"PRAGMA max_page_count = {most}").fetchall()

    def isInPlace(self) -> bool:
        """
        Return whether the open files still have their names in the directory; false if
        a name was deleted.

        @raise FileGone: Another file has the name of the store.
        """
        for path, identity in self._identities.items():
            try:
                found = os.stat(path)
            except FileNotFoundError:
                return False
            if (found.st_dev, found.st_ino) != identity:
                raise FileGone(errno.ESTALE, _REPLACED)
        return True

    def restore(self, connection: Connection) -> Connection:
        """
        Write deleted files again from the open connection, which still has all content.

        @param connection: It must have no open transaction; it is closed on success.
        @return: A connection to the new files.
        @raise FileGone: The files cannot be written; the connection stays open.
        """
        try:
            self._rewrite(connection)
        except Exception as error:
            words = (
                f"it was deleted, and cannot be restored: {describe(error) or error}"
            )
            raise FileGone(errno.ENOENT, words) from None
        connection.close()
        self._tell(
            LogLevel.error,
            "The store {path} was deleted while the gateway was using it, and has been"
            " restored from the open file. Stop the gateway before you delete it.",
            path=self.path,
        )
        return self.connect()

    def _rewrite(self, connection: Connection) -> None:
        """Write the content of a connection to the directory."""
        if not os.path.exists(self.path):
            copy = f"{self.path}.restored"
            with suppress(FileNotFoundError):
                os.unlink(copy)
            os.close(os.open(copy, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            connection.execute("VACUUM INTO ?", (copy,))
            _synchronise(copy)
            for suffix in ("-wal", "-shm"):
                with suppress(FileNotFoundError):
                    os.unlink(self.path + suffix)
            os.rename(copy, self.path)
            _synchronise(os.path.dirname(self.path))
        else:
            # Only the log was deleted: copy it into the file.
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

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
        mode = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
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
        connection = self._connect(self.path, timeout=BUSY_TIMEOUT)
        try:
            _check(connection)
        finally:
            connection.close()
        connection = self.connect()
        try:
            migrate(connection)
            disk = os.statvfs(os.path.dirname(self.path))
            vacuum.enable(connection, disk.f_bavail * disk.f_frsize)
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
    versionOf(connection)
    ((found,),) = connection.execute("PRAGMA quick_check(1)")
    if found != "ok":
        raise _damage(" ".join(found.split()))


def _damage(what: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(what)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _synchronise(path: str) -> None:
    """Call fsync on a file or directory."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
    errno.ELOOP: "has a lock file that is a symbolic link: delete the link, whose name"
    " ends in .lock",
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
