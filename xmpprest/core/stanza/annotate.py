"""Adds origin-id (XEP-0359) and delay (XEP-0203) to outbound messages."""

from __future__ import annotations

from datetime import UTC, datetime

from twisted.words.xish.domish import Element

from . import namespaces as ns
from .build import firstChild
from .serializer import escapeAttribute


def withOriginID(message: Element, xml: str) -> str:
    """
    Add an origin-id with the message's id. By it a receiver can drop duplicates, even
    behind a room or an archive that changes the id (XEP-0359 §3.1).

    @param xml: The message as L{toXML<xmpprest.core.stanza.serializer.toXML>} writes
        it.
    @return: C{xml} unchanged if it has an origin-id, or is an error.
    """
    isError = message.getAttribute("type") == "error"
    if isError or firstChild(message, ns.SID, "origin-id"):
        return xml
    id = escapeAttribute(message["id"])
    return _with(xml, f"<origin-id xmlns='{ns.SID}' id='{id}'/>")


def withDelay(xml: str, domain: str, acceptedAt: float) -> str:
    """
    Add a delay to a message that was held in the queue (XEP-0203). The XML is not
    parsed, since many messages may be delayed at once.

    @param xml: The message as L{toXML<xmpprest.core.stanza.serializer.toXML>} writes
        it.
    @param domain: The component domain.
    @param acceptedAt: The time since which it is queued, in seconds since 1970.
    @return: C{xml} unchanged if it has a delay.
    """
    if ns.DELAY in xml:
        return xml
    stamp = timestamp(acceptedAt)
    return _with(xml, f"<delay xmlns='{ns.DELAY}' from='{domain}' stamp='{stamp}'/>")


def timestamp(seconds: float) -> str:
    """
    Format a time (XEP-0082, RFC 3339) in UTC, to the millisecond.

    @param seconds: Seconds since 1970.
    """
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


#: The end of a message that is not empty.
_END = "</message>"


def _with(xml: str, child: str) -> str:
    """Add a last child to a message; an empty message is left unchanged."""
    if not xml.endswith(_END):
        return xml
    return f"{xml.removesuffix(_END)}{child}{_END}"
