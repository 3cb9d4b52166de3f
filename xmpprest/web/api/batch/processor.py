"""
Processes one batch: reads stanzas, has them sent, and writes the results.

Only stanzas in flight are held in memory.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from typing import cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from ....core.errors import Problem, Refusal
from ....core.media.framing import StanzaFramer
from ...idempotency.guard import IdempotencyGuard
from ...server.body import Body
from ..stanzas import StanzaHandler
from .result_lines import formatResult, formatUnread
from .sender import BatchContext, BatchOutbox, BatchSender, problemAsJSON

#: Maximum stanzas, and bytes of stanzas, that are in flight or whose results the client
#: has not read yet.
LIMIT = 1024
SIZE = 2 * 2**20
#: Stanzas after which the batch waits for the outbox and lets other clients run.
GROUP = 128


class BatchProcessor:
    """
    A batch that is being processed.
    """

    def __init__(
        self,
        sending: StanzaHandler,
        outbox: BatchOutbox,
        once: IdempotencyGuard,
        clock: IReactorTime,
        terms: BatchContext,
    ) -> None:
        self._outbox = outbox
        self._once = once
        self._clock = clock
        self._terms = terms
        self._dispatch = BatchSender(
            sending, outbox, once, terms, done=self._done, broken=self._broken
        )
        self._count = 0
        #: The number of results that the client has not read yet.
        self._open = 0
        self._lines: list[bytes] = []
        self._isReading = True
        self._fault: Problem | None = None
        self._failure: Failure | None = None
        self._news = _Signal()
        self._eased = _Signal()

    async def results(
        self, splitter: StanzaFramer, body: Body
    ) -> AsyncGenerator[bytes]:
        """
        Send all stanzas.

        @return: The result lines, as they become known.
        @raise Refusal: Nothing could be read; 409 if a batch with this key is running.
        """
        with self._once.lock(self._terms.idempotencyKey):
            reading = Deferred.fromCoroutine(self._read(splitter, body))
            reading.addErrback(self._unread).addCallback(self._readAll)
            try:
                while self._isReading or self._open:
                    if not (self._lines or self._failure):
                        await self._news.wait()
                    if self._failure is not None:
                        self._failure.raiseException()
                    lines, self._lines = self._lines, []
                    if lines:
                        yield b"".join(lines)
                        self._open -= len(lines)
                    self._eased.fire()
            finally:
                reading.cancel()
                self._dispatch.cancel()
        if self._fault is not None and not self._count:
            raise Refusal(self._fault)
        if self._fault is not None:
            yield formatUnread(self._count, self._fault)

    # --- reading ---

    async def _read(self, splitter: StanzaFramer, body: Body) -> None:
        while data := await body.read():
            await self._takeAll(splitter.feed(data), splitter, body)
            if splitter.atBoundary:
                body.resetTimeout()
            await self._outbox.whenBelowHighWater()
        await self._takeAll(splitter.finish(), splitter, body)

    async def _takeAll(
        self, pieces: Iterable[bytes | Refusal], splitter: StanzaFramer, body: Body
    ) -> None:
        """Send the stanzas read so far, within the limits."""
        for piece in pieces:
            await self._turn()
            self._take(piece, splitter.contentType)
            body.resetTimeout()

    async def _turn(self) -> None:
        """Wait until the next stanza may be sent."""
        if self._count and self._count % GROUP == 0:
            await self._outbox.whenBelowHighWater()
            # Let other clients' requests run in between.
            await deferLater(self._clock, 0)
        while self._isFull:
            await self._eased.wait()
        while wait := self._rateLimitWait():
            await deferLater(self._clock, wait)

    def _rateLimitWait(self) -> float:
        """Return how many seconds the rate limit makes the next stanza wait."""
        try:
            limiter = self._terms.grant.get().rateLimiter
        except Refusal:
            return 0.0  # The result line of the stanza says so.
        return 0.0 if limiter is None else limiter.acquire()

    @property
    def _isFull(self) -> bool:
        dispatch = self._dispatch
        return self._open >= LIMIT or dispatch.size >= SIZE or dispatch.isBusy

    def _take(self, piece: bytes | Refusal, contentType: str) -> None:
        """Send a stanza, or report why it cannot be read."""
        index, self._count = self._count, self._count + 1
        self._open += 1
        if isinstance(piece, Refusal):
            self._done(formatResult(index, problemAsJSON(piece)))
        else:
            self._dispatch.add(index, piece, contentType)

    def _unread(self, reason: Failure) -> None:
        """Report the error that ended the reading."""
        if reason.check(Refusal):
            self._fault = cast(Refusal, reason.value).problem
        else:
            self._broken(reason)

    def _readAll(self, result: object) -> None:
        self._isReading = False
        self._news.fire()

    # --- results ---

    def _done(self, line: bytes) -> None:
        """Queue a result line."""
        self._lines.append(line)
        self._news.fire()

    def _broken(self, reason: Failure) -> None:
        """End the batch after an unexpected error, or because the client has gone."""
        if not reason.check(CancelledError):
            self._failure = reason
            self._news.fire()


class _Signal:
    """
    Wakes a waiting coroutine after a change.
    """

    def __init__(self) -> None:
        self._waiting: Deferred[None] | None = None

    def wait(self) -> Deferred[None]:
        """Wait for the next change."""
        self._waiting = Deferred()
        return self._waiting

    def fire(self) -> None:
        """Wake the coroutine that waits for a change."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)
