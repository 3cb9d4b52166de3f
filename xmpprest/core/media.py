"""
Media types: what is read, what is written, and which of them a client prefers.

One table says what each type can do; sections 5.3, 8.3 and 12.5 of RFC 9110 say
how it is chosen from.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from twisted.words.xish.domish import Element

from . import namespaces as ns
from .errors import Problem, Refusal, unprocessable
from .parser import decoded, illegalCharacter, parseDocument
from .stanza import element, make
from .writer import toXML

XML = "application/xmpp+xml"
JSON = "application/json"
PROBLEM_JSON = "application/problem+json"
TEXT = "text/plain"


@dataclass(frozen=True, slots=True)
class Format:
    """
    One way to write a stanza down.

    @ivar decode: Reads a body. Its second argument is the kind of stanza that a
        body without a kind of its own stands for, C{message} if nothing is known.
        It raises L{Refusal}.
    @ivar encode: Writes a stanza; C{None} where the type is only read.
    """

    decode: Callable[[bytes, str], Element]
    encode: Callable[[Element], bytes] | None = None


def _decodeXML(body: bytes, kind: str) -> Element:
    return parseDocument(body)


def _encodeXML(stanza: Element) -> bytes:
    return toXML(stanza).encode("utf-8")


#: What plain text is the content of, by the kind of stanza it stands for.
_TEXT_ELEMENT = {"message": "body", "presence": "show"}

#: RFC 6121 §4.7.2.1
_SHOWS = ("away", "chat", "dnd", "xa")


def _decodeText(body: bytes, kind: str) -> Element:
    name = _TEXT_ELEMENT.get(kind)
    if name is None:
        raise unsupported(f"Plain text cannot stand for an {kind}; send XML.")
    text = decoded(body)
    illegal = illegalCharacter(text)
    if illegal is not None:
        raise unprocessable("bad-format", illegal)
    if name == "show" and (text := text.strip()) not in _SHOWS:
        raise unprocessable(
            "bad-format", f"What a presence shows is one of {', '.join(_SHOWS)}."
        )
    # No type: as an answer it takes that of the message it answers.
    return make(kind, {}, [element(ns.CLIENT, name, None, [text])])


#: Every media type that a stanza is read from, and those it is written as; the
#: first one is the default.
FORMATS: Mapping[str, Format] = {
    XML: Format(_decodeXML, _encodeXML),
    TEXT: Format(_decodeText),
}

#: The value of C{Accept} that names what is read.
INPUT_TYPES = ", ".join(FORMATS)
OUTPUT_TYPES = [name for name, format in FORMATS.items() if format.encode]

#: Names for people who do not want to write the whole type.
SHORT_NAMES = {"xml": XML, "json": JSON}

_CHARSETS = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_TYPE = re.compile(rf"\s*({_TOKEN}/{_TOKEN})\s*")
_PARAMETER = re.compile(
    rf';\s*(?:({_TOKEN})=({_TOKEN}|"(?:[^"\\]|\\.)*"))?\s*', re.DOTALL
)


def unsupported(text: str) -> Refusal:
    """Refuse a media type: 415, naming those that are read."""
    return Refusal(
        Problem(415, "modify", "bad-format", text, (("Accept", INPUT_TYPES),))
    )


def parseContentType(header: str) -> tuple[str, str | None]:
    """
    Read a C{Content-Type} (RFC 9110 §8.3).

    @return: The type in lower case, and its charset in lower case, if any.
    @raise ValueError: It is no media type.
    """
    if header in FORMATS:
        return header, None
    match = _TYPE.match(header)
    if match is None:
        raise ValueError("no media type")
    charset, position = None, match.end()
    while position < len(header):
        parameter = _PARAMETER.match(header, position)
        if parameter is None:
            raise ValueError("no parameter")
        name, value = parameter.groups()
        if name and name.lower() == "charset":
            charset = re.sub(r"\\(.)", r"\1", value.strip('"')).lower()
        position = parameter.end()
    return match[1].lower(), charset


def decode(contentType: str | None, body: bytes, kind: str = "message") -> Element:
    """
    Read what a client, or a callback, has written.

    @param contentType: The value of the header, if there is one.
    @param kind: What a body that does not say its kind stands for.
    @return: An element; not checked yet whether it is a proper stanza.
    @raise Refusal: 415 for the type, 400 for the body.
    """
    return formatOf(contentType).decode(body, kind)


def formatOf(contentType: str | None) -> Format:
    """
    The format that a C{Content-Type} names.

    @raise Refusal: 415, the type is none that is read.
    """
    if contentType is None:
        raise unsupported(f"There is no Content-Type; send {XML}.")
    try:
        name, charset = parseContentType(contentType)
    except ValueError:
        raise unsupported(
            f"The Content-Type is no media type; send one of {INPUT_TYPES}."
        ) from None
    if name not in FORMATS:
        raise unsupported(
            f"The media type {name} is not read here; send one of {INPUT_TYPES}."
        )
    if charset is not None and charset not in _CHARSETS:
        raise unsupported("The charset must be UTF-8; convert the body to it.")
    return FORMATS[name]


def encode(stanza: Element, name: str) -> bytes:
    """Write a stanza as one of L{OUTPUT_TYPES}."""
    write = FORMATS[name].encode
    assert write is not None, f"{name} is only read"
    return write(stanza)


def negotiate(accept: str | None, offers: list[str], default: str) -> str:
    """
    Choose what to answer with (RFC 9110 §12.5.1).

    @param accept: The header's value, all its lines joined by commas.
    @param offers: What can be had, the server's favourite first.
    @param default: The offer for a client that does not care, or cannot have what
        it wants: to know what happened is worth more than the right type.
    """
    if accept is None or accept == "*/*":
        return default
    ranges = [r for r in map(_mediaRange, accept.split(",")) if r is not None]
    # Of equals the first: the default, also where nothing is acceptable.
    return max([default, *offers], key=lambda offer: _quality(offer, ranges))


#: RFC 9110 §12.4.2, and the C{q=.2} that Java used to send.
_WEIGHT = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+")


def _mediaRange(text: str) -> tuple[str, float] | None:
    """One element of C{Accept}: the range and its weight; C{None} if it is none."""
    name, *parameters = text.split(";")
    quality = 1.0
    for parameter in parameters:
        key, _, value = parameter.strip().partition("=")
        if key.lower() == "q":
            if not _WEIGHT.fullmatch(value):
                return None
            quality = min(float(value), 1.0)
    return name.strip().lower(), quality


def _quality(offer: str, ranges: list[tuple[str, float]]) -> float:
    """The weight of an offer: the most specific range that matches it counts."""
    for wanted in (offer, offer.partition("/")[0] + "/*", "*/*"):
        for name, quality in ranges:
            if name == wanted:
                return quality
    return 0.0


def encodeProblem(problem: Problem, name: str) -> bytes:
    """
    Write down what went wrong.

    @param name: L{XML}, L{JSON} or L{PROBLEM_JSON}; the JSON of both is the same,
        mod_rest's keys and those of RFC 9457 together.
    """
    if name == XML:
        children = [
            element(ns.STREAM_ERRORS, problem.condition),
            element(ns.STREAM_ERRORS, "text", None, [problem.text]),
        ]
        return _encodeXML(element(ns.STREAMS, "error", None, children))
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
