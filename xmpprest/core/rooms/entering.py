"""Transitions on the way into a room (XEP-0045 §6.4, §7.2, §10.1)."""

from __future__ import annotations

from . import tables
from .events import (
    Absent,
    Check,
    Checked,
    Configure,
    Configured,
    Depart,
    Due,
    Granted,
    Present,
    Refused,
)
from .membership import Membership
from .phases import Phase


def granted(membership: Membership, event: Granted) -> None:
    """Ask the room before the join."""
    membership.go(Phase.CHECKING)
    membership.out.append(Check())


def checked(membership: Membership, event: Checked) -> None:
    """XEP-0045 §6.4: is it a room, and has it an archive?"""
    info, fault = event.info, event.fault
    if info is not None:
        membership.hasArchive = info.hasArchive
        membership.assignsIDs = info.assignsIDs
        if info.isRoom:
            membership.enter()
        else:
            membership.reject(tables.OTHER_ENTITY)
        return
    assert fault is not None
    if fault.condition in tables.UNREACHABLE:
        membership.retry("no-answer", fault.text)
    elif fault.condition == "item-not-found" and membership.record.create:
        membership.enter()
    elif fault.condition in tables.MISSING:
        membership.reject(tables.MISSING[fault.condition], fault)
    else:
        membership.enter()


def presentOnEntry(membership: Membership, event: Present) -> None:
    """XEP-0045 §7.2.2: the bot's own presence ends the list of occupants."""
    if not membership.isOwn(event):
        return
    membership.nick = event.nick
    if tables.CREATED not in event.statuses:
        membership.joined()
    elif membership.record.create:  # §10.1.2
        membership.go(Phase.CONFIGURING)
        membership.out.append(Configure())
    else:
        membership.out.append(Depart(membership.nick))
        membership.reject(tables.NO_ROOM)


def presentLate(membership: Membership, event: Present) -> None:
    """The room lets the bot in after all."""
    if tables.SELF in event.statuses and tables.CREATED not in event.statuses:
        membership.nick = event.nick
        membership.joined()


def refusedOnEntry(membership: Membership, event: Refused) -> None:
    """XEP-0045 §7.2.3 to §7.2.10."""
    fault = event.fault
    hasOtherNick = membership.nicks < tables.MAX_NICKS - 1
    isRejoin = not membership.isExplicit
    if fault.condition == "conflict" and isRejoin and hasOtherNick:
        membership.nicks += 1
        membership.nick = membership.record.nick + "_" * membership.nicks
        membership.enter()
    elif fault.condition in tables.UNREACHABLE:
        membership.retry("no-answer", fault.text)
    else:
        membership.reject(tables.meaningOf(fault), fault)


def timedOut(membership: Membership, event: Due) -> None:
    """The room has not answered the join presence."""
    membership.retry("no-answer", None)


def absentOnEntry(membership: Membership, event: Absent) -> None:
    """The room removes the bot, or its ghost of an earlier stream."""
    if membership.isOwn(event):
        isFinal, word = tables.removalOf(event)
        if isFinal:
            membership.removed(event, word)


def configured(membership: Membership, event: Configured) -> None:
    """XEP-0045 §10.1.2: the room is unlocked."""
    if event.fault is None:
        membership.hasArchive = None
        membership.joined()
    else:
        membership.out.append(Depart(membership.nick))
        membership.reject(tables.meaningOf(event.fault), event.fault)
