"""
What the gateway asks of a store: to keep what it has accepted until it is done with.

Everything that changes something is committed, so that it survives the machine's
power, before its Deferred fires. Calls take effect in the order they are made, and
their Deferreds fire in that order. To cancel a Deferred gives up the wait, not the
work.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from twisted.internet.defer import Deferred

from ..core.histogram import CommitMetrics
from ..core.records import (
    DeliveryAttempt,
    IdempotencyRecord,
    InboxRecord,
    NewMessage,
    OutboxRecord,
    QueueDepth,
    StateChange,
)


class Store(Protocol):
    """
    A store. Every Deferred may fail with L{StoreUnavailable}.
    """

    @property
    def commits(self) -> CommitMetrics:
        """What has been committed."""

    def open(self) -> Deferred[None]:
        """
        Begin; fails with L{StoreUnusable}. What is asked before it has fired waits.

        While the reactor does not run yet, it may block until it has fired.
        """

    def close(self) -> Deferred[None]:
        """End, once all that was asked is done; what is asked later fails."""

    def check(self) -> Deferred[None]:
        """Fail if nothing can be kept at the moment; found out by trying."""

    # outbox

    def addOutgoing(self, message: NewMessage) -> Deferred[int | IdempotencyRecord]:
        """
        Store a message to send, and its idempotency record with it.

        @return: The number of the message; or the record that has the same idempotency
            key already, and the message is not stored.
        """

    def addAllOutgoing(
        self, messages: Sequence[NewMessage]
    ) -> Deferred[Sequence[int | IdempotencyRecord]]:
        """
        Store several messages to send, or none of them.

        @return: For each message the result that L{addOutgoing} would give.
        """

    def queuedMessages(
        self, after: int, limit: int
    ) -> Deferred[Sequence[OutboxRecord]]:
        """
        Read queued messages, in the order of their numbers.

        @param after: The number before the first one.
        """

    def updateStates(self, changes: Sequence[StateChange]) -> Deferred[None]:
        """
        Change the states of messages: of queued ones to any, of sent and confirmed
        ones to C{BOUNCED}. Other changes are ignored.

        Unless one of them is a bounce, the commit may be delayed until the next call.
        """

    def outgoingByID(self, id: str) -> Deferred[OutboxRecord | None]:
        """Read the newest message with a stanza id; C{None} if there is none."""

    def outgoingDepth(self) -> Deferred[QueueDepth]:
        """Count the queued messages."""

    # inbox

    def addIncoming(
        self, webhookID: str, conversation: str, stanza: str, at: float
    ) -> Deferred[int]:
        """
        Keep a stanza for the callback; it is due at once.

        @return: Its number.
        """

    def conversations(self, after: str, limit: int) -> Deferred[Sequence[str]]:
        """Those with stanzas to be delivered, in their order, from after one."""

    def pending(
        self, conversation: str, after: int, limit: int
    ) -> Deferred[Sequence[InboxRecord]]:
        """
        Those of a conversation that are to be delivered, in the order of their
        numbers, from after one.
        """

    def countPending(self, first: str, last: str | None) -> Deferred[int]:
        """
        How many are to be delivered of some conversations.

        @param first: What these come after.
        @param last: What they come before; C{None}, all that come after.
        """

    def reassign(self, numbers: Sequence[int], conversation: str) -> Deferred[None]:
        """
        Let those of some stanzas that are to be delivered be of a conversation. What
        comes before what in it is for their numbers to say.
        """

    def recordAttempt(
        self, number: int, attempt: DeliveryAttempt, state: str, dueAt: float
    ) -> Deferred[None]:
        """
        Record a try, and what becomes of the stanza.

        @param state: Its state from now on, unless it has a final one already.
        @param dueAt: When to try again, if it stays pending.
        """

    def listIncoming(
        self, state: str, before: int | None, limit: int
    ) -> Deferred[Sequence[InboxRecord]]:
        """Those in a state, the newest first, from before a number."""

    def incomingByID(
        self, webhookID: str
    ) -> Deferred[tuple[InboxRecord, Sequence[DeliveryAttempt]] | None]:
        """One, with every try."""

    def requeueDead(
        self,
        webhookIDs: Sequence[str] | None,
        since: float,
        until: float,
        at: float,
        limit: int,
    ) -> Deferred[Sequence[InboxRecord]]:
        """
        Let dead stanzas be pending again, due at once, their tries forgotten in the
        count but not in the record.

        @param webhookIDs: Which, of those that came within the time span; C{None} for
            all of them.
        @param since: The beginning of the time span, which belongs to it.
        @param until: Its end, which does not.
        @param limit: Of so many at most, the first to come; the others stay dead.
        @return: Those that are pending again, in the order of their numbers.
        """

    def incomingDepth(self, state: str) -> Deferred[QueueDepth]:
        """Of those in a state."""

    # idempotency

    def beginRequest(
        self, request: IdempotencyRecord
    ) -> Deferred[IdempotencyRecord | None]:
        """
        Keep the key of a request that runs now.

        @return: What there is with that key already; then nothing is kept.
        """

    def finishRequest(self, key: str, answer: bytes | None) -> Deferred[None]:
        """Keep the answer; C{None} forgets the key, so that it may be used again."""

    def failInterruptedRequests(self, answer: bytes) -> Deferred[None]:
        """Give this answer to every request that ran when the gateway ended."""

    # housekeeping

    def purge(self, done: float, dead: float, answered: float) -> Deferred[None]:
        """
        Forget what ended before a time. It may be done piece by piece, with other
        calls between; if it fails, some of it may have happened.

        @param done: For messages that are no longer queued, and stanzas that are
            delivered.
        @param dead: For dead stanzas.
        @param answered: For idempotency keys, by when they were first used.
        """
