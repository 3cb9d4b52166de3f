"""The inbox of a callback whose client fetches its stanzas (updates.rst)."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from math import inf
from typing import Any, TypeVar

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.words.xish.domish import Element

from ...concurrency import timers
from ...concurrency.cancel_scope import CancelScope
from ...concurrency.waiters import Waiters
from ...core.errors import REPORT_BUG, RESOURCE_CONSTRAINT, Refusal, notFound
from ...core.histogram import Histogram
from ...core.policy.callback_response import (
    NO_REPLY,
    CallbackResponse,
    interpretResponse,
    onUnreachable,
    undeliveredReply,
)
from ...core.records import InboxRecord
from ...core.stanza.stored import UnparsableStanza, serialize
from ...core.updates.cursor import Cursor, unknownCursor
from ...core.updates.page import PageBuilder, encodeStanza, encodeUpdate
from ...core.updates.queue import Expected, Transient, UpdateQueue
from ...core.updates.response import displaced, requireFaultless, settled
from ...core.updates.status import UpdatesStatus
from ...core.webhook.conversation_key import ConversationKeys
from ...ids import deriveIDs, newWebhookID
from ..capacity import Capacity
from ..commits import InboundCommits
from ..filter import isDurable
from ..options import InboxOptions, Precondition
from ..replies import ReplySender
from ..store_access import InboxStore
from ..subscriber import Subscription
from .reader import Reader
from .stored import StoredUpdate, StoredUpdates
from .transient import TransientUpdate, TransientUpdates

_log = Logger()
_T = TypeVar("_T")

#: Seconds after a request for which its client counts as there.
PRESENCE = 30.0
#: Number of updates that one reactor turn encodes.
SLICE = 100
#: Size in characters of XML up to which a stanza is encoded before it is fetched.
LARGE = 8192
#: Recorded for a stored reflection that the client does not get.
REFLECTED = "Not returned: a room has sent it back to its author (reflections)."


class PullInbox(Service):
    """
    The inbox of one callback that a client fetches from.

    Messages and subscription presence are committed; they wait for the client for
    days. Other presence and iqs wait in memory, while a client is there.

    @ivar filter: The stanzas that the callback receives; the router applies it.
    @ivar keys: Names of its conversations in the store.
    """

    #: It is never paused: no client that stays away can fail.
    isPaused = False
    isDurable = True
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
        self._store = store
        self._reflections = options.reflections
        self._clock, self._now = options.clock, options.now
        self._steady = options.steady
        self._precondition = precondition
        self._scope = CancelScope(options.clock)
        self._queue = UpdateQueue()
        limits = options.limits
        self._commits = InboundCommits(store, options, fallback="is refused")
        self._stored = StoredUpdates(
            store,
            self._queue,
            self.keys,
            replies,
            scope=self._scope,
            options=options,
            capacity=self._commits.stored,
        )
        self._transient = TransientUpdates(
            self._queue,
            replies,
            options,
            Capacity(
                lambda: (limits.transientCount, limits.transientSize),
                "stanzas in memory",
            ),
            lambda: self.isWatched,
        )
        #: Distinguishes the transient stanzas of this run in cursors.
        self._run = 0
        self._generation = 0
        self._random = options.random
        self._isOpen = False
        self._reader: Reader | None = None
        self._seenAt = -inf
        self._waking: IDelayedCall | None = None
        self._loading: Deferred[None] = succeed(None)
        self._loaded: Waiters[None] = Waiters()
        self._tasks: set[Deferred[Any]] = set()
        self._allFinished: Waiters[None] = Waiters()
        self.reconfigure(subscription)

    # --- what others ask ---

    @property
    def transientCount(self) -> int:
        """The number of transient stanzas that the client has not responded to."""
        return self._transient.capacity.count

    @property
    def transientSize(self) -> int:
        """The size of these stanzas, in bytes of XML."""
        return self._transient.capacity.size

    @property
    def storedCount(self) -> int:
        """The number of stored stanzas that wait for the client."""
        return self._stored.capacity.count

    @property
    def storedSize(self) -> int:
        """The size of these stanzas, in bytes of XML."""
        return self._stored.capacity.size

    @property
    def oldestAt(self) -> float | None:
        """The time since which the first stored stanza waits; C{None} if none does."""
        return self._queue.oldest

    @property
    def refusedCount(self) -> int:
        """The number of stanzas that were refused because of a limit."""
        all = (
            self._stored.capacity,
            self._transient.capacity,
            self._commits.committing,
        )
        return sum(each.refused for each in all)

    @property
    def freeCapacity(self) -> int:
        """The number of further stanzas that may be stored."""
        return self._stored.capacity.free

    @property
    def hasReader(self) -> bool:
        """Whether a request waits for updates."""
        return self._reader is not None

    @property
    def status(self) -> UpdatesStatus:
        """The number of updates that wait, and whether the client is there."""
        ago = 0.0 if self.hasReader else self._steady() - self._seenAt
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
        return self.hasReader or self._steady() - self._seenAt <= PRESENCE

    # --- inbound stanzas ---

    def receive(self, stanza: Element) -> None:
        """
        Store a stanza, or offer it to the client; or tell its sender that it is
        refused.

        @param stanza: Has C{from} and C{to}.
        """
        if not self._wantsReflections and self._reflections.isKnown(stanza):
            return
        if isDurable(stanza):
            self._commit(stanza)
        elif self.running and self._isOpen and self.isWatched:
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
        self._wakeSoon()

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
        self._wakeSoon()

    def _commitFailed(
        self, expected: Expected, update: StoredUpdate, isHeld: bool, generation: int
    ) -> None:
        """
        Tell the sender to send a stanza again. If it cannot be told, the client may
        get the stanza from memory, while it is there.
        """
        key, size, stanza = update.key, len(update.xml), update.element
        canBeTold = bool(undeliveredReply(stanza, RESOURCE_CONSTRAINT))
        isOffered = self._isOpen and self.isWatched and not canBeTold
        instead: Transient | None = None
        if isOffered and self._transient.capacity.admit(key, size):
            instead = self._transient.make(update.id, stanza, key, size)
        else:
            self._replies.rejectOverload(stanza)
        self._queue.commitFailed(expected, instead)
        self._wakeSoon()

    def requeue(self, page: Sequence[InboxRecord]) -> None:
        """Return stored stanzas that became pending again, after all others."""
        self._stored.requeue(page)
        self._wakeSoon()

    def _wakeSoon(self) -> None:
        """Wake the client at the end of this reactor turn: more may arrive in it."""
        if self._reader is not None and self._waking is None:
            self._waking = self._clock.callLater(0, self._wake)

    def _wake(self) -> None:
        self._waking = None
        if self._reader is not None and not self._queue.isEmpty:
            self._reader.wake()

    # --- requests of the client ---

    async def fetch(self, after: str | None, wait: float, limit: int) -> bytes:
        """
        Acknowledge updates, and return those that follow.

        @param after: The cursor up to which the client acknowledges.
        @param wait: Seconds to wait for the first update.
        @param limit: Limit on the updates.
        @return: The body of the response, in JSON.
        @raise Refusal: 400, the cursor is none of this callback; 409, another request
            took the place of this one.
        @raise StoreUnavailable: Nothing is lost.
        """
        reader = Reader(self._clock, wait)
        if self._reader is not None:
            self._reader.end(displaced(self.keys.callback))
        self._reader = reader
        try:
            return await self._fetch(reader, after, limit)
        finally:
            self._seenAt = self._steady()
            if self._reader is reader:
                self._reader = None

    async def _fetch(self, reader: Reader, after: str | None, limit: int) -> bytes:
        await self._whenLoaded()
        cursor = Cursor(0, 0, self._run)
        if after is not None:
            cursor = self._parse(after)
            await self._shield(self._acknowledge(cursor))
        while True:
            reader.begin()
            page = PageBuilder(cursor)
            await self._collect(page, limit)
            if page or not reader.isPatient:
                reader.begin()
                return page.body(self._stored.codec.encode(page.cursor))
            if not page.hasDropped:
                await reader.wait()

    async def _whenLoaded(self) -> None:
        """Wait until the stanzas of earlier runs are known."""
        while not self._stored.isLoaded:
            if not self._isOpen:
                raise self._removed()
            await self._loaded.wait()

    def _removed(self) -> Refusal:
        return notFound(f"The callback {self.keys.callback} has been removed.")

    def _parse(self, after: str) -> Cursor:
        """
        Read a cursor.

        @raise Refusal: 400, it is unknown.
        """
        cursor = self._stored.codec.decode(after)
        isOfRun = cursor.run == self._run
        if cursor.position > self._stored.last or (
            isOfRun and cursor.serial > self._queue.serial
        ):
            raise unknownCursor(self.keys.callback)
        # Transient stanzas of earlier runs are gone.
        return cursor if isOfRun else Cursor(cursor.position, 0, self._run)

    async def _acknowledge(self, cursor: Cursor) -> None:
        self._transient.acknowledge(cursor.serial)
        await self._stored.acknowledge(cursor.position)

    async def _collect(self, page: PageBuilder, limit: int) -> None:
        """Add the first updates to a page."""
        first = self._queue.first(limit)
        stored = await self._stored.read([e for e in first if isinstance(e, int)])
        for count, each in enumerate(first, 1):
            if isinstance(each, int):
                if self._stored.isSettling(each) or each not in self._queue:
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
            await self._shield(self._stored.die(update, reason))
            return True
        if json is None:
            page.hasDropped = True
            await self._shield(self._stored.drop(update, REFLECTED))
            return True
        cursor = Cursor(update.position, page.cursor.serial, self._run)
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
        isReflection = await self._isReflection(update, stanza)
        if isReflection and not self._wantsReflections:
            return None
        return encodeStanza(stanza, isReflection=isReflection)

    async def _isReflection(self, update: StoredUpdate, stanza: Element) -> bool:
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
        cursor = Cursor(page.cursor.position, update.serial, self._run)
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

    def findUpdate(self, id: str) -> TransientUpdate | StoredUpdate | None:
        """Return an update that is in memory."""
        return self._transient.find(id) or self._stored.find(id)

    def wasSettled(self, id: str) -> bool:
        """Check whether an update was a transient stanza that is settled."""
        return self._transient.wasSettled(id)

    async def answer(
        self, update: TransientUpdate | StoredUpdate, response: CallbackResponse
    ) -> None:
        """
        Act on the client's response to an update, and acknowledge it.

        @raise Refusal: 409, it is settled; 422, the response is at fault; 503, the
            reply cannot be sent now.
        @raise StoreUnavailable: It is not settled, and may be answered again.
        """
        if isinstance(update, TransientUpdate):
            await self._shield(self._transient.answer(update, response))
        else:
            await self._answerStored(update, response)

    async def _answerStored(
        self, update: StoredUpdate, response: CallbackResponse
    ) -> None:
        await self._whenLoaded()
        try:
            stanza = update.element
        except UnparsableStanza:
            raise settled(update.id) from None  # it will be a dead letter
        isReflection = await self._isReflection(update, stanza)
        await self._stored.claim(update)
        plan, newID = NO_REPLY, deriveIDs(update.id)
        if not isReflection:
            plan = interpretResponse(stanza, response, newID)
            requireFaultless(plan)
            plan = self._replies.limit(stanza, plan, newID)
        await self._shield(self._stored.settle(update, lambda: plan, response))

    async def _shield(self, doing: Coroutine[Deferred[Any], Any, None]) -> None:
        """Finish a task also if its client leaves."""
        task, done = Deferred.fromCoroutine(doing), Deferred[None]()
        self._tasks.add(task)
        task.addBoth(self._finished, task)
        task.chainDeferred(done)
        await done

    def _finished(self, result: _T, task: Deferred[Any]) -> _T:
        self._tasks.discard(task)
        if not self._tasks:
            self._allFinished.release(None)
        self._wakeSoon()
        return result

    # --- start, change, stop ---

    def startService(self) -> None:
        """Return the stanzas in the store, and all that arrive."""
        super().startService()
        self._scope.open()
        self._generation += 1
        self._run = int(self._random() * 2**32)
        self._queue.clear()
        self._stored.start()
        self._transient.start()
        self._isOpen = True
        self._loading = Deferred.fromCoroutine(self._begin())
        self._loading.addErrback(_notLoaded)

    async def _begin(self) -> None:
        await self._scope.run(Deferred.fromCoroutine(self._precondition()))
        await self._stored.load()
        self._loaded.release(None)

    def reconfigure(self, subscription: Subscription) -> None:
        """
        Return other stanzas from now on.

        @param subscription: Has the same name.
        """
        self.filter = subscription.filter
        self._wantsReflections = subscription.wantsReflections

    async def drain(self) -> None:
        """
        Return no more stanzas, and wait until those that are being settled are recorded
        and those that arrived are committed. The store is not used afterwards.
        """
        self._close(self._removed())
        self._loading.cancel()
        await self._loading
        await self._commits.whenAllEnded()
        while self._tasks:
            await self._allFinished.wait()

    def _close(self, refusal: Refusal | None) -> None:
        self._isOpen = False
        if self._reader is not None:
            self._reader.end(refusal)
        self._loaded.release(None)
        self._transient.stop()
        self._stored.stop()

    async def whenIdle(self) -> None:
        """Do nothing: no stanza is in flight after L{drain}."""

    def stopService(self) -> Deferred[None]:
        """
        Stop to return stanzas. The senders of transient stanzas get an error.

        @return: Fires once the store is not used.
        """
        super().stopService()
        self._close(None)
        timers.cancel(self._waking)
        self._waking = None
        self._scope.cancel()
        return Deferred.fromCoroutine(self.drain())


def _notLoaded(reason: Failure) -> None:
    if not reason.check(CancelledError):
        _log.failure(
            "Reading stored stanzas crashed; a restart returns them. " + REPORT_BUG,
            failure=reason,
        )
