"""
The header C{Idempotency-Key} (draft-ietf-httpapi-idempotency-key-header-07): which
requests have one, and which of them are the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256

from twisted.web.server import Request

from ...core.errors import badRequest
from ...core.policy.permissions import Grant
from ..server.request import header, headerLines

#: How many characters a key may have.
MAX_KEY = 255

_HEADER = b"idempotency-key"
#: A string of RFC 8941 §3.3.3, as the draft has it, and what everybody sends.
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_BARE = re.compile(r"[!#-~](?:[ -~]*[!-~])?")


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """
    That a request is to be done once.

    @ivar key: The client's own; each token has its own keys.
    @ivar fingerprint: Of all that makes it what it is.
    """

    key: str
    fingerprint: bytes


def hasIdempotencyKey(request: Request) -> bool:
    """Whether a request is to be done even if its client does not wait for it."""
    return request.method == b"POST" and header(request, _HEADER) is not None


def idempotencyKeyOf(
    request: Request, body: bytes, grant: Grant
) -> IdempotencyKey | None:
    """
    The key of a request, if it has one.

    @raise Refusal: 400, it has one that is none.
    """
    if not hasIdempotencyKey(request):
        return None
    contentType = (header(request, b"content-type") or "").encode("latin-1")
    parts = (request.method, request.path, contentType)
    # No key can hold the tab, and none of the parts the line feed.
    owner = f"{grant.name}\t" if grant.name else ""
    fingerprint = sha256(b"\n".join([*parts, body])).digest()
    return IdempotencyKey(f"{owner}{_key(request)}", fingerprint)


def _key(request: Request) -> str:
    values = headerLines(request, _HEADER)
    text = values[0].strip()
    quoted = _QUOTED.fullmatch(text)
    key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else text
    isKey = quoted or _BARE.fullmatch(text)
    if len(values) > 1 or not isKey or not 0 < len(key) <= MAX_KEY:
        raise badRequest(
            f"An Idempotency-Key has 1 to {MAX_KEY} characters of ASCII that can be"
            " printed, and may stand in double quotes; a random UUID is a good one."
        )
    return key
