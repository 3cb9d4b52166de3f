"""
Hooks that tell schemathesis more about the gateway than its OpenAPI document does: how
the media types are written, what an address is, and in what the gateway differs from
its
schemas on purpose.
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree
from zlib import crc32

import cbor2
import schemathesis
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator

from tests.core.bots.images import jpeg, png
from xmpprest.core.codec.table import STANZAS
from xmpprest.core.media import formats
from xmpprest.core.openapi.data import load
from xmpprest.core.openapi.document import document
from xmpprest.core.policy.submission import MAX_ID
from xmpprest.core.stanza.serializer import toXML

# --- what is sent ---------------------------------------------------------------

#: Domains of the demo, and others.
_DOMAINS = ("localhost", "gateway.localhost", "example.org", "[::1]", "bücher.example")
_PARTS = st.text("abcüß19.-_~", min_size=1, max_size=10)
_ADDRESSES = st.builds(
    "{}{}{}".format,
    st.just("") | st.sampled_from(["echo@", "nobody@"]) | _PARTS.map("{}@".format),
    st.sampled_from(_DOMAINS),
    st.just("") | st.text("ab /@%?#é", min_size=1, max_size=5).map("/a{}b".format),
)
schemathesis.openapi.format("xmpp-jid", _ADDRESSES)
schemathesis.openapi.format(
    "xmpp-bare-jid", _ADDRESSES.map(lambda address: address.partition("/")[0])
)
schemathesis.openapi.format(
    "xmpp-room-jid",
    st.builds("{}@{}".format, st.text("ab19.-", min_size=1), st.sampled_from(_DOMAINS)),
)
schemathesis.openapi.format(
    "base64-image",
    st.sampled_from((png(), jpeg())).map(lambda data: b64encode(data).decode()),
)

#: XML that is in order, and the same with something missing, or put in.
_STANZAS = load("examples")["stanzas"].values()
_WHOLE = st.sampled_from([toXML(STANZAS.decode(value)) for value in _STANZAS])
_BROKEN = st.builds(
    lambda xml, at, length, put: xml[:at] + put + xml[at + length :],
    _WHOLE,
    st.integers(0, 150),
    st.integers(0, 20),
    st.sampled_from(["", "<", "&", "\0", "<a/>", "]]>", "<!--", "<?x?>", "x"]),
)
schemathesis.openapi.format("xmpp-stanza", _WHOLE | _BROKEN)
schemathesis.openapi.format("xml", st.sampled_from(["<a xmlns='b'/>", "a &amp; b"]))


@schemathesis.serializer(formats.XML)
def asXML(context: Any, value: Any) -> bytes:
    """Write a value as a body of XML; another value as its C{repr}, which is no XML."""
    return (value if isinstance(value, str) else repr(value)).encode()


@schemathesis.serializer(formats.CBOR)
def asCBOR(context: Any, value: Any) -> bytes:
    """A JSON value in CBOR."""
    return cbor2.dumps(value)


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Ask for each of the forms that an answer may have, the same one each time."""
    if getattr(case.meta.phase.data, "parameter", None) == "Authorization":
        return  # which is left out, and has to stay so
    number = crc32(repr((case.path, case.method, case.body, case.query)).encode())
    case.headers.setdefault("Accept", _ACCEPTED[number % len(_ACCEPTED)])


_ACCEPTED = (
    *(
        formats.JSON,
        formats.JSON,
        formats.JSON,
        formats.XML,
        formats.CBOR,
        formats.FORM,
    ),
    *(formats.PROBLEM_JSON, "*/*"),
)


# --- what comes back ------------------------------------------------------------


@schemathesis.deserializer(formats.XML)
def fromXML(context: Any, response: Any) -> Any:
    """A string, if it is XML at all."""
    ElementTree.fromstring(response.content)
    return response.content.decode()


@schemathesis.deserializer(formats.CBOR)
def fromCBOR(context: Any, response: Any) -> Any:
    """The value."""
    return cbor2.loads(response.content)


@schemathesis.deserializer(formats.FORM)
def fromForm(context: Any, response: Any) -> Any:
    """The texts."""
    text = response.content.decode()
    return dict(parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text)))


# --- what no schema says --------------------------------------------------------

