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
    errorTypeOf,
    unprocessable,
)
from ..media import formats
from ..stanza import jid
from ..stanza import namespaces as ns
from ..stanza.build import (
    LANG,
    META,
    TYPES,
    element,
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
    A callback's HTTP response to one stanza.

    @ivar status: The HTTP status.
    @ivar contentType: The value of C{Content-Type}, or C{None} if there is none.
    @ivar body: The whole body.
    @ivar retryAfter: The value of C{Retry-After} (RFC 9110 §10.2.3), or C{None} if
        there is none.
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
class ReplyComplaint:
    """
    A fault in a callback's reply that its author should know of.

    @ivar reason: The end of a sentence about the response, such as C{"its body is not a
        reply: The key 'ok' is not known; …"}.
    @ivar key: The JSON key at fault, with the keys around it, such as C{"oob.url"};
        C{None} if the fault is not in a key.
    """

    reason: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class ReplyPlan:
    """
    The stanzas to send after a callback's response.

    @ivar stanzas: The stanzas to send, in this order.
    @ivar deferToBuiltin: Whether an iq gets the gateway's built-in answer, if there is
        one, instead of C{stanzas}.
    @ivar complaint: A fault in the response, to be logged and shown to the operator;
        C{None} if there is none.
    """

    stanzas: tuple[Element, ...] = ()
    deferToBuiltin: bool = False
    complaint: ReplyComplaint | None = None


NO_REPLY = ReplyPlan()


def interpretResponse(
    stanza: Element, response: CallbackResponse, newID: Callable[[], str]
) -> ReplyPlan:
    """
    Decide what to send after a callback's response. The numbers in the code are those
    of the rules in callback.rst; the first rule that matches counts.

    @param stanza: The inbound stanza.
    @param newID: Generates ids for replies that have none.
    """
    if isResponse(stanza) or stanza.name == META:  # 1
        return NO_REPLY
    if response.status in (202, 204) or (response.isSuccess and _isEmpty(response)):
        return _accepted(stanza, newID)  # 2
    complaint = None
    try:
        return _replied(stanza, _reply(stanza, response), newID)  # 3
    except Refusal as refusal:
        # An error page of the callback's framework is no fault in a reply.
        isXML = (response.contentType or "").lower().startswith(formats.XML)
        if response.body and (response.isSuccess or isXML):
            complaint = ReplyComplaint(
                f"its body is not a reply: {refusal.problem.text}", refusal.problem.key
            )
    if response.isSuccess:
        return _accepted(stanza, newID, complaint)  # 4
    reason = errorFromStatus(response.status)  # 5
    return ReplyPlan(errorReply(stanza, reason), response.status == 501, complaint)


def onUnreachable(stanza: Element) -> ReplyPlan:
    """
    Decide what to send if the callback gave no response and the stanza is not stored
    (callback.rst, rule 6). A presence is dropped without an error, since that
    would show the bot as broken until the sender's next login; a subscription is not.
    """
    return ReplyPlan(
        undeliveredReply(stanza, RECIPIENT_UNAVAILABLE), deferToBuiltin=True
    )


#: The types of presence that state something, and ask for nothing (RFC 6121 §4.7.1).
_PRESENCE_STATES = frozenset({None, "probe", "unavailable"})


def undeliveredReply(stanza: Element, reason: StanzaError) -> tuple[Element, ...]:
    """
    Make the error for a stanza that the gateway could not deliver to a callback.

    @return: Empty for a presence that is no subscription, and where L{errorReply} is
        empty.
    """
    isState = (
        stanza.name == "presence" and stanza.getAttribute("type") in _PRESENCE_STATES
    )
    return () if isState else errorReply(stanza, reason)


def errorReply(stanza: Element, reason: StanzaError) -> tuple[Element, ...]:
    """
    Make the error that answers a stanza.

    @return: Empty where no error may be sent: to an error or a result (RFC 6120
        §8.3.1), and to a room, which would remove the gateway from it.
    """
    if isResponse(stanza) or isFromRoom(stanza):
        return ()
    return (error(stanza, reason),)


def unhandledReply(stanza: Element) -> tuple[Element, ...]:
    """
    Make the error for a stanza that no callback wants (callback.rst).

    @return: Empty for presence and headlines, and where L{errorReply} is empty.
    """
    ignored = stanza.name == "presence" or stanza.getAttribute("type") == "headline"
    return () if ignored else errorReply(stanza, SERVICE_UNAVAILABLE)


def _isEmpty(response: CallbackResponse) -> bool:
    """Whether a response has no body, or as plain text only line breaks."""
    if not response.body:
        return True
    return not response.body.strip(b"\r\n") and _isText(response)


def _isText(response: CallbackResponse) -> bool:
    try:
        format = formats.formatOf(response.contentType)
    except Refusal:
        return False
    return format is formats.FORMATS[formats.TEXT]


def _accepted(
    stanza: Element,
    newID: Callable[[], str],
    complaint: ReplyComplaint | None = None,
) -> ReplyPlan:
    """
    Plan for an accepted stanza: an iq gets the built-in answer or else an empty result
    (RFC 6120 §8.2.3), a message the receipt that it asks for.
    """
    if isRequest(stanza):
        # An empty result answers no query such as disco or version.
        isGet = stanza.getAttribute("type") == "get"
        return ReplyPlan((result(stanza),), isGet, complaint)
    if wantsReceipt(stanza):
        return ReplyPlan((receipt(stanza, newID()),), complaint=complaint)
    return NO_REPLY if complaint is None else ReplyPlan(complaint=complaint)


def _reply(stanza: Element, response: CallbackResponse) -> Element:
    """
    Parse the stanza in a callback's response.

    @raise Refusal: The body is not a stanza that can answer the inbound one.
    """
    format = formats.formatOf(response.contentType)
    body = response.body
    if format is formats.FORMATS[formats.TEXT]:
        body = body.rstrip(b"\r\n")
        _checkTextReply(stanza, response)
    reply = format.decode(body, StanzaContext(kind=stanza.name))
    if format.keys is not None:
        _checkKeys(stanza.name, frozenset(format.keys(body)))
    if checkedKind(reply) != stanza.name:
        raise unprocessable(
            "unsupported-stanza-type",
            f"{withArticle(reply.name).capitalize()} cannot answer "
            f"{withArticle(stanza.name)}.",
        )
    reply = _completedError(reply)
    if reply.name != "iq":
        checkType(reply.name, reply.getAttribute("type"))
    elif reply.getAttribute("type") != "error" and len(elements(reply)) > 1:
        raise unprocessable(
            "bad-format",
            "A result has at most one child element; leave the others out.",
        )
    return reply


def _checkTextReply(stanza: Element, response: CallbackResponse) -> None:
    """
    Check that plain text may answer a stanza.

    @raise Refusal: It may not.
    """
    if not response.isSuccess:
        # aiohttp, Go and other frameworks write error pages as plain text.
        raise formats.unsupportedMediaType("Plain text is a reply only with a 2xx.")
    if stanza.name == "message" and firstChild(stanza, ns.CLIENT, "body") is None:
        # A receipt, a chat state or a marker, which people do not see as a message.
        raise formats.unsupportedMediaType(
            "Plain text answers only a message that has a body; answer 204 instead."
        )
    if stanza.name == "presence":
        raise formats.unsupportedMediaType(
            "Plain text cannot answer a presence; send JSON or XML, or answer 204."
        )


#: The keys that address a stanza and say nothing.
_ENVELOPE = frozenset({"kind", "type", "id", "lang", "to", "from"})


def _checkKeys(kind: str, keys: frozenset[str]) -> None:
    """
    Check that the keys of a JSON or form body make it a reply, not an acknowledgement
    such as C{{}}, C{{"id": "abc"}} or C{{"status": "ok"}}.

    @raise Refusal: The body is an acknowledgement.
    """
    content = keys - _ENVELOPE
    if kind == "presence":
        if "type" in keys:
            return
        if content and not content & {"error", "show"} and "kind" not in keys:
            # The status of a framework; not the presence of the bot.
            raise unprocessable(
                "bad-format",
                'A presence as a reply needs a kind or type; add "type": "available".',
            )
    if not content:
        raise unprocessable(
            "bad-format",
            "It has no content, so it is taken as an acknowledgement; answer 204"
            " instead.",
        )


def _completedError(reply: Element) -> Element:
    """
    Complete a reply that holds an C{<error/>}: it is of type error unless it says
    otherwise, and the error's type is that of its condition (RFC 6120 §8.3.3).

    @raise Refusal: A reply of type error has no such error, or one without a condition.
    """
    report = firstChild(reply, ns.CLIENT, "error")
    type = reply.getAttribute("type")
    if type is None and report is not None:
        type = "error"
    if type != "error":
        return reply
    if report is None:
        raise unprocessable(
            "invalid-xml",
            "It is an error without an <error/>; add one, in JSON the key 'error'.",
        )
    condition = next(
        (
            each.name
            for each in elements(report)
            if each.uri == ns.STANZA_ERRORS and each.name != "text"
        ),
        None,
    )
    if condition is None:  # RFC 6120 §8.3.2, or {"error": true}
        raise unprocessable(
            "invalid-xml",
            "It is an error without a condition, such as 'item-not-found'.",
            "error",
        )
    completed = report
    if not report.getAttribute("type"):
        completed = element(
            ns.CLIENT,
            "error",
            {**report.attributes, "type": errorTypeOf(condition)},
            report.children,
        )
        completed.localPrefixes = report.localPrefixes
    children = [completed if each is report else each for each in reply.children]
    attributes = {**reply.attributes, "type": "error"}
    return make(reply.name, attributes, children, reply.localPrefixes)


def _replied(stanza: Element, reply: Element, newID: Callable[[], str]) -> ReplyPlan:
    """Plan to send a callback's reply, unless it would do harm."""
    inbound, type = stanza.getAttribute("type"), reply.getAttribute("type")
    if type == "error" and isFromRoom(stanza):
        return ReplyPlan(
            complaint=ReplyComplaint(
                "an error would remove the gateway from the room, so it is not sent."
            )
        )
    if stanza.name == "presence" and inbound == type == "subscribe":
        return ReplyPlan(
            complaint=ReplyComplaint(
                "a subscribe is not answered by a subscribe, so it is not sent."
            )
        )
    recipient, id = stanza.getAttribute("from"), reply.getAttribute("id")
    if stanza.name == "iq":
        type = type if type == "error" else "result"
    elif stanza.name == "message":
        type = type or (inbound if inbound in TYPES["message"] else None)
    if stanza.name == "iq" or type == "error":
        id = stanza.getAttribute("id")
    if type == "groupchat" and recipient is not None:
        # A room takes a groupchat message only at its bare address (XEP-0045 §7.4);
        # one of another type goes to the occupant (§7.5).
        recipient = jid.bareOf(recipient)
    attributes: dict[Name, str | None] = {
        "to": recipient,
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
    Add the receipt that the inbound stanza asks for. The reply holds it, unless the
    reply asks for a receipt itself: no message does both (XEP-0184 §5.4).

    @return: The reply, after a receipt of its own if it cannot hold one.
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
