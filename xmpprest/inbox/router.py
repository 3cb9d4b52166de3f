"""Routes each inbound stanza to the inbox of the first callback that receives it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from twisted.application.service import Service
from twisted.internet.defer import (
    CancelledError,
    Deferred,
    DeferredLock,
    gatherResults,
)
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.words.xish.domish import Element

from ..concurrency.cancel_scope import CancelScope
from ..concurrency.waiters import Waiters
from ..core.errors import REPORT_BUG
from ..core.policy.callback_response import (
    ReplyPlan,
    unhandledReply,
)
from ..core.records import InboxRecord
from ..core.stanza.build import withArticle
from .inbox import Inbox
from .options import InboxOptions, Precondition
from .pull.inbox import PullInbox
from .reassignment import OrphanReassigner
from .redelivery import Redeliverer, noDurableCallback
from .replies import ReplySender
from .subscriber import Subscription

_log = Logger()
_T = TypeVar("_T")

#: The inbox of a callback that gets requests, or of one whose client fetches.
AnyInbox: TypeAlias = Inbox | PullInbox


class InboxRouter(Service):
    """
    Inboxes of all callbacks; none waits for another.

    @ivar inboxes: Inboxes by the name of their callback, in the order in which their
        filters are applied.
    """

    def __init__(
        self,
        send: Callable[[Element], None],
        builtin: Callable[[Element], Element | None],
        subscriptions: Sequence[Subscription],
        options: InboxOptions,
        *,
        reply: Callable[[Element], Awaitable[object]] | None = None,
    ) -> None:
        """
        @param send: Writes a stanza to the stream; raises L{Refusal} if it cannot.
        @param builtin: Returns the gateway's own answer to an iq, or C{None}.
        @param subscriptions: Callbacks, each with another name.
        @param reply: Sends the callbacks' messages; raises L{Refusal}. If C{None}, they
            are written to the stream.
        """
        self._replies = ReplySender(send, reply, builtin, options)
        self._options = options
        #: Inboxes of removed callbacks, and whether they may still use the store.
        self._leaving: dict[AnyInbox, bool] = {}
        self._isBeginning = False
        self._changes: Waiters[None] = Waiters()
        self._tasks: set[Deferred[None]] = set()
        self._lock = DeferredLock()
        self._scope = CancelScope(options.clock)
        self._reassigner: OrphanReassigner | None = None
        if options.store is not None:
            self._reassigner = OrphanReassigner(options.store, self._scope, self)
            self._redeliverer = Redeliverer(
                options.store, options.now, self._reassigner, lambda: self.freeCapacity
            )
        self.inboxes: Mapping[str, AnyInbox] = {}
        self.setSubscriptions(subscriptions)

    # --- what others ask ---

    @property
    def transientCount(self) -> int:
        """The number of transient stanzas that no callback has responded to."""
        return sum(each.transientCount for each in self._all)

    @property
    def storedCount(self) -> int:
        """The number of stored stanzas that are to be delivered."""
        # A removed callback's stanzas go to others once it has left the store alone.
        leaving = [each for each, usesStore in self._leaving.items() if usesStore]
        return sum(each.storedCount for each in (*self.inboxes.values(), *leaving))

    @property
    def storedSize(self) -> int:
        """The size of these stanzas, in bytes of XML."""
        leaving = [each for each, usesStore in self._leaving.items() if usesStore]
        return sum(each.storedSize for each in (*self.inboxes.values(), *leaving))

    @property
    def transientSize(self) -> int:
        """The size of the transient stanzas, in bytes of XML."""
        return sum(each.transientSize for each in self._all)

    @property
    def freeCapacity(self) -> int:
        """The number of further stanzas that may be stored."""
        return sum(each.freeCapacity for each in self.inboxes.values())

    @property
    def droppedReplies(self) -> int:
        """The number of automatic replies that were dropped to end a loop."""
        return self._replies.droppedReplies

    @property
    def isPaused(self) -> bool:
        """Whether any callback is paused: its stored stanzas stay in the store."""
        return any(each.isPaused for each in self.inboxes.values())

    def isDraining(self, name: str) -> bool:
        """Check whether a removed callback may still have stored stanzas in flight."""
        return any(
            usesStore and each.keys.callback == name
            for each, usesStore in self._leaving.items()
        )

    @property
    def _all(self) -> Sequence[AnyInbox]:
        return (*self.inboxes.values(), *self._leaving)

    # --- start, change, stop ---

    def startService(self) -> None:
        """Deliver the stanzas in the store, and all that arrive."""
        super().startService()
        self._scope.open()
        if self._reassigner is not None:
            self._leaving.clear()
            self._isBeginning = True
            self._run(self._begin())
        for each in self.inboxes.values():
            each.startService()

    def stopService(self) -> Deferred[list[None]]:
        """
        Stop to deliver. The senders of transient stanzas get an error, but requests
        in flight may go on for a few seconds.

        @return: Fires once nothing is in flight and the store is not used.
        """
        super().stopService()
        self._scope.cancel()
        stopping = [each.stopService() for each in self._all]
        return gatherResults([*stopping, *self._tasks])

    def setSubscriptions(self, subscriptions: Sequence[Subscription]) -> None:
        """
        Replace the callbacks.

        A callback that keeps its name keeps its stanzas. The stored stanzas of a
        removed callback go to the first one that receives them, and may arrive after
        later ones. Requests in flight are not disturbed.
        """
        before = dict(self.inboxes)
        self.inboxes = {
            each.name: self._changed(before, each) for each in subscriptions
        }
        if not self.running:
            return
        for removed in before.values():
            self._leaving[removed] = True
            self._run(self._leave(removed))
        self._run(self._reassign())

    def _changed(
        self, before: dict[str, AnyInbox], subscription: Subscription
    ) -> AnyInbox:
        known, isPull = before.get(subscription.name), subscription.subscriber is None
        if known is not None and isinstance(known, PullInbox) == isPull:
            del before[subscription.name]
            known.reconfigure(subscription)
            return known

        async def precondition() -> None:
            # Older stanzas come first, and those in flight to an end.
            while self._isBeginning or self.isDraining(subscription.name):
                await self._changes.wait()

        inbox = self._make(subscription, precondition)
        if self.running:
            inbox.startService()
        return inbox

    def _make(self, subscription: Subscription, precondition: Precondition) -> AnyInbox:
        if subscription.subscriber is not None:
            return Inbox(
                self._replies, subscription, self._options, precondition=precondition
            )
        store = self._options.store
        assert store is not None, "the configuration requires a store for pull:"
        return PullInbox(
            self._replies, subscription, store, self._options, precondition=precondition
        )

    async def _begin(self) -> None:
        try:
            await self._reassign()
        finally:
            self._isBeginning = False
            self._changes.release(None)

    async def _leave(self, removed: AnyInbox) -> None:
        """Finish the deliveries of a removed callback."""
        await removed.drain()
        self._leaving[removed] = False
        self._changes.release(None)
        await self._reassign()
        await removed.whenIdle()
        del self._leaving[removed]
        await removed.stopService()

    async def _reassign(self) -> None:
        if self._reassigner is not None and self.inboxes:
            async with self._lock:
                await self._reassigner.run()

    def _run(self, task: Coroutine[Deferred[Any], Any, None]) -> None:
        """Run a background task that only L{stopService} waits for."""
        self._track(Deferred.fromCoroutine(task)).addErrback(_failed)

    def _track(self, doing: Deferred[_T]) -> Deferred[_T]:
        waiting: Deferred[Any] = doing
        self._tasks.add(waiting)

        def done(result: Any) -> Any:  # or a failure
            self._tasks.discard(waiting)
            return result

        return doing.addBoth(done)

    # --- stanzas ---

    def receive(self, stanza: Element) -> None:
        """
        Deal with an inbound stanza.

        @param stanza: Any stanza but the reply to an iq that the gateway has sent.
        """
        attributes = stanza.attributes
        if not (attributes.get("from") and attributes.get("to")):
            # Servers must not send it (XEP-0114 §3), and an answer would have no
            # addresses: ejabberd closes the stream over that.
            _log.warn(
                "Ignored {stanza} without a sender or a recipient.",
                stanza=withArticle(stanza.name),
            )
            return
        for each in self.inboxes.values():
            if stanza in each.filter:
                each.receive(stanza)
                return
        plan = ReplyPlan(unhandledReply(stanza), deferToBuiltin=True)
        self._replies.sendNow(stanza, plan)

    async def redeliver(
        self, webhookIDs: Sequence[str] | None, since: float, until: float
    ) -> Sequence[InboxRecord]:
        """
        Deliver dead letters again, in the order of their arrival, as far as the limits
        allow.

        @param webhookIDs: Ids of the dead letters; C{None} for all of the time span.
        @param since: Begin of the time span, in seconds since 1970.
        @param until: End of the time span, which does not belong to it.
        @return: Records of the stanzas that are delivered again, without their XML.
        @raise Refusal: 409, there is no callback.
        @raise StoreUnavailable: Some of them may be delivered all the same.
        """
        if not any(each.isDurable for each in self.inboxes.values()):
            raise noDurableCallback()
        again: Deferred[Sequence[InboxRecord]] = Deferred()
        redelivering = self._redeliverer.run(webhookIDs, since, until)
        # The client may leave; stanzas that became pending must be queued all the same.
        self._track(Deferred.fromCoroutine(redelivering)).chainDeferred(again)
        return await again


def _failed(reason: Failure) -> None:
    if not reason.check(CancelledError):
        _log.failure(
            "Assigning stored stanzas crashed; a restart repeats it. " + REPORT_BUG,
            failure=reason,
        )
