"""
One batch under way: reads it, has it sent, and brings the results.

No more of it is held than is under way.
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

#: How many stanzas may be under way, or answered without the client having taken that,
#: and how many bytes of them.
LIMIT = 1024
SIZE = 2 * 2**20


class BatchProcessor:
    """
    One batch under way.
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
        #: How many are not answered to the client yet.
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
        Send all that there is.

        @return: The results, as they become known.
        @raise Refusal: There was nothing that could be read; 409, a batch with this
            key is under way.
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
        """Send what has come, as fast as may be."""
        try:
            for piece in pieces:
                await self._turn()
                self._take(piece, splitter.contentType)
                body.resetTimeout()
        finally:
            self._dispatch.flush()

    async def _turn(self) -> None:
        """Wait until the next may be sent."""
        if self._dispatch.isGroupFull:
            self._dispatch.flush()
            await self._outbox.whenBelowHighWater()
            # The others have theirs in between.
            await deferLater(self._clock, 0)
        while self._isFull:
            self._dispatch.flush()
            await self._eased.wait()
        bucket = self._terms.grant.rateLimiter
        while bucket is not None and (wait := bucket.acquire()):
            self._dispatch.flush()
            await deferLater(self._clock, wait)

    @property
    def _isFull(self) -> bool:
        dispatch = self._dispatch
        return self._open >= LIMIT or dispatch.size >= SIZE or dispatch.isBusy

    def _take(self, piece: bytes | Refusal, contentType: str) -> None:
        """Send a stanza, or say why there is none."""
        index, self._count = self._count, self._count + 1
        self._open += 1
        if isinstance(piece, Refusal):
            self._done([formatResult(index, problemAsJSON(piece))])
        else:
            self._dispatch.add(index, piece, contentType)

    def _unread(self, reason: Failure) -> None:
        """The outer edge of the reading."""
        if reason.check(Refusal):
            self._fault = cast(Refusal, reason.value).problem
        else:
            self._broken(reason)

    def _readAll(self, result: object) -> None:
        self._isReading = False
        self._news.fire()

    # --- results ---

    def _done(self, lines: list[bytes]) -> None:
        """Some are answered."""
        self._lines += lines
        self._news.fire()

    def _broken(self, reason: Failure) -> None:
        """Something is wrong with the gateway, or nobody waits any more."""
        if not reason.check(CancelledError):
            self._failure = reason
            self._news.fire()


class _Signal:
    """
    Tells one who waits that something has changed.
    """

    def __init__(self) -> None:
        self._waiting: Deferred[None] | None = None

    def wait(self) -> Deferred[None]:
        """Wait for the next change."""
        self._waiting = Deferred()
        return self._waiting

    def fire(self) -> None:
        """There is one."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)
