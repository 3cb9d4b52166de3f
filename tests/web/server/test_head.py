"""
Tests of L{xmpprest.web.server.head} and of L{request targets
<xmpprest.web.server.target>}.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.errors import Refusal
from xmpprest.web.server.head import MAX_FIELDS, MAX_HEAD, RequestHead, parseHead

from ...support.hypothesis_profiles import THOROUGH
from ..case import MESSAGE, request
from .test_smuggling import HEADS, LENGTH, LINES, raw


def head(line: str = "GET / HTTP/1.1", *fields: str, host: str | None = "a") -> bytes:
    """Make a head of these parts."""
    lines = [line, *([] if host is None else [f"Host: {host}"]), *fields, "", ""]
    return "\r\n".join(lines).encode("latin-1")


class HeadTestCase(SynchronousTestCase):
    """A test that parses heads."""

    def parsed(self, data: bytes) -> RequestHead:
        """Return a complete head."""
        parsed = parseHead(data)
        assert parsed is not None
        return parsed

    def refusal(self, data: bytes, status: int = 400) -> str:
        """Return why a head is refused."""
        refusal: Refusal = self.assertRaises(Refusal, parseHead, data)
        self.assertEqual(refusal.problem.status, status, data)
        return refusal.problem.text


class FieldTests(HeadTestCase):
    """Header fields, and what they say of the request."""

    def test_message(self) -> None:
        """A head has the method, the path, the fields, its size and the body's."""
        data = request(headers={"X": "\t a b\t"})
        parsed = self.parsed(data)
        self.assertEqual((parsed.method, parsed.target.path), (b"POST", b"/rest"))
        self.assertEqual(parsed.version, b"HTTP/1.1")
        self.assertEqual(parsed.fields[b"content-type"], b"application/xmpp+xml")
        self.assertEqual(parsed.fields[b"x"], b"a b")
        self.assertEqual(data[parsed.size :], MESSAGE)
        self.assertEqual(parsed.length, len(MESSAGE))
        self.assertTrue(parsed.isPersistent)
        self.assertFalse(parsed.expectsContinue)

    def test_emptyLine(self) -> None:
        """One empty line before the request is ignored (RFC 9112 §2.2), two are not."""
        data = head()
        self.assertEqual(self.parsed(b"\r\n" + data).size, len(data) + 2)
        self.refusal(b"\r\n\r\n" + data)

    def test_length(self) -> None:
        """The length of the body is that of its field, or zero (RFC 9112 §6.3)."""
        for field, length in (
            ("X: y", 0),
            ("Content-Length: 0", 0),
            ("Content-Length: 012", 12),
            ("Content-Length: 123456789012345678", 123456789012345678),
            ("Content-Length: " + "9" * 5000, 10**18),
            ("Transfer-Encoding: chunked", None),
            ("transfer-encoding:\tCHUNKED ", None),
        ):
            self.assertEqual(self.parsed(head("GET / HTTP/1.1", field)).length, length)

    def test_oldVersion(self) -> None:
        """HTTP/1.0 needs no host, knows no chunks, and closes the connection."""
        parsed = self.parsed(head("GET / HTTP/1.0", "Expect: 100-continue", host=None))
        self.assertEqual((parsed.version, parsed.isPersistent), (b"HTTP/1.0", False))
        self.assertFalse(parsed.expectsContinue)
        self.refusal(head("GET / HTTP/1.0", "Transfer-Encoding: chunked"))

    def test_connection(self) -> None:
        """C{close} ends the connection, wherever it stands in the list."""
        for value, persists in (
            ("close", False),
            ("keep-alive, Close", False),
            ("TE,close", False),
            ("keep-alive", True),
            ("Upgrade, HTTP2-Settings", True),
            ("closed", True),
        ):
            data = head("GET / HTTP/1.1", f"Connection: {value}")
            self.assertEqual(self.parsed(data).isPersistent, persists, value)
        data = head("GET / HTTP/1.1", "Connection: TE", "Connection: close")
        self.assertFalse(self.parsed(data).isPersistent)

    def test_expect(self) -> None:
        """C{Expect: 100-continue} is noticed (RFC 9110 §10.1.1)."""
        for value, expects in (("100-Continue", True), ("200-ok", False)):
            data = head("GET / HTTP/1.1", f"Expect: {value}")
            self.assertEqual(self.parsed(data).expectsContinue, expects)

    def test_repeated(self) -> None:
        """Repeated fields are joined, cookies in their own way; each line is known."""
        fields = ("X: a", "x: b", "Cookie: c=d", "COOKIE: e=f", "Y: z")
        parsed = self.parsed(head("GET / HTTP/1.1", *fields))
        self.assertEqual(parsed.fields[b"x"], b"a, b")
        self.assertEqual(parsed.fields[b"cookie"], b"c=d; e=f")
        self.assertEqual(
            parsed.repeated, {b"x": [b"a", b"b"], b"cookie": [b"c=d", b"e=f"]}
        )

    def test_host(self) -> None:
        """A host that is none is refused (RFC 9112 §3.2); it may be empty."""
        for host in ("", "a", "a.example:8080", "[::1]:80", "127.0.0.1"):
            self.assertEqual(
                self.parsed(head(host=host)).fields[b"host"].decode(), host
            )
        for bad in ("a b", "a, b", "user@a", "a/b", "\u00fc"):
            self.assertIn("Host", self.refusal(head(host=bad)))
        self.assertIn("Host", self.refusal(head(host=None)))

    def test_again(self) -> None:
        """
        A head that was parsed before is recognised, whatever follows it; one that was
        refused is refused again, and one that differs is parsed by itself.
        """
        data = b"POST /rest HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n"
        first = parseHead(data + b"x")
        assert first is not None
        self.assertIs(parseHead(data + b"yGET / HTTP/1.1"), first)
        self.assertEqual(first.size, len(data))
        other = parseHead(data.replace(b": 1", b": 2"))
        assert other is not None
        self.assertEqual((first.length, other.length), (1, 2))
        for _ in range(2):
            self.assertRaises(Refusal, parseHead, data.replace(b"1\r", b"1, 1\r"))

    def test_many(self) -> None:
        """Too many fields, and too long a head, are refused with 431 or 414."""
        fields = [f"X{number}: a" for number in range(MAX_FIELDS)]
        self.parsed(head("GET / HTTP/1.1", *fields[1:]))
        self.refusal(head("GET / HTTP/1.1", *fields), 431)
        self.refusal(head("GET / HTTP/1.1", "X: " + "a" * MAX_HEAD), 431)
        self.refusal(head(f"GET /{'a' * MAX_HEAD} HTTP/1.1"), 414)

    def test_exactly(self) -> None:
        """A head may have as many bytes as the limit says, not one more."""
        room = MAX_HEAD - len(head("GET / HTTP/1.1", "X: "))
        data = head("GET / HTTP/1.1", "X: " + "a" * room)
        self.assertEqual(self.parsed(data + b"body").size, MAX_HEAD)
        self.refusal(head("GET / HTTP/1.1", "X: " + "a" * (room + 1)) + b"body", 431)


