"""What a message carries that may be sent late, or twice."""

from __future__ import annotations

from datetime import UTC, datetime

from twisted.words.xish.domish import Element

from . import namespaces as ns
from .stanza import element, find, make
from .writer import toXML


def identified(message: Element, xml: str) -> str:
    """
    Give a message an origin-id, the same as its id: who gets it twice can tell, even
    behind a room or an archive that changes the id (XEP-0359 §3.1).

    @param xml: The message as L{toXML<xmpprest.core.writer.toXML>} writes it.
    @return: The same if it has one already, or is an error.
    """
    end = "</message>"
    isError = message.getAttribute("type") == "error"
    if isError or find(message, ns.SID, "origin-id") or not xml.endswith(end):
        return xml
    originID = toXML(element(ns.SID, "origin-id", {"id": message["id"]}))
    return f"{xml.removesuffix(end)}{originID}{end}"


def delayed(message: Element, domain: str, acceptedAt: float) -> Element:
    """
    Say in a message that it has been held back (XEP-0203).

    @param domain: Who has held it.
    @param acceptedAt: Since when, in seconds since 1970.
    @return: The message itself if somebody has said so already.
    """
    if find(message, ns.DELAY, "delay"):
        return message
    attributes = {"from": domain, "stamp": timestamp(acceptedAt)}
    return _with(message, element(ns.DELAY, "delay", attributes))


def timestamp(seconds: float) -> str:
    """
    A time as XEP-0082 and RFC 3339 write it, in UTC and to the millisecond.

    @param seconds: Since 1970.
    """
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _with(message: Element, child: Element) -> Element:
    children = [*message.children, child]
    return make("message", message.attributes, children, message.localPrefixes)
