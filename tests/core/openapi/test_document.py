"""
Tests for L{xmpprest.core.openapi.document}, and of its examples on a site in memory.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

from jsonschema_rs import Draft202012Validator
from openapi_spec_validator import validate
from twisted.trial.unittest import SynchronousTestCase

from tests.core.hooks.hooks import makeHook
from tests.support.bots import HeldBots
from tests.support.doubles import HTTPResponse
from tests.support.room_service import joinedRooms
from tests.web.api.test_files import filesHandler
from tests.web.api.test_hook_status import HeldMessages
from tests.web.case import SiteTestCase, request
from tests.web.records import HeldInbox, HeldStatuses, HeldUpdates, incoming
from xmpprest.core.codec.events import eventSchemas
from xmpprest.core.codec.mapping import NO_CONTEXT, StanzaContext
from xmpprest.core.codec.slots import Child
from xmpprest.core.codec.table import KEYS, PAYLOADS, STANZAS
from xmpprest.core.errors import reasonPhrase
from xmpprest.core.hooks.hook import Hooks
from xmpprest.core.live import Live
from xmpprest.core.media import formats
from xmpprest.core.media.framing import NDJSON
from xmpprest.core.openapi.data import load
from xmpprest.core.openapi.document import document
from xmpprest.core.policy.redelivery_request import MAX_IDS
from xmpprest.core.records import DEAD, DELIVERED, PENDING, QUEUED, OutboxRecord
from xmpprest.core.stanza.build import TYPES
from xmpprest.core.stanza.jid import JID
from xmpprest.core.stanza.stored import parseStored
from xmpprest.live.hub import EventHub
from xmpprest.web.api.batch.handler import BatchHandler
from xmpprest.web.api.bots import BotsHandler
from xmpprest.web.api.events import EventsHandler
from xmpprest.web.api.hook_status import HookStatusHandler
from xmpprest.web.api.inbox import InboxHandler, StoredInbox
from xmpprest.web.api.outbox import OutboxHandler
from xmpprest.web.api.rooms import RoomsHandler
from xmpprest.web.api.updates import UpdatesHandler

DOMAIN = "gateway.example.org"
DOCUMENT = document(DOMAIN, "1.2.3")
SCHEMAS = DOCUMENT["components"]["schemas"]


def recordExample(path: str) -> Any:
    """The example of the record that a path of the document answers with."""
    response = DOCUMENT["paths"][path]["get"]["responses"]["200"]
    return response["content"][formats.JSON]["example"]


#: The example of a message that came back, and of a stanza for the callback.
BOUNCED = recordExample("/outbox/{id}")
TRIED = recordExample("/inbox/{id}")

#: An operation: its path, its method, and what the document says of it.
Operation = tuple[str, str, Any]


def operations() -> Iterator[Operation]:
    """Every operation."""
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


def isOfRecords(path: str) -> bool:
    """Whether a path is about what is kept, and not about stanzas that are sent."""
    names = ("outbox", "inbox", "bots", "rooms", "hooks", "updates", "files")
    return path.split("/")[1] in names


def resolved(part: Any) -> Any:
    """A part, or what it refers to."""
    if "$ref" not in part:
        return part
    found: Any = DOCUMENT
    for step in part["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return found


#: Where the answer has no end.
EVENTS = "/events"
#: Where it is a stream of answers.
BATCH = "/batch"


def references(part: Any) -> Iterator[str]:
    """Everything that is referred to."""
    if isinstance(part, list):
        part = dict(enumerate(part))
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for inner in part.values():
            yield from references(inner)


def examplesOf(content: Any) -> list[Any]:
    """The examples of a media type."""
    several = [example["value"] for example in content.get("examples", {}).values()]
    return several + [content[key] for key in ("example",) if key in content]


def valid(schema: Any) -> Draft202012Validator:
    """Return a validator of values for a schema of the document."""
    root = {"components": DOCUMENT["components"], "allOf": [schema]}
    return Draft202012Validator(root, validate_formats=False)


class DocumentTests(SynchronousTestCase):
    """
    Tests for L{document}.
    """

    def test_valid(self) -> None:
        """The document is valid OpenAPI, and can be written as JSON."""
        self.assertEqual(json.loads(json.dumps(DOCUMENT)), DOCUMENT)
        self.assertTrue(DOCUMENT["openapi"].startswith("3.1."))
        validate(DOCUMENT)
        for name, schema in SCHEMAS.items():
            Draft202012Validator(schema | {"components": DOCUMENT["components"]})
            self.assertRegex(name, r"^\w+$")

    def test_references(self) -> None:
        """All references have a target, and all components are referred to."""
        found = {*references(DOCUMENT)}
        components = DOCUMENT["components"]
        kinds = ("schemas", "parameters", "responses")
        there = {f"#/components/{k}/{name}" for k in kinds for name in components[k]}
        self.assertEqual(found, there)

    def test_operations(self) -> None:
        """Each operation has an id of its own, a summary, and a tag that is known."""
        ids = [operation["operationId"] for _, _, operation in operations()]
        self.assertEqual(len({*ids}), len(ids))
        tags = {tag["name"] for tag in DOCUMENT["tags"]}
        for _, _, operation in operations():
            self.assertRegex(operation["summary"], r"^[A-Z]")
            self.assertLessEqual({*operation["tags"]}, tags)

    def test_statuses(self) -> None:
        """
        Each status exists, and each has content in the forms it may have: records in
        JSON only, and stanzas that are accepted in JSON or without content.
        """
        problems = {formats.JSON, formats.PROBLEM_JSON, formats.XML}
        for path, _, operation in operations():
            for status, response in operation["responses"].items():
                self.assertNotEqual(reasonPhrase(int(status)), "", status)
                content = {*resolved(response).get("content", {})}
                if int(status) >= 300:
                    self.assertEqual(content, problems)
                elif status == "204":
                    self.assertEqual(content, set())
                elif isOfRecords(path):
                    self.assertEqual(content, {formats.JSON}, path)
                elif path == BATCH:
                    self.assertEqual(content, {NDJSON})
                elif path == EVENTS:
                    self.assertEqual(content, {"text/event-stream"})
                else:
                    accepted = {formats.JSON}
                    expected = {*formats.OUTPUT_TYPES} if status == "200" else accepted
                    self.assertEqual(content, expected, path)

    def test_keys(self) -> None:
        """
        Every operation requires credentials, and describes the errors of bad ones.
        """
        for path, method, operation in operations():
            parameters = map(resolved, operation.get("parameters", ()))
            takesKey = "Idempotency-Key" in {each["name"] for each in parameters}
            hasEffect = path not in ("/echo", "/hooks/{id}/try")
            self.assertEqual(takesKey, method == "POST" and hasEffect, path)
            if takesKey:
                self.assertLessEqual({"409", "422", "503"}, {*operation["responses"]})

    def test_keyPattern(self) -> None:
        """The pattern of a key fits those that a client should send."""
        pattern = DOCUMENT["components"]["parameters"]["key"]["schema"]["pattern"]
        for key, isKey in (
            ("a", True),
            ("8e03978e-40d5-43dd-bc93-6894a57f9324", True),
            ("a b", True),
            ("x" * 255, True),
            ("x" * 256, False),
            ("", False),
            (" a", False),
            ('"a"', False),
            ("\u00e9", False),
        ):
            self.assertEqual(re.search(pattern, key) is not None, isKey, key)

    def test_rows(self) -> None:
        """
        Every key of the table is in the schema of its kind, with what it is for, and
        the specification that it comes from.
        """
        for kind, rows in KEYS.items():
            properties = SCHEMAS[kind]["properties"]
            for key, row in rows.items():
                description = properties[key]["description"]
                words, source = description.split("\n\n")
                self.assertRegex(words, r"^[A-Z].*\.$", key)
                self.assertTrue(source.startswith(f"{row.source}: `<"), key)
            own = {"kind", "type", "to", "from", "id", "lang", "xml"}
            self.assertEqual({*properties}, {*rows} | own)

    def test_types(self) -> None:
        """Every type that a stanza may have is in its schema."""
        for kind, types in (
            ("message", "chat error groupchat headline normal"),
            ("iq", "error get result set"),
            (
                "presence",
                "available error probe subscribe subscribed unavailable unsubscribe"
                " unsubscribed",
            ),
        ):
            enum = SCHEMAS[kind]["properties"]["type"]["enum"]
            self.assertEqual(enum, types.split())

    def test_payloads(self) -> None:
        """Every payload of an iq can be asked for, in the URL and with a body."""
        paths = DOCUMENT["paths"]
        for key in PAYLOADS:
            self.assertEqual([*paths[f"/{key}/{{to}}"]], ["get"])
            self.assertEqual([*paths[f"/iq/{key}/{{to}}"]], ["post"])

    def test_parameters(self) -> None:
        """The parameters of a query are those that the table takes from one."""
        for key in PAYLOADS:
            slot = KEYS["iq"][key].slot
            assert isinstance(slot, Child)
            stated = map(
                resolved, DOCUMENT["paths"][f"/{key}/{{to}}"]["get"]["parameters"]
            )
            queried = {p["name"] for p in stated if p["in"] == "query"}
            self.assertEqual(queried, {*slot.shape.parameters})

    def test_payloadData(self) -> None:
        """Every payload has an entry in its data file, and every entry is a payload."""
        self.assertEqual({*load("payloads")}, {*PAYLOADS})

    def test_descriptionData(self) -> None:
        """Every description of a key in the data file is of a key of the table."""
        known = {
            *(key for rows in KEYS.values() for key in rows),
            *(f"{kind} {key}" for kind, rows in KEYS.items() for key in rows),
        }
        self.assertEqual({*load("descriptions")["keys"]} - known, set())

    def test_constants(self) -> None:
        """Names and limits that the data files repeat are those of the code."""
        paths = DOCUMENT["paths"]
        state, *_ = paths["/inbox"]["get"]["parameters"]
        self.assertEqual(state["schema"]["enum"], [PENDING, DELIVERED, DEAD])
        accepted = paths["/inbox/redeliver"]["post"]["responses"]["202"]
        ids = accepted["content"][formats.JSON]["schema"]["properties"]["ids"]
        self.assertEqual(ids["maxItems"], MAX_IDS)
        kind, *_ = paths[EVENTS]["get"]["parameters"]
        self.assertEqual(kind["schema"]["items"]["enum"], [*TYPES])
        (content,) = paths[EVENTS]["get"]["responses"]["200"]["content"].values()
        self.assertEqual({*content["x-events"]}, {*eventSchemas({})})

    def test_neighbour(self) -> None:
        """The examples are about the gateway's own domain and its neighbour."""
        text = json.dumps(document("xmpp.example.net", ""))
        self.assertNotIn("example.org", text)
        self.assertIn('"user@example.net"', text)
        self.assertIn('"to": "xmpp.example.net"', text)
        self.assertIn('"user@localhost"', json.dumps(document("localhost", "")))

    def test_size(self) -> None:
        """The document is short enough for a page that everybody may load."""
        self.assertLess(len(json.dumps(DOCUMENT, separators=(",", ":"))), 210_000)


