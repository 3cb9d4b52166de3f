"""SQL of idempotency keys."""

from __future__ import annotations

from sqlite3 import Connection

from ...core.errors import Refusal
from ...core.policy.key_quota import keyOwner, refuseKey
from ...core.records import IdempotencyRecord

#: Stores a key unless it is there already, or the limit is reached: as
#: L{xmpprest.core.policy.key_quota.fits}, but in one statement.
_BEGIN = (
    "INSERT OR IGNORE INTO answered (key, fingerprint, answer, at)"
    " SELECT ?1, ?2, ?3, ?4"
    " WHERE ?5 - (SELECT count FROM depth WHERE of = 'keys')"
    " > coalesce((SELECT count FROM depth WHERE of = ?6), 0)"
)


def beginRequest(
    connection: Connection, request: IdempotencyRecord, limit: int
) -> IdempotencyRecord | None:
    """
    Implement L{Store.beginRequest}.

    @param limit: The maximum number of keys.
    """
    earlier = begin(connection, request, limit)
    if isinstance(earlier, Refusal):
        raise earlier
    return earlier


def begin(
    connection: Connection, request: IdempotencyRecord, limit: int
) -> IdempotencyRecord | Refusal | None:
    """
    Store the idempotency key of a request that has begun.

    @param limit: The maximum number of keys.
    @return: The record with that key, if there is one already, or the refusal of a new
        key; then nothing is stored.
    """
    key = request.key
    owner = keyOwner(key)
    stored = connection.execute(
        _BEGIN,
        (
            *(key, request.fingerprint, request.answer, request.at),
            *(limit, owner and f"keys {owner}"),
        ),
    ).rowcount
    if stored:
        return None
    return byKey(connection, key) or refuseKey(key, limit)


def byKey(connection: Connection, key: str) -> IdempotencyRecord | None:
    """Implement L{Store.requestByKey}."""
    row = connection.execute(
        "SELECT key, fingerprint, answer, at FROM answered WHERE key = ?", (key,)
    ).fetchone()
    return row and IdempotencyRecord(*row)


def count(connection: Connection) -> int:
    """Implement L{Store.keyCount}."""
    ((number,),) = connection.execute("SELECT count FROM depth WHERE of = 'keys'")
    assert isinstance(number, int)
    return number


def finishRequest(connection: Connection, key: str, answer: bytes | None) -> None:
    """Implement L{Store.finishRequest}."""
    if answer is None:
        connection.execute("DELETE FROM answered WHERE key = ?", (key,))
    else:
        connection.execute(
            "UPDATE answered SET answer = ? WHERE key = ?", (answer, key)
        )


def failInterrupted(connection: Connection, answer: bytes) -> None:
    """Implement L{Store.failInterruptedRequests}."""
    connection.execute("UPDATE answered SET answer = ? WHERE answer IS NULL", (answer,))


def purge(connection: Connection, before: float, limit: int) -> int:
    """Delete some old keys, and return how many were deleted."""
    return connection.execute(
        "DELETE FROM answered WHERE rowid IN (SELECT rowid FROM answered"
        " WHERE at < ? LIMIT ?)",
        (before, limit),
    ).rowcount
