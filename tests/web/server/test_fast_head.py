"""
Tests of L{xmpprest.web.server.fast_head}, and of what it spares
L{xmpprest.web.server.channel}.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import count

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.web.server.channel import ARRIVAL_TIMEOUT, GatewayChannel
from xmpprest.web.server.fast_head import MAX_FIELDS, MAX_HEAD, parseSimpleHead

from ...support.doubles import HTTPClient, stanza
from ...support.hypothesis_profiles import THOROUGH
from ..case import IQ, MESSAGE, SiteTestCase, request
from .test_smuggling import BODIES, CHUNKED, HEADS, LENGTH, LINES, raw

#: What is in order, but not plain, by its head.
NOT_PLAIN = {
    "incomplete": b"POST /rest HTTP/1.1\r\nHost: a\r\n",
    "no field": b"POST /rest HTTP/1.1\r\n\r\n",
    "no host": b"POST /rest HTTP/1.1\r\nX: a\r\n\r\n",
    "HTTP/1.0": b"POST /rest HTTP/1.0\r\nHost: a\r\n\r\n",
    "no path": b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "a URL": b"GET http://a/rest HTTP/1.1\r\nHost: a\r\n\r\n",
    "a field twice": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\nx: b\r\n\r\n",
    "chunks": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    "an expectation": b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
    "the end": b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "a long length": b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n",
    "many fields": b"GET / HTTP/1.1\r\nHost: a\r\n%s\r\n"
    % b"".join(b"X%d: a\r\n" % number for number in range(MAX_FIELDS)),
    "much": b"GET / HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n" % (b"a" * MAX_HEAD),
    "an empty line before": b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
}


class HeadTests(SynchronousTestCase):
    """Heads, alone."""

    def test_plain(self) -> None:
        """A plain head says all that one has to know of the request."""
        data = request(headers={"X": "\t a b\t", "Connection": "Keep-Alive"})
        head = parseSimpleHead(data)
        assert head is not None
        self.assertEqual((head.method, head.uri), (b"POST", b"/rest"))
        self.assertEqual(head.fields[b"content-type"], b"application/xmpp+xml")
        self.assertEqual(head.fields[b"x"], b"a b")
        self.assertEqual(data[head.size :], MESSAGE)
        self.assertEqual(head.length, len(MESSAGE))

    def test_noBody(self) -> None:
        """Without a length there is no body (RFC 9112 §6.3)."""
        head = parseSimpleHead(b"GET /a?b HTTP/1.1\r\nHost: a\r\n\r\n")
        assert head is not None
        self.assertEqual((head.uri, head.length), (b"/a?b", 0))

    def test_notPlain(self) -> None:
        """Whatever is not plain is left alone."""
        for what, data in NOT_PLAIN.items():
            self.assertIsNone(parseSimpleHead(data), what)

    def test_bad(self) -> None:
        """So is whatever two servers could read in two ways."""
        bad = [raw("POST /rest HTTP/1.1", fields, MESSAGE) for fields in HEADS.values()]
        bad += [raw(line, [LENGTH], MESSAGE) for line in LINES.values()]
        for data in bad:
            self.assertIsNone(parseSimpleHead(data), data)

    def test_many(self) -> None:
        """What does not match is found out in no time, however it is made."""
        for data in (b"A" * 60_000, b"GET / HTTP/1.1\r\n" + b"a:\r\n" * 15_000):
            self.assertIsNone(parseSimpleHead(data))


#: Header fields that differ from one answer to the next.
_ITS_OWN = ("date", "request-id")


class _Patient(GatewayChannel):
    """One that lets Twisted read every request."""

    def _takePlain(self, data: bytes, mayHold: bool) -> bool:
        return False


class PlainTests(SiteTestCase):
    """Requests that are read at once, beside the same read line by line."""

    def outcome(self, pieces: list[bytes]) -> object:
        """What a site makes of some pieces: all that a client sees, and is sent."""
        self.numbers = count(1)
        self.outbox.sent.clear()
        self.requester.requests.clear()
        client = self.client()
        for piece in pieces:
            client.send(piece)
        answers = [
            replace(
                each, headers=sorted(h for h in each.headers if h[0] not in _ITS_OWN)
            )
            for each in client.responses()
        ]
        self.clock.advance(ARRIVAL_TIMEOUT)
        late = client.transport.taken()
        isOpen = not client.transport.disconnecting
        client.leave()
        sent = [each.toXml() for each in self.outbox.sent]
        waiting = [each.stanza.toXml() for each in self.requester.requests]
        return answers, late, isOpen, sent, waiting

    def assertSame(self, *pieces: bytes) -> None:
        """Both ways lead to the same."""
        at_once = self.outcome([*pieces])
        self.site.protocol = _Patient  # type: ignore[assignment]  # as in GatewaySite
        patient = self.outcome([*pieces])
        self.site.protocol = GatewayChannel  # type: ignore[assignment]
        self.assertEqual(at_once, patient, pieces)

    def test_tables(self) -> None:
        """For requests of all kinds, good and bad."""
        good = [request(), request(IQ), request(b""), request(method="GET")]
        good += [request(path="/rest/echo"), request(path="/")]
        good += [request(IQ.replace(b" id=", b" x=")), request(b"<message to='a@b'/>")]
        others = [each for what, each in NOT_PLAIN.items() if what != "HTTP/1.0"]
        good += [request(headers={"Accept": "a/b, */*"}), *others]
        bad = [raw("POST /rest HTTP/1.1", fields, MESSAGE) for fields in HEADS.values()]
        bad += [raw(line, [LENGTH], MESSAGE) for line in LINES.values()]
        bad += [raw("POST / HTTP/1.1", [CHUNKED], body) for body in BODIES.values()]
        for data in (*good, *bad):
            self.assertSame(data)
            self.assertSame(data, request())
            self.assertSame(data + request())
            self.assertSame(request(), data)

    @settings(max_examples=THOROUGH)
    @given(
        st.sampled_from([request(), request(IQ), request(method="GET")]),
        st.integers(0, 200),
        st.integers(0, 20),
        st.binary(max_size=5) | st.sampled_from([b"\r\n", b"\n", b":", b" ", b"\r\n "]),
        st.integers(0, 400),
    )
    def test_anything(
        self, data: bytes, at: int, cut: int, put: bytes, split: int
    ) -> None:
        """For whatever is changed in one, and wherever it is split."""
        data = data[:at] + put + data[at + cut :]
        # The client here does not read its answers.
        assume(b"HTTP/1.0" not in data)
        self.assertSame(data[:split], data[split:], request())

    def test_twoPieces(self) -> None:
        """A body may come behind its head; what comes behind it is not its."""
        head, _, body = request().partition(b"\r\n\r\n")
        for pieces in (
            [head + b"\r\n\r\n", body],
            [head, b"\r\n\r\n" + body],
            [head + b"\r\n\r\n" + body[:5], body[5:], request()],
            [head + b"\r\n\r\n" + body[:5], body[5:9], body[9:], request()],
            [head + b"\r\n\r\n" + body[:5], body[5:] + request()],
        ):
            self.assertSame(*pieces)

    def test_meanwhile(self) -> None:
        """What comes while a request is answered is read then."""
        self.assertSame(request(IQ), request())

    def test_afterwards(self) -> None:
        """What came meanwhile is answered then."""
        client = self.client()
        client.send(request(IQ))
        client.send(request())
        self.assertEqual(client.responses(), [])
        self.requester.requests[0].reply.callback(stanza("<iq type='result'/>"))
        self.assertEqual([r.status for r in client.responses()], [200, 202])
        client.send(request())
        self.assertEqual(client.response().status, 202)

    def test_head(self) -> None:
        """The answer to HEAD has no body (RFC 9110 §9.3.2)."""
        client = self.client()
        client.send(request(b"", method="HEAD"))
        head, _, body = client.transport.taken().partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 405 "))
        self.assertEqual(body, b"")

    def test_atOnce(self) -> None:
        """It is read at once, or the rest of this would prove nothing."""
        received: list[bytes] = []

        class Listening(GatewayChannel):
            def lineReceived(self, line: bytes) -> None:
                received.append(line)
                super().lineReceived(line)

        self.site.protocol = Listening  # type: ignore[assignment]
        client: HTTPClient = self.client()
        head, _, body = request().partition(b"\r\n\r\n")
        client.send(request())
        client.send(head + b"\r\n\r\n")
        client.send(body)
        self.assertEqual([r.status for r in client.responses()], [202, 202])
        self.assertEqual(received, [])
        client.send(request(headers={"Connection": "close"}))
        self.assertEqual(client.response().status, 202)
        self.assertEqual(received[0], b"POST /rest HTTP/1.1")

    def test_endOfLine(self) -> None:
        """What an answer's head says stays within its line."""
        self.assertSame(request(path="/rest/%0d%0aX:%20y"))
        self.assertSame(request(MESSAGE.replace(b"m1", b"m&#13;&#10;X: y")))
