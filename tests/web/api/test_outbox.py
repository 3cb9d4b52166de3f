"""Tests of L{xmpprest.web.api.outbox}, and of messages that are kept."""

from __future__ import annotations

import json
from typing import Any

from twisted.web.resource import Resource
from twisted.web.server import Site

from xmpprest.core.policy.permissions import Grant
from xmpprest.core.records import (
    BOUNCED,
    CONFIRMED,
    DROPPED,
    QUEUED,
    SENT,
    OutboxRecord,
    Outcome,
    StoreUnavailable,
)
from xmpprest.core.stanza.jid_pattern import JIDPatterns
from xmpprest.web.api import outbox
from xmpprest.web.api.outbox import OutboxHandler

from ...core.stanza.test_stored import disorderly
from ...support.doubles import DOMAIN, HTTPClient, HTTPResponse, stanza
from ..case import IQ, MESSAGE, XML, SiteTestCase, request
from ..records import HeldStatuses

JSON = "application/json"
ERROR = (
    "<message type='error' id='m1' from='a@example.org'><body>hi</body>"
    "<error type='cancel' by='example.org'>"
    "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
    "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>Nobody</text></error></message>"
)


class KeptTests(SiteTestCase):
    """
    Messages that are kept.
    """

    def setUp(self) -> None:
        super().setUp()
        self.outbox.isKeeping = True

    def test_location(self) -> None:
        """A message is answered by 202, with where its status is."""
        response = self.ask()
        self.assertEqual((response.status, response.body), (202, b""))
        self.assertEqual(response["Stanza-Id"], "m1")
        self.assertEqual(response["Location"], "/rest/outbox/made-1")
        self.assertEqual(response.all("Preference-Applied"), [])
        self.assertEqual(self.outbox.outcomes, [])

    def test_longID(self) -> None:
        """
        The Location is short for every id, and leads to the status; an id that is too
        long
        for a proxy's header buffer is in the JSON body only.
        """
        statuses = HeldStatuses()
        self.build(OutboxHandler(statuses).routes)
        for id in ("a/b", "50%", "é☕", "😀" * 250, "😀" * 300, "x" * 1001):
            body = f"<message to='a@example.org' id='{id}'/>".encode()
            response = self.ask(body, {"Accept": JSON})
            key, _ = self.outbox.keysGiven[-1]
            self.assertEqual(response["Location"], f"/rest/outbox/{key}")
            self.assertEqual(json.loads(response.body), {"id": id, "state": QUEUED})
            head = sum(len(f"{name}: {value}") for name, value in response.headers)
            self.assertLess(head, 2000)
            isShort = len(id.encode()) <= 1000
            self.assertEqual(len(response.all("Stanza-Id")), isShort)
            statuses.known = {key: OutboxRecord(1, id, "a@b", "", SENT, 0, 0)}
            response = self.ask(b"", method="GET", path=response["Location"])
            self.assertEqual(json.loads(response.body)["id"], id)

    def test_json(self) -> None:
        """A client that prefers JSON gets id and state; no other gets a body."""
        body = b'{"to": "a@example.org", "id": "j", "body": "hi"}'
        for headers, hasBody in (
            ({"Content-Type": JSON}, True),
            ({"Content-Type": JSON, "Accept": XML}, False),
            ({"Content-Type": JSON, "Accept": "*/*"}, True),
        ):
            response = self.ask(body, headers)
            expected = b'{"id":"j","state":"queued"}\n' if hasBody else b""
            self.assertEqual((response.status, response.body), (202, expected))
        presence = b'{"kind": "presence", "to": "a@example.org", "id": "p"}'
        response = self.ask(presence, {"Content-Type": JSON})
        self.assertEqual(response.body, b'{"id":"p","state":"sent"}\n')

    def test_token(self) -> None:
        """A message is stored with the name of the token that posted it."""
        self.ask()
        self.ask(headers=self.allow(Grant("ci")))
        tokens = [token for _, token in self.outbox.keysGiven]
        self.assertEqual(tokens, ["", "ci"])

    def test_states(self) -> None:
        """With C{Prefer} the state that was reached is told."""
        for state in (QUEUED, SENT, CONFIRMED, DROPPED):
            client = self.client()
            client.send(request(headers={"Prefer": "wait=5", "Accept": JSON}))
            self.outbox.outcomes.pop().outcome.callback(Outcome(state))
            response = client.response()
            self.assertEqual(response.status, 202)
            self.assertEqual(json.loads(response.body), {"id": "m1", "state": state})

    def test_mounted(self) -> None:
        """The Location is right wherever the resource is mounted."""
        for mounted, path in (("xmpp", "/xmpp"), ("a b", "/a%20b")):
            root = Resource()
            root.putChild(mounted.encode(), self.resource)
            for end in ("", "/", "/message/chat/a@example.org"):
                client = HTTPClient(Site(root, reactor=self.clock))
                client.send(request(path=path + end))
                self.assertEqual(
                    client.response()["Location"],
                    f"{path}/outbox/{self.outbox.keysGiven[-1][0]}",
                )
        client = HTTPClient(Site(self.resource, reactor=self.clock))
        client.send(request(path="/"))
        key = self.outbox.keysGiven[-1][0]
        self.assertEqual(client.response()["Location"], f"/outbox/{key}")

    def test_presence(self) -> None:
        """A presence is not kept, and has no status."""
        response = self.ask(b"<presence to='a@example.org'/>", {"Prefer": "wait=5"})
        self.assertEqual(response.status, 202)
        self.assertEqual(response.all("Location"), [])
        self.assertEqual(response.all("Preference-Applied"), [])

    def test_confirmed(self) -> None:
        """With C{Prefer} the answer comes when it is known what becomes of it."""
        client = self.client()
        client.send(request(headers={"Prefer": "wait=2.5"}))
        self.assertEqual(client.responses(), [])
        (held,) = self.outbox.outcomes
        self.assertEqual((held.number, held.timeout), (1, 2.5))
        held.outcome.callback(None)
        response = client.response()
        self.assertEqual((response.status, response.body), (202, b""))
        self.assertEqual(response["Preference-Applied"], "wait=2.5")
        self.assertEqual(response["Location"], "/rest/outbox/made-1")

    def test_bounced(self) -> None:
        """An error is the answer, in the form that a reply to an iq would have."""
        for headers, contentType in (
            ({}, XML),
            ({"Accept": JSON}, JSON),
            ({"Accept": "text/html"}, XML),
        ):
            client = self.client()
            client.send(request(headers={"Prefer": "wait=5", **headers}))
            self.outbox.outcomes.pop().outcome.callback(stanza(ERROR))
            response = client.response()
            self.assertEqual(response.status, 200)
            self.assertEqual(response["Content-Type"], contentType)
            self.assertIn(b"item-not-found", response.body)

    def test_maximum(self) -> None:
        """The wait is limited to the maximum, and the response names the time."""
        client = self.client()
        client.send(request(headers={"Prefer": "wait=9000000"}))
        (held,) = self.outbox.outcomes
        self.assertEqual(held.timeout, 300)
        held.outcome.callback(None)
        self.assertEqual(client.response()["Preference-Applied"], "wait=300")

    def test_noWait(self) -> None:
        """
        Other preferences are ignored, and mod_rest's timeout header is for iqs only.
        """
        for headers in (
            {"Prefer": "wait=0"},
            {"Prefer": "wait=x"},
            {"Prefer": "respond-async"},
            {"Prosody-Rest-Timeout": "5"},
            {"Prosody-Rest-Timeout": "x"},
        ):
            response = self.ask(headers=headers)
            self.assertEqual(response.status, 202)
            self.assertEqual(response.all("Preference-Applied"), [])
        self.assertEqual(self.outbox.outcomes, [])

    def test_leaves(self) -> None:
        """A client that goes away is forgotten; its message is not."""
        client = self.client()
        client.send(request(headers={"Prefer": "wait=5"}))
        client.leave()
        self.assertEqual(self.resource.pendingRequests, 0)
        self.assertEqual(len(self.outbox.sent), 1)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_notKept(self) -> None:
        """A message that cannot be stored is not accepted."""
        self.outbox.problem = StoreUnavailable("the disk is full")
        response = self.ask(MESSAGE, {"Accept": JSON})
        text = self.assertProblem(response, 503)["detail"]
        self.assertIn("(the disk is full)", text)
        self.assertEqual(response["Retry-After"], "5")
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_iq(self) -> None:
        """An iq is as ever."""
        client = self.client()
        client.send(request(IQ, {"Prefer": "wait=5"}))
        self.assertEqual(self.requester.requests[0].timeout, 5)


