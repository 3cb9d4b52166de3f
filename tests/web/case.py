"""A site whose clients, stream and clock the test holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import count
from typing import Any
from xml.etree import ElementTree

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.policy.authentication import Authenticator, grantAll
from xmpprest.core.policy.permissions import Grant
from xmpprest.web.api.stanzas import StanzaHandler
from xmpprest.web.idempotency.guard import IdempotencyGuard
from xmpprest.web.resource import RestResource
from xmpprest.web.router import Route, RouteFactory, RouteTable
from xmpprest.web.server.site import GatewaySite, makeRoot

from ..support.doubles import (
    DOMAIN,
    HeldKeys,
    HeldOutbox,
    HeldRequester,
    HTTPClient,
    HTTPResponse,
    live,
)

TOKEN = "dmVyeSBzZWNyZXQgdG9rZW4K"
SIZE_LIMIT = 5000
XML = "application/xmpp+xml"
MESSAGE = b"<message to='a@example.org' id='m1'><body>hi</body></message>"
IQ = b"<iq to='a@example.org' type='get' id='i1'><ping xmlns='urn:xmpp:ping'/></iq>"


def request(
    body: bytes = MESSAGE,
    headers: Mapping[str, str | None] | None = None,
    method: str = "POST",
    path: str = "/rest",
) -> bytes:
    """
    A request as a client writes it.

    @param headers: Those that differ from what a well-behaved client sends; C{None}
        takes one away.
    """
    fields: dict[str, str | None] = {
        "Host": "localhost",
        "Authorization": f"Bearer {TOKEN}",
        "Content-Type": XML,
        "Content-Length": str(len(body)),
        **(headers or {}),
    }
    lines = [f"{method} {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in fields.items() if value is not None]
    return "\r\n".join([*lines, "", ""]).encode() + body


class SiteTestCase(SynchronousTestCase):
    """
    A test that has a site with the gateway's resource.

    @ivar outbox: What was sent.
    @ivar requester: The iqs that wait for the test to answer them.
    @ivar numbers: What the ids that are made are made of.
    @ivar keys: What was answered to those with an idempotency key.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.settings = live()
        self.authenticator = Authenticator(DOMAIN, grantAll([TOKEN]))
        self.keys = HeldKeys()
        self.once = IdempotencyGuard(self.keys, self.clock.seconds)
        self.outbox = HeldOutbox(self.keys)
        self.requester = HeldRequester()
        self.numbers = count(1)
        self.sending = StanzaHandler(
            DOMAIN,
            self.outbox,
            self.requester,
            lambda: f"made-{next(self.numbers)}",
            self.once,
            settings=self.settings,
        )
        self.build()

    def build(
        self,
        own: Mapping[str, Route | RouteFactory] | None = None,
        origins: tuple[str, ...] = (),
        waitingLimit: int = 100,
        sizeLimit: int = SIZE_LIMIT,
        isLogged: bool = False,
    ) -> None:
        """Make the resource and a site around it."""
        self.settings.value = live(
            corsOrigin=origins,
            waitingLimit=waitingLimit,
            stanzaSizeLimit=sizeLimit,
            logsRequests=isLogged,
        ).value
        self.resource = RestResource(
            RouteTable(self.sending, own or {}),
            self.authenticator,
            self.settings,
        )
        self.site = self.siteOf(self.clock)

    def siteOf(self, clock: Clock) -> GatewaySite:
        """Make a site with the resource at C{/rest}."""
        root = makeRoot({"rest": self.resource})
        return GatewaySite(root, self.settings, clock, visits=self.resource.accessLog)

    def allow(self, grant: Grant) -> dict[str, str | None]:
        """
        Let a token, which is called as its grant is, do something.

        @return: The header of whoever has it.
        """
        self.authenticator.grants += grantAll([grant.name], grant)
        return {"Authorization": f"Bearer {grant.name}"}

    def client(self) -> HTTPClient:
        """A client that has just connected."""
        return HTTPClient(self.site)

    def ask(
        self,
        body: bytes = MESSAGE,
        headers: Mapping[str, str | None] | None = None,
        method: str = "POST",
        path: str = "/rest",
    ) -> HTTPResponse:
        """Make one request on a connection of its own, and take its answer."""
        client = self.client()
        client.send(request(body, headers, method, path))
        return client.response()

    def assertProblem(self, response: HTTPResponse, status: int) -> dict[str, Any]:
        """
        The answer says in JSON what went wrong.

        @return: The content of the body.
        """
        self.assertEqual(response.status, status, response.body)
        self.assertEqual(response["Content-Type"], "application/json")
        self.assertEqual(response["Cache-Control"], "no-store")
        self.assertTrue(response.body.endswith(b"}\n"))
        problem: dict[str, Any] = json.loads(response.body)
        self.assertEqual((problem["code"], problem["status"]), (status, status))
        return problem

    def assertXMLProblem(self, response: HTTPResponse, status: int) -> str:
        """
        The answer says in XML what went wrong.

        @return: The condition.
        """
        self.assertEqual(response.status, status, response.body)
        self.assertEqual(response["Content-Type"], XML)
        error = ElementTree.fromstring(response.body)
        self.assertEqual(error.tag, "{http://etherx.jabber.org/streams}error")
        condition, text = error
        self.assertTrue(text.text)
        return condition.tag.removeprefix("{urn:ietf:params:xml:ns:xmpp-streams}")

    def settle(self) -> None:
        """Let the reactor turn until every pipelined request has had its turn."""
        self.clock.pump([0] * 20)

    def timers(self) -> list[float]:
        """When timers will go off, in seconds from now."""
        now = self.clock.seconds()
        return sorted(call.getTime() - now for call in self.clock.getDelayedCalls())
