"""Tests for L{xmpprest.web.api.events}."""

from __future__ import annotations

import json
import re
from typing import Any

from twisted.web.server import Request

from xmpprest.core.policy.authentication import grantAll
from xmpprest.core.policy.permissions import Grant
from xmpprest.live.hub import GRACE, MAX_SUBSCRIBERS, EventHub
from xmpprest.web.api.events import (
    BATCH,
    KEEPALIVE_INTERVAL,
    POLL_INTERVAL,
    EventsHandler,
)
from xmpprest.web.health.metrics import requirePermission
from xmpprest.web.server.channel import CLOSE_TIMEOUT

from ...support.doubles import HTTPClient, HTTPResponse
from ..case import TOKEN, SiteTestCase, request

MESSAGE = "<message from='gateway.example' to='a@example.org' id='{}'/>"


class EventsTestCase(SiteTestCase):
    """
    A test that decides what happens, and sees what is told.
    """

    def setUp(self) -> None:
        super().setUp()
        self.live = EventHub(self.clock, self.clock.seconds)
        self.pages = EventsHandler(self.live, self.clock, self.guard)
        self.pages.startService()
        self.build(self.pages.routes)

    def guard(self, request: Request) -> None:
        """Let those watch who may, as things are now."""
        requirePermission(self.authenticator, "events")(request)

    def watch(
        self, path: str = "/rest/events", **headers: str
    ) -> tuple[HTTPClient, str]:
        """Begin to watch; returns the head of the answer, too."""
        client = self.client()
        self.addCleanup(self.pages.stopService)
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        client.send(request(b"", fields, "GET", path))
        head, _, self.rest = client.transport.taken().decode().partition("\r\n\r\n")
        return client, head

    def get(
        self, query: str, headers: dict[str, str | None] | None = None
    ) -> HTTPResponse:
        """The answer to somebody who is told nothing."""
        headers = {"Content-Type": None, **(headers or {})}
        return self.ask(b"", headers, "GET", f"/rest/events{query}")

    def told(self, client: HTTPClient) -> str:
        """The text that was written since the last time."""
        return self.unpacked(client.transport.taken().decode())

    def unpacked(self, chunks: str) -> str:
        """The text in chunks (RFC 9112 §7.1)."""
        text = ""
        while chunks:
            size, _, rest = chunks.partition("\r\n")
            text += rest[: int(size, 16)]
            chunks = rest[int(size, 16) + 2 :]
        return text

    def events(self, text: str) -> list[tuple[str, str, Any]]:
        """The id, the name and the data of each event in a text."""
        found = re.findall(r"id: (.+)\nevent: (.+)\ndata: (.+)\n\n", text)
        return [(id, name, json.loads(data)) for id, name, data in found]

    def names(self, client: HTTPClient) -> list[str]:
        """The names of the events since the last time, and the ids of stanzas."""
        events = self.events(self.told(client))
        return [data.get("json", {}).get("id", name) for _, name, data in events]