class ExampleTests(SynchronousTestCase):
    """
    Tests of the examples against the schemas.
    """

    def contents(self) -> Iterator[tuple[str, Any]]:
        """Every media type of every request and answer, with the path."""
        for path, _, operation in operations():
            bodies = [
                operation.get("requestBody", {}),
                *operation["responses"].values(),
            ]
            for body in map(resolved, bodies):
                for content in body.get("content", {}).values():
                    yield path, content

    def test_bodies(self) -> None:
        """Every example of a body has the schema that is beside it."""
        count = 0
        for path, content in self.contents():
            for example in examplesOf(content):
                errors = [*valid(content["schema"]).iter_errors(example)]
                self.assertEqual(errors, [], f"{path}: {example}")
                count += 1
        self.assertGreater(count, 100)

    def test_parameters(self) -> None:
        """So has every example of a parameter."""
        for _, _, operation in operations():
            for parameter in map(resolved, operation.get("parameters", ())):
                content = parameter.get("content", {}).get(formats.JSON, parameter)
                for example in examplesOf(content):
                    valid(content["schema"]).validate(example)

    def test_required(self) -> None:
        """Every required parameter has an example."""
        for path, _, operation in operations():
            for parameter in map(resolved, operation.get("parameters", ())):
                if parameter.get("required"):
                    content = parameter.get("content", {}).get(formats.JSON, parameter)
                    self.assertTrue(examplesOf(content), (path, parameter["name"]))

    def test_answers(self) -> None:
        """Every example of an answer is what the gateway would make of that stanza."""
        for path, _, operation in operations():
            answer = operation["responses"].get("200")
            if answer is None or isOfRecords(path) or path in (EVENTS, BATCH):
                continue
            (example,) = examplesOf(answer["content"][formats.JSON])
            for value in example.get("xmpp", [example]):
                self.assertEqual(STANZAS.encode(STANZAS.decode(value)), value, path)

    def test_events(self) -> None:
        """The example of events is of such as there are, and of their schemas."""
        (content,) = DOCUMENT["paths"][EVENTS]["get"]["responses"]["200"][
            "content"
        ].values()
        told = re.findall(r"id: .+\nevent: (.+)\ndata: (.+)\n\n", content["example"])
        self.assertEqual([name for name, _ in told], ["state", "stanza"])
        for name, data in told:
            valid(content["x-events"][name]).validate(json.loads(data))
        stanza = json.loads(told[1][1])
        self.assertEqual(STANZAS.encode(parseStored(stanza["xml"])), stanza["json"])
        self.assertEqual(stanza["size"], len(stanza["xml"]))

    def test_records(self) -> None:
        """The example of a stanza is the same in JSON and in XML."""
        self.assertEqual(STANZAS.encode(parseStored(TRIED["xml"])), TRIED["stanza"])


