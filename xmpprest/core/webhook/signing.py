"""
Signs webhook requests, so that the receiver can verify their origin, content and time
(Standard Webhooks 1.0.0, https://www.standardwebhooks.com).
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterable

#: The expected form of a secret, for errors.
SECRET_FORMAT_HINT = (
    "expected 'whsec_' and 24 to 64 random bytes in base64, as"
    ' echo "whsec_$(openssl rand -base64 32)" makes them'
)

_PREFIX = "whsec_"

#: A webhook id. A full stop in it would make the signed content ambiguous.
_ID = re.compile(r"[A-Za-z0-9_-]+")


def parseSecret(secret: str) -> bytes:
    """
    Parse a signing secret.

    Libraries for verification accept more forms, but not the same ones: without the
    prefix, without padding, with other characters between. All of them accept this
    form, as one key.

    @param secret: For example C{whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}.
    @return: The key.
    @raise ValueError: The secret is malformed; the message does not repeat it.
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
    Signs with all secrets at once, so that a secret can be rotated without failed
    requests. Without secrets it signs nothing.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """
        @param secrets: The secrets, as L{parseSecret} takes them.
        @raise ValueError: A secret is malformed.
        """
        self._keys = [parseSecret(secret) for secret in secrets]

    def headers(self, id: str, timestamp: int, body: bytes) -> list[tuple[str, str]]:
        """
        Return the headers of a webhook request.

        @param id: The webhook id, the same in each attempt; of letters, digits, C{-}
            and C{_}.
        @param timestamp: The time of this attempt, in seconds since 1970.
        @raise ValueError: The id has another character.
        """
        if not _ID.fullmatch(id):
            raise ValueError(f"not a webhook id: {id!r}")
        signed = b"%s.%d.%s" % (id.encode(), timestamp, body)
        fields = [("webhook-id", id), ("webhook-timestamp", str(timestamp))]
        if self._keys:
            signatures = " ".join(_signature(key, signed) for key in self._keys)
            fields.append(("webhook-signature", signatures))
        return fields


def _signature(key: bytes, signed: bytes) -> str:
    digest = hmac.digest(key, signed, "sha256")
    return f"v1,{base64.b64encode(digest).decode()}"
