"""Tests of L{xmpprest.web.api.stanzas}: one stanza posted, and what is answered."""

from __future__ import annotations

from xmpprest.core.errors import Problem, Refusal, serviceUnavailable

from ...support.doubles import DOMAIN, stanza
from ..case import IQ, MESSAGE, XML, SiteTestCase, request


class MessageTests(SiteTestCase):
    """Messages and presence."""

    def test_message(self) -> None:
        """A message is sent, and answered by 202 with its id and no body."""
        response = self.ask()
        self.assertEqual(response.status, 202)
        self.assertEqual(response["Stanza-Id"], "m1")
        self.assertEqual(response["Cache-Control"], "no-store")
        self.assertEqual(response["Content-Length"], "0")
        self.assertEqual(response.all("Content-Type"), [])
        (sent,) = self.outbox.sent
        self.assertEqual(
            {k: sent[k] for k in ("to", "from", "id")},
            {"to": "a@example.org", "from": DOMAIN, "id": "m1"},
        )

    def test_madeID(self) -> None:
        """A stanza without an id gets one, and the client is told."""
        response = self.ask(b"<presence to='a@example.org'/>")
        self.assertEqual(response["Stanza-Id"], "made-1")
        self.assertEqual(self.outbox.sent[0]["id"], "made-1")

    def test_seed(self) -> None:
        """The first example of seed.md closes a message with C{</body>}: 400."""
        body = b"<message to='a@example.org' type='chat'><body>Hello</body></body>"
        response = self.ask(body)
        self.assertEqual(self.assertXMLProblem(response, 400), "not-well-formed")
        self.assertIn(b"mismatched tag", response.body)
        self.assertEqual(self.ask(body[:-7] + b"</message>").status, 202)

    def test_hostileID(self) -> None:
        """No id, however odd, can add a line to the answer."""
        response = self.ask(
            b"<message to='a@example.org' id='a&#13;&#10;Set-Cookie: b=\xc3\xa9'/>"
        )
        self.assertXMLProblem(response, 422)
        self.assertEqual(response.all("Set-Cookie"), [])
        response = self.ask(b"<message to='a@example.org' id='a: b'/>")
        self.assertEqual(response.status, 202)
        self.assertEqual(response["Stanza-Id"], "a: b")

    def test_notSent(self) -> None:
        """A stanza that cannot be sent is refused with the outbox's error."""
        self.outbox.problem = serviceUnavailable("remote-connection-failed", "Gone.", 5)
        response = self.ask()
        self.assertEqual(
            self.assertXMLProblem(response, 503), "remote-connection-failed"
        )
        self.assertEqual(response["Retry-After"], "5")

    def test_refused(self) -> None:
        """Nothing is sent of what is refused."""
        for status, condition, headers, body in (
            (400, "not-well-formed", {}, b""),
            (400, "not-well-formed", {}, b"hello"),
            (400, "not-well-formed", {}, b"<message to='a@example.org'>"),
            (422, "invalid-namespace", {}, b"<message xmlns='urn:x' to='a@b'/>"),
            (422, "unsupported-stanza-type", {}, b"<massage to='a@example.org'/>"),
            (422, "improper-addressing", {}, b"<message/>"),
            (422, "improper-addressing", {}, b"<message to='@'/>"),
            (422, "invalid-from", {}, b"<message to='a@example.org' from='@'/>"),
            (403, "not-authorized", {}, b"<message to='a@b' from='evil.example'/>"),
            (422, "invalid-xml", {}, b"<iq to='a@example.org' type='result'/>"),
            (422, "bad-format", {}, b"<iq to='a@example.org' type='get'/>"),
            (415, "bad-format", {"Content-Type": "text/html", "Accept": XML}, MESSAGE),
            (415, "bad-format", {"Content-Type": None, "Accept": XML}, MESSAGE),
            (415, "bad-format", {"Content-Type": f"{XML};charset=utf-16"}, MESSAGE),
        ):
            response = self.ask(body, headers)
            self.assertEqual(self.assertXMLProblem(response, status), condition, body)
        self.assertEqual(self.outbox.sent, [])
        self.assertEqual(self.requester.requests, [])

    def test_accept(self) -> None:
        """A 415 lists what is read."""
        response = self.ask(headers={"Content-Type": "image/png"})
        self.assertProblem(response, 415)
        self.assertIn(XML, response["Accept"])

    def test_doubleContentType(self) -> None:
        """Two types are none."""
        response = self.ask(
            headers={"Content-Type": "text/plain", "content-type": f"{XML}"}
        )
        self.assertProblem(response, 415)


