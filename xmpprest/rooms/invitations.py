"""Decides which invitations to rooms are accepted without asking."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from twisted.logger import Logger
from twisted.words.xish.domish import Element

from ..core.errors import Refusal
from ..core.policy.quota import Excess, Limits, Quota
from ..core.rooms.invitation import Invitation, readInvitation
from ..core.rooms.requests import RoomRequest, parseRoom
from ..core.rooms.values import RoomSettings
from ..core.stanza import jid
from ..core.stanza.jid_pattern import JIDPatterns

_log = Logger()

#: The addresses of a room and of a bot.
MembershipKey = tuple[str, str]
#: Memberships that invitations may make. All others of a gateway are for its clients.
MAX_INVITED = 1000


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
    settings = RoomSettings(password=invitation.password)
    # Only the word of a room that is trusted itself names the sender.
    inviter = invitation.inviter if _isFromInviter(invitation) else room
    return RoomRequest(room, sender, settings, inviter)


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
    if invitation.isMediated and invitation.room in accepted:
        return True
    return _isFromInviter(invitation) and invitation.inviter in accepted


def _isFromInviter(invitation: Invitation) -> bool:
    """Whether the sender of an invitation is known."""
    if not invitation.isMediated:
        return True
    home = jid.normaliseJID(invitation.inviter).domain
    service = jid.normaliseJID(invitation.room).domain
    return bool(home) and (service == home or service.endswith(f".{home}"))


class InvitedRooms:
    """
    The memberships that invitations have made, and their senders' shares of them.

    A membership counts for the sender of its invitation and for the domain of that; see
    L{Quota}. It no longer counts once a client has asked for it.

    @ivar counts: Invitations that were accepted, and that were refused because there
        are too many memberships.
    """

    def __init__(self) -> None:
        self.counts = {"accepted": 0, "refused": 0}
        self._quota: Quota[str] = Quota()
        #: By membership.
        self._inviters: dict[MembershipKey, str] = {}
        self._isLogged = False

    def note(self, membership: MembershipKey, inviter: str | None) -> None:
        """
        Count a membership for the sender of its invitation.

        @param inviter: C{None} if it no longer counts.
        """
        before = self._inviters.get(membership)
        if before == inviter:
            return
        if before is not None:
            del self._inviters[membership]
            self._quota.remove(_holders(before))
        if inviter is not None:
            self._inviters[membership] = inviter
            self._quota.add(_holders(inviter))

    def membershipsOf(self, holder: str | None) -> Sequence[MembershipKey]:
        """
        Return the memberships that count for a holder, the oldest first.

        @param holder: C{None} for all holders.
        """
        return [
            membership
            for membership, inviter in self._inviters.items()
            if holder is None or holder in _holders(inviter)
        ]

    def excess(self, inviter: str) -> Excess[str] | None:
        """Return the reason to accept no further invitation; C{None} to accept it."""
        return self._quota.excess(Limits(MAX_INVITED), _holders(inviter))

    def accept(self) -> None:
        """Count an invitation that is accepted."""
        self.counts["accepted"] += 1
        if self._quota.count * 4 < MAX_INVITED:
            self._isLogged = False

    def refuse(self, room: str, excess: Excess[str]) -> None:
        """
        Count an invitation that is refused, and log the first one. Another one is
        logged only after there were less than a quarter of L{MAX_INVITED} memberships.
        """
        self.counts["refused"] += 1
        if not self._isLogged:
            self._isLogged = True
            _log.error(
                "The invitation to {room} is not accepted, nor are further ones:"
                " invitations of {holder} have let bots into {used} rooms. No sender"
                " may hold more of the {limit} than are still free. Let bots leave"
                " rooms, or take rooms over by a PUT.",
                room=room,
                holder=(excess.holder or "all senders").lstrip("@"),
                used=excess.used,
                limit=excess.limit,
            )


def _holders(inviter: str) -> Sequence[str]:
    """Return the holders of a membership: a sender and its domain."""
    return inviter, "@" + jid.splitJID(inviter)[1]
