"""
Makes stanzas: addressed copies, replies, errors, receipts (RFC 6120 §8).

A stanza is a C{domish.Element} in C{jabber:client}. It is never changed after it is
made; a copy shares its children.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from twisted.words.xish.domish import Element

from ..errors import StanzaError
from . import namespaces as ns
from .parser import Name

#: A child of an element.
Child: TypeAlias = Element | str

#: RFC 6120 §8.1.5
LANG = (ns.XML, "lang")

#: The kinds of stanza and the types that each may have; C{None} is no type.
#: RFC 6121 §5.2.2, RFC 6121 §4.7.1, RFC 6120 §8.2.3.
TYPES: Mapping[str, frozenset[str | None]] = {
    "message": frozenset({None, "chat", "error", "groupchat", "headline", "normal"}),
    "presence": frozenset(
        {None, "error", "probe", "subscribe", "subscribed", "unavailable"}
        | {"unsubscribe", "unsubscribed"}
    ),
    "iq": frozenset({"get", "set", "result", "error"}),
}


#: The name of an event of the gateway itself, which is handled like an inbound message.
#: No stanza has it: the stream drops other elements.
META = "meta"


def withArticle(kind: str) -> str:
    """Return a kind of stanza with its article, such as C{"an iq"}."""
    return f"{'an' if kind == 'iq' else 'a'} {kind}"


def make(
    kind: str,
    attributes: Mapping[Name, str | None],
    children: Iterable[Child] = (),
    prefixes: Mapping[str, str] | None = None,
) -> Element:
    """
    Make a stanza.

    @param kind: C{message}, C{presence} or C{iq}.
    @param attributes: The attributes; one whose value is C{None} is left out.
    @param children: Elements and text, shared with the stanza they come from.
    @param prefixes: The namespace prefixes that the stanza declares for them.
    """
    stanza = Element((ns.CLIENT, kind), ns.CLIENT, None, dict(prefixes or {}))
    stanza.attributes = {k: v for k, v in attributes.items() if v is not None}
    stanza.children = list(children)
    return stanza


def element(
    uri: str,
    name: str,
    attributes: Mapping[str, str] | None = None,
    children: Iterable[Child] = (),
) -> Element:
    """Make an element to be put into a stanza."""
    result = Element((uri, name), uri, dict(attributes or {}))
    result.children = list(children)
    return result


def withAttributes(stanza: Element, **changed: str | None) -> Element:
    """
    Return a copy of a stanza with other attributes.

    @param changed: New values by name; C{None} removes the attribute.
    """
    attributes: dict[Name, str | None] = dict(stanza.attributes)
    attributes.update(changed)
    return make(stanza.name, attributes, stanza.children, stanza.localPrefixes)


def elements(stanza: Element) -> list[Element]:
    """Return the child elements, without text."""
    return [child for child in stanza.children if isinstance(child, Element)]


def hasMoreElementsThan(element: Element, limit: int) -> bool:
    """Whether an element holds more descendants than a limit."""
    number, level = 0, elements(element)
    while level and number <= limit:
        number += len(level)
        level = [child for parent in level for child in elements(parent)]
    return number > limit


def firstChild(stanza: Element, uri: str, name: str) -> Element | None:
    """Return the first child element of a name, or C{None}."""
    for child in stanza.children:
        if isinstance(child, Element) and child.name == name and child.uri == uri:
            return child
    return None


def isRequest(stanza: Element) -> bool:
    """Whether a stanza is an iq that needs an answer (RFC 6120 §8.2.3)."""
    return stanza.name == "iq" and stanza.getAttribute("type") in ("get", "set")


def isResponse(stanza: Element) -> bool:
    """Whether a stanza is an error or a result, which must not be answered."""
    return stanza.getAttribute("type") in ("error", "result")


def isFromRoom(stanza: Element) -> bool:
    """
    Whether a stanza seems to come through a chat room (XEP-0045). An error in answer to
    such a stanza would remove the gateway from the room (XEP-0045 §18.1.2).
    """
    type = stanza.getAttribute("type")
    if stanza.name == META or (stanza.name == "message" and type == "groupchat"):
        return True
    # Presence of ejabberd's rooms themselves looks like that of a user, but users send
    # presence from full addresses (RFC 6121 §4.2.2).
    isBare = "/" not in stanza.getAttribute("from", "")
    if stanza.name == "presence" and type in (None, "unavailable") and isBare:
        return True
    return stanza.name != "iq" and firstChild(stanza, ns.MUC_USER, "x") is not None


def result(request: Element, payload: Element | None = None) -> Element:
    """
    Make the result of an iq (RFC 6120 §8.2.3).

    @param payload: The child of the result; C{None} for an empty one.
    """
    children = () if payload is None else (payload,)
    return _answer(request, "result", request.getAttribute("id"), children)


def error(stanza: Element, reason: StanzaError) -> Element:
    """
    Make the error in answer to a stanza (RFC 6120 §8.3), without the stanza's payload.
    """
    children = [element(ns.STANZA_ERRORS, reason.condition)]
    if reason.text:
        children.append(element(ns.STANZA_ERRORS, "text", None, [reason.text]))
    report = element(ns.CLIENT, "error", {"type": reason.type}, children)
    return _answer(stanza, "error", stanza.getAttribute("id"), (report,))


def wantsReceipt(stanza: Element) -> bool:
    """Whether a message asks for a delivery receipt that may be sent (XEP-0184)."""
    return (
        stanza.name == "message"
        and bool(stanza.getAttribute("id"))
        and stanza.getAttribute("type") not in ("groupchat", "error")
        and firstChild(stanza, ns.RECEIPTS, "request") is not None
        # §5.4: a receipt must not ask for one, or two gateways would never stop.
        and firstChild(stanza, ns.RECEIPTS, "received") is None
    )


def receivedElement(message: Element) -> Element:
    """Make the element of a receipt, to be put into any message."""
    return element(ns.RECEIPTS, "received", {"id": message["id"]})


def receipt(message: Element, newID: str) -> Element:
    """Make a delivery receipt as a message of its own (XEP-0184 §7)."""
    return _answer(
        message, message.getAttribute("type"), newID, (receivedElement(message),)
    )


def _answer(
    stanza: Element, type: str | None, id: str | None, children: Iterable[Child]
) -> Element:
    """Make a stanza in the opposite direction of another."""
    attributes: dict[Name, str | None] = {
        "to": stanza.getAttribute("from"),
        "from": stanza.getAttribute("to"),
        "id": id,
        "type": type,
    }
    return make(stanza.name, attributes, children)
