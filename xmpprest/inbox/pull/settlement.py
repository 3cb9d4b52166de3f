"""Settles stored stanzas: sends the replies to them, and records them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import Logger
from twisted.python.failure import Failure

from ...concurrency.waiters import Waiters
from ...core.errors import errorFromStatus
from ...core.policy.callback_response import (
    CallbackResponse,
    ReplyPlan,
    interpretResponse,
)
from ...core.records import DEAD, DELIVERED, DeliveryAttempt
from ...core.updates.queue import UpdateQueue
from ...core.updates.response import ACKNOWLEDGED, settled
from ...ids import deriveIDs
from ..options import InboxOptions
from ..replies import ReplySender
from ..store_access import InboxStore
from .stored import StoredUpdate, StoredUpdates

_log = Logger()

#: Number of updates that one reactor turn settles.
SLICE = 100

_RECEIPT = b"urn:xmpp:receipts"


class UpdateSettlement:
    """
    The end of stored stanzas: they are acknowledged, answered, dropped or dead.
    """

    def __init__(
        self,
        store: InboxStore,
        queue: UpdateQueue,
        stored: StoredUpdates,
        replies: ReplySender,
        options: InboxOptions,
    ) -> None:
        self._store = store
        self._queue = queue
        self._stored = stored
        self._replies = replies
        self._now = options.now
        self._settling: dict[int, Waiters[None]] = {}

    def isSettling(self, position: int) -> bool:
        """Check whether a stanza is being settled."""
        return position in self._settling

    async def acknowledge(self, position: int) -> None:
        """
        Acknowledge all stanzas up to a position, and send the receipts that they ask
        for.

        @raise StoreUnavailable: Some of them may be acknowledged.
        @raise Refusal: 503, a receipt cannot be sent now; the same.
        """
        while positions := [
            each for each in self._queue.upTo(position) if each not in self._settling
        ][:SLICE]:
            updates = (await self._stored.read(positions)).values()
            await _all(
                self.settle(each, self._receiptFor(each), ACKNOWLEDGED)
                for each in updates
                if each.position in self._queue and each.position not in self._settling
            )

    def _receiptFor(self, update: StoredUpdate) -> Callable[[], ReplyPlan] | None:
        """Return a function that makes the receipt, if a stanza may ask for one."""
        if _RECEIPT not in update.xml:
            return None
        return lambda: interpretResponse(
            update.element, ACKNOWLEDGED, deriveIDs(update.id)
        )

    async def claim(self, update: StoredUpdate) -> None:
        """
        Wait until no other request settles a stanza.

        @raise Refusal: 409, it is settled.
        """
        while (others := self._settling.get(update.position)) is not None:
            await others.wait()
        if update.position not in self._queue:
            raise settled(update.id)

    async def settle(
        self,
        update: StoredUpdate,
        plan: Callable[[], ReplyPlan] | None,
        response: CallbackResponse,
    ) -> None:
        """
        Send the replies to a stanza, and record that it is delivered.

        @param plan: Returns the replies; C{None} if there are none.
        @raise Refusal: 503, not all of them can be sent now.
        """
        fault = None
        if not response.isSuccess:
            fault = errorFromStatus(response.status).text
        attempt = DeliveryAttempt(self._now(), response.status, fault)
        self._settling[update.position] = others = Waiters[None]()
        try:
            if plan is not None:
                await self._replies.send(update.element, plan())
            await self._record(update, attempt, DELIVERED)
        finally:
            del self._settling[update.position]
            others.release(None)

    async def drop(self, update: StoredUpdate, reason: str) -> None:
        """Record a stanza that the client does not get as delivered."""
        attempt = DeliveryAttempt(self._now(), None, reason)
        await self._record(update, attempt, DELIVERED)

    async def die(self, update: StoredUpdate, error: str) -> None:
        """Make a stanza a dead letter."""
        attempt = DeliveryAttempt(self._now(), None, error)
        await self._record(update, attempt, DEAD)
        _log.error(
            "Dead letter: {id} cannot be delivered: {error}", id=update.id, error=error
        )

    async def _record(
        self, update: StoredUpdate, attempt: DeliveryAttempt, state: str
    ) -> None:
        await self._store.recordAttempt(update.number, attempt, state, attempt.at)
        if update.position in self._queue:
            self._stored.capacity.remove(update.key, len(update.xml))
            self._stored.forget(update.position)


async def _all(doing: Iterable[Coroutine[Deferred[Any], Any, None]]) -> None:
    """Run coroutines side by side to their ends; raise the first error."""
    waiting = [Deferred.fromCoroutine(each) for each in doing]
    for _, result in await DeferredList(waiting, consumeErrors=True):
        if isinstance(result, Failure):
            result.raiseException()
