"""SQL of the inbox."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ...core.records import (
    DeliveryAttempt,
    InboxRecord,
    PendingSize,
    QueueDepth,
)
from .connection import Results
from .operation import (
    Operation,
    array,
    bind,
    encodeRows,
    read,
    rows,
    text,
)
from .outbox_queries import MAX_NUMBER

#: The columns of a L{InboxRecord}, and their decoders.
COLUMNS = (
    b"number, webhook_id, conversation, stanza, state, received_at, attempts, due_at,"
    b" coalesce(position, number)"
)
DECODERS = (int, text, text, text, text, float, int, float, int)


class NewIncoming(NamedTuple):
    """
    Arguments of L{Store.addIncoming}.
    """

    webhookID: str
    conversation: str
    stanza: str
    at: float


_ADD = (
    b"INSERT INTO incoming (webhook_id, conversation, stanza, state, received_at,"
    b" due_at, changed_at) SELECT w, c, s, 'pending', t, t, t"
    b" FROM json_to_recordset($1::json) AS given(w text, c text, s text, t float8)"
    # It is there if it is in doubt whether the statement was committed before.
    b" ON CONFLICT (webhook_id) DO UPDATE SET webhook_id = excluded.webhook_id"
    b" RETURNING webhook_id, number"
)


def add(stanzas: Sequence[NewIncoming]) -> Operation[Sequence[int]]:
    """Implement L{Store.addIncoming} for several stanzas."""

    def decode(results: Results) -> Sequence[int]:
        numbers = dict(map(tuple, rows(results[0], (text, int))))
        return [numbers[each.webhookID] for each in stanzas]

    return Operation([bind(_ADD, encodeRows("wcst", stanzas))], decode)


def records(found: Iterable[Sequence[object]]) -> Sequence[InboxRecord]:
    """Make records of rows."""
    return [InboxRecord(*row) for row in found]  # type: ignore[arg-type]  # as decoded


def conversations(after: str, limit: int) -> Operation[Sequence[str]]:
    """
    Implement L{Store.conversations} with one index step per conversation; a C{DISTINCT}
    would read the whole index.
    """
    return read(
        b"WITH RECURSIVE found(conversation) AS ("
        b"(SELECT conversation FROM incoming WHERE state = 'pending'"
        b" AND conversation > $1 ORDER BY conversation LIMIT 1)"
        b" UNION ALL SELECT (SELECT conversation FROM incoming"
        b" WHERE state = 'pending' AND conversation > found.conversation"
        b" ORDER BY conversation LIMIT 1) FROM found"
        b" WHERE found.conversation IS NOT NULL)"
        b" SELECT conversation FROM found WHERE conversation IS NOT NULL"
        b" LIMIT $2::bigint",
        [after, limit],
        [text],
        lambda found: [conversation for (conversation,) in found],
    )


def pending(
    conversation: str, after: int, limit: int
) -> Operation[Sequence[InboxRecord]]:
    """Implement L{Store.pending}."""
    return read(
        b"SELECT " + COLUMNS + b" FROM incoming WHERE state = 'pending'"
        b" AND conversation = $1 AND number > $2::bigint ORDER BY number"
        b" LIMIT $3::bigint",
        [conversation, after, limit],
        DECODERS,
        records,
    )


def pendingSizes(
    after: str, before: int | None, limit: int
) -> Operation[Sequence[PendingSize]]:
    """Implement L{Store.pendingSizes}."""
    return read(
        b"SELECT conversation, count(*), sum(octet_length(stanza)) FROM incoming"
        b" WHERE state = 'pending' AND conversation > $1 AND number < $2::bigint"
        b" GROUP BY conversation ORDER BY conversation LIMIT $3::bigint",
        [after, MAX_NUMBER if before is None else before, limit],
        [text, int, int],
        lambda found: [PendingSize(*row) for row in found],
    )


def reassign(numbers: Sequence[int], conversation: str) -> Operation[Sequence[int]]:
    """Implement L{Store.reassign}."""
    return read(
        b"WITH given AS MATERIALIZED (SELECT number, place,"
        b" nextval('incoming_place') AS position FROM (SELECT * FROM"
        b" unnest($1::bigint[]) WITH ORDINALITY AS each(number, place)"
        b" ORDER BY place) AS ordered),"
        b" moved AS (UPDATE incoming SET conversation = $2, position = given.position"
        b" FROM given WHERE incoming.number = given.number AND state = 'pending')"
        b" SELECT position FROM given ORDER BY place",
        [array(numbers), conversation],
        [int],
        lambda found: [position for (position,) in found],
    )


class RecordedAttempt(NamedTuple):
    """
    Arguments of L{Store.recordAttempt}.
    """

    number: int
    attempt: DeliveryAttempt
    state: str
    dueAt: float


#: An attempt that is on record already is not recorded again: it is in doubt whether
#: the statement was committed before.
_RECORD = (
    b"UPDATE incoming SET tries = tries || line,"
    b" attempts = attempts + (incoming.state = 'pending')::int,"
    b" state = CASE WHEN incoming.state = 'pending' THEN s ELSE incoming.state END,"
    b" due_at = CASE WHEN incoming.state = 'pending' THEN d ELSE due_at END,"
    b" changed_at = CASE WHEN incoming.state = 'pending' THEN t ELSE changed_at END,"
    b" stanza = CASE WHEN incoming.state = 'pending' AND s = 'delivered' THEN ''"
    b" ELSE stanza END"
    b" FROM (SELECT n, s, d, t, l || chr(10) AS line FROM json_to_recordset($1::json)"
    b" AS given(n bigint, s text, d float8, t float8, l text)) AS new"
    b" WHERE incoming.number = n AND strpos(tries, line) = 0"
)


def recordAttempts(tries: Sequence[RecordedAttempt]) -> Operation[Sequence[None]]:
    """Implement L{Store.recordAttempt} for several attempts."""
    # One statement updates each row only once.
    parts: list[dict[int, RecordedAttempt]] = [{}]
    for each in tries:
        if each.number in parts[-1]:
            parts.append({})
        parts[-1][each.number] = each
    statements = [
        bind(
            _RECORD,
            encodeRows(
                "nsdtl",
                [
                    (each.number, each.state, each.dueAt, each.attempt.at, _line(each))
                    for each in part.values()
                ],
            ),
        )
        for part in parts
    ]
    return Operation(statements, lambda results: [None] * len(tries))


def _line(tried: RecordedAttempt) -> str:
    """Return a delivery attempt as a line of the record."""
    attempt = tried.attempt
    return json.dumps([attempt.at, attempt.status, attempt.error])


def listIncoming(
    state: str, before: int | None, limit: int
) -> Operation[Sequence[InboxRecord]]:
    """Implement L{Store.listIncoming}."""
    return read(
        b"SELECT " + COLUMNS + b" FROM incoming WHERE state = $1"
        b" AND number < $2::bigint ORDER BY number DESC LIMIT $3::bigint",
        [state, MAX_NUMBER if before is None else before, limit],
        DECODERS,
        records,
    )


def byID(
    webhookID: str,
) -> Operation[tuple[InboxRecord, Sequence[DeliveryAttempt]] | None]:
    """Implement L{Store.incomingByID}."""

    def make(
        found: Sequence[Sequence[object]],
    ) -> tuple[InboxRecord, Sequence[DeliveryAttempt]] | None:
        for *columns, tries in found:
            lines = str(tries).splitlines()
            attempts = [DeliveryAttempt(*json.loads(line)) for line in lines]
            return records([columns])[0], attempts
        return None

    return read(
        b"SELECT " + COLUMNS + b", tries FROM incoming WHERE webhook_id = $1",
        [webhookID],
        [*DECODERS, text],
        make,
    )


_DEAD_WITHIN = (
    b"SELECT number FROM incoming WHERE state = 'dead'"
    b" AND received_at >= $1::float8 AND received_at < $2::float8 "
)
_AMONG = b"AND webhook_id IN (SELECT json_array_elements_text($6::json)) "


def requeueDead(
    webhookIDs: Sequence[str] | None,
    since: float,
    until: float,
    *,
    at: float,
    limit: int,
    operation: str,
) -> Operation[Sequence[InboxRecord]]:
    """
    Implement L{Store.requeueDead}.

    @param operation: Identifies the call, so that it finds what it has requeued if it
        is repeated.
    """
    order = b"received_at, number" if webhookIDs is None else b"number"
    chosen = (
        _DEAD_WITHIN
        + (b"" if webhookIDs is None else _AMONG)
        + b"AND NOT EXISTS (SELECT FROM incoming WHERE operation = $5)"
        b" ORDER BY " + order + b" LIMIT $4::bigint"
    )
    requeue = bind(
        b"WITH given AS MATERIALIZED (SELECT number, nextval('incoming_place')"
        b" AS position FROM (SELECT number FROM (" + chosen + b") AS chosen"
        b" ORDER BY number) AS ordered)"
        b" UPDATE incoming SET state = 'pending', attempts = 0, due_at = $3::float8,"
        b" changed_at = $3::float8, position = given.position, operation = $5"
        b" FROM given WHERE incoming.number = given.number AND state = 'dead'",
        since,
        until,
        at,
        limit,
        operation,
        *([] if webhookIDs is None else [json.dumps([*webhookIDs])]),
    )
    found = bind(
        b"SELECT " + COLUMNS + b" FROM incoming WHERE operation = $1 ORDER BY number",
        operation,
    )
    return Operation(
        [requeue, found], lambda results: records(rows(results[1], DECODERS))
    )


def depth(state: str) -> Operation[QueueDepth]:
    """Implement L{Store.incomingDepth}."""
    return read(
        b"SELECT (SELECT count(*) FROM incoming WHERE state = $1),"
        b" (SELECT received_at FROM incoming WHERE state = $1 ORDER BY number LIMIT 1)",
        [state],
        [int, float],
        lambda found: QueueDepth(*found[0]),
    )


def purge(state: str, before: float, limit: int) -> Operation[int]:
    """Delete some stanzas in a final state, and return how many were deleted."""
    return read(
        b"WITH gone AS (DELETE FROM incoming WHERE number IN (SELECT number"
        b" FROM incoming WHERE state = $1 AND state <> 'pending'"
        b" AND changed_at < $2::float8 ORDER BY changed_at LIMIT $3::bigint)"
        b" RETURNING 1) SELECT count(*) FROM gone",
        [state, before, limit],
        [int],
        lambda found: int(found[0][0]),
    )
