"""
The OpenAPI document of the gateway (https://spec.openapis.org/oas/v3.1.1): its paths,
and what is asked and answered there.
"""

from __future__ import annotations

from typing import Any

from ..codec.scalars import Schema
from ..codec.slots import Child
from ..codec.table import KEYS, PAYLOADS
from ..media import formats
from . import descriptions
from .batch_paths import batchPaths
from .bodies import (
    ACCEPTED,
    IS_ACCEPTED,
    PROBLEMS,
    answerResponse,
    bounceResponse,
    iqResponse,
    payloadBody,
    problem,
    responses,
    restBody,
    stanzaBody,
)
from .event_paths import EVENTS_TAG, eventPaths, schemasOfEvents
from .examples import PARAMETERS, QUERIES, RECIPIENTS, RESTS, TEXTS
from .record_paths import TAG, WEBHOOK, recordPaths
from .schemas import JSONObject, asFormField, requiredOf, schemas, typesOf

_DESCRIPTION = """\
Send XMPP stanzas, and ask XMPP questions, over HTTP. What comes from XMPP is POSTed to
the callback, in the same forms.

A stanza is one JSON object. Its `kind` is `message`, `presence` or `iq`; where it is
left out it follows from the other keys. Children that no key can carry exactly stand,
as XML, in the list `xml`, so that nothing is ever lost; you may send `xml`, too.

Stanzas are also read and written as XML (`application/xmpp+xml`), as CBOR
(`application/cbor`) and, as far as their values are single, as a form.
"""

#: The tags that the operations are listed under.
_TAGS = (
    ("Send", "Any stanza."),
    ("Ask", "Queries whose reply is the answer, as one URL."),
    ("Ask with a body", "The same, for all that a query cannot say."),
    (TAG, "What has become of what was sent and received."),
    (EVENTS_TAG, "What happens, as it happens."),
    ("About", "The gateway itself."),
)


def document(domain: str, version: str) -> JSONObject:
    """
    The whole document, ready to be written as JSON.

    @param domain: The component domain; the examples are about its neighbour, as
        C{example.org} is to C{gateway.example.org}.
    @param version: The gateway's.
    """
    described: JSONObject = {
        "openapi": "3.1.0",
        "info": {
            "title": "xmpprest",
            "version": version,
            "description": _DESCRIPTION,
        },
        "servers": [{"url": ".", "description": "This gateway."}],
        "security": [{"token": []}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS],
        "paths": _paths(),
        "components": {
            "securitySchemes": _SECURITY,
            "schemas": {**schemas(), **schemasOfEvents()},
            "parameters": {
                "to": _to("example.org"),
                "wait": _WAIT,
                "key": _KEY,
                "webhook": WEBHOOK,
            },
            "responses": {
                "accepted": ACCEPTED,
                **{str(status): problem(status) for status in PROBLEMS},
            },
        },
    }
    filled: JSONObject = _filled(described, domain, domain.partition(".")[2] or domain)
    return filled


def _filled(part: Any, domain: str, neighbour: str) -> Any:
    """The document, its examples about somebody who may really be there."""
    if isinstance(part, str):
        return part.replace("gateway.example.org", domain).replace(
            "example.org", neighbour
        )
    if isinstance(part, list):
        return [_filled(item, domain, neighbour) for item in part]
    if isinstance(part, dict):
        return {key: _filled(item, domain, neighbour) for key, item in part.items()}
    return part


_SECURITY: JSONObject = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of the gateway; with --demo, the one that is printed."
        " Basic credentials, of the gateway's domain and the token, do as well.",
    },
}

# --- parameters -----------------------------------------------------------------

_WAIT: JSONObject = {
    "name": "Prefer",
    "in": "header",
    "description": "How long to wait, in seconds, as in `wait=30`: for the reply to an"
    " iq, or until a message is confirmed or bounced. What is no such wish is ignored"
    " (RFC 7240).",
    "schema": {"type": "string"},
}
_WAITS: JSONObject = {"$ref": "#/components/parameters/wait"}

_KEY: JSONObject = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A text that stands for this request and no other, such as a random"
    " UUID. Whatever is sent with it is sent once: asked again, the gateway gives its"
    " first answer again, for 7 days. Leave it out to send something twice.",
    "schema": {"type": "string", "pattern": "^[!#-~]([ -~]{0,253}[!-~])?$"},
}
_KEYS: JSONObject = {"$ref": "#/components/parameters/key"}
_TO: JSONObject = {"$ref": "#/components/parameters/to"}


def _to(example: str) -> JSONObject:
    return {
        "name": "to",
        "in": "path",
        "required": True,
        "description": "Whom it is for; a `/` may stand in it as it is.",
        "schema": {"type": "string", "format": "xmpp-jid", "minLength": 1},
        "example": example,
    }


def _whom(payload: str) -> JSONObject:
    return _to(RECIPIENTS[payload]) if payload in RECIPIENTS else _TO


# --- paths ----------------------------------------------------------------------


