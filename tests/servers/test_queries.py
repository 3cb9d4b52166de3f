"""
Queries in every format, the archives among them, and callbacks in JSON and CBOR,
between real servers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qsl, quote
from uuid import uuid4

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from tests.servers.client import User
from tests.servers.gateway import XML, Delivery, GatewayMixin, Reply
from tests.servers.queries import download, fillRoom, upload
from tests.servers.rawcomponent import RawComponent
from tests.servers.splitter import Received
from tests.support.canonical import Canonical, canonical
from tests.support.doubles import stanza
from tests.support.ejabberd import Ejabberd
from tests.support.prosody import Prosody
from tests.support.traps import Trap, cborTraps, jsonTraps
from xmpprest.core.codec.mapping import toForm
from xmpprest.core.codec.table import STANZAS
from xmpprest.core.media.formats import CBOR, FORM, JSON, TEXT
from xmpprest.core.media.values import Value, fromCBOR, fromJSON, toCBOR, toJSON
from xmpprest.core.stanza import namespaces as ns
from xmpprest.core.stanza.build import LANG, elements, firstChild

GATEWAY = "gateway.localhost"
BOT = "bot@gateway.localhost"
PEER = "peer.localhost"
UPLOAD = "urn:xmpp:http:upload:0"


@dataclass(frozen=True)
class Query:
    """
    A query in the words of every format.

    @ivar payload: Its key in JSON, and its name in a path.
    @ivar xml: The element.
    @ivar pairs: What a query string or a form says.
    @ivar value: What JSON and CBOR say.
    @ivar type: Of the iq.
    """

    payload: str
    xml: str
    pairs: str = ""
    value: Any = True
    type: str = "get"

    def posts(self, to: str) -> Iterator[tuple[str, str, bytes]]:
        """The path, the media type and the body of every POST that asks it."""
        path = f"/iq/{self.payload}/{quote(to)}"
        # Messages have keys of these names, too.
        kind = {"kind": "iq"} if self.payload in ("oob", "payload") else {}
        whole = {"to": to, **kind, self.payload: self.value}
        xml = f"<iq to='{to}' type='{self.type}'>{self.xml}</iq>"
        yield "", XML, xml.encode()
        yield "", JSON, toJSON(whole)
        yield "", CBOR, toCBOR(whole)
        yield path, JSON, toJSON(self.value)
        yield path, FORM, self.pairs.encode()

    def path(self, to: str) -> str:
        """The path of the GET that asks it."""
        return f"/{self.payload}/{quote(to)}" + (f"?{self.pairs}" if self.pairs else "")


def submitted(*fields: tuple[str, str]) -> str:
    """The form that filters an archive."""
    return (
        f"<x xmlns='{ns.DATA}' type='submit'><field var='FORM_TYPE' type='hidden'>"
        f"<value>{ns.MAM}</value></field>"
        + "".join(f"<field var='{k}'><value>{v}</value></field>" for k, v in fields)
        + "</x>"
    )


VERSION = Query("version", f"<query xmlns='{ns.VERSION}'/>")
DISCO = Query("disco", f"<query xmlns='{ns.DISCO_INFO}'/>")
ITEMS = Query("items", f"<query xmlns='{ns.DISCO_ITEMS}'/>")
COMMANDS = Query(
    "items",
    f"<query xmlns='{ns.DISCO_ITEMS}' node='http://jabber.org/protocol/commands'/>",
    "node=http://jabber.org/protocol/commands",
    "http://jabber.org/protocol/commands",
)
PING = Query("ping", f"<ping xmlns='{ns.PING}'/>")
LAST = Query("lastactivity", f"<query xmlns='{ns.LAST}'/>")
TIME = Query("time", f"<time xmlns='{ns.TIME}'/>")
STATS = Query("stats", "<query xmlns='http://jabber.org/protocol/stats'/>")
REGISTER = Query("register", "<query xmlns='jabber:iq:register'/>")
SERVICES = Query("extdisco", "<services xmlns='urn:xmpp:extdisco:2'/>")
TURN = Query(
    "extdisco",
    "<services xmlns='urn:xmpp:extdisco:2' type='turn'/>",
    "type=turn",
    {"type": "turn"},
)
SLOT = Query(
    "upload_request",
    f"<request xmlns='{UPLOAD}' filename='très cool.txt' size='5'"
    " content-type='text/plain'/>",
    "filename=tr%C3%A8s%20cool.txt&size=5&content-type=text/plain",
    {"filename": "très cool.txt", "size": 5, "content-type": "text/plain"},
)
OOB = Query(
    "oob",
    "<query xmlns='jabber:iq:oob'><url>https://x.example/a?b=c&amp;d</url>"
    "<desc>A file</desc></query>",
    "url=https://x.example/a?b%3Dc%26d&desc=A+file",
    {"url": "https://x.example/a?b=c&d", "desc": "A file"},
)
PROMPT = Query("gateway", "<query xmlns='jabber:iq:gateway'/>")
ARCHIVE = Query(
    "archive",
    f"<query xmlns='{ns.MAM}' queryid='mine'>"
    + submitted(("with", "a@localhost"), ("start", "2026-01-01T00:00:00Z"))
    + f"<set xmlns='{ns.RSM}'><after>x</after><max>3</max></set></query>",
    "queryid=mine&with=a%40localhost&start=2026-01-01T00:00:00Z&after=x&max=3",
    {
        "queryid": "mine",
        "with": "a@localhost",
        "start": "2026-01-01T00:00:00Z",
        "after": "x",
        "max": 3,
    },
    "set",
)
COMMAND = Query(
    "command",
    "<command xmlns='http://jabber.org/protocol/commands' node='n' action='next'/>",
    "node=n&action=next",
    {"node": "n", "action": "next"},
    "set",
)
PAYLOAD = Query(
    "payload",
    f"<payload xmlns='{ns.JSON_MESSAGE}' datatype='urn:x'>"
    f"<json xmlns='{ns.JSON}'>[1, {{\"é\": null}}]</json></payload>",
    "datatype=urn:x&data=[1,{%22%C3%A9%22:null}]",
    {"datatype": "urn:x", "data": [1, {"é": None}]},
)
MODERATE = Query(
    "moderate",
    "<moderate xmlns='urn:xmpp:message-moderate:1' id='m'><reason>no</reason>"
    "</moderate>",
    "id=m&reason=no",
    {"id": "m", "reason": "no"},
    "set",
)
BLOCKLIST = Query("blocklist", "<blocklist xmlns='urn:xmpp:blocking'/>")
NODE = Query(
    "pubsub",
    "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='news'/></pubsub>",
    "items=news",
    {"items": "news"},
)
VCARD = Query("vcard", "<vCard xmlns='vcard-temp'/>")

QUERIES = (
    *(VERSION, DISCO, ITEMS, COMMANDS, PING, LAST, TIME, STATS, REGISTER, SERVICES),
    *(TURN, SLOT, OOB, PROMPT, ARCHIVE, COMMAND, PAYLOAD, MODERATE),
    *(BLOCKLIST, NODE, VCARD),
)


def said(received: Received) -> Canonical:
    """
    Return the content of a stanza without its ids, that of the query in it, and the
    language, which Prosody adds: that of its own stream.
    """
    element = stanza(received.xml)
    del element["id"]
    originID = firstChild(element, "urn:xmpp:sid:0", "origin-id")
    if originID is not None:
        element.children.remove(originID)
    element.attributes.pop(LANG, None)
    for child in elements(element):
        child.attributes.pop("queryid", None)
    return canonical(element)


def read(reply: Reply) -> Any:
    """Return the content of a response as JSON; a form as its pairs."""
    match reply.header("Content-Type"):
        case "application/json":
            return fromJSON(reply.body)
        case "application/cbor":
            return fromCBOR(reply.body)
        case "application/x-www-form-urlencoded":
            return dict(parse_qsl(reply.text, keep_blank_values=True))
    document = stanza(reply.text)
    if document.name != "xmpp":
        return STANZAS.encode(document)
    return {"xmpp": [STANZAS.encode(each) for each in elements(document)]}


def last(answer: Any) -> Any:
    """The iq of an answer."""
    return answer["xmpp"][-1] if "xmpp" in answer else answer


def constant(answer: Any, varying: tuple[str, ...]) -> Any:
    """Return the part of a response that is the same when the query is repeated."""
    if isinstance(answer, dict):
        return {
            key: key if key in varying else constant(inner, varying)
            for key, inner in answer.items()
        }
    if isinstance(answer, list):
        return [constant(inner, varying) for inner in answer]
    return answer


class WireMixin(GatewayMixin):
    """
    Queries, messages and presence on the wire, seen by another component.
    """

    async def begin(self) -> RawComponent:
        """Start, and have the other component."""
        await self.startGateway()
        return await self.connect(self.server.peerDomain)

    def asked(self, query: Query) -> Iterator[Deferred[Reply]]:
        """Ask the same in every way, each time the iterator is asked."""
        yield self.get(query.path(PEER), Accept=JSON)
        for path, contentType, body in query.posts(PEER):
            yield self.post(body, contentType, path=path, Accept=JSON)

    def content(self, reply: Reply) -> Any:
        """Return the content of the peer's result."""
        answer = read(reply)
        addresses = (answer.pop("from"), answer.pop("to"))
        self.assertEqual(addresses, (PEER, GATEWAY))
        self.assertEqual((answer.pop("kind"), answer.pop("type")), ("iq", "result"))
        self.assertTrue(answer.pop("id"))
        answer.pop("lang", None)  # Prosody's
        return answer

    async def test_query(self) -> None:
        """
        Every query is the same stanza as a GET and as a POST in each format, but for
        its id; and so the answer is the same.
        """
        peer = await self.begin()
        for query in QUERIES:
            expected = f"<iq to='{PEER}' from='{GATEWAY}' type='{query.type}'>"
            expected += f"{query.xml}</iq>"
            for asking in self.asked(query):
                with self.subTest(query.payload):
                    got = await peer.expect("<iq")
                    wanted = canonical(stanza(expected.replace(" queryid='mine'", "")))
                    self.assertEqual(said(got), wanted)
                    id = got.element.attrib["id"]
                    peer.send(
                        f"<iq type='result' id='{id}' to='{GATEWAY}' from='{PEER}'/>"
                    )
                    reply = await asking
                    self.assertEqual(reply.status, 200)
                    self.assertEqual(self.content(reply), {})

    async def test_message(self) -> None:
        """
        A message is the same stanza in each of the five formats, but for its id.
        """
        peer = await self.begin()
        to, text = f"a@{PEER}/ü b", 'Grüße <🙂> & "so"\nweiter'
        content: Value = {"body": text}
        path = f"/message/chat/{quote(to)}"
        whole: Value = {"to": to, "type": "chat", "body": text}
        escaped = text.replace("&", "&amp;").replace("<", "&lt;")
        form = f"body={quote(text)}"
        xml = f"<message to='{to}' type='chat'><body>{escaped}</body></message>"
        expected = canonical(stanza(xml.replace("to=", f"from='{GATEWAY}' to=")))
        for where, contentType, body in (
            ("", XML, xml.encode()),
            ("", JSON, toJSON(whole)),
            ("", CBOR, toCBOR(whole)),
            ("", FORM, f"to={quote(to)}&type=chat&{form}".encode()),
            (path, JSON, toJSON(content)),
            (path, FORM, form.encode()),
            (path, TEXT, text.encode()),
        ):
            with self.subTest(contentType, path=where):
                reply = await self.post(body, contentType, path=where)
                self.assertEqual(reply.status, 202, reply.text)
                got = await peer.expect("<message")
                self.assertEqual(got.element.get("id"), reply.header("Stanza-Id"))
                self.assertEqual(said(got), expected)

    async def test_presence(self) -> None:
        """
        A presence is the same stanza in each of the five formats, but for its id.
        """
        peer = await self.begin()
        path = f"/presence/available/{PEER}"
        content: Value = {"show": "away"}
        whole: Value = {"kind": "presence", "to": PEER, "show": "away"}
        xml = f"<presence to='{PEER}'><show>away</show></presence>"
        expected = canonical(stanza(xml.replace("to=", f"from='{GATEWAY}' to=")))
        for where, contentType, body in (
            ("", XML, xml.encode()),
            ("", JSON, toJSON(whole)),
            ("", CBOR, toCBOR(whole)),
            ("", FORM, f"kind=presence&to={PEER}&show=away".encode()),
            (path, JSON, toJSON(content)),
            (path, FORM, b"show=away"),
            (path, TEXT, b"away"),
        ):
            with self.subTest(contentType, path=where):
                reply = await self.post(body, contentType, path=where)
                self.assertEqual(reply.status, 202, reply.text)
                self.assertEqual(said(await peer.expect("<presence")), expected)

    async def test_roles(self) -> None:
        """
        Queries that no server answers are answered by another component: file transfer
        and
        gateways; their answers come in every format.
        """
        peer = await self.begin()
        for query, payload, answered in (
            (OOB, "", {}),
            (
                PROMPT,
                "<query xmlns='jabber:iq:gateway'><desc>Who?</desc><prompt>Name"
                "</prompt></query>",
                {"gateway": {"desc": "Who?", "prompt": "Name"}},
            ),
        ):
            for accepted in (JSON, XML, CBOR, FORM):
                asking = self.get(query.path(PEER), Accept=accepted)
                id = (await peer.expect("<iq")).element.attrib["id"]
                peer.send(
                    f"<iq type='result' id='{id}' to='{GATEWAY}' from='{PEER}'>"
                    f"{payload}</iq>"
                )
                reply = await asking
                self.assertEqual(reply.header("Content-Type"), accepted)
                scalars = {} if accepted == FORM else answered
                self.assertEqual(self.content(reply), scalars)


