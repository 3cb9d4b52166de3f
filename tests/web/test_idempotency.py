"""Tests of L{xmpprest.web.idempotency.guard}: what has a key is done once."""

from __future__ import annotations

import gc
from collections.abc import Mapping

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs
from twisted.python.failure import Failure
from twisted.words.xish.domish import Element

from xmpprest.core.errors import Problem, Refusal, serviceUnavailable
from xmpprest.core.policy.key_quota import refuseKey
from xmpprest.core.policy.permissions import Grant
from xmpprest.core.records import IdempotencyRecord, StoreUnavailable
from xmpprest.web.idempotency.guard import interruptedAnswer, serializeResponse
from xmpprest.web.response import Response
from xmpprest.xmpp.iq_tracker import notConnected

from ..support.doubles import HTTPClient, HTTPResponse, said, stanza
from .case import IQ, MESSAGE, XML, SiteTestCase, request

JSON = "application/json"
PRESENCE = b"<presence to='a@example.org' id='p1'/>"
RESULT = "<iq type='result' id='i1' from='a@example.org'/>"
FULL = StoreUnavailable("the disk is full")


class KeyTestCase(SiteTestCase):
    """
    A test that asks again.
    """

    def begin(
        self, body: bytes = MESSAGE, headers: Mapping[str, str | None] | None = None
    ) -> HTTPClient:
        """Make a request with a key."""
        client = self.client()
        client.send(request(body, {"Idempotency-Key": "k1", **(headers or {})}))
        return client

    def keyed(
        self, body: bytes = MESSAGE, headers: Mapping[str, str | None] | None = None
    ) -> HTTPResponse:
        """Make one that is answered at once."""
        return self.begin(body, headers).response()

    def sent(self) -> list[Element]:
        """Return all stanzas sent since the last call, messages and presence first."""
        sent = self.outbox.sent + [each.stanza for each in self.requester.requests]
        self.outbox.sent.clear()
        self.requester.requests.clear()
        return sent


class HeaderTests(KeyTestCase):
    """
    The header with the key.
    """

    def test_keys(self) -> None:
        """A key is any printable ASCII, bare or in double quotes."""
        for header, key in (
            ("k", "k"),
            (
                " \t8e03978e-40d5-43dd-bc93-6894a57f9324 ",
                "8e03978e-40d5-43dd-bc93-6894a57f9324",
            ),
            ('a, b; c="d"', 'a, b; c="d"'),
            ("!#$%&'()*+~", "!#$%&'()*+~"),
            ("x" * 255, "x" * 255),
            ('"k2"', "k2"),
            ('" k 3 "', " k 3 "),
            (r'"a\"b\\c"', r'a"b\c'),
            (f'"{"y" * 255}"', "y" * 255),
            (r"a\b", r"a\b"),
        ):
            response = self.keyed(headers={"Idempotency-Key": header})
            self.assertEqual(response.status, 202, header)
            self.assertEqual([*self.keys.kept], [key])
            self.keys.kept.clear()

    def test_quotes(self) -> None:
        """The quotes are no part of it."""
        self.keyed(headers={"Idempotency-Key": '"k"'})
        self.assertEqual(self.keyed(headers={"Idempotency-Key": "k"}).status, 202)
        self.assertEqual(len(self.sent()), 1)

    def test_bad(self) -> None:
        """Anything else is refused, and nothing is sent."""
        for header in (
            "",
            " ",
            '""',
            '"k',
            '"',
            '"k";a=b',
            r'"\k"',
            '"a"b"',
            "x" * 256,
            f'"{"x" * 256}"',
            "\u00e9",
            "a\tb",
        ):
            response = self.keyed(headers={"Idempotency-Key": header, "Accept": JSON})
            text = self.assertProblem(response, 400)["detail"]
            self.assertIn("Idempotency-Key has 1 to 255 characters", text, header)
        self.assertEqual((self.sent(), self.keys.kept), ([], {}))

    def test_twice(self) -> None:
        """Two keys are none."""
        response = self.keyed(headers={"idempotency-key": "k2"})
        self.assertXMLProblem(response, 400)

    def test_get(self) -> None:
        """A GET ignores the key, and is sent again."""
        for _ in range(2):
            client = self.client()
            headers = {"Idempotency-Key": "k"}
            path = "/rest/ping/example.org"
            client.send(request(b"", headers, "GET", path))
            client.leave()
        self.assertEqual((len(self.sent()), self.keys.kept), (2, {}))

    def test_echo(self) -> None:
        """Nor does what only comes back."""
        for body in (MESSAGE, PRESENCE):
            response = self.ask(body, {"Idempotency-Key": "k"}, path="/rest/echo")
            self.assertEqual(response.status, 200)
        self.assertEqual(self.keys.kept, {})


