"""The inbox of a callback whose client fetches its stanzas (updates.rst)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.words.xish.domish import Element

from ...concurrency.cancel_scope import CancelScope
from ...core.errors import REPORT_BUG, RESOURCE_CONSTRAINT, Refusal
from ...core.histogram import Histogram
from ...core.policy.callback_response import (
    CallbackResponse,
    onUnreachable,
    undeliveredReply,
)
from ...core.records import InboxRecord
from ...core.stanza.stored import serialize
from ...core.updates.page import encodeStanza
from ...core.updates.queue import Expected, Transient, UpdateQueue
from ...core.updates.status import UpdatesStatus
from ...core.webhook.conversation_key import ConversationKeys
from ...ids import newWebhookID
from ..capacity import Capacity
from ..commits import InboundCommits
from ..counted_inbox import CountedInbox
from ..filter import isDurable
from ..options import InboxOptions, Precondition
from ..replies import ReplySender
from ..store_access import InboxStore
from ..subscriber import Subscription
from .aging import UpdateAging
from .pages import PullState
from .requests import UpdateRequests
from .settlement import UpdateSettlement
from .stored import StoredUpdate, StoredUpdates
from .transient import TransientUpdate, TransientUpdates

_log = Logger()

#: Size in characters of XML up to which a stanza is encoded before it is fetched.
LARGE = 8192


class PullInbox(CountedInbox):
    """
    The inbox of one callback that a client fetches from.

    Messages and subscription presence are committed; they wait for the client for
    days. Other presence and iqs wait in memory, while a client is there.

    @ivar filter: The stanzas that the callback receives; the router applies it.
    @ivar keys: Names of its conversations in the store.
    """

    #: It is never paused: no client that stays away can fail.
    isPaused = False
    #: There are no attempts to deliver.
    attemptLatencies: Mapping[str, Histogram] = {}

    def __init__(
        self,
        replies: ReplySender,
        subscription: Subscription,
        store: InboxStore,
        options: InboxOptions,
        *,
        precondition: Precondition,
    ) -> None:
        """@param precondition: Ends before stored stanzas are returned."""
        self.keys = ConversationKeys(subscription.name)
        self._replies = replies
        self._reflections = options.reflections
        self._clock, self._now = options.clock, options.now
        self._steady = options.steady
        self._precondition = precondition
        self._scope = CancelScope(options.clock)
        self._queue = UpdateQueue()
        limits = options.limits
        self._commits = InboundCommits(store, options, fallback="is refused")
        transient = Capacity(
            lambda: (limits.transientCount, limits.transientSize), "stanzas in memory"
        )
        super().__init__(
            stored=self._commits.stored,
            transient=transient,
            committing=self._commits.committing,
        )
        self._stored = StoredUpdates(
            store,
            self._queue,
            self.keys,
            scope=self._scope,
            capacity=self._commits.stored,
        )
        settlement = UpdateSettlement(
            store, self._queue, self._stored, replies, options
        )
        self._aging = UpdateAging(self._queue, self._stored, settlement, options)
        self._transient = TransientUpdates(
            self._queue,
            replies,
            options,
            transient,
            lambda: self.isWatched,
        )
        self._state = PullState()
        self._requests = UpdateRequests(
            subscription.name,
            self._queue,
            self._state,
            options,
            stored=self._stored,
            settlement=settlement,
            transient=self._transient,
            replies=replies,
        )
        self._generation = 0
        self._random = options.random
        self._loading: Deferred[None] = succeed(None)
        self.reconfigure(subscription)

    # --- what others ask ---

    @property
    def oldestAt(self) -> float | None:
        """The time since which the first stored stanza waits; C{None} if none does."""
        return self._queue.oldest

    @property
    def hasReader(self) -> bool:
        """Whether a request waits for updates."""
        return self._requests.hasReader

    @property
    def status(self) -> UpdatesStatus:
        """The number of updates that wait, and whether the client is there."""
        ago = 0.0 if self.hasReader else self._steady() - self._requests.seenAt
        return UpdatesStatus(
            self.keys.callback,
            self.storedCount + self.transientCount,
            self.oldestAt,
            self.hasReader,
            None if ago == inf else self._now() - ago,
        )

    @property
    def isWatched(self) -> bool:
        """Whether a client is there, or was recently."""
        return self._requests.isWatched

    # --- inbound stanzas ---

    def receive(self, stanza: Element) -> None:
        """
        Store a stanza, or offer it to the client; or tell its sender that it is
        refused.

        @param stanza: Has C{from} and C{to}.
        """
        if not self._state.wantsReflections and self._reflections.isKnown(stanza):
            return
        if isDurable(stanza):
            self._commit(stanza)
        elif self.running and self._state.isOpen and self.isWatched:
            self._offer(stanza)
        else:
            self._replies.sendNow(stanza, onUnreachable(stanza))

    def _offer(self, stanza: Element) -> None:
        key, size = self.keys.keyOf(stanza), len(serialize(stanza))
        if not self._transient.capacity.admit(key, size):
            self._replies.rejectOverload(stanza)
            return
        update = self._transient.make(newWebhookID(), stanza, key, size)
        self._queue.addTransient(update)
        self._requests.wakeSoon()

    def _commit(self, stanza: Element) -> None:
        xml = serialize(stanza)
        update = StoredUpdate(
            newWebhookID(), self.keys.keyOf(stanza), xml.encode(), 0, 0
        )
        if not self._commits.admit(update.key, len(update.xml)):
            self._replies.rejectOverload(stanza)
            return
        isHeld = self.isWatched
        isGroupchat = stanza.getAttribute("type") == "groupchat"
        if isHeld and not isGroupchat and len(xml) <= LARGE:
            update.json = encodeStanza(stanza)
        expected = Expected(self._now())
        self._queue.expect(expected)
        self._commits.commit(
            update.id,
            update.key,
            xml,
            expected.since,
            expected,
            update,
            isHeld,
            self._generation,
            size=len(update.xml),
            committed=self._committed,
            failed=self._commitFailed,
        )

    def _committed(
        self,
        number: int,
        expected: Expected,
        update: StoredUpdate,
        isHeld: bool,
        generation: int,
    ) -> None:
        update.number = update.position = number
        if generation != self._generation:
            # The service was restarted meanwhile.
            self._stored.capacity.add(update.key, len(update.xml))
        self._queue.committed(expected, number)
        self._stored.committed(update, isHeld=isHeld)
        self._aging.watch()
        self._requests.wakeSoon()

    def _commitFailed(
        self, expected: Expected, update: StoredUpdate, isHeld: bool, generation: int
    ) -> None:
        """
        Tell the sender to send a stanza again. If it cannot be told, the client may
        get the stanza from memory, while it is there.
        """
        key, size, stanza = update.key, len(update.xml), update.element
        canBeTold = bool(undeliveredReply(stanza, RESOURCE_CONSTRAINT))
        isOffered = self._state.isOpen and self.isWatched and not canBeTold
        instead: Transient | None = None
        if isOffered and self._transient.capacity.admit(key, size):
            instead = self._transient.make(update.id, stanza, key, size)
        else:
            self._replies.rejectOverload(stanza)
        self._queue.commitFailed(expected, instead)
        self._requests.wakeSoon()

    def requeue(self, page: Sequence[InboxRecord]) -> None:
        """Return stored stanzas that became pending again, after all others."""
        self._stored.requeue(page)
        self._aging.watch()
        self._requests.wakeSoon()

    # --- requests of the client ---

    async def fetch(self, after: str | None, wait: float, limit: int) -> bytes:
        """Acknowledge updates, and return others; see L{UpdateRequests.fetch}."""
        return await self._requests.fetch(after, wait, limit)

    async def answer(
        self, update: TransientUpdate | StoredUpdate, response: CallbackResponse
    ) -> None:
        """Act on a response to an update; see L{UpdateRequests.answer}."""
        await self._requests.answer(update, response)

    def findUpdate(self, id: str) -> TransientUpdate | StoredUpdate | None:
        """Return an update that is in memory."""
        return self._transient.find(id) or self._stored.find(id)

    def wasSettled(self, id: str) -> bool:
        """Check whether an update was a transient stanza that is settled."""
        return self._transient.wasSettled(id)

    # --- start, change, stop ---

    def startService(self) -> None:
        """Return the stanzas in the store, and all that arrive."""
        super().startService()
        self._scope.open()
        self._generation += 1
        self._state.run = int(self._random() * 2**32)
        self._queue.clear()
        self._stored.start()
        self._transient.start()
        self._state.isOpen = True
        self._loading = Deferred.fromCoroutine(self._begin())
        self._loading.addErrback(_notLoaded)

    async def _begin(self) -> None:
        await self._scope.run(Deferred.fromCoroutine(self._precondition()))
        await self._stored.load()
        self._aging.watch()
        self._requests.loaded()

    def reconfigure(self, subscription: Subscription) -> None:
        """
        Return other stanzas from now on.

        @param subscription: Has the same name.
        """
        self.filter = subscription.filter
        self._state.wantsReflections = subscription.wantsReflections

    async def drain(self) -> None:
        """
        Return no more stanzas, and wait until those that are being settled are recorded
        and those that arrived are committed. The store is not used afterwards.
        """
        self._close(self._requests.removed())
        self._loading.cancel()
        await self._loading
        await self._commits.whenAllEnded()
        await self._requests.whenAllFinished()

    def _close(self, refusal: Refusal | None) -> None:
        self._state.isOpen = False
        self._requests.end(refusal)
        self._transient.stop()
        self._aging.stop()

    async def whenIdle(self) -> None:
        """Do nothing: no stanza is in flight after L{drain}."""

    def stopService(self) -> Deferred[None]:
        """
        Stop to return stanzas. The senders of transient stanzas get an error.

        @return: Fires once the store is not used.
        """
        super().stopService()
        self._close(None)
        self._requests.stop()
        self._scope.cancel()
        return Deferred.fromCoroutine(self.drain())


def _notLoaded(reason: Failure) -> None:
    if not reason.check(CancelledError):
        _log.failure(
            "Reading stored stanzas crashed; a restart returns them. " + REPORT_BUG,
            failure=reason,
        )
