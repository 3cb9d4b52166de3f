"""Tests for L{xmpprest.web.health.own_host}."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.web.health.own_host import OwnHostRoot
from xmpprest.web.health.resource import LivenessResource
from xmpprest.web.server.site import GatewaySite, makeRoot

from ...support.doubles import HTTPClient, HTTPResponse, live

#: Hosts that no stranger can let stand for another address.
OWN = (
    *("127.0.0.1", "127.0.0.1:9090", "192.0.2.7:9090", "[::1]", "[2001:db8::1]:9090"),
    *("localhost", "LOCALHOST:9090", "xmpp.localhost", "gateway", "gateway:9090"),
    *("gw.example.org", "GW.example.org.:9090"),
)
OTHERS = (
    *("evil.example", "evil.example:9090", "gw.example.org.evil.example", "1.2.3"),
    *("localhost.evil.example", "127.0.0.1.evil.example", "a:b", "evil.example:1:2"),
)


class OwnHostTests(SynchronousTestCase):
    """A site that answers only requests to its own host."""

    def get(self, path: str, host: str) -> HTTPResponse:
        """The response to a request to a host."""
        root = OwnHostRoot(makeRoot({"livez": LivenessResource()}), "gw.example.org")
        client = HTTPClient(GatewaySite(root, live(), Clock()))
        client.send(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        return client.response()

    def test_own(self) -> None:
        """Requests to an address or to a name of the machine are answered."""
        for host in OWN:
            self.assertEqual(self.get("/livez", host).status, 200, host)
            self.assertEqual(self.get("/other", host).status, 404, host)

    def test_others(self) -> None:
        """Requests to a name that a stranger may own are refused, whatever the path."""
        for host in OTHERS:
            for path in ("/livez", "/other"):
                response = self.get(path, host)
                self.assertIn(response.status, (400, 421), host)
        self.assertEqual(self.get("/livez", "evil.example").status, 421)

    def test_reason(self) -> None:
        """The refusal says what to use instead."""
        text = self.get("/livez", "evil.example").body
        self.assertIn(b"'evil.example' is not this gateway's: use its address", text)
