"""Tests of L{xmpprest.web.api.batch.handler}: many stanzas in one request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.web.server import Site

from xmpprest.core.errors import serviceUnavailable
from xmpprest.core.media.framing import NDJSON
from xmpprest.core.policy.permissions import Grant
from xmpprest.core.policy.rate_limit import RateLimiter
from xmpprest.core.records import StoreUnavailable
from xmpprest.web.api.batch.handler import BatchHandler
from xmpprest.web.api.batch.processor import GROUP, LIMIT
from xmpprest.web.api.batch.sender import WAITING
from xmpprest.web.server.body import HIGH_WATER
from xmpprest.web.server.channel import ARRIVAL_TIMEOUT

from ...support.doubles import HTTPClient, HTTPResponse, stanza
from ..case import SIZE_LIMIT, TOKEN, XML, SiteTestCase, request
from ..server.test_body import chunk

PATH = "/rest/batch"
KEY = {"Idempotency-Key": "k"}
FULL = serviceUnavailable("resource-constraint", "The disk is full.", retryAfter=5)


def message(number: int, **more: object) -> dict[str, object]:
    """A message in JSON."""
    return {"to": "a@example.org", "id": f"m{number}", "body": "hi", **more}


def iq(number: int) -> dict[str, object]:
    """A query in JSON."""
    return {"kind": "iq", "to": "a@example.org", "id": f"i{number}", "ping": True}


def lined(*values: object) -> bytes:
    """Lines of JSON; what is bytes stands there as it is."""
    lines = [v if isinstance(v, bytes) else json.dumps(v).encode() for v in values]
    return b"".join(line + b"\n" for line in lines)


def head(**headers: str | None) -> bytes:
    """The head of a batch that will come in chunks."""
    fields = {
        "Content-Length": None,
        "Transfer-Encoding": "chunked",
        "Content-Type": NDJSON,
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return request(b"", fields, path=PATH)


class BatchTestCase(SiteTestCase):
    """
    A test that has a site to which batches can be posted.
    """

    def setUp(self) -> None:
        super().setUp()
        self.outbox.isKeeping = True
        batches = BatchHandler(
            self.sending,
            self.outbox,
            self.once,
            self.clock,
            self.settings,
            authenticator=self.authenticator,
        )
        self.build(batches.routes)

    def batch(
        self, *values: object, headers: Mapping[str, str | None] | None = None
    ) -> list[dict[str, Any]]:
        """Post lines of JSON, and take those that come back in order of index."""
        return self.said(self.posted(lined(*values), headers))

    def posted(
        self,
        body: bytes,
        headers: Mapping[str, str | None] | None = None,
        path: str = PATH,
    ) -> HTTPResponse:
        """The answer to a batch that comes at once."""
        client = self.client()
        fields = {"Content-Type": NDJSON, **(headers or {})}
        client.send(request(body, fields, path=path))
        self.settle()
        return client.response()

    def said(self, response: HTTPResponse) -> list[dict[str, Any]]:
        """The lines of an answer, in order of index."""
        self.assertEqual((response.status, response["Content-Type"]), (200, NDJSON))
        lines = [json.loads(line) for line in response.body.splitlines()]
        return sorted(lines, key=lambda line: line["index"])

    def coming(self, client: HTTPClient) -> list[dict[str, Any]]:
        """The lines that have come of an answer that goes on."""
        data = client.transport.taken()
        return [
            json.loads(line)
            for line in data.split(b"\r\n")
            for line in line.splitlines()
            if line.startswith(b"{")
        ]

    @property
    def sent(self) -> list[str]:
        """The ids of what was sent."""
        return [each["id"] for each in self.outbox.sent]


class AcceptedTests(BatchTestCase):
    """
    Batches that are accepted.
    """

    def test_paths(self) -> None:
        """The path may be written in any way: each takes a batch of any length."""
        values = [message(number, body="x" * 4000) for number in range(94)]
        body = lined(iq(0), *values)
        self.assertGreater(len(body), 376_000)
        for path in (
            "/rest/batch",
            "/rest/batch/",
            "/rest/batch?x=1",
            "/rest/%62atch",
            "http://localhost/rest/batch",
        ):
            self.requester.requests.clear()
            client = self.client()
            client.send(request(body, {"Content-Type": NDJSON}, path=path))
            self.settle()
            (asked,) = self.requester.requests
            asked.reply.callback(stanza("<iq type='result' id='i0'/>"))
            self.settle()
            lines = self.said(client.response())
            statuses = [line["status"] for line in lines]
            self.assertEqual(statuses, [200, *[202] * 94], path)
            self.assertEqual(lines[0]["reply"]["id"], "i0")

    def test_accept(self) -> None:
        """Each line is JSON, whatever the client prefers for single stanzas."""
        client = self.client()
        fields = {"Content-Type": NDJSON, "Accept": XML}
        client.send(request(lined(iq(0), iq(1)), fields, path=PATH))
        first, second = self.requester.requests
        first.reply.callback(stanza("<iq type='result' id='i0'/>"))
        second.reply.errback(serviceUnavailable("x", "No stream.", retryAfter=5))
        replied, refused = self.said(client.response())
        self.assertEqual(replied["reply"]["type"], "result")
        self.assertEqual((refused["status"], refused["detail"]), (503, "No stream."))

    def test_messages(self) -> None:
        """Each message has a line that says where its status is."""
        lines = self.batch(message(1), message(2, id="a/ä"))
        self.assertEqual(
            lines,
            [
                {
                    "index": index,
                    "status": 202,
                    "id": id,
                    "location": f"/rest/outbox/{path}",
                }
                for index, id, path in ((0, "m1", "made-1"), (1, "a/ä", "made-2"))
            ],
        )
        self.assertEqual(self.sent, ["m1", "a/ä"])

    def test_xml(self) -> None:
        """
        The stanzas of a batch in XML are accepted, and the response has their ids.
        """
        body = (
            b"<xmpp><message to='a@example.org'/>\n<presence to='b@c' id='p'/></xmpp>"
        )
        lines = self.said(self.posted(body, {"Content-Type": XML, "Accept": XML}))
        self.assertEqual([line["status"] for line in lines], [202, 202])
        self.assertEqual([line["id"] for line in lines], ["made-1", "p"])
        self.assertEqual(
            [each.name for each in self.outbox.sent], ["message", "presence"]
        )
        self.assertNotIn("location", lines[1])

    def test_empty(self) -> None:
        """A batch may be empty."""
        self.assertEqual(self.batch(), [])
        self.assertEqual(self.batch(b"", b" "), [])
        body = self.posted(b"<xmpp/>", {"Content-Type": XML})
        self.assertEqual(self.said(body), [])

    def test_iqs(self) -> None:
        """An iq has its line when its reply has come, whatever the others do."""
        client = self.client()
        client.send(head() + chunk(lined(iq(0), message(1), iq(2))))
        self.assertEqual([line["index"] for line in self.coming(client)], [1])
        first, second = self.requester.requests
        second.reply.callback(stanza("<iq type='result' id='i2' from='b@c'/>"))
        (line,) = self.coming(client)
        reply = {"kind": "iq", "type": "result", "id": "i2", "from": "b@c"}
        self.assertEqual(line, {"index": 2, "status": 200, "reply": reply})
        first.reply.errback(FULL)
        (line,) = self.coming(client)
        self.assertEqual(
            (line["index"], line["code"], line["retry_after"]), (0, 503, 5)
        )
        client.send(chunk(lined(message(3))) + chunk(b""))
        self.assertEqual([line["index"] for line in self.coming(client)], [3])
        self.assertTrue(client.transport.disconnecting)

    def test_iqTimeout(self) -> None:
        """The time that iqs wait is that of the request, which has to be one."""
        response = self.posted(lined(iq(0)), {"Prosody-Rest-Timeout": "soon"})
        self.assertProblem(response, 400)
        client = self.client()
        client.send(head(Prosody_Rest_Timeout="7") + chunk(lined(iq(0))))
        self.assertEqual(self.requester.requests[0].timeout, 7)
        client.leave()
        self.assertTrue(self.requester.requests[0].cancelled)

    def test_preferWait(self) -> None:
        """
        With C{Prefer: wait}, the line of a message comes once its outcome is known.
        """
        client = self.client()
        client.send(head(Prefer="wait=9") + chunk(lined(message(0), message(1))))
        self.assertEqual(self.coming(client), [])
        first, second = self.outbox.outcomes
        second.outcome.callback(stanza("<message type='error' id='m1'/>"))
        first.outcome.callback(None)
        bounced, confirmed = self.coming(client)
        self.assertEqual((bounced["index"], bounced["status"]), (1, 200))
        self.assertEqual(bounced["reply"]["type"], "error")
        self.assertEqual((confirmed["index"], confirmed["status"]), (0, 202))
        client.leave()

    def test_notKept(self) -> None:
        """Without a store there is no status to be asked for."""
        self.outbox.isKeeping = False
        lines = self.batch(message(0), message(1))
        self.assertEqual(lines[1], {"index": 1, "status": 202, "id": "m1"})
        self.assertEqual(self.sent, ["m0", "m1"])

    def test_groups(self) -> None:
        """After so many messages, other clients have their turn."""
        client = self.client()
        values = lined(*map(message, range(2 * GROUP + 1)))
        client.send(request(values, {"Content-Type": NDJSON}, path=PATH))
        self.assertEqual(len(self.sent), GROUP)
        self.clock.advance(0)
        self.assertEqual(len(self.said(client.response())), 2 * GROUP + 1)

    def test_otherSite(self) -> None:
        """A site other than the gateway's own hands over the batch as a whole."""
        client = HTTPClient(Site(self.resource, reactor=self.clock))
        body = lined(*map(message, range(1000)))
        fields = (
            f"Host: a\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: {NDJSON}\r\n"
        )
        client.send(f"POST /batch HTTP/1.1\r\n{fields}".encode())
        client.send(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.clock.pump([0] * 20)
        lines = self.said(client.response())
        self.assertEqual([line["index"] for line in lines], [*range(1000)])
        self.assertEqual(lines[7]["location"], "/outbox/made-8")


class RefusedTests(BatchTestCase):
    """
    Batches, or stanzas in them, that are refused.
    """

    def test_bad(self) -> None:
        """One that is bad leaves the others alone."""
        lines = self.batch(
            message(0),
            b"{",
            message(2, to=None),
            b'{"to": "a@b", "body": "%s"}' % (b"x" * SIZE_LIMIT),
            message(4, bdoy="x"),
            b"\xff",
            message(6, **{"from": "a@elsewhere"}),
            message(7),
        )
        self.assertEqual(
            [line["status"] for line in lines],
            [202, 400, 422, 413, 422, 400, 403, 202],
        )
        self.assertEqual(self.sent, ["m0", "m7"])
        self.assertEqual(lines[2]["error"]["condition"], "improper-addressing")
        self.assertIn("'body'", lines[4]["detail"])

    def test_badXML(self) -> None:
        """A bad stanza in XML is refused alone; the stanzas after it are sent."""
        body = (
            b"<xmpp><message to='a@b' id='0'/><message to='a@b' to='c@d'/>"
            b"<message to='a@b'><!-- x --></message><x/><message to='a@b'>&x;</message>"
            b"<message to='a@b'><body>%s</body></message><message to='a@b' id='6'/>"
            b"</xmpp>"
        ) % (b"x" * SIZE_LIMIT)
        lines = self.said(self.posted(body, {"Content-Type": XML}))
        self.assertEqual(
            [line["status"] for line in lines], [202, 400, 400, 422, 400, 413, 202]
        )
        self.assertEqual(self.sent, ["0", "6"])

    def test_unreadable(self) -> None:
        """
        A line that cannot be read ends the batch; the stanzas before it stay accepted.
        """
        body = b"<xmpp><message to='a@b' id='0'/>hello<message to='a@b'/></xmpp>"
        response = self.posted(body, {"Content-Type": XML})
        lines = self.said(response)
        self.assertEqual([line["status"] for line in lines], [202, 400])
        self.assertEqual((lines[1]["index"], lines[1]["unread"]), (1, True))
        self.assertIn("text", lines[1]["detail"])
        self.assertEqual(self.sent, ["0"])

    def test_nothing(self) -> None:
        """A batch that cannot be read from its beginning is refused as a whole."""
        for body, headers, status in (
            (b"hello", {"Content-Type": XML}, 400),
            (b"{}", {"Content-Type": "application/json"}, 415),
            (b"{}", {"Content-Type": None}, 415),
            (b"{}", {"Idempotency-Key": ""}, 400),
            (b"{}", {"Authorization": None}, 401),
        ):
            response = self.posted(body, {"Accept": "application/json", **headers})
            self.assertProblem(response, status)
            self.assertEqual(self.outbox.sent, [])

    def test_methods(self) -> None:
        """C{/rest/batch} is a route of the gateway, and only POST is allowed."""
        self.assertEqual(self.ask(path=PATH, method="GET")["Allow"], "POST")
        problem = self.assertProblem(
            self.ask(path="/rest/batch/x", headers={"Accept": "application/json"}), 404
        )
        self.assertIn("/batch", problem["detail"])

    def test_store(self) -> None:
        """A store that fails is told by each line, and once it works, all is well."""
        client = self.client()
        client.send(head() + chunk(lined(message(0))))
        self.assertEqual(self.coming(client)[0]["status"], 202)
        self.outbox.problem = FULL
        client.send(chunk(lined(message(1), message(2))))
        lines = self.coming(client)
        self.assertEqual([line["status"] for line in lines], [503, 503])
        self.assertEqual([line["retry_after"] for line in lines], [5, 5])
        self.outbox.problem = None
        client.send(chunk(lined(message(3))) + chunk(b""))
        self.assertEqual(self.coming(client)[0]["status"], 202)
        self.assertEqual(self.sent, ["m0", "m3"])

    def test_storeOfKeys(self) -> None:
        """A query whose key cannot be stored is refused with 503, and not sent."""
        self.keys.problem = StoreUnavailable("the disk is full")
        (line,) = self.batch(iq(0), headers={"Idempotency-Key": "k"})
        self.assertEqual((line["status"], line["retry_after"]), (503, 5))
        self.assertEqual(self.requester.requests, [])

    def test_broken(self) -> None:
        """A fault in the gateway ends the response in the midst of it."""
        self.outbox.problem = RuntimeError("broken")
        client = self.client()
        client.send(head() + chunk(lined({"kind": "presence", "to": "a@b"})))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertProblem(client.response(), 500)

    def test_brokenUnseen(self) -> None:
        """
        A fault ends the response also while the client does not read the lines before
        it.
        """
        client = self.client()
        client.send(head() + chunk(lined(message(0))))
        client.transport.fill()
        client.send(chunk(lined(*map(message, range(1, GROUP + 2)))) + chunk(b""))
        self.outbox.problem = RuntimeError("broken")
        self.clock.advance(0)
        client.transport.drain()
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertTrue(client.transport.disconnected)

    def test_grant(self) -> None:
        """A token may send by a batch what it may send."""
        headers = self.allow(Grant("some", kinds=frozenset({"message"})))
        lines = self.batch(iq(0), message(1), headers=headers)
        self.assertEqual([line["status"] for line in lines], [403, 202])

    def test_revoked(self) -> None:
        """A token that is revoked or narrowed in an open batch sends no more."""
        headers = self.allow(Grant("some"))
        client = self.client()
        client.send(head(**headers) + chunk(lined(message(0))))
        self.assertEqual([each["status"] for each in self.coming(client)], [202])
        before = self.authenticator.grants
        self.authenticator.grants = before[:1]
        self.allow(Grant("some", kinds=frozenset({"iq"})))
        client.send(chunk(lined(message(1))))
        self.assertEqual([each["status"] for each in self.coming(client)], [403])
        self.authenticator.grants = before[:1]
        client.send(chunk(lined(message(2), iq(3))))
        self.assertEqual([each["status"] for each in self.coming(client)], [401, 401])
        self.authenticator.grants = before
        client.send(chunk(lined(message(4))))
        self.assertEqual([each["status"] for each in self.coming(client)], [202])
        self.assertEqual(self.sent, ["m0", "m4"])
        client.leave()

    def test_rate(self) -> None:
        """Stanzas above the rate of a token wait."""
        bucket = RateLimiter(2, 3, self.clock.seconds)
        client = self.client()
        client.send(
            head(**self.allow(Grant("some", rateLimiter=bucket)))
            + chunk(lined(*map(message, range(5))))
        )
        self.assertEqual(len(self.coming(client)), 3)
        self.clock.advance(0.5)
        self.assertEqual(len(self.sent), 4)
        self.clock.advance(0.5)
        self.assertEqual(len(self.coming(client)), 2)
        client.leave()


class PressureTests(BatchTestCase):
    """A client that is faster than what is behind the gateway."""

    def test_store(self) -> None:
        """No more is read than can be under way while the store works."""
        committing = self.outbox.committing = Deferred()
        client = self.client()
        client.send(head())
        number = 0
        while client.transport.producerState == "producing":
            values = map(message, range(number, number + 100))
            client.send(chunk(lined(*values)))
            number += 100
            self.clock.pump([0] * 3)
            self.assertLess(number, LIMIT + HIGH_WATER // 10)
        self.assertEqual((len(self.outbox.keysGiven), self.coming(client)), (LIMIT, []))
        self.outbox.committing = None
        committing.callback(None)
        self.clock.pump([0] * 20)
        self.assertEqual(client.transport.producerState, "producing")
        client.send(chunk(b""))
        self.assertEqual(len(self.coming(client)), number)
        self.assertEqual(len(set(self.sent)), number)

    def test_stream(self) -> None:
        """Nor while what was accepted is not on its way yet."""
        full = self.outbox.full = Deferred()
        client = self.client()
        client.send(head() + chunk(lined(message(0))))
        client.send(chunk(lined(message(1))))
        self.assertEqual(self.sent, ["m0"])
        self.outbox.full = None
        full.callback(None)
        self.assertEqual(self.sent, ["m0", "m1"])
        client.leave()

    def test_iqs(self) -> None:
        """Nor while so many iqs wait."""
        client = self.client()
        client.send(head() + chunk(lined(*map(iq, range(WAITING + 1)))))
        self.assertEqual(len(self.requester.requests), WAITING)
        for each in self.requester.requests[:2]:
            each.reply.callback(stanza("<iq type='result'/>"))
        self.assertEqual(len(self.requester.requests), WAITING + 1)
        client.leave()
        self.assertTrue(self.requester.requests[-1].cancelled)

    def test_size(self) -> None:
        """Nor while there are so many bytes of them."""
        self.outbox.committing = Deferred()
        client = self.client()
        body = chunk(lined(*[message(0, body="x" * 4900)] * 10))
        client.send(head())
        for _ in range(60):
            client.send(body)
            self.clock.pump([0] * 3)
        self.assertLess(len(self.outbox.keysGiven), 450)
        self.assertGreater(len(self.outbox.keysGiven), 400)
        self.assertEqual(client.transport.producerState, "paused")
        client.leave()

    def test_answer(self) -> None:
        """Nor while the client does not take its answer."""
        client = self.client()
        client.send(head() + chunk(lined(message(0))))
        client.transport.fill()
        for number in range(0, 3 * LIMIT, 100):
            client.send(chunk(lined(*map(message, range(number, number + 100)))))
            self.clock.pump([0] * 3)
        self.assertLessEqual(len(self.sent), LIMIT + 1)
        client.leave()
        self.assertEqual(self.timers(), [])

    def test_slow(self) -> None:
        """A client that does not complete a stanza in time is told so, and no more."""
        client = self.client()
        client.send(head() + chunk(lined(message(0))))
        for _ in range(4):
            self.clock.advance(ARRIVAL_TIMEOUT - 1)
            client.send(chunk(b"\n"))
        client.send(chunk(b'{"to"'))
        self.clock.advance(ARRIVAL_TIMEOUT)
        first, last = self.coming(client)
        self.assertEqual((first["status"], last["status"]), (202, 408))
        self.assertEqual((last["index"], last["unread"]), (1, True))

    def test_leaves(self) -> None:
        """A client that goes midway leaves nothing behind but what was accepted."""
        client = self.client()
        client.send(head() + chunk(lined(message(0), iq(1))) + chunk(b'{"to"'))
        client.leave()
        self.assertEqual(self.sent, ["m0"])
        self.assertTrue(self.requester.requests[0].cancelled)
        self.assertEqual((self.timers(), self.resource.pendingRequests), ([], 0))


class OnceTests(BatchTestCase):
    """Batches with an idempotency key."""

    def test_again(self) -> None:
        """A batch that comes again has the first answers, and is not sent again."""
        values = [
            {"to": "a@b", "body": "x"},
            message(1),
            {"kind": "presence", "to": "a@b"},
        ]
        first = self.batch(*values, headers=KEY)
        again = self.batch(*values, headers=KEY)
        self.assertEqual(first, again)
        self.assertEqual([line["status"] for line in again], [202] * 3)
        self.assertEqual(len(self.sent), 3)

    def test_midway(self) -> None:
        """After a client went away midway, only what had not come is sent."""
        client = self.client()
        client.send(head(**KEY) + chunk(lined(message(0), message(1))))
        client.leave()
        self.assertEqual(self.resource.pendingRequests, 0)
        lines = self.batch(*map(message, range(4)), headers=KEY)
        self.assertEqual([line["id"] for line in lines], ["m0", "m1", "m2", "m3"])
        self.assertEqual(self.sent, ["m0", "m1", "m2", "m3"])

    def test_other(self) -> None:
        """
        With a key that was used before, another stanza in the same place is refused
        with
        422.
        """
        self.batch(message(0), message(1), headers=KEY)
        lines = self.batch(message(0), message(9), message(1), headers=KEY)
        self.assertEqual([line["status"] for line in lines], [202, 422, 202])
        self.assertEqual(self.sent, ["m0", "m1", "m1"])

    def test_refusedBefore(self) -> None:
        """A stanza that was refused is tried again with the same key."""
        self.outbox.problem = FULL
        self.batch(message(0), headers=KEY)
        self.outbox.problem = None
        (line,) = self.batch(message(0), headers=KEY)
        self.assertEqual(line["status"], 202)

    def test_iq(self) -> None:
        """The reply to an iq is kept, too, and brought though its client is gone."""
        client = self.client()
        data = request(lined(iq(0)), {"Content-Type": NDJSON, **KEY}, path=PATH)
        client.send(data)
        client.leave()
        reply = stanza("<iq type='result' id='i0' from='b@c'/>")
        self.requester.requests[0].reply.callback(reply)
        (line,) = self.batch(iq(0), headers=KEY)
        self.assertEqual((line["status"], line["reply"]["id"]), (200, "i0"))
        self.assertEqual(len(self.requester.requests), 1)

    def test_running(self) -> None:
        """While a batch is under way, another with its key is refused."""
        client = self.client()
        client.send(head(**KEY) + chunk(lined(iq(0))))
        self.assertProblem(self.posted(lined(iq(0)), KEY), 409)
        self.requester.requests[0].reply.callback(stanza("<iq type='result'/>"))
        self.assertEqual(self.coming(client)[0]["status"], 200)
        client.leave()
