"""Takes messages to be sent, one by one or many together, as long as there is room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.words.xish.domish import Element

from ..core.errors import Refusal, serviceUnavailable
from ..core.records import Accepted, IdempotencyRecord, NewMessage, StoreUnavailable
from ..core.stanza.annotate import withOriginID
from ..core.stanza.serializer import toXML
from .backlog import COUNT, QueuedMessage
from .sender import OutboundStream

#: How many messages may wait before who has many more is asked to wait, too. Up to so
#: many are held in memory, and need not be read again.
HIGH_WATER = COUNT


class IntakeStore(Protocol):
    """What is asked of the store; see L{xmpprest.store.interface.Store}."""

    def addOutgoing(
        self,
        id: str,
        to: str,
        stanza: str,
        at: float,
        answered: IdempotencyRecord | None = None,
        *,
        sender: str = "",
    ) -> Deferred[int | IdempotencyRecord]:
        """Keep a message that is to be sent."""

    def addAllOutgoing(
        self, messages: Sequence[NewMessage]
    ) -> Deferred[Sequence[int | IdempotencyRecord]]:
        """Keep several, or none of them."""


class AdmissionControl:
    """
    Takes messages.

    @ivar waiting: How many are not confirmed yet.
    @ivar isOnline: Whether they are being sent.
    @ivar limit: How many may wait.
    @ivar maxAge: For how long the oldest of them may have waited, in seconds, before
        others are refused. Both may be changed.
    """

    def __init__(
        self,
        store: IntakeStore,
        stream: OutboundStream,
        kept: Callable[[Sequence[QueuedMessage]], None],
        oldest: Callable[[], QueuedMessage | None],
        *,
        now: Callable[[], float],
        limit: int,
        maxAge: float,
    ) -> None:
        """
        @param kept: Hears of new ones, in the order in which they were kept.
        @param oldest: The first of those that wait.
        @param now: Tells the time, in seconds since 1970.
        """
        self._store = store
        self._stream = stream
        self._new = kept
        self._oldest = oldest
        self._now = now
        self.limit = limit
        self.maxAge = maxAge
        self._roomless: list[Deferred[None]] = []
        self.waiting = 0
        self.isOnline = False

    async def accept(
        self, stanza: Element, answered: IdempotencyRecord | None
    ) -> Accepted | IdempotencyRecord:
        """See L{Outbox.accept}, for a message."""
        held = self._held(stanza)
        keeping = self._store.addOutgoing(
            held.id, held.to, held.xml, held.acceptedAt, answered, sender=stanza["from"]
        )
        kept = keeping.addCallback(lambda found: self._kept([found], [held]))
        try:
            return (await _apart(kept))[0]
        except StoreUnavailable as error:
            raise _notKept(error) from None

    async def acceptAll(
        self, messages: Sequence[tuple[Element, IdempotencyRecord | None]]
    ) -> list[Accepted | IdempotencyRecord | Refusal]:
        """See L{Outbox.acceptAll}."""
        taken = [self._taken(stanza, at) for at, (stanza, _) in enumerate(messages)]
        held = [each for each in taken if isinstance(each, QueuedMessage)]
        keeping = self._store.addAllOutgoing(
            [
                NewMessage(
                    it.id, it.to, it.xml, it.acceptedAt, answered, sender=stanza["from"]
                )
                for it, (stanza, answered) in zip(taken, messages, strict=True)
                if isinstance(it, QueuedMessage)
            ]
        )
        kept = keeping.addCallback(self._kept, held)
        try:
            found = iter(await _apart(kept))
        except StoreUnavailable as error:
            return [
                _notKept(error) if isinstance(it, QueuedMessage) else it for it in taken
            ]
        return [next(found) if isinstance(it, QueuedMessage) else it for it in taken]

    def _taken(
        self, stanza: Element, others: int
    ) -> QueuedMessage | Accepted | Refusal:
        """A message as it is to be kept; or what has become of another stanza."""
        try:
            if stanza.name == "message":
                return self._held(stanza, others)
            self._stream.send(stanza)
            return Accepted()
        except Refusal as refusal:
            return refusal

    def whenBelowHighWater(self) -> Deferred[None]:
        """
        Wait until there is room for more; while nothing is sent, nobody can tell how
        long that would be.
        """
        if self._hasRoom:
            return succeed(None)
        self._roomless.append(Deferred())
        return self._roomless[-1]

    def releaseWaiters(self) -> None:
        """Fewer wait, or it is not known any more for how long."""
        if self._hasRoom:
            roomless, self._roomless = self._roomless, []
            for each in roomless:
                each.callback(None)

    @property
    def _hasRoom(self) -> bool:
        return self.waiting < HIGH_WATER or not self.isOnline

    def _held(self, stanza: Element, others: int = 0) -> QueuedMessage:
        """
        A message as it is to be kept.

        @param others: How many will be kept before it.
        """
        xml = withOriginID(stanza, toXML(stanza))
        self._stream.checkSize(xml)
        self._requireRoom(others)
        return QueuedMessage(0, stanza["id"], stanza["to"], xml, self._now())

    def _requireRoom(self, others: int) -> None:
        oldest = self._oldest()
        isLate = oldest and oldest.acceptedAt < self._now() - self.maxAge
        if isLate or self.waiting + others >= self.limit:
            raise serviceUnavailable(
                "resource-constraint",
                f"{self.waiting} messages wait for the XMPP server already"
                f"{', the oldest for too long' if isLate else ''}; try again.",
                retryAfter=30,
            )

    def _kept(
        self, found: Sequence[int | IdempotencyRecord], held: Sequence[QueuedMessage]
    ) -> list[Accepted | IdempotencyRecord]:
        """Messages are kept, or there was something with their key already."""
        new: list[QueuedMessage] = []
        results: list[Accepted | IdempotencyRecord] = []
        for it, each in zip(held, found, strict=True):
            if isinstance(each, int):
                it.number = each
                new.append(it)
                results.append(Accepted(each))
            else:
                results.append(each)
        self.waiting += len(new)
        self._new(new)
        return results


def _apart(
    keeping: Deferred[list[Accepted | IdempotencyRecord]],
) -> Deferred[list[Accepted | IdempotencyRecord]]:
    """The same for somebody who may leave: the messages are sent nevertheless."""
    kept: Deferred[list[Accepted | IdempotencyRecord]] = Deferred()
    keeping.addCallbacks(kept.callback, kept.errback)
    return kept


def _notKept(error: StoreUnavailable) -> Refusal:
    return serviceUnavailable(
        "resource-constraint",
        f"The message cannot be kept, and so it was not accepted: {error}.",
        retryAfter=5,
    )
