"""Tests for L{xmpprest.gateway}: the parts are joined, each setting in its place."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Any

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.words.xish.domish import Element

import xmpprest
from xmpprest import Config, Gateway, makeGateway
from xmpprest.core.openapi.document import document
from xmpprest.gateway.gateway import InboundHandler
from xmpprest.gateway.metrics import STORE_TIMEOUT

from ..support.delivery import HeldConnection
from ..support.doubles import DOMAIN, HeldServer, HTTPClient, HTTPResponse

TOKEN = "dmVyeSBzZWNyZXQgdG9rZW4K"
PING = "<iq type='get' to='example.org'><ping xmlns='urn:xmpp:ping'/></iq>"
MESSAGE = "<message to='user@example.org'><body>Hello!</body></message>"


def configuration(**settings: Any) -> Config:
    """Enough to make a gateway that leaves nothing behind, and what a test adds."""
    needed = {
        "domain": DOMAIN,
        "secret": "hush",
        "credentials": [TOKEN],
        "store": "memory",
    }
    return Config(**{**needed, **settings})


def post(
    client: HTTPClient,
    body: str,
    path: str = "/rest",
    *fields: str,
    contentType: str = "application/xmpp+xml",
) -> None:
    """Write a request, with the right token."""
    head = [
        f"POST {path} HTTP/1.1",
        "Host: gateway.example:8080",
        f"Authorization: Bearer {TOKEN}",
        f"Content-Type: {contentType}",
        f"Content-Length: {len(body)}",
        *fields,
    ]
    client.send("\r\n".join([*head, "", body]).encode())


class DeafReactor(MemoryReactorClock):
    """A reactor to which nothing comes back from the store's thread."""

    def callFromThread(self, *_: object) -> None:
        """Forget it."""


class GatewayTestCase(SynchronousTestCase):
    """
    A test that has a gateway, and holds the ends of the server, the callback and
    the clients.

    @ivar makeReactor: Makes the reactor that it has.
    """

    makeReactor: Callable[[], MemoryReactorClock] = MemoryReactorClock

    def start(self, **settings: Any) -> Gateway:
        """Make a gateway and start it."""
        self.reactor = self.makeReactor()
        gateway = makeGateway(configuration(**settings), self.reactor)
        gateway.service.startService()
        self.addCleanup(self._stop, gateway)
        self.client = HTTPClient(gateway.site)
        return gateway

    def _stop(self, gateway: Gateway) -> None:
        if gateway.service.running:
            gateway.service.stopService()
            # Deliveries in flight have some seconds to end.
            self.reactor.pump([1] * 10)

    def attempt(self, port: int) -> Any:  # MemoryReactor's own
        """The factory of the only attempt to connect to a port."""
        attempts = [each for each in self.reactor.tcpClients if each[1] == port]
        ((_, _, factory, *_rest),) = attempts
        return factory

    def connect(self) -> HeldServer:
        """Let the gateway in; returns the server's end."""
        server = HeldServer(self.attempt(5347).buildProtocol(None))
        server.accept()
        return server

    def callback(self) -> HeldConnection:
        """Let the gateway's question what the callback wants be answered by 405."""
        protocol = self.attempt(9999).buildProtocol(None)
        connection = HeldConnection(self.reactor, protocol)
        self.assertEqual(connection.request().method, "OPTIONS")
        connection.answer(405)
        return connection

    def ask(self, body: str, path: str = "/rest", *fields: str) -> HTTPResponse:
        """Post; returns the answer that is there at once."""
        post(self.client, body, path, *fields)
        return self.client.response()

    def get(self, path: str, site: Site, *fields: str) -> HTTPResponse:
        """Ask a site for something; returns the answer that is there at once."""
        client = HTTPClient(site)
        lines = [f"GET {path} HTTP/1.1", "Host: localhost:8080", *fields]
        client.send("\r\n".join([*lines, "", ""]).encode())
        return client.response()

    def answered(self, server: HeldServer, inbound: str) -> Element:
        """Return the immediate reply to an inbound stanza."""
        server.send(inbound)
        return server.stanza()