class IncompleteTests(HeadTestCase):
    """Heads that come in pieces."""

    def test_pieces(self) -> None:
        """A head is read when it is complete, and not before."""
        for data in (head(), b"\r\n" + head("POST /a?b HTTP/1.0", "X: y")):
            for size in range(len(data)):
                self.assertIsNone(parseHead(data[:size]))
            self.assertIsNotNone(parseHead(data))

    def test_malformed(self) -> None:
        """A malformed head is refused, in whatever pieces it comes."""
        bad = [raw("POST /rest HTTP/1.1", fields, MESSAGE) for fields in HEADS.values()]
        bad += [raw(line, [LENGTH], MESSAGE) for line in LINES.values()]
        for data in bad:
            self.refusal(data)
            self.refusal(data[: data.index(b"\r\n\r\n") + 4])

    def test_hopeless(self) -> None:
        """Data that cannot become a head is refused before its end."""
        for data in (
            b"\x16\x03\x01\x02\x00\x01",  # TLS
            b"GET / HTTP/1.1\nHost: a\n",
            b"{",
            b"\n",
            b"\r\r",
            b"\0",
            b" GET",
            b"PO ST\n",
        ):
            self.refusal(data)

    def test_line(self) -> None:
        """The error names the line, and does not repeat it."""
        text = self.refusal(head("GET / HTTP/1.1", "X: y", "secret"))
        self.assertIn("Line 4", text)
        self.assertNotIn("secret", text)

    def test_time(self) -> None:
        """A mismatch is found in no time, however the data is made."""
        for data in (b"A" * 16_000, b"GET / HTTP/1.1\r\n" + b"a:\r\n" * 4_000):
            for size in range(0, len(data), 10):
                parseHead(data[:size])

    @settings(max_examples=THOROUGH)
    @given(
        st.sampled_from([request(), head("GET /a HTTP/1.1", "X: y", "x: z")]),
        st.integers(0, 200),
        st.integers(0, 20),
        st.binary(max_size=5) | st.sampled_from([b"\r\n", b"\n", b":", b" ", b"\r\n "]),
    )
    def test_anything(self, data: bytes, at: int, cut: int, put: bytes) -> None:
        """A head that is refused as a whole is not accepted piece by piece."""
        data = data[:at] + put + data[at + cut :]
        whole = self._result(data)
        for size in range(len(data)):
            result = self._result(data[:size])
            if result is not None:
                break
        else:
            result = whole
        self.assertEqual(isinstance(whole, int), isinstance(result, int), data)
        if not isinstance(whole, int):
            self.assertEqual(result, whole)

    def _result(self, data: bytes) -> RequestHead | int | None:
        """Return the head, or the status with which it is refused."""
        try:
            return parseHead(data)
        except Refusal as refusal:
            return refusal.problem.status


