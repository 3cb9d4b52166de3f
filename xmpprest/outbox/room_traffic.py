"""Moves messages to rooms on when a room opens, closes, or sends one back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ..concurrency import timers
from ..core.records import BOUNCED, SENT, OutboxRecord
from ..core.rooms.values import RoomGate
from .backlog import QueuedMessage
from .room_messages import REFLECTION_TIMEOUT, RoomMessages, isGroupchat, notInRoom
from .settlements import Settlements


class RoomSender(Protocol):
    """
    The sender of messages, as far as the traffic with rooms uses it.
    """

    def sendAgain(self, messages: Iterable[QueuedMessage]) -> None:
        """Write messages before all others, in their order."""

    def confirm(self, message: QueuedMessage, stanzaID: str) -> None:
        """Confirm a message that a room has sent back."""


class RoomTraffic:
    """
    Events of rooms that concern queued messages.
    """

    def __init__(
        self,
        messages: RoomMessages,
        sender: RoomSender,
        settlements: Settlements,
        clock: IReactorTime,
        now: Callable[[], float],
    ) -> None:
        """@param now: Returns seconds since 1970."""
        self._messages = messages
        self._sender = sender
        self._settlements = settlements
        self._clock = clock
        self._now = now
        self._expiryTimer: IDelayedCall | None = None

    def stop(self) -> None:
        """Wait for no reflection any more."""
        timers.cancel(self._expiryTimer)

    def reflected(self, to: str, sender: str, id: str, stanzaID: str) -> None:
        """
        Confirm a message that a room has sent back.

        @param stanzaID: The id that the room has given to it; empty without one.
        """
        message = self._messages.reflected(to, sender, id)
        if message is not None:
            self._sender.confirm(message, stanzaID)

    def changed(self, to: str, sender: str, gate: RoomGate | None) -> None:
        """
        Send the messages that a room holds, or bounce them; hold those again that a
        room has not sent back.
        """
        if gate is RoomGate.HELD:
            again = self._messages.takeUnreflected(to, sender)
        else:
            again = self._messages.takeHeld(to, sender)
        if gate is RoomGate.REMOVED:
            for each in again:
                self._settlements.conclude([each], BOUNCED, notInRoom(each))
            sent = self._messages.takeUnreflected(to, sender)
            if sent:
                self._settlements.conclude(sent, SENT, isFinal=True)
            again = []
        self._sender.sendAgain(again)

    def known(self) -> None:
        """Send the messages to rooms that turn out not to be rooms of a bot."""
        again: list[QueuedMessage] = []
        for to, sender in self._messages.holding:
            again[:0] = self._messages.takeHeld(to, sender)
        self._sender.sendAgain(again)

    def isToRoom(self, found: OutboxRecord, message: QueuedMessage | None) -> bool:
        """
        Whether a message is for a room, as far as is known: the store keeps the type of
        no message that was written, but whether a room has sent it back.

        @param message: The message, if it is in flight.
        """
        if found.stanzaID is not None or (message and isGroupchat(message)):
            return True
        return self._messages.isRoom(found.to, found.sender)

    def check(self, to: str, sender: str) -> None:
        """
        Check that a room may hold another message.

        @raise Refusal: 503, too many wait for it.
        """
        self._messages.checkCapacity(to, sender)

    def expireLater(self) -> None:
        """Wait for reflections until L{REFLECTION_TIMEOUT} at most."""
        isSet = self._expiryTimer is not None and self._expiryTimer.active()
        if self._messages.unreflected and not isSet:
            delay = REFLECTION_TIMEOUT
            self._expiryTimer = self._clock.callLater(delay, self._expire)

    def _expire(self) -> None:
        """Leave messages C{SENT} that no room has sent back in time."""
        late = self._messages.expired(self._now())
        if late:
            self._settlements.conclude(late, SENT, isFinal=True)
        self.expireLater()
