"""Tests of L{xmpprest.web.router}: what a path says, and what a query asks."""

from __future__ import annotations

import json
from urllib.parse import urlencode

from twisted.web.server import Request
from twisted.words.xish.domish import Element

from xmpprest.core.codec.table import PAYLOADS
from xmpprest.core.media.formats import CBOR, FORM, JSON, TEXT
from xmpprest.core.media.values import toCBOR
from xmpprest.core.policy.permissions import Grant
from xmpprest.core.stanza import namespaces as ns
from xmpprest.web.response import Response
from xmpprest.web.router import Route

from ..support.canonical import canonical
from ..support.doubles import DOMAIN, HTTPResponse, stanza
from .case import XML, SiteTestCase, request

TO = "a@example.org"
COMMANDS = "http://jabber.org/protocol/commands"


class PathTestCase(SiteTestCase):
    """
    A test that looks at what is sent.
    """

    def sent(self) -> list[Element]:
        """Return all stanzas sent since the last call, messages and presence first."""
        sent = self.outbox.sent + [each.stanza for each in self.requester.requests]
        self.outbox.sent.clear()
        self.requester.requests.clear()
        return sent

    def assertSent(
        self,
        path: str,
        expected: str,
        body: bytes = b"",
        contentType: str | None = None,
        method: str = "POST",
    ) -> None:
        """This is sent, apart from its sender and its id."""
        headers = {"Content-Type": contentType}
        client = self.client()
        client.send(request(body, headers, method, f"/rest{path}"))
        told = [each.status for each in client.responses()]
        # An iq is answered later.
        self.assertIn(told, ([202], []), (path, body))
        (sent,) = self.sent()
        wanted = stanza(expected)
        wanted.attributes.setdefault("from", DOMAIN)
        wanted.attributes.setdefault("id", sent["id"])
        self.assertEqual(canonical(sent), canonical(wanted), (path, body))

    def refusal(
        self,
        status: int,
        path: str,
        body: bytes = b"",
        contentType: str | None = None,
        method: str = "POST",
    ) -> str:
        """The sentence that a request is refused with; nothing is sent."""
        headers = {"Content-Type": contentType, "Accept": JSON}
        response = self.ask(body, headers, method, f"/rest{path}")
        text: str = self.assertProblem(response, status)["detail"]
        self.assertRegex(text, r"^[A-Z'].*[.?]$", path)
        self.assertEqual(self.sent(), [], path)
        return text


