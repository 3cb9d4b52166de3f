"""Tests of L{xmpprest.web.api.file_messages}."""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from typing import Any

from twisted.internet.defer import Deferred

from xmpprest.core.codec.table import STANZAS
from xmpprest.core.errors import serviceUnavailable
from xmpprest.core.files.service import noService
from xmpprest.core.media import values
from xmpprest.core.policy.permissions import Grant
from xmpprest.core.policy.rate_limit import RateLimiter
from xmpprest.core.stanza.jid_pattern import JIDPatterns
from xmpprest.web.api.file_messages import FileMessageHandler
from xmpprest.web.resource import RestResource
from xmpprest.web.router import RouteTable

from ...support.doubles import DOMAIN, HTTPResponse, live, stanza
from ..case import SIZE_LIMIT, XML, SiteTestCase, request
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

PATH = "/rest/message/chat/user@example.org"
Headers = dict[str, str | None]


def given(data: bytes = b"hello", name: str = "a.txt", **more: Any) -> dict[str, Any]:
    """A file in JSON."""
    return {"name": name, "data": b64encode(data).decode(), **more}


class FileMessageTestCase(SiteTestCase):
    """
    A test case with a site that takes messages with files, and an upload service.
    """

    def setUp(self) -> None:
        super().setUp()
        self.outbox.isKeeping = True
        self.uploader, self.spools = HeldUploader(), HeldSpools()
        self.settings.value = live(stanzaSizeLimit=SIZE_LIMIT).value
        files = FileMessageHandler(
            self.sending,
            self.outbox,
            uploadDesk(self.uploader, self.spools, self.settings),
            self.once,
            authenticator=self.authenticator,
            domain=DOMAIN,
            newID=lambda: f"made-{next(self.numbers)}",
            settings=self.settings,
        )
        self.resource = RestResource(
            RouteTable(self.sending, {}, files), self.authenticator, self.settings
        )
        self.site = self.siteOf(self.clock)

    def postForm(
        self, body: bytes, headers: Headers | None = None, path: str = PATH
    ) -> HTTPResponse:
        """Post a form; nothing of it stays."""
        kind = f"multipart/form-data; boundary={BOUNDARY}"
        fields = {"Content-Type": kind, **(headers or {})}
        response = self.ask(body, fields, path=path)
        self.assertEqual(self.spools.left(), [])
        return response

    def postJSON(
        self, value: object, headers: Headers | None = None, path: str = PATH
    ) -> HTTPResponse:
        """Post JSON."""
        fields = {"Content-Type": "application/json", **(headers or {})}
        return self.ask(json.dumps(value).encode(), fields, path=path)

    def assertNothing(self) -> None:
        """Nothing was uploaded, and nothing sent."""
        self.assertEqual((self.uploader.uploaded, self.outbox.sent), ([], []))


