"""Knows all memberships of a gateway, by bot and by occupant."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import deferLater

from ..concurrency import timers
from ..core.rooms import events
from ..core.rooms.membership import Membership
from ..core.rooms.values import REMOVED, RoomGate, RoomRecord
from .failures import notDeleted
from .interfaces import Surroundings
from .invitations import InvitedRooms
from .joins import JoinTurns
from .room import Room, RoomChanges

#: Seconds for which stanzas from a room that was left are still dropped.
FAREWELL = 30.0
#: Rooms that are left in one turn of the reactor; 1,000 take 50 ms.
SLICE = 250


class RoomRegistry:
    """
    The memberships of a gateway.

    @ivar changes: Counts joins and removals.
    @ivar invited: Counts the memberships that invitations have made.
    """

    def __init__(self, world: Surroundings) -> None:
        self.changes = RoomChanges()
        self.invited = InvitedRooms()
        self._world = world
        self._turns = JoinTurns()
        self._rooms: dict[tuple[str, str], Room] = {}
        #: By the addresses of the room and of the occupant.
        self._byOccupant: dict[tuple[str, str], Room] = {}
        self._farewells: set[IDelayedCall] = set()

    def __len__(self) -> int:
        """Return the number of memberships."""
        return len(self._rooms)

    @property
    def rooms(self) -> Sequence[Room]:
        """All memberships, in the order in which they were made."""
        return [*self._rooms.values()]

    def ofBot(self, room: str, sender: str) -> Room | None:
        """Return the membership of a bot, by its bare address."""
        return self._rooms.get((room, sender))

    def ofOccupant(self, room: str, occupant: str) -> Room | None:
        """
        Return the membership of an occupant, by its full address; also one that was
        over a moment ago.
        """
        return self._byOccupant.get((room, occupant))

    def add(self, record: RoomRecord, *, isStored: bool) -> Room:
        """
        Make a membership.

        @param isStored: Whether the store has it already.
        """
        membership = Membership(
            record,
            isStored=isStored,
            now=self._world.now(),
            random=self._world.random,
        )
        room = Room(
            membership, self._world, self._turns, self.changes, forget=self._forget
        )
        self._rooms[record.room, record.sender] = room
        self._byOccupant[record.room, record.occupant] = room
        self.noteInviter(room)
        return room

    def noteInviter(self, room: Room) -> None:
        """Count a membership for the sender of its invitation, while there is one."""
        record = room.record
        key = record.room, record.sender
        isKnown = self._rooms.get(key) is room
        self.invited.note(key, record.invitedBy if isKnown else None)

    def forgetRemoved(self, holder: str | None) -> bool:
        """
        Forget the oldest membership of a sender's invitations from which the bot was
        removed, so that there is place for another one.

        @param holder: See L{InvitedRooms.membershipsOf}.
        @return: Whether there is one.
        """
        for key in self.invited.membershipsOf(holder):
            room = self._rooms[key]
            if room.membership.state == REMOVED:
                room.handle(events.Deleted())
                return True
        return False

    async def clear(self) -> None:
        """
        Leave the rooms for now, some in each turn of the reactor; the memberships stay
        in the store.
        """
        for timer in [*self._farewells]:
            timers.cancel(timer)
        self._farewells.clear()
        for number, room in enumerate(self.rooms, 1):
            room.leave()
            room.stop()
            if number % SLICE == 0:
                await deferLater(self._world.clock, 0)
        self._rooms.clear()
        self._byOccupant.clear()
        for key in self.invited.membershipsOf(None):
            self.invited.note(key, None)

    def _forget(self, room: Room) -> None:
        """Remove a membership that is over, and delete it from the store."""
        record = room.record
        self._rooms.pop((record.room, record.sender), None)
        self.noteInviter(room)
        # The room says good-bye, and the callback is not to get that.
        address = (record.room, record.occupant)
        self._world.queue.roomChanged(*address, RoomGate.REMOVED)
        self._farewells = {each for each in self._farewells if each.active()}
        farewell = self._world.clock.callLater(
            FAREWELL, self._endFarewell, address, room
        )
        self._farewells.add(farewell)
        if room.membership.isStored:
            deleting = self._world.store.deleteRoom(record.room, record.sender)
            deleting.addErrback(notDeleted)

    def _endFarewell(self, address: tuple[str, str], room: Room) -> None:
        if self._byOccupant.get(address) is room:
            del self._byOccupant[address]
