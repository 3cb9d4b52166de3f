"""Stored stanzas that a client fetches: finds and reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf

from twisted.words.xish.domish import Element

from ...concurrency.cancel_scope import CancelScope
from ...core.records import (
    InboxRecord,
    UpdatesOrigin,
)
from ...core.stanza.stored import parseStored
from ...core.updates.cursor import CursorCodec
from ...core.updates.page import MAX_SIZE
from ...core.updates.queue import UpdateQueue
from ...core.webhook.conversation_key import ConversationKeys
from ..capacity import Capacity
from ..store_access import InboxStore, retryWhileUnavailable

#: Size in bytes of XML up to which stanzas stay in memory until they are fetched.
HELD_SIZE = 65_536
#: Number of places that one call of the store returns.
PAGE = 1000


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
        *,
        scope: CancelScope,
        capacity: Capacity,
    ) -> None:
        """@param scope: Ends waits for the store."""
        self._store = store
        self._queue = queue
        self._keys = keys
        self._scope = scope
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

    # --- start ---

    def start(self) -> None:
        """Forget all stanzas."""
        self.capacity.clear()
        self.isLoaded = False
        self._first = None
        for each in (self._numbers, self._held, self._returned):
            each.clear()
        self._heldSize = 0

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

    def requeue(self, page: Iterable[InboxRecord]) -> None:
        """Add stanzas that became pending again, at their new positions."""
        for each in page:
            if self._first is None:
                self._first = each.position
            self.capacity.add(each.conversation, len(each.stanza.encode()))
            self._numbers[each.position] = each.number
            self._queue.addStored(each.position, max(each.receivedAt, each.dueAt))

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
                self.forget(each)
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

    def find(self, id: str) -> StoredUpdate | None:
        """Return a stanza by its id if it is in memory."""
        return next((each for each in self._held.values() if each.id == id), None)

    def forget(self, position: int) -> None:
        """Remove a stanza that is settled."""
        self._queue.remove(position)
        self._numbers.pop(position, None)
        self._returned.pop(position, None)
        held = self._held.pop(position, None)
        if held is not None:
            self._heldSize -= len(held.xml)