class IQTests(SiteTestCase):
    """Requests that wait."""

    def test_result(self) -> None:
        """An iq is answered by 200 with the reply, once there is one."""
        client = self.client()
        client.send(request(IQ))
        self.assertEqual(client.responses(), [])
        self.assertEqual(self.resource.pendingRequests, 1)
        (asked,) = self.requester.requests
        self.assertEqual((asked.stanza["id"], asked.timeout), ("i1", 120))
        asked.reply.callback(stanza("<iq type='result' id='i1' from='a@example.org'/>"))
        response = client.response()
        self.assertEqual(response.status, 200)
        self.assertEqual(response["Content-Type"], XML)
        self.assertEqual(response["Cache-Control"], "no-store")
        self.assertEqual(
            response.body, b"<iq type='result' id='i1' from='a@example.org'/>"
        )
        self.assertEqual(self.resource.pendingRequests, 0)
        self.assertEqual(response.all("Stanza-Id"), [])

    def test_error(self) -> None:
        """An error stanza is an answer, too."""
        client = self.client()
        client.send(request(IQ))
        self.requester.requests[0].reply.callback(
            stanza("<iq type='error' id='i1'><error type='cancel'/></iq>")
        )
        response = client.response()
        self.assertEqual(response.status, 200)
        self.assertIn(b"type='error'", response.body)

    def test_accept(self) -> None:
        """Where nothing that is acceptable can be had, the reply comes as XML."""
        for accept in ("*/*", "application/*", "text/html", XML, "garbage", ""):
            client = self.client()
            client.send(request(IQ, {"Accept": accept}))
            self.requester.requests[-1].reply.callback(stanza("<iq type='result'/>"))
            response = client.response()
            self.assertEqual((response.status, response["Content-Type"]), (200, XML))

    def test_failures(self) -> None:
        """A timeout, a lost stream and a doubled id are told as such."""
        for status, type, condition in (
            (504, "wait", "connection-timeout"),
            (503, "wait", "remote-connection-failed"),
            (409, "cancel", "conflict"),
        ):
            client = self.client()
            client.send(request(IQ, {"Accept": "application/json"}))
            refusal = Refusal(Problem(status, type, condition, "Sorry."))
            self.requester.requests[-1].reply.errback(refusal)
            problem = self.assertProblem(client.response(), status)
            self.assertEqual(
                problem["error"],
                {"type": type, "condition": condition, "text": "Sorry."},
            )
        self.assertEqual(self.resource.pendingRequests, 0)

    def test_refusedAtOnce(self) -> None:
        """A request that is refused before it is sent does not wait."""
        self.requester.problem = serviceUnavailable(
            "remote-connection-failed", "Gone.", 5
        )
        self.assertXMLProblem(self.ask(IQ), 503)
        self.assertEqual(self.resource.pendingRequests, 0)

    def test_clientLeaves(self) -> None:
        """A client that goes away cancels the wait, and is forgotten."""
        client = self.client()
        client.send(request(IQ))
        client.leave()
        self.assertTrue(self.requester.requests[0].cancelled)
        self.assertEqual(self.resource.pendingRequests, 0)
        self.assertEqual(self.timers(), [])
        self.assertEqual(self.flushLoggedErrors(), [])


class TimeoutTests(SiteTestCase):
    """How long a client wants to wait."""

    def timeout(self, headers: dict[str, str | None]) -> float:
        """The timeout that an iq is sent with."""
        client = self.client()
        client.send(request(IQ, headers))
        self.assertEqual(client.responses(), [])
        return self.requester.requests.pop().timeout

    def test_default(self) -> None:
        """A client that does not say waits as long as is configured."""
        for prefer in (None, "", "respond-async", "handling=lenient", "await=5"):
            self.assertEqual(self.timeout({"Prefer": prefer}), 120)

    def test_header(self) -> None:
        """C{Prosody-Rest-Timeout} is a number of seconds."""
        for text, seconds in (("5", 5), ("2.5", 2.5), ("0.001", 0.001), ("007", 7)):
            self.assertEqual(self.timeout({"Prosody-Rest-Timeout": text}), seconds)

    def test_prefer(self) -> None:
        """C{Prefer: wait=N} is the same (RFC 7240 §4.3)."""
        for text in (
            "wait=7",
            'wait="7"',
            "Wait = 7",
            "respond-async, wait=7",
            "respond-async,wait=7 , handling=strict",
            "wait=7; foo=bar",
        ):
            self.assertEqual(self.timeout({"Prefer": text}), 7, text)

    def test_preferLines(self) -> None:
        """The preference may be in any of several header lines (RFC 7240 §2)."""
        self.assertEqual(
            self.timeout({"Prefer": "respond-async", "prefer": "wait=7"}), 7
        )

    def test_both(self) -> None:
        """If both are there, the more specific one counts."""
        self.assertEqual(
            self.timeout({"Prosody-Rest-Timeout": "5", "Prefer": "wait=7"}), 5
        )

    def test_maximum(self) -> None:
        """The timeout is limited to the maximum."""
        self.assertEqual(self.timeout({"Prefer": "wait=301"}), 300)
        self.assertEqual(self.timeout({"Prosody-Rest-Timeout": "9" * 400}), 300)

    def test_garbage(self) -> None:
        """
        A timeout that is no number above 0 is refused with 400, and nothing is sent.
        """
        for text in (
            "",
            "0",
            "0.0",
            "-1",
            "+5",
            "nan",
            "inf",
            "1e9",
            "1_0",
            "0x10",
            "5s",
            "5, 6",
            "\u00b2",
            "five",
        ):
            response = self.ask(IQ, {"Prosody-Rest-Timeout": text})
            self.assertXMLProblem(response, 400)
            self.assertIn(b"Prosody-Rest-Timeout", response.body)
        self.assertEqual(self.requester.requests, [])

    def test_garbagePreferred(self) -> None:
        """A preference that cannot be honoured is ignored (RFC 7240 §2)."""
        for text in ("", "0", "-1", "nan", "1e9", "five"):
            self.assertEqual(self.timeout({"Prefer": f"wait={text}"}), 120, text)

    def test_message(self) -> None:
        """A message does not wait, so that it does not matter there."""
        self.assertEqual(self.ask(headers={"Prefer": "wait=5"}).status, 202)
