"""Queries the archive of a room, and reads its messages (XEP-0313)."""

from __future__ import annotations

from typing import NamedTuple

from twisted.words.xish.domish import Element

from ..stanza import jid
from ..stanza import namespaces as ns
from ..stanza.annotate import timestamp
from ..stanza.build import element, firstChild, make
from .history import withoutStanzaID
from .reading import stampOf
from .stanzas import makeIQ

#: Results in one page of an archive.
PAGE = 50


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
    return makeIQ("set", occupant, room, id, query)


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
    stamp = stampOf(forwarded, room)
    if message is None or stamp is None:
        return None
    if jid.bareOf(message.getAttribute("from", "")) != room:
        return None
    id = envelope["id"]
    # Only the archive itself names the id.
    children = list(withoutStanzaID(message, room).children)
    children.append(element(ns.SID, "stanza-id", {"id": id, "by": room}))
    if firstChild(message, ns.DELAY, "delay") is None:
        delay = {"from": room, "stamp": timestamp(stamp)}
        children.append(element(ns.DELAY, "delay", delay))
    attributes = {**message.attributes, "to": occupant, "type": "groupchat"}
    return ArchivedMessage(
        id, stamp, make("message", attributes, children, message.localPrefixes)
    )
