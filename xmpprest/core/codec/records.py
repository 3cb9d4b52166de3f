"""
The JSON form and the schemas of stored records: outbound messages, and inbound stanzas
with their delivery attempts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from twisted.words.xish.domish import Element

from ..media.values import Value
from ..records import (
    BOUNCED,
    CONFIRMED,
    DEAD,
    DELIVERED,
    DROPPED,
    PENDING,
    QUEUED,
    SENT,
    DeliveryAttempt,
    InboxRecord,
    OutboxRecord,
)
from ..stanza import namespaces as ns
from ..stanza.annotate import timestamp
from ..stanza.build import element, elements, firstChild, make
from ..stanza.serializer import toXML
from ..stanza.stored import UnparsableStanza, parseStored, parseStoredHead
from ..webhook.conversation_key import callbackOf
from .scalars import Schema
from .table import STANZAS

_TIME: Schema = {"type": "string", "format": "date-time"}
_TEXT: Schema = {"type": "string"}


def _record(title: str, required: str, **properties: Schema) -> Schema:
    return {
        "type": "object",
        "title": title,
        "properties": properties,
        "required": required.split(),
        "additionalProperties": False,
    }


# --- outbound messages ----------------------------------------------------------

OUTGOING_SCHEMA: Schema = _record(
    "outgoing message",
    "id to state accepted_at changed_at",
    location={**_TEXT, "description": "The path of this status."},
    id=_TEXT,
    to=_TEXT,
    **{"from": _TEXT},
    state={
        "type": "string",
        "enum": [QUEUED, SENT, CONFIRMED, BOUNCED, DROPPED],
        "description": "`queued`: stored, not yet sent; `sent`: written to the XMPP"
        " server; `confirmed`: received by the server; `bounced`: an error came back;"
        " `dropped`: deleted before it was sent.",
    },
    xml={
        **_TEXT,
        "description": "The message, while it is queued and for those who may see all"
        " messages.",
    },
    accepted_at=_TIME,
    changed_at={**_TIME, "description": "The time of the last change of the state."},
    stanza_id={
        "type": ["string", "null"],
        "description": "The id that the room has given to a confirmed message to a room"
        " of a bot, for `reply`, `reactions` and `retract`; null if it assigns none.",
    },
    error=_record(
        "error of a bounced message",
        "",
        type=_TEXT,
        condition=_TEXT,
        text=_TEXT,
        lang=_TEXT,
        by=_TEXT,
    ),
    error_xml={
        **_TEXT,
        "description": "The complete error as XML. If the stanza is malformed:"
        " the whole stanza, and there is no `error`.",
    },
)


def outgoingToJSON(message: OutboxRecord) -> dict[str, Value]:
    """Return the status of an outbound message."""
    return {
        "id": message.id,
        "to": message.to,
        **({"from": message.sender} if message.sender else {}),
        "state": message.state,
        "accepted_at": timestamp(message.acceptedAt),
        "changed_at": timestamp(message.changedAt),
        **({} if message.stanzaID is None else {"stanza_id": message.stanzaID or None}),
        **({} if message.error is None else _error(message.error)),
    }


def _error(xml: str) -> dict[str, Value]:
    """Return the keys C{error} and C{error_xml} for a bounced stanza."""
    try:
        stanza = parseStored(xml)
    except UnparsableStanza:
        return {"error_xml": xml}
    report = firstChild(stanza, ns.CLIENT, "error")
    if report is None:
        return {}
    return {"error": errorToJSON(report), "error_xml": toXML(report)}


def errorToJSON(report: Element) -> Value:
    """
    Return the key C{error} for the error of a bounced message.

    @param report: The element C{<error/>}.
    """
    # No key stands for an application-specific condition.
    defined = [each for each in elements(report) if each.uri == ns.STANZA_ERRORS]
    attributes = {
        name: report[name] for name in ("type", "by") if report.hasAttribute(name)
    }
    plain = element(ns.CLIENT, "error", attributes, defined)
    return STANZAS.encode(make("message", {}, [plain])).get("error", {})


# --- inbound stanzas ------------------------------------------------------------

_STATE: Schema = {"type": "string", "enum": [PENDING, DELIVERED, DEAD]}
_ENTRY: Mapping[str, Schema] = {
    "id": {**_TEXT, "description": "The `webhook-id` that the callback receives."},
    "kind": {"type": "string", "enum": ["message", "presence", "iq"]},
    "from": _TEXT,
    "to": _TEXT,
    "callback": {**_TEXT, "description": "The name of the callback."},
    "state": _STATE,
    "received_at": _TIME,
    "due_at": {**_TIME, "description": "The time of the next attempt."},
}
_REQUIRED = "id callback state received_at attempts"

#: An inbound stanza as an entry of a list.
INCOMING_SCHEMA: Schema = _record(
    "inbound stanza",
    _REQUIRED,
    **_ENTRY,
    attempts={"type": "integer", "description": "The number of attempts."},
)
_ATTEMPT: Schema = _record(
    "delivery attempt",
    "at status error",
    at=_TIME,
    status={"type": ["integer", "null"], "description": "The HTTP status."},
    error={"type": ["string", "null"]},
)


def incomingDetailSchema(stanza: Schema) -> Schema:
    """
    Return the schema of an inbound stanza with its attempts and its content.

    @param stanza: The schema of a stanza.
    """
    return _record(
        "inbound stanza with its attempts",
        _REQUIRED,
        **_ENTRY,
        attempts={"type": "array", "items": _ATTEMPT},
        stanza=stanza,
        xml={
            "type": "string",
            "format": "xml",
            "description": "The stanza as XML. If malformed, `stanza` is missing.",
        },
    )


def incomingToJSON(stanza: InboxRecord) -> dict[str, Value]:
    """Return an inbound stanza as an entry of a list."""
    isDue = stanza.state == PENDING
    return {
        "id": stanza.webhookID,
        **(_head(stanza.stanza) if stanza.stanza else {}),
        "callback": callbackOf(stanza.conversation),
        "state": stanza.state,
        "received_at": timestamp(stanza.receivedAt),
        "attempts": stanza.attempts,
        **({"due_at": timestamp(stanza.dueAt)} if isDue else {}),
    }


def incomingDetailToJSON(
    stanza: InboxRecord, attempts: Sequence[DeliveryAttempt]
) -> dict[str, Value]:
    """Return an inbound stanza with its attempts and its content."""
    tries: list[Value] = [
        {"at": timestamp(each.at), "status": each.status, "error": each.error}
        for each in attempts
    ]
    detail = incomingToJSON(stanza) | {"attempts": tries}
    if stanza.stanza:
        detail |= {**_content(stanza.stanza), "xml": stanza.stanza}
    return detail


def _head(xml: str) -> dict[str, Value]:
    """Return the kind and the addresses in the first tag of a stanza, if it has one."""
    try:
        kind, attributes = parseStoredHead(xml)
    except UnparsableStanza:
        return {}
    addresses = {key: attributes[key] for key in ("from", "to") if key in attributes}
    return {"kind": kind, **addresses}


def _content(xml: str) -> dict[str, Value]:
    """Return the JSON form of a stanza, if it can be parsed."""
    try:
        return {"stanza": STANZAS.encode(parseStored(xml))}
    except UnparsableStanza:
        return {}
