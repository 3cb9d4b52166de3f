"""Tests of L{xmpprest.web.api.files}, on the forms and spools of L{xmpprest.files}."""

from __future__ import annotations

import json
from hashlib import sha256
from io import BytesIO
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.errors import serviceUnavailable
from xmpprest.core.files.service import noService
from xmpprest.core.files.slot import FileDetails
from xmpprest.core.policy.authentication import Authenticator
from xmpprest.core.policy.permissions import Grant
from xmpprest.files.form import FileForm, FormLimits
from xmpprest.files.spool import Spool
from xmpprest.web.api.files import FilesHandler
from xmpprest.web.api.uploads import MAX_UPLOADS, RATE_STEP, UploadDesk
from xmpprest.web.idempotency.guard import IdempotencyGuard
from xmpprest.web.server.body import FileBody
from xmpprest.web.server.channel import ARRIVAL_TIMEOUT

from ...support.doubles import HTTPResponse, live
from ..case import SiteTestCase, request
from .uploads import (
    BOUNDARY,
    SERVICE_LIMIT,
    HeldSpools,
    HeldUploader,
    field,
    form,
    formOf,
    part,
    uploadDesk,
)


def filesHandler(once: IdempotencyGuard, authenticator: Authenticator) -> FilesHandler:
    """Make a handler on an upload service that takes everything."""
    desk = uploadDesk(HeldUploader(), HeldSpools(), live())
    return FilesHandler(desk, once, authenticator)


