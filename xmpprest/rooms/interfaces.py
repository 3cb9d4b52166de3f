"""The interfaces through which rooms use the store, the stream and the callbacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.words.xish.domish import Element

from ..core.rooms.values import RoomGate, RoomRecord, SeenMessage


class MembershipStore(Protocol):
    """
    The store, as far as rooms use it; documented in
    L{RoomStore<xmpprest.store.room_store.RoomStore>}.
    """

    def rooms(self) -> Deferred[Sequence[RoomRecord]]: ...

    def saveRoom(self, record: RoomRecord) -> Deferred[None]: ...

    def deleteRoom(self, room: str, sender: str) -> Deferred[None]: ...

    def addSeen(self, message: SeenMessage) -> Deferred[None]: ...

    def seenMessages(
        self, room: str, sender: str
    ) -> Deferred[Sequence[SeenMessage]]: ...

    def trimSeen(self, room: str, sender: str, before: int) -> Deferred[None]: ...


class RoomStream(Protocol):
    """The stream to the XMPP server."""

    @property
    def ready(self) -> bool:
        """Whether stanzas can be sent."""

    def send(self, stanza: Element) -> None:
        """
        Write a stanza.

        @raise Refusal: It was not written.
        """

    def request(self, stanza: Element, timeout: float) -> Deferred[list[Element]]:
        """
        Send an iq and wait for its reply.

        @return: The results of an archive, and the reply as the last item; fails with
            L{Refusal}: 504 for a timeout, 503 for a lost stream.
        @raise Refusal: It was not written.
        """


class RoomMessageQueue(Protocol):
    """The queue of messages to rooms."""

    def reflected(self, to: str, sender: str, id: str, stanzaID: str) -> None:
        """
        Confirm a message that a room has sent back.

        @param stanzaID: The id that the room has given to it; empty without one.
        """

    def roomChanged(self, to: str, sender: str, gate: RoomGate) -> None:
        """Send, hold or bounce the messages of an occupant to a room."""

    def roomsKnown(self) -> None:
        """Send messages that were held while the memberships were not known."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """
    Everything that rooms need of the other parts of the gateway.

    @ivar forward: Hands a stanza to the callbacks.
    @ivar queue: Holds messages to rooms that a bot is not in yet.
    @ivar clock: Runs timers.
    @ivar now: Returns seconds since 1970.
    @ivar newID: Makes ids of iqs.
    @ivar random: Returns numbers of at least 0 and less than 1.
    """

    store: MembershipStore
    stream: RoomStream
    forward: Callable[[Element], None]
    queue: RoomMessageQueue
    clock: IReactorTime
    now: Callable[[], float]
    newID: Callable[[], str]
    random: Callable[[], float]
