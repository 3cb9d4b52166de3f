"""
Records of the store: messages, inbound stanzas, delivery attempts, idempotency keys.

Times are in seconds since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from twisted.words.xish.domish import Element


class StoreUnavailable(Exception):
    """
    The store cannot be used at the moment; the message says why, such as C{"the disk is
    full"}. The call had no effect, and the next one may succeed.
    """


class StoreUnusable(Exception):
    """The store cannot be opened; the message is a sentence with the remedy."""


# --- outbound messages ----------------------------------------------------------

#: The states of an outbound message (reliability.rst), in their order.
QUEUED = "queued"
#: Written to the stream. It is stored only for messages that cannot be confirmed; other
#: messages stay queued in the store until they are.
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
    @ivar stanzaID: The id that the room has given to it (XEP-0359); empty if the room
        assigns none; C{None} for a message that no room of a bot has sent back.
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
    stanzaID: str | None = None


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
class Outcome:
    """
    The state that a message has reached.

    @ivar error: The error stanza of a message that bounced.
    """

    state: str
    error: Element | None = None


@dataclass(slots=True, eq=False)
class NewMessage:
    """
    A message to be stored, and then sent.

    @ivar id: The id of the stanza.
    @ivar to: The recipient.
    @ivar stanza: The message as XML.
    @ivar at: When it was accepted.
    @ivar idempotency: Stored together with the message, or not at all.
    @ivar sender: The address that it is from.
    @ivar key: The last segment of its status address.
    @ivar token: The name of the token that posted it; empty for credentials.
    @ivar size: Its bytes.
    @ivar follows: Whether it is stored only together with the message before it.
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
    follows: bool = field(default=False, kw_only=True)


# --- inbound stanzas ------------------------------------------------------------

#: The states of an inbound stanza.
PENDING = "pending"
DELIVERED = "delivered"
DEAD = "dead"


@dataclass(frozen=True, slots=True)
class InboxRecord:
    """
    An inbound stanza that is stored for a callback.

    @ivar number: Its place in the order of arrival.
    @ivar webhookID: The C{webhook-id}, the same in all attempts.
    @ivar conversation: The key of its conversation, whose stanzas are delivered in
        order.
    @ivar stanza: The stanza as XML; empty once it is delivered.
    @ivar attempts: The number of attempts so far.
    @ivar dueAt: The time of the next attempt.
    @ivar position: Its place in the order of updates: its number, or a higher one that
        it got when it became pending again.
    """

    number: int
    webhookID: str
    conversation: str
    stanza: str
    state: str
    receivedAt: float
    attempts: int = 0
    dueAt: float = 0.0
    position: int = 0


@dataclass(frozen=True, slots=True)
class PendingPlace:
    """
    A pending stanza without its content.

    @ivar position: Its place in the order of updates.
    @ivar size: Its size, in bytes of XML.
    @ivar since: The time at which it arrived or became pending again.
    """

    number: int
    position: int
    conversation: str
    size: int
    since: float


@dataclass(frozen=True, slots=True)
class UpdatesOrigin:
    """
    The reference of the cursors of updates.

    @ivar store: The identity of the store, a random number.
    @ivar last: The highest position so far; 0 for none.
    """

    store: int
    last: int


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
    An attempt to deliver a stanza.

    @ivar status: The HTTP status; C{None} for no response.
    @ivar error: Why the attempt failed, in words; C{None} for a success.
    """

    at: float
    status: int | None
    error: str | None


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """
    The length of a queue.

    @ivar oldest: The time of arrival of the oldest entry; C{None} if the queue is
        empty.
    """

    count: int
    oldest: float | None


# --- idempotency keys -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    """
    A request with an idempotency key.

    @ivar fingerprint: A hash of the request, to recognise the same request.
    @ivar answer: The first response, as encoded by L{xmpprest.web.idempotency}; C{None}
        while the request runs.
    """

    key: str
    fingerprint: bytes
    answer: bytes | None
    at: float
