"""
Makes a file shorter after a backlog, in steps between which other calls run.

The stanza of a completed message is deleted, but its page stays in use as long as its
record does. So records are first moved together, which frees pages, and free pages are
then returned to the disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from sqlite3 import Connection
from typing import NamedTuple

from ...core.records import PENDING
from . import inbox_queries, record_queries
from .coalesce import Standalone

#: Free pages that a file keeps for the next messages: 8 MiB.
RESERVE = 2048
#: A file keeps free pages up to this share of its other pages.
SHARE = 1 / 4
#: A file with fewer bytes is left as it is.
SPARSE_ABOVE = 2**26
#: Bytes per record above which the pages of a file are sparse. A record and its entries
#: in the indexes take about 400; a message of 500 bytes leaves pages with 690.
SPARSE_RECORD = 600.0
#: A file whose records have been moved together is sparse if they take that many times
#: as much as then: long addresses take more.
SPARSE_AGAIN = 1.25
#: A file of an earlier version is rewritten if its content is smaller than this. The
#: gateway waits for it.
REWRITE_BELOW = 2**26
#: Room on the disk for that, in lengths of its content: the log, the longer file, and
#: room to spare.
ROOM = 4


class Records(NamedTuple):
    """
    The records of completed stanzas in one table.

    @ivar states: The states of rows whose stanza is deleted.
    """

    table: str
    states: Sequence[str]


TABLES = (
    Records("outgoing", ("sent", "confirmed", "bounced", "dropped")),
    Records("incoming", ("delivered",)),
)


def enable(connection: Connection, room: int) -> None:
    """
    Rewrite a file that an earlier version has created, so that it can get shorter,
    unless it is so large that this would take long; it is then tried at the next start.

    @param room: Free bytes of the disk.
    """
    ((mode,),) = connection.execute("PRAGMA auto_vacuum")
    used = _usedBytes(connection)
    if mode == _INCREMENTAL or used > REWRITE_BELOW or used * ROOM > room:
        return
    connection.execute(f"PRAGMA auto_vacuum = {_INCREMENTAL}")
    connection.execute("VACUUM")


def isSparse(connection: Connection, limit: float = SPARSE_RECORD) -> bool:
    """
    Return whether the rows of a file occupy more pages than they need, and most of them
    are completed.

    @param limit: Bytes per record above which they do.
    """
    used = _usedBytes(connection)
    if used < SPARSE_ABOVE:
        return False
    completed = record_queries.count(connection)
    pending = inbox_queries.depth(connection, PENDING).count
    ((queued,),) = connection.execute(
        "SELECT count(*) FROM outgoing WHERE state = 'queued'"
    )
    assert isinstance(queued, int)
    return (queued + pending) * 10 < completed and used > completed * limit


def recordSize(connection: Connection) -> float:
    """Return the bytes that a record takes, free pages not counted."""
    return _usedBytes(connection) / max(1, record_queries.count(connection))


def compact(
    connection: Connection, records: Records, after: int, limit: int
) -> int | None:
    """
    Move the records of some completed stanzas together.

    @param after: The number before the first one.
    @param limit: How many to move.
    @return: The number of the last one; C{None} if there were none.
    """
    table, states = records
    moved = f"temp.moved_{table}"
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {moved} AS SELECT * FROM {table} WHERE 0"
    )
    connection.execute(
        f"INSERT INTO {moved} SELECT * FROM {table} WHERE number > ?"
        f" AND state IN ({', '.join('?' * len(states))}) ORDER BY number LIMIT ?",
        (after, *states, limit),
    )
    ((last,),) = connection.execute(f"SELECT max(number) FROM {moved}")
    if last is not None:
        # An update would leave each row on its page.
        connection.execute(
            f"DELETE FROM {table} WHERE number IN (SELECT number FROM {moved})"
        )
        connection.execute(f"INSERT INTO {table} SELECT * FROM {moved}")
        # Deletions are counted there, insertions are not.
        connection.execute(
            f"UPDATE depth SET count = count + (SELECT count(*) FROM {moved}"
            " WHERE state = of) WHERE of = 'delivered'"
        )
        connection.execute(f"DELETE FROM {moved}")
    assert last is None or isinstance(last, int)
    return last


def shrink(limit: int) -> Standalone[bool]:
    """
    Make an operation that returns some free pages to the disk. The file gets shorter
    with the next copy of the write-ahead log into it.

    @param limit: How many pages to return at most.
    @return: Returns whether there are more.
    """

    def run(connection: Connection) -> bool:
        before = _excess(connection)
        if before > 0:
            # Connection.execute would return one page only.
            pages = min(before, limit)
            connection.executescript(f"PRAGMA incremental_vacuum({pages})")
        return 0 < _excess(connection) < before

    return Standalone(run)


_INCREMENTAL = 2


def _excess(connection: Connection) -> int:
    """Return the number of free pages above those that the file keeps."""
    free, pages = _pages(connection)
    return free - max(RESERVE, int((pages - free) * SHARE))


def _usedBytes(connection: Connection) -> int:
    free, pages = _pages(connection)
    ((size,),) = connection.execute("PRAGMA page_size")
    assert isinstance(size, int)
    return (pages - free) * size


def _pages(connection: Connection) -> tuple[int, int]:
    """Return the number of free pages, and of all pages."""
    ((free,),) = connection.execute("PRAGMA freelist_count")
    ((pages,),) = connection.execute("PRAGMA page_count")
    assert isinstance(free, int) and isinstance(pages, int)
    return free, pages
