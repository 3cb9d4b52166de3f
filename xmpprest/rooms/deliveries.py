"""Delivers the messages of a room to the callbacks: in order, and each once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.words.xish.domish import Element

from ..concurrency import timers
from ..core.records import StoreUnavailable
from ..core.rooms import reading, values
from ..core.rooms.archive import ArchivedMessage, ArchivePage
from ..core.rooms.events import Action
from ..core.rooms.history import (
    REMEMBERED,
    RepeatFilter,
    isSubject,
    keyOf,
    stanzaIDOf,
    withoutStanzaID,
)
from ..core.rooms.membership import Membership
from ..core.rooms.phases import Phase
from ..core.rooms.values import RoomFault, RoomInfo, SeenMessage
from ..core.stanza import namespaces as ns
from ..core.stanza.build import firstChild
from .failures import crashed, notStored
from .interfaces import Surroundings
from .queries import RoomQueries

#: Live messages that wait while missed ones are read from the archive. Of more, the
#: oldest is delivered out of order.
MAX_BUFFERED = 1000
#: Seconds that a room has to repeat its history and send the subject.
HISTORY_TIMEOUT = 10.0
#: Pages that are read from an archive after one join.
MAX_PAGES = 200


class RoomDeliveries:
    """
    The messages of a room on their way to the callbacks: live ones, those that the room
    repeats, and those that its archive has.
    """

    __slots__ = (
        "_buffer",
        "_catching",
        "_history",
        "_membership",
        "_number",
        "_perform",
        "_queries",
        "_repeats",
        "_settled",
        "_silence",
        "_world",
    )

    def __init__(
        self,
        membership: Membership,
        world: Surroundings,
        queries: RoomQueries,
        *,
        perform: Callable[[Sequence[Action]], None],
        settled: Callable[[], None],
    ) -> None:
        """
        @param perform: Carries out actions of the membership.
        @param settled: Called when L{isSettled} may have changed.
        """
        self._membership = membership
        self._world = world
        self._queries = queries
        self._perform = perform
        self._settled = settled
        #: Ends the wait for a room's history that has no end.
        self._silence: IDelayedCall | None = None
        self._catching: Deferred[None] | None = None
        #: Messages seen so far, while the room may repeat some of them.
        self._repeats: RepeatFilter | None = None
        #: Live messages that wait for missed ones; C{None} if they do not.
        self._buffer: list[Element] | None = None
        #: Messages that the room repeats, until it has repeated all.
        self._history: list[Element] = []
        #: The number of the next seen message.
        self._number = 0

    async def load(self) -> None:
        """Read which messages were seen, to recognise them."""
        record, store = self._membership.record, self._world.store
        try:
            seen = await store.seenMessages(record.room, record.sender)
        except StoreUnavailable:
            seen = []
        if seen:
            self._number = max(self._number, seen[-1].number + 1)
        # An earlier version has believed stamps of the future.
        now = self._world.now()
        seen = [each for each in seen if each.at <= now]
        if not self._membership.coveredUntil:
            times = (each.at for each in seen)
            self._membership.coveredUntil = max(times, default=0.0)
        self._repeats = RepeatFilter(seen)

    @property
    def isSettled(self) -> bool:
        """Whether all that was missed is delivered."""
        return self._catching is None and not self._membership.isRepeating

    def begin(self) -> None:
        """Forget the history that the room has not ended: it begins again."""
        self._history = []

    def stop(self) -> None:
        """Stop reading the archive."""
        timers.cancel(self._silence)
        catching, self._catching = self._catching, None
        if catching is not None:
            catching.cancel()

    # --- messages ---

    def receive(self, message: Element) -> None:
        """
        Deliver a message of the room, in its order and once.

        Messages that arrive before the bot has entered are for its ghost of an earlier
        stream. They are dropped, because the history or the archive has them, behind
        those that were missed.
        """
        if self._membership.phase is not Phase.JOINED:
            return
        if self._buffer is None:
            self._deliver(message)
            return
        self._buffer.append(message)
        if len(self._buffer) > MAX_BUFFERED:
            self._deliver(self._buffer.pop(0))

    def _deliver(self, message: Element) -> None:
        """Deliver a message unless the room repeats it."""
        room = self._membership.record.room
        if not self._membership.assignsIDs:
            message = withoutStanzaID(message, room)
        self._noteOwn(message)
        if self._repeats is None and not self._membership.isRepeating:
            # The common case: nothing is repeated, so nothing has to be looked up.
            self._deliverNew(message)
            return
        stamp = reading.stampOf(message, room)
        isOld = stamp is not None and not isSubject(message)
        if self._membership.isRepeating and isOld:
            self._history.append(message)
            return
        self._endHistory()
        if isSubject(message):
            self._deliverSubject(message)
        else:
            key = keyOf(message, room)
            if key is None or not self._isArchived(key):
                self._forward(message, key)
        self._endRepeats()
        self._settled()

    def _deliverNew(self, message: Element) -> None:
        """Deliver a message that the room does not repeat."""
        if isSubject(message):
            self._deliverSubject(message)
        else:
            self._forward(message, keyOf(message, self._membership.record.room))

    def _noteOwn(self, message: Element) -> None:
        """Tell the queue of a message that the room sends back to the bot."""
        record, nick = (
            self._membership.record,
            message.attributes["from"].partition("/")[2],
        )
        id = message.attributes.get("id")
        if id and nick and nick in (self._membership.nick, record.nick):
            stanzaID = stanzaIDOf(message, record.room) or ""
            self._world.queue.reflected(record.room, record.occupant, id, stanzaID)

    def _isArchived(self, key: str) -> bool:
        """Tell whether a live message has come from the archive already."""
        return self._repeats is not None and self._repeats.takes(key)

    def _endHistory(self) -> None:
        """Deliver what the history has behind the last message that was seen."""
        old, self._history = self._history, []
        self._membership.isRepeating = False
        if not old or self._repeats is None:
            return
        record = self._membership.record
        room, isWanted = record.room, record.history != values.MISSED
        keys = [keyOf(each, room) for each in old]
        now, isFirst = self._world.now(), self._membership.isFirst
        stamps = [min(reading.stampOf(each, room) or 0.0, now) for each in old]
        joinedAt = 0.0 if isFirst else record.joinedAt
        first = self._repeats.countRepeated(keys, stamps, joinedAt)
        for message, key, stamp in [*zip(old, keys, stamps, strict=True)][first:]:
            if isFirst and not isWanted:
                # Said before the first join: only to be recognised later.
                if key is not None:
                    self._note(key, stamp)
            elif not self._membership.hasArchive or isFirst:
                self._forward(message, key, stamp)

    def _deliverSubject(self, message: Element) -> None:
        """Deliver a subject that has changed."""
        subject = str(firstChild(message, ns.CLIENT, "subject") or "")
        if subject == (self._membership.record.subject or ""):
            return
        self._perform(self._membership.withSubject(subject))
        self._forward(message, keyOf(message, self._membership.record.room))

    def _forward(
        self, message: Element, key: str | None, at: float | None = None
    ) -> None:
        """
        Hand a message to the callbacks, and record it as seen. Both calls of the store
        are made in one turn of the reactor, so they are in one commit.

        @param at: When it was said; C{None} for now.
        """
        self._world.forward(message)
        if key is not None:
            self._note(key, self._world.now() if at is None else at)

    def _note(self, key: str, at: float) -> None:
        """Record a message as seen."""
        if self._repeats is not None:
            self._repeats.add(key, at)
        record, number = self._membership.record, self._number
        self._number += 1
        store = self._world.store
        seen = SeenMessage(record.room, record.sender, number, key, at)
        store.addSeen(seen).addErrback(notStored)
        if number and number % REMEMBERED == 0:
            keeping = number - REMEMBERED
            store.trimSeen(record.room, record.sender, keeping).addErrback(notStored)

    def _endRepeats(self) -> None:
        """Forget the seen messages once the room repeats none any more."""
        if not self._membership.isRepeating and self._catching is None:
            self._repeats = None

    # --- missed messages ---

    def catchUp(self) -> None:
        """Deliver what was missed: the bot has entered the room."""
        before = self._catching
        self._catching = None
        if before is not None:
            before.cancel()
        timers.cancel(self._silence)
        self._silence = self._world.clock.callLater(HISTORY_TIMEOUT, self._endSilence)
        membership = self._membership
        isKnown = membership.hasArchive is not None
        if membership.record.history == values.NONE and isKnown:
            return
        self._buffer = []
        self._catching = catching = Deferred.fromCoroutine(self._readMissed())
        catching.addErrback(crashed, self._membership.record.room)
        catching.addBoth(lambda _: self._caughtUp(catching))

    def _endSilence(self) -> None:
        """Take the history as complete, although the room has sent no subject."""
        if self._membership.phase is Phase.JOINED and self._membership.isRepeating:
            self._endHistory()
            self._endRepeats()
            self._settled()

    def _caughtUp(self, catching: Deferred[None]) -> None:
        """Deliver the live messages that have waited."""
        if self._catching is not catching:
            return
        waiting, self._buffer = self._buffer or [], None
        if self._membership.phase is Phase.JOINED:
            for each in waiting:
                self._deliver(each)
        self._catching = None
        self._endRepeats()
        self._settled()

    async def _readMissed(self) -> None:
        """Deliver what the archive has since the last message that was seen."""
        membership, repeats = self._membership, self._repeats
        if membership.hasArchive is None:
            info = await self._queries.info()
            if isinstance(info, RoomFault):
                info = RoomInfo(isRoom=True)
            membership.hasArchive = info.hasArchive
            membership.assignsIDs = info.assignsIDs
        isWanted = membership.record.history != values.NONE
        if not membership.hasArchive or repeats is None or not isWanted:
            return
        last, start = repeats.lastArchiveID, None
        if last is None and membership.isFirst:
            # A history that the client has asked for is delivered, and noted then.
            if self._membership.record.history == values.MISSED:
                await self._noteNewest()
            return
        if last is None:
            start = self._coveredUntil
        for _ in range(MAX_PAGES):
            page = await self._readPage(last, start)
            if page is None:
                return
            for each in page.messages:
                last, start = each.id, None
                self._deliverMissed(each, repeats)
            if page.isComplete or not page.messages:
                return

    @property
    def _coveredUntil(self) -> float:
        """The time until which no message was missed."""
        return self._membership.coveredUntil or self._membership.record.joinedAt

    async def _noteNewest(self) -> None:
        """
        Record the newest message before the first join, without delivering it. One that
        was said since is live, and waits for this.
        """
        page = await self._readPage(None, None)
        room = self._membership.record.room
        live = {keyOf(each, room) for each in self._buffer or ()}
        for each in page.messages if page else ():
            key = keyOf(each.message, room)
            if key is not None and key not in live:
                self._note(key, min(each.stamp, self._world.now()))

    async def _readPage(
        self, after: str | None, start: float | None
    ) -> ArchivePage | None:
        """Read a page of the archive; C{None} if the room sends none."""
        return await self._queries.archivePage(after, start, covered=self._coveredUntil)

    def _deliverMissed(self, archived: ArchivedMessage, repeats: RepeatFilter) -> None:
        self._noteOwn(archived.message)
        key = keyOf(archived.message, self._membership.record.room)
        if key is None or not repeats.takes(key):
            self._forward(archived.message, key)