class EverywhereMixin(GatewayMixin):
    """
    A query that is asked in every way, and answered in every format.
    """

    async def everywhere(self, query: Query, to: str, *varying: str) -> Any:
        """
        Ask, and see that every way gives the same answer, and every format has it.

        @param varying: The keys whose values are others each time.
        @return: The answer in JSON.
        """
        reply = await self.get(query.path(to), Accept=JSON)
        self.assertEqual((reply.status, reply.header("Content-Type")), (200, JSON))
        answer = reply.json
        expected = self._same(answer, varying)
        for accepted in (XML, CBOR):
            reply = await self.get(query.path(to), Accept=accepted)
            self.assertEqual(reply.header("Content-Type"), accepted)
            self.assertEqual(self._same(read(reply), varying), expected, accepted)
        reply = await self.get(query.path(to), Accept=FORM)
        self.assertEqual(reply.header("Content-Type"), FORM)
        pairs = toForm({**last(answer), "id": ""})
        self.assertEqual({**read(reply), "id": ""}, pairs)
        for path, contentType, body in query.posts(to):
            reply = await self.post(body, contentType, path=path, Accept=JSON)
            self.assertEqual(reply.status, 200, reply.text)
            self.assertEqual(self._same(reply.json, varying), expected, contentType)
        return answer

    def _same(self, answer: Any, varying: tuple[str, ...]) -> Any:
        """All but the iq's id, and what varies."""
        same = constant(answer, varying)
        self.assertTrue(last(same).pop("id"))
        return same


