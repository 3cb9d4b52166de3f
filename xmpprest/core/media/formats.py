"""
The media types of stanzas: parsing, writing, and the names that users may write.

One table has the capabilities of each type (RFC 9110 §8.3).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from twisted.words.xish.domish import Element

from ..codec.fields_presence import SHOWS
from ..codec.mapping import NO_CONTEXT, StanzaContext, toForm
from ..codec.meta import metaToJSON
from ..codec.scalars import quoteShort
from ..codec.table import STANZAS
from ..errors import Problem, Refusal, badRequest, unprocessable
from ..files.upload import GivenFile, takeFiles
from ..stanza import namespaces as ns
from ..stanza.build import META, element, make
from ..stanza.parser import Name, decodeUTF8, illegalCharacter, parseDocument
from ..stanza.serializer import toXML
from . import values
from .negotiation import parseContentType
from .values import Value

XML = "application/xmpp+xml"
JSON = "application/json"
CBOR = "application/cbor"
FORM = "application/x-www-form-urlencoded"
PROBLEM_JSON = "application/problem+json"
TEXT = "text/plain"


@dataclass(frozen=True, slots=True)
class Format:
    """
    A representation of stanzas.

    @ivar decode: Parses the body of one stanza, completed by its context; raises
        L{Refusal}.
    @ivar encode: Writes one stanza or several; C{None} for an input-only type.
    @ivar carriesWholeStanza: Whether the body is a complete stanza, so that the path of
        the request is ignored.
    @ivar keys: Returns the keys of a valid body; C{None} for a format in which
        callbacks write nothing but stanzas.
    @ivar parse: Parses a body to the JSON form of a stanza; C{None} for a format that
        cannot hold files.
    """

    decode: Callable[[bytes, StanzaContext], Element]
    encode: Callable[[Sequence[Element]], bytes] | None = None
    carriesWholeStanza: bool = False
    keys: Callable[[bytes], Iterable[str]] | None = None
    parse: Callable[[bytes], Value] | None = None


def _decodeXML(body: bytes, context: StanzaContext) -> Element:
    return parseDocument(body)


def _encodeXML(stanzas: Sequence[Element]) -> bytes:
    xml = "".join(map(toXML, stanzas))
    return (f"<xmpp>{xml}</xmpp>" if len(stanzas) > 1 else xml).encode("utf-8")


def _decodeJSON(body: bytes, context: StanzaContext) -> Element:
    return STANZAS.decode(values.fromJSON(body), context)


def _encodeJSON(stanzas: Sequence[Element]) -> bytes:
    return values.toJSON(_value(stanzas))


def _value(stanzas: Sequence[Element]) -> Value:
    """Return the JSON form of one stanza, or C{{"xmpp": […]}} for several."""
    several: list[Value] = [STANZAS.encode(stanza) for stanza in stanzas]
    return {"xmpp": several} if len(several) > 1 else several[0]


def _decodeCBOR(body: bytes, context: StanzaContext) -> Element:
    return STANZAS.decode(values.fromCBOR(body), context)


def _encodeCBOR(stanzas: Sequence[Element]) -> bytes:
    return values.toCBOR(_value(stanzas))


#: The formats of bodies that curl without a header declares as a form, by their first
#: byte.
_NO_FORMS = {b"{": JSON, b"[": JSON, b"<": XML}


def _decodeForm(body: bytes, context: StanzaContext) -> Element:
    meant = _NO_FORMS.get(body.lstrip()[:1])
    if meant is not None:
        raise badRequest(
            f"The Content-Type is that of a form, but this looks like {meant}; send it"
            f" with -H 'Content-Type: {meant}'."
        )
    return STANZAS.decode(STANZAS.fromForm(parseForm(body), context), context)


def _encodeForm(stanzas: Sequence[Element]) -> bytes:
    # The last of several is the iq that ends the result of an archive.
    return urlencode(toForm(STANZAS.encode(stanzas[-1]))).encode("ascii")


#: How many keys a form may have.
_MAX_PAIRS = 100
#: A percent sign that begins no percent-encoding (RFC 3986 §2.1).
_BAD_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def parseForm(form: bytes) -> dict[str, str]:
    """
    Parse a form, or the query of a URL.

    @raise Refusal: 400, it is malformed; 422, it has a character that XML cannot carry.
    """
    if not form:
        return {}
    if _BAD_PERCENT.search(form):
        raise badRequest(
            "A percent sign has no two hexadecimal digits behind it; write it as %25."
        )
    try:
        pairs = parse_qsl(
            form.decode("utf-8"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=_MAX_PAIRS,
        )
    except UnicodeDecodeError:
        raise badRequest(
            "A key or a value is not UTF-8; percent-encode what is not ASCII as UTF-8."
        ) from None
    except ValueError:
        raise badRequest(
            "A form, or a query, is written as key=value&key=value, with at most"
            f" {_MAX_PAIRS} keys; for plain text send 'Content-Type: text/plain'."
        ) from None
    for key, text in pairs:
        requireLegal(key, text)
    result = dict(pairs)
    if len(result) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise badRequest(f"The key {quoteShort(twice)} is given twice; give it once.")
    return result


def requireLegal(key: str, text: str) -> None:
    """
    Check the characters of a key and its text.

    @raise Refusal: 422, XML cannot carry one.
    """
    if illegalCharacter(key + text):
        raise unprocessable(
            "bad-format",
            f"The key {quoteShort(key)}, or its value, has a character that XML"
            " forbids; leave that out.",
        )


def _keys(value: Value) -> Iterable[str]:
    """Return the keys of an object that have a value."""
    if not isinstance(value, dict):
        return ()
    return [key for key, inner in value.items() if inner is not None]


#: The element whose content plain text is, by the kind of stanza.
_TEXT_ELEMENT = {"message": "body", "presence": "show"}


def _decodeText(body: bytes, context: StanzaContext) -> Element:
    kind = context.kind or "message"
    name = _TEXT_ELEMENT.get(kind)
    if name is None:
        raise unsupportedMediaType(
            f"Plain text cannot stand for an {kind}; send JSON or XML."
        )
    # A byte order mark says only that the text is UTF-8 (RFC 3629 §6).
    text = decodeUTF8(body).removeprefix("\ufeff")
    illegal = illegalCharacter(text)
    if illegal is not None:
        raise unprocessable("bad-format", illegal)
    if name == "show" and (text := text.strip()) not in SHOWS:
        raise unprocessable(
            "bad-format", f"The 'show' of a presence must be one of {', '.join(SHOWS)}."
        )
    # Without a path it is a chat message; a reply gets its type later.
    type = context.type if context.kind else "chat"
    attributes: dict[Name, str | None] = {
        "to": context.to,
        "type": None if type == "available" else type,
    }
    return make(kind, attributes, [element(ns.CLIENT, name, None, [text])])


#: All media types of stanzas; the first one is the default.
FORMATS: dict[str, Format] = {
    XML: Format(_decodeXML, _encodeXML, carriesWholeStanza=True),
    JSON: Format(
        _decodeJSON,
        _encodeJSON,
        keys=lambda b: _keys(values.fromJSON(b)),
        parse=values.fromJSON,
    ),
    CBOR: Format(
        _decodeCBOR,
        _encodeCBOR,
        carriesWholeStanza=True,
        keys=lambda b: _keys(values.fromCBOR(b)),
        parse=values.fromCBOR,
    ),
    FORM: Format(_decodeForm, _encodeForm, keys=parseForm),
    TEXT: Format(_decodeText),
}
if not values.hasCBOR:
    del FORMATS[CBOR]

#: The input types, as a value of C{Accept}.
INPUT_TYPES = ", ".join(FORMATS)
OUTPUT_TYPES = [name for name, format in FORMATS.items() if format.encode]

#: Short names of the media types, for settings.
SHORT_NAMES = {"xml": XML, "json": JSON, "cbor": CBOR, "form": FORM}

_CHARSETS = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})


def unsupportedMediaType(text: str) -> Refusal:
    """Make the refusal of a media type: 415, with the accepted types in C{Accept}."""
    return Refusal(
        Problem(415, "modify", "bad-format", text, (("Accept", INPUT_TYPES),))
    )


def decode(
    contentType: str | None, body: bytes, context: StanzaContext = NO_CONTEXT
) -> Element:
    """
    Parse the body of a client's request.

    @param contentType: The value of the header, or C{None} if there is none.
    @param context: The stanza's kind, type and recipient by the path. With a kind the
        body may be empty, unless the media type ignores the path.
    @return: An element that is not yet known to be a valid stanza.
    @raise Refusal: 415 for the type, 400 or 422 for the body.
    """
    isAbsent = not body and context.kind is not None
    if isAbsent and (
        contentType is None or not formatOf(contentType).carriesWholeStanza
    ):
        return STANZAS.decode({}, context)
    format = formatOf(contentType)
    return format.decode(body, NO_CONTEXT if format.carriesWholeStanza else context)


def decodeWithFiles(
    contentType: str | None, body: bytes, context: StanzaContext
) -> tuple[Element, list[GivenFile]]:
    """
    Parse the body of a request that may bring files along, as L{decode}.

    @return: The stanza without these files, and the files.
    """
    parse = formatOf(contentType).parse
    if parse is None:
        return decode(contentType, body, context), []
    value, files = takeFiles(parse(body))
    if formatOf(contentType).carriesWholeStanza:
        context = NO_CONTEXT
    return STANZAS.decode(value, context), files


def formatOf(contentType: str | None) -> Format:
    """
    Return the format that a C{Content-Type} names.

    @raise Refusal: 415, the type is not an input type.
    """
    if contentType in FORMATS:
        return FORMATS[contentType]
    if contentType is None:
        raise unsupportedMediaType(
            f"There is no Content-Type; send one of {INPUT_TYPES}."
        )
    try:
        name, charset = parseContentType(contentType)
    except ValueError:
        raise unsupportedMediaType(
            f"The Content-Type is not a media type; send one of {INPUT_TYPES}."
        ) from None
    if name == "multipart/form-data":
        raise unsupportedMediaType(
            "A form with files is taken at /rest/message/{type}/{to}, and without a"
            f" message at /rest/files; here, send one of {INPUT_TYPES}."
        )
    if name not in FORMATS:
        raise unsupportedMediaType(
            f"The media type {name} is not supported; send one of {INPUT_TYPES}."
        )
    if charset is not None and charset not in _CHARSETS:
        raise unsupportedMediaType("The charset must be UTF-8; convert the body to it.")
    return FORMATS[name]


def encode(stanzas: Sequence[Element], name: str) -> bytes:
    """
    Write stanzas as one of L{OUTPUT_TYPES}: one stanza bare, several in C{<xmpp/>} or
    C{{"xmpp": […]}}. A form holds only the last.

    An event of the gateway (C{meta}) is written alone, as one of L{REFLECTION_TYPES}.
    """
    if stanzas[-1].name == META:
        return encodeMeta(stanzas[-1], name)
    write = FORMATS[name].encode
    assert write is not None, f"{name} is only read"
    return write(stanzas)


#: Media types that can mark a stanza as a reflection.
REFLECTION_TYPES = tuple({JSON, CBOR} & {*FORMATS})


def encodeMeta(event: Element, name: str) -> bytes:
    """
    Write an event of the gateway, which has the kind C{meta} (callback.rst).

    @param name: One of L{REFLECTION_TYPES}.
    """
    value = metaToJSON(event)
    return values.toCBOR(value) if name == CBOR else values.toJSON(value)


def encodeReflection(stanza: Element, name: str) -> bytes:
    """
    Write a message that a room has sent back to its author, with the key
    C{"reflection": true} (callback.rst).

    @param name: One of L{REFLECTION_TYPES}.
    """
    value = {**STANZAS.encode(stanza), "reflection": True}
    return values.toCBOR(value) if name == CBOR else values.toJSON(value)


def encodeProblem(problem: Problem, name: str) -> bytes:
    """
    Write an error for a client.

    @param name: L{XML}, L{JSON} or L{PROBLEM_JSON}. The JSON of both is the same: the
        keys of mod_rest and those of RFC 9457.
    """
    if name == XML:
        children = [
            element(ns.STREAM_ERRORS, problem.condition),
            element(ns.STREAM_ERRORS, "text", None, [problem.text]),
        ]
        return toXML(element(ns.STREAMS, "error", None, children)).encode("utf-8")
    error = {
        "type": problem.type,
        "condition": problem.condition,
        "text": problem.text,
    }
    value = {
        "type": "error",
        "code": problem.status,
        "error": error,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.text,
    }
    return json.dumps(value).encode()
