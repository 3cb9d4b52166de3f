"""
The interface of a store, which holds what was accepted until it is completed.

Every change is committed, so that it survives a power failure, before its Deferred
fires. Calls take effect in the order in which they are made, and their Deferreds fire
in that order. Cancelling a Deferred gives up the wait, not the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from twisted.internet.defer import Deferred

from ..core.errors import Refusal
from ..core.histogram import CommitMetrics
from ..core.records import (
    DeliveryAttempt,
    IdempotencyRecord,
    InboxRecord,
    NewMessage,
    OutboxRecord,
    OutboxUsage,
    PendingSize,
    QueueDepth,
)
from .bot_store import BotStore
from .room_store import RoomStore
from .update_store import UpdateStore


class Store(UpdateStore, BotStore, RoomStore, Protocol):
    """
    A store. Every Deferred may fail with L{StoreUnavailable}.
    """

    @property
    def commits(self) -> CommitMetrics:
        """Metrics of the commits so far."""

    def open(self) -> Deferred[None]:
        """
        Open the store. Calls made before this has fired wait for it.

        While the reactor does not run yet, this may block until the store is open.

        @return: Fails with L{StoreUnusable} if the store cannot be opened.
        """

    def close(self) -> Deferred[None]:
        """Close the store after the calls made so far; later calls fail."""

    def check(self) -> Deferred[None]:
        """
        Fail if nothing can be stored at the moment, which is found out by a write.
        """

    # --- outbox ---

    def addAllOutgoing(
        self, messages: Sequence[NewMessage]
    ) -> Deferred[Sequence[int | IdempotencyRecord | Refusal]]:
        """
        Store messages to send, and their idempotency records with them, in one commit.

        Changes of state that were made before are committed with them, without a
        further delay.

        @return: For each message its number. If the message is not stored: the record
            that has the same idempotency key already, or the refusal of a new key
            because there are too many. A message that C{follows} another one which is
            not stored gets the same as that one.
        """

    def queuedMessages(
        self, after: int, limit: int
    ) -> Deferred[Sequence[OutboxRecord]]:
        """
        Read queued messages, in the order of their numbers.

        @param after: The number before the first one.
        """

    def updateStates(
        self, numbers: Sequence[int], state: str, at: float, error: str | None = None
    ) -> Deferred[None]:
        """
        Change the state of messages: of queued ones to any, of sent and confirmed ones
        to C{BOUNCED}. Others stay as they are. The stanzas of changed messages are
        deleted.

        Unless the state is C{BOUNCED} or C{DROPPED}, the commit may be delayed until
        the next call.

        @param at: When they reached the state.
        @param error: The error stanza that came back, as XML.
        """

    def confirmReflected(self, number: int, stanzaID: str, at: float) -> Deferred[None]:
        """
        Change the state of a queued or sent message to C{CONFIRMED}: its room has sent
        it back.

        @param stanzaID: The id that the room has given to it; empty without one.
        """

    def outgoingByKey(self, key: str) -> Deferred[OutboxRecord | None]:
        """Read the message with a status key; C{None} if there is none."""

    def outgoingByID(
        self, id: str, before: int | None = None, limit: int = 100
    ) -> Deferred[Sequence[OutboxRecord]]:
        """
        Read messages with a stanza id, the newest first, without their stanzas.

        @param before: The number after the first one; C{None} for the newest.
        """

    def outgoingByToken(
        self, token: str, limit: int
    ) -> Deferred[Sequence[OutboxRecord]]:
        """
        Read the messages of a hook, the newest first, without their stanzas.

        @param token: The name of the hook's grant, which begins with
            L{HOOK_PREFIX<xmpprest.core.policy.permissions.HOOK_PREFIX>}; messages of
            other tokens are not found.
        """

    def listQueued(self, after: int, limit: int) -> Deferred[Sequence[OutboxRecord]]:
        """
        Read queued messages in the order of their numbers, without their stanzas.

        @param after: The number before the first one.
        """

    def outgoingUsage(self) -> Deferred[Sequence[OutboxUsage]]:
        """Sum up the queued messages by sender and token."""

    # --- inbox ---

    def addIncoming(
        self, webhookID: str, conversation: str, stanza: str, at: float
    ) -> Deferred[int]:
        """
        Store a stanza for the callback, due at once.

        @return: The number of the stanza.
        """

    def conversations(self, after: str, limit: int) -> Deferred[Sequence[str]]:
        """
        Read the conversations with pending stanzas, in the order of their keys.

        @param after: The key before the first one.
        """

    def pending(
        self, conversation: str, after: int, limit: int
    ) -> Deferred[Sequence[InboxRecord]]:
        """
        Read the pending stanzas of a conversation, in the order of their numbers.

        @param after: Only stanzas with a higher number than this.
        """

    def pendingSizes(
        self, after: str, before: int | None, limit: int
    ) -> Deferred[Sequence[PendingSize]]:
        """
        Return the number and the size of the stanzas to be delivered, by conversation.

        @param after: Name that the conversations come after, in their order.
        @param before: Number from which on stanzas do not count; C{None} if all do.
        @param limit: Limit on the number of conversations.
        """

    def reassign(
        self, numbers: Sequence[int], conversation: str
    ) -> Deferred[Sequence[int]]:
        """
        Move pending stanzas to another conversation, in which their numbers determine
        their order. Stanzas that are no longer pending stay where they are.

        @return: The new position of each stanza (L{UpdateStore}).
        """

    def recordAttempt(
        self, number: int, attempt: DeliveryAttempt, state: str, dueAt: float
    ) -> Deferred[None]:
        """
        Record a delivery attempt and the state that results.

        @param state: The new state of the stanza, unless it is in a final state
            already.
        @param dueAt: The time of the next attempt if the stanza stays pending.
        """

    def listIncoming(
        self, state: str, before: int | None, limit: int
    ) -> Deferred[Sequence[InboxRecord]]:
        """
        Read stanzas in a state, the newest first.

        @param before: The number after the first one; C{None} for the newest.
        """

    def incomingByID(
        self, webhookID: str
    ) -> Deferred[tuple[InboxRecord, Sequence[DeliveryAttempt]] | None]:
        """Read a stanza with all its delivery attempts; C{None} if there is none."""

    def requeueDead(
        self,
        webhookIDs: Sequence[str] | None,
        since: float,
        until: float,
        at: float,
        limit: int,
    ) -> Deferred[Sequence[InboxRecord]]:
        """
        Make dead stanzas pending again, due at once, with new positions
        (L{UpdateStore}). Their attempts stay on record but no longer count.

        @param webhookIDs: The ids to requeue within the time span; C{None} for all.
        @param since: The beginning of the time span, inclusive.
        @param until: The end of the time span, exclusive.
        @param limit: How many to requeue at most, the oldest first; the others stay
            dead.
        @return: The requeued stanzas in the order of their numbers.
        """

    def incomingDepth(self, state: str) -> Deferred[QueueDepth]:
        """Count the stanzas in a state."""

    # --- idempotency keys ---

    def beginRequest(
        self, request: IdempotencyRecord
    ) -> Deferred[IdempotencyRecord | None]:
        """
        Store the idempotency key of a request that has begun.

        @return: The record with that key if there is one already; then nothing is
            stored. Fails with L{Refusal} if there are too many keys.
        """

    def finishRequest(self, key: str, answer: bytes | None) -> Deferred[None]:
        """
        Store the response of a request; with C{None}, forget the key so that it can be
        used again.
        """

    def requestByKey(self, key: str) -> Deferred[IdempotencyRecord | None]:
        """Read the record of an idempotency key; C{None} if there is none."""

    def keyCount(self) -> Deferred[int]:
        """Count the idempotency keys."""

    def failInterruptedRequests(self, answer: bytes) -> Deferred[None]:
        """
        Store this response for every request that was running when the gateway stopped.
        """

    # --- purging ---

    def purge(
        self, done: float, dead: float, answered: float, records: int | None = None
    ) -> Deferred[None]:
        """
        Delete records that were completed before a time, possibly in several commits
        with other calls between them. If it fails, some records may be deleted.

        @param done: The time for messages that left the queue, and for delivered
            stanzas.
        @param dead: The time for dead stanzas.
        @param answered: The time for idempotency keys, by their first use.
        @param records: The number of records to keep, of messages that left the queue,
            of delivered stanzas, and of idempotency keys: of more, the oldest are
            deleted, but no key. C{None} for all.
        """