class FormTests(FileMessageTestCase):
    """
    Tests of C{POST /rest/message/{type}/{to}} with a form.
    """

    def test_sent(self) -> None:
        """
        The text goes first, then a message for each file with its URL, its link and its
        details; all are stored together.
        """
        body = formOf(field("body", "Look:\r\nhere"), part(b"hello"), part(b"2"))
        response = self.postForm(body)
        self.assertEqual(response.status, 202, response.body)
        text, first, second = [STANZAS.encode(each) for each in self.outbox.sent]
        head = {"kind": "message", "type": "chat", "to": "user@example.org"}
        head["from"] = DOMAIN
        self.assertEqual(text, {**head, "id": text["id"], "body": "Look:\nhere"})
        url = "https://upload.example.org/1/a.txt"
        file = {
            "url": url,
            "name": "a.txt",
            "size": 5,
            "type": "text/plain",
            "sha-256": sha256(b"hello").hexdigest(),
        }
        shared = {"body": url, "oob_url": url, "oob": {"url": url}, "files": [file]}
        self.assertEqual(first, {**head, "id": first["id"], **shared})
        self.assertEqual(second["body"], "https://upload.example.org/2/a.txt")
        self.assertEqual(self.outbox.together, [3])
        self.assertEqual(len({text["id"], first["id"], second["id"]}), 3)

    def test_answer(self) -> None:
        """
        The response lists the messages with their states, status addresses and files;
        its headers are those of the first message.
        """
        response = self.postForm(formOf(field("body", "b"), part(b"hello")))
        value = json.loads(response.body)
        ids = [each["id"] for each in self.outbox.sent]
        keys = [key for key, _ in self.outbox.keysGiven]
        locations = [f"/rest/outbox/{key}" for key in keys]
        text, file = value.pop("messages")
        self.assertEqual(value, {"id": ids[0], "state": "queued"})
        status = {"state": "queued"}
        self.assertEqual(text, {"id": ids[0], **status, "location": locations[0]})
        shared = file.pop("file")
        self.assertEqual(file, {"id": ids[1], **status, "location": locations[1]})
        self.assertEqual(shared["url"], "https://upload.example.org/1/a.txt")
        self.assertEqual(shared["sha-256"], sha256(b"hello").hexdigest())
        self.assertEqual(response["Stanza-Id"], ids[0])
        self.assertEqual(response["Location"], locations[0])
        self.assertEqual(response["Content-Type"], "application/json")

    def test_xml(self) -> None:
        """
        A client that prefers XML gets a response without a body.
        """
        response = self.postForm(form(), {"Accept": XML})
        self.assertEqual((response.status, response.body), (202, b""))
        self.assertEqual(response["Stanza-Id"], self.outbox.sent[0]["id"])

    def test_withoutText(self) -> None:
        """
        Without a text, the first file takes its place: with the given id and subject.
        """
        fields = [field("body", ""), field("id", "i1"), field("subject", "S")]
        self.postForm(formOf(*fields, part(b"1"), part(b"2")))
        first, second = [STANZAS.encode(each) for each in self.outbox.sent]
        self.assertEqual((first["id"], first["subject"]), ("i1", "S"))
        self.assertEqual(first["body"], "https://upload.example.org/1/a.txt")
        self.assertNotIn("subject", second)

    def test_thread(self) -> None:
        """
        All messages belong to the thread of the text.
        """
        value = {"body": "b", "thread": "t1", "files": [given(), given(b"2")]}
        self.postJSON(value)
        threads = [STANZAS.encode(each)["thread"] for each in self.outbox.sent]
        self.assertEqual(threads, [{"id": "t1"}] * 3)

    def test_room(self) -> None:
        """
        Files go to a room as the text does.
        """
        path = "/rest/message/groupchat/room@rooms.example.org"
        fields = [field("from", f"bot@{DOMAIN}"), field("body", "b")]
        response = self.postForm(formOf(*fields, part(b"1")), path=path)
        self.assertEqual(response.status, 202, response.body)
        for each in self.outbox.sent:
            self.assertEqual(
                (each["type"], each["to"], each["from"]),
                ("groupchat", "room@rooms.example.org", f"bot@{DOMAIN}"),
            )

    def test_refusedFields(self) -> None:
        """
        An unknown field, a contradiction to the path, and a character that XML forbids
        are refused with 422; nothing is uploaded.
        """
        for name, text, fault in (
            ("bdoy", "b", "did you mean 'body'?"),
            ("to", "other@example.org", "The key 'to' is 'other@example.org'"),
            ("body", "\0", "a character that XML forbids"),
            ("oob", "x", "no form can hold it"),
        ):
            response = self.postForm(formOf(field(name, text), part(b"1")))
            problem = self.assertProblem(response, 422)
            self.assertIn(fault, problem["detail"])
        self.assertNothing()

    def test_badForms(self) -> None:
        """
        A form without a file, with a path as file name, or without its end is refused;
        nothing is uploaded, and nothing of it stays.
        """
        path = 'form-data; name="file"; filename="../../etc/passwd"'
        for body, status in (
            (formOf(field("body", "b")), 422),
            (form(disposition=path), 422),
            (form(b""), 422),
            (form()[:-10], 400),
            (form(b"x" * 2600), 413),
        ):
            self.assertEqual(self.postForm(body).status, status)
        self.assertNothing()

    def test_otherRoutes(self) -> None:
        """
        Only routes of messages take forms: others name the types that they take.
        """
        for path in ("/rest", "/rest/iq/get/example.org", "/rest/presence"):
            problem = self.assertProblem(self.postForm(form(), path=path), 415)
            self.assertIn("/rest/message/{type}/{to}", problem["detail"])

    def test_earlyRefusals(self) -> None:
        """
        A wrong address, a recipient or kind beyond the token's rights, and an absent
        service are refused before the body is read.
        """
        poor = self.allow(Grant("poor", kinds=frozenset({"iq"})))
        near = self.allow(Grant("near", recipients=JIDPatterns("*@example.net")))
        self.uploader.absent = noService("example.org")
        for headers, path, status in (
            ({}, "/rest/message/chat/@", 422),
            ({}, "/rest/message/chat", 422),
            (poor, PATH, 403),
            (near, PATH, 403),
            ({}, PATH, 404),
        ):
            response = self.postForm(form(), headers, path)
            self.assertEqual(response.status, status, path)
        self.assertEqual(self.spools.made, [])

    def test_left(self) -> None:
        """
        If the client leaves during the form or the upload, nothing stays, and nothing
        is sent.
        """
        kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        whole = request(form(b"x" * 1000), kind, path=PATH)
        self.uploader.holding = Deferred()
        for sent in (whole[:700], whole):
            client = self.client()
            client.send(sent)
            self.assertEqual(len(self.spools.left()), 1)
            client.leave()
            self.assertEqual(self.spools.left(), [])
        self.assertNothing()

    def test_revoked(self) -> None:
        """
        A token that is revoked while the form arrives, or during the upload, sends
        nothing: 401.
        """
        kind = f"multipart/form-data; boundary={BOUNDARY}"
        for held in (700, 0):
            headers = {"Content-Type": kind, **self.allow(Grant("t"))}
            sent = request(form(b"x" * 1000), headers, path=PATH)
            holding: Deferred[None] = Deferred()
            self.uploader.holding = holding
            client = self.client()
            client.send(sent[: len(sent) - held])
            self.authenticator.grants = self.authenticator.grants[:-1]
            client.send(sent[len(sent) - held :])
            holding.callback(None)
            self.assertEqual(client.response().status, 401)
        self.assertEqual(self.outbox.sent, [])
        self.assertEqual(self.spools.left(), [])

    def test_sender(self) -> None:
        """
        A sender beyond the token's rights is refused with 403; nothing is uploaded.
        """
        rights = Grant("t", senders=JIDPatterns(f"a@{DOMAIN}"))
        body = formOf(field("from", f"b@{DOMAIN}"), part(b"1"))
        self.assertProblem(self.postForm(body, self.allow(rights)), 403)
        self.assertNothing()


