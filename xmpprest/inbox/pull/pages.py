"""Collects the updates of one response."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.words.xish.domish import Element

from ...core.stanza.stored import UnparsableStanza
from ...core.updates.cursor import Cursor
from ...core.updates.page import PageBuilder, encodeStanza, encodeUpdate
from ...core.updates.queue import UpdateQueue
from ..options import InboxOptions
from .settlement import UpdateSettlement
from .stored import StoredUpdate, StoredUpdates
from .transient import TransientUpdate

#: Number of updates that one reactor turn encodes.
SLICE = 100
#: Recorded for a stored reflection that the client does not get.
REFLECTED = "Not returned: a room has sent it back to its author (reflections)."


@dataclass(slots=True)
class PullState:
    """
    The state of a pull callback.

    @ivar run: Distinguishes the transient stanzas of this run in cursors.
    @ivar isOpen: Whether updates are returned.
    @ivar wantsReflections: Whether the client gets messages that rooms send back to
        their author.
    """

    run: int = 0
    isOpen: bool = False
    wantsReflections: bool = False


class UpdatePages:
    """
    Fills pages with the first updates of one callback.
    """

    def __init__(
        self,
        queue: UpdateQueue,
        stored: StoredUpdates,
        settlement: UpdateSettlement,
        state: PullState,
        options: InboxOptions,
        *,
        shield: Callable[
            [Coroutine[Deferred[Any], Any, None]], Coroutine[Deferred[Any], Any, None]
        ],
    ) -> None:
        """@param shield: Finishes a task also if its client leaves."""
        self._queue = queue
        self._stored = stored
        self._settlement = settlement
        self._state = state
        self._reflections = options.reflections
        self._clock, self._now = options.clock, options.now
        self._shield = shield

    async def collect(self, page: PageBuilder, limit: int) -> None:
        """Add the first updates to a page."""
        first = self._queue.first(limit)
        stored = await self._stored.read([e for e in first if isinstance(e, int)])
        for count, each in enumerate(first, 1):
            if isinstance(each, int):
                if self._settlement.isSettling(each) or each not in self._queue:
                    continue
                if each not in stored:
                    return  # too large for this response
                isAdded = await self._addStored(page, stored[each])
            else:
                assert isinstance(each, TransientUpdate)
                isAdded = self._addTransient(page, each)
            if not isAdded:
                return
            if not count % SLICE:
                await deferLater(self._clock, 0)

    async def _addStored(self, page: PageBuilder, update: StoredUpdate) -> bool:
        """
        Add a stored stanza to a page, unless the client does not get it.

        @return: Whether the page has room for more.
        """
        try:
            json = update.json or await self._encode(update)
        except UnparsableStanza as error:
            page.hasDropped = True
            reason = f"The stored XML cannot be parsed: {error}."
            await self._shield(self._settlement.die(update, reason))
            return True
        if json is None:
            page.hasDropped = True
            await self._shield(self._settlement.drop(update, REFLECTED))
            return True
        cursor = Cursor(update.position, page.cursor.serial, self._state.run)
        attempts = self._stored.returned(update.position) + 1
        text = self._stored.codec.encode(cursor)
        line = encodeUpdate(update.id, text, json, attempts=attempts)
        if not page.add(line, cursor):
            return False
        self._stored.countReturn(update.position)
        return True

    async def _encode(self, update: StoredUpdate) -> bytes | None:
        """
        Return the JSON form of a stored stanza; C{None} for a reflection that the
        client does not get.

        @raise UnparsableStanza: The XML cannot be parsed.
        """
        stanza = update.element
        isReflection = await self.isReflection(update, stanza)
        if isReflection and not self._state.wantsReflections:
            return None
        return encodeStanza(stanza, isReflection=isReflection)

    async def isReflection(self, update: StoredUpdate, stanza: Element) -> bool:
        if b"groupchat" not in update.xml:
            return False
        return await self._reflections.isReflection(stanza)

    def _addTransient(self, page: PageBuilder, update: TransientUpdate) -> bool:
        """
        Add a transient stanza to a page.

        @return: Whether there was room for it.
        """
        expires = None
        if update.isQuestion:
            expires = self._now() + update.expiresAt - self._clock.seconds()
        cursor = Cursor(page.cursor.position, update.serial, self._state.run)
        line = encodeUpdate(
            update.id,
            self._stored.codec.encode(cursor),
            encodeStanza(update.stanza),
            attempts=update.attempts + 1,
            expires=expires,
        )
        if not page.add(line, cursor):
            return False
        update.attempts += 1
        return True
