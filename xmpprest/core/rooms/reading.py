"""Reads the stanzas of rooms as events and values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from sys import intern

from twisted.words.xish.domish import Element

from ..errors import errorTypeOf
from ..stanza import jid
from ..stanza import namespaces as ns
from ..stanza.build import elements, firstChild
from .events import Absent, Present, Refused
from .stanzas import MUC
from .values import Occupant, RoomFault, RoomInfo

#: XEP-0421
OCCUPANT_ID = "urn:xmpp:occupant-id:0"

#: A status code (XEP-0045 §15.6).
_CODE = re.compile("[0-9]{3}")


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
    return RoomInfo(
        MUC in features,
        ns.MAM in features,
        assignsIDs=ns.MAM in features or ns.SID in features,
    )


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


def stampOf(message: Element, room: str) -> float | None:
    """
    Return when a delayed message was said (XEP-0203), in seconds since 1970; C{None}
    for one without a delay.

    Of several delays, the last one of the room or its service counts (XEP-0045
    §7.2.14), else the last one: a room adds its own behind what occupants have written.
    """
    names = (room, jid.splitJID(room)[1])
    delays = [
        each
        for each in elements(message)
        if each.name == "delay" and each.uri == ns.DELAY
    ]
    own = [each for each in delays if each.getAttribute("from") in names]
    stamps = [_seconds(each.getAttribute("stamp", "")) for each in own or delays]
    return stamps[-1] if stamps else None


def _seconds(stamp: str) -> float | None:
    try:
        return datetime.fromisoformat(stamp).timestamp()
    except (ValueError, OverflowError):
        return None
