"""SQL of the positions of pending stanzas, by which clients fetch them."""

from __future__ import annotations

from collections.abc import Sequence

from ...core.records import InboxRecord, PendingPlace, UpdatesOrigin
from .inbox_queries import COLUMNS, DECODERS, records
from .operation import Operation, array, read, text


def origin() -> Operation[UpdatesOrigin]:
    """Implement L{UpdateStore.updatesOrigin}."""
    return read(
        b"SELECT identity, (SELECT CASE WHEN is_called THEN last_value ELSE 0 END"
        b" FROM incoming_place) FROM xmpprest_schema",
        [],
        [int, int],
        lambda found: UpdatesOrigin(*found[0]),
    )


def places(
    conversation: str, number: int, limit: int
) -> Operation[Sequence[PendingPlace]]:
    """Implement L{UpdateStore.pendingPlaces}."""
    return read(
        b"SELECT number, coalesce(position, number), conversation,"
        b" octet_length(stanza), greatest(received_at, due_at) FROM incoming"
        b" WHERE state = 'pending' AND (conversation, number) > ($1, $2::bigint)"
        b" ORDER BY conversation, number LIMIT $3::bigint",
        [conversation, number, limit],
        [int, int, text, int, float],
        lambda found: [PendingPlace(*row) for row in found],
    )


def stanzas(numbers: Sequence[int], size: int) -> Operation[Sequence[InboxRecord]]:
    """Implement L{UpdateStore.pendingStanzas}."""
    return read(
        b"SELECT " + COLUMNS + b" FROM (SELECT incoming.*, place,"
        b" sum(length(stanza)) OVER (ORDER BY place) AS total,"
        b" row_number() OVER (ORDER BY place) AS rank"
        b" FROM unnest($1::bigint[]) WITH ORDINALITY AS given(wanted, place)"
        b" JOIN incoming ON number = wanted WHERE state = 'pending') AS found"
        b" WHERE rank = 1 OR total <= $2::bigint ORDER BY place",
        [array(numbers), size],
        DECODERS,
        records,
    )
