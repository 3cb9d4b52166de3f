"""The events that a membership takes, and the actions that it returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ..errors import Problem
from .values import HistoryRequest, Occupant, RoomFault, RoomInfo, RoomSettings

# --- events ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StreamUp:
    """Stanzas can be sent."""


@dataclass(frozen=True, slots=True)
class StreamDown:
    """Stanzas can no longer be sent; the bot may be in the room still."""


@dataclass(frozen=True, slots=True)
class Granted:
    """The membership may join now; see L{Acquire}."""


@dataclass(frozen=True, slots=True)
class Checked:
    """
    Disco has answered about the room.

    @ivar info: C{None} for an error.
    """

    info: RoomInfo | None
    fault: RoomFault | None = None


@dataclass(frozen=True, slots=True)
class Present:
    """
    An occupant is in the room (XEP-0045 §7.2.2).

    @ivar statuses: The status codes (XEP-0045 §15.6).
    """

    nick: str
    occupant: Occupant
    statuses: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Absent:
    """
    An occupant is no longer in the room under a nick.

    @ivar newNick: The new nick of an occupant that has changed it (status 303).
    @ivar isDestroyed: Whether the room was destroyed (XEP-0045 §10.9).
    @ivar alternate: The address of another room instead of the destroyed one.
    """

    nick: str
    statuses: frozenset[int] = frozenset()
    newNick: str | None = None
    reason: str | None = None
    actor: str | None = None
    isDestroyed: bool = False
    alternate: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The room has answered a presence of the bot with an error."""

    fault: RoomFault


@dataclass(frozen=True, slots=True)
class Configured:
    """
    The room has answered the request for an instant room (XEP-0045 §10.1.2).

    @ivar fault: C{None} if the room is unlocked.
    """

    fault: RoomFault | None = None


@dataclass(frozen=True, slots=True)
class Pinged:
    """
    A self-ping has ended (XEP-0410).

    @ivar fault: C{None} for a result.
    """

    fault: RoomFault | None = None


@dataclass(frozen=True, slots=True)
class Bounced:
    """A message of the bot to the room has come back with an error."""

    fault: RoomFault


@dataclass(frozen=True, slots=True)
class Due:
    """The timer has fired; see L{SetTimer}."""


@dataclass(frozen=True, slots=True)
class Requested:
    """A client wants the bot to be in the room, with these settings."""

    settings: RoomSettings


@dataclass(frozen=True, slots=True)
class Persisted:
    """The client got no answer in time; the membership is to be kept."""


@dataclass(frozen=True, slots=True)
class Deleted:
    """A client wants the bot to leave."""


Event: TypeAlias = (
    StreamUp
    | StreamDown
    | Granted
    | Checked
    | Present
    | Absent
    | Refused
    | Configured
    | Pinged
    | Bounced
    | Due
    | Requested
    | Persisted
    | Deleted
)

# --- actions --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Acquire:
    """Wait for a turn to join; then comes L{Granted}."""


@dataclass(frozen=True, slots=True)
class Release:
    """Give back the turn, or stop waiting for it."""


@dataclass(frozen=True, slots=True)
class Check:
    """Ask the room for disco#info; then comes L{Checked}."""


@dataclass(frozen=True, slots=True)
class Enter:
    """
    Send the join presence, or the presence that changes the nick.

    @ivar history: C{None} for a change of the nick.
    """

    nick: str
    history: HistoryRequest | None


@dataclass(frozen=True, slots=True)
class Configure:
    """Ask for an instant room; then comes L{Configured}."""


@dataclass(frozen=True, slots=True)
class Ping:
    """Send a self-ping; then comes L{Pinged}."""

    nick: str


@dataclass(frozen=True, slots=True)
class Depart:
    """Send the presence that leaves the room."""

    nick: str


@dataclass(frozen=True, slots=True)
class SetTimer:
    """
    Replace the timer.

    @ivar delay: Seconds until L{Due}; C{None} for no timer.
    """

    delay: float | None


@dataclass(frozen=True, slots=True)
class Save:
    """Store the record."""


@dataclass(frozen=True, slots=True)
class Forget:
    """Delete the record; the membership is over."""


@dataclass(frozen=True, slots=True)
class Announce:
    """
    Tell the callback of a change.

    @ivar change: C{joined} for the first join and for one after a removal,
        C{returned} or C{removed}.
    """

    change: str


@dataclass(frozen=True, slots=True)
class CatchUp:
    """Deliver what was missed: the bot has entered the room."""


@dataclass(frozen=True, slots=True)
class Answer:
    """
    Answer the clients that wait.

    @ivar problem: C{None} if the bot is in the room.
    """

    problem: Problem | None = None


Action: TypeAlias = (
    Acquire
    | Release
    | Check
    | Enter
    | Configure
    | Ping
    | Depart
    | SetTimer
    | Save
    | Forget
    | Announce
    | CatchUp
    | Answer
)
