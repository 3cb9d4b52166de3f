"""SQL of the outbox."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from typing import Any

from ...core.errors import Refusal
from ...core.records import (
    CONFIRMED,
    IdempotencyRecord,
    NewMessage,
    OutboxRecord,
    OutboxUsage,
)
from .connection import Results, Statement
from .idempotency_queries import NewKey, NewKeys
from .key_counts import KeyCounts
from .operation import (
    Operation,
    array,
    bind,
    encodeRows,
    read,
    rows,
    text,
    write,
)

_COLUMNS = (
    b"SELECT number, id, recipient, %s, state, accepted_at, changed_at, error, sender,"
    b" coalesce(key, ''), token, size, stanza_id FROM outgoing "
)
_WITH_STANZA = _COLUMNS % b"stanza"
_WITHOUT_STANZA = _COLUMNS % b"''"
_DECODERS = (
    *(int, text, text, text, text, float, float, text, text),
    *(text, text, int, text),
)
#: The highest number that PostgreSQL has.
MAX_NUMBER = 2**63 - 1

_INSERT = (
    b"INSERT INTO outgoing (writer, n, id, recipient, stanza, state, accepted_at,"
    b" changed_at, sender, key, token, size)"
    b" SELECT $2::bigint, n, i, d, r, 'queued', s, s, a, k, c, t"
    b" FROM json_to_recordset($1::json) AS given(n bigint, i text, d text, r text,"
    b" s float8, a text, k text, c text, t bigint, z text, o text)"
)
#: A message is stored if it has no idempotency key, or its operation has stored the
#: key.
_WITH_KEY = (
    b" WHERE z IS NULL OR EXISTS (SELECT FROM answered"
    b" WHERE answered.key = z AND answered.operation = o)"
)
#: Returns the number also if the row is there already, since the statement is repeated
#: when it is in doubt whether it was committed.
_RETURNING = (
    b" ON CONFLICT (writer, n) DO UPDATE SET n = excluded.n RETURNING n, number"
)


class Accepting:
    """
    Stores messages, and counts them.

    @ivar writer: The epoch of this instance. It and C{n} identify a message before it
        has a number.
    """

    def __init__(self, counts: KeyCounts) -> None:
        self._counts = counts
        self.writer = 0
        self._next = count(1)

    def start(self, writer: int) -> None:
        """Begin to count from one, as a new instance."""
        self.writer = writer
        self._next = count(1)

    def token(self) -> str:
        """Return a text that identifies an operation of this instance."""
        return f"{self.writer}:{next(self._next)}"

    def add(
        self, calls: Sequence[Sequence[NewMessage]]
    ) -> Operation[Sequence[Sequence[int | IdempotencyRecord | Refusal]]]:
        """Implement L{Store.addAllOutgoing} for several calls."""
        given = [*self._number(calls)]
        requests = [
            NewKey(each.idempotency, f"{self.writer}:{n}")
            for n, each, _ in given
            if each.idempotency is not None and not each.follows
        ]
        keys = NewKeys(requests, self._counts, self.writer) if requests else None
        inserting = bind(
            _INSERT + (_WITH_KEY if keys else b"") + _RETURNING,
            encodeRows("nidrsakctzo", map(_row, given)),
            self.writer,
        )

        def decode(
            results: Results,
        ) -> Sequence[Sequence[int | IdempotencyRecord | Refusal]]:
            outcomes = keys.outcomes(results) if keys else {}
            stored = dict(map(tuple, rows(results[-1], (int, int))))

            def outcome(n: int, key: NewKey | None) -> Any:
                if n in stored:
                    return stored[n]
                assert key is not None
                assert key is not None
                return outcomes[key.operation]

            found = iter([outcome(n, key) for n, _, key in given])
            return [[next(found) for _ in call] for call in calls]

        statements: list[Statement] = [*keys.statements] if keys else []
        return Operation([*statements, inserting], decode)

    def _number(
        self, calls: Sequence[Sequence[NewMessage]]
    ) -> Iterator[tuple[int, NewMessage, NewKey | None]]:
        """
        Give messages their C{n}, and the idempotency key without which they are not
        stored: that of the message, or of the one that it follows.
        """
        key: NewKey | None = None
        for call in calls:
            for each in call:
                n = next(self._next)
                if not each.follows:
                    known = each.idempotency
                    key = NewKey(known, f"{self.writer}:{n}") if known else None
                yield n, each, key


def _row(given: tuple[int, NewMessage, NewKey | None]) -> Sequence[object]:
    n, each, key = given
    return (
        n,
        each.id,
        each.to,
        each.stanza,
        each.at,
        each.sender,
        each.key or None,
        each.token,
        each.size,
        key and key.request.key,
        key and key.operation,
    )


def _records(found: Iterable[Sequence[object]]) -> Sequence[OutboxRecord]:
    return [OutboxRecord(*row) for row in found]  # type: ignore[arg-type]  # as decoded


def queued(
    after: int, limit: int, *, isWithStanza: bool = True
) -> Operation[Sequence[OutboxRecord]]:
    """
    Implement L{Store.queuedMessages} and L{Store.listQueued}.

    @param after: A number before that of the first message; rows from there on are
        read.
    """
    return read(
        (_WITH_STANZA if isWithStanza else _WITHOUT_STANZA)
        + b"WHERE number > $1::bigint AND state = 'queued' ORDER BY number"
        b" LIMIT $2::bigint",
        [after, limit],
        _DECODERS,
        _records,
    )


def firstQueued(after: int) -> Operation[int]:
    """
    Return the number before the first queued message.

    @param after: The last known one.
    """
    return read(
        b"SELECT coalesce((SELECT number - 1 FROM outgoing WHERE number > $1::bigint"
        b" AND state = 'queued' ORDER BY number LIMIT 1),"
        b" (SELECT max(number) FROM outgoing), 0)",
        [after],
        [int],
        lambda found: int(found[0][0]),
    )


def updateStates(
    numbers: Sequence[int], state: str, at: float, error: str | None
) -> Operation[None]:
    """Implement L{Store.updateStates}: one statement confirms hundreds of messages."""
    return write(
        b"UPDATE outgoing SET state = $1::text, changed_at = $2::float8,"
        b" error = $3::text, stanza = '' WHERE number = ANY($4::bigint[])"
        b" AND (state = 'queued' OR ($1::text = 'bounced' AND state <> 'bounced'))",
        state,
        at,
        error,
        array(numbers),
    )


def confirmReflected(number: int, stanzaID: str, at: float) -> Operation[None]:
    """Implement L{Store.confirmReflected}."""
    return write(
        b"UPDATE outgoing SET state = $1, changed_at = $2::float8, stanza = '',"
        b" stanza_id = $3 WHERE number = $4::bigint AND state IN ('queued', 'sent')",
        CONFIRMED,
        at,
        stanzaID,
        number,
    )


def byKey(key: str) -> Operation[OutboxRecord | None]:
    """Implement L{Store.outgoingByKey}."""
    return read(
        _WITH_STANZA + b"WHERE key = $1",
        [key],
        _DECODERS,
        lambda found: next(iter(_records(found)), None),
    )


def byID(id: str, before: int | None, limit: int) -> Operation[Sequence[OutboxRecord]]:
    """Implement L{Store.outgoingByID}."""
    return read(
        _WITHOUT_STANZA + b"WHERE id = $1 AND number < $2::bigint"
        b" ORDER BY number DESC LIMIT $3::bigint",
        [id, MAX_NUMBER if before is None else before, limit],
        _DECODERS,
        _records,
    )


def byToken(token: str, limit: int) -> Operation[Sequence[OutboxRecord]]:
    """
    Implement L{Store.outgoingByToken}. The index has only messages of hooks, which are
    the only ones that are looked up by token.
    """
    return read(
        _WITHOUT_STANZA + b"WHERE token >= 'hooks/' AND token < 'hooks0' AND token = $1"
        b" ORDER BY number DESC LIMIT $2::bigint",
        [token, limit],
        _DECODERS,
        _records,
    )


def usage(after: int) -> Operation[Sequence[OutboxUsage]]:
    """Implement L{Store.outgoingUsage}."""
    return read(
        b"SELECT sender, token, count(*), sum(size) FROM outgoing"
        b" WHERE number > $1::bigint AND state = 'queued' GROUP BY sender, token",
        [after],
        [text, text, int, int],
        lambda found: [OutboxUsage(*row) for row in found],
    )


def purge(before: float, limit: int) -> Operation[int]:
    """Delete some completed messages; returns their number."""
    return read(
        b"WITH gone AS (DELETE FROM outgoing WHERE number IN (SELECT number"
        b" FROM outgoing WHERE accepted_at < $1::float8 AND state <> 'queued'"
        b" AND changed_at < $1::float8 ORDER BY accepted_at LIMIT $2::bigint)"
        b" RETURNING 1) SELECT count(*) FROM gone",
        [before, limit],
        [int],
        lambda found: int(found[0][0]),
    )