class SendingTests(GatewayTestCase):
    """
    HTTP in, XMPP out.
    """

    def test_message(self) -> None:
        """
        A message that is posted goes out, from the gateway's domain.
        """
        self.start()
        server = self.connect()
        self.assertEqual(self.ask(MESSAGE).status, 202)
        message = server.stanza()
        self.assertEqual(message["from"], DOMAIN)
        self.assertEqual(message["to"], "user@example.org")

    def test_iq(self) -> None:
        """
        An iq that is posted waits for its reply.
        """
        self.start()
        server = self.connect()
        post(self.client, PING)
        id = server.stanza()["id"]
        self.assertEqual(self.client.responses(), [])
        server.send(f"<iq type='result' from='example.org' to='{DOMAIN}' id='{id}'/>")
        response = self.client.response()
        self.assertEqual(response.status, 200)
        self.assertIn(b"type='result'", response.body)

    def test_noStream(self) -> None:
        """
        Without a stream it is 503.
        """
        self.start()
        for body in (MESSAGE, PING):
            self.assertEqual(self.ask(body).status, 503)

    def test_stop(self) -> None:
        """
        When the service stops, what waits fails, the stream is closed in good order,
        and nothing is left that will happen later.
        """
        gateway = self.start()
        server = self.connect()
        post(self.client, PING)
        stopped = gateway.service.stopService()
        self.assertTrue(server.transport.taken().endswith(b"</stream:stream>"))
        server.send("</stream:stream>")
        server.lose()
        self.successResultOf(stopped)
        self.assertEqual(self.client.response().status, 503)
        self.client.leave()
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_mounted(self) -> None:
        """
        The resource may be mounted at any path of any site.
        """
        gateway = self.start()
        root = Resource()
        api = Resource()
        root.putChild(b"api", api)
        api.putChild(b"xmpp", gateway.resource)
        self.client = HTTPClient(Site(root, reactor=self.reactor))
        self.connect()
        self.assertEqual(self.ask(MESSAGE, "/api/xmpp").status, 202)
        self.assertEqual(self.ask(MESSAGE, "/api/xmpp/nothing").status, 404)

    def test_site(self) -> None:
        """
        The site has the resource at C{/rest}, and nothing else.
        """
        self.start()
        self.connect()
        for path, status in [("/rest", 202), ("/rest/", 202), ("/", 404), ("/x", 404)]:
            post(self.client, MESSAGE, path)
            data = self.client.transport.taken()
            self.assertTrue(data.startswith(f"HTTP/1.1 {status} ".encode()), path)

    def test_twoGateways(self) -> None:
        """
        Two gateways in one process do not know of each other.
        """
        reactor = MemoryReactorClock()
        clients = []
        for token in ("one", "two"):
            gateway = makeGateway(configuration(credentials=[token]), reactor)
            clients.append(HTTPClient(gateway.site))
        for client in clients:
            head = b"POST /rest HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n"
            client.send(head + b"Authorization: Bearer two\r\n\r\n")
        self.assertEqual([c.response().status for c in clients], [401, 415])


