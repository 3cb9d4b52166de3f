"""Copies a store to another file, also while a gateway uses it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress

from ...core.records import StoreUnusable
from .database_file import advice
from .migrations import ForeignFile, versionOf

#: Pages to copy in one step, so that a step takes some milliseconds.
_STEP = 1000
#: Seconds to wait for the gateway to finish a commit.
_TIMEOUT = 10.0


def backup(store: str, destination: str) -> int:
    """
    Copy a store. The copy has the state of one moment, and readers other than its owner
    cannot read it. A gateway that uses the store goes on in the meantime.

    @param destination: The path of the copy; an existing file is replaced once the copy
        is complete.
    @return: The size of the copy in bytes.
    @raise StoreUnusable: There is no store at that path, it cannot be read, or the
        destination is the store itself.
    @raise OSError: The copy cannot be written.
    """
    if not os.path.exists(store):
        raise StoreUnusable(f"There is no store at {store}.")
    if os.path.exists(destination) and os.path.samefile(store, destination):
        raise StoreUnusable(
            f"{destination} is the store itself: name another file for the copy."
        )
    part = f"{destination}.part"
    with suppress(FileNotFoundError):
        os.unlink(part)
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        _copy(store, part)
        os.fsync(descriptor)
        size = os.fstat(descriptor).st_size
        os.rename(part, destination)
    except BaseException:
        os.unlink(part)
        raise
    finally:
        os.close(descriptor)
    return size


def _copy(store: str, part: str) -> None:
    try:
        with (
            closing(sqlite3.connect(store, timeout=_TIMEOUT)) as source,
            closing(sqlite3.connect(part)) as target,
        ):
            if not versionOf(source):
                raise StoreUnusable(f"The file {store} is empty, not a store.")
            source.backup(target, pages=_STEP)
    except (ForeignFile, sqlite3.Error) as error:
        words = advice(error, store) or str(error)
        raise StoreUnusable(f"The store {store} {words}.") from None
