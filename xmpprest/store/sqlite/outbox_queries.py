"""SQL of the outbox."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from sqlite3 import Connection

from ...core.records import (
    QUEUED,
    IdempotencyRecord,
    NewMessage,
    OutboxRecord,
    QueueDepth,
    StateChange,
)
from . import idempotency_queries
from .coalesce import insert

_COLUMNS = "number, id, recipient, stanza, state, acceptedAt, changedAt, error, sender"


def add(
    connection: Connection, messages: Sequence[NewMessage]
) -> Sequence[int | IdempotencyRecord]:
    """Implement L{Store.addAllOutgoing}."""
    earlier = [
        each.idempotency
        and idempotency_queries.beginRequest(connection, each.idempotency)
        for each in messages
    ]
    numbers = iter(
        insert(
            connection,
            "INSERT INTO outgoing (id, recipient, stanza, state, acceptedAt, changedAt,"
            " sender) VALUES %s",
            [
                (each.id, each.to, each.stanza, QUEUED, each.at, each.at, each.sender)
                for each, known in zip(messages, earlier, strict=True)
                if known is None
            ],
        )
    )
    return [next(numbers) if known is None else known for known in earlier]


def queued(connection: Connection, after: int, limit: int) -> Sequence[OutboxRecord]:
    """Implement L{Store.queuedMessages}."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM outgoing WHERE state = 'queued' AND number > ?"
        " ORDER BY number LIMIT ?",
        (after, limit),
    )
    return [OutboxRecord(*row) for row in rows]


def updateStates(connection: Connection, changes: Sequence[StateChange]) -> None:
    """Implement L{Store.updateStates}. One statement confirms hundreds of messages."""
    for (state, at, error), group in groupby(changes, _newState):
        connection.execute(
            "UPDATE outgoing SET state = ?1, changedAt = ?2, error = ?3, stanza = ''"
            " WHERE number IN (SELECT value FROM json_each(?4))"
            " AND (state = 'queued' OR (?1 = 'bounced' AND state <> ?1))",
            (state, at, error, json.dumps([each.number for each in group])),
        )


def _newState(change: StateChange) -> tuple[str, float, str | None]:
    """Return the columns of a message after a change."""
    return change.state, change.at, change.error


def byID(connection: Connection, id: str) -> OutboxRecord | None:
    """Implement L{Store.outgoingByID}."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM outgoing WHERE id = ? ORDER BY number DESC LIMIT 1",
        (id,),
    ).fetchone()
    return row and OutboxRecord(*row)


def depth(connection: Connection) -> QueueDepth:
    """Implement L{Store.outgoingDepth}."""
    row = connection.execute(
        "SELECT count + coalesce("
        "(SELECT seq FROM sqlite_sequence WHERE name = 'outgoing'), 0),"
        " (SELECT acceptedAt FROM outgoing"
        " WHERE state = 'queued' ORDER BY number LIMIT 1)"
        " FROM depth WHERE of = 'queued'"
    ).fetchone()
    return QueueDepth(*row)


def purge(connection: Connection, before: float, limit: int) -> int:
    """Delete some completed messages; returns their number."""
    return connection.execute(
        "DELETE FROM outgoing WHERE number IN (SELECT number FROM outgoing"
        " WHERE state <> 'queued' AND changedAt < ? LIMIT ?)",
        (before, limit),
    ).rowcount
