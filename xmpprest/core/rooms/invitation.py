"""Reads invitations to rooms (XEP-0045 §7.8, XEP-0249)."""

from __future__ import annotations

from typing import NamedTuple

from twisted.words.xish.domish import Element

from ..stanza import jid
from ..stanza import namespaces as ns
from ..stanza.build import firstChild

#: XEP-0249
CONFERENCE = "jabber:x:conference"


class Invitation(NamedTuple):
    """
    An invitation to a room.

    @ivar inviter: The bare address of the sender, as far as it is known.
    @ivar isMediated: Whether the room names the sender (XEP-0045 §7.8.2); a direct
        invitation comes from the sender (XEP-0249).
    """

    room: str
    inviter: str
    password: str | None
    isMediated: bool


def readInvitation(message: Element) -> Invitation | None:
    """
    Read the invitation in a message; C{None} if there is none. An occupant, whose
    messages come through a room, can invite nobody, nor can the history of a room.
    """
    isOther = message.getAttribute("type") in ("error", "groupchat")
    isDelayed = firstChild(message, ns.DELAY, "delay") is not None
    if message.name != "message" or isOther or isDelayed:
        return None
    extension = firstChild(message, ns.MUC_USER, "x")
    if extension is not None and "/" in message.getAttribute("from", ""):
        return None
    invite = None if extension is None else firstChild(extension, ns.MUC_USER, "invite")
    sender = jid.bareOf(message.getAttribute("from", ""))
    if extension is not None and invite is not None:
        password = firstChild(extension, ns.MUC_USER, "password")
        inviter = jid.bareOf(invite.getAttribute("from", ""))
        secret = None if password is None else str(password) or None
        return Invitation(sender, inviter, secret, isMediated=True)
    direct = firstChild(message, CONFERENCE, "x")
    if direct is None or not direct.getAttribute("jid"):
        return None
    return Invitation(
        jid.bareOf(direct["jid"]),
        sender,
        direct.getAttribute("password") or None,
        isMediated=False,
    )
