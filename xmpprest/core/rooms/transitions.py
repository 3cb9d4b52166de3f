"""The state machine of memberships: events in, actions out (XEP-0045, XEP-0410)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from . import clients, entering, staying, stream
from .events import (
    Absent,
    Action,
    Bounced,
    Checked,
    Configured,
    Deleted,
    Due,
    Event,
    Granted,
    Persisted,
    Pinged,
    Present,
    Refused,
    Requested,
    StreamDown,
    StreamUp,
)
from .membership import Membership
from .phases import ATTEMPT, IDLE, INSIDE, Phase

_Handler: TypeAlias = Callable[[Membership, Any], None]  # the event of its row


def _each(
    phases: frozenset[Phase], event: type[Event], handler: _Handler
) -> Mapping[tuple[Phase, type[Event]], _Handler]:
    return {(phase, event): handler for phase in phases}


#: The transitions, with the sections of XEP-0045 unless another one is named. An event
#: without an entry changes nothing in that phase.
TRANSITIONS: Mapping[tuple[Phase, type[Event]], _Handler] = {
    # the stream
    (Phase.OFFLINE, StreamUp): stream.streamUp,
    **_each(ATTEMPT | {Phase.JOINED, Phase.WAITING}, StreamDown, stream.streamDown),
    (Phase.WAITING, Due): stream.retryDue,
    # the way in
    (Phase.QUEUED, Granted): entering.granted,
    (Phase.CHECKING, Checked): entering.checked,  # §6.4
    (Phase.ENTERING, Present): entering.presentOnEntry,  # §7.2.2
    (Phase.ENTERING, Refused): entering.refusedOnEntry,  # §7.2.3 to §7.2.10
    (Phase.ENTERING, Absent): entering.absentOnEntry,  # §8.2, §9.1, §10.9
    (Phase.ENTERING, Due): entering.timedOut,
    (Phase.CONFIGURING, Configured): entering.configured,  # §10.1.2
    (Phase.CONFIGURING, Absent): entering.absentOnEntry,  # §8.2, §9.1, §10.9
    (Phase.CONFIGURING, Due): entering.timedOut,
    (Phase.WAITING, Present): entering.presentLate,  # §7.2.2
    # A kick may cross a join, or a client joins by raw presence.
    (Phase.REMOVED, Present): entering.presentLate,
    # in the room
    (Phase.JOINED, Present): staying.presentInside,  # §7.2.2, §7.6
    (Phase.JOINED, Absent): staying.absentInside,  # §7.6, §8.2, §9.1, §9.4, §10.9
    (Phase.JOINED, Refused): staying.refusedInside,  # §7.6
    (Phase.JOINED, Bounced): staying.bounced,  # §7.4
    (Phase.JOINED, Due): staying.pingDue,  # XEP-0410 §3
    (Phase.JOINED, Pinged): staying.pinged,  # XEP-0410 §3.1 to §3.3
    # clients
    (Phase.JOINED, Requested): clients.requestedInside,  # §7.6
    **_each(IDLE, Requested, clients.requestedOutside),
    **_each(ATTEMPT, Requested, clients.requestedMeanwhile),
    **_each(frozenset(Phase) - {Phase.LEFT}, Persisted, clients.persisted),
    **_each(INSIDE, Deleted, clients.deletedInside),  # §7.14
    **_each(IDLE | ATTEMPT - INSIDE, Deleted, clients.deletedOutside),
}


def handle(membership: Membership, event: Event, now: float) -> Sequence[Action]:
    """
    Handle an event.

    @param now: Seconds since 1970.
    @return: The actions to carry out, in this order.
    """
    membership.now, membership.out = now, []
    handler = TRANSITIONS.get((membership.phase, type(event)))
    if isinstance(event, Present | Absent):
        membership.heardAt = now
        if membership.phase in INSIDE or handler is not None:
            membership.noteOccupant(event)
    if handler is not None:
        handler(membership, event)
    out, membership.out = membership.out, []
    return out
