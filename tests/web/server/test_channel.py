"""Tests of L{xmpprest.web.server.channel}: turns, flow control, and refusals."""

from __future__ import annotations

import json

from twisted.internet.task import Clock
from twisted.web.server import Request

from xmpprest.core.policy.permissions import Grant
from xmpprest.web.response import Response
from xmpprest.web.router import Route
from xmpprest.web.server.channel import (
    ARRIVAL_TIMEOUT,
    CLOSE_TIMEOUT,
    IDLE_TIMEOUT,
    LINGER_TIMEOUT,
    READ_AHEAD,
)

from ...support.doubles import HTTPClient, stanza
from ..case import IQ, MESSAGE, SiteTestCase, request


class TurnClock(Clock):
    """
    A clock that has turns, as a reactor has.
    """

    def turn(self) -> None:
        """Make the calls that are due, and none that become due meanwhile."""
        due = [call for call in self.calls if call.getTime() <= self.seconds()]
        for call in due:
            self.calls.remove(call)
            call.called = 1
            call.func(*call.args, **call.kw)


class TurnTests(SiteTestCase):
    """Pipelined requests."""

    def test_turns(self) -> None:
        """A connection has one request handled in a turn of the reactor, not more."""
        clock = TurnClock()
        self.site = self.siteOf(clock)
        client = self.client()
        client.send(request() * 50)
        for count in range(1, 51):
            self.assertEqual(len(self.outbox.sent), count)
            clock.turn()
        self.assertEqual([r.status for r in client.responses()], [202] * 50)
        (idle,) = clock.getDelayedCalls()
        self.assertEqual(idle.getTime(), IDLE_TIMEOUT)

    def test_others(self) -> None:
        """Other connections have their turns in between."""
        clock = TurnClock()
        self.site = self.siteOf(clock)
        greedy, modest = self.client(), self.client()
        greedy.send(request() * 50)
        clock.turn()
        modest.send(request())
        self.assertEqual(modest.response().status, 202)
        self.assertEqual(len(greedy.responses()), 2)

    def test_meanwhile(self) -> None:
        """Data that comes before the turn does not hasten it, and is in its order."""
        client = self.client()
        client.send(request() * 2 + request()[:20])
        client.send(request()[20:] + request(b""))
        self.assertEqual(len(client.responses()), 1)
        self.settle()
        self.assertEqual([r.status for r in client.responses()], [202, 202, 400])

    def test_leaves(self) -> None:
        """A client that leaves has no further turn."""
        client = self.client()
        client.send(request() * 3)
        client.leave()
        self.settle()
        self.assertEqual((len(self.outbox.sent), self.timers()), (1, []))

    def test_drain(self) -> None:
        """When the gateway stops, a request that has not had its turn is dropped."""
        client = self.client()
        client.send(request() * 2)
        self.site.drain()
        self.settle()
        self.assertEqual(len(self.outbox.sent), 1)
        self.assertTrue(client.transport.disconnecting)

    def test_readAhead(self) -> None:
        """A client that pipelines too much while a request waits is not read from."""
        client = self.client()
        client.send(request(IQ))
        client.send(b"\r\n" + request() * (READ_AHEAD // len(request())))
        self.assertEqual(client.transport.producerState, "producing")
        client.send(request())
        self.assertEqual(client.transport.producerState, "paused")
        self.requester.requests[0].reply.callback(stanza("<iq type='result'/>"))
        self.clock.advance(0)
        self.assertEqual(client.transport.producerState, "producing")
        client.leave()


class UnreadTests(SiteTestCase):
    """Clients that do not read their responses."""

    def setUp(self) -> None:
        super().setUp()

        async def pour(request: Request, body: bytes, grant: Grant) -> Response:
            return Response(200, b"x" * 2**17, "text/plain")

        self.build({"pour": Route({"GET": pour})})
        self.data = request(b"", method="GET", path="/rest/pour")

    def reader(self) -> HTTPClient:
        """Make a client whose transport tells when too much is written to it."""
        client = self.client()
        client.transport.highWater = 2**16
        return client

    def test_pipelined(self) -> None:
        """No more is made for a client than it reads, however much it asks for."""
        client = self.reader()
        client.send(self.data * 100)
        self.settle()
        for _ in range(3):
            self.assertEqual(len(client.response().body), 2**17)
            client.transport.drain()
            self.settle()
        client.leave()
        self.assertEqual(self.timers(), [])

    def test_separately(self) -> None:
        """A client is not read from until it has read its response."""
        client = self.reader()
        client.send(self.data)
        self.assertEqual(client.transport.producerState, "paused")
        client.transport.taken()
        client.transport.drain()
        self.assertEqual(client.transport.producerState, "producing")

    def test_never(self) -> None:
        """A client that does not read for 30 s is cut off."""
        client = self.reader()
        client.send(self.data * 2)
        self.clock.advance(CLOSE_TIMEOUT - 1)
        self.assertFalse(client.transport.disconnected)
        self.clock.advance(1)
        self.assertTrue(client.transport.disconnected)
        client.leave()
        self.assertEqual(self.timers(), [])


class AdmissionTests(SiteTestCase):
    """Decisions that are made when the head is complete."""

    def assertEarly(self, head: bytes, status: int) -> None:
        """The response comes before any of the body; then the connection closes."""
        client = self.client()
        client.send(head)
        response = client.response()
        self.assertEqual((response.status, response["Connection"]), (status, "close"))
        client.send(MESSAGE + request())
        self.assertEqual(client.responses(), [])
        self.clock.advance(LINGER_TIMEOUT)
        self.assertTrue(client.transport.disconnecting)
        client.leave()
        self.assertEqual((self.outbox.sent, self.timers()), ([], []))

    def test_early(self) -> None:
        """Credentials, path, method, coding and length are checked before the body."""
        size = {"Content-Length": str(len(MESSAGE))}
        for headers, path, method, status in (
            ({"Authorization": None}, "/rest", "POST", 401),
            ({"Authorization": "Bearer wrong"}, "/rest", "POST", 401),
            ({"Origin": "https://evil.example"}, "/rest", "POST", 403),
            ({}, "/rest/nowhere", "POST", 404),
            ({}, "/nowhere", "POST", 404),
            ({}, "/rest", "PUT", 405),
            ({"Content-Encoding": "gzip"}, "/rest", "POST", 415),
            ({"Content-Length": "5001"}, "/rest", "POST", 413),
        ):
            for more in ({}, {"Expect": "100-continue"}):
                fields = {**size, **headers, **more}
                self.assertEarly(request(b"", fields, method, path), status)

    def test_pieces(self) -> None:
        """A head and a body that come one after the other are one request."""
        head, _, body = request().partition(b"\r\n\r\n")
        client = self.client()
        client.send(head + b"\r\n\r\n")
        self.assertEqual(client.responses(), [])
        client.send(body)
        self.assertEqual(client.response().status, 202)
        client.send(request())
        self.assertEqual(client.response().status, 202)

    def test_continue(self) -> None:
        """A client is told once to go on, and not if its body is on its way already."""
        head, _, body = request(headers={"Expect": "100-continue"}).partition(
            b"\r\n\r\n"
        )
        for first, continues in ((b"", 1), (body[:1], 0)):
            client = self.client()
            client.send(head + b"\r\n\r\n" + first)
            written = client.transport.taken()
            self.assertEqual(written.count(b"HTTP/1.1 100 Continue\r\n\r\n"), continues)
            client.send(body[len(first) : 10])
            client.send(body[10:])
            self.assertEqual(client.response().status, 202)

    def test_upgrade(self) -> None:
        """An offer of HTTP/2, as Java's client makes it, is ignored, not the body."""
        headers = {
            "Connection": "Upgrade, HTTP2-Settings",
            "Upgrade": "h2c",
            "HTTP2-Settings": "AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
        }
        client = self.client()
        client.send(request(headers=headers) + request())
        self.settle()
        self.assertEqual([r.status for r in client.responses()], [202, 202])

    def test_slow(self) -> None:
        """A body that does not come within 30 s gets a response of the API: 408."""
        client = self.client()
        client.send(request(headers={"Accept": "application/json"})[:-1])
        self.clock.advance(ARRIVAL_TIMEOUT)
        response = client.response()
        self.assertProblem(response, 408)
        self.assertEqual(response["Connection"], "close")
        self.assertEqual(self.resource.accessLog.counts(), {("/rest", "408"): 1})
        self.assertEqual(self.resource.pendingRequests, 0)


class RefusalTests(SiteTestCase):
    """Requests that cannot be read."""

    def test_problem(self) -> None:
        """The response is a problem with a Request-Id, and the request is counted."""
        for data, status in (
            (b"GET / HTTP/1.1\r\n\r\n", 400),
            (b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 405),
            (b"GET /" + b"a" * 20_000, 414),
            (b"GET / HTTP/1.1\r\nX: " + b"a" * 20_000, 431),
            (b"GET / HTTP/1.1\r\n", 408),
        ):
            self.build()
            client = self.client()
            client.send(data)
            if status == 408:
                self.clock.advance(ARRIVAL_TIMEOUT)
            response = client.response()
            problem = self.assertProblem(response, status)
            self.assertTrue(problem["detail"])
            self.assertTrue(response["Request-Id"])
            self.assertEqual(response["Connection"], "close")
            counts = {("none", str(status)): 1}
            self.assertEqual(self.resource.accessLog.counts(), counts)

    def test_malformedBody(self) -> None:
        """A malformed body is a problem of the API."""
        client = self.client()
        fields = {
            "Content-Length": None,
            "Transfer-Encoding": "chunked",
            "Accept": "application/json",
        }
        client.send(request(b"", fields) + b"x\r\n")
        response = client.response()
        self.assertIn("chunk", self.assertProblem(response, 400)["detail"])
        self.assertEqual(response["Connection"], "close")
        self.assertEqual(self.resource.accessLog.counts(), {("/rest", "400"): 1})

    def test_closed(self) -> None:
        """Nothing that comes behind such a request is read."""
        client = self.client()
        client.send(b"GET / HTTP/1.1\r\n\r\n" + request())
        client.send(request())
        self.settle()
        self.assertEqual([r.status for r in client.responses()], [400])
        self.assertEqual(self.outbox.sent, [])


class TargetTests(SiteTestCase):
    """The forms of a request target (RFC 9112 §3.2)."""

    def test_absolute(self) -> None:
        """A URL is as good as a path, and its host counts, not that of the field."""
        for target in ("http://localhost/rest", "HTTPS://localhost:5443/rest"):
            self.assertEqual(self.ask(path=target).status, 202)
        origin = {"Origin": "http://good.example"}
        self.assertEqual(self.ask(headers=origin).status, 403)
        response = self.ask(headers=origin, path="http://good.example/rest")
        self.assertEqual(response.status, 202)

    def test_asterisk(self) -> None:
        """C{OPTIONS *} asks for the server as a whole, and has an empty response."""
        for target in ("*", "http://localhost"):
            response = self.ask(b"", {}, "OPTIONS", target)
            self.assertEqual((response.status, response.body), (200, b""))
        self.assertEqual(self.ask(b"", {}, "GET", "*").status, 400)

    def test_percent(self) -> None:
        """A malformed percent-encoding in path or query is refused with 400."""
        for target in ("/rest/%zz", "/rest/ping/a%", "/rest/ping/a?b=%4"):
            response = self.ask(b"", {"Accept": "application/json"}, "GET", target)
            self.assertIn("%25", self.assertProblem(response, 400)["detail"])

    def test_format(self) -> None:
        """A request with a malformed target has its error in JSON."""
        response = self.ask(b"", {"Accept": "application/xmpp+xml"}, "GET", "/%")
        self.assertEqual(json.loads(response.body)["status"], 400)