#: Why the gateway refuses what the schema allows: what it says then.
_REFUSED = re.compile(
    "|".join(
        (
            # Strings: of characters that XML has; addresses; ids for header fields.
            r"which XML forbids",
            r"has a character that XML forbids",
            r"half a surrogate pair",
            r"is not an XMPP address",
            r"The 'id' has a control character, or a space around it",
            # Text that is XML itself.
            r"is not XML:",
            r"is not XHTML:",
            # RFC 6120 §8.2.3
            r"An iq must have exactly one child element",
            r"An iq must have type='get' or type='set'",
            # Two ways to say the same.
            r"has both '.*' and its short form '.*'",
            r"has both 'value' and 'values'",
            # What the path has said before, or follows from what was left out.
            r"but here it must be",
            r"belongs to .*, but this is",
            r"The type of a (?:message|presence) must be",  # a form is of any kind
            r"The key '.*' in 'archive' is not known",  # an iq's, without a kind
            r"belongs to another key, which is absent",
            # JSON within a text, and numbers within any JSON.
            r"must hold one JSON value",
            r"is not well-formed JSON",
            r"does not fit into 64 bits",
            # Another request, that the same key was made up for.
            r"This Idempotency-Key was used for another request",
            # The size and the name of a file, and the texts beside it.
            r"upload services take no empty files",
            r"is not the plain name of a file",
            r"must be base64",
            r"a character that XML forbids",
            # Times that end before they begin.
            r"'since' must be before 'until'",
        )
    )
)


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """
    Return whether a reported failure is a failure.

    ST202 says that a request which the schema allows was refused, ST201 that one which
    it forbids was accepted, ST104 and ST109 that the body or its type is missing.
    """
    if failure.code in ("ST104", "ST109"):
        return not _isBodiless(response)
    if failure.code == "ST202":
        return not _isUnsaid(case, response)
    if failure.code == "ST201":
        return not _isUnderstood(case)
    return True


def _isBodiless(response: Any) -> bool:
    """
    Return whether a message was accepted from a client that does not ask for JSON. Such
    a 202 has no body, which OpenAPI cannot express beside the body in JSON.
    """
    accept = response.request.headers.get("Accept", "")
    isAccepted = response.status_code == 202 and not response.content
    return isAccepted and "application/json" not in accept


def _isUnsaid(case: Any, response: Any) -> bool:
    """Whether a schema could not have said what the gateway did not like."""
    isMarkup = case.media_type == formats.XML
    return isMarkup or _REFUSED.search(response.content.decode()) is not None


def _isUnderstood(case: Any) -> bool:
    """Whether the gateway understands more than the schemas promise, and this, too."""
    operation = _PATHS[case.path][case.method.lower()]
    parameters = operation.get("parameters", ())
    stated = {(p.get("in"), p.get("name")): p for p in parameters}
    for where, values in (("path", case.path_parameters), ("query", case.query)):
        for name, value in values.items():
            # Of a reference: an address.
            known = stated.get((where, name), {"schema": where == "path"})
            if not _isValid(known.get("schema", True), value, isText=True):
                return False
    if case.media_type is None:
        return True
    schema = operation["requestBody"]["content"][case.media_type]["schema"]
    body = _withoutNull(case.body)
    if isinstance(body, dict) and "form" in body:
        body.pop("data", None)  # the form of a command counts
    if isinstance(body, dict) and "type" in case.path_parameters:
        body.pop("type", None)  # the type in the path counts
    return _isValid(schema, body, isText=case.media_type == formats.FORM)


def _isValid(schema: Any, value: Any, *, isText: bool) -> bool:
    known = {"components": _DOCUMENT["components"]}
    widened = _widened({"allOf": [schema]} | known, isText)
    return Draft202012Validator(widened).is_valid(value)


_DOCUMENT = document("gateway.localhost", "")
_PATHS = _DOCUMENT["paths"]


def _withoutNull(value: Any) -> Any:
    """Null is a key that is left out, or no body; but not where it is any JSON."""
    if value is None:
        return {}
    if isinstance(value, dict) and "datatype" in value:
        return value
    if isinstance(value, dict):
        return {k: _withoutNull(v) for k, v in value.items() if v is not None}
    return [_withoutNull(v) for v in value] if isinstance(value, list) else value


def _widened(schema: Any, isText: bool) -> Any:
    """
    The schema of what is understood. A format is a hint; true stands for an empty
    object, an empty object for true, and false for nothing; an id may be an integer; in
    a text there are more words for true and false, and a list is written as one.
    """
    if isinstance(schema, list):
        return [_widened(part, isText) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("const") is True:
        return {"enum": [True, False, {}]}
    if schema.get("maxLength") == MAX_ID:
        return {"anyOf": [schema, {"type": "integer"}]}
    type = schema.get("type")
    if isText and isinstance(type, str) and type in _WORDS and "enum" not in schema:
        return _WORDS[type]
    wide = {k: _widened(v, isText) for k, v in schema.items() if k != "format"}
    isEmptied = "properties" in schema or type == "array"
    return {"anyOf": [{"enum": [True, {}]}, wide]} if isEmptied else wide


_WORDS: Any = {
    "boolean": {"enum": [True, False, 1, 0, "", "1", "0", "true", "false"]},
    "array": {},
    "string": {},
}
