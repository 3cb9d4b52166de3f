"""Keeps stanzas until the callback has answered (behaviour.md §5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import inf

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.words.xish.domish import Element

from ..concurrency.cancel_scope import CancelScope
from ..core.errors import RESOURCE_CONSTRAINT
from ..core.policy.callback_response import undeliveredReply
from ..core.records import InboxRecord, StoreUnavailable
from ..core.stanza.stored import serialize
from ..core.webhook.conversation_key import ConversationKeys
from ..ids import newWebhookID
from .capacity import Capacity
from .conversation import QueuedStanza, keyOf
from .conversation_queue import ConversationQueue
from .options import DurabilityOptions, Precondition, retryWhileUnavailable
from .replies import ReplySender
from .webhook_caller import HealthMonitor, WebhookCaller

_log = Logger()

#: How many stanzas of one conversation may wait, so that one sender leaves room.
CONVERSATION_LIMIT = 10_000
#: How many may be about to be kept.
COMMITTING_LIMIT = 10_000
#: How many conversations are asked of the store at once.
PAGE = 1000
#: Seconds between pages while the conversations of the last still wait.
PAGE_PAUSE = 0.25

#: Seconds for which the log says no more of it, once it has said that stanzas cannot be
#: kept. When they can is for the store to say.
LOG_INTERVAL = 600.0

#: Presence that is kept: what is said once (RFC 6121 §3), not how somebody is.
SUBSCRIPTION = frozenset({"subscribe", "subscribed", "unsubscribe", "unsubscribed"})


def isDurable(stanza: Element) -> bool:
    """Whether a stanza is kept for the callback."""
    if stanza.name == "presence":
        return stanza.getAttribute("type") in SUBSCRIPTION
    return bool(stanza.name == "message")


class DurableQueue:
    """
    The way in with a store.
    """

    def __init__(
        self,
        keeping: DurabilityOptions,
        asker: WebhookCaller,
        answers: ReplySender,
        watch: HealthMonitor,
        *,
        unkept: Callable[[Element], None],
        keys: ConversationKeys,
        prior: Precondition,
    ) -> None:
        """
        @param unkept: Takes a stanza that cannot be kept at the moment.
        @param keys: The names of its conversations.
        @param prior: Has to be done before anything is delivered.
        """
        self._keys = keys
        self._prior = prior
        self._store = keeping.store
        self._now = keeping.now
        self._limit = keeping.limit
        self._answers = answers
        self._unkept = unkept
        self._capacity = Capacity(
            keeping.limit,
            "{limit} stanzas wait for the callback; until it catches up, others are"
            " refused.",
        )
        self._committing = Capacity(
            COMMITTING_LIMIT,
            "The store is too slow: {limit} stanzas are about to be kept; until it"
            " catches up, others are refused.",
        )
        self._waits = CancelScope(keeping.clock)
        self._deliveries = ConversationQueue(
            keeping, asker, answers, watch, self._waits
        )
        self._finding: Deferred[None] = succeed(None)
        #: How many calls of the store are under way that are no delivery's.
        self._calls = 0
        self._ending: Deferred[None] | None = None
        self._quietUntil = -inf

    @property
    def waiting(self) -> int:
        """How many stanzas are to be delivered."""
        return self._deliveries.waiting

    @property
    def room(self) -> int:
        """How many more there may be."""
        return max(0, self._limit - self.waiting)

    def setConnections(self, connections: int) -> None:
        """Ask about more at once from now on, or fewer."""
        self._deliveries.turns.limit = connections
        self._deliveries.turns.wake()

    # --- beginning and ending ---

    def begin(self) -> None:
        """Deliver what there is."""
        self._waits.open()
        self._deliveries.begin()
        self._finding = Deferred.fromCoroutine(self._begin())
        self._finding.addErrback(self._notFound)

    async def drain(self) -> None:
        """
        Deliver nothing more, but bring to an end what is under way.
        """
        turns = self._deliveries.turns.stop()
        self._finding.cancel()
        await self._finding
        await turns
        if self._calls:
            self._ending = Deferred()
            await self._ending

    def abort(self) -> None:
        """
        Do not wait for what is under way, which is as if it had not been tried; but
        what was answered is recorded, and what is being kept is kept.
        """
        self._waits.cancel()

    async def _begin(self) -> None:
        await self._waits.run(Deferred.fromCoroutine(self._prior()))
        self._deliveries.turns.start()
        await self._find()

    async def _find(self) -> None:
        """Find what an earlier process has left."""
        insist, deliveries, keys = (
            partial(retryWhileUnavailable, self._waits),
            self._deliveries,
            self._keys,
        )
        # All that was kept before we asked, by whomever.
        deliveries.waiting = await insist(
            partial(self._store.countPending, keys.lowerBound, keys.upperBound)
        )
        page: Sequence[str] = [keys.lowerBound]
        while page and page[-1] in keys:
            page = await insist(partial(self._store.conversations, page[-1], PAGE))
            for key in page:
                if key in keys:
                    deliveries.addFromStore(key)
            while deliveries.turns.ready > PAGE:
                await self._waits.sleep(PAGE_PAUSE)
        deliveries.isComplete = True

    def _notFound(self, reason: Failure) -> None:
        if not reason.check(CancelledError):
            _log.failure("Not all that was kept could be found.", failure=reason)

    def _called(self) -> None:
        """A call has come back."""
        self._calls -= 1
        if self._ending is not None and not self._calls:
            ending, self._ending = self._ending, None
            ending.callback(None)

    # --- receiving ---

    def receive(self, stanza: Element) -> None:
        """Keep a stanza, and deliver it then; or tell its sender that it is not."""
        key = keyOf(stanza, self._keys)
        if not self._hasRoomFor(key):
            self._answers.rejectOverload(stanza)
            return
        xml, now = serialize(stanza), self._now()
        waiting = QueuedStanza(0, newWebhookID(), stanza, len(xml), now, now)
        self._calls += 1
        keeping = self._store.addIncoming(waiting.webhookID, key, xml, now)
        keeping.addCallbacks(
            self._kept, self._notKept, (key, waiting), {}, (key, stanza)
        ).addErrback(
            lambda reason: _log.failure("A stanza was not dealt with.", failure=reason)
        )

    def _hasRoomFor(self, key: str) -> bool:
        return (
            self._capacity.hasRoomAt(self.waiting + self._calls)
            and self._committing.hasRoomAt(self._calls)
            and self._deliveries.countOf(key) < CONVERSATION_LIMIT
        )

    def _kept(self, number: int, key: str, waiting: QueuedStanza) -> None:
        waiting.number = number
        self._deliveries.add(key, waiting)
        self._called()

    def _notKept(self, reason: Failure, key: str, stanza: Element) -> None:
        if not reason.check(StoreUnavailable):
            _log.failure("A stanza could not be kept.", failure=reason)
        elif self._now() >= self._quietUntil:
            self._quietUntil = self._now() + LOG_INTERVAL
            _log.error(
                "Messages for the callback cannot be kept ({reason}): until they can,"
                " each is delivered at once, or bounced.",
                reason=reason.value,
            )
        # It must not overtake those that are kept, but for one that nobody could be
        # told of: better out of order than lost.
        isTold = bool(undeliveredReply(stanza, RESOURCE_CONSTRAINT))
        if self._deliveries.hasConversation(key) and isTold:
            self._answers.rejectOverload(stanza)
        else:
            self._unkept(stanza)
        self._called()

    def requeue(self, page: Sequence[InboxRecord]) -> None:
        """Deliver what has been settled, or was another's, be it before others."""
        self._deliveries.requeue(page)