class QueryMixin(EverywhereMixin):
    """
    Queries that a server answers itself.
    """

    async def host(self, query: Query, *varying: str) -> Any:
        """Ask the server in every way."""
        await self.startGateway()
        answer = await self.everywhere(query, self.server.host, *varying)
        self.assertEqual(answer["from"], self.server.host)
        return answer

    async def test_version(self) -> None:
        """The server says what it is."""
        answer = await self.host(VERSION)
        self.assertEqual(answer["version"]["name"].lower(), self.server.name)
        self.assertTrue(answer["version"]["version"])

    async def test_disco(self) -> None:
        """The server says what it can."""
        disco = (await self.host(DISCO))["disco"]
        identity = disco["identities"][0]
        self.assertEqual((identity["category"], identity["type"]), ("server", "im"))
        for feature in (ns.PING, ns.DISCO_INFO, ns.TIME, ns.VERSION):
            self.assertIn(feature, disco["features"])

    async def test_items(self) -> None:
        """The server says what there is."""
        items = (await self.host(ITEMS))["items"]
        self.assertIn(GATEWAY, [item["jid"] for item in items])

    async def test_itemsOfNode(self) -> None:
        """The server says what there is at a node."""
        items = (await self.host(COMMANDS, "xml"))["items"]
        self.assertTrue(all(item["node"] for item in items))
        self.assertTrue(items)

    async def test_ping(self) -> None:
        """The server is there."""
        answer = await self.host(PING)
        self.assertEqual({*answer}, {"kind", "type", "to", "from", "id"})
        self.assertEqual(answer["type"], "result")

    async def test_lastactivity(self) -> None:
        """The server says how long it has been up."""
        answer = await self.host(LAST, "seconds")
        self.assertIsInstance(answer["lastactivity"]["seconds"], int)

    async def test_time(self) -> None:
        """The server says how late it is."""
        answer = await self.host(TIME, "utc")
        self.assertRegex(answer["time"]["utc"], r"^20\d\d-.*Z$")
        self.assertRegex(answer["time"]["tzo"], r"^[+-]\d\d:\d\d$")

    async def test_extdisco(self) -> None:
        """The server says where STUN and TURN are, with the credentials."""
        services = await self._services(SERVICES)
        self.assertEqual([each["type"] for each in services], ["stun", "turn"])
        self.assertEqual({each["port"] for each in services}, {self.server.stunPort})
        self.assertTrue(services[1]["password"])

    async def test_extdiscoType(self) -> None:
        """The server says where TURN is."""
        services = await self._services(TURN)
        self.assertEqual([each["type"] for each in services], ["turn"])

    async def _services(self, query: Query) -> list[Any]:
        # Prosody's restricted='1' is another spelling of true: all is in xml, too.
        answer = await self.host(query, "username", "password", "expires", "xml")
        services: list[Any] = answer["extdisco"]["services"]
        return services

    async def test_unsupported(self) -> None:
        """A query that the server does not support gets an error stanza, with 200."""
        await self.startGateway()
        for query in (OOB, PROMPT, PAYLOAD):
            answer = await self.everywhere(query, self.server.host)
            self.assertEqual(answer["type"], "error")
            self.assertEqual(answer["error"]["condition"], "service-unavailable")

    async def test_upload(self) -> None:
        """The server gives a slot, takes the file there, and has it for everybody."""
        await self.startGateway()
        to = self.server.uploadDomain
        answer = await self.everywhere(SLOT, to, "url", "value")
        slot = answer["upload_slot"]
        given = slot["put"].get("headers", [])
        headers = {each["name"]: each["value"] for each in given}
        with self.assertRaises(HTTPError):
            await download(slot["get"]["url"])
        self.assertEqual(await upload(slot["put"]["url"], b"Hello", headers), 201)
        self.assertEqual(await download(slot["get"]["url"]), b"Hello")

    async def test_uploadRefused(self) -> None:
        """The server's own reason why it takes no file is the answer."""
        await self.startGateway()
        to = self.server.uploadDomain
        path = f"/upload_request/{to}?filename=a&size={2**40}"
        answer = (await self.get(path, Accept=JSON)).json
        self.assertEqual(answer["error"]["condition"], "not-acceptable")


