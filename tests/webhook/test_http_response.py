"""Tests of L{xmpprest.webhook.http_response}."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.webhook.http_response import (
    HEAD_LIMIT,
    HTTPResponse,
    InvalidResponse,
    ResponseParser,
    ResponseTooLarge,
)

LIMIT = 100


def parse(*pieces: bytes) -> tuple[HTTPResponse | None, ResponseParser]:
    """Parse pieces of a response; return what the last one led to."""
    parser, response = ResponseParser(LIMIT), None
    for each in pieces:
        response = parser.feed(each)
    return response, parser


#: Responses that are complete, with their status, their body, and whether the
#: connection can carry another request.
COMPLETE: list[tuple[bytes, int, bytes, bool]] = [
    (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
    (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", True),
    (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", 200, b"ok", True),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", False),
    (
        b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n",
        200,
        b"",
        True,
    ),
    (
        b"HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 0\r\n\r\n",
        200,
        b"",
        False,
    ),
    (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, b"", True),
    (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
        200,
        b"x",
        True,
    ),
    (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
        b"A;x=y\r\n0123456789\r\n1\r\n!\r\n0\r\nTrailer: t\r\n\r\n",
        200,
        b"0123456789!",
        True,
    ),
    (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"
        b"1\r\nx\r\n0\r\n\r\n",
        200,
        b"x",
        False,
    ),
    (b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 forged\r\n", 204, b"", False),
]


class ResponseTests(SynchronousTestCase):
    """
    Tests of responses, whole and in pieces.
    """

    def test_complete(self) -> None:
        """Each form of a response has its status, its body and its end."""
        for data, status, body, keepsAlive in COMPLETE:
            response, parser = parse(data)
            assert response is not None, data
            self.assertEqual((status, body), (response.status, response.body), data)
            self.assertEqual(keepsAlive, parser.keepsAlive, data)

    @given(st.sampled_from(COMPLETE[:-1]), st.data())
    def test_pieces(
        self, case: tuple[bytes, int, bytes, bool], draw: st.DataObject
    ) -> None:
        """A response is the same in whatever pieces it comes."""
        data, status, body, keepsAlive = case
        cuts = draw.draw(st.sets(st.integers(1, len(data) - 1)))
        places = [0, *sorted(cuts), len(data)]
        pieces = [data[a:b] for a, b in pairwise(places)]
        response, parser = parse(*pieces)
        assert response is not None
        self.assertEqual((status, body), (response.status, response.body))
        self.assertEqual(keepsAlive, parser.keepsAlive)

    def test_fields(self) -> None:
        """Names count in any case, lines of one field are joined, and lines go on."""
        response, _ = parse(
            b"HTTP/1.1 204 So\r\nACCEPT: a/b\r\nX: one \r\n two\r\nAccept:c/d\r\n\r\n"
        )
        assert response is not None
        self.assertEqual("a/b, c/d", response.header("Accept"))
        self.assertEqual("one two", response.header("x"))
        self.assertIsNone(response.header("y"))

    def test_untilClosed(self) -> None:
        """A response without a length ends with its connection."""
        response, parser = parse(b"HTTP/1.1 200 OK\r\n\r\nall", b" of it")
        self.assertIsNone(response)
        response = parser.end()
        assert response is not None
        self.assertEqual(b"all of it", response.body)
        self.assertFalse(parser.keepsAlive)

    def test_cutOff(self) -> None:
        """Any other response is none if its connection ends early."""
        for data in (
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        ):
            response, parser = parse(data)
            self.assertIsNone(response)
            self.assertIsNone(parser.end(), data)

    def test_tooLarge(self) -> None:
        """A body, a head, chunks or interim responses beyond their limits are cut."""
        for pieces in (
            [b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n"],
            [b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 101],
            [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n"],
            [b"HTTP/1.1 200 OK\r\n", b"X: " + b"x" * (HEAD_LIMIT + LIMIT)],
            [b"HTTP/1.1 103 Hints\r\n\r\n" * 101],
            [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"]
            + [b"1" + b";" * 1000 + b"\r\nx\r\n"] * 66,
        ):
            with self.assertRaises(ResponseTooLarge):
                parse(*pieces)

    def test_invalid(self) -> None:
        """Anything else is refused as soon as it is seen."""
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        for data in (
            b"SSH-2.0-OpenSSH",
            b"HTTP/2 200\r\n\r\n",
            b"HTTP/1.1 099 So\r\n\r\n",
            b"HTTP/1.1  200 OK\r\n\r\n",
            b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n folded: x\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nNo Colon\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nSpace : x\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            chunked + b"x\r\n",
            chunked + b"-1\r\n",
            chunked + b"1\r\nxy\r\n",
        ):
            with self.assertRaises(InvalidResponse, msg=data):
                parse(data)
