"""Tests of L{xmpprest.web.server.body}: bodies that are read while they come."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs
from twisted.web.server import Request, Site

from xmpprest.core.errors import Refusal
from xmpprest.core.policy.permissions import Grant
from xmpprest.web.response import Response
from xmpprest.web.router import Route, StreamingHandler
from xmpprest.web.server.body import ARRIVING, HIGH_WATER, PIECE, Body
from xmpprest.web.server.channel import (
    ARRIVAL_TIMEOUT,
    CLOSE_TIMEOUT,
    IDLE_TIMEOUT,
    LINGER_TIMEOUT,
)

from ...support.doubles import HTTPClient, said
from ..case import MESSAGE, TOKEN, SiteTestCase, request
from .test_site import chunked

PATH = "/rest/pour"


def head(**headers: str | None) -> bytes:
    """The head of a request whose body will come in chunks."""
    fields = {"Content-Length": None, "Transfer-Encoding": "chunked", **headers}
    return request(b"", fields, path=PATH)


def chunk(data: bytes) -> bytes:
    """One of its chunks; the last is empty."""
    return b"%x\r\n%s\r\n" % (len(data), data)


class PouringTestCase(SiteTestCase):
    """
    A test that has a resource which gives back what it gets, at once.

    @ivar gate: What it waits for each time, if anything.
    @ivar read: What it has read.
    @ivar ends: How the bodies have ended.
    """

    def setUp(self) -> None:
        super().setUp()
        self.read: list[bytes] = []
        self.ends: list[str] = []
        self.gate: Deferred[None] | None = None
        self.build({"pour": Route({"POST": StreamingHandler(self.pour)})})

    async def pour(self, request: Request, body: Body, grant: Grant) -> Response:
        """Answer with what comes."""
        return Response(200, contentType="text/plain", chunks=self.pieces(body))

    async def pieces(self, body: Body) -> AsyncGenerator[bytes]:
        """Yield the pieces of a body in capitals."""
        try:
            while data := await body.read():
                self.read.append(data)
                if b"." in data:
                    body.resetTimeout()
                yield data.upper()
                if self.gate is not None:
                    await self.gate
            self.ends.append("complete")
        except Refusal as refusal:
            self.ends.append(str(refusal.problem.status))
            yield b"!"
        except BaseException as error:
            self.ends.append(type(error).__name__)
            raise


class ArrivingTests(PouringTestCase):
    """Bodies on their way."""

    def test_atOnce(self) -> None:
        """The response to a part is written before the rest of the body arrives."""
        client = self.client()
        client.send(head() + chunk(b"ab"))
        self.assertIn(chunk(b"AB"), client.transport.value())
        client.send(chunk(b"c"))
        self.assertTrue(client.transport.value().endswith(chunk(b"C")))
        client.send(chunk(b""))
        response = client.response()
        self.assertEqual((response.status, response.body), (200, b"ABC"))
        self.assertEqual(response["Cache-Control"], "no-store")
        # Nobody could know whether the end would be read.
        self.assertEqual(response["Connection"], "close")
        self.assertTrue(client.transport.disconnecting)
        self.assertEqual(self.ends, ["complete"])
        client.leave()
        self.assertEqual(self.timers(), [])

    def test_anyLength(self) -> None:
        """The length of the body has no limit here."""
        client = self.client()
        client.send(request(b"", {"Content-Length": "9" * 15}, path=PATH))
        for _ in range(50):
            client.send(b"x" * 1000)
        self.assertEqual(sum(map(len, self.read)), 50_000)
        client.leave()

    def test_keepsConnection(self) -> None:
        """An answer that begins when the body is complete leaves the connection."""
        waits: list[Deferred[None]] = []

        async def late(body: Body) -> AsyncGenerator[bytes]:
            while data := await body.read():
                waits.append(Deferred())
                await waits[-1]
                yield data

        async def pour(request: Request, body: Body, grant: Grant) -> Response:
            return Response(200, chunks=late(body))

        self.build({"pour": Route({"POST": StreamingHandler(pour)})})
        client = self.client()
        client.send(request(b"ab", path=PATH) + request())
        waits[0].callback(None)
        self.settle()
        first, second = client.responses()
        self.assertEqual((first.body, first.all("Connection")), (b"ab", []))
        self.assertEqual(second.status, 202)
        self.assertFalse(client.transport.disconnecting)
        self.assertEqual(self.timers(), [IDLE_TIMEOUT])
        client.leave()

    def test_empty(self) -> None:
        """A body may be empty."""
        for data in (request(b"", path=PATH), head() + chunk(b"")):
            client = self.client()
            client.send(data)
            self.assertEqual(client.response().body, b"")
        self.assertEqual(self.ends, ["complete"] * 2)

    def test_anyPieces(self) -> None:
        """A request may arrive in pieces of any size."""
        data = chunked(b"hello", 2).replace(b"/rest", PATH.encode(), 1)
        for size in (1, 2, 3, 7, 50):
            client = self.client()
            for position in range(0, len(data), size):
                client.send(data[position : position + size])
            self.assertEqual(client.response().body, b"HELLO")

    def test_otherwise(self) -> None:
        """Where no such resource is asked for, all is as always."""
        self.assertEqual(self.ask(path=PATH, method="GET").status, 405)
        self.assertEqual(self.ask(b"x" * 6000, path="/rest/echo").status, 413)

    def test_refused(self) -> None:
        """A client without permission is refused before its body arrives."""
        client = self.client()
        client.send(head(Authorization=None, Expect="100-continue"))
        response = client.response()
        self.assertXMLProblem(response, 401)
        self.assertEqual(response["Connection"], "close")
        client.send(chunk(b"x" * 100_000) + chunk(b"") + request())
        self.assertEqual(client.responses(), [])
        self.clock.advance(LINGER_TIMEOUT)
        self.assertTrue(client.transport.disconnecting)
        client.leave()
        self.assertEqual(self.timers(), [])

    def test_refusedInOnePacket(self) -> None:
        """A request that came in one packet leaves its connection open."""
        for body in (b"", b"x", b"x" * 100_000):
            client = self.client()
            client.send(
                request(body, {"Authorization": None}, path=PATH) + request(b"")
            )
            self.settle()
            self.assertEqual([r.status for r in client.responses()], [401, 400])
            client.leave()
        self.assertEqual(self.timers(), [])

    def test_continue(self) -> None:
        """A client that asks before it sends is told to go on."""
        client = self.client()
        client.send(head(Expect="100-continue"))
        self.assertEqual(client.transport.taken(), b"HTTP/1.1 100 Continue\r\n\r\n")
        client.send(chunk(b"a") + chunk(b""))
        self.assertEqual(client.response().body, b"A")

    def test_malformed(self) -> None:
        """A malformed chunk ends the response, behind a complete piece."""
        client = self.client()
        client.send(head() + chunk(b"a") + b"garbage\r\n")
        self.assertEqual(client.response().body, b"A!")
        self.assertEqual(self.ends, ["400"])
        client.send(request())
        self.clock.advance(LINGER_TIMEOUT)
        self.assertTrue(client.transport.disconnecting)
        client.leave()
        self.assertEqual((self.outbox.sent, self.timers()), ([], []))


class PressureTests(PouringTestCase):
    """A reader and a client wait for each other."""

    def test_notRead(self) -> None:
        """A client is not read from while nobody wants what it has sent."""
        gate = self.gate = Deferred()
        client = self.client()
        client.send(head() + chunk(b"a"))
        client.send(chunk(b"x" * (HIGH_WATER - 1)))
        self.assertEqual(client.transport.producerState, "producing")
        client.send(chunk(b"y"))
        self.assertEqual(client.transport.producerState, "paused")
        self.gate = None
        gate.callback(None)
        self.assertEqual(client.transport.producerState, "producing")
        self.assertEqual(len(b"".join(self.read)), HIGH_WATER + 1)
        client.leave()

    def test_notReadForLong(self) -> None:
        """While it is not read from, its time does not run."""
        gate = self.gate = Deferred()
        client = self.client()
        client.send(head() + chunk(b"a" * HIGH_WATER) + chunk(b"a" * HIGH_WATER))
        self.clock.advance(10 * IDLE_TIMEOUT)
        self.assertFalse(client.transport.disconnecting)
        self.gate = None
        gate.callback(None)
        client.send(chunk(b""))
        self.assertEqual(len(client.response().body), 2 * HIGH_WATER)
        client.leave()
        self.assertEqual(self.timers(), [])

    def test_answerNotTaken(self) -> None:
        """A client that does not take its answer is not read from, and cut off."""
        client = self.client()
        client.send(head() + chunk(b"a"))
        client.transport.fill()
        self.assertEqual(client.transport.producerState, "paused")
        client.send(chunk(b"b"))
        client.send(chunk(b"c"))
        self.assertEqual(self.read, [b"a", b"b"])
        self.clock.advance(CLOSE_TIMEOUT - 1)
        client.transport.drain()
        self.assertEqual(self.read, [b"a", b"b", b"c"])
        client.transport.fill()
        self.clock.advance(CLOSE_TIMEOUT)
        self.assertTrue(client.transport.disconnected)
        client.leave()
        self.assertEqual(self.timers(), [])


class EndTests(PouringTestCase):
    """Bodies that do not come to their end."""

    def test_slow(self) -> None:
        """A client may take its time from one progress to the next, not more."""
        client = self.client()
        client.send(head() + chunk(b"a"))
        for _ in range(10):
            self.clock.advance(ARRIVAL_TIMEOUT - 1)
            client.send(chunk(b"."))
        self.clock.advance(ARRIVAL_TIMEOUT / 2)
        client.send(chunk(b"a"))
        self.clock.advance(ARRIVAL_TIMEOUT / 2 - 0.5)
        client.send(chunk(b"a"))
        self.assertFalse(self.ends)
        self.clock.advance(0.5)
        self.assertEqual(client.response().body, b"A..........AA!")
        self.assertEqual(self.ends, ["408"])
        self.clock.advance(LINGER_TIMEOUT)
        self.assertTrue(client.transport.disconnecting)
        client.leave()
        self.assertEqual(self.timers(), [])

    def test_leaves(self) -> None:
        """A client that leaves is not waited for."""
        client = self.client()
        client.send(head() + chunk(b"a"))
        with capturedLogs() as events:
            client.leave()
        self.assertEqual(self.ends, ["CancelledError"])
        self.assertEqual((said(events), self.timers()), ([], []))
        self.assertEqual(self.resource.pendingRequests, 0)

    def test_leavesWithKey(self) -> None:
        """A request with a key is ended, too; the part that has come is handled."""
        gate = self.gate = Deferred()
        client = self.client()
        client.send(head(**{"Idempotency-Key": "k"}) + chunk(b"a"))
        self.assertEqual(self.resource.pendingRequests, 1)
        with capturedLogs() as events:
            client.leave()
            gate.callback(None)
        self.assertEqual(self.ends, ["400"])
        self.assertEqual((said(events), self.timers()), ([], []))
        self.assertEqual(self.resource.pendingRequests, 0)

    def test_leavesComplete(self) -> None:
        """With a key, all that has come is done, though nobody waits for it."""
        gate = self.gate = Deferred()
        client = self.client()
        body = chunk(b"a") + chunk(b"b") + chunk(b"")
        client.send(head(**{"Idempotency-Key": "k"}) + body)
        client.leave()
        gate.callback(None)
        self.assertEqual((b"".join(self.read), self.ends), (b"ab", ["complete"]))

    def test_stop(self) -> None:
        """When the gateway stops, it reads no further, and ends its answer."""
        client = self.client()
        client.send(head() + chunk(b"a"))
        drained = self.site.drain()
        self.assertEqual(client.response().body, b"A!")
        self.assertEqual(self.ends, ["503"])
        self.clock.advance(LINGER_TIMEOUT)
        client.leave()
        self.successResultOf(drained)
        self.assertEqual(self.timers(), [])

    def test_breaks(self) -> None:
        """An answer that breaks is cut off, so that nobody takes it for one."""

        async def broken(body: Body) -> AsyncGenerator[bytes]:
            yield await body.read()
            raise RuntimeError("broken")

        async def pour(request: Request, body: Body, grant: Grant) -> Response:
            return Response(200, chunks=broken(body))

        self.build({"pour": Route({"POST": StreamingHandler(pour)})})
        client = self.client()
        client.send(head() + chunk(b"a"))
        self.assertTrue(client.transport.disconnected)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)


class CompleteTests(PouringTestCase):
    """Bodies that somebody else's site has held."""

    def test_otherSite(self) -> None:
        """They are read in pieces."""
        body = b"x" * (PIECE + 1)
        site = Site(self.resource, reactor=self.clock)
        client = HTTPClient(site)
        fields = f"Host: a\r\nAuthorization: Bearer {TOKEN}\r\n"
        client.send(f"POST /pour HTTP/1.1\r\n{fields}".encode())
        client.send(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.assertEqual(client.response().body, body.upper())
        self.assertEqual([len(each) for each in self.read], [PIECE, 1])

    def test_pathsOtherwise(self) -> None:
        """A body may be long however its path is written."""
        for path in ("/rest/%70our/", "/rest/pour/", "/rest/pour?a=b", "/rest/pour?"):
            self.assertEqual(self.ask(b"x" * 6000, path=path).body, b"X" * 6000, path)


class ArrivingLimitTests(SiteTestCase):
    """
    The limit on bodies that arrive at the same time.
    """

    def begin(self, headers: Mapping[str, str | None] | None = None) -> HTTPClient:
        """Send a request of which half of the body is missing."""
        client = self.client()
        sent = request(MESSAGE, {"Accept": "application/json", **(headers or {})})
        client.send(sent[: len(sent) - len(MESSAGE) + len(MESSAGE) // 2])
        return client

    def test_all(self) -> None:
        """
        Beyond it a body is refused with 503; bodies that have ended do not count.
        """
        others = ARRIVING.size - len(MESSAGE)
        self.site.arriving.add((), others)
        first, second = self.begin(), self.begin()
        second.send(MESSAGE[len(MESSAGE) // 2 :])
        self.assertProblem(second.response(), 503)
        first.send(MESSAGE[len(MESSAGE) // 2 :])
        self.assertEqual(first.response().status, 202)
        self.begin().leave()
        self.site.arriving.remove((), others)
        self.assertEqual((self.site.arriving.count, self.site.arriving.size), (0, 0))

    def test_share(self) -> None:
        """
        A token cannot use more than the others leave, and credentials can.
        """
        headers = self.allow(Grant("poor"))
        self.site.arriving.add(("poor",), ARRIVING.size // 2)
        problem = self.assertProblem(self.begin(headers).response(), 503)
        self.assertIn("your token", problem["detail"])
        client = self.begin()
        client.send(MESSAGE[len(MESSAGE) // 2 :])
        self.assertEqual(client.response().status, 202)

    def test_single(self) -> None:
        """
        A body can arrive byte by byte.
        """
        client = self.begin()
        for position in range(len(MESSAGE) // 2, len(MESSAGE)):
            client.send(MESSAGE[position : position + 1])
        self.assertEqual(client.response().status, 202)
        self.assertEqual(self.site.arriving.size, 0)