class ArchiveMixin(EverywhereMixin):
    """
    The archive of a room with 50 messages.
    """

    async def fill(self, count: int = 50) -> tuple[str, list[str]]:
        """Start, and have a room with a past; and the ids in its archive."""
        await self.startGateway()
        room = f"{uuid4().hex}@{self.server.mucDomain}"
        return room, await fillRoom(await self.login(), room, count)

    async def query(self, room: str, query: str) -> tuple[list[Any], Any]:
        """
        @return: The results, and the value of the key C{result} of the iq.
        """
        reply = await self.get(f"/archive/{room}?{query}", Accept=JSON)
        self.assertEqual(reply.status, 200)
        *results, iq = reply.json.get("xmpp", [reply.json])
        self.assertEqual((iq["kind"], iq["type"], iq["from"]), ("iq", "result", room))
        self.assertEqual({each["from"] for each in results} or {room}, {room})
        return [each["archive"] for each in results], iq["result"]

    def bodies(self, results: list[Any]) -> list[str]:
        """Return the bodies of the messages."""
        return [each["forward"]["message"]["body"] for each in results]

    async def test_pages(self) -> None:
        """Page by page there are all the messages, each once, in their order."""
        room, ids = await self.fill()
        pages, after = [], ""
        while True:
            results, end = await self.query(room, f"max=10{after}")
            self.assertEqual(end["page"]["count"], 50)
            if not results:
                self.assertTrue(end["complete"])
                break
            pages.append(results)
            self.assertEqual(end["page"]["first"], results[0]["id"])
            self.assertEqual(end["page"]["last"], results[-1]["id"])
            after = f"&after={quote(end['page']['last'])}"
        self.assertEqual([len(page) for page in pages], [10] * 5)
        everything = [each for page in pages for each in page]
        self.assertEqual([each["id"] for each in everything], ids)
        said = [f"Message {number}" for number in range(50)]
        self.assertEqual(self.bodies(everything), said)
        for number, each in enumerate(everything):
            message = each["forward"]["message"]
            self.assertEqual(message["id"], f"m{number}")
            self.assertEqual(message["type"], "groupchat")
            self.assertRegex(each["forward"]["delay"], r"^20\d\d-.*Z$")

    async def test_lastPage(self) -> None:
        """An empty before asks for the last page, and an id for the one before it."""
        room, ids = await self.fill()
        results, end = await self.query(room, "max=10&before=")
        self.assertEqual([each["id"] for each in results], ids[40:])
        first = quote(end["page"]["first"])
        results, _ = await self.query(room, f"max=10&before={first}")
        self.assertEqual([each["id"] for each in results], ids[30:40])

    async def test_everyWay(self) -> None:
        """A page is the same however it is asked for, and in each format."""
        room, ids = await self.fill(5)
        for max in (0, 1, 3):
            answer = await self.everywhere(
                Query(
                    "archive",
                    f"<query xmlns='{ns.MAM}' queryid='mine'>"
                    f"<set xmlns='{ns.RSM}'><max>{max}</max></set></query>",
                    f"queryid=mine&max={max}",
                    {"queryid": "mine", "max": max},
                    "set",
                ),
                room,
            )
            *results, iq = answer.get("xmpp", [answer])
            archived = [each["archive"] for each in results]
            self.assertEqual([each["id"] for each in archived], ids[:max])
            self.assertEqual(
                {each["queryid"] for each in archived} or {"mine"}, {"mine"}
            )
            self.assertEqual(iq["result"]["page"]["count"], 5)

    async def test_bare(self) -> None:
        """One stanza alone, when there are no results, stands bare; more do not."""
        room, _ = await self.fill(2)
        for max, name in ((0, "iq"), (1, "xmpp")):
            reply = await self.get(f"/archive/{room}?max={max}", Accept=XML)
            self.assertEqual(reply.status, 200)
            self.assertTrue(reply.text.startswith(f"<{name}"), reply.text)
            self.assertTrue(reply.text.endswith(f"</{name}>"), reply.text)
            kinds = [each.name for each in elements(stanza(reply.text))]
            self.assertEqual(kinds, ["message", "iq"] if max else ["fin"])

    async def test_span(self) -> None:
        """The archive gives what was said in a span of time."""
        room, ids = await self.fill(5)
        for span, count in (
            ("start=2000-01-01T00:00:00Z", 5),
            ("start=2000-01-01T00:00:00%2B02:00&end=2999-01-01T00:00:00Z", 5),
            ("end=2000-01-01T00:00:00Z", 0),
            ("start=2000-01-01T00:00:00Z&end=2001-01-01T00:00:00Z", 0),
            ("start=2999-01-01T00:00:00Z", 0),
        ):
            results, end = await self.query(room, span)
            self.assertEqual([each["id"] for each in results], ids[:count], span)
            self.assertTrue(end["complete"])

    async def test_refusal(self) -> None:
        """The archive of a room that does not exist is an error, and an answer."""
        await self.startGateway()
        room = f"{uuid4().hex}@{self.server.mucDomain}"
        reply = await self.get(f"/archive/{room}", Accept=JSON)
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.json["error"]["condition"], "item-not-found")

    async def test_together(self) -> None:
        """Queries of one archive at the same time do not get each other's results."""
        room, ids = await self.fill(20)
        asked = [
            self.get(f"/archive/{room}?queryid=mine&max={n}", Accept=JSON)
            for n in range(1, 20)
        ]
        for max, asking in enumerate(asked, 1):
            *results, _ = (await asking).json["xmpp"]
            self.assertEqual([each["archive"]["id"] for each in results], ids[:max])


