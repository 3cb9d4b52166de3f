"""
What is kept until the gateway is done with it: the values that go into a store and come
out of it. Times are in seconds since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from twisted.words.xish.domish import Element


class StoreUnavailable(Exception):
    """
    Nothing can be kept at the moment; the message says why, as in "the disk is full".

    What was asked has not happened, and the next call may succeed.
    """


class StoreUnusable(Exception):
    """The store cannot be opened; the message is a sentence that says what to do."""


# --- what is sent ---------------------------------------------------------------

#: The states of a message on its way out (behaviour.md §5), in their order.
QUEUED = "queued"
#: Written to the stream. It is kept only of what cannot be confirmed, by any means:
#: what can be is queued in the store until it is.
SENT = "sent"
CONFIRMED = "confirmed"
BOUNCED = "bounced"
#: Deleted by an operator before it was written.
DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class OutboxRecord:
    """
    A message that was accepted.

    @ivar number: Its place in the order of acceptance.
    @ivar id: The id of the stanza.
    @ivar to: The recipient.
    @ivar stanza: The message as XML; empty once it is no longer queued, and in lists.
    @ivar acceptedAt: When it was stored.
    @ivar changedAt: When it reached its state.
    @ivar error: The error that came back, as XML.
    @ivar sender: The address that it is from; empty for a message that an old version
        has stored.
    @ivar key: The last segment of its status address; empty if it is no longer queued
        and was stored by an old version.
    @ivar token: The name of the token that posted it; empty for credentials, and for
        the gateway's own replies.
    @ivar size: Its bytes.
    """

    number: int
    id: str
    to: str
    stanza: str
    state: str
    acceptedAt: float
    changedAt: float
    error: str | None = None
    sender: str = ""
    key: str = ""
    token: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True)
class OutboxUsage:
    """
    The queued messages with one sender and one token.

    @ivar count: How many they are.
    @ivar size: Their bytes.
    """

    sender: str
    token: str
    count: int
    size: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """
    Something has been taken, to be sent.

    @ivar number: Of a message that is kept; C{None}, it is not, but written.
    """

    number: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    The state that a message has reached.

    @ivar error: The error stanza of a message that bounced.
    """

    state: str
    error: Element | None = None


class Submission(NamedTuple):
    """
    A stanza to accept.

    @ivar stanza: A complete one.
    @ivar idempotency: Stored together with a message, or not at all.
    @ivar key: The last segment of the status address of a message.
    @ivar token: The name of the token that posted it; empty for credentials.
    """

    stanza: Element
    idempotency: IdempotencyRecord | None = None
    key: str = ""
    token: str = ""


class NewMessage(NamedTuple):
    """
    A message to be stored, and then sent.

    @ivar stanza: As XML.
    @ivar at: When it was accepted.
    @ivar idempotency: Stored together with the message, or not at all.
    @ivar sender: The address that it is from.
    @ivar key: The last segment of its status address.
    @ivar token: The name of the token that posted it; empty for credentials.
    @ivar size: Its bytes.
    """

    id: str
    to: str
    stanza: str
    at: float
    idempotency: IdempotencyRecord | None = None
    sender: str = ""
    key: str = ""
    token: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True)
class StateChange:
    """A message comes into another state; its stanza is dropped."""

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
class InboxRecord:
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
class PendingSize:
    """
    The pending stanzas of one conversation.

    @ivar count: Their number.
    @ivar size: Their size, in bytes of XML.
    """

    conversation: str
    count: int
    size: int


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """
    One try to deliver a stanza.

    @ivar status: What the callback said; C{None} if nothing.
    @ivar error: Why it was no success, in words.
    """

    at: float
    status: int | None
    error: str | None


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """
    How much waits.

    @ivar oldest: When the first of it came, or C{None} if nothing waits.
    """

    count: int
    oldest: float | None


# --- what was answered ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
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
