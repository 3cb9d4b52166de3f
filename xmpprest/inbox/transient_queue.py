"""
Takes stanzas to the callback that are not kept: what it does not get is bounced.

Stanzas of one conversation (the bare sender, and whom it writes to) are delivered
in the order they came, conversations side by side; iqs, which do not depend on what
was said before, in a row of their own for each full address.
"""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import (
    CancelledError,
    Deferred,
    DeferredList,
    DeferredSemaphore,
)
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.words.xish.domish import Element

from ..core.errors import INTERNAL_SERVER_ERROR
from ..core.policy.callback_response import (
    ReplyPlan,
    onUnreachable,
    undeliveredReply,
)
from ..core.stanza.build import withArticle
from ..core.webhook.conversation_key import OrderingKey, orderingKeyOf
from ..core.webhook.errors import DeliveryError
from ..ids import newID, newWebhookID
from .capacity import Capacity
from .replies import ReplySender
from .webhook_caller import WebhookCaller, interpretAndLog

_log = Logger()

#: How many stanzas may wait for the callback, those it is asked about included.
QUEUE_LIMIT = 10_000

#: How many of them may be of one conversation, so that one sender leaves room.
CONVERSATION_LIMIT = 500


class TransientQueue:
    """
    The way in without a store.

    @ivar waiting: How many stanzas the callback has not yet answered.
    """

    def __init__(
        self, asker: WebhookCaller, answers: ReplySender, limit: int, connections: int
    ) -> None:
        """
        @param limit: How many stanzas may wait.
        @param connections: How many the callback may be asked about at once. All else
            waits here, or what is kept would wait behind it.
        """
        self._asker = asker
        self._answers = answers
        self._capacity = Capacity(
            limit,
            "The callback is too slow: {limit} stanzas wait for it; until it"
            " catches up, others are refused.",
        )
        # First come, first served: who has had a turn goes to the end.
        self._turns = DeferredSemaphore(connections)
        self._queues: dict[OrderingKey, deque[Element]] = {}
        self._running: dict[Deferred[None], None] = {}
        self.waiting = 0

    def receive(self, stanza: Element) -> None:
        """Deliver a stanza, or tell its sender that it is not."""
        if not self._capacity.hasRoomAt(self.waiting):
            self._answers.rejectOverload(stanza)
            return
        key = orderingKeyOf(stanza)
        queue = self._queues.get(key)
        if queue is not None and len(queue) >= CONVERSATION_LIMIT:
            self._answers.rejectOverload(stanza)
            return
        self.waiting += 1
        if queue is not None:
            queue.append(stanza)
            return
        self._queues[key] = deque([stanza])
        running = Deferred.fromCoroutine(self._run(key))
        self._running[running] = None
        running.addBoth(self._ran, running)

    def setConnections(self, connections: int) -> None:
        """Ask about more at once from now on, or fewer: those that come."""
        if connections != self._turns.limit:
            self._turns = DeferredSemaphore(connections)

    async def whenIdle(self) -> None:
        """Wait until nothing is under way."""
        while self._running:
            await DeferredList(list(self._running))

    def stop(self) -> None:
        """Give up all that is under way, and tell its senders."""
        # Those that wait for their turn first, lest each gets it for a moment.
        for running in list(reversed(self._running)):
            running.cancel()

    def _ran(self, result: Failure | None, running: Deferred[None]) -> None:
        del self._running[running]
        if result is not None:
            _log.failure("The delivery of a conversation failed.", failure=result)

    async def _run(self, key: OrderingKey) -> None:
        """
        Deliver a conversation until nothing of it is left; its outer edge.
        """
        queue = self._queues[key]
        try:
            while queue:
                verdict = await self._ask(queue[0])
                stanza = queue.popleft()
                self.waiting -= 1
                await self._give(stanza, verdict)
        except CancelledError:
            # The gateway stops; nothing here outlives it.
            for stanza in queue:
                self._answers.sendNow(stanza, onUnreachable(stanza))
        finally:
            self.waiting -= len(queue)
            del self._queues[key]

    async def _ask(self, stanza: Element) -> ReplyPlan:
        """What the callback makes of a stanza."""
        id = newWebhookID()
        try:
            turns = self._turns
            await turns.acquire()
            try:
                said = await self._asker.call(stanza, id)
            except Exception:
                # But not when it is collected, and those that wait with it.
                turns.release()
                raise
            turns.release()
            return interpretAndLog(stanza, id, said, newID)
        except DeliveryError:
            return onUnreachable(stanza)
        except CancelledError:
            raise
        except Exception:
            return self._failed(stanza)

    async def _give(self, stanza: Element, verdict: ReplyPlan) -> None:
        try:
            await self._answers.sendOrDrop(stanza, verdict)
        except CancelledError:
            raise
        except Exception:
            self._answers.sendNow(stanza, self._failed(stanza))

    def _failed(self, stanza: Element) -> ReplyPlan:
        _log.failure(
            "The delivery of {stanza} from {sender} failed.",
            stanza=withArticle(stanza.name),
            sender=stanza.getAttribute("from"),
        )
        return ReplyPlan(undeliveredReply(stanza, INTERNAL_SERVER_ERROR))
