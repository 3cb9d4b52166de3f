"""Decides which invitations to rooms are accepted without asking."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from twisted.words.xish.domish import Element

from ..core.errors import Refusal
from ..core.rooms.requests import RoomRequest, parseRoom
from ..core.rooms.stanzas import Invitation, readInvitation
from ..core.rooms.values import RoomSettings
from ..core.stanza import jid
from ..core.stanza.jid_pattern import JIDPatterns


def acceptedInvitation(message: Element, accepted: Sequence[str]) -> RoomRequest | None:
    """
    Return the request that an invitation stands for.

    @param accepted: Patterns of the addresses whose invitations are accepted.
    @return: C{None} if the message is no invitation, or not an accepted one.
    """
    invitation = readInvitation(message)
    if invitation is None or not _isTrusted(invitation, _patterns(tuple(accepted))):
        return None
    try:
        room = parseRoom(invitation.room)
        sender = jid.parseJID(message["to"]).bare
    except (Refusal, ValueError):
        return None
    return RoomRequest(room, sender, RoomSettings(password=invitation.password))


@lru_cache(maxsize=4)
def _patterns(accepted: tuple[str, ...]) -> JIDPatterns:
    return JIDPatterns(*accepted)


def _isTrusted(invitation: Invitation, accepted: JIDPatterns) -> bool:
    """
    Whether the sender of an invitation is known, and accepted.

    A direct invitation comes from its sender. The sender of a mediated one is only the
    word of the room (XEP-0045 §7.8.2): it counts if the room itself is accepted, or if
    the room is at the domain of the sender, or below it.
    """
    if not invitation.isMediated:
        return invitation.inviter in accepted
    if invitation.room in accepted:
        return True
    home = jid.normaliseJID(invitation.inviter).domain
    service = jid.normaliseJID(invitation.room).domain
    isAtHome = service == home or service.endswith(f".{home}")
    return bool(home) and isAtHome and invitation.inviter in accepted
