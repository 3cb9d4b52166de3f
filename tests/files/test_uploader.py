"""Tests of L{xmpprest.files.uploader}."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, Cooperator
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer
from twisted.words.xish.domish import Element

from tests.core.files.test_slot import reply
from tests.support.doubles import live
from xmpprest.core.errors import Refusal
from xmpprest.core.files.slot import FileDetails
from xmpprest.core.webhook.errors import DeliveryError
from xmpprest.files.spool import Spool
from xmpprest.files.uploader import ATTEMPTS, FileUploader

FILE = FileDetails("a.txt", 5, "text/plain", "")


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
    """

    def __init__(self) -> None:
        self.asked: list[Element] = []
        self.puts: list[tuple[bytes, bytes, Headers]] = []
        self.statuses: list[int | DeliveryError] = [201]

    async def request(self, stanza: Element, timeout: float) -> Sequence[Element]:
        """Give a slot."""
        self.asked.append(stanza)
        number = len(self.asked)
        header = "<header name='Authorization'>secret</header>"
        url = f"https://up.example/{number}"
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
        self.spool = Spool(None, 100)
        self.addCleanup(self.spool.close)
        self.spool.write(b"hello")
        self.service = HeldService()
        self.clock = Clock()
        self.settings = live(uploadService="upload.example.org")
        self.uploader = FileUploader(
            self.service,
            self.service,
            "gateway.example",
            self.settings,
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

    def test_withoutService(self) -> None:
        """
        Without the setting there is no upload: 404, which names it.
        """
        self.settings.value = live(uploadService=None).value
        refusal = self.assertRaises(Refusal, self.uploader.requireService)
        self.assertEqual(refusal.problem.status, 404)
        self.assertIn("upload-service", refusal.problem.text)