class PathTests(PathTestCase):
    """
    C{POST /rest/{kind}/{type}/{to}}
    """

    def test_message(self) -> None:
        """The path says kind, type and recipient, and the body says the rest."""
        path = f"/message/chat/{TO}"
        sent = f"<message to='{TO}' type='chat'><body>hi</body></message>"
        for contentType, body in (
            (JSON, b'{"body": "hi"}'),
            (f"{JSON}; charset=UTF-8", b'{"body": "hi"}'),
            (FORM, b"body=hi"),
            (TEXT, b"hi"),
            ("text/plain; charset=us-ascii; format=flowed", b"hi"),
        ):
            self.assertSent(path, sent, body, contentType)

    def test_types(self) -> None:
        """Each type that a kind has may stand in the path."""
        for path, sent in (
            ("/message/normal", "<message type='normal' to='a@example.org'/>"),
            ("/message/headline", "<message type='headline' to='a@example.org'/>"),
            ("/message/groupchat", "<message type='groupchat' to='a@example.org'/>"),
            ("/presence/available", "<presence to='a@example.org'/>"),
            ("/presence/unavailable", f"<presence type='unavailable' to='{TO}'/>"),
            ("/presence/subscribe", "<presence type='subscribe' to='a@example.org'/>"),
            ("/presence/probe", "<presence type='probe' to='a@example.org'/>"),
        ):
            self.assertSent(f"{path}/{TO}", sent)

    def test_noBody(self) -> None:
        """Where the path says enough, there need be neither a body nor a type."""
        for contentType in (None, JSON, FORM, TEXT):
            self.assertSent(
                f"/presence/available/{TO}",
                f"<presence to='{TO}'/>",
                contentType=contentType,
            )
            self.assertSent(
                f"/message/chat/{TO}",
                f"<message type='chat' to='{TO}'/>",
                contentType=contentType,
            )

    def test_emptyBody(self) -> None:
        """A body that would be all, and one of an unknown type, is not left out."""
        path = f"/message/chat/{TO}"
        self.assertIn("is empty", self.refusal(400, path, contentType=XML))
        self.assertIn("is empty", self.refusal(400, path, contentType=CBOR))
        self.assertIn("image/png", self.refusal(415, path, contentType="image/png"))
        self.assertIn("Content-Type", self.refusal(415, path, b"hi"))
        self.assertIn("Content-Type", self.refusal(415, ""))

    def test_presence(self) -> None:
        """A presence shows what the body says, in any format."""
        sent = f"<presence to='{TO}'><show>away</show></presence>"
        for contentType, body in (
            (TEXT, b"away"),
            (JSON, b'{"show": "away"}'),
            (JSON, b'{"type": "available", "show": "away"}'),
            (FORM, b"show=away"),
        ):
            self.assertSent(f"/presence/available/{TO}", sent, body, contentType)
        text = self.refusal(422, f"/presence/available/{TO}", b"OK", TEXT)
        self.assertIn("away, chat, dnd, xa", text)

    def test_recipient(self) -> None:
        """The recipient may be percent-encoded or plain; its resource is one's too."""
        for path, to in (
            ("a@example.org", "a@example.org"),
            ("a%40example.org", "a@example.org"),
            ("a@example.org/home", "a@example.org/home"),
            ("a@example.org%2Fhome", "a@example.org/home"),
            ("a%40example.org%2Fhome", "a@example.org/home"),
            ("a@example.org/home/", "a@example.org/home"),
            ("a@example.org/a/b%20c", "a@example.org/a/b c"),
            ("a@example.org/a%2Fb%3Fc%23d", "a@example.org/a/b?c#d"),
            ("a@example.org/100%25", "a@example.org/100%"),
            ("a@example.org/a+b", "a@example.org/a+b"),
            ("j%C3%BCrgen@ex%C3%A4mple.org/%E2%98%95", "jürgen@exämple.org/☕"),
            ("example.org?to=b@example.org", "example.org"),
            ("%5B::1%5D", "[::1]"),
        ):
            sent = f"<message type='chat' to='{to}'><body>hi</body></message>"
            self.assertSent(f"/message/chat/{path}", sent, b"hi", TEXT)

    def test_badRecipient(self) -> None:
        """A recipient that is no address is refused, and the sentence says why."""
        for path in (
            "@example.org",
            "a@",
            "a@b@example.org",
            "a%20b@example.org",
            "a%00@example.org",
            "example.org/a%0D%0Ab",
            "example.org/a%7Fb",
            "example.org/%EF%BF%BF",
            "exa%0Ample.org",
            f"{'a' * 1024}@example.org",
        ):
            text = self.refusal(422, f"/message/chat/{path}", b"hi", TEXT)
            self.assertIn("'to' is not an XMPP address", text)

    def test_notUTF8(self) -> None:
        """A path that is not UTF-8 is no path."""
        for path in ("j%FCrgen@example.org", "%C3@example.org", "a@b/%ED%A0%80"):
            text = self.refusal(400, f"/message/chat/{path}", b"hi", TEXT)
            self.assertIn("percent-encode what is not ASCII as UTF-8", text)

    def test_partial(self) -> None:
        """The body gives the parts that the path leaves out."""
        sent = f"<message to='{TO}' type='chat'><body>hi</body></message>"
        for path in ("", "/", "/message", "/message/", "/message/chat/"):
            whole = {"to": TO, "type": "chat", "body": "hi"}
            self.assertSent(path, sent, json.dumps(whole).encode(), JSON)
            self.assertSent(path, sent, urlencode(whole).encode(), FORM)
        body = b'{"to": "a@example.org", "body": "hi"}'
        self.assertSent("/message/chat", sent, body, JSON)
        sent = sent.replace(" type='chat'", "")
        self.assertSent("/message", sent, body, JSON)

    def test_noRecipient(self) -> None:
        """A recipient is required, in the path or in the body."""
        for path in ("/message", "/message/chat", "/presence/available"):
            self.assertIn("has no 'to'", self.refusal(422, path))
            self.assertIn("has no 'to'", self.refusal(422, path, b"{}", JSON))

    def test_whole(self) -> None:
        """XML and CBOR say all themselves, whatever the path says."""
        for path in ("/message/chat/b@example.net", "/presence", "/iq/ping/x.example"):
            self.assertSent(
                path,
                f"<message to='{TO}'><body>hi</body></message>",
                f"<message to='{TO}'><body>hi</body></message>".encode(),
                XML,
            )
            self.assertSent(
                path,
                f"<message to='{TO}'><body>hi</body></message>",
                toCBOR({"to": TO, "body": "hi"}),
                CBOR,
            )
        text = self.refusal(422, f"/message/chat/{TO}", b"<message/>", XML)
        self.assertIn("has no 'to'", text)

    def test_same(self) -> None:
        """A body may repeat what the path says."""
        self.assertSent(
            f"/message/chat/{TO}",
            f"<message to='{TO}' type='chat'/>",
            b'{"kind": "message", "type": "chat", "to": "a@example.org"}',
            JSON,
        )

    def test_contradiction(self) -> None:
        """A body that contradicts the path is refused, and the key is named."""
        path = f"/message/chat/{TO}"
        for key, said, known in (
            ("kind", "presence", "message"),
            ("to", "b@example.net", TO),
            ("to", "", TO),
        ):
            for contentType, body in (
                (JSON, json.dumps({key: said, "body": "hi"})),
                (FORM, urlencode({key: said, "body": "hi"})),
            ):
                text = self.refusal(422, path, body.encode(), contentType)
                self.assertIn(f"The key '{key}' is '{said}', but here it must", text)
                self.assertIn(f"must be '{known}'; leave it out.", text)

    def test_otherKind(self) -> None:
        """A key that belongs to another kind than the path says is refused."""
        text = self.refusal(422, f"/presence/available/{TO}", b'{"body": "hi"}', JSON)
        self.assertIn("'body' belongs to message, but this is a presence.", text)

    def test_unknownType(self) -> None:
        """A type that does not exist is refused with those that do."""
        for path, known in (
            ("/message/chatt/x", "chat, error, groupchat, headline, normal"),
            ("/message/get/x", "chat, error, groupchat, headline, normal"),
            ("/message/a@example.org", "chat, error, groupchat, headline, normal"),
            ("/message//x", "chat, error, groupchat, headline, normal"),
            ("/presence/away/x", "available, error, probe, subscribe, subscribed,"),
            ("/presence/None/x", "unavailable, unsubscribe, unsubscribed"),
        ):
            self.assertIn(known, self.refusal(400, path))

    def test_unknownFirst(self) -> None:
        """A first segment that does not exist is refused with those that do."""
        for path in ("/nowhere/chat/x", "/chat", "//message", "/%25"):
            text = self.refusal(404, path)
            self.assertIn("POST to message, presence, iq;", text)
            self.assertIn(", ".join(PAYLOADS), text)
            self.assertIn("echo", text)

    def test_mistakenFirst(self) -> None:
        """The error for a misspelt first segment names the similar one."""
        for path, meant in (
            ("/mesage/chat/x", "message"),
            ("/Message/chat/x", "message"),
            ("/verison/x", "version"),
            ("/ecko", "echo"),
        ):
            self.assertIn(f"did you mean {meant!r}?", self.refusal(404, path))

    def test_controlledFirst(self) -> None:
        """The error for an unknown name does not repeat control characters in it."""
        text = self.refusal(404, "/a%00%0D%0Ab%3Cc")
        self.assertNotIn("a\0", text)
        self.assertNotIn("<c", text)

    def test_methods(self) -> None:
        """To a kind one posts, a payload one gets; 405 says so."""
        for path, allowed in (
            ("", "POST"),
            ("/message", "POST"),
            (f"/presence/available/{TO}", "POST"),
            ("/iq/ping/example.org", "POST"),
            ("/echo", "POST"),
            ("/ping/example.org", "GET, HEAD"),
        ):
            methods = {"GET", "POST", "PUT", "DELETE", "PATCH"}
            for method in methods.difference(allowed.split(", ")):
                response = self.ask(b"", {"Accept": JSON}, method, f"/rest{path}")
                self.assertProblem(response, 405)
                self.assertEqual(response["Allow"], allowed)
        self.assertEqual(self.sent(), [])

    def test_credentials(self) -> None:
        """Without credentials no path sends anything."""
        for method, path in (
            ("POST", f"/message/chat/{TO}"),
            ("POST", "/iq/ping/example.org"),
            ("POST", "/echo"),
            ("GET", "/ping/example.org"),
        ):
            response = self.ask(b"", {"Authorization": None}, method, f"/rest{path}")
            self.assertEqual(response.status, 401)
        self.assertEqual(self.sent(), [])


