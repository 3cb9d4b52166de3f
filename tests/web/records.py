"""Records, in memory: what the test says has become of messages and stanzas."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed

from xmpprest.core.policy.callback_response import CallbackResponse
from xmpprest.core.records import (
    DEAD,
    DELIVERED,
    PENDING,
    QUEUED,
    DeliveryAttempt,
    InboxRecord,
    OutboxRecord,
)
from xmpprest.core.updates.status import UpdatesStatus

#: A stanza that came in.
STANZA = (
    "<message type='chat' from='a@example.org/x' to='bot@gateway.example' id='m1'>"
    "<body>hi &amp; bye</body></message>"
)


def incoming(number: int, state: str = DEAD, **changed: Any) -> InboxRecord:
    """A stanza that came at a time, in seconds, which is its number."""
    text = "" if state == DELIVERED else STANZA
    stanza = InboxRecord(
        number, f"msg_{number}", "c", text, state, number, attempts=3, dueAt=number + 5
    )
    return replace(stanza, **changed)


class HeldInbox:
    """
    Has what the test puts into it, and delivers again whatever is dead.

    @ivar held: By number.
    @ivar attempts: By the id of the stanza.
    @ivar asked: How many stanzas were asked for, each time.
    @ivar again: What was to be delivered again.
    @ivar isFull: Whether nothing can be.
    """

    def __init__(self) -> None:
        self.held: dict[int, InboxRecord] = {}
        self.attempts: dict[str, list[DeliveryAttempt]] = {}
        self.asked: list[int] = []
        self.again: list[tuple[Sequence[str] | None, float, float]] = []
        self.isFull = False
        self.problem: Exception | None = None

    def put(self, *stanzas: InboxRecord) -> None:
        """Put stanzas into it."""
        self.held |= {stanza.number: stanza for stanza in stanzas}

    def listIncoming(
        self, state: str, before: int | None, limit: int
    ) -> Deferred[Sequence[InboxRecord]]:
        """As a store does it."""
        if self.problem is not None:
            return fail(self.problem)
        self.asked.append(limit)
        found = [
            self.held[number]
            for number in sorted(self.held, reverse=True)
            if (before is None or number < before) and self.held[number].state == state
        ]
        return succeed(found[:limit])

    def incomingByID(
        self, webhookID: str
    ) -> Deferred[tuple[InboxRecord, Sequence[DeliveryAttempt]] | None]:
        """As a store does it."""
        if self.problem is not None:
            return fail(self.problem)
        for stanza in self.held.values():
            if stanza.webhookID == webhookID:
                return succeed((stanza, self.attempts.get(webhookID, [])))
        return succeed(None)

    async def redeliver(
        self, webhookIDs: Sequence[str] | None, since: float, until: float
    ) -> Sequence[InboxRecord]:
        """Let what is dead be pending."""
        if self.problem is not None:
            raise self.problem
        self.again.append((webhookIDs, since, until))
        found = [
            replace(each, state=PENDING, attempts=0)
            for each in self.held.values()
            if not self.isFull
            and each.state == DEAD
            and since <= each.receivedAt < until
            and (webhookIDs is None or each.webhookID in webhookIDs)
        ]
        self.put(*found)
        return found


class HeldStatuses:
    """
    Knows what the test says.

    @ivar known: Messages by key, or by id.
    @ivar dropped: The keys of the messages to drop.
    """

    def __init__(self) -> None:
        self.known: dict[str, OutboxRecord] = {}
        self.dropped: list[str] = []
        self.problem: Exception | None = None

    async def status(self, id: str) -> OutboxRecord | None:
        """Return the status that the test has set."""
        if self.problem is not None:
            raise self.problem
        return self.known.get(id)

    async def messagesByID(self, id: str, before: int | None) -> Sequence[OutboxRecord]:
        """Return a page of two messages with a stanza id, the newest first."""
        found = [each for each in self.known.values() if each.id == id]
        found.sort(key=lambda each: each.number, reverse=True)
        return [each for each in found if before is None or each.number < before][:2]

    async def queuedMessages(self, after: int, limit: int) -> Sequence[OutboxRecord]:
        """Return a page of two queued messages, the oldest first."""
        found = [each for each in self.known.values() if each.state == QUEUED]
        found.sort(key=lambda each: each.number)
        return [replace(each, stanza="") for each in found if each.number > after][:2]

    async def drop(self, message: OutboxRecord) -> bool:
        """Drop a message if it is queued."""
        if self.problem is not None:
            raise self.problem
        self.dropped.append(message.key)
        return message.state == QUEUED


class HeldUpdates:
    """
    Updates that the test puts there.

    @ivar callbacks: Names of the callbacks that clients fetch from.
    @ivar statuses: The status of each: no update waits for the first, whose client is
        there, one for the second, and so on.
    @ivar fetched: The arguments of each fetch.
    @ivar answered: The id of each update that was answered, and the response.
    @ivar allowed: The callbacks whose updates the last client could answer.
    @ivar body: What each fetch returns.
    @ivar problem: What is raised instead.
    @ivar meanwhile: Called while a fetch waits.
    """

    def __init__(self, *callbacks: str) -> None:
        self.callbacks = callbacks or ("default",)
        self.statuses = [
            UpdatesStatus(name, number, number * 10.0 or None, not number, None)
            for number, name in enumerate(self.callbacks)
        ]
        self.fetched: list[tuple[str, str | None, float, int]] = []
        self.answered: list[tuple[str, CallbackResponse]] = []
        self.allowed: list[str] = []
        self.body = b'{"updates":[],"cursor":"AAAB"}\n'
        self.problem: Exception | None = None
        self.meanwhile: Callable[[], None] = lambda: None

    async def fetch(
        self, callback: str, after: str | None, wait: float, limit: int
    ) -> bytes:
        """Return the body."""
        self.fetched.append((callback, after, wait, limit))
        if self.problem is not None:
            raise self.problem
        self.meanwhile()
        return self.body

    async def answer(
        self, id: str, response: CallbackResponse, mayFetch: Callable[[str], bool]
    ) -> None:
        """Note a response."""
        if self.problem is not None:
            raise self.problem
        self.allowed = [each for each in self.callbacks if mayFetch(each)]
        self.answered.append((id, response))
