"""SQL of the inbox."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from functools import lru_cache
from sqlite3 import Connection
from typing import NamedTuple

from ...core.records import (
    DEAD,
    PENDING,
    DeliveryAttempt,
    InboxRecord,
    PendingSize,
    QueueDepth,
)
from .coalesce import execute, insert

#: The columns of a L{InboxRecord}.
COLUMNS = (
    "number, webhookID, conversation, stanza, state, receivedAt, attempts, dueAt,"
    " coalesce(position, number)"
)

#: Selects stanzas; a condition follows.
_NEXT = (
    "SELECT min(incoming.conversation) FROM incoming INDEXED BY incomingPending"
    " WHERE state = 'pending' AND incoming.conversation >"
)


class NewIncoming(NamedTuple):
    """
    Arguments of L{Store.addIncoming}.
    """

    webhookID: str
    conversation: str
    stanza: str
    at: float


def add(connection: Connection, stanzas: Sequence[NewIncoming]) -> Sequence[int]:
    """Implement L{Store.addIncoming} for several stanzas."""
    return insert(
        connection,
        "INSERT INTO incoming (webhookID, conversation, stanza, receivedAt, dueAt,"
        " changedAt, state) VALUES %s",
        [(*each, each.at, each.at, PENDING) for each in stanzas],
    )


def conversations(connection: Connection, after: str, limit: int) -> Sequence[str]:
    """
    Implement L{Store.conversations} with one index step per conversation; a C{DISTINCT}
    would read the whole index.
    """
    rows = connection.execute(
        "WITH RECURSIVE found (conversation) AS ("
        f"SELECT ({_NEXT} ?1) UNION ALL SELECT ({_NEXT} found.conversation) FROM found"
        " WHERE found.conversation IS NOT NULL LIMIT ?2)"
        " SELECT conversation FROM found WHERE conversation IS NOT NULL",
        (after, limit),
    )
    return [conversation for (conversation,) in rows]


def pending(
    connection: Connection, conversation: str, after: int, limit: int
) -> Sequence[InboxRecord]:
    """Implement L{Store.pending}."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM incoming WHERE state = 'pending'"
        " AND conversation = ? AND number > ? ORDER BY number LIMIT ?",
        (conversation, after, limit),
    )
    return [InboxRecord(*row) for row in rows]


def pendingSizes(
    connection: Connection, after: str, before: int | None, limit: int
) -> Sequence[PendingSize]:
    """Implement L{Store.pendingSizes}."""
    rows = connection.execute(
        "SELECT conversation, count(*), sum(length(CAST(stanza AS BLOB)))"
        " FROM incoming INDEXED BY incomingPending"
        " WHERE state = 'pending' AND conversation > ? AND number < ?"
        " GROUP BY conversation ORDER BY conversation LIMIT ?",
        (after, sys.maxsize if before is None else before, limit),
    )
    return [PendingSize(*row) for row in rows]


def reassign(
    connection: Connection, numbers: Sequence[int], conversation: str
) -> Sequence[int]:
    """Implement L{Store.reassign}."""
    positions = _newPositions(connection, len(numbers))
    connection.executemany(
        "UPDATE incoming SET conversation = ?, position = ? WHERE number = ?"
        " AND state = ?",
        [
            (conversation, position, number, PENDING)
            for position, number in zip(positions, numbers, strict=True)
        ],
    )
    return positions


def _newPositions(connection: Connection, count: int) -> Sequence[int]:
    """
    Return new positions, which no later stanza gets as its number. The number of
    pending stanzas is computed from the sequence, so the count is corrected.
    """
    if not count:
        return []
    ((last,),) = connection.execute(
        "UPDATE sqlite_sequence SET seq = seq + ? WHERE name = 'incoming'"
        " RETURNING seq",
        (count,),
    ).fetchall()
    connection.execute(
        "UPDATE depth SET count = count - ? WHERE of = ?", (count, PENDING)
    )
    return range(last - count + 1, last + 1)


class RecordedAttempt(NamedTuple):
    """
    Arguments of L{Store.recordAttempt}.
    """

    number: int
    attempt: DeliveryAttempt
    state: str
    dueAt: float


def recordAttempts(
    connection: Connection, tries: Sequence[RecordedAttempt]
) -> Sequence[None]:
    """Implement L{Store.recordAttempt} for several attempts."""
    if len({each.number for each in tries}) < len(tries):
        # One statement updates each row only once.
        return [None for each in tries for _ in recordAttempts(connection, [each])]
    rows = [
        (each.number, each.state, each.dueAt, each.attempt.at, _line(each.attempt))
        for each in tries
    ]
    for _ in execute(
        connection,
        "WITH new (number, state, dueAt, at, line) AS (VALUES %s)"
        " UPDATE incoming SET tries = tries || line"
        ", attempts = attempts + (incoming.state = 'pending')"
        ", state = iif(incoming.state = 'pending', new.state, incoming.state)"
        ", dueAt = iif(incoming.state = 'pending', new.dueAt, incoming.dueAt)"
        ", changedAt = iif(incoming.state = 'pending', at, changedAt)"
        ", stanza = iif(incoming.state = 'pending' AND new.state = 'delivered', '',"
        " stanza)"
        " FROM new WHERE incoming.number = new.number",
        rows,
    ):
        pass
    return [None] * len(tries)


