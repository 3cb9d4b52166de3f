"""
The bodies of requests and responses in the OpenAPI document that hold stanzas: in every
media type, with examples.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..codec.scalars import Schema
from ..codec.slots import Child
from ..codec.table import KEYS, STANZAS
from ..media import formats
from .data import load
from .schemas import (
    JSONObject,
    asForm,
    formSchema,
    messageForm,
    ref,
    requiredOf,
    withRefs,
)

# --- responses ------------------------------------------------------------------

_XML: JSONObject = {"schema": {"type": "string", "format": "xml"}}
_TEXTS: JSONObject = {"schema": {"type": "object", "additionalProperties": {}}}


def _answer(description: str, example: Any) -> JSONObject:
    """Describe a response with stanzas, in each media type that it may have."""
    said: JSONObject = {"schema": ref("answer"), "example": example}
    content = {formats.JSON: said, formats.XML: _XML, formats.FORM: _TEXTS}
    content |= _ifCBOR({"schema": ref("answer")})
    return {"description": description, "content": content}


def _ifCBOR(part: JSONObject) -> JSONObject:
    """
    Return the OpenAPI C{content} entry of the CBOR media type; empty without the extra
    C{cbor}.
    """
    return {formats.CBOR: part} if formats.CBOR in formats.FORMATS else {}


def iqResponse(payload: str) -> JSONObject:
    """Describe the reply to an iq."""
    example = _reply(payload)
    return _answer("The reply to the iq: a result or an error.", example)


def _reply(payload: str) -> JSONObject:
    """Make the example of the reply to an iq with a payload."""
    known = load("payloads")[payload]
    reply = {
        "kind": "iq",
        "type": "result",
        "to": "gateway.example.org",
        "from": known.get("to", "example.org"),
        "id": "p7Xy1Rk0",
        **known.get("reply", {}),
    }
    return {"xmpp": [known["before"], reply]} if "before" in known else reply


def bounceResponse() -> JSONObject:
    """Describe the error that came back for a message."""
    return _answer(
        "The message bounced while the gateway waited, as `Prefer` requests.",
        load("examples")["bounce"],
    )


def echoResponse() -> JSONObject:
    """Describe the stanza that the gateway would have sent."""
    return _answer("The stanza as the gateway would send it.", load("examples")["echo"])


# --- requests -------------------------------------------------------------------

#: The media type of forms with files.
_FILES = "multipart/form-data"
_STANZA_XML: JSONObject = {"type": "string", "format": "xmpp-stanza"}


def stanzaBody() -> JSONObject:
    """Describe a body that is a whole stanza. The examples are in JSON and in XML."""
    stanzas = load("examples")["stanzas"]
    xml = {
        name: formats.encode([STANZAS.decode(value)], formats.XML).decode()
        for name, value in stanzas.items()
    }
    some = {"anyOf": [ref("stanza"), ref("messageWithFiles")]}
    schema = {"allOf": [some], "required": ["to"]}
    content: JSONObject = {
        formats.JSON: {"schema": schema, "examples": _examples(stanzas)},
        formats.XML: {"schema": _STANZA_XML, "examples": _examples(xml)},
        formats.FORM: _form(ref("stanzaForm"), formSchema(*KEYS), stanzas["message"]),
    }
    return {"required": True, "content": content | _ifCBOR({"schema": schema})}


def _examples(values: Mapping[str, Any]) -> JSONObject:
    return {name: {"value": value} for name, value in values.items()}


def _form(
    named: JSONObject, schema: JSONObject, example: JSONObject | None = None
) -> JSONObject:
    """
    Describe a form. A list in it is one field, with commas between the values.

    @param named: The schema, or a reference to it.
    @param schema: The schema.
    """
    lists = [k for k, s in schema["properties"].items() if s.get("type") == "array"]
    encoding = {key: {"style": "form", "explode": False} for key in lists}
    return {
        "schema": named,
        **({"encoding": encoding} if encoding else {}),
        **({"example": example} if example else {}),
    }


def _single(example: JSONObject) -> JSONObject:
    """
    Reduce an example to the keys that a form can give: those with a single text as
    value.
    """
    return {k: v for k, v in example.items() if isinstance(v, str | int)}


def restBody(kind: str, example: str) -> JSONObject:
    """
    Describe the body of a stanza whose path has its type and recipient.

    @param kind: C{message}, C{presence} or C{iq}.
    @param example: The name of the example.
    """
    value, text = (load("examples")[key].get(example) for key in ("rests", "texts"))
    schema: Schema = ref(kind)
    if kind == "message":
        schema = {"anyOf": [ref(kind), ref("messageWithFiles")]}
    content: JSONObject = {
        formats.JSON: {"schema": schema, "example": value},
        formats.FORM: _form(ref(f"{kind}Form"), formSchema(kind), _single(value)),
    }
    if text is not None:
        key = "body" if kind == "message" else "show"
        schema = KEYS[kind][key].slot.schema
        content[formats.TEXT] = {"schema": schema, "example": text}
    if kind == "message":
        content[_FILES] = {"schema": messageForm()}
    return {"required": False, "content": content}


def payloadBody(key: str, slot: Child) -> JSONObject:
    """
    Describe a body that is the payload of an iq.

    @param key: The key of the payload.
    """
    example = load("payloads")[key]["query"]
    content: JSONObject = {
        formats.JSON: {"schema": withRefs(slot.schema), "example": example}
    }
    required = requiredOf(slot.schema)
    if slot.shape.parameters:
        schema = asForm(slot.shape.parameters, required)
        content[formats.FORM] = _form(schema, schema)
    return {"required": bool(required), "content": content}
