"""Makes the stanzas that memberships send to rooms."""

from __future__ import annotations

from twisted.words.xish.domish import Element

from ..stanza import namespaces as ns
from ..stanza.build import element, make
from .values import HistoryRequest

#: XEP-0045
MUC = "http://jabber.org/protocol/muc"
MUC_OWNER = "http://jabber.org/protocol/muc#owner"


def joinPresence(
    room: str,
    occupant: str,
    nick: str,
    history: HistoryRequest,
    password: str | None,
) -> Element:
    """Make the presence that enters a room (XEP-0045 §7.2.1, §7.2.6, §7.2.13)."""
    children = [element(MUC, "history", history)]
    if password is not None:
        children.append(element(MUC, "password", None, [password]))
    return make(
        "presence",
        {"from": occupant, "to": f"{room}/{nick}"},
        [element(MUC, "x", None, children)],
    )


def nickPresence(room: str, occupant: str, nick: str) -> Element:
    """Make the presence that changes the nick (XEP-0045 §7.6)."""
    return make("presence", {"from": occupant, "to": f"{room}/{nick}"})


def leavePresence(room: str, occupant: str, nick: str) -> Element:
    """Make the presence that leaves a room (XEP-0045 §7.14)."""
    to = f"{room}/{nick}"
    return make("presence", {"from": occupant, "to": to, "type": "unavailable"})


def discoQuery(room: str, occupant: str, id: str) -> Element:
    """Make the question about a room (XEP-0045 §6.4)."""
    return makeIQ("get", occupant, room, id, element(ns.DISCO_INFO, "query"))


def instantRoomQuery(room: str, occupant: str, id: str) -> Element:
    """Make the request for an instant room (XEP-0045 §10.1.2)."""
    form = element(ns.DATA, "x", {"type": "submit"})
    query = element(MUC_OWNER, "query", None, [form])
    return makeIQ("set", occupant, room, id, query)


def selfPing(room: str, occupant: str, nick: str, id: str) -> Element:
    """Make a self-ping (XEP-0410 §3)."""
    ping = element(ns.PING, "ping")
    return makeIQ("get", occupant, f"{room}/{nick}", id, ping)


def makeIQ(type: str, sender: str, to: str, id: str, payload: Element) -> Element:
    """Make a request to a room, or to one of its occupants."""
    return make("iq", {"type": type, "from": sender, "to": to, "id": id}, [payload])
