"""Stored stanzas that a client fetches: reads them, settles them, ages them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.words.xish.domish import Element

from ...concurrency import timers
from ...concurrency.cancel_scope import CancelScope
from ...concurrency.waiters import Waiters
from ...core.errors import REPORT_BUG, errorFromStatus
from ...core.policy.callback_response import (
    CallbackResponse,
    ReplyPlan,
    interpretResponse,
)
from ...core.policy.retry import RETRY_WINDOW
from ...core.records import (
    DEAD,
    DELIVERED,
    DeliveryAttempt,
    InboxRecord,
    StoreUnavailable,
    UpdatesOrigin,
)
from ...core.stanza.stored import parseStored
from ...core.updates.cursor import CursorCodec
from ...core.updates.page import MAX_SIZE
from ...core.updates.queue import UpdateQueue
from ...core.updates.response import ACKNOWLEDGED, settled
from ...core.webhook.conversation_key import ConversationKeys
from ...ids import deriveIDs
from ..capacity import Capacity
from ..options import InboxOptions
from ..replies import ReplySender
from ..store_access import InboxStore, retryWhileUnavailable
from ..trusted_clock import TrustedClock

_log = Logger()

#: Size in bytes of XML up to which stanzas stay in memory until they are fetched.
HELD_SIZE = 65_536
#: Number of places that one call of the store returns.
PAGE = 1000
#: Number of updates that one reactor turn settles.
SLICE = 100
#: Seconds between two looks for stanzas that are too old.
WATCH_INTERVAL = 3600.0

_RECEIPT = b"urn:xmpp:receipts"


@dataclass(slots=True, eq=False)
class StoredUpdate:
    """
    A stored stanza.

    @ivar id: The id of its update.
    @ivar key: The key of its conversation.
    @ivar xml: In UTF-8.
    @ivar json: Its JSON form, if it is known.
    """

    id: str
    key: str
    xml: bytes
    number: int
    position: int
    json: bytes | None = None

    @property
    def element(self) -> Element:
        """
        The stanza.

        @raise UnparsableStanza: The XML cannot be parsed.
        """
        return parseStored(self.xml.decode())


def updateOf(record: InboxRecord) -> StoredUpdate:
    """Return the update of a record."""
    return StoredUpdate(
        record.webhookID,
        record.conversation,
        record.stanza.encode(),
        record.number,
        record.position,
    )


class StoredUpdates:
    """
    The stored stanzas of one callback.

    @ivar capacity: Counts the stanzas, those being committed included.
    @ivar isLoaded: Whether the stanzas of earlier runs are known.
    """

    def __init__(
        self,
        store: InboxStore,
        queue: UpdateQueue,
        keys: ConversationKeys,
        replies: ReplySender,
        *,
        scope: CancelScope,
        options: InboxOptions,
        capacity: Capacity,
    ) -> None:
        """@param scope: Ends waits for the store."""
        self._store = store
        self._queue = queue
        self._keys = keys
        self._replies = replies
        self._scope = scope
        self._clock = options.clock
        self._now = options.now
        self._trusted = TrustedClock(options.clock, options.now)
        self.capacity = capacity
        self.isLoaded = False
        self._origin = UpdatesOrigin(0, 0)
        self._codec: CursorCodec | None = None
        #: Position of the first stanza that arrived in this run.
        self._first: int | None = None
        #: The numbers of stanzas whose position is another.
        self._numbers: dict[int, int] = {}
        self._held: dict[int, StoredUpdate] = {}
        self._heldSize = 0
        #: How often each was returned, by position.
        self._returned: dict[int, int] = {}
        self._settling: dict[int, Waiters[None]] = {}
        self._alarm: IDelayedCall | None = None

    # --- start and stop ---

    def start(self) -> None:
        """Forget all stanzas."""
        self.capacity.clear()
        self.isLoaded = False
        self._first = None
        for each in (self._numbers, self._held, self._returned):
            each.clear()
        self._heldSize = 0

    def stop(self) -> None:
        """Look for old stanzas no longer."""
        timers.cancel(self._alarm)
        self._alarm = None

    async def load(self) -> None:
        """Find the stanzas that earlier runs have left in the store."""
        self._origin = await retryWhileUnavailable(
            self._scope, self._store.updatesOrigin
        )
        self._codec = CursorCodec(self._keys.callback, self._origin.store)
        times: dict[int, float] = {}
        key, number = self._keys.lowerBound, 0
        while page := await retryWhileUnavailable(
            self._scope, partial(self._store.pendingPlaces, key, number, PAGE)
        ):
            for each in page:
                if each.conversation in self._keys and self._isEarlier(each.position):
                    times[each.position] = each.since
                    self.capacity.add(each.conversation, each.size)
                    if each.number != each.position:
                        self._numbers[each.position] = each.number
            key, number = page[-1].conversation, page[-1].number
            if key not in self._keys:
                break
        self._queue.load(times)
        self.isLoaded = True
        self._setAlarm()

    def _isEarlier(self, position: int) -> bool:
        return self._first is None or position < self._first

    @property
    def codec(self) -> CursorCodec:
        """Writes and reads cursors, once the stanzas are loaded."""
        assert self._codec is not None
        return self._codec

    @property
    def last(self) -> int:
        """The highest position that a cursor can have."""
        return max(self._origin.last, self._queue.last)

    # --- arrivals ---

    def committed(self, update: StoredUpdate, *, isHeld: bool) -> None:
        """
        Note that a stanza was committed.

        @param isHeld: Whether it should stay in memory, because it is fetched soon.
        """
        if self._first is None:
            self._first = update.position
        size = len(update.xml)
        if isHeld and self._heldSize + size <= HELD_SIZE:
            self._held[update.position] = update
            self._heldSize += size
        self._setAlarm()

    def requeue(self, page: Iterable[InboxRecord]) -> None:
        """Add stanzas that became pending again, at their new positions."""
        for each in page:
            if self._first is None:
                self._first = each.position
            self.capacity.add(each.conversation, len(each.stanza.encode()))
            self._numbers[each.position] = each.number
            self._queue.addStored(each.position, max(each.receivedAt, each.dueAt))
        self._setAlarm()

    # --- reading ---

    async def read(
        self, positions: Sequence[int], size: int = MAX_SIZE
    ) -> Mapping[int, StoredUpdate]:
        """
        Read stanzas, in order, up to a size. Those that are not there any more are
        removed from the queue.

        @return: The stanzas by position, as far as the size allows.
        """
        found = {each: self._held[each] for each in positions if each in self._held}
        asked = [each for each in positions if each not in found]
        if not asked:
            return found
        numbers = [self._numbers.get(each, each) for each in asked]
        records = await self._store.pendingStanzas(numbers, size)
        read = {each.position: updateOf(each) for each in records}
        end = 1 + asked.index(records[-1].position) if records else len(asked)
        for each in asked[:end]:
            if each not in read and each in self._queue:
                self._forget(each)
        found.update(read)
        beyond = inf if end == len(asked) else asked[end]
        return {
            each: found[each] for each in positions if each in found and each < beyond
        }

    def returned(self, position: int) -> int:
        """Return how often a stanza was returned."""
        return self._returned.get(position, 0)

    def countReturn(self, position: int) -> None:
        """Count that a stanza is returned."""
        self._returned[position] = self.returned(position) + 1

    def isSettling(self, position: int) -> bool:
        """Check whether a stanza is being settled."""
        return position in self._settling

    def find(self, id: str) -> StoredUpdate | None:
        """Return a stanza by its id if it is in memory."""
        return next((each for each in self._held.values() if each.id == id), None)

    # --- settling ---

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
            updates = (await self.read(positions)).values()
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
            self.capacity.remove(update.key, len(update.xml))
            self._forget(update.position)

    def _forget(self, position: int) -> None:
        self._queue.remove(position)
        self._numbers.pop(position, None)
        self._returned.pop(position, None)
        held = self._held.pop(position, None)
        if held is not None:
            self._heldSize -= len(held.xml)

    # --- age ---

    def _setAlarm(self) -> None:
        """Set the timer that looks for old stanzas, if there are any stanzas."""
        if self._alarm is None and self._queue.oldest is not None:
            self._alarm = self._clock.callLater(WATCH_INTERVAL, self._look)

    def _look(self) -> None:
        self._alarm = None
        burying = Deferred.fromCoroutine(self._buryOld())
        burying.addErrback(_notBuried)
        burying.addBoth(lambda _: self._setAlarm())

    async def _buryOld(self) -> None:
        """Make stanzas dead letters that no client has fetched in time."""
        while self._isOld(self._queue.oldest):
            position = self._queue.firstStored
            assert position is not None
            for each in (await self.read([position])).values():
                days = RETRY_WINDOW / 86400
                await self.die(each, f"Not acknowledged in {days:g} days.")

    def _isOld(self, since: float | None) -> bool:
        return since is not None and self._trusted.now() >= since + RETRY_WINDOW


async def _all(doing: Iterable[Coroutine[Deferred[Any], Any, None]]) -> None:
    """Run coroutines side by side to their ends; raise the first error."""
    waiting = [Deferred.fromCoroutine(each) for each in doing]
    for _, result in await DeferredList(waiting, consumeErrors=True):
        if isinstance(result, Failure):
            result.raiseException()


def _notBuried(reason: Failure) -> None:
    if not reason.check(StoreUnavailable):
        _log.failure(
            "Looking for old updates crashed; it is repeated later. " + REPORT_BUG,
            failure=reason,
        )
