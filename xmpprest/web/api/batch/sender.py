"""
Sends the stanzas of a batch, and tells what has become of each by a line.

Messages that are kept go to the store by the group, which is what makes a batch cheaper
than as many requests.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.server import Request
from twisted.words.xish.domish import Element

from ....core.errors import Refusal, storeUnavailable
from ....core.media import formats
from ....core.policy.permissions import Grant
from ....core.records import Accepted, IdempotencyRecord, StoreUnavailable
from ...idempotency.guard import IdempotencyGuard, replay
from ...idempotency.key import IdempotencyKey
from ...response import JSON_ONLY, Response
from ..stanzas import StanzaHandler
from .result_lines import formatAccepted, formatResult, statusPath

#: How many may wait for something other than the store: iqs, for their replies.
WAITING = 100
#: How many stanzas are sent at once.
GROUP = 128


class BatchOutbox(Protocol):
    """What takes many messages."""

    def isDurable(self, stanza: Element) -> bool:
        """Whether a stanza is kept until it is known what has become of it."""

    async def acceptAll(
        self, messages: Sequence[tuple[Element, IdempotencyRecord | None]]
    ) -> Sequence[Accepted | IdempotencyRecord | Refusal]:
        """
        Send messages and presence. Those that are kept are kept together, or not.

        @param messages: With what is kept together with each.
        @return: Of each what there is with that key already, or why it is not sent.
        """

    def whenBelowHighWater(self) -> Awaitable[None]:
        """Wait until there is room for more: what was accepted is on its way."""


@dataclass(frozen=True, slots=True)
class BatchContext:
    """
    On which all stanzas of a batch are sent.

    @ivar request: Answers each as if it had been posted alone.
    @ivar idempotencyKey: That of the batch, if it has a key.
    @ivar outboxPath: The path below which the status of a message is.
    @ivar waitsForOutcome: Whether the client wants to wait for what becomes of a
        message.
    """

    request: Request
    grant: Grant
    idempotencyKey: IdempotencyKey | None
    outboxPath: str
    waitsForOutcome: bool

    def claimOf(self, index: int, piece: bytes) -> IdempotencyKey | None:
        """The same of a stanza: where it stands, and what it is."""
        if self.idempotencyKey is None:
            return None
        # No key can hold the line feed.
        fingerprint = sha256(self.idempotencyKey.fingerprint + piece).digest()
        return IdempotencyKey(f"{self.idempotencyKey.key}\n{index}", fingerprint)


@dataclass(frozen=True, slots=True)
class BatchItem:
    """
    A stanza that is to be sent.

    @ivar index: Its place in the batch.
    @ivar size: Of the piece that it was, in bytes.
    """

    index: int
    stanza: Element
    claim: IdempotencyKey | None
    size: int


class BatchSender:
    """
    Sends stanzas: most in groups, and those by themselves that are to be waited for.

    @ivar size: How many bytes of them are not answered yet.
    """

    def __init__(
        self,
        sending: StanzaHandler,
        outbox: BatchOutbox,
        once: IdempotencyGuard,
        terms: BatchContext,
        *,
        done: Callable[[list[bytes]], None],
        broken: Callable[[Failure], None],
    ) -> None:
        """
        @param done: Hears what has become of some, a line for each.
        @param broken: Hears of what should not happen.
        """
        self._sending = sending
        self._outbox = outbox
        self._once = once
        self._terms = terms
        self._done = done
        self._broken = broken
        self._group: list[BatchItem] = []
        self._tasks: set[Deferred[None]] = set()
        self.size = 0

    @property
    def isGroupFull(self) -> bool:
        """Whether there are as many as are sent at once."""
        return len(self._group) >= GROUP

    @property
    def isBusy(self) -> bool:
        """Whether as many wait as may."""
        return len(self._tasks) >= WAITING

    def add(self, index: int, piece: bytes, contentType: str) -> None:
        """
        Send a stanza, sooner or later.

        @param index: Its place in the batch.
        """
        try:
            payload = formats.decode(contentType, piece)
            stanza = self._sending.stanza(payload, self._terms.grant)
        except Refusal as refusal:
            self._done([formatResult(index, problemAsJSON(refusal))])
            return
        claim = self._terms.claimOf(index, piece)
        sent = BatchItem(index, stanza, claim, len(piece))
        self.size += sent.size
        # The answer to what is not kept is kept by itself.
        isAlone = claim is not None and not self._outbox.isDurable(stanza)
        if stanza.name == "iq" or isAlone or self._terms.waitsForOutcome:
            self._start(sent)
        else:
            self._group.append(sent)

    def flush(self) -> None:
        """Send the group, as far as there is one."""
        group, self._group = self._group, []
        if not group:
            return
        messages = [(each.stanza, self._answered(each)) for each in group]
        taking = Deferred.fromCoroutine(self._outbox.acceptAll(messages))
        taking.addCallback(self._taken, group).addErrback(self._broken)

    def cancel(self) -> None:
        """Wait for nothing any more."""
        for task in [*self._tasks]:
            task.cancel()

    def _answered(self, sent: BatchItem) -> IdempotencyRecord | None:
        """What is kept together with a message that has a key."""
        if sent.claim is None:
            return None
        id = sent.stanza["id"]
        location = statusPath(id, self._terms.outboxPath)
        headers = (("Stanza-Id", id), ("Location", location))
        return self._once.recordFor(sent.claim, Response(202, headers=headers))

    def _taken(
        self,
        results: Sequence[Accepted | IdempotencyRecord | Refusal],
        group: list[BatchItem],
    ) -> None:
        pairs = zip(group, results, strict=True)
        lines = [self._result(sent, result) for sent, result in pairs]
        self.size -= sum(each.size for each in group)
        self._done(lines)

    def _result(
        self, sent: BatchItem, result: Accepted | IdempotencyRecord | Refusal
    ) -> bytes:
        if isinstance(result, Accepted):
            place = None if result.number is None else self._terms.outboxPath
            return formatAccepted(sent.index, sent.stanza["id"], place)
        try:
            if isinstance(result, Refusal):
                raise result
            assert sent.claim is not None
            response = replay(result, sent.claim)
        except Refusal as refusal:
            response = problemAsJSON(refusal)
        return formatResult(sent.index, response)

    def _start(self, sent: BatchItem) -> None:
        """Let a stanza be sent by itself, and wait for what is to be waited for."""
        task = Deferred.fromCoroutine(self._send(sent))
        self._tasks.add(task)
        task.addErrback(self._broken)
        task.addBoth(lambda _: self._tasks.discard(task))

    async def _send(self, sent: BatchItem) -> None:
        request, index, size = self._terms.request, sent.index, sent.size
        # Only JSON fits into a line.
        sending = self._sending.begin(sent.stanza, request, sent.claim, JSON_ONLY)
        # The wait for an iq's reply may be long.
        del sent
        try:
            response = await sending
        except Refusal as refusal:
            response = problemAsJSON(refusal)
        except StoreUnavailable as error:
            response = problemAsJSON(storeUnavailable(str(error)))
        self.size -= size
        self._done([formatResult(index, response)])


def problemAsJSON(refusal: Refusal) -> Response:
    """The answer to what is not sent."""
    problem = refusal.problem
    body = formats.encodeProblem(problem, formats.JSON)
    return Response(problem.status, body, formats.JSON, problem.headers)