class OwnTests(PathTestCase):
    """
    Paths of the gateway's own that have an id in them.
    """

    def setUp(self) -> None:
        super().setUp()

        def named(name: str) -> Route:
            async def answer(request: Request, body: bytes, grant: Grant) -> Response:
                return Response(200, name.encode(), TEXT)

            return Route({"GET": answer})

        self.build(
            {
                "box/{id}": lambda id: named(f"one {id}"),
                "box/{id}/again": lambda id: named(f"again {id}"),
                "box/all": named("all"),
                "box": named("box"),
            }
        )

    def answer(self, path: str) -> str:
        """Return the response at a path."""
        response = self.ask(b"", method="GET", path=f"/rest{path}")
        self.assertEqual(response.status, 200, path)
        return response.body.decode()

    def test_ids(self) -> None:
        """An id is one segment, percent-decoded, whatever is in it."""
        for path, expected in (
            ("/box", "box"),
            ("/box/", "box"),
            ("/box/m1", "one m1"),
            ("/box/m1/", "one m1"),
            ("/box/m1?x=y", "one m1"),
            ("/box/a%2Fb", "one a/b"),
            ("/box/%E2%98%95%20", "one \u2615 "),
            ("/box/%7Bid%7D", "one {id}"),
            ("/box/100%25", "one 100%"),
            ("/box/a%2Fagain", "one a/again"),
            ("/box/again", "one again"),
            ("/box/m1/again", "again m1"),
            ("/box/all/again", "again all"),
        ):
            self.assertEqual(self.answer(path), expected)

    def test_named(self) -> None:
        """A name below a route takes precedence over an id."""
        self.assertEqual(self.answer("/box/all"), "all")

    def test_nothing(self) -> None:
        """An unknown path is 404, with the known ones."""
        for path in ("/box/m1/never", "/box/m1/again/x", "/box/a/b", "/box//m1"):
            text = self.refusal(404, path, method="GET")
            self.assertIn("there is /box/all, /box, /box/{id}, /box/{id}/again.", text)

    def test_mistaken(self) -> None:
        """One that is not written well is understood."""
        self.assertIn("'box'?", self.refusal(404, "/boxx/m1", method="GET"))

    def test_notUTF8(self) -> None:
        """An id that is not UTF-8 is none."""
        self.assertIn("UTF-8", self.refusal(400, "/box/%FF", method="GET"))