class ForgedArchiveMixin(GatewayMixin):
    """
    An archive that another component plays, and those who would like to be it.
    """

    archive = f"archive@{PEER}"
    #: Others who can write from the same component.
    impostors: tuple[str, ...] = (PEER, f"other@{PEER}", f"archive@{PEER}/x")

    def result(self, sender: str, id: str, queryID: str) -> str:
        """A result of a query, as an archive sends it."""
        return (
            f"<message from='{sender}' to='{GATEWAY}'>"
            f"<result xmlns='{ns.MAM}' id='{id}' queryid='{queryID}'>"
            f"<forwarded xmlns='{ns.FORWARD}'><message xmlns='jabber:client'>"
            f"<body>{id}</body></message></forwarded></result></message>"
        )

    async def ask(self, peer: RawComponent) -> tuple[Deferred[Reply], Received]:
        """Ask the archive; the query as the archive sees it."""
        asking = self.get(f"/archive/{self.archive}?queryid=mine", Accept=JSON)
        return asking, await peer.expect("<iq", ns.MAM)

    def end(self, peer: RawComponent, query: Received) -> None:
        """Answer a query."""
        peer.send(
            f"<iq type='result' from='{self.archive}' to='{GATEWAY}'"
            f" id='{query.element.attrib['id']}'><fin xmlns='{ns.MAM}'/></iq>"
        )

    async def test_forged(self) -> None:
        """
        Results that others than the archive send, while it takes its time, are not in
        the answer, though they know the queryid; nor does the callback get them.
        """
        await self.startGateway()
        self.callback.answer = lambda delivery: (204, "", b"")
        peer = await self.connect(self.server.peerDomain)
        user = await self.login()
        asking, query = await self.ask(peer)
        id = query.element[0].attrib["queryid"]
        peer.send(self.result(self.archive, "first", id))
        for sender in self.impostors:
            peer.send(self.result(sender, "forged", id))
        user.send(self.result(user.jid, "forged", id))
        await user.sync()
        self.assertEqual((await self.ping()).status, 200)
        peer.send(self.result(self.archive, "second", id))
        self.end(peer, query)
        *results, iq = (await asking).json["xmpp"]
        self.assertEqual(
            [each["archive"]["id"] for each in results], ["first", "second"]
        )
        self.assertEqual({each["archive"]["queryid"] for each in results}, {"mine"})
        self.assertEqual({each["from"] for each in results}, {self.archive})
        self.assertEqual(iq["result"], {})
        pairing = self.gateway.component.sender.iqTracker
        self.assertEqual(pairing.mismatched, len(self.impostors) + 1)
        self.assertEqual(self.callback.deliveries.pending, [])

    async def test_guessed(self) -> None:
        """
        On the wire a query has an id of the gateway's own, another each time; results
        under the caller's, or under none, are stanzas like any other.
        """
        await self.startGateway()
        self.callback.answer = lambda delivery: (204, "", b"")
        peer = await self.connect(self.server.peerDomain)
        ids = set()
        for _ in range(3):
            asking, query = await self.ask(peer)
            ids.add(query.element[0].attrib["queryid"])
            peer.send(self.result(self.archive, "forged", "mine"))
            peer.send(self.result(self.archive, "forged", ""))
            self.end(peer, query)
            self.assertEqual((await asking).json["result"], {})
            for _ in range(2):
                self.assertIn("forged", (await self.delivered()).text)
        self.assertEqual(len(ids - {"mine"}), 3)
        self.assertTrue(all(len(id) > 16 for id in ids))

    async def test_late(self) -> None:
        """
        Results that come after the end are dropped; the next query does not have them.
        """
        await self.startGateway()
        peer = await self.connect(self.server.peerDomain)
        asking, query = await self.ask(peer)
        self.end(peer, query)
        await asking
        late = self.result(self.archive, "late", query.element[0].attrib["queryid"])
        asking, query = await self.ask(peer)
        peer.send(late)
        self.end(peer, query)
        self.assertEqual((await asking).json["result"], {})
        self.assertEqual(self.gateway.component.sender.iqTracker.late, 1)
        self.assertEqual(self.callback.deliveries.pending, [])


