"""
What the OpenAPI document says of C{/outbox} and C{/inbox}: what has become of what was
sent, and of what was received.
"""

from __future__ import annotations

from ..media import formats
from ..records import DEAD, DELIVERED, PENDING
from .bodies import recordResponse, responses
from .examples import BOUNCED, LISTED, REDELIVERED, REDELIVERIES, TRIED
from .schemas import JSONObject, ref

TAG = "Look after"

_ONE = {"$ref": "#/components/parameters/webhook"}
_KEY = {"$ref": "#/components/parameters/key"}

#: Which stanza for the callback.
WEBHOOK: JSONObject = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "What the callback has got as `webhook-id`.",
    "schema": {"type": "string", "minLength": 1},
    "example": TRIED["id"],
}


def recordPaths() -> JSONObject:
    """The paths, below that of the resource."""
    return {
        "/outbox/{id}": {"get": _status()},
        "/inbox": {"get": _list()},
        "/inbox/{id}": {"get": _one()},
        "/inbox/redeliver": {"post": _redeliver()},
        "/inbox/{id}/redeliver": {"post": _redeliverOne()},
    }


def _status() -> JSONObject:
    id = {
        "name": "id",
        "in": "path",
        "required": True,
        "description": "Of the message: the `Stanza-Id` that it was accepted with.",
        "schema": {"type": "string", "minLength": 1},
        "example": BOUNCED["id"],
    }
    return {
        "operationId": "getSent",
        "tags": [TAG],
        "summary": "What has become of a message?",
        "description": "Of several with the same id, of the newest.",
        "parameters": [id],
        "responses": responses(
            404,
            503,
            _200=recordResponse("What is known of it.", ref("outgoing"), BOUNCED),
        ),
    }


def _list() -> JSONObject:
    parameters = (
        ("state", {"type": "string", "enum": [PENDING, DELIVERED, DEAD]}, DEAD),
        ("limit", {"type": "integer", "minimum": 1, "maximum": 1000}, 100),
        ("before", {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}, None),
    )
    words = {
        "state": "Those that the callback has still to get, has got, or will not get"
        " unless they are delivered again.",
        "limit": "How many at most.",
        "before": "Where the page begins; `next` of the page before it says so.",
    }
    list = {
        "type": "object",
        "properties": {
            "stanzas": {"type": "array", "items": ref("incoming")},
            "next": {
                "type": ["string", "null"],
                "description": "The path of the next page, if there is one.",
            },
        },
        "required": ["stanzas", "next"],
        "additionalProperties": False,
    }
    return {
        "operationId": "listReceived",
        "tags": [TAG],
        "summary": "What did the callback not get?",
        "description": "The newest come first.",
        "parameters": [
            {
                "name": name,
                "in": "query",
                "description": words[name],
                "schema": schema | ({} if default is None else {"default": default}),
            }
            for name, schema, default in parameters
        ],
        "responses": responses(404, 503, _200=recordResponse("A page.", list, LISTED)),
    }


def _one() -> JSONObject:
    return {
        "operationId": "getReceived",
        "tags": [TAG],
        "summary": "What has become of a stanza for the callback?",
        "parameters": [_ONE],
        "responses": responses(
            404,
            503,
            _200=recordResponse(
                "All that is known of it; the stanza, while it is kept.",
                ref("incomingWhole"),
                TRIED,
            ),
        ),
    }


def _redeliverOne() -> JSONObject:
    return {
        "operationId": "redeliver",
        "tags": [TAG],
        "summary": "Deliver a stanza to the callback again",
        "description": "One that is `dead`. It is `pending` then, and due at once.",
        "parameters": [_ONE, _KEY],
        "responses": responses(
            *(404, 409, 413, 422, 503),
            _202=recordResponse(
                "It will be tried again.", ref("incoming"), REDELIVERED
            ),
        ),
    }


def _redeliver() -> JSONObject:
    schema = {
        "type": "object",
        "properties": {
            "redelivered": {"type": "integer", "description": "How many."},
            "ids": {
                "type": "array",
                "items": {"type": "string"},
                "maxItems": 1000,
                "description": "Which; of many, the first.",
            },
        },
        "required": ["redelivered", "ids"],
        "additionalProperties": False,
    }
    done = {"redelivered": 1, "ids": [REDELIVERED["id"]]}
    examples = {name: {"value": value} for name, value in REDELIVERIES.items()}
    content = {formats.JSON: {"schema": ref("redelivery"), "examples": examples}}
    return {
        "operationId": "redeliverSeveral",
        "tags": [TAG],
        "summary": "Deliver stanzas to the callback again",
        "description": "Those that are `dead`, of which the body says the ids, or when"
        " they came: from `since` on, and before `until`.",
        "parameters": [_KEY],
        "requestBody": {"required": True, "content": content},
        "responses": responses(
            *(404, 409, 413, 415, 422, 503),
            _202=recordResponse("They will be tried again.", schema, done),
        ),
    }
