"""Tests of L{xmpprest.core.stanza.parser}."""

from __future__ import annotations

from collections.abc import Mapping
from pyexpat import ParserCreate

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.codec.case import CoreTestCase, xml
from tests.support.canonical import canonical
from tests.support.hostile import MALFORMED
from tests.support.hypothesis_profiles import THOROUGH
from xmpprest.core.errors import Refusal
from xmpprest.core.stanza import namespaces as ns
from xmpprest.core.stanza.parser import (
    MAX_DEPTH,
    MAX_ELEMENTS,
    MAX_NAMESPACE,
    MAX_PREFIXES,
    SEPARATOR,
    TreeBuilder,
    TreeTooLarge,
    parseDocument,
)


def _prefixes(count: int) -> str:
    """So many declarations."""
    return " ".join(f"xmlns:p{number}='u'" for number in range(count))


#: What the text of the refusal tells, by the document.
REFUSED: Mapping[bytes | str, str] = {
    # Not one element.
    "": "is empty",
    " \r\n\t ": "is empty",
    "hello": "not well-formed",
    "<message>": "no element found",
    "<message></body></message>": "mismatched tag",
    "<message/><message/>": "send one stanza at a time",
    "<message/>hello": "send one stanza at a time",
    "<a:message/>": "declare it with xmlns",
    "<message a:b='c'/>": "declare it with xmlns",
    "<message a='' a=''/>": "duplicate attribute",
    "<message xmlns:a='u' xmlns:b='u' a:c='' b:c=''/>": "duplicate attribute",
    "<message a=b/>": "not well-formed",
    "<a:b:message xmlns:a='u'/>": "not well-formed",
    # RFC 6120 §11.1
    "<?xml version='1.0'?><message/>": "an XML declaration",
    "<!DOCTYPE message><message/>": "a document type declaration",
    "<!DOCTYPE m [<!ENTITY a 'b'>]><message>&a;</message>": "a document type",
    "<message><!-- hello --></message>": "a comment",
    "<message/><!-- hello -->": "a comment",
    "<message><?php echo 1 ?></message>": "a processing instruction",
    "<message>&nbsp;</message>": "write the character itself",
    # Not UTF-8.
    b"<message>\xe9t\xe9</message>": "not UTF-8",
    b"<message>\xed\xa0\x80</message>": "not UTF-8: invalid continuation byte",
    b"<message>\xc0\x80</message>": "not UTF-8",
    "<message/>".encode("utf-16"): "not UTF-8",
    "<message/>".encode("utf-16-le"): "U+0000 at position 1,",
    "<message/>".encode("utf-16-be"): "U+0000 at position 0,",
    "\ufeff<message/>": "byte order mark (BOM); save it",
    # Beyond XML 1.0.
    "<message>a\0</message>": "U+0000 at position 10, which XML forbids; leave it out",
    "<message>\x01</message>": "U+0001",
    "<message a='\x1f'/>": "U+001F",
    "<message>\ufffe</message>": "U+FFFE",
    "<message>\uffff</message>": "U+FFFF",
    "<message>&#1;</message>": "invalid character number",
    "<message>&#xFFFE;</message>": "invalid character number",
    "<message>&#xD800;</message>": "invalid character number",
    "<message>&#x110000;</message>": "invalid character number",
    # What servers write in a way that nobody can read.
    "<message><xml:a/></message>": "an element with the prefix xml",
    # Beyond the limits.
    "<a>" * 50_000: f"deeper than {MAX_DEPTH} levels",
    "<a>" * 65 + "</a>" * 65: "deeper than 64 levels",
    f"<message>{'<a/>' * MAX_ELEMENTS}</message>": f"more than {MAX_ELEMENTS} elements",
    f"<message {_prefixes(MAX_PREFIXES + 1)}/>": f"more than {MAX_PREFIXES} prefixes",
    "<a>" + "<a xmlns:a='u'/>" * (MAX_PREFIXES + 1) + "</a>": "more than 64 prefixes",
    f"<a xmlns='{'u' * (MAX_NAMESPACE + 1)}'/>": f"longer than {MAX_NAMESPACE}",
    f"<a xmlns:p='{'u' * 100_000}'>{'<p:b/>' * 4000}</a>": "name of a namespace",
    # In order, but not to every server.
    "<message><x xmlns=' x y '><y/></x></message>": "which no URI has",
    "<message><x xmlns:p='x&#10;y'/></message>": "which no URI has",
    "<message><x xml:foo=''/></message>": "base, id, lang, space",
}


