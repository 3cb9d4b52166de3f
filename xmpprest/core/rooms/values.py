"""The values that describe a membership: its record, occupants, and history request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

#: The states of a membership, as clients see them.
JOINING, JOINED, WAITING, REMOVED = "joining", "joined", "waiting", "removed"
STATES = (JOINING, JOINED, WAITING, REMOVED)

#: The resource of an occupant whose C{from} is bare.
RESOURCE = "xmpprest"

#: Values of the setting C{history}; any other is a request of XEP-0045 §7.2.13.
MISSED, NONE = "missed", "none"


class RoomGate(Enum):
    """
    Whether groupchat messages of a bot pass to a room.

    @cvar OPEN: The bot is in the room, and has what it had missed.
    @cvar HELD: The bot is on its way into the room; messages wait.
    @cvar REMOVED: The bot is out; messages bounce.
    """

    OPEN = "open"
    HELD = "held"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class RoomRecord:
    """
    A membership, as it is stored.

    @ivar room: The bare address of the room, in its normal form.
    @ivar sender: The bare address of the bot, in its normal form.
    @ivar occupant: The full address from which the bot is in the room.
    @ivar nick: The nick that the client has chosen.
    @ivar password: The password of the room; C{None} if it needs none.
    @ivar history: L{MISSED}, L{NONE}, or attributes of XEP-0045 §7.2.13 as a query
        string, such as C{"maxstanzas=20"}.
    @ivar create: Whether a missing room is created.
    @ivar isRemoved: Whether the bot was removed, and does not join again by itself.
    @ivar since: When the bot was removed, or the membership was stored; in seconds
        since 1970.
    @ivar condition: Why the bot was removed, as one of the words in L{tables}.
    @ivar reason: The words of the room; C{None} if it gave none.
    @ivar actor: The nick or the address of the occupant who removed the bot.
    @ivar joinedAt: When the bot entered for the first time, in seconds since 1970;
        0.0 if it never has.
    @ivar subject: The last subject that was delivered; C{None} before the first.
    @ivar invitedBy: The address of the user, or of the room, whose invitation has made
        the membership; C{None} once a client has asked for it.
    """

    room: str
    sender: str
    occupant: str
    nick: str
    password: str | None = None
    history: str = MISSED
    create: bool = False
    isRemoved: bool = False
    since: float = 0.0
    condition: str | None = None
    reason: str | None = None
    actor: str | None = None
    joinedAt: float = 0.0
    subject: str | None = None
    invitedBy: str | None = None


class SeenMessage(NamedTuple):
    """
    A message of a room that was stored for the callback.

    @ivar room: The bare address of the room.
    @ivar sender: The bare address of the bot.
    @ivar number: Its place among the messages of the membership.
    @ivar key: Identifies the message; see L{history.keyOf}.
    @ivar at: When it was said, or received, in seconds since 1970.
    """

    room: str
    sender: str
    number: int
    key: str
    at: float


@dataclass(frozen=True, slots=True)
class Occupant:
    """
    An occupant of a room. A room may have thousands, so it is small.

    @ivar affiliation: C{owner}, C{admin}, C{member}, C{outcast} or C{none}.
    @ivar role: C{moderator}, C{participant}, C{visitor} or C{none}.
    @ivar jid: The real address; C{None} in an anonymous room.
    @ivar occupantID: By XEP-0421; C{None} if the room assigns none.
    @ivar show: Of the presence; C{None} for available.
    @ivar status: Of the presence; C{None} without one.
    """

    affiliation: str = "none"
    role: str = "none"
    jid: str | None = None
    occupantID: str | None = None
    show: str | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True)
class RoomInfo:
    """
    The answer of a room to disco#info (XEP-0045 §6.4).

    @ivar isRoom: Whether the address is that of a room.
    @ivar hasArchive: Whether the room has an archive (XEP-0313).
    @ivar assignsIDs: Whether the room gives ids to its messages (XEP-0359 §6); those
        of an archive are ids, too.
    """

    isRoom: bool
    hasArchive: bool = False
    assignsIDs: bool = False


@dataclass(frozen=True, slots=True)
class RoomFault:
    """
    An error of a room, or of a server in its place.

    @ivar condition: As of RFC 6120 §8.3.3.
    @ivar type: As of RFC 6120 §8.3.2; that of the condition if the error has none.
    @ivar text: The description; C{None} if there is none.
    @ivar alternate: The address of another room (C{gone}); C{None} if there is none.
    """

    condition: str
    type: str
    text: str | None = None
    alternate: str | None = None


#: The error of a request without a reply.
TIMEOUT = RoomFault("remote-server-timeout", "wait", "no answer")


@dataclass(frozen=True, slots=True)
class RoomSettings:
    """
    The settings of a membership that a client gives; C{None} for those it leaves out.

    @ivar history: As in L{RoomRecord}.
    """

    nick: str | None = None
    password: str | None = None
    history: str | None = None
    create: bool | None = None


#: Attributes of a history request (XEP-0045 §7.2.13).
HistoryRequest = Mapping[str, str]
