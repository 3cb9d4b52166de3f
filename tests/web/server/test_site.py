"""Tests of L{xmpprest.web.server.site}: limits in time and size, connections."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.python.failure import Failure
from twisted.web.resource import EncodingResourceWrapper, Resource
from twisted.web.server import NOT_DONE_YET, GzipEncoderFactory, Request

from xmpprest.web.server.channel import (
    ARRIVAL_TIMEOUT,
    CLOSE_TIMEOUT,
    IDLE_TIMEOUT,
    LINGER_TIMEOUT,
)
from xmpprest.web.server.site import DRAIN_TIMEOUT, SLACK, GatewaySite, makeRoot

from ...support.doubles import HTTPClient, live, said, stanza
from ..case import IQ, MESSAGE, SIZE_LIMIT, SiteTestCase, request


def chunked(
    body: bytes, size: int = 1000, headers: dict[str, str] | None = None
) -> bytes:
    """A request whose body comes in chunks."""
    head = request(
        b"",
        {"Content-Length": None, "Transfer-Encoding": "chunked", **(headers or {})},
    )
    pieces = [body[i : i + size] for i in range(0, len(body), size)]
    return head + b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in [*pieces, b""])


class SizeTests(SiteTestCase):
    """Bodies that are too long."""

    def assertLingers(self, client: HTTPClient) -> None:
        """
        The client can read its answer while what it sends is thrown away; then the
        connection is closed, and at last aborted.
        """
        self.assertFalse(client.transport.disconnecting)
        for _ in range(4):
            client.send(request())
            client.send(b"\x00" * 100_000)
            self.clock.advance(LINGER_TIMEOUT / 4 - 0.01)
        self.assertFalse(client.transport.disconnecting)
        self.assertEqual(client.transport.taken(), b"")
        self.clock.advance(0.1)
        self.assertTrue(client.transport.disconnecting)
        self.assertFalse(client.transport.disconnected)
        self.clock.advance(CLOSE_TIMEOUT)
        self.assertTrue(client.transport.disconnected)
        client.leave()
        self.assertEqual(self.timers(), [])
        self.assertEqual(self.outbox.sent, [])

    def test_contentLength(self) -> None:
        """A body that is announced to be too long is refused before it comes."""
        client = self.client()
        client.send(request(b"", {"Content-Length": str(SIZE_LIMIT + 1)}))
        response = client.response()
        self.assertXMLProblem(response, 413)
        self.assertEqual(response["Connection"], "close")
        self.assertIn(b"5000 bytes", response.body)
        self.assertLingers(client)

    def test_json(self) -> None:
        """The error has the format that Accept names."""
        client = self.client()
        client.send(request(b"", {"Content-Length": "9" * 30, "Accept": "*/*;q=0.1"}))
        self.assertXMLProblem(client.response(), 413)
        client = self.client()
        client.send(
            request(b"", {"Content-Length": "9999", "Accept": "application/json"})
        )
        self.assertProblem(client.response(), 413)

    def test_chunked(self) -> None:
        """A chunked body is refused when it gets too long."""
        client = self.client()
        data = chunked(b"x" * 20_000)
        client.send(data[:5000])
        self.assertEqual(client.responses(), [])
        client.send(data[5000:6000])
        self.assertXMLProblem(client.response(), 413)
        self.assertLingers(client)

    def test_oneChunk(self) -> None:
        """Chunks and packets of any size are limited together."""
        for size in (1, 7, 100_000):
            client = self.client()
            client.send(chunked(b"x" * 20_000, size))
            self.assertXMLProblem(client.response(), 413)

    def test_malformedLater(self) -> None:
        """A client gets one answer, even if what follows is malformed."""
        client = self.client()
        client.send(chunked(b"x" * 20_000)[:-5] + b"garbage\r\n\r\n")
        self.assertXMLProblem(client.response(), 413)
        self.assertLingers(client)

    def test_exactly(self) -> None:
        """A body that is just as long as it may be passes."""
        body = MESSAGE.ljust(SIZE_LIMIT)
        for data in (request(body), chunked(body), chunked(body, 1)):
            client = self.client()
            client.send(data)
            self.assertEqual(client.response().status, 202)

    def test_continue(self) -> None:
        """A client that asks before it sends is told to go on, or not at all."""
        client = self.client()
        head, body = request(MESSAGE, {"Expect": "100-continue"}).split(b"\r\n\r\n")
        client.send(head + b"\r\n\r\n")
        self.assertEqual(client.transport.taken(), b"HTTP/1.1 100 Continue\r\n\r\n")
        client.send(body)
        self.assertEqual(client.response().status, 202)
        client = self.client()
        client.send(
            request(
                b"", {"Expect": "100-continue", "Content-Length": str(SIZE_LIMIT + 1)}
            )
        )
        self.assertXMLProblem(client.response(), 413)

    def test_pipelined(self) -> None:
        """The requests before one that is too long are answered, those after not."""
        client = self.client()
        client.send(request() + request(b"", {"Content-Length": "9999"}) + request())
        self.settle()
        self.assertEqual([r.status for r in client.responses()], [202, 413])
        self.assertEqual(len(self.outbox.sent), 1)

    def test_behindWaiting(self) -> None:
        """A request that waits is answered first, and is not lost."""
        client = self.client()
        client.send(request(IQ) + request(b"x" * 10_000))
        self.assertEqual(client.responses(), [])
        self.requester.requests[0].reply.callback(stanza("<iq type='result'/>"))
        self.settle()
        self.assertEqual([r.status for r in client.responses()], [200, 413])

    def test_leaves(self) -> None:
        """A client that leaves while it is refused leaves nothing behind."""
        client = self.client()
        client.send(request(b"", {"Content-Length": "9999"}))
        client.leave()
        self.assertEqual(self.timers(), [])


class TimeTests(SiteTestCase):
    """Requests that are too slow."""

    def trickle(self, client: HTTPClient, data: bytes, seconds: float) -> None:
        """Send a byte a second."""
        for position in range(int(seconds)):
            client.send(data[position : position + 1])
            self.clock.advance(1)

    def assertCut(self, client: HTTPClient) -> None:
        """The client is told that it was too slow, and the connection closes."""
        response = client.response()
        self.assertEqual(response.status, 408)
        self.assertEqual(response["Connection"], "close")
        self.clock.advance(LINGER_TIMEOUT)
        self.assertTrue(client.transport.disconnecting)
        client.leave()
        self.assertEqual(self.timers(), [])
        self.assertEqual(self.outbox.sent, [])

    def test_head(self) -> None:
        """A head that trickles is cut off after 30 s, though every byte is news."""
        self.assertEqual(ARRIVAL_TIMEOUT, 30)
        client = self.client()
        self.trickle(client, request(), 29)
        self.assertEqual(client.responses(), [])
        self.trickle(client, request()[29:], 1)
        self.assertCut(client)

    def test_requestLine(self) -> None:
        """A first line that never ends is cut off, too."""
        client = self.client()
        self.trickle(client, b"POST /" + b"x" * 100, 30)
        self.assertCut(client)

    def test_body(self) -> None:
        """A body that trickles is cut off, with or without a known length."""
        for data in (
            request(b"x" * 1000),
            chunked(b"x" * 1000, 1),
        ):
            client = self.client()
            end = data.index(b"\r\n\r\n") + 4
            client.send(data[:end])
            self.trickle(client, data[end:], 30)
            self.assertCut(client)

    def test_headAndBody(self) -> None:
        """Head and body have 30 s together."""
        client = self.client()
        data = request()
        client.send(data[:50])
        self.clock.advance(20)
        client.send(data[50:-10])
        self.clock.advance(10)
        self.assertCut(client)

    def test_inTime(self) -> None:
        """A request that is slow, but there within 30 s, is answered."""
        client = self.client()
        data = request()
        step = len(data) // 28
        for position in range(0, len(data), step):
            client.send(data[position : position + step])
            self.clock.advance(1)
        self.assertEqual(client.response().status, 202)

    def test_second(self) -> None:
        """Every request of a connection has 30 s of its own."""
        client = self.client()
        for _ in range(5):
            self.trickle(client, request()[:20], 20)
            client.send(request()[20:])
            self.assertEqual(client.response().status, 202)
        self.trickle(client, request(), 30)
        self.assertEqual(client.response().status, 408)

    def test_secondInOnePacket(self) -> None:
        """The time counts as well for one that begins in another's last packet."""
        client = self.client()
        client.send(request() + request()[:10])
        self.assertEqual(client.response().status, 202)
        self.trickle(client, request()[10:], 31)
        self.assertEqual(client.response().status, 408)

    def test_longPoll(self) -> None:
        """A request that waits is not cut off, whatever else is pipelined."""
        client = self.client()
        client.send(request(IQ))
        self.clock.advance(20)
        client.send(request()[:50])
        for _ in range(270):
            self.clock.advance(1)
        self.assertEqual(client.responses(), [])
        self.assertFalse(client.transport.disconnecting)
        self.requester.requests[0].reply.callback(stanza("<iq type='result'/>"))
        self.assertEqual(client.response().status, 200)
        self.clock.advance(29)
        client.send(request()[50:])
        self.assertEqual(client.response().status, 202)

    def test_afterLongPoll(self) -> None:
        """A request pipelined meanwhile has 30 s from the response on."""
        client = self.client()
        client.send(request(IQ))
        client.send(request()[:50])
        self.clock.advance(100)
        self.requester.requests[0].reply.callback(stanza("<iq type='result'/>"))
        self.assertEqual(client.response().status, 200)
        self.settle()
        self.trickle(client, request()[50:], 30)
        self.assertCut(client)

    def test_idle(self) -> None:
        """An idle connection is closed after 60 s, without a word to anyone."""
        self.assertEqual(IDLE_TIMEOUT, 60)
        for data in (b"", request()):
            client = self.client()
            if data:
                client.send(data)
                client.transport.taken()
            with capturedLogs() as events:
                self.clock.advance(59)
                self.assertFalse(client.transport.disconnecting)
                self.clock.advance(1)
            self.assertTrue(client.transport.disconnecting)
            self.assertEqual(client.transport.taken(), b"")
            self.assertEqual(said(events), [])
            client.leave()
            self.assertEqual(self.timers(), [])

    def test_clinging(self) -> None:
        """A client that does not let go of a closed connection is cut off."""
        client = self.client()
        client.send(request(headers={"Connection": "close"}))
        self.assertEqual(client.response().status, 202)
        self.assertTrue(client.transport.disconnecting)
        self.clock.advance(CLOSE_TIMEOUT - 1)
        self.assertFalse(client.transport.disconnected)
        self.clock.advance(1)
        self.assertTrue(client.transport.disconnected)
        client.leave()
        self.assertEqual(self.timers(), [])

    def test_leaves(self) -> None:
        """A client that leaves in the middle leaves nothing behind."""
        for size in (0, 1, 100, len(request()) - 1, len(request())):
            client = self.client()
            client.send(request()[:size])
            client.leave()
            self.assertEqual(self.timers(), [])

    def test_fastIsCheap(self) -> None:
        """A request that comes in one piece sets no timer."""
        calls: list[float] = []

        class CountingClock(Clock):
            def callLater(
                self,
                delay: float,
                callable: Callable[..., object],
                *args: object,
                **kw: object,
            ) -> IDelayedCall:
                calls.append(delay)
                return super().callLater(delay, callable, *args, **kw)

        site = self.siteOf(CountingClock())
        client = HTTPClient(site)
        client.send(request())
        calls.clear()
        client.send(request())
        self.assertEqual(calls, [])


