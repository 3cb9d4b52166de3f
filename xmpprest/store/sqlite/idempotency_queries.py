"""SQL of idempotency keys."""

from __future__ import annotations

from sqlite3 import Connection

from ...core.records import IdempotencyRecord


def beginRequest(
    connection: Connection, request: IdempotencyRecord
) -> IdempotencyRecord | None:
    """Implement L{Store.beginRequest}."""
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
