"""Requests of the client of a pull callback."""

from __future__ import annotations

from collections.abc import Coroutine
from math import inf
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from ...concurrency import timers
from ...concurrency.waiters import Waiters
from ...core.errors import Refusal, notFound
from ...core.policy.callback_response import (
    NO_REPLY,
    CallbackResponse,
    interpretResponse,
)
from ...core.stanza.stored import UnparsableStanza
from ...core.updates.cursor import Cursor, unknownCursor
from ...core.updates.page import PageBuilder
from ...core.updates.queue import UpdateQueue
from ...core.updates.response import displaced, requireFaultless, settled
from ...ids import deriveIDs
from ..options import InboxOptions
from ..replies import ReplySender
from .pages import PullState, UpdatePages
from .reader import Reader
from .settlement import UpdateSettlement
from .stored import StoredUpdate, StoredUpdates
from .transient import TransientUpdate, TransientUpdates

_T = TypeVar("_T")

#: Seconds after a request for which its client counts as there.
PRESENCE = 30.0


class UpdateRequests:
    """
    The requests of one client: it fetches updates, one request at a time, and answers
    them.

    @ivar seenAt: The time of the end of the last request, by the clock of the inbox.
    """

    def __init__(
        self,
        callback: str,
        queue: UpdateQueue,
        state: PullState,
        options: InboxOptions,
        *,
        stored: StoredUpdates,
        settlement: UpdateSettlement,
        transient: TransientUpdates,
        replies: ReplySender,
    ) -> None:
        """@param callback: The name of the callback."""
        self._callback = callback
        self._queue = queue
        self._stored = stored
        self._settlement = settlement
        self._transient = transient
        self._replies = replies
        self._state = state
        self._clock, self._steady = options.clock, options.steady
        self._pages = UpdatePages(
            queue, stored, settlement, state, options, shield=self._shield
        )
        self._reader: Reader | None = None
        self.seenAt = -inf
        self._waking: IDelayedCall | None = None
        self._loaded: Waiters[None] = Waiters()
        self._tasks: set[Deferred[Any]] = set()
        self._allFinished: Waiters[None] = Waiters()

    @property
    def hasReader(self) -> bool:
        """Whether a request waits for updates."""
        return self._reader is not None

    @property
    def isWatched(self) -> bool:
        """Whether a client is there, or was recently."""
        return self.hasReader or self._steady() - self.seenAt <= PRESENCE

    def wakeSoon(self) -> None:
        """Wake the client at the end of this reactor turn: more may arrive in it."""
        if self._reader is not None and self._waking is None:
            self._waking = self._clock.callLater(0, self._wake)

    def _wake(self) -> None:
        self._waking = None
        if self._reader is not None and not self._queue.isEmpty:
            self._reader.wake()

    def loaded(self) -> None:
        """Go on with requests that wait for the stanzas of earlier runs."""
        self._loaded.release(None)

    def end(self, refusal: Refusal | None) -> None:
        """
        End the request that waits.

        @param refusal: The error that it gets; C{None} for an empty response.
        """
        if self._reader is not None:
            self._reader.end(refusal)
        self._loaded.release(None)

    def stop(self) -> None:
        """Wake no client any more."""
        timers.cancel(self._waking)
        self._waking = None

    async def whenAllFinished(self) -> None:
        """Wait until no update is being settled."""
        while self._tasks:
            await self._allFinished.wait()

    # --- fetch ---

    async def fetch(self, after: str | None, wait: float, limit: int) -> bytes:
        """
        Acknowledge updates, and return those that follow.

        @param after: The cursor up to which the client acknowledges.
        @param wait: Seconds to wait for the first update.
        @param limit: Limit on the updates.
        @return: The body of the response, in JSON.
        @raise Refusal: 400, the cursor is none of this callback; 409, another request
            took the place of this one.
        @raise StoreUnavailable: Nothing is lost.
        """
        reader = Reader(self._clock, wait)
        if self._reader is not None:
            self._reader.end(displaced(self._callback))
        self._reader = reader
        try:
            return await self._fetch(reader, after, limit)
        finally:
            self.seenAt = self._steady()
            if self._reader is reader:
                self._reader = None

    async def _fetch(self, reader: Reader, after: str | None, limit: int) -> bytes:
        await self._whenLoaded()
        cursor = Cursor(0, 0, self._state.run)
        if after is not None:
            cursor = self._parse(after)
            await self._shield(self._acknowledge(cursor))
        while True:
            reader.begin()
            page = PageBuilder(cursor)
            await self._pages.collect(page, limit)
            if page or not reader.isPatient:
                reader.begin()
                return page.body(self._stored.codec.encode(page.cursor))
            if not page.hasDropped:
                await reader.wait()

    async def _whenLoaded(self) -> None:
        """Wait until the stanzas of earlier runs are known."""
        while not self._stored.isLoaded:
            if not self._state.isOpen:
                raise self.removed()
            await self._loaded.wait()

    def removed(self) -> Refusal:
        """Make the refusal of a request for a callback that was removed: 404."""
        return notFound(f"The callback {self._callback} has been removed.")

    def _parse(self, after: str) -> Cursor:
        """
        Read a cursor.

        @raise Refusal: 400, it is unknown.
        """
        cursor = self._stored.codec.decode(after)
        isOfRun = cursor.run == self._state.run
        if cursor.position > self._stored.last or (
            isOfRun and cursor.serial > self._queue.serial
        ):
            raise unknownCursor(self._callback)
        # Transient stanzas of earlier runs are gone.
        return cursor if isOfRun else Cursor(cursor.position, 0, self._state.run)

    async def _acknowledge(self, cursor: Cursor) -> None:
        self._transient.acknowledge(cursor.serial)
        await self._settlement.acknowledge(cursor.position)

    # --- answer ---

    async def answer(
        self, update: TransientUpdate | StoredUpdate, response: CallbackResponse
    ) -> None:
        """
        Act on the client's response to an update, and acknowledge it.

        @raise Refusal: 409, it is settled; 422, the response is at fault; 503, the
            reply cannot be sent now.
        @raise StoreUnavailable: It is not settled, and may be answered again.
        """
        if isinstance(update, TransientUpdate):
            await self._shield(self._transient.answer(update, response))
        else:
            await self._answerStored(update, response)

    async def _answerStored(
        self, update: StoredUpdate, response: CallbackResponse
    ) -> None:
        await self._whenLoaded()
        try:
            stanza = update.element
        except UnparsableStanza:
            raise settled(update.id) from None  # it will be a dead letter
        isReflection = await self._pages.isReflection(update, stanza)
        await self._settlement.claim(update)
        plan, newID = NO_REPLY, deriveIDs(update.id)
        if not isReflection:
            plan = interpretResponse(stanza, response, newID)
            requireFaultless(plan)
            plan = self._replies.limit(stanza, plan, newID)
        await self._shield(self._settlement.settle(update, lambda: plan, response))

    async def _shield(self, doing: Coroutine[Deferred[Any], Any, None]) -> None:
        """Finish a task also if its client leaves."""
        task, done = Deferred.fromCoroutine(doing), Deferred[None]()
        self._tasks.add(task)
        task.addBoth(self._finished, task)
        task.chainDeferred(done)
        await done

    def _finished(self, result: _T, task: Deferred[Any]) -> _T:
        self._tasks.discard(task)
        if not self._tasks:
            self._allFinished.release(None)
        self.wakeSoon()
        return result
