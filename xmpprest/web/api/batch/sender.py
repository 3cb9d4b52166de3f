"""
Sends the stanzas of a batch, and formats the result of each as a line.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.server import Request
from twisted.words.xish.domish import Element

from ....core.errors import Refusal, storeUnavailable
from ....core.media import formats
from ....core.policy.authentication import CurrentGrant
from ....core.records import IdempotencyRecord, StoreUnavailable
from ...idempotency.guard import IdempotencyGuard, replay
from ...idempotency.key import IdempotencyKey
from ...response import JSON_ONLY, Response
from ..answers import acceptedHeaders
from ..interfaces import StanzaOutbox
from ..stanzas import StanzaHandler
from .result_lines import formatAccepted, formatResult

#: Maximum stanzas that wait for an outcome, such as the reply to an iq.
WAITING = 100


class BatchOutbox(StanzaOutbox, Protocol):
    """
    The part of the outbox that a batch uses.
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
    @ivar id: The id of the stanza.
    @ivar key: The last segment of its status address, if it is stored.
    @ivar size: The size of its text in bytes.
    """

    index: int
    id: str
    claim: IdempotencyKey | None
    key: str
    size: int


class BatchSender:
    """
    Sends stanzas, and formats the result of each.

    @ivar size: The bytes of the stanzas without a result so far.
    """

    def __init__(
        self,
        sending: StanzaHandler,
        outbox: BatchOutbox,
        once: IdempotencyGuard,
        terms: BatchContext,
        *,
        done: Callable[[bytes], None],
        broken: Callable[[Failure], None],
    ) -> None:
        """
        @param done: Called with the result line of a stanza.
        @param broken: Called with an unexpected error.
        """
        self._sending = sending
        self._outbox = outbox
        self._once = once
        self._terms = terms
        self._done = done
        self._broken = broken
        self._tasks: set[Deferred[None]] = set()
        self.size = 0

    @property
    def isBusy(self) -> bool:
        """Whether the maximum number of stanzas is waiting for an outcome."""
        return len(self._tasks) >= WAITING

    def add(self, index: int, piece: bytes, contentType: str) -> None:
        """
        Send a stanza.

        @param index: The position of the stanza in the batch.
        """
        try:
            payload = formats.decode(contentType, piece)
            stanza = self._sending.stanza(payload, self._terms.grant.get())
        except Refusal as refusal:
            self._done(formatResult(index, problemAsJSON(refusal)))
            return
        claim = self._terms.claimOf(index, piece)
        sent = BatchItem(index, stanza["id"], claim, self._sending.newKey(), len(piece))
        self.size += sent.size
        isStored = self._outbox.isDurable(stanza)
        # The response to a stanza that is not stored is stored by itself.
        isAlone = claim is not None and not isStored
        if stanza.name == "iq" or isAlone or self._terms.waitsForOutcome:
            self._start(sent, stanza)
            return
        try:
            if isStored:
                self._enqueue(sent, stanza)
            else:
                self._outbox.send(stanza)
                self._ended(sent, formatAccepted(index, sent.id, None))
        except Refusal as refusal:
            self._ended(sent, formatResult(index, problemAsJSON(refusal)))

    def _enqueue(self, sent: BatchItem, stanza: Element) -> None:
        """Have a message stored; the messages of a reactor turn are stored together."""
        self._outbox.enqueue(
            stanza,
            partial(self._stored, sent),
            key=sent.key,
            token=self._terms.grant.name,
            idempotency=self._answered(sent),
        )

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
        headers = acceptedHeaders(sent.id, f"{self._terms.outboxPath}{sent.key}")
        return self._once.recordFor(sent.claim, Response(202, headers=headers))

    def _stored(
        self, sent: BatchItem, result: int | IdempotencyRecord | Exception
    ) -> None:
        """Format the result of a message that was stored, or was not."""
        if isinstance(result, int):
            location = f"{self._terms.outboxPath}{sent.key}"
            self._ended(sent, formatAccepted(sent.index, sent.id, location))
            return
        try:
            if isinstance(result, Exception):
                raise result
            assert sent.claim is not None
            response = replay(result, sent.claim)
        except Refusal as refusal:
            response = problemAsJSON(refusal)
        except Exception:
            self._broken(Failure())
            return
        self._ended(sent, formatResult(sent.index, response))

    def _ended(self, sent: BatchItem, line: bytes) -> None:
        self.size -= sent.size
        self._done(line)

    def _start(self, sent: BatchItem, stanza: Element) -> None:
        """Send a stanza by itself and wait for its outcome."""
        task = Deferred.fromCoroutine(self._send(sent, stanza))
        self._tasks.add(task)
        task.addErrback(self._broken)
        task.addBoth(lambda _: self._tasks.discard(task))

    async def _send(self, sent: BatchItem, stanza: Element) -> None:
        token = self._terms.grant.name
        # Only JSON fits into a line.
        try:
            answer = self._sending.begin(
                stanza, self._terms.request, sent.claim, token, JSON_ONLY
            )
            # The wait for an iq's reply may be long.
            del stanza
            response = answer if isinstance(answer, Response) else await answer
        except Refusal as refusal:
            response = problemAsJSON(refusal)
        except StoreUnavailable as error:
            response = problemAsJSON(storeUnavailable(str(error)))
        self._ended(sent, formatResult(sent.index, response))


def problemAsJSON(refusal: Refusal) -> Response:
    """Return an error as a JSON response."""
    problem = refusal.problem
    body = formats.encodeProblem(problem, formats.JSON)
    return Response(problem.status, body, formats.JSON, problem.headers)
