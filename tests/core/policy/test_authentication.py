"""Tests of L{xmpprest.core.policy.authentication}."""

from __future__ import annotations

import base64
import hmac
from dataclasses import replace
from hashlib import sha256

from tests.core.codec.case import DOMAIN, CoreTestCase
from xmpprest.core.policy.authentication import Authenticator, grantAll, parseCredential
from xmpprest.core.policy.permissions import FULL_ACCESS, Grant

TOKENS = ("first-token", "dmVyeSBzZWNyZXQgdG9rZW4K", "third-token")


def basic(pair: str | bytes) -> bytes:
    """The value of C{Authorization} for a user and a password."""
    plain = pair.encode() if isinstance(pair, str) else pair
    return b"Basic " + base64.b64encode(plain)


class AuthenticatorTests(CoreTestCase):
    """
    L{Authenticator}
    """

    def setUp(self) -> None:
        self.authenticator = Authenticator(DOMAIN, grantAll(TOKENS))

    def test_bearer(self) -> None:
        """
        Each of the tokens lets a request pass.
        """
        for token in TOKENS:
            self.authenticator.authenticate(f"Bearer {token}".encode())

    def test_basic(self) -> None:
        """
        The component domain as user name and a token as password let a request pass.
        """
        for token in TOKENS:
            self.authenticator.authenticate(basic(f"{DOMAIN}:{token}"))
        self.authenticator.authenticate(basic(f"{DOMAIN.upper()}:{TOKENS[0]}"))

    def test_isBasic(self) -> None:
        """
        The grant says whether the token came as Basic credentials.
        """
        token = TOKENS[0]
        for header, isBasic in (
            (basic(f"{DOMAIN}:{token}"), True),
            (f"Bearer {token}".encode(), False),
        ):
            grant = self.authenticator.authenticate(header)
            self.assertEqual(grant, replace(FULL_ACCESS, isBasic=isBasic))

    def test_wrongUser(self) -> None:
        """
        The refusal of another Basic user name says which one is expected.
        """
        problem = self.refusal(
            self.authenticator.authenticate, basic(f"admin:{TOKENS[0]}")
        )
        self.assertEqual(problem.status, 401)
        self.assertIn(
            f"The user name of Basic credentials must be {DOMAIN}", problem.text
        )

    def test_grant(self) -> None:
        """A token has its own grant, also after the grants were replaced."""
        one, other = Grant("one"), Grant("other")
        self.authenticator.grants = (
            *grantAll(TOKENS[:1], one),
            *grantAll(TOKENS[1:2], other),
        )
        check = self.authenticator.authenticate
        self.assertIs(check(f"Bearer {TOKENS[0]}".encode()), one)
        self.assertIs(check(f"Bearer {TOKENS[1]}".encode()), other)
        self.refusal(check, f"Bearer {TOKENS[2]}".encode())
        self.authenticator.grants = grantAll(TOKENS)
        for token in TOKENS:
            self.assertIs(check(f"Bearer {token}".encode()), FULL_ACCESS)

    def test_scheme(self) -> None:
        """
        The case of the scheme is of no account, nor is white space around the value.
        """
        token = TOKENS[0].encode()
        credentials = basic(f"{DOMAIN}:{TOKENS[0]}").removeprefix(b"Basic ")
        for header in (
            b"bearer " + token,
            b"BEARER " + token,
            b" bEaReR   " + token + b" ",
            b"basic " + credentials,
            b"BASIC  " + credentials + b" ",
        ):
            self.authenticator.authenticate(header)

    def test_refused(self) -> None:
        """
        Missing, malformed and wrong credentials are refused with 401 and a challenge
        for
        each scheme, in a text that does not repeat them.
        """
        token = TOKENS[0].encode()
        for header in (
            None,
            b"",
            b"Bearer",
            b"Bearer ",
            token,
            b"Bearer " + token[:-1],
            b"Bearer " + token + b"x",
            b"Bearer " + token.upper(),
            b"Bearer " + token + b", Bearer " + token,
            b"Bearer\t" + token,
            b"Bearer \xff\xfe\x00",
            "Bearer tök€n".encode(),
            b"Token " + token,
            b"Digest username=x",
            b"B\xe9arer " + token,
            b"Basic",
            b"Basic !!!",
            b"Basic " + token,
            b"Basic \xff\xfe",
            basic(f"{DOMAIN}:{TOKENS[0]}")[:-1],
            basic(f"{DOMAIN}:{TOKENS[0]}") + b"!",
            basic(f"{DOMAIN}{TOKENS[0]}"),
            basic(f"{DOMAIN}:"),
            basic(f":{TOKENS[0]}"),
            basic(f"other.example:{TOKENS[0]}"),
            basic(f"{DOMAIN}:{TOKENS[0]}:"),
            basic(b"\xff:" + token),
            basic(DOMAIN.encode() + b":\xff"),
        ):
            problem = self.refusal(self.authenticator.authenticate, header)
            self.assertEqual(
                (problem.status, problem.type, problem.condition),
                (401, "auth", "not-authorized"),
                header,
            )
            self.assertEqual(
                problem.headers,
                (
                    ("WWW-Authenticate", 'Bearer realm="gateway.example"'),
                    (
                        "WWW-Authenticate",
                        'Basic realm="gateway.example", charset="UTF-8"',
                    ),
                ),
            )
            self.assertSentence(problem.text)
            self.assertNotIn(TOKENS[0], problem.text)

    def test_nobody(self) -> None:
        """
        Without tokens nobody passes, not even with an empty one.
        """
        nobody = Authenticator(DOMAIN, ())
        for header in (b"Bearer ", b"Bearer x", basic(f"{DOMAIN}:")):
            self.assertEqual(
                self.refusal(nobody.authenticate, header).status, 401, header
            )

    def test_constantTime(self) -> None:
        """
        Whichever token it is, or none, it is compared with all of them, in a way
        that tells nothing by its time.
        """
        compared: list[tuple[bytes, bytes]] = []
        compare = hmac.compare_digest

        def recording(given: bytes, known: bytes) -> bool:
            compared.append((given, known))
            return compare(given, known)

        # Time cannot be seen in a test; which comparison is made, can.
        self.patch(hmac, "compare_digest", recording)
        for token in TOKENS:
            self.authenticator.authenticate(f"Bearer {token}".encode())
        self.refusal(self.authenticator.authenticate, b"Bearer other")
        self.assertEqual(
            compared,
            [
                (sha256(given.encode()).digest(), sha256(known.encode()).digest())
                for given in (*TOKENS, "other")
                for known in TOKENS
            ],
        )


class ParseCredentialTests(CoreTestCase):
    """
    L{parseCredential}
    """

    def test_token(self) -> None:
        """
        A line gives its token, whatever the case of the scheme and the white space
        around.
        """
        for line in (
            "Bearer dmVyeSBzZWNyZXQgdG9rZW4K",
            "bearer  dmVyeSBzZWNyZXQgdG9rZW4K \r\n",
            " BEARER dmVyeSBzZWNyZXQgdG9rZW4K",
        ):
            self.assertEqual(parseCredential(line), "dmVyeSBzZWNyZXQgdG9rZW4K", line)

    def test_refused(self) -> None:
        """
        Any other line is refused, in words that do not repeat it.
        """
        for line in (
            "",
            "Bearer",
            "Bearer ",
            "hunter2",
            "Basic hunter2",
            "Bearer hunter2 hunter2",
            "Bearer hunter2\x00",
            "Bearer hünter2",
            "Bearer hunter2\tx",
            "Bearer: hunter2",
        ):
            error = self.assertRaises(ValueError, parseCredential, line)
            self.assertIn("expected 'Bearer TOKEN'", str(error), line)
            self.assertNotIn("unter2", str(error), line)