class PayloadPathTests(PathTestCase):
    """
    C{POST /rest/iq/{payload}/{to}}
    """

    def test_whole(self) -> None:
        """After get and set the body has the payload under its key."""
        for type in ("get", "set"):
            self.assertSent(
                f"/iq/{type}/example.org",
                f"<iq to='example.org' type='{type}'><ping xmlns='{ns.PING}'/></iq>",
                b'{"ping": true}',
                JSON,
            )
        text = self.refusal(422, "/iq/get/example.org")
        self.assertIn("exactly one child", text)

    def test_withoutBody(self) -> None:
        """A payload without a body is the empty one."""
        for name, xml in (
            ("ping", f"<ping xmlns='{ns.PING}'/>"),
            ("version", f"<query xmlns='{ns.VERSION}'/>"),
            ("disco", f"<query xmlns='{ns.DISCO_INFO}'/>"),
            ("items", f"<query xmlns='{ns.DISCO_ITEMS}'/>"),
        ):
            sent = f"<iq to='example.org' type='get'>{xml}</iq>"
            for contentType, body in (
                (None, b""),
                (JSON, b""),
                (JSON, b"{}"),
                (JSON, b"true"),
                (FORM, b""),
            ):
                self.assertSent(f"/iq/{name}/example.org", sent, body, contentType)

    def test_json(self) -> None:
        """The JSON is the payload itself, not an object around it."""
        for name, value, sent in (
            (
                "disco",
                {"node": "n"},
                f"<iq type='get' to='{TO}'><query xmlns='{ns.DISCO_INFO}' node='n'/>"
                "</iq>",
            ),
            (
                "disco",
                "n",
                f"<iq type='get' to='{TO}'><query xmlns='{ns.DISCO_INFO}' node='n'/>"
                "</iq>",
            ),
            (
                "items",
                [],
                f"<iq type='get' to='{TO}'><query xmlns='{ns.DISCO_ITEMS}'/></iq>",
            ),
            (
                "command",
                {"node": "n", "data": {"a": "b", "c": ["d", "e"], "f": True}},
                f"<iq type='set' to='{TO}'><command xmlns='{COMMANDS}' node='n'>"
                f"<x xmlns='{ns.DATA}' type='submit'>"
                "<field var='a'><value>b</value></field>"
                "<field var='c'><value>d</value><value>e</value></field>"
                "<field var='f'><value>1</value></field></x></command></iq>",
            ),
            (
                "payload",
                {"datatype": "urn:x", "data": [1, {"a": None}]},
                f"<iq type='get' to='{TO}'><payload xmlns='{ns.JSON_MESSAGE}'"
                f" datatype='urn:x'><json xmlns='{ns.JSON}'>[1, {{\"a\": null}}]</json>"
                "</payload></iq>",
            ),
            (
                "archive",
                {"with": "b@example.org", "max": 5},
                f"<iq type='set' to='{TO}'><query xmlns='{ns.MAM}'>"
                f"<x xmlns='{ns.DATA}' type='submit'>"
                f"<field var='FORM_TYPE' type='hidden'><value>{ns.MAM}</value></field>"
                "<field var='with'><value>b@example.org</value></field></x>"
                f"<set xmlns='{ns.RSM}'><max>5</max></set></query></iq>",
            ),
        ):
            body = json.dumps(value).encode()
            self.assertSent(f"/iq/{name}/{TO}", sent, body, JSON)

    def test_form(self) -> None:
        """A form has the keys of the payload."""
        self.assertSent(
            f"/iq/command/{TO}",
            f"<iq type='set' to='{TO}'><command xmlns='{COMMANDS}' node='n'"
            " action='execute'/></iq>",
            b"node=n&action=execute",
            FORM,
        )
        self.assertSent(
            f"/iq/upload_request/{TO}",
            f"<iq type='get' to='{TO}'><request xmlns='urn:xmpp:http:upload:0'"
            " filename='a b.txt' size='12'/></iq>",
            b"filename=a+b.txt&size=12",
            FORM,
        )

    def test_text(self) -> None:
        """Plain text is no payload."""
        text = self.refusal(415, f"/iq/command/{TO}", b"n", TEXT)
        self.assertIn("cannot stand for an iq", text)

    def test_refused(self) -> None:
        """The error for a bad payload names its key."""
        for name, body, says in (
            ("command", b"", "'command' needs a 'node'"),
            ("command", b'{"nod": "n"}', "did you mean 'node'?"),
            ("command", b'{"to": "b@example.org", "node": "n"}', "'to' in 'command'"),
            ("version", b"[1]", "'version' must be an object"),
            ("ping", b"5", "'ping' must be true"),
            ("upload_request", b'{"filename": "f", "size": "12"}', "size' must be an"),
        ):
            text = self.refusal(422, f"/iq/{name}/{TO}", body, JSON if body else None)
            self.assertIn(says, text)

    def test_unknown(self) -> None:
        """A payload that does not exist is refused with those that do."""
        for path in ("/iq/pong/x", "/iq/error/x", "/iq/body/x", "/iq/to/x", "/iq//x"):
            text = self.refusal(404, path)
            self.assertIn(f"use get, set or one of {', '.join(PAYLOADS)}.", text)

    def test_noRecipient(self) -> None:
        """A recipient is required in the path; the payload cannot name it."""
        self.assertIn("has no 'to'", self.refusal(422, "/iq/ping"))

    def test_result(self) -> None:
        """The answer is that of any iq."""
        client = self.client()
        headers = {"Content-Type": JSON}
        client.send(request(b"", headers, path="/rest/iq/ping/example.org"))
        self.requester.requests[0].reply.callback(
            stanza("<iq type='result' id='made-1' from='example.org'/>")
        )
        response = client.response()
        self.assertEqual(response["Content-Type"], JSON)
        self.assertEqual(
            json.loads(response.body),
            {"kind": "iq", "type": "result", "id": "made-1", "from": "example.org"},
        )


