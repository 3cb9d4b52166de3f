"""SQL of the records of completed stanzas: messages that left the queue, deliveries."""

from __future__ import annotations

from sqlite3 import Connection

#: The completed stanzas of both tables. Each part is answered by an index, so that the
#: queued and pending ones, which may be many, are not read.
_SENT = "FROM outgoing WHERE state <> 'queued'"
_DELIVERED = "FROM incoming WHERE state = 'delivered'"


def count(connection: Connection) -> int:
    """Return the number of records."""
    ((number,),) = connection.execute(
        f"SELECT (SELECT count(*) {_SENT}) + (SELECT count(*) {_DELIVERED})"
    )
    assert isinstance(number, int)
    return number


def deleteOldest(connection: Connection, limit: int) -> int:
    """
    Delete the oldest records.

    @return: How many were deleted.
    """
    oldest = connection.execute(
        f"SELECT * FROM (SELECT 'outgoing', number, changedAt {_SENT}"
        " ORDER BY changedAt LIMIT ?1)"
        f" UNION ALL SELECT * FROM (SELECT 'incoming', number, changedAt {_DELIVERED}"
        " ORDER BY changedAt LIMIT ?1)"
        " ORDER BY changedAt LIMIT ?1",
        (limit,),
    ).fetchall()
    for table, number, _ in oldest:
        connection.execute(f"DELETE FROM {table} WHERE number = ?", (number,))
    return len(oldest)
