"""SQL of the records of completed stanzas and of idempotency keys."""

from __future__ import annotations

from sqlite3 import Connection


def count(connection: Connection) -> int:
    """
    Return the number of records: messages that left the queue, delivered stanzas, and
    idempotency keys.
    """
    # All rows are counted in an index alone; a condition would read each row.
    ((number,),) = connection.execute(
        "SELECT (SELECT count(*) FROM outgoing)"
        " - (SELECT count(*) FROM outgoing WHERE state = 'queued')"
        " + (SELECT sum(count) FROM depth WHERE of IN ('delivered', 'keys'))"
    )
    assert isinstance(number, int)
    return number


def deleteOldest(connection: Connection, limit: int) -> int:
    """
    Delete the oldest records of stanzas; idempotency keys stay.

    @return: How many were deleted.
    """
    oldest = connection.execute(
        "SELECT * FROM (SELECT 'outgoing', number, changedAt FROM outgoing"
        " WHERE state <> 'queued' ORDER BY changedAt LIMIT ?1)"
        " UNION ALL SELECT * FROM (SELECT 'incoming', number, changedAt FROM incoming"
        # The second condition is that of the index.
        " WHERE state = 'delivered' AND state <> 'pending' ORDER BY changedAt LIMIT ?1)"
        " ORDER BY changedAt LIMIT ?1",
        (limit,),
    ).fetchall()
    for table, number, _ in oldest:
        connection.execute(f"DELETE FROM {table} WHERE number = ?", (number,))
    return len(oldest)
