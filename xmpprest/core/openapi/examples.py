"""
The examples of the OpenAPI document; a test sends each, or reads it as a reply.

Where they say C{gateway.example.org}, the document says the gateway's domain, and where
they say C{example.org}, its neighbour's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Bodies of requests, by what they are.
EXAMPLES: Mapping[str, Any] = {
    "message": {"to": "user@example.org", "type": "chat", "body": "Hello!"},
    "ping": {"to": "example.org", "ping": True},
    "presence": {"kind": "presence", "to": "user@example.org", "show": "away"},
    "join a room": {
        "to": "room@rooms.example.org/nick",
        "muc": {"history": {"maxstanzas": 0}},
    },
    "reaction": {
        "to": "user@example.org",
        "type": "chat",
        "reactions": {"id": "744f6e18", "reactions": ["👍"]},
        "hints": ["store"],
    },
    "version": {"to": "example.org", "version": {}},
    "disco": {"to": "example.org", "disco": True},
    "command": {"to": "example.org", "command": {"node": "uptime"}},
    "archive": {"to": "user@example.org", "archive": {"max": 10, "before": ""}},
    "anything": {
        "kind": "iq",
        "type": "get",
        "to": "example.org",
        "xml": ["<query xmlns='jabber:iq:roster'/>"],
    },
}

#: Bodies of requests whose path says the rest.
RESTS: Mapping[str, Any] = {
    "message": {"body": "Hello!", "receipt_request": True},
    "presence": {"show": "away", "status": "Out to lunch"},
    "get": {"ping": True},
    "set": {"command": {"node": "uptime"}},
}

#: The same as plain text.
TEXTS: Mapping[str, str] = {"message": "Hello!", "presence": "away"}

#: Bodies of requests whose path names the payload, by the payload.
QUERIES: Mapping[str, Any] = {
    "ping": True,
    "version": {},
    "disco": {},
    "items": "announce",
    "command": {
        "node": "announce",
        "sessionid": "1c2f",
        "action": "complete",
        "data": {"subject": "Tonight", "announcement": "We restart at ten."},
    },
    "stats": [{"name": "time/uptime"}, {"name": "users/online"}],
    "lastactivity": {},
    "oob": {"url": "https://example.org/image.jpg", "desc": "A picture"},
    "extdisco": {"type": "turn"},
    "register": {},
    "gateway": {"prompt": "+4915112345678"},
    "upload_request": {
        "filename": "image.jpg",
        "size": 23456,
        "content-type": "image/jpeg",
    },
    "upload_slot": {"get": {"url": "https://upload.example.org/7c4f/image.jpg"}},
    "archive": {
        "with": "friend@example.org",
        "start": "2026-01-01T00:00:00Z",
        "max": 10,
        "before": "",
    },
    "result": {"complete": True},
    "time": {},
    "moderate": {"id": "28482-98726-73623", "retract": True, "reason": "Spam"},
    "payload": {"datatype": "urn:example:order", "data": {"pizza": "Margherita"}},
}

#: What stands under the payload's key in the reply; in others there is nothing.
REPLIES: Mapping[str, Any] = {
    "version": {"name": "Prosody", "version": "13.0.2", "os": "Linux"},
    "disco": {
        "identities": [{"category": "server", "type": "im", "name": "Prosody"}],
        "features": ["http://jabber.org/protocol/disco#info", "urn:xmpp:ping"],
        "extensions": {
            "http://jabber.org/network/serverinfo": {
                "abuse-addresses": ["mailto:abuse@example.org"],
            },
        },
    },
    "items": [{"jid": "rooms.example.org", "name": "Chatrooms"}],
    "command": {
        "node": "uptime",
        "sessionid": "1c2f",
        "status": "completed",
        "note": {"type": "info", "text": "This server has been running for 3 days."},
    },
    "stats": [{"name": "users/online", "unit": "users", "value": 12}],
    "lastactivity": {"seconds": 903, "status": "Out to lunch"},
    "extdisco": {
        "services": [
            {
                "type": "turn",
                "host": "turn.example.org",
                "port": 3478,
                "transport": "udp",
                "username": "1767225600",
                "password": "mYcRWpCpqBoXoaQ8Ol1nxyAS0c8=",
                "restricted": True,
                "expires": "2026-01-01T00:00:00Z",
            },
        ],
    },
    "register": {
        "instructions": "Choose a username and a password.",
        "username": "",
        "password": "",
    },
    "gateway": {"desc": "Enter a telephone number.", "prompt": "Number"},
    "time": {"tzo": "+01:00", "utc": "2026-01-01T12:00:00Z"},
}

#: What stands there under another key.
_SLOT: Any = {
    "upload_slot": {
        "put": {
            "url": "https://upload.example.org/7c4f/image.jpg",
            "headers": [{"name": "Authorization", "value": "Basic Base64String=="}],
        },
        "get": {"url": "https://upload.example.org/7c4f/image.jpg"},
    },
}

#: What an archive sends before its reply.
_FOUND: Any = {
    "kind": "message",
    "type": "normal",
    "to": "gateway.example.org",
    "from": "user@example.org",
    "archive": {
        "id": "28482-98726-73623",
        "forward": {
            "delay": "2026-01-01T12:00:00Z",
            "message": {
                "kind": "message",
                "type": "chat",
                "to": "user@example.org",
                "from": "friend@example.org/phone",
                "body": "Hello!",
            },
        },
    },
}
_END: Any = {
    "result": {
        "complete": True,
        "page": {
            "first": "28482-98726-73623",
            "index": 0,
            "last": "28482-98726-73623",
            "count": 1,
        },
    },
}


def reply(payload: str) -> Any:
    """An answer to what is asked with a payload."""
    head = {
        "kind": "iq",
        "type": "result",
        "to": "gateway.example.org",
        "from": RECIPIENTS.get(payload, "example.org"),
        "id": "p7Xy1Rk0",
    }
    if payload == "archive":
        return {"xmpp": [_FOUND, head | _END]}
    if payload == "upload_request":
        return head | _SLOT
    value = REPLIES.get(payload)
    return head if value is None else head | {payload: value}


#: Whom to ask, where that is not the server.
RECIPIENTS: Mapping[str, str] = {
    "archive": "user@example.org",
    "lastactivity": "user@example.org",
    "moderate": "room@rooms.example.org",
    "upload_request": "upload.example.org",
}

#: What is said of parameters, by the payload and the name.
PARAMETERS: Mapping[tuple[str, str], Any] = {
    ("disco", "node"): {"description": "A part of it, if not all."},
    ("items", "node"): {"description": "A part of it, if not all."},
    ("command", "node"): {"description": "The command.", "example": "uptime"},
    ("extdisco", "type"): {"description": "Only services of this type."},
    ("archive", "with"): {"description": "Only messages with this address."},
    ("archive", "start"): {"description": "Only messages since then."},
    ("archive", "end"): {"description": "Only messages until then."},
    ("archive", "before-id"): {"description": "Only messages before this one."},
    ("archive", "after-id"): {"description": "Only messages after this one."},
    ("archive", "ids"): {
        "description": "Only these messages; several with commas between.",
    },
    ("archive", "after"): {"description": "The page after this id."},
    ("archive", "before"): {
        "description": "The page before this id; empty for the last page.",
        "allowEmptyValue": True,
    },
    ("archive", "max"): {"description": "How many at most.", "example": 10},
    ("archive", "node"): {"description": "A node of PubSub, if that is archived."},
    ("archive", "queryid"): {"description": "What all that is found is marked with."},
    ("payload", "datatype"): {
        "description": "What the data is.",
        "example": "urn:example:order",
    },
    ("payload", "data"): {"description": "JSON, as text."},
    ("upload_request", "filename"): {"example": "image.jpg"},
    ("upload_request", "size"): {"description": "In bytes.", "example": 23456},
    ("upload_request", "content-type"): {"example": "image/jpeg"},
    ("moderate", "id"): {
        "description": "The id that the room has given to it.",
        "example": "28482-98726-73623",
    },
}

# --- what is kept ---------------------------------------------------------------

#: A message that came back.
BOUNCED: Mapping[str, Any] = {
    "id": "p7Xy1Rk0",
    "to": "nobody@example.org",
    "from": "gateway.example.org",
    "state": "bounced",
    "accepted_at": "2026-01-01T12:00:00.000Z",
    "changed_at": "2026-01-01T12:00:00.120Z",
    "error": {"type": "cancel", "condition": "service-unavailable"},
    "error_xml": "<error type='cancel'><service-unavailable"
    " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
}

_RECEIVED: Mapping[str, Any] = {
    "id": "msg_V1StGXR8Z5jdHi6BmyT",
    "kind": "message",
    "from": "user@example.org/phone",
    "to": "gateway.example.org",
    "callback": "default",
    "state": "dead",
    "received_at": "2026-01-01T12:00:00.000Z",
}

#: Stanzas that the callback did not get.
LISTED: Mapping[str, Any] = {"stanzas": [{**_RECEIVED, "attempts": 2}], "next": None}

#: The same one, with every try.
TRIED: Mapping[str, Any] = {
    **_RECEIVED,
    "attempts": [
        {
            "at": "2026-01-01T12:00:00.080Z",
            "status": None,
            "error": "the connection was refused",
        },
        {"at": "2026-01-01T12:00:01.130Z", "status": 410, "error": "410 Gone"},
    ],
    "stanza": {
        "kind": "message",
        "type": "chat",
        "to": "gateway.example.org",
        "from": "user@example.org/phone",
        "id": "744f6e18",
        "body": "Hello!",
    },
    "xml": "<message to='gateway.example.org' from='user@example.org/phone'"
    " id='744f6e18' type='chat'><body>Hello!</body></message>",
}

#: The same one, once it is to be delivered again.
REDELIVERED: Mapping[str, Any] = {
    **_RECEIVED,
    "state": "pending",
    "attempts": 0,
    "due_at": "2026-01-02T09:30:00.000Z",
}

#: Which to deliver again.
REDELIVERIES: Mapping[str, Any] = {
    "some": {"ids": ["msg_V1StGXR8Z5jdHi6BmyT"]},
    "of a time": {"since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z"},
}

#: What comes back for a message that bounces while somebody waits.
BOUNCE: Mapping[str, Any] = {
    "kind": "message",
    "type": "error",
    "to": "gateway.example.org",
    "from": "user@example.org",
    "id": "p7Xy1Rk0",
    "error": {"type": "cancel", "condition": "service-unavailable"},
}