class JSONTests(FileMessageTestCase):
    """
    Tests of messages with files in JSON and CBOR.
    """

    def test_sent(self) -> None:
        """
        The files in C{files} are uploaded and sent, whatever the route.
        """
        value: dict[str, Any]
        value = {"body": "b", "files": [given(b"png", "a.png", type="image/png")]}
        whole = {**value, "to": "user@example.org", "type": "chat"}
        for body, path in ((value, PATH), (whole, "/rest")):
            response = self.postJSON(body, path=path)
            self.assertEqual(response.status, 202, response.body)
            self.assertEqual(len(json.loads(response.body)["messages"]), 2)
        cbor = {"Content-Type": "application/cbor", "Accept": "application/cbor"}
        response = self.ask(values.toCBOR(whole), cbor)
        listed = values.fromCBOR(response.body)
        assert isinstance(listed, dict)
        assert isinstance(listed["messages"], list)
        self.assertEqual(len(listed["messages"]), 2)
        (details, content), *_ = self.uploader.uploaded
        self.assertEqual((details.name, details.type), ("a.png", "image/png"))
        self.assertEqual((details.size, content), (3, b"png"))
        self.assertEqual(details.sha256, sha256(b"png").hexdigest())

    def test_escapedKey(self) -> None:
        """
        Files are uploaded also if the key C{files} has escaped letters in JSON, or is
        in pieces in CBOR.
        """
        value: dict[str, Any]
        value = {"kind": "message", "to": "a@example.org", "files": [given()]}
        written = json.dumps(value).encode()
        pieces = b"\x7f\x62fi\x63les\xff"
        for body, kind in (
            (written.replace(b"files", rb"\u0066iles"), "application/json"),
            (written.replace(b"files", rb"file\u0073"), "application/json"),
            (values.toCBOR(value).replace(b"\x65files", pieces), "application/cbor"),
        ):
            self.assertNotIn(b"files", body)
            response = self.ask(body, {"Content-Type": kind})
            self.assertEqual(response.status, 202, response.body)
        self.assertEqual(len(self.uploader.uploaded), 3)

    def test_links(self) -> None:
        """
        Files with a URL are not uploaded: they are content of the message.
        """
        self.postJSON({"body": "b", "files": [{"url": "https://a.example/"}]})
        self.assertEqual(self.uploader.uploaded, [])
        self.assertEqual(len(self.outbox.sent), 1)

    def test_refused(self) -> None:
        """
        A malformed file is refused with 422, and the text names the key at fault;
        nothing is uploaded.
        """
        data = "aGVsbG8="
        for files, fault in (
            ([{"name": "a", "data": "a=b"}], "'files[0].data' must be base64"),
            ([{"name": "a", "data": "aGVsbG8"}], "'files[0].data' must be base64"),
            ([{"name": "a", "data": 5}], "'files[0].data' must be a string"),
            ([{"name": "a", "data": ""}], "'a' is empty"),
            ([{"data": data}], "'files[0]' needs a 'name'"),
            ([{"name": "../a", "data": data}], "'../a' is not the plain name"),
            ([given(), {"name": "b"}], "'files[1]' needs a 'data'"),
            ([given(), {"url": "http://a/"}], "'url' in 'files[1]' is not known"),
            ([given(), "a"], "'files[1]' must be an object"),
            ([given(type=1)], "'files[0].type' must be a string"),
            ([given()] * 21, "more than 20 files"),
        ):
            problem = self.assertProblem(self.postJSON({"files": files}), 422)
            self.assertIn(fault, problem["detail"])
        self.assertNothing()

    def test_otherKinds(self) -> None:
        """
        A presence with files is refused with 422.
        """
        value = {"kind": "presence", "to": "a@example.org", "files": [given()]}
        self.assertProblem(self.postJSON(value, path="/rest"), 422)
        self.assertNothing()

    def test_tooLarge(self) -> None:
        """
        If one of the files is too large for the service, none is uploaded: 413.
        """
        files = [given(b"a"), given(b"x" * (SERVICE_LIMIT + 1))]
        problem = self.assertProblem(self.postJSON({"files": files}), 413)
        self.assertIn(str(SERVICE_LIMIT), problem["detail"])
        self.assertNothing()

    def test_noStore(self) -> None:
        """
        Without a store the messages are written at once, and have no status address.
        """
        self.outbox.isKeeping = False
        response = self.postJSON({"body": "b", "files": [given()]})
        self.assertEqual(response.status, 202)
        listed = json.loads(response.body)["messages"]
        self.assertEqual([each["state"] for each in listed], ["sent"] * 2)
        self.assertNotIn("location", listed[0])
        self.assertEqual(len(self.outbox.sent), 2)
        self.assertEqual(self.outbox.together, [2])


