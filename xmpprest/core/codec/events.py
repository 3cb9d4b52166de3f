"""The JSON form and the schemas of live events, and the filter of a subscriber."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ..media.values import Value
from ..stanza import jid
from ..stanza.annotate import timestamp
from ..stanza.build import TYPES
from ..stanza.jid import JID
from ..stanza.stored import UnparsableStanza, parseStored
from .scalars import Schema
from .table import STANZAS

#: The names of the events.
STANZA, STATE, RATES, LOST = "stanza", "state", "rates", "lost"
COMPLAINT, ROOM = "complaint", "room"

#: The directions of a stanza: written to the XMPP server, or read from it.
OUT, IN = "out", "in"

#: The length in characters up to which the content of a stanza is shown.
MAX_XML_SHOWN = 64 * 1024


@dataclass(frozen=True, slots=True)
class StanzaEvent:
    """
    A stanza that was written to the XMPP server or read from it.

    @ivar at: The time, in seconds since 1970.
    @ivar direction: L{OUT} or L{IN}.
    @ivar sender: The value of C{from}, or empty.
    @ivar to: The value of C{to}, or empty.
    """

    at: float
    direction: str
    kind: str
    sender: str
    to: str
    xml: str

    @property
    def value(self) -> dict[str, Value]:
        """The event as JSON."""
        head: dict[str, Value] = {
            "time": timestamp(self.at),
            "direction": self.direction,
            "kind": self.kind,
            "from": self.sender,
            "to": self.to,
            "size": len(self.xml),
        }
        if len(self.xml) > MAX_XML_SHOWN:
            return head
        return {**head, "xml": self.xml, "json": _json(self.xml)}


@dataclass(frozen=True, slots=True)
class ComplaintEvent:
    """
    A fault in a callback's response, so that its reply was not sent.

    @ivar callback: Name of the callback.
    @ivar delivery: Id of the stanza in requests to the callback.
    @ivar kind: Kind of the stanza.
    @ivar sender: Sender of the stanza, or empty.
    @ivar status: HTTP status of the response.
    @ivar reason: Description of the fault.
    @ivar key: JSON key at fault; C{None} if it is not in a key.
    """

    callback: str
    delivery: str
    kind: str
    sender: str
    status: int
    reason: str
    key: str | None

    def value(self, at: float) -> dict[str, Value]:
        """
        Return the event in JSON.

        @param at: In seconds since 1970.
        """
        return {
            "time": timestamp(at),
            "callback": self.callback,
            "id": self.delivery,
            "kind": self.kind,
            "from": self.sender,
            "status": self.status,
            "reason": self.reason,
            "key": self.key,
        }


def _json(xml: str) -> Value:
    try:
        return STANZAS.encode(parseStored(xml))
    except UnparsableStanza:
        return None


@dataclass(frozen=True, slots=True)
class EventFilter:
    """
    The stanzas that a subscriber wants.

    @ivar kinds: The kinds, of C{message}, C{presence} and C{iq}; empty for all kinds.
    @ivar jid: The address that sends or receives them; C{None} for any. A domain alone
        stands for all its addresses, an address without a resource for all its
        resources.
    """

    kinds: Collection[str] = ()
    jid: JID | None = None

    def __contains__(self, event: StanzaEvent) -> bool:
        if self.kinds and event.kind not in self.kinds:
            return False
        return self.jid is None or any(
            self._isAt(jid.normaliseJID(end)) for end in (event.sender, event.to)
        )

    def _isAt(self, end: JID) -> bool:
        assert self.jid is not None
        # An empty part of the filter matches any.
        return all(part in ("", has) for part, has in zip(self.jid, end, strict=True))


# --- schemas --------------------------------------------------------------------

_TIME: Schema = {"type": "string", "format": "date-time"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_TEXT: Schema = {"type": "string"}


def _event(required: str, **properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": required.split(),
    }


def _each(schema: Schema, description: str) -> Schema:
    return {
        "type": "object",
        "additionalProperties": schema,
        "description": description,
    }


_LATENCY: Schema = _event(
    "count p50 p99",
    count=_COUNT,
    p50={"type": ["number", "null"], "description": "The median."},
    p99={"type": ["number", "null"], "description": "The 99th percentile."},
)


def eventSchemas(stanza: Schema) -> Mapping[str, Schema]:
    """
    Return the schemas of the data of all events, by event name.

    @param stanza: The schema of a stanza.
    """
    return {
        STANZA: _event(
            "time direction kind from to size",
            time=_TIME,
            direction={
                "type": "string",
                "enum": [OUT, IN],
                "description": "`out`: written to the XMPP server; `in`: read from it.",
            },
            kind={"type": "string", "enum": [*TYPES]},
            **{"from": _TEXT},
            to=_TEXT,
            size={**_COUNT, "description": "The length of the XML in characters."},
            xml={**_TEXT, "description": f"Omitted beyond {MAX_XML_SHOWN} characters."},
            json={
                "anyOf": [stanza, {"type": "null"}],
                "description": "The stanza as JSON; `null` if it cannot be parsed.",
            },
        ),
        STATE: _event(
            "state since reconnects",
            state={
                "type": "string",
                "enum": ["up", "down"],
                "description": "The state of the stream to the XMPP server.",
            },
            since=_TIME,
            reconnects={**_COUNT, "description": "How often the stream was lost."},
        ),
        RATES: _event(
            "time seconds counts latencies queues",
            time=_TIME,
            seconds={
                "type": "number",
                "description": "The time since the previous event.",
            },
            counts=_each(_COUNT, "Counts in that time, such as `out`."),
            latencies=_each(_LATENCY, "Durations in seconds."),
            queues=_each(_COUNT, "Current lengths of queues, such as `outbox`."),
        ),
        COMPLAINT: _event(
            "time callback id kind from status reason key",
            time=_TIME,
            callback={**_TEXT, "description": "The name of the callback."},
            id={**_TEXT, "description": "The stanza's id in requests to the callback."},
            kind={"type": "string", "enum": sorted(TYPES)},
            **{"from": _TEXT},
            status={"type": "integer", "description": "Of the callback's response."},
            reason={**_TEXT, "description": "The fault, for which no reply was sent."},
            key={
                "type": ["string", "null"],
                "description": "The JSON key at fault; `null` if it is not in a key.",
            },
        ),
        ROOM: _event(
            "time event room from nick state",
            time=_TIME,
            event={
                "type": "string",
                "enum": ["joined", "returned", "removed"],
                "description": "As a callback gets it; `returned`: after a loss.",
            },
            room={**_TEXT, "format": "xmpp-jid"},
            **{"from": {**_TEXT, "description": "The bare address of the bot."}},
            nick=_TEXT,
            state=_TEXT,
            condition={"type": ["string", "null"]},
            reason={"type": ["string", "null"]},
            actor={"type": ["string", "null"]},
        ),
        LOST: _event(
            "reason",
            reason={
                "type": "string",
                "enum": ["slow", "old", "unknown"],
                "description": "Why stanzas are missing before this event. `slow`: the"
                " client read too slowly; `old`: the events after `Last-Event-ID` are"
                " no longer stored; `unknown`: no event has had that id since the"
                " gateway was started.",
            },
        ),
    }
