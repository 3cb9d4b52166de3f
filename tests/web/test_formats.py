"""Tests of L{xmpprest.web.api.stanzas}: what is read and written in all its formats."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import parse_qsl, urlencode

from twisted.words.xish.domish import Element

from tests.support import hostile
from tests.support.traps import Trap, cborTraps, jsonTraps
from xmpprest.core.media.formats import (
    CBOR,
    FORM,
    INPUT_TYPES,
    JSON,
    OUTPUT_TYPES,
    TEXT,
)
from xmpprest.core.media.values import Value, fromCBOR, fromJSON, toCBOR
from xmpprest.core.stanza import namespaces as ns

from ..support.canonical import canonical
from ..support.doubles import DOMAIN, HTTPResponse, stanza
from .case import IQ, XML, SiteTestCase, request

TO = "a@example.org"


def read(response: HTTPResponse) -> Value | Element:
    """Parse a response by its media type."""
    contentType = response["Content-Type"]
    if contentType == XML:
        return stanza(response.body.decode())
    if contentType == JSON:
        return fromJSON(response.body)
    if contentType == CBOR:
        return fromCBOR(response.body)
    assert contentType == FORM, contentType
    pairs: dict[str, Value] = {**dict(parse_qsl(response.body.decode(), True))}
    return pairs


class FormatTestCase(SiteTestCase):
    """
    A test that looks at what is sent, and at what is not.
    """

    def assertNothingSent(self) -> None:
        """Neither a message, a presence nor an iq."""
        self.assertEqual(self.outbox.sent, [])
        self.assertEqual(self.requester.requests, [])

    def answered(
        self, replies: list[Element], headers: Mapping[str, str | None], body: bytes
    ) -> HTTPResponse:
        """Send an iq, have these come in reply, and take the answer."""
        client = self.client()
        client.send(request(body, headers))
        # The double takes several replies, too.
        self.requester.requests.pop().reply.callback(replies)  # type: ignore[arg-type]
        response = client.response()
        self.assertEqual(response.status, 200, response.body)
        self.assertEqual(response["Cache-Control"], "no-store")
        return response


#: The same iq in each format that one can be sent in.
IQS = {
    XML: IQ,
    JSON: b'{"to": "a@example.org", "id": "i1", "ping": true}',
    CBOR: toCBOR({"to": TO, "id": "i1", "ping": True}),
    FORM: b"to=a%40example.org&id=i1&ping=",
}


class SendTests(FormatTestCase):
    """
    C{POST /rest} in every format.
    """

    def test_message(self) -> None:
        """A message is the same in every format."""
        value: dict[str, Value] = {
            "kind": "message",
            "to": TO,
            "from": f"bot@{DOMAIN}",
            "id": "m",
            "type": "chat",
            "lang": "de",
            "body": "Grüße & <Küsse>",
        }
        xml = (
            f"<message to='{TO}' from='bot@{DOMAIN}' id='m' type='chat' xml:lang='de'>"
            "<body>Grüße &amp; &lt;Küsse></body></message>"
        )
        for contentType, body in (
            (XML, xml.encode()),
            (JSON, json.dumps(value).encode()),
            (JSON, json.dumps(value, ensure_ascii=False).encode()),
            (CBOR, toCBOR(value)),
            (FORM, urlencode(value).encode()),
        ):
            response = self.ask(body, {"Content-Type": contentType})
            self.assertEqual((response.status, response["Stanza-Id"]), (202, "m"))
            self.assertEqual(response["Cache-Control"], "no-store")
            sent = self.outbox.sent.pop()
            self.assertEqual(canonical(sent), canonical(stanza(xml)), contentType)

    def test_iq(self) -> None:
        """An iq is the same in every format."""
        for contentType, body in IQS.items():
            self.client().send(request(body, {"Content-Type": contentType}))
            sent = self.requester.requests.pop().stanza
            expected = stanza(IQ.decode())
            expected["from"] = DOMAIN
            self.assertEqual(canonical(sent), canonical(expected), contentType)

    def test_parameters(self) -> None:
        """Parameters of the type are taken as they come; its charset is UTF-8."""
        for type, body in IQS.items():
            for parameters, status in (
                ("; charset=utf-8", None),
                (';charset="UTF-8"; x=y', None),
                ("; charset=us-ascii", None),
                ("; charset=iso-8859-1", 415),
                ("; charset=utf-16", 415),
            ):
                client = self.client()
                client.send(request(body, {"Content-Type": type + parameters}))
                found = [response.status for response in client.responses()]
                self.assertEqual(found, [status] if status else [], type + parameters)

    def test_unsupported(self) -> None:
        """Another type is 415, which lists those that are read."""
        for contentType in (
            "application/xml",
            "text/xml",
            "text/html",
            "application/json-seq",
            "application/problem+json",
            "multipart/form-data; boundary=x",
            "application/*",
            "nonsense",
            None,
        ):
            response = self.ask(b"{}", {"Content-Type": contentType, "Accept": JSON})
            self.assertProblem(response, 415)
            self.assertEqual(response["Accept"], INPUT_TYPES)
        self.assertEqual(INPUT_TYPES, f"{XML}, {JSON}, {CBOR}, {FORM}, {TEXT}")
        self.assertNothingSent()


class NegotiationTests(FormatTestCase):
    """
    The format of the reply to an iq.
    """

    result = (
        f"<iq type='result' id='i1' from='{TO}' to='{DOMAIN}'>"
        f"<query xmlns='{ns.VERSION}'><name>Prosody</name></query></iq>"
    )
    value: ClassVar[Value] = {
        "kind": "iq",
        "type": "result",
        "id": "i1",
        "from": TO,
        "to": DOMAIN,
        "version": {"name": "Prosody"},
    }

    def answer(self, accept: str | None, contentType: str = XML) -> HTTPResponse:
        """The answer to an iq that is sent in a type, and asks for others."""
        headers = {"Accept": accept, "Content-Type": contentType}
        reply = [stanza(self.result)]
        return self.answered(reply, headers, IQS[contentType.partition(";")[0]])

    def test_content(self) -> None:
        """The reply is the same in every format; a form has what is no object."""
        xml = read(self.answer(XML))
        assert isinstance(xml, Element)
        self.assertEqual(canonical(xml), canonical(stanza(self.result)))
        self.assertEqual(read(self.answer(JSON)), self.value)
        self.assertEqual(read(self.answer(CBOR)), self.value)
        assert isinstance(self.value, dict)
        rest = {key: it for key, it in self.value.items() if key != "version"}
        self.assertEqual(read(self.answer(FORM)), rest)

    def test_newline(self) -> None:
        """A reply in JSON ends with a line break, for terminals; others do not."""
        for contentType in (XML, JSON, CBOR, FORM):
            body = self.answer(contentType).body
            self.assertEqual(body.endswith(b"\n"), contentType == JSON, contentType)

    def test_own(self) -> None:
        """Without a preference the reply has the format of the request."""
        for accept in (None, "*/*", "text/html", "text/plain", "image/*", "", "x"):
            for contentType in IQS:
                for sent in (contentType, f"{contentType}; charset=utf-8"):
                    response = self.answer(accept, sent)
                    self.assertEqual(response["Content-Type"], contentType, accept)

    def test_preferred(self) -> None:
        """
        The reply has the preferred format, by weight and by how exactly it is named.
        """
        for accept, answered in (
            (f"{JSON}, {XML};q=0.9", JSON),
            (f"{JSON};q=0.8, {XML};q=0.9", XML),
            (f"{CBOR};q=0.8, {FORM};q=0.7, */*;q=0.1", CBOR),
            (f"{FORM};q=0.8, {CBOR};q=0.7, */*;q=0.1", FORM),
            (f"*/*, {XML};q=0", JSON),
            (f"application/*;q=0.5, {CBOR}", CBOR),
            (f"{XML};q=0, {JSON};q=0, {CBOR};q=0, */*", FORM),
            (f"text/html, {JSON};q=0.1", JSON),
            ("application/*", XML),
            (f"{JSON.upper()}; charset=utf-8", JSON),
            # Of equals the first that is named, before the request's own.
            (f"{JSON}, {XML}", JSON),
            (f"{CBOR}, {JSON}", CBOR),
            (f"{JSON}, text/plain, */*", JSON),
        ):
            self.assertEqual(self.answer(accept)["Content-Type"], answered, accept)

    def test_lines(self) -> None:
        """Several lines of C{Accept} are one list."""
        headers = {"Accept": "text/html", "accept": f"{CBOR};q=0.5"}
        response = self.answered([stanza(self.result)], headers, IQ)
        self.assertEqual(response["Content-Type"], CBOR)

    def test_error(self) -> None:
        """An error stanza is written like any other."""
        error = stanza(
            f"<iq type='error' id='i1' from='{TO}'><error type='cancel' by='{TO}'>"
            f"<item-not-found xmlns='{ns.STANZA_ERRORS}'/>"
            f"<text xmlns='{ns.STANZA_ERRORS}'>No.</text></error></iq>"
        )
        response = self.answered([error], {"Accept": JSON}, IQ)
        self.assertEqual(
            read(response),
            {
                "kind": "iq",
                "type": "error",
                "id": "i1",
                "from": TO,
                "error": {
                    "type": "cancel",
                    "by": TO,
                    "condition": "item-not-found",
                    "text": "No.",
                },
            },
        )
        response = self.answered([error], {"Accept": FORM}, IQ)
        self.assertEqual(
            read(response), {"kind": "iq", "type": "error", "id": "i1", "from": TO}
        )


class SeveralTests(FormatTestCase):
    """
    The result of an archive query: messages, and the iq that ends them.
    """

    messages = tuple(
        stanza(
            f"<message from='{TO}' to='{DOMAIN}'>"
            f"<result xmlns='{ns.MAM}' queryid='q' id='{number}'>"
            f"<forwarded xmlns='{ns.FORWARD}'>"
            f"<delay xmlns='urn:xmpp:delay' stamp='2026-01-0{number}T00:00:00Z'/>"
            f"<message xmlns='jabber:client' from='b@example.org' type='chat'>"
            f"<body>Number {number}</body></message></forwarded></result></message>"
        )
        for number in (1, 2)
    )
    end = stanza(
        f"<iq type='result' id='i1' from='{TO}'><fin xmlns='{ns.MAM}' complete='true'>"
        f"<set xmlns='{ns.RSM}'><first index='0'>1</first><last>2</last></set>"
        "</fin></iq>"
    )
    endValue: ClassVar[Value] = {
        "kind": "iq",
        "type": "result",
        "id": "i1",
        "from": TO,
        "result": {
            "complete": True,
            "page": {"first": "1", "index": 0, "last": "2"},
        },
    }

    def value(self, number: int) -> Value:
        """One of the messages in JSON."""
        return {
            "kind": "message",
            "type": "normal",
            "from": TO,
            "to": DOMAIN,
            "archive": {
                "queryid": "q",
                "id": str(number),
                "forward": {
                    "delay": f"2026-01-0{number}T00:00:00Z",
                    "message": {
                        "kind": "message",
                        "type": "chat",
                        "from": "b@example.org",
                        "body": f"Number {number}",
                    },
                },
            },
        }

    def answer(self, accept: str, *stanzas: Element) -> HTTPResponse:
        """The answer to a query that brings these."""
        return self.answered([*stanzas], {"Accept": accept}, IQ)

    def test_xml(self) -> None:
        """In XML they stand in one element, in their order."""
        document = read(self.answer(XML, *self.messages, self.end))
        assert isinstance(document, Element)
        self.assertEqual(document.name, "xmpp")
        self.assertEqual(
            [canonical(each) for each in document.elements()],
            [canonical(each) for each in (*self.messages, self.end)],
        )

    def test_json(self) -> None:
        """In JSON and CBOR they are one list."""
        for accept in (JSON, CBOR):
            self.assertEqual(
                read(self.answer(accept, *self.messages, self.end)),
                {"xmpp": [self.value(1), self.value(2), self.endValue]},
            )

    def test_form(self) -> None:
        """A form has the last, the iq that was waited for."""
        self.assertEqual(
            read(self.answer(FORM, *self.messages, self.end)),
            {"kind": "iq", "type": "result", "id": "i1", "from": TO},
        )

    def test_one(self) -> None:
        """One alone stands alone."""
        document = read(self.answer(XML, self.end))
        assert isinstance(document, Element)
        self.assertEqual(canonical(document), canonical(self.end))
        for accept in (JSON, CBOR):
            self.assertEqual(read(self.answer(accept, self.end)), self.endValue)


class EchoTests(FormatTestCase):
    """
    C{POST /rest/echo}
    """

    value: ClassVar[Value] = {
        "kind": "message",
        "type": "chat",
        "to": TO,
        "from": DOMAIN,
        "id": "made-1",
        "body": "hi",
    }
    xml = (
        f"<message type='chat' to='{TO}' from='{DOMAIN}' id='made-1'>"
        "<body>hi</body></message>"
    )
    bodies: Mapping[str, bytes] = {
        XML: f"<message type='chat' to='{TO}'><body>hi</body></message>".encode(),
        JSON: b'{"type": "chat", "to": "a@example.org", "body": "hi"}',
        CBOR: toCBOR({"type": "chat", "to": TO, "body": "hi"}),
        FORM: b"type=chat&to=a%40example.org&body=hi",
    }

    def echo(
        self, body: bytes, contentType: str | None, accept: str | None = None
    ) -> HTTPResponse:
        """The echo of a body."""
        headers = {"Content-Type": contentType, "Accept": accept}
        return self.ask(body, headers, path="/rest/echo")

    def test_all(self) -> None:
        """A stanza in any format is returned in any other, and nothing is sent."""
        for contentType, body in self.bodies.items():
            for accept in OUTPUT_TYPES:
                self.setUp()
                response = self.echo(body, contentType, accept)
                self.assertEqual(response.status, 200, response.body)
                self.assertEqual(response["Content-Type"], accept)
                self.assertEqual(response["Cache-Control"], "no-store")
                self.assertEqual(response.all("Stanza-Id"), [])
                found = read(response)
                if isinstance(found, Element):
                    self.assertEqual(canonical(found), canonical(stanza(self.xml)))
                else:
                    self.assertEqual(found, self.value, (contentType, accept))
                self.assertNothingSent()

    def test_default(self) -> None:
        """Without C{Accept} the response has the format of the request."""
        for contentType, body in self.bodies.items():
            response = self.echo(body, f"{contentType}; charset=utf-8")
            self.assertEqual(response["Content-Type"], contentType)

    def test_kinds(self) -> None:
        """Presence and iqs are echoed, too, and nobody waits."""
        for body, xml in (
            (
                {"kind": "presence", "to": TO, "id": "p", "show": "dnd"},
                f"<presence to='{TO}' from='{DOMAIN}' id='p'><show>dnd</show>"
                "</presence>",
            ),
            (
                {"to": TO, "id": "q", "disco": "n"},
                f"<iq type='get' to='{TO}' from='{DOMAIN}' id='q'>"
                f"<query xmlns='{ns.DISCO_INFO}' node='n'/></iq>",
            ),
        ):
            response = self.echo(json.dumps(body).encode(), JSON, XML)
            echoed = stanza(response.body.decode())
            self.assertEqual(canonical(echoed), canonical(stanza(xml)))
        self.assertNothingSent()

    def test_lossless(self) -> None:
        """Content without a key is returned, too."""
        xml = (
            f"<message to='{TO}' from='{DOMAIN}' id='m' type='chat'><body>hi</body>"
            "<body xml:lang='de'>na</body><x xmlns='urn:x' y='z'>a<b/>c</x></message>"
        )
        inJSON = self.echo(xml.encode(), XML, JSON).body
        inCBOR = self.echo(inJSON, JSON, CBOR).body
        again = self.echo(inCBOR, CBOR, XML).body
        self.assertEqual(canonical(stanza(again.decode())), canonical(stanza(xml)))

    def test_curl(self) -> None:
        """Without a header curl says that it is a form; the answer says what to do."""
        for body, type in (
            (b'{"to": "a@b"}', JSON),
            (b" [1]", JSON),
            (b"<message/>", XML),
        ):
            problem = self.assertProblem(self.echo(body, FORM, JSON), 400)
            self.assertIn(f"send it with -H 'Content-Type: {type}'", problem["detail"])

    def test_text(self) -> None:
        """Plain text does not say whom it is for, so that there is no echo of it."""
        response = self.echo(b"hi", TEXT, JSON)
        self.assertIn("has no 'to'", self.assertProblem(response, 422)["detail"])

    def test_refused(self) -> None:
        """A stanza that could not be sent is refused with the same words."""
        for contentType, body in (
            (XML, b""),
            (XML, b"<message>"),
            (XML, b"<message/>"),
            (XML, b"<iq to='a@b' type='get'/>"),
            (JSON, b""),
            (JSON, b"[]"),
            (JSON, b"{}"),
            (JSON, b'{"to": "@"}'),
            (JSON, b'{"to": "a@b", "from": "evil.example"}'),
            (JSON, b'{"to": "a@b", "bdy": "hi"}'),
            (JSON, b'{"to": "a@b", "type": "x"}'),
            (JSON, b'{"to": "a@b", "kind": "iq", "type": "result"}'),
            (JSON, b'{"to": "a@b", "id": "a\\nb"}'),
            (CBOR, b"\xff"),
            (FORM, b"to"),
            (FORM, b"to=%zz"),
            (TEXT, b"\xff"),
            ("text/html", b"<p>"),
            (None, b"{}"),
        ):
            told = [
                self.ask(body, {"Content-Type": contentType, "Accept": JSON}, path=path)
                for path in ("/rest", "/rest/echo")
            ]
            self.assertGreaterEqual(told[0].status, 400, body)
            self.assertEqual(*[(each.status, each.body) for each in told])
        self.assertNothingSent()


class DefectTests(FormatTestCase):
    """
    Defects of mod_rest (docs/reference/mod-rest.rst) and of other gateways.
    """

    def detail(self, status: int, value: Value) -> str:
        """Return the error for a value, which is the same in JSON and in CBOR."""
        response = self.ask(json.dumps(value).encode(), {"Content-Type": JSON})
        detail: str = self.assertProblem(response, status)["detail"]
        response = self.ask(toCBOR(value), {"Content-Type": CBOR})
        self.assertEqual(self.assertProblem(response, status)["detail"], detail)
        self.assertNothingSent()
        return detail

    def sent(self, value: Value) -> Element:
        """Return the stanza that is sent for a value."""
        response = self.ask(json.dumps(value).encode(), {"Content-Type": JSON})
        self.assertEqual(response.status, 202, response.body)
        return self.outbox.sent.pop()

    def test_invalidTo(self) -> None:
        """JSON with an invalid recipient is refused, not sent to oneself."""
        for to in ("@", "a@", "@b", "a b@c", "a@b/", "a@b@c", "a\u00a0b@c", " a@b"):
            detail = self.detail(422, {"to": to, "body": "hi"})
            self.assertIn("The 'to' is not an XMPP address", detail)
        for missing in ({}, {"to": None}, {"to": ""}):
            self.assertIn("has no 'to'", self.detail(422, {"body": "hi", **missing}))
        wrongs: tuple[Value, ...] = (5, True, ["a@b"], {"jid": "a@b"})
        for wrong in wrongs:
            detail = self.detail(422, {"to": wrong, "body": "hi"})
            self.assertIn("'to' must be a string", detail)

    def test_from(self) -> None:
        """The sender of JSON is honoured, wherever it stands."""
        bot = f"bot@{DOMAIN}/x"
        values: tuple[Value, ...] = (
            {"to": TO, "from": bot, "body": "hi"},
            {"from": bot, "body": "hi", "to": TO},
            {"body": "hi", "from": bot, "kind": "message", "to": TO},
        )
        for value in values:
            self.assertEqual(self.sent(value)["from"], bot)
        for empty in ({}, {"from": None}, {"from": ""}):
            self.assertEqual(self.sent({"to": TO, **empty})["from"], DOMAIN)

    def test_otherFrom(self) -> None:
        """A sender elsewhere is refused, in every format."""
        for sender in ("evil.example", f"a@{DOMAIN}.evil.example", f"x.{DOMAIN}"):
            value: Value = {"to": TO, "from": sender, "body": "hi"}
            self.assertIn(DOMAIN, self.detail(403, value))
            body = urlencode({"to": TO, "from": sender}).encode()
            response = self.ask(body, {"Content-Type": FORM})
            self.assertProblem(response, 403)
        self.assertNothingSent()

    def test_type(self) -> None:
        """The type of a message is the one that it says, or none."""
        for type in ("chat", "normal", "headline", "groupchat"):
            self.assertEqual(self.sent({"to": TO, "type": type})["type"], type)
        self.assertNotIn("type", self.sent({"to": TO, "body": "hi"}).attributes)

    def test_payload(self) -> None:
        """A payload is that of XEP-0432."""
        value: Value = {"to": TO, "payload": {"datatype": "urn:x", "data": {"a": [1]}}}
        self.assertEqual(
            canonical(self.sent(value)),
            canonical(
                stanza(
                    f"<message to='{TO}' from='{DOMAIN}' id='made-1'>"
                    f"<payload xmlns='{ns.JSON_MESSAGE}' datatype='urn:x'>"
                    f"<json xmlns='{ns.JSON}'>{{\"a\": [1]}}</json></payload></message>"
                )
            ),
        )

    def test_dataform(self) -> None:
        """The fields of a form, and their options, are not nested in each other."""
        value: Value = {
            "to": TO,
            "dataform": {
                "type": "form",
                "title": "T",
                "fields": [
                    {"var": "a", "type": "text-single", "value": "1"},
                    {
                        "var": "b",
                        "type": "list-single",
                        "value": "x",
                        "options": [{"label": "X", "value": "x"}, {"value": "y"}],
                    },
                ],
            },
        }
        self.assertEqual(
            canonical(self.sent(value)),
            canonical(
                stanza(
                    f"<message to='{TO}' from='{DOMAIN}' id='made-1'>"
                    f"<x xmlns='{ns.DATA}' type='form'><title>T</title>"
                    "<field var='a' type='text-single'><value>1</value></field>"
                    "<field var='b' type='list-single'><value>x</value>"
                    "<option label='X'><value>x</value></option>"
                    "<option><value>y</value></option></field></x></message>"
                )
            ),
        )

    def test_characters(self) -> None:
        """Characters that XML cannot hold are refused in every format."""
        for character in ("\0", "\x08", "\x1b", "\x1f", "\ufffe", "\uffff"):
            code = f"U+{ord(character):04X}"
            self.assertIn(code, self.detail(422, {"to": TO, "body": f"a{character}"}))
            self.assertIn(code, self.detail(422, {"to": TO, f"a{character}": "b"}))
            body = urlencode({"to": TO, "body": character}).encode()
            response = self.ask(body, {"Content-Type": FORM})
            self.assertProblem(response, 422)
            response = self.ask(
                character.encode(),
                {"Content-Type": TEXT},
                path=f"/rest/message/chat/{TO}",
            )
            self.assertIn(code, self.assertProblem(response, 422)["detail"])
        self.assertNothingSent()

    def test_markup(self) -> None:
        """Text is text; it does not become elements."""
        evil = "</body></message><message to='c@d'><body>&amp;]]>'\""
        sent = self.sent({"to": TO, "body": evil, "subject": evil})
        self.assertEqual([str(child) for child in sent.elements()], [evil, evil])

    def test_xml(self) -> None:
        """XML within JSON is held to what XML is held to."""
        for xml, says in (
            ("<a>", "not XML"),
            ("</xml><a/>", "not XML"),
            ("<!DOCTYPE x><a/>", "not XML"),
            ("<!-- a -->", "not XML"),
            ("<?a b?>", "not XML"),
            ("&nbsp;", "not XML"),
            ("</xml></message><message to='c@d'>", "not XML"),
            ("<a>" * 70 + "</a>" * 70, "64"),
        ):
            detail = self.detail(422, {"to": TO, "xml": [xml]})
            self.assertIn(says, detail, xml)
            self.assertIn("'xml[0]'", detail)

    def test_unknown(self) -> None:
        """An unknown key is refused, with the one that may have been meant."""
        self.assertIn("did you mean 'body'?", self.detail(422, {"to": TO, "boddy": ""}))
        detail = self.detail(422, {"to": TO, "oob": {"ulr": ""}})
        self.assertIn("'ulr' in 'oob' is not known; did you mean 'url'?", detail)

    def test_noKind(self) -> None:
        """A kind that is none is refused, whatever it is."""
        kinds: tuple[Value, ...] = ("mesage", "", "Message", 5, True, [], {}, ["iq"])
        for kind in kinds:
            detail = self.detail(422, {"to": TO, "kind": kind})
            self.assertIn("'kind' must be message, presence or iq", detail)

    def test_noObject(self) -> None:
        """A value that is no object is refused, with an example of one."""
        values: tuple[Value, ...] = ([], "hi", 5, True, None, [{"to": TO}])
        for value in values:
            self.assertIn("must be one object", self.detail(422, value))


class TrapTests(FormatTestCase):
    """
    Bodies that are made to do harm.
    """

    def setUp(self) -> None:
        """Let through what may be as long as the gateway takes by default."""
        super().setUp()
        self.build(sizeLimit=hostile.SIZE_LIMIT)

    def assertTrap(self, trap: Trap, contentType: str, path: str) -> None:
        """
        Check that the body is refused with its status, in a text that says what is
        wrong.
        """
        headers = {"Content-Type": contentType}
        response = self.ask(trap.body, headers, path=path)
        self.assertEqual(response.status, trap.status, trap.name)
        detail = self.assertProblem(response, trap.status)["detail"]
        self.assertIn(trap.says, detail, trap.name)
        self.assertLess(len(detail), 1000, trap.name)

    def test_json(self) -> None:
        """Each trap of JSON is a 4xx that says what is wrong, and nothing is sent."""
        for trap in jsonTraps():
            self.assertTrap(trap, JSON, "/rest")
            self.assertTrap(trap, JSON, "/rest/echo")
            if trap.body:  # which need not be there
                self.assertTrap(trap, JSON, "/rest/iq/payload/example.org")
        self.assertNothingSent()

    def test_cbor(self) -> None:
        """Each trap of CBOR is a 4xx that says what is wrong, and nothing is sent."""
        for trap in cborTraps():
            for path in ("/rest", "/rest/echo", f"/rest/message/chat/{TO}"):
                self.assertTrap(trap, CBOR, path)
        self.assertNothingSent()

    def test_connection(self) -> None:
        """The connection is none the worse for it."""
        client = self.client()
        for trap in jsonTraps():
            client.send(request(trap.body, {"Content-Type": JSON}))
        client.send(request())
        statuses = [response.status for response in client.responses()]
        self.assertEqual(statuses[-1], 202)
        self.assertEqual(set(statuses[:-1]), {400, 422})
