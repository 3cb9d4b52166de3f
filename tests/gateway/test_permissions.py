"""
Tests for L{xmpprest.gateway.permissions}: what tokens may do, through the gateway.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from twisted.internet.task import Clock

from tests.gateway.test_gateway import TOKEN, GatewayTestCase, configuration
from xmpprest.config.tokens import TokenConfig
from xmpprest.core.policy.authentication import Grants
from xmpprest.core.policy.permissions import FULL_ACCESS, PERMISSIONS, Grant
from xmpprest.gateway.permissions import makeGrants

from ..support.doubles import DOMAIN, HTTPClient

NOTIFIER = "secret-token:E92FB7EB-D882-47A4-A265-A0B6135DC842"


def digest(secret: str) -> str:
    """Return the digest of a token, as the configuration has it."""
    return sha256(secret.encode()).hexdigest()


def token(name: str = "one", *secrets: str, **values: Any) -> TokenConfig:
    """A token."""
    return TokenConfig(
        name=name, sha256=tuple(map(digest, secrets or (name,))), **values
    )


class GrantsTests(GatewayTestCase):
    """
    L{makeGrants}
    """

    def setUp(self) -> None:
        self.clock = Clock()

    def made(self, *tokens: TokenConfig, earlier: Grants = ()) -> dict[bytes, Grant]:
        """The grants of tokens, by hash."""
        config = configuration(tokens=tokens)
        return dict(makeGrants(config, self.clock.seconds, earlier))

    def one(self, **values: Any) -> Grant:
        """Return the grant of a token."""
        return self.made(token(**values))[sha256(b"one").digest()]

    def test_credentials(self) -> None:
        """
        The credentials may do everything, beside the tokens.
        """
        grants = self.made(token())
        self.assertIs(grants[sha256(TOKEN.encode()).digest()], FULL_ACCESS)
        self.assertEqual(len(grants), 2)

    def test_everyField(self) -> None:
        """
        A token may do what its table says.
        """
        grant = self.one(
            from_=["bot@gateway.example"],
            kinds=["iq"],
            to=["*@example.org"],
            rate=3,
            burst=7,
            may=["inbox"],
        )
        self.assertEqual(grant.name, "one")
        self.assertEqual(grant.kinds, frozenset({"iq"}))
        self.assertEqual(grant.senders.patterns, ("bot@gateway.example",))
        self.assertEqual(grant.recipients.patterns, ("*@example.org",))
        assert grant.rateLimiter is not None
        self.assertEqual((grant.rateLimiter.rate, grant.rateLimiter.burst), (3, 7))
        self.assertEqual(grant.permissions, frozenset({"inbox"}))
        self.assertEqual(self.one(may=PERMISSIONS).permissions, frozenset(PERMISSIONS))
        self.assertIsNone(self.one().rateLimiter)

    def test_burst(self) -> None:
        """
        Unless it is said, as many at once as in a second, and at least one.
        """
        for rate, burst in ((10, 10), (2.5, 3), (0.01, 1)):
            grant = self.one(rate=rate)
            assert grant.rateLimiter is not None
            self.assertEqual(grant.rateLimiter.burst, burst)

    def test_sender(self) -> None:
        """
        A stanza that does not say is from the domain where that is allowed; else from
        the address that is, if it is one.
        """
        for from_, sender in (
            (["*"], ""),
            ([DOMAIN], ""),
            ([DOMAIN, f"bot@{DOMAIN}"], ""),
            ([f"bot@{DOMAIN}"], f"bot@{DOMAIN}"),
            ([f"Bot@{DOMAIN}/x"], f"bot@{DOMAIN}/x"),
            ([f"bot-*@{DOMAIN}"], ""),
            ([f"bot@{DOMAIN}/*"], ""),
            ([f"a@{DOMAIN}", f"b@{DOMAIN}"], ""),
        ):
            self.assertEqual(self.one(from_=from_).defaultSender, sender, from_)

    def test_again(self) -> None:
        """
        When grants are made again, a token whose rate is the same has spent what it
        has spent; one with another rate begins anew.
        """
        config = configuration(tokens=[token("one", rate=1), token("two", rate=1)])
        before = makeGrants(config, self.clock.seconds)
        for _, grant in before:
            grant.consumeRateLimit()
        after = self.made(
            token("one", "other secret", rate=1, may=["inbox"]),
            token("two", rate=1, burst=5),
            token("three", rate=1),
            earlier=before,
        )
        one = after[sha256(b"other secret").digest()]
        self.assertEqual(one.permissions, frozenset({"inbox"}))
        assert one.rateLimiter is not None
        self.assertEqual(one.rateLimiter.acquire(), 1)
        for name in (b"two", b"three"):
            after[sha256(name).digest()].consumeRateLimit()


class TokenTests(GatewayTestCase):
    """
    A gateway with tokens.
    """

    def status(self, secret: str, body: str, path: str = "/rest") -> int:
        """Post with a token."""
        self.client = HTTPClient(self.gateway.site)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {secret}\r\n"
            f"Content-Type: application/xmpp+xml\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self.client.send(f"{head}{body}".encode())
        return self.client.response().status

    def test_rotation(self) -> None:
        """
        While a token is changed its old secret and the new one are good, and count
        together; without a credential nothing else is.
        """
        both = token("notifier", NOTIFIER, "new", rate=1, burst=2, to=["*@example.org"])
        self.gateway = self.start(credentials=[], tokens=[both])
        server = self.connect()
        message = "<message to='user@example.org' id='{}'/>"
        for secret, status in (
            (NOTIFIER, 202),
            ("new", 202),
            (NOTIFIER, 429),
            ("new", 429),
            ("old", 401),
            (TOKEN, 401),
            (digest(NOTIFIER), 401),
        ):
            self.assertEqual(self.status(secret, message.format(status)), status)
        self.assertEqual([each["id"] for each in server.stanzas()], ["202"] * 2)
        self.reactor.advance(1)
        other = "<message to='user@example.com'/>"
        self.assertEqual(self.status("new", other), 403)
        self.assertEqual(self.status("new", message.format(1)), 202)
