"""Tests of L{xmpprest.web.api.inbox}."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from xmpprest.core.policy.permissions import Grant
from xmpprest.core.records import (
    DEAD,
    DELIVERED,
    PENDING,
    DeliveryAttempt,
    StoreUnavailable,
)
from xmpprest.core.webhook.conversation_key import ConversationKeys
from xmpprest.web.api.inbox import InboxHandler, StoredInbox

from ...core.stanza.test_stored import disorderly
from ...support.doubles import HTTPResponse
from ..case import SiteTestCase
from ..records import STANZA, HeldInbox, incoming

JSON = "application/json"


class InboxTestCase(SiteTestCase):
    """
    A test that has an inbox.
    """

    def setUp(self) -> None:
        super().setUp()
        self.inbox = HeldInbox()
        kept = StoredInbox(self.inbox, self.inbox)
        self.build(InboxHandler(kept, self.once).routes)

    def get(self, path: str = "") -> HTTPResponse:
        """Ask for something below C{/rest/inbox}."""
        return self.ask(b"", {"Accept": JSON}, "GET", f"/rest/inbox{path}")

    def post(
        self,
        path: str,
        value: object = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> HTTPResponse:
        """Post JSON to something below it."""
        body = b"" if value is None else json.dumps(value).encode()
        fields = {"Content-Type": JSON, "Accept": JSON, **(headers or {})}
        return self.ask(body, fields, path=f"/rest/inbox{path}")

    def value(self, response: HTTPResponse, status: int = 200) -> Any:
        """The JSON of an answer."""
        self.assertEqual(response.status, status, response.body)
        self.assertEqual(response["Content-Type"], JSON)
        self.assertEqual(response["Cache-Control"], "no-store")
        return json.loads(response.body)

    def every(self) -> list[str]:
        """The ids of all that is there, in their order."""
        return [stanza.webhookID for _, stanza in sorted(self.inbox.held.items())]

    def ids(self, response: HTTPResponse) -> list[str]:
        """The ids in a list."""
        return [stanza["id"] for stanza in self.value(response)["stanzas"]]


class ListTests(InboxTestCase):
    """
    C{GET /rest/inbox}
    """

    def test_empty(self) -> None:
        """The list may be empty."""
        self.assertEqual(self.value(self.get()), {"stanzas": [], "next": None})

    def test_stanza(self) -> None:
        """Each says what it is, without its content, and how often it was tried."""
        self.inbox.put(incoming(10**9))
        (told,) = self.value(self.get())["stanzas"]
        self.assertEqual(
            told,
            {
                "id": "msg_1000000000",
                "kind": "message",
                "from": "a@example.org/x",
                "to": "bot@gateway.example",
                "callback": "default",
                "state": "dead",
                "received_at": "2001-09-09T01:46:40.000Z",
                "attempts": 3,
            },
        )

    def test_callback(self) -> None:
        """Each says which callback it is for."""
        keys = ConversationKeys("orders")
        theirs = replace(incoming(1), conversation=keys.keyFor("a@example.org", "b"))
        self.inbox.put(theirs)
        (told,) = self.value(self.get())["stanzas"]
        self.assertEqual(told["callback"], "orders")

    def test_states(self) -> None:
        """Stanzas that are not delivered are listed, unless a state is given."""
        self.inbox.put(incoming(1), incoming(2, PENDING), incoming(3, DELIVERED))
        for query, ids in (
            ("", ["msg_2", "msg_1"]),
            ("?", ["msg_2", "msg_1"]),
            ("?state=dead", ["msg_1"]),
            ("?state=pending", ["msg_2"]),
            ("?state=delivered", ["msg_3"]),
        ):
            self.assertEqual(self.ids(self.get(query)), ids, query)
        (pending,) = self.value(self.get("?state=pending"))["stanzas"]
        self.assertEqual(pending["due_at"], "1970-01-01T00:00:07.000Z")
        (delivered,) = self.value(self.get("?state=delivered"))["stanzas"]
        self.assertEqual(
            {*delivered}, {"id", "callback", "state", "received_at", "attempts"}
        )

    def test_pages(self) -> None:
        """The newest come first, and each page but the last says where the next is."""
        states = itertools.cycle([DEAD, PENDING, PENDING])
        self.inbox.put(*map(incoming, range(1, 8), states))
        path, found = "?limit=3", []
        for size in (3, 3, 1):
            value = self.value(self.get(path))
            found += [stanza["id"] for stanza in value["stanzas"]]
            self.assertEqual(len(value["stanzas"]), size)
            if value["next"]:
                path = value["next"].removeprefix("/rest/inbox")
                self.assertNotEqual(path, value["next"])
        self.assertIsNone(value["next"])
        self.assertEqual(found, [f"msg_{number}" for number in range(7, 0, -1)])

    def test_exactly(self) -> None:
        """A page that is full, and the last, leads nowhere."""
        self.inbox.put(*(incoming(number) for number in range(1, 7)))
        value = self.value(self.get("?limit=3&state=dead&before=4"))
        self.assertEqual(len(value["stanzas"]), 3)
        self.assertIsNone(value["next"])

    def test_default(self) -> None:
        """
        The list has up to a hundred entries, or up to a thousand if that is asked for.
        """
        self.inbox.put(*(incoming(number) for number in range(1, 1500)))
        for query, count in (("", 100), ("?limit=1000", 1000)):
            self.assertEqual(len(self.ids(self.get(query))), count)

    def test_memory(self) -> None:
        """However long the list, few stanzas are in memory at a time."""
        self.inbox.put(*(incoming(number) for number in range(1, 1500)))
        self.get("?limit=1000&state=dead")
        self.assertEqual((max(self.inbox.asked), sum(self.inbox.asked)), (10, 1001))

    def test_large(self) -> None:
        """Only the beginning of a long stanza is parsed."""
        xml = f"<iq to='b' from='a'>{'<x/>' * 100_000}"  # not even well-formed
        self.inbox.put(*(incoming(n, stanza=xml) for n in range(1000)))
        (told, *_) = self.value(self.get("?limit=1000"))["stanzas"]
        self.assertEqual((told["kind"], told["from"], told["to"]), ("iq", "a", "b"))

    def test_disorderly(self) -> None:
        """A malformed stanza is listed, and so are all after it."""
        xmls = [*disorderly(), "nonsense", "<a 1='2'/>"]
        strange = [incoming(n, stanza=xml) for n, xml in enumerate(xmls, 2)]
        self.inbox.put(incoming(1), *strange, incoming(len(xmls) + 2))
        told = self.value(self.get())["stanzas"]
        self.assertEqual([each["id"] for each in told][::-1], self.every())
        senders = [each.get("from") for each in told[1:-1]]
        self.assertEqual(senders, [None] * 2 + ["e@example.org/x"] * (len(xmls) - 2))

    def test_refused(self) -> None:
        """A query that makes no sense is refused, and says why."""
        for query, says in (
            ("?state=lost", "one of pending, delivered, dead, not 'lost'"),
            ("?limit=0", "'limit' must be an integer from 1 to 1000, not '0'"),
            ("?limit=1001", "from 1 to 1000"),
            ("?limit=x", "from 1 to 1000"),
            ("?before=0", "'before' must be an integer of at least 1"),
            ("?before=msg_1", "'before'"),
            ("?befor=1", "did you mean 'before'?"),
            ("?limit=1&limit=2", "twice"),
            ("?limit", "key=value"),
            ("?state=%FF", "UTF-8"),
        ):
            text = self.assertProblem(self.get(query), 400)["detail"]
            self.assertIn(says, text)

    def test_unavailable(self) -> None:
        """A store that cannot be read is 503."""
        self.inbox.problem = StoreUnavailable("the disk is broken")
        for path in ("", "/msg_1"):
            response = self.get(path)
            text = self.assertProblem(response, 503)["detail"]
            self.assertIn("(the disk is broken)", text)


class OneTests(InboxTestCase):
    """
    C{GET /rest/inbox/{id}}
    """

    def test_whole(self) -> None:
        """The entry has the stanza, as JSON and as XML, and every attempt."""
        self.inbox.put(incoming(1))
        self.inbox.attempts["msg_1"] = [
            DeliveryAttempt(2.0, None, "nobody answered"),
            DeliveryAttempt(3.5, 500, "the callback said 500"),
        ]
        self.assertEqual(
            self.value(self.get("/msg_1")),
            {
                "id": "msg_1",
                "kind": "message",
                "from": "a@example.org/x",
                "to": "bot@gateway.example",
                "callback": "default",
                "state": "dead",
                "received_at": "1970-01-01T00:00:01.000Z",
                "attempts": [
                    {
                        "at": "1970-01-01T00:00:02.000Z",
                        "status": None,
                        "error": "nobody answered",
                    },
                    {
                        "at": "1970-01-01T00:00:03.500Z",
                        "status": 500,
                        "error": "the callback said 500",
                    },
                ],
                "stanza": {
                    "kind": "message",
                    "type": "chat",
                    "from": "a@example.org/x",
                    "to": "bot@gateway.example",
                    "id": "m1",
                    "body": "hi & bye",
                },
                "xml": STANZA,
            },
        )

    def test_delivered(self) -> None:
        """The stanza is there while it is kept."""
        self.inbox.put(incoming(1, DELIVERED))
        told = self.value(self.get("/msg_1"))
        self.assertEqual(
            {*told}, {"id", "callback", "state", "received_at", "attempts"}
        )

    def test_disorderly(self) -> None:
        """
        The entry of a malformed stanza has its XML, and the kind and addresses of its
        first
        tag.
        """
        known = {"id", "callback", "state", "received_at", "attempts", "xml"}
        for xml, told in (
            *((xml, known | {"kind", "from", "to"}) for xml in disorderly()),
            ("nonsense", known),
        ):
            self.inbox.put(incoming(1, stanza=xml))
            value = self.value(self.get("/msg_1"))
            self.assertEqual({*value}, told)
            self.assertEqual(value["xml"], xml)

    def test_unknown(self) -> None:
        """One that nobody knows is 404."""
        for path in ("/msg_2", "/%E2%98%95", "/a%2Fb"):
            text = self.assertProblem(self.get(path), 404)["detail"]
            self.assertIn("no stanza for the callback with the webhook-id", text)


class RedeliverOneTests(InboxTestCase):
    """
    C{POST /rest/inbox/{id}/redeliver}
    """

    def test_dead(self) -> None:
        """One that is dead is pending again."""
        self.inbox.put(incoming(1))
        response = self.post("/msg_1/redeliver", headers={"Content-Type": None})
        told = self.value(response, 202)
        self.assertEqual((told["id"], told["state"]), ("msg_1", "pending"))
        self.assertEqual(told["attempts"], 0)
        ((ids, _, _),) = self.inbox.again
        self.assertEqual(ids, ["msg_1"])

    def test_others(self) -> None:
        """A stanza that is not dead is left alone, and an unknown one is 404."""
        self.inbox.put(incoming(1, PENDING), incoming(2, DELIVERED))
        for id, state in (("msg_1", "pending"), ("msg_2", "delivered")):
            response = self.post(f"/{id}/redeliver")
            text = self.assertProblem(response, 409)["detail"]
            self.assertIn(f"'{id}' is {state}; only what is dead", text)
        self.assertProblem(self.post("/msg_3/redeliver"), 404)

    def test_full(self) -> None:
        """If there is no room for it, it is 503."""
        self.inbox.put(incoming(1))
        self.inbox.isFull = True
        response = self.post("/msg_1/redeliver")
        self.assertIn(
            "too much is waiting", self.assertProblem(response, 503)["detail"]
        )

    def test_key(self) -> None:
        """With a key it is done once, and what was not done may be tried again."""
        key = {"Idempotency-Key": "k"}
        for status in (404, 409):
            self.assertEqual(self.post("/msg_1/redeliver", None, key).status, status)
            self.assertEqual(self.keys.kept, {})
            self.inbox.put(incoming(1, PENDING))
        self.inbox.put(incoming(1))
        first = self.post("/msg_1/redeliver", None, key)
        self.assertEqual(first.status, 202)
        self.inbox.put(incoming(1))
        second = self.post("/msg_1/redeliver", None, key)
        self.assertEqual((second.status, second.body), (202, first.body))
        self.assertEqual(self.inbox.held[1].state, DEAD)
        self.assertEqual(self.post("/msg_2/redeliver", None, key).status, 422)


class RedeliverTests(InboxTestCase):
    """
    C{POST /rest/inbox/redeliver}
    """

    def test_ids(self) -> None:
        """The named stanzas become pending again, if they are dead."""
        self.inbox.put(incoming(1), incoming(2), incoming(3), incoming(4, PENDING))
        response = self.post("/redeliver", {"ids": ["msg_1", "msg_3", "msg_4", "x"]})
        self.assertEqual(
            self.value(response, 202), {"redelivered": 2, "ids": ["msg_1", "msg_3"]}
        )

    def test_span(self) -> None:
        """So are those that came in a time."""
        for value, ids in (
            ({"since": "1970-01-01T00:00:03Z"}, [3, 4]),
            ({"until": "1970-01-01T00:00:03Z"}, [1, 2]),
            (
                {"since": "1970-01-01T01:00:02+01:00", "until": "1970-01-01T00:00:04Z"},
                [2, 3],
            ),
            ({"since": "1970-01-01T00:00:02Z", "until": None, "ids": None}, [2, 3, 4]),
            ({"since": "2026-01-01T00:00:00Z"}, []),
        ):
            self.inbox.put(*(incoming(number) for number in range(1, 5)))
            told = self.value(self.post("/redeliver", value), 202)
            self.assertEqual(told["redelivered"], len(ids))
            self.assertEqual(told["ids"], [f"msg_{number}" for number in ids])

    def test_many(self) -> None:
        """The response names only the first of many redelivered stanzas."""
        self.inbox.put(*(incoming(number) for number in range(1, 1500)))
        told = self.value(
            self.post("/redeliver", {"until": "2026-01-01T00:00:00Z"}), 202
        )
        self.assertEqual((told["redelivered"], len(told["ids"])), (1499, 1000))

    def test_refused(self) -> None:
        """A request that does not say which stanzas is refused, and changes nothing."""
        self.inbox.put(incoming(1))
        for status, value, says in (
            (422, {}, "Select the dead letters"),
            (422, {"ids": None}, "Select the dead"),
            (422, [], "Select the dead"),
            (422, True, "Select the dead"),
            (422, "msg_1", "Select the dead"),
            (422, {"ids": []}, "'ids' must be a list of 1 to 1000 ids"),
            (422, {"ids": "msg_1"}, "'ids' must be a list"),
            (422, {"ids": ["msg_1", 1]}, "'ids' must be a list"),
            (422, {"id": ["msg_1"]}, "did you mean 'ids'?"),
            (422, {"since": 0}, "'since' must be a time as a string, not"),
            (422, {"since": "yesterday"}, "2026-01-01T00:00:00Z (RFC 3339), not 'yes"),
            (422, {"ids": ["x"], "since": "2026-01-01T00:00:00Z"}, "not both"),
            (
                422,
                {"since": "2026-01-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
                "'since' must be before 'until'",
            ),
        ):
            response = self.post("/redeliver", value)
            text = self.assertProblem(response, status)["detail"]
            self.assertIn(says, text)
        self.assertEqual(self.inbox.again, [])

    def test_body(self) -> None:
        """The body has to be JSON, and nothing is guessed about it."""
        for status, body, contentType in (
            (415, b'{"ids": ["msg_1"]}', None),
            (415, b'{"ids": ["msg_1"]}', "application/xmpp+xml"),
            (415, b'{"ids": ["msg_1"]}', f"{JSON}; charset=utf-16"),
            (415, b'{"ids": ["msg_1"]}', "nonsense"),
            (400, b"", JSON),
            (400, b'{"ids": ["msg_1"], "ids": []}', JSON),
            (400, b'{"ids": ["msg_1"]', JSON),
            (202, b'{"ids": ["msg_1"]}', f"{JSON}; charset=UTF-8"),
        ):
            headers = {"Content-Type": contentType, "Accept": JSON}
            response = self.ask(body, headers, path="/rest/inbox/redeliver")
            self.assertEqual(response.status, status, (body, contentType))
            if status == 415:
                self.assertEqual(response["Accept"], JSON)

    def test_key(self) -> None:
        """With a key it is done once."""
        self.inbox.put(incoming(1))
        key = {"Idempotency-Key": "k"}
        self.assertProblem(self.post("/redeliver", {}, key), 422)
        first = self.post("/redeliver", {"ids": ["msg_1"]}, key)
        second = self.post("/redeliver", {"ids": ["msg_1"]}, key)
        self.assertEqual(first.body, second.body)
        self.assertEqual(len(self.inbox.again), 1)

    def test_unavailable(self) -> None:
        """A store that cannot be written to is 503, and nothing is left of the key."""
        self.inbox.problem = StoreUnavailable("the disk is full")
        for path, value in (("/redeliver", {"ids": ["x"]}), ("/x/redeliver", None)):
            response = self.post(path, value, {"Idempotency-Key": "k"})
            self.assertProblem(response, 503)
        self.assertEqual(self.keys.kept, {})


class RouteTests(InboxTestCase):
    """
    Routes of the inbox.
    """

    def test_methods(self) -> None:
        """Each path has its method; the names of the gateway's own are no ids."""
        for path, method in (
            ("", "GET"),
            ("/msg_1", "GET"),
            ("/redeliver", "POST"),
            ("/msg_1/redeliver", "POST"),
        ):
            allowed = "GET, HEAD" if method == "GET" else method
            for other in {"GET", "POST", "PUT", "DELETE"} - {method}:
                response = self.ask(b"", {}, other, f"/rest/inbox{path}")
                self.assertEqual((response.status, response["Allow"]), (405, allowed))

    def test_nothing(self) -> None:
        """Below them there is nothing else, and it is said what there is."""
        for path in ("/msg_1/x", "/msg_1/redeliver/x", "/a/b/c/d"):
            text = self.assertProblem(self.get(path), 404)["detail"]
            self.assertIn("there is /inbox, /inbox/redeliver, /inbox/{id}, ", text)

    def test_credentials(self) -> None:
        """Without credentials nobody learns or does anything."""
        self.inbox.put(incoming(1))
        for method, path in (
            ("GET", ""),
            ("GET", "/msg_1"),
            ("POST", "/redeliver"),
            ("POST", "/msg_1/redeliver"),
        ):
            response = self.ask(
                b"", {"Authorization": None}, method, f"/rest/inbox{path}"
            )
            self.assertEqual(response.status, 401)
        self.assertEqual(self.inbox.again, [])

    def test_rights(self) -> None:
        """A token needs the right to look, and another to have delivered again."""
        self.inbox.put(incoming(1))
        looker = self.allow(Grant("looker", frozenset({"inbox"})))
        doer = self.allow(Grant("doer", frozenset({"redeliver"})))
        body = b'{"ids": ["msg_1"]}'
        for headers, method, path, status in (
            (looker, "GET", "", 200),
            (looker, "GET", "/msg_1", 200),
            (looker, "POST", "/redeliver", 403),
            (looker, "POST", "/msg_1/redeliver", 403),
            (doer, "GET", "", 403),
            (doer, "GET", "/msg_1", 403),
            (doer, "POST", "/redeliver", 202),
        ):
            response = self.ask(
                body, {**headers, "Content-Type": JSON}, method, f"/rest/inbox{path}"
            )
            self.assertEqual(response.status, status, (method, path))
        self.assertEqual(len(self.inbox.again), 1)

    def test_noStore(self) -> None:
        """Without a store there is nothing, and it is said why."""
        self.build(InboxHandler(None, self.once).routes)
        for response in (
            self.get(),
            self.get("/msg_1"),
            self.post("/msg_1/redeliver"),
            self.post("/redeliver", {"ids": ["x"]}),
        ):
            text = self.assertProblem(response, 404)["detail"]
            self.assertIn("--store memory", text)
