"""
The store, as the gateway sees it: each call is handed to the writer.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from sqlite3 import Connection
from typing import TypeVar, TypeVarTuple

from twisted.internet.defer import Deferred

from ...core.histogram import CommitMetrics
from ...core.records import (
    BOUNCED,
    DEAD,
    DELIVERED,
    DeliveryAttempt,
    IdempotencyRecord,
    InboxRecord,
    NewMessage,
    OutboxRecord,
    QueueDepth,
    StateChange,
)
from . import idempotency_queries, inbox_queries, outbox_queries
from .coalesce import Coalescable
from .migrations import PROBE_WRITE
from .writer_thread import Reactor, WriterThread

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

#: How many rows are forgotten in one commit, which others wait for.
CHUNK = 200


class SQLiteStore:
    """
    A L{Store<xmpprest.store.interface.Store>} in a file.
    """

    def __init__(
        self,
        path: str,
        reactor: Reactor,
        connect: Callable[..., Connection] = sqlite3.connect,
    ) -> None:
        """
        @param path: Of the file; others will be beside it.
        @param connect: Opens it; for tests.
        """
        self._writer = WriterThread(path, reactor, connect)

    @property
    def commits(self) -> CommitMetrics:
        """See L{Store.commits}."""
        return self._writer.commits

    def open(self) -> Deferred[None]:
        """See L{Store.open}."""
        return self._writer.start()

    def close(self) -> Deferred[None]:
        """See L{Store.close}."""
        return self._writer.stop()

    def check(self) -> Deferred[None]:
        """See L{Store.check}."""
        return self._call(_touch)

    def addOutgoing(self, message: NewMessage) -> Deferred[int | IdempotencyRecord]:
        """See L{Store.addOutgoing}."""
        return self._writer.submit(Coalescable(outbox_queries.add, message))

    def addAllOutgoing(
        self, messages: Sequence[NewMessage]
    ) -> Deferred[Sequence[int | IdempotencyRecord]]:
        """See L{Store.addAllOutgoing}."""
        return self._call(outbox_queries.add, messages)

    def queuedMessages(
        self, after: int, limit: int
    ) -> Deferred[Sequence[OutboxRecord]]:
        """See L{Store.queuedMessages}."""
        return self._call(outbox_queries.queued, after, limit)

    def updateStates(self, changes: Sequence[StateChange]) -> Deferred[None]:
        """See L{Store.updateStates}."""
        # An error comes once; what else is lost is found out again, with the same id.
        isTold = any(each.state == BOUNCED for each in changes)
        work = partial(outbox_queries.updateStates, changes=changes)
        return self._writer.submit(work, rests=0 if isTold else len(changes))

    def outgoingByID(self, id: str) -> Deferred[OutboxRecord | None]:
        """See L{Store.outgoingByID}."""
        return self._call(outbox_queries.byID, id)

    def outgoingDepth(self) -> Deferred[QueueDepth]:
        """See L{Store.outgoingDepth}."""
        return self._call(outbox_queries.depth)

    def addIncoming(
        self, webhookID: str, conversation: str, stanza: str, at: float
    ) -> Deferred[int]:
        """See L{Store.receive}."""
        arrived = inbox_queries.NewIncoming(webhookID, conversation, stanza, at)
        return self._writer.submit(Coalescable(inbox_queries.receive, arrived))

    def conversations(self, after: str, limit: int) -> Deferred[Sequence[str]]:
        """See L{Store.conversations}."""
        return self._call(inbox_queries.conversations, after, limit)

    def pending(
        self, conversation: str, after: int, limit: int
    ) -> Deferred[Sequence[InboxRecord]]:
        """See L{Store.pending}."""
        return self._call(inbox_queries.pending, conversation, after, limit)

    def countPending(self, first: str, last: str | None) -> Deferred[int]:
        """See L{Store.pendingBetween}."""
        return self._call(inbox_queries.pendingBetween, first, last)

    def reassign(self, numbers: Sequence[int], conversation: str) -> Deferred[None]:
        """See L{Store.move}."""
        return self._call(inbox_queries.move, numbers, conversation)

    def recordAttempt(
        self, number: int, attempt: DeliveryAttempt, state: str, dueAt: float
    ) -> Deferred[None]:
        """See L{Store.attempted}."""
        tried = inbox_queries.RecordedAttempt(number, attempt, state, dueAt)
        return self._writer.submit(Coalescable(inbox_queries.attempted, tried))

    def listIncoming(
        self, state: str, before: int | None, limit: int
    ) -> Deferred[Sequence[InboxRecord]]:
        """See L{Store.incoming}."""
        return self._call(inbox_queries.inState, state, before, limit)

    def incomingByID(
        self, webhookID: str
    ) -> Deferred[tuple[InboxRecord, Sequence[DeliveryAttempt]] | None]:
        """See L{Store.incomingByID}."""
        return self._call(inbox_queries.byID, webhookID)

    def requeueDead(
        self,
        webhookIDs: Sequence[str] | None,
        since: float,
        until: float,
        at: float,
        limit: int,
    ) -> Deferred[Sequence[InboxRecord]]:
        """See L{Store.redeliver}."""
        return self._writer.submit(
            partial(
                inbox_queries.redeliver,
                webhookIDs=webhookIDs,
                since=since,
                until=until,
                at=at,
                limit=limit,
            )
        )

    def incomingDepth(self, state: str) -> Deferred[QueueDepth]:
        """See L{Store.incomingDepth}."""
        return self._call(inbox_queries.depth, state)

    def beginRequest(
        self, request: IdempotencyRecord
    ) -> Deferred[IdempotencyRecord | None]:
        """See L{Store.begin}."""
        return self._call(idempotency_queries.begin, request)

    def finishRequest(self, key: str, answer: bytes | None) -> Deferred[None]:
        """See L{Store.end}."""
        return self._call(idempotency_queries.end, key, answer)

    def failInterruptedRequests(self, answer: bytes) -> Deferred[None]:
        """See L{Store.interrupted}."""
        return self._call(idempotency_queries.interrupted, answer)

    def purge(self, done: float, dead: float, answered: float) -> Deferred[None]:
        """See L{Store.forget}."""
        return Deferred.fromCoroutine(self._forget(done, dead, answered))

    async def _forget(self, done: float, dead: float, answered: float) -> None:
        """Piece by piece, so that nobody waits long."""
        for piece in (
            partial(outbox_queries.forget, before=done, limit=CHUNK),
            partial(inbox_queries.forget, state=DELIVERED, before=done, limit=CHUNK),
            partial(inbox_queries.forget, state=DEAD, before=dead, limit=CHUNK),
            partial(idempotency_queries.forget, before=answered, limit=CHUNK),
        ):
            while await self._writer.submit(piece) == CHUNK:
                pass

    def _call(
        self,
        function: Callable[[Connection, *_Ts], _T],
        *args: *_Ts,
    ) -> Deferred[_T]:
        """Let the writer call a function with the connection, and these."""
        return self._writer.submit(lambda connection: function(connection, *args))


def _touch(connection: Connection) -> None:
    """Write something."""
    connection.execute(PROBE_WRITE)
