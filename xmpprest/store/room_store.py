"""The interface of a store of memberships in rooms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from twisted.internet.defer import Deferred

from ..core.rooms.values import RoomRecord, SeenMessage


class RoomStore(Protocol):
    """
    The memberships, and the messages that were delivered from each room. Every Deferred
    may fail with L{StoreUnavailable}.
    """

    def rooms(self) -> Deferred[Sequence[RoomRecord]]:
        """Read all memberships."""

    def saveRoom(self, record: RoomRecord) -> Deferred[None]:
        """Store a membership, or replace that of the same room and sender."""

    def deleteRoom(self, room: str, sender: str) -> Deferred[None]:
        """Delete a membership, and what was seen in it."""

    def addSeen(self, message: SeenMessage) -> Deferred[None]:
        """
        Record a message as seen. No caller waits, so the commit may be delayed until
        the next call; it is part of the commit of the next call.
        """

    def seenMessages(self, room: str, sender: str) -> Deferred[Sequence[SeenMessage]]:
        """Read the messages that were seen in a room, in the order of their numbers."""

    def trimSeen(self, room: str, sender: str, before: int) -> Deferred[None]:
        """Forget the seen messages of a membership before a number."""
