"""The PostgreSQL store: each call becomes an operation of the session."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

from ...core.bots.contact import ContactRecord
from ...core.bots.profile import Bot
from ...core.errors import Refusal
from ...core.histogram import CommitMetrics
from ...core.policy.key_quota import KEY_LIMIT
from ...core.records import (
    BOUNCED,
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
    StoreUnavailable,
    UpdatesOrigin,
)
from ...core.rooms.values import RoomRecord, SeenMessage
from . import (
    bot_queries,
    idempotency_queries,
    inbox_queries,
    outbox_queries,
    purging,
    room_queries,
    update_queries,
)
from .connection import Connection
from .conninfo import Conninfos
from .key_counts import KeyCounts
from .lease_calls import LeaseCalls
from .link import Link
from .opening import Opener, run
from .operation import Coalescable, Operation, write
from .session import Session

_T = TypeVar("_T")


class PostgreSQLStore(LeaseCalls):
    """
    A L{Store<xmpprest.store.interface.Store>} and a
    L{LeaseStore<xmpprest.store.lease_store.LeaseStore>} in a database, whose methods
    are documented there.
    """

    def __init__(
        self,
        where: str,
        reactor: Any,
        *,
        password: str | None = None,
        domain: str | None = None,
        url: str = "",
        keyLimit: Callable[[], int] = lambda: KEY_LIMIT,
        isAlone: bool = True,
        lease: str | None = None,
    ) -> None:
        """
        @param where: A URL or keywords of libpq.
        @param password: The password of the role, unless libpq finds it itself.
        @param domain: The component domain of the gateway; C{None} for any.
        @param url: The address of this instance for others; by default its host and
            process.
        @param keyLimit: Returns the maximum number of idempotency keys.
        @param isAlone: Whether to refuse a database that another instance uses. If
            not, nothing can be stored until L{register} was called.
        @param lease: The lease without which nothing can be read or stored (L{admit});
            C{None} if it needs none.
        @raise ValueError: The URL or the keywords are malformed.
        """
        conninfos = Conninfos(where, password, reactor)
        self._reactor = reactor
        self._keys = KeyCounts(keyLimit)
        self._outgoing = outbox_queries.Accepting(self._keys)
        #: A number before the first queued message.
        self._low = 0
        self._opener = Opener(
            conninfos.place,
            domain,
            url or f"process {os.getpid()} on {socket.gethostname()}",
            reactor,
            isAlone=isAlone,
        )
        link = Link(
            conninfos.place, conninfos.next, self._opener, self._prepare, reactor
        )
        self._session = Session(link, reactor, lease)
        self._session.onResolved = self._recount

    @property
    def commits(self) -> CommitMetrics:
        return self._session.commits

    def open(self) -> Deferred[None]:
        opening = self._session.start()
        while not opening.called and not self._reactor.running:
            self._reactor.iterate(0.02)
        return opening

    async def _prepare(self, connection: Connection) -> None:
        """Read what the store has in memory, after each connection."""
        self._useEpoch()
        await run(connection, idempotency_queries.recount(self._keys))
        # After a failover the last messages may be missing.
        self._setLow(await run(connection, outbox_queries.firstQueued(0)))

    def _useEpoch(self) -> None:
        if self._outgoing.writer != self.epoch:
            self._outgoing.start(self.epoch)

    def _recount(self) -> None:
        """
        Count the keys again: those of a transaction in doubt may be counted twice.
        """
        counting = self._call(idempotency_queries.recount, self._keys)
        counting.addErrback(lambda failure: failure.trap(StoreUnavailable))

    def _setLow(self, number: int) -> None:
        self._low = number

    def close(self) -> Deferred[None]:
        return self._session.stop()

    def check(self) -> Deferred[None]:
        checking = partial(
            write,
            b"UPDATE instance SET until = until WHERE epoch = $1::bigint",
            self.epoch,
        )
        # On standby, too.
        return self._session.submit(checking, isGuarded=self._session.isAdmitted)

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
        # The outbox has waited for the end of the reactor turn already.
        return self._session.submit(
            Coalescable(self._outgoing.add, messages), isAtOnce=True
        )

    def queuedMessages(
        self, after: int, limit: int
    ) -> Deferred[Sequence[OutboxRecord]]:
        return self._session.submit(
            lambda: outbox_queries.queued(max(after, self._low), limit)
        )

    def updateStates(
        self, numbers: Sequence[int], state: str, at: float, error: str | None = None
    ) -> Deferred[None]:
        # A bounce is reported once, and a client waits for a drop: both are committed
        # now. If another change gets lost, the message is resent with the same id.
        isUrgent = state in (BOUNCED, DROPPED)
        return self._session.submit(
            partial(outbox_queries.updateStates, numbers, state, at, error),
            rests=0 if isUrgent else len(numbers),
        )

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
        return self._session.submit(
            lambda: outbox_queries.queued(
                max(after, self._low), limit, isWithStanza=False
            )
        )

    def outgoingUsage(self) -> Deferred[Sequence[OutboxUsage]]:
        return self._session.submit(lambda: outbox_queries.usage(self._low))

    # inbox

    def addIncoming(
        self, webhookID: str, conversation: str, stanza: str, at: float
    ) -> Deferred[int]:
        arrived = inbox_queries.NewIncoming(webhookID, conversation, stanza, at)
        return self._session.submit(Coalescable(inbox_queries.add, arrived))

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
        return self._session.submit(Coalescable(inbox_queries.recordAttempts, tried))

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
        return self._session.submit(
            lambda: inbox_queries.requeueDead(
                webhookIDs,
                since,
                until,
                at=at,
                limit=limit,
                operation=self._outgoing.token(),
            )
        )

    def incomingDepth(self, state: str) -> Deferred[QueueDepth]:
        return self._call(inbox_queries.depth, state)

    # idempotency keys

    def beginRequest(
        self, request: IdempotencyRecord
    ) -> Deferred[IdempotencyRecord | None]:
        return self._session.submit(
            lambda: idempotency_queries.beginRequest(
                request, self._outgoing.token(), self._keys, self.epoch
            )
        )

    def requestByKey(self, key: str) -> Deferred[IdempotencyRecord | None]:
        return self._call(idempotency_queries.byKey, key)

    def keyCount(self) -> Deferred[int]:
        return self._session.submit(
            lambda: Operation([], lambda results: self._keys.total)
        )

    def finishRequest(self, key: str, answer: bytes | None) -> Deferred[None]:
        return self._call(idempotency_queries.finishRequest, key, answer, self._keys)

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
        return self._session.submit(Coalescable(room_queries.addSeen, message), rests=1)

    def seenMessages(self, room: str, sender: str) -> Deferred[Sequence[SeenMessage]]:
        return self._call(room_queries.seen, room, sender)

    def trimSeen(self, room: str, sender: str, before: int) -> Deferred[None]:
        return self._call(room_queries.trimSeen, room, sender, before)

    # purging

    def purge(
        self, done: float, dead: float, answered: float, records: int | None = None
    ) -> Deferred[None]:
        return Deferred.fromCoroutine(self._purge(done, dead, answered, records))

    async def _purge(
        self, done: float, dead: float, answered: float, records: int | None
    ) -> None:
        await purging.purge(self._session, self._keys, done, dead, answered)
        self._setLow(await self._call(outbox_queries.firstQueued, self._low))
        if records is not None:
            await purging.limitRecords(self._session, self._keys, records, self._low)

    def _call(self, make: Callable[..., Operation[_T]], *args: Any) -> Deferred[_T]:
        """Run the operation that a function makes of these arguments."""
        return self._session.submit(partial(make, *args))