class RefusalTests(CoreTestCase):
    """
    Documents that L{parseDocument} refuses.
    """

    def test_refused(self) -> None:
        """
        A document that RFC 6120 does not allow is refused with 400, with a text that
        says
        what is wrong with it.
        """
        for document, reason in REFUSED.items():
            body = document.encode() if isinstance(document, str) else document
            problem = self.refusal(parseDocument, body)
            self.assertIn(reason, problem.text, body[:80])
            self.assertEqual(
                (problem.status, problem.type, problem.condition),
                (400, "modify", "not-well-formed"),
            )
            self.assertSentence(problem.text)

    def test_hostile(self) -> None:
        """
        Every document that is known to do harm is refused with 400.
        """
        for name, body in MALFORMED.items():
            self.assertEqual(self.refusal(parseDocument, body).status, 400, name)

    def test_position(self) -> None:
        """
        The text says where expat has found the mistake.
        """
        problem = self.refusal(parseDocument, b"<message>\n  a & b</message>")
        self.assertIn("line 2, column 5", problem.text)

    @settings(max_examples=THOROUGH // 5)
    @given(st.binary(max_size=64) | st.text(max_size=64).map(str.encode))
    def test_anything(self, body: bytes) -> None:
        """All bytes give an element or a refusal, and no other error."""
        try:
            parseDocument(body)
        except Refusal as refusal:
            self.assertEqual(refusal.problem.status, 400)


class AcceptanceTests(CoreTestCase):
    """
    Documents that L{parseDocument} accepts, and their elements.
    """

    def test_namespace(self) -> None:
        """
        A stanza in no namespace is the same as one in jabber:client, and so is what
        it holds.
        """
        expected = (ns.CLIENT, "message", (), ((ns.CLIENT, "body", (), ("hi",)),))
        for document in (
            "<message><body>hi</body></message>",
            "<message xmlns=''><body>hi</body></message>",
            "<message xmlns='jabber:client'><body>hi</body></message>",
            "<a:message xmlns:a='jabber:client'><a:body>hi</a:body></a:message>",
        ):
            self.assertEqual(canonical(xml(document)), expected, document)

    def test_otherNamespaces(self) -> None:
        """
        A namespace is what the document says it is, also no namespace at all, and
        also within another.
        """
        for document, uri in {
            "<message xmlns='jabber:server'/>": "jabber:server",
            "<message xmlns='jabber:component:accept'/>": ns.COMPONENT,
        }.items():
            self.assertEqual(xml(document).uri, uri, document)
        for document, uri in {
            "<message><x xmlns='urn:x'><y/></x></message>": "urn:x",
            "<message><x xmlns='urn:x'><y xmlns=''/></x></message>": "",
            "<message><x xmlns='urn:x'><y xmlns='jabber:client'/></x></message>": (
                ns.CLIENT
            ),
            "<message xmlns='jabber:client'><x xmlns=''><y/></x></message>": "",
            "<message xmlns:p='urn:x'><x><p:y/></x></message>": "urn:x",
        }.items():
            self.assertEqual(xml(document).children[0].children[0].uri, uri, document)

    def test_attributes(self) -> None:
        """
        Attributes have the namespace of their prefix, those without one have none,
        and white space in references is kept.
        """
        element = xml(
            "<message xmlns:p='urn:p' a='1' p:a='2' xml:lang='de' b='&#9;&#10;&#13;'/>"
        )
        self.assertEqual(
            element.attributes,
            {"a": "1", ("urn:p", "a"): "2", (ns.XML, "lang"): "de", "b": "\t\n\r"},
        )

    def test_text(self) -> None:
        """
        CDATA sections, the five entities and references to characters are text, of
        one piece.
        """
        body = xml(
            "<body><![CDATA[<a>]]>&lt;&gt;&amp;&quot;&apos;&#x1F600;&#13;\u2028</body>"
        )
        self.assertEqual(body.children, ["<a><>&\"'\U0001f600\r\u2028"])

    def test_mixed(self) -> None:
        """
        Text and elements keep their order.
        """
        children = xml("<a> b<c/>d<e>f</e></a>").children
        self.assertEqual(children[0::2], [" b", "d"])
        self.assertEqual([child.name for child in children[1::2]], ["c", "e"])

    def test_surroundings(self) -> None:
        """
        White space around the document is of no account.
        """
        self.assertEqual(xml(" \r\n\t<message/>\n").name, "message")

    def test_characters(self) -> None:
        """
        All characters of XML 1.0 pass, also those that look dangerous.
        """
        text = "\t\n \x7f\x85\u200b\ud7ff\ue000\ufdd0\ufffd\U00010000\U0010fffe"
        self.assertEqual(xml(f"<body>{text}</body>").children, [text])

    def test_limits(self) -> None:
        """
        Documents may be just as deep and as large as the limits say.
        """
        for document in (
            "<a>" * MAX_DEPTH + "</a>" * MAX_DEPTH,
            f"<a>{'<b/>' * (MAX_ELEMENTS - 1)}</a>",
            f"<a {_prefixes(MAX_PREFIXES)}/>",
            f"<a xmlns='{'u' * MAX_NAMESPACE}'/>",
        ):
            self.assertEqual(xml(document).name, "a", document[:80])

    def test_large(self) -> None:
        """
        192 KiB of anything are one piece of text.
        """
        size = 192 * 1024
        for unit, meaning in {
            "\n": "\n",
            "\r\n": "\n",
            "&#10;": "\n",
            "&amp;": "&",
            "<![CDATA[x]]>": "x",
        }.items():
            count = size // len(unit)
            body = xml(f"<body>{unit * count}</body>")
            self.assertEqual(body.children, [meaning * count], unit)

    def test_prefixes(self) -> None:
        """
        The prefixes that an element declares are kept with it, since text may use
        them.
        """
        element = xml("<a xmlns:p='urn:p'><b xmlns:q='urn:q' xmlns='urn:b'/></a>")
        self.assertEqual(element.localPrefixes, {"p": "urn:p"})
        self.assertEqual(element.children[0].localPrefixes, {"q": "urn:q"})


class TreeBuilderTests(CoreTestCase):
    """
    L{TreeBuilder}, as a stream uses it: for one tree after another.
    """

    def test_sequence(self) -> None:
        """
        After a reset it knows nothing of the tree before, also if that was refused.
        """
        builder = TreeBuilder(frozenset({ns.COMPONENT}), 2)
        for _ in range(3):
            builder.start("a", {})
            builder.start("b", {})
            builder.end("b")
            builder.prefix("p", "urn:p")
            self.assertRaises(TreeTooLarge, builder.start, "b", {})
            builder.prefix("q", "urn:q")
            builder.reset()
            self.assertIsNone(builder.root)
        builder.start("c", {})
        builder.end("c")
        assert builder.root is not None
        self.assertEqual(canonical(builder.root), ("", "c", (), ()))
        self.assertEqual(builder.root.localPrefixes, {})

    def test_pieces(self) -> None:
        """
        Long text comes in few pieces, since to join many takes quadratic time.
        """

        class Counting(TreeBuilder):
            pieces = 0

            def text(self, data: str) -> None:
                self.pieces += 1
                super().text(data)

        for unit in (b"\n", b"&#10;", b"&amp;", b"<![CDATA[x]]>"):
            builder = Counting(frozenset(), 1)
            parser = ParserCreate("UTF-8", SEPARATOR)
            builder.attach(parser)
            parser.Parse(b"<a>" + unit * 10_000 + b"</a>", True)
            self.assertEqual(builder.pieces, 1, unit)

    def test_refusedRoot(self) -> None:
        """
        A stanza that is refused for its first tag is known all the same, so that its
        sender can be told.
        """
        builder = TreeBuilder(frozenset(), 10)
        for number in range(MAX_PREFIXES + 1):
            builder.prefix(f"p{number}", "u")
        self.assertRaises(TreeTooLarge, builder.start, "message", {"from": "a@b"})
        assert builder.root is not None
        self.assertEqual(builder.root.attributes, {"from": "a@b"})

    def test_implied(self) -> None:
        """
        The namespace of a stream stands for jabber:client in the stanza itself, not
        in what is wrapped in another.
        """
        builder = TreeBuilder(frozenset({"urn:stream"}), 10)
        builder.start(f"urn:stream{SEPARATOR}message", {})
        builder.start(f"urn:stream{SEPARATOR}body", {})
        builder.end("")
        builder.start(f"urn:x{SEPARATOR}x", {})
        builder.start(f"urn:stream{SEPARATOR}body", {})
        assert builder.root is not None
        self.assertEqual(
            canonical(builder.root),
            (
                ns.CLIENT,
                "message",
                (),
                (
                    (ns.CLIENT, "body", (), ()),
                    ("urn:x", "x", (), (("urn:stream", "body", (), ()),)),
                ),
            ),
        )
