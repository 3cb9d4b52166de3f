"""SQL of the positions of pending stanzas, by which clients fetch them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from sqlite3 import Connection

from ...core.records import InboxRecord, PendingPlace, UpdatesOrigin
from .inbox_queries import COLUMNS


def origin(connection: Connection) -> UpdatesOrigin:
    """Implement L{UpdateStore.updatesOrigin}."""
    row = connection.execute(
        "SELECT count, coalesce((SELECT seq FROM sqlite_sequence WHERE name ="
        " 'incoming'), 0) FROM depth WHERE of = 'store'"
    ).fetchone()
    return UpdatesOrigin(*row)


def places(
    connection: Connection, conversation: str, number: int, limit: int
) -> Sequence[PendingPlace]:
    """Implement L{UpdateStore.pendingPlaces}."""
    rows = connection.execute(
        "SELECT number, coalesce(position, number), conversation,"
        " length(CAST(stanza AS BLOB)), max(receivedAt, dueAt)"
        " FROM incoming INDEXED BY incomingPending"
        " WHERE state = 'pending' AND (conversation, number) > (?, ?)"
        " ORDER BY conversation, number LIMIT ?",
        (conversation, number, limit),
    )
    return [PendingPlace(*row) for row in rows]


def stanzas(
    connection: Connection, numbers: Sequence[int], size: int
) -> Sequence[InboxRecord]:
    """
    Implement L{UpdateStore.pendingStanzas}. A cross join keeps the order of the list.
    """
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM json_each(?)"
        " CROSS JOIN incoming ON number = value"
        " WHERE incoming.state = 'pending'",
        (json.dumps([*numbers]),),
    )
    found: list[InboxRecord] = []
    for row in rows:
        record = InboxRecord(*row)
        size -= len(record.stanza)
        if found and size < 0:
            break
        found.append(record)
    rows.close()
    return found
