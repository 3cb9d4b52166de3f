"""Transitions by the requests of clients."""

from __future__ import annotations

from dataclasses import replace

from .events import (
    Answer,
    Deleted,
    Depart,
    Enter,
    Persisted,
    Requested,
)
from .membership import Membership
from .phases import INSIDE, Phase
from .values import RoomSettings


def requestedInside(membership: Membership, event: Requested) -> None:
    """Change the nick (XEP-0045 §7.6), and the settings for later joins."""
    nick = event.settings.nick
    _adopt(membership, replace(event.settings, nick=None))
    membership.save()
    if nick is None or nick == membership.nick:
        if nick is not None:
            membership.record = replace(membership.record, nick=nick)
        membership.out.append(Answer())
    else:
        membership.pending = nick
        membership.out.append(Enter(nick, None))


def requestedOutside(membership: Membership, event: Requested) -> None:
    """Try again now, with the settings of the client."""
    membership.previous = membership.record
    _adopt(membership, event.settings)
    membership.isExplicit = True
    membership.failures = 0
    if membership.phase is Phase.OFFLINE:
        membership.save()
    else:
        membership.attempt()


def requestedMeanwhile(membership: Membership, event: Requested) -> None:
    """Begin the attempt under way again, with the settings of the client."""
    if membership.previous is None and membership.isStored:
        membership.previous = membership.record
    _adopt(membership, event.settings)
    membership.isExplicit = True
    if membership.phase in INSIDE:
        membership.nicks = 0
        membership.nick = membership.record.nick
        membership.enter()
    else:
        membership.nick = membership.record.nick


def _adopt(membership: Membership, settings: RoomSettings) -> None:
    """Put the settings of a client into the record."""
    given = {
        name: getattr(settings, name)
        for name in ("nick", "password", "history", "create")
        if getattr(settings, name) is not None
    }
    membership.record = replace(membership.record, invitedBy=None, **given)


def persisted(membership: Membership, event: Persisted) -> None:
    """Keep a membership, although the room has not answered yet."""
    membership.isExplicit, membership.previous = False, None
    membership.save()


def deletedInside(membership: Membership, event: Deleted) -> None:
    """Leave the room, and forget the membership (XEP-0045 §7.14)."""
    membership.out.append(Depart(membership.nick))
    membership.forget()


def deletedOutside(membership: Membership, event: Deleted) -> None:
    """Forget the membership; the bot is not in the room."""
    membership.forget()
