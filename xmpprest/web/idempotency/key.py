"""
The header C{Idempotency-Key} (draft-ietf-httpapi-idempotency-key-header-07), and the
fingerprint that tells whether two requests are the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256

from twisted.web.server import Request

from ...core.errors import badRequest
from ...core.policy.permissions import Grant
from ..server.request import fieldsOf, header, headerLines

#: Maximum length of a key in characters.
MAX_KEY = 255

_HEADER = b"idempotency-key"
#: A string (RFC 8941 §3.3.3) as in the draft, or the bare text that most clients send.
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_BARE = re.compile(r"[!#-~](?:[ -~]*[!-~])?")


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """
    The idempotency key of a request.

    @ivar key: The key with the token's name, since each token has its own keys.
    @ivar fingerprint: A hash of everything that determines the effect of the request.
    """

    key: str
    fingerprint: bytes


def hasIdempotencyKey(request: Request) -> bool:
    """
    Return whether a request has an idempotency key, and so runs even if its client
    leaves.
    """
    return request.method == b"POST" and _HEADER in fieldsOf(request)


def idempotencyKeyOf(
    request: Request, body: bytes, grant: Grant, contentType: str | None = None
) -> IdempotencyKey | None:
    """
    Return the key of a request; C{None} if it has none.

    @param contentType: Stands for the media type of the body, if not the one that the
        request has.
    @raise Refusal: 400 if the header is malformed.
    """
    if not hasIdempotencyKey(request):
        return None
    if contentType is None:
        contentType = header(request, b"content-type") or ""
    query = request.uri.partition(b"?")[2]
    target = b"%s?%s" % (request.path, query) if query else request.path
    parts = (request.method, target, contentType.encode("latin-1"))
    # A key cannot contain a tab, and the parts cannot contain a line feed.
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
