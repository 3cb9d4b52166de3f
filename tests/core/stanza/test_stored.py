"""Tests of L{xmpprest.core.stanza.stored}."""

from __future__ import annotations

import contextlib

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.words.xish.domish import Element

from tests.core.codec.case import CoreTestCase
from tests.core.codec.corpus import examples
from tests.core.codec.stanzamaker import stanzas
from tests.support.canonical import canonical
from xmpprest.core.stanza import namespaces as ns
from xmpprest.core.stanza.parser import (
    MAX_DEPTH,
    MAX_ELEMENTS,
    MAX_PREFIXES,
    parseDocument,
)
from xmpprest.core.stanza.serializer import toXML
from xmpprest.core.stanza.stored import (
    UnparsableStanza,
    parseStored,
    parseStoredHead,
    serialize,
    withImpliedNamespace,
)

_XMLNS = "http://www.w3.org/2000/xmlns/"

#: Declarations that the stream lets through, and expat refuses.
DISORDERLY = (
    "xmlns:a=''",
    f"xmlns:xmlns='{_XMLNS}'",
    f"xmlns:a='{_XMLNS}'",
    f"xmlns:a='{ns.XML}'",
    "xmlns:xml='urn:x'",
)


def disorderly() -> list[str]:
    """Stanzas that expat refuses, as they are kept; their first tags are in order."""
    start = f"<message xmlns='{ns.CLIENT}' from='e@example.org/x' to='bot@example.com'"
    return [
        xml
        for declaration in DISORDERLY
        for xml in (
            f"{start} {declaration}><body>x</body></message>",
            f"{start}><body {declaration}>x</body></message>",
        )
    ] + [
        f"{start}><body xmlns='{_XMLNS}'/></message>",
        f"{start}></></message>",
        f"{start}><1/></message>",
        f"{start}>",
    ]


#: What has no first tag of a stanza.
NOTHING = (
    "",
    " ",
    "x",
    "<message",
    "<message 1='2'/>",
    "<message \ud800='2'/>",
    "<massage/>",
    "<a:message xmlns:a='urn:x'/>",
)


class ReadTests(CoreTestCase):
    """
    Tests of L{parseStored}.
    """

    def assertSame(self, stanza: Element) -> None:
        """A stanza comes back as it was, however its namespace was kept."""
        for implied in ("", ns.CLIENT):
            again = parseStored(toXML(stanza, implied))
            self.assertEqual(canonical(again), canonical(stanza))

    def test_corpus(self) -> None:
        """The examples of the specifications come back as they were."""
        for each in examples():
            self.assertSame(parseDocument(each.compact))

    @given(stanzas())
    def test_any(self, stanza: Element) -> None:
        """So does any stanza."""
        self.assertSame(stanza)

    def test_written(self) -> None:
        """Written again, it is what was kept."""
        for xml in (
            "<message to='a'><body>&lt;&amp;\u2615&#13;</body></message>",
            "<iq type='get'><q xmlns='urn:x'><r xmlns=''/></q></iq>",
            "<presence xmlns:p='urn:p' p:a='b'/>",
            "<message><x xmlns='a b'/></message>",
        ):
            self.assertEqual(toXML(parseStored(xml)), xml)

    def test_noNamespace(self) -> None:
        """Kept with its namespace, an element may have none."""
        xml = f"<message xmlns='{ns.CLIENT}'><x xmlns=''><y/></x></message>"
        self.assertEqual(toXML(parseStored(xml), ""), xml)

    def test_large(self) -> None:
        """A stored stanza may be larger than one that is sent."""
        for inner in (
            "<x xmlns='y'/>" * (MAX_ELEMENTS + 1),
            "<x xmlns:p='y'/>" * (MAX_PREFIXES + 1),
            f"<x xmlns='{'y' * 10_000}'/>",
            "<x>" * (MAX_DEPTH - 1) + "</x>" * (MAX_DEPTH - 1),
        ):
            stanza = parseStored(f"<message>{inner}</message>")
            self.assertEqual(len(stanza.children), inner.count("<x x") or 1)

    def test_unreadable(self) -> None:
        """A malformed stored stanza raises an error with the reason."""
        deep = f"<message>{'<x>' * MAX_DEPTH}{'</x>' * MAX_DEPTH}</message>"
        for xml in (*disorderly(), *NOTHING, deep, "<message xmlns='urn:x'/>"):
            self.assertRegex(
                str(self.assertRaises(UnparsableStanza, parseStored, xml)), "[a-z]"
            )


class ImpliedNamespaceTests(CoreTestCase):
    """
    Tests of L{withImpliedNamespace}.
    """

    @given(stanzas())
    def test_any(self, stanza: Element) -> None:
        """A stored stanza becomes the XML that the serializer writes for a stream."""
        written = withImpliedNamespace(serialize(stanza).encode())
        self.assertEqual(written.decode(), toXML(stanza))

    def test_notDeclared(self) -> None:
        """Only the declaration of the stanza itself is removed."""
        forwarded = f"<message xmlns='{ns.CLIENT}'/>"
        xml = f"<message><f xmlns='urn:x'>{forwarded}</f></message>".encode()
        self.assertEqual(withImpliedNamespace(xml), xml)


class HeadTests(CoreTestCase):
    """
    Tests of L{parseStoredHead}.
    """

    def test_attributes(self) -> None:
        """The head has the kind and the attributes."""
        for xml in (
            "<iq to='a&amp;b' from='\u2615'/>",
            "<iq to='a&amp;b' from='\u2615'><x/></iq>",
            "<iq to='a&amp;b' from='\u2615'>" + "<x>" * 1000,
        ):
            self.assertEqual(
                parseStoredHead(xml), ("iq", {"to": "a&b", "from": "\u2615"})
            )

    def test_disorderly(self) -> None:
        """The head of a malformed stanza can be read."""
        for xml in disorderly():
            kind, attributes = parseStoredHead(xml)
            self.assertEqual(kind, "message")
            self.assertEqual(attributes["from"], "e@example.org/x")
            self.assertEqual(attributes["to"], "bot@example.com")

    def test_unreadable(self) -> None:
        """If there is none, this is said."""
        for xml in NOTHING:
            self.assertRaises(UnparsableStanza, parseStoredHead, xml)


class AnythingTests(CoreTestCase):
    """
    Tests of what nobody has foreseen.
    """

    @given(
        st.text()
        | st.lists(
            st.sampled_from(["<message", "<a:b", " xmlns", ":a", "='", "'", ">", "/>"])
        ).map("".join)
    )
    @example("<!DOCTYPE message [<!ENTITY a 'b'>]><message>&a;</message>")
    def test_anything(self, xml: str) -> None:
        """All stored text gives a stanza or that error."""
        for reader in (parseStored, parseStoredHead):
            with contextlib.suppress(UnparsableStanza):
                reader(xml)
