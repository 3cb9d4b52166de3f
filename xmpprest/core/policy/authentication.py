"""Authenticates requests by their C{Authorization} header (RFC 9110 §11.6.2)."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256

from ..errors import Problem, Refusal
from .permissions import FULL_ACCESS, Grant

#: How many accepted values of the header are remembered.
MAX_SEEN = 256

#: The grants by the SHA-256 of their tokens.
Grants = tuple[tuple[bytes, Grant], ...]


def grantAll(tokens: Iterable[str], grant: Grant = FULL_ACCESS) -> Grants:
    """
    Give one grant to several tokens.

    @param tokens: The tokens, without their scheme.
    """
    return tuple((sha256(token.encode()).digest(), grant) for token in tokens)


class Authenticator:
    """
    Recognises tokens by their hashes, in constant time.

    It accepts C{Bearer TOKEN} (RFC 6750 §2.1), and C{Basic} (RFC 7617) with the
    component domain as user name and the token as password.

    @ivar grants: The grants by the SHA-256 of their tokens; may be replaced.
    """

    def __init__(self, domain: str, grants: Grants) -> None:
        """@param domain: The component domain, which is also the realm."""
        self.grants = grants
        self._schemes = {b"bearer": _bearer, b"basic": self._basic}
        #: The grants of headers that were accepted, and the grants that they are of. To
        #: find one takes as long for a wrong token as for none: the hash that Python
        #: compares first has a secret key.
        self._seen: dict[bytes, Grant] = {}
        self._seenWith = grants
        self._domain = domain.encode()
        self._challenge = (
            ("WWW-Authenticate", f'Bearer realm="{domain}"'),
            ("WWW-Authenticate", f'Basic realm="{domain}", charset="UTF-8"'),
        )

    def authenticate(self, header: bytes | None) -> Grant:
        """
        Authenticate a request.

        @param header: The value of C{Authorization}, or C{None} if there is none.
        @return: The grant of the token.
        @raise Refusal: 401, with a challenge for each scheme.
        """
        if self._seenWith is not self.grants or len(self._seen) > MAX_SEEN:
            self._seenWith, self._seen = self.grants, {}
        seen = None if header is None else self._seen.get(header)
        if seen is not None:
            return seen
        grant = self._authenticate(header)
        assert header is not None  # or it is refused
        self._seen[header] = grant
        return grant

    def _authenticate(self, header: bytes | None) -> Grant:
        """Authenticate a header that is not known yet; see L{authenticate}."""
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
        """
        Compare a token with all known ones, so that the time taken reveals nothing.
        """
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


class CurrentGrant:
    """
    The grant of a request that stays open, as it is after each reload.
    """

    def __init__(
        self, authenticator: Authenticator, header: bytes | None, grant: Grant
    ) -> None:
        """
        @param header: The value of C{Authorization} in the request.
        @param grant: The grant that the request has now.
        """
        self._authenticator = authenticator
        self._header = header
        self._grant = grant
        self._grants = authenticator.grants

    @property
    def name(self) -> str:
        """The name of the token; empty for credentials."""
        return self._grant.name

    def get(self) -> Grant:
        """
        Return the grant.

        @raise Refusal: 401, the token was revoked.
        """
        grants = self._authenticator.grants
        if grants is not self._grants:
            self._grant = self._authenticator.authenticate(self._header)
            self._grants = grants
        return self._grant


def _bearer(credentials: bytes) -> bytes:
    return credentials


def parseCredential(line: str) -> str:
    """
    Parse one line of the credentials file.

    @param line: For example C{Bearer dmVyeSBzZWNyZXQgdG9rZW4K}.
    @return: The token.
    @raise ValueError: The line is malformed; the message does not repeat it, since it
        may hold a secret.
    """
    scheme, _, token = line.strip().partition(" ")
    token = token.strip()
    visible = token.isascii() and token.isprintable() and " " not in token
    if scheme.lower() != "bearer" or not token or not visible:
        raise ValueError("expected 'Bearer TOKEN', the token without spaces")
    return token