class TargetTests(HeadTestCase):
    """Request targets (RFC 9112 §3.2)."""

    def test_forms(self) -> None:
        """Origin, absolute and asterisk form name a path, a query and maybe a host."""
        for line, path, query, segments, host in (
            ("GET /", b"/", b"", [b""], b"a"),
            ("GET /b/c?d=/e", b"/b/c", b"d=/e", [b"b", b"c"], b"a"),
            ("GET /b?", b"/b", b"", [b"b"], b"a"),
            ("GET /%62%2Fc/", b"/%62%2Fc/", b"", [b"b/c", b""], b"a"),
            ("GET //b", b"//b", b"", [b"", b"b"], b"a"),
            ("GET http://b/c?d", b"/c", b"d", [b"c"], b"b"),
            ("GET HTTPS://b:80", b"/", b"", [b""], b"b:80"),
            ("GET http://b?c", b"/", b"c", [b""], b"b"),
            ("OPTIONS *", b"*", b"", [], b"a"),
            ("OPTIONS http://b", b"*", b"", [], b"b"),
            ("OPTIONS /b", b"/b", b"", [b"b"], b"a"),
        ):
            parsed = self.parsed(head(f"{line} HTTP/1.1"))
            target = parsed.target
            self.assertEqual((target.path, target.query), (path, query), line)
            self.assertEqual([*target.segments], segments, line)
            self.assertEqual(parsed.fields[b"host"], host, line)

    def test_uri(self) -> None:
        """The URI of every form is that of the origin form."""
        for text, uri in (
            ("/a?b", b"/a?b"),
            ("/a?", b"/a"),
            ("http://b/a?c", b"/a?c"),
        ):
            self.assertEqual(
                self.parsed(head(f"GET {text} HTTP/1.1")).target.uri, uri, text
            )

    def test_refused(self) -> None:
        """Every other target is refused with 400, and the error says why."""
        for line, word in (
            ("GET *", "OPTIONS"),
            ("GET a", "path"),
            ("GET a:80", "path"),
            ("OPTIONS a:80", "path"),
            ("GET ftp://a/b", "path"),
            ("GET http:///b", "path"),
            ("GET http://user@a/b", "path"),
            ("GET /a#b", "%23"),
            ("GET /%", "%25"),
            ("GET /%4", "%25"),
            ("GET /%zz", "%25"),
            ("GET /a?b=%", "%25"),
            ("GET http://a/%g0", "%25"),
            ("CONNECT /a", "HOST:PORT"),
            ("CONNECT http://a/", "HOST:PORT"),
        ):
            self.assertIn(word, self.refusal(head(f"{line} HTTP/1.1")), line)

    def test_connect(self) -> None:
        """C{CONNECT} is refused with 405: this is no proxy."""
        data = head("CONNECT a.example:443 HTTP/1.1")
        problem = self.assertRaises(Refusal, parseHead, data).problem
        self.assertEqual(problem.status, 405)
        self.assertIn("POST", dict(problem.headers)["Allow"])
