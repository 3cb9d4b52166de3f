"""
The OpenAPI document of the gateway (https://spec.openapis.org/oas/v3.1.1): its paths,
and what is asked and answered there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from . import descriptions, media
from .examples import (
    EXAMPLES,
    PARAMETERS,
    QUERIES,
    RECIPIENTS,
    RESTS,
    TEXTS,
    reply,
)
from .jsonmap import KEYS, PAYLOADS, STANZAS
from .scalars import Schema
from .schemas import Part, asForm, asText, formOf, ref, referring, schemas, typesOf
from .slots import Child

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
    described: Part = {
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
            "schemas": schemas(),
            "parameters": {"to": _to("example.org"), "wait": _WAIT},
            "responses": {
                "accepted": _ACCEPTED,
                **{str(status): _problem(status) for status in _PROBLEMS},
            },
        },
    }
    filled: Part = _filled(described, domain, domain.partition(".")[2] or domain)
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


_SECURITY: Part = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of the gateway; with --demo, the one that is printed."
        " Basic credentials, of the gateway's domain and the token, do as well.",
    },
}

# --- answers --------------------------------------------------------------------

#: What may go wrong, and whether the answer has a header of its own.
_PROBLEMS: Mapping[int, tuple[str, str | None]] = {
    400: ("The body, the path or the query cannot be read.", None),
    401: ("There are no credentials, or they are wrong.", "WWW-Authenticate"),
    403: ("The `from` is not at the gateway's domain.", None),
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
    said = {"schema": ref("problem")}
    content = {media.JSON: said, media.PROBLEM_JSON: said, media.XML: _XML}
    return {
        "description": description,
        "content": content,
        "headers": _headers(name) if name else {},
    }


def _headers(name: str, description: str = "") -> Part:
    header: Part = {"required": True, "schema": {"type": "string"}}
    return {name: header | ({"description": description} if description else {})}


def _responses(*others: int, **own: Part) -> Part:
    """The answers of an operation: its own, and the problems that it may have."""
    problems = {
        str(status): {"$ref": f"#/components/responses/{status}"}
        for status in sorted((400, 401, *others))
    }
    return {name.removeprefix("_"): part for name, part in own.items()} | problems


_XML: Part = {"schema": {"type": "string", "format": "xml"}}
_TEXTS: Part = {"schema": {"type": "object", "additionalProperties": {}}}


def _answer(example: Any) -> Part:
    """What came back, in every form that can be asked for."""
    said: Part = {"schema": ref("answer"), "example": example}
    content = {media.JSON: said, media.XML: _XML, media.FORM: _TEXTS}
    return content | _ifCBOR({"schema": ref("answer")})


def _ifCBOR(part: Part) -> Part:
    """CBOR is an extra."""
    return {media.CBOR: part} if media.CBOR in media.FORMATS else {}


def _reply(payload: str) -> Part:
    """The reply to an iq."""
    return {
        "description": "The reply: a result or an error, as it came.",
        "content": _answer(reply(payload)),
    }


_ACCEPTED: Part = {
    "description": "The message or presence is accepted.",
    "headers": _headers("Stanza-Id", "Its id."),
}
_IS_ACCEPTED: Part = {"$ref": "#/components/responses/accepted"}


# --- requests -------------------------------------------------------------------


def _body(content: Part, *, required: bool) -> Part:
    return {"required": required, "content": content}


_STANZA_XML: Part = {"type": "string", "format": "xmpp-stanza"}


def _stanzaBody() -> Part:
    """A whole stanza, with examples in JSON and, the same, in XML."""
    xml = {
        name: media.encode([STANZAS.decode(value)], media.XML).decode()
        for name, value in EXAMPLES.items()
    }
    schema = {"allOf": [ref("stanza")], "required": ["to"]}
    content: Part = {
        media.JSON: {"schema": schema, "examples": _examples(EXAMPLES)},
        media.XML: {"schema": _STANZA_XML, "examples": _examples(xml)},
        media.FORM: _form(ref("stanzaForm"), formOf(*KEYS), EXAMPLES["message"]),
    }
    return _body(content | _ifCBOR({"schema": schema}), required=True)


def _examples(values: Mapping[str, Any]) -> Part:
    return {name: {"value": value} for name, value in values.items()}


def _form(named: Part, schema: Part, example: Part | None = None) -> Part:
    """A form, in which lists have commas between."""
    lists = [k for k, s in schema["properties"].items() if s.get("type") == "array"]
    encoding = {key: {"style": "form", "explode": False} for key in lists}
    return {
        "schema": named,
        **({"encoding": encoding} if encoding else {}),
        **({"example": example} if example else {}),
    }


def _single(example: Part) -> Part:
    """What of an example a form can hold."""
    return {k: v for k, v in example.items() if isinstance(v, str | int)}


def _restBody(kind: str, example: Any, text: str | None = None) -> Part:
    """The rest of a stanza, of which the path has said something."""
    content: Part = {
        media.JSON: {"schema": ref(kind), "example": example},
        media.FORM: _form(ref(f"{kind}Form"), formOf(kind), _single(example)),
    }
    if text is not None:
        key = "body" if kind == "message" else "show"
        schema = KEYS[kind][key].slot.schema
        content[media.TEXT] = {"schema": schema, "example": text}
    return _body(content, required=False)


#: Of every iq, which waits.
_WAIT: Part = {
    "name": "Prefer",
    "in": "header",
    "description": "How long to wait for the reply, in seconds, as in `wait=30`."
    " What is no such wish is ignored (RFC 7240).",
    "schema": {"type": "string"},
}
_WAITS: Part = {"$ref": "#/components/parameters/wait"}
_TO: Part = {"$ref": "#/components/parameters/to"}


def _to(example: str) -> Part:
    return {
        "name": "to",
        "in": "path",
        "required": True,
        "description": "Whom it is for; a `/` may stand in it as it is.",
        "schema": {"type": "string", "format": "xmpp-jid", "minLength": 1},
        "example": example,
    }


def _whom(payload: str) -> Part:
    return _to(RECIPIENTS[payload]) if payload in RECIPIENTS else _TO


# --- paths ----------------------------------------------------------------------


def _paths() -> Part:
    """Every path that the document describes, below that of the resource."""
    paths: Part = {"/": {"post": _post()}}
    for kind in ("message", "presence"):
        paths[f"/{kind}/{{type}}/{{to}}"] = {"post": _toPath(kind)}
    for type in ("get", "set"):
        paths[f"/iq/{type}/{{to}}"] = {"post": _iq(type)}
    for key in PAYLOADS:
        slot = KEYS["iq"][key].slot
        assert isinstance(slot, Child)  # as all payloads are
        paths[f"/{key}/{{to}}"] = {"get": _query(key, slot)}
        paths[f"/iq/{key}/{{to}}"] = {"post": _payload(key, slot)}
    return {**paths, "/echo": {"post": _echo()}}


def _post() -> Part:
    return {
        "operationId": "postStanza",
        "tags": ["Send"],
        "summary": "Send a stanza",
        "description": "A message or a presence is accepted; an iq waits for its"
        " reply.",
        "parameters": [_WAITS],
        "requestBody": _stanzaBody(),
        "responses": _responses(
            *(403, 409, 413, 415, 422, 503, 504),
            _200=_reply("ping"),
            _202=_IS_ACCEPTED,
        ),
    }


def _echo() -> Part:
    echoed = {
        "kind": "message",
        "type": "chat",
        "to": "user@example.org",
        "from": "gateway.example.org",
        "id": "p7Xy1Rk0",
        "body": "Hello!",
    }
    answer = {"description": "The stanza.", "content": _answer(echoed)}
    return {
        "operationId": "echoStanza",
        "tags": ["About"],
        "summary": "See how a stanza would be sent",
        "description": "It is checked and completed, and comes back in the form that"
        " `Accept` asks for. Nothing is sent.",
        "requestBody": _stanzaBody(),
        "responses": _responses(403, 413, 415, 422, _200=answer),
    }


def _toPath(kind: str) -> Part:
    type = {
        "name": "type",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "enum": typesOf(kind)},
        "example": "chat" if kind == "message" else "available",
    }
    return {
        "operationId": f"post{kind.capitalize()}",
        "tags": ["Send"],
        "summary": f"Send a {kind}",
        "description": "The path says its kind, its type, and whom it is for; the body"
        " may leave that out, but not contradict it. Plain text is its"
        f" {'body' if kind == 'message' else 'show'}.",
        "parameters": [type, _to("user@example.org")],
        "requestBody": _restBody(kind, RESTS[kind], TEXTS[kind]),
        "responses": _responses(403, 413, 415, 422, 503, _202=_IS_ACCEPTED),
    }


def _iq(type: str) -> Part:
    return {
        "operationId": f"{type}Iq",
        "tags": ["Ask with a body"],
        "summary": f"Send an iq of type {type}",
        "description": "The path says its kind, its type, and whom it is for; the body"
        " may leave that out, but not contradict it. It has exactly one payload.",
        "parameters": [_TO, _WAITS],
        "requestBody": _restBody("iq", RESTS[type]),
        "responses": _asked("ping" if type == "get" else "command", 403, 413, 415, 422),
    }


def _asked(payload: str, *others: int) -> Part:
    return _responses(*others, 409, 503, 504, _200=_reply(payload))


def _query(key: str, slot: Child) -> Part:
    required = _required(slot.schema)
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


def _required(schema: Schema) -> Iterable[str]:
    """The keys that an object must have, whatever may stand for it otherwise."""
    required: Iterable[str] = schema.get("anyOf", [schema])[0].get("required", ())
    return required


def _parameter(name: str, schema: Schema, isRequired: bool) -> Part:
    """A key where it stands in a query."""
    parameter: Part = {"name": name, "in": "query"}
    if isRequired:
        parameter["required"] = True
    if "not" in schema:  # any JSON
        example = QUERIES["payload"][name]
        return parameter | {
            "content": {media.JSON: {"schema": schema, "example": example}}
        }
    isList = schema.get("type") == "array"
    return (
        parameter | {"schema": asText(schema)} | ({"explode": False} if isList else {})
    )


def _payload(key: str, slot: Child) -> Part:
    content: Part = {
        media.JSON: {"schema": referring(slot.schema), "example": QUERIES[key]}
    }
    texts = slot.shape.parameters
    if texts:
        schema = asForm(texts, _required(slot.schema))
        content[media.FORM] = _form(schema, schema)
    return {
        "operationId": f"post{_camelCase(key)}",
        "tags": ["Ask with a body"],
        "summary": f"{descriptions.QUERIES[key]} ({_specification(key)})",
        "description": f"The body is what an iq has under `{key}`; without one it is"
        " empty.",
        "parameters": [_whom(key), _WAITS],
        "requestBody": _body(content, required=bool([*_required(slot.schema)])),
        "responses": _asked(key, 413, 415, 422),
    }


def _specification(key: str) -> str:
    """The number of it, without its title."""
    return KEYS["iq"][key].source.partition(":")[0]


def _camelCase(key: str) -> str:
    return "".join(word.capitalize() for word in key.split("_"))
