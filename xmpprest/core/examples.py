"""
The examples of the OpenAPI document; each is sent by a test.

Where they say C{example.org}, the document says the gateway's neighbour.
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
    "rest of a message": {"body": "Hello!", "receipt_request": True},
    "rest of a presence": {"show": "away", "status": "Out to lunch"},
    "rest of a get": {"ping": True},
    "rest of a set": {"command": {"node": "uptime"}},
}

#: The reply to a ping.
REPLY: Mapping[str, Any] = {
    "kind": "iq",
    "type": "result",
    "from": "example.org",
    "to": "gateway.example.org",
    "id": "p7Xy1Rk0",
}

#: What is said of parameters, by the payload and the name.
PARAMETERS: Mapping[tuple[str, str], Any] = {
    ("archive", "ids"): {"description": "Several with commas between."},
    ("archive", "before"): {
        "description": "The page before this id; empty for the last page.",
        "allowEmptyValue": True,
    },
    ("archive", "max"): {"example": 10},
    ("payload", "data"): {
        "description": "JSON, as text.",
        "schema": {"type": "string"},
    },
    ("upload_request", "filename"): {"required": True, "example": "image.jpg"},
    ("upload_request", "size"): {"required": True, "example": 23456},
    ("command", "node"): {"required": True},
    ("moderate", "id"): {"required": True},
    ("payload", "datatype"): {"required": True},
}
