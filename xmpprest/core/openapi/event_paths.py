"""What the OpenAPI document says of C{/events}: what happens, as it happens."""

from __future__ import annotations

from collections.abc import Mapping

from ..codec.events import eventSchemas
from ..codec.scalars import Schema
from ..stanza.build import TYPES
from .bodies import responses
from .schemas import JSONObject, ref

EVENTS_TAG = "Watch"

_DESCRIPTION = """\
Server-Sent Events: the answer does not end. Each event has an `id`, a name as its
`event`, and JSON as its `data`, of which `x-events` has the schemas. Give the id of the
last event that you have seen as `Last-Event-ID`, and the answer goes on behind it; what
is lost is told by an event `lost`. Without, it begins with what is known: the state,
and the rates of the last 15 minutes.

It is for looking on. Whoever reads slowly, or was away for more than a minute, misses
stanzas; the callback does not.
"""

#: What is written when somebody begins to watch, and a message is sent.
_EXAMPLE = """\
retry: 2000

id: 5f3c09aa-7
event: state
data: {"state": "up", "since": "2026-01-01T12:00:00.000Z", "reconnects": 0}

id: 5f3c09aa-8
event: stanza
data: {"time": "2026-01-01T12:00:01.250Z", "direction": "out", "kind": "message", \
"from": "gateway.example.org", "to": "user@example.org", "size": 94, "xml": \
"<message to='user@example.org' from='gateway.example.org' id='1'>\
<body>Hello!</body></message>", "json": {"kind": "message", "type": "normal", \
"to": "user@example.org", "from": "gateway.example.org", "id": "1", "body": "Hello!"}}

"""


def schemasOfEvents() -> Mapping[str, Schema]:
    """The schemas of what events have as their data, by names of their own."""
    schemas = eventSchemas(ref("stanza"))
    return {f"{name}Event": schema for name, schema in schemas.items()}


def eventPaths() -> JSONObject:
    """The path, below that of the resource."""
    return {"/events": {"get": _events()}}


def _events() -> JSONObject:
    return {
        "operationId": "watch",
        "tags": [EVENTS_TAG],
        "summary": "See what happens",
        "description": _DESCRIPTION,
        "parameters": [
            {
                "name": "kind",
                "in": "query",
                "description": "Stanzas of these kinds only.",
                "schema": {
                    "type": "array",
                    "items": {"type": "string", "enum": [*TYPES]},
                    "minItems": 1,
                },
                "explode": False,
            },
            {
                "name": "jid",
                "in": "query",
                "description": "Only stanzas from or to this address: with its"
                " resource, if it has one, or else any; or with everybody at a domain.",
                "schema": {"type": "string", "format": "xmpp-jid"},
            },
            {
                "name": "Last-Event-ID",
                "in": "header",
                "description": "The event behind which to begin.",
                "schema": {"type": "string"},
            },
        ],
        "responses": responses(
            503,
            _200={
                "description": "What happens, without end.",
                "content": {
                    "text/event-stream": {
                        "schema": {"type": "string"},
                        "example": _EXAMPLE,
                        "x-events": {
                            name: ref(f"{name}Event")
                            for name in eventSchemas(ref("stanza"))
                        },
                    }
                },
            },
        ),
    }