class TellingTests(EventsTestCase):
    """
    Events that a client gets.
    """

    def test_beginning(self) -> None:
        """
        The answer begins at once, with what is known; it is no page to be kept.
        """
        _, head = self.watch()
        self.assertTrue(head.startswith("HTTP/1.1 200 OK"), head)
        for field in (
            "Content-Type: text/event-stream",
            "Cache-Control: no-store",
            "X-Accel-Buffering: no",
            "Transfer-Encoding: chunked",
        ):
            self.assertIn(field, head.split("\r\n"))
        text = self.unpacked(self.rest)
        self.assertTrue(text.startswith("retry: 2000\n\n"), text)
        self.assertEqual([name for _, name, _ in self.events(text)], ["state"])

    def test_head(self) -> None:
        """
        C{HEAD} has the same header fields, and then watches no more.
        """
        client = self.client()
        client.send(request(b"", {}, "HEAD", "/rest/events"))
        head, _, rest = client.transport.taken().decode().partition("\r\n\r\n")
        self.assertTrue(head.startswith("HTTP/1.1 200 OK"), head)
        self.assertIn("Content-Type: text/event-stream", head.split("\r\n"))
        self.assertEqual(rest, "")
        self.assertFalse(self.live.hasSubscribers)
        client.send(request())
        self.assertEqual(client.response().status, 202)

    def test_stanzas(self) -> None:
        """
        A stanza is told soon after it has passed, on one line, whatever is in it.
        """
        client, _ = self.watch()
        body = "<body>1\n\n2&#13;event: x\u2028\x85</body>"
        self.live.sent(f"<message from='a@b' to='c@d' id='1'>{body}</message>")
        self.clock.advance(POLL_INTERVAL)
        ((_, name, data),) = self.events(self.told(client))
        self.assertEqual(name, "stanza")
        self.assertEqual(data["json"]["body"], "1\n\n2\revent: x\u2028\x85")

    def test_batches(self) -> None:
        """Many events are written some at a time, all of them in their order."""
        client, _ = self.watch()
        numbers = [str(number) for number in range(BATCH + 1)]
        for number in numbers:
            self.live.sent(MESSAGE.format(number))
        self.clock.advance(POLL_INTERVAL)
        self.assertEqual(self.names(client), numbers[:BATCH])
        self.clock.advance(POLL_INTERVAL)
        self.assertEqual(self.names(client), numbers[BATCH:])

    def test_filter(self) -> None:
        """
        The query says which stanzas.
        """
        of = {
            "?kind=message": ["m", "other"],
            "?kind=iq,presence": ["i"],
            "?jid=a%40example.org": ["m", "i"],
            "?kind=message&jid=Example.ORG": ["m"],
            "?kind=&jid=": ["m", "i", "other"],
        }
        clients = {query: self.watch(f"/rest/events{query}")[0] for query in of}
        self.live.sent("<message from='g' to='a@example.org/1' id='m'/>")
        self.live.sent("<iq from='g' to='a@example.org' id='i' type='get'/>")
        self.live.sent("<message from='g' to='b@example.com' id='other'/>")
        self.clock.advance(POLL_INTERVAL)
        seen = {query: self.names(client) for query, client in clients.items()}
        self.assertEqual(seen, of)

    def test_resumed(self) -> None:
        """
        A client that was cut off reads on after the last event that it has seen, and
        is told if that cannot be.
        """
        client, _ = self.watch()
        self.live.sent(MESSAGE.format(1))
        self.clock.advance(POLL_INTERVAL)
        ((id, _, _),) = self.events(self.told(client))
        client.leave()
        self.live.sent(MESSAGE.format(2))
        client, _ = self.watch(Last_Event_ID=id)
        ((id, name, _),) = self.events(self.unpacked(self.rest))
        self.assertEqual(name, "stanza")
        client.leave()
        self.clock.advance(GRACE)
        self.watch(Last_Event_ID=id)
        ((_, name, data),) = self.events(self.unpacked(self.rest))
        self.assertEqual((name, data), ("lost", {"reason": "old"}))

    def test_keepalive(self) -> None:
        """
        A comment breaks a silence of 15 s, and only that.
        """
        client, _ = self.watch()
        for _ in range(10 * int(KEEPALIVE_INTERVAL) - 1):
            self.clock.advance(POLL_INTERVAL)
        self.assertEqual(self.told(client), "")
        self.live.connected()
        for _ in range(10 * int(KEEPALIVE_INTERVAL)):
            self.clock.advance(POLL_INTERVAL)
        self.assertEqual([n for _, n, _ in self.events(self.told(client))], ["state"])
        for _ in range(10 * int(KEEPALIVE_INTERVAL)):
            self.clock.advance(POLL_INTERVAL)
        self.assertEqual(self.told(client), ":\n\n")


