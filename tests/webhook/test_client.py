"""
Tests of L{xmpprest.webhook.client}: a real client, and a server that is held.
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from tests.support.delivery import HeldHTTPServer, HTTPRequest, NoTLS
from tests.support.doubles import DOMAIN, said, stanza
from xmpprest import __version__
from xmpprest.core.media.formats import (
    CBOR,
    FORM,
    INPUT_TYPES,
    JSON,
    OUTPUT_TYPES,
    TEXT,
    XML,
    encode,
)
from xmpprest.core.media.framing import NDJSON
from xmpprest.core.media.values import Value, fromCBOR
from xmpprest.core.policy.callback_response import CallbackResponse
from xmpprest.core.webhook.errors import DeliveryError
from xmpprest.core.webhook.signing import Signer
from xmpprest.webhook.client import WebhookClient
from xmpprest.webhook.http_client import BoundedClient

ANN = "ann@example.com/home"
BOT = f"bot@{DOMAIN}"
CONFIGURED = "application/x-configured"
#: What stanzas may be signed with: one after the other.
OLD = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NEW = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
MESSAGE = (
    f"<message type='chat' from='{ANN}' to='{BOT}' id='1'><body>hi</body></message>"
)


class WebhookTestCase(SynchronousTestCase):
    """
    A webhook that is not started, and the server it posts to.
    """

    def setUp(self) -> None:
        """Have both."""
        self.reactor = MemoryReactorClock()
        self.server = HeldHTTPServer(self.reactor)
        self.webhook = self.make("http://callback.example/hook")

    def make(self, url: str, contentType: str = XML, **others: Any) -> WebhookClient:
        """Make a webhook."""
        client = BoundedClient(self.reactor, NoTLS(), 32, 1000)
        others.setdefault("now", self.reactor.seconds)
        return WebhookClient(client, url, contentType, DOMAIN, **others)

    def post(self, xml: str, id: str = "w1") -> Deferred[CallbackResponse]:
        """Post a stanza."""
        return self.webhook.post(stanza(xml), id)

    def request(self, xml: str, url: str = "") -> HTTPRequest:
        """Return the request that a stanza is posted by."""
        if url:
            self.webhook = self.make(url)
        self.post(xml)
        return self.server.accept().request()


class PostTests(WebhookTestCase):
    """
    Tests of L{WebhookClient.post}.
    """

    def test_request(self) -> None:
        """
        A stanza is posted as it is, with the headers that the contract names.
        """
        request = self.request(MESSAGE)
        self.assertEqual("POST", request.method)
        self.assertEqual("/hook", request.target)
        self.assertEqual("callback.example", request["Host"])
        self.assertEqual(XML, request["Content-Type"])
        self.assertEqual(INPUT_TYPES, request["Accept"])
        self.assertEqual(f"xmpprest/{__version__}", request["User-Agent"])
        self.assertEqual(MESSAGE, request.body.decode())
        self.assertNotIn("Authorization", request)
        self.assertNotIn("Content-Language", request)

    def test_storedXML(self) -> None:
        """
        The XML of the store is posted without its namespace; other formats are made
        from the element.
        """
        stored = MESSAGE.replace("<message", "<message xmlns='jabber:client'", 1)
        for contentType in (XML, JSON):
            self.webhook = self.make("http://callback.example/hook", contentType)
            self.webhook.post(stanza(MESSAGE), "w1", stored.encode())
            body = self.server.accept().request().body
            self.assertEqual(encode([stanza(MESSAGE)], contentType), body)

    def test_answer(self) -> None:
        """
        The answer is its status, its content type and its body.
        """
        posting = self.post(MESSAGE)
        self.server.accept().answer(418, b"short and stout", "text/plain;charset=UTF-8")
        self.assertEqual(
            CallbackResponse(418, "text/plain;charset=UTF-8", b"short and stout"),
            self.successResultOf(posting),
        )

    def test_retryAfter(self) -> None:
        """
        The answer has the time after which the callback wants to be asked again, as
        it says that.
        """
        for after in ("120", "Wed, 21 Oct 2026 07:28:00 GMT", "soon"):
            posting = self.post(MESSAGE)
            connection = self.server.accept()
            connection.send(
                f"HTTP/1.1 503 So\r\nRetry-After: {after}\r\nContent-Length: 0\r\n"
                "Connection: close\r\n\r\n".encode()
            )
            self.assertEqual(
                CallbackResponse(503, retryAfter=after), self.successResultOf(posting)
            )

    def test_noAnswer(self) -> None:
        """
        A server that is not there is no answer.
        """
        posting = self.post(MESSAGE)
        self.server.refuse(ConnectionRefusedError())
        self.reactor.advance(1)
        self.failureResultOf(posting, DeliveryError)

    def test_language(self) -> None:
        """
        The language is told if it is a plausible tag, and only then.
        """
        for tag in ("en", "de-CH-1996", "zh-Hant-TW", "x-klingon"):
            request = self.request(MESSAGE.replace("id=", f"xml:lang='{tag}' id="))
            self.assertEqual(tag, request["Content-Language"])
        for tag in (
            "",
            "en us",
            "en&#10;X: y",
            "a_b",
            "-en",
            "en-",
            "1a",
            "ñ",
            "en,de",
        ):
            request = self.request(MESSAGE.replace("id=", f"xml:lang='{tag}' id="))
            self.assertNotIn("Content-Language", request)

    def test_placeholders(self) -> None:
        """
        Placeholders are filled wherever they stand, %-encoded.
        """
        request = self.request(
            MESSAGE, "http://callback.example/{kind}/{type}/{to}?from={from}&x={kind}"
        )
        self.assertEqual(
            f"/message/chat/bot%40{DOMAIN}?from=ann%40example.com%2Fhome&x=message",
            request.target,
        )

    def test_unknownType(self) -> None:
        """
        A type that nobody knows, which some servers pass on, is not put into the
        path: it could lead elsewhere.
        """
        for text, target in {
            "<message type='..' to='a@b' from='c@d'/>": "/message/normal",
            "<presence type='x' to='a@b' from='c@d'/>": "/presence/available",
            "<presence type='probe' to='a@b' from='c@d'/>": "/presence/probe",
        }.items():
            request = self.request(text, "http://callback.example/{kind}/{type}")
            self.assertEqual(target, request.target)

    def test_anyAddress(self) -> None:
        """
        An address can hold anything that XML can; the target stays what it is.
        """
        addresses = {
            "jürgen@exämple.com/☕": "j%C3%BCrgen%40ex%C3%A4mple.com%2F%E2%98%95",
            "r@x/a b?c#d%20": "r%40x%2Fa%20b%3Fc%23d%2520",
            "r@x/{to}{kind}": "r%40x%2F%7Bto%7D%7Bkind%7D",
            "r@x/&#13;&#10;Host: evil": "r%40x%2F%0D%0AHost%3A%20evil",
            "r@x/../..": "r%40x%2F..%2F..",
            "": "",
        }
        for address, encoded in addresses.items():
            request = self.request(
                f"<message from='{address}' to='{BOT}'/>",
                "http://callback.example/hook?from={from}",
            )
            self.assertEqual(f"/hook?from={encoded}", request.target)
            self.assertEqual("callback.example", request["Host"])

    def test_defaultType(self) -> None:
        """
        A stanza without a type has one all the same in the URL.
        """
        types = {"message": "normal", "presence": "available"}
        for kind, type in types.items():
            request = self.request(
                f"<{kind} from='{ANN}' to='{BOT}'/>", "http://callback.example/{type}"
            )
            self.assertEqual(f"/{type}", request.target)

    def test_userinfo(self) -> None:
        """
        User and password in the URL become Basic credentials, and stand nowhere else.
        """
        url = "http://b%40t:s%C3%A9cret%3A@callback.example:81/hook"
        request = self.request(MESSAGE, url)
        pair = b64encode("b@t:sécret:".encode()).decode()
        self.assertEqual(f"Basic {pair}", request["Authorization"])
        self.assertEqual("callback.example:81", request["Host"])
        self.assertEqual("/hook", request.target)
        self.assertEqual("/hook", self.request(MESSAGE).target)

    def test_headersAreNotShared(self) -> None:
        """Headers of one stanza do not stay for the next."""
        self.request(MESSAGE.replace("id=", "xml:lang='en' id="))
        request = self.request(MESSAGE)
        self.assertNotIn("Content-Language", request)
        self.assertEqual(XML, request["Content-Type"])

    def test_ipv6(self) -> None:
        """
        The URL may have an IPv6 address.
        """
        request = self.request(MESSAGE, "http://[::1]:9999/hook")
        self.assertEqual("[::1]:9999", request["Host"])


class SignatureTests(WebhookTestCase):
    """
    Tests of what a stanza is known by and signed with.
    """

    url = "http://callback.example/hook"

    def test_unsigned(self) -> None:
        """
        A callback can tell a double by its id, with or without signatures.
        """
        self.reactor.advance(1614265330.9)
        request = self.request(MESSAGE)
        self.assertEqual("w1", request["webhook-id"])
        self.assertEqual("1614265330", request["webhook-timestamp"])
        self.assertNotIn("webhook-signature", request)

    def test_signed(self) -> None:
        """The signature covers the body as it is posted, in every format."""
        signer = Signer([OLD, NEW])
        for contentType in OUTPUT_TYPES:
            self.webhook = self.make(self.url, contentType, signer=signer)
            request = self.request(MESSAGE)
            when = int(self.reactor.seconds())
            self.assertEqual(
                signer.headers("w1", when, request.body),
                [field for field in request.fields if field[0].startswith("webhook")],
            )

    def test_again(self) -> None:
        """
        Each attempt has a time and a signature of its own; the id is the same.
        """
        self.webhook = self.make(self.url, signer=Signer([OLD]))
        times, signatures = [], []
        for _ in range(3):
            posting = self.post(MESSAGE)
            connection = self.server.accept()
            request = connection.request()
            self.assertEqual("w1", request["webhook-id"])
            times.append(request["webhook-timestamp"])
            signatures.append(request["webhook-signature"])
            connection.close()
            self.failureResultOf(posting, DeliveryError)
            self.reactor.advance(3600)
        self.assertEqual(["0", "3600", "7200"], times)
        self.assertEqual(3, len(set(signatures)))

    def test_question(self) -> None:
        """
        The question what the callback wants is no stanza: it has no id.
        """
        self.webhook = self.make(self.url, signer=Signer([OLD]))
        self.webhook.startService()
        names = [name for name, _ in self.server.accept().request().fields]
        self.assertEqual([], [name for name in names if name.startswith("webhook")])


class LinesTests(WebhookTestCase):
    """
    Tests of L{WebhookClient.postBatch}.
    """

    def test_request(self) -> None:
        """
        Lines are posted as they are, signed as a whole, with the batch's own id.
        """
        url = "http://b:c@callback.example/{kind}"
        webhook = self.make(url, JSON, signer=Signer([OLD]))
        text = b'{"id": "w1"}\n{"id": "w2"}\n'
        target = webhook.urlOf(stanza(MESSAGE.replace("id=", "xml:lang='en' id=")))
        posting = webhook.postBatch(target, text, "batch_1")
        connection = self.server.accept()
        request = connection.request()
        self.assertEqual(("POST", "/message"), (request.method, request.target))
        self.assertEqual(NDJSON, request["Content-Type"])
        self.assertEqual(NDJSON, request["Accept"])
        self.assertEqual(f"xmpprest/{__version__}", request["User-Agent"])
        self.assertIn("Authorization", request)
        self.assertNotIn("Content-Language", request)
        self.assertEqual(text, request.body)
        self.assertEqual(
            Signer([OLD]).headers("batch_1", 0, text),
            [field for field in request.fields if field[0].startswith("webhook")],
        )
        connection.answer(200, b"{}", NDJSON)
        self.assertEqual(
            CallbackResponse(200, NDJSON, b"{}"), self.successResultOf(posting)
        )

    def test_noAnswer(self) -> None:
        """
        An answer that is longer than one to a stanza may be is none.
        """
        target = b"http://callback.example/"
        posting = self.webhook.postBatch(target, b"{}\n", "batch_1")
        self.server.accept().answer(200, b"x" * 1001, NDJSON)
        self.reactor.advance(0)
        self.failureResultOf(posting, DeliveryError)


class FormatTests(WebhookTestCase):
    """
    Tests of how a stanza is written.
    """

    values: ClassVar[dict[str, dict[str, Value]]] = {
        MESSAGE: {
            "kind": "message",
            "type": "chat",
            "from": ANN,
            "to": BOT,
            "id": "1",
            "body": "hi",
        },
        f"<message from='{ANN}' to='{BOT}' xml:lang='de'><subject>Grüße</subject>"
        "</message>": {
            "kind": "message",
            "type": "normal",
            "from": ANN,
            "to": BOT,
            "lang": "de",
            "subject": "Grüße",
        },
        f"<presence from='{ANN}' to='{BOT}'><show>away</show></presence>": {
            "kind": "presence",
            "type": "available",
            "from": ANN,
            "to": BOT,
            "show": "away",
        },
        f"<iq type='get' from='{ANN}' to='{BOT}' id='1'>"
        "<ping xmlns='urn:xmpp:ping'/></iq>": {
            "kind": "iq",
            "type": "get",
            "from": ANN,
            "to": BOT,
            "id": "1",
            "ping": True,
        },
    }

    def posted(self, xml: str, contentType: str) -> bytes:
        """Return the body of a POST, once the format is known."""
        self.webhook = self.make("http://callback.example/hook", contentType)
        request = self.request(xml)
        self.assertEqual(contentType, request["Content-Type"])
        self.assertEqual(INPUT_TYPES, request["Accept"])
        return request.body

    def test_json(self) -> None:
        """
        JSON has the kind and the type of every stanza.
        """
        for xml, value in self.values.items():
            self.assertEqual(value, json.loads(self.posted(xml, JSON)))

    def test_cbor(self) -> None:
        """
        CBOR says the same.
        """
        for xml, value in self.values.items():
            self.assertEqual(value, fromCBOR(self.posted(xml, CBOR)))

    def test_form(self) -> None:
        """
        A form has what is no object; true is there, and empty.
        """
        for xml, value in self.values.items():
            texts = {k: "" if v is True else v for k, v in value.items()}
            body = self.posted(xml, FORM).decode()
            self.assertEqual(texts, dict(parse_qsl(body, True, strict_parsing=True)))

    def test_lossless(self) -> None:
        """Content that JSON has no key for is in the body, too."""
        body = self.posted(MESSAGE.replace("<body>", "<x xmlns='urn:x'/><body>"), JSON)
        self.assertEqual(["<x xmlns='urn:x'/>"], json.loads(body)["xml"])

    def test_language(self) -> None:
        """
        The language is told in the header, too, whatever the format.
        """
        self.webhook = self.make("http://callback.example/hook", JSON)
        request = self.request(MESSAGE.replace("id=", "xml:lang='de' id="))
        self.assertEqual("de", request["Content-Language"])

    def test_answer(self) -> None:
        """
        The answer is brought as it is, in whichever format.
        """
        connection = None
        for contentType in (JSON, CBOR, FORM, TEXT, "application/problem+json"):
            posting = self.post(MESSAGE)
            connection = connection or self.server.accept()
            connection.answer(200, b"\xff", contentType)
            self.assertEqual(
                CallbackResponse(200, contentType, b"\xff"),
                self.successResultOf(posting),
            )


class DiscoveryTests(WebhookTestCase):
    """
    Tests of how the callback is asked what it wants.
    """

    def discover(
        self, head: bytes, url: str = "http://callback.example/hook"
    ) -> HTTPRequest:
        """Start with another type than XML, and answer the question; the question."""
        self.webhook = self.make(url, CONFIGURED)
        self.webhook.startService()
        connection = self.server.accept()
        connection.send(head + b"\r\n\r\n")
        return connection.request()

    def test_question(self) -> None:
        """
        The question is an OPTIONS with the placeholders filled for it, and credentials.
        """
        request = self.discover(
            b"HTTP/1.1 204 OK",
            "http://a:b@callback.example/{kind}/{type}/{to}/{from}",
        )
        self.assertEqual("OPTIONS", request.method)
        self.assertEqual(f"/meta/info/{DOMAIN}/{DOMAIN}", request.target)
        self.assertIn("Authorization", request)
        self.assertEqual(f"xmpprest/{__version__}", request["User-Agent"])
        self.assertEqual(b"", request.body)

    def test_accept(self) -> None:
        """
        A 200 with Accept chooses what is posted.
        """
        self.discover(
            b"HTTP/1.1 200 OK\r\nAccept: text/html\r\nAccept: application/xmpp+xml"
            b"\r\nContent-Length: 0"
        )
        self.assertEqual(XML, self.webhook.contentType)
        self.post(MESSAGE)
        self.assertEqual(XML, self.server.connections[0].request()["Content-Type"])

    def test_formats(self) -> None:
        """
        The callback gets what it likes best of what there is.
        """
        for accept, contentType in {
            JSON: JSON,
            CBOR: CBOR,
            FORM: FORM,
            f"{XML};q=0.5, {JSON}": JSON,
            f"{JSON};q=0.5, {CBOR};q=0.6, {FORM};q=0.1": CBOR,
            f"text/html, {TEXT}, {JSON};q=0.1": JSON,
            f"{JSON}; charset=utf-8": JSON,
            "Application/JSON": JSON,
        }.items():
            self.discover(
                f"HTTP/1.1 200 OK\r\nAccept: {accept}\r\nContent-Length: 0".encode()
            )
            self.assertEqual(contentType, self.webhook.contentType, accept)
            self.post(MESSAGE)
            request = self.server.connections[-1].request()
            self.assertEqual(contentType, request["Content-Type"])

    def test_configured(self) -> None:
        """
        A callback that takes anything gets what was configured.
        """
        for accept in ("*/*", f"{JSON}, {XML}", "application/*", "text/html"):
            self.webhook = self.make("http://callback.example/hook", JSON)
            self.webhook.startService()
            head = f"HTTP/1.1 200 OK\r\nAccept: {accept}\r\nContent-Length: 0"
            self.server.accept().send(f"{head}\r\n\r\n".encode())
            self.assertEqual(JSON, self.webhook.contentType, accept)

    def test_notAccepted(self) -> None:
        """
        Anything else leaves it as it was configured.
        """
        heads = [
            b"HTTP/1.1 204 No Content\r\nAccept: application/xmpp+xml",
            b"HTTP/1.1 404 Not Found\r\nAccept: application/xmpp+xml"
            b"\r\nContent-Length: 0",
            b"HTTP/1.1 302 Found\r\nAccept: application/xmpp+xml\r\nLocation: /"
            b"\r\nContent-Length: 0",
            b"HTTP/1.1 200 OK\r\nContent-Length: 0",
            b"HTTP/1.1 200 OK\r\nAccept: image/png\r\nContent-Length: 0",
            b"HTTP/1.1 200 OK\r\nAccept: nonsense\r\nContent-Length: 0",
        ]
        with capturedLogs() as logs:
            for head in heads:
                self.discover(head)
                self.assertEqual(CONFIGURED, self.webhook.contentType)
        self.assertEqual([], said(logs))

    def test_unreachable(self) -> None:
        """
        A callback that cannot be reached is one line in the log, without the password.
        """
        self.webhook = self.make("http://bot:secret@callback.example/{kind}")
        with capturedLogs() as logs:
            self.webhook.startService()
            self.server.refuse(ConnectionRefusedError())
            self.reactor.advance(1)
        self.assertEqual(
            [
                "The callback http://callback.example/{kind} does not answer the"
                " OPTIONS request (Connection was refused by other side); stanzas are"
                " POSTed to it anyway."
            ],
            said(logs),
        )
        self.assertEqual(XML, self.webhook.contentType)

    def test_doesNotWait(self) -> None:
        """
        Stanzas are posted while the question is still open.
        """
        self.webhook.startService()
        self.server.accept()
        self.post(MESSAGE)
        self.assertEqual("POST", self.server.accept().request().method)

    def test_stop(self) -> None:
        """
        To stop gives up the question, closes the connections, and says nothing.
        """
        with capturedLogs() as logs:
            self.webhook.startService()
            self.server.accept()
            posting = self.post(MESSAGE)
            self.server.accept().answer()
            self.successResultOf(posting)
            stopping = self.webhook.stopService()
            self.reactor.advance(0)
        self.successResultOf(stopping)
        self.assertEqual([], said(logs))
        self.assertEqual(0, self.server.openConnections())
        self.assertEqual([], self.reactor.getDelayedCalls())

    def test_stopWhileConnecting(self) -> None:
        """Stopping before the callback is reached logs nothing and leaves no timer."""
        with capturedLogs() as logs:
            self.webhook.startService()
            self.successResultOf(self.webhook.stopService())
        self.assertEqual([], said(logs))
        self.assertEqual([], self.reactor.getDelayedCalls())
