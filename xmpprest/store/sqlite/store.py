"""The SQLite store: each call becomes an operation of the writer thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from sqlite3 import Connection
from typing import TypeVar, TypeVarTuple

from twisted.internet.defer import Deferred

from ...core.bots.contact import ContactRecord
from ...core.bots.profile import Bot
from ...core.errors import Refusal
from ...core.histogram import CommitMetrics
from ...core.policy.key_quota import KEY_LIMIT
from ...core.records import (
    BOUNCED,
    DEAD,
    DELIVERED,
    DROPPED,
    DeliveryAttempt,
    IdempotencyRecord,
    InboxRecord,
    NewMessage,
    OutboxRecord,
    OutboxUsage,
    PendingPlace,
    PendingSize,
    QueueDepth,
    UpdatesOrigin,
)
from ...core.rooms.values import RoomRecord, SeenMessage
from . import (
    bot_queries,
    idempotency_queries,
    inbox_queries,
    outbox_queries,
    record_queries,
    room_queries,
    update_queries,
    vacuum,
)
from .coalesce import Coalescable
from .migrations import PROBE_WRITE
from .writer_thread import Reactor, WriterThread

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

#: Rows deleted, rows moved, and pages returned to the disk per commit; other calls wait
#: for it.
CHUNK, MOVED, PAGES = 200, 50, 50


class SQLiteStore:
    """
    A L{Store<xmpprest.store.interface.Store>} in a file, whose methods are documented
    there.
    """

    def __init__(
        self,
        path: str,
        reactor: Reactor,
        connect: Callable[..., Connection] = sqlite3.connect,
        keyLimit: Callable[[], int] = lambda: KEY_LIMIT,
    ) -> None:
        """
        @param path: The path of the file; SQLite puts others beside it.
        @param connect: Opens the file; for tests.
        @param keyLimit: Returns the maximum number of idempotency keys.
        """
        self._keyLimit = keyLimit
        #: The number of the last record that was moved to save room, by table.
        self._compacted = {each.table: 0 for each in vacuum.TABLES}
        #: Bytes per record above which the file is sparse.
        self._sparseAbove = vacuum.SPARSE_RECORD
        self._writer = WriterThread(path, reactor, connect)

    @property
    def commits(self) -> CommitMetrics:
        return self._writer.commits

    def open(self) -> Deferred[None]:
        return self._writer.start()

    def close(self) -> Deferred[None]:
        return self._writer.stop()

    def check(self) -> Deferred[None]:
        return self._call(_touch)

    # bots

    def bots(self) -> Deferred[Sequence[Bot]]:
        return self._call(bot_queries.bots)

    def saveBot(self, bot: Bot) -> Deferred[None]:
        return self._call(bot_queries.save, bot)

    def deleteBot(self, jid: str) -> Deferred[None]:
        return self._call(bot_queries.delete, jid)

    def contacts(
        self, bot: str, after: str, limit: int
    ) -> Deferred[Sequence[ContactRecord]]:
        return self._call(bot_queries.contacts, bot, after, limit)

    def saveContacts(self, contacts: Sequence[ContactRecord]) -> Deferred[None]:
        return self._call(bot_queries.saveContacts, contacts)

    # outbox

    def addAllOutgoing(
        self, messages: Sequence[NewMessage]
    ) -> Deferred[Sequence[int | IdempotencyRecord | Refusal]]:
        work = partial(outbox_queries.add, messages=messages, keyLimit=self._keyLimit)
        # The outbox has waited for the end of the reactor turn already.
        return self._writer.submit(work, isAtOnce=True)

    def queuedMessages(
        self, after: int, limit: int
    ) -> Deferred[Sequence[OutboxRecord]]:
        return self._call(outbox_queries.queued, after, limit)

    def updateStates(
        self, numbers: Sequence[int], state: str, at: float, error: str | None = None
    ) -> Deferred[None]:
        work = partial(
            outbox_queries.updateStates,
            numbers=numbers,
            state=state,
            at=at,
            error=error,
        )
        # A bounce is reported once, and a client waits for a drop: both are committed
        # now. If another change gets lost, the message is resent with the same id.
        isUrgent = state in (BOUNCED, DROPPED)
        return self._writer.submit(work, rests=0 if isUrgent else len(numbers))

    def confirmReflected(self, number: int, stanzaID: str, at: float) -> Deferred[None]:
        return self._call(outbox_queries.confirmReflected, number, stanzaID, at)

    def outgoingByKey(self, key: str) -> Deferred[OutboxRecord | None]:
        return self._call(outbox_queries.byKey, key)

    def outgoingByID(
        self, id: str, before: int | None = None, limit: int = 100
    ) -> Deferred[Sequence[OutboxRecord]]:
        return self._call(outbox_queries.byID, id, before, limit)

    def outgoingByToken(
        self, token: str, limit: int
    ) -> Deferred[Sequence[OutboxRecord]]:
        return self._call(outbox_queries.byToken, token, limit)

    def listQueued(self, after: int, limit: int) -> Deferred[Sequence[OutboxRecord]]:
        return self._call(outbox_queries.listQueued, after, limit)

    def outgoingUsage(self) -> Deferred[Sequence[OutboxUsage]]:
        return self._call(outbox_queries.usage)

    def addIncoming(
        self, webhookID: str, conversation: str, stanza: str, at: float
    ) -> Deferred[int]:
        arrived = inbox_queries.NewIncoming(webhookID, conversation, stanza, at)
        return self._writer.submit(Coalescable(inbox_queries.add, arrived))

    def conversations(self, after: str, limit: int) -> Deferred[Sequence[str]]:
        return self._call(inbox_queries.conversations, after, limit)

    def pending(
        self, conversation: str, after: int, limit: int
    ) -> Deferred[Sequence[InboxRecord]]:
        return self._call(inbox_queries.pending, conversation, after, limit)

    def pendingSizes(
        self, after: str, before: int | None, limit: int
    ) -> Deferred[Sequence[PendingSize]]:
        return self._call(inbox_queries.pendingSizes, after, before, limit)

    def updatesOrigin(self) -> Deferred[UpdatesOrigin]:
        return self._call(update_queries.origin)

    def pendingPlaces(
        self, conversation: str, number: int, limit: int
    ) -> Deferred[Sequence[PendingPlace]]:
        return self._call(update_queries.places, conversation, number, limit)

    def pendingStanzas(
        self, numbers: Sequence[int], size: int
    ) -> Deferred[Sequence[InboxRecord]]:
        return self._call(update_queries.stanzas, numbers, size)

    def reassign(
        self, numbers: Sequence[int], conversation: str
    ) -> Deferred[Sequence[int]]:
        return self._call(inbox_queries.reassign, numbers, conversation)

    def recordAttempt(
        self, number: int, attempt: DeliveryAttempt, state: str, dueAt: float
    ) -> Deferred[None]:
        tried = inbox_queries.RecordedAttempt(number, attempt, state, dueAt)
        return self._writer.submit(Coalescable(inbox_queries.recordAttempts, tried))

    def listIncoming(
        self, state: str, before: int | None, limit: int
    ) -> Deferred[Sequence[InboxRecord]]:
        return self._call(inbox_queries.listIncoming, state, before, limit)

    def incomingByID(
        self, webhookID: str
    ) -> Deferred[tuple[InboxRecord, Sequence[DeliveryAttempt]] | None]:
        return self._call(inbox_queries.byID, webhookID)

    def requeueDead(
        self,
        webhookIDs: Sequence[str] | None,
        since: float,
        until: float,
        at: float,
        limit: int,
    ) -> Deferred[Sequence[InboxRecord]]:
        return self._writer.submit(
            partial(
                inbox_queries.requeueDead,
                webhookIDs=webhookIDs,
                since=since,
                until=until,
                at=at,
                limit=limit,
            )
        )

    def incomingDepth(self, state: str) -> Deferred[QueueDepth]:
        return self._call(inbox_queries.depth, state)

    def beginRequest(
        self, request: IdempotencyRecord
    ) -> Deferred[IdempotencyRecord | None]:
        return self._call(idempotency_queries.beginRequest, request, self._keyLimit())

    def requestByKey(self, key: str) -> Deferred[IdempotencyRecord | None]:
        return self._call(idempotency_queries.byKey, key)

    def keyCount(self) -> Deferred[int]:
        return self._call(idempotency_queries.count)

    def finishRequest(self, key: str, answer: bytes | None) -> Deferred[None]:
        return self._call(idempotency_queries.finishRequest, key, answer)

    def failInterruptedRequests(self, answer: bytes) -> Deferred[None]:
        return self._call(idempotency_queries.failInterrupted, answer)

    # rooms

    def rooms(self) -> Deferred[Sequence[RoomRecord]]:
        return self._call(room_queries.rooms)

    def saveRoom(self, record: RoomRecord) -> Deferred[None]:
        return self._call(room_queries.save, record)

    def deleteRoom(self, room: str, sender: str) -> Deferred[None]:
        return self._call(room_queries.delete, room, sender)

    def addSeen(self, message: SeenMessage) -> Deferred[None]:
        return self._writer.submit(Coalescable(room_queries.addSeen, message), rests=1)

    def seenMessages(self, room: str, sender: str) -> Deferred[Sequence[SeenMessage]]:
        return self._call(room_queries.seen, room, sender)

    def trimSeen(self, room: str, sender: str, before: int) -> Deferred[None]:
        return self._call(room_queries.trimSeen, room, sender, before)

    def purge(
        self, done: float, dead: float, answered: float, records: int | None = None
    ) -> Deferred[None]:
        return Deferred.fromCoroutine(self._forget(done, dead, answered, records))

    async def _forget(
        self, done: float, dead: float, answered: float, records: int | None
    ) -> None:
        """Purge in small commits, so that no other call waits long."""
        for piece in (
            partial(outbox_queries.purge, before=done, limit=CHUNK),
            partial(inbox_queries.purge, state=DELIVERED, before=done, limit=CHUNK),
            partial(inbox_queries.purge, state=DEAD, before=dead, limit=CHUNK),
            partial(idempotency_queries.purge, before=answered, limit=CHUNK),
        ):
            while await self._writer.submit(piece) == CHUNK:
                pass
        if records is not None:
            await self._limitRecords(records)
        await self._shrink()

    async def _limitRecords(self, limit: int) -> None:
        """Delete the oldest records beyond a limit, in small commits."""
        excess = await self._call(record_queries.count) - limit
        while excess > 0:
            deleted = await self._call(record_queries.deleteOldest, min(excess, CHUNK))
            if not deleted:
                return
            excess -= deleted

    async def _shrink(self) -> None:
        """
        Return the room of completed stanzas to the disk, in small commits.
        """
        if await self._call(vacuum.isSparse, self._sparseAbove):
            for records in vacuum.TABLES:
                await self._compact(records)
            dense = await self._call(vacuum.recordSize) * vacuum.SPARSE_AGAIN
            self._sparseAbove = max(vacuum.SPARSE_RECORD, dense)
        while await self._writer.submit(vacuum.shrink(PAGES)):
            pass

    async def _compact(self, records: vacuum.Records) -> None:
        """Move the records of a table together that have not been moved before."""
        last: int | None = self._compacted[records.table]
        while last is not None:
            self._compacted[records.table] = last
            last = await self._call(vacuum.compact, records, last, MOVED)

    def _call(
        self,
        function: Callable[[Connection, *_Ts], _T],
        *args: *_Ts,
    ) -> Deferred[_T]:
        """
        Let the writer thread call a function with its connection and these arguments.
        """
        return self._writer.submit(lambda connection: function(connection, *args))


def _touch(connection: Connection) -> None:
    """Write a row that means nothing."""
    connection.execute(PROBE_WRITE)