class JSONCallbackMixin(GatewayMixin):
    """
    A callback that reads and writes JSON, or CBOR.
    """

    async def converse(self, contentType: str) -> None:
        """A user writes, and the callback answers; both in one format."""
        await self.startGateway(callbackContentType=contentType)
        read, write = (fromJSON, toJSON) if contentType == JSON else (fromCBOR, toCBOR)
        self.callback.answer = lambda delivery: (
            200,
            contentType,
            write({"body": "Yes, this is bot"}),
        )
        user = await self.login()
        user.send(
            f"<message to='{BOT}' type='chat' id='m'><body>Hello 🙂</body></message>"
        )
        delivery = await self.delivered()
        self.assertEqual(self.contentType(delivery), contentType)
        value = read(delivery.body)
        assert isinstance(value, dict)
        wanted = {
            "kind": "message",
            "type": "chat",
            "id": "m",
            "to": BOT,
            "from": user.jid,
            "body": "Hello 🙂",
        }
        # Servers may add the stream's language.
        self.assertEqual({key: value.get(key) for key in wanted}, wanted)
        received = await user.expect("Yes, this is bot")
        self.assertEqual(received.kind, "message")
        self.assertEqual(received.element.get("type"), "chat")
        self.assertEqual(received.element.get("from"), BOT)
        self.assertEqual(received.element.get("to"), user.jid)

    def contentType(self, delivery: Delivery) -> str:
        """Return the media type that a stanza was posted in."""
        return (delivery.headers.getRawHeaders("Content-Type") or [""])[0]

    async def test_json(self) -> None:
        """The seed's callback: a chat message in JSON, and its answer."""
        await self.converse(JSON)

    async def test_cbor(self) -> None:
        """The callback gets the stanza in CBOR."""
        await self.converse(CBOR)

    async def test_groupchat(self) -> None:
        """
        In a room, a bot enters, hears and answers in JSON, and all hear the answer.
        """
        await self.startGateway(callbackContentType=JSON)
        room = f"{uuid4().hex}@{self.server.mucDomain}"
        self.callback.answer = self._echo
        reply = await self.post(
            toJSON({"to": f"{room}/bot", "from": f"{BOT}/x", "join": True}), JSON
        )
        self.assertEqual(reply.status, 202)
        presence: Any = {}
        while 110 not in presence.get("muc_user", {}).get("status", ()):
            presence = (await self.delivered()).json
        self.assertEqual(presence["from"], f"{room}/bot")
        self.assertEqual(presence["muc_user"]["item"]["role"], "moderator")
        user = await self.login()
        await user.joinRoom(room, "Juliet")
        user.send(f"<message type='groupchat' to='{room}'><body>Hi</body></message>")
        got = await user.expect("groupchat", "<body>You said: Hi</body>")
        self.assertEqual(got.element.get("from"), f"{room}/bot")

    def _echo(self, delivery: Delivery) -> tuple[int, str, bytes]:
        """Answer a message of Juliet's, and nothing else."""
        value = delivery.json
        if value["from"].endswith("/Juliet") and "body" in value:
            return 200, JSON, toJSON({"body": f"You said: {value['body']}"})
        return 204, "", b""

    async def test_iq(self) -> None:
        """A query of a user's is answered in JSON, under the id that it had."""
        await self.startGateway(callbackContentType=JSON)
        user = await self.login()
        version = {"name": "bot", "version": "1.0"}
        self.callback.answer = lambda delivery: (
            200,
            JSON,
            toJSON({"version": {**version}}),
        )
        user.send(
            f"<iq type='get' id='v' to='{BOT}'><query xmlns='{ns.VERSION}'/></iq>"
        )
        asked = (await self.delivered()).json
        self.assertEqual(
            (asked["kind"], asked["type"], asked["version"]), ("iq", "get", {})
        )
        got = await user.expect("id='v'")
        self.assertEqual(got.element.get("type"), "result")
        found = {key: got.element.findtext(f"{{*}}query/{{*}}{key}") for key in version}
        self.assertEqual(found, version)

    async def test_error(self) -> None:
        """An error in JSON reaches the user as one."""
        await self.startGateway(callbackContentType=JSON)
        user = await self.login()
        error = {"type": "cancel", "condition": "item-not-found", "text": "No such."}
        self.callback.answer = lambda delivery: (
            404,
            JSON,
            toJSON({"error": {**error}}),
        )
        user.send(f"<message to='{BOT}' type='chat' id='m'><body>?</body></message>")
        got = await user.expect("id='m'", "type='error'", "item-not-found")
        self.assertEqual(got.element.findtext("{*}error/{*}text"), "No such.")


