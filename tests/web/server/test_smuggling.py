"""
Requests that two servers could read in two ways (RFC 9112 §11.2).

Behind each stands a second request, which must never be taken for one of its own.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ...support.hypothesis_profiles import THOROUGH
from ..case import MESSAGE, TOKEN, SiteTestCase, request

LENGTH = f"Content-Length: {len(MESSAGE)}"
CHUNKED = "Transfer-Encoding: chunked"

#: What is bad about the head, and the header fields that show it.
HEADS = {
    "both lengths": [LENGTH, CHUNKED],
    "both lengths, reversed": [CHUNKED, LENGTH],
    "two lengths": [LENGTH, "Content-Length: 3"],
    "the same length twice": [LENGTH, LENGTH],
    "a list of lengths": [f"{LENGTH}, {len(MESSAGE)}"],
    "a negative length": ["Content-Length: -1"],
    "a signed length": [f"Content-Length: +{len(MESSAGE)}"],
    "a hexadecimal length": ["Content-Length: 0x10"],
    "a length with an underscore": ["Content-Length: 1_0"],
    "a length with a fraction": ["Content-Length: 10.0"],
    "an empty length": ["Content-Length:"],
    "a length in words": ["Content-Length: ten"],
    "a length of other digits": ["Content-Length: \u00b2"],
    "a length with a tail": [f"{LENGTH} 3"],
    "an unknown coding": ["Transfer-Encoding: gzip"],
    "an unknown coding last": ["Transfer-Encoding: chunked, gzip"],
    "an unknown coding first": ["Transfer-Encoding: gzip, chunked"],
    "chunked twice": [CHUNKED, CHUNKED],
    "chunked twice in a line": ["Transfer-Encoding: chunked, chunked"],
    "a coding that looks like chunked": ["Transfer-Encoding: xchunked"],
    "a coding in quotes": ['Transfer-Encoding: "chunked"'],
    "a coding behind a vertical tab": ["Transfer-Encoding: \x0bchunked"],
    "the coding that is none": ["Transfer-Encoding: identity"],
    "the coding that is none, and a length": ["Transfer-Encoding: identity", LENGTH],
    "the coding that is none, and chunked": ["Transfer-Encoding: identity", CHUNKED],
    "an empty coding": ["Transfer-Encoding:"],
    "a space before the colon": [f"Content-Length : {len(MESSAGE)}"],
    "a tab before the colon": [f"Transfer-Encoding\t: chunked\r\n{LENGTH}"],
    "a space within a name": [f"Content Length: {len(MESSAGE)}"],
    "a folded line": ["X: y", f" {CHUNKED}", LENGTH],
    "a folded line with a tab": ["X: y", "\tContent-Length: 3", LENGTH],
    "a folded name": [f" X: y\r\n{LENGTH}"],
    "no name": [f": chunked\r\n{LENGTH}"],
    "no colon": [f"chunked\r\n{LENGTH}"],
    "a NUL in a name": [f"Content-Length\x00: 3\r\n{LENGTH}"],
    "a NUL in a value": [f"X: a\x00b\r\n{LENGTH}"],
    "a lone CR in a value": [f"X: a\rTransfer-Encoding: chunked\r\n{LENGTH}"],
    "a lone LF in a value": [f"X: a\n{CHUNKED}\r\n{LENGTH}"],
    "lone LFs at the end of lines": [f"X: a\nY: b\n{LENGTH}"],
    "two hosts": [f"Host: evil.example\r\n{LENGTH}"],
    "two hosts in other letters": [f"hOsT: localhost\r\n{LENGTH}"],
}

#: What is bad about a chunked body, and the body.
BODIES = {
    "no size": b"\r\nhello\r\n0\r\n\r\n",
    "a negative size": b"-5\r\nhello\r\n0\r\n\r\n",
    "a signed size": b"+5\r\nhello\r\n0\r\n\r\n",
    "a size with 0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "a size with an underscore": b"0_5\r\nhello\r\n0\r\n\r\n",
    "a size with a space": b"5 \r\nhello\r\n0\r\n\r\n",
    "a space before a size": b" 5\r\nhello\r\n0\r\n\r\n",
    "a size in words": b"five\r\nhello\r\n0\r\n\r\n",
    "a size with a lone LF": b"5\nhello\r\n0\r\n\r\n",
    "a chunk that is too long": b"3\r\nhello\r\n0\r\n\r\n",
    "a chunk that is too short": b"6\r\nhello\r\n0\r\n\r\n",
    "a chunk that ends with LF": b"5\r\nhello\n0\r\n\r\n",
    "an extension with a control character": b"5;a=\x01\r\nhello\r\n0\r\n\r\n",
    "an extension with a lone LF": b"5;\nhello\r\n0\r\n\r\n",
    "an endless extension": b"5;" + b"a" * 5000 + b"\r\nhello\r\n0\r\n\r\n",
    "endless trailers": b"0\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
}

#: What is bad about a first line, and the line.
LINES = {
    "no version": "POST /rest",
    "an unknown version": "POST /rest HTTP/1.2",
    "HTTP/2": "PRI * HTTP/2.0",
    "a version in small letters": "POST /rest http/1.1",
    "two spaces": "POST  /rest HTTP/1.1",
    "a tab": "POST\t/rest HTTP/1.1",
    "a space in the path": "POST /re st HTTP/1.1",
    "a space at the end": "POST /rest HTTP/1.1 ",
    "a space at the beginning": " POST /rest HTTP/1.1",
    "a control character": "POST /rest\x01 HTTP/1.1",
    "a lone CR": "POST /rest HTTP/1.1\rX: y",
    "a colon in the method": "POST: /rest HTTP/1.1",
}


def raw(line: str, fields: list[str], body: bytes) -> bytes:
    """A request of just these parts, and another one behind it."""
    credentials = f"Authorization: Bearer {TOKEN}"
    head = [line, "Host: localhost", credentials, *fields, "", ""]
    return "\r\n".join(head).encode() + body + request()


class SmugglingTests(SiteTestCase):
    """One table after another."""

    def assertRefused(self, data: bytes, what: str, status: int = 400) -> None:
        """Nothing is sent; the one response is an error, and the connection closes."""
        for size in (len(data), 1):
            client = self.client()
            for position in range(0, len(data), size):
                client.send(data[position : position + size])
            response = client.response()
            self.assertEqual(response.status, status, what)
            self.assertEqual(response["Connection"], "close", what)
            self.settle()
            self.clock.advance(5)
            self.assertTrue(client.transport.disconnecting, what)
            self.assertEqual(client.responses(), [], what)
            client.leave()
            self.assertEqual(self.timers(), [])
        self.assertEqual(self.outbox.sent, [], what)

    def test_heads(self) -> None:
        """Heads that are ambiguous are refused."""
        for what, fields in HEADS.items():
            self.assertRefused(raw("POST /rest HTTP/1.1", fields, MESSAGE), what)

    def test_bodies(self) -> None:
        """Chunked bodies that are malformed are refused."""
        for what, body in BODIES.items():
            data = raw("POST /rest HTTP/1.1", [CHUNKED], body)
            self.assertRefused(data, what)

    def test_lines(self) -> None:
        """First lines that are malformed are refused."""
        for what, line in LINES.items():
            self.assertRefused(raw(line, [LENGTH], MESSAGE), what)

    def test_noHost(self) -> None:
        """A request without a Host is refused."""
        self.assertRefused(request(headers={"Host": None}) + request(), "no host")

    def test_tooManyFields(self) -> None:
        """Heads that are too long, by their fields or in all, are refused with 431."""
        for fields in (["X: y"] * 600, ["X: " + "y" * 2000] * 10):
            data = raw("POST /rest HTTP/1.1", [*fields, LENGTH], MESSAGE)
            self.assertRefused(data, f"{len(fields)} fields", 431)

    def test_longTarget(self) -> None:
        """A request target that is too long is refused with 414."""
        data = raw(f"POST /{'x' * 20_000} HTTP/1.1", [LENGTH], MESSAGE)
        self.assertRefused(data, "a long target", 414)

    def test_host10(self) -> None:
        """Two hosts are refused in HTTP/1.0, too, which needs none."""
        data = raw("POST /rest HTTP/1.0", ["Host: b", LENGTH], MESSAGE)
        self.assertRefused(data, "two hosts")

    def test_trailers(self) -> None:
        """Trailers are read, and mean nothing."""
        body = b"%x\r\n%s\r\n0\r\nContent-Length: 3\r\nHost: b\r\n\r\n" % (
            len(MESSAGE),
            MESSAGE,
        )
        client = self.client()
        client.send(raw("POST /rest HTTP/1.1", [CHUNKED], body))
        self.settle()
        self.assertEqual([r.status for r in client.responses()], [415, 202])

    @settings(max_examples=THOROUGH)
    @given(
        st.integers(0, 400),
        st.integers(0, 20),
        st.binary(max_size=20) | st.sampled_from([b"\r\n", b"\n", b":", b"\r\n\r\n"]),
        st.lists(st.integers(1, 50), min_size=1, max_size=30),
        st.booleans(),
    )
    def test_anything(
        self, at: int, cut: int, put: bytes, sizes: list[int], chunked: bool
    ) -> None:
        """A request with any change is answered, waits, or is closed."""
        data = request()
        if chunked:
            data = raw("POST /rest HTTP/1.1", [CHUNKED], b"3\r\nabc\r\n0\r\n\r\n")
        data = data[:at] + put + data[at + cut :]
        client = self.client()
        while data:
            size = sizes[len(data) % len(sizes)]
            client.send(data[:size])
            data = data[size:]
        for response in client.responses():
            self.assertIn(response.status // 100, (1, 2, 4))
        client.leave()
        self.assertEqual(self.timers(), [])
        self.assertEqual(self.flushLoggedErrors(), [])