class SentTests(SiteTestCase):
    """
    Tests of the examples on a site.
    """

    def setUp(self) -> None:
        super().setUp()
        statuses, inbox, bots = HeldStatuses(), HeldInbox(), HeldBots()
        bots.put("weather@gateway.example.org", name="Weather")
        bots.manager.approve(
            "weather@gateway.example.org", "user@example.org", None, subscribes=True
        )
        bot = JID("bot", DOMAIN, "")
        rooms = joinedRooms(self.clock, "team@rooms.example.org", bot)
        id = BOUNCED["id"]
        key = BOUNCED["location"].rpartition("/")[2]
        statuses.known[key] = OutboxRecord(
            *(1, id, "user@example.org", "<message/>", QUEUED, 0.0, 0.0), key=key
        )
        inbox.put(incoming(1, webhookID=TRIED["id"]))
        pages = InboxHandler(StoredInbox(inbox, inbox), self.once)
        events = EventsHandler(EventHub(self.clock, self.clock.seconds), self.clock)
        sent = HeldMessages()
        batches = BatchHandler(
            self.sending,
            self.outbox,
            self.once,
            self.clock,
            self.settings,
            authenticator=self.authenticator,
        )
        self.build(
            {
                **OutboxHandler(statuses).routes,
                **pages.routes,
                **events.routes,
                **batches.routes,
                **BotsHandler(bots.manager, DOMAIN, self.clock).routes,
                **RoomsHandler(rooms, DOMAIN).routes,
                **UpdatesHandler(HeldUpdates(), self.once, self.authenticator).routes,
                **filesHandler(self.once, self.authenticator).routes,
                **HookStatusHandler(Live(Hooks([makeHook()])), sent, sent).routes,
            }
        )

    def post(self, path: str, contentType: str, body: bytes) -> HTTPResponse | None:
        """Post a body; returns the answer, or C{None} if an iq waits for its reply."""
        return self.send("POST", path, body, {"Content-Type": contentType})

    def send(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> HTTPResponse | None:
        """Make a request."""
        client = self.client()
        client.send(request(body, {"Content-Type": None, **headers}, method, path))
        responses = client.responses()
        return responses[0] if responses else None

    def assertTaken(self, response: HTTPResponse | None, about: object) -> None:
        """A request was accepted, or its iq is on its way."""
        if response is not None:
            self.assertIn(response.status, (200, 202, 204), (about, response.body))
            return
        self.assertEqual(len(self.requester.requests), 1, about)
        self.requester.requests.clear()

    def path(self, path: str, operation: Any) -> str:
        """The path of an operation, with the examples of its parameters."""
        for parameter in map(resolved, operation.get("parameters", ())):
            if parameter["in"] == "path":
                value = quote(parameter["example"], safe="")
                path = path.replace(f"{{{parameter['name']}}}", value)
        self.assertNotIn("{", path)
        return f"/rest{path}"

    def test_bodies(self) -> None:
        """Every example of a body is accepted, in each media type that it is for."""
        for path, method, operation in operations():
            contents = operation.get("requestBody", {}).get("content", {})
            for name, content in contents.items():
                for example in examplesOf(content):
                    url = self.path(path, operation)
                    body = _written(name, example)
                    response = self.send(method, url, body, {"Content-Type": name})
                    self.assertTaken(response, (path, name, example))

    def test_same(self) -> None:
        """The examples in XML say the same as those in JSON."""
        contents = DOCUMENT["paths"]["/"]["post"]["requestBody"]["content"]
        json, xml = (contents[name]["examples"] for name in (formats.JSON, formats.XML))
        self.assertEqual([*json], [*xml])
        for name, example in json.items():
            sent = formats.decode(formats.XML, xml[name]["value"].encode(), NO_CONTEXT)
            expected = STANZAS.decode(example["value"], StanzaContext())
            self.assertEqual(STANZAS.encode(sent), STANZAS.encode(expected))

    def test_queries(self) -> None:
        """Every query with the examples of its parameters becomes an iq."""
        for path, method, operation in operations():
            if method == "GET" and path != EVENTS:
                pairs = {}
                for parameter in map(resolved, operation.get("parameters", ())):
                    content = parameter.get("content", {}).get(formats.JSON)
                    for example in examplesOf(content or parameter):
                        if parameter["in"] == "query":
                            text = json.dumps(example) if content else str(example)
                            pairs[parameter["name"]] = text
                url = self.path(path, operation)
                query = f"{url}?{urlencode(pairs)}" if pairs else url
                self.assertTaken(self.send("GET", query, b"", {}), query)

    def test_records(self) -> None:
        """Responses about records conform to their schemas."""
        # Objects are deleted last, and those within others first.
        for path, method, operation in sorted(
            operations(), key=lambda each: (each[1] == "DELETE", -len(each[0]))
        ):
            if isOfRecords(path):
                content = operation.get("requestBody", {}).get("content", {})
                if content and formats.JSON not in content:
                    continue  # a form
                examples = examplesOf(content.get(formats.JSON, {}))
                body = _written(formats.JSON, examples[0]) if examples else b""
                headers = {"Content-Type": formats.JSON}
                url = self.path(path, operation)
                response = self.send(method, url, body, headers)
                assert response is not None
                if response.status == 204:
                    self.assertIn("204", operation["responses"])
                    self.assertEqual(response.body, b"")
                    continue
                (content,) = operation["responses"][str(response.status)][
                    "content"
                ].values()
                valid(content["schema"]).validate(json.loads(response.body))

    def test_withoutBody(self) -> None:
        """Where no body is required, none need be sent, if there is a payload."""
        for path, method, operation in operations():
            body = operation.get("requestBody")
            if method in ("GET", "DELETE") or re.match(r"/iq/[gs]et/", path):
                continue
            response = self.send(method, self.path(path, operation), b"", {})
            if body and body["required"]:
                assert response is not None
                self.assertIn(response.status, (415, 422), path)
            else:
                self.assertTaken(response, path)

    def test_methods(self) -> None:
        """Other methods than those of the document are not allowed."""
        for path, methods in DOCUMENT["paths"].items():
            url = self.path(path, next(iter(methods.values())))
            for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
                if method.lower() not in methods:
                    response = self.send(method, url, b"", {})
                    assert response is not None
                    self.assertEqual(response.status, 405, (method, path))


def _written(name: str, example: Any) -> bytes:
    """An example as it is sent."""
    if name == formats.FORM:
        words = {True: "true", False: "false"}
        return urlencode({k: words.get(v, v) for k, v in example.items()}).encode()
    if name == formats.JSON:
        return json.dumps(example).encode()
    text: str = example
    return text.encode()
