"""Tests of L{xmpprest.files.uploader}."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.task import Clock, Cooperator
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer
from twisted.words.xish.domish import Element

from tests.core.files.test_slot import error, reply
from tests.support.delivery import HeldHTTPServer, NoTLS
from tests.support.doubles import live, stanza
from xmpprest.core.errors import Refusal
from xmpprest.core.files.slot import FileDetails
from xmpprest.core.stanza.build import elements
from xmpprest.core.webhook.errors import DeliveryError, ResponseLimitExceeded
from xmpprest.files.finder import ServiceFinder
from xmpprest.files.spool import Spool
from xmpprest.files.uploader import ATTEMPTS, FileUploader
from xmpprest.webhook.http_client import BoundedClient
from xmpprest.webhook.limited_transport import ATTEMPT_DELAY, CLOSE_TIMEOUT

from .test_finder import FORM, UPLOAD

#: Seconds in which one piece of a file is sent.
TURN = 0.01
FILE = FileDetails("a.txt", 5, "text/plain", "")


def info(query: Element, limit: int) -> Element:
    """Reply to the query what the service is."""
    form = FORM.format("", limit)
    return stanza(
        f"<iq type='result' from='{query['to']}' to='{query['from']}'"
        f" id='{query['id']}'><query xmlns='http://jabber.org/protocol/disco#info'>"
        f"{UPLOAD}{form}</query></iq>"
    )


@dataclass
class Response:
    """A response."""

    status: int


class HeldService:
    """
    An upload service.

    @ivar asked: The requests for slots.
    @ivar puts: URL, content and headers of each upload.
    @ivar statuses: The responses to come.
    @ivar limit: Bytes that it takes.
    @ivar error: The content of the error in place of a slot, if any.
    @ivar put: The beginning of the URLs of uploads.
    """

    def __init__(self) -> None:
        self.asked: list[Element] = []
        self.puts: list[tuple[bytes, bytes, Headers]] = []
        self.statuses: list[int | DeliveryError] = [201]
        self.limit = 100
        self.error = ""
        self.put = "https://up.example"

    async def request(self, stanza: Element, timeout: float) -> Sequence[Element]:
        """Give a slot, or tell of the limit."""
        if "disco" in elements(stanza)[0].uri:
            return [info(stanza, self.limit)]
        if self.error:
            return [error(self.error)]
        self.asked.append(stanza)
        number = len(self.asked)
        header = "<header name='Authorization'>secret</header>"
        url = f"{self.put}/{number}"
        return [reply(url, f"https://down.example/{number}", header)]

    async def requestFrom(
        self,
        method: bytes,
        url: bytes,
        headers: Headers,
        makeBody: Callable[[], IBodyProducer | None],
    ) -> Response:
        """Read all of the body, and give the next response."""
        transport, body = StringTransport(), makeBody()
        assert body is not None
        await body.startProducing(transport)
        self.puts.append((url, transport.value(), headers))
        status = self.statuses.pop(0)
        if isinstance(status, DeliveryError):
            raise status
        return Response(status)


class UploaderTests(SynchronousTestCase):
    """
    Tests of L{FileUploader}.
    """

    def setUp(self) -> None:
        self.spool = Spool(None)
        self.addCleanup(self.spool.close)
        self.spool.write(b"hello")
        self.service = HeldService()
        self.clock = Clock()
        settings = live(uploadService="upload.example.org")
        self.finder = ServiceFinder(self.service, "gateway.example", settings)
        self.uploader = FileUploader(
            self.finder,
            self.service,
            self.service,
            "gateway.example",
            Cooperator(scheduler=lambda call: self.clock.callLater(0, call)),
        )

    def upload(self) -> Deferred[str]:
        """Upload the file."""
        uploading = Deferred.fromCoroutine(self.uploader.upload(self.spool, FILE))
        self.clock.pump([0] * 20)
        return uploading

    def test_upload(self) -> None:
        """
        The file goes to the slot with its headers, and its URL is returned.
        """
        self.assertEqual(self.successResultOf(self.upload()), "https://down.example/1")
        ((url, content, headers),) = self.service.puts
        self.assertEqual((url, content), (b"https://up.example/1", b"hello"))
        self.assertEqual(
            dict(headers.getAllRawHeaders()),
            {b"Content-Type": [b"text/plain"], b"Authorization": [b"secret"]},
        )
        (iq,) = self.service.asked
        self.assertEqual(iq["to"], "upload.example.org")
        self.assertEqual(iq["from"], "gateway.example")

    def test_again(self) -> None:
        """
        A failed upload is repeated with a new slot, from the beginning of the file.
        """
        self.service.statuses = [500, DeliveryError("it is gone"), 201]
        self.assertEqual(self.successResultOf(self.upload()), "https://down.example/3")
        contents = [content for _, content, _ in self.service.puts]
        self.assertEqual(contents, [b"hello"] * 3)
        self.assertEqual(len({iq["id"] for iq in self.service.asked}), 3)

    def test_fails(self) -> None:
        """
        An upload that fails each time is refused with 503.
        """
        self.service.statuses = [507] * ATTEMPTS
        refusal = self.failureResultOf(self.upload(), Refusal).value
        self.assertEqual(refusal.problem.status, 503)
        self.assertIn("507", refusal.problem.text)
        self.assertEqual(len(self.service.puts), ATTEMPTS)

    def test_late(self) -> None:
        """
        An upload that gets no response within the limits is not repeated: 504.
        """
        self.service.statuses = [ResponseLimitExceeded("it sent no answer within 9 s")]
        refusal = self.failureResultOf(self.upload(), Refusal).value
        self.assertEqual(refusal.problem.status, 504)
        self.assertIn("within 9 s", refusal.problem.text)
        self.assertEqual(len(self.service.puts), 1)

    def test_tooLarge(self) -> None:
        """
        A file above the limit of the service is refused with 413, without a slot.
        """
        self.service.limit = FILE.size - 1
        refusal = self.failureResultOf(self.upload(), Refusal).value
        self.assertEqual(refusal.problem.status, 413)
        self.assertIn("the 4 bytes", refusal.problem.text)
        self.assertEqual(self.service.asked, [])

    def test_forgotten(self) -> None:
        """
        After a failure the service is found anew.
        """
        forbidden = "<forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
        self.service.error = forbidden
        refusal = self.failureResultOf(self.upload(), Refusal).value
        self.assertEqual(refusal.problem.status, 503)
        self.assertIsNone(self.uploader.knownService)
        self.service.error = ""
        self.successResultOf(self.upload())
        self.assertIsNotNone(self.uploader.knownService)


class EarlyAnswerTests(SynchronousTestCase):
    """
    Tests of L{FileUploader} with L{BoundedClient}, on an HTTP server that does not read
    all of a body.
    """

    def setUp(self) -> None:
        self.content = bytes(range(256)) * 2**10
        self.spool = Spool(None)
        self.addCleanup(self.spool.close)
        self.spool.write(self.content)
        self.service = HeldService()
        self.service.limit = len(self.content)
        self.service.put = "http://127.0.0.1:8080"
        self.reactor = MemoryReactorClock()
        self.server = HeldHTTPServer(self.reactor)
        settings = live(uploadService="upload.example.org")
        self.uploader = FileUploader(
            ServiceFinder(self.service, "gateway.example", settings),
            self.service,
            BoundedClient(self.reactor, NoTLS(), 0, 1000),
            "gateway.example",
            Cooperator(
                terminationPredicateFactory=lambda: lambda: True,
                scheduler=lambda call: self.reactor.callLater(TURN, call),
            ),
        )

    def upload(self) -> Deferred[str]:
        """Begin to upload the file."""
        file = FileDetails("a.bin", len(self.content), "a/b", "")
        return Deferred.fromCoroutine(self.uploader.upload(self.spool, file))

    def test_early(self) -> None:
        """
        If the service answers 500 before it has read the body, no more of it is sent;
        the second attempt sends the whole file, and no failure is logged.
        """
        with capturedLogs() as logs:
            uploading = self.upload()
            first = self.server.accept()
            first.transport.lingers = True
            self.reactor.advance(TURN)
            self.assertIn(self.content[:1000], first.transport.taken())
            first.answer(500)
            second = self.server.accept()
            self.reactor.pump([TURN] * 8)
            self.assertEqual(first.transport.taken(), b"")
            self.assertEqual(second.request().body, self.content)
            self.reactor.advance(CLOSE_TIMEOUT)
            self.reactor.advance(0)
            self.assertFalse(first.isOpen)
            second.answer(201)
            url = self.successResultOf(uploading)
        self.assertEqual(url, "https://down.example/2")
        self.assertEqual([each for each in logs if "log_failure" in each], [])
        (warning,) = [each for each in logs if each["log_level"] >= LogLevel.warn]
        self.assertEqual(warning["fault"], "status 500")

    def test_cutOff(self) -> None:
        """
        If the service closes the connection before it has read the body, the error says
        so in words.
        """
        uploading = self.upload()
        for _ in range(ATTEMPTS):
            connection = self.server.accept()
            self.reactor.advance(TURN)
            connection.reset()
        refusal = self.failureResultOf(uploading, Refusal).value
        self.assertIn("it closed the connection", refusal.problem.text)
        self.assertNotIn("Failure", refusal.problem.text)

    def test_unreachable(self) -> None:
        """
        A file that is not sent since no connection comes about is closed.
        """
        opened: list[BinaryIO] = []
        spool = self.spool

        class Content:
            """A content that keeps the file objects it has returned."""

            def open(self) -> BinaryIO:
                """Open the spool."""
                opened.append(spool.open())
                return opened[-1]

        file = FileDetails("a.bin", len(self.content), "a/b", "")
        uploading = Deferred.fromCoroutine(self.uploader.upload(Content(), file))
        for _ in range(ATTEMPTS):
            self.server.refuse(ConnectionRefusedError())
            self.reactor.advance(ATTEMPT_DELAY)
        self.failureResultOf(uploading, Refusal)
        self.assertEqual([each.closed for each in opened], [True] * ATTEMPTS)


class SpoolTests(SynchronousTestCase):
    """
    Tests of L{Spool}.
    """

    def test_positions(self) -> None:
        """
        Each reader has a position of its own, and more can be written meanwhile.
        """
        spool = Spool(None)
        spool.write(b"0123456789" * 10_000)
        one, other = spool.open(), spool.open()
        self.assertEqual(one.read(99_995), (b"0123456789" * 10_000)[:-5])
        self.assertEqual(other.read(3), b"012")
        spool.write(b"x")
        self.assertEqual(one.read(), b"56789x")
        self.assertEqual(other.seek(-1, 2), 99_999)
        self.assertEqual(other.read(2), b"9x")
        spool.close()
        self.assertEqual(other.seek(0), 0)
        self.assertEqual(other.read(1), b"0")
        for each in (one, other):
            each.close()
            self.assertRaises(ValueError, each.read)
