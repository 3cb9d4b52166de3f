"""SQL of idempotency keys."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ...core.errors import Refusal
from ...core.policy.key_quota import refuseKey
from ...core.records import IdempotencyRecord
from .connection import Results, Statement
from .key_counts import KeyCounts
from .operation import Operation, bind, encodeRows, octets, read, rows, text, write

_INSERT = (
    b"INSERT INTO answered (key, fingerprint, answer, at, operation, epoch)"
    b" SELECT k, decode(f, 'hex'), decode(a, 'hex'), t, o, $2::bigint"
    b" FROM json_to_recordset($1::json) AS r(k text, f text, a text, t float8, o text)"
    b" ON CONFLICT DO NOTHING"
)
_SELECT = (
    b"SELECT key, encode(fingerprint, 'hex'), encode(answer, 'hex'), at, operation"
    b" FROM answered WHERE key IN (SELECT json_array_elements_text($1::json))"
)
_DECODERS = (text, octets, octets, float, text)


class NewKey(NamedTuple):
    """
    A key to be stored.

    @ivar operation: Identifies this attempt to store it.
    """

    request: IdempotencyRecord
    operation: str


class NewKeys:
    """
    Keys that are stored in one transaction, each unless it is there already.

    @ivar statements: Store the keys, and read the records of all of them.
    """

    def __init__(self, keys: Sequence[NewKey], counts: KeyCounts, epoch: int) -> None:
        """@param epoch: The instance that handles the requests."""
        self._keys = keys
        self._counts = counts
        # In an order that all gateways share, so that no two wait for each other.
        ordered = sorted(keys, key=lambda each: each.request.key)
        self._reserved = [each for each in ordered if counts.reserve(each.request.key)]
        data = [
            (
                each.request.key,
                each.request.fingerprint.hex(),
                None if each.request.answer is None else each.request.answer.hex(),
                each.request.at,
                each.operation,
            )
            for each in self._reserved
        ]
        names = json.dumps([each.request.key for each in keys])
        self.statements: Sequence[Statement] = [
            bind(_INSERT, encodeRows("kfato", data), epoch),
            bind(_SELECT, names),
        ]

    def outcomes(
        self, results: Results
    ) -> Mapping[str, IdempotencyRecord | Refusal | None]:
        """
        Return the outcome of each key, by its operation: C{None} if it was stored, the
        record that was there before, or the refusal because there are too many.

        @param results: The results of the statements.
        """
        found = {row[0]: row for row in rows(results[1], _DECODERS)}
        outcomes: dict[str, IdempotencyRecord | Refusal | None] = {}
        for request, operation in self._keys:
            if (row := found.get(request.key)) is None:
                outcomes[operation] = refuseKey(request.key, self._counts.limit())
            else:
                isNew = row[4] == operation
                outcomes[operation] = None if isNew else IdempotencyRecord(*row[:4])
        self._counts.release(
            each.request.key
            for each in self._reserved
            if outcomes[each.operation] is not None
        )
        return outcomes


def beginRequest(
    request: IdempotencyRecord, operation: str, counts: KeyCounts, epoch: int
) -> Operation[IdempotencyRecord | None]:
    """Implement L{Store.beginRequest}."""
    keys = NewKeys([NewKey(request, operation)], counts, epoch)

    def decode(results: Results) -> IdempotencyRecord | None:
        earlier = keys.outcomes(results)[operation]
        if isinstance(earlier, Refusal):
            raise earlier
        return earlier

    return Operation(keys.statements, decode)


def byKey(key: str) -> Operation[IdempotencyRecord | None]:
    """Implement L{Store.requestByKey}."""
    return read(
        _SELECT,
        [json.dumps([key])],
        _DECODERS,
        lambda found: IdempotencyRecord(*found[0][:4]) if found else None,
    )


def finishRequest(key: str, answer: bytes | None, counts: KeyCounts) -> Operation[None]:
    """Implement L{Store.finishRequest}."""
    if answer is not None:
        return write(
            b"UPDATE answered SET answer = $1::bytea WHERE key = $2", answer, key
        )
    return read(
        b"DELETE FROM answered WHERE key = $1 RETURNING key",
        [key],
        [text],
        lambda found: counts.release(key for (key,) in found),
    )


def failInterrupted(answer: bytes) -> Operation[None]:
    """Implement L{Store.failInterruptedRequests}."""
    return write(b"UPDATE answered SET answer = $1::bytea WHERE answer IS NULL", answer)


def purge(before: float, limit: int, counts: KeyCounts) -> Operation[int]:
    """Delete some old keys; returns how many were deleted."""

    def deleted(found: Sequence[Sequence[str]]) -> int:
        counts.release(key for (key,) in found)
        return len(found)

    return read(
        b"DELETE FROM answered WHERE key IN (SELECT key FROM answered"
        b" WHERE at < $1::float8 ORDER BY at LIMIT $2::bigint) RETURNING key",
        [before, limit],
        [text],
        deleted,
    )


#: Counts the keys by the token that they belong to, whose name stands before a tab.
COUNT = (
    b"SELECT CASE WHEN strpos(key, chr(9)) > 0 THEN split_part(key, chr(9), 1)"
    b" ELSE '' END, count(*) FROM answered GROUP BY 1"
)


def recount(counts: KeyCounts) -> Operation[None]:
    """Count the stored keys."""
    return read(
        COUNT, [], [text, int], lambda found: counts.reset(dict(map(tuple, found)))
    )
