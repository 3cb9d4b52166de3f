"""
The inbox of one callback: stores inbound stanzas and queues them for delivery.

With a store, messages and subscription presence are committed before they are
delivered. All other stanzas are transient: they are delivered in one attempt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.words.xish.domish import Element

from ..concurrency import timers
from ..concurrency.cancel_scope import CancelScope
from ..core.errors import REPORT_BUG, RESOURCE_CONSTRAINT
from ..core.histogram import Histogram
from ..core.policy.callback_response import (
    onUnreachable,
    undeliveredReply,
)
from ..core.records import InboxRecord
from ..core.stanza.stored import serialize
from ..core.webhook.conversation_key import ConversationKeys
from ..ids import newWebhookID
from .backlog import BacklogReader
from .callback_monitor import CallbackMonitor
from .capacity import Capacity
from .commits import InboundCommits
from .conversation import Conversation
from .counted_inbox import CountedInbox
from .deliverer import StanzaDeliverer
from .filter import isDurable
from .options import InboxOptions, Precondition
from .queued_stanza import SMALL_SIZE, TREE_SIZE, MemoryUse, QueuedStanza, isSmall
from .replies import ReplySender
from .scheduler import DeliveryScheduler
from .subscriber import Subscription

_log = Logger()

#: Seconds for which requests to the callback may go on after the service was stopped.
STOP_TIMEOUT = 5.0


async def _nothing() -> None:
    """Do nothing before deliveries."""


class Inbox(CountedInbox):
    """
    The inbox of one callback.

    @ivar filter: The stanzas that the callback receives; the router applies it.
    @ivar keys: Names of its conversations in the store.
    """

    def __init__(
        self,
        replies: ReplySender,
        subscription: Subscription,
        options: InboxOptions,
        *,
        precondition: Precondition = _nothing,
    ) -> None:
        """
        @param precondition: Ends before stored stanzas are delivered.
        """
        name, steady = subscription.name, options.steady
        self.keys = ConversationKeys(name)
        self._replies = replies
        self._reflections = options.reflections
        self._clock, self._now, self._steady = options.clock, options.now, steady
        self._store = options.store
        self._precondition = precondition
        self._scope = CancelScope(options.clock)
        self._memory = MemoryUse()
        self._monitor = CallbackMonitor(
            steady, name, canPause=options.store is not None
        )
        limits = options.limits
        self._commits = InboundCommits(
            options.store, options, fallback="is delivered in one attempt, or refused"
        )
        transient = Capacity(
            lambda: (limits.transientCount, limits.transientSize), "stanzas in memory"
        )
        super().__init__(
            stored=self._commits.stored,
            transient=transient,
            committing=self._commits.committing,
        )
        assert subscription.subscriber is not None
        self._deliverer = StanzaDeliverer(
            subscription.subscriber,
            replies,
            self._monitor,
            name=name,
            scope=self._scope,
            options=options,
            memory=self._memory,
        )
        self._scheduler = DeliveryScheduler(
            self._deliverer,
            self._monitor,
            self._scope,
            options,
            self._memory,
            stored=self._commits.stored,
            transient=transient,
            limit=subscription.concurrency,
        )
        self._backlog: BacklogReader | None = None
        if options.store is not None:
            self._backlog = BacklogReader(
                options.store, self.keys, self._scheduler, self._scope
            )
        self._reading: Deferred[None] = succeed(None)
        #: Whether the stanzas of earlier processes are counted.
        self._isMeasured = False
        self.reconfigure(subscription)

    # --- what others ask ---

    @property
    def attemptLatencies(self) -> Mapping[str, Histogram]:
        """Seconds that each attempt to deliver took, by its result."""
        return self._monitor.attemptLatencies

    @property
    def isPaused(self) -> bool:
        """Whether the callback is paused: its stored stanzas stay in the store."""
        return self._monitor.health.isPaused

    @property
    def isDurable(self) -> bool:
        """Whether any stanzas are stored."""
        return self._store is not None

    # --- inbound stanzas ---

    def receive(self, stanza: Element) -> None:
        """
        Store a stanza or queue it for delivery; or tell its sender that it is refused.

        @param stanza: Has C{from} and C{to}.
        """
        isStored = self._store is not None and isDurable(stanza)
        if not (self.running or isStored):
            self._replies.sendNow(stanza, onUnreachable(stanza))
            return
        isGroupchat = stanza.attributes.get("type") == "groupchat"
        mayReflect = isGroupchat and self._reflections.mayBe(stanza)
        isUnwanted = mayReflect and not self._deliverer.wantsReflections
        if isUnwanted and self._reflections.isKnown(stanza):
            return
        key = self.keys.keyOf(stanza)
        canStayTree = not isStored and self._memory.trees + SMALL_SIZE <= TREE_SIZE
        isTree = canStayTree and isSmall(stanza)
        text = "" if isTree else serialize(stanza)
        xml = text.encode()
        size = SMALL_SIZE if isTree else len(xml)
        if not (self._commits if isStored else self._scheduler.transient).admit(
            key, size
        ):
            self._replies.rejectOverload(stanza)
            return
        queued = QueuedStanza(
            newWebhookID(),
            xml,
            size,
            self._now(),
            self._steady(),
            isStored=isStored,
            isPatient=isStored,
            mayReflect=mayReflect,
        )
        queued.keepTree(stanza, self._memory)
        conversation = self._scheduler.conversation(key)
        conversation.arrive(queued)
        if isStored:
            self._commits.commit(
                queued.webhookID,
                key,
                text,
                queued.receivedAt,
                conversation,
                queued,
                size=size,
                committed=self._committed,
                failed=self._commitFailed,
            )
        else:
            self._scheduler.arrived(conversation)

    def _committed(
        self, number: int, conversation: Conversation, queued: QueuedStanza
    ) -> None:
        if self._backlog is not None and self._backlog.firstNumber is None:
            self._backlog.firstNumber = number
        self._scheduler.committed(conversation, queued, number)

    def _commitFailed(self, conversation: Conversation, queued: QueuedStanza) -> None:
        """
        Deliver a stanza as a transient one, in its place. If stored stanzas wait before
        it, its sender is told to send it again instead, unless it cannot be told.
        """
        stanza = queued.element
        canBeTold = bool(undeliveredReply(stanza, RESOURCE_CONSTRAINT))
        isRefused = self.running and conversation.hasStored and canBeTold
        isKept = not isRefused and self._scheduler.transient.admit(
            conversation.key, queued.size
        )
        if not isKept:
            self._replies.rejectOverload(stanza)
        self._scheduler.commitFailed(conversation, queued, isKept=isKept)

    def requeue(self, page: Sequence[InboxRecord]) -> None:
        """Deliver stored stanzas that became pending again, before later ones."""
        if self._isMeasured:
            for each in page:
                size = len(each.stanza.encode())
                self._scheduler.stored.add(each.conversation, size)
        self._scheduler.requeue(page)

    # --- start, change, stop ---

    def startService(self) -> None:
        """Deliver the stanzas in the store, and all that arrive."""
        super().startService()
        self._scope.open()
        self._isMeasured = False
        self._scheduler.start()
        if self._backlog is not None:
            self._backlog.firstNumber = None
            self._reading = Deferred.fromCoroutine(self._begin(self._backlog))
            self._reading.addErrback(_notRead)

    async def _begin(self, backlog: BacklogReader) -> None:
        """Deliver the stanzas that earlier processes have left in the store."""
        await self._scope.run(Deferred.fromCoroutine(self._precondition()))
        await backlog.measure()
        self._isMeasured = True
        self._scheduler.open()
        await backlog.queue()

    def reconfigure(self, subscription: Subscription) -> None:
        """
        Deliver to another subscriber from now on, or in another way.

        @param subscription: Has the same name.
        """
        self.filter = subscription.filter
        self._monitor.isLogged = subscription.isLogged
        assert subscription.subscriber is not None
        self._deliverer.subscriber = subscription.subscriber
        self._deliverer.wantsReflections = subscription.wantsReflections
        self._scheduler.setLimit(subscription.concurrency)

    async def drain(self) -> None:
        """
        Deliver no more stored stanzas, and wait until those in flight are recorded and
        those that arrived are committed. The store is not used afterwards.
        """
        closing = self._scheduler.close()
        self._reading.cancel()
        await self._reading
        await closing
        await self._commits.whenAllEnded()

    async def whenIdle(self) -> None:
        """Wait until no stanza is in flight, and no transient stanza waits."""
        await self._scheduler.whenIdle()

    def stopService(self) -> Deferred[None]:
        """
        Stop to deliver. The senders of transient stanzas get an error, but requests
        in flight may go on for L{STOP_TIMEOUT} seconds.

        @return: Fires once nothing is in flight and the store is not used.
        """
        super().stopService()
        self._scheduler.stop()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        timer = self._clock.callLater(STOP_TIMEOUT, self._scope.cancel)
        try:
            await self.drain()
            await self.whenIdle()
        finally:
            timers.cancel(timer)
            self._scope.cancel()


def _notRead(reason: Failure) -> None:
    if not reason.check(CancelledError):
        _log.failure(
            "Reading stored stanzas crashed; a restart delivers them. " + REPORT_BUG,
            failure=reason,
        )