class AgainTests(KeyTestCase):
    """
    A repeated request.
    """

    def assertSame(self, one: HTTPResponse, other: HTTPResponse) -> None:
        """Two answers do not differ in anything, but when they were made, and why."""
        self.assertEqual((one.status, one.body), (other.status, other.body))
        for name, _ in one.headers:
            if name not in ("date", "request-id"):
                self.assertEqual(one.all(name), other.all(name))
        self.assertEqual(len(one.headers), len(other.headers))

    def test_accepted(self) -> None:
        """
        A message or a presence is sent once, and answered each time as the first; kept
        or not, and even if the gateway has made its id.
        """
        for isKeeping in (False, True):
            self.outbox.isKeeping = isKeeping
            for body in (MESSAGE, PRESENCE, b"<message to='a@example.org'/>"):
                first, second = self.keyed(body), self.keyed(body)
                self.assertEqual(first.status, 202)
                self.assertSame(first, second)
                self.assertEqual(len(self.sent()), 1)
                self.keys.kept.clear()

    def test_iq(self) -> None:
        """So is an iq, in the form that the reply had."""
        for accept in (JSON, XML):
            client = self.begin(IQ, {"Accept": accept})
            self.requester.requests[0].reply.callback(stanza(RESULT))
            first = client.response()
            self.assertEqual((first.status, first["Content-Type"]), (200, accept))
            self.assertSame(first, self.keyed(IQ, {"Accept": "text/html"}))
            self.assertEqual(len(self.sent()), 1)
            self.keys.kept.clear()

    def test_noReply(self) -> None:
        """An iq that got no reply was sent: it stays without one."""
        for status in (504, 422):
            client = self.begin(IQ)
            refusal = Refusal(Problem(status, "wait", "x", "Sorry."))
            self.requester.requests[0].reply.errback(refusal)
            first = client.response()
            self.assertXMLProblem(first, status)
            self.assertSame(first, self.keyed(IQ))
            self.assertEqual(len(self.sent()), 1)
            self.keys.kept.clear()

    def test_streamLost(self) -> None:
        """
        If the reply to an iq was lost with the stream, the client is not told to repeat
        the
        request with its key: neither the first time, nor later.
        """
        for isGone in (False, True):
            client = self.begin(IQ, {"Accept": JSON})
            if isGone:
                client.leave()
            self.requester.requests[0].reply.errback(notConnected())
            answers = [] if isGone else [client.response()]
            answers += [self.keyed(IQ), self.keyed(IQ)]
            for each in answers:
                text = self.assertProblem(each, 504)["detail"]
                self.assertIn("The connection to the XMPP server was lost while", text)
                self.assertIn("Use a new key", text)
                self.assertEqual(each.all("Retry-After"), [])
                self.assertSame(each, answers[0])
            self.assertEqual(len(self.sent()), 1)
            self.keys.kept.clear()

    def test_streamLostKeyless(self) -> None:
        """Without a key it may be tried again."""
        client = self.client()
        client.send(request(IQ))
        self.requester.requests[0].reply.errback(notConnected())
        response = client.response()
        self.assertXMLProblem(response, 503)
        self.assertEqual(response["Retry-After"], "5")

    def test_otherKey(self) -> None:
        """Under another key, or none, it is another request."""
        for headers in ({}, {"Idempotency-Key": "k2"}, {"Idempotency-Key": "K1"}):
            self.keyed(headers=headers)
        self.ask()
        self.assertEqual(len(self.sent()), 4)

    def test_otherToken(self) -> None:
        """Each token has keys of its own, and learns nothing of another's answers."""
        one, other = self.allow(Grant("one")), self.allow(Grant("other"))
        for isKeeping in (True, False):
            self.keys.kept.clear()
            self.outbox.isKeeping = isKeeping
            for headers in ({}, one, other):
                for _ in range(2):
                    self.assertEqual(self.keyed(headers=headers).status, 202)
                self.assertEqual(len(self.sent()), 1, headers)
            self.assertEqual(len(self.keys.kept), 3)

    def test_otherTokenRuns(self) -> None:
        """Requests of two tokens with the same key may run at the same time."""
        waiting = [self.begin(IQ), self.begin(IQ, self.allow(Grant("one")))]
        self.assertEqual(self.keyed(IQ).status, 409)
        for each in self.requester.requests:
            each.reply.callback(stanza(RESULT))
        for client in waiting:
            self.assertEqual(client.response().status, 200)

    def test_otherRequest(self) -> None:
        """Another request is refused, and is not sent."""
        for isKeeping in (False, True):
            self.outbox.isKeeping = isKeeping
            self.keyed()
            for body, headers, path in (
                (PRESENCE, {}, "/rest"),
                (IQ, {}, "/rest"),
                (MESSAGE + b" ", {}, "/rest"),
                (MESSAGE, {"Content-Type": f"{XML};charset=utf-8"}, "/rest"),
                (MESSAGE, {}, "/rest/message/chat/b@example.org"),
                (MESSAGE, {}, "/rest?status=500"),
            ):
                fields = {"Idempotency-Key": "k1", "Accept": JSON, **headers}
                response = self.ask(body, fields, path=path)
                text = self.assertProblem(response, 422)["detail"]
                self.assertIn("was used for another request", text)
            self.assertEqual(len(self.sent()), 1)
            self.keys.kept.clear()

    def test_restarted(self) -> None:
        """A stored response survives a restart of the gateway."""
        first = self.keyed()
        kept = dict(self.keys.kept)
        self.setUp()
        self.keys.kept.update(kept)
        self.assertSame(first, self.keyed())
        self.assertEqual(self.sent(), [])

    def test_interrupted(self) -> None:
        """
        A request that a restart interrupted is answered as having an unknown outcome.
        """
        self.begin(IQ)
        kept = dict(self.keys.kept)
        self.setUp()
        for key, record in kept.items():
            self.assertIsNone(record.answer)
            self.keys.kept[key] = IdempotencyRecord(
                key, record.fingerprint, interruptedAnswer(), record.at
            )
        text = self.assertProblem(self.keyed(IQ), 504)["detail"]
        self.assertIn("The gateway was restarted while this waited", text)
        self.assertIn("Use a new key", text)
        self.assertEqual(self.sent(), [])


