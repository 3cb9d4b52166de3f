"""
What the gateway asks of a store: to keep what it has accepted until it is done with.

Everything that changes something is committed, so that it survives the machine's
power, before its Deferred fires. Calls take effect in the order they are made. To
cancel a Deferred gives up the wait, not the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from twisted.internet.defer import Deferred


class StoreUnavailable(Exception):
    """
    Nothing can be kept at the moment; the message says why, as in "the disk is full".

    What was asked has not happened, and the next call may succeed.
    """


class StoreUnusable(Exception):
    """The store cannot be opened; the message is a sentence that says what to do."""


# --- what is sent ---------------------------------------------------------------

#: The states of a message on its way out (behaviour.md §5).
QUEUED = "queued"
SENT = "sent"
CONFIRMED = "confirmed"
BOUNCED = "bounced"
#: It has waited too long for a stream.
EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """
    A message on its way out.

    @ivar number: Its place in the order of acceptance.
    @ivar id: Of the stanza.
    @ivar to: Whom it is for.
    @ivar stanza: As XML; empty once it is done with.
    @ivar acceptedAt: In seconds since 1970, as all times.
    @ivar changedAt: When it came into its state.
    @ivar error: The error that came back, as XML.
    """

    number: int
    id: str
    to: str
    stanza: str
    state: str
    acceptedAt: float
    changedAt: float
    error: str | None = None

    @property
    def isDone(self) -> bool:
        """Whether its state is final."""
        return self.state not in (QUEUED, SENT)


@dataclass(frozen=True, slots=True)
class Change:
    """A message comes into another state; if it is done, its stanza is dropped."""

    number: int
    state: str
    at: float
    error: str | None = None


# --- what is received -----------------------------------------------------------

#: The states of a stanza on its way to the callback.
PENDING = "pending"
DELIVERED = "delivered"
DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Incoming:
    """
    A stanza on its way to the callback.

    @ivar number: Its place in the order of arrival.
    @ivar webhookID: What the callback knows it by, over all attempts.
    @ivar conversation: Those of one are delivered in order.
    @ivar stanza: As XML; empty once it is delivered.
    @ivar attempts: How many there have been.
    @ivar dueAt: When to try (again).
    """

    number: int
    webhookID: str
    conversation: str
    stanza: str
    state: str
    receivedAt: float
    attempts: int = 0
    dueAt: float = 0.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """
    One try to deliver a stanza.

    @ivar status: What the callback said; C{None} if nothing.
    @ivar error: Why it was no success, in words.
    """

    at: float
    status: int | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Depth:
    """
    How much waits.

    @ivar oldest: When the first of it came, or C{None} if nothing waits.
    """

    count: int
    oldest: float | None


# --- what was answered ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answered:
    """
    A request with an idempotency key.

    @ivar fingerprint: Of the request, to tell whether another is the same.
    @ivar answer: The first answer, as whoever keeps it has written it; C{None} while
        the request runs.
    """

    key: str
    fingerprint: bytes
    answer: bytes | None
    at: float


class Store(Protocol):
    """
    A store. Every Deferred may fail with L{StoreUnavailable}.
    """

    def open(self) -> Deferred[None]:
        """Begin; fails with L{StoreUnusable}."""

    def close(self) -> Deferred[None]:
        """End, once all that was asked is done; what is asked later fails."""

    def check(self) -> Deferred[None]:
        """Fail if nothing can be kept at the moment; found out by trying."""

    # outbox

    def accept(
        self,
        id: str,
        to: str,
        stanza: str,
        at: float,
        answered: Answered | None = None,
    ) -> Deferred[int | Answered]:
        """
        Keep a message that is to be sent.

        @param answered: Kept together with it, or not at all.
        @return: Its number; or if there is something with that key already, that, and
            the message is not kept.
        """

    def outgoing(self, after: int, limit: int) -> Deferred[Sequence[Outgoing]]:
        """Those queued or sent, in the order of their numbers, from after one."""

    def change(self, changes: Sequence[Change]) -> Deferred[None]:
        """Let messages come into other states, if they are not in a final one."""

    def outgoingByID(self, id: str) -> Deferred[Outgoing | None]:
        """The newest message with an id."""

    def outgoingDepth(self) -> Deferred[Depth]:
        """Of those queued or sent."""

    # inbox

    def receive(
        self, webhookID: str, conversation: str, stanza: str, at: float
    ) -> Deferred[int]:
        """
        Keep a stanza for the callback; it is due at once.

        @return: Its number.
        """

    def pending(self, after: int, limit: int) -> Deferred[Sequence[Incoming]]:
        """Those to be delivered, in the order of their numbers, from after one."""

    def attempted(
        self, number: int, attempt: Attempt, state: str, dueAt: float
    ) -> Deferred[None]:
        """
        Record a try, and what becomes of the stanza.

        @param state: Its state from now on, unless it has a final one already.
        @param dueAt: When to try again, if it stays pending.
        """

    def incoming(
        self, state: str, before: int | None, limit: int
    ) -> Deferred[Sequence[Incoming]]:
        """Those in a state, the newest first, from before a number."""

    def incomingByID(
        self, webhookID: str
    ) -> Deferred[tuple[Incoming, Sequence[Attempt]] | None]:
        """One, with every try."""

    def redeliver(
        self,
        webhookIDs: Sequence[str] | None,
        since: float,
        until: float,
        at: float,
        limit: int,
    ) -> Deferred[Sequence[Incoming]]:
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

    def incomingDepth(self, state: str) -> Deferred[Depth]:
        """Of those in a state."""

    # idempotency

    def begin(self, request: Answered) -> Deferred[Answered | None]:
        """
        Keep the key of a request that runs now.

        @return: What there is with that key already; then nothing is kept.
        """

    def end(self, key: str, answer: bytes | None) -> Deferred[None]:
        """Keep the answer; C{None} forgets the key, so that it may be used again."""

    def interrupted(self, answer: bytes) -> Deferred[None]:
        """Give this answer to every request that ran when the gateway ended."""

    # housekeeping

    def forget(self, done: float, dead: float, answered: float) -> Deferred[None]:
        """
        Forget what ended before a time. It may be done piece by piece, with other
        calls between; if it fails, some of it may have happened.

        @param done: For messages that are confirmed, bounced or expired, and stanzas
            that are delivered.
        @param dead: For dead stanzas.
        @param answered: For idempotency keys, by when they were first used.
        """
