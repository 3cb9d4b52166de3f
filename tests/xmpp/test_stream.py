"""Tests of L{xmpprest.xmpp.stream}: bytes in, stanzas out."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element, ParserError

from xmpprest.core.stanza.parser import MAX_DEPTH, MAX_PREFIXES
from xmpprest.core.stanza.serializer import toXML
from xmpprest.xmpp.stream import (
    MAX_INBOUND_ELEMENTS,
    MAX_INBOUND_TEXT,
    StanzaStreamParser,
)

from ..support.doubles import NS_COMPONENT, NS_STREAMS
from ..support.hypothesis_profiles import THOROUGH

HEADER = (
    "<?xml version='1.0'?>"
    f"<stream:stream xmlns='{NS_COMPONENT}' xmlns:stream='{NS_STREAMS}' id='é'>"
)

FORWARDED = (
    "<message from='a@example.org' to='b@gateway.example' xml:lang='de'>"
    "<body>Grüße &amp; 🦄</body>"
    "<result xmlns='urn:xmpp:mam:2' id='1'><forwarded xmlns='urn:xmpp:forward:0'>"
    "<message xmlns='jabber:client' type='chat'><body>inner</body></message>"
    "</forwarded></result>"
    "<x xmlns='urn:x' xmlns:xs='urn:xs' xs:type='xs:string'>\n<y/> </x>"
    "</message>"
)


class ReaderTestCase(SynchronousTestCase):
    """A reader, and what it has said."""

    def setUp(self) -> None:
        self.events: list[str] = []
        self.roots: list[Element] = []
        self.stanzas: list[Element] = []
        self.refused: list[tuple[Element, str]] = []
        self.reader = StanzaStreamParser()
        self.reader.DocumentStartEvent = self.opened
        self.reader.ElementEvent = self.received
        self.reader.DocumentEndEvent = lambda: self.events.append("closed")
        self.reader.OversizedEvent = self.tooLarge  # type: ignore[method-assign]

    def opened(self, root: Element) -> None:
        """The stream opens."""
        self.roots.append(root)
        self.events.append("opened")

    def received(self, stanza: Element) -> None:
        """A stanza is complete."""
        self.stanzas.append(stanza)
        self.events.append(toXML(stanza))

    def tooLarge(self, stub: Element, fault: str) -> None:
        """A stanza exceeds a limit."""
        self.refused.append((stub, fault))
        self.events.append(f"{toXML(stub)} {fault}")

    def read(self, text: str) -> None:
        """Let something arrive."""
        self.reader.parse(text.encode())


class StanzaTests(ReaderTestCase):
    """Stanzas as they come."""

    def test_header(self) -> None:
        """The stream's header is an element with its attributes."""
        self.read(HEADER)
        (root,) = self.roots
        self.assertEqual((root.uri, root.name), (NS_STREAMS, "stream"))
        self.assertEqual((root.defaultUri, root["id"]), (NS_COMPONENT, "é"))

    def test_stanzas(self) -> None:
        """Stanzas come out in their order, each when it is complete."""
        self.read(HEADER + "<message id='1'/> \n<presence id='2'>")
        self.assertEqual(self.events[1:], ["<message id='1'/>"])
        self.read("</presence></stream:stream>")
        self.assertEqual(
            self.events[2:],
            ["<presence id='2'></presence>".replace("></presence>", "/>"), "closed"],
        )

    def test_namespace(self) -> None:
        """A stanza comes out in jabber:client, with what is in its namespace."""
        self.read(
            f"{HEADER}{FORWARDED}<message xmlns='jabber:client'><body/></message>"
        )
        message, second = self.stanzas
        for each in (message, second):
            self.assertEqual((each.uri, each.defaultUri), ("jabber:client",) * 2)
            body = next(each.elements())
            self.assertEqual((body.uri, body.name), ("jabber:client", "body"))
        self.assertNotIn(NS_COMPONENT, toXML(message))

    def test_nested(self) -> None:
        """A forwarded stanza keeps the namespace that it has."""
        self.read(
            HEADER + "<message><forwarded xmlns='urn:xmpp:forward:0'>"
            "<message xmlns='jabber:client'><body/></message>"
            f"<message xmlns='{NS_COMPONENT}'/>"
            "</forwarded></message>"
        )
        (message,) = self.stanzas
        (forwarded,) = message.elements()
        self.assertEqual(
            [child.uri for child in forwarded.elements()],
            ["jabber:client", NS_COMPONENT],
        )

    def test_anyPieces(self) -> None:
        """The network may cut the stream between any two bytes."""
        deep = "<deep>" * 70 + "</deep>" * 70
        data = f"{HEADER}{FORWARDED}\n{deep}<iq id='1'/></stream:stream>".encode()
        self.reader.parse(data)
        expected = self.events
        self.assertEqual(len(expected), 5)
        for cut in range(1, len(data)):
            self.setUp()
            self.reader.parse(data[:cut])
            self.reader.parse(data[cut:])
            self.assertEqual(self.events, expected)
        self.setUp()
        for position in range(len(data)):
            self.reader.parse(data[position : position + 1])
        self.assertEqual(self.events, expected)

    def test_promptly(self) -> None:
        """No byte beyond the end of a stanza is needed to see that it is complete."""
        self.read(HEADER)
        for number in range(5):
            self.read(f"<message><body>{'x' * 5000}</body></message>")
            self.assertEqual(len(self.stanzas), number + 1)

    def test_malformed(self) -> None:
        """Malformed XML is reported as the error that Twisted's streams expect."""
        self.read(HEADER)
        self.assertRaises(ParserError, self.read, "<message></presence>")

    def test_text(self) -> None:
        """Text is in one piece, however long it is and however often it is cut."""
        self.read(HEADER + "<message><body>")
        for _ in range(100):
            self.read("ü&lt;\n" * 500)
        self.read("</body></message>")
        (message,) = self.stanzas
        self.assertEqual(next(message.elements()).children, ["ü<\n" * 50_000])

    def test_prefixes(self) -> None:
        """A prefix that is declared outside is known within, and stays declared."""
        self.read(
            HEADER.replace(" id=", " xmlns:p='urn:p' id=")
            + "<message p:a='1'><p:x/></message>"
        )
        (message,) = self.stanzas
        self.assertEqual(message.attributes, {("urn:p", "a"): "1"})
        self.assertEqual(next(message.elements()).uri, "urn:p")


