"""
The OpenAPI document of the gateway (https://spec.openapis.org/oas/v3.1.1): its paths,
and the schemas of stanzas, made from the table of keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from . import media
from .examples import EXAMPLES, PARAMETERS, RESTS, reply
from .jsonmap import KEYS, PAYLOADS
from .mapping import UNTYPED
from .rows import Row
from .shapes import Child, Schema
from .stanza import TYPES

#: A part of the document.
Part: TypeAlias = dict[str, Any]

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
    ("About", "The gateway itself."),
)


def document(domain: str, version: str) -> Part:
    """
    The whole document, ready to be written as JSON.

    @param domain: The component domain; the examples are about its neighbour, as
        C{example.org} is to C{gateway.example.org}.
    @param version: The gateway's.
    """
    neighbour = domain.partition(".")[2] or domain
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "xmpprest",
            "version": version,
            "description": _DESCRIPTION,
        },
        "servers": [{"url": ".", "description": "This gateway."}],
        "security": [{"token": []}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS],
        "paths": _paths(neighbour),
        "components": {
            "securitySchemes": _SECURITY,
            "schemas": {
                **{kind: _stanzaSchema(kind) for kind in KEYS},
                "stanza": {"anyOf": [_ref(kind) for kind in KEYS]},
                "answer": _ANSWER,
                "problem": _PROBLEM,
            },
            "responses": {str(status): _problem(status) for status in _PROBLEMS},
        },
    }


_SECURITY: Part = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of the gateway; with --demo, the one that is printed."
        " Basic credentials, of the gateway's domain and the token, do as well.",
    },
}


# --- schemas --------------------------------------------------------------------


def _ref(name: str) -> Part:
    return {"$ref": f"#/components/schemas/{name}"}


def _stanzaSchema(kind: str) -> Part:
    """The JSON form of one kind of stanza."""
    types = sorted(filter(None, {*TYPES[kind], UNTYPED.get(kind)}))
    return {
        "type": "object",
        "title": kind,
        "properties": {
            "kind": {"const": kind, "description": "What kind of stanza it is."},
            "type": {"enum": types},
            "to": {"type": "string", "format": "xmpp-jid"},
            "from": {"type": "string", "format": "xmpp-jid"},
            "id": {"type": "string", "maxLength": 1023},
            "lang": {"type": "string", "description": "xml:lang (RFC 5646)"},
            **{key: _described(row) for key, row in KEYS[kind].items()},
            "xml": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Children as XML, for which there is no key. What"
                " stands here counts more than a key for the same element.",
            },
        },
        "additionalProperties": False,
    }


def _described(row: Row) -> Part:
    """The schema of a key, with where it comes from."""
    return {"description": _source(row), **row.slot.schema}


def _source(row: Row) -> str:
    names = sorted({name for _, name in row.slot.names("")})
    uri = next(iter(row.slot.names("jabber:client")))[0]
    element = ", ".join(f"`<{name}/>`" for name in names)
    return f"{row.source}: {element} in `{uri}`"


_ANSWER: Part = {
    "description": "The reply. What an archive holds comes as a list, its end last.",
    "anyOf": [
        _ref("stanza"),
        {
            "type": "object",
            "properties": {"xmpp": {"type": "array", "items": _ref("stanza")}},
            "required": ["xmpp"],
            "additionalProperties": False,
        },
    ],
}

#: RFC 9457, and what mod_rest says.
_PROBLEM: Part = {
    "type": "object",
    "properties": {
        "type": {"const": "error"},
        "code": {"type": "integer"},
        "error": {
            "type": "object",
            "properties": {
                "type": {"enum": ["auth", "cancel", "modify", "wait"]},
                "condition": {"type": "string"},
                "text": {"type": "string"},
            },
            "required": ["type", "condition", "text"],
        },
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong, in a sentence."},
    },
    "required": ["type", "code", "error", "title", "status", "detail"],
}

#: What may go wrong, and whether the answer has a header of its own.
_PROBLEMS: Mapping[int, tuple[str, str | None]] = {
    400: ("The body, the path or the query cannot be read.", None),
    401: ("There are no credentials, or they are wrong.", "WWW-Authenticate"),
    403: ("The `from` is not at the gateway's domain.", None),
    404: ("There is nothing at this path.", None),
    405: ("The method is not allowed here.", "Allow"),
    409: ("An iq with this id, to and from is waiting already.", None),
    413: ("The body is too large.", None),
    415: ("The media type is not read here.", "Accept"),
    422: ("What was read is no proper stanza.", None),
    503: (
        "There is no connection to the XMPP server, or too much to do.",
        "Retry-After",
    ),
    504: ("The reply to an iq did not come in time.", None),
}


def _problem(status: int) -> Part:
    """What a client gets that cannot have what it wants."""
    description, name = _PROBLEMS[status]
    types = (media.JSON, media.PROBLEM_JSON, media.XML)
    content = {type: {"schema": _ref("problem")} for type in types}
    content[media.XML] = {"schema": {"type": "string"}}
    headers = {name: {"schema": {"type": "string"}}} if name else {}
    return {"description": description, "content": content, "headers": headers}


def _responses(*others: int, **own: Part) -> Part:
    """The answers of an operation: its own, and the problems that it may have."""
    problems = {
        str(status): {"$ref": f"#/components/responses/{status}"}
        for status in (400, 401, *others)
    }
    return {name.removeprefix("_"): part for name, part in own.items()} | problems


def _reply(example: Any = None) -> Part:
    """The reply to an iq."""
    json: Part = {"schema": _ref("answer")}
    if example is not None:
        json["example"] = example
    return {
        "description": "The reply: a result or an error, as it came.",
        "content": {media.JSON: json, **_OTHERS},
    }


#: The forms that no schema describes; they say the same.
_OTHERS: Part = {
    media.XML: {"schema": {"type": "string"}},
    media.FORM: {"schema": {"type": "object"}},
}

_ACCEPTED: Part = {
    "description": "The message or presence is accepted.",
    "headers": {
        "Stanza-Id": {"description": "Its id.", "schema": {"type": "string"}},
    },
}


# --- paths ----------------------------------------------------------------------


def _paths(neighbour: str) -> Part:
    """Every path that the document describes, below that of the resource."""
    paths: Part = {
        "/": {"post": _post(neighbour)},
        "/echo": {"post": _echo(neighbour)},
        "/message/{type}/{to}": {"post": _toPath("message", neighbour)},
        "/presence/{type}/{to}": {"post": _toPath("presence", neighbour)},
    }
    for type in ("get", "set"):
        paths[f"/iq/{type}/{{to}}"] = {"post": _iq(type, neighbour)}
    for key in PAYLOADS:
        slot = KEYS["iq"][key].slot
        assert isinstance(slot, Child)  # as all payloads are
        paths[f"/{key}/{{to}}"] = {"get": _query(key, slot, neighbour)}
        paths[f"/iq/{key}/{{to}}"] = {"post": _payload(key, slot, neighbour)}
    return paths


def _filled(value: Any, neighbour: str) -> Any:
    """An example, about somebody who may really be there."""
    if isinstance(value, str):
        return value.replace("example.org", neighbour)
    if isinstance(value, list):
        return [_filled(item, neighbour) for item in value]
    if isinstance(value, dict):
        return {key: _filled(item, neighbour) for key, item in value.items()}
    return value


def _stanzaBody(schema: Schema, names: Iterable[str], neighbour: str) -> Part:
    """A request body: a stanza, or the rest of one, with examples."""
    examples = {
        name: {"value": _filled(({**EXAMPLES, **{f"rest of a {k}": v for k, v in RESTS.items()}})[name], neighbour)}
        for name in names
    }
    return {
        "required": True,
        "content": {
            media.JSON: {"schema": schema, "examples": examples},
        },
    }


_WAIT: Part = {
    "name": "Prefer",
    "in": "header",
    "description": "How long an iq waits for its reply, in seconds: `wait=30`.",
    "schema": {"type": "string", "pattern": "^wait=[0-9]{1,3}$"},
}

_ANY: Part = {"allOf": [{"$ref": "#/components/schemas/stanza"}], "required": ["to"]}


def _post(neighbour: str) -> Part:
    return {
        "operationId": "postStanza",
        "tags": ["Send"],
        "summary": "Send a stanza",
        "description": "A message or a presence is accepted; an iq waits for its"
        " reply.",
        "parameters": [_WAIT],
        "requestBody": _stanzaBody(_ANY, EXAMPLES, neighbour),
        "responses": _responses(
            *(403, 409, 413, 415, 422, 503, 504),
            _200=_reply(_filled(reply("ping"), neighbour)),
            _202=_ACCEPTED,
        ),
    }


def _echo(neighbour: str) -> Part:
    return {
        "operationId": "echoStanza",
        "tags": ["About"],
        "summary": "See how a stanza would be sent",
        "description": "It is checked and completed, and comes back in the form that"
        " `Accept` asks for. Nothing is sent.",
        "requestBody": _stanzaBody(_ANY, EXAMPLES, neighbour),
        "responses": _responses(403, 413, 415, 422, _200=_reply()),
    }


def _to(neighbour: str, local: str = "") -> Part:
    return {
        "name": "to",
        "in": "path",
        "required": True,
        "description": "Whom it is for.",
        "schema": {"type": "string", "minLength": 1},
        "example": f"{local}{neighbour}",
    }


def _rest(kind: str) -> Part:
    """The schema of a stanza whose kind, type and to the path says."""
    schema = _stanzaSchema(kind)
    for key in ("kind", "type", "to"):
        del schema["properties"][key]
    return schema


def _toPath(kind: str, neighbour: str) -> Part:
    types = sorted(filter(None, {*TYPES[kind], UNTYPED[kind]} - {"error"}))
    type = {
        "name": "type",
        "in": "path",
        "required": True,
        "schema": {"enum": types},
        "example": "chat" if kind == "message" else "available",
    }
    body = _stanzaBody(_rest(kind), [f"rest of a {kind}"], neighbour)
    body["content"][media.TEXT] = {
        "schema": {"type": "string"},
        "example": "Hello!" if kind == "message" else "away",
    }
    return {
        "operationId": f"post{kind.capitalize()}",
        "tags": ["Send"],
        "summary": f"Send a {kind}",
        "description": "The path says its kind, its type, and whom it is for. Plain"
        f" text is its {'body' if kind == 'message' else 'show'}.",
        "parameters": [type, _to(neighbour, "user@")],
        "requestBody": {**body, "required": False},
        "responses": _responses(403, 404, 413, 415, 422, 503, _202=_ACCEPTED),
    }


def _iq(type: str, neighbour: str) -> Part:
    return {
        "operationId": f"{type}Iq",
        "tags": ["Ask with a body"],
        "summary": f"Send an iq of type {type}",
        "parameters": [_to(neighbour), _WAIT],
        "requestBody": _stanzaBody(_rest("iq"), [f"rest of a {type}"], neighbour),
        "responses": _asked(403, 413, 415),
    }


def _asked(*others: int) -> Part:
    return _responses(*others, 404, 409, 422, 503, 504, _200=_reply())


def _query(key: str, slot: Child, neighbour: str) -> Part:
    parameters = [
        {
            "name": name,
            "in": "query",
            "schema": schema,
            "explode": False,
            **PARAMETERS.get((key, name), {}),
        }
        for name, schema in slot.shape.parameters.items()
    ]
    return {
        "operationId": f"get{_camelCase(key)}",
        "tags": ["Ask"],
        "summary": f"Ask for {key} ({KEYS['iq'][key].source})",
        "parameters": [_to(neighbour), *parameters],
        "responses": _responses(404, 409, 413, 503, 504, _200=_reply()),
    }


def _payload(key: str, slot: Child, neighbour: str) -> Part:
    return {
        "operationId": f"post{_camelCase(key)}",
        "tags": ["Ask with a body"],
        "summary": f"Ask for {key} ({KEYS['iq'][key].source})",
        "description": f"The body is what an iq has under `{key}`; without one it is"
        " empty.",
        "parameters": [_to(neighbour), _WAIT],
        "requestBody": {
            "required": False,
            "content": {media.JSON: {"schema": slot.schema}},
        },
        "responses": _asked(413, 415),
    }


def _camelCase(key: str) -> str:
    return "".join(word.capitalize() for word in key.split("_"))