class RefusedTests(KeyTestCase):
    """Requests of which nothing has come."""

    def test_refused(self) -> None:
        """
        The refusal of a wrong request is not stored: the request may be corrected.
        """
        for status, body, headers in (
            (400, b"", {}),
            (422, b"<massage/>", {}),
            (403, b"<message to='a@example.org' from='b@example.net'/>", {}),
            (415, MESSAGE, {"Content-Type": "image/png"}),
            (401, MESSAGE, {"Authorization": "Bearer wrong"}),
            (413, b"x" * 10_000, {}),
            (400, IQ, {"Prosody-Rest-Timeout": "x"}),
        ):
            self.assertEqual(self.keyed(body, headers).status, status)
            self.assertEqual(self.keys.kept, {}, status)
        self.assertEqual(self.keyed().status, 202)

    def test_notSent(self) -> None:
        """A request whose stanza could not be sent may be repeated."""
        problem = serviceUnavailable("remote-connection-failed", "Gone.", 5)
        for body in (MESSAGE, PRESENCE, IQ):
            self.outbox.problem = self.requester.problem = problem
            self.assertEqual(self.keyed(body).status, 503)
            self.assertEqual(self.keys.kept, {})
            self.outbox.problem = self.requester.problem = None
            self.begin(body, {"Idempotency-Key": body.decode().replace("'", "")})
            self.assertEqual(len(self.sent()), 1)
            self.keys.kept.clear()

    def test_doubled(self) -> None:
        """An iq that is doubled, without its key, is not kept, either."""
        self.requester.problem = Refusal(Problem(409, "cancel", "conflict", "Twice."))
        self.assertXMLProblem(self.keyed(IQ), 409)
        self.assertEqual(self.keys.kept, {})