class SettingsTests(GatewayTestCase):
    """
    Each setting has its effect.
    """

    def test_domainAndCredentials(self) -> None:
        """
        The domain is the realm, the sender and the user name, and every credential
        may send.
        """
        self.start(domain="other.example", credentials=["a", TOKEN])
        server = self.connect()
        self.assertIn(b"to='other.example'", server.written)
        self.ask(MESSAGE)
        self.assertEqual(server.stanza()["from"], "other.example")
        basic = base64.b64encode(b"other.example:a").decode()
        self.client.send(
            b"POST /rest HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n"
            + f"Authorization: Basic {basic}\r\n\r\n".encode()
        )
        self.assertEqual(self.client.response().status, 415)

    def test_server(self) -> None:
        """
        The stream goes to the server's endpoint.
        """
        self.start(server="tcp:192.0.2.1:5347:timeout=7")
        ((host, port, _, timeout, _),) = self.reactor.tcpClients
        self.assertEqual((host, port, timeout), ("192.0.2.1", 5347, 7))

    def test_iqTimeout(self) -> None:
        """
        An iq without a reply is 504 after the timeout; the client may choose
        another, up to the maximum.
        """
        self.start(iqTimeout=5, iqMaxTimeout=10)
        self.connect()
        for fields, seconds in [
            ((), 5),
            (["Prefer: wait=8"], 8),
            (["Prefer: wait=99"], 10),
        ]:
            post(self.client, PING, "/rest", *fields)
            self.reactor.advance(seconds - 0.1)
            self.assertEqual(self.client.responses(), [])
            self.reactor.advance(0.2)
            self.assertEqual(self.client.response().status, 504)

    def test_stanzaSizeLimit(self) -> None:
        """
        A body above the limit is 413, through the gateway's site and another one.
        """
        gateway = self.start(stanzaSizeLimit=len(MESSAGE) - 1)
        self.connect()
        self.assertEqual(self.ask(MESSAGE).status, 413)
        self.client = HTTPClient(Site(gateway.resource, reactor=self.reactor))
        self.assertEqual(self.ask(MESSAGE, "/").status, 413)

    def test_waitingLimit(self) -> None:
        """
        A request above the limit is 503 as long as others wait.
        """
        gateway = self.start(waitingLimit=1)
        self.connect()
        post(self.client, PING)
        other = HTTPClient(gateway.site)
        post(other, PING)
        self.assertEqual(other.response().status, 503)
        self.client.leave()
        post(other, MESSAGE)
        self.assertEqual(other.response().status, 202)

    def test_corsOrigin(self) -> None:
        """
        A web page of a configured origin may read the answer.
        """
        self.start(corsOrigin=["https://app.example"])
        response = self.ask(MESSAGE, "/rest", "Origin: https://app.example")
        self.assertEqual(response["Access-Control-Allow-Origin"], "https://app.example")

    def test_name(self) -> None:
        """
        The name is what service discovery shows.
        """
        self.start(name="Robot & Co")
        server = self.connect()
        answer = self.answered(
            server,
            f"<iq type='get' id='1' from='a@example.org' to='{DOMAIN}'>"
            "<query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
        )
        self.assertIn("name='Robot &amp; Co'", answer.toXml())

    def test_noCallback(self) -> None:
        """
        Without a callback a message that comes in is refused, as nobody wants it.
        """
        self.start()
        server = self.connect()
        answer = self.answered(
            server,
            f"<message from='a@example.org' to='{DOMAIN}'><body>x</body></message>",
        )
        self.assertEqual(answer["type"], "error")
        self.assertIn("service-unavailable", answer.toXml())


class ReceivingTests(GatewayTestCase):
    """
    XMPP in, HTTP out.
    """

    URL = "http://bot:pw@127.0.0.1:9999/in?kind={kind}"

    def test_posted(self) -> None:
        """
        A message that comes in is posted to the callback, and what that says is the
        reply.
        """
        self.start(callbackURL=self.URL)
        connection = self.callback()
        server = self.connect()
        server.send(
            f"<message from='a@example.org/x' to='bot@{DOMAIN}' type='chat' id='1'>"
            "<body>Hello</body></message>"
        )
        request = connection.request()
        self.assertEqual(request.target, "/in?kind=message")
        self.assertEqual(request["Authorization"], "Basic Ym90OnB3")
        self.assertEqual(request["Content-Type"], "application/xmpp+xml")
        self.assertIn(b"<body>Hello</body>", request.body)
        connection.answer(200, b"You said: Hello")
        reply = server.stanza()
        self.assertEqual(reply["to"], "a@example.org/x")
        self.assertEqual(reply["from"], f"bot@{DOMAIN}")
        self.assertEqual(reply["type"], "chat")
        self.assertEqual(str(reply.body), "You said: Hello")

    def test_selected(self) -> None:
        """
        Only the kinds and the forms of address that are configured are posted.
        """
        self.start(
            callbackURL=self.URL, callbackStanzas=["message"], callbackEvents=["bare"]
        )
        connection = self.callback()
        server = self.connect()
        for stanza in (
            f"<presence from='a@example.org' to='bot@{DOMAIN}'/>",
            f"<message from='a@example.org' to='{DOMAIN}' type='headline'/>",
            f"<message from='a@example.org' to='bot@{DOMAIN}/x' type='headline'/>",
        ):
            server.send(stanza)
            self.assertEqual(connection.requests(), [])
        server.send(f"<message from='a@example.org' to='bot@{DOMAIN}'/>")
        self.assertEqual(connection.request().target, "/in?kind=message")

    def test_connections(self) -> None:
        """
        No more requests are in flight than are configured.
        """
        self.start(callbackURL=self.URL, callbackConnections=2)
        connection = self.callback()
        server = self.connect()
        for number in range(5):
            server.send(f"<message from='a{number}@example.org' to='bot@{DOMAIN}'/>")
        ports = [port for _, port, *_rest in self.reactor.tcpClients]
        self.assertEqual(ports.count(9999), 2)
        self.assertEqual(len(connection.requests()), 1)

    def test_answerTooLong(self) -> None:
        """
        An answer above the limit of a stanza's size is no answer.
        """
        self.start(callbackURL=self.URL, stanzaSizeLimit=100)
        connection = self.callback()
        server = self.connect()
        server.send(f"<message from='a@example.org' to='bot@{DOMAIN}' id='1'/>")
        connection.requests()
        connection.answer(200, b"x" * 101)
        self.reactor.advance(0)
        self.assertIn("recipient-unavailable", server.stanza().toXml())


