"""
The inbox of one callback: stores inbound stanzas and queues them for delivery.

With a store, messages and subscription presence are committed before they are
delivered. All other stanzas are transient: they are delivered in one attempt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Protocol

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.words.xish.domish import Element

from ..concurrency import timers
from ..concurrency.cancel_scope import CancelScope
from ..concurrency.waiters import Waiters
from ..core.errors import REPORT_BUG, RESOURCE_CONSTRAINT
from ..core.histogram import Histogram
from ..core.policy.callback_response import (
    onUnreachable,
    undeliveredReply,
)
from ..core.records import InboxRecord, PendingSize, StoreUnavailable
from ..core.stanza import jid
from ..core.stanza.stored import serialize
from ..core.webhook.conversation_key import DEFAULT, ConversationKeys
from ..ids import newWebhookID
from .attempt import StanzaDeliverer
from .capacity import Capacity
from .conversation import (
    SMALL_SIZE,
    TREE_SIZE,
    Conversation,
    MemoryUse,
    QueuedStanza,
    isSmall,
)
from .health_monitor import HealthMonitor
from .options import InboxOptions, Precondition
from .replies import ReplySender
from .scheduler import DeliveryScheduler
from .store_access import retryWhileUnavailable
from .webhook_caller import Webhook, WebhookCaller

_log = Logger()

#: Number of conversations that one call of the store returns.
PAGE = 1000
#: Seconds until the next call while the conversations of the last one still wait.
PAGE_PAUSE = 0.25
#: Seconds between two log lines about stanzas that the store cannot commit.
LOG_INTERVAL = 600.0
#: Seconds for which requests to the callback may go on after the service was stopped.
STOP_TIMEOUT = 5.0

#: Types of presence that are stored: they are events (RFC 6121 §3), not a state.
SUBSCRIPTION = frozenset({"subscribe", "subscribed", "unsubscribe", "unsubscribed"})


class AddressSet(Protocol):
    """A set of addresses."""

    def __contains__(self, address: str, /) -> bool:
        """Check whether the set contains an address."""


@dataclass(frozen=True, slots=True)
class StanzaFilter:
    """
    The stanzas that a callback receives.

    @ivar kinds: Of C{message}, C{presence}, C{iq}.
    @ivar events: Forms of C{to}: C{bare} is user@host, C{full} has a resource,
        C{host} is the domain alone.
    @ivar to: Recipients; C{None} for all.
    """

    kinds: frozenset[str]
    events: frozenset[str]
    to: AddressSet | None = None

    def __contains__(self, stanza: Element) -> bool:
        return (
            stanza.name in self.kinds
            and _form(stanza) in self.events
            and (self.to is None or stanza.getAttribute("to", "") in self.to)
        )


def _form(stanza: Element) -> str:
    """Return the form of the address that a stanza is for."""
    local, _, resource = jid.splitJID(stanza.getAttribute("to", ""))
    if resource is not None:
        return "full"
    return "host" if local is None else "bare"


def isDurable(stanza: Element) -> bool:
    """Check whether a stanza is stored, if there is a store."""
    if stanza.name == "presence":
        return stanza.getAttribute("type") in SUBSCRIPTION
    return bool(stanza.name == "message")


async def _nothing() -> None:
    """Do nothing before deliveries."""


class Inbox(Service):
    """
    The inbox of one callback.

    @ivar filter: The stanzas that the callback receives; the router applies it.
    @ivar keys: Names of its conversations in the store.
    """

    def __init__(
        self,
        replies: ReplySender,
        callback: Webhook,
        filter: StanzaFilter,
        options: InboxOptions,
        *,
        concurrency: int = 32,
        name: str = DEFAULT,
        precondition: Precondition = _nothing,
    ) -> None:
        """
        @param concurrency: Limit on the stanzas in flight.
        @param name: Name of the callback.
        @param precondition: Ends before stored stanzas are delivered.
        """
        self.filter = filter
        self.keys = ConversationKeys(name)
        self._replies = replies
        self._options = options
        self._store = options.store
        self._precondition = precondition
        self._scope = CancelScope(options.clock)
        self._memory = MemoryUse()
        steady = options.steady
        self._monitor = HealthMonitor(steady, name)
        self._caller = WebhookCaller(
            callback,
            steady,
            # Without a store there is nothing to pause.
            None if options.store is None else self._monitor,
            name,
            onComplaint=options.onComplaint,
        )
        limits, settings = options.limits, options.settings
        self._committing = Capacity(
            lambda: (limits.committingCount, limits.committingSize),
            "stanzas being committed",
            isShared=False,
        )
        self._deliverer = StanzaDeliverer(
            self._caller,
            replies,
            self._monitor,
            reflections=options.reflections,
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
            stored=Capacity(
                lambda: (settings.value.inboxLimit, settings.value.inboxSize),
                "stored stanzas",
            ),
            transient=Capacity(
                lambda: (limits.transientCount, limits.transientSize),
                "stanzas in memory",
            ),
            limit=concurrency,
        )
        self._finding: Deferred[None] = succeed(None)
        #: Number of the first stanza that this process has stored.
        self._firstNumber: int | None = None
        #: Whether the stanzas of earlier processes are counted.
        self._isMeasured = False
        self._allCommitted: Waiters[None] = Waiters()
        self._quietUntil = -inf

    # --- what others ask ---

    @property
    def transientCount(self) -> int:
        """The number of transient stanzas that the callback has not responded to."""
        return self._scheduler.transient.count

    @property
    def transientSize(self) -> int:
        """The size of these stanzas, in bytes of XML."""
        return self._scheduler.transient.size

    @property
    def storedCount(self) -> int:
        """The number of stored stanzas that are to be delivered."""
        return self._scheduler.stored.count

    @property
    def storedSize(self) -> int:
        """The size of these stanzas, in bytes of XML."""
        return self._scheduler.stored.size

    @property
    def refusedCount(self) -> int:
        """The number of stanzas that were refused because of a limit."""
        scheduler = self._scheduler
        all = (scheduler.stored, scheduler.transient, self._committing)
        return sum(each.refused for each in all)

    @property
    def freeCapacity(self) -> int:
        """The number of further stanzas that may be stored."""
        return self._scheduler.stored.free if self.isDurable else 0

    @property
    def attemptLatencies(self) -> Mapping[str, Histogram]:
        """Seconds that each attempt to deliver took, by its result."""
        return self._caller.attemptLatencies

    @property
    def isPaused(self) -> bool:
        """Whether the callback is paused: its stored stanzas stay in the store."""
        return self._monitor.health.isPaused

    @property
    def isDurable(self) -> bool:
        """Whether any stanzas are stored."""
        return self._store is not None

    # --- start, change, stop ---

    def startService(self) -> None:
        """Deliver the stanzas in the store, and all that arrive."""
        super().startService()
        self._scope.open()
        self._firstNumber = None
        self._isMeasured = False
        self._scheduler.start()
        if self._store is not None:
            self._finding = Deferred.fromCoroutine(self._begin())
            self._finding.addErrback(self._notFound)

    def reconfigure(
        self,
        callback: Webhook,
        filter: StanzaFilter,
        concurrency: int,
        *,
        isLogged: bool = False,
        wantsReflections: bool = False,
    ) -> None:
        """
        Deliver to another callback from now on, or in another way.

        @param isLogged: Whether each attempt has a line in the log.
        @param wantsReflections: Whether the callback gets messages that rooms send back
            to their author.
        """
        self._caller.callback = callback
        self._caller.isLogged = isLogged
        self._deliverer.wantsReflections = wantsReflections
        self.filter = filter
        self._scheduler.limit = concurrency
        self._scheduler.wake()

    async def drain(self) -> None:
        """
        Deliver no more stored stanzas, and wait until those in flight are recorded and
        those that arrived are committed. The store is not used afterwards.
        """
        closing = self._scheduler.close()
        self._finding.cancel()
        await self._finding
        await closing
        while self._committing.count:
            await self._allCommitted.wait()

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
        timer = self._options.clock.callLater(STOP_TIMEOUT, self._scope.cancel)
        try:
            await self.drain()
            await self.whenIdle()
        finally:
            timers.cancel(timer)
            self._scope.cancel()

    # --- stanzas of earlier processes ---

    async def _begin(self) -> None:
        await self._scope.run(Deferred.fromCoroutine(self._precondition()))
        await self._measure()
        self._isMeasured = True
        self._scheduler.open()
        await self._find()

    async def _measure(self) -> None:
        """Count the stanzas that earlier processes have left in the store."""
        after = self.keys.lowerBound
        while page := await retryWhileUnavailable(
            self._scope, partial(self._sizes, after)
        ):
            for each in page:
                if each.conversation in self.keys:
                    self._scheduler.stored.add(each.conversation, each.size, each.count)
            after = page[-1].conversation
            if after not in self.keys:
                break

    def _sizes(self, after: str) -> Deferred[Sequence[PendingSize]]:
        assert self._store is not None
        # Stanzas that arrived since the start are counted already.
        return self._store.pendingSizes(after, self._firstNumber, PAGE)

    async def _find(self) -> None:
        """Queue the conversations that earlier processes have left in the store."""
        assert self._store is not None
        after = self.keys.lowerBound
        while page := await retryWhileUnavailable(
            self._scope, partial(self._store.conversations, after, PAGE)
        ):
            for key in page:
                if key in self.keys:
                    self._scheduler.addFromStore(key)
            while self._scheduler.readyCount > PAGE:
                await self._scope.sleep(PAGE_PAUSE)
            after = page[-1]
            if after not in self.keys:
                break
        self._scheduler.isComplete = True

    def _notFound(self, reason: Failure) -> None:
        if not reason.check(CancelledError):
            _log.failure(
                "Reading stored stanzas crashed; a restart delivers them. "
                + REPORT_BUG,
                failure=reason,
            )

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
        isWanted = self._deliverer.wantsReflections
        if not isWanted and self._options.reflections.isKnown(stanza):
            return
        key = self.keys.keyOf(stanza)
        canStayTree = self._memory.trees + SMALL_SIZE <= TREE_SIZE
        isTree = not isStored and canStayTree and isSmall(stanza)
        xml = "" if isTree else serialize(stanza)
        now = self._options.now()
        queued = QueuedStanza(
            newWebhookID(),
            xml.encode(),
            now,
            self._options.steady(),
            isStored=isStored,
            isPatient=isStored,
        )
        if not self._isAdmitted(queued, key):
            self._replies.rejectOverload(stanza)
            return
        conversation = self._scheduler.conversation(key)
        queued.keepTree(stanza, self._memory)
        conversation.arrive(queued)
        if isStored:
            self._commit(conversation, queued, xml, now)
        else:
            self._scheduler.arrived(conversation)

    def _isAdmitted(self, queued: QueuedStanza, key: str) -> bool:
        """Check the limits; count the stanza if they allow it."""
        size, scheduler = queued.size, self._scheduler
        if not queued.isStored:
            return scheduler.transient.admit(key, size)
        if not self._committing.admit(key, size):
            return False
        isAdmitted = scheduler.stored.admit(key, size)
        if not isAdmitted:
            self._committing.remove(key, size)
        return isAdmitted

    def _commit(
        self, conversation: Conversation, queued: QueuedStanza, xml: str, at: float
    ) -> None:
        assert self._store is not None
        committing = self._store.addIncoming(
            queued.webhookID, conversation.key, xml, at
        )
        committing.addCallbacks(
            self._committed,
            self._commitFailed,
            (conversation, queued),
            {},
            (conversation, queued),
        )
        committing.addErrback(
            lambda reason: _log.failure(
                "Scheduling a stored stanza crashed; a restart delivers it. "
                + REPORT_BUG,
                failure=reason,
            )
        )

    def _committed(
        self, number: int, conversation: Conversation, queued: QueuedStanza
    ) -> None:
        if self._firstNumber is None:
            self._firstNumber = number
        self._scheduler.committed(conversation, queued, number)
        self._commitEnded(conversation, queued)

    def _commitFailed(
        self, reason: Failure, conversation: Conversation, queued: QueuedStanza
    ) -> None:
        """
        Deliver a stanza as a transient one, in its place. If stored stanzas wait before
        it, its sender is told to send it again instead, unless it cannot be told.
        """
        self._logFailedCommit(reason)
        key, size = conversation.key, queued.size
        stanza = queued.element
        self._scheduler.stored.remove(key, size)
        canBeTold = bool(undeliveredReply(stanza, RESOURCE_CONSTRAINT))
        isRefused = self.running and conversation.hasStored and canBeTold
        isKept = not isRefused and self._scheduler.transient.admit(key, size)
        if not isKept:
            self._replies.rejectOverload(stanza)
        self._scheduler.commitFailed(conversation, queued, isKept=isKept)
        self._commitEnded(conversation, queued)

    def _logFailedCommit(self, reason: Failure) -> None:
        now = self._options.steady()
        if not reason.check(StoreUnavailable):
            _log.failure(
                "Storing a stanza crashed; it has one attempt, or is refused. "
                + REPORT_BUG,
                failure=reason,
            )
        elif now >= self._quietUntil:
            self._quietUntil = now + LOG_INTERVAL
            _log.error(
                "Inbound messages cannot be stored: {reason}. Until they can, each is"
                " delivered in one attempt, or refused.",
                reason=reason.value,
            )

    def _commitEnded(self, conversation: Conversation, queued: QueuedStanza) -> None:
        self._committing.remove(conversation.key, queued.size)
        if not self._committing.count:
            self._allCommitted.release(None)

    def requeue(self, page: Sequence[InboxRecord]) -> None:
        """Deliver stored stanzas that became pending again, before later ones."""
        if self._isMeasured:
            for each in page:
                size = len(each.stanza.encode())
                self._scheduler.stored.add(each.conversation, size)
        self._scheduler.requeue(page)
