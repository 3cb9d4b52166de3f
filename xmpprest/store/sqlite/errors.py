"""Descriptions of disk and file errors."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

DAMAGED = "the file is damaged; restart the gateway, which sets it aside"

#: Descriptions by SQLite's primary result code. A code that is missing here means a
#: bug in the caller.
_REASONS: Mapping[int, str] = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_READONLY: "the file or its disk is read-only",
    sqlite3.SQLITE_IOERR: "the disk reports an error",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened",
    sqlite3.SQLITE_PERM: "the file cannot be opened",
    sqlite3.SQLITE_BUSY: "another program uses the file",
    sqlite3.SQLITE_LOCKED: "another program uses the file",
    sqlite3.SQLITE_PROTOCOL: "another program uses the file",
    sqlite3.SQLITE_NOMEM: "there is no memory left",
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: DAMAGED,
}


def describe(error: BaseException) -> str | None:
    """
    Describe why nothing can be stored.

    @return: Words for the middle of a sentence; C{None} if the error has another
        meaning.
    """
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, MemoryError):
        return _REASONS[sqlite3.SQLITE_NOMEM]
    code = _code(error)
    if code == sqlite3.SQLITE_IOERR_SHMSIZE:
        # SQLite could not extend the index of the log.
        return _REASONS[sqlite3.SQLITE_FULL]
    words = _REASONS.get(code & 0xFF)
    if words is not None and code & 0xFF == sqlite3.SQLITE_IOERR:
        return f"{words} ({getattr(error, 'sqlite_errorname', code)})"
    return words


def isCorruption(error: BaseException) -> bool:
    """Return whether an error means that the file is corrupt."""
    return _REASONS.get(_code(error) & 0xFF) is DAMAGED


def _code(error: BaseException) -> int:
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
    return code
