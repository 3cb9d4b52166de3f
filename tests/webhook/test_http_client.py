"""
Tests of L{xmpprest.webhook.http_client} and L{xmpprest.webhook.limited_transport}.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import (
    ConnectError,
    ConnectionRefusedError,
    DNSLookupError,
    TimeoutError,
)
from twisted.internet.interfaces import IConsumer
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer

from tests.support.delivery import HeldConnection, HeldHTTPServer, NoTLS
from xmpprest.core.webhook.errors import DeliveryError
from xmpprest.webhook.http_client import (
    HEAD_LIMIT,
    HEAD_TIMEOUT,
    IDLE_TIMEOUT,
    STALE_TIME,
    TOTAL_TIMEOUT,
    BoundedClient,
    HTTPResponse,
)
from xmpprest.webhook.limited_transport import (
    ATTEMPT_DELAY,
    CLOSE_TIMEOUT,
    CONNECT_TIMEOUT,
    INTERIM_LIMIT,
)

LIMIT = 1000


@implementer(IBodyProducer)
class HeldBody:
    """
    A body of which a part is sent.

    @ivar sent: Fires when all of it is sent.
    @ivar isStopped: Whether no more is wanted.
    """

    length = 5

    def __init__(self) -> None:
        self.sent: Deferred[None] = Deferred()
        self.isStopped = False

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """Write a part."""
        consumer.write(b"hel")
        return self.sent

    def pauseProducing(self) -> None:
        """Do nothing: no more is written."""

    def resumeProducing(self) -> None:
        """Do nothing: no more is written."""

    def stopProducing(self) -> None:
        """Record the call."""
        self.isStopped = True


class ClientTestCase(SynchronousTestCase):
    """
    A client of one server, both in memory.
    """

    def setUp(self) -> None:
        """Have both, and make sure that nothing is left of them."""
        self.reactor = MemoryReactorClock()
        self.server = HeldHTTPServer(self.reactor)
        self.client = BoundedClient(self.reactor, NoTLS(), 2, LIMIT)

    def request(
        self,
        body: bytes = b"hello",
        method: bytes = b"POST",
        url: bytes = b"http://callback.example:8080/hook?a=b",
    ) -> Deferred[HTTPResponse]:
        """Begin a request."""
        return Deferred.fromCoroutine(
            self.client.request(method, url, Headers({b"X-Test": [b"1"]}), body)
        )

    def connected(
        self, body: bytes = b"hello"
    ) -> tuple[Deferred[HTTPResponse], HeldConnection]:
        """Begin a request, and connect."""
        asking = self.request(body)
        return asking, self.server.accept()

    def sending(self) -> tuple[Deferred[HTTPResponse], HeldConnection, HeldBody]:
        """Begin a request, connect, and send a part of its body."""
        body = HeldBody()
        url, headers = b"http://callback.example:8080/", Headers()
        asking = Deferred.fromCoroutine(
            self.client.requestFrom(b"PUT", url, headers, lambda: body)
        )
        connection = self.server.accept()
        self.assertIn(b"hel", connection.transport.taken())
        return asking, connection, body

    def answer(self, asking: Deferred[HTTPResponse], status: int = 200) -> bytes:
        """The body of the answer that has come."""
        answer = self.successResultOf(asking)
        self.assertEqual(status, answer.status)
        return answer.body

    def noAnswer(self, asking: Deferred[HTTPResponse]) -> str:
        """The reason why none has come."""
        return str(self.failureResultOf(asking, DeliveryError).value)

    def assertNothingLeft(self) -> None:
        """Check that no connection and no timer is left."""
        self.reactor.advance(0)
        self.assertEqual(0, self.server.openConnections())
        self.assertEqual(0, self.server.attempts)
        self.assertEqual([], self.reactor.getDelayedCalls())


class RequestTests(ClientTestCase):
    """
    Tests of what is sent, and of the ways in which an answer may come.
    """

    def test_request(self) -> None:
        """
        A request has the method, the target, the headers and the body it was given.
        """
        _, connection = self.connected(b"hello")
        request = connection.request()
        self.assertEqual("POST", request.method)
        self.assertEqual("/hook?a=b", request.target)
        self.assertEqual("callback.example:8080", request["Host"])
        self.assertEqual("1", request["X-Test"])
        self.assertEqual("5", request["Content-Length"])
        self.assertEqual(b"hello", request.body)

    def test_withoutBody(self) -> None:
        """
        A request without a body does not announce one.
        """
        self.request(b"", b"OPTIONS")
        request = self.server.accept().request()
        self.assertEqual("OPTIONS", request.method)
        self.assertNotIn("Content-Length", request)
        self.assertNotIn("Transfer-Encoding", request)

    def test_noCompression(self) -> None:
        """
        No compression is accepted, so that the size of what comes is what it is.
        """
        _, connection = self.connected()
        self.assertNotIn("Accept-Encoding", connection.request())

    def test_longBody(self) -> None:
        """
        A request may be longer than its answer may be.
        """
        asking, connection = self.connected(b"x" * 100_000)
        self.assertEqual(100_000, len(connection.request().body))
        connection.answer(200, b"ok")
        self.assertEqual(b"ok", self.answer(asking))

    def test_answer(self) -> None:
        """
        An answer is its status, its headers and its body.
        """
        asking, connection = self.connected()
        connection.answer(404, b"nobody", "text/html")
        answer = self.successResultOf(asking)
        self.assertEqual(404, answer.status)
        self.assertEqual(b"nobody", answer.body)
        self.assertEqual("text/html", answer.header("Content-Type"))
        self.assertIsNone(answer.header("Accept"))

    def test_headerLines(self) -> None:
        """
        Lines of one header field make up one value.
        """
        asking, connection = self.connected()
        connection.send(
            b"HTTP/1.1 200 OK\r\nAccept: a/b\r\nContent-Length: 0\r\n"
            b"Accept: c/d\r\n\r\n"
        )
        self.assertEqual("a/b, c/d", self.successResultOf(asking).header("Accept"))

    def test_byteByByte(self) -> None:
        """A response may arrive in any pieces."""
        asking, connection = self.connected()
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok":
            connection.send(bytes([byte]))
        self.assertEqual(b"ok", self.answer(asking))

    def test_chunked(self) -> None:
        """
        An answer may come in chunks.
        """
        asking, connection = self.connected()
        connection.send(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"2\r\nab\r\n1;x=y\r\nc\r\n0\r\nTrailer: t\r\n\r\n"
        )
        self.assertEqual(b"abc", self.answer(asking))
        self.assertTrue(connection.isOpen)

    def test_untilClosed(self) -> None:
        """
        An answer of HTTP/1.0 without a length ends with its connection.
        """
        asking, connection = self.connected()
        connection.send(b"HTTP/1.0 200 OK\r\n\r\nall of")
        connection.send(b" it")
        self.assertNoResult(asking)
        connection.close()
        self.assertEqual(b"all of it", self.answer(asking))

    def test_withoutContent(self) -> None:
        """
        Some statuses have no body, whatever the headers say (RFC 9110 §6.4.1).
        """
        for status in (204, 304):
            asking, connection = self.connected()
            connection.send(
                f"HTTP/1.1 {status} So\r\nContent-Length: 5\r\n\r\n".encode()
            )
            self.assertEqual(b"", self.answer(asking, status))
            connection.close()

    def test_interim(self) -> None:
        """
        Interim answers are passed over (RFC 9110 §15.2).
        """
        asking, connection = self.connected()
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\n\r\n")
        self.assertNoResult(asking)
        connection.answer(200, b"ok")
        self.assertEqual(b"ok", self.answer(asking))

    def test_redirect(self) -> None:
        """
        A redirect is an answer, and is not followed.
        """
        asking, connection = self.connected()
        connection.send(
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n"
            b"Content-Length: 0\r\n\r\n"
        )
        self.answer(asking, 302)
        self.assertEqual(0, self.server.attempts)


class LimitTests(ClientTestCase):
    """
    Tests of the limits on size.
    """

    def assertTooLong(
        self, asking: Deferred[HTTPResponse], connection: HeldConnection
    ) -> None:
        """The answer is refused, and the connection cut."""
        self.reactor.advance(0)
        self.assertEqual("its answer is too long", self.noAnswer(asking))
        self.assertTrue(connection.transport.disconnected)
        self.assertNothingLeft()

    def test_longestBody(self) -> None:
        """
        A body may be as long as the limit.
        """
        asking, connection = self.connected()
        connection.answer(200, b"x" * LIMIT)
        self.assertEqual(LIMIT, len(self.answer(asking)))

    def test_bodyTooLong(self) -> None:
        """
        One byte more is no answer.
        """
        asking, connection = self.connected()
        connection.answer(200, b"x" * (LIMIT + 1))
        self.assertEqual("its answer is too long", self.noAnswer(asking))
        self.assertTrue(connection.transport.disconnected)
        self.reactor.advance(IDLE_TIMEOUT)
        self.assertNothingLeft()

    def test_endlessBody(self) -> None:
        """
        A body that goes on is cut as soon as it exceeds the limit.
        """
        asking, connection = self.connected()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
        for _ in range(10):
            connection.send(b"x" * 101)
        self.assertTooLong(asking, connection)

    def test_endlessChunks(self) -> None:
        """
        A body in chunks is cut, too.
        """
        asking, connection = self.connected()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(11):
            connection.send(b"64\r\n" + b"x" * 100 + b"\r\n")
        self.assertTooLong(asking, connection)

    def test_endlessHeaders(self) -> None:
        """
        Headers without end are cut.
        """
        asking, connection = self.connected()
        connection.send(b"HTTP/1.1 200 OK\r\n")
        for _ in range((HEAD_LIMIT + LIMIT) // 100 + 1):
            connection.send(b"X-More: " + b"x" * 90 + b"\r\n")
        self.assertTooLong(asking, connection)

    def test_endlessLine(self) -> None:
        """
        A header line without end is no answer.
        """
        asking, connection = self.connected()
        for _ in range((HEAD_LIMIT + LIMIT) // 1000 + 1):
            connection.send(b"x" * 1000)
        self.reactor.advance(0)
        self.noAnswer(asking)
        self.assertNothingLeft()

    def test_endlessInterim(self) -> None:
        """
        Interim answers without end are cut, before the log is full of them.
        """
        asking, connection = self.connected()
        with capturedLogs() as logs:
            for _ in range(1000):
                connection.send(b"HTTP/1.1 100 \r\n\r\n" * 3)
        self.assertTooLong(asking, connection)
        self.assertLessEqual(len(logs), INTERIM_LIMIT)

    def test_manyInterim(self) -> None:
        """
        Some of them, with each answer, do no harm.
        """
        asking, connection = self.connected()
        with capturedLogs():
            for _ in range(3):
                connection.send(b"HTTP/1.1 102 Wait\r\n\r\n" * INTERIM_LIMIT)
                connection.answer()
                self.answer(asking)
                asking = self.request()

    def test_eachAnswerAnew(self) -> None:
        """
        The limits are for one answer, not for all that come over a connection.
        """
        asking, connection = self.connected()
        connection.answer(200, b"x" * LIMIT)
        for _ in range(2 * HEAD_LIMIT // LIMIT):
            asking = self.request(b"y" * 100_000)
            connection.answer(200, b"x" * LIMIT)
            self.assertEqual(LIMIT, len(self.answer(asking)))
        self.assertEqual(1, len(self.server.connections))


class TimeTests(ClientTestCase):
    """
    Tests of the limits on time.
    """

    def test_connect(self) -> None:
        """
        The connection must be there within 5 s.
        """
        asking = self.request()
        self.assertEqual(CONNECT_TIMEOUT, self.reactor.tcpClients[0][3])
        self.server.refuse(TimeoutError())
        self.reactor.advance(1)
        self.assertEqual(
            "it could not be connected to within 5 s", self.noAnswer(asking)
        )
        self.assertNothingLeft()

    def test_connectForEver(self) -> None:
        """
        An attempt to connect that never ends is given up with the head.
        """
        asking = self.request()
        self.reactor.advance(HEAD_TIMEOUT)
        self.assertEqual("it sent no answer within 15 s", self.noAnswer(asking))
        self.assertTrue(self.server.isGivenUp())

    def test_head(self) -> None:
        """
        The head must be there within 15 s, connecting included.
        """
        asking = self.request()
        self.reactor.advance(4)
        connection = self.server.accept()
        connection.send(b"HTTP/1.1 200 OK\r\n")
        self.reactor.advance(HEAD_TIMEOUT - 4 - 0.01)
        self.assertNoResult(asking)
        self.reactor.advance(0.01)
        self.assertEqual("it sent no answer within 15 s", self.noAnswer(asking))
        self.assertTrue(connection.transport.disconnected)
        self.assertNothingLeft()

    def test_slowInterim(self) -> None:
        """
        Interim answers do not gain time.
        """
        asking, connection = self.connected()
        with capturedLogs():
            for _ in range(int(HEAD_TIMEOUT)):
                connection.send(b"HTTP/1.1 102 Processing\r\n\r\n")
                self.reactor.advance(1)
        self.assertEqual("it sent no answer within 15 s", self.noAnswer(asking))
        self.assertNothingLeft()

    def test_whole(self) -> None:
        """
        All of the answer must be there within 30 s, however soon the head came.
        """
        asking, connection = self.connected()
        self.reactor.advance(1)
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        for _ in range(int(TOTAL_TIMEOUT) - 1):
            connection.send(b"x")
            self.assertNoResult(asking)
            self.reactor.advance(1)
        self.assertEqual(
            "it did not finish its answer within 30 s", self.noAnswer(asking)
        )
        self.assertTrue(connection.transport.disconnected)
        self.assertNothingLeft()

    def test_inTime(self) -> None:
        """
        An answer that is whole after 29 s is an answer.
        """
        asking, connection = self.connected()
        self.reactor.advance(14)
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n")
        self.reactor.advance(15)
        connection.send(b"x")
        self.assertEqual(b"x", self.answer(asking))

    def test_twoTries(self) -> None:
        """
        A request that is sent once more has no more time for it.
        """
        asking, connection = self.connected()
        connection.answer()
        asking = self.request()
        self.reactor.advance(STALE_TIME)
        connection.close()
        self.server.accept()
        self.reactor.advance(HEAD_TIMEOUT - STALE_TIME)
        self.noAnswer(asking)
        self.assertNothingLeft()

    def test_diedAtWork(self) -> None:
        """
        A kept connection that is closed later was not stale: the server may have
        died of the request, and does not get it again.
        """
        asking, connection = self.connected()
        connection.answer()
        asking = self.request()
        self.reactor.advance(STALE_TIME + 0.01)
        connection.close()
        self.noAnswer(asking)
        self.assertNothingLeft()


class FaultTests(ClientTestCase):
    """
    Tests of answers that are none.
    """

    def test_refused(self) -> None:
        """
        The reason of a connection that cannot be made is told, and soon.
        """
        faults: list[tuple[Exception, str]] = [
            (ConnectionRefusedError(), "Connection was refused by other side"),
            (DNSLookupError("no such name"), "DNS lookup failed: no such name"),
            (ConnectError(), "An error occurred while connecting"),
        ]
        for fault, words in faults:
            asking = self.request()
            self.server.refuse(fault)
            self.reactor.advance(ATTEMPT_DELAY)
            self.assertEqual(words, self.noAnswer(asking))
        self.assertNothingLeft()

    def test_closed(self) -> None:
        """
        A new connection that is closed is no answer, and is not tried again.
        """
        for close in (HeldConnection.close, HeldConnection.reset):
            asking, connection = self.connected()
            close(connection)
            self.assertEqual(
                "it closed the connection before its answer was complete",
                self.noAnswer(asking),
            )
            self.assertEqual(0, self.server.attempts)
        self.assertNothingLeft()

    def test_closedWhileSending(self) -> None:
        """
        A connection that is closed before all of the body is sent is no answer.
        """
        for close in (HeldConnection.close, HeldConnection.reset):
            asking, connection, body = self.sending()
            close(connection)
            self.assertEqual(
                "it closed the connection before its answer was complete",
                self.noAnswer(asking),
            )
            self.assertTrue(body.isStopped)
        self.assertNothingLeft()

    def test_unreadable(self) -> None:
        """
        A body that cannot be read ends the request; the error says so, without the
        words of the fault.
        """
        asking, connection, body = self.sending()
        body.sent.errback(OSError("secret"))
        self.assertEqual(
            "the body of the request could not be read (OSError)",
            self.noAnswer(asking),
        )
        self.assertTrue(connection.transport.disconnected)
        self.reactor.advance(0)
        self.assertNothingLeft()

    def test_answeredWhileSending(self) -> None:
        """
        An answer that comes before all of the body is sent stops the body.
        """
        asking, connection, body = self.sending()
        connection.answer(500)
        self.answer(asking, 500)
        self.assertTrue(body.isStopped)
        self.reactor.advance(0)
        self.assertNothingLeft()

    def test_truncated(self) -> None:
        """
        A part of an answer is none, and is not asked for again: the server has
        dealt with the request.
        """
        parts = [
            b"HTTP/1.1 200 O",
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        ]
        for part in parts:
            asking, connection = self.connected()
            connection.send(part)
            connection.close()
            self.assertEqual(
                "it closed the connection before its answer was complete",
                self.noAnswer(asking),
            )
            self.assertEqual(0, self.server.attempts)
        self.assertNothingLeft()

    def test_truncatedOnKept(self) -> None:
        """
        That holds as well for a connection that had been kept.
        """
        asking, connection = self.connected()
        connection.answer()
        asking = self.request()
        connection.send(b"H")
        connection.reset()
        self.noAnswer(asking)
        self.assertEqual(0, self.server.attempts)

    def test_garbage(self) -> None:
        """Bytes that are not HTTP are no response; the error does not repeat them."""
        garbage = [
            b"SSH-2.0-secret\r\n",
            b"secret\r\n\r\n",
            b"HTTP/secret 200 OK\r\n\r\n",
            b"HTTP/1.1 secret OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nsecret\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: secret\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: secret\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nsecret\r\n",
        ]
        for data in garbage:
            asking, connection = self.connected()
            connection.send(data)
            self.reactor.advance(0)
            reason = self.noAnswer(asking)
            self.assertNotIn("secret", reason)
            self.assertNothingLeft()

    def test_statuses(self) -> None:
        """
        A status below 100 or above 599 is no answer; its connection ends as well as
        any other.
        """
        for status, isAnswer in (
            ("-200", False),
            ("0", False),
            ("99", False),
            ("200", True),
            ("418", True),
            ("599", True),
            ("600", False),
            ("700", False),
            ("9" * 50, False),
        ):
            asking, connection = self.connected()
            head = f"HTTP/1.1 {status} OK\r\nConnection: close\r\n"
            connection.send(f"{head}Content-Length: 2\r\n\r\nhi".encode())
            self.reactor.advance(0)
            if isAnswer:
                self.assertEqual(b"hi", self.answer(asking, int(status)))
            else:
                reason = self.noAnswer(asking)
                self.assertEqual(reason, "its answer has no status between 100 and 599")
            self.assertNothingLeft()

    def test_unasked(self) -> None:
        """
        A server that speaks unasked loses its connection, and does no harm.
        """
        asking, connection = self.connected()
        connection.answer()
        self.answer(asking)
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged")
        self.reactor.advance(0)
        self.assertFalse(connection.isOpen)
        asking, connection = self.connected()
        connection.answer(200, b"true")
        self.assertEqual(b"true", self.answer(asking))


class ConnectionTests(ClientTestCase):
    """
    Tests of how connections are kept, shared and given up.
    """

    def test_reused(self) -> None:
        """
        The next request goes over the same connection.
        """
        asking, connection = self.connected(b"one")
        connection.answer(200, b"1")
        self.answer(asking)
        asking = self.request(b"two")
        self.assertEqual([b"one", b"two"], [r.body for r in connection.requests()])
        connection.answer(200, b"2")
        self.assertEqual(b"2", self.answer(asking))
        self.assertEqual(0, self.server.attempts)

    def test_notReused(self) -> None:
        """
        The next request goes over another connection where the server wants that.
        """
        asking, connection = self.connected()
        connection.send(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        )
        self.answer(asking)
        self.reactor.advance(0)
        self.assertFalse(connection.isOpen)
        self.request()
        self.assertEqual(1, self.server.attempts)

    def test_idle(self) -> None:
        """
        A connection that nobody uses is closed.
        """
        asking, connection = self.connected()
        connection.answer()
        self.answer(asking)
        self.reactor.advance(IDLE_TIMEOUT - 0.1)
        self.assertTrue(connection.isOpen)
        self.reactor.advance(0.1)
        self.assertNothingLeft()

    def test_stale(self) -> None:
        """
        A kept connection that is closed just as it is used again costs nothing:
        the request is sent once more, on a new connection.
        """
        for close in (HeldConnection.close, HeldConnection.reset):
            asking, connection = self.connected(b"one")
            connection.answer()
            self.answer(asking)
            asking = self.request(b"two")
            close(connection)
            connection = self.server.accept()
            self.assertEqual(b"two", connection.request().body)
            connection.answer(200, b"2")
            self.assertEqual(b"2", self.answer(asking))
            connection.close()

    def test_staleOnce(self) -> None:
        """A request on a stale connection is repeated once, and not again."""
        asking, connection = self.connected()
        connection.answer()
        asking = self.request()
        connection.close()
        self.server.accept().close()
        self.noAnswer(asking)
        self.assertEqual(0, self.server.attempts)
        self.assertNothingLeft()

    def test_staleAll(self) -> None:
        """
        The repeated request uses a new connection, not another kept one: a server that
        restarts closes them all.
        """
        one, two = self.request(), self.request()
        first, second = self.server.accept(), self.server.accept()
        first.answer()
        second.answer()
        self.answer(one)
        self.answer(two)
        asking = self.request()
        first.close()
        self.assertEqual(1, self.server.attempts)
        self.reactor.advance(0)
        self.assertFalse(second.isOpen)
        self.server.accept().answer(200, b"ok")
        self.assertEqual(b"ok", self.answer(asking))

    def test_closedWhileIdle(self) -> None:
        """
        A connection that was closed while nobody used it is not used again.
        """
        asking, connection = self.connected()
        connection.answer()
        connection.close()
        asking, connection = self.connected()
        connection.answer(200, b"ok")
        self.assertEqual(b"ok", self.answer(asking))
        connection.close()
        self.reactor.advance(IDLE_TIMEOUT)
        self.assertNothingLeft()

    def test_cancelConnecting(self) -> None:
        """
        A request that is cancelled while it connects leaves nothing.
        """
        asking = self.request()
        asking.cancel()
        self.failureResultOf(asking, CancelledError)
        self.assertTrue(self.server.isGivenUp())
        self.assertEqual([], self.reactor.getDelayedCalls())

    def test_cancelWaitingForHead(self) -> None:
        """
        A request that is cancelled takes its connection with it, and makes room.
        """
        asking, connection = self.connected()
        others = [self.request(), self.request()]
        asking.cancel()
        self.failureResultOf(asking, CancelledError)
        self.assertTrue(connection.transport.disconnected)
        for each in others:
            self.server.accept().answer()
            self.answer(each)

    def test_cancelReadingBody(self) -> None:
        """A request that is cancelled while the body is read leaves no connection."""
        asking, connection = self.connected()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
        asking.cancel()
        self.failureResultOf(asking, CancelledError)
        self.assertTrue(connection.transport.disconnected)
        self.assertNothingLeft()

    def test_cancelSending(self) -> None:
        """
        A request that is cancelled while its body is sent leaves no connection.
        """
        asking, connection, body = self.sending()
        asking.cancel()
        self.failureResultOf(asking, CancelledError)
        self.assertTrue(connection.transport.disconnected)
        self.assertTrue(body.isStopped)
        self.reactor.advance(0)
        self.assertNothingLeft()

    def test_close(self) -> None:
        """
        After close no connection is open and nothing is left to do.
        """
        one, two = self.request(), self.request()
        for _ in range(2):
            self.server.accept().answer()
        self.answer(one)
        self.answer(two)
        self.assertEqual(2, self.server.openConnections())
        closing = self.client.close()
        self.reactor.advance(0)
        self.successResultOf(closing)
        self.assertNothingLeft()

    def test_closeUnused(self) -> None:
        """
        A client that was never used can be closed.
        """
        self.successResultOf(self.client.close())

    def test_closeDrawnOut(self) -> None:
        """
        A server that does not agree to close, as with TLS, is cut off.
        """
        asking, connection = self.connected()
        connection.answer()
        self.answer(asking)
        connection.transport.lingers = True
        closing = self.client.close()
        self.reactor.advance(0)
        self.assertNoResult(closing)
        self.reactor.advance(CLOSE_TIMEOUT)
        self.reactor.advance(0)
        self.successResultOf(closing)
        self.assertNothingLeft()