class LimitTests(ReaderTestCase):
    """Stanzas that exceed a limit."""

    def setUp(self) -> None:
        super().setUp()
        self.read(HEADER)

    def refusal(self, stanza: str) -> str:
        """
        Have a stanza refused, and see that the next one is not the worse for it.

        @return: Which limit it exceeds.
        """
        self.read(stanza + "<message id='next'><body>hi</body></message>")
        ((stub, fault),) = self.refused
        self.assertEqual((stub.uri, stub["id"]), ("jabber:client", "1"))
        self.assertEqual(stub.children, [])
        (following,) = self.stanzas
        self.assertEqual(
            toXML(following), "<message id='next'><body>hi</body></message>"
        )
        self.refused.clear()
        self.stanzas.clear()
        return fault

    def nested(self, levels: int) -> str:
        """A stanza of so many levels, itself included."""
        return (
            f"<message id='1'>{'<x>' * (levels - 1)}{'</x>' * (levels - 1)}</message>"
        )

    def declarations(self, count: int) -> str:
        """Declarations of so many prefixes."""
        return " ".join(f"xmlns:p{number}='urn:p'" for number in range(count))

    def test_depth(self) -> None:
        """A stanza may nest 64 levels."""
        self.read(self.nested(MAX_DEPTH))
        self.assertEqual(len(self.stanzas), 1)
        self.stanzas.clear()
        for levels in (MAX_DEPTH + 1, 10_000):
            self.assertEqual(
                self.refusal(self.nested(levels)), "it nests deeper than 64 levels"
            )

    def test_elements(self) -> None:
        """A stanza may have 4,096 elements, itself included, as a client may send."""
        for count in (MAX_INBOUND_ELEMENTS - 1, MAX_INBOUND_ELEMENTS):
            self.stanzas.clear()
            stanza = f"<message id='1'>{'<x/>' * count}</message>"
            if count < MAX_INBOUND_ELEMENTS:
                self.read(stanza)
                self.assertEqual(len(self.stanzas), 1)
            else:
                self.assertEqual(
                    self.refusal(stanza), "it holds more than 4096 elements"
                )

    def test_text(self) -> None:
        """A stanza may hold 1,048,576 characters of text, all its elements together."""
        self.read(f"<message id='1'><body>{'x' * MAX_INBOUND_TEXT}</body></message>")
        self.assertEqual(len(self.stanzas), 1)
        self.stanzas.clear()
        half = "x" * (MAX_INBOUND_TEXT // 2)
        self.assertEqual(
            self.refusal(f"<message id='1'><a>{half}</a><b>{half}</b>x</message>"),
            "it holds more than 1048576 characters",
        )

    def test_textBetween(self) -> None:
        """White space between stanzas counts for none of them."""
        for _ in range(20):
            self.read(" " * 2**16 + "<message/>")
        self.assertEqual(len(self.stanzas), 20)

    def test_prefixes(self) -> None:
        """A stanza may declare 64 prefixes, wherever in it."""
        for stanza in (
            f"<message id='1' {self.declarations(MAX_PREFIXES + 1)}/>",
            f"<message id='1' {self.declarations(1000)}><x/>text</message>",
            f"<message id='1'><x {self.declarations(MAX_PREFIXES + 1)}/></message>",
            f"<message id='1'><x {self.declarations(40)}/>"
            f"<x {self.declarations(40)}/></message>",
        ):
            self.assertEqual(self.refusal(stanza), "it declares more than 64 prefixes")
        self.read(f"<message id='1' {self.declarations(MAX_PREFIXES)}/>")
        self.assertEqual(len(self.stanzas), 1)

    def test_prefixesOfHeader(self) -> None:
        """Prefixes of the stream's header count for no stanza."""
        super().setUp()
        self.read(HEADER.replace(" id=", f" {self.declarations(1000)} id="))
        self.assertEqual(len(self.roots), 1)
        self.read(f"<message id='1' {self.declarations(MAX_PREFIXES)}/>")
        self.assertEqual(len(self.stanzas), 1)

    def test_afterFault(self) -> None:
        """The rest of a bad stanza is read and discarded."""
        deep = "<x>" * 100 + "text" + "</x>" * 100
        self.assertEqual(
            self.refusal(
                f"<message id='1'>{deep}text<y {self.declarations(70)}/>{deep}"
                f"{'x' * MAX_INBOUND_TEXT}x</message>"
            ),
            "it nests deeper than 64 levels",
        )

    def test_default(self) -> None:
        """Before anyone is interested in oversized stanzas, they are dropped."""
        reader = StanzaStreamParser()
        reader.DocumentStartEvent = lambda root: None
        reader.ElementEvent = self.received
        reader.parse(f"{HEADER}{self.nested(100)}<message id='2'/>".encode())
        self.assertEqual([s["id"] for s in self.stanzas], ["2"])


class AnythingTests(ReaderTestCase):
    """Streams that are not what they should be."""

    @settings(max_examples=THOROUGH // 5)
    @given(
        st.integers(0, 800),
        st.integers(0, 30),
        st.binary(max_size=20) | st.text(max_size=20).map(lambda t: t.encode("utf-8")),
        st.integers(0, 800),
    )
    def test_changed(self, at: int, cut: int, put: bytes, pause: int) -> None:
        """A stream with any change is read, or is malformed."""
        self.setUp()
        data = f"{HEADER}{FORWARDED}<iq id='1'/></stream:stream>".encode()
        data = data[:at] + put + data[at + cut :]
        try:
            self.reader.parse(data[:pause])
            self.reader.parse(data[pause:])
        except ParserError:
            pass
        for stanza in self.stanzas:
            toXML(stanza)


class StrangersTests(ReaderTestCase):
    """
    Stanzas of strangers that servers pass on although namespaces forbid them.
    """

    def test_reservedNamespace(self) -> None:
        """
        An element in the namespace of XML itself costs nobody the stream.
        """
        self.reader.parse(
            HEADER.encode()
            + b"<message from='a@b'><a xmlns='http://www.w3.org/XML/1998/namespace'>"
            b"<b xmlns=''/></a></message><message xml:lang='de'><body/></message>"
        )
        self.assertEqual(
            [(stub["from"], fault) for stub, fault in self.refused],
            [("a@b", "it holds an element with the prefix xml")],
        )
        self.assertEqual(self.events[2:], ["<message xml:lang='de'><body/></message>"])

    def test_unbound(self) -> None:
        """
        A prefix that nobody has declared means no namespace.
        """
        self.reader.parse(HEADER.encode() + b"<message p:a='b'><p:c/><d/></message>")
        self.assertEqual(
            self.events[1:], ["<message a='b'><c xmlns=''/><d/></message>"]
        )