class _Log:
    """Stands for the outbox, the inboxes and an interceptor; logs their calls."""

    def __init__(self, result: Element | None = None) -> None:
        self.calls: list[tuple[str, Element]] = []
        self.result = result

    def intercept(self, stanza: Element) -> Element | None:
        """Log the call; return the result that the test has set."""
        self.calls.append(("intercept", stanza))
        return self.result

    def handleError(self, stanza: Element) -> None:
        """Log the call."""
        self.calls.append(("handleError", stanza))

    def receive(self, stanza: Element) -> None:
        """Log the call."""
        self.calls.append(("receive", stanza))


class InterceptorTests(SynchronousTestCase):
    """
    L{InboundHandler} asks its interceptors before the outbox and the inboxes.
    """

    def test_changed(self) -> None:
        """
        Each interceptor gets what the one before it has returned, then the outbox and
        the inbox get what the last one has returned.
        """
        arrived, changed, final = (Element((None, "message")) for _ in range(3))
        first, second, rest = _Log(changed), _Log(final), _Log()
        handler = InboundHandler(rest, rest, (first, second))  # type: ignore[arg-type]  # doubles
        handler.handle(arrived)
        self.assertEqual(first.calls, [("intercept", arrived)])
        self.assertEqual(second.calls, [("intercept", changed)])
        self.assertEqual(rest.calls, [("handleError", final), ("receive", final)])

    def test_handled(self) -> None:
        """
        A stanza that an interceptor has handled reaches no other handler.
        """
        second, rest = _Log(), _Log()
        handler = InboundHandler(rest, rest, (_Log(), second))  # type: ignore[arg-type]  # doubles
        handler.handle(Element((None, "presence")))
        self.assertEqual((second.calls, rest.calls), ([], []))


class RefusalTests(SynchronousTestCase):
    """
    Configurations that make no gateway.
    """

    def refusal(self, **settings: Any) -> str:
        """The message."""
        error = self.assertRaises(
            ValueError, makeGateway, configuration(**settings), MemoryReactorClock()
        )
        return str(error)

    def test_server(self) -> None:
        """
        A value that is no client endpoint is refused with the setting, the value and
        the
        expected form.
        """
        for server in ("xmpp.example", "tcp:localhost", "tcp:localhost:x", "foo:1:2"):
            message = self.refusal(server=server)
            self.assertIn(f"server is {server!r}: expected a Twisted", message)
            self.assertIn("like tcp:127.0.0.1:5347", message)

    def test_callbackCAFile(self) -> None:
        """
        A file of CAs that is not there, or holds none, is refused in the same way.
        """
        empty = self.mktemp()
        with open(empty, "w") as file:
            file.write("no certificate")
        for path in (empty, self.mktemp(), "/"):
            message = self.refusal(
                callbackURL="https://bot.example/", callbackCAFile=path
            )
            self.assertIn(f"callback-ca-file is {path!r}: expected a PEM", message)


