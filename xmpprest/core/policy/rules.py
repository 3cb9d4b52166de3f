"""
The rules of the two doors: what may be sent, and what a callback's answer means.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from twisted.words.xish.domish import Element

from ..codec.mapping import StanzaContext
from ..errors import (
    RECIPIENT_UNAVAILABLE,
    SERVICE_UNAVAILABLE,
    Refusal,
    StanzaError,
    errorFromStatus,
    forbidden,
    unprocessable,
)
from ..media import formats
from ..stanza import jid
from ..stanza import namespaces as ns
from ..stanza.build import (
    LANG,
    TYPES,
    elements,
    error,
    firstChild,
    isFromRoom,
    isRequest,
    isResponse,
    make,
    receipt,
    receivedElement,
    result,
    wantsReceipt,
)
from ..stanza.parser import Name

# --- HTTP to XMPP ---------------------------------------------------------------

#: How long an id may be, in characters; it comes back in a header field.
MAX_ID = 1023
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def buildSubmission(
    payload: Element, domain: str, newID: Callable[[], str], sender: str = ""
) -> Element:
    """
    Make the stanza that a client asked to send.

    @param payload: What the client has written.
    @param domain: The component domain, in its normal form.
    @param newID: Makes an id for a stanza that has none; random, unguessable.
    @param sender: Whom a stanza is from that does not say; empty for the domain.
    @return: The stanza, complete with C{to}, C{from} and C{id}, safe to write.
    @raise Refusal: 422, or 403 for a C{from} at another domain.
    """
    kind, type = checkedKind(payload), payload.getAttribute("type")
    if kind != "iq":
        _checkType(kind, type)
    elif type not in ("get", "set"):
        raise unprocessable("invalid-xml", "An iq must have type='get' or type='set'.")
    elif len(elements(payload)) != 1:
        raise unprocessable(
            "bad-format",
            "An iq must have exactly one child element (RFC 6120 §8.2.3), in JSON one"
            f" key such as 'ping'; this has {len(elements(payload)) or 'none'}.",
        )
    return make(
        kind,
        {
            "to": _recipient(payload.getAttribute("to")),
            "from": _sender(payload.getAttribute("from") or sender, domain),
            "id": _id(payload.getAttribute("id")) or newID(),
            "type": type,
            LANG: payload.getAttribute(LANG),
        },
        payload.children,
        payload.localPrefixes,
    )


def checkedKind(payload: Element) -> str:
    """
    The kind of a stanza, once it is known to be one.

    @raise Refusal: 422, not in C{jabber:client}, or no stanza.
    """
    if payload.uri != ns.CLIENT:
        raise unprocessable(
            "invalid-namespace",
            "The stanza must be in no namespace or in 'jabber:client'.",
        )
    kind = payload.name
    if kind not in TYPES:
        raise unprocessable(
            "unsupported-stanza-type",
            "The stanza must be a message, a presence or an iq.",
        )
    return str(kind)


def _checkType(kind: str, type: str | None) -> None:
    """Check the type of a message or a presence, which may have none."""
    if type not in TYPES[kind]:
        known = ", ".join(sorted(filter(None, TYPES[kind])))
        raise unprocessable(
            "invalid-xml",
            f"The type of {withArticle(kind)} must be one of {known}, or be left out.",
        )


def withArticle(kind: str) -> str:
    """The kind of a stanza with its article, for sentences."""
    return f"{'an' if kind == 'iq' else 'a'} {kind}"


def _id(id: str | None) -> str | None:
    if id is None:
        return None
    if len(id) > MAX_ID:
        raise unprocessable(
            "bad-format", f"The 'id' is longer than {MAX_ID} characters; shorten it."
        )
    if id != id.strip() or _CONTROL.search(id):
        raise unprocessable(
            "bad-format",
            "The 'id' has a control character, or a space around it; leave that out.",
        )
    return id


def _recipient(to: str | None) -> str:
    if not to:
        raise unprocessable(
            "improper-addressing",
            "The stanza has no 'to'; say whom it is for, as in to='user@example.org'.",
        )
    try:
        jid.parseJID(to)
    except ValueError as reason:
        raise unprocessable(
            "improper-addressing", f"The 'to' is no XMPP address: {reason}."
        ) from None
    return to


def _sender(sender: str | None, domain: str) -> str:
    """The address to send from, its domain written as the server knows it."""
    if not sender:
        return domain
    try:
        address = jid.parseJID(sender)
    except ValueError as reason:
        raise unprocessable(
            "invalid-from", f"The 'from' is no XMPP address: {reason}."
        ) from None
    if address.domain != domain:
        raise forbidden(f"The 'from' must be at {domain}, the domain of this gateway.")
    return str(address)


# --- XMPP to HTTP, and back -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class CallbackResponse:
    """
    What a callback said to a stanza.

    @ivar status: The HTTP status.
    @ivar contentType: The header's value, if there was one.
    @ivar body: All of it.
    @ivar retryAfter: The header's value, if there was one (RFC 9110 §10.2.3).
    """

    status: int
    contentType: str | None = None
    body: bytes = b""
    retryAfter: str | None = None

    @property
    def isSuccess(self) -> bool:
        """Whether the status is 2xx (RFC 9110 §15.3)."""
        return 200 <= self.status <= 299


@dataclass(frozen=True, slots=True)
class ReplyPlan:
    """
    What follows from a callback's answer.

    @ivar stanzas: To be sent, in this order.
    @ivar deferToBuiltin: The callback leaves an iq to the gateway's own answers; what
        is in C{stanzas} is for the case that there is none.
    @ivar warning: Something the callback's author should know, for the log.
    """

    stanzas: tuple[Element, ...] = ()
    deferToBuiltin: bool = False
    warning: str | None = None


NO_REPLY = ReplyPlan()


def interpretResponse(
    stanza: Element, said: CallbackResponse, newID: Callable[[], str]
) -> ReplyPlan:
    """
    What a callback's answer means (behaviour.md §2.2; the numbers are its rules).

    @param stanza: The inbound stanza.
    @param newID: Makes ids for stanzas that have none.
    """
    if isResponse(stanza):  # 1
        return NO_REPLY
    if said.status in (202, 204) or (said.isSuccess and not said.body):  # 2
        return ReplyPlan(_accepted(stanza, newID))
    warning = None
    try:  # 3
        return _replied(stanza, _reply(stanza, said), newID)
    except Refusal as refusal:
        # An error page of the callback's framework is nothing to warn of.
        isXML = (said.contentType or "").lower().startswith(formats.XML)
        if said.body and (said.isSuccess or isXML):
            warning = f"that is no reply: {refusal.problem.text}"
    if said.isSuccess:  # 4
        return ReplyPlan(_accepted(stanza, newID), warning=warning)
    reason = errorFromStatus(said.status)  # 5
    return ReplyPlan(errorReply(stanza, reason), said.status == 501, warning)


def onUnreachable(stanza: Element) -> ReplyPlan:
    """What it means that the callback gave no answer, where nothing is stored."""
    return ReplyPlan(errorReply(stanza, RECIPIENT_UNAVAILABLE), deferToBuiltin=True)


def errorReply(stanza: Element, reason: StanzaError) -> tuple[Element, ...]:
    """
    An error in answer to a stanza, where one may be sent: never to an error or a
    result (RFC 6120 §8.3.1), never into a room, which would remove us from it.
    """
    if isResponse(stanza) or isFromRoom(stanza):
        return ()
    return (error(stanza, reason),)


def _accepted(stanza: Element, newID: Callable[[], str]) -> tuple[Element, ...]:
    """An iq always gets a result (RFC 6120 §8.2.3), a message what it asked for."""
    if isRequest(stanza):
        return (result(stanza),)
    if wantsReceipt(stanza):
        return (receipt(stanza, newID()),)
    return ()


def _reply(stanza: Element, said: CallbackResponse) -> Element:
    """
    Read the stanza that a callback answered with.

    @raise Refusal: It is none that could be an answer.
    """
    format = formats.formatOf(said.contentType)
    if not said.isSuccess and format is formats.FORMATS[formats.TEXT]:
        # The error page of aiohttp, Go and others; not words to the sender.
        raise formats.unsupportedMediaType("Plain text is a reply only with a 2xx.")
    reply = format.decode(said.body, StanzaContext(kind=stanza.name))
    keys = () if format.keys is None else format.keys(said.body)
    if format.keys and not {*keys} - {"kind"}:
        # The {} of many a framework; not an empty message to the sender.
        raise unprocessable("bad-format", "It is empty; answer 204 instead.")
    if format.keys and reply.name == "presence" and not {*keys} & _MEANT:
        # Their {"status": "ok"}; not our presence.
        raise unprocessable("bad-format", "A presence as a reply needs a kind or type.")
    if checkedKind(reply) != stanza.name:
        raise unprocessable(
            "unsupported-stanza-type",
            f"{withArticle(reply.name).capitalize()} cannot answer "
            f"{withArticle(stanza.name)}.",
        )
    type = reply.getAttribute("type")
    if stanza.name != "iq":
        _checkType(stanza.name, type)
    if type == "error":
        report = firstChild(reply, ns.CLIENT, "error")
        if report is None:
            raise unprocessable("invalid-xml", "It is an error without an <error/>.")
        if not elements(report):  # RFC 6120 §8.3.2, or {"error": true}
            raise unprocessable("invalid-xml", "It is an error without a condition.")
    elif stanza.name == "iq" and len(elements(reply)) > 1:
        raise unprocessable("bad-format", "A result has at most one child element.")
    return reply


#: A key of these shows that a callback means a presence.
_MEANT = frozenset({"error", "kind", "show", "type"})


def _replied(stanza: Element, reply: Element, newID: Callable[[], str]) -> ReplyPlan:
    """Send a callback's reply, unless it would do harm."""
    inbound, type = stanza.getAttribute("type"), reply.getAttribute("type")
    if type == "error" and isFromRoom(stanza):
        return ReplyPlan(
            warning="an error to a room would leave it, so it is not sent."
        )
    if stanza.name == "presence" and inbound == type == "subscribe":
        return ReplyPlan(
            warning="a subscribe is not answered by a subscribe, so it is not sent."
        )
    sender, id = stanza.getAttribute("from"), reply.getAttribute("id")
    if stanza.name == "iq":
        type = type if type == "error" else "result"
    elif stanza.name == "message":
        type = type or (inbound if inbound in TYPES["message"] else None)
    if stanza.name == "iq" or type == "error":
        id = stanza.getAttribute("id")
    if inbound == type == "groupchat" and sender is not None:
        # To all in the room; of another type, to the one who wrote (XEP-0045 §7.5).
        sender = jid.bareOf(sender)
    attributes: dict[Name, str | None] = {
        "to": sender,
        "from": stanza.getAttribute("to"),
        "id": id or newID(),
        "type": type,
        LANG: reply.getAttribute(LANG),
    }
    addressed = make(stanza.name, attributes, reply.children, reply.localPrefixes)
    return ReplyPlan(_withReceipt(stanza, addressed, newID))


def _withReceipt(
    stanza: Element, reply: Element, newID: Callable[[], str]
) -> tuple[Element, ...]:
    """
    A reply and the receipt that the stanza asks for: within the reply, unless that
    asks for one itself, since no message does both (XEP-0184 §5.4).
    """
    if (
        not wantsReceipt(stanza)
        or reply.getAttribute("type") == "error"
        or firstChild(reply, ns.RECEIPTS, "received") is not None
    ):
        return (reply,)
    if firstChild(reply, ns.RECEIPTS, "request") is not None:
        return (receipt(stanza, newID()), reply)
    children = [*reply.children, receivedElement(stanza)]
    return (make(reply.name, reply.attributes, children, reply.localPrefixes),)


def unhandledReply(stanza: Element) -> tuple[Element, ...]:
    """What a stanza gets that no callback wants (behaviour.md §2.3)."""
    ignored = stanza.name == "presence" or stanza.getAttribute("type") == "headline"
    return () if ignored else errorReply(stanza, SERVICE_UNAVAILABLE)
