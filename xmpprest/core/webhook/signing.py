"""
Signs what is posted, so that whoever gets it can tell that it is from here, whole and
new (Standard Webhooks 1.0.0, https://www.standardwebhooks.com).
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterable

#: What somebody should have given.
SECRET_FORMAT_HINT = (
    "expected 'whsec_' and 24 to 64 random bytes in base64, as"
    ' echo "whsec_$(openssl rand -base64 32)" makes them'
)

_PREFIX = "whsec_"

#: No full stop, which would blur where an id ends in what is signed.
_ID = re.compile(r"[A-Za-z0-9_-]+")


def parseSecret(secret: str) -> bytes:
    """
    Read a secret.

    Libraries that verify take more, each something else: without the prefix, without
    padding, with other characters in between. What is taken here they all take, and
    as the same key.

    @param secret: As in C{whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}.
    @return: The key.
    @raise ValueError: It is none; the message does not repeat it.
    """
    encoded = secret.removeprefix(_PREFIX)
    try:
        key = base64.b64decode(encoded, validate=True)
    except ValueError:
        key = b""
    isExact = base64.b64encode(key).decode() == encoded
    if encoded == secret or not 24 <= len(key) <= 64 or not isExact:
        raise ValueError(SECRET_FORMAT_HINT)
    return key


class Signer:
    """
    Signs with every secret at once, so that one can be exchanged for another while
    posts are under way. Without any it signs nothing.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """
        @raise ValueError: One is none; see L{parseSecret}.
        """
        self._keys = [parseSecret(secret) for secret in secrets]

    def headers(self, id: str, timestamp: int, body: bytes) -> list[tuple[str, str]]:
        """
        What is said in the header of a post.

        @param id: The same in each attempt to post the same; of letters, digits, C{-}
            and C{_}.
        @param timestamp: Of this attempt, in seconds since 1970.
        @raise ValueError: The id has something else in it.
        """
        if not _ID.fullmatch(id):
            raise ValueError(f"no id of a post: {id!r}")
        signed = b"%s.%d.%s" % (id.encode(), timestamp, body)
        fields = [("webhook-id", id), ("webhook-timestamp", str(timestamp))]
        if self._keys:
            signatures = " ".join(_signature(key, signed) for key in self._keys)
            fields.append(("webhook-signature", signatures))
        return fields


def _signature(key: bytes, signed: bytes) -> str:
    digest = hmac.digest(key, signed, "sha256")
    return f"v1,{base64.b64encode(digest).decode()}"