class StatusTests(SiteTestCase):
    """
    C{GET /rest/outbox/{id}}
    """

    def setUp(self) -> None:
        super().setUp()
        self.statuses = HeldStatuses()
        self.build(OutboxHandler(self.statuses).routes)

    def status(self, message: OutboxRecord) -> dict[str, Any]:
        """Return the status of a message."""
        self.statuses.known = {message.id: message}
        response = self.ask(b"", method="GET", path=f"/rest/outbox/{message.id}")
        self.assertEqual(response.status, 200)
        self.assertEqual(response["Content-Type"], JSON)
        self.assertEqual(response["Cache-Control"], "no-store")
        value: dict[str, Any] = json.loads(response.body)
        return value

    def test_states(self) -> None:
        """The status has the state of the message and the time of its last change."""
        for state in (QUEUED, SENT, CONFIRMED):
            message = OutboxRecord(
                *(7, "m1", "a@example.org", "", state, 1e9, 1e9 + 0.25),
                sender=DOMAIN,
            )
            self.assertEqual(
                self.status(message),
                {
                    "id": "m1",
                    "to": "a@example.org",
                    "from": DOMAIN,
                    "state": state,
                    "accepted_at": "2001-09-09T01:46:40.000Z",
                    "changed_at": "2001-09-09T01:46:40.250Z",
                },
            )

    def test_bounced(self) -> None:
        """The status of a bounced message has the error."""
        message = OutboxRecord(7, "m1", "a@example.org", "", BOUNCED, 0, 0, ERROR)
        told = self.status(message)
        self.assertEqual(
            told["error"],
            {
                "type": "cancel",
                "condition": "item-not-found",
                "text": "Nobody",
                "by": "example.org",
            },
        )
        self.assertEqual(
            told["error_xml"], ERROR[ERROR.index("<error") : -len("</message>")]
        )

    def test_disorderly(self) -> None:
        """If that cannot be read, it is shown as it came."""
        for xml in disorderly():
            told = self.status(OutboxRecord(7, "m1", "a@x", "", BOUNCED, 0, 0, xml))
            self.assertNotIn("error", told)
            self.assertEqual(told["error_xml"], xml)

    def test_unknown(self) -> None:
        """A message that nobody knows is 404, which says why that may be."""
        for path in ("m2", "a%2Fb", "m1/", "%E2%98%95"):
            response = self.ask(b"", {"Accept": JSON}, "GET", f"/rest/outbox/{path}")
            text = self.assertProblem(response, 404)["detail"]
            self.assertIn("--store memory", text)

    def test_unavailable(self) -> None:
        """A store that cannot be read is 503."""
        self.statuses.problem = StoreUnavailable("the disk is broken")
        response = self.ask(b"", {"Accept": JSON}, "GET", "/rest/outbox/m1")
        text = self.assertProblem(response, 503)["detail"]
        self.assertIn("(the disk is broken)", text)

    def test_routes(self) -> None:
        """Other paths are 404, and other methods 405."""
        response = self.ask(b"", {"Accept": JSON}, "GET", "/rest/outbox/m1/x")
        text = self.assertProblem(response, 404)["detail"]
        self.assertIn("/outbox/{id}", text)
        for path, allowed in (
            ("/rest/outbox/m1", "GET, HEAD, DELETE"),
            ("/rest/outbox", "GET, HEAD"),
        ):
            response = self.ask(b"", path=path)
            self.assertEqual((response.status, response["Allow"]), (405, allowed))

    def test_queued(self) -> None:
        """The content of a queued message is shown with the permission outbox only."""
        sender = f"bot@{DOMAIN}"
        message = OutboxRecord(
            *(7, "m1", "a@example.org", "<message/>", QUEUED, 0, 0),
            sender=sender,
            key="k",
        )
        self.statuses.known = {"k": message}
        grant = Grant("bot", frozenset(), senders=JIDPatterns(sender))
        for headers, shown in (({}, "<message/>"), (self.allow(grant), None)):
            response = self.ask(b"", headers, "GET", "/rest/outbox/k")
            told = json.loads(response.body)
            self.assertEqual(told.get("xml"), shown)
            self.assertEqual(told["location"], "/rest/outbox/k")

    def test_sameID(self) -> None:
        """
        A stanza id leads to the newest message that the token may see: messages of
        others with the same id do not hide it.
        """
        sender = f"bot@{DOMAIN}"
        self.statuses.known = {
            f"k{number}": OutboxRecord(
                *(number, "m1", "a@example.org", "", SENT, 0, 0),
                sender=sender if number in (2, 3) else DOMAIN,
                key=f"k{number}",
            )
            for number in range(1, 10)
        }
        grant = Grant("bot", frozenset(), senders=JIDPatterns(sender))
        response = self.ask(b"", self.allow(grant), "GET", "/rest/outbox/m1")
        self.assertEqual(json.loads(response.body)["location"], "/rest/outbox/k3")

    def test_own(self) -> None:
        """
        A token sees what has become of a message that it may have sent itself; of
        others it does not even learn that there are any.
        """
        self.statuses.known = {
            id: OutboxRecord(1, id, to, "", SENT, 0, 0, sender=sender)
            for id, to, sender in (
                ("own", "a@example.org/x", f"bot@{DOMAIN}/y"),
                ("to", "a@other.example", f"bot@{DOMAIN}"),
                ("from", "a@example.org", DOMAIN),
                ("old", "a@example.org", ""),
            )
        }
        bot, whom = JIDPatterns(f"bot@{DOMAIN}"), JIDPatterns("*@example.org")
        nothing, message = frozenset[str](), frozenset({"message"})
        everything = {*self.statuses.known}
        for grant, seen in (
            (Grant("a", nothing, message, bot, whom), {"own"}),
            (Grant("b", nothing, message, bot), {"own", "to"}),
            (Grant("c", nothing, message), everything),
            (Grant("d", nothing, frozenset({"iq"})), set()),
            (Grant("e", frozenset({"outbox"}), nothing), everything),
        ):
            headers = {**self.allow(grant), "Accept": JSON}
            for id in ("own", "to", "from", "old", "none"):
                response = self.ask(b"", headers, "GET", f"/rest/outbox/{id}")
                if id in seen:
                    self.assertEqual(json.loads(response.body)["id"], id)
                else:
                    text = self.assertProblem(response, 404)["detail"]
                    self.assertEqual("may not see it" in text, grant.name != "e", text)

    def test_credentials(self) -> None:
        """Without credentials nobody learns anything."""
        response = self.ask(b"", {"Authorization": None}, "GET", "/rest/outbox/m1")
        self.assertXMLProblem(response, 401)


