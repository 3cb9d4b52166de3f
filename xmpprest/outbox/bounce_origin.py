"""Tells which error stanzas may answer a message."""

from __future__ import annotations

from twisted.words.xish.domish import Element

from ..core.stanza import jid
from ..core.stanza.build import isFromRoom


def isAnswerFrom(report: Element, to: str, *, isToRoom: bool) -> bool:
    """
    Whether an error stanza may come from the recipient of a message, or its server.

    @param to: The recipient.
    @param isToRoom: Whether it is a room: none of its occupants answers for it.
    """
    sender = jid.normaliseJID(report.getAttribute("from", ""))
    peer = jid.normaliseJID(to)
    others = (peer, peer.bare, jid.JID("", peer.domain, ""))
    if sender in others:
        return True
    # One client of a bare recipient may answer for all of them. Rooms mark the messages
    # that they relay from an occupant (XEP-0045 §7.5).
    return sender.bare == peer and not isToRoom and not isFromRoom(report)
