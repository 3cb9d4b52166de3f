"""
The bodies of requests and answers in the OpenAPI document, in every media type, with
their examples.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..codec.slots import Child
from ..codec.table import KEYS, STANZAS
from ..media import formats
from .examples import BOUNCE, EXAMPLES, QUERIES, reply
from .schemas import JSONObject, asForm, formSchema, ref, requiredOf, withRefs

# --- answers --------------------------------------------------------------------

#: What may go wrong, and whether the answer has a header of its own.
PROBLEMS: Mapping[int, tuple[str, str | None]] = {
    400: ("The body, the path or the query cannot be read.", None),
    401: ("There are no credentials, or they are wrong.", "WWW-Authenticate"),
    403: (
        "The `from` is not at the gateway's domain, the token may not do this, or a"
        " page from elsewhere sends.",
        None,
    ),
    404: ("There is nothing with this id, or the gateway keeps none.", None),
    409: (
        "The same is under way: an iq with this id, to and from, or a request with this"
        " `Idempotency-Key`. Or a stanza is not `dead`.",
        None,
    ),
    413: ("The body is too large.", None),
    415: ("The media type is not read here.", "Accept"),
    422: (
        "What was read is nothing proper, or the `Idempotency-Key` was used for another"
        " request.",
        None,
    ),
    429: ("The token has sent more than it may, for now.", "Retry-After"),
    503: (
        "There is no connection to the XMPP server, nothing can be kept, or there is"
        " too much to do.",
        "Retry-After",
    ),
    504: ("The reply to an iq did not come in time.", None),
}


def problem(status: int) -> JSONObject:
    """What a client gets that cannot have what it wants."""
    description, name = PROBLEMS[status]
    said = {"schema": ref("problem")}
    content = {formats.JSON: said, formats.PROBLEM_JSON: said, formats.XML: _XML}
    return {
        "description": description,
        "content": content,
        "headers": _headers(name) if name else {},
    }


def _headers(name: str, description: str = "", *, required: bool = True) -> JSONObject:
    header: JSONObject = {"required": required, "schema": {"type": "string"}}
    return {name: header | ({"description": description} if description else {})}


def responses(*others: int, **own: JSONObject) -> JSONObject:
    """The answers of an operation: its own, and the problems that it may have."""
    problems = {
        str(status): {"$ref": f"#/components/responses/{status}"}
        for status in sorted((400, 401, 403, *others))
    }
    return {name.removeprefix("_"): part for name, part in own.items()} | problems


_XML: JSONObject = {"schema": {"type": "string", "format": "xml"}}
_TEXTS: JSONObject = {"schema": {"type": "object", "additionalProperties": {}}}


def answerResponse(description: str, example: Any) -> JSONObject:
    """What came back, in every form that can be asked for."""
    said: JSONObject = {"schema": ref("answer"), "example": example}
    content = {formats.JSON: said, formats.XML: _XML, formats.FORM: _TEXTS}
    content |= _ifCBOR({"schema": ref("answer")})
    return {"description": description, "content": content}


def _ifCBOR(part: JSONObject) -> JSONObject:
    """CBOR is an extra."""
    return {formats.CBOR: part} if formats.CBOR in formats.FORMATS else {}


def iqResponse(payload: str) -> JSONObject:
    """The reply to an iq."""
    return answerResponse(
        "The reply: a result or an error, as it came.", reply(payload)
    )


def bounceResponse() -> JSONObject:
    """The error that came back for a message."""
    return answerResponse(
        "The message was waited for, as `Prefer` says, and an error came back.", BOUNCE
    )


def recordResponse(description: str, schema: JSONObject, example: Any) -> JSONObject:
    """What is known of something, as JSON."""
    content = {formats.JSON: {"schema": schema, "example": example}}
    return {"description": description, "content": content}


ACCEPTED: JSONObject = {
    "description": "The message or presence is accepted. A message is kept until the"
    " XMPP server has taken it.",
    "headers": {
        **_headers("Stanza-Id", "Its id."),
        **_headers("Location", "Where it can be asked for.", required=False),
        **_headers("Preference-Applied", "How long was waited.", required=False),
    },
}
IS_ACCEPTED: JSONObject = {"$ref": "#/components/responses/accepted"}


# --- requests -------------------------------------------------------------------


_STANZA_XML: JSONObject = {"type": "string", "format": "xmpp-stanza"}


def stanzaBody() -> JSONObject:
    """A whole stanza, with examples in JSON and, the same, in XML."""
    xml = {
        name: formats.encode([STANZAS.decode(value)], formats.XML).decode()
        for name, value in EXAMPLES.items()
    }
    schema = {"allOf": [ref("stanza")], "required": ["to"]}
    content: JSONObject = {
        formats.JSON: {"schema": schema, "examples": _examples(EXAMPLES)},
        formats.XML: {"schema": _STANZA_XML, "examples": _examples(xml)},
        formats.FORM: _form(ref("stanzaForm"), formSchema(*KEYS), EXAMPLES["message"]),
    }
    return {"required": True, "content": content | _ifCBOR({"schema": schema})}


def _examples(values: Mapping[str, Any]) -> JSONObject:
    return {name: {"value": value} for name, value in values.items()}


def _form(
    named: JSONObject, schema: JSONObject, example: JSONObject | None = None
) -> JSONObject:
    """A form, in which lists have commas between."""
    lists = [k for k, s in schema["properties"].items() if s.get("type") == "array"]
    encoding = {key: {"style": "form", "explode": False} for key in lists}
    return {
        "schema": named,
        **({"encoding": encoding} if encoding else {}),
        **({"example": example} if example else {}),
    }


def _single(example: JSONObject) -> JSONObject:
    """What of an example a form can hold."""
    return {k: v for k, v in example.items() if isinstance(v, str | int)}


def restBody(kind: str, example: Any, text: str | None = None) -> JSONObject:
    """The rest of a stanza, of which the path has said something."""
    content: JSONObject = {
        formats.JSON: {"schema": ref(kind), "example": example},
        formats.FORM: _form(ref(f"{kind}Form"), formSchema(kind), _single(example)),
    }
    if text is not None:
        key = "body" if kind == "message" else "show"
        schema = KEYS[kind][key].slot.schema
        content[formats.TEXT] = {"schema": schema, "example": text}
    return {"required": False, "content": content}


def payloadBody(key: str, slot: Child) -> JSONObject:
    """What an iq has under the key of its payload."""
    content: JSONObject = {
        formats.JSON: {"schema": withRefs(slot.schema), "example": QUERIES[key]}
    }
    required = requiredOf(slot.schema)
    if slot.shape.parameters:
        schema = asForm(slot.shape.parameters, required)
        content[formats.FORM] = _form(schema, schema)
    return {"required": bool(required), "content": content}
