"""
The schemas of the OpenAPI document that are made from the table of JSON keys: stanzas,
the keys that hold more than one value, and forms.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from ..bots.contact import CONTACT_REQUEST_SCHEMA, CONTACT_SCHEMA
from ..bots.profile import BOT_SCHEMA, PROFILE_SCHEMA
from ..codec.events import eventSchemas
from ..codec.field import Field
from ..codec.mapping import UNTYPED
from ..codec.records import INCOMING_SCHEMA, OUTGOING_SCHEMA, incomingDetailSchema
from ..codec.scalars import Schema
from ..codec.table import KEYS
from ..files.upload import MAX_FILES
from ..policy.redelivery_request import REDELIVERY
from ..policy.submission import MAX_ID
from ..rooms.requests import ROOM_REQUEST_SCHEMA
from ..rooms.views import OCCUPANT_SCHEMA, ROOM_SCHEMA
from ..stanza.build import TYPES
from ..updates.page import updateSchema
from .data import load

#: A part of the document.
JSONObject: TypeAlias = dict[str, Any]


def ref(name: str) -> JSONObject:
    """Refer to a schema that has a name."""
    return {"$ref": f"#/components/schemas/{name}"}


def _objects() -> Iterator[tuple[str, Schema]]:
    """Find the keys whose values are objects; first those of iqs, which paths use."""
    for rows in reversed([*KEYS.values()]):
        for key, row in rows.items():
            if not {"properties", "anyOf"}.isdisjoint(row.slot.schema):
                yield key, row.slot.schema


#: The schemas that have the name of their key. Of two with the same key, the first.
_NAMED: Mapping[str, Schema] = dict(reversed([*_objects()]))


def withRefs(schema: Any) -> Any:
    """Replace each schema in a schema that has a name by a reference to it."""
    for name, known in _NAMED.items():
        if schema == known:
            return ref(name)
    return _inside(schema)


def _inside(part: Any) -> Any:
    if isinstance(part, Mapping):
        return {key: withRefs(inner) for key, inner in part.items()}
    if isinstance(part, list):
        return [withRefs(inner) for inner in part]
    return part


def schemas() -> JSONObject:
    """Make the schemas that have names: of stanzas, of records and of events."""
    events = eventSchemas(ref("stanza"))
    return {
        **{kind: _stanza(kind) for kind in KEYS},
        "stanza": {"anyOf": [ref(kind) for kind in KEYS]},
        "messageWithFiles": _messageWithFiles(),
        "outgoing": OUTGOING_SCHEMA,
        "incoming": INCOMING_SCHEMA,
        "incomingWhole": incomingDetailSchema(ref("stanza")),
        "redelivery": REDELIVERY,
        "bot": BOT_SCHEMA,
        "profile": PROFILE_SCHEMA,
        "contact": CONTACT_SCHEMA,
        "contactRequest": CONTACT_REQUEST_SCHEMA,
        "update": updateSchema(ref("stanza")),
        "roomRequest": ROOM_REQUEST_SCHEMA,
        "room": ROOM_SCHEMA,
        "occupant": OCCUPANT_SCHEMA,
        **{f"{kind}Form": formSchema(kind) for kind in KEYS},
        "stanzaForm": formSchema(*KEYS) | {"required": ["to"]},
        **{name: _inside(_NAMED[name]) for name in sorted(_NAMED)},
        **{f"{name}Event": schema for name, schema in events.items()},
    }


# --- stanzas --------------------------------------------------------------------

_ADDRESS: Schema = {"type": "string", "format": "xmpp-jid"}


def typesOf(kind: str) -> list[str]:
    """List the types of a kind of stanza, with the word for a type that is left out."""
    return sorted(filter(None, {*TYPES[kind], UNTYPED.get(kind)}))


def typeSchema(kind: str) -> JSONObject:
    """Return the schema of the attribute C{type} of messages, presence or iqs."""
    return {"type": "string", "enum": typesOf(kind)}


def _stanza(kind: str) -> JSONObject:
    """Describe the JSON form of one kind of stanza."""
    xml = {"type": "array", "items": {"type": "string", "format": "xml"}}
    return {
        "type": "object",
        "title": kind,
        "properties": {
            **_attributes(kind),
            **{key: _described(kind, key, row) for key, row in KEYS[kind].items()},
            "xml": xml | {"description": load("descriptions")["attributes"]["xml"]},
        },
        "additionalProperties": False,
    }


def _messageWithFiles() -> JSONObject:
    """Describe a message with files that the gateway uploads."""
    files = {
        "type": "array",
        "items": ref("upload"),
        "minItems": 1,
        "maxItems": MAX_FILES,
    }
    return {
        "type": "object",
        "title": "message with files",
        "description": "The other keys are those of a message.",
        "properties": {**_attributes("message"), "files": files},
        "required": ["files"],
    }


def messageForm() -> JSONObject:
    """Describe a form with files (multipart/form-data)."""
    file = {"type": "string", "contentMediaType": "application/octet-stream"}
    files = {"type": "array", "items": file, "minItems": 1, "maxItems": MAX_FILES}
    return {
        "type": "object",
        "description": "The other fields are those of a form without files.",
        "properties": {"file": files, "body": {"type": "string"}},
        "required": ["file"],
    }


def _attributes(*kinds: str) -> JSONObject:
    """Describe the keys that stanzas of these kinds have for their attributes."""
    types = sorted({type for kind in kinds for type in typesOf(kind)})
    attributes: JSONObject = {
        "kind": {"type": "string", "enum": [*kinds]},
        "type": {"type": "string", "enum": types},
        "to": {**_ADDRESS, "minLength": 1},
        "from": _ADDRESS,
        "id": {"type": "string", "maxLength": MAX_ID},
        "lang": {"type": "string"},
    }
    words = load("descriptions")["attributes"]
    return {
        key: schema | ({"description": words[key]} if key in words else {})
        for key, schema in attributes.items()
    }


def _described(kind: str, key: str, row: Field) -> JSONObject:
    """Describe the value of a key, its purpose, and the element that it stands for."""
    words = load("descriptions")["keys"]
    return {
        **withRefs(row.slot.schema),
        "description": f"{words.get(f'{kind} {key}') or words[key]}\n\n{_source(row)}",
    }


def _source(row: Field) -> str:
    names = sorted({name for _, name in row.slot.names("")})
    uri = next(iter(row.slot.names("jabber:client")))[0]
    element = ", ".join(f"`<{name}/>`" for name in names)
    return f"{row.source}: {element} in `{uri}`"


def formSchema(*kinds: str) -> JSONObject:
    """Describe a form: the keys of these kinds of stanzas whose values are text."""
    keys = {key: row for kind in kinds for key, row in KEYS[kind].items()}
    texts = {key: row.slot.schema for key, row in keys.items() if row.slot.isText}
    return asForm(_attributes(*kinds) | texts)


def asFormField(schema: Schema) -> JSONObject:
    """Describe a key in a form or a query, where its value is text."""
    if schema == {"const": True}:
        return {"type": "boolean"}
    if not schema:  # any JSON
        return {"type": "string", "contentMediaType": "application/json"}
    if {"const": True} not in schema.get("anyOf", [{"const": True}]):
        return {"type": "string", "minLength": 1}
    type = schema.get("type")
    isOne = isinstance(type, str) and type != "object"
    return {**schema} if isOne else {"type": "string"}


def requiredOf(schema: Schema) -> Sequence[str]:
    """
    Return the keys that a schema requires of an object. Alternatives of the schema that
    are
    not objects do not count.
    """
    required: Sequence[str] = schema.get("anyOf", [schema])[0].get("required", ())
    return required


def asForm(texts: Mapping[str, Schema], required: Iterable[str] = ()) -> JSONObject:
    """Describe a form."""
    return {
        "type": "object",
        "properties": {key: asFormField(schema) for key, schema in texts.items()},
        **({"required": [*required]} if required else {}),
        "additionalProperties": False,
    }