def submitted(*fields: str) -> str:
    """The form that asks an archive for what these fields say."""
    return (
        f"<x xmlns='{ns.DATA}' type='submit'><field var='FORM_TYPE' type='hidden'>"
        f"<value>{ns.MAM}</value></field>{''.join(fields)}</x>"
    )


def field(var: str, *values: str) -> str:
    """A field of such a form."""
    inner = "".join(f"<value>{value}</value>" for value in values)
    return f"<field var='{var}'>{inner}</field>"


#: By payload, the query and the element that it makes.
QUERIES: dict[str, list[tuple[str, str]]] = {
    "payload": [
        (
            "datatype=urn:x&data=%7B%22a%22:%20[1,2.5,null]%7D",
            f"<payload xmlns='{ns.JSON_MESSAGE}' datatype='urn:x'>"
            f"<json xmlns='{ns.JSON}'>{{\"a\": [1, 2.5, null]}}</json></payload>",
        ),
        (
            "datatype=urn:x&data=%22hi%22",
            f"<payload xmlns='{ns.JSON_MESSAGE}' datatype='urn:x'>"
            f"<json xmlns='{ns.JSON}'>\"hi\"</json></payload>",
        ),
    ],
    "ping": [("", f"<ping xmlns='{ns.PING}'/>")],
    "version": [("", f"<query xmlns='{ns.VERSION}'/>")],
    "disco": [
        ("", f"<query xmlns='{ns.DISCO_INFO}'/>"),
        ("node=a%20b", f"<query xmlns='{ns.DISCO_INFO}' node='a b'/>"),
        ("node=a+b", f"<query xmlns='{ns.DISCO_INFO}' node='a b'/>"),
        (
            "node=http://x.example/%23a%26b%3Dc",
            f"<query xmlns='{ns.DISCO_INFO}' node='http://x.example/#a&amp;b=c'/>",
        ),
    ],
    "items": [
        ("", f"<query xmlns='{ns.DISCO_ITEMS}'/>"),
        ("node=%E2%98%95", f"<query xmlns='{ns.DISCO_ITEMS}' node='☕'/>"),
    ],
    "command": [
        ("node=n", f"<command xmlns='{COMMANDS}' node='n'/>"),
        (
            "node=n&action=next&sessionid=s",
            f"<command xmlns='{COMMANDS}' node='n' action='next' sessionid='s'/>",
        ),
    ],
    "stats": [("", "<query xmlns='http://jabber.org/protocol/stats'/>")],
    "lastactivity": [("", f"<query xmlns='{ns.LAST}'/>")],
    "oob": [
        (
            "url=https://x.example/f?a%3Db&desc=a%20file",
            "<query xmlns='jabber:iq:oob'><url>https://x.example/f?a=b</url>"
            "<desc>a file</desc></query>",
        ),
    ],
    "extdisco": [
        ("", "<services xmlns='urn:xmpp:extdisco:2'/>"),
        ("type=turn", "<services xmlns='urn:xmpp:extdisco:2' type='turn'/>"),
    ],
    "register": [("", "<query xmlns='jabber:iq:register'/>")],
    "gateway": [
        ("", "<query xmlns='jabber:iq:gateway'/>"),
        (
            "prompt=a%40b",
            "<query xmlns='jabber:iq:gateway'><prompt>a@b</prompt></query>",
        ),
    ],
    "upload_request": [
        (
            "filename=a.png&size=23456&content-type=image/png",
            "<request xmlns='urn:xmpp:http:upload:0' filename='a.png' size='23456'"
            " content-type='image/png'/>",
        ),
    ],
    "upload_slot": [("", "<slot xmlns='urn:xmpp:http:upload:0'/>")],
    "archive": [
        ("", f"<query xmlns='{ns.MAM}'/>"),
        ("queryid=q", f"<query xmlns='{ns.MAM}' queryid='q'/>"),
        (
            "with=b%40example.org",
            f"<query xmlns='{ns.MAM}'>{submitted(field('with', 'b@example.org'))}"
            "</query>",
        ),
        (
            "start=2026-01-01T00:00:00Z&end=2026-02-01T00:00:00%2B01:00",
            f"<query xmlns='{ns.MAM}'>"
            + submitted(
                field("start", "2026-01-01T00:00:00Z"),
                field("end", "2026-02-01T00:00:00+01:00"),
            )
            + "</query>",
        ),
        (
            "before-id=b&after-id=a",
            f"<query xmlns='{ns.MAM}'>"
            f"{submitted(field('before-id', 'b'), field('after-id', 'a'))}</query>",
        ),
        (
            "ids=1,2,3",
            f"<query xmlns='{ns.MAM}'>{submitted(field('ids', '1', '2', '3'))}</query>",
        ),
        (
            "ids=1",
            f"<query xmlns='{ns.MAM}'>{submitted(field('ids', '1'))}</query>",
        ),
        (
            "after=a&max=50",
            f"<query xmlns='{ns.MAM}'><set xmlns='{ns.RSM}'><after>a</after>"
            "<max>50</max></set></query>",
        ),
        (
            "before=&max=0",
            f"<query xmlns='{ns.MAM}'><set xmlns='{ns.RSM}'><before/>"
            "<max>0</max></set></query>",
        ),
        (
            "before=b",
            f"<query xmlns='{ns.MAM}'><set xmlns='{ns.RSM}'><before>b</before></set>"
            "</query>",
        ),
        (
            "max=5&with=b%40example.org&queryid=q",
            f"<query xmlns='{ns.MAM}' queryid='q'>"
            f"{submitted(field('with', 'b@example.org'))}"
            f"<set xmlns='{ns.RSM}'><max>5</max></set></query>",
        ),
    ],
    "result": [
        ("complete=true", f"<fin xmlns='{ns.MAM}' complete='true'/>"),
    ],
    "time": [("", f"<time xmlns='{ns.TIME}'/>")],
    "block": [("", "<block xmlns='urn:xmpp:blocking'/>")],
    "unblock": [("", "<unblock xmlns='urn:xmpp:blocking'/>")],
    "blocklist": [("", "<blocklist xmlns='urn:xmpp:blocking'/>")],
    "pubsub": [
        (
            "items=news",
            "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='news'/>"
            "</pubsub>",
        ),
    ],
    "vcard": [
        ("", "<vCard xmlns='vcard-temp'/>"),
        ("fn=Juliet", "<vCard xmlns='vcard-temp'><FN>Juliet</FN></vCard>"),
    ],
    "moderate": [
        (
            "id=m&retract=&reason=no",
            "<moderate xmlns='urn:xmpp:message-moderate:1' id='m'>"
            "<retract xmlns='urn:xmpp:message-retract:1'/><reason>no</reason>"
            "</moderate>",
        ),
    ],
}