class FilesTests(SiteTestCase):
    """
    Tests of C{POST /rest/files}.
    """

    def setUp(self) -> None:
        super().setUp()
        self.uploader, self.spools = HeldUploader(), HeldSpools()
        desk = uploadDesk(self.uploader, self.spools, self.settings)
        self.build(FilesHandler(desk, self.once, self.authenticator).routes)

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
        self.assertEqual(self.spools.left(), [])
        return response

    def test_upload(self) -> None:
        """
        A file is uploaded as it is; the response has its URL, size, type and hash.
        """
        content = bytes(range(256)) * 9
        response = self.post(form(content, kind="image/jpeg"))
        self.assertEqual(response.status, 200)
        digest = sha256(content).hexdigest()
        self.assertEqual(
            json.loads(response.body),
            {
                "url": "https://upload.example.org/1/a.txt",
                "size": 2304,
                "type": "image/jpeg",
                "sha-256": digest,
            },
        )
        ((file, uploaded),) = self.uploader.uploaded
        self.assertEqual(uploaded, content)
        self.assertEqual(file, FileDetails("a.txt", 2304, "image/jpeg", digest))

    def test_otherParts(self) -> None:
        """
        A form with another field or with two files is refused with 422.
        """
        other = formOf(part(b"a"), field("body", "b"))
        twice = formOf(part(b"a"), part(b"b"))
        for body in (other, twice, formOf(field("body", "b"))):
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
        A file of the limit of the service is uploaded, a larger one refused with 413.
        """
        self.assertEqual(self.post(form(b"x" * SERVICE_LIMIT)).status, 200)
        response = self.post(form(b"x" * (SERVICE_LIMIT + 1)))
        self.assertEqual(response.status, 413)
        self.assertIn(str(SERVICE_LIMIT), response.body.decode())

    def test_announced(self) -> None:
        """
        A body whose length is above the limits of files and texts together is refused
        before it is read; one of a file and a text of just the limits is not.
        """
        settings = live(uploadSizeLimit=1000, stanzaSizeLimit=200_000)
        self.settings.value = settings.value
        kind = f"multipart/form-data; boundary={BOUNDARY}"
        for length, isRefused in ((1_000_000, True), (201_500, False)):
            headers = {"Content-Type": kind, "Content-Length": str(length)}
            client = self.client()
            client.send(request(b"", headers, path="/rest/files") + form()[:150])
            self.assertEqual(len(self.spools.made), not isRefused)
            if isRefused:
                self.assertEqual(client.response().status, 413)
            else:
                client.leave()

    def test_failed(self) -> None:
        """
        If the service takes no file, the response says so, and nothing stays.
        """
        self.uploader.problem = serviceUnavailable("resource-constraint", "No.", 60)
        self.assertEqual(self.post(form()).status, 503)

    def test_noService(self) -> None:
        """
        Without a service the request is refused before its body is read.
        """
        self.uploader.absent = noService("example.org")
        response = self.post(form())
        self.assertEqual(response.status, 404)
        self.assertIn("upload-service", response.body.decode())
        self.assertEqual(self.spools.made, [])

    def test_token(self) -> None:
        """
        A token that may not send messages may not upload files.
        """
        headers = self.allow(Grant("poor", kinds=frozenset({"iq"})))
        self.assertEqual(self.post(form(), headers).status, 403)

    def test_revoked(self) -> None:
        """
        A token that is revoked while the form arrives uploads nothing: 401.
        """
        kind = f"multipart/form-data; boundary={BOUNDARY}"
        headers = {"Content-Type": kind, **self.allow(Grant("t"))}
        sent = request(form(b"x" * 1000), headers, path="/rest/files")
        client = self.client()
        client.send(sent[:700])
        self.authenticator.grants = self.authenticator.grants[:-1]
        client.send(sent[700:])
        self.assertEqual(client.response().status, 401)
        self.assertEqual(self.uploader.uploaded, [])

    def test_turns(self) -> None:
        """
        A long body that is in a file already is read in several turns.
        """
        turns: list[Deferred[None]] = []

        def nextTurn() -> Deferred[None]:
            turns.append(Deferred())
            return turns[-1]

        desk = UploadDesk(self.uploader, self.spools.form, self.settings, nextTurn)
        self.uploader.absent = noService("example.org")  # no limit is known
        body = FileBody(BytesIO(form(b"x" * (2**21 + 2**20))))
        read = FileForm(
            f"multipart/form-data; boundary={BOUNDARY}",
            self.spools.make,
            FormLimits(2**22, 0),
        )
        self.addCleanup(read.close)
        reading = Deferred.fromCoroutine(desk.read(read, body))
        while not reading.called:
            turns[-1].callback(None)
        self.successResultOf(reading)
        self.assertEqual(len(turns), 2)
        self.assertEqual(read.files[0].spool.size, 2**21 + 2**20)

    def test_tooMany(self) -> None:
        """
        Beyond the limit on uploads at the same time, requests are refused with 503.
        """
        holding: Deferred[None] = Deferred()
        self.uploader.holding = holding
        clients = [self.client() for _ in range(MAX_UPLOADS + 1)]
        kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        for each in clients:
            each.send(request(form(), kind, path="/rest/files"))
        self.assertEqual(clients[-1].response().status, 503)
        holding.callback(None)
        statuses = [each.response().status for each in clients[:-1]]
        self.assertEqual(statuses, [200] * MAX_UPLOADS)
        self.assertEqual(self.spools.left(), [])

    def test_share(self) -> None:
        """
        A token may have half of the places for uploads, while credentials may have all
        of them; its places are free again when its clients leave.
        """
        self.uploader.holding = Deferred()
        kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        sent = request(form(), {**kind, **self.allow(Grant("t"))}, path="/rest/files")
        clients = [self.client() for _ in range(MAX_UPLOADS // 2 + 1)]
        for each in clients:
            each.send(sent)
        problem = self.assertProblem(clients.pop().response(), 503)
        self.assertIn("Your token has as many requests", problem["detail"])
        others = [self.client() for _ in range(MAX_UPLOADS // 2)]
        for each in others:
            each.send(request(form(), kind, path="/rest/files"))
        self.assertEqual(len(self.spools.left()), MAX_UPLOADS)
        for each in (*clients, *others):
            each.leave()
        self.uploader.holding = None
        again = self.client()
        again.send(sent)
        self.assertEqual(again.response().status, 200)

    def test_dripping(self) -> None:
        """
        A form that arrives byte by byte is given up with 408 after the time that a
        client has for L{RATE_STEP} bytes.
        """
        kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        length = {"Content-Length": str(2**20)}
        head = request(b"", {**kind, **length}, path="/rest/files")
        client = self.client()
        client.send(head + form()[:150])
        for _ in range(3):
            self.assertEqual(len(self.spools.left()), 1)
            self.clock.advance(ARRIVAL_TIMEOUT / 3)
            client.send(b"x")
        problem = self.assertProblem(client.response(), 408)
        self.assertIn(f"send {RATE_STEP} bytes", problem["detail"])
        self.assertEqual(self.spools.left(), [])

    def test_steady(self) -> None:
        """
        A form that takes long is uploaded if it keeps up the rate.
        """
        self.uploader.limit = 2**20
        self.spools.limit = 2**20
        body = form(b"x" * 5 * RATE_STEP)
        kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        sent = request(body, kind, path="/rest/files")
        client = self.client()
        for start in range(0, len(sent), RATE_STEP // 2):
            client.send(sent[start : start + RATE_STEP // 2])
            self.clock.advance(ARRIVAL_TIMEOUT * 0.45)
        self.assertEqual(client.response().status, 200)

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
        spool = Spool(str(directory))
        self.addCleanup(spool.close)
        spool.write(b"hello")
        self.assertEqual(list(directory.iterdir()), [])
