"""Presence and iqs for a client that fetches them while it is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from twisted.internet.interfaces import IDelayedCall
from twisted.words.xish.domish import Element

from ...concurrency import timers
from ...core.policy.callback_response import (
    CallbackResponse,
    interpretResponse,
    onUnreachable,
)
from ...core.stanza.build import isRequest
from ...core.updates.queue import Transient, UpdateQueue
from ...core.updates.response import requireFaultless, settled
from ...ids import newID
from ..capacity import Capacity
from ..options import InboxOptions
from ..replies import ReplySender

#: Seconds for which an iq waits for its answer, and presence for a client that is away.
LIFETIME = 30.0
#: Number of settled updates that are remembered, to tell a client that it is late.
REMEMBERED = 1000


@dataclass(slots=True, eq=False)
class TransientUpdate(Transient):
    """
    A stanza in memory.

    @ivar key: The key of its conversation.
    @ivar size: Its size, in bytes of XML.
    @ivar expiresAt: When its time is up, by the clock of the inbox.
    @ivar attempts: How often it was returned.
    """

    stanza: Element
    key: str
    size: int
    expiresAt: float
    attempts: int = field(default=0, init=False)

    @property
    def isQuestion(self) -> bool:
        """Whether it needs an answer."""
        return isRequest(self.stanza)


class TransientUpdates:
    """
    The transient stanzas of one callback, each until it is answered, acknowledged or
    too old. An iq is answered exactly once.

    @ivar capacity: Counts the stanzas.
    """

    def __init__(
        self,
        queue: UpdateQueue,
        replies: ReplySender,
        options: InboxOptions,
        capacity: Capacity,
        isWatched: Callable[[], bool],
    ) -> None:
        """@param isWatched: Returns whether a client was there recently."""
        self._queue = queue
        self._replies = replies
        self._clock = options.clock
        self._isWatched = isWatched
        self.capacity = capacity
        self._waiting: dict[str, TransientUpdate] = {}
        self._settled: dict[str, None] = {}
        self._alarm: IDelayedCall | None = None

    def start(self) -> None:
        """Forget all stanzas."""
        self.capacity.clear()
        self._waiting.clear()

    def stop(self) -> None:
        """Give up all stanzas; the senders of iqs get an error."""
        timers.cancel(self._alarm)
        self._alarm = None
        for update in list(self._waiting.values()):
            self._giveUp(update)

    def find(self, id: str) -> TransientUpdate | None:
        """Return a stanza that waits; C{None} if there is none with this id."""
        return self._waiting.get(id)

    def wasSettled(self, id: str) -> bool:
        """Check whether a stanza waited and is settled."""
        return id in self._settled

    def make(self, id: str, stanza: Element, key: str, size: int) -> TransientUpdate:
        """Make the update of a stanza that C{capacity} has admitted."""
        now = self._clock.seconds()
        update = TransientUpdate(id, stanza, key, size, now + LIFETIME)
        self._waiting[id] = update
        if self._alarm is None:
            self._alarm = self._clock.callLater(LIFETIME, self._expire)
        return update

    def acknowledge(self, serial: int) -> None:
        """Acknowledge the stanzas up to a serial number; iqs still need an answer."""
        for update in self._queue.transientUpTo(serial):
            assert isinstance(update, TransientUpdate)
            self._queue.removeTransient(update)
            if not update.isQuestion:
                self._settle(update)

    async def answer(self, update: TransientUpdate, response: CallbackResponse) -> None:
        """
        Answer a stanza as the client says.

        @raise Refusal: 409, it is settled; 422, the response is at fault.
        """
        if update.id not in self._waiting:
            raise settled(update.id)
        stanza = update.stanza
        plan = interpretResponse(stanza, response, newID)
        requireFaultless(plan)
        self._settle(update)
        plan = self._replies.limit(stanza, plan, newID)
        await self._replies.sendOrDrop(stanza, plan)

    def _settle(self, update: TransientUpdate) -> None:
        """Forget a stanza, but not that there was one."""
        del self._waiting[update.id]
        self._queue.removeTransient(update)
        self.capacity.remove(update.key, update.size)
        self._settled[update.id] = None
        if len(self._settled) > REMEMBERED:
            del self._settled[next(iter(self._settled))]

    def _giveUp(self, update: TransientUpdate) -> None:
        """Forget a stanza; the sender of an iq gets the built-in answer or an error."""
        self._settle(update)
        self._replies.sendNow(update.stanza, onUnreachable(update.stanza))

    def _expire(self) -> None:
        """Give up iqs whose time is up, and presence that no client is there for."""
        self._alarm, now = None, self._clock.seconds()
        isWatched = self._isWatched()
        for update in list(self._waiting.values()):
            if update.expiresAt > now:
                continue
            if isWatched and not update.isQuestion:
                update.expiresAt = now + LIFETIME
            else:
                self._giveUp(update)
        if self._waiting:
            next_ = min(each.expiresAt for each in self._waiting.values())
            self._alarm = self._clock.callLater(max(0.0, next_ - now), self._expire)
