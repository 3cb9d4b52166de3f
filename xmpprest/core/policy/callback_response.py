"""Interprets a callback's response to a stanza: which stanzas the gateway sends."""

from __future__ import annotations

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
    withArticle,
)
from ..stanza.parser import Name
from .submission import checkedKind, checkType


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
        checkType(stanza.name, type)
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
