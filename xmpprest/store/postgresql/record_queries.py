"""SQL of the records of completed stanzas."""

from __future__ import annotations

from .operation import Operation, read

#: Rows at the beginning of the table, in the order of acceptance, among which the
#: messages are looked for that were completed first: no index has the time of their
#: completion (see L{migrations}).
WINDOW = 1000


def count(after: int) -> Operation[int]:
    """
    Return the number of records: messages that left the queue, and delivered stanzas.

    @param after: The number before the first queued message.
    """
    return read(
        b"SELECT (SELECT count(*) FROM outgoing) - (SELECT count(*) FROM outgoing"
        b" WHERE number > $1::bigint AND state = 'queued')"
        b" + (SELECT count(*) FROM incoming"
        b" WHERE state = 'delivered' AND state <> 'pending')",
        [after],
        [int],
        lambda found: int(found[0][0]),
    )


def deleteOldest(limit: int) -> Operation[int]:
    """
    Delete the oldest records of stanzas; idempotency keys stay.

    @return: How many were deleted.
    """
    return read(
        b"WITH oldest AS MATERIALIZED (SELECT * FROM ((SELECT true AS is_sent, number,"
        b" changed_at FROM (SELECT number, changed_at FROM outgoing"
        b" WHERE state <> 'queued' ORDER BY number LIMIT $1::bigint + $2::bigint)"
        b" AS first ORDER BY changed_at LIMIT $1::bigint)"
        b" UNION ALL (SELECT false, number, changed_at FROM incoming"
        b" WHERE state = 'delivered' AND state <> 'pending' ORDER BY changed_at"
        b" LIMIT $1::bigint)) AS both_kinds ORDER BY changed_at LIMIT $1::bigint),"
        b" sent AS (DELETE FROM outgoing USING oldest WHERE is_sent"
        b" AND outgoing.number = oldest.number RETURNING 1),"
        b" delivered AS (DELETE FROM incoming USING oldest WHERE NOT is_sent"
        b" AND incoming.number = oldest.number RETURNING 1)"
        b" SELECT (SELECT count(*) FROM sent) + (SELECT count(*) FROM delivered)",
        [limit, WINDOW],
        [int],
        lambda found: int(found[0][0]),
    )
