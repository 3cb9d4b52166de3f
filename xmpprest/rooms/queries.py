"""Asks a room questions (iq): disco, an instant room, a self-ping, the archive."""

from __future__ import annotations

from twisted.logger import Logger
from twisted.words.xish.domish import Element

from ..core.errors import Refusal
from ..core.rooms import archive, reading, stanzas, tables
from ..core.rooms.values import TIMEOUT, RoomFault, RoomInfo
from .interfaces import Surroundings

_log = Logger()

#: Seconds that disco, a configuration and a self-ping have to answer.
REQUEST_TIMEOUT = 15.0
#: Seconds that an archive has for the same question, asked again after a timeout: what
#: it does not answer is missed for ever.
ARCHIVE_TIMEOUTS = (REQUEST_TIMEOUT, 30.0, 60.0, 120.0)

#: The stream was lost while a request waited.
_LOST = RoomFault("recipient-unavailable", "wait", "the stream was lost")


class RoomQueries:
    """
    The questions of an occupant to a room.
    """

    __slots__ = ("_addresses", "_world")

    def __init__(self, room: str, occupant: str, world: Surroundings) -> None:
        self._addresses = room, occupant
        self._world = world

    async def info(self) -> RoomInfo | RoomFault:
        """Ask for the features of the room (XEP-0045 §6.4)."""
        query = stanzas.discoQuery(*self._addresses, self._world.newID())
        reply = await self._request(query)
        return reply if isinstance(reply, RoomFault) else reading.readInfo(reply[-1])

    async def mayBeRoom(self) -> bool:
        """Return whether the address is, or may be, that of a room."""
        info = await self.info()
        if isinstance(info, RoomFault):
            return info is _LOST or info.condition in tables.UNREACHABLE
        return info.isRoom

    async def unlock(self) -> RoomFault | None:
        """
        Ask for an instant room (XEP-0045 §10.1.2).

        @return: C{None} if the room is unlocked.
        """
        query = stanzas.instantRoomQuery(*self._addresses, self._world.newID())
        return _faultIn(await self._request(query))

    async def ping(self, nick: str) -> RoomFault | None:
        """
        Send a self-ping (XEP-0410).

        @return: C{None} for a result.
        """
        ping = stanzas.selfPing(*self._addresses, nick, self._world.newID())
        return _faultIn(await self._request(ping))

    async def archivePage(
        self, after: str | None, start: float | None, *, covered: float
    ) -> archive.ArchivePage | None:
        """
        Read a page of the archive.

        @param after: See L{archive.archiveQuery}, as for C{start}.
        @param covered: The start if the archive has lost the message C{after}.
        @return: C{None} if the room sends none.
        """
        reply: list[Element] | RoomFault = TIMEOUT
        for timeout in ARCHIVE_TIMEOUTS:
            query = archive.archiveQuery(
                *self._addresses, self._world.newID(), after=after, start=start
            )
            reply = await self._request(query, timeout)
            if reply is not TIMEOUT:
                break
        fault = _faultIn(reply)
        if fault is None and not isinstance(reply, RoomFault):
            return archive.readArchive(reply, *self._addresses)
        assert fault is not None
        if fault.condition == "item-not-found" and after is not None:
            # XEP-0313 §4.3.2: the archive no longer has that message.
            return await self.archivePage(None, covered, covered=covered)
        if fault is not _LOST:
            _log.warn(
                "The archive of {room} cannot be read ({condition}): messages that were"
                " missed are not delivered.",
                room=self._addresses[0],
                condition=fault.condition,
            )
        return None

    async def _request(
        self, query: Element, timeout: float = REQUEST_TIMEOUT
    ) -> list[Element] | RoomFault:
        """Send an iq; return the reply, or the reason why there is none."""
        try:
            return await self._world.stream.request(query, timeout)
        except Refusal as refusal:
            return TIMEOUT if refusal.problem.status == 504 else _LOST


def _faultIn(reply: list[Element] | RoomFault) -> RoomFault | None:
    """Return the error in a reply, or in its place; C{None} for a result."""
    return reply if isinstance(reply, RoomFault) else reading.readReply(reply[-1])
