"""Parses the bodies of requests that are JSON, and no other format."""

from __future__ import annotations

from twisted.web.server import Request

from ..core.errors import Problem, Refusal
from ..core.media import formats
from ..core.media.negotiation import parseContentType
from ..core.media.values import Value, fromJSON
from .server.request import header


def parseJSON(request: Request, body: bytes) -> Value:
    """
    Parse a body that has to be JSON.

    @raise Refusal: 415 or 400 if it is not.
    """
    try:
        name, charset = parseContentType(header(request, b"content-type") or "")
    except ValueError:
        name, charset = "", None
    if name != formats.JSON or charset not in (None, "utf-8"):
        raise Refusal(
            Problem(
                415,
                "modify",
                "bad-format",
                f"Only JSON is read here; send it with 'Content-Type: {formats.JSON}'.",
                (("Accept", formats.JSON),),
            )
        )
    return fromJSON(body)