class TrapMixin(GatewayMixin):
    """
    JSON and CBOR that are made to do harm.
    """

    def traps(self) -> Iterator[tuple[str, Trap]]:
        """All of them, each with its type."""
        for trap in jsonTraps():
            yield JSON, trap
        for trap in cborTraps():
            yield CBOR, trap

    async def survived(self) -> None:
        """The stream is still the same."""
        self.assertEqual((await self.ping()).status, 200)
        self.assertEqual(self.gateway.component.reconnects, 0)

    async def test_requests(self) -> None:
        """Each is refused with the reason, and the stream survives."""
        await self.startGateway()
        for contentType, trap in self.traps():
            with self.subTest(trap.name, contentType=contentType):
                reply = await self.post(trap.body, contentType, Accept=JSON)
                self.assertEqual(reply.status, trap.status)
                self.assertIn(trap.says, reply.json["detail"])
                await self.survived()

    async def test_embedded(self) -> None:
        """
        Content that XML forbids is refused in each part of a stanza, and the stream
        survives.
        """
        await self.startGateway()
        user = await self.login()
        for value in self._embedded(user):
            with self.subTest(str(value)[:60]):
                for contentType, write in ((JSON, toJSON), (CBOR, toCBOR)):
                    reply = await self.post(write(value), contentType, Accept=JSON)
                    self.assertEqual(reply.status, 422, reply.text)
                await self.survived()
        await user.sync()
        self.assertFalse([each for each in user.received if each.kind == "message"])

    def _embedded(self, user: User) -> Iterator[dict[str, Any]]:
        """Messages that would close the stream, if they were written as they are."""
        message = {"to": user.jid, "body": "x"}
        for bad in ("\0", "\x01", "\x1f", "\ufffe", "\uffff"):
            for key in ("to", "from", "id", "lang", "body", "type", "subject"):
                yield {**message, key: f"a{bad}"}
            yield {**message, "thread": {"id": "a", "parent": bad}}
            yield {**message, "xml": [f"<a xmlns='urn:x' b='{bad}'/>"]}
            yield {**message, f"a{bad}": "b"}
        for xml in (
            *("<a", "</message>", "<a/></xml><b/>", "<a><b></a></b>", "<!-- x -->"),
            *("<?x y?>", "<!DOCTYPE a><a/>", "<a b='' b=''/>", "<a:b/>", "&x;", "&#0;"),
        ):
            yield {**message, "xml": [xml]}

    async def test_answers(self) -> None:
        """
        As a callback's answer each is none: who asked gets an empty result, who wrote
        nothing, and the stream survives.
        """
        await self.startGateway()
        peer = await self.connect(self.server.peerDomain)
        traps = [*self.traps()]

        def answer(delivery: Delivery) -> tuple[int, str, bytes]:
            """The trap of that number."""
            number = re.search(r"id='t([0-9]+)'", delivery.text)
            assert number is not None, delivery.text
            contentType, trap = traps[int(number[1])]
            return 200, contentType, trap.body

        self.callback.answer = answer
        for start in range(0, len(traps), 20):
            batch = range(start, min(start + 20, len(traps)))
            for number in batch:
                addresses = f"id='t{number}' from='{PEER}' to='{BOT}'"
                peer.send(
                    f"<message type='chat' {addresses}><body>x</body></message>"
                    f"<iq type='get' {addresses}><x xmlns='urn:x'/></iq>"
                )
            for number in batch:
                with self.subTest(traps[number][1].name):
                    got = await peer.expect("<iq", f"id='t{number}'")
                    self.assertEqual(got.element.get("type"), "result")
                    self.assertEqual(len(got.element), 0)
                    for _ in range(2):
                        await self.delivered()
            await self.survived()
        await peer.sync()
        self.assertNotIn("<message", peer.text)


