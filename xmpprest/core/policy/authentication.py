"""Says whether an C{Authorization} header may send (RFC 9110 §11.6.2)."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256

from ..errors import Problem, Refusal
from .permissions import FULL_ACCESS, Grant

#: What each token may do, by its SHA-256.
Grants = tuple[tuple[bytes, Grant], ...]


def grantAll(tokens: Iterable[str], grant: Grant = FULL_ACCESS) -> Grants:
    """
    Grant the same to some tokens.

    @param tokens: Without their scheme.
    """
    return tuple((sha256(token.encode()).digest(), grant) for token in tokens)


class Authenticator:
    """
    Knows the tokens by their hashes, and recognises them in constant time.

    C{Bearer TOKEN} (RFC 6750 §2.1), or C{Basic} (RFC 7617) with the component
    domain as user name and the token as password.

    @ivar grants: What each token may do, by its SHA-256; may be replaced.
    """

    def __init__(self, domain: str, grants: Grants) -> None:
        """
        @param domain: The component domain; it names the realm, too.
        """
        self.grants = grants
        self._schemes = {b"bearer": _bearer, b"basic": self._basic}
        self._domain = domain.encode()
        self._challenge = (
            ("WWW-Authenticate", f'Bearer realm="{domain}"'),
            ("WWW-Authenticate", f'Basic realm="{domain}", charset="UTF-8"'),
        )

    def authenticate(self, header: bytes | None) -> Grant:
        """
        Let a request pass, or not.

        @param header: The value of C{Authorization}, if there is one.
        @return: What it may do.
        @raise Refusal: 401, with a challenge for each scheme.
        """
        if header is None:
            raise self._refusal(
                "No credentials: send the header 'Authorization: Bearer TOKEN'."
            )
        scheme, _, credentials = header.strip().partition(b" ")
        read = self._schemes.get(scheme.lower())
        if read is None:
            raise self._refusal("The Authorization scheme must be Bearer or Basic.")
        token = read(credentials.strip())
        grant = None if token is None else self._grantOf(token)
        if grant is not None and read is not _bearer:
            return replace(grant, isBasic=True)
        if grant is None:
            raise self._refusal("The credentials are not those of this gateway.")
        return grant

    def _grantOf(self, token: bytes) -> Grant | None:
        """Compare with every token, so that time tells nothing."""
        digest, found = sha256(token).digest(), None
        for known, grant in self.grants:
            if hmac.compare_digest(digest, known):
                found = grant
        return found

    def _basic(self, credentials: bytes) -> bytes | None:
        try:
            user, colon, password = base64.b64decode(
                credentials, validate=True
            ).partition(b":")
        except binascii.Error:
            return None
        if not colon:
            return None
        # The user name is no secret: the realm of the challenge names it.
        if user.lower() != self._domain:
            raise self._refusal(
                f"The user name of Basic credentials must be {self._domain.decode()},"
                " and the password one of the gateway's tokens."
            )
        return password

    def _refusal(self, text: str) -> Refusal:
        return Refusal(Problem(401, "auth", "not-authorized", text, self._challenge))


def _bearer(credentials: bytes) -> bytes:
    return credentials


def parseCredential(line: str) -> str:
    """
    Read one line of the credentials file.

    @param line: C{Bearer TOKEN}, as in C{Bearer dmVyeSBzZWNyZXQgdG9rZW4K}.
    @return: The token.
    @raise ValueError: The line is no such credential; the message does not repeat
        it, since it may hold a secret.
    """
    scheme, _, token = line.strip().partition(" ")
    token = token.strip()
    visible = token.isascii() and token.isprintable() and " " not in token
    if scheme.lower() != "bearer" or not token or not visible:
        raise ValueError("expected 'Bearer TOKEN', the token without spaces")
    return token