class MonitoringTests(GatewayTestCase):
    """
    Resources for operators.
    """

    def test_metrics(self) -> None:
        """
        The metrics are for who has a token, and on the site for operators for all;
        they are this gateway's own.
        """
        gateway = self.start()
        token = f"Authorization: Bearer {TOKEN}"
        self.assertEqual(self.get("/metrics", gateway.site).status, 401)
        shown = self.get("/metrics", gateway.site, token)
        self.assertIn(b"\nxmpprest_stream_up 0.0\n", shown.body)
        self.connect()
        self.ask(MESSAGE)
        shown = self.get("/metrics", gateway.admin)
        for line in (
            "xmpprest_stream_up 1.0",
            'xmpprest_stanzas_total{direction="out",kind="message"} 1.0',
            'xmpprest_http_requests_total{route="/rest",status="202"} 1.0',
            'xmpprest_http_request_seconds_count{route="/rest"} 1.0',
            "xmpprest_store_up 1.0",
        ):
            self.assertIn(f"\n{line}\n".encode(), shown.body)
        other = self.start()
        self.assertNotIn(
            b"xmpprest_http_requests_total{", self.get("/metrics", other.admin).body
        )

    def test_hangingDisk(self) -> None:
        """
        A store that does not answer does not hold up the metrics, and they show it.
        """
        self.makeReactor = DeafReactor
        gateway = self.start(store=f"sqlite:{self.mktemp()}")
        client = HTTPClient(gateway.admin)
        client.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertEqual(client.responses(), [])
        self.reactor.advance(STORE_TIMEOUT)
        shown = client.response().body
        self.assertIn(b"\nxmpprest_store_up 0.0\n", shown)
        self.assertNotIn(b"\nxmpprest_dead_letters ", shown)
        self.assertIn(b"\nxmpprest_stream_up 0.0\n", shown)

    def test_events(self) -> None:
        """A subscriber is told of the stream and of the stanzas that pass."""
        gateway = self.start()
        server = self.connect()
        client = HTTPClient(gateway.site)
        token = f"Authorization: Bearer {TOKEN}"
        lines = ["GET /rest/events HTTP/1.1", "Host: gateway.example", token]
        client.send("\r\n".join([*lines, "", ""]).encode())
        self.ask(MESSAGE)
        server.send(f"<message from='a@example.org' to='{DOMAIN}' id='in'/>")
        server.lose()
        self.reactor.pump([1, 1])
        told = client.transport.taken().decode()
        events = [json.loads(each) for each in re.findall("^data: (.*)$", told, re.M)]
        self.assertEqual(
            [each.get("state") or each.get("direction") for each in events],
            # The last stanza is the error that answers the inbound one.
            ["down", "up", "out", "in", "out", "down"],
        )

    def test_admin(self) -> None:
        """
        On the site for operators there is what they watch, and no way to send.
        """
        gateway = self.start()
        for path, status in (("/livez", 200), ("/readyz", 503), ("/rest", 404)):
            self.assertEqual(self.get(path, gateway.admin).status, status)


class RouteTests(GatewayTestCase):
    """
    The routes below C{/rest}.
    """

    def test_described(self) -> None:
        """
        The OpenAPI document has each route of the gateway's own, except the document
        itself, its page, and the console.
        """
        site = self.start().site
        described = {*document(DOMAIN, "1")["paths"]}
        for first in re.split(", ", self.known("x", site, "the others are (.*)[.]$")):
            if first not in ("console", "docs", "openapi.json"):
                routes = self.known(f"{first}/x/x/x", site, "there is (.*)[.]$")
                self.assertEqual({*routes.split(", ")} - described, set())

    def known(self, path: str, site: Site, pattern: str) -> str:
        """Return what the error of a path that does not exist names instead."""
        response = self.get(f"/rest/{path}", site, f"Authorization: Bearer {TOKEN}")
        self.assertEqual(response.status, 404)
        (found,) = re.findall(pattern, json.loads(response.body)["error"]["text"])
        return str(found)


class PublicTests(SynchronousTestCase):
    """
    Public names for those who embed the gateway.
    """

    def test_names(self) -> None:
        """
        Five names are public, and documented.
        """
        self.assertEqual(
            sorted(xmpprest.__all__),
            ["Config", "Gateway", "TokenConfig", "__version__", "makeGateway"],
        )
        for thing in (Config, Gateway, xmpprest.TokenConfig, makeGateway):
            self.assertTrue(thing.__doc__)