class RunningTests(KeyTestCase):
    """
    A repeated request while the first one still runs.
    """

    def test_iq(self) -> None:
        """A repeated iq is refused for now."""
        client = self.begin(IQ)
        response = self.keyed(IQ, {"Accept": JSON})
        text = self.assertProblem(response, 409)["detail"]
        self.assertIn("not answered yet", text)
        self.assertEqual(response["Retry-After"], "1")
        self.requester.requests[0].reply.callback(stanza(RESULT))
        self.assertEqual(client.response().status, 200)
        self.assertEqual(self.keyed(IQ).status, 200)
        self.assertEqual(len(self.sent()), 1)

    def test_other(self) -> None:
        """Another request with the key is refused for good."""
        self.begin(IQ)
        self.assertXMLProblem(self.keyed(MESSAGE), 422)
        self.assertEqual(len(self.sent()), 1)

    def test_message(self) -> None:
        """So it is while a message waits for its outcome."""
        self.outbox.isKeeping = True
        client = self.begin(headers={"Prefer": "wait=5"})
        self.assertXMLProblem(self.keyed(), 409)
        bounce = stanza(
            "<message type='error' id='m1'><error type='cancel'/></message>"
        )
        self.outbox.outcomes[0].outcome.callback(bounce)
        first = client.response()
        self.assertEqual(first.status, 200)
        self.assertIn(b"type='error'", first.body)
        again = self.keyed()
        self.assertEqual((again.status, again.body), (200, first.body))
        self.assertEqual(len(self.sent()), 1)

    def test_restarted(self) -> None:
        """A message whose outcome nobody lived to see was accepted, though."""
        self.outbox.isKeeping = True
        self.begin(headers={"Prefer": "wait=5"})
        kept = dict(self.keys.kept)
        self.setUp()
        self.outbox.isKeeping = True
        self.keys.kept.update(kept)
        response = self.keyed(headers={"Prefer": "wait=5"})
        self.assertEqual(response.status, 202)
        self.assertEqual(response["Location"], "/rest/outbox/made-1")
        self.assertEqual(self.sent(), [])


class LeavingTests(KeyTestCase):
    """Clients that do not wait."""

    def test_iq(self) -> None:
        """An iq with a key runs to its end after its client has left."""
        client = self.begin(IQ)
        client.leave()
        (asked,) = self.requester.requests
        self.assertFalse(asked.cancelled)
        self.assertEqual(self.resource.pendingRequests, 1)
        self.assertXMLProblem(self.keyed(IQ), 409)
        asked.reply.callback(stanza(RESULT))
        self.assertEqual(self.resource.pendingRequests, 0)
        self.assertEqual(self.keyed(IQ).body, RESULT.encode())
        self.assertEqual(client.transport.taken(), b"")
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_noReply(self) -> None:
        """Even if there is no reply."""
        self.begin(IQ).leave()
        refusal = Refusal(Problem(504, "wait", "connection-timeout", "Sorry."))
        self.requester.requests[0].reply.errback(refusal)
        self.assertXMLProblem(self.keyed(IQ), 504)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_message(self) -> None:
        """So does the wait for the outcome of a message."""
        self.outbox.isKeeping = True
        self.begin(headers={"Prefer": "wait=5"}).leave()
        self.outbox.outcomes[0].outcome.callback(None)
        response = self.keyed()
        self.assertEqual(response["Preference-Applied"], "wait=5")

    def test_limit(self) -> None:
        """They count as those that wait."""
        self.build(waitingLimit=2)
        for key in ("a", "b"):
            self.begin(IQ, {"Idempotency-Key": key}).leave()
        self.assertXMLProblem(self.keyed(IQ), 503)
        self.requester.requests[0].reply.callback(stanza(RESULT))
        self.assertEqual(self.keyed(PRESENCE).status, 202)


