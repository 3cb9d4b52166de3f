"""Tests of L{xmpprest.web.api.files}, on the forms and spools of L{xmpprest.files}."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.errors import Refusal, serviceUnavailable
from xmpprest.core.files.slot import FileDetails
from xmpprest.core.policy.permissions import Grant
from xmpprest.files.form import FileForm
from xmpprest.files.spool import Spool
from xmpprest.web.api.files import FilesHandler, SpooledFile
from xmpprest.web.idempotency.guard import IdempotencyGuard

from ...support.doubles import HTTPResponse
from ..case import SiteTestCase

BOUNDARY = "------------------------d74496d66958873e"
LIMIT = 3000


def form(
    content: bytes = b"hello",
    disposition: str = 'form-data; name="file"; filename="a.txt"',
    kind: str = "text/plain",
    boundary: str = BOUNDARY,
) -> bytes:
    """A form as curl writes it."""
    head = (
        f"--{boundary}\r\nContent-Disposition: {disposition}\r\n"
        f"Content-Type: {kind}\r\n\r\n"
    )
    return head.encode() + content + f"\r\n--{boundary}--\r\n".encode()


class HeldUploader:
    """
    An upload service that the test holds.

    @ivar uploaded: Each uploaded file, and its content.
    @ivar problem: Raised instead.
    """

    def __init__(self) -> None:
        self.uploaded: list[tuple[FileDetails, bytes]] = []
        self.problem: Refusal | None = None

    def requireService(self) -> str:
        """Return the address of the service."""
        return "upload.example.org"

    async def upload(self, spool: SpooledFile, file: FileDetails) -> str:
        """Keep a file."""
        if self.problem is not None:
            raise self.problem
        with spool.open() as content:
            self.uploaded.append((file, content.read()))
        return f"https://upload.example.org/{len(self.uploaded)}/{file.name}"


class HeldSpools:
    """
    Makes spools.

    @ivar made: All of them.
    """

    def __init__(self) -> None:
        self.made: list[Spool] = []

    def form(self, contentType: str | None) -> FileForm:
        """Make a form."""
        spool = Spool(None, LIMIT)
        self.made.append(spool)
        try:
            return FileForm(contentType, spool)
        except Refusal:
            spool.close()
            raise


def filesHandler(once: IdempotencyGuard) -> FilesHandler:
    """Make a handler on an upload service that takes everything."""
    return FilesHandler(HeldUploader(), HeldSpools().form, once)


class FilesTests(SiteTestCase):
    """
    Tests of C{POST /rest/files}.
    """

    def setUp(self) -> None:
        super().setUp()
        self.uploader, self.spools = HeldUploader(), HeldSpools()
        handler = FilesHandler(self.uploader, self.spools.form, self.once)
        self.build(handler.routes)

    def post(
        self,
        body: bytes,
        headers: dict[str, str | None] | None = None,
        boundary: str = BOUNDARY,
    ) -> HTTPResponse:
        """Upload a form; nothing of it stays."""
        kind = f"multipart/form-data; boundary={boundary}"
        fields = {"Content-Type": kind, **(headers or {})}
        response = self.ask(body, fields, path="/rest/files")
        for spool in self.spools.made:
            self.assertRaises(ValueError, spool.open)
        return response

    def test_upload(self) -> None:
        """
        A file is uploaded as it is; the response has its URL, size, type and hash.
        """
        content = bytes(range(256)) * 10
        response = self.post(form(content, kind="image/jpeg"))
        self.assertEqual(response.status, 200)
        digest = sha256(content).hexdigest()
        self.assertEqual(
            json.loads(response.body),
            {
                "url": "https://upload.example.org/1/a.txt",
                "size": 2560,
                "type": "image/jpeg",
                "sha-256": digest,
            },
        )
        ((file, uploaded),) = self.uploader.uploaded
        self.assertEqual(uploaded, content)
        self.assertEqual(file, FileDetails("a.txt", 2560, "image/jpeg", digest))

    def test_pieces(self) -> None:
        """
        A form that arrives byte by byte is the same.
        """
        spool = Spool(None, LIMIT)
        self.addCleanup(spool.close)
        read = FileForm(f"multipart/form-data; boundary={BOUNDARY}", spool)
        for byte in form(b"a\r\n--b\r\n"):
            read.write(bytes([byte]))
        read.finish()
        self.assertEqual((read.name, read.type), ("a.txt", "text/plain"))
        with spool.open() as content:
            self.assertEqual(content.read(), b"a\r\n--b\r\n")

    def test_name(self) -> None:
        """
        A file name may have spaces and letters of any script.
        """
        disposition = 'form-data; name="file"; filename="très cool 🤖.jpg"'
        self.assertEqual(self.post(form(disposition=disposition)).status, 200)
        self.assertEqual(self.uploader.uploaded[0][0].name, "très cool 🤖.jpg")

    def test_badNames(self) -> None:
        """
        A part without a file name, or with a path in its place, is refused with 422.
        """
        for name in (
            "",
            "; filename=",
            '; filename=""',
            '; filename="../../etc/passwd"',
            '; filename="/etc/passwd"',
            '; filename=".."',
            f'; filename="{"x" * 300}"',
        ):
            disposition = f'form-data; name="file"{name}'
            response = self.post(form(disposition=disposition))
            self.assertEqual(response.status, 422, name)
        self.assertEqual(self.uploader.uploaded, [])

    def test_malformed(self) -> None:
        """
        A form that is cut off or malformed is refused with 400.
        """
        whole = form()
        for body in (whole[: -len(BOUNDARY) - 8], whole[:40], b"", b"hello"):
            self.assertEqual(self.post(body).status, 400, body)
        self.assertEqual(self.uploader.uploaded, [])

    def test_otherParts(self) -> None:
        """
        A form with another part or with two files is refused with 422.
        """
        other = form(disposition='form-data; name="body"')
        twice = form()[: -len(BOUNDARY) - 6] + form()
        for body in (other, twice):
            self.assertEqual(self.post(body).status, 422, body)
        self.assertEqual(self.uploader.uploaded, [])

    def test_mediaType(self) -> None:
        """
        Another media type is refused with 415; a form without a boundary with 400.
        """
        for kind, status in (
            ("application/json", 415),
            (None, 415),
            ("multipart/mixed; boundary=x", 415),
            ("multipart/form-data", 400),
        ):
            response = self.post(form(), {"Content-Type": kind})
            self.assertEqual(response.status, status, kind)

    def test_tooLarge(self) -> None:
        """
        A file of the limit is uploaded, a larger one refused with 413.
        """
        self.assertEqual(self.post(form(b"x" * LIMIT)).status, 200)
        response = self.post(form(b"x" * (LIMIT + 1)))
        self.assertEqual(response.status, 413)
        self.assertIn(str(LIMIT), response.body.decode())

    def test_failed(self) -> None:
        """
        If the service takes no file, the response says so, and nothing stays.
        """
        self.uploader.problem = serviceUnavailable("resource-constraint", "No.", 60)
        self.assertEqual(self.post(form()).status, 503)

    def test_token(self) -> None:
        """
        A token that may not send messages may not upload files.
        """
        headers = self.allow(Grant("poor", kinds=frozenset({"iq"})))
        self.assertEqual(self.post(form(), headers).status, 403)

    def test_idempotencyKey(self) -> None:
        """
        A repeated file with its key gets the first response, even if the boundary is
        another; another file is refused with 422.
        """
        headers: dict[str, str | None] = {"Idempotency-Key": "k1"}
        first = self.post(form(), headers)
        again = self.post(form(boundary="other"), headers, "other")
        self.assertEqual((again.status, again.body), (200, first.body))
        self.assertEqual(self.post(form(b"other"), headers).status, 422)
        self.assertEqual(len(self.uploader.uploaded), 1)


class SpoolTests(SynchronousTestCase):
    """
    Tests of L{Spool}.
    """

    def test_noName(self) -> None:
        """
        A spool is no entry of its directory.
        """
        directory = Path(self.mktemp())
        directory.mkdir()
        spool = Spool(str(directory), LIMIT)
        self.addCleanup(spool.close)
        spool.write(b"hello")
        self.assertEqual(list(directory.iterdir()), [])
