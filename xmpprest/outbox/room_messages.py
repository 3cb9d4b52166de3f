"""
Messages to rooms that a bot is in: held until it is, confirmed when they come back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from twisted.words.xish.domish import Element

from ..core.errors import StanzaError, serviceUnavailable
from ..core.rooms.values import RoomGate
from ..core.stanza.build import error, make
from .backlog import QueuedMessage

#: Messages that each room holds.
MAX_HELD = 1000
#: Seconds after the barrier in which a room must send a message back. Then the message
#: stays C{SENT}.
REFLECTION_TIMEOUT = 60.0


class RoomGates(Protocol):
    """The rooms that bots are in."""

    def gateOf(self, to: str, sender: str) -> RoomGate | None:
        """
        Tell whether groupchat messages pass.

        @param to: The address of a room.
        @param sender: The address of an occupant.
        @return: C{None} if the gateway keeps no such occupant in such a room.
        """


class _Key(NamedTuple):
    """A room, and an occupant that speaks in it."""

    to: str
    sender: str


class RoomMessages:
    """
    The messages to rooms that are held, and those that wait for their reflection.
    """

    def __init__(self, gates: RoomGates | None) -> None:
        """@param gates: C{None} if there are no rooms."""
        self._gates = gates
        #: Messages that wait until the bot is in the room.
        self._held: dict[_Key, deque[QueuedMessage]] = {}
        #: Messages that were written, by room, occupant and id.
        self._written: dict[tuple[str, str, str], QueuedMessage] = {}
        #: Of these, those behind which the barrier has passed, by number, and when.
        self._passed: dict[int, tuple[float, QueuedMessage]] = {}

    @property
    def isUsed(self) -> bool:
        """Whether there may be rooms."""
        return self._gates is not None

    @property
    def hasWritten(self) -> bool:
        """Whether any message waits for its reflection."""
        return bool(self._written)

    @property
    def unreflected(self) -> Sequence[QueuedMessage]:
        """The messages that wait for their reflection only."""
        return [message for _, message in self._passed.values()] if self._passed else ()

    def isRoom(self, to: str, sender: str) -> bool:
        """Whether an address is that of a room, in which a bot has an occupant."""
        return self._gates is not None and self._gates.gateOf(to, sender) is not None

    def checkCapacity(self, to: str, sender: str) -> None:
        """
        Check that a room may hold another message.

        @raise Refusal: 503, it holds L{MAX_HELD}.
        """
        held = self._held.get(_Key(to, sender)) if self._held else None
        if held is not None and len(held) >= MAX_HELD:
            raise serviceUnavailable(
                "resource-constraint",
                f"{MAX_HELD} messages wait until {sender} is in {to}; try again.",
                retryAfter=30,
            )

    def sort(
        self, messages: Iterable[QueuedMessage]
    ) -> tuple[list[QueuedMessage], list[QueuedMessage]]:
        """
        Hold the messages whose room is not open.

        @return: The messages to write, and those that bounce, because the bot was
            removed from their room.
        """
        assert self._gates is not None
        passing, bouncing = [], []
        for message in messages:
            gate = self._gates.gateOf(message.to, message.sender)
            if gate is None or not isGroupchat(message):
                passing.append(message)
            elif gate is RoomGate.HELD:
                key = _Key(message.to, message.sender)
                self._held.setdefault(key, deque()).append(message)
            elif gate is RoomGate.REMOVED:
                bouncing.append(message)
            else:
                id = (message.to, message.sender, message.id)
                self._written.setdefault(id, message)
                passing.append(message)
        return passing, bouncing

    def awaitsReflection(self, message: QueuedMessage, now: float) -> bool:
        """
        Tell whether a message, behind which the barrier has passed, waits for its
        reflection; then it does from now on.
        """
        id = (message.to, message.sender, message.id)
        if self._written.get(id) is not message:
            return False
        self._passed[message.number] = now, message
        return True

    def inFlight(self, number: int) -> QueuedMessage | None:
        """Return a message that waits for its reflection only."""
        found = self._passed.get(number)
        return None if found is None else found[1]

    def reflected(self, to: str, sender: str, id: str) -> QueuedMessage | None:
        """Remove and return the message that a room has sent back."""
        message = self._written.get((to, sender, id))
        if message is not None:
            self.forget([message])
            return message
        held = self._held.get(_Key(to, sender))
        for message in held or ():
            if message.id == id and held is not None:
                held.remove(message)
                return message
        return None

    def forget(self, messages: Iterable[QueuedMessage]) -> None:
        """Stop waiting for the reflections of messages."""
        for message in messages:
            id = (message.to, message.sender, message.id)
            if self._written.get(id) is message:
                del self._written[id]
            self._passed.pop(message.number, None)

    def expired(self, now: float) -> Sequence[QueuedMessage]:
        """Remove and return the messages that no room has sent back in time."""
        late = []
        for since, message in self._passed.values():
            if now - since < REFLECTION_TIMEOUT:
                break
            late.append(message)
        self.forget(late)
        return late

    def takeUnreflected(self, to: str = "", sender: str = "") -> list[QueuedMessage]:
        """
        Remove and return the messages that wait for their reflection only.

        @param to: The address of a room; empty for all rooms.
        """
        found = [
            message
            for _, message in self._passed.values()
            if not to or (message.to, message.sender) == (to, sender)
        ]
        self.forget(found)
        return found

    def takeHeld(self, to: str, sender: str) -> list[QueuedMessage]:
        """Remove and return the messages that a room holds."""
        return [*self._held.pop(_Key(to, sender), ())]

    def holds(self, number: int) -> bool:
        """Whether a room holds a message."""
        return any(
            each.number == number for held in self._held.values() for each in held
        )

    def discard(self, number: int) -> None:
        """Remove a message that a room holds."""
        for held in self._held.values():
            for each in held:
                if each.number == number:
                    held.remove(each)
                    return

    @property
    def holding(self) -> Sequence[tuple[str, str]]:
        """The rooms and occupants with held messages."""
        return [*self._held]


def isGroupchat(message: QueuedMessage) -> bool:
    """Whether a message is of the type groupchat; its first tag tells."""
    return "type='groupchat'" in message.stanza.partition(">")[0]


def notInRoom(message: QueuedMessage) -> Element:
    """Make the error with which a message to a room bounces (XEP-0045 §7.4)."""
    stanza = make(
        "message", {"to": message.to, "from": message.sender, "id": message.id}
    )
    text = "The bot was removed from the room, or has left it."
    return error(stanza, StanzaError("cancel", "not-acceptable", text))
