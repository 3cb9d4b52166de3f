"""The SQL for stanzas on their way to the callback."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from sqlite3 import Connection
from typing import NamedTuple

from ...core.records import DEAD, PENDING, DeliveryAttempt, InboxRecord, QueueDepth
from .coalesce import execute, insert

_COLUMNS = "number, webhookID, conversation, stanza, state, receivedAt, attempts, dueAt"

#: To be followed by what it comes after.
_NEXT = (
    "SELECT min(incoming.conversation) FROM incoming INDEXED BY incomingPending"
    " WHERE state = 'pending' AND incoming.conversation >"
)


class NewIncoming(NamedTuple):
    """What L{Store.receive} is called with."""

    webhookID: str
    conversation: str
    stanza: str
    at: float


def receive(connection: Connection, stanzas: Sequence[NewIncoming]) -> Sequence[int]:
    """See L{Store.receive}."""
    return insert(
        connection,
        "INSERT INTO incoming (webhookID, conversation, stanza, receivedAt, dueAt,"
        " changedAt, state) VALUES %s",
        [(*each, each.at, each.at, PENDING) for each in stanzas],
    )


def conversations(connection: Connection, after: str, limit: int) -> Sequence[str]:
    """
    See L{Store.conversations}.

    One step of the index for each: SQLite would read all of it to find them.
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
    """See L{Store.pending}."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM incoming WHERE state = 'pending'"
        " AND conversation = ? AND number > ? ORDER BY number LIMIT ?",
        (conversation, after, limit),
    )
    return [InboxRecord(*row) for row in rows]


def pendingBetween(connection: Connection, first: str, last: str | None) -> int:
    """See L{Store.pendingBetween}."""
    ((count,),) = connection.execute(
        "SELECT count(*) FROM incoming INDEXED BY incomingPending"
        " WHERE state = 'pending' AND conversation > ?1"
        " AND (?2 IS NULL OR conversation < ?2)",
        (first, last),
    )
    assert isinstance(count, int)
    return count


def move(connection: Connection, numbers: Sequence[int], conversation: str) -> None:
    """See L{Store.move}."""
    connection.executemany(
        "UPDATE incoming SET conversation = ? WHERE number = ? AND state = ?",
        [(conversation, number, PENDING) for number in numbers],
    )


class RecordedAttempt(NamedTuple):
    """What L{Store.attempted} is called with."""

    number: int
    attempt: DeliveryAttempt
    state: str
    dueAt: float


def attempted(
    connection: Connection, tries: Sequence[RecordedAttempt]
) -> Sequence[None]:
    """See L{Store.attempted}."""
    if len({each.number for each in tries}) < len(tries):
        # A statement does each row once.
        return [None for each in tries for _ in attempted(connection, [each])]
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
    """A try as it is in the record."""
    return json.dumps([attempt.at, attempt.status, attempt.error]) + "\n"


def inState(
    connection: Connection, state: str, before: int | None, limit: int
) -> Sequence[InboxRecord]:
    """See L{Store.incoming}."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM incoming WHERE state = ? AND number < ?"
        " ORDER BY number DESC LIMIT ?",
        (state, sys.maxsize if before is None else before, limit),
    )
    return [InboxRecord(*row) for row in rows]


def byID(
    connection: Connection, webhookID: str
) -> tuple[InboxRecord, Sequence[DeliveryAttempt]] | None:
    """See L{Store.incomingByID}."""
    row = connection.execute(
        f"SELECT {_COLUMNS}, tries FROM incoming WHERE webhookID = ?", (webhookID,)
    ).fetchone()
    if row is None:
        return None
    *columns, tries = row
    attempts = [DeliveryAttempt(*json.loads(line)) for line in tries.splitlines()]
    return InboxRecord(*columns), attempts


def redeliver(
    connection: Connection,
    *,
    webhookIDs: Sequence[str] | None,
    since: float,
    until: float,
    at: float,
    limit: int,
) -> Sequence[InboxRecord]:
    """See L{Store.redeliver}."""
    if webhookIDs is None:
        numbers = _deadWithin(connection, since, until, limit)
    else:
        numbers = _deadAmong(connection, webhookIDs, since, until)[:limit]
    connection.executemany(
        "UPDATE incoming SET state = ?, attempts = 0, dueAt = ?, changedAt = ?"
        " WHERE number = ?",
        [(PENDING, at, at, number) for number in numbers],
    )
    found = f"SELECT {_COLUMNS} FROM incoming WHERE number = ?"
    rows = [connection.execute(found, (number,)).fetchone() for number in numbers]
    return [InboxRecord(*row) for row in rows]


def _deadWithin(
    connection: Connection, since: float, until: float, limit: int
) -> Sequence[int]:
    """The numbers of those that came first within a time span, in their order."""
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
    """The numbers of those with certain ids, in their order."""
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
    """See L{Store.incomingDepth}."""
    row = connection.execute(
        "SELECT count + coalesce((SELECT seq FROM sqlite_sequence"
        " WHERE name = 'incoming' AND ?1 = 'pending'), 0),"
        " (SELECT receivedAt FROM incoming WHERE state = ?1 ORDER BY number LIMIT 1)"
        " FROM depth WHERE of = ?1",
        (state,),
    ).fetchone()
    return QueueDepth(*row)


def forget(connection: Connection, state: str, before: float, limit: int) -> int:
    """Forget some of those that came into a final state; returns how many."""
    return connection.execute(
        "DELETE FROM incoming WHERE number IN (SELECT number FROM incoming"
        " WHERE state = ? AND state <> 'pending' AND changedAt < ? LIMIT ?)",
        (state, before, limit),
    ).rowcount
