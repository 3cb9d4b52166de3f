"""What a message carries that may be sent late, or twice."""

from __future__ import annotations

from datetime import UTC, datetime

from twisted.words.xish.domish import Element

from . import namespaces as ns
from .build import firstChild
from .serializer import escapeAttribute


def withOriginID(message: Element, xml: str) -> str:
    """
    Give a message an origin-id, the same as its id: who gets it twice can tell, even
    behind a room or an archive that changes the id (XEP-0359 §3.1).

    @param xml: The message as L{toXML<xmpprest.core.stanza.serializer.toXML>} writes
        it.
    @return: The same if it has one already, or is an error.
    """
    isError = message.getAttribute("type") == "error"
    if isError or firstChild(message, ns.SID, "origin-id"):
        return xml
    id = escapeAttribute(message["id"])
    return _with(xml, f"<origin-id xmlns='{ns.SID}' id='{id}'/>")


def withDelay(xml: str, domain: str, acceptedAt: float) -> str:
    """
    Say in a message that it has been held back (XEP-0203).

    It is not parsed for that: there may be many that were.

    @param xml: The message as L{toXML<xmpprest.core.stanza.serializer.toXML>} writes
        it.
    @param domain: Who has held it.
    @param acceptedAt: Since when, in seconds since 1970.
    @return: The same if somebody has said so already.
    """
    if ns.DELAY in xml:
        return xml
    stamp = timestamp(acceptedAt)
    return _with(xml, f"<delay xmlns='{ns.DELAY}' from='{domain}' stamp='{stamp}'/>")


def timestamp(seconds: float) -> str:
    """
    A time as XEP-0082 and RFC 3339 write it, in UTC and to the millisecond.

    @param seconds: Since 1970.
    """
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


#: How a message ends that holds anything.
_END = "</message>"


def _with(xml: str, child: str) -> str:
    """Put a last child into a message; one that is empty needs none."""
    if not xml.endswith(_END):
        return xml
    return f"{xml.removesuffix(_END)}{child}{_END}"