class ListTests(SiteTestCase):
    """
    C{GET /rest/outbox}
    """

    def setUp(self) -> None:
        super().setUp()
        self.statuses = HeldStatuses()
        self.build(OutboxHandler(self.statuses).routes)
        for number in range(1, 8):
            self.statuses.known[f"k{number}"] = OutboxRecord(
                number,
                "same" if number % 2 else "other",
                "a@example.org",
                "<message/>",
                SENT if number == 3 else QUEUED,
                0,
                0,
                sender=f"bot@{DOMAIN}" if number > 4 else DOMAIN,
                key=f"k{number}",
            )

    def list(
        self, query: str = "", headers: dict[str, str | None] | None = None
    ) -> tuple[list[str], str | None]:
        """The keys in a list, and the path of the next page."""
        path = f"/rest/outbox{query}"
        response = self.ask(b"", headers, "GET", path)
        self.assertEqual(response.status, 200, response.body)
        told = json.loads(response.body)
        keys = [each["location"].rpartition("/")[2] for each in told["messages"]]
        return keys, told["next"]

    def test_queued(self) -> None:
        """Queued messages are listed in the order in which they will be sent."""
        self.assertEqual(self.list(), (["k1", "k2", "k4", "k5", "k6", "k7"], None))

    def test_pages(self) -> None:
        """A list comes by the page; each page names the next."""
        keys, more = self.list("?limit=4")
        self.assertEqual(keys, ["k1", "k2", "k4", "k5"])
        assert more is not None
        keys, more = self.list(more.removeprefix("/rest/outbox"))
        self.assertEqual((keys, more), (["k6", "k7"], None))

    def test_byID(self) -> None:
        """All messages with a stanza id are listed, in any state, the newest first."""
        self.assertEqual(self.list("?id=same"), (["k7", "k5", "k3", "k1"], None))
        keys, more = self.list("?id=same&limit=3")
        self.assertEqual(keys, ["k7", "k5", "k3"])
        assert more is not None
        self.assertEqual(self.list(more.removeprefix("/rest/outbox")), (["k1"], None))
        self.assertEqual(self.list("?id=none"), ([], None))

    def test_visible(self) -> None:
        """A token sees only messages that it could have sent."""
        grant = Grant("bot", frozenset(), senders=JIDPatterns(f"bot@{DOMAIN}"))
        headers = self.allow(grant)
        self.assertEqual(self.list("", headers), (["k5", "k6", "k7"], None))
        self.assertEqual(self.list("?limit=2", headers)[0], ["k5", "k6"])
        self.assertEqual(self.list("?id=same", headers), (["k7", "k5"], None))

    def test_manyHidden(self) -> None:
        """Among very many messages a list ends early, and says where to go on."""
        self.patch(outbox, "MAX_PAGES", 2)
        grant = Grant("bot", frozenset(), senders=JIDPatterns(f"bot@{DOMAIN}"))
        keys, more = self.list("", self.allow(grant))
        self.assertEqual(keys, ["k5"])
        self.assertEqual(more, "/rest/outbox?limit=100&position=5")

    def test_refused(self) -> None:
        """A query that is none is 400, and names the fault."""
        for query, word in (
            ("?limit=0", "limit"),
            ("?limit=1001", "limit"),
            ("?state=queued", "state"),
            ("?position=x", "position"),
        ):
            response = self.ask(b"", {"Accept": JSON}, "GET", f"/rest/outbox{query}")
            self.assertIn(word, self.assertProblem(response, 400)["detail"])


