"""
The schemas of the OpenAPI document, made from the table of keys: stanzas, the keys that
hold more than one value, forms, answers and problems.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from ..codec.field import Field
from ..codec.mapping import UNTYPED
from ..codec.records import INCOMING_SCHEMA, OUTGOING_SCHEMA, incomingDetailSchema
from ..codec.scalars import Schema
from ..codec.table import KEYS
from ..policy.redelivery_request import REDELIVERY
from ..policy.submission import MAX_ID
from ..stanza.build import TYPES
from . import descriptions

#: A part of the document.
JSONObject: TypeAlias = dict[str, Any]


def ref(name: str) -> JSONObject:
    """What stands for a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def _objects() -> Iterator[tuple[str, Schema]]:
    """The keys whose values are objects; those of iqs first, which paths name."""
    for rows in reversed([*KEYS.values()]):
        for key, row in rows.items():
            if not {"properties", "anyOf"}.isdisjoint(row.slot.schema):
                yield key, row.slot.schema


#: The schemas that have a name, which is their key's; of two, the first.
_NAMED: Mapping[str, Schema] = dict(reversed([*_objects()]))


def withRefs(schema: Any) -> Any:
    """A schema, with what has a name in its place."""
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
    """All that have names."""
    return {
        **{kind: _stanza(kind) for kind in KEYS},
        "stanza": {"anyOf": [ref(kind) for kind in KEYS]},
        "answer": _ANSWER,
        "problem": _PROBLEM,
        "outgoing": OUTGOING_SCHEMA,
        "incoming": INCOMING_SCHEMA,
        "incomingWhole": incomingDetailSchema(ref("stanza")),
        "redelivery": REDELIVERY,
        **{f"{kind}Form": formSchema(kind) for kind in KEYS},
        "stanzaForm": formSchema(*KEYS) | {"required": ["to"]},
        **{name: _inside(_NAMED[name]) for name in sorted(_NAMED)},
    }


# --- stanzas --------------------------------------------------------------------

_ADDRESS: Schema = {"type": "string", "format": "xmpp-jid"}


def typesOf(kind: str) -> list[str]:
    """The types of a kind of stanza, with the word for none."""
    return sorted(filter(None, {*TYPES[kind], UNTYPED.get(kind)}))


def _stanza(kind: str) -> JSONObject:
    """The JSON form of one kind of stanza."""
    return {
        "type": "object",
        "title": kind,
        "properties": {
            **_attributes(kind),
            **{key: _described(kind, key, row) for key, row in KEYS[kind].items()},
            "xml": {
                "type": "array",
                "items": {"type": "string", "format": "xml"},
                "description": "Children as XML, for which there is no key. What"
                " stands here counts more than a key for the same element.",
            },
        },
        "additionalProperties": False,
    }


def _attributes(*kinds: str) -> JSONObject:
    """The stanza's own."""
    types = sorted({type for kind in kinds for type in typesOf(kind)})
    return {
        "kind": {
            "type": "string",
            "enum": [*kinds],
            "description": "What kind of stanza it is; left out, the other keys say.",
        },
        "type": {"type": "string", "enum": types},
        "to": {
            **_ADDRESS,
            "minLength": 1,
            "description": "Whom it is for: `user@example.org`, with or without a"
            " `/resource`, or a domain.",
        },
        "from": {
            **_ADDRESS,
            "description": "Who sends it: anybody at the gateway's domain; left out,"
            " the domain itself.",
        },
        "id": {
            "type": "string",
            "maxLength": MAX_ID,
            "description": "What replies, receipts and errors have in common with it;"
            " left out, the gateway makes one.",
        },
        "lang": {"type": "string", "description": "Its language, such as `en`."},
    }


def _described(kind: str, key: str, row: Field) -> JSONObject:
    """The schema of a key, with what it is for, and where it comes from."""
    words = descriptions.KEYS.get(f"{kind} {key}") or descriptions.KEYS[key]
    return {
        **withRefs(row.slot.schema),
        "description": f"{words}\n\n{_source(row)}",
    }


def _source(row: Field) -> str:
    names = sorted({name for _, name in row.slot.names("")})
    uri = next(iter(row.slot.names("jabber:client")))[0]
    element = ", ".join(f"`<{name}/>`" for name in names)
    return f"{row.source}: {element} in `{uri}`"


def formSchema(*kinds: str) -> JSONObject:
    """The keys of stanzas that a form can hold."""
    keys = {key: row for kind in kinds for key, row in KEYS[kind].items()}
    texts = {key: row.slot.schema for key, row in keys.items() if row.slot.isText}
    return asForm(_attributes(*kinds) | texts)


def asFormField(schema: Schema) -> JSONObject:
    """The schema of a key where it stands as text: in a form or a query."""
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
    """The keys that an object must have, whatever may stand for it otherwise."""
    required: Sequence[str] = schema.get("anyOf", [schema])[0].get("required", ())
    return required


def asForm(texts: Mapping[str, Schema], required: Iterable[str] = ()) -> JSONObject:
    """The keys that stand in a form, as a schema."""
    return {
        "type": "object",
        "properties": {key: asFormField(schema) for key, schema in texts.items()},
        **({"required": [*required]} if required else {}),
        "additionalProperties": False,
    }


# --- answers --------------------------------------------------------------------

_ANSWER: JSONObject = {
    "description": "The reply. What an archive holds comes as a list, its end last.",
    "anyOf": [
        ref("stanza"),
        {
            "type": "object",
            "properties": {"xmpp": {"type": "array", "items": ref("stanza")}},
            "required": ["xmpp"],
            "additionalProperties": False,
        },
    ],
}

#: RFC 9457, and what mod_rest says.
_PROBLEM: JSONObject = {
    "type": "object",
    "properties": {
        "type": {"type": "string", "enum": ["error"]},
        "code": {"type": "integer"},
        "error": {
            "type": "object",
            "properties": {
                "type": {
                    "type": "string",
                    "enum": ["auth", "cancel", "modify", "wait"],
                },
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
