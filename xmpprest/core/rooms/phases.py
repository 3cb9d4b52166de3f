"""The phases of a membership, and the state that clients see in each."""

from __future__ import annotations

from enum import Enum

from . import values


class Phase(Enum):
    """
    The phases of a membership, which the docstring of this package describes.
    """

    OFFLINE = "offline"
    QUEUED = "queued"
    CHECKING = "checking"
    ENTERING = "entering"
    CONFIGURING = "configuring"
    JOINED = "joined"
    WAITING = "waiting"
    REMOVED = "removed"
    LEFT = "left"


#: The state that clients see in each phase.
STATE = {
    Phase.OFFLINE: values.WAITING,
    Phase.QUEUED: values.JOINING,
    Phase.CHECKING: values.JOINING,
    Phase.ENTERING: values.JOINING,
    Phase.CONFIGURING: values.JOINING,
    Phase.JOINED: values.JOINED,
    Phase.WAITING: values.WAITING,
    Phase.REMOVED: values.REMOVED,
    Phase.LEFT: values.REMOVED,
}
#: The state that began at the time C{since}.
SINCE = {
    phase: values.WAITING if state == values.JOINING else state
    for phase, state in STATE.items()
}
#: The phases of an attempt to join, in which the membership has a turn or waits for it.
ATTEMPT = frozenset({Phase.QUEUED, Phase.CHECKING, Phase.ENTERING, Phase.CONFIGURING})
#: The phases in which the room may take the bot for an occupant.
INSIDE = frozenset({Phase.ENTERING, Phase.CONFIGURING, Phase.JOINED})
#: The phases in which no timer and no turn is needed to go on.
IDLE = frozenset({Phase.OFFLINE, Phase.WAITING, Phase.REMOVED})
