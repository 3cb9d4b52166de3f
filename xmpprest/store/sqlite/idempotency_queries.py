"""The SQL for requests with an idempotency key."""

from __future__ import annotations

from sqlite3 import Connection

from ...core.records import IdempotencyRecord


def begin(
    connection: Connection, request: IdempotencyRecord
) -> IdempotencyRecord | None:
    """See L{Store.begin}."""
    row = connection.execute(
        "SELECT key, fingerprint, answer, at FROM answered WHERE key = ?",
        (request.key,),
    ).fetchone()
    if row is not None:
        return IdempotencyRecord(*row)
    connection.execute(
        "INSERT INTO answered (key, fingerprint, answer, at) VALUES (?, ?, ?, ?)",
        (request.key, request.fingerprint, request.answer, request.at),
    )
    return None


def end(connection: Connection, key: str, answer: bytes | None) -> None:
    """See L{Store.end}."""
    if answer is None:
        connection.execute("DELETE FROM answered WHERE key = ?", (key,))
    else:
        connection.execute(
            "UPDATE answered SET answer = ? WHERE key = ?", (answer, key)
        )


def interrupted(connection: Connection, answer: bytes) -> None:
    """See L{Store.interrupted}."""
    connection.execute("UPDATE answered SET answer = ? WHERE answer IS NULL", (answer,))


def forget(connection: Connection, before: float, limit: int) -> int:
    """Forget some of them; returns how many."""
    return connection.execute(
        "DELETE FROM answered WHERE rowid IN (SELECT rowid FROM answered"
        " WHERE at < ? LIMIT ?)",
        (before, limit),
    ).rowcount