class ProsodyWireTests(WireMixin, TestCase):
    """Stanzas on their way through Prosody."""

    kind = Prosody


class EjabberdWireTests(WireMixin, TestCase):
    """Stanzas on their way through ejabberd."""

    kind = Ejabberd


class ProsodyQueryTests(QueryMixin, TestCase):
    """
    Queries that Prosody answers.
    """

    kind = Prosody

    async def test_statsAndRegister(self) -> None:
        """Prosody, as it is set up here, answers neither."""
        await self.startGateway()
        for query in (STATS, REGISTER):
            answer = await self.everywhere(query, self.server.host)
            self.assertEqual(answer["error"]["condition"], "service-unavailable")


class EjabberdQueryTests(QueryMixin, TestCase):
    """
    Queries that ejabberd answers.
    """

    kind = Ejabberd

    async def test_stats(self) -> None:
        """The server says what it counts."""
        stats = (await self.host(STATS))["stats"]
        self.assertIn({"name": "users/online"}, stats)

    async def test_register(self) -> None:
        """The server says what it wants to know of a new user."""
        register = (await self.host(REGISTER))["register"]
        self.assertEqual((register["username"], register["password"]), ("", ""))
        self.assertIn("username", register["instructions"])


class ProsodyArchiveTests(ArchiveMixin, TestCase):
    """Prosody's archives."""

    kind = Prosody

    async def test_ids(self) -> None:
        """The archive gives what stands before, behind and under ids."""
        room, ids = await self.fill(5)
        for query, found in (
            (f"ids={ids[1]},{ids[3]}", [ids[1], ids[3]]),
            (f"ids={ids[2]}", [ids[2]]),
            (f"after-id={ids[1]}", ids[2:]),
            (f"before-id={ids[3]}", ids[:3]),
            (f"after-id={ids[0]}&before-id={ids[4]}&max=2", ids[1:3]),
        ):
            results, _ = await self.query(room, query)
            self.assertEqual([each["id"] for each in results], found, query)


class EjabberdArchiveTests(ArchiveMixin, TestCase):
    """ejabberd's archives."""

    kind = Ejabberd

    async def test_ids(self) -> None:
        """The archive knows no ids, and says so."""
        room, ids = await self.fill(1)
        for key in ("ids", "after-id", "before-id"):
            reply = await self.get(f"/archive/{room}?{key}={ids[0]}", Accept=JSON)
            self.assertEqual(reply.status, 200)
            self.assertEqual(reply.json["error"]["condition"], "bad-request")


class ProsodyForgedArchiveTests(ForgedArchiveMixin, TestCase):
    """Impostors at Prosody."""

    kind = Prosody


class EjabberdForgedArchiveTests(ForgedArchiveMixin, TestCase):
    """Impostors at ejabberd, where one component can write as another."""

    kind = Ejabberd
    impostors = (*ForgedArchiveMixin.impostors, GATEWAY, f"archive@{GATEWAY}")


class ProsodyJSONCallbackTests(JSONCallbackMixin, TestCase):
    """Callbacks in JSON, with Prosody."""

    kind = Prosody


class EjabberdJSONCallbackTests(JSONCallbackMixin, TestCase):
    """Callbacks in JSON, with ejabberd."""

    kind = Ejabberd


class ProsodyTrapTests(TrapMixin, TestCase):
    """Traps, with Prosody."""

    kind = Prosody


class EjabberdTrapTests(TrapMixin, TestCase):
    """Traps, with ejabberd."""

    kind = Ejabberd