class ConnectionTests(SiteTestCase):
    """Several requests on one connection."""

    def test_pipelined(self) -> None:
        """Pipelined requests are answered in their order, the slow ones too."""
        client = self.client()
        client.send(request() + request(IQ) + request() + request(IQ) + request(b""))
        self.settle()
        self.assertEqual([r.status for r in client.responses()], [202])
        self.requester.requests[0].reply.callback(stanza("<iq type='result'/>"))
        self.settle()
        self.assertEqual([r.status for r in client.responses()], [200, 202])
        self.requester.requests[1].reply.callback(stanza("<iq type='result'/>"))
        self.settle()
        self.assertEqual([r.status for r in client.responses()], [200, 400])
        self.assertFalse(client.transport.disconnecting)

    def test_anyPieces(self) -> None:
        """Requests may arrive in pieces of any size."""
        data = request() + chunked(MESSAGE, 10) + request(b"") + request()
        for size in (1, 2, 3, 7, 100, len(data)):
            client = self.client()
            for position in range(0, len(data), size):
                client.send(data[position : position + size])
            self.settle()
            self.assertEqual(
                [r.status for r in client.responses()], [202, 202, 400, 202]
            )

    def test_leavesPipelined(self) -> None:
        """A client that leaves takes all that it has pipelined with it."""
        client = self.client()
        client.send(request(IQ) + request() + request())
        client.leave()
        self.assertTrue(self.requester.requests[0].cancelled)
        self.assertEqual(self.outbox.sent, [])
        self.assertEqual(self.timers(), [])

    def test_close(self) -> None:
        """C{Connection: close} is respected."""
        client = self.client()
        client.send(request(headers={"Connection": "close"}) + request())
        response = client.response()
        self.assertEqual(response["Connection"], "close")
        self.assertTrue(client.transport.disconnecting)
        self.assertEqual(len(self.outbox.sent), 1)

    def test_http10(self) -> None:
        """HTTP/1.0 works, without a Host, for one request."""
        client = self.client()
        client.send(
            request(headers={"Host": None}).replace(b"HTTP/1.1", b"HTTP/1.0", 1)
        )
        self.assertIn(b" 202 Accepted\r\n", client.transport.taken())
        self.assertTrue(client.transport.disconnecting)

    def test_noHTTP2(self) -> None:
        """TLS clients are offered HTTP/1.1 only, whatever is installed."""
        self.assertEqual(self.site.acceptableProtocols(), [b"http/1.1"])

    def test_noLogLines(self) -> None:
        """A request leaves nothing in the log."""
        with capturedLogs() as events:
            self.ask()
            self.ask(b"")
        self.assertEqual(said(events), [])

    def test_server(self) -> None:
        """The server says when, and what it is."""
        response = self.ask()
        self.assertTrue(response["Date"].endswith("GMT"))
        self.assertTrue(response["Server"].startswith("TwistedWeb/"))
        self.assertEqual(response.all("Content-Type"), [])

    def test_unread(self) -> None:
        """A body that nobody reads is no harm to what follows."""
        client = self.client()
        client.send(request(MESSAGE, method="GET") + request())
        self.settle()
        self.assertEqual([r.status for r in client.responses()], [405, 202])


