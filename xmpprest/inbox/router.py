"""
Takes each inbound stanza to the first callback that wants it; each has a way in of its
own, so that none waits for another.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

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
from ..core.records import InboxRecord
from ..core.webhook.conversation_key import DEFAULT
from .inbox import Inbox, StanzaFilter
from .options import DurabilityOptions
from .reassignment import OrphanReassigner
from .redelivery import Redeliverer, noDurableCallback
from .webhook_caller import Webhook

_log = Logger()
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Subscriber:
    """
    A callback, and what it is to get.

    @ivar name: What it is called in the store and the log.
    @ivar concurrency: How many stanzas it may be asked about at once.
    """

    callback: Webhook
    filter: StanzaFilter
    concurrency: int = 32
    name: str = DEFAULT


class InboxRouter(Service):
    """
    The way in.

    @ivar inboxes: Those to each callback, by its name, in their order.
    """

    def __init__(
        self,
        send: Callable[[Element], None],
        builtin: Callable[[Element], Element | None],
        ways: Sequence[Subscriber],
        *,
        reply: Callable[[Element], Awaitable[object]] | None = None,
        keeping: DurabilityOptions | None = None,
    ) -> None:
        """
        @param ways: To the callbacks, the first to be asked first; each has another
            name.
        @param keeping: C{None}, and no stanza is kept. How many connections it has is
            for each to say.

        The others are those of L{Inbox}.
        """
        self._send = send
        self._builtin = builtin
        self._reply = reply
        self._keeping = keeping
        self._nobody = Inbox(
            send, builtin, None, StanzaFilter(frozenset(), frozenset())
        )
        #: To callbacks that are no longer there, and whether what is kept for them may
        #: be under way.
        self._leaving: dict[Inbox, bool] = {}
        self._isBeginning = False
        self._waiting: list[Deferred[None]] = []
        self._tasks: set[Deferred[None]] = set()
        self._lock = DeferredLock()
        self._adoption: OrphanReassigner | None = None
        if keeping is not None:
            self._waits = CancelScope(keeping.clock)
            self._adoption = OrphanReassigner(keeping.store, self._waits, self)
            self._redelivery = Redeliverer(keeping, self._adoption, lambda: self.room)
        self.inboxes: Mapping[str, Inbox] = {}
        self.setSubscribers(ways)

    @property
    def waiting(self) -> int:
        """How many stanzas are not yet answered, of those not kept."""
        return sum(each.transientCount for each in self._all)

    @property
    def kept(self) -> int:
        """The same of those that are kept."""
        # What the others had is no longer theirs.
        keeping = [each for each, isKeeping in self._leaving.items() if isKeeping]
        return sum(each.storedCount for each in (*self.inboxes.values(), *keeping))

    @property
    def room(self) -> int:
        """How many more may be kept."""
        return sum(each.freeCapacity for each in self.inboxes.values())

    @property
    def isPaused(self) -> bool:
        """Whether any callback is paused: what is kept for it stays."""
        return any(each.isPaused for each in self.inboxes.values())

    def isDraining(self, name: str) -> bool:
        """
        Whether what is kept for a callback that is no longer there may be under way.
        """
        return any(
            isKeeping and each.keys.callback == name
            for each, isKeeping in self._leaving.items()
        )

    @property
    def _all(self) -> Sequence[Inbox]:
        return (*self.inboxes.values(), *self._leaving)

    # --- beginning, changing, ending ---

    def startService(self) -> None:
        """Deliver what was kept."""
        super().startService()
        if self._adoption is not None:
            self._waits.open()
            self._leaving.clear()
            self._isBeginning = True
            self._do(self._begin())
        for each in (self._nobody, *self.inboxes.values()):
            each.startService()

    def stopService(self) -> Deferred[list[None]]:
        """
        Give up all that is under way. What is not kept is bounced.

        @return: Fires once the store is no longer used.
        """
        super().stopService()
        if self._adoption is not None:
            self._waits.cancel()
        stopping = [each.stopService() for each in (*self._all, self._nobody)]
        return gatherResults([*stopping, *self._tasks])

    def setSubscribers(self, ways: Sequence[Subscriber]) -> None:
        """
        Take what comes to other callbacks from now on.

        One of the same name as before goes on with what waits for it. What waits for
        one that is no longer there goes to the first that wants it, and may come there
        after what has come since. What is under way is not disturbed.
        """
        before = dict(self.inboxes)
        self.inboxes = {each.name: self._changed(before, each) for each in ways}
        if not self.running:
            return
        for gone in before.values():
            self._leaving[gone] = True
            self._do(self._leave(gone))
        self._do(self._adopt())

    def _changed(self, before: dict[str, Inbox], way: Subscriber) -> Inbox:
        inbox = before.pop(way.name, None)
        if inbox is not None:
            inbox.reconfigure(way.callback, way.filter, way.concurrency)
            return inbox
        inbox = self._new(way)
        if self.running:
            inbox.startService()
        return inbox

    def _new(self, way: Subscriber) -> Inbox:
        keeping = self._keeping
        if keeping is not None:
            keeping = replace(keeping, connections=way.concurrency)

        async def prior() -> None:
            # What is older has to come first, and what is under way to an end.
            while self._isBeginning or self.isDraining(way.name):
                waiting: Deferred[None] = Deferred()
                self._waiting.append(waiting)
                await waiting

        return Inbox(
            self._send,
            self._builtin,
            way.callback,
            way.filter,
            reply=self._reply,
            keeping=keeping,
            name=way.name,
            prior=prior,
        )

    async def _begin(self) -> None:
        try:
            await self._adopt()
        finally:
            self._isBeginning = False
            self._goOn()

    async def _leave(self, gone: Inbox) -> None:
        """See out a callback that is no longer there."""
        await gone.drain()
        self._leaving[gone] = False
        self._goOn()
        await self._adopt()
        await gone.whenIdle()
        del self._leaving[gone]
        await gone.stopService()

    async def _adopt(self) -> None:
        if self._adoption is not None and self.inboxes:
            async with self._lock:
                await self._adoption.run()

    def _goOn(self) -> None:
        """Those that wait may have waited for this."""
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)

    def _do(self, task: Coroutine[Deferred[Any], Any, None]) -> None:
        """Do what nobody waits for but L{stopService}."""
        self._track(Deferred.fromCoroutine(task)).addErrback(_failed)

    def _track(self, doing: Deferred[_T]) -> Deferred[_T]:
        waiting: Deferred[Any] = doing
        self._tasks.add(waiting)

        def done(result: Any) -> Any:  # or a failure
            self._tasks.discard(waiting)
            return result

        return doing.addBoth(done)

    # --- what it is for ---

    def receive(self, stanza: Element) -> None:
        """
        Deal with an inbound stanza.

        @param stanza: Any stanza that answers no iq of ours.
        """
        for each in self.inboxes.values():
            if stanza in each.selection:
                each.receive(stanza)
                return
        self._nobody.receive(stanza)

    async def redeliver(
        self, webhookIDs: Sequence[str] | None, since: float, until: float
    ) -> Sequence[InboxRecord]:
        """
        Deliver stanzas that were given up, in the order they came, as far as they may
        wait.

        @param webhookIDs: Which, of those that came within the time span; C{None} for
            all of them.
        @param since: The beginning of the time span, in seconds since 1970.
        @param until: Its end, which does not belong to it.
        @return: Which are delivered again, without their XML.
        @raise Refusal: 409, there is no callback.
        @raise StoreUnavailable: Some of them may be delivered all the same.
        """
        if not any(each.isDurable for each in self.inboxes.values()):
            raise noDurableCallback()
        again: Deferred[Sequence[InboxRecord]] = Deferred()
        redelivering = self._redelivery.run(webhookIDs, since, until)
        # Who waits may leave; what is pending must be known here all the same.
        self._track(Deferred.fromCoroutine(redelivering)).chainDeferred(again)
        return await again


def _failed(reason: Failure) -> None:
    if not reason.check(CancelledError):
        _log.failure("What was kept could not be seen to.", failure=reason)
