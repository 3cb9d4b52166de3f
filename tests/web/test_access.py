"""Tests of what a token may, by HTTP."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial

from twisted.words.xish.domish import Element

from xmpprest.core.policy.permissions import Grant
from xmpprest.core.policy.rate_limit import RateLimiter
from xmpprest.core.stanza.jid_pattern import JIDPatterns

from ..support.doubles import DOMAIN, HTTPResponse
from .case import IQ, MESSAGE, SiteTestCase, request

JSON = "application/json"
BOT = f"bot@{DOMAIN}"


class AccessTestCase(SiteTestCase):
    """
    A test with a token that may do some of all.
    """

    def grant(self, **values: object) -> None:
        """Say what it may."""
        grant = Grant("some", **values)  # type: ignore[arg-type]  # as the test says
        self.headers = {**self.allow(grant), "Accept": JSON}

    def ways(
        self, body: bytes, path: str, query: str
    ) -> tuple[tuple[str, str, bytes, Mapping[str, str | None]], ...]:
        """
        All ways to send the same, each as method, path, body, and headers.

        @param path: That says all that the body does.
        @param query: That asks whom it is to for something.
        """
        return (
            ("POST", "/rest", body, self.headers),
            ("POST", f"/rest/{path}", b"{}", {**self.headers, "Content-Type": JSON}),
            ("POST", "/rest/echo", body, self.headers),
            ("GET", f"/rest/{query}", b"", self.headers),
        )

    def said(self, response: HTTPResponse, status: int) -> str:
        """Return the text of a refusal."""
        return str(self.assertProblem(response, status)["detail"])

    def sent(self) -> list[Element]:
        """Return all stanzas that were sent."""
        return self.outbox.sent + [each.stanza for each in self.requester.requests]


class SendingTests(AccessTestCase):
    """
    Stanzas that a token may send.
    """

    def test_to(self) -> None:
        """
        To others than those that it may send to, a token sends in no way.
        """
        self.grant(recipients=JIDPatterns("*@example.com"))
        for method, path, body, headers in self.ways(
            MESSAGE, "message/chat/a@example.org", "ping/example.org"
        ):
            text = self.said(self.ask(body, headers, method, path), 403)
            self.assertIn("only to: *@example.com.", text)
        self.assertEqual(self.sent(), [])
        self.grant(recipients=JIDPatterns("*@example.org"))
        self.assertEqual(self.ask(headers=self.headers).status, 202)
        self.assertEqual(self.ask(headers=self.headers, path="/rest/echo").status, 200)

    def test_kinds(self) -> None:
        """
        A kind of stanza that it may not send it sends in no way.
        """
        self.grant(kinds=frozenset({"presence"}))
        for method, path, body, headers in self.ways(
            IQ, "iq/ping/example.org", "version/example.org"
        ):
            text = self.said(self.ask(body, headers, method, path), 403)
            self.assertIn("may send presence, not an iq.", text)
        self.assertEqual(self.sent(), [])

    def test_from(self) -> None:
        """
        From others than those that it may send from it sends in no way, which is the
        domain where nothing is said.
        """
        self.grant(senders=JIDPatterns(BOT, f"*@{DOMAIN}/x"))
        for method, path, body, headers in self.ways(
            MESSAGE, "message/chat/a@example.org", "ping/example.org"
        ):
            text = self.said(self.ask(body, headers, method, path), 403)
            self.assertIn(f"may not send from '{DOMAIN}'; set 'from' to what it", text)
        for sender, status in (
            (BOT, 202),
            (f"Bot@{DOMAIN}/y", 202),
            (f"other@{DOMAIN}", 403),
            ("bot@other.example", 403),
        ):
            body = MESSAGE.replace(b"to=", f"from='{sender}' to=".encode(), 1)
            self.assertEqual(self.ask(body, self.headers).status, status, sender)
        self.assertEqual([each["from"] for each in self.sent()], [BOT, f"{BOT}/y"])

    def test_defaultFrom(self) -> None:
        """
        The default sender is that of the token, in every format and on every path.
        """
        self.grant(senders=JIDPatterns(BOT), defaultSender=BOT)
        for method, path, body, headers in self.ways(
            MESSAGE, "message/chat/a@example.org", "ping/example.org"
        ):
            self.client().send(request(body, headers, method, path))
        self.assertEqual([each["from"] for each in self.sent()], [BOT, BOT, BOT])
        echoed = self.ask(headers=self.headers, path="/rest/echo")
        self.assertEqual(json.loads(echoed.body)["from"], BOT)

    def test_malformedFirst(self) -> None:
        """An invalid stanza is refused as such, with every token."""
        self.grant(kinds=frozenset())
        self.assertEqual(self.ask(b"<message/>", self.headers).status, 422)
        path = "/rest/ping/a@@b"
        self.assertEqual(self.ask(b"", self.headers, "GET", path).status, 400)


class RateTests(AccessTestCase):
    """
    How often something may be sent.
    """

    def test_every(self) -> None:
        """Every sent stanza counts towards the rate, and nothing else does."""
        self.grant(rateLimiter=RateLimiter(0.5, 1, self.clock.seconds))
        ways = self.ways(
            MESSAGE, "presence/available/a@example.org", "ping/example.org"
        )
        self.assertEqual(len(ways), 4)
        for method, path, body, headers in ways:
            self.assertEqual(self.ask(headers=self.headers).status, 202)
            response = self.ask(body, headers, method, path)
            self.assertIn("may send 0.5 stanzas a second", self.said(response, 429))
            self.assertEqual(response["Retry-After"], "2")
            self.assertEqual(self.ask(b"<a/>", self.headers).status, 422)
            self.assertEqual(self.ask().status, 202)
            self.clock.advance(2)

    def test_echo(self) -> None:
        """The echo has the limits of sending, in number and in size."""
        self.grant(rateLimiter=RateLimiter(0.5, 1, self.clock.seconds))
        echo = partial(self.ask, headers=self.headers, path="/rest/echo")
        self.assertEqual([echo().status, echo().status], [200, 429])
        self.clock.advance(2)
        self.requester.limit = 10
        self.assertEqual(echo().status, 413)

    def test_key(self) -> None:
        """
        A request that was refused for its rate may be tried again with the same key.
        """
        for isKeeping in (True, False):
            self.outbox.isKeeping = isKeeping
            self.grant(rateLimiter=RateLimiter(1, 1, self.clock.seconds))
            keyed = {**self.headers, "Idempotency-Key": f"{isKeeping}"}
            self.assertEqual(self.ask(headers=self.headers).status, 202)
            self.assertEqual(self.ask(headers=keyed).status, 429)
            self.clock.advance(1)
            self.assertEqual(self.ask(headers=keyed).status, 202)
