"""
What a C{Content-Type} says, and which of several types an C{Accept} prefers (RFC 9110
§8.3 and §12.5).
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
    Read a C{Content-Type} (RFC 9110 §8.3).

    @return: The type in lower case, and its charset in lower case, if any.
    @raise ValueError: It is no media type.
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
