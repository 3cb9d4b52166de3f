"""The SQL for messages on their way out."""

from __future__ import annotations

from collections.abc import Sequence
from sqlite3 import Connection

from ..interface import QUEUED, Answered, Change, Depth, Outgoing
from . import answers

_COLUMNS = "number, id, recipient, stanza, state, acceptedAt, changedAt, error"
_OPEN = "state IN ('queued', 'sent')"


def accept(
    connection: Connection,
    *,
    id: str,
    to: str,
    stanza: str,
    at: float,
    answered: Answered | None,
) -> int | Answered:
    """See L{Store.accept}."""
    if answered is not None:
        earlier = answers.begin(connection, answered)
        if earlier is not None:
            return earlier
    number = connection.execute(
        "INSERT INTO outgoing (id, recipient, stanza, state, acceptedAt, changedAt)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (id, to, stanza, QUEUED, at, at),
    ).lastrowid
    assert number is not None
    return number


def waiting(connection: Connection, after: int, limit: int) -> Sequence[Outgoing]:
    """See L{Store.outgoing}."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM outgoing WHERE {_OPEN} AND number > ?"
        " ORDER BY number LIMIT ?",
        (after, limit),
    )
    return [Outgoing(*row) for row in rows]


def change(connection: Connection, changes: Sequence[Change]) -> None:
    """See L{Store.change}."""
    for each in changes:
        connection.execute(
            "UPDATE outgoing SET state = ?1, changedAt = ?2, error = ?3,"
            " stanza = iif(?1 IN ('queued', 'sent'), stanza, '')"
            f" WHERE number = ?4 AND {_OPEN}",
            (each.state, each.at, each.error, each.number),
        )


def byID(connection: Connection, id: str) -> Outgoing | None:
    """See L{Store.outgoingByID}."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM outgoing WHERE id = ? ORDER BY number DESC LIMIT 1",
        (id,),
    ).fetchone()
    return row and Outgoing(*row)


def depth(connection: Connection) -> Depth:
    """See L{Store.outgoingDepth}."""
    row = connection.execute(
        "SELECT count, (SELECT acceptedAt FROM outgoing"
        f" WHERE {_OPEN} ORDER BY number LIMIT 1)"
        " FROM depth WHERE of = 'outgoing'"
    ).fetchone()
    return Depth(*row)


def forget(connection: Connection, before: float, limit: int) -> int:
    """Forget some of those that are done; returns how many."""
    return connection.execute(
        "DELETE FROM outgoing WHERE number IN (SELECT number FROM outgoing"
        " WHERE state NOT IN ('queued', 'sent') AND changedAt < ? LIMIT ?)",
        (before, limit),
    ).rowcount
