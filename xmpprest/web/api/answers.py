"""Responses to stanzas that were accepted, and to iqs that were answered."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache

from twisted.words.xish.domish import Element

from ...core.media import formats
from ...core.media.negotiation import negotiate, parseContentType
from ..response import Accepts, Response, withNewline

#: Bytes of a stanza id that stands in a header. Proxies have 4 or 8 KiB for all headers
#: of a response; the client knows an id of its own, and it is in the JSON body.
MAX_HEADER_ID = 1000


def acceptedHeaders(
    id: str, location: str | None = None
) -> tuple[tuple[str, str], ...]:
    """
    Return the headers of the response to a stanza that was accepted.

    @param location: The path of its status, if it is stored.
    """
    headers = () if len(id.encode()) > MAX_HEADER_ID else (("Stanza-Id", id),)
    return headers if location is None else (*headers, ("Location", location))


def accepted(
    id: str, state: str, accepts: Accepts, headers: tuple[tuple[str, str], ...]
) -> Response:
    """
    Return the response to a stanza that was accepted: with its id and state if the
    client prefers JSON, else without a body.
    """
    if preferredType(accepts) != formats.JSON:
        return Response(202, headers=headers)
    body = f'{{"id":{_quoted(id)},"state":"{state}"}}\n'.encode()
    return Response(202, body, formats.JSON, headers)


_quoted = json.JSONEncoder(ensure_ascii=False).encode


def encoded(stanzas: Sequence[Element], accepts: Accepts) -> Response:
    """Encode stanzas as the client prefers."""
    name = preferredType(accepts)
    return Response(200, withNewline(formats.encode(stanzas, name), name), name)


@lru_cache(maxsize=128)
def preferredType(accepts: Accepts) -> str:
    """Return the type that the client prefers, or else the one that it wrote itself."""
    contentType = accepts.contentType
    try:
        own = parseContentType(contentType)[0] if contentType else formats.XML
    except ValueError:  # A query has no use for it.
        own = formats.XML
    default = own if own in formats.OUTPUT_TYPES else formats.XML
    return negotiate(accepts.accept, formats.OUTPUT_TYPES, default)
