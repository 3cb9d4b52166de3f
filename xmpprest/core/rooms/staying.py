"""Transitions of a bot in a room (XEP-0045 §7 to §10, XEP-0410)."""

from __future__ import annotations

from dataclasses import replace

from . import tables
from .events import (
    Absent,
    Answer,
    Bounced,
    Due,
    Enter,
    Ping,
    Pinged,
    Present,
    Refused,
    SetTimer,
)
from .membership import Membership


def presentInside(membership: Membership, event: Present) -> None:
    """Follow a change of the bot's own nick (XEP-0045 §7.6)."""
    if not membership.isOwn(event):
        return
    membership.nick = event.nick
    if membership.pending == event.nick:
        _nickChanged(membership, event.nick)


def _nickChanged(membership: Membership, nick: str) -> None:
    """XEP-0045 §7.6: the room has confirmed the nick that a client has chosen."""
    membership.pending = None
    membership.record = replace(membership.record, nick=nick)
    membership.save()
    membership.out.append(Answer())


def absentInside(membership: Membership, event: Absent) -> None:
    """Follow a change of the nick, or a removal by the room; take a freed nick."""
    if not membership.isOwn(event):
        _retakeNick(membership, event.nick)
        return
    if tables.NICK_CHANGED in event.statuses and event.newNick:  # §7.6
        membership.nick = event.newNick
        if membership.pending == event.newNick:
            _nickChanged(membership, event.newNick)
        return
    isFinal, word = tables.removalOf(event)
    if isFinal:
        membership.removed(event, word)
    else:
        membership.retry(word, event.reason)


def _retakeNick(membership: Membership, freed: str) -> None:
    """Take the configured nick back when another occupant has given it up."""
    isWanted = freed == membership.record.nick != membership.nick
    if isWanted and membership.pending is None:
        membership.out.append(Enter(freed, None))


def refusedInside(membership: Membership, event: Refused) -> None:
    """The room refuses a change of the nick; the bot stays under the old one."""
    if membership.pending is not None:
        membership.pending = None
        meaning = tables.meaningOf(event.fault)
        membership.out.append(Answer(tables.problemOf(meaning, event.fault)))


def bounced(membership: Membership, event: Bounced) -> None:
    """XEP-0045 §7.4: only occupants may speak; the room has dropped the bot."""
    if event.fault.condition == "not-acceptable":
        membership.retry("dropped", event.fault.text)


def pingDue(membership: Membership, event: Due) -> None:
    """XEP-0410 §3: ping after some time without traffic."""
    silence = membership.now - membership.heardAt
    if silence >= tables.PING_AFTER:
        membership.out.append(Ping(membership.nick))
    else:
        membership.out.append(SetTimer(tables.PING_AFTER - silence))


def pinged(membership: Membership, event: Pinged) -> None:
    """XEP-0410 §3.1 to §3.3."""
    condition = None if event.fault is None else event.fault.condition
    if condition is None or condition in tables.PROVES_JOINED:
        membership.failures = 0
        membership.heardAt = membership.now
        membership.out.append(SetTimer(tables.PING_AFTER))
    elif condition in tables.PROVES_NOTHING:
        membership.out.append(SetTimer(tables.PING_AGAIN))
    else:
        membership.retry("dropped", None)
