"""
The OpenAPI document: its fixed parts, joined with those that are made from the table of
JSON keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..codec.scalars import Schema
from ..codec.slots import Child
from ..codec.table import KEYS, PAYLOADS
from ..media import formats
from .bodies import (
    bounceResponse,
    echoResponse,
    iqResponse,
    payloadBody,
    restBody,
    stanzaBody,
)
from .data import load
from .schemas import JSONObject, asFormField, requiredOf, schemas, typeSchema


def document(domain: str, version: str) -> JSONObject:
    """
    Make the document, ready to be written as JSON.

    @param domain: The component domain, as C{gateway.example.org}. The examples use it,
        and the domain above it for the server, as C{example.org}.
    @param version: The version of the gateway.
    """
    fixed = load("document")
    made = {
        **fixed,
        "info": fixed["info"] | {"version": version},
        "paths": _completed(load("paths")) | _payloadPaths(),
        "components": fixed["components"]
        | {"schemas": schemas() | fixed["components"]["schemas"]},
    }
    filled: JSONObject = _filled(made, domain, domain.partition(".")[2] or domain)
    return filled


def _filled(part: Any, domain: str, server: str) -> Any:
    """Copy a part of the document, with the real domains in place of the examples'."""
    if isinstance(part, str):
        return part.replace("gateway.example.org", domain).replace(
            "example.org", server
        )
    if isinstance(part, list):
        return [_filled(item, domain, server) for item in part]
    if isinstance(part, dict):
        return {key: _filled(item, domain, server) for key, item in part.items()}
    return part


# --- fixed paths ----------------------------------------------------------------


def _recipient(example: str) -> JSONObject:
    """Make the parameter C{to} of a path, with an example of its own."""
    parameter: JSONObject = load("document")["components"]["parameters"]["to"]
    return parameter | {"example": example}


#: The functions that C{paths.yaml} names, for the parts that it does not contain.
_GENERATORS: Mapping[str, Callable[..., JSONObject]] = {
    "bounceResponse": bounceResponse,
    "echoResponse": echoResponse,
    "iqResponse": iqResponse,
    "recipient": _recipient,
    "restBody": restBody,
    "stanzaBody": stanzaBody,
    "typeSchema": typeSchema,
}


def _completed(part: Any) -> Any:
    """Replace the two keys of C{paths.yaml} that are not OpenAPI, at any depth."""
    if isinstance(part, list):
        return [_completed(item) for item in part]
    if not isinstance(part, dict):
        return part
    if "$generate" in part:
        arguments = {key: value for key, value in part.items() if key != "$generate"}
        return _GENERATORS[part["$generate"]](**arguments)
    completed = {key: _completed(value) for key, value in part.items()}
    if "problems" in completed:
        completed["responses"] |= _problems(*completed.pop("problems"))
    return completed


def _problems(*statuses: int) -> JSONObject:
    """
    Return references to the error responses of an operation.

    @param statuses: Its statuses in addition to 400, 401 and 403, which every operation
        has.
    """
    return {
        str(status): {"$ref": f"#/components/responses/{status}"}
        for status in sorted((400, 401, 403, *statuses))
    }


# --- paths of payloads ----------------------------------------------------------

_PARAMETERS = "#/components/parameters/"
_TO: JSONObject = {"$ref": f"{_PARAMETERS}to"}
_WAIT: JSONObject = {"$ref": f"{_PARAMETERS}wait"}
_KEY: JSONObject = {"$ref": f"{_PARAMETERS}key"}


def _payloadPaths() -> JSONObject:
    """Make the two paths of each payload that an iq may have."""
    paths: JSONObject = {}
    for key in PAYLOADS:
        slot = KEYS["iq"][key].slot
        assert isinstance(slot, Child)  # as all payloads are
        paths[f"/{key}/{{to}}"] = {"get": _query(key, slot)}
        paths[f"/iq/{key}/{{to}}"] = {"post": _post(key, slot)}
    return paths


def _query(key: str, slot: Child) -> JSONObject:
    """Describe the request that has the payload in its URL."""
    required = requiredOf(slot.schema)
    own = load("payloads")[key].get("parameters", {})
    parameters = [
        _parameter(key, name, schema, name in required) | own.get(name, {})
        for name, schema in slot.shape.parameters.items()
    ]
    return {
        "operationId": f"get{_camelCase(key)}",
        "tags": ["Query"],
        "summary": _summary(key),
        "parameters": [_to(key), *parameters, _WAIT],
        "responses": _responses(key, 413),
    }


def _post(key: str, slot: Child) -> JSONObject:
    """Describe the request that has the payload as its body."""
    return {
        "operationId": f"post{_camelCase(key)}",
        "tags": ["Query with a body"],
        "summary": _summary(key),
        "description": f"The body is the value of the key `{key}` of an iq. Without a"
        " body, the payload is empty.",
        "parameters": [_to(key), _WAIT, _KEY],
        "requestBody": payloadBody(key, slot),
        "responses": _responses(key, 413, 415, 422),
    }


def _to(key: str) -> JSONObject:
    """Make the recipient's parameter; the server is the example that all share."""
    example = load("payloads")[key].get("to")
    return _TO if example is None else _recipient(example)


def _parameter(key: str, name: str, schema: Schema, isRequired: bool) -> JSONObject:
    """
    Make the parameter of a query for a key of a payload.

    @param key: The payload.
    @param name: The key of the payload.
    """
    parameter: JSONObject = {"name": name, "in": "query"}
    if isRequired:
        parameter["required"] = True
    if not schema:  # any JSON
        example = load("payloads")[key]["query"][name]
        return parameter | {
            "content": {formats.JSON: {"schema": schema, "example": example}}
        }
    parameter["schema"] = asFormField(schema)
    if schema.get("type") == "array":
        parameter["explode"] = False
    return parameter


def _responses(key: str, *problems: int) -> JSONObject:
    """The reply to a payload, and the problems that may come in its place."""
    return {"200": iqResponse(key), **_problems(*problems, 409, 429, 503, 504)}


def _summary(key: str) -> str:
    """The summary of a payload, with the number of its specification."""
    number = KEYS["iq"][key].source.partition(":")[0]
    return f"{load('payloads')[key]['summary']} ({number})"


def _camelCase(key: str) -> str:
    return "".join(word.capitalize() for word in key.split("_"))