class Mirror(Resource):
    """
    A resource of Twisted's kind, which expects the body in C{content}.

    @ivar contents: The files that the bodies were in.
    """

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.contents: list[object] = []

    def render_GET(self, request: Request) -> bytes:
        """Answer with what Twisted's resources read of a request."""
        seen = (request.args, request.getCookie(b"a"), request.getHeader(b"x"))
        return repr((*seen, request.uri, request.path, request.postpath)).encode()

    def render_POST(self, request: Request) -> bytes:
        """Answer with the body."""
        assert request.content is not None
        self.contents.append(request.content)
        body: bytes = request.content.read()
        return body


class OtherResourceTests(SiteTestCase):
    """Resources of Twisted's kind on the gateway's site."""

    def test_prefix(self) -> None:
        """A resource is found at its own path only, not below an unknown one."""
        self.assertEqual(self.ask(b"", {}, "GET", "/mirror").status, 200)
        for path in ("/x/mirror", "/x/y/mirror", "//mirror"):
            self.assertEqual(self.ask(b"", {}, "GET", path).status, 404, path)

    def setUp(self) -> None:
        super().setUp()
        self.mirror = Mirror()
        wrapped = EncodingResourceWrapper(Mirror(), [GzipEncoderFactory()])
        root = makeRoot({"mirror": self.mirror, "gzip": wrapped})
        self.site = GatewaySite(root, self.settings, self.clock)

    def test_get(self) -> None:
        """They find query, cookies, header fields and path where Twisted has them."""
        headers = {"Cookie": "a=b; c=d", "X": "1", "x": "2"}
        response = self.ask(b"", headers, "GET", "/mirror/%41/b?q=1&q=%32&r=")
        args = {b"q": [b"1", b"2"], b"r": [b""]}
        path = b"/mirror/%41/b"
        expected = (args, b"b", b"2", path + b"?q=1&q=%32&r=", path, [b"A", b"b"])
        self.assertEqual(response.body, repr(expected).encode())

    def test_post(self) -> None:
        """They find the whole body in memory, however it arrives."""
        for data in (
            request(MESSAGE, path="/mirror"),
            chunked(MESSAGE, 10).replace(b"/rest", b"/mirror", 1),
        ):
            for size in (1, 100, len(data)):
                client = self.client()
                for position in range(0, len(data), size):
                    client.send(data[position : position + size])
                self.assertEqual(client.response().body, MESSAGE)
        self.assertEqual({type(each) for each in self.mirror.contents}, {BytesIO})

    def test_tooLong(self) -> None:
        """A body that is longer than the site's limit is refused for them."""
        for data in (
            request(b"", {"Content-Length": "5001"}, path="/mirror"),
            chunked(b"x" * 5001).replace(b"/rest", b"/mirror", 1),
        ):
            client = self.client()
            client.send(data)
            self.assertXMLProblem(client.response(), 413)
        self.assertEqual(self.mirror.contents, [])

    def test_leaves(self) -> None:
        """A client that leaves before its body is complete leaves nothing behind."""
        client = self.client()
        client.send(request(MESSAGE, path="/mirror")[:-1])
        client.leave()
        self.assertEqual((self.mirror.contents, self.timers()), ([], []))

    def test_head(self) -> None:
        """C{HEAD} has the header fields of C{GET}, and no body."""
        client = self.client()
        client.send(request(b"", method="HEAD", path="/mirror"))
        head, _, body = client.transport.taken().partition(b"\r\n\r\n")
        self.assertIn(b"Content-Length: ", head)
        self.assertEqual(body, b"")

    def test_encoding(self) -> None:
        """Twisted's wrapper compresses their responses."""
        client = self.client()
        headers = {"Accept-Encoding": "gzip"}
        client.send(request(MESSAGE, headers, path="/gzip"))
        head = client.transport.taken().partition(b"\r\n\r\n")[0]
        self.assertIn(b"Content-Encoding: gzip", head)
        self.assertIn(b"Transfer-Encoding: chunked", head)

    def test_webSocket(self) -> None:
        """A connection that becomes a WebSocket is theirs, and counts until its end."""
        received: list[bytes] = []

        class Socket(Protocol):
            def dataReceived(self, data: bytes) -> None:
                received.append(data)

            def connectionLost(self, reason: Failure = connectionDone) -> None:
                received.append(b"lost")

        class SocketResource(Resource):
            isLeaf = True

            def render_GET(self, request: Request) -> int:
                request.channel._protocolUpgradeForWebsockets(Socket())
                return NOT_DONE_YET

        root = makeRoot({"s": SocketResource()})
        self.site = GatewaySite(root, self.settings, self.clock)
        client = self.client()
        client.send(request(b"", method="GET", path="/s"))
        client.send(b"frame")
        self.clock.advance(IDLE_TIMEOUT)
        self.assertEqual(len(self.site.channels), 1)
        client.leave()
        self.assertEqual(received, [b"frame", b"lost"])
        self.assertEqual((len(self.site.channels), self.timers()), (0, []))

    def test_fails(self) -> None:
        """An exception in one becomes a 500, also after its body has arrived."""

        class Broken(Resource):
            isLeaf = True

            def render_POST(self, request: Request) -> bytes:
                raise ZeroDivisionError

        self.site = GatewaySite(makeRoot({"b": Broken()}), self.settings, self.clock)
        data = request(MESSAGE, path="/b")
        for pieces in ([data], [data[:-1], data[-1:]]):
            client = self.client()
            for piece in pieces:
                client.send(piece)
            self.assertEqual(client.response().status, 500)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)


