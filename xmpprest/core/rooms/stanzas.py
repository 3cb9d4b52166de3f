"""Reads the stanzas of rooms as events, and makes the stanzas that memberships send."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from sys import intern
from typing import NamedTuple

from twisted.words.xish.domish import Element

from ..errors import errorTypeOf
from ..stanza import jid
from ..stanza import namespaces as ns
from ..stanza.annotate import timestamp
from ..stanza.build import element, elements, firstChild, make
from .events import Absent, Present, Refused
from .history import stanzaIDOf
from .values import HistoryRequest, Occupant, RoomFault, RoomInfo

#: XEP-0045
MUC = "http://jabber.org/protocol/muc"
MUC_OWNER = "http://jabber.org/protocol/muc#owner"
#: XEP-0249
CONFERENCE = "jabber:x:conference"
#: XEP-0421
OCCUPANT_ID = "urn:xmpp:occupant-id:0"

#: Results in one page of an archive.
PAGE = 50
#: A status code (XEP-0045 §15.6).
_CODE = re.compile("[0-9]{3}")

# --- reading --------------------------------------------------------------------


def readPresence(stanza: Element) -> Present | Absent | Refused | None:
    """
    Read a presence from a room (XEP-0045 §7).

    @return: C{None} for a presence that says nothing about an occupant.
    """
    type = stanza.getAttribute("type")
    nick = stanza.getAttribute("from", "").partition("/")[2]
    if type == "error":
        return Refused(faultOf(stanza))
    if type not in (None, "unavailable") or not nick:
        return None
    extension = firstChild(stanza, ns.MUC_USER, "x")
    if extension is None:
        return None
    item = firstChild(extension, ns.MUC_USER, "item")
    statuses = _statuses(extension)
    if type is None:
        return Present(nick, _occupant(stanza, item), statuses)
    destroyed = firstChild(extension, ns.MUC_USER, "destroy")
    about = item if destroyed is None else destroyed
    return Absent(
        nick,
        statuses,
        None if item is None else item.getAttribute("nick"),
        _reason(about),
        _actor(item),
        destroyed is not None,
        None if destroyed is None else destroyed.getAttribute("jid") or None,
    )


def _statuses(extension: Element) -> frozenset[int]:
    codes = (
        each.getAttribute("code", "")
        for each in elements(extension)
        if each.name == "status"
    )
    return frozenset(int(code) for code in codes if _CODE.fullmatch(code))


def _occupant(stanza: Element, item: Element | None) -> Occupant:
    id = firstChild(stanza, OCCUPANT_ID, "occupant-id")
    attributes: Mapping[str, str] = {} if item is None else item.attributes
    return Occupant(
        intern(str(attributes.get("affiliation", "none"))),
        intern(str(attributes.get("role", "none"))),
        attributes.get("jid"),
        None if id is None else id.getAttribute("id"),
        _text(stanza, "show", interned=True),
        _text(stanza, "status"),
    )


def _text(stanza: Element, name: str, *, interned: bool = False) -> str | None:
    found = firstChild(stanza, ns.CLIENT, name)
    text = None if found is None else str(found)
    return intern(text) if interned and text else text or None


def _reason(item: Element | None) -> str | None:
    found = None if item is None else firstChild(item, ns.MUC_USER, "reason")
    return str(found) or None if found is not None else None


def _actor(item: Element | None) -> str | None:
    found = None if item is None else firstChild(item, ns.MUC_USER, "actor")
    if found is None:
        return None
    return found.getAttribute("nick") or found.getAttribute("jid") or None


def faultOf(stanza: Element) -> RoomFault:
    """Read the error in a stanza; an error without a type has that of its condition."""
    report = firstChild(stanza, ns.CLIENT, "error")
    if report is None:
        return RoomFault("undefined-condition", "cancel")
    condition, text, alternate = "undefined-condition", None, None
    for each in elements(report):
        if each.uri != ns.STANZA_ERRORS:
            continue
        if each.name == "text":
            text = str(each) or None
        else:
            condition = each.name
            # RFC 6120 §8.3.3.5: an address as a URI
            uri = str(each) if condition in ("gone", "redirect") else ""
            alternate = uri.removeprefix("xmpp:").partition("?")[0] or None
    type = report.getAttribute("type") or errorTypeOf(condition)
    return RoomFault(condition, type, text, alternate)


def readInfo(reply: Element) -> RoomInfo | RoomFault:
    """Read the answer to L{discoQuery} (XEP-0045 §6.4)."""
    if reply.getAttribute("type") == "error":
        return faultOf(reply)
    query = firstChild(reply, ns.DISCO_INFO, "query")
    if query is None:
        return RoomInfo(isRoom=False)
    features = {
        each.getAttribute("var") for each in elements(query) if each.name == "feature"
    }
    return RoomInfo(MUC in features, ns.MAM in features)


def readReply(reply: Element) -> RoomFault | None:
    """Return the error in the reply to an iq; C{None} for a result."""
    return faultOf(reply) if reply.getAttribute("type") == "error" else None


def isSelfPing(stanza: Element, nick: str) -> bool:
    """Whether an iq is a self-ping that the room relays back (XEP-0410 §3)."""
    return (
        stanza.name == "iq"
        and stanza.getAttribute("type") == "get"
        and stanza.getAttribute("from", "").partition("/")[2] == nick
        and firstChild(stanza, ns.PING, "ping") is not None
    )


def stampOf(message: Element) -> float | None:
    """
    Return the time of a delayed message (XEP-0203), in seconds since 1970; C{None} for
    one without a delay.
    """
    delay = firstChild(message, ns.DELAY, "delay")
    return None if delay is None else _seconds(delay.getAttribute("stamp", ""))


def _seconds(stamp: str) -> float | None:
    try:
        return datetime.fromisoformat(stamp).timestamp()
    except (ValueError, OverflowError):
        return None


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
    messages come through a room, can invite nobody.
    """
    if message.name != "message" or message.getAttribute("type") == "error":
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


