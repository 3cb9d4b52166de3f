"""
Looks at the file of a store without touching it, also while a gateway uses it.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from urllib.parse import quote

from ...core.records import StoreUnusable
from .database_file import advice
from .errors import isCorruption
from .migrations import versionOf


def lockOwner(path: str) -> str | None:
    """
    Who has a store.

    @return: The process number of the gateway, C{"unknown"} if it did not say; or
        C{None}, nobody has it.
    @raise OSError: That cannot be found out.
    """
    try:
        lock = os.open(f"{os.path.realpath(path)}.lock", os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        # Shared, and given back at once: others who look do not count as gateways.
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.pread(lock, 20, 0).decode("ascii", "replace").strip() or "unknown"
    finally:
        os.close(lock)
    return None


def inspect(path: str) -> bool:
    """
    Check whether a file is a store of a version that is known. Its log is not read:
    that would leave files behind.

    @return: Whether there is a store already.
    @raise StoreUnusable: It is something else, or cannot be opened.
    """
    path = os.path.realpath(path)
    if not os.path.exists(path):
        return False
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC))
        uri = f"file:{quote(path)}?mode=ro&immutable=1"
        connection = sqlite3.connect(uri, uri=True)
        try:
            return versionOf(connection) > 0
        finally:
            connection.close()
    except Exception as error:
        # What a gateway used, it can set aside; what stands in the log counts more.
        if isCorruption(error) and os.path.exists(f"{path}.lock"):
            return True
        words = advice(error, path)
        if words is None:
            raise
        raise StoreUnusable(f"The store {path} {words}.") from None
