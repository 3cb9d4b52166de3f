"""Tests for L{xmpprest.web.api.bots}."""

from __future__ import annotations

import json
from typing import Any

from xmpprest.core.policy.permissions import Grant
from xmpprest.core.policy.rate_limit import RateLimiter
from xmpprest.core.stanza.jid_pattern import JIDPatterns
from xmpprest.web.api import bots
from xmpprest.web.api.bots import BotsHandler

from ...support.bots import BOT, USER, HeldBots
from ...support.doubles import DOMAIN, HTTPResponse
from ..case import SiteTestCase, request

JSON = "application/json"
PATH = f"/rest/bots/{BOT}"
CONTACT = f"{PATH}/contacts/{USER}"


class BotsTestCase(SiteTestCase):
    """
    A test that has a site with bots.
    """

    def setUp(self) -> None:
        super().setUp()
        self.bots = HeldBots()
        self.build({**BotsHandler(self.bots.manager, DOMAIN, self.clock).routes})

    def send(
        self, method: str, path: str, body: Any = None, type: str | None = JSON
    ) -> HTTPResponse:
        """Send a request; C{body} is JSON, C{None} for none."""
        data = b"" if body is None else json.dumps(body).encode()
        client = self.client()
        client.send(request(data, {"Content-Type": type}, method, path))
        return client.response()

    def value(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request that succeeds; return the JSON of the response."""
        response = self.send(method, path, body)
        self.assertEqual(response.status, 200, response.body)
        return json.loads(response.body)

    def assertRefused(self, response: HTTPResponse, status: int, text: str) -> None:
        """Assert that a response is a problem."""
        self.assertEqual(response.status, status, response.body)
        self.assertIn(text, json.loads(response.body)["detail"])


class BotRouteTests(BotsTestCase):
    """
    C{/rest/bots} and C{/rest/bots/ID}
    """

    def test_lifecycle(self) -> None:
        """
        A bot is put, changed, read, listed and deleted.
        """
        self.assertEqual(self.value("GET", "/rest/bots"), [])
        bot = self.value("PUT", PATH, {"name": "Weather", "show": "chat"})
        self.assertEqual((bot["jid"], bot["show"]), (BOT, "chat"))
        changed = self.value("PUT", PATH, {"show": None, "status": "Ask me"})
        self.assertEqual(changed, {**bot, "show": None, "status": "Ask me"})
        self.assertEqual(self.value("PUT", PATH), changed)
        self.assertEqual(self.value("GET", PATH), changed)
        self.assertEqual(self.value("GET", "/rest/bots"), [changed])
        self.assertEqual(self.send("DELETE", PATH).status, 204)
        for method in ("GET", "DELETE"):
            self.assertRefused(self.send(method, PATH), 404, f"There is no bot {BOT}")

    def test_address(self) -> None:
        """
        An address is normalised; a malformed one, one with a resource, and one of
        another domain are refused.
        """
        path = "/rest/bots/Weather%40GATEWAY.example"
        self.assertEqual(self.value("PUT", path)["jid"], BOT)
        for address, status, text in (
            ("@gateway.example", 400, "nothing before its '@'"),
            ("weather@gateway.example%2Fphone", 400, "has a resource"),
            ("weather@example.net", 403, f"at {DOMAIN}, the domain of this gateway"),
        ):
            for method in ("PUT", "GET", "DELETE"):
                response = self.send(method, f"/rest/bots/{address}")
                self.assertRefused(response, status, text)

    def test_body(self) -> None:
        """
        A body is JSON, and a profile.
        """
        self.assertRefused(self.send("PUT", PATH, {}, "text/plain"), 415, "Only JSON")
        self.assertRefused(self.send("PUT", PATH, {"x": 1}), 422, "'x' is not known")
        self.assertRefused(self.send("PUT", PATH, []), 422, "must be an object")
        self.assertEqual(len(self.bots.service.roster), 0)

    def test_fullStore(self) -> None:
        """
        A bot that cannot be stored is 503.
        """
        self.bots.store.isFull = True
        self.assertRefused(self.send("PUT", PATH, {}), 503, "the disk is full")


class ContactRouteTests(BotsTestCase):
    """
    C{/rest/bots/ID/contacts}
    """

    def test_lifecycle(self) -> None:
        """
        A contact is approved, asked, listed with its resources, and cancelled.
        """
        self.bots.put(subscriptions="ask")
        self.bots.presence("subscribe")
        plain = {"jid": USER, "approved": False, "resources": []}
        expected = {**plain, "subscription": "none", "pending": ["in"]}
        self.assertEqual(self.value("GET", f"{PATH}/contacts"), [expected])
        approved = {**plain, "approved": True, "subscription": "from", "pending": []}
        self.assertEqual(self.value("PUT", CONTACT), approved)
        asked = {**approved, "name": "Romeo", "pending": ["out"]}
        body = {"subscribe": True, "name": "Romeo"}
        self.assertEqual(self.value("PUT", CONTACT, body), asked)
        self.bots.presence("subscribed")
        self.bots.receive(
            f"<presence from='{USER}/phone' to='{BOT}'><show>away</show></presence>"
        )
        phone = {
            "resource": "phone",
            "show": "away",
            "status": None,
            "since": "2025-06-15T15:06:40.000Z",
        }
        both = {**asked, "subscription": "both", "pending": [], "resources": [phone]}
        self.assertEqual(self.value("GET", f"{PATH}/contacts"), [both])
        self.assertEqual(self.value("PUT", CONTACT, {"name": None}), both)
        self.assertEqual(self.send("DELETE", CONTACT).status, 204)
        self.assertEqual(self.value("GET", f"{PATH}/contacts"), [])
        self.assertRefused(self.send("DELETE", CONTACT), 404, "has no contact")

    def test_refused(self) -> None:
        """
        A contact of a bot that does not exist, a malformed address, and a malformed
        body are refused.
        """
        self.assertRefused(self.send("PUT", CONTACT), 404, "There is no bot")
        self.assertRefused(self.send("GET", f"{PATH}/contacts"), 404, "There is no bot")
        self.bots.put()
        for path, body, status, text in (
            (f"{PATH}/contacts/x%2Fy", {}, 400, "has a resource"),
            (f"{PATH}/contacts/@x", {}, 400, "is not an XMPP address"),
            (CONTACT, [], 422, "must be an object"),
            (CONTACT, {"subscribed": True}, 422, "did you mean 'subscribe'"),
            (CONTACT, {"subscribe": "yes"}, 422, "'subscribe' must be true or false"),
            (CONTACT, {"name": 1}, 422, "'name' must be a string"),
            (CONTACT, {"name": "x" * 1024}, 422, "longer than 1023"),
        ):
            self.assertRefused(self.send("PUT", path, body), status, text)
        self.assertEqual(self.bots.stored(), {})

    def test_offline(self) -> None:
        """
        Without a stream, a request that must be told to the contact is 503.
        """
        self.bots.put()
        self.bots.stream.ready = False
        response = self.send("PUT", CONTACT, {"subscribe": True})
        self.assertRefused(response, 503, "not connected")
        self.assertEqual(self.value("PUT", CONTACT)["approved"], True)

    def test_many(self) -> None:
        """
        A long list is written in pieces, with a turn of the reactor after each, and
        without contacts that have gone meanwhile.
        """
        self.bots.put()
        names = [f"{number:04}@example.net" for number in range(2 * bots.SLICE + 1)]
        for name in names:
            self.bots.presence("subscribe", name)
        client = self.client()
        client.send(request(b"", {}, "GET", f"{PATH}/contacts"))
        self.bots.presence("unsubscribe", names[-1])
        self.clock.pump([0, 0, 0])
        found = json.loads(client.response().body)
        self.assertEqual([each["jid"] for each in found], names[:-1])


class TokenTests(BotsTestCase):
    """
    Tokens with limited permissions.
    """

    def setUp(self) -> None:
        super().setUp()
        self.bots.put()
        self.bots.put("other@gateway.example")

    def grant(self, *rights: str, **limits: Any) -> None:
        """Let the token send from one bot only, with these rights and limits."""
        ((hash, _),) = self.authenticator.grants
        grant = Grant(
            name="weather",
            senders=JIDPatterns(BOT),
            permissions=frozenset(rights),
            **limits,
        )
        self.authenticator.grants = ((hash, grant),)

    def test_right(self) -> None:
        """
        Every route needs the right C{bots}.
        """
        self.grant()
        for method, path in (
            ("GET", "/rest/bots"),
            ("GET", PATH),
            ("PUT", PATH),
            ("DELETE", PATH),
            ("GET", f"{PATH}/contacts"),
            ("PUT", CONTACT),
            ("DELETE", CONTACT),
        ):
            self.assertRefused(self.send(method, path), 403, "may not manage bots")

    def test_senders(self) -> None:
        """
        A token manages the bots that it may send from, and sees no others.
        """
        self.grant("bots")
        self.assertEqual(
            [each["jid"] for each in self.value("GET", "/rest/bots")], [BOT]
        )
        self.value("PUT", PATH, {"show": "dnd"})
        other = "/rest/bots/other@gateway.example"
        for method, path in (
            ("GET", other),
            ("PUT", other),
            ("DELETE", other),
            ("GET", f"{other}/contacts"),
            ("PUT", f"{other}/contacts/{USER}"),
            ("DELETE", f"{other}/contacts/{USER}"),
        ):
            self.assertRefused(self.send(method, path), 403, "may not send from")
        self.assertEqual(len(self.bots.service.roster), 2)

    def test_recipients(self) -> None:
        """
        A token approves and cancels the contacts only that it may send to.
        """
        self.bots.presence("subscribe")
        self.bots.stream.taken()
        self.grant("bots", recipients=JIDPatterns("*@example.org"))
        for method, body in (
            ("PUT", None),
            ("PUT", {"subscribe": True}),
            ("DELETE", None),
        ):
            response = self.send(method, CONTACT, body)
            text = f"'weather' may not send to '{USER}', only to: *@example.org."
            self.assertRefused(response, 403, text)
        self.assertEqual(self.bots.stream.taken(), [])
        (contact,) = self.value("GET", f"{PATH}/contacts")
        self.assertEqual(contact["jid"], USER)
        allowed = f"{PATH}/contacts/juliet@example.org"
        self.value("PUT", allowed, {"subscribe": True})
        self.assertEqual(self.bots.stream.kinds(), ["subscribe juliet@example.org"])

    def test_kinds(self) -> None:
        """
        A token that may not send presence changes no bot and no contact, but sees them.
        """
        self.bots.presence("subscribe")
        self.bots.stream.taken()
        self.grant("bots", kinds=frozenset({"message"}))
        before = [self.value("GET", each) for each in (PATH, f"{PATH}/contacts")]
        for method, path in (
            ("PUT", PATH),
            ("DELETE", PATH),
            ("PUT", CONTACT),
            ("DELETE", CONTACT),
        ):
            response = self.send(method, path)
            text = "'weather' may send message, not a presence."
            self.assertRefused(response, 403, text)
        self.assertEqual(self.bots.stream.taken(), [])
        after = [self.value("GET", each) for each in (PATH, f"{PATH}/contacts")]
        self.assertEqual(after, before)

    def test_rate(self) -> None:
        """
        Each change counts as a stanza for the rate limit; reading does not.
        """
        for method, path in (
            ("PUT", PATH),
            ("PUT", CONTACT),
            ("DELETE", CONTACT),
            ("DELETE", PATH),
        ):
            limit = RateLimiter(1, 1, self.clock.seconds)
            self.grant("bots", rateLimiter=limit)
            self.assertIn(self.send(method, path).status, (200, 204))
            self.bots.stream.taken()
            response = self.send(method, path)
            self.assertRefused(response, 429, "may send 1 stanzas a second")
            self.assertEqual(response["Retry-After"], "1")
            self.assertEqual(self.bots.stream.taken(), [])
            self.value("GET", "/rest/bots")