class RefusingTests(EventsTestCase):
    """
    Clients that are refused.
    """

    def test_credentials(self) -> None:
        """
        Credentials are required, in the header and not in the query, with the right to
        watch.
        """
        for query in ("", f"?token={TOKEN}", f"?access_token={TOKEN}"):
            self.assertProblem(self.get(query, {"Authorization": None}), 401)
        poor = self.allow(Grant("poor", frozenset({"inbox"})))
        self.assertProblem(self.get("", poor), 403)
        self.assertFalse(self.live.isRecording)

    def test_right(self) -> None:
        """
        With the right, a token may watch.
        """
        self.addCleanup(self.pages.stopService)
        rich = self.allow(Grant("rich", frozenset({"events"})))
        client = self.client()
        client.send(request(b"", rich, "GET", "/rest/events"))
        self.assertIn(b" 200 OK", client.transport.taken())

    def test_query(self) -> None:
        """
        A query that is none is refused, with what is wrong.
        """
        for query, said in {
            "?kind=mesage": "mesage",
            "?kind=iq,": "list of message",
            "?jid=%40x": "before its '@'",
            "?kid=iq": "did you mean 'kind'",
            "?kind=%": "percent",
        }.items():
            response = self.get(query)
            self.assertIn(said, self.assertProblem(response, 400)["detail"])
        self.assertFalse(self.live.isRecording)

    def test_limit(self) -> None:
        """
        When many watch already, the next is refused until one has left.
        """
        clients = [self.watch()[0] for _ in range(MAX_SUBSCRIBERS)]
        response = self.get("")
        self.assertProblem(response, 503)
        self.assertEqual(response["Retry-After"], "30")
        clients[0].leave()
        _, head = self.watch()
        self.assertIn(" 200 OK", head)


class EndingTests(EventsTestCase):
    """
    How it ends.
    """

    def assertForgotten(self) -> None:
        """Nothing is left of anybody who watched."""
        self.clock.advance(GRACE)
        self.assertFalse(self.live.isRecording)
        self.assertEqual(self.timers(), [])
        self.assertEqual(self.resource.pendingRequests, 0)

    def test_leaving(self) -> None:
        """
        A client that leaves is forgotten, even one that would come back for an answer.
        """
        for headers in ({}, {"Idempotency_Key": "k"}):
            client, _ = self.watch(**headers)
            client.leave()
            self.assertForgotten()

    def test_leavingWhilePaused(self) -> None:
        """
        So is one that has not taken what was written.
        """
        client, _ = self.watch()
        client.transport.fill()
        self.live.sent(MESSAGE.format(1))
        self.clock.advance(POLL_INTERVAL)
        client.leave()
        self.assertForgotten()

    def test_slow(self) -> None:
        """
        Nothing is written to a client that takes nothing; it reads on later.
        """
        client, _ = self.watch()
        client.transport.fill()
        for number in range(10):
            self.live.sent(MESSAGE.format(number))
            self.clock.advance(POLL_INTERVAL)
        self.assertEqual(self.names(client), ["0"])
        client.transport.drain()
        self.clock.advance(POLL_INTERVAL)
        self.assertEqual(self.names(client), [str(number) for number in range(1, 10)])

    def test_stalled(self) -> None:
        """
        A client that takes nothing for long is cut off, as any other.
        """
        client, _ = self.watch()
        client.transport.fill()
        self.live.sent(MESSAGE.format(1))
        self.clock.advance(POLL_INTERVAL)
        self.clock.advance(CLOSE_TIMEOUT)
        self.assertTrue(client.transport.disconnected)

    def test_tokenTakenBack(self) -> None:
        """The events end when the token is revoked or loses the right."""
        for later in ((), grantAll([TOKEN], Grant("poor", frozenset({"inbox"})))):
            earlier = self.authenticator.grants
            client, _ = self.watch()
            self.told(client)
            self.authenticator.grants = later
            self.live.sent(MESSAGE.format("secret"))
            self.clock.advance(POLL_INTERVAL)
            self.assertEqual(client.transport.taken(), b"0\r\n\r\n")
            client.leave()
            self.authenticator.grants = earlier

    def test_stop(self) -> None:
        """
        When the gateway stops, the answer ends properly, and nobody waits for it.
        """
        client, _ = self.watch()
        draining = self.site.drain()
        self.assertNoResult(draining)
        self.pages.stopService()
        self.assertEqual(client.transport.taken(), b"0\r\n\r\n")
        self.assertTrue(client.transport.disconnecting)
        client.leave()
        self.successResultOf(draining)
        self.assertForgotten()