class PromiseTests(FileMessageTestCase):
    """
    Tests of limits, idempotency keys and waits.
    """

    def test_notUploaded(self) -> None:
        """
        If the upload fails, nothing is sent, also not the text.
        """
        self.uploader.problem = serviceUnavailable("resource-constraint", "No.", 60)
        self.assertProblem(self.postForm(formOf(field("body", "b"), part(b"1"))), 503)
        self.assertNothing()

    def test_full(self) -> None:
        """
        A full outbox refuses before the upload.
        """
        self.outbox.full = Deferred()
        body = formOf(field("body", "b"), part(b"1"), part(b"2"))
        self.assertProblem(self.postForm(body), 503)
        self.assertEqual(self.outbox.checked, [2])
        self.assertNothing()

    def test_notStored(self) -> None:
        """
        If the messages are not stored, the response says so.
        """
        self.outbox.problem = serviceUnavailable("resource-constraint", "Full.", 5)
        self.assertProblem(self.postForm(form()), 503)

    def test_rateLimit(self) -> None:
        """
        Each message counts, so that the next request has to wait for all of them.
        """
        limiter = RateLimiter(1.0, 1, self.clock.seconds)
        headers = self.allow(Grant("t", rateLimiter=limiter))
        body = formOf(field("body", "b"), part(b"1"), part(b"2"))
        self.assertEqual(self.postForm(body, headers).status, 202)
        self.clock.advance(2.5)
        self.assertProblem(self.postForm(body, headers), 429)
        self.clock.advance(0.5)
        self.assertEqual(self.postForm(body, headers).status, 202)

    def test_repeated(self) -> None:
        """
        A repeated form with its key gets the first response without another upload,
        even if its boundary is another one; another text or file is refused with 422.
        """
        key: Headers = {"Idempotency-Key": "k1"}
        first = self.postForm(formOf(field("body", "b"), part(b"1")), key)
        other = {**key, "Content-Type": "multipart/form-data; boundary=other"}
        body = formOf(field("body", "b"), part(b"1"), boundary="other")
        again = self.postForm(body, other)
        self.assertEqual((again.status, again.body), (202, first.body))
        self.uploader.absent = noService("example.org")
        self.assertEqual(self.postForm(body, other).body, first.body)
        for parts in (
            (field("body", "c"), part(b"1")),
            (field("body", "b"), part(b"2")),
            (field("body", "b"), part(b"1"), part(b"1")),
        ):
            self.assertProblem(self.postForm(formOf(*parts), key), 422)
        self.assertEqual(len(self.uploader.uploaded), 1)
        self.assertEqual(len(self.outbox.sent), 2)

    def test_repeatedJSON(self) -> None:
        """
        A repeated message with files in JSON gets the first response.
        """
        key: Headers = {"Idempotency-Key": "k1"}
        value = {"body": "b", "files": [given()]}
        first = self.postJSON(value, key)
        self.assertEqual(self.postJSON(value, key).body, first.body)
        self.assertEqual(len(self.uploader.uploaded), 1)

    def test_failedWithKey(self) -> None:
        """
        A request that failed leaves no record of its key, so it can be repeated.
        """
        key: Headers = {"Idempotency-Key": "k1"}
        self.uploader.problem = serviceUnavailable("resource-constraint", "No.", 60)
        self.assertEqual(self.postForm(form(), key).status, 503)
        self.uploader.problem = None
        self.assertEqual(self.postForm(form(), key).status, 202)

    def test_atOnce(self) -> None:
        """
        A repetition during the upload is refused with 409; the first request goes on,
        even if its client leaves.
        """
        holding: Deferred[None] = Deferred()
        self.uploader.holding = holding
        kind = f"multipart/form-data; boundary={BOUNDARY}"
        sent = request(
            form(), {"Content-Type": kind, "Idempotency-Key": "k"}, path=PATH
        )
        first, second = self.client(), self.client()
        first.send(sent)
        second.send(sent)
        self.assertEqual(second.response().status, 409)
        first.leave()
        holding.callback(None)
        self.assertEqual(len(self.outbox.sent), 1)
        self.assertEqual(self.spools.left(), [])

    def test_wait(self) -> None:
        """
        With C{Prefer: wait} the response has the outcome of each message, and is 200 if
        one bounced.
        """
        kind = f"multipart/form-data; boundary={BOUNDARY}"
        headers = {"Content-Type": kind, "Prefer": "wait=5", "Idempotency-Key": "k"}
        sent = request(formOf(field("body", "b"), part(b"1")), headers, path=PATH)
        client = self.client()
        client.send(sent)
        text, file = self.outbox.outcomes
        self.assertEqual((text.timeout, file.timeout), (5, 5))
        text.outcome.callback(None)
        error = (
            "<message type='error' from='user@example.org'><error type='cancel'>"
            "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
            "</message>"
        )
        file.outcome.callback(stanza(error))
        response = client.response()
        self.assertEqual(response.status, 200)
        self.assertEqual(response["Preference-Applied"], "wait=5")
        text, file = json.loads(response.body)["messages"]
        self.assertEqual((text["state"], file["state"]), ("confirmed", "bounced"))
        report = {"type": "cancel", "condition": "item-not-found"}
        self.assertEqual(file["error"], report)
        again = self.client()
        again.send(sent)
        self.assertEqual(again.response().body, response.body)
