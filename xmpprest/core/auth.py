"""Says whether an C{Authorization} header may send (RFC 9110 §11.6.2)."""

from __future__ import annotations

import base64
import binascii
import hmac

from .errors import Problem, Refusal


class Authenticator:
    """
    Knows the credentials and recognises them, in constant time.

    C{Bearer TOKEN} (RFC 6750 §2.1), or C{Basic} (RFC 7617) with the component
    domain as user name and the token as password.
    """

    def __init__(self, domain: str, tokens: tuple[str, ...]) -> None:
        """
        @param domain: The component domain; it names the realm, too.
        @param tokens: Those that are accepted, without their scheme.
        """
        self._tokens = [token.encode() for token in tokens]
        self._schemes = {b"bearer": _bearer, b"basic": self._basic}
        self._domain = domain.encode()
        self._challenge = (
            ("WWW-Authenticate", f'Bearer realm="{domain}"'),
            ("WWW-Authenticate", f'Basic realm="{domain}", charset="UTF-8"'),
        )

    def check(self, header: bytes | None) -> None:
        """
        Let a request pass, or not.

        @param header: The value of C{Authorization}, if there is one.
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
        if token is None or not self._known(token):
            raise self._refusal("The credentials are not those of this gateway.")

    def _known(self, token: bytes) -> bool:
        """Compare with every token, so that time tells nothing."""
        matches = [hmac.compare_digest(token, known) for known in self._tokens]
        return any(matches)

    def _basic(self, credentials: bytes) -> bytes | None:
        try:
            user, colon, password = base64.b64decode(
                credentials, validate=True
            ).partition(b":")
        except binascii.Error:
            return None
        # Capitals are no secret, and the domain is in lower case.
        return password if colon and user.lower() == self._domain else None

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