class HeldPort:
    """
    A port that tells whether it accepts connections.
    """

    isPaused = False

    def pauseProducing(self) -> None:
        """Accept no more."""
        self.isPaused = True

    def resumeProducing(self) -> None:
        """Accept connections again."""
        self.isPaused = False


class ConnectionLimitTests(SiteTestCase):
    """The number of connections."""

    def setUp(self) -> None:
        super().setUp()
        self.settings.value = live(connectionLimit=10).value
        self.port = HeldPort()
        self.site.listensOn(self.port)

    def test_pauses(self) -> None:
        """At the limit a port accepts no more, until a tenth of them are closed."""
        with capturedLogs() as events:
            clients = [self.client() for _ in range(9)]
            self.assertFalse(self.port.isPaused)
            clients += [self.client(), self.client()]
        self.assertTrue(self.port.isPaused)
        (line,) = said(events)
        self.assertIn("10 HTTP connections are open", line)
        self.assertIn("LimitNOFILE", line)
        clients.pop().leave()
        self.assertTrue(self.port.isPaused)
        clients.pop().leave()
        self.assertFalse(self.port.isPaused)
        self.client()
        self.assertTrue(self.port.isPaused)

    def test_slack(self) -> None:
        """Some connections that the port accepts in the same turn are still served."""
        clients = [self.client() for _ in range(10 + SLACK)]
        clients[-1].send(request())
        self.assertEqual(clients[-1].response().status, 202)
        self.assertIsNone(self.site.buildProtocol(None))

    def test_drain(self) -> None:
        """A port that is closed at the end is not told to accept again."""
        clients = [self.client() for _ in range(10)]
        self.site.drain()
        for client in clients:
            client.leave()
        self.assertTrue(self.port.isPaused)


class DrainTests(SiteTestCase):
    """The end of a site."""

    def test_idle(self) -> None:
        """Idle connections are closed at once."""
        client = self.client()
        drained = self.site.drain()
        self.assertTrue(client.transport.disconnecting)
        self.assertNoResult(drained)
        client.leave()
        self.successResultOf(drained)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_answering(self) -> None:
        """A request that waits is answered before its connection is closed."""
        client = self.client()
        client.send(request(IQ))
        drained = self.site.drain()
        self.assertFalse(client.transport.disconnecting)
        self.requester.requests[0].reply.callback(stanza("<iq type='result'/>"))
        self.assertEqual(client.response().status, 200)
        self.assertTrue(client.transport.disconnecting)
        client.leave()
        self.successResultOf(drained)

    def test_stuck(self) -> None:
        """A client delays the end for 5 s at most."""
        client = self.client()
        client.send(request(IQ))
        drains = [self.site.drain(), self.site.drain()]
        self.clock.advance(DRAIN_TIMEOUT)
        for drained in drains:
            self.successResultOf(drained)
        client.leave()
