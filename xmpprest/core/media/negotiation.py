"""
Parses C{Content-Type} and chooses a media type by C{Accept} (RFC 9110 §8.3 and §12.5).
"""

from __future__ import annotations

import re

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_TYPE = re.compile(rf"\s*({_TOKEN}/{_TOKEN})\s*")
_PARAMETER = re.compile(
    rf';\s*(?:({_TOKEN})=({_TOKEN}|"(?:[^"\\]|\\.)*"))?\s*', re.DOTALL
)


def parseContentType(header: str) -> tuple[str, str | None]:
    """
    Parse a C{Content-Type} (RFC 9110 §8.3).

    @return: The media type and its charset, both in lower case; C{None} for no charset.
    @raise ValueError: The header is not a media type.
    """
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


def negotiate(accept: str | None, offers: list[str], default: str) -> str:
    """
    Choose the media type of a response (RFC 9110 §12.5.1). Of types with the same
    weight, those that the header names exactly come first, in the header's order: axios
    sends C{application/json, text/plain, */*} and means JSON.

    @param accept: The header's value, all its lines joined by commas; C{None} if there
        is none.
    @param offers: The media types of the server, its favourite first.
    @param default: The offer for a client without a preference, and for one that
        accepts no offer: a response of another type is worth more than none.
    """
    if accept is None or accept == "*/*":
        return default
    ranges = [r for r in map(_mediaRange, accept.split(",")) if r is not None]
    names = [name for name, _ in ranges]

    def rank(offer: str) -> tuple[float, int]:
        weight = _weightOf(offer, ranges)
        isNamed = weight > 0 and offer in names
        return weight, -names.index(offer) if isNamed else -len(names)

    # Of equals max takes the first, so the default.
    return max([default, *offers], key=rank)


#: RFC 9110 §12.4.2, and the C{q=.2} that Java used to send.
_WEIGHT = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+")


def _mediaRange(text: str) -> tuple[str, float] | None:
    """
    Parse one element of C{Accept}.

    @return: The media range and its weight; C{None} if the weight is malformed.
    """
    name, *parameters = text.split(";")
    quality = 1.0
    for parameter in parameters:
        key, _, value = parameter.strip().partition("=")
        if key.lower() == "q":
            if not _WEIGHT.fullmatch(value):
                return None
            quality = min(float(value), 1.0)
    return name.strip().lower(), quality


def _weightOf(offer: str, ranges: list[tuple[str, float]]) -> float:
    """Return the weight of an offer: that of the most specific range that matches."""
    for wanted in (offer, offer.partition("/")[0] + "/*", "*/*"):
        for name, quality in ranges:
            if name == wanted:
                return quality
    return 0.0
