"""Inspects the file of a store without changing it, also while a gateway uses it."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from urllib.parse import quote

from ...core.records import StoreUnusable
from ...core.rooms.values import RoomRecord
from . import room_queries
from .database_file import advice
from .errors import isCorruption
from .migrations import versionOf

#: Seconds that the check for damage may take. A store of several gigabytes needs more.
CHECK_TIME = 5.0


def lockOwner(path: str) -> str | None:
    """
    Return which process has locked a store.

    @return: The process id of the gateway; C{"unknown"} if it left none; C{None} if the
        store is not locked.
    @raise OSError: The lock file cannot be read.
    """
    try:
        lock = os.open(f"{os.path.realpath(path)}.lock", os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        # A shared lock, released at once: other inspections do not count as gateways.
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.pread(lock, 20, 0).decode("ascii", "replace").strip() or "unknown"
    finally:
        os.close(lock)
    return None


def inspect(path: str) -> bool:
    """
    Check whether a file is a store of a known version, without reading its log, since
    that would leave files behind.

    @return: Whether the store exists.
    @raise StoreUnusable: The file is not a store, or cannot be opened.
    """
    path = os.path.realpath(path)
    if not os.path.exists(path):
        return False
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC))
        with closing(_connect(path)) as connection:
            return versionOf(connection) > 0
    except Exception as error:
        # A gateway sets a damaged store aside itself, and the log may repair it.
        if isCorruption(error) and os.path.exists(f"{path}.lock"):
            return True
        words = advice(error, path)
        if words is None:
            raise
        raise StoreUnusable(f"The store {path} {words}.") from None


def checkDamage(path: str, *, isInUse: bool, limit: float = CHECK_TIME) -> str:
    """
    Look for damage within a store, without changing it.

    @param path: The path of a store that L{inspect} has accepted.
    @param isInUse: Whether a gateway uses it; its log is then read, too.
    @param limit: The seconds after which the check is given up.
    @return: Why it was not checked; empty if it was.
    @raise StoreUnusable: The store is damaged.
    """
    path = os.path.realpath(path)
    log = f"{path}-wal"
    if not isInUse and os.path.exists(log) and os.path.getsize(log):
        return "since it was not closed; the gateway checks it at its start"
    with closing(_connect(path, "mode=ro" if isInUse else _UNCHANGING)) as connection:
        timer = threading.Timer(limit, connection.interrupt)
        timer.start()
        try:
            ((found,),) = connection.execute("PRAGMA quick_check(1)")
        except sqlite3.DatabaseError as error:
            if not isCorruption(error):
                return f"since that took too long or is impossible ({error})"
            found = str(error)
        finally:
            timer.cancel()
            timer.join()
    if found == "ok":
        return ""
    raise StoreUnusable(
        f"The store {path} is damaged ({' '.join(found.split())}): stop the gateway and"
        " restore a backup. At its next start the gateway sets a damaged store aside"
        " and begins with an empty one."
    )


def foreignBots(path: str, domain: str) -> Sequence[str]:
    """
    Return the bots in a store that are not at a domain, as far as they can be read
    without the log.

    @param path: The path of a store that L{inspect} has accepted.
    """
    with closing(_connect(os.path.realpath(path))) as connection:
        try:
            rows = connection.execute("SELECT jid FROM bot ORDER BY jid").fetchall()
        except sqlite3.DatabaseError:
            return ()  # an older store has no bots
    return [jid for (jid,) in rows if jid.rpartition("@")[2] != domain]


def roomsOf(path: str) -> Sequence[RoomRecord]:
    """
    Return the memberships in a store, as far as they can be read without the log.

    @param path: The path of a store that L{inspect} has accepted.
    """
    with closing(_connect(os.path.realpath(path))) as connection:
        try:
            return room_queries.rooms(connection)
        except sqlite3.DatabaseError:
            return ()  # an older store has no memberships


#: Parameters for a file that changes no more; its log is not read.
_UNCHANGING = "mode=ro&immutable=1"


def _connect(path: str, parameters: str = _UNCHANGING) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(path)}?{parameters}", uri=True)
