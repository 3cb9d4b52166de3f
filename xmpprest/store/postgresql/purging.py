"""Deletes old records, in small transactions, so that no other call waits long."""

from __future__ import annotations

from functools import partial

from ...core.records import DEAD, DELIVERED
from . import idempotency_queries, inbox_queries, outbox_queries, record_queries
from .key_counts import KeyCounts
from .session import Session

#: Rows deleted in a transaction.
CHUNK = 200


async def purge(
    session: Session, keys: KeyCounts, done: float, dead: float, answered: float
) -> None:
    """Delete records that were completed before a time; see L{Store.purge}."""
    for piece in (
        partial(outbox_queries.purge, done, CHUNK),
        partial(inbox_queries.purge, DELIVERED, done, CHUNK),
        partial(inbox_queries.purge, DEAD, dead, CHUNK),
        partial(idempotency_queries.purge, answered, CHUNK, keys),
    ):
        while await session.submit(piece) == CHUNK:
            pass


async def limitRecords(session: Session, keys: KeyCounts, limit: int, low: int) -> None:
    """
    Delete the oldest records beyond a limit.

    @param low: A number before the first queued message.
    """
    count = await session.submit(partial(record_queries.count, low))
    excess = count + keys.total - limit
    while excess > 0:
        part = min(excess, CHUNK)
        deleted = await session.submit(partial(record_queries.deleteOldest, part))
        if not deleted:
            return
        excess -= deleted