# --- archives (XEP-0313) --------------------------------------------------------


class ArchivedMessage(NamedTuple):
    """
    A message from the archive of a room.

    @ivar id: Its id in the archive, which is its stanza-id.
    @ivar stamp: When it was said, in seconds since 1970.
    @ivar message: As the room would have sent it, with a delay.
    """

    id: str
    stamp: float
    message: Element


class ArchivePage(NamedTuple):
    """
    A page of an archive.

    @ivar isComplete: Whether it is the last one.
    """

    messages: list[ArchivedMessage]
    isComplete: bool


def readArchive(replies: list[Element], room: str, occupant: str) -> ArchivePage:
    """
    Read the reply to L{archiveQuery}.

    @param replies: The results, and the result of the iq as the last one.
    @param occupant: The address that the messages are for.
    """
    found = [_archived(each, room, occupant) for each in replies[:-1]]
    fin = firstChild(replies[-1], ns.MAM, "fin")
    isComplete = fin is None or fin.getAttribute("complete") in ("true", "1")
    return ArchivePage([each for each in found if each is not None], isComplete)


def _archived(result: Element, room: str, occupant: str) -> ArchivedMessage | None:
    envelope = firstChild(result, ns.MAM, "result")
    forwarded = envelope and firstChild(envelope, ns.FORWARD, "forwarded")
    if envelope is None or forwarded is None or not envelope.getAttribute("id"):
        return None
    message = firstChild(forwarded, ns.CLIENT, "message")
    stamp = stampOf(forwarded)
    if message is None or stamp is None:
        return None
    if jid.bareOf(message.getAttribute("from", "")) != room:
        return None
    id = envelope["id"]
    children = list(message.children)
    if stanzaIDOf(message, room) is None:
        children.append(element(ns.SID, "stanza-id", {"id": id, "by": room}))
    if firstChild(message, ns.DELAY, "delay") is None:
        delay = {"from": room, "stamp": timestamp(stamp)}
        children.append(element(ns.DELAY, "delay", delay))
    attributes = {**message.attributes, "to": occupant, "type": "groupchat"}
    return ArchivedMessage(
        id, stamp, make("message", attributes, children, message.localPrefixes)
    )


# --- making ---------------------------------------------------------------------


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
    return _iq("get", occupant, room, id, element(ns.DISCO_INFO, "query"))


def instantRoomQuery(room: str, occupant: str, id: str) -> Element:
    """Make the request for an instant room (XEP-0045 §10.1.2)."""
    form = element(ns.DATA, "x", {"type": "submit"})
    query = element(MUC_OWNER, "query", None, [form])
    return _iq("set", occupant, room, id, query)


def selfPing(room: str, occupant: str, nick: str, id: str) -> Element:
    """Make a self-ping (XEP-0410 §3)."""
    ping = element(ns.PING, "ping")
    return _iq("get", occupant, f"{room}/{nick}", id, ping)


def archiveQuery(
    room: str,
    occupant: str,
    id: str,
    *,
    after: str | None = None,
    start: float | None = None,
) -> Element:
    """
    Make a query of a room's archive (XEP-0313 §4).

    @param after: The id of the last message that is known; with C{None} and without a
        start, the query is for the newest message of all.
    @param start: The time of the first message to be returned.
    """
    children = []
    if start is not None:
        children.append(_startForm(start))
    isNewest = after is None and start is None
    page = [element(ns.RSM, "max", None, ["1" if isNewest else str(PAGE)])]
    if after is not None:
        page.append(element(ns.RSM, "after", None, [after]))
    elif isNewest:
        page.append(element(ns.RSM, "before"))
    children.append(element(ns.RSM, "set", None, page))
    query = element(ns.MAM, "query", None, children)
    return _iq("set", occupant, room, id, query)


def _startForm(start: float) -> Element:
    fields = (("FORM_TYPE", ns.MAM), ("start", timestamp(start)))
    return element(
        ns.DATA,
        "x",
        {"type": "submit"},
        [
            element(
                ns.DATA,
                "field",
                {"var": name},
                [element(ns.DATA, "value", None, [value])],
            )
            for name, value in fields
        ],
    )


def _iq(type: str, sender: str, to: str, id: str, payload: Element) -> Element:
    return make("iq", {"type": type, "from": sender, "to": to, "id": id}, [payload])