class DropTests(SiteTestCase):
    """
    C{DELETE /rest/outbox/{key}}
    """

    def setUp(self) -> None:
        super().setUp()
        self.statuses = HeldStatuses()
        self.build(OutboxHandler(self.statuses).routes)
        for state in (QUEUED, SENT, CONFIRMED, BOUNCED, DROPPED):
            self.statuses.known[state] = OutboxRecord(
                1, "m1", "a@example.org", "", state, 0, 0, key=state
            )

    def drop(
        self, key: str, headers: dict[str, str | None] | None = None
    ) -> HTTPResponse:
        """Drop a message."""
        return self.ask(
            b"", {"Accept": JSON, **(headers or {})}, "DELETE", f"/rest/outbox/{key}"
        )

    def test_queued(self) -> None:
        """A queued message is dropped; to drop it again does no harm."""
        self.assertEqual((self.drop(QUEUED).status, self.drop(QUEUED).body), (204, b""))
        self.assertEqual(self.statuses.dropped, [QUEUED, QUEUED])
        self.assertEqual(self.drop(DROPPED).status, 204)

    def test_written(self) -> None:
        """A message that was written is not dropped: 409."""
        for state in (SENT, CONFIRMED, BOUNCED):
            text = self.assertProblem(self.drop(state), 409)["detail"]
            self.assertIn("only a queued message can be dropped", text)

    def test_unknown(self) -> None:
        """An unknown key is 404, also one that is the id of a message."""
        for key in ("none", "m1"):
            self.assertProblem(self.drop(key), 404)
        self.assertEqual(self.statuses.dropped, [])

    def test_permission(self) -> None:
        """
        Only a token with the permission drop may, and only if it may see the message.
        """
        every = frozenset({"outbox", "inbox", "redeliver", "metrics", "events"})
        text = self.assertProblem(self.drop(QUEUED, self.allow(Grant("a", every))), 403)
        self.assertIn("drop queued messages", text["detail"])
        other = JIDPatterns(f"bot@{DOMAIN}")
        blind = self.allow(Grant("b", frozenset({"drop"}), senders=other))
        self.assertProblem(self.drop(QUEUED, blind), 404)
        self.assertEqual(self.statuses.dropped, [])
        both = self.allow(Grant("c", frozenset({"drop", "outbox"}), senders=other))
        self.assertEqual(self.drop(QUEUED, both).status, 204)

    def test_unavailable(self) -> None:
        """A drop that cannot be stored is 503."""
        self.statuses.problem = StoreUnavailable("the disk is full")
        self.assertProblem(self.drop(QUEUED), 503)
