"""Tests of L{xmpprest.core.media.framing}."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from xmpprest.core.errors import Refusal
from xmpprest.core.media.framing import NDJSON, StanzaFramer, framerFor
from xmpprest.core.stanza.serializer import toXML

from ..codec.stanzamaker import stanzas

LIMIT = 100
XML = "application/xmpp+xml"

#: What is in a stream, and what it holds: pieces, or the statuses of those that are
#: none; a negative one where nothing can be read any more.
LINES: list[tuple[bytes, list[bytes | int]]] = [
    (b"", []),
    (b"\n\r\n \n", []),
    (b"{}", [b"{}"]),
    (b"{}\n", [b"{}"]),
    (b'\n{"a":1}\r\n\n  {"b":"\\n"}  \n', [b'{"a":1}', b'{"b":"\\n"}']),
    (b"x\ny\nz", [b"x", b"y", b"z"]),
    (b"x" * LIMIT + b"\n" + b"y" * LIMIT + b"\r\n", [b"x" * LIMIT, b"y" * LIMIT]),
    (b"x" * 101 + b"\n{}\n", [413, b"{}"]),
    (b"{}\n" + b"x" * 1000 + b"\n{}\n" + b"x" * 500, [b"{}", 413, b"{}", 413]),
    (b"\xff\n\x00\n", [b"\xff", b"\x00"]),
]
ELEMENTS: list[tuple[bytes, list[bytes | int]]] = [
    (b"<xmpp/>", []),
    (b" <xmpp> </xmpp> ", []),
    (b"<xmpp xmlns='jabber:client'></xmpp\n>", []),
    (b'<xmpp\n xmlns = "" ><a/></xmpp>', [b"<a/>"]),
    (b"<xmpp>\n<a/> <b></b>\r\n</xmpp>", [b"<a/>", b"<b></b>"]),
    (b"<xmpp><a><a><a/>x</a></a></xmpp>", [b"<a><a><a/>x</a></a>"]),
    (
        b"<xmpp><a b='>/>'/><c d=\"'>\"></c></xmpp>",
        [b"<a b='>/>'/>", b'<c d="\'>"></c>'],
    ),
    (b"<xmpp><a><![CDATA[</a>]]></a></xmpp>", [b"<a><![CDATA[</a>]]></a>"]),
    (b"<xmpp><a><!-- </a> --></a><b/></xmpp>", [b"<a><!-- </a> --></a>", b"<b/>"]),
    (b"<xmpp><a><?x > </a>?></a></xmpp>", [b"<a><?x > </a>?></a>"]),
    # Not well-formed, each by itself.
    (
        b"<xmpp><a b='1' b='2'/><c></d><e/></xmpp>",
        [b"<a b='1' b='2'/>", b"<c></d>", b"<e/>"],
    ),
    (b"<xmpp><a>&x;\x00\xff</a><b/></xmpp>", [b"<a>&x;\x00\xff</a>", b"<b/>"]),
    # Too long.
    (b"<xmpp><a>" + b"x" * 93 + b"</a></xmpp>", [b"<a>" + b"x" * 93 + b"</a>"]),
    (b"<xmpp><a>" + b"x" * 94 + b"</a><b/></xmpp>", [413, b"<b/>"]),
    (b"<xmpp><a>" + b"<c>xxx</c>" * 99 + b"</a><b/></xmpp>", [413, b"<b/>"]),
    (b"<xmpp><b/><a c='" + b"x" * 5000, [b"<b/>", -413]),
    # Not to be read.
    (b"", [-400]),
    (b"<xmpp><a/>", [b"<a/>", -400]),
    (b"<xmpp><a/><b>", [b"<a/>", -400]),
    (b"<xmpp><a/><!-", [b"<a/>", -400]),
    (b"<a/>", [-400]),
    (b"hello", [-400]),
    (b"\xef\xbb\xbf<xmpp/>", [-400]),
    (b"<?xml version='1.0'?><xmpp/>", [-400]),
    (b"<!DOCTYPE xmpp><xmpp/>", [-400]),
    (b"<xmpp xmlns:x='y'><a/></xmpp>", [-400]),
    (b"<xmpp xmlns='y'><a/></xmpp>", [-400]),
    (b"<xmppx></xmppx>", [-400]),
    (b"<xmpp><a/>hello</xmpp>", [b"<a/>", -400]),
    (b"<xmpp><a/><!-- no --></xmpp>", [b"<a/>", -400]),
    (b"<xmpp><a/><![CDATA[ ]]></xmpp>", [b"<a/>", -400]),
    (b"<xmpp><a/></a><b/></xmpp>", [b"<a/>", -400]),
    (b"<xmpp><a/></xmpp><b/>", [b"<a/>", -400]),
    (b"<xmpp></xmpp>hello", [-400]),
]
STREAMS = [
    (type, *case)
    for type, cases in ((NDJSON, LINES), (XML, ELEMENTS))
    for case in cases
]


def pieces(splitter: StanzaFramer, data: Iterable[bytes]) -> Iterator[bytes | int]:
    """Return the pieces of a stream, as in the table."""
    try:
        for each in data:
            for piece in splitter.feed(each):
                yield piece.problem.status if isinstance(piece, Refusal) else piece
        for piece in splitter.finish():
            yield piece.problem.status if isinstance(piece, Refusal) else piece
    except Refusal as refusal:
        yield -refusal.problem.status


class SplittingTests(SynchronousTestCase):
    """Streams are taken apart."""

    def test_table(self) -> None:
        """Each stream, in whichever pieces it comes."""
        for type, stream, expected in STREAMS:
            for size in (1, 2, 3, 7, 50, 10_000):
                data = [stream[i : i + size] for i in range(0, len(stream), size)]
                found = [*pieces(framerFor(type, LIMIT), data)]
                self.assertEqual(found, expected, (stream, size))

    def test_isBetween(self) -> None:
        """The splitter knows whether a piece has begun."""
        for type, complete, begun in (
            (NDJSON, (b"", b"\n", b"{}\n"), (b"{", b'{"a"')),
            (XML, (b"<xmpp>", b"\n", b"<a/>", b" "), (b"<", b"a", b">", b"b<c/>")),
        ):
            splitter = framerFor(type, LIMIT)
            for data in complete:
                self.assertEqual(
                    len([*splitter.feed(data)]), data in (b"{}\n", b"<a/>")
                )
                self.assertTrue(splitter.atBoundary, data)
            for data in begun:
                self.assertEqual([*splitter.feed(data)], [])
                self.assertFalse(splitter.atBoundary, data)

    def test_isBounded(self) -> None:
        """A piece that is too long is not kept, however long it gets."""
        held = 10 * LIMIT
        for type, start, more in (
            (NDJSON, b"", b"x"),
            (XML, b"<xmpp><a>", b"x"),
            (XML, b"<xmpp><a>", b"<b/>"),
            (XML, b"<xmpp>", b" "),
        ):
            splitter = framerFor(type, LIMIT)
            found = [*splitter.feed(start)]
            for _ in range(50):
                found += splitter.feed(more * LIMIT)
                sizes = [
                    sum(map(len, value)) if isinstance(value, list) else len(value)
                    for value in vars(splitter).values()
                    if isinstance(value, bytes | list)
                ]
                self.assertLess(sum(sizes), held)
            self.assertEqual(found, [])

    def test_unknown(self) -> None:
        """Another type is refused, with those that are read."""
        for type in (None, "", "application/json", "nonsense", "text/plain"):
            with self.assertRaises(Refusal) as caught:
                framerFor(type, LIMIT)
            problem = caught.exception.problem
            self.assertEqual(problem.status, 415)
            self.assertEqual(problem.headers, (("Accept", f"{NDJSON}, {XML}"),))

    def test_parameters(self) -> None:
        """A type may have parameters, and capitals."""
        splitter = framerFor("Application/X-NDJSON; charset=utf-8", LIMIT)
        self.assertEqual([*splitter.feed(b"{}\n")], [b"{}"])
        self.assertEqual(splitter.contentType, "application/json")

    @settings(max_examples=30)
    @given(st.lists(stanzas(), max_size=5), st.integers(1, 200))
    def test_anyStanzas(self, elements: list[Element], size: int) -> None:
        """Stanzas that were written one after the other are split again."""
        written = [toXML(each).encode() for each in elements]
        stream = b"<xmpp>" + b"\n".join(written) + b"</xmpp>"
        data = [stream[i : i + size] for i in range(0, len(stream), size)]
        found = [*pieces(framerFor(XML, 10**6), data)]
        self.assertEqual(found, written)