def _line(attempt: DeliveryAttempt) -> str:
    """Return a delivery attempt as a line of the record."""
    return f"[{attempt.at!r}, {_endOfLine(attempt.status, attempt.error)}"


@lru_cache(maxsize=64)
def _endOfLine(status: int | None, error: str | None) -> str:
    """Return the line of an attempt behind its time; most attempts end alike."""
    return json.dumps([status, error])[1:] + "\n"


def listIncoming(
    connection: Connection, state: str, before: int | None, limit: int
) -> Sequence[InboxRecord]:
    """Implement L{Store.listIncoming}."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM incoming WHERE state = ? AND number < ?"
        " ORDER BY number DESC LIMIT ?",
        (state, sys.maxsize if before is None else before, limit),
    )
    return [InboxRecord(*row) for row in rows]


def byID(
    connection: Connection, webhookID: str
) -> tuple[InboxRecord, Sequence[DeliveryAttempt]] | None:
    """Implement L{Store.incomingByID}."""
    row = connection.execute(
        f"SELECT {COLUMNS}, tries FROM incoming WHERE webhookID = ?", (webhookID,)
    ).fetchone()
    if row is None:
        return None
    *columns, tries = row
    attempts = [DeliveryAttempt(*json.loads(line)) for line in tries.splitlines()]
    return InboxRecord(*columns), attempts


def requeueDead(
    connection: Connection,
    *,
    webhookIDs: Sequence[str] | None,
    since: float,
    until: float,
    at: float,
    limit: int,
) -> Sequence[InboxRecord]:
    """Implement L{Store.requeueDead}."""
    if webhookIDs is None:
        numbers = _deadWithin(connection, since, until, limit)
    else:
        numbers = _deadAmong(connection, webhookIDs, since, until)[:limit]
    positions = _newPositions(connection, len(numbers))
    connection.executemany(
        "UPDATE incoming SET state = ?, attempts = 0, dueAt = ?, changedAt = ?,"
        " position = ? WHERE number = ?",
        [
            (PENDING, at, at, position, number)
            for position, number in zip(positions, numbers, strict=True)
        ],
    )
    found = f"SELECT {COLUMNS} FROM incoming WHERE number = ?"
    rows = [connection.execute(found, (number,)).fetchone() for number in numbers]
    return [InboxRecord(*row) for row in rows]


def _deadWithin(
    connection: Connection, since: float, until: float, limit: int
) -> Sequence[int]:
    """Return the numbers of the oldest dead stanzas within a time span."""
    rows = connection.execute(
        "SELECT number FROM incoming INDEXED BY incomingDead"
        " WHERE state = 'dead' AND receivedAt >= ?"
        " AND receivedAt < ? ORDER BY receivedAt, number LIMIT ?",
        (since, until, limit),
    )
    return sorted(number for (number,) in rows)


def _deadAmong(
    connection: Connection, webhookIDs: Sequence[str], since: float, until: float
) -> Sequence[int]:
    """Return the numbers of the dead stanzas with certain ids within a time span."""
    numbers: set[int] = set()
    for webhookID in webhookIDs:
        numbers.update(
            number
            for (number,) in connection.execute(
                "SELECT number FROM incoming WHERE webhookID = ? AND state = ?"
                " AND receivedAt >= ? AND receivedAt < ?",
                (webhookID, DEAD, since, until),
            )
        )
    return sorted(numbers)


def depth(connection: Connection, state: str) -> QueueDepth:
    """Implement L{Store.incomingDepth}."""
    row = connection.execute(
        "SELECT count + coalesce((SELECT seq FROM sqlite_sequence"
        " WHERE name = 'incoming' AND ?1 = 'pending'), 0),"
        " (SELECT receivedAt FROM incoming WHERE state = ?1 ORDER BY number LIMIT 1)"
        " FROM depth WHERE of = ?1",
        (state,),
    ).fetchone()
    return QueueDepth(*row)


def purge(connection: Connection, state: str, before: float, limit: int) -> int:
    """Delete some stanzas in a final state, and return how many were deleted."""
    return connection.execute(
        "DELETE FROM incoming WHERE number IN (SELECT number FROM incoming"
        " WHERE state = ? AND state <> 'pending' AND changedAt < ? LIMIT ?)",
        (state, before, limit),
    ).rowcount
