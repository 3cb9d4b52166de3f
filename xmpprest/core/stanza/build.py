"""
Makes stanzas: addressed copies, replies, errors, receipts (RFC 6120 §8).

A stanza is a C{domish.Element} in C{jabber:client} that is never changed once it
is made; a new one shares its children.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from twisted.words.xish.domish import Element

from ..errors import StanzaError
from . import namespaces as ns
from .parser import Name

#: What an element holds.
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
    @param attributes: Those whose value is C{None} are left out.
    @param children: Elements and text, shared with the stanza they come from.
    @param prefixes: The namespaces that the stanza declares for them.
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
    The same stanza with some attributes changed.

    @param changed: New values by name; C{None} takes the attribute away.
    """
    attributes: dict[Name, str | None] = dict(stanza.attributes)
    attributes.update(changed)
    return make(stanza.name, attributes, stanza.children, stanza.localPrefixes)


def elements(stanza: Element) -> list[Element]:
    """The child elements, text left out."""
    return [child for child in stanza.children if isinstance(child, Element)]


def hasMoreElementsThan(element: Element, limit: int) -> bool:
    """Whether an element holds more elements than that."""
    number, level = 0, elements(element)
    while level and number <= limit:
        number += len(level)
        level = [child for parent in level for child in elements(parent)]
    return number > limit


def firstChild(stanza: Element, uri: str, name: str) -> Element | None:
    """The first child element of that name, or C{None}."""
    for child in stanza.children:
        if isinstance(child, Element) and child.name == name and child.uri == uri:
            return child
    return None


def isRequest(stanza: Element) -> bool:
    """Whether a stanza is an iq that wants an answer (RFC 6120 §8.2.3)."""
    return stanza.name == "iq" and stanza.getAttribute("type") in ("get", "set")


def isResponse(stanza: Element) -> bool:
    """Whether a stanza is an answer itself, so that it must not be answered."""
    return stanza.getAttribute("type") in ("error", "result")


def isFromRoom(stanza: Element) -> bool:
    """
    Whether a stanza comes through a chat room (XEP-0045), by all that it shows.

    An error in answer to it would remove us from the room (XEP-0045 §18.1.2).
    """
    type = stanza.getAttribute("type")
    if stanza.name == "message" and type == "groupchat":
        return True
    # ejabberd's rooms have presence of their own, which looks like anybody's; but
    # people's comes from full addresses (RFC 6121 §4.2.2).
    isBare = "/" not in stanza.getAttribute("from", "")
    if stanza.name == "presence" and type in (None, "unavailable") and isBare:
        return True
    return stanza.name != "iq" and firstChild(stanza, ns.MUC_USER, "x") is not None


def result(request: Element, payload: Element | None = None) -> Element:
    """
    The result of an iq (RFC 6120 §8.2.3).

    @param payload: What it holds; most results of a set hold nothing.
    """
    children = () if payload is None else (payload,)
    return _answer(request, "result", request.getAttribute("id"), children)


def error(stanza: Element, reason: StanzaError) -> Element:
    """
    The error in answer to a stanza (RFC 6120 §8.3), without the stanza's payload.
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
        # §5.4: a receipt asks for none, or two gateways would never stop.
        and firstChild(stanza, ns.RECEIPTS, "received") is None
    )


def receivedElement(message: Element) -> Element:
    """The receipt's own element, to stand in a message of any content."""
    return element(ns.RECEIPTS, "received", {"id": message["id"]})


def receipt(message: Element, newID: str) -> Element:
    """A delivery receipt as a message of its own (XEP-0184 §7)."""
    return _answer(
        message, message.getAttribute("type"), newID, (receivedElement(message),)
    )


def _answer(
    stanza: Element, type: str | None, id: str | None, children: Iterable[Child]
) -> Element:
    """An answer goes from where the stanza went to where it came from."""
    attributes: dict[Name, str | None] = {
        "to": stanza.getAttribute("from"),
        "from": stanza.getAttribute("to"),
        "id": id,
        "type": type,
    }
    return make(stanza.name, attributes, children)
