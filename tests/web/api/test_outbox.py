"""Tests of L{xmpprest.web.api.outbox}, and of messages that are kept."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from twisted.web.resource import Resource
from twisted.web.server import Site

from xmpprest.core.policy.permissions import Grant
from xmpprest.core.records import (
    BOUNCED,
    CONFIRMED,
    QUEUED,
    SENT,
    OutboxRecord,
    StoreUnavailable,
)
from xmpprest.core.stanza.jid_pattern import JIDPatterns
from xmpprest.web.api.outbox import OutboxHandler

from ...core.stanza.test_stored import disorderly
from ...support.doubles import DOMAIN, HTTPClient, stanza
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
        self.assertEqual(response["Location"], "/rest/outbox/m1")
        self.assertEqual(response.all("Preference-Applied"), [])
        self.assertEqual(self.outbox.outcomes, [])

    def test_escaped(self) -> None:
        """Whatever the id is, the path leads there."""
        statuses = HeldStatuses()
        self.build(OutboxHandler(statuses).routes)
        for id in ("a/b", "a b", "50%", "?#", "é☕", "a;b", "{id}", "x/"):
            body = f"<message to='a@example.org' id='{id}'/>".encode()
            location = self.ask(body)["Location"]
            self.assertEqual(location, f"/rest/outbox/{quote(id, safe='')}")
            statuses.known = {id: OutboxRecord(1, id, "a@b", "", SENT, 0, 0)}
            response = self.ask(b"", method="GET", path=location)
            self.assertEqual(json.loads(response.body)["id"], id)

    def test_mounted(self) -> None:
        """It does so wherever the resource is mounted."""
        for mounted, path in (("xmpp", "/xmpp"), ("a b", "/a%20b")):
            root = Resource()
            root.putChild(mounted.encode(), self.resource)
            for end in ("", "/", "/message/chat/a@example.org"):
                client = HTTPClient(Site(root, reactor=self.clock))
                client.send(request(path=path + end))
                self.assertEqual(client.response()["Location"], f"{path}/outbox/m1")
        client = HTTPClient(Site(self.resource, reactor=self.clock))
        client.send(request(path="/"))
        self.assertEqual(client.response()["Location"], "/outbox/m1")

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
        self.assertEqual(response["Location"], "/rest/outbox/m1")

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
        """Nobody waits longer than the maximum, and it is said for how long."""
        client = self.client()
        client.send(request(headers={"Prefer": "wait=9000000"}))
        (held,) = self.outbox.outcomes
        self.assertEqual(held.timeout, 300)
        held.outcome.callback(None)
        self.assertEqual(client.response()["Preference-Applied"], "wait=300")

    def test_noWait(self) -> None:
        """What is no such wish is ignored, and mod_rest's header is for iqs."""
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

    def test_unknown(self) -> None:
        """If nobody can tell what became of it, it was accepted all the same."""
        client = self.client()
        client.send(request(headers={"Prefer": "wait=5"}))
        self.outbox.outcomes[0].outcome.errback(StoreUnavailable("the disk is full"))
        self.assertEqual(client.response().status, 202)

    def test_notKept(self) -> None:
        """What cannot be kept is not accepted."""
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
        """What is told of a message."""
        self.statuses.known = {message.id: message}
        response = self.ask(b"", method="GET", path=f"/rest/outbox/{message.id}")
        self.assertEqual(response.status, 200)
        self.assertEqual(response["Content-Type"], JSON)
        self.assertEqual(response["Cache-Control"], "no-store")
        value: dict[str, Any] = json.loads(response.body)
        return value

    def test_states(self) -> None:
        """It says which state a message is in, and since when."""
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
        """Of one that bounced it says why."""
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
        """There is nothing else, and no other method."""
        for path in ("/rest/outbox", "/rest/outbox/", "/rest/outbox/m1/x"):
            response = self.ask(b"", {"Accept": JSON}, "GET", path)
            text = self.assertProblem(response, 404)["detail"]
            self.assertIn("there is /outbox/{id}.", text)
        response = self.ask(b"", path="/rest/outbox/m1")
        self.assertEqual((response.status, response["Allow"]), (405, "GET, HEAD"))

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
