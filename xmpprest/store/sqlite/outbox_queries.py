"""SQL of the outbox."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from sqlite3 import Connection

from ...core.errors import Refusal
from ...core.policy.key_quota import KEY_LIMIT
from ...core.records import (
    CONFIRMED,
    QUEUED,
    SENT,
    IdempotencyRecord,
    NewMessage,
    OutboxRecord,
    OutboxUsage,
)
from . import idempotency_queries
from .coalesce import insert

_COLUMNS = (
    "number, id, recipient, {stanza}, state, acceptedAt, changedAt, error, sender,"
    " coalesce(key, ''), token, size, stanzaID"
)
#: The highest number that SQLite has.
MAX_NUMBER = 2**63 - 1
_WITH_STANZA = _COLUMNS.format(stanza="stanza")
_WITHOUT_STANZA = _COLUMNS.format(stanza="''")


def add(
    connection: Connection,
    messages: Sequence[NewMessage],
    keyLimit: Callable[[], int] = lambda: KEY_LIMIT,
) -> Sequence[int | IdempotencyRecord | Refusal]:
    """
    Implement L{Store.addAllOutgoing}.

    @param keyLimit: Returns the maximum number of idempotency keys.
    """
    limit = keyLimit()
    earlier: list[IdempotencyRecord | Refusal | None] = []
    for each in messages:
        known = each.idempotency and idempotency_queries.begin(
            connection, each.idempotency, limit
        )
        earlier.append(earlier[-1] if each.follows else known)
    numbers = iter(
        insert(
            connection,
            "INSERT INTO outgoing (id, recipient, stanza, state, acceptedAt, changedAt,"
            " sender, key, token, size) VALUES %s",
            [
                (
                    each.id,
                    each.to,
                    each.stanza,
                    QUEUED,
                    each.at,
                    each.at,
                    each.sender,
                    each.key or None,
                    each.token,
                    each.size,
                )
                for each, known in zip(messages, earlier, strict=True)
                if known is None
            ],
        )
    )
    return [next(numbers) if known is None else known for known in earlier]


def queued(connection: Connection, after: int, limit: int) -> Sequence[OutboxRecord]:
    """Implement L{Store.queuedMessages}."""
    rows = connection.execute(
        f"SELECT {_WITH_STANZA} FROM outgoing WHERE state = 'queued' AND number > ?"
        " ORDER BY number LIMIT ?",
        (after, limit),
    )
    return [OutboxRecord(*row) for row in rows]


def updateStates(
    connection: Connection,
    numbers: Sequence[int],
    state: str,
    at: float,
    error: str | None,
) -> None:
    """Implement L{Store.updateStates}: one statement confirms hundreds of messages."""
    connection.execute(
        "UPDATE outgoing SET state = ?1, changedAt = ?2, error = ?3, stanza = ''"
        " WHERE number IN (SELECT value FROM json_each(?4))"
        " AND (state = 'queued' OR (?1 = 'bounced' AND state <> ?1))",
        (state, at, error, json.dumps([*numbers])),
    )


def byKey(connection: Connection, key: str) -> OutboxRecord | None:
    """Implement L{Store.outgoingByKey}."""
    row = connection.execute(
        f"SELECT {_WITH_STANZA} FROM outgoing WHERE key = ?", (key,)
    ).fetchone()
    return row and OutboxRecord(*row)


def confirmReflected(
    connection: Connection, number: int, stanzaID: str, at: float
) -> None:
    """Implement L{Store.confirmReflected}."""
    connection.execute(
        "UPDATE outgoing SET state = ?, changedAt = ?, stanza = '', stanzaID = ?"
        " WHERE number = ? AND state IN (?, ?)",
        (CONFIRMED, at, stanzaID, number, QUEUED, SENT),
    )


def byID(
    connection: Connection, id: str, before: int | None, limit: int
) -> Sequence[OutboxRecord]:
    """Implement L{Store.outgoingByID}."""
    rows = connection.execute(
        f"SELECT {_WITHOUT_STANZA} FROM outgoing WHERE id = ? AND number < ?"
        " ORDER BY number DESC LIMIT ?",
        (id, MAX_NUMBER if before is None else before, limit),
    )
    return [OutboxRecord(*row) for row in rows]


def byToken(connection: Connection, token: str, limit: int) -> Sequence[OutboxRecord]:
    """
    Implement L{Store.outgoingByToken}. The index covers only messages of hooks, which
    are
    the only ones that are looked up by token.
    """
    rows = connection.execute(
        f"SELECT {_WITHOUT_STANZA} FROM outgoing"
        " WHERE token >= 'hooks/' AND token < 'hooks0' AND token = ?"
        " ORDER BY number DESC LIMIT ?",
        (token, limit),
    )
    return [OutboxRecord(*row) for row in rows]


def listQueued(
    connection: Connection, after: int, limit: int
) -> Sequence[OutboxRecord]:
    """Implement L{Store.listQueued}."""
    rows = connection.execute(
        f"SELECT {_WITHOUT_STANZA} FROM outgoing WHERE state = 'queued' AND number > ?"
        " ORDER BY number LIMIT ?",
        (after, limit),
    )
    return [OutboxRecord(*row) for row in rows]


def usage(connection: Connection) -> Sequence[OutboxUsage]:
    """Implement L{Store.outgoingUsage}."""
    rows = connection.execute(
        "SELECT sender, token, count(*), sum(size) FROM outgoing"
        " WHERE state = 'queued' GROUP BY sender, token"
    )
    return [OutboxUsage(*row) for row in rows]


def purge(connection: Connection, before: float, limit: int) -> int:
    """Delete some completed messages; returns their number."""
    return connection.execute(
        "DELETE FROM outgoing WHERE number IN (SELECT number FROM outgoing"
        " WHERE state <> 'queued' AND changedAt < ? LIMIT ?)",
        (before, limit),
    ).rowcount
