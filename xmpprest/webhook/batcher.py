"""
Posts stanzas of different conversations to the callback in batches.

No stanza waits for others. Stanzas that are posted in one reactor turn go together, and
so do those that wait for a request in flight to end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.words.xish.domish import Element

from ..core.policy.callback_response import CallbackResponse
from ..core.webhook.batch import BatchResponse, encodeLine, parseBatchResponse
from ..core.webhook.conversation_key import conversationOf
from ..core.webhook.errors import DeliveryError, ResponseLimitExceeded
from ..ids import newID

_log = Logger()

#: Number of stanzas that are remembered as to be posted alone.
MAX_ISOLATED = 10_000


class BatchPoster(Protocol):
    """The part of L{xmpprest.webhook.client.WebhookClient} that posts batches."""

    def urlOf(self, stanza: Element) -> bytes:
        """Return the URL that a stanza is posted to."""

    def postBatch(
        self, url: bytes, lines: bytes, id: str
    ) -> Deferred[CallbackResponse]:
        """Post a batch; fails with L{DeliveryError}."""


class _Line:
    """
    A stanza whose caller waits for the response.

    @ivar row: Its conversation; a batch has at most one stanza of each.
    @ivar batch: The batch that it is posted in; C{None} before that.
    """

    def __init__(
        self, stanza: Element, id: str, url: bytes, *, isReflection: bool
    ) -> None:
        self.id = id
        self.url = url
        self.row = conversationOf(stanza)
        self.text = encodeLine(id, stanza, isReflection=isReflection)
        self.batch: _Batch | None = None
        self.said: Deferred[CallbackResponse]


class _Batch:
    """
    Stanzas that are posted in one request.

    @ivar waiting: Number of stanzas whose callers still wait.
    """

    def __init__(self, lines: Sequence[_Line]) -> None:
        self.lines = lines
        self.waiting = len(lines)
        self.posting: Deferred[None]


class WebhookBatcher:
    """
    Posts stanzas in batches.
    """

    def __init__(
        self,
        poster: BatchPoster,
        clock: IReactorTime,
        *,
        most: int,
        connections: int,
        limit: int,
    ) -> None:
        """
        @param most: Limit on the stanzas of a batch.
        @param connections: Limit on the batches in flight.
        @param limit: Limit on the bytes of a batch; a longer stanza is posted alone.
        """
        self._poster = poster
        self._clock = clock
        self._most = most
        self._free = connections
        self._limit = limit
        #: Stanzas that wait for a request, in their order, by their URL.
        self._queues: dict[bytes, dict[_Line, None]] = {}
        self._soon: IDelayedCall | None = None
        #: Ids of stanzas of refused batches, which are posted alone.
        self._apart: dict[str, None] = {}

    def post(
        self, stanza: Element, id: str, xml: bytes = b"", *, isReflection: bool = False
    ) -> Deferred[CallbackResponse]:
        """
        Post a stanza, together with others.

        @param id: Its id in requests to the callback, the same in each attempt.
        @param xml: Not used: batches are in JSON.
        @param isReflection: Whether it is marked as a reflection.
        @return: Fires with the callback's response to this stanza; fails with
            L{DeliveryError}: there is no valid one.
        """
        url = self._poster.urlOf(stanza)
        line = _Line(stanza, id, url, isReflection=isReflection)
        line.said = Deferred(lambda _: self._forget(line))
        self._queues.setdefault(line.url, {})[line] = None
        self._startSoon()
        return line.said

    def _forget(self, line: _Line) -> None:
        """Drop a stanza whose caller no longer waits."""
        if line.batch is not None:
            line.batch.waiting -= 1
            if not line.batch.waiting:
                line.batch.posting.cancel()
            return
        queue = self._queues[line.url]
        del queue[line]
        if not queue:
            del self._queues[line.url]
        if self._soon is not None and not self._queues:
            self._soon.cancel()
            self._soon = None

    # --- posting ---

    def _startSoon(self) -> None:
        """Post batches at the end of this reactor turn."""
        if self._soon is None and self._free and self._queues:
            self._soon = self._clock.callLater(0, self._start)

    def _start(self) -> None:
        """Post batches while requests may be in flight."""
        self._soon = None
        while self._free and self._queues:
            self._free -= 1
            batch = _Batch(self._take())
            for line in batch.lines:
                line.batch = batch
            batch.posting = Deferred.fromCoroutine(self._post(batch.lines))
            batch.posting.addErrback(self._failed, batch.lines)
            batch.posting.addBoth(self._posted, batch)

    def _take(self) -> Sequence[_Line]:
        """Remove the stanzas of the next batch from their queue."""
        url, queue = next(iter(self._queues.items()))
        lines = self._chosen(iter(queue))
        for line in lines:
            del queue[line]
        # The others of this URL come after those of others.
        del self._queues[url]
        if queue:
            self._queues[url] = queue
        return lines

    def _chosen(self, queue: Iterator[_Line]) -> Sequence[_Line]:
        """Return the first stanza of a queue and others that may go with it."""
        first = next(queue)
        lines, rows, room = [first], {first.row}, self._limit - len(first.text)
        if first.id in self._apart:
            del self._apart[first.id]
            return lines
        for line in queue:
            if len(lines) == self._most or len(line.text) > room:
                break
            if line.row not in rows and line.id not in self._apart:
                lines.append(line)
                rows.add(line.row)
                room -= len(line.text)
        return lines

    async def _post(self, lines: Sequence[_Line]) -> None:
        id = f"batch_{newID()}"
        text = b"".join(line.text for line in lines)
        said = await self._poster.postBatch(lines[0].url, text, id)
        reading = parseBatchResponse(said, [line.id for line in lines])
        self._tell(reading, id)
        if reading.rejectedAsWhole:
            self._part(lines)
        for line in lines:
            if line.said.called:
                continue  # Nobody waits for it any more.
            if line.id in reading.answers:
                line.said.callback(reading.answers[line.id])
            else:
                line.said.errback(DeliveryError(reading.errors[line.id]))

    def _tell(self, reading: BatchResponse, id: str) -> None:
        if reading.unmatchedLines:
            _log.warn(
                "The callback's response to the batch {batch} has lines that were"
                " ignored ({count}): each line needs the id of another stanza of the"
                " batch.",
                batch=id,
                count=reading.unmatchedLines,
            )

    def _part(self, lines: Sequence[_Line]) -> None:
        """Post these stanzas alone from now on: one of them may be at fault."""
        self._apart.update(dict.fromkeys(line.id for line in lines))
        while len(self._apart) > MAX_ISOLATED:
            # What was not kept does not come again.
            del self._apart[next(iter(self._apart))]

    def _failed(self, reason: Failure, lines: Sequence[_Line]) -> None:
        """Fail the stanzas of a batch that got no response."""
        if reason.check(ResponseLimitExceeded):
            # They are too many, or one of them takes too long.
            self._part(lines)
        for line in lines:
            if line.said.called:
                continue
            if reason.check(DeliveryError):
                line.said.errback(DeliveryError(str(reason.value)))
            else:
                line.said.errback(reason)

    def _posted(self, result: object, batch: _Batch) -> None:
        self._free += 1
        if self._soon is not None:
            return
        if batch.waiting:
            self._start()
        else:
            # At the end the others are given up, too, in any order: not one by one,
            # each posted for a moment.
            self._startSoon()
