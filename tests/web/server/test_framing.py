"""Tests of L{xmpprest.web.server.framing}: where bodies end."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.web.server.framing import Framing, framingOf
from xmpprest.web.server.head import MAX_HEAD

from ...support.hypothesis_profiles import THOROUGH
from .test_smuggling import BODIES


def feed(framing: Framing, data: bytes, sizes: Sequence[int]) -> bytes:
    """
    Feed data in pieces, until the body is complete or malformed.

    @param sizes: Of the pieces, again and again.
    @return: The body.
    """
    body, count = b"", 0
    while data and not (framing.isComplete or framing.isMalformed):
        size = sizes[count % len(sizes)]
        body += framing.feed(data[:size])
        data, count = data[size:], count + 1
    if framing.isComplete:
        framing.rest += data
    return body


class FramingTests(SynchronousTestCase):
    """Both framings."""

    def test_length(self) -> None:
        """A body of a known length ends there."""
        for size in (1, 2, 4, 5, 9):
            framing = framingOf(5)
            self.assertEqual(feed(framing, b"hellorest", [size]), b"hello")
            self.assertEqual((framing.isComplete, framing.rest), (True, b"rest"))

    def test_empty(self) -> None:
        """A body of no length is complete."""
        self.assertTrue(framingOf(0).isComplete)

    def test_chunks(self) -> None:
        """A chunked body ends with its trailer (RFC 9112 §7.1)."""
        for data in (
            b"5\r\nhello\r\n0\r\n\r\n",
            b'2\r\nhe\r\n03;a=b;c\r\nllo\r\n000;d="e"\r\n\r\n',
            b"5\r\nhello\r\n0\r\nX: y\r\nContent-Length: 3\r\n\r\n",
        ):
            for size in (1, 2, 3, 7, len(data) + 4):
                framing = framingOf(None)
                self.assertEqual(feed(framing, data + b"rest", [size]), b"hello")
                self.assertEqual(
                    (framing.isComplete, framing.isMalformed, framing.rest),
                    (True, False, b"rest"),
                )

    def test_malformed(self) -> None:
        """A malformed body is never complete, in whatever pieces it comes."""
        for what, data in BODIES.items():
            for size in (1, 3, len(data)):
                framing = framingOf(None)
                feed(framing, data, [size])
                self.assertEqual(
                    (framing.isComplete, framing.isMalformed), (False, True), what
                )

    def test_before(self) -> None:
        """Complete chunks before a malformed one are part of the body."""
        framing = framingOf(None)
        self.assertEqual(framing.feed(b"5\r\nhello\r\nx\r\n"), b"hello")
        self.assertTrue(framing.isMalformed)

    def test_trailer(self) -> None:
        """A trailer is limited, and its fields are as strict as those of a head."""
        for trailer in (
            b"X: y\r\n" * (MAX_HEAD // 6 + 1),
            b"X: " + b"y" * (MAX_HEAD + 1),
            b"X : y\r\n",
            b" X: y\r\n",
            b"X\r\n",
            b"X: y\nZ: z\r\n",
        ):
            framing = framingOf(None)
            feed(framing, b"0\r\n" + trailer + b"\r\n", [1000])
            self.assertTrue(framing.isMalformed, trailer[:20])

    @settings(max_examples=THOROUGH)
    @given(
        st.lists(st.binary(min_size=1, max_size=20), max_size=10),
        st.lists(st.integers(1, 30), min_size=1),
        st.binary(max_size=20),
    )
    def test_anyPieces(
        self, chunks: list[bytes], sizes: list[int], rest: bytes
    ) -> None:
        """Chunks and pieces of a body may have any size."""
        data = b"".join(b"%X\r\n%b\r\n" % (len(each), each) for each in chunks)
        framing = framingOf(None)
        body = feed(framing, data + b"0\r\n\r\n" + rest, sizes)
        self.assertEqual(body, b"".join(chunks))
        self.assertEqual((framing.isComplete, framing.rest), (True, rest))