class TroubleTests(KeyTestCase):
    """A store that does not keep anything."""

    def test_begin(self) -> None:
        """A stanza whose key cannot be stored is not sent."""
        self.keys.problem = FULL
        for isKeeping in (False, True):
            self.outbox.isKeeping = isKeeping
            for body in (MESSAGE, PRESENCE, IQ):
                if isKeeping and body != MESSAGE:
                    continue
                response = self.keyed(body, {"Accept": JSON})
                text = self.assertProblem(response, 503)["detail"]
                self.assertIn("(the disk is full)", text)
                self.assertEqual(response["Retry-After"], "5")
        self.assertEqual(self.sent(), [])
        self.assertEqual(self.ask().status, 202)

    def test_keyLimit(self) -> None:
        """
        A request whose idempotency key cannot be stored, because there are too many, is
        refused with 503 and Retry-After, and nothing is sent.
        """
        self.keys.problem = refuseKey("k1", 7)
        for body in (PRESENCE, IQ):
            response = self.keyed(body, {"Accept": JSON})
            text = self.assertProblem(response, 503)["detail"]
            self.assertIn("7 (record-limit)", text)
            self.assertEqual(response["Retry-After"], "60")
        self.assertEqual(self.sent(), [])

    def test_end(self) -> None:
        """An answer that cannot be kept is given; asked again, nobody knows it."""
        client = self.begin(IQ)
        self.keys.problem = FULL
        with capturedLogs() as logged:
            self.requester.requests[0].reply.callback(stanza(RESULT))
        self.assertEqual(client.response().status, 200)
        (line,) = said(logged)
        self.assertEqual(
            line,
            "The response for the idempotency key k1 was not stored: the disk is full.",
        )
        self.keys.problem = None
        response = self.keyed(IQ, {"Accept": JSON})
        text = self.assertProblem(response, 504)["detail"]
        self.assertIn("could not be kept; whether it was carried out", text)
        self.assertEqual(len(self.sent()), 1)

    def test_forget(self) -> None:
        """A refusal stays one, even if the key cannot be forgotten."""

        def request(stanza: Element, timeout: float) -> Deferred[list[Element]]:
            self.keys.problem = FULL
            raise serviceUnavailable("remote-connection-failed", "Gone.", 5)

        self.patch(self.requester, "request", request)
        with capturedLogs() as logged:
            response = self.keyed(IQ, {"Accept": JSON})
        self.assertEqual(self.assertProblem(response, 503)["detail"], "Gone.")
        self.assertIn("was not stored: the disk is full", said(logged)[0])

    def test_unexpected(self) -> None:
        """
        A request that fails unexpectedly may have been sent, and is not sent again.
        """
        client = self.begin(IQ)
        self.requester.requests[0].reply.errback(Failure(ZeroDivisionError()))
        self.assertXMLProblem(client.response(), 500)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertXMLProblem(self.keyed(IQ), 504)
        self.assertEqual(len(self.sent()), 1)


class MemoryTests(KeyTestCase):
    """
    The memory of a waiting request.
    """

    def test_stanza(self) -> None:
        """Not its stanza, with a key or without."""
        body = b"<iq to='a@example.org' type='get' id='i'><held xmlns='x'/></iq>"
        for headers in ({}, {"Idempotency-Key": "k"}):
            client = self.client()
            client.send(request(body, headers))
            # As the stream does once it is written.
            del self.requester.requests[0].stanza
            gc.collect()
            held = [
                each
                for each in gc.get_objects()
                if isinstance(each, Element) and each.name == "held"
            ]
            self.assertEqual(held, [])
            self.requester.requests.pop().reply.callback(stanza(RESULT))
            self.assertEqual(client.response().status, 200)


class DumpTests(KeyTestCase):
    """How an answer is kept."""

    def test_roundTrip(self) -> None:
        """Every response is read back equal."""
        for response in (
            Response(202),
            Response(202, headers=(("Stanza-Id", "\u00e9\u2615"), ("Location", "/a"))),
            Response(200, b"a\nb\x00\xff", XML),
            Response(503, b"{}", JSON, (("Retry-After", "5"), ("Retry-After", "6"))),
        ):
            self.keyed()
            fingerprint = self.keys.kept["k1"].fingerprint
            self.keys.kept["k1"] = IdempotencyRecord(
                "k1", fingerprint, serializeResponse(response), 0.0
            )
            again = self.keyed()
            self.assertEqual(
                (again.status, again.body), (response.status, response.body)
            )
            for name, _ in response.headers:
                values = [v for n, v in response.headers if n == name]
                told = [v.encode("latin-1").decode() for v in again.all(name)]
                self.assertEqual(told, values)
            self.keys.kept.clear()
            self.sent()