class QueryTests(PathTestCase):
    """
    C{GET /rest/{payload}/{to}?…}
    """

    def test_all(self) -> None:
        """Every payload can be asked for; those that change something set."""
        sets = ("archive", "block", "command", "moderate", "unblock")
        self.assertEqual(set(QUERIES), set(PAYLOADS))
        for name, queries in QUERIES.items():
            type = "set" if name in sets else "get"
            for query, payload in queries:
                path = f"/{name}/example.org{query and '?'}{query}"
                sent = f"<iq to='example.org' type='{type}'>{payload}</iq>"
                self.assertSent(path, sent, method="GET")

    def test_recipient(self) -> None:
        """The path is read as that of a POST."""
        for path, to in (
            ("a@example.org", "a@example.org"),
            ("a%40example.org", "a@example.org"),
            ("example.org/", "example.org"),
            ("example.org/?", "example.org"),
            ("example.org?", "example.org"),
            ("a@example.org%2Fb", "a@example.org/b"),
            ("a@example.org/b/c", "a@example.org/b/c"),
            ("j%C3%BCrgen@ex%C3%A4mple.org", "jürgen@exämple.org"),
        ):
            sent = f"<iq to='{to}' type='get'><ping xmlns='{ns.PING}'/></iq>"
            self.assertSent(f"/ping/{path}", sent, method="GET")

    def test_noRecipient(self) -> None:
        """A path that does not say whom to ask is refused with how it should be."""
        for name in PAYLOADS:
            for slash in ("", "/", "//"):
                text = self.refusal(400, f"/{name}{slash}", method="GET")
                self.assertIn(f"write /{name}/example.org.", text)

    def test_refused(self) -> None:
        """A query that makes no sense is refused with 400, and the key is named."""
        for path, says in (
            # Keys
            ("/archive/x?whit=a", "'whit' in 'archive' is not known; did you mean 'w"),
            ("/disco/x?nodes=a", "did you mean 'node'?"),
            ("/disco/x?=a", "The key ''"),
            ("/version/x?to=y", "'to' in 'version' is not known"),
            ("/ping/x?a=b", "'ping' takes no key 'a'"),
            ("/ping/x?from=y", "'ping' takes no key 'from'"),
            ("/stats/x?a=b", "'a'"),
            ("/disco/x?node=a&node=b", "'node' is given twice"),
            ("/disco/x?node=a&n%6Fde=a", "'node' is given twice"),
            ("/archive/x?with=a&max=5&with=a", "'with' is given twice"),
            # Values
            ("/archive/x?max=many", "'archive.max' must be an integer of at least 0"),
            ("/archive/x?max=-1", "'archive.max'"),
            ("/archive/x?max=", "'archive.max'"),
            ("/archive/x?form=a", "'archive.form'"),
            ("/archive/x?page=a", "'archive.page'"),
            ("/upload_request/x?filename=a&size=0", "size' must be an integer of at"),
            ("/upload_request/x?filename=a", "needs a 'size'"),
            ("/upload_request/x?size=1", "needs a 'filename'"),
            ("/command/x", "needs a 'node'"),
            ("/command/x?node=n&action=run", "one of cancel, complete, execute"),
            ("/command/x?node=n&data=a", "'command.data'"),
            ("/payload/x?datatype=a", "needs a 'data'"),
            ("/payload/x?data=1", "needs a 'datatype'"),
            ("/payload/x?datatype=a&data=hi", "no"),
            ("/payload/x?datatype=a&data=NaN", "NaN"),
            # Not a query
            ("/disco/x?node", "key=value"),
            ("/disco/x?&", "key=value"),
            ("/disco/x?node=a&", "key=value"),
            ("/disco/x?" + "&".join(f"a{n}=1" for n in range(101)), "100"),
            # Encoding
            ("/disco/x?node=%", "%25"),
            ("/disco/x?node=100%", "%25"),
            ("/disco/x?node=%zz", "%25"),
            ("/disco/x?node=%4", "%25"),
            ("/disco/x?n%dg=a", "%25"),
            ("/disco/x?node=%FF", "UTF-8"),
            ("/disco/x?node=%ED%A0%80", "UTF-8"),
            ("/disco/x?node=%C3", "UTF-8"),
            # Characters
            ("/disco/x?node=a%00", "XML"),
            ("/disco/x?node=%1B", "XML"),
            ("/disco/x?node=%EF%BF%BF", "XML"),
            ("/disco/x?no%00de=a", "XML"),
            ("/payload/x?datatype=a&data=%22%5Cu0000%22", "U+0000"),
            # Whom to ask
            ("/ping/@", "'to' is not an XMPP address"),
            ("/ping/a@b@c", "'to' is not an XMPP address"),
            ("/ping/a%00@b", "'to' is not an XMPP address"),
            ("/ping/%FF", "UTF-8"),
        ):
            self.assertIn(says, self.refusal(400, path, method="GET"), path)

    def test_short(self) -> None:
        """However long a query is, the sentence about it is short."""
        long = "x" * 15_000
        for query in (long, f"{long}=1", f"max={long}", f"max=1&{long}", f"a=%{long}"):
            text = self.refusal(400, f"/archive/x?{query}", method="GET")
            self.assertLess(len(text), 1000)

    def test_unknown(self) -> None:
        """A payload that does not exist is 404."""
        self.assertIn("archive", self.refusal(404, "/archiv/x", method="GET"))

    def test_echoed(self) -> None:
        """The path of an unknown parameter does not carry markup into the answer."""
        response = self.ask(
            b"",
            {"Content-Type": None, "Accept": XML},
            "GET",
            "/rest/disco/x?%3Ca%3E%26=%3Cb/%3E",
        )
        self.assertXMLProblem(response, 400)
        self.assertNotIn(b"<a>", response.body)

    def get(self, path: str, headers: dict[str, str | None]) -> HTTPResponse:
        """Ask, have it answered, and take the answer."""
        client = self.client()
        client.send(request(b"", {"Content-Type": None} | headers, "GET", path))
        self.requester.requests[-1].reply.callback(
            stanza(
                "<iq type='result' id='i' from='example.org'>"
                f"<query xmlns='{ns.VERSION}'><name>Prosody</name></query></iq>"
            )
        )
        return client.response()

    def test_answer(self) -> None:
        """The answer is XML, or what is asked for; nobody keeps it."""
        path = "/rest/version/example.org"
        for accept, contentType in (
            (None, XML),
            ("*/*", XML),
            ("text/html,application/xhtml+xml,*/*;q=0.8", XML),
            (JSON, JSON),
            (CBOR, CBOR),
            (FORM, FORM),
        ):
            response = self.get(path, {"Accept": accept})
            self.assertEqual(response.status, 200)
            self.assertEqual(response["Content-Type"], contentType, accept)
            self.assertEqual(response["Cache-Control"], "no-store")
        response = self.get(path, {"Accept": JSON})
        self.assertEqual(
            json.loads(response.body),
            {
                "kind": "iq",
                "type": "result",
                "id": "i",
                "from": "example.org",
                "version": {"name": "Prosody"},
            },
        )

    def test_ownType(self) -> None:
        """Some clients send a type without a body; it is a preference all the same."""
        path = "/rest/version/example.org"
        for contentType, answered in (
            (JSON, JSON),
            (f"{JSON}; charset=utf-8", JSON),
            (TEXT, XML),
            ("image/png", XML),
            ("nonsense", XML),
            ("", XML),
        ):
            response = self.get(path, {"Content-Type": contentType})
            self.assertEqual(response["Content-Type"], answered, contentType)

    def test_timeout(self) -> None:
        """A query waits as long as a client says."""
        client = self.client()
        client.send(request(b"", {"Prefer": "wait=7"}, "GET", "/rest/ping/example.org"))
        self.assertEqual(self.requester.requests[0].timeout, 7)

    def test_bodyIgnored(self) -> None:
        """A body has no meaning there."""
        sent = f"<iq to='x' type='get'><ping xmlns='{ns.PING}'/></iq>"
        self.assertSent("/ping/x", sent, b"garbage", JSON, "GET")

    def test_preflight(self) -> None:
        """A browser is told the method that each path has."""
        self.build(origins=("*",))
        for path, methods in (
            ("/ping/x", "GET, HEAD, OPTIONS"),
            ("/message/chat/x", "POST, OPTIONS"),
            ("/echo", "POST, OPTIONS"),
        ):
            response = self.ask(b"", {}, "OPTIONS", f"/rest{path}")
            self.assertEqual(response["Access-Control-Allow-Methods"], methods)