def _paths() -> JSONObject:
    """Every path that the document describes, below that of the resource."""
    paths: JSONObject = {"/": {"post": _post()}}
    for kind in ("message", "presence"):
        paths[f"/{kind}/{{type}}/{{to}}"] = {"post": _toPath(kind)}
    for type in ("get", "set"):
        paths[f"/iq/{type}/{{to}}"] = {"post": _iq(type)}
    for key in PAYLOADS:
        slot = KEYS["iq"][key].slot
        assert isinstance(slot, Child)  # as all payloads are
        paths[f"/{key}/{{to}}"] = {"get": _query(key, slot)}
        paths[f"/iq/{key}/{{to}}"] = {"post": _payload(key, slot)}
    paths |= batchPaths("Send", [_WAITS, _KEYS])
    return {**paths, **recordPaths(), **eventPaths(), "/echo": {"post": _echo()}}


def _post() -> JSONObject:
    return {
        "operationId": "postStanza",
        "tags": ["Send"],
        "summary": "Send a stanza",
        "description": "A message or a presence is accepted; an iq waits for its"
        " reply. A message waits, too, where `Prefer` says so.",
        "parameters": [_WAITS, _KEYS],
        "requestBody": stanzaBody(),
        "responses": responses(
            *(409, 413, 415, 422, 429, 503, 504),
            _200=iqResponse("ping"),
            _202=IS_ACCEPTED,
        ),
    }


def _echo() -> JSONObject:
    echoed = {
        "kind": "message",
        "type": "chat",
        "to": "user@example.org",
        "from": "gateway.example.org",
        "id": "p7Xy1Rk0",
        "body": "Hello!",
    }
    return {
        "operationId": "echoStanza",
        "tags": ["About"],
        "summary": "See how a stanza would be sent",
        "description": "It is checked and completed, and comes back in the form that"
        " `Accept` asks for. Nothing is sent.",
        "requestBody": stanzaBody(),
        "responses": responses(
            413, 415, 422, _200=answerResponse("The stanza.", echoed)
        ),
    }


def _toPath(kind: str) -> JSONObject:
    type = {
        "name": "type",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "enum": typesOf(kind)},
        "example": "chat" if kind == "message" else "available",
    }
    waits = [_WAITS] if kind == "message" else []
    outcome = {"_200": bounceResponse()} if kind == "message" else {}
    return {
        "operationId": f"post{kind.capitalize()}",
        "tags": ["Send"],
        "summary": f"Send a {kind}",
        "description": "The path says its kind, its type, and whom it is for; the body"
        " may leave that out, but not contradict it. Plain text is its"
        f" {'body' if kind == 'message' else 'show'}.",
        "parameters": [type, _to("user@example.org"), *waits, _KEYS],
        "requestBody": restBody(kind, RESTS[kind], TEXTS[kind]),
        "responses": responses(
            *(409, 413, 415, 422, 429, 503), _202=IS_ACCEPTED, **outcome
        ),
    }


def _iq(type: str) -> JSONObject:
    return {
        "operationId": f"{type}Iq",
        "tags": ["Ask with a body"],
        "summary": f"Send an iq of type {type}",
        "description": "The path says its kind, its type, and whom it is for; the body"
        " may leave that out, but not contradict it. It has exactly one payload.",
        "parameters": [_TO, _WAITS, _KEYS],
        "requestBody": restBody("iq", RESTS[type]),
        "responses": _asked("ping" if type == "get" else "command", 413, 415, 422),
    }


def _asked(payload: str, *others: int) -> JSONObject:
    return responses(*others, 409, 429, 503, 504, _200=iqResponse(payload))


def _query(key: str, slot: Child) -> JSONObject:
    required = requiredOf(slot.schema)
    parameters = [
        _parameter(name, schema, name in required) | PARAMETERS.get((key, name), {})
        for name, schema in slot.shape.parameters.items()
    ]
    return {
        "operationId": f"get{_camelCase(key)}",
        "tags": ["Ask"],
        "summary": f"{descriptions.QUERIES[key]} ({_specification(key)})",
        "parameters": [_whom(key), *parameters, _WAITS],
        "responses": _asked(key, 413),
    }


def _parameter(name: str, schema: Schema, isRequired: bool) -> JSONObject:
    """A key where it stands in a query."""
    parameter: JSONObject = {"name": name, "in": "query"}
    if isRequired:
        parameter["required"] = True
    if not schema:  # any JSON
        example = QUERIES["payload"][name]
        return parameter | {
            "content": {formats.JSON: {"schema": schema, "example": example}}
        }
    isList = schema.get("type") == "array"
    return (
        parameter
        | {"schema": asFormField(schema)}
        | ({"explode": False} if isList else {})
    )


def _payload(key: str, slot: Child) -> JSONObject:
    return {
        "operationId": f"post{_camelCase(key)}",
        "tags": ["Ask with a body"],
        "summary": f"{descriptions.QUERIES[key]} ({_specification(key)})",
        "description": f"The body is what an iq has under `{key}`; without one it is"
        " empty.",
        "parameters": [_whom(key), _WAITS, _KEYS],
        "requestBody": payloadBody(key, slot),
        "responses": _asked(key, 413, 415, 422),
    }


def _specification(key: str) -> str:
    """The number of it, without its title."""
    return KEYS["iq"][key].source.partition(":")[0]


def _camelCase(key: str) -> str:
    return "".join(word.capitalize() for word in key.split("_"))
