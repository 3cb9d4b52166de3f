"""
Sends the stanzas of a batch, and formats the result of each as a line.

Stored messages go to the store in groups, which makes a batch cheaper than single
requests.
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
from ....core.policy.authentication import CurrentGrant
from ....core.records import Accepted, IdempotencyRecord, StoreUnavailable, Submission
from ...idempotency.guard import IdempotencyGuard, replay
from ...idempotency.key import IdempotencyKey
from ...response import JSON_ONLY, Response
from ..stanzas import StanzaHandler, acceptedHeaders
from .result_lines import formatAccepted, formatResult

#: Maximum stanzas that wait for an outcome, such as the reply to an iq.
WAITING = 100
#: Maximum stanzas of a group.
GROUP = 128


class BatchOutbox(Protocol):
    """
    The part of the outbox that a batch uses.
    """

    def isDurable(self, stanza: Element) -> bool:
        """Return whether a stanza is stored until its outcome is known."""

    async def acceptAll(
        self, submissions: Sequence[Submission]
    ) -> Sequence[Accepted | IdempotencyRecord | Refusal]:
        """
        Send messages and presence. Stored ones are stored together, or none of them.

        @return: For each stanza that it is accepted, the record that has its key
            already, or the reason why it was not sent.
        """

    def whenBelowHighWater(self) -> Awaitable[None]:
        """Wait until the outbox has room for further messages."""


@dataclass(frozen=True, slots=True)
class BatchContext:
    """
    Values that all stanzas of a batch share.

    @ivar request: The request, whose headers apply to each stanza.
    @ivar grant: The grant of its token, which a reload can change or revoke.
    @ivar idempotencyKey: The key of the batch; C{None} if it has none.
    @ivar outboxPath: The path below which the status of a message is found.
    @ivar waitsForOutcome: Whether the client wants to wait for the outcome of messages.
    """

    request: Request
    grant: CurrentGrant
    idempotencyKey: IdempotencyKey | None
    outboxPath: str
    waitsForOutcome: bool

    def claimOf(self, index: int, piece: bytes) -> IdempotencyKey | None:
        """
        Return the idempotency key of a stanza: the batch's key and the stanza's
        position.
        """
        if self.idempotencyKey is None:
            return None
        # A key cannot contain a line feed.
        fingerprint = sha256(self.idempotencyKey.fingerprint + piece).digest()
        return IdempotencyKey(f"{self.idempotencyKey.key}\n{index}", fingerprint)


@dataclass(frozen=True, slots=True)
class BatchItem:
    """
    A stanza to send.

    @ivar index: The position of the stanza in the batch.
    @ivar key: The last segment of its status address, if it is stored.
    @ivar size: The size of its text in bytes.
    """

    index: int
    stanza: Element
    claim: IdempotencyKey | None
    key: str
    size: int


class BatchSender:
    """
    Sends stanzas: most of them in groups, and each that has an outcome to wait for by
    itself.

    @ivar size: The bytes of the stanzas without a result so far.
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
        @param done: Called with result lines.
        @param broken: Called with an unexpected error.
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
        """Whether the group has its maximum size."""
        return len(self._group) >= GROUP

    @property
    def isBusy(self) -> bool:
        """Whether the maximum number of stanzas is waiting for an outcome."""
        return len(self._tasks) >= WAITING

    def add(self, index: int, piece: bytes, contentType: str) -> None:
        """
        Add a stanza, to be sent with its group.

        @param index: The position of the stanza in the batch.
        """
        try:
            payload = formats.decode(contentType, piece)
            stanza = self._sending.stanza(payload, self._terms.grant.get())
        except Refusal as refusal:
            self._done([formatResult(index, problemAsJSON(refusal))])
            return
        claim = self._terms.claimOf(index, piece)
        sent = BatchItem(index, stanza, claim, self._sending.newKey(), len(piece))
        self.size += sent.size
        # The response to a stanza that is not stored is stored by itself.
        isAlone = claim is not None and not self._outbox.isDurable(stanza)
        if stanza.name == "iq" or isAlone or self._terms.waitsForOutcome:
            self._start(sent)
        else:
            self._group.append(sent)

    def flush(self) -> None:
        """Send the group, if there is one."""
        group, self._group = self._group, []
        if not group:
            return
        token = self._terms.grant.name
        submissions = [
            Submission(each.stanza, self._answered(each), each.key, token)
            for each in group
        ]
        taking = Deferred.fromCoroutine(self._outbox.acceptAll(submissions))
        taking.addCallback(self._taken, group).addErrback(self._broken)

    def cancel(self) -> None:
        """Cancel all waits."""
        for task in [*self._tasks]:
            task.cancel()

    def _answered(self, sent: BatchItem) -> IdempotencyRecord | None:
        """
        Return the idempotency record to store with a message; C{None} without a key.
        """
        if sent.claim is None:
            return None
        id = sent.stanza["id"]
        headers = acceptedHeaders(id, f"{self._terms.outboxPath}{sent.key}")
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
            isStored = result.number is not None
            location = f"{self._terms.outboxPath}{sent.key}" if isStored else None
            return formatAccepted(sent.index, sent.stanza["id"], location)
        try:
            if isinstance(result, Refusal):
                raise result
            assert sent.claim is not None
            response = replay(result, sent.claim)
        except Refusal as refusal:
            response = problemAsJSON(refusal)
        return formatResult(sent.index, response)

    def _start(self, sent: BatchItem) -> None:
        """Send a stanza by itself and wait for its outcome."""
        task = Deferred.fromCoroutine(self._send(sent))
        self._tasks.add(task)
        task.addErrback(self._broken)
        task.addBoth(lambda _: self._tasks.discard(task))

    async def _send(self, sent: BatchItem) -> None:
        request, index, size = self._terms.request, sent.index, sent.size
        token = self._terms.grant.name
        # Only JSON fits into a line.
        sending = self._sending.begin(
            sent.stanza, request, sent.claim, token, JSON_ONLY
        )
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
    """Return an error as a JSON response."""
    problem = refusal.problem
    body = formats.encodeProblem(problem, formats.JSON)
    return Response(problem.status, body, formats.JSON, problem.headers)
